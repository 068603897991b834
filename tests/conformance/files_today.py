"""Writes files as today's h5py (3.16, HDF5 2.0) does:   files_today.py FOLDER

    BOUND.h5          of each bound of the format: every type, layout, chunk index and filter
    complex.h5        HDF5 2.0's complex numbers in every place where a type can stand
    small floats.h5   bfloat16, and floats of 8, 6 and 4 bits

Needs the client's Python, and runs on its own: hdf5plugin's filters change how a process counts.
"""

import os
import sys
import zlib

import hdf5plugin
import numpy as np

import h5py
from h5py import h5a, h5d, h5p, h5s, h5t

BOUNDS = ("earliest", "v108", "v110", "v112", "v114", "v200", "latest")
ORDERS = "<>"
COUNT = 60
LONG_COMPLEX = getattr(h5t, "NATIVE_LDOUBLE_COMPLEX", None)


def numbers(dtype, count=COUNT):
    values = np.random.default_rng(count).integers(-100, 100, count)
    return (values / 4 if np.dtype(dtype).kind in "fc" else np.abs(values)).astype(dtype)


# -- of every bound

def types():
    """{name: array}"""
    found = {}
    for order in ORDERS:
        for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"):
            found[f"{'le' if order == '<' else 'be'} {kind}"] = numbers(order + kind)
    found["long double"] = numbers(np.longdouble)
    found["complex long double"] = numbers(np.clongdouble)
    found["bool"] = numbers("i4") % 2 == 0
    found["enum"] = (numbers("i2") % 3).astype(h5py.enum_dtype({"A": 0, "B": 1, "C": 2}, "i2"))
    found["fixed"] = np.array([b"abc", b"de", b""] * 20, "S5")
    found["fixed utf-8"] = np.array(["\u00fc".encode()] * COUNT, h5py.string_dtype("utf-8", 4))
    found["text"] = np.array([f"line {i} \u00e4" for i in range(COUNT)], h5py.string_dtype())
    found["ascii"] = np.array([f"line {i}" for i in range(COUNT)], h5py.string_dtype("ascii"))
    found["opaque"] = np.array(np.arange(COUNT), "V6")
    found["datetime"] = np.arange(COUNT).astype("M8[s]").astype(h5py.opaque_dtype("M8[s]"))
    found["record"] = records()
    found["array"] = np.zeros(COUNT, [("m", "<i2", (2, 3)), ("t", h5py.string_dtype(), (2,))])
    found["array"]["m"] = numbers("i2", COUNT * 6).reshape(-1, 2, 3)
    found["array"]["t"] = [["a", "b\u00df"]] * COUNT
    ragged = np.empty(COUNT, h5py.vlen_dtype("<f4"))
    for i in range(COUNT):
        ragged[i] = np.arange(i % 5, dtype="f4")
    found["ragged"] = ragged
    return found


def records():
    values = np.zeros(COUNT, [("n", ">u2"), ("x", "<f8"), ("z", "<c8"), ("ok", "?"),
                              ("in", [("a", "i1"), ("b", "S3")]), ("s", h5py.string_dtype())])
    values["n"], values["x"], values["z"] = numbers("u2"), numbers("f8"), numbers("c8") * 1j
    values["ok"], values["s"] = numbers("i4") % 2 == 0, [f"r{i}" for i in range(COUNT)]
    values["in"]["a"], values["in"]["b"] = numbers("i1"), b"xy"
    return values


