"""Every object, attribute, link and value of the generated files equals what the oracle's h5py says of them.

Not covered: API behaviour that only h5py 3.16 shows (tests/python), speed, files that change (tests/faults).
"""

import copy
import json
import re

import compare
import pytest
import registry  # noqa: F401
from support import oracle, planner
from support.served import Server

# Where the oracle is not to be followed: (file, path): why.
ORACLE_IS_WRONG = {
    ("opaque_and_time", "/foreign tag"):
        "h5py refuses opaque data with a tag that it did not write; the bytes are right",
    ("compounds_odd", "/not utf8"): "both refuse; which of two reasons comes first is another matter",
}

# What libhdf5 2.x says where 1.10 is followed (a pattern of re), in which files, and why; there the expected facts of
# an object are those of Debian's h5py.
NEWER_LIBRARY_DIFFERS = {
    r"component not found": (("virtual", "virtual_unlimited"), "in 2.0.0, which h5py brings, a source without its "
                             "dataset ends the read; before, and in 2.2, it is fill values, as documented"),
    r"not a dataset": (("virtual_odd",), "a source that is a group ends the read, as above"),
    r"filter returned failure": (("filters", "filters_incompressible"), "the client's hdf5plugin 7.1 fails to decode "
                                 "what older bitshuffle wrote with Zstandard"),
}


def as_older_has_it(generated, index, found):
    """The oracle's descriptions, with objects of NEWER_LIBRARY_DIFFERS as Debian's h5py describes them."""
    if planner.library_version() < (2,):
        return found
    names = sorted({name for files, _ in NEWER_LIBRARY_DIFFERS.values() for name in files})
    older = compare.describe(oracle.PYTHON, "h5py", [{"name": name, "address": str(generated / index[name]["path"]),
                                                      "visits": compare.visits_of(found[name])} for name in names])
    needed = set()
    for said, (files, _) in NEWER_LIBRARY_DIFFERS.items():
        for name in files:
            for path, aspects in found[name].items():
                if any(re.search(said, outcome.get("message", "")) for outcome in aspects.values()):
                    found[name][path] = older[name][path]
                    needed.add((said, name))
    assert needed == {(said, name) for said, (files, _) in NEWER_LIBRARY_DIFFERS.items() for name in files}
    return found


@pytest.fixture(scope="module")
def index(generated):
    return json.loads((generated / "index.json").read_text())


@pytest.fixture(scope="module")
def reports(generated, index):
    """All files in two interpreters: starting one for each file would cost more than the comparison."""
    with Server({"generated": str(generated)}) as server:
        files = {name: (str(generated / entry["path"]), server.url("generated/" + entry["path"]))
                 for name, entry in index.items()}
        described = compare.describe(compare.ORACLE_PYTHON, "h5py",
                                     [{"name": name, "address": local} for name, (local, _) in files.items()])
        found, expected = compare.compare_served(server, files, as_older_has_it(generated, index, described))
        assert server.alive()
        assert server.stop() == 0
    return {report.name: (report, expected[report.name]) for report in found}


def names():
    import os
    import subprocess
    listing = ("import sys; sys.path.insert(0, sys.argv[1]); import generate, registry, json; "
               "print(json.dumps(list(registry.MAKERS)))")
    return json.loads(subprocess.run([oracle.PYTHON, "-c", listing, os.path.dirname(compare.__file__)],
                                     capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("name", names())
def test_generated_file(name, reports, index):
    report, _ = reports[name]
    different = [d for d in report.different if (name, d.path) not in ORACLE_IS_WRONG]
    assert not different, "\n".join(f"{d.path} {d.aspect}\n  oracle {d.oracle}\n  h5cap  {d.subject}"
                                    for d in different[:20])
    assert report.equal > 0
    unexpected = [] if index[name]["absent"] else report.absent
    assert not unexpected, "\n".join(f"{d.path} {d.aspect}: {d.subject}" for d in unexpected[:20])


def test_what_is_absent_by_name(reports, capsys):
    """Prints the report that the project promises: what is still absent."""
    with capsys.disabled():
        for report, _ in reports.values():
            for reason in sorted({d.subject for d in report.absent}):
                paths = sorted({d.path for d in report.absent if d.subject == reason})
                print(f"\n  {report.name}: {reason} [{', '.join(paths[:6])}{'…' if len(paths) > 6 else ''}]", end="")


TAMPERED = {
    "a value": lambda o: o["/contiguous"]["value"].update(
        {"is": o["/contiguous"]["value"]["is"].replace("#", "#0", 1)}),
    "a shape": lambda o: o["/contiguous"]["shape"]["is"].append(1),
    "a missing object": lambda o: o.pop("/contiguous"),
    "a missing attribute": lambda o: o["/contiguous"].pop("attributes"),
    "an exception instead of a value": lambda o: o["/contiguous"].update(
        {"value": {"raises": ["OSError"], "message": ""}}),
    "another exception": lambda o: o["/contiguous"].update({"slice [43]": {"raises": ["OSError"], "message": ""}}),
    "an object too many": lambda o: o["/"]["names"]["is"].append("more"),
}


@pytest.mark.parametrize("change", TAMPERED)
def test_negative_control(change, reports):
    """A description that differs in one thing is reported as different."""
    oracle = reports["layouts"][1]
    assert not compare.compare("same", oracle, copy.deepcopy(oracle)).different
    tampered = copy.deepcopy(oracle)
    assert "slice [43]" in tampered["/contiguous"]
    TAMPERED[change](tampered)
    assert compare.compare("tampered", oracle, tampered).different


def test_negative_control_of_one_flipped_byte(generated, tmp_path):
    """One bit of one pixel, changed in a copy of a file, is found by the whole comparison."""
    import shutil
    original = generated / "layouts" / "layouts.h5"
    changed = tmp_path / "layouts.h5"
    shutil.copy(original, changed)
    raw = bytearray(changed.read_bytes())
    pixels = b"".join((i * 2654435761 % 65521).to_bytes(2, "little") for i in range(100, 140))
    at = raw.find(pixels)
    assert at > 0
    raw[at + 7] ^= 1
    changed.write_bytes(raw)
    with Server({"changed": str(tmp_path)}) as server:
        reports, _ = compare.compare_served(server, {"layouts": (str(original), server.url("changed/layouts.h5"))})
    assert {d.path for d in reports[0].different} & {"/contiguous", "/chunked"}
