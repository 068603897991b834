"""The n-th call of a system function fails, stalls or does less than it was asked to, for every n until nothing happens
any more: what is read meanwhile is right or a typed error, afterwards everything is right, the server lives, and no
descriptor or process is left over.  A library that is loaded first does it, and says that it did.

Not covered: two faults at once, calls within system libraries, and lies that no kernel tells (that a socket which can
be written would block).
"""

import collections
import errno
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import pytest
from support import results
from support.nth_call import FAIL, SHORTEN, STALL, NthCall
from support.served import IS_SANITIZED, PATIENCE, ROOT, Server, client_python, wait_until
from support.session import ALL_RIGHT, session, write_folder

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="system calls that fail are made with cc")

BYSTANDER_WITHIN = 2.0 * PATIENCE


class Scene:
    """A server whose system calls fail, and folders that nobody has read from."""

    def __init__(self, root, calls, *options):
        self.root, self.calls, self.folders = root, calls, 0
        self.server = Server({"data": str(root)}, options=["--idle", "1", *options], environment=calls.environment)
        write_folder(root / "bystander")
        write_folder(root / "original")
        self.read_bystander()

    def read_bystander(self):
        assert session(self.server.url(), "data/bystander") == ALL_RIGHT

    def read_new(self):
        """A session on a folder that nobody has read from."""
        self.folders += 1
        folder = f"f{self.folders}"
        shutil.copytree(self.root / "original", self.root / folder)
        return session(self.server.url(), "data/" + folder)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.server.pid}/fd"))

    def __enter__(self):
        self.server.__enter__()
        self.before = self.descriptors()
        return self

    def __exit__(self, kind, *details):
        self.calls.forget()
        try:
            if kind is None:
                self.check_at_the_end()
        finally:
            self.server.__exit__(kind, *details)

    def check_alive(self):
        assert self.server.alive(), "".join(self.server.output[-20:])

    def check_at_the_end(self):
        self.check_alive()
        assert self.read_new() == ALL_RIGHT
        assert wait_until(lambda: self.descriptors() <= self.before + 2), f"{self.before} -> {self.descriptors()}"
        assert self.server.stop() == 0


@pytest.fixture
def calls():
    with NthCall() as made:
        yield made


@pytest.fixture
def root(tmp_path):
    made = tmp_path / "data"
    made.mkdir()
    return made


FRONT, PLANNER = "h5capd", "h5cap-planner"
# Function, in which program, how, with which error, called from where.
FAULTS = {
    "pread fails": ("pread", FRONT, FAIL, errno.EIO),
    "pread is short": ("pread", FRONT, SHORTEN),
    "pread is interrupted": ("pread", FRONT, FAIL, errno.EINTR),
    "pread of a planner fails": ("pread", PLANNER, FAIL, errno.EIO),
    "pread of a planner is short": ("pread", PLANNER, SHORTEN),
    "fstat fails": ("fstat", FRONT, FAIL, errno.EIO),
    "fstat says that the file is stale": ("fstat", FRONT, FAIL, errno.ESTALE),
    "fstatat fails": ("fstatat", FRONT, FAIL, errno.EIO),
    "openat2 fails": ("openat2", FRONT, FAIL, errno.EIO),
    "openat2 finds no descriptor": ("openat2", FRONT, FAIL, errno.EMFILE),
    "openat2 has to be repeated": ("openat2", FRONT, FAIL, errno.EAGAIN),
    "open fails": ("open", FRONT, FAIL, errno.EMFILE),
    "fork of a planner fails": ("fork", PLANNER, FAIL, errno.EAGAIN),
    "send fails": ("send", FRONT, FAIL, errno.ECONNRESET),
    "send is short": ("send", FRONT, SHORTEN),
    "send of a planner fails": ("send", PLANNER, FAIL, errno.EPIPE),
}
# Calls that this release does not make: a trial says so, and the first one that is made is tried.
UNUSED = {
    "preadv2 fails": ("preadv2", FRONT, FAIL, errno.EIO),
    "statx fails": ("statx", FRONT, FAIL, errno.EIO),
    "mmap fails": ("mmap", FRONT, FAIL, errno.ENOMEM),
    "mmap of a planner fails": ("mmap", PLANNER, FAIL, errno.ENOMEM),
}


def each_in_turn(scene, fault, prepare=lambda: None):
    """The outcomes of a session for each call that fails."""
    outcomes, trials = collections.Counter(), 0
    for trials in scene.calls.trials(*fault):
        prepare()
        outcomes += scene.read_new()
        scene.check_alive()
        scene.calls.forget()
        scene.read_bystander()
    results.record("the n-th call fails", trials, 0, call=fault[0], program=fault[1])
    return outcomes, trials - 1


