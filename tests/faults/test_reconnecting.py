"""Handles outlive connections: a server that is killed and started again, links that are cut, a server that is gone,
files that are others by then.  Figures are printed (pytest -s).  Processes that fork are in test_processes.py."""

import os
import pickle
import random
import shutil
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from support import results
from support.proxy import Proxy
from support.sample import frame
from support.served import PATIENCE, Server

HERE = os.path.dirname(os.path.abspath(__file__))


class Restartable:
    """An h5capd on a fixed TCP port that can be killed and started again."""

    def __init__(self, folder):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.folder = folder
        self.start()

    def start(self):
        self.server = Server({"data": str(self.folder)}, options=["--listen", f"127.0.0.1:{self.port}", "--insecure"])

    def restart(self, meanwhile=lambda: None):
        self.server.kill()
        meanwhile()
        self.start()

    def url(self, path="data/sample.h5"):
        return f"h5cap+tcp://127.0.0.1:{self.port}/{path}"


@pytest.fixture
def restartable(folder, sample):
    shutil.copy(sample, folder / "sample.h5")
    running = Restartable(folder)
    yield running
    running.server.stop()


def test_a_server_is_killed_and_restarted_amid_thousands_of_reads(restartable):
    import h5cap

    reads, wrong, errors, stop = [0] * 4, [], [], threading.Event()
    file = h5cap.File(restartable.url())
    datasets = [file["/entry/gzip"], file["entry"]["gzip"], h5cap.File(restartable.url())["/entry/gzip"],
                file["/entry/gzip"]]

    def work(who):
        rng = random.Random(who)
        while not stop.is_set():
            i = rng.randrange(20)
            try:
                if not np.array_equal(datasets[who][i], frame(i)):
                    wrong.append((who, i))
            except Exception as error:  # noqa: BLE001
                errors.append(repr(error))
            reads[who] += 1

    threads = [threading.Thread(target=work, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    kills = 3
    for _ in range(kills):
        before = sum(reads)
        end = time.monotonic() + 30
        while sum(reads) < before + 500 and time.monotonic() < end:
            time.sleep(0.05)
        restartable.restart()
    before = sum(reads)
    while sum(reads) < before + 500 and time.monotonic() < end + 30:
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join(60)
    print(f"{sum(reads)} reads by 4 threads over {kills} kills: {len(errors)} errors, {len(wrong)} wrong")
    assert sum(reads) >= 500 * (kills + 1)
    results.record("reads while the server is killed and started again", sum(reads), len(errors) + len(wrong))
    assert not errors and not wrong, (errors[:3], wrong[:3])


CONTROL = """
import sys, h5cap
dataset = h5cap.File(sys.argv[1])["/entry/gzip"]
dataset[0]
print("ready", flush=True)
sys.stdin.readline()
try:
    dataset[1]
    print("read")
except ConnectionError:
    print("ConnectionError")
"""


@pytest.mark.parametrize("seconds, expected", [("0", "ConnectionError"), ("10", "read")])
def test_without_reconnecting_the_same_read_fails(restartable, seconds, expected):
    """The negative control of the others: `H5CAP_RECONNECT=0` switches what they test off."""
    worker = subprocess.Popen([sys.executable, "-c", CONTROL, restartable.url()], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE,
                              text=True, env={**os.environ, "H5CAP_RECONNECT": seconds})
    assert worker.stdout.readline() == "ready\n"
    restartable.restart()
    assert worker.communicate("go\n", timeout=60)[0].strip() == expected


def test_connections_are_cut_after_any_number_of_bytes(server):
    import h5cap

    rng = random.Random(11)
    cuts = 0
    with Proxy(("127.0.0.1", server.port)) as proxy:
        dataset = h5cap.File(proxy.url("data/sample.h5"))["/entry/gzip"]
        stop = threading.Event()

        def cut():
            nonlocal cuts
            while not stop.is_set():
                goal = proxy.down + rng.randrange(1, 400_000)
                while proxy.down < goal and not stop.is_set():
                    time.sleep(0.0005)
                proxy.cut()
                cuts += 1

        cutter = threading.Thread(target=cut)
        cutter.start()
        try:
            reads = 0
            end = time.monotonic() + 8
            while time.monotonic() < end:
                i = rng.randrange(20)
                np.testing.assert_array_equal(dataset[i], frame(i))
                reads += 1
        finally:
            stop.set()
            cutter.join()
    print(f"{reads} reads through {cuts} cuts, none wrong")
    results.record("reads through connections that are cut", reads, 0, cuts=cuts)
    assert cuts >= 5 and reads >= 20


@pytest.mark.parametrize("how", ["rewritten", "equal copy", "other object"])
def test_a_file_that_is_another_after_the_restart_has_changed(restartable, sample, how):
    import h5cap

    path = restartable.folder / "sample.h5"
    dataset = h5cap.File(restartable.url())["/entry/gzip"]
    first = dataset[0]

    def replace():
        if how == "equal copy":
            shutil.copy(sample, str(path) + ".new")
            os.rename(str(path) + ".new", path)
        elif how == "rewritten":
            shutil.copy(sample, path)
        else:
            import h5py
            with h5py.File(path, "w") as file:
                file["/entry/gzip"] = np.zeros((20, 4), "u2")

    restartable.restart(replace)
    with pytest.raises(h5cap.Changed):
        dataset[1]
    if how != "other object":  # opened anew it is there
        np.testing.assert_array_equal(h5cap.File(restartable.url())["/entry/gzip"][0], first)


def test_a_file_that_is_gone_after_the_restart_is_not_found(restartable):
    import h5cap

    dataset = h5cap.File(restartable.url())["/entry/gzip"]
    dataset[0]
    restartable.restart(lambda: os.remove(restartable.folder / "sample.h5"))
    with pytest.raises((OSError, KeyError)):
        dataset[1]


def test_a_server_that_is_gone_for_good_is_a_connection_error_in_time(restartable):
    import h5cap

    dataset = h5cap.File(restartable.url(), timeout=3)["/entry/gzip"]
    dataset[0]
    restartable.server.kill()
    before = time.monotonic()
    with pytest.raises(ConnectionError):
        dataset[1]
    took = time.monotonic() - before
    print(f"ConnectionError after {took:.1f} s of timeout=3")
    assert took < 4.5 * PATIENCE
    restartable.start()
    np.testing.assert_array_equal(dataset[1], frame(1))  # and should it come back, the handle is still good


def test_a_connection_that_is_cut_is_restored_by_ticket(server, sample, folder):
    """Once a file was open for a second, its server knows it by a ticket: the path is not needed any more."""
    import h5cap

    with Proxy(("127.0.0.1", server.port)) as proxy:
        file = h5cap.File(proxy.url("data/sample.h5"))
        dataset = file["/entry/gzip"]
        np.testing.assert_array_equal(dataset[0], frame(0))
        time.sleep(1.5)  # sealed meanwhile
        for i in range(1, 4):
            proxy.cut()
            np.testing.assert_array_equal(dataset[i], frame(i))
        assert file.attrs is not None and list(file["entry"]) == list(
            h5cap.File(server.tcp_url("data/sample.h5"))["entry"])


RESTARTED = """
import pickle, sys
dataset, group = pickle.load(open(sys.argv[1], "rb"))
print(int(dataset[3].sum()), sorted(group))
"""


def test_everything_that_was_open_for_a_while_lives_on_after_a_restart(restartable, tmp_path):
    """Sealed by then: the tickets are of another run of the server.  Files, groups, datasets, attributes, references,
    views, iterators in the middle, and pickles made before."""
    import h5cap
    import h5py

    with h5py.File(restartable.folder / "handles.h5", "w") as file:
        x = file.create_dataset("g/x", data=np.arange(40, dtype="i4").reshape(10, 4))
        x.attrs["unit"] = "mm"
        x.make_scale("scale")
        file["text"] = ["a", "b", "c"]
        file["references"] = [x.ref, file["g"].ref]
        file["regions"] = [x.regionref[2:5]]
    file = h5cap.File(restartable.url("data/handles.h5"))
    group, dataset, text = file["g"], file["g/x"], file["text"].asstr()
    attributes, reference, region = dataset.attrs, file["references"][0], file["regions"][0]
    named = file[reference]
    rows, links = iter(dataset), iter(group)
    first = [next(rows)[0], named[0, 0], text[0], attributes["unit"]]
    assert [str(value) for value in first] == ["0", "0", "a", "mm"]
    pickled = tmp_path / "pickled"
    pickled.write_bytes(pickle.dumps((dataset, group)))
    time.sleep(1.5)  # sealed meanwhile
    for _ in range(2):
        restartable.restart()
        time.sleep(1.5)
        assert dataset[7, 1] == 29 and list(group) == ["x"] and list(file) == ["g", "references", "regions", "text"]
        assert attributes["unit"] == "mm" and named[1, 1] == 5 and text[2] == "c"
        assert file[reference][2, 2] == 10 and file[region].shape == (10, 4) and dataset[region].shape == (3, 4)
        assert dataset.is_scale and dataset.shape == (10, 4) and group.parent == file["/"]
    assert [int(row[0]) for row in rows] == list(range(4, 40, 4)) and list(links) == ["x"]
    loaded = subprocess.run([sys.executable, "-c", RESTARTED, pickled], capture_output=True, text=True, timeout=60)
    assert loaded.stdout.split() == [str(3 * 4 * 4 + 6), "['x']"], loaded.stderr


def test_listings_and_streams_go_on(restartable):
    import h5cap

    session = h5cap.connect(restartable.url("data"))
    assert "sample.h5" in session.listdir()
    restartable.restart()
    assert "sample.h5" in session.listdir()
    restartable.restart()
    assert session.ping() > 0
