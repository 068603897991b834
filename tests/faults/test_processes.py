"""Handles in forked, spawned and served-up workers: forks inherit them, pickles carry them, neither carries a
credential.  Figures are printed (pytest -s)."""

import multiprocessing
import os
import pickle
import shutil
import threading

import numpy as np
import pytest

from support.sample import frame

WORKERS, READS = 8, 60


def check(dataset, seed):
    """Reads at random; returns how many frames were right."""
    rng = np.random.default_rng(seed)
    return sum(np.array_equal(dataset[i], frame(i)) for i in rng.integers(0, 20, READS).tolist())


def answer(queue, dataset, seed):
    try:
        queue.put(check(dataset, seed))
    except BaseException as error:  # noqa: BLE001
        queue.put(repr(error))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_read_through_the_parents_handles(server, method):
    import h5cap

    dataset = h5cap.File(server.url("data/sample.h5"))["/entry/gzip"]
    np.testing.assert_array_equal(dataset[3], frame(3))  # the connection is in use
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    workers = [context.Process(target=answer, args=(queue, dataset, seed)) for seed in range(WORKERS)]
    for worker in workers:
        worker.start()
    counts = [queue.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join(30)
    print(f"{method}: {WORKERS} workers, {WORKERS * READS} reads, right: {counts}")
    assert counts == [READS] * WORKERS
    assert check(dataset, 99) == READS  # the parent's connection is its own


def test_forks_while_threads_read(server):
    """At the moment of a fork other threads are within the client."""
    import h5cap

    dataset = h5cap.File(server.url("data/sample.h5"))["/entry/gzip"]
    stop, wrong = threading.Event(), []

    def work():
        while not stop.is_set():
            if check(dataset, 5) != READS:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    forks = 30
    try:
        for seed in range(forks):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    import signal
                    signal.alarm(60)
                    code = 0 if np.array_equal(dataset[seed % 20], frame(seed % 20)) else 2
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, f"fork {seed}"
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    print(f"{forks} forks amid reads of 3 threads, all children read")
    assert not wrong


class Frames:
    """As a torch Dataset is written: opened lazily or not, indexed by workers."""

    def __init__(self, url, lazily):
        import h5cap
        self.url, self.data = url, None if lazily else h5cap.File(url)["/entry/gzip"]

    def __len__(self):
        return 20

    def __getitem__(self, i):
        import h5cap
        if self.data is None:
            self.data = h5cap.File(self.url)["/entry/gzip"]
        return i, self.data[i]


def load(frames, indices):
    return [frames[i] for i in indices]


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("lazily", [True, False])
def test_a_data_loader_of_workers(server, method, lazily):
    frames = Frames(server.url("data/sample.h5"), lazily)
    if lazily:
        frames[0]  # as user code does to look at a sample
    batches = [list(range(first, first + 4)) for first in range(0, 20, 4)] * 3
    with multiprocessing.get_context(method).Pool(4) as pool:
        loaded = pool.starmap(load, [(frames, batch) for batch in batches])
    for batch, items in zip(batches, loaded):
        for i, (index, data) in zip(batch, items):
            assert index == i
            np.testing.assert_array_equal(data, frame(i))


def test_pickles_say_where_and_which_version_and_nothing_secret(server, sample, folder):
    import h5cap

    file = h5cap.File(server.url("data/sample.h5"))
    session = h5cap.connect(server.url("data"))
    for thing in file, file["/entry"], file["/entry/gzip"]:
        again = pickle.loads(pickle.dumps(thing))
        assert again == thing and again.name == thing.name
    assert pickle.loads(pickle.dumps(session)).listdir() == session.listdir()
    assert b"token" not in pickle.dumps(file) + pickle.dumps(session)
    kept = pickle.dumps(file["/entry/gzip"])
    assert np.array_equal(pickle.loads(kept)[2], frame(2))
    shutil.copy(sample, folder / "new")
    os.rename(folder / "new", folder / "sample.h5")
    h5cap._hl.pickles._files.clear()  # as in a process that does not hold the file: this one still has the old one open
    with pytest.raises(h5cap.Changed):
        pickle.loads(kept)
