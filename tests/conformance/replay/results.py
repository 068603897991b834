#!/usr/bin/env python3
"""Records h5py's tests, replays their reads on h5cap, and counts.

    python results.py [MODULE...]        the table, and every difference that exclusions.toml does not explain
    python results.py --update           also writes results.json and the table in README.md

H5CAP_BIN and PYTHONPATH say which build, as for the tests.
"""

import argparse
import collections
import fnmatch
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from modules import APPLICABLE  # noqa: E402
from support import planner  # noqa: E402

RECORDING_SECONDS = 300
RESULTS = HERE / "results.json"
README_TABLE = re.compile(r"(<!-- replay: [^>]*-->\n).*?(<!-- end of replay -->)", re.S)


def exclusions():
    """Those that are of the planner's library, by kind."""
    with open(HERE / "exclusions.toml", "rb") as stream:
        kinds = tomllib.load(stream)
    version = planner.library_version()
    return {kind: [entry for entry in entries if entry.get("since", 0) <= version[0] < entry.get("until", 99)]
            for kind, entries in kinds.items()}


def record(module, folder):
    """Runs one of h5py's modules; returns the recording and the folder that its files were in."""
    files, recording = folder / "files", folder / "recording"
    files.mkdir(parents=True)
    environment = {**os.environ, "TMPDIR": str(files), "PYTHONPATH": f"{HERE}:{os.environ.get('PYTHONPATH', '')}"}
    environment.pop("PYTEST_ADDOPTS", None)
    formats = ["--old-formats"] if planner.library_version() < (2,) else []
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "recorder", "-p", "no:cacheprovider", "--record", str(recording),
         "--basetemp", str(files / "pytest"), *formats, "--pyargs", f"h5py.tests.{module}"],
        cwd=folder, env=environment, timeout=RECORDING_SECONDS, capture_output=True, text=True,
        stdin=subprocess.DEVNULL)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{module} could not be recorded:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    for name in os.listdir(files):
        subprocess.run(["rm", "-rf", str(files / name)], check=True)
    return recording, files


class Module:
    """What came of one module: a list of (test, outcome, verdicts), of the tests' own reads and of the survey."""

    def __init__(self, name):
        self.name, self.tests, self.surveyed, self.files = name, [], [], 0

    def run(self, folder, survey=True):
        from replayer import Replay
        from support.served import Server

        recording, files = record(self.name, folder)
        with Server({"replay": str(files)}) as server:
            replay = Replay(str(recording), str(files), server)
            self.tests = [(test["test"], test["outcome"], verdicts) for test, verdicts in replay.tests()]
            if survey:
                done = set()
                self.surveyed = [(test["test"], {}, verdicts) for test, verdicts in replay.tests(survey=done)]
                self.files = len(done)
        return self

    def counts(self):
        own = collections.Counter(verdict["verdict"] for _, _, verdicts in self.tests for verdict in verdicts)
        more = collections.Counter(verdict["verdict"] for _, _, verdicts in self.surveyed for verdict in verdicts)
        return {
            "tests": len(self.tests),
            "tests that read": sum(any(v["verdict"] != "left out" for v in verdicts) for _, _, verdicts in self.tests),
            "reads": own["same"] + own["differs"], "same": own["same"], "left out": own["left out"],
            "files": self.files, "survey": more["same"] + more["differs"], "survey same": more["same"],
        }

    def differences(self):
        for part, tests in ("replay", self.tests), ("survey", self.surveyed):
            for test, _, verdicts in tests:
                for verdict in verdicts:
                    if verdict["verdict"] == "differs":
                        yield part, test, verdict

    def not_recorded(self):
        return [test for test, outcome, _ in self.tests if "failed" in outcome.values()]


def reason_for(entries, test, what):
    """The exclusion that explains a difference, or None."""
    for entry in entries:
        if fnmatch.fnmatchcase(test, entry["test"]) and fnmatch.fnmatchcase(what, entry.get("read", "*")):
            return entry
    return None


def rate(same, reads):
    return f"{100 * same / reads:.1f} %" if reads else "–"


def table(results):
    """The table of the README, in Markdown."""
    lines = ["| h5py's module | tests | reads | the same | | files | survey | the same | |",
             "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    total = collections.Counter()
    for name, counts in results.items():
        total.update(counts)
        lines.append(row(name.removeprefix("test_"), counts))
    return "\n".join([*lines, row("**all**", total)]) + "\n"


def row(name, counts):
    cells = [name, counts["tests that read"], counts["reads"], counts["same"], rate(counts["same"], counts["reads"]),
             counts["files"], counts["survey"], counts["survey same"], rate(counts["survey same"], counts["survey"])]
    return "| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else cell for cell in cells) + " |"


def describe(part, test, verdict):
    return (f"{part} {test}\n    {verdict['what']}\n    h5py:  {str(verdict['wanted'])[:500]}\n"
            f"    h5cap: {str(verdict['found'])[:500]}\n    {verdict['problem'] or ''}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", default=APPLICABLE)
    parser.add_argument("--update", action="store_true", help="write results.json and the README's table")
    parser.add_argument("--no-survey", action="store_true", help="the tests' own reads only")
    options = parser.parse_args()
    entries, results = exclusions().get("difference", []), {}
    with tempfile.TemporaryDirectory(prefix="h5cap-replay-") as folder:
        for name in options.modules:
            module = Module(name).run(pathlib.Path(folder) / name, not options.no_survey)
            results[name] = module.counts()
            for part, test, verdict in module.differences():
                if reason_for(entries, test, verdict["what"]) is None:
                    print(describe(part, test, verdict), flush=True)
    print(table(results))
    if options.update:
        RESULTS.write_text(json.dumps(results, indent=2) + "\n")
        readme = ROOT / "README.md"
        readme.write_text(README_TABLE.sub(lambda found: found[1] + table(results) + found[2], readme.read_text()))


if __name__ == "__main__":
    main()
