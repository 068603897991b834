"""Files of hdf5plugin, in the environment of h5py 3.16, with every documented option of Bitshuffle, Blosc, BZip2, LZ4
and Zstd: fixed-size and variable-length data, read by a server that has no plugins at all; missing filters named with
their ids.

Not covered: speed (benchmarks), damaged chunks (tests/cpp/core, tests/faults).
"""

import os

import h5cap
import hdf5plugin
import numpy as np
import pytest
from support.served import Server

import h5py

INTEGERS = ("<u2", ">i4", "<f8", "u1")
TEXTS = np.array([f"text {i} " * (i % 7) for i in range(60)], object)


def options():
    """Name and filter."""
    for shuffle in (0, 1, 2):
        for codec in ("blosclz", "lz4", "lz4hc", "zlib", "zstd"):
            for level in (0, 1, 9):
                yield f"blosc {codec} {level} {shuffle}", hdf5plugin.Blosc(cname=codec, clevel=level, shuffle=shuffle)
    for codec in ("none", "lz4", "zstd"):
        for elements in (0, 64, 1024):
            yield f"bitshuffle {codec} {elements}", hdf5plugin.Bitshuffle(nelems=elements, cname=codec)
    for level in (1, 9, 22):
        yield f"bitshuffle zstd level {level}", hdf5plugin.Bitshuffle(cname="zstd", clevel=level)
    for size in (1, 5, 9):
        yield f"bzip2 {size}", hdf5plugin.BZip2(blocksize=size)
    for size in (0, 16, 1000):
        yield f"lz4 {size}", hdf5plugin.LZ4(nbytes=size)
    for level in (1, 3, 22):
        yield f"zstd {level}", hdf5plugin.Zstd(clevel=level)


def samples(kind):
    index = np.arange(40 * 50, dtype="u8")
    return (index * index // 9 % 251).astype(kind).reshape(40, 50)




def write_unknown(file, name, flags, **chunk):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((10, 50))
    plist.set_filter(40000, flags, (1, 2))
    space = h5py.h5s.create_simple((40, 50))
    dataset = h5py.h5d.create(file.id, name, h5py.h5t.STD_U16LE, space, plist)
    for first in range(0, 40, 10):
        dataset.write_direct_chunk((first, 0), samples("<u2")[first:first + 10].tobytes(), chunk.get("mask", 0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("filters")
    with h5py.File(folder / "known.h5", "w", libver=("earliest", "v110")) as file:
        for name, stage in options():
            for kind in INTEGERS:
                file.create_dataset(f"{name}/{kind}", data=samples(kind), chunks=(17, 23), **stage)
            file.create_dataset(f"{name}/shuffled", data=samples("<i4"), chunks=(17, 23), shuffle=True, fletcher32=True,
                                **stage)
            # hdf5plugin's Blosc divides by the size of the elements, and dies of these
            if not name.startswith("blosc"):
                file.create_dataset(f"{name}/texts", data=TEXTS, dtype=h5py.string_dtype(), chunks=(11,), **stage)
            rows = np.zeros(30, [("a", "<i4"), ("b", ">f4"), ("c", "S3")])
            rows["a"], rows["b"], rows["c"] = np.arange(30), np.arange(30) / 3, b"xyz"
            file.create_dataset(f"{name}/rows", data=rows, chunks=(7,), **stage)
    with h5py.File(folder / "missing.h5", "w", libver=("earliest", "v110")) as file:
        for name, stage in MISSING.items():
            file.create_dataset(name, data=samples("<f4"), chunks=(40, 50), **stage[0])
        write_unknown(file, b"invented", h5py.h5z.FLAG_OPTIONAL)
        write_unknown(file, b"skipped", h5py.h5z.FLAG_OPTIONAL, mask=1)
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((10,))
        plist.set_filter(299, h5py.h5z.FLAG_OPTIONAL, ())
        dataset = h5py.h5d.create(file.id, b"texts", h5py.h5t.py_create(h5py.string_dtype()),
                                  h5py.h5s.create_simple((10,)), plist)
        dataset.write_direct_chunk((0,), bytes(160))
        file.attrs["plain"] = 5
    return folder


MISSING = {
    "sz3": (hdf5plugin.SZ3(absolute=0.1), 32024),
    "sperr": (hdf5plugin.Sperr(), 32028),
    "sz": (hdf5plugin.SZ(absolute=0.1), 32017),
}


@pytest.fixture(scope="module")
def no_plugins(folder, tmp_path_factory):
    """A server without a single plugin."""
    before = os.environ.get("HDF5_PLUGIN_PATH")
    os.environ["HDF5_PLUGIN_PATH"] = str(tmp_path_factory.mktemp("none"))
    try:
        with Server({"filters": str(folder)}) as server:
            yield server
    finally:
        if before is None:
            del os.environ["HDF5_PLUGIN_PATH"]
        else:
            os.environ["HDF5_PLUGIN_PATH"] = before


@pytest.mark.parametrize("name", [name for name, _ in options()])
def test_option(name, no_plugins):
    with h5cap.File(no_plugins.url("filters/known.h5")) as file:
        group = file[name]
        for kind in INTEGERS:
            np.testing.assert_array_equal(group[kind][()], samples(kind), kind)
            np.testing.assert_array_equal(group[kind][3:38, 20:25], samples(kind)[3:38, 20:25])
        np.testing.assert_array_equal(group["shuffled"][()], samples("<i4"))
        if "texts" in group:
            assert [t.decode() for t in group["texts"][()]] == list(TEXTS)
            assert group["texts"][5:7].tolist() == [t.encode() for t in TEXTS[5:7]]
        rows = group["rows"][()]
        assert rows["a"].tolist() == list(range(30)) and (rows["c"] == b"xyz").all()


@pytest.mark.parametrize("name", MISSING)
def test_missing_filters_are_named(name, no_plugins):
    with h5cap.File(no_plugins.url("filters/missing.h5")) as file:
        assert file[name].shape == (40, 50)
        with pytest.raises(OSError, match=str(MISSING[name][1])) as raised:
            file[name][()]
        assert type(raised.value).__name__ == "MissingFilter"
        # What the file calls it does not matter: what to install is known by its number.
        assert "Python package hdf5plugin" in str(raised.value) and "--plugins" in str(raised.value)


@pytest.mark.parametrize("name, number", [("invented", 40000), ("texts", 299)])
def test_invented_filters_are_named(name, number, no_plugins):
    with h5cap.File(no_plugins.url("filters/missing.h5")) as file:
        with pytest.raises(OSError, match=str(number)) as raised:
            file[name][()]
        assert type(raised.value).__name__ == "MissingFilter"
        assert file.attrs["plain"] == 5


def test_a_filter_that_each_chunk_skipped_is_not_missed(no_plugins):
    with h5cap.File(no_plugins.url("filters/missing.h5")) as file:
        np.testing.assert_array_equal(file["skipped"][()], samples("<u2"))
