"""`get` and `cat -o` write files that they make: nobody's link is followed, and nothing that was there and is no part
of theirs is written to."""

import os
import subprocess

import h5py
import numpy as np
import pytest

from support.served import Server, program

PRECIOUS = b"somebody's thesis\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("d")
    with h5py.File(folder / "f.h5", "w") as file:
        file["x"] = np.arange(1000)
    with Server({"d": str(folder)}) as server:
        yield server, (folder / "f.h5").read_bytes()


def get(server, folder, *more):
    return subprocess.run([program("h5cap"), "get", server.url("d/f.h5"), *more], cwd=folder, capture_output=True,
                          text=True, timeout=60)


@pytest.mark.parametrize("name", ["f.h5.part", "f.h5.part.version"])
@pytest.mark.parametrize("kind", ["symbolic", "dangling", "hard", "file", "fifo", "folder"])
def test_what_is_in_a_parts_place_is_left(served, tmp_path, name, kind):
    server, _ = served
    precious, place = tmp_path / "precious", tmp_path / "get" / name
    place.parent.mkdir()
    precious.write_bytes(PRECIOUS)
    {"symbolic": lambda: place.symlink_to(precious), "dangling": lambda: place.symlink_to(tmp_path / "new"),
     "hard": lambda: os.link(precious, place), "file": lambda: place.write_bytes(PRECIOUS),
     "fifo": lambda: os.mkfifo(place), "folder": place.mkdir}[kind]()
    done = get(server, place.parent)
    assert done.returncode == 1
    assert name in done.stderr and "remove it" in done.stderr
    assert precious.read_bytes() == PRECIOUS
    assert not (tmp_path / "new").exists() and not (place.parent / "f.h5").exists()
    if kind == "file":
        assert place.read_bytes() == PRECIOUS


def test_a_link_in_the_targets_place_is_replaced(served, tmp_path):
    server, content = served
    (tmp_path / "precious").write_bytes(PRECIOUS)
    (tmp_path / "f.h5").symlink_to(tmp_path / "precious")
    assert get(server, tmp_path).returncode == 0
    assert not (tmp_path / "f.h5").is_symlink() and (tmp_path / "f.h5").read_bytes() == content
    assert (tmp_path / "precious").read_bytes() == PRECIOUS


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of others")
def test_another_users_part_is_left(served, tmp_path):
    server, _ = served
    (tmp_path / "f.h5.part").write_bytes(b"")
    os.chown(tmp_path / "f.h5.part", 12345, 12345)
    assert get(server, tmp_path).returncode == 1


def test_an_empty_part_without_a_record_is_taken(served, tmp_path):
    """As a run leaves it that ended at once."""
    server, content = served
    (tmp_path / "f.h5.part").write_bytes(b"")
    done = get(server, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "f.h5").read_bytes() == content
    assert sorted(os.listdir(tmp_path)) == ["f.h5"]


@pytest.mark.parametrize("output", ["o.npy", "o.csv"])
def test_outputs_replace_links_and_follow_none(served, tmp_path, output):
    server, _ = served
    (tmp_path / "precious").write_bytes(PRECIOUS)
    (tmp_path / output).symlink_to(tmp_path / "precious")
    done = subprocess.run([program("h5cap"), "cat", server.url("d/f.h5"), "x", "-o", output], cwd=tmp_path, timeout=60)
    assert done.returncode == 0
    assert (tmp_path / "precious").read_bytes() == PRECIOUS
    assert not (tmp_path / output).is_symlink()
