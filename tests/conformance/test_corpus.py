"""HDF Group's own test files (fetch-corpus): what Debian's h5py opens reads equal, what it refuses gives a typed error
or opens, and nobody else's connection notices.

Not covered: the time that a hostile file takes (tests/faults).
"""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import textwrap

import compare
import pytest
from support import planner
from support.served import Server, client_python

CORPUS = pathlib.Path(os.environ.get("H5CAP_CORPUS", pathlib.Path(__file__).resolve().parents[2] / "build" / "corpus"))
SUFFIXES = (".h5", ".hdf5", ".nc")
FILES = sorted(p for p in CORPUS.rglob("*") if p.suffix in SUFFIXES) if (CORPUS / "complete").exists() else []
NAMES = [str(file.relative_to(CORPUS)) for file in FILES]
FILE_SECONDS = "120"
BATCH = 60

pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(not FILES, reason=f"no corpus at {CORPUS}: tests/conformance/fetch-corpus")]

# Where the oracle is not to be followed: what it says (a pattern of re), and why.
NOT_FOLLOWED = {
    r"no appropriate function for conversion path": "h5py refuses opaque data with a tag that it did not write; the "
                                                    "bytes are right",
    r"unable to open external raw data file": "libhdf5 looks for raw files in the folder that the process happens to "
                                              "be in",
    r"^raises KeyError: 2$": "h5py's table of byte orders has no VAX; TypeError says what it is",
    r"^-\d+$": "a product of sizes that overflows in h5py",
    r"array is too big|Unable to allocate": "elements beyond any memory; the error differs in its class",
    r"Unknown link type": "user-defined links are listed as such",
    r"Unknown reference type": "h5py has no reading of HDF5 1.12's references",
}

# What h5cap refuses by a limit that its protocol documents.
LIMITS = r"TooLarge: .*: one element is larger than 32 MiB"

# Damaged files that h5py opens before it meets the damage; h5cap meets it when it opens the object, or lists its
# attributes, and says so.
DAMAGED = {"test/bad_compound.h5", "test/corrupted_name_len.h5", "test/corrupt_stab_msg.h5",
           "tools/test/misc/testfiles/h5clear_fsm_persist_noclose.h5"}
if planner.library_version() < (2,):  # later ones read it
    DAMAGED.add("tools/test/h5stat/testfiles/h5stat_err_refcount.h5")

READER = textwrap.dedent("""
    import select, sys
    import h5cap
    reads = 0
    with h5cap.File(sys.argv[1]) as file:
        expected = file["data"][()]
        print("ready", flush=True)
        while not select.select([sys.stdin], [], [], 0.02)[0]:
            start = reads % 90
            assert (file["data"][start:start + 10] == expected[start:start + 10]).all()
            reads += 1
    print(reads, flush=True)
""")


def in_batches(python, module, items):
    os.environ["H5CAP_FILE_SECONDS"] = FILE_SECONDS
    compare.FILE_SECONDS = int(FILE_SECONDS)
    found = {}
    for first in range(0, len(items), BATCH):
        found.update(compare.describe(python, module, items[first:first + BATCH]))
    return found


def oracle():
    """The oracle's descriptions, kept beside the corpus, of each oracle."""
    source = (pathlib.Path(compare.HERE) / "describe.py").read_bytes() + (FILE_SECONDS + compare.ORACLE_PYTHON).encode()
    kept = CORPUS / f"oracle-{hashlib.sha256(source).hexdigest()[:16]}.json"
    if not kept.exists():
        found = in_batches(compare.ORACLE_PYTHON, "h5py",
                           [{"name": n, "address": str(f)} for n, f in zip(NAMES, FILES)])
        kept.write_text(json.dumps(found))
    return json.loads(kept.read_text())


class Bystander:
    """Another client, which reads an ordinary file all the time."""

    def __init__(self, url):
        self.process = subprocess.Popen([client_python(), "-c", READER, url], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n", self.process.stderr.read()

    def finish(self):
        output, errors = self.process.communicate("enough\n", timeout=60)
        assert self.process.returncode == 0, errors
        return int(output)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    own = tmp_path_factory.mktemp("own")
    subprocess.run([compare.ORACLE_PYTHON, "-c",
                    "import h5py, sys, numpy as np; h5py.File(sys.argv[1], 'w')['data'] = np.arange(700).reshape(100, "
                    "7)",
                    str(own / "own.h5")], check=True)
    expected = oracle()
    with Server({"corpus": str(CORPUS), "own": str(own)}) as server:
        bystander = Bystander(server.url("own/own.h5"))
        requests = [{"name": n, "address": server.url("corpus/" + n), "visits": compare.visits_of(expected[n])}
                    for n in NAMES]
        actual = in_batches(client_python(), "h5cap", requests)
        reads = bystander.finish()
        assert server.alive()
    return expected, actual, reads


def opened(description):
    return "is" in description[""]["open"]


def died(description):
    return description[""]["open"].get("raises") == ["InterpreterDied"]


def is_followed(difference):
    followed = not any(re.search(said, difference.oracle) for said in NOT_FOLLOWED)
    return followed and not re.search(LIMITS, difference.subject)


@pytest.mark.parametrize("name", NAMES)
def test_file(name, run):
    expected, actual, _ = run
    assert not died(actual[name]), actual[name]
    if not opened(expected[name]):
        if not opened(actual[name]):
            kinds = actual[name][""]["open"]["raises"]
            assert {"OSError", "KeyError", "TypeError", "ValueError"} & set(kinds), kinds
        return
    report = compare.compare(name, expected[name], actual[name])
    different = [d for d in report.different if is_followed(d)]
    if name in DAMAGED:
        assert different and all(re.search("raises (UnreadableObject|FileProblem): ", d.subject)
                                 for d in different), different
        return
    absent = [d for d in report.absent if is_followed(d)]
    assert not different, "\n".join(f"{d.path} {d.aspect}\n  oracle {d.oracle}\n  h5cap  {d.subject}"
                                    for d in different[:20])
    assert not absent, "\n".join(f"{d.path} {d.aspect}: {d.subject}" for d in absent[:20])


def test_nobody_else_noticed(run):
    assert run[2] > 10


def test_summary(run, capsys):
    """Prints what the corpus came to."""
    expected, actual, reads = run
    both = [n for n in NAMES if opened(expected[n]) and opened(actual[n])]
    more = sum(opened(actual[n]) and not opened(expected[n]) for n in NAMES)
    refused = sum(not opened(actual[n]) and not opened(expected[n]) for n in NAMES)
    reports = [compare.compare(n, expected[n], actual[n]) for n in both]
    with capsys.disabled():
        print(f"\n  corpus: {len(NAMES)} files, {len(both)} opened by both, {more} by h5cap alone, "
              f"{refused} refused by both; "
              f"{sum(r.equal for r in reports)} aspects equal, {sum(len(r.different) for r in reports)} different, "
              f"{sum(len(r.absent) for r in reports)} absent; {reads} reads by another client", end="")
    assert len(both) > 300


def test_negative_control(run):
    """A value that differs in one file is found."""
    expected, actual, _ = run
    import copy
    name = next(n for n in NAMES if opened(expected[n]) and any("value" in o for o in actual[n].values()))
    tampered = copy.deepcopy(actual[name])
    next(o for o in tampered.values() if "value" in o)["value"] = {"is": "another"}
    assert compare.compare(name, expected[name], tampered).different
