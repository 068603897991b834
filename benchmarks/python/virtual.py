"""Virtual datasets beside what they are made of: time, and processor time of the thread that serves everybody.

    virtual.py [--programs BIN]... [--repeat 7] [--output FILE]

`spread`: 84 MB over 64 sources, and the same in one file, in turn.  `column`: one element of each of 1,000 sources that
have been read before.  Several `--programs` are taken in turn, on the same files.  Prints medians.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(os.path.dirname(HERE)), "tests")]

import h5cap  # noqa: E402
from compare import apart, started  # noqa: E402

SETTLE_SECONDS = 3
SPREAD, COLUMN = 64, 1000
FRAMES, SIDE = 5, 362  # of each of 64 sources: 84 MB of int16 in all


def mapped(path, names, shape, dtype):
    """A stack of sources, one after the other."""
    layout = h5py.VirtualLayout((len(names) * shape[0], *shape[1:]), dtype)
    for i, name in enumerate(names):
        layout[i * shape[0] : (i + 1) * shape[0]] = h5py.VirtualSource(name, "x", shape)
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        file.create_virtual_dataset("x", layout)


def write(folder):
    random = np.random.default_rng(1)
    shape = (FRAMES, SIDE, SIDE)
    whole = random.integers(0, 1000, (SPREAD * FRAMES, SIDE, SIDE), "i2")
    with h5py.File(f"{folder}/one.h5", "w") as file:
        file.create_dataset("x", data=whole, chunks=(1, SIDE, SIDE))
    for i in range(SPREAD):
        with h5py.File(f"{folder}/part{i}.h5", "w") as file:
            file.create_dataset("x", data=whole[i * FRAMES : (i + 1) * FRAMES], chunks=(1, SIDE, SIDE))
    mapped(f"{folder}/spread.h5", [f"part{i}.h5" for i in range(SPREAD)], shape, "i2")
    for i in range(COLUMN):
        with h5py.File(f"{folder}/point{i}.h5", "w") as file:
            file["x"] = np.full((1, 20), i)
    mapped(f"{folder}/column.h5", [f"point{i}.h5" for i in range(COLUMN)], (1, 20), "i8")


def loop_seconds(server):
    """Processor time of the server's first thread, which serves everybody."""
    with open(f"/proc/{server.pid}/task/{server.pid}/schedstat") as stat:
        return int(stat.read().split()[0]) / 1e9


def timed(server, call):
    before, start = loop_seconds(server), time.perf_counter()
    call()
    return time.perf_counter() - start, loop_seconds(server) - before


def medians(samples):
    return [statistics.median(column) for column in zip(*samples)]


def measure(programs, folder, repeat):
    with apart() as prefix, started(programs, folder, 16, prefix) as server:
        one, spread, column = (
            h5cap.File(server.url(f"data/{name}.h5"))["x"] for name in ("one", "spread", "column")
        )
        assert np.array_equal(one[...], spread[...])
        assert np.array_equal(column[:, 3], np.arange(COLUMN))
        both = [(timed(server, lambda: one[...]), timed(server, lambda: spread[...])) for _ in range(repeat)]
        (one_s, one_loop), (spread_s, spread_loop) = (medians(samples) for samples in zip(*both))
        column_s, column_loop = medians([timed(server, lambda: column[:, 3]) for _ in range(repeat)])
    with h5py.File(f"{folder}/column.h5") as file:
        start = time.perf_counter()
        file["x"][:, 3]
        local_s = time.perf_counter() - start
    return {
        "programs": programs,
        "one_ms": round(one_s * 1e3, 1),
        "spread_ms": round(spread_s * 1e3, 1),
        "spread_ratio": round(spread_s / one_s, 2),
        "one_loop_ms": round(one_loop * 1e3, 1),
        "spread_loop_ms": round(spread_loop * 1e3, 1),
        "spread_loop_ratio": round(spread_loop / one_loop, 2),
        "column_ms": round(column_s * 1e3, 1),
        "column_loop_ms": round(column_loop * 1e3, 1),
        "column_h5py_ms": round(local_s * 1e3, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", action="append", metavar="BIN")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--output")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="h5cap-bench-") as folder:
        write(folder)
        time.sleep(SETTLE_SECONDS)
        for programs in options.programs or [os.path.join(os.path.dirname(os.path.dirname(HERE)), "build/release/bin")]:
            rows.append(measure(programs, folder, options.repeat))
            print(json.dumps(rows[-1], indent=1), flush=True)
    if options.output:
        with open(options.output, "w") as file:
            json.dump(rows, file, indent=1)


main()
