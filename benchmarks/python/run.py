"""Runs the workloads of ../workloads.md on local h5py and on h5cap in turn, and reports medians and ratios.

    run.py [--frames N] [--only W2,W3] [--variants raw,gzip,bslz4] [--seconds S] [--data FOLDER]
"""

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import h5py
import hdf5plugin  # noqa: F401  (filters for h5py)

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests")]

import h5cap  # noqa: E402
import data  # noqa: E402
from support.proxy import Proxy  # noqa: E402
from support.served import Server, client_python  # noqa: E402

DATASET_OF = {"A": "/entry/data", "B": "/m", "D": "/table"}
REPEATS = {"W1": 15, "W2": 100, "W2B": 100, "W3": 60, "W4": 7, "W5": 5, "W5B": 5, "W6": 5, "W6B": 7, "W7": 5, "W9": 5,
           "W12": 20, "W13": 5}
FILE_OF = {"W2B": "B", "W5B": "B", "W6B": "B", "W12": "D", "W13": "D"}
WHOLE = slice(None)


def selections(name, shape, count):
    """What each repetition of a workload reads, the same for everybody."""
    rng = random.Random(f"{name} {shape}")

    def box(axis, size):
        start = rng.randrange(max(1, shape[axis] - size))
        return slice(start, start + size)
    makers = {
        "W1": lambda: (rng.randrange(shape[0]), box(1, 64), box(2, 64)),
        "W2": lambda: (rng.randrange(shape[0]), box(1, 64), box(2, 64)),
        "W3": lambda: (rng.randrange(shape[0]),), "W4": lambda: (box(0, 100),),
        "W5": lambda: (box(0, min(512, shape[0])),),
        "W6": lambda: (slice(0, None, 10), slice(0, None, 8), slice(0, None, 8)),
        "W7": lambda: (WHOLE, rng.randrange(shape[1]), rng.randrange(shape[2])),
        "W9": lambda: [(rng.randrange(shape[0]), box(1, 16), box(2, 16)) for _ in range(200)],
        "W2B": lambda: (box(0, 64), box(1, 64)), "W5B": lambda: (WHOLE,),
        "W6B": lambda: (slice(0, None, 16), slice(0, None, 16)),
        "W12": lambda: (box(0, 10_000),), "W13": lambda: "x",
    }
    return [makers[name]() for _ in range(count)]


def read(dataset, selection):
    if isinstance(selection, list):
        return [dataset[one] for one in selection]
    return dataset[selection]


def same(a, b):
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def walk(file):
    """Everything that browsing shows, as {path: (shape, dtype, attributes)}."""
    found, pending = {}, [file["/entry"]]
    while pending:
        node = pending.pop()
        attributes = {name: str(value) for name, value in node.attrs.items()}
        if hasattr(node, "dtype"):
            found[node.name] = (node.shape, node.dtype.str, attributes)
        else:
            found[node.name] = (None, None, attributes)
            pending += [node[name] for name in node]
    return found


class Figures:
    """Times of one workload on both sides, taken in turn."""

    def __init__(self, name, size=None):
        self.name, self.size, self.local, self.remote = name, size, [], []

    def interleave(self, local, remote, arguments, seconds):
        end = time.perf_counter() + seconds
        for i, argument in enumerate(arguments):
            for side, function in ((self.local, local), (self.remote, remote))[::1 if i % 2 else -1]:
                start = time.perf_counter()
                function(argument)
                side.append(time.perf_counter() - start)
            if time.perf_counter() > end and i >= 2:
                break

    def row(self):
        local = statistics.median(self.local) if self.local else None
        remote = statistics.median(self.remote)
        return {"workload": self.name, "h5py_ms": local and round(local * 1e3, 3), "h5cap_ms": round(remote * 1e3, 3),
                "ratio": local and round(remote / local, 2),
                "h5cap_MBps": self.size and round(self.size / remote / 1e6, 1),
                "h5cap_p95_ms": round(sorted(self.remote)[int(len(self.remote) * 0.95)] * 1e3, 3),
                "repetitions": len(self.remote)}


