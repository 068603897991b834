"""Generated files: classes of HDF5 that are not promised yet; the report names what is absent."""

import os

import h5py
import numpy as np
from h5py import h5d, h5s, h5t

from files_layouts import ramp
from files_virtual import source
from registry import makes


@makes("next_references", absent="object and region references")
def references(path):
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", data=ramp((6, 7)))
        file["plain"] = np.arange(3)
        file.create_dataset("object", data=[data.ref, file.ref, h5py.Reference()], dtype=h5py.ref_dtype)
        file.create_dataset("region", data=[data.regionref[1:3, 2:], data.regionref[0]], dtype=h5py.regionref_dtype)
        data.attrs["to"] = file["plain"].ref
        data.attrs["plain"] = 5


@makes("next_dimension_scales", absent="references in DIMENSION_LIST attributes")
def dimension_scales(path):
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", data=ramp((6, 7)))
        file["y"], file["x"] = np.arange(6), np.arange(7)
        for axis, name in enumerate("yx"):
            file[name].make_scale(name)
            data.dims[axis].attach_scale(file[name])
        data.attrs["units"] = "counts"


@makes("next_sequences", absent="variable-length sequences")
def sequences(path):
    with h5py.File(path, "w") as file:
        kind = h5py.vlen_dtype("<i4")
        dataset = file.create_dataset("ragged", shape=(5,), dtype=kind)
        for i in range(5):
            dataset[i] = np.arange(i)
        file.create_dataset("chunked", shape=(5,), dtype=h5py.vlen_dtype(">f8"), chunks=(2,))[3] = np.arange(4) / 2
        file["plain"] = np.arange(3)


@makes("next_opaque_bitfield_array", absent="opaque, bitfield and array types")
def opaque_bitfield_array(path):
    with h5py.File(path, "w") as file:
        opaque = h5t.create(h5t.OPAQUE, 7)
        opaque.set_tag(b"seven bytes")
        dataset = h5d.create(file.id, b"opaque", opaque, h5s.create_simple((4,)))
        dataset.write(h5s.ALL, h5s.ALL, np.frombuffer(bytes(range(28)), "V7").copy(), opaque)
        file.create_dataset("datetime", data=np.array(["2024-02-03T04:05:06"], "M8[s]").astype(h5py.opaque_dtype("M8[s]")))
        bits = h5d.create(file.id, b"bitfield", h5t.STD_B16BE, h5s.create_simple((5,)))
        bits.write(h5s.ALL, h5s.ALL, np.arange(5, dtype=">u2"), h5t.STD_B16BE)
        array = h5t.array_create(h5t.IEEE_F32BE, (2, 3))
        arrays = h5d.create(file.id, b"array", array, h5s.create_simple((4,)))
        arrays.write(h5s.ALL, h5s.ALL, np.arange(24, dtype=">f4").reshape(4, 2, 3), array)
        file["compound"] = np.zeros(3, [("matrix", "<f4", (2, 2)), ("n", "<i4")])
        file["plain"] = np.arange(3)


@makes("next_odd_numbers", absent="half, long double and complex numbers")
def odd_numbers(path):
    with h5py.File(path, "w") as file:
        for name in "<f2", ">f2":
            file[name] = np.array([0, 1.5, -2, np.inf, 65504, 6e-8], name)
        file["complex64"] = (np.arange(6) + 1j).astype("<c8")
        file["complex128"] = (np.arange(6) - 2.5j).astype(">c16")
        file["longdouble"] = np.array([1, 2, np.longdouble(1) / 3], np.longdouble)
        file["plain"] = np.arange(3)
        file.attrs["half"] = np.float16(1.5)
        file.attrs["complex"] = 1 + 2j