LAYOUTS = {
    # By the index that bounds from v110 on choose: single chunk, fixed array, extensible array, B-tree; implicit below.
    "single chunk": dict(chunks=(30, 40)), "single chunk, filtered": dict(chunks=(30, 40), compression="gzip"),
    "fixed array": dict(chunks=(7, 9)), "fixed array, filtered": dict(chunks=(7, 9), compression="gzip", shuffle=True),
    "extensible array": dict(chunks=(7, 9), maxshape=(None, 40)),
    "extensible array, filtered": dict(chunks=(7, 9), maxshape=(None, 40), compression="gzip", fletcher32=True),
    "btree": dict(chunks=(7, 9), maxshape=(None, None)),
    "btree, filtered": dict(chunks=(7, 9), maxshape=(None, None), compression="lzf", shuffle=True),
    "paged fixed array": dict(chunks=(1, 1)),
    "contiguous": {},
}
FILTERS = {
    "gzip": dict(compression="gzip", compression_opts=9), "szip": dict(compression="szip"),
    "lzf": dict(compression="lzf"),
    "shuffle": dict(shuffle=True), "fletcher32": dict(fletcher32=True),
    "all": dict(compression="gzip", shuffle=True, fletcher32=True),
    "scale offset": dict(scaleoffset=0), "lz4": hdf5plugin.LZ4(), "zstd": hdf5plugin.Zstd(),
    "bzip2": hdf5plugin.BZip2(),
    "bitshuffle": hdf5plugin.Bitshuffle(cname="lz4"), "blosc": hdf5plugin.Blosc(cname="lz4"),
}


def write_layouts(group):
    values = numbers("<i4", 1200).reshape(30, 40)
    for name, options in LAYOUTS.items():
        group.create_dataset(name, data=values, **options)
        if "chunks" in options:
            sparse = group.create_dataset(name + ", sparse", (30, 40), "<i4", fillvalue=-3, **options)
            sparse[3:12, 5:20] = values[3:12, 5:20]
        group.create_dataset(name + ", unwritten", (30, 40), "<i4", fillvalue=9, **options)
    partial = group.create_dataset("partial edge", (31, 41), "<i4", chunks=(7, 9), compression="gzip")
    partial[...] = 5
    edges = h5p.create(h5p.DATASET_CREATE)
    edges.set_chunk((7, 9))
    edges.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    early = h5d.create(group.id, b"implicit", h5t.STD_I32LE, h5s.create_simple((30, 40)), edges)
    early.write(h5s.ALL, h5s.ALL, values)
    compact = h5p.create(h5p.DATASET_CREATE)
    compact.set_layout(h5d.COMPACT)
    small = h5d.create(group.id, b"compact", h5t.STD_I32LE, h5s.create_simple((30, 40)), compact)
    small.write(h5s.ALL, h5s.ALL, values)
    layout = h5py.VirtualLayout((30, 40), "<i4", maxshape=(None, 40))
    layout[:10] = h5py.VirtualSource(group["contiguous"])[20:]
    layout[10:] = h5py.VirtualSource(group["btree, filtered"])[:20]
    group.create_virtual_dataset("virtual", layout, fillvalue=1)
    masked = group.create_dataset("mask", (40,), "<i4", chunks=(10,), compression="gzip", shuffle=True)
    masked.id.write_direct_chunk((10,), values[0, :10].tobytes(), 0b11)
    masked.id.write_direct_chunk((20,), zlib.compress(values[0, :10].tobytes()), 0b01)


def write_objects(file):
    data = file["types/le i4"]
    group = file.create_group("tracked", track_order=True)
    for name in ("b", "a", "\u00fc"):
        group[name] = numbers("i2")
        group.attrs[name] = name
    file.create_group("crowd").attrs["many"] = 1
    for i in range(40):
        file["crowd"].attrs[f"attribute {i}"] = np.arange(i)
        file["crowd"].create_group(f"group {i}")
    file["soft"] = h5py.SoftLink("/types/bool")
    file["hard"] = data
    file["named"] = np.dtype([("a", "<i4"), ("b", "?")])
    file.create_dataset("of named", (4,), dtype=file["named"])
    file.create_dataset("references", data=[data.ref, file["tracked"].ref], dtype=h5py.ref_dtype)
    regions = file.create_dataset("regions", (3,), h5py.regionref_dtype)
    regions[0], regions[1] = data.regionref[3:17:2], file["layouts/btree"].regionref[2:9, 4:20]
    file["empty"] = h5py.Empty("f4")
    file["scalar"] = 3.5
    file["scalar text"] = "one \u00e4"


