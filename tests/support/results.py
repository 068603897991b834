"""What promises were tried, how often, and how often they did not hold.

Where $H5CAP_RESULTS names a folder, each trial adds a line of JSON to `results.jsonl` in it; elsewhere nothing is kept.
"""

import json
import os
import time


def record(promise: str, trials: int, failures: int, **figures):
    """Notes that `promise` was tried `trials` times and did not hold `failures` times; `figures` go beside it."""
    folder = os.environ.get("H5CAP_RESULTS")
    if not folder:
        return
    os.makedirs(folder, exist_ok=True)
    line = {"promise": promise, "trials": trials, "failures": failures, **figures, "time": round(time.time(), 1)}
    with open(os.path.join(folder, "results.jsonl"), "a") as file:
        file.write(json.dumps(line) + "\n")
