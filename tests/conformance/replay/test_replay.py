"""h5py's own tests as a proof: what they read with h5py, h5cap gives from a served copy of the same bytes.

Covers every public read that the applicable modules make and that h5py itself repeats on a fresh handle: values, dtypes
with their metadata, shapes, texts, objects by kind, path and facts, exceptions by class (a derived class will do).  The
files that the tests leave behind are surveyed as well: everything public of each object, selections of many forms.  Not
covered: reads through h5py's low-level modules, and the tests' own assertions, which follow from equal reads.
"""

import json
import os
import pathlib
import re

import pytest
from support import planner

from . import results
from .modules import APPLICABLE, NOT_APPLICABLE

PROMISED = 99.0  # per cent
TOLERANCE = 0.05  # of the published counts: h5py's tests use random data


@pytest.fixture(scope="session")
def replayed(tmp_path_factory):
    """Each module's replay, when it is asked for."""
    found = {}

    def one(name):
        if name not in found:
            found[name] = results.Module(name).run(tmp_path_factory.mktemp("replay") / name)
        return found[name]

    return one


@pytest.mark.slow
@pytest.mark.parametrize("name", APPLICABLE)
def test_module(replayed, name, record_property):
    module = replayed(name)
    counts = module.counts()
    record_property("reads", json.dumps(counts))
    print(f"{name}: {counts['same']} of {counts['reads']} reads the same; survey of {counts['files']} files: "
          f"{counts['survey same']} of {counts['survey']}")
    entries = results.exclusions().get("difference", [])
    unexplained = [results.describe(*found) for found in module.differences()
                   if results.reason_for(entries, found[1], found[2]["what"]) is None]
    assert not unexplained, f"{len(unexplained)} reads differ, the first:\n" + "\n".join(unexplained[:5])
    failing = module.not_recorded()
    listed = [entry for entry in results.exclusions().get("not_recorded", []) if entry["test"].startswith(name + "::")]
    assert not [test for test in failing
                if results.reason_for(listed, test, "") is None], "failed while it was recorded"
    assert not [entry for entry in listed if not entry.get("sometimes")
                and not any(results.reason_for([entry], test, "") for test in failing)], "no longer fails"
    assert counts["reads"], "nothing was replayed"


@pytest.mark.slow
def test_the_promised_rate(replayed):
    counts = [replayed(name).counts() for name in APPLICABLE]
    for same, reads in ("same", "reads"), ("survey same", "survey"):
        rate = 100 * sum(c[same] for c in counts) / sum(c[reads] for c in counts)
        assert rate >= PROMISED, f"{reads}: {rate:.2f} %"


@pytest.mark.slow
def test_every_exclusion_is_needed(replayed):
    differing = [(test, verdict["what"]) for name in APPLICABLE for _, test, verdict in replayed(name).differences()]
    everything = os.environ.get("H5CAP_LONG")
    for entry in results.exclusions().get("difference", []):
        if entry.get("survey") and not everything:
            continue
        assert any(results.reason_for([entry], *found) for found in differing), f"no longer differs: {entry}"


def test_every_exclusion_has_a_reason():
    for kind, entries in results.exclusions().items():
        for entry in entries:
            assert len(entry.get("reason", "")) > 20, f"{kind} without a reason: {entry}"


def test_every_module_of_h5py_is_listed():
    import h5py.tests

    folder = pathlib.Path(h5py.tests.__file__).parent
    found = {path.stem for path in folder.glob("test_*") if path.suffix == ".py" or path.is_dir()}
    assert found == set(APPLICABLE) | set(NOT_APPLICABLE)


@pytest.mark.slow
@pytest.mark.skipif(planner.library_version() < (2,), reason="published are the counts with HDF5 2")
def test_the_published_counts_are_those_of_a_run(replayed):
    published = json.loads(results.RESULTS.read_text())
    assert list(published) == APPLICABLE
    for name in APPLICABLE:
        for key, count in replayed(name).counts().items():
            assert abs(count - published[name][key]) <= max(2, TOLERANCE * count), f"{name}: {key} is {count} now"


def test_the_readme_has_the_published_table():
    published = json.loads(results.RESULTS.read_text())
    (found,) = [match[0] for match in results.README_TABLE.finditer((results.ROOT / "README.md").read_text())]
    assert results.table(published) in found


def test_a_difference_is_noticed():
    """The comparison itself: a wrong value, dtype, shape, path or exception is not taken for the right one."""
    import h5py
    import numpy as np

    from facts import Facts, agree, raised

    facts = Facts(lambda file: "x")
    good = np.arange(6, dtype="<i4")
    for other in (good + 1, good.astype(">i4"), good.reshape(2, 3), list(good), good[:5],
                  good.astype(h5py.enum_dtype({"a": 1}, "<i4"))):
        assert not agree(facts.of(good), facts.of(other)), repr(other)
    text, raw = np.array(["a"], h5py.string_dtype()), np.array([b"a"], h5py.string_dtype())
    assert not agree(facts.of(text), facts.of(raw))
    assert not agree(raised(KeyError()), raised(ValueError()))
    assert not agree(raised(KeyError()), facts.of(None))
    assert agree(raised(OSError()), raised(FileNotFoundError())), "a derived class will do"
    assert agree(facts.of(good), facts.of(good.copy()))
    assert re.match(r"\w+", results.table({"test_x": dict.fromkeys(
        ("tests that read", "reads", "same", "files", "survey", "survey same"), 1)}).strip("| "))
