"""The folder of the disk cache: files of others in it stay, and a folder of theirs is refused.  What it keeps:
test_disk_cache.py; each way to be somebody else's: tests/cpp/client/cache-folder-test.cc."""

import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from support.served import Server

READ = """
import sys, h5cap
for name in sys.argv[2:]:
    with h5cap.File(sys.argv[1] + name) as file:
        file["x"].shape
        assert file["x"][...].sum() > 0
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    for i in range(4):
        with h5py.File(folder / f"{i}.h5", "w") as file:
            file["x"] = np.random.default_rng(i).integers(1, 255, 300_000, "u1")
    with Server({"d": str(folder)}) as server:
        yield server


def read(server, cache, *names):
    return subprocess.run([sys.executable, "-c", READ, server.url("d/"), *names], capture_output=True, text=True,
                          env={**os.environ, "H5CAP_CACHE": f"{cache}:2M"}, timeout=120)


def files(folder):
    return {os.path.relpath(os.path.join(at, name), folder): os.path.getsize(os.path.join(at, name))
            for at, _, names in os.walk(folder) for name in names}


def test_a_folder_of_somebody_elses_is_refused_and_left(served, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x" * 3_000_000)
    (tmp_path / "notes.txt").write_text("mine")
    before = files(tmp_path)
    done = read(served, tmp_path, "0.h5")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "FileProblem" in last and str(tmp_path) in last and "H5CAP_CACHE" in last
    assert files(tmp_path) == before


def test_what_is_put_beside_a_cache_stays(served, tmp_path):
    cache = tmp_path / "cache"
    assert read(served, cache, "0.h5").returncode == 0
    (cache / "mine").mkdir()
    (cache / "mine" / "a.jpg").write_bytes(b"x" * 3_000_000)
    mine = {"mine/a.jpg": 3_000_000}
    kept = files(cache)
    for _ in range(3):
        done = read(served, cache, *[f"{i}.h5" for i in range(4)])
        assert done.returncode == 0, done.stderr
    after = files(cache)
    assert mine.items() <= after.items()
    own = sum(size for name, size in after.items() if name not in mine)
    assert 500_000 < own <= 2 << 20  # it has the others' room, too
    assert len(kept) > 2
