"""Nobody waits for a stranger: pickles of objects on a server that hangs keep only those waiting who want them."""

import pickle
import threading
import time

import h5py
import numpy as np
import pytest

import h5cap
from support.proxy import Proxy
from support.served import PATIENCE, Server

TIMEOUT = 20 * PATIENCE


@pytest.fixture
def two(tmp_path):
    """A good server, and one behind a proxy that can hang; each as (server, dataset)."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(1000)
    with Server({"d": str(tmp_path)}, tcp=True) as server, Proxy(("127.0.0.1", server.port)) as proxy:
        with h5cap.File(server.url("d/a.h5")) as good, h5cap.File(proxy.url("d/a.h5"), timeout=TIMEOUT) as hung:
            yield good["x"], hung["x"], proxy


def in_threads(count, call):
    """Threads that run `call`, and what became of it."""
    results = []

    def run():
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, results


@pytest.mark.parametrize("what", ["loads", "dumps"])
def test_pickles_of_a_hung_server_keep_nobody_else_waiting(two, what):
    good, hung, proxy = two
    theirs, ours = pickle.dumps(hung), pickle.dumps(good)
    h5cap._hl.pickles._files.clear()
    proxy.pause_after(0)
    call = (lambda: pickle.loads(theirs)[:]) if what == "loads" else (lambda: pickle.dumps(hung.file["x"].parent["x"]))
    threads, results = in_threads(4, call)
    try:
        time.sleep(0.3)
        begin = time.monotonic()
        for _ in range(20):
            assert pickle.loads(ours)[5] == 5
            assert pickle.loads(pickle.dumps(good))[7] == 7
        took = time.monotonic() - begin
        assert took < TIMEOUT / 4, took
        if what == "loads":
            assert all(thread.is_alive() for thread in threads)  # the control: they were still waiting
    finally:
        proxy.resume()
    for thread in threads:
        thread.join(2 * TIMEOUT)
    assert len(results) == 4 and not [result for result in results if isinstance(result, Exception)], results


def test_a_file_that_many_threads_unpickle_at_once_is_opened_once(two, monkeypatch):
    good, _, _ = two
    text = pickle.dumps(good)
    h5cap._hl.pickles._files.clear()
    opened = []
    open_file = h5cap._hl.pickles._open
    monkeypatch.setattr(h5cap._hl.pickles, "_open", lambda *args, **options: (
        opened.append(args), time.sleep(0.1), open_file(*args, **options))[-1])
    threads, results = in_threads(8, lambda: pickle.loads(text)[3])
    for thread in threads:
        thread.join(TIMEOUT)
    assert results == [3] * 8
    assert len(opened) == 1
    assert not h5cap._hl.pickles._turns


def test_a_file_that_cannot_be_opened_leaves_no_turn_behind(two, tmp_path):
    good, _, _ = two
    text = pickle.dumps(good)
    h5cap._hl.pickles._files.clear()
    (tmp_path / "a.h5").unlink()
    threads, results = in_threads(4, lambda: pickle.loads(text))
    for thread in threads:
        thread.join(TIMEOUT)
    assert [type(result) for result in results] == [FileNotFoundError] * 4
    assert not h5cap._hl.pickles._turns


def test_blocks_of_a_file_are_fetched_without_a_lock():
    pytest.importorskip("fsspec")
    from h5cap.compat.block_cache import BlockCache
    stuck, free = threading.Event(), threading.Event()

    def fetch(start, stop):
        if start >= 5000:
            stuck.set()
            assert free.wait(TIMEOUT)
        return bytes(i % 251 for i in range(start, stop))

    cache = BlockCache(100, fetch, 10_000)
    assert cache._fetch(0, 250) == fetch(0, 250)
    threads, results = in_threads(1, lambda: cache._fetch(5000, 5300))
    assert stuck.wait(TIMEOUT)
    assert cache._fetch(20, 290) == fetch(20, 290)  # here already
    assert cache._fetch(1000, 1150) == fetch(1000, 1150)
    assert threads[0].is_alive()
    free.set()
    threads[0].join(TIMEOUT)
    assert results == [fetch(5000, 5300)]
    asked = []
    other = BlockCache(100, lambda start, stop: asked.append((start, stop)) or fetch(start, stop), 4_000)
    other._fetch(100, 200), other._fetch(300, 400)
    assert other._fetch(0, 650) == fetch(0, 650)
    assert asked[2:] == [(0, 100), (200, 300), (400, 700)]  # one a run of missing ones
