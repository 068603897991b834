"""The arithmetic of benchmarks' comparisons of two builds, and their counters on a software event, which every kernel
has.  Not covered: the workloads, and the processor's own counters, which many machines lack."""

import os
import pathlib
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks" / "python"))

import ratios  # noqa: E402
from counters import Counter, NotCounted, cpu_nanoseconds  # noqa: E402

TASK_CLOCK = (1, 1)  # PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK: nanoseconds
BURN_SECONDS = 0.05


def rows(times_a, times_b, instructions_a=(100,), instructions_b=(100,), cpu_a=(1.0,), cpu_b=(1.0,)):
    samples = [
        [
            {"time": t, "instructions": i, "cpu": c}
            for t, i, c in zip(times, instructions * len(times), cpu * len(times))
        ]
        for times, instructions, cpu in ((times_a, instructions_a, cpu_a), (times_b, instructions_b, cpu_b))
    ]
    return [ratios.row("W3 raw", *samples)]


@pytest.mark.parametrize(
    "b, measures",
    [
        (dict(times_b=[1.0, 1.0, 1.0]), []),
        (dict(times_b=[1.15, 1.15, 1.15]), []),
        # One bad repetition does not decide, two of three do.
        (dict(times_b=[9.0, 1.0, 1.0]), []),
        (dict(times_b=[1.2, 1.2, 1.0]), ["time"]),
        (dict(times_b=[1.0, 1.0, 1.0], instructions_b=(106,)), ["instructions"]),
        (dict(times_b=[1.0, 1.0, 1.0], instructions_b=(105,)), []),
        (dict(times_b=[2.0, 2.0, 2.0], instructions_b=(50,)), ["time"]),
        # Counted instructions make processor time of no account.
        (dict(times_b=[1.0, 1.0, 1.0], cpu_b=(2.0,)), []),
    ],
)
def test_what_is_over_its_limit(b, measures):
    found = ratios.exceeded(rows([1.0, 1.0, 1.0], **b), ratios.limits(1.15, 1.05, True))
    assert [measure for _, measure, _, _ in found] == measures


@pytest.mark.parametrize("cpu, measures", [(1.1, []), (1.2, ["cpu"])])
def test_processor_time_stands_in_for_instructions_that_were_not_counted(cpu, measures):
    found = ratios.exceeded(rows([1.0], [1.0], (None,), (None,), cpu_b=(cpu,)), ratios.limits(1.15, 1.05, False))
    assert [measure for _, measure, _, _ in found] == measures


@pytest.mark.parametrize(
    "a, b, expected", [(2, 3, 1.5), (0, 0, None), (0, 1, float("inf")), (None, 1, None), (1, None, None)]
)
def test_ratios(a, b, expected):
    assert ratios.ratio(a, b) == expected


@pytest.mark.parametrize("repeat", [1, 2, 9])
def test_each_build_is_as_often_first_as_second_in_every_round(repeat):
    """By an odd number of rounds, too: beside itself a build was 1.25 times slower, second in five of nine."""
    turns = ratios.turns(repeat)
    assert len(turns) == repeat and all(turn.count(0) == turn.count(1) == 2 for turn in turns)
    assert all(sum(place for place, build in enumerate(turn) if build == 0) == 3 for turn in turns)
    assert turns[:2] == [(0, 1, 1, 0), (1, 0, 0, 1)][:repeat]


def test_the_mean_of_samples_is_unknown_where_one_is():
    assert ratios.mean([{"time": 1, "instructions": None}, {"time": 3, "instructions": 5}]) == {
        "time": 2,
        "instructions": None,
    }


def burn():
    end = time.thread_time() + BURN_SECONDS
    while time.thread_time() < end:
        pass


def in_thread():
    thread = threading.Thread(target=burn)
    thread.start()
    thread.join()


def in_process():
    pid = os.fork()
    if pid == 0:
        burn()
        os._exit(0)
    os.waitpid(pid, 0)


@pytest.mark.parametrize(
    "spend, below, counts",
    [(burn, False, True), (in_thread, False, True), (in_process, False, False), (in_process, True, True)],
)
def test_counters_follow_threads_and_only_when_asked_processes(spend, below, counts):
    try:
        counter = Counter(os.getpid(), below=below, event=TASK_CLOCK)
    except NotCounted as why:
        pytest.skip(str(why))
    before = counter.value()
    spend()
    spent = counter.value() - before
    counter.close()
    assert (spent >= BURN_SECONDS * 1e9 * 0.9) == counts, f"{spent / 1e6:.1f} ms"


def test_processor_time_keeps_that_of_threads_that_have_ended():
    before = cpu_nanoseconds(os.getpid())
    in_thread()
    assert cpu_nanoseconds(os.getpid()) - before >= BURN_SECONDS * 1e9 * 0.9
