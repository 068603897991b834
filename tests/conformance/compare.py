"""Compares what h5cap says about HDF5 files with what h5py says of them:   compare.py [options] FILE_OR_FOLDER…

Serves the files with h5capd, describes them through both (describe.py) and reports, for each file, how many aspects are
equal, different or absent (NotImplementedError), with their names.  Exits 1 when anything differs.
"""

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from support import planner  # noqa: E402
from support.served import Server, client_python  # noqa: E402

ORACLE_PYTHON = planner.oracle_python()
SUFFIXES = (".h5", ".hdf5", ".nxs", ".nx5", ".fast5", ".cool", ".mcool", ".hdf", ".he5", ".nc", ".h5ad", ".loom",
            ".cxi")
FILE_SECONDS = int(os.environ.get("H5CAP_FILE_SECONDS", "300"))

# Where h5cap raises another class on purpose: (oracle, h5cap).
EQUIVALENT_EXCEPTIONS = {
    ("OSError", "FileNotFoundError"),      # its subclass
    ("KeyError", "NotFound"),
    ("ValueError", "IndexError"),          # h5py 3.7 says ValueError for an index out of range, h5py 3.16 IndexError
    ("ValueError", "TypeError"),           # as above, for too many axes
    ("RuntimeError", "OSError"),           # h5py's unnamed library errors
    ("RuntimeError", "KeyError"),
    ("TypeError", "NotImplementedError"),
}

Difference = collections.namedtuple("Difference", "path aspect oracle subject")


class Report:
    """What became of one file."""

    def __init__(self, name):
        self.name, self.equal, self.different, self.absent = name, 0, [], []

    def line(self):
        return f"{self.name}: {self.equal} equal, {len(self.different)} different, {len(self.absent)} absent"


def brief(outcome):
    if outcome is None:
        return "nothing"
    if "raises" in outcome:
        return f"raises {outcome['raises'][0]}: {outcome['message'][:160]}"
    return f"absent: {outcome['absent']}" if "absent" in outcome else str(outcome.get("is"))[:240]


def same_exception(oracle, subject):
    return oracle[0] in subject or any((oracle[0], name) in EQUIVALENT_EXCEPTIONS for name in subject)


def compare(name, oracle, subject):
    """The report on one file, from its two descriptions."""
    report = Report(name)
    unopened = "is" not in subject[""]["open"] and oracle[""]["open"] != subject[""]["open"]
    for path, aspects in oracle.items():
        for aspect, expected in aspects.items():
            actual = subject.get(path, {}).get(aspect)
            if unopened and (path, aspect) != ("", "open"):
                continue  # counted once, as the file
            if actual is None and any("raises" in v or "absent" in v for k, v in subject.get(path, {}).items()
                                      if k in ("object", "attributes", "shape")):
                continue  # counted once, as the object or listing that could not be read
            if actual == expected:
                report.equal += 1
            elif actual and "absent" in actual:
                report.absent.append(Difference(path, aspect, brief(expected), brief(actual)))
            elif (actual and "raises" in actual and "raises" in expected
                  and same_exception(expected["raises"], actual["raises"])):
                report.equal += 1
            else:
                report.different.append(Difference(path, aspect, brief(expected), brief(actual)))
        for aspect in subject.get(path, {}).keys() - aspects.keys():
            if "absent" not in subject[path][aspect]:
                report.different.append(Difference(path, aspect, "nothing", brief(subject[path][aspect])))
    return report


def describe(python, module, items):
    """Descriptions by name.  An interpreter that dies or hangs costs the file that it was at, not the others."""
    # libhdf5 looks for external raw files in the current folder; we look beside the file, as it does when told so.
    environment = {**os.environ, "HDF5_EXTFILE_PREFIX": "${ORIGIN}"}
    found, pending = {}, list(items)
    while pending:
        with tempfile.NamedTemporaryFile("w", suffix=".json") as request:
            json.dump(pending, request)
            request.flush()
            before = len(found)
            try:
                run = subprocess.run([python, os.path.join(HERE, "describe.py"), module, request.name],
                                     capture_output=True, text=True,
                                     errors="surrogateescape", timeout=FILE_SECONDS * (len(pending) + 1),
                                     env=environment)
                output, problem = run.stdout, f"exit {run.returncode}: {run.stderr[-500:]}"
            except subprocess.TimeoutExpired as late:
                output = (late.stdout or b"").decode()
                problem = f"nothing more within {FILE_SECONDS * (len(pending) + 1)} s"
        for line in output.splitlines():
            if line.endswith("}"):
                item = json.loads(line)
                found[item["name"]] = item["objects"]
        pending = [item for item in pending if item["name"] not in found]
        if pending and len(found) == before or (pending and not problem.startswith("exit 0")):
            found[pending[0]["name"]] = {"": {"open": {"raises": ["InterpreterDied"], "message": problem}}}
            pending = pending[1:]
    return found


def visits_of(description):
    return [[path, aspects.get("depth", {}).get("is", "whole")] for path, aspects in description.items() if path]


def compare_served(server, files, oracle=None):
    """Reports on files, given as {name: (local path, address)}; also the oracle's descriptions, to be used again."""
    oracle = oracle or describe(ORACLE_PYTHON, "h5py",
                                [{"name": n, "address": local} for n, (local, _) in files.items()])
    requests = [{"name": n, "address": address, "visits": visits_of(oracle[n])} for n, (_, address) in files.items()]
    subject = describe(client_python(), "h5cap", requests)
    return [compare(name, oracle[name], subject[name]) for name in files], oracle


def hdf5_files(root):
    if os.path.isfile(root):
        return [root]
    found = []
    for folder, folders, names in os.walk(root):
        folders.sort()
        found += [os.path.join(folder, name) for name in sorted(names) if name.endswith(SUFFIXES)]
    return found


def compare_paths(paths, server_options=()):
    """Serves each path (a folder, or a file's folder) under a name of its own and compares every file below it."""
    exports, files = {}, {}
    for i, path in enumerate(paths):
        path = os.path.abspath(path)
        folder = path if os.path.isdir(path) else os.path.dirname(path)
        exports[f"e{i}"] = folder
        for file in hdf5_files(path):
            below = os.path.relpath(file, folder)
            files[below if len(paths) == 1 else f"e{i}/{below}"] = (file, i, below)
    with Server(exports, options=server_options) as server:
        located = {name: (file, server.url(f"e{i}/{below}")) for name, (file, i, below) in files.items()}
        return compare_served(server, located)[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+")
    parser.add_argument("-v", "--verbose", action="store_true", help="every difference, not the first ten of a file")
    options = parser.parse_args()
    reports = compare_paths(options.paths)
    for report in reports:
        print(report.line())
        for word, entries in (("DIFFERENT", report.different), ("absent", report.absent)):
            for entry in entries if options.verbose else entries[:10]:
                print(f"  {word} {entry.path} {entry.aspect}\n      oracle  {entry.oracle}\n      h5cap   "
                      f"{entry.subject}")
    totals = [sum(r.equal for r in reports), sum(len(r.different) for r in reports),
              sum(len(r.absent) for r in reports)]
    print("{} files: {} equal, {} different, {} absent".format(len(reports), *totals))
    return 1 if totals[1] else 0


if __name__ == "__main__":
    sys.exit(main())
