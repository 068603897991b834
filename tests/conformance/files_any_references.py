"""Writes a file of H5T_STD_REF references (HDF5 1.12), which h5py has no types for:   files_any_references.py FILE

By the library that h5py brings, on h5py's own identifiers.
"""

import ctypes
import re
import sys

import numpy as np

import h5py

REFERENCE_BYTES = 64


def library():
    with open("/proc/self/maps") as maps:
        return ctypes.CDLL(re.search(r"\S*/libhdf5[-.]\S*\.so\S*", maps.read())[0])


class References:
    """Makes references in a file, and datasets and attributes of them."""

    def __init__(self, file):
        self.file, self.lib = file, library()
        self.kind = ctypes.c_int64.in_dll(self.lib, "H5T_STD_REF_g").value
        for name in ("H5Rcreate_object", "H5Rcreate_region", "H5Rcreate_attr", "H5Dcreate2", "H5Dwrite", "H5Acreate2",
                     "H5Awrite", "H5Tcreate", "H5Tinsert", "H5Tarray_create2", "H5Tvlen_create"):
            getattr(self.lib, name).restype = ctypes.c_int64 if "create" in name and "H5R" not in name else ctypes.c_int

    def _made(self, function, name, *arguments):
        reference = ctypes.create_string_buffer(REFERENCE_BYTES)
        wrapped = [ctypes.c_int64(a) if isinstance(a, int) else a for a in arguments]
        assert function(ctypes.c_int64(self.file.id.id), name, *wrapped, ctypes.c_int64(0), reference) >= 0
        return reference.raw

    def object(self, name):
        return self._made(self.lib.H5Rcreate_object, name)

    def region(self, name, space):
        return self._made(self.lib.H5Rcreate_region, name, space.id)

    def attribute(self, name, attribute):
        return self._made(self.lib.H5Rcreate_attr, name, attribute)

    def dataset(self, name, elements, kind=None, chunks=None):
        space, made = h5py.h5s.create_simple((len(elements),)), h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        if chunks:
            made.set_chunk((chunks,))
            made.set_deflate(4)
        i64, kind = ctypes.c_int64, self.kind if kind is None else kind
        where = i64(self.file.id.id), name, i64(kind), i64(space.id)
        dataset = self.lib.H5Dcreate2(*where, i64(0), i64(made.id), i64(0))
        assert dataset >= 0
        assert self.lib.H5Dwrite(i64(dataset), i64(kind), i64(0), i64(0), i64(0), b"".join(elements)) >= 0
        self.lib.H5Dclose(i64(dataset))

    def attr(self, name, elements):
        i64, space = ctypes.c_int64, h5py.h5s.create_simple((len(elements),))
        made = self.lib.H5Acreate2(i64(self.file.id.id), name, i64(self.kind), i64(space.id), i64(0), i64(0))
        assert made >= 0 and self.lib.H5Awrite(i64(made), i64(self.kind), b"".join(elements)) >= 0
        self.lib.H5Aclose(i64(made))


def box(shape, start, count, stride=None):
    space = h5py.h5s.create_simple(shape)
    space.select_hyperslab(start, count, stride)
    return space


def main(path):
    with h5py.File(path, "w", libver="latest") as file:
        file["data"] = np.arange(60).reshape(6, 10)
        file["data"].attrs["unit \u00e4"] = "mm"
        file.create_group("group/inner").attrs["n"] = 3
        made = References(file)
        points = h5py.h5s.create_simple((6, 10))
        points.select_elements([(1, 2), (5, 9), (0, 0)])
        every = [made.object(b"data"), made.object(b"/group/inner"), made.region(b"data", box((6, 10), (1, 2), (3, 4))),
                 made.region(b"data", box((6, 10), (0, 0), (2, 5), (3, 2))), made.region(b"data", points),
                 made.attribute(b"data", "unit \u00e4".encode()), made.attribute(b"group/inner", b"n"),
                 bytes(REFERENCE_BYTES)]
        made.dataset(b"references", every)
        made.dataset(b"chunked", every * 50, chunks=64)
        made.attr(b"references", every)
        i64 = ctypes.c_int64
        record = made.lib.H5Tcreate(6, i64(REFERENCE_BYTES + 8))
        made.lib.H5Tinsert(i64(record), b"n", i64(0), i64(h5py.h5t.STD_I64LE.id))
        made.lib.H5Tinsert(i64(record), b"ref", i64(8), i64(made.kind))
        made.dataset(b"record", [n.to_bytes(8, "little") + one for n, one in enumerate(every)], record)
        pairs = made.lib.H5Tarray_create2(i64(made.kind), 1, (ctypes.c_uint64 * 1)(4))
        made.dataset(b"array", [b"".join(every[:4]), b"".join(every[4:])], pairs)
        ragged = made.lib.H5Tvlen_create(i64(made.kind))
        rows = [ctypes.create_string_buffer(b"".join(every[:count]), max(count, 1) * REFERENCE_BYTES)
                for count in (8, 0, 3)]
        made.dataset(b"ragged", [count.to_bytes(8, "little") + ctypes.addressof(row).to_bytes(8, "little")
                                 for count, row in zip((8, 0, 3), rows)], ragged)
        file["doomed"] = 1
        made.dataset(b"dangling", [made.object(b"doomed"), every[0]])
        del file["doomed"]


if __name__ == "__main__":
    main(*sys.argv[1:])
