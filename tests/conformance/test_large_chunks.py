"""Chunks above 4 GiB, which HDF5 2.0 brings with a layout message of its own: slices of them are right, or say what to
do; nobody's memory grows with them.  The files are sparse.

Not covered: writing such a chunk through filters, which takes its memory; a dataset of one such chunk, which HDF5 2.0.0
leaves unwritten without a word.
"""

import subprocess
import zlib

import h5cap
import numpy as np
import pytest
from support import planner
from support.served import Server, program, status_bytes

import h5py

pytestmark = pytest.mark.skipif(planner.library_version() < (2,), reason="too new for the planner's libhdf5")

LONG = 2**32 + 2**30
MARKS = {0: 1, 17: 2, 2**32 - 1: 3, 2**32: 4, 2**32 + 1: 5, LONG - 1: 6}  # where elements were written, and which
FILL = 7
MEMORY = 400 << 20
PIECE = 64 << 20


def compressed_zeros():
    """A whole chunk as gzip has it, without compressing all of it: pieces that stand alone follow each other."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(bytes(PIECE)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + piece * (LONG // PIECE) + b"\x03\x00" + ((LONG % 65521) << 16 | 1).to_bytes(4, "big")


def write(path):
    with h5py.File(path, "w", libver="latest") as file:
        options = dict(dtype="u1", fillvalue=FILL)
        file.create_dataset("never written", (LONG,), chunks=(LONG,), **options)
        for name, shape, chunk in ("one", (2 * LONG,), (LONG,)), ("rows", (3, LONG), (1, LONG)):
            made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            made.set_chunk(chunk)
            made.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            dataset = h5py.h5d.create(file.id, name.encode(), h5py.h5t.STD_U8LE, h5py.h5s.create_simple(shape), made)
            for at, value in MARKS.items():
                h5py.Dataset(dataset)[at if name == "one" else (1, at)] = value
        file.create_dataset("gzip", (2, LONG), chunks=(1, LONG), maxshape=(None, LONG), compression="gzip", **options)
        file["gzip"].id.write_direct_chunk((0, 0), compressed_zeros())
        file["small"] = np.arange(10)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    write(folder / "large.h5")
    with Server({"files": str(folder)}) as server:
        yield server
        assert server.alive()


@pytest.fixture
def file(served):
    with h5cap.File(served.url("files/large.h5")) as file:
        yield file


def test_facts(file):
    assert file["one"].chunks == (LONG,) and file["rows"].chunks == file["gzip"].chunks == (1, LONG)
    assert file["gzip"].compression == "gzip" and file["gzip"].fillvalue == FILL


def test_what_was_never_written_is_fill(file):
    for start in 0, 2**32 - 5, LONG - 10:
        assert list(file["never written"][start:start + 10]) == [FILL] * 10
        assert list(file["gzip"][1, start:start + 10]) == [FILL] * 10
    assert list(file["never written"][[5, 2**32 + 5]]) == [FILL] * 2


def test_what_is_stored_without_filters_is_read_in_part(file):
    for dataset in file["one"], file["rows"]:
        row = () if dataset.ndim == 1 else (1,)
        for at, value in MARKS.items():
            assert dataset[row + (at,)] == value
        around = dataset[row + (slice(2**32 - 4, 2**32 + 4),)]
        assert list(around) == [0, 0, 0, 3, 4, 5, 0, 0]
        assert list(dataset[row + (slice(2**32, LONG, LONG - 1 - 2**32),)]) == [4, 6]
        assert list(dataset[row + (sorted(MARKS),)]) == list(MARKS.values())
    assert not file["rows"][0, 17] and not file["rows"][2, 17]


def test_a_compressed_one_says_what_to_do(file):
    with pytest.raises(h5cap.TooLarge, match="5368709120 bytes decoded; the limit is .*h5repack"):
        file["gzip"][0, :10]
    assert (file["small"][()] == np.arange(10)).all()


def test_the_command_line(served):
    shown = subprocess.run([program("h5cap"), "cat", served.url("files/large.h5"), "/one",
                            "-s", "4294967294:4294967298"],
                           capture_output=True, text=True, timeout=60)
    assert shown.stdout.split() == ["0", "3", "4", "5"], shown


def test_nobody_took_much_memory(served):
    peaks = [status_bytes(pid, "VmHWM") for pid in served.pids()]
    assert len(peaks) >= 2 and max(peaks) < MEMORY
