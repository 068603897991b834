"""Folders of many files: what a listing costs grows as its entries do, and nobody else waits for it.

The control is the cost of the entries themselves: a listing that read and sorted the folder anew for each page would
cost four times as much an entry in a folder of four times the entries.

Not covered: that pages are right (tests/cpp/access).
"""

import os
import threading
import time

import h5cap
import pytest
from support.served import cpu_seconds

PAGE = 1000


def fill(path, count):
    path.mkdir()
    for number in range(count):
        os.close(os.open(path / f"f{number:07d}.h5", os.O_CREAT | os.O_WRONLY))


def listed(session, name):
    return len(session.listdir(name))


def test_the_cost_of_a_listing_is_that_of_its_entries(server, folder):
    used = {}
    for count in (10_000, 40_000):
        fill(folder / str(count), count)
    with h5cap.connect(server.url()) as session:
        for count in (10_000, 40_000):
            begun = cpu_seconds([server.pid])
            assert listed(session, f"data/{count}") == count
            used[count] = cpu_seconds([server.pid]) - begun
    print({count: round(seconds, 2) for count, seconds in used.items()})
    assert used[40_000] < 8 * max(used[10_000], 0.03)


@pytest.mark.long
def test_a_million_entries_stop_nobody(server, folder, still_serving):
    fill(folder / "many", 1_000_000)
    before = server.front_rss()
    waits, done = [], threading.Event()

    def others():
        while not done.is_set():
            begun = time.monotonic()
            still_serving()
            waits.append(time.monotonic() - begun)

    other = threading.Thread(target=others)
    other.start()
    try:
        begun = cpu_seconds([server.pid])
        with h5cap.connect(server.url()) as session:
            assert listed(session, "data/many") == 1_000_000
        used = cpu_seconds([server.pid]) - begun
    finally:
        done.set()
        other.join()
    grown = (server.front_rss() - before) / 2**20
    print(f"{used:.1f} s of the server's, {grown:.0f} MiB; the longest of {len(waits)} other reads: {max(waits):.2f} s")
    assert max(waits) < 2
    assert grown < 64 + 64  # the row, and what passes