def write(path, libver):
    with h5py.File(path, "w", libver=libver) as file:
        for name, values in types().items():
            file[f"types/{name}"] = values
            file["types"].attrs[name] = values[:3]
            if name != "datetime":  # h5py cannot write one of those
                file[f"types/{name}"].attrs["one"] = values[1]
        for name, values in types().items():
            file.create_dataset(f"chunked/{name}", data=values, chunks=(7,), compression="gzip")
        write_layouts(file.create_group("layouts"))
        for name, options in FILTERS.items():
            for order in ORDERS:
                file.create_dataset(f"filters/{name} {order}", data=numbers(order + "i4", 900).reshape(30, 30),
                                    chunks=(8, 30), **options)
        write_objects(file)


# -- what only HDF5 2.0 has

def compound(*fields):
    made = h5t.create(h5t.COMPOUND, max(offset + kind.get_size() for _, offset, kind in fields))
    for name, offset, kind in fields:
        made.insert(name, offset, kind)
    return made


def complex_types():
    """{name: (type, elements)}; elements are the type's own bytes, for not all of them can be converted."""
    found = {}
    for bits, part in ((16, "f2"), (32, "f4"), (64, "f8")):
        for order, name in (("<", "LE"), (">", "BE")):
            parts = numbers(order + part, 2 * COUNT)
            found[f"F{bits}{name}"] = getattr(h5t, f"COMPLEX_IEEE_F{bits}{name}"), parts
    found["long double"] = LONG_COMPLEX, numbers(np.longdouble, 2 * COUNT)
    return {name: (kind, np.frombuffer(parts.tobytes(), f"V{kind.get_size()}"))
            for name, (kind, parts) in found.items()}


def chunked(*filters):
    made = h5p.create(h5p.DATASET_CREATE)
    made.set_chunk((7,))
    for name in filters:
        getattr(made, f"set_{name}")(*((4,) if name == "deflate" else ()))
    return made


def write_complex(path):
    with h5py.File(path, "w", libver="latest") as file:
        for name, (kind, elements) in complex_types().items():
            write_complex_of(file.create_group(name), kind, elements)
        native = h5t.COMPLEX_IEEE_F64LE
        filled = h5p.create(h5p.DATASET_CREATE)
        filled.set_fill_value(np.array(5 - 6j))
        h5d.create(file.id, b"fill", native, h5s.create_simple((5,)), filled)
        filled.set_chunk((2,))
        partly = h5d.create(file.id, b"partly written", native, h5s.create_simple((5,)), filled)
        h5py.Dataset(partly)[2:4] = [1j, 2]
        ragged = h5d.create(file.id, b"ragged", h5t.vlen_create(native), h5s.create_simple((4,)))
        rows = np.empty(4, h5py.vlen_dtype("c16"))
        for i in range(4):
            rows[i] = np.arange(i) * (1 - 2j)
        ragged.write(h5s.ALL, h5s.ALL, rows)
        layout = h5py.VirtualLayout((COUNT,), "<c16")
        layout[:] = h5py.VirtualSource(file["F64LE/contiguous"])
        file.create_virtual_dataset("virtual", layout)
        file["old"] = numbers("<c16")


