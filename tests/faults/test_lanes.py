"""Storage that hangs stops its own files, and nothing else: another export, another device within one, whoever gives up
waiting, and the end of the server.  A library that is loaded first makes calls hang in folders of a name, and gives
those a device of their own.  Not covered: kernels that do not let go of a process that was killed."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from support import oracle
from support.raw_rpc import RawPeer
from support.served import PATIENCE, Server, preloaded, program, wait_until

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="storage that hangs is made with cc")

ENDS_WITHIN = 10.0 * PATIENCE
CANCELS_WITHIN = 1.0 * PATIENCE  # beyond its own timeout
THREADS = 2
READERS = 4 * THREADS
IDLE = 5  # seconds until a file that nobody uses is closed

# `$HANG` names a folder: a file in it called `pread`, `fstat`, `open` or `close` makes that call hang where the path
# has a component `hung`, until the file goes; who waits is noted there.  Such files lie on a device of their own.
HANG = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name, ...) static __VA_ARGS__; if (!real) real = dlsym(RTLD_NEXT, name)

static int lies_there(const char* path) {
  const char* at = strstr(path, "/hung");
  return at && (at[5] == '/' || at[5] == 0);
}

static int is_there(int file, const char* below) {
  char link[64], path[8192];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, 4000);
  if (length < 0) length = 0;
  path[length] = 0;
  if (below) { strcat(path, "/"); strncat(path, below, 4000); }
  return lies_there(path);
}

static int is_set(const char* call, char* flag) {
  const char* folder = getenv("HANG");
  if (!folder) return 0;
  snprintf(flag, 4096, "%s/%s", folder, call);
  REAL("access", int (*real)(const char*, int));
  return real(flag, F_OK) == 0;
}

static void hang(const char* call) {
  char flag[4096], note[4200];
  int is_noted = 0;
  while (is_set(call, flag)) {
    if (!is_noted) {
      snprintf(note, sizeof note, "%s-%d-%ld", flag, getpid(), syscall(SYS_gettid));
      int made = syscall(SYS_openat, AT_FDCWD, note, O_CREAT | O_WRONLY, 0600);
      if (made >= 0) syscall(SYS_close, made);
      is_noted = 1;
    }
    usleep(20000);
  }
}

ssize_t pread(int file, void* to, size_t size, off_t offset) {
  REAL("pread", ssize_t (*real)(int, void*, size_t, off_t));
  if (is_there(file, 0)) hang("pread");
  return real(file, to, size, offset);
}
ssize_t pread64(int file, void* to, size_t size, off_t offset) { return pread(file, to, size, offset); }
ssize_t preadv(int file, const struct iovec* to, int count, off_t offset) {
  REAL("preadv", ssize_t (*real)(int, const struct iovec*, int, off_t));
  if (is_there(file, 0)) hang("pread");
  return real(file, to, count, offset);
}
ssize_t preadv64(int file, const struct iovec* to, int count, off_t offset) { return preadv(file, to, count, offset); }

static int examine(int file, struct stat* status) {
  REAL("fstat", int (*real)(int, struct stat*));
  const int is_hung = is_there(file, 0);
  if (is_hung) hang("fstat");
  const int result = real(file, status);
  if (is_hung && result == 0) status->st_dev += 1000;
  return result;
}
int fstat(int file, struct stat* status) { return examine(file, status); }
int fstat64(int file, struct stat64* status) { return examine(file, (struct stat*)status); }

int close(int file) {
  if (is_there(file, 0)) hang("close");
  return syscall(SYS_close, file);
}

static int opens(int folder, const char* path) { return path[0] == '/' ? lies_there(path) : is_there(folder, path); }

long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a[6];
  for (int i = 0; i < 6; ++i) a[i] = va_arg(list, long);
  va_end(list);
  REAL("syscall", long (*real)(long, ...));
  if (number == 437 && opens((int)a[0], (const char*)a[1])) hang("open");
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    (folder / "hang.c").write_text(HANG)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", folder / "hang.so", folder / "hang.c", "-ldl"], check=True)
    return folder / "hang.so"


READ_ONE = """
import sys, h5cap
url, dataset, *index = sys.argv[1:]
print(h5cap.File(url, timeout=60)[dataset][tuple(map(int, index))])
"""


class Hanging:
    """A server of `data`, in which `hung` lies on another device, and of `other`, all with the same files."""

    def __init__(self, tmp_path, library):
        self.flags = tmp_path / "flags"
        self.flags.mkdir()
        self.folders = {"data": tmp_path / "data", "other": tmp_path / "other"}
        oracle.run("import sys, h5py, numpy\nwith h5py.File(sys.argv[1], 'w') as f:\n"
                   " f['x'] = numpy.arange(100_000)\n"
                   " f.create_dataset('z', data=numpy.arange(100_000), chunks=(1000,), compression='gzip')\n",
                   tmp_path / "a.h5")
        for folder in (self.folders["data"], self.folders["data"] / "hung" / "deep", self.folders["data"] / "hung",
                       self.folders["data"] / "good", self.folders["other"]):
            folder.mkdir(parents=True, exist_ok=True)
            for name in ("a.h5", *(f"{k}.h5" for k in range(READERS))):
                shutil.copy(tmp_path / "a.h5", folder / name)
        self.server = Server({name: str(path) for name, path in self.folders.items()},
                             tcp=True,
                             options=["--lane", "always", "--threads", str(THREADS), "--settle", "0", "--idle",
                                      str(IDLE)],
                             environment={"LD_PRELOAD": preloaded(library), "HANG": str(self.flags)})
        self.clients = []

    def hang(self, call):
        (self.flags / call).touch()

    def let_go(self):
        for flag in list(self.flags.iterdir()):
            if "-" not in flag.name:
                flag.unlink()

    def waiting(self, call):
        """How many threads of the server hang in it, or did."""
        return len([name for name in os.listdir(self.flags) if name.startswith(f"{call}-{self.server.pid}-")])

    def read(self, path, where=slice(0, 3), dataset="x", timeout=20):
        import h5cap
        with h5cap.File(self.server.url(path), timeout=timeout) as file:
            return file[dataset][where]

    def check(self, path="data/a.h5", k=500):
        np.testing.assert_array_equal(self.read(path, slice(k, k + 3), "z"), np.arange(k, k + 3))
        np.testing.assert_array_equal(self.read(path, slice(k, k + 3)), np.arange(k, k + 3))

    def start(self, path, *index, dataset="x"):
        """A client of its own that reads one element."""
        command = [sys.executable, "-c", READ_ONE, self.server.url(path), dataset, *map(str, index or [0])]
        self.clients.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
        return self.clients[-1]

    def stop(self):
        for client in self.clients:
            client.kill()
            client.wait()
        self.let_go()
        self.server.stop()


@pytest.fixture
def hanging(tmp_path, library):
    running = Hanging(tmp_path, library)
    yield running
    running.stop()


def start_hung(hanging, call, paths=None):
    """Readers, more than there are threads, of which as many as may hang do."""
    hanging.hang(call)
    readers = [hanging.start(path, 1000 * k, dataset="z" if k % 2 else "x")
               for k, path in enumerate(paths or ["data/hung/a.h5"] * READERS)]
    assert wait_until(lambda: hanging.waiting(call) >= 2, 30), "nothing hangs"
    return readers


@pytest.mark.parametrize("call", ["pread", "fstat"])
def test_what_is_read_hangs(hanging, call):
    hanging.check("data/hung/a.h5")
    hanging.check("data/a.h5")
    readers = start_hung(hanging, call)
    time.sleep(1)
    for k in range(3):
        hanging.check("data/a.h5", 3000 + 5000 * k)
        hanging.check("other/a.h5", 3000 + 5000 * k)
        hanging.check(f"data/good/{k}.h5")
    assert all(reader.poll() is None for reader in readers)  # the negative control
    assert hanging.waiting(call) <= (THREADS + 1 if call == "pread" else 40)  # one more for small work
    hanging.let_go()
    for k, reader in enumerate(readers):
        assert reader.communicate(timeout=30)[0].split() == [str(1000 * k)]
    hanging.check("data/hung/a.h5", 7)


@pytest.mark.parametrize("is_known", [False, True], ids=["unknown", "known"])
def test_opening_hangs(hanging, is_known):
    """As many files, in two folders, as threads are given up and more; whether the folders were ever asked before."""
    hanging.check("data/a.h5")
    if is_known:
        hanging.check("data/hung/a.h5")
        hanging.check("data/hung/deep/a.h5")
    paths = [f"data/hung/{folder}{k}.h5" for folder in ("", "deep/") for k in range(READERS)]
    readers = start_hung(hanging, "open", paths)
    before = time.monotonic()
    hanging.check("data/a.h5")
    hanging.check("data/1.h5")
    hanging.check("data/good/2.h5")  # a folder that nobody has opened anything of before
    hanging.check("other/1.h5")
    print(f"six reads after {time.monotonic() - before:.2f} s; {hanging.waiting('open')} threads hung")
    time.sleep(1.5)
    hanging.check("data/good/3.h5")
    assert all(reader.poll() is None for reader in readers)
    hanging.let_go()
    for k, reader in enumerate(readers):
        assert reader.communicate(timeout=30)[0].split() == [str(1000 * k)]


def test_listing_hangs(hanging):
    """More listings of one folder than threads are given up for all."""
    hanging.check("data/a.h5")
    hanging.hang("open")
    ask = [program("h5cap"), "ls"]
    for _ in range(40):
        command = [*ask, hanging.server.url("data/hung")]
        hanging.clients.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
    assert wait_until(lambda: hanging.waiting("open") >= 2, 20), "nothing hangs"
    time.sleep(1.5)
    hanging.check("data/a.h5", 77)
    hanging.check("data/good/4.h5")
    listed = subprocess.run([*ask, hanging.server.url("data/good")], capture_output=True, text=True, timeout=20)
    assert "4.h5" in listed.stdout
    assert all(client.poll() is None for client in hanging.clients)
    hanging.let_go()
    assert all(client.wait(20) == 0 for client in hanging.clients)


def test_readers_that_give_up(hanging):
    hanging.check("data/hung/a.h5")
    hanging.hang("pread")
    for k in range(2 * THREADS):
        before = time.monotonic()
        with pytest.raises(TimeoutError):
            hanging.read("data/hung/a.h5", slice(k, k + 2), timeout=1.0)
        assert time.monotonic() - before < 1.0 + CANCELS_WITHIN
    hanging.check("data/a.h5", 42)
    hanging.let_go()
    hanging.check("data/hung/a.h5", 42)  # its threads are free again


@pytest.mark.parametrize("call", ["pread", "fstat", "open", "close"])
def test_the_end_while_storage_hangs(hanging, call):
    hanging.check("data/hung/a.h5")
    if call == "close":
        hanging.hang("close")
        assert wait_until(lambda: hanging.waiting("close") == 1, IDLE + 5), "nothing hangs"
        hanging.check("data/a.h5", 7)
    else:
        start_hung(hanging, call)
    time.sleep(0.5)
    before = time.monotonic()
    hanging.server.process.terminate()
    hanging.server.process.wait(ENDS_WITHIN)
    print(f"{call}: ended after {time.monotonic() - before:.1f} s")
    assert hanging.server.process.returncode == 0


def test_the_end_while_a_planner_hangs(hanging):
    """Planners cannot be shown the library's flags: they are stopped, which looks the same from outside."""
    hanging.read("data/hung/a.h5", dataset="x")
    planners = hanging.server.planners()
    assert planners
    for planner in planners:
        os.kill(planner, signal.SIGSTOP)
    reader = hanging.start("data/hung/a.h5", dataset="z")
    time.sleep(2)
    hanging.check("data/a.h5", 3)
    assert reader.poll() is None
    hanging.server.process.terminate()
    hanging.server.process.wait(ENDS_WITHIN)
    assert wait_until(lambda: not any(os.path.exists(f"/proc/{planner}") for planner in planners), 5)


