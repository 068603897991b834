"""Things that go away in the middle of a read: the server, the network, a planner, the disk.

Not covered: power loss; a kernel that hangs on a dead mount.
"""

import os
import shutil
import signal
import subprocess
import threading
import time

import h5cap
import numpy as np
import pytest
from support.proxy import Proxy
from support.sample import frame
from support.served import PATIENCE, Server, wait_until


class Reading(threading.Thread):
    """Reads frames in a loop, checks each, and keeps the first exception."""

    def __init__(self, dataset, frames=200):
        super().__init__(daemon=True)
        self.dataset, self.frames = dataset, frames
        self.good, self.wrong, self.problem, self.stopping = 0, 0, None, False

    def run(self):
        i = 0
        while not self.stopping:
            try:
                got = self.dataset[i % self.frames]
            except Exception as problem:
                self.problem = problem
                return
            if np.array_equal(got, frame(i % self.frames)):
                self.good += 1
            else:
                self.wrong += 1
            i += 1

    def stop(self):
        self.stopping = True
        self.join(30)
        assert not self.is_alive(), "a read hangs"


def test_server_killed_mid_read(folder, sample):
    (folder / "sample.h5").write_bytes(sample.read_bytes())
    with Server({"data": str(folder)}) as server:
        reading = Reading(h5cap.File(server.url("data/sample.h5"), timeout=20)["entry/gzip"])
        reading.start()
        assert wait_until(lambda: reading.good > 5)
        server.kill()
        reading.join(30)
        assert not reading.is_alive(), "the reader hangs"
        assert isinstance(reading.problem, ConnectionError), repr(reading.problem)
        assert reading.wrong == 0


def test_network_cut_mid_read(server, still_serving):
    """A read in flight when the connection breaks ends in ConnectionError, or is repeated on a new connection."""
    with Proxy(server.socket, delay_ms=5) as proxy:
        reading = Reading(h5cap.File(proxy.url("data/sample.h5"), timeout=10)["entry/gzip"])
        reading.start()
        assert wait_until(lambda: reading.good > 3)
        proxy.close()
        reading.join(30)
        assert not reading.is_alive() and isinstance(reading.problem, ConnectionError), repr(reading.problem)
        assert reading.wrong == 0
    still_serving()