def write_complex_of(group, kind, elements):
    space, all_of_it = h5s.create_simple((COUNT,)), (h5s.ALL, h5s.ALL, elements)
    h5d.create(group.id, b"contiguous", kind, space).write(*all_of_it, mtype=kind)
    h5d.create(group.id, b"unwritten", kind, space)
    h5d.create(group.id, b"chunked", kind, space, chunked()).write(*all_of_it, mtype=kind)
    for filters in (("deflate",), ("shuffle", "deflate"), ("fletcher32",)):
        h5d.create(group.id, "+".join(filters).encode(), kind, space, chunked(*filters)).write(*all_of_it, mtype=kind)
    h5d.create(group.id, b"scalar", kind, h5s.create(h5s.SCALAR)).write(h5s.ALL, h5s.ALL, elements[1:2].reshape(()),
                                                                       mtype=kind)
    size = kind.get_size()
    record = compound((b"n", 0, h5t.STD_I32LE), (b"z", 4, kind), (b"w", 4 + size, kind))
    rows = np.zeros(COUNT, [("n", "<i4"), ("z", elements.dtype), ("w", elements.dtype)])
    rows["n"], rows["z"], rows["w"] = np.arange(COUNT), elements, elements[::-1]
    h5d.create(group.id, b"record", record, space).write(h5s.ALL, h5s.ALL, rows.view(f"V{rows.itemsize}"), mtype=record)
    pairs = h5t.array_create(kind, (2, 3))
    h5d.create(group.id, b"array", pairs, h5s.create_simple((COUNT // 6,))).write(
        h5s.ALL, h5s.ALL, np.frombuffer(elements.tobytes(), f"V{6 * size}"), mtype=pairs)
    for name, where, values in ((b"one", h5s.create(h5s.SCALAR), elements[3:4].reshape(())),
                                (b"some", h5s.create_simple((4,)), elements[:4].copy())):
        h5a.create(group.id, name, kind, where).write(values, mtype=kind)
    group.attrs["beside"] = "text"
    kind.copy().commit(group.id, b"named", h5p.create(h5p.LINK_CREATE))
    h5d.create(group.id, b"of named", h5t.open(group.id, b"named"), space).write(*all_of_it, mtype=kind)


SMALL_FLOATS = {
    # (bytes, precision, sign position, exponent position and size, mantissa size, bias)
    "bfloat16": (2, 16, 15, 7, 8, 7, 127), "float8_e4m3": (1, 8, 7, 3, 4, 3, 7), "float8_e5m2": (1, 8, 7, 2, 5, 2, 15),
    "float6_e2m3": (1, 6, 5, 3, 2, 3, 1), "float6_e3m2": (1, 6, 5, 2, 3, 2, 3), "float4_e2m1": (1, 4, 3, 1, 2, 1, 1),
}


def small_float(name, order):
    size, precision, sign, exponent, exponent_size, mantissa, bias = SMALL_FLOATS[name]
    kind = (h5t.IEEE_F32LE if order == "<" else h5t.IEEE_F32BE).copy()
    kind.set_fields(sign, exponent, exponent_size, 0, mantissa)
    kind.set_ebias(bias)
    kind.set_precision(precision)
    kind.set_size(size)
    return kind


def write_small_floats(path):
    """All values of each (of 16 bits every 97th), in each byte order, plain, compressed and in attributes."""
    with h5py.File(path, "w", libver="latest") as file:
        for name, (size, precision, *_) in SMALL_FLOATS.items():
            for order in ORDERS if size > 1 else "<":
                kind = small_float(name, order)
                bits = np.arange(0, 2**precision, 97 if size > 1 else 1).astype(f"{order}u{size}")
                elements = np.frombuffer(bits.tobytes(), f"V{size}")
                space = h5s.create_simple((len(bits),))
                label = f"{name} {'le' if order == '<' else 'be'}".encode()
                h5d.create(file.id, label, kind, space).write(h5s.ALL, h5s.ALL, elements, mtype=kind)
                h5d.create(file.id, label + b" gzip", kind, space, chunked("deflate")).write(h5s.ALL, h5s.ALL, elements,
                                                                                            mtype=kind)
                h5a.create(file.id, label, kind, h5s.create_simple((5,))).write(elements[:5].copy(), mtype=kind)


def main(folder):
    for bound in BOUNDS:
        write(os.path.join(folder, f"{bound}.h5"), bound)
    write_complex(os.path.join(folder, "complex.h5"))
    write_small_floats(os.path.join(folder, "small floats.h5"))


if __name__ == "__main__":
    main(*sys.argv[1:])
