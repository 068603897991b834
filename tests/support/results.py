"""Results of trials, for the table that says how often promises were tried: a line each, if $H5CAP_RESULTS is set."""

import json
import os


def record(promise, trials, failures, **figures):
    """Appends to $H5CAP_RESULTS/results.jsonl."""
    folder = os.environ.get("H5CAP_RESULTS")
    if not folder:
        return
    os.makedirs(folder, exist_ok=True)
    line = json.dumps({"promise": promise, "trials": trials, "failures": failures, **figures}, sort_keys=True)
    with open(os.path.join(folder, "results.jsonl"), "a") as out:
        out.write(line + "\n")
