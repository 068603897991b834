"""Stored bytes of files through the native module: any range, of one version.  What fsspec and `h5cap get` make of them
is tested with those."""

import os
import random

import pytest

import h5cap
from h5cap import _h5cap
from support.served import Server

SIZE = 5_300_000  # several replies, the last one short


def native(url, timeout=30.0):
    return _h5cap.open_url(url, 0, timeout, "")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A served HDF5 file of SIZE bytes, and its content."""
    import h5py
    import numpy as np

    folder = tmp_path_factory.mktemp("raw")
    with h5py.File(folder / "large.h5", "w", libver=("earliest", "v110")) as file:
        file["noise"] = np.random.default_rng(1).integers(0, 256, SIZE - 10_000, dtype="u1")
    with open(folder / "large.h5", "ab") as tail:
        tail.write(b"\0" * (SIZE - tail.tell()))
    with Server({"raw": str(folder)}) as server:
        yield server.url("raw/large.h5"), (folder / "large.h5").read_bytes()


def test_any_range_is_what_is_stored(large):
    url, content = large
    file = native(url)
    rng = random.Random(5)
    ranges = [(0, SIZE), (0, 1), (SIZE - 1, 1), (SIZE - 1, 100), (SIZE, 10), (SIZE + 7, 10), (3, 0), (0, 10 * SIZE),
              (2**62, 5)]
    ranges += [(rng.randrange(SIZE), rng.randrange(1, 3_000_000)) for _ in range(60)]
    for offset, count in ranges:
        data, version = file.read_bytes(offset, count)
        assert data == content[offset:offset + count], (offset, count)
        assert version == file.read_bytes(0, 1)[1]


def test_a_buffer_is_filled_as_far_as_the_file_goes(large):
    url, content = large
    target = bytearray(b"x" * 2_000_000)
    count, _ = native(url).read_bytes_into(SIZE - 1_500_000, memoryview(target))
    assert count == 1_500_000
    assert target == content[-1_500_000:] + b"x" * 500_000


def test_an_offset_that_overflows_is_refused(large):
    with pytest.raises((IndexError, ValueError, OverflowError)):
        native(large[0]).read_bytes_into(2**64 - 5, memoryview(bytearray(100)))


def test_one_window_is_one_round_trip(large):
    url, _ = large
    session = h5cap.connect(url)
    file = native(url)
    file.wait()
    before = session.traffic()["round_trips"]
    file.read_bytes_into(0, memoryview(bytearray(SIZE)))
    assert session.traffic()["round_trips"] - before == 1


def test_after_a_change_it_is_the_new_content_with_a_new_version(tmp_path):
    import h5py

    path = tmp_path / "f.h5"
    with h5py.File(path, "w") as file:
        file["x"] = list(range(1000))
    with Server({"d": str(tmp_path)}) as server:
        file = native(server.url("d/f.h5"))
        first, version = file.read_bytes(0, 1 << 20)
        assert first == path.read_bytes()
        with open(path, "r+b") as change:  # in place
            change.seek(-8, os.SEEK_END)
            change.write(b"changed!")
        second, later = file.read_bytes(0, 1 << 20)
        assert second == path.read_bytes() != first
        assert later != version


def test_a_version_that_is_not_there_is_refused(url):
    file = native(url("tree.h5"))
    version = file.wait()["version"]
    assert file.read_bytes(0, 8, if_version=version) == file.read_bytes(0, 8)
    with pytest.raises(h5cap.Changed):
        file.read_bytes(0, 8, if_version=bytes(len(version)))


@pytest.mark.parametrize("most", [1, 1000, 1 << 30])
def test_a_server_may_send_less_than_is_asked_for(most, folder):
    """The rest is asked for; only the end of the file ends what comes."""
    whole = (folder / "tree.h5").read_bytes()
    with Server({"data": str(folder)}, options=["--reply-bytes", str(most)]) as server:
        file = native(server.url("data/tree.h5"))
        count = 3000 if most == 1 else len(whole)
        assert file.read_bytes(0, count)[0] == whole[:count]
        assert file.read_bytes(len(whole) - 50, 100)[0] == whole[-50:]
        assert h5cap.File(server.url("data/tree.h5")).keys()
