"""An h5capd for tests: started on folders, watched from outside, stopped for sure.

    with Server({"data": folder}) as server:
        h5cap.File(server.url("data/scan.h5"))
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from support.sanitizers import before_others, runtime_of, sanitizer_reports, server_environment

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Every server of the tests sends replies of at most so many bytes; with $H5CAP_TILE_BYTES clients ask for such, too.
REPLY_BYTES = os.environ.get("H5CAP_TEST_REPLY_BYTES")


def program(name):
    """The path of one of our programs: below $H5CAP_BIN, or else of the newest build."""
    built = [os.path.join(ROOT, "build", preset, "bin") for preset in ("release", "dev", "asan", "tsan")]
    folders = [os.environ["H5CAP_BIN"]] if "H5CAP_BIN" in os.environ else built
    found = [p for p in (os.path.join(folder, name) for folder in folders) if os.access(p, os.X_OK)]
    if not found:
        raise FileNotFoundError(f"{name} is not built: looked in {', '.join(folders)}")
    return max(found, key=os.path.getmtime)


def is_sanitized():
    try:
        return runtime_of(program("h5capd")) is not None
    except FileNotFoundError:
        return False


IS_SANITIZED = is_sanitized()
# What all waiting is multiplied by.
PATIENCE = 6 if IS_SANITIZED else 1
START_SECONDS = 20 * PATIENCE
STOP_SECONDS = 10 * PATIENCE


def preloaded(library):
    """$LD_PRELOAD for our programs, with a library before all that is not a sanitizer's."""
    return before_others(library, program("h5capd"))


def client_python():
    """The interpreter that has h5cap: $H5CAP_PYTHON, this one, or the project's virtual environment."""
    if "H5CAP_PYTHON" in os.environ:
        return os.environ["H5CAP_PYTHON"]
    if "h5cap" in sys.modules:
        return sys.executable
    inside = os.path.join(ROOT, "build", "venv", "bin", "python")
    return inside if os.path.exists(inside) else sys.executable


def quoted(path):
    """A path as it stands in an address."""
    return urllib.parse.quote(path, safe="/")


def children(pid):
    """All processes below `pid`, itself included."""
    found, pending = [], [pid]
    while pending:
        one = pending.pop()
        found.append(one)
        try:
            for thread in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{thread}/children") as below:
                    pending += [int(word) for word in below.read().split()]
        except OSError:
            pass
    return found


def status_bytes(pid, key):
    """Bytes that /proc tells of a process.  The memory that sanitized ones take says nothing, as their allocator keeps
    what was freed: none, so that the tests that bound it are run for all else that they see."""
    if IS_SANITIZED and key == "VmRSS":
        return 0
    try:
        with open(f"/proc/{pid}/status") as lines:
            for line in lines:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return ticks / os.sysconf("SC_CLK_TCK")


def as_user(uid):
    """What to put before a command that root wants to run as somebody else."""
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]


class Server:
    """h5capd on {name: folder}.  Listens on a Unix socket, and with `tcp` also on a loopback port.

    With `uid`, for root only, it runs as that user, who is the only one that its socket is for.  `prefix`: what to put
    before the command, which has to become it.
    """

    def __init__(self, exports, tcp=False, options=(), environment=None, uid=None, prefix=()):
        self.folder = tempfile.mkdtemp(prefix="h5cap-test-")
        self.socket = os.path.join(self.folder, "s")
        self.addresses, self.output = [], []
        command = [program("h5capd"), *(f"{name}={folder}" for name, folder in exports.items()), "--socket",
                   self.socket]
        if REPLY_BYTES:
            command += ["--reply-bytes", REPLY_BYTES]
        if tcp:
            command += ["--listen", "127.0.0.1:0", "--insecure"]
        if uid is not None:
            os.chown(self.folder, uid, uid)
            command = [*as_user(uid), *command]
        self.process = subprocess.Popen([*prefix, *command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, errors="replace",
                                        env={**server_environment(), **(environment or {})})
        self.ready = threading.Event()
        self.wanted = 2 if tcp else 1
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if not self.ready.wait(START_SECONDS) or self.process.poll() is not None:
            self.stop()
            raise RuntimeError(f"h5capd did not start: {' '.join(command)}\n{''.join(self.output)}")

    def _read(self):
        for line in self.process.stdout:
            self.output.append(line)
            if line.startswith("listening on "):
                self.addresses.append(line.split(None, 2)[2].strip())
                if len(self.addresses) == self.wanted:
                    self.ready.set()
        self.ready.set()

    def url(self, path=""):
        return "h5cap+unix://" + urllib.parse.quote(self.socket, safe="") + "/" + quoted(path)

    @property
    def port(self):
        return int([a for a in self.addresses if a.startswith("h5cap+tcp://")][0].rstrip("/").rsplit(":", 1)[1])

    def tcp_url(self, path="", port=None):
        return f"h5cap+tcp://127.0.0.1:{port or self.port}/" + quoted(path)

    @property
    def pid(self):
        return self.process.pid

    def pids(self):
        return children(self.pid)

    def planners(self):
        """Planner processes that serve a file: forked from the zygote, so grandchildren of the front."""
        found = []
        for pid in self.pids()[1:]:
            try:
                with open(f"/proc/{pid}/stat") as stat:
                    parent = int(stat.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            if parent != self.pid:
                found.append(pid)
        return found

    def rss(self):
        return sum(status_bytes(pid, "VmRSS") for pid in self.pids())

    def front_rss(self):
        return status_bytes(self.pid, "VmRSS")

    def cpu(self):
        return cpu_seconds(self.pids())

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        """As a crash or the OOM killer would."""
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(STOP_SECONDS)

    def stop(self):
        """SIGTERM; returns the exit code.  What is still there after a while is killed."""
        everyone = self.pids()
        if self.alive():
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        for pid in everyone[::-1]:
            if pid != self.pid or self.alive():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        code = self.process.wait(STOP_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)
        return code

    def __enter__(self):
        return self

    def sanitizer_reports(self):
        """What sanitizers said about the front, its zygote and its planners, once it has stopped."""
        self.reader.join(STOP_SECONDS)
        return sanitizer_reports(self.output)

    def __exit__(self, *_):
        code = self.stop()
        reports = self.sanitizer_reports()
        assert not reports, f"{len(reports)} sanitizer reports, the first:\n{reports[0]}"
        assert code in (0, -signal.SIGKILL), f"h5capd ended with {code}:\n" + "".join(self.output[-20:])


def wait_until(condition, seconds=10.0, interval=0.02):
    """Polls; returns whether `condition` came true."""
    end = time.monotonic() + seconds * PATIENCE
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(interval)
    return bool(condition())