def test_planner_killed_mid_read(server, still_serving):
    """20 kills of every planner while two clients read: no wrong frame, no dead server, and the readers go on.

    What only a planner can answer (variable-length strings) is rerun in a fresh one."""
    frames = Reading(h5cap.File(server.url("data/sample.h5"))["entry/gzip"])
    names = h5cap.File(server.url("data/sample.h5"))["entry/names"]
    frames.start()
    killed = 0
    for _ in range(20):
        names[:3]
        for pid in server.planners():
            try:
                os.kill(pid, signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
        assert names[7] == b"name 7"
        time.sleep(0.02)
    frames.stop()
    assert killed >= 10, "the test killed nobody"
    assert frames.problem is None and frames.wrong == 0 and frames.good > 0, repr(frames.problem)
    still_serving()


def test_zygote_killed(server, still_serving):
    """The process that planners are forked from is replaced."""
    below = [pid for pid in server.pids()[1:] if pid not in server.planners()]
    assert below, "no zygote found"
    for pid in below:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    assert server.alive()

    def readable():
        try:
            return h5cap.read(server.url("data/sample.h5"), "/entry/names", (3,)) == b"name 3"
        except OSError:
            return False
    assert wait_until(readable, 10)
    still_serving()


def test_planner_stopped(server, still_serving):
    """A planner that hangs is given up by the server's own deadline, and other files are served meanwhile."""
    shutil.copy(server_file(server), server_file(server) + ".other.h5")
    names = h5cap.File(server.url("data/sample.h5"), timeout=60)["entry/names"]
    assert names[1] == b"name 1"
    stopped = server.planners()
    assert stopped, "no planner found"
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        outcome = {}

        def read():
            try:
                outcome["value"] = names[2]
            except OSError as problem:
                outcome["problem"] = problem
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        start = time.monotonic()
        assert h5cap.read(server.url("data/sample.h5.other.h5"), "/entry/names", (4,)) == b"name 4"
        assert time.monotonic() - start < 5 * PATIENCE
        reader.join(60)
        assert not reader.is_alive(), "the read of the stopped planner's file hangs"
        assert outcome.get("value") == b"name 2" or "problem" in outcome
    finally:
        for pid in stopped:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
    still_serving()


def server_file(server):
    return exported(server) + "/sample.h5"


def exported(server):
    for argument in server.process.args:
        if argument.startswith("data="):
            return argument[5:]
    raise AssertionError(server.process.args)


def test_truncated_under_the_reader(server, folder, still_serving):
    """The file loses its second half while it is read: OSError, never invented data."""
    shutil.copy(folder / "sample.h5", folder / "shrinks.h5")
    reading = Reading(h5cap.File(server.url("data/shrinks.h5"))["entry/contiguous"])
    reading.start()
    assert wait_until(lambda: reading.good > 5)
    os.truncate(folder / "shrinks.h5", 100_000)
    reading.join(30)
    assert not reading.is_alive() and isinstance(reading.problem, OSError), repr(reading.problem)
    assert reading.wrong == 0
    still_serving()


def test_deleted_under_the_reader(server, folder, still_serving):
    """An open file that is deleted reads to its end, or says that it is gone; no wrong frame."""
    shutil.copy(folder / "sample.h5", folder / "goes.h5")
    reading = Reading(h5cap.File(server.url("data/goes.h5"))["entry/gzip"])
    reading.start()
    assert wait_until(lambda: reading.good > 5)
    os.unlink(folder / "goes.h5")
    time.sleep(0.5)
    reading.stop()
    assert reading.wrong == 0
    assert reading.problem is None or isinstance(reading.problem, OSError), repr(reading.problem)
    with pytest.raises(FileNotFoundError):
        h5cap.File(server.url("data/goes.h5"))
    still_serving()


@pytest.mark.skipif(not shutil.which("strace"), reason="strace injects the disk error, and is not installed")
def test_disk_error(folder, sample):
    """Reads that fail with EIO, injected into the front's own system calls: OSError, then service as before."""
    (folder / "sample.h5").write_bytes(sample.read_bytes())
    with Server({"data": str(folder)}) as server:
        with h5cap.File(server.url("data/sample.h5")) as file:
            data = file["entry/gzip"]
            np.testing.assert_array_equal(data[0], frame(0))
            calls = "pread64,preadv,preadv2"
            tracer = subprocess.Popen(["strace", "-f", "-q", "-o", str(folder / "trace"), "-p", str(server.pid), "-e",
                                       f"trace={calls}",
                                       "-e", f"inject={calls}:error=EIO"], stderr=subprocess.PIPE, text=True)
            try:
                if not wait_until(lambda: traced(server.pid), 5):
                    pytest.skip("strace may not attach here")
                with pytest.raises(OSError) as caught:
                    for i in range(100, 120):
                        data[i]
                assert not isinstance(caught.value, ConnectionError)
            finally:
                tracer.terminate()
                tracer.wait(10)
            assert server.alive()
            assert "EIO" in (folder / "trace").read_text(), "nothing was injected"
            assert wait_until(lambda: not traced(server.pid), 5)
            np.testing.assert_array_equal(h5cap.read(server.url("data/sample.h5"), "/entry/gzip", (130,)), frame(130))


def traced(pid):
    with open(f"/proc/{pid}/status") as lines:
        return any(line.startswith("TracerPid:") and line.split()[1] != "0" for line in lines)


def test_sigterm_drains(folder, sample):
    (folder / "sample.h5").write_bytes(sample.read_bytes())
    server = Server({"data": str(folder)})
    try:
        with h5cap.File(server.url("data/sample.h5")) as file:
            assert file["entry/title"][()] == b"a title"
        everyone = server.pids()
        server.process.terminate()
        assert server.process.wait(10 * PATIENCE) == 0
        assert not os.path.exists(server.socket)
        assert wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in everyone),
                          5), "a planner outlives the server"
    finally:
        server.stop()


def test_negative_control_of_the_reader(server, folder):
    """`Reading` does see wrong data: a file that is overwritten in place with other frames, reopened, is counted as
    wrong."""
    from support import oracle
    oracle.run("""
        import sys, h5py
        with h5py.File(sys.argv[1], "r+") as file:
            file["entry/contiguous"][...] = 1
    """, folder / "sample.h5")
    time.sleep(0.1)
    reading = Reading(h5cap.File(server.url("data/sample.h5"))["entry/contiguous"])
    reading.start()
    assert wait_until(lambda: reading.wrong > 3)
    reading.stop()