@pytest.mark.parametrize("fault", FAULTS)
def test_it_fails(calls, root, fault):
    with Scene(root, calls) as scene:
        outcomes, fired = each_in_turn(scene, FAULTS[fault])
        print(fault, fired, dict(outcomes))
        assert fired > 0


@pytest.mark.parametrize("fault", UNUSED)
def test_it_would_fail(calls, root, fault):
    with Scene(root, calls) as scene:
        each_in_turn(scene, UNUSED[fault])


@pytest.mark.parametrize("call", ["fork", "open", "send"])
def test_starting_the_zygote_again_fails(calls, root, call):
    with Scene(root, calls) as scene:
        def kill_zygote():
            for pid in scene.server.pids()[1:]:
                os.kill(pid, signal.SIGKILL)

        outcomes, fired = each_in_turn(scene, (call, FRONT, FAIL, errno.EAGAIN if call == "fork" else errno.EPIPE),
                                       kill_zygote)
        print(call, fired, dict(outcomes))
        assert fired > 0


@pytest.mark.parametrize("call, program", [("pread", FRONT), ("fstat", FRONT), ("openat2", FRONT), ("fstatat", FRONT),
                                           ("fork", PLANNER), ("pread", PLANNER)])
def test_it_stalls(calls, root, call, program):
    """Nobody else notices, and whoever waits gets it in the end."""
    with Scene(root, calls, "--lane", "always") as scene:
        fired = 0
        for _ in calls.trials(call, program, STALL):
            outcome = []
            reader = threading.Thread(target=lambda: outcome.append(scene.read_new()))
            reader.start()
            assert wait_until(lambda: calls.stalled or outcome, 20)
            if calls.stalled:
                fired += 1
                begun = time.monotonic()
                scene.read_bystander()
                assert time.monotonic() - begun < BYSTANDER_WITHIN
            calls.forget()
            reader.join()
            assert outcome == [ALL_RIGHT]
        assert fired > 0


class Client:
    """A process that reads with a cache on disk, and whose calls fail."""

    WORKER = "import json, sys; from support.session import session\n" \
             "for line in sys.stdin: print(json.dumps(session(*line.split())), flush=True)"

    def __init__(self, calls, cache):
        environment = {**os.environ, **calls.environment, "H5CAP_CACHE": str(cache),
                       "PYTHONPATH": os.pathsep.join([os.path.join(ROOT, "tests"), os.environ.get("PYTHONPATH", "")])}
        self.process = subprocess.Popen([client_python(), "-c", self.WORKER], env=environment, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def session(self, server, folder):
        self.process.stdin.write(f"{server} {folder}\n")
        self.process.stdin.flush()
        return collections.Counter(json.loads(self.process.stdout.readline()))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(20 * PATIENCE)
        self.process.stdout.close()


OURS = "_h5cap"  # the extension's file
CLIENT_FAULTS = {
    "write to the cache fails": ("write", FAIL, errno.ENOSPC, OURS),
    "write to the cache is short": ("write", SHORTEN, 0, OURS),
    "open of the cache fails": ("open", FAIL, errno.EMFILE, OURS),
    "fstat of the cache fails": ("fstat", FAIL, errno.EIO, OURS),
    "send fails": ("send", FAIL, errno.ECONNRESET, ""),
    "send is short": ("send", SHORTEN, 0, ""),
}


def marked(fault):
    who_calls = pytest.mark.skipif(IS_SANITIZED, reason="write() is called through the sanitizer, whoever calls it")
    return pytest.param(fault, marks=who_calls) if CLIENT_FAULTS[fault][0] == "write" else fault


@pytest.mark.parametrize("fault", [marked(fault) for fault in CLIENT_FAULTS])
def test_it_fails_in_a_client(calls, root, tmp_path, fault):
    call, way, error, caller = CLIENT_FAULTS[fault]
    write_folder(root / "original")
    with Server({"data": str(root)}) as served, Client(calls, tmp_path / "cache") as client:
        client.session(served.url(), "data/original")
        before, outcomes, trials = client.descriptors(), collections.Counter(), 0
        for trials in calls.trials(call, os.path.basename(client_python()), way, error, caller):
            shutil.copytree(root / "original", root / f"f{trials}")
            for _ in range(2):  # what is kept, too
                outcomes += client.session(served.url(), f"data/f{trials}")
            calls.forget()
            assert client.session(served.url(), f"data/f{trials}") == ALL_RIGHT
        print(fault, trials, dict(outcomes))
        assert trials > 1
        assert client.descriptors() <= before + 2
