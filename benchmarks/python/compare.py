"""Two builds of the server, side by side on the same files: each workload in turn on A and on B in one run."""

import contextlib
import os
import statistics
import subprocess
import time

import callgrind
import ratios
from counters import Meter
from support.served import Server
from workloads import WORKLOADS, Local, Served, checked, label, selections

MILLI, MEGA = 1e3, 1e-6


@contextlib.contextmanager
def apart():
    """Keeps this process to one processor; gives what to put before servers, for them to have the others.

    Where the kernel puts two processes that wake each other makes a fifth of a short call's time, one way for one
    server and another way for the next.  Measured: 0.21 or 0.25 ms for minutes on end, of one and the same build.
    """
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) == 1:
        yield ()
        return
    os.sched_setaffinity(0, processors[:1])
    try:
        yield ("taskset", "--cpu-list", ",".join(map(str, processors[1:])))
    finally:
        os.sched_setaffinity(0, processors)


@contextlib.contextmanager
def started(programs, folder, cache_mb, prefix=()):
    """A server from a folder of programs."""
    before = os.environ.get("H5CAP_BIN")
    os.environ["H5CAP_BIN"] = os.path.abspath(programs)
    try:
        server = Server({"data": folder}, options=["--cache-mb", str(cache_mb)], prefix=prefix)
    finally:
        if before is None:
            del os.environ["H5CAP_BIN"]
        else:
            os.environ["H5CAP_BIN"] = before
    with server:
        yield server


def version(programs):
    return subprocess.run(
        [os.path.join(programs, "h5capd"), "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()


def sample(call, todo, meter):
    """What a call of one repetition costs: the median of their times, the mean of what the server spent."""
    times = []
    before = meter.settled()
    for selection in todo:
        start = time.perf_counter()
        call(selection)
        times.append(time.perf_counter() - start)
    after = meter.settled()
    return {
        "time": statistics.median(times),
        **{measure: (after[measure] - before[measure]) / len(todo) for measure in after},
    }


class Pair:
    """Both builds' servers, started anew, side by side."""

    def __init__(self, folder, options, prefix, stack):
        servers = [stack.enter_context(started(build, folder, options.cache_mb, prefix)) for build in options.compare]
        self.here = Local(folder)
        self.sides = [stack.enter_context(Served(server)) for server in servers]
        self.meters = [stack.enter_context(contextlib.closing(Meter(server))) for server in servers]

    @property
    def why_not_counted(self):
        return next((meter.why_not for meter in self.meters if meter.why_not), None)

    def samples(self, name, file, first, todo, turn):
        """One repetition of a workload on each build, in the order of `turn`, after a call compared with h5py's."""
        prepare = WORKLOADS[name].prepare
        found = [], []
        with prepare(self.here, file) as expected, prepare(self.sides[0], file) as a, prepare(self.sides[1], file) as b:
            checked(label(name, file), expected, [a, b], [first])
            for build in turn:
                found[build].append(sample((a, b)[build], todo, self.meters[build]))
        return [ratios.mean(both) for both in found]


def timed(folder, todo, options):
    """{(name, file): (samples of A, samples of B)}, and why instructions were not counted.

    Each round has a pair of servers of its own: neither a machine's drift nor what a process met by chance, memory and
    of processors, falls on one build alone.
    """
    here = Local(folder)
    found = {what: ([], []) for what in todo}
    for i, turn in enumerate(ratios.turns(options.repeat)):
        print(f"round {i + 1} of {options.repeat}", flush=True)
        with contextlib.ExitStack() as stack:
            pair = Pair(folder, options, stack.enter_context(apart()), stack)
            for name, file in todo:
                count = (WORKLOADS[name].calls or 1) + 1
                first, *rest = selections(name, here.shape(file), count * options.repeat)[i * count : (i + 1) * count]
                for samples, one in zip(found[name, file], pair.samples(name, file, first, rest, turn)):
                    samples.append(one)
    return found, pair.why_not_counted


def count_with_valgrind(folder, found, options):
    """Puts callgrind's instructions into all samples."""
    shape = Local(folder).shape
    for (name, file), both in found.items():
        print(f"counting {label(name, file)}", flush=True)
        for samples, programs in zip(both, options.compare):
            counted = callgrind.instructions(
                lambda wrapped: started(wrapped, folder, options.cache_mb), programs, name, file, shape(file)
            )
            for one in samples:
                one["instructions"] = counted


COLUMNS = (
    ("time", "ms", MILLI),
    ("cpu", "CPU ms", MILLI),
    ("instructions", "Minstr", MEGA),
    ("planner_cpu", "planner ms", MILLI),
)


def cell(value, width, digits=3):
    return f"{'-' if value is None else format(value, f'.{digits}f'):>{width}}"


def show(row):
    print(
        f"{row['workload']:<11}"
        + "".join(
            cell(m["a"] and m["a"] * scale, 14) + cell(m["b"] and m["b"] * scale, 14) + cell(m["ratio"], 7, 2)
            for m, scale in ((row[measure], scale) for measure, _, scale in COLUMNS)
        ),
        flush=True,
    )


def show_all(rows, how, options, versions):
    for letter, programs, built in zip("AB", options.compare, versions):
        print(f"{letter}: {programs} ({built})")
    print(f"medians of {options.repeat}, of one call; instructions of the front: {how}")
    print(f"{'workload':<11}" + "".join(f"{'A ' + unit:>14}{'B ' + unit:>14}{'B/A':>7}" for _, unit, _ in COLUMNS))
    for row in rows:
        show(row)


def compare(folder, names, options):
    """The rows of all workloads, and which ratios are over their limits."""
    os.environ.pop("H5CAP_CACHE", None)  # the client's own cache would answer in the servers' stead
    versions = [version(programs) for programs in options.compare]
    todo = [(name, file) for name in names for file in WORKLOADS[name].files(options.variants)]
    if options.instructions == "valgrind":
        callgrind.require()
    found, why_not = timed(folder, todo, options)
    if options.instructions == "valgrind":
        count_with_valgrind(folder, found, options)
        how, counted = "by callgrind, once for each build and workload", True
    elif why_not:
        how, counted = (
            f"NOT COUNTED ({why_not}); the front's CPU time stands in for them, held to the limit of time",
            False,
        )
    else:
        how, counted = "by the processor's counters, in user space", True
    rows = [ratios.row(label(name, file), *both) for (name, file), both in found.items()]
    show_all(rows, how, options, versions)
    over = ratios.exceeded(rows, ratios.limits(options.limit_time, options.limit_instructions, counted))
    for workload, measure, ratio, limit in over:
        print(f"over its limit: {workload}, {measure}: {ratio:.3f} > {limit}")
    return {
        "builds": dict(zip("AB", options.compare)),
        "versions": versions,
        "repeat": options.repeat,
        "cache_mb": options.cache_mb,
        "instructions": how,
        "rows": rows,
        "exceeded": over,
    }
