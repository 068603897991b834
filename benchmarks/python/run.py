"""Runs the workloads of ../workloads.md in turn on local h5py and on h5cap, or on two builds of the server.

    run.py [--frames N] [--workloads W2,W3] [--variants raw,gzip,bslz4] [--seconds S] [--data FOLDER]
    run.py --compare BIN_A BIN_B [--repeat 9] [--instructions valgrind] [--output FILE] ...

Prints medians and ratios.  A comparison's exit status is 1 when B is slower than its limits allow.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import h5py

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests")]

import h5cap  # noqa: E402
import compare  # noqa: E402
import data  # noqa: E402
from support.proxy import Proxy  # noqa: E402
from support.served import Server, client_python  # noqa: E402
from workloads import WORKLOADS, Local, Served, checked, label, same, selections  # noqa: E402

SETTLE_SECONDS = 3  # after which servers count what was written as complete


class Figures:
    """Times of one workload on both sides, taken in turn."""

    def __init__(self, name, size=None):
        self.name, self.size, self.local, self.remote = name, size, [], []

    def interleave(self, local, remote, arguments, seconds):
        end = time.perf_counter() + seconds
        for i, argument in enumerate(arguments):
            for side, function in ((self.local, local), (self.remote, remote))[:: 1 if i % 2 else -1]:
                start = time.perf_counter()
                function(argument)
                side.append(time.perf_counter() - start)
            if time.perf_counter() > end and i >= 2:
                break

    def row(self):
        local = statistics.median(self.local) if self.local else None
        remote = statistics.median(self.remote)
        return {
            "workload": self.name,
            "h5py_ms": local and round(local * 1e3, 3),
            "h5cap_ms": round(remote * 1e3, 3),
            "ratio": local and round(remote / local, 2),
            "h5cap_MBps": self.size and round(self.size / remote / 1e6, 1),
            "h5cap_p95_ms": round(sorted(self.remote)[int(len(self.remote) * 0.95)] * 1e3, 3),
            "repetitions": len(self.remote),
        }


class Runner:
    def __init__(self, folder, server, options):
        self.folder, self.server, self.options, self.rows = folder, server, options, []
        self.here, self.there = Local(folder), Served(server)

    def wanted(self, name):
        return not self.options.workloads or name in self.options.workloads

    def local(self, name):
        return os.path.join(self.folder, name + ".h5")

    def url(self, name):
        return self.server.url(f"data/{name}.h5")

    def report(self, figures):
        row = figures.row()
        self.rows.append(row)
        show(row)

    def measure(self, name, file):
        workload, what = WORKLOADS[name], label(name, file)
        todo = selections(name, self.here.shape(file), workload.repetitions)
        with workload.prepare(self.here, file) as local, workload.prepare(self.there, file) as remote:
            figures = Figures(what, checked(what, local, [remote], todo))
            figures.interleave(local, remote, todo, self.options.seconds)
        self.report(figures)

    def many(self, count, variant):
        """Frames a second of `count` processes; here the medians are of the time a frame takes."""
        figures = Figures(f"W10.{count} {variant}")
        totals = {}
        for side in "h5py", "h5cap":
            address = self.local(f"A_{variant}") if side == "h5py" else self.url(f"A_{variant}")
            readers = [
                subprocess.Popen(
                    [client_python(), "-c", READER, side, address, str(i), "4"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                for i in range(count)
            ]
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
                        with h5cap.connect(proxy.url()) as session, session.open("/data/A_raw.h5") as remote:
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
        for name, workload in WORKLOADS.items():
            if self.wanted(name):
                for file in workload.files(self.options.variants):
                    self.measure(name, file)
        if self.wanted("W10"):
            for variant in self.options.variants:
                self.many(8, variant)
        if self.wanted("L"):
            self.link()


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

    print(
        f"{row['workload']:<14}"
        + cell(row["h5py_ms"], 12)
        + cell(row["h5cap_ms"], 12)
        + cell(row["ratio"], 9)
        + cell(row["h5cap_MBps"], 12),
        flush=True,
    )


def machine():
    with open("/proc/cpuinfo") as lines:
        model = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    commit = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    return {
        "processor": model[0] if model else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "h5py": h5py.__version__,
        "libhdf5_of_h5py": h5py.version.hdf5_version,
        "h5cap": h5cap.__version__,
        "commit": commit,
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def warm(folder):
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb", buffering=0) as file:
            while file.read(1 << 22):
                pass


def names(text):
    return text.split(",")


def parsed_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--workloads", type=names, default=[], help="with commas; L for L1 and L2")
    parser.add_argument("--variants", type=names, default=["raw", "gzip", "bslz4"])
    parser.add_argument("--seconds", type=float, default=8.0, help="the most that one workload may take beside h5py")
    parser.add_argument("--data", help="a folder with data from an earlier run, or to keep it in")
    parser.add_argument(
        "--output", help="where the JSON goes; by default results/ beside this folder, and with --compare nowhere"
    )
    compared = parser.add_argument_group("two builds in turn")
    compared.add_argument(
        "--compare", nargs=2, metavar=("BIN_A", "BIN_B"), help="folders of programs: is B slower than A?"
    )
    compared.add_argument("--repeat", type=int, default=9)
    compared.add_argument(
        "--instructions",
        choices=["counters", "valgrind"],
        default="counters",
        help="of the processor, or counted once by callgrind",
    )
    compared.add_argument("--cache-mb", type=int, default=16, help="of both servers; small, so that frames are decoded")
    compared.add_argument("--limit-time", type=float, default=1.15, metavar="RATIO")
    compared.add_argument("--limit-instructions", type=float, default=1.05, metavar="RATIO")
    options = parser.parse_args()
    unknown = set(options.workloads) - WORKLOADS.keys() - (set() if options.compare else {"W10", "L"})
    if unknown:
        parser.error(f"no such workloads here: {', '.join(sorted(unknown))}")
    if options.repeat < 1:
        parser.error("--repeat: at least once")
    return options


def write_json(output, content):
    with open(output, "w") as out:
        json.dump(content, out, indent=1)
        out.write("\n")
    print(f"wrote {os.path.relpath(output)}")


def beside_h5py(folder, options, about):
    print(f"{'workload':<14}{'h5py ms':>12}{'h5cap ms':>12}{'ratio':>9}{'h5cap MB/s':>12}")
    with Server({"data": folder}) as server:
        runner = Runner(folder, server, options)
        runner.run()
    output = options.output or os.path.join(os.path.dirname(HERE), "results", time.strftime("%Y-%m-%d") + ".json")
    write_json(output, {"machine": about, "frames": Local(folder).shape("A_raw")[0], "rows": runner.rows})
    return 0


def builds_in_turn(folder, options, about):
    todo = options.workloads or [name for name, workload in WORKLOADS.items() if workload.calls]
    found = compare.compare(folder, todo, options)
    if options.output:
        write_json(options.output, {"machine": about, "frames": Local(folder).shape("A_raw")[0], **found})
    return 1 if found["exceeded"] else 0


def main():
    options = parsed_options()
    folder = options.data or tempfile.mkdtemp(prefix="h5cap-bench-")
    os.makedirs(folder, exist_ok=True)
    about = machine()
    try:
        if not os.path.exists(os.path.join(folder, data.LAST)):
            print(f"writing data to {folder}", flush=True)
            data.write_all(folder, options.frames)
            time.sleep(SETTLE_SECONDS)
        warm(folder)
        return (builds_in_turn if options.compare else beside_h5py)(folder, options, about)
    finally:
        if not options.data:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
