"""Connections: folders, and what crosses the wire.  Round trips and bytes are counted at the client's socket."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import h5cap
from support import planner


def test_folders_are_listed(server, url):
    with h5cap.connect(url()) as session:
        assert session.listdir() == sorted(session.listdir())
        assert {"tree.h5", "sub"} <= set(session.listdir())
        assert session.listdir("sub") == ["below", "one # 100%.h5"]
        entries = {entry.name: entry for entry in session.scandir()}
        assert entries["sub"].is_dir and not entries["tree.h5"].is_dir and entries["tree.h5"].size > 0
        with pytest.raises(FileNotFoundError):
            session.listdir("absent")
    with h5cap.connect(server.url()) as session:
        assert session.listdir() == ["data"]
    with pytest.raises(ValueError):
        session.listdir()


@pytest.mark.parametrize("pattern, expected", [
    ("sub/*.h5", ["sub/one # 100%.h5"]), ("**/two.h5", ["sub/below/two.h5"]),
    ("sub/**/*.h5", ["sub/below/two.h5", "sub/one # 100%.h5"]),
    ("t[rx]ee.h?", ["tree.h5"]), ("absent/*", []), ("sub/below", ["sub/below"]), ("tree.h5/*", []), ("", []),
])
def test_glob(url, pattern, expected):
    with h5cap.connect(url()) as session:
        assert session.glob(pattern) == expected


def test_relative_paths_start_at_the_address(url):
    with h5cap.connect(url("sub")) as session:
        with session.open("one # 100%.h5") as file:
            assert file["x"][()] == 1
            with h5cap.File(file.filename) as again:
                assert again == file
        assert session.open("below/two.h5")["x"][()] == 2
        with pytest.raises(FileNotFoundError):
            session.open("tree.h5")
    assert h5cap.File(url("sub/one # 100%.h5"))["x"][()] == 1


def test_the_server_introduces_itself(url):
    session = h5cap.connect(url())
    assert session.server_info()["hdf5"] == ".".join(map(str, planner.library_version()))
    assert 0 < session.ping() < 10


def test_opening_and_browsing_is_one_round_trip(url, trips):
    with trips() as opening:
        file = h5cap.File(url("tree.h5"))
    assert opening.round_trips == 1
    with trips() as browsing:
        for name in file:
            assert file.get(name, getlink=True) is not None
        assert file["g/inner/y"].dtype == np.float64 and file["a"].shape == (10, 10)
        assert list(file["ordered"].attrs.items())[0] == ("zebra", "zebra")
        assert "nope" not in file and file.get("nope") is None
        file.visititems(lambda name, node: None)
        repr(file["a"]), file["a"].parent, file["a"].name, file["a"] == file["b"]
    assert browsing.round_trips == 0


def test_a_slice_is_one_round_trip(url, trips):
    with h5cap.File(url("layouts.h5")) as file:
        for select in (lambda d: d[3, :64, :64], lambda d: d[..., 0], lambda d: d[[1, 5]], lambda d: d[-1, 5:9].sum()):
            with trips() as counted:
                select(file["frames"])
            assert counted.round_trips == 1
        with trips() as counted:
            file["frames"][5:5], file["frames"].shape, file["frames"].astype("f4")
        assert counted.round_trips == 0


@pytest.mark.whole_replies
def test_a_one_shot_read_is_one_round_trip(server, folder, trips):
    for index, name in enumerate(["a.h5", "b.h5"]):  # files that nobody opened before
        os.link(folder / "layouts.h5", folder / name)
        with trips() as counted:
            h5cap.read(server.url("data/" + name), "/frames", (index, slice(0, 64), slice(-64, None)))
        assert counted.round_trips == 1


@pytest.mark.whole_replies
def test_a_small_slice_moves_few_bytes(url, trips):
    with h5cap.File(url("layouts.h5")) as file:
        dataset = file["frames"]
        with trips() as counted:
            assert dataset[7, 100:164, 30:94].nbytes == 8192
    assert counted.bytes_received + counted.bytes_sent <= 12 * 1024


def test_the_connection_is_shared(server, url):
    before = h5cap.connect(url()).traffic()
    h5cap.File(url("tree.h5")).close()
    assert h5cap.connect(server.url()).traffic()["messages_sent"] > before["messages_sent"]


INTERRUPTED = """
    import signal, sys, time, h5cap
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print("ready", flush=True)
    try:
        h5cap.File(sys.argv[1])
    except KeyboardInterrupt:
        print("interrupted", time.time(), flush=True)
"""


def test_ctrl_c_ends_a_wait(tmp_path):
    """The peer accepts and never answers."""
    path = str(tmp_path / "silent.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(INTERRUPTED),
                                  "h5cap+unix://" + path.replace("/", "%2F") + "/x.h5"],
                                 stdout=subprocess.PIPE, text=True)
        try:
            assert child.stdout.readline() == "ready\n"
            time.sleep(0.5)
            sent = time.time()
            child.send_signal(signal.SIGINT)
            out, _ = child.communicate(timeout=10)
        finally:
            child.kill()
            child.wait()
    word, when = out.split()
    assert word == "interrupted" and float(when) - sent < 0.3
    assert child.returncode == 0


def test_a_wait_has_an_end(tmp_path):
    path = str(tmp_path / "silent.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        start = time.monotonic()
        with pytest.raises(TimeoutError):
            h5cap.File("h5cap+unix://" + path.replace("/", "%2F") + "/x.h5", timeout=0.5)
        assert time.monotonic() - start < 5


def test_threads_read_side_by_side(url):
    from concurrent.futures import ThreadPoolExecutor

    with h5cap.File(url("layouts.h5")) as file:
        expected = file["frames"][:]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda i: file["frames"][i % 20], range(200)))
    assert all(np.array_equal(frame, expected[i % 20]) for i, frame in enumerate(found))
