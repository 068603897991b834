"""Filters that come with libhdf5 and are seldom used (szip, nbit, scale-offset), and odd floating-point numbers,
written by h5py and read by the server equal to h5py, whole and in part.

Not covered: filters of hdf5plugin (test_filters.py), deflate, shuffle and Fletcher-32 (test_generated.py).
"""

import h5cap
import numpy as np
import pytest
from support.served import Server

import h5py

DATA = (np.arange(60 * 40) * 7919 % 1013).astype("<i4").reshape(60, 40)
# Sign, exponent's position and size, mantissa's position and size, bias, bytes.
FLOATS = {"bfloat16": (15, 7, 8, 0, 7, 127, 2), "e5m10": (15, 10, 5, 0, 10, 15, 2),
          "24 bits": (23, 15, 8, 0, 15, 127, 3),
          "e4m3": (7, 3, 4, 0, 3, 7, 1), "48 bits": (47, 36, 11, 0, 36, 1023, 6)}
NAMES = ["scaleoffset", "scaleoffset 12", "scaleoffset floats", "szip", "szip nn", "nbit", "nbit big-endian", *FLOATS]


def write_nbit(file, name, order):
    kind = (h5py.h5t.STD_I32LE if order == "<" else h5py.h5t.STD_I32BE).copy()
    kind.set_precision(20)
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((16, 16))
    plist.set_filter(h5py.h5z.FILTER_NBIT, 0, ())
    dataset = h5py.h5d.create(file.id, name.encode(), kind, h5py.h5s.create_simple(DATA.shape), plist)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, DATA)


def write_float(file, name, sign, exponent, exponent_bits, mantissa, mantissa_bits, bias, size):
    kind = (h5py.h5t.IEEE_F32LE if size <= 4 else h5py.h5t.IEEE_F64LE).copy()
    kind.set_fields(sign, exponent, exponent_bits, mantissa, mantissa_bits)
    kind.set_ebias(bias)
    kind.set_size(size)
    dataset = h5py.h5d.create(file.id, name.encode(), kind, h5py.h5s.create_simple((3, 4)))
    values = np.array([[1, -2.5, 0.125, 0], [-0.0, 7, 240, -0.015625], [3, 0.001953125, -1, 12]], "f8")
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, values)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library-filters")
    with h5py.File(folder / "all.h5", "w", libver=("earliest", "v110")) as file:
        chunks = {"chunks": (16, 16)}
        file.create_dataset("scaleoffset", data=DATA, scaleoffset=0, **chunks)
        file.create_dataset("scaleoffset 12", data=DATA, scaleoffset=12, **chunks)
        file.create_dataset("scaleoffset floats", data=DATA / 8, scaleoffset=3, **chunks)
        file.create_dataset("szip", data=DATA, compression="szip", **chunks)
        file.create_dataset("szip nn", data=DATA.astype(">u2"), compression="szip", compression_opts=("nn", 16),
                            **chunks)
        write_nbit(file, "nbit", "<")
        write_nbit(file, "nbit big-endian", ">")
        for name, fields in FLOATS.items():
            write_float(file, name, *fields)
    with Server({"files": str(folder)}) as server, h5py.File(folder / "all.h5") as expected, \
            h5cap.File(server.url("files/all.h5")) as actual:
        yield expected, actual


@pytest.mark.parametrize("name", NAMES)
def test_reads_equal(files, name):
    expected, actual = (file[name] for file in files)
    assert actual.dtype == expected.dtype
    for where in (Ellipsis, 1, slice(1, None, 2), (slice(0, 3), slice(1, 4)), (-1, -1)):
        assert np.array_equal(actual[where], expected[where]), where


def test_what_is_compared_is_not_all_alike(files):
    """Negative control: every dataset has more values than one."""
    assert all(len(np.unique(files[0][name][()])) > 4 for name in NAMES)
