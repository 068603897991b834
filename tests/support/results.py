"""What trials came to: how often each promise was tried, and how often it was broken.

    record("a promise", 1000, 0)                       in a test, when all of its trials were made
    python results.py build/test-results/promises      adds up what a run recorded, for promises.json and README.md

A run of `tools/test` records into that folder, `tools/test --long` with more trials.
"""

import collections
import json
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMISES = ROOT / "tests" / "promises.json"
README_TABLE = re.compile(r"(<!-- promises -->\n).*?(<!-- end -->)", re.DOTALL)


def record(promise: str, trials: int, failures: int, **figures) -> None:
    """Nothing unless $H5CAP_RESULTS names a folder."""
    folder = os.environ.get("H5CAP_RESULTS")
    if not folder:
        return
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "results.jsonl"), "a") as lines:
        lines.write(json.dumps({"promise": promise, "trials": trials, "failures": failures, **figures}) + "\n")


def totals(lines):
    """{promise: {"trials": …, "failures": …}} of what was recorded."""
    found = collections.defaultdict(collections.Counter)
    for line in lines:
        one = json.loads(line)
        found[one["promise"]].update(trials=one["trials"], failures=one["failures"])
    return {promise: {"trials": counts["trials"], "failures": counts["failures"]}
            for promise, counts in sorted(found.items())}


def bound(trials, failures):
    """Below which the rate of failures is, with 95 % confidence: about 3/N for none.  Few trials say nothing."""
    highest = 3 if failures == 0 else failures + 2 * failures ** 0.5 + 2
    return f"< {100 * highest / trials:.2g} %" if highest < trials / 2 else "–"


def table(promises):
    """The table of the README, in Markdown."""
    lines = ["| promise | trials | broken | at most (95 %) |", "| --- | ---: | ---: | ---: |"]
    for promise, counts in promises.items():
        trials, failures = counts["trials"], counts["failures"]
        lines.append(f"| {promise} | {trials:,} | {failures:,} | {bound(trials, failures)} |")
    return "\n".join(lines) + "\n"


def with_table(text, promises):
    """The text of the README with this table in it."""
    return README_TABLE.sub(lambda found: found[1] + table(promises) + found[2], text)


def main(folder):
    with open(os.path.join(folder, "results.jsonl")) as lines:
        promises = totals(lines)
    PROMISES.write_text(json.dumps(promises, indent=2) + "\n")
    readme = ROOT / "README.md"
    readme.write_text(with_table(readme.read_text(), promises))
    print(table(promises), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