class Runner:
    def __init__(self, folder, server, options):
        self.folder, self.server, self.options, self.rows = folder, server, options, []

    def wanted(self, name):
        return not self.options.only or name in self.options.only.split(",")

    def local(self, name):
        return os.path.join(self.folder, name + ".h5")

    def url(self, name):
        return self.server.url(f"data/{name}.h5")

    def report(self, figures):
        row = figures.row()
        self.rows.append(row)
        show(row)

    def slices(self, name, variant=None):
        letter = FILE_OF.get(name, "A")
        file = f"{letter}_{variant}" if variant else letter
        with h5py.File(self.local(file), "r") as a, h5cap.File(self.url(file)) as b:
            ours, theirs = b[DATASET_OF[letter]], a[DATASET_OF[letter]]
            if name == "W13":
                ours, theirs = Column(ours), Column(theirs)
            todo = selections(name, a[DATASET_OF[letter]].shape, REPEATS[name])
            size = 0
            for selection in todo[:3]:
                expected = read(theirs, selection)
                if not same(expected, read(ours, selection)):
                    raise ValueError(f"{name} {variant}: {selection} is not what h5py reads")
                size = sum(v.nbytes for v in expected) if isinstance(expected, list) else expected.nbytes
            figures = Figures(f"{name} {variant}" if variant else name, size)
            figures.interleave(lambda s: read(theirs, s), lambda s: read(ours, s), todo, self.options.seconds)
        self.report(figures)

    def first_pixel(self, variant):
        with h5py.File(self.local(f"A_{variant}"), "r") as file:
            todo = selections("W1", file["/entry/data"].shape, REPEATS["W1"])

        def local(selection):
            with h5py.File(self.local(f"A_{variant}"), "r") as file:
                return file["/entry/data"][selection]

        def remote(selection):
            with h5cap.connect(self.url("")) as session, session.open(self.url_path(f"A_{variant}")) as file:
                return file["/entry/data"][selection]
        assert same(local(todo[0]), remote(todo[0]))
        figures = Figures(f"W1 {variant}", 8192)
        figures.interleave(local, remote, todo, self.options.seconds)
        self.report(figures)

    def url_path(self, name):
        return f"/data/{name}.h5"

    def tree(self):
        def local(_):
            with h5py.File(self.local("C"), "r") as file:
                return walk(file)

        def remote(_):
            with h5cap.File(self.url("C")) as file:
                return walk(file)
        assert local(0) == remote(0), "W8: the trees differ"
        figures = Figures("W8")
        figures.interleave(local, remote, range(3), self.options.seconds * 2)
        self.report(figures)

    def many(self, count, variant):
        """Frames a second of `count` processes; here the medians are of the time a frame takes."""
        figures = Figures(f"W10.{count} {variant}")
        totals = {}
        for side in "h5py", "h5cap":
            address = self.local(f"A_{variant}") if side == "h5py" else self.url(f"A_{variant}")
            readers = [subprocess.Popen([client_python(), "-c", READER, side, address, str(i), "4"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for i in range(count)]
            for reader in readers:
                assert reader.stdout.readline() == "ready\n"
            for reader in readers:
                reader.stdin.write("go\n")
                reader.stdin.flush()
            times = [t for reader in readers for t in json.loads(reader.stdout.readline())]
            for reader in readers:
                reader.wait()
            (figures.local if side == "h5py" else figures.remote).extend(times)
            totals[side] = round(len(times) / 4, 1)
        row = figures.row()
        row["frames_per_s"] = totals
        self.rows.append(row)
        show(row)

    def link(self):
        with Proxy(self.server.socket, delay_ms=25) as proxy, h5py.File(self.local("A_raw"), "r") as file:
            shape = file["/entry/data"].shape
            for name, count in (("L1", 3), ("L2", 10)):
                figures = Figures(name, 8192)
                for selection in selections("W" + name[1], shape, count):
                    if name == "L1":
                        start = time.perf_counter()
                        with h5cap.connect(proxy.url()) as session, session.open(self.url_path("A_raw")) as remote:
                            got = remote["/entry/data"][selection]
                            figures.remote.append(time.perf_counter() - start)
                    else:
                        dataset = h5cap.File(proxy.url("data/A_raw.h5"))["/entry/data"]
                        dataset.shape
                        start = time.perf_counter()
                        got = dataset[selection]
                        figures.remote.append(time.perf_counter() - start)
                    assert same(got, file["/entry/data"][selection])
                self.report(figures)

    def run(self):
        for variant in self.options.variants.split(","):
            if self.wanted("W1"):
                self.first_pixel(variant)
            for name in "W2", "W3", "W4", "W5", "W6", "W7", "W9":
                if self.wanted(name):
                    self.slices(name, variant)
            if self.wanted("W10"):
                self.many(8, variant)
        for name in FILE_OF:
            if self.wanted(name):
                self.slices(name)
        if self.wanted("W8"):
            self.tree()
        if self.wanted("L"):
            self.link()


class Column:
    """A dataset of which one field is read."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __getitem__(self, name):
        return self.dataset.fields(name)[()]


READER = """
import json, random, sys, time
side, address, seed, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
if side == "h5py":
    import h5py as module, hdf5plugin
else:
    import h5cap as module
data = module.File(address, "r")["/entry/data"]
n = data.shape[0]
rng = random.Random(seed)
data[0]
print("ready", flush=True)
sys.stdin.readline()
times, end = [], time.perf_counter() + seconds
while time.perf_counter() < end:
    start = time.perf_counter()
    data[rng.randrange(n)]
    times.append(time.perf_counter() - start)
print(json.dumps(times))
"""


def show(row):
    def cell(value, width):
        return f"{'' if value is None else value:>{width}}"
    print(f"{row['workload']:<14}" + cell(row["h5py_ms"], 12) + cell(row["h5cap_ms"], 12) + cell(row["ratio"], 9)
          + cell(row["h5cap_MBps"], 12), flush=True)


def machine():
    with open("/proc/cpuinfo") as lines:
        model = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True,
                            text=True).stdout.strip()
    return {"processor": model[0] if model else platform.machine(), "cores": os.cpu_count(),
            "kernel": platform.release(), "python": platform.python_version(),
            "h5py": h5py.__version__, "libhdf5_of_h5py": h5py.version.hdf5_version, "h5cap": h5cap.__version__,
            "commit": commit,
            "load_at_start": round(os.getloadavg()[0], 2)}


def warm(folder):
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb", buffering=0) as file:
            while file.read(1 << 22):
                pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--only", help="names of workloads, with commas; L for L1 and L2")
    parser.add_argument("--variants", default="raw,gzip,bslz4")
    parser.add_argument("--seconds", type=float, default=8.0, help="the most that one workload may take")
    parser.add_argument("--data", help="a folder with data from an earlier run, or to keep it in")
    parser.add_argument("--output", help="where the JSON goes; by default results/ beside this folder")
    options = parser.parse_args()
    folder = options.data or tempfile.mkdtemp(prefix="h5cap-bench-")
    os.makedirs(folder, exist_ok=True)
    about = machine()
    try:
        if not os.path.exists(os.path.join(folder, "D.h5")):
            print(f"writing data to {folder}", flush=True)
            data.write_all(folder, options.frames)
        warm(folder)
        print(f"{'workload':<14}{'h5py ms':>12}{'h5cap ms':>12}{'ratio':>9}{'h5cap MB/s':>12}")
        with Server({"data": folder}) as server:
            runner = Runner(folder, server, options)
            runner.run()
    finally:
        if not options.data:
            shutil.rmtree(folder)
    output = options.output or os.path.join(os.path.dirname(HERE), "results", time.strftime("%Y-%m-%d") + ".json")
    with open(output, "w") as out:
        json.dump({"machine": about, "frames": options.frames, "rows": runner.rows}, out, indent=1)
        out.write("\n")
    print(f"wrote {os.path.relpath(output)}")


if __name__ == "__main__":
    main()