LARGE = """
import sys, zlib, h5py
with h5py.File(sys.argv[1], "w") as file:
    data = file.create_dataset("large", shape=(2, 260 << 20), dtype="u1", chunks=(1, 260 << 20), compression="gzip")
    chunk = zlib.compress(bytes(260 << 20), 1)
    for i in range(2):
        data.id.write_direct_chunk((i, 0), chunk)
"""


def test_memory_for_decoding_is_not_held_while_storage_hangs(hanging):
    """Two chunks that take more than all of it together, each read by a thread that hangs."""
    oracle.run(LARGE, hanging.folders["data"] / "hung" / "large.h5")
    assert hanging.read("data/hung/large.h5", (0, 5), "large") == 0
    hanging.hang("pread")
    readers = [hanging.start("data/hung/large.h5", index, 5, dataset="large") for index in range(2)]
    assert wait_until(lambda: hanging.waiting("pread") == 2, 20), "nothing hangs"
    hanging.check("data/a.h5", 31_000)
    assert all(reader.poll() is None for reader in readers)


def test_many_side_by_side(hanging):
    """Threads of one client, on one connection, while others hang on it."""
    hanging.check("data/hung/a.h5")
    start_hung(hanging, "pread", ["data/hung/a.h5"] * THREADS)
    problems = []

    def reads(k):
        try:
            hanging.check("data/a.h5", 100 * k)
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=reads, args=(k,)) for k in range(8)]
    [thread.start() for thread in threads]
    [thread.join(30) for thread in threads]
    assert not problems


def test_reads_that_hang_let_others_of_their_connection_pass(hanging):
    """More of them than a connection has turns for, and than replies have room."""
    with RawPeer(hanging.server.port) as peer:
        hung, good = (peer.open(peer.open_file(path), "/x") for path in ("data/hung/a.h5", "data/a.h5"))
        first = [peer.read(node, (), 4 << 20) for node in (hung, good)]
        peer.flush()
        assert {question for question, _ in peer.returns(first[-1] + 1)} >= set(first)
        hanging.hang("pread")
        waiting = [peer.read(hung, (), 4 << 20) for _ in range(24)]
        peer.flush()
        assert wait_until(lambda: hanging.waiting("pread") >= 2, 20), "nothing hangs"
        passing = peer.read(good, (), 4 << 20)
        peer.flush()
        peer.socket.settimeout(15)
        assert list(peer.returns(1)) == [(passing, None)]  # and none that hangs: the negative control
        hanging.let_go()
        assert dict(peer.returns(len(waiting))) == dict.fromkeys(waiting)
