"""What trials came to, for the table in README: one line of JSON a promise, in $H5CAP_RESULTS/results.jsonl."""

import json
import os


def record(promise: str, trials: int, failures: int, **figures) -> None:
    """Nothing unless $H5CAP_RESULTS names a folder."""
    folder = os.environ.get("H5CAP_RESULTS")
    if not folder:
        return
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "results.jsonl"), "a") as lines:
        lines.write(json.dumps({"promise": promise, "trials": trials, "failures": failures, **figures}) + "\n")
