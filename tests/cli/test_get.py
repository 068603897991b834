"""`h5cap get`: the very bytes, checksummed; interrupted and taken up again; a file that changed begins anew; pipelined.
Figures are printed (pytest -s).  Not covered: the look of the progress bar."""

import hashlib
import os
import shutil
import signal
import subprocess
import time

import h5py
import numpy as np
import pytest
from support.proxy import Proxy
from support.served import Server, program

SIZE = 40_000_000


def write(path, seed):
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        file["noise"] = np.random.default_rng(seed).integers(0, 256, SIZE, dtype="u1")


@pytest.fixture
def served(tmp_path):
    (tmp_path / "d").mkdir()
    write(tmp_path / "d" / "f.h5", 1)
    with Server({"d": str(tmp_path / "d")}, tcp=True) as server:
        yield server, tmp_path / "d" / "f.h5"


def get(url, folder, *more, **options):
    return subprocess.run([program("h5cap"), "get", url, *more], cwd=folder, capture_output=True, text=True,
                          timeout=120, **options)


def test_the_bytes_and_their_checksum(served, tmp_path):
    server, path = served
    done = get(server.url("d/f.h5"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "f.h5").read_bytes() == path.read_bytes()
    assert done.stdout == f"{hashlib.sha256(path.read_bytes()).hexdigest()}  f.h5\n"
    assert subprocess.run(["sha256sum", "-c"], input=done.stdout, cwd=tmp_path, text=True).returncode == 0
    assert sorted(name for name in os.listdir(tmp_path) if "part" in name) == []
    assert get(server.url("d/f.h5"), tmp_path, "-o", str(tmp_path / "other")).returncode == 0
    assert (tmp_path / "other").read_bytes() == path.read_bytes()


def interrupted(server, tmp_path, sig=signal.SIGINT):
    """Ends a run when some of the file is there; returns how much."""
    with Proxy(("127.0.0.1", server.port), delay_ms=20) as proxy:
        run = subprocess.Popen([program("h5cap"), "get", proxy.url("d/f.h5"), "-o", "f.h5"], cwd=tmp_path,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        part = tmp_path / "f.h5.part"
        end = time.monotonic() + 60
        while time.monotonic() < end and not (part.exists() and part.stat().st_size > 0):
            time.sleep(0.001)
        run.send_signal(sig)
        run.communicate(timeout=30)
    assert part.exists() and not (tmp_path / "f.h5").exists()
    return part.stat().st_size


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_is_taken_up_again(served, tmp_path, sig):
    server, path = served
    there = interrupted(server, tmp_path, sig)
    assert 0 < there < path.stat().st_size
    with Proxy(("127.0.0.1", server.port)) as proxy:
        done = get(proxy.url("d/f.h5"), tmp_path)
        assert done.returncode == 0, done.stderr
        received = proxy.down
    print(f"{there:,} bytes were there, {received:,} came of {path.stat().st_size:,}")
    assert received < path.stat().st_size - there + 500_000
    assert (tmp_path / "f.h5").read_bytes() == path.read_bytes()
    assert done.stdout.split()[0] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_part_of_another_version_begins_anew(served, tmp_path):
    server, path = served
    interrupted(server, tmp_path)
    write(path, 2)
    done = get(server.url("d/f.h5"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "f.h5").read_bytes() == path.read_bytes()
    assert done.stdout.split()[0] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_part_that_is_not_the_files_begins_anew(served, tmp_path):
    server, path = served
    there = interrupted(server, tmp_path)
    (tmp_path / "f.h5.part").write_bytes(b"\0" * there)
    assert get(server.url("d/f.h5"), tmp_path).returncode == 0
    assert (tmp_path / "f.h5").read_bytes() == path.read_bytes()


def test_links_that_break_are_no_matter(served, tmp_path):
    server, path = served
    with Proxy(("127.0.0.1", server.port), delay_ms=5) as proxy:
        run = subprocess.Popen([program("h5cap"), "get", proxy.url("d/f.h5"), "-o", "f.h5"], cwd=tmp_path,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        cuts = 0
        for share in (5, 3, 2):
            goal = SIZE // share
            end = time.monotonic() + 60
            while proxy.down < goal and run.poll() is None and time.monotonic() < end:
                time.sleep(0.0005)
            cuts += run.poll() is None
            proxy.cut()
        _, error = run.communicate(timeout=60)
    assert run.returncode == 0, error
    assert cuts > 0
    assert (tmp_path / "f.h5").read_bytes() == path.read_bytes()


def test_what_is_no_file_is_refused(served, tmp_path):
    server, _ = served
    assert get(server.url("d/absent.h5"), tmp_path).returncode == 1
    assert get(server.url("d/"), tmp_path).returncode == 2
    assert get(server.url("d/f.h5") + "?path=/noise", tmp_path).returncode == 2
    assert "part" not in " ".join(os.listdir(tmp_path))


def test_throughput_beside_cp(served, tmp_path):
    server, path = served
    before = time.monotonic()
    assert get(server.url("d/f.h5"), tmp_path).returncode == 0
    took = time.monotonic() - before
    before = time.monotonic()
    shutil.copy(path, tmp_path / "copy")
    with open(tmp_path / "copy", "rb") as copy:
        hashlib.sha256(copy.read())
        os.fsync(copy.fileno())
    by_copy = time.monotonic() - before
    print(f"get {SIZE / took / 1e6:.0f} MB/s, cp with fsync and SHA-256 {SIZE / by_copy / 1e6:.0f} MB/s")
