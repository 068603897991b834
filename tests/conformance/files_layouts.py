"""Generated files: layouts, chunk indexes, unwritten chunks, fill values and filters."""

import ctypes
import os

import h5py
import hdf5plugin
import numpy as np
from h5py import h5d, h5p, h5s, h5t

from registry import makes


def ramp(shape, dtype="<i4"):
    count = int(np.prod(shape))
    return (np.arange(count) * 2654435761 % 65521).astype(dtype).reshape(shape)


def create(file, name, data, configure, maxshape=None, shape=None):
    """A dataset from a creation list, for what h5py's high level does not offer."""
    plist = h5p.create(h5p.DATASET_CREATE)
    configure(plist)
    shape = data.shape if shape is None else shape
    maximum = tuple(h5s.UNLIMITED if m is None else m for m in (maxshape or shape))
    space = h5s.create_simple(shape, maximum)
    dataset = h5d.create(file.id, name.encode(), h5t.py_create(data.dtype, logical=True), space, plist)
    if data.size:
        dataset.write(h5s.ALL, h5s.ALL, data)
    return h5py.Dataset(dataset)


def compact(plist):
    plist.set_layout(h5d.COMPACT)


def alloc(when):
    return lambda plist: plist.set_alloc_time(when)


@makes("layouts")
def layouts(path):
    with h5py.File(path, "w") as file:
        create(file, "compact", ramp((7, 9)), compact)
        create(file, "compact_string", np.array([b"abc", b"de"]), compact)
        create(file, "compact_unwritten", ramp((0,)), compact, shape=(0,))
        file.create_dataset("contiguous", data=ramp((40, 50, 6), "<u2"))
        file.create_dataset("contiguous_unwritten", shape=(30, 20), dtype="<f4")
        file.create_dataset("contiguous_filled", shape=(30, 20), dtype="<f4", fillvalue=np.float32(2.5))
        create(file, "contiguous_early", ramp((3, 4)), alloc(h5d.ALLOC_TIME_EARLY))
        file.create_dataset("chunked", data=ramp((40, 50, 6), "<u2"), chunks=(7, 8, 6))
        file.create_dataset("chunks_bigger", data=ramp((3, 3)), maxshape=(None, None), chunks=(10, 10))
        file.create_dataset("chunks_of_one", data=ramp((5, 6)), chunks=(1, 1))
        for rank in range(1, 7):
            shape = (13, 7, 5, 4, 3, 6)[:rank]
            file.create_dataset(f"rank{rank}", data=ramp(shape), chunks=tuple(max(1, n // 2) for n in shape))
            file.create_dataset(f"rank{rank}_contiguous", data=ramp(shape, ">i2"))
        file.create_dataset("rank10", data=ramp((2,) * 10), chunks=(1, 2) * 5)
        file.create_dataset("big", shape=(3000, 3000), dtype="<f8", chunks=(100, 100),
                            compression="gzip")[::500, ::7] = 1.25


def write_indexes(file, filters):
    """One dataset for each kind of chunk index that 1.10 chooses with its latest format."""
    data = ramp((37, 53))
    file.create_dataset("single", data=data, chunks=data.shape, **filters)
    file.create_dataset("single_unwritten", shape=(5, 6), dtype="<i4", chunks=(5, 6), **filters)
    file.create_dataset("fixed_array", data=data, chunks=(5, 8), **filters)
    file.create_dataset("fixed_array_paged", data=ramp((3000, 2)), chunks=(1, 1), **filters)
    file.create_dataset("extensible_array", data=data, chunks=(5, 8), maxshape=(None, 53), **filters)
    file.create_dataset("extensible_array_second", data=data, chunks=(5, 8), maxshape=(37, None), **filters)
    file.create_dataset("extensible_array_long", data=ramp((5000,)), chunks=(3,), maxshape=(None,), **filters)
    file.create_dataset("extensible_array_3d_middle", data=ramp((6, 20, 5)), chunks=(2, 3, 2), maxshape=(6, None, 5),
                        **filters)
    file.create_dataset("btree2", data=data, chunks=(5, 8), maxshape=(None, None), **filters)
    file.create_dataset("btree2_long", data=ramp((60, 60)), chunks=(1, 1), maxshape=(None, None), **filters)
    grown = file.create_dataset("grown", shape=(3, 4), dtype="<i4", chunks=(2, 3), maxshape=(None, None), fillvalue=-5,
                                **filters)
    grown[...] = 1
    grown.resize((11, 13))
    grown[9:, 2:5] = 2
    shrunk = file.create_dataset("shrunk", data=data, chunks=(5, 8), maxshape=(None, 53), fillvalue=9, **filters)
    shrunk.resize((12, 53))
    shrunk.resize((20, 53))
    for name in "fixed_array", "extensible_array", "btree2":
        maxshape = {"fixed_array": None, "extensible_array": (None, 40), "btree2": (None, None)}[name]
        sparse = file.create_dataset("sparse_" + name, shape=(40, 40), dtype="<i4", chunks=(6, 7), maxshape=maxshape,
                                     fillvalue=77, **filters)
        sparse[3:9, 20:25] = 1
        sparse[39, 39] = 2


@makes("indexes_earliest")
def indexes_earliest(path):
    with h5py.File(path, "w", libver="earliest") as file:
        write_indexes(file, {})


@makes("indexes_earliest_gzip")
def indexes_earliest_gzip(path):
    with h5py.File(path, "w", libver="earliest") as file:
        write_indexes(file, {"compression": "gzip"})


@makes("indexes_latest")
def indexes_latest(path):
    with h5py.File(path, "w", libver="latest") as file:
        write_indexes(file, {})
        create(file, "implicit", ramp((37, 53)),
               lambda p: (p.set_chunk((5, 8)), p.set_alloc_time(h5d.ALLOC_TIME_EARLY)))
        create(file, "implicit_long", ramp((4000,)),
               lambda p: (p.set_chunk((3,)), p.set_alloc_time(h5d.ALLOC_TIME_EARLY)))


@makes("indexes_latest_gzip")
def indexes_latest_gzip(path):
    with h5py.File(path, "w", libver="latest") as file:
        write_indexes(file, {"compression": "gzip", "shuffle": True})


@makes("indexes_v108_v110")
def indexes_v108_v110(path):
    with h5py.File(path, "w", libver=("v108", "v110")) as file:
        write_indexes(file, {"fletcher32": True})


def dont_filter_partial_chunks(plist):
    # h5py 3.7 does not wrap H5Pset_chunk_opts; the library is already in this process.
    library = ctypes.CDLL([line.split()[-1] for line in open("/proc/self/maps") if "libhdf5_serial.so" in line][0])
    assert library.H5Pset_chunk_opts(ctypes.c_int64(plist.id), ctypes.c_uint(2)) >= 0


@makes("partial_chunks")
def partial_chunks(path):
    with h5py.File(path, "w", libver="latest") as file:
        for name, shape, chunk in (("both", (10, 11), (4, 4)), ("last", (8, 11), (4, 4)), ("all", (3, 3), (4, 4)),
                                   ("cube", (5, 6, 7), (2, 4, 3))):
            data = ramp(shape, "<u2")
            file.create_dataset(name, data=data, chunks=chunk, maxshape=(None,) * len(shape), compression="gzip")

            def unfiltered(plist):
                plist.set_chunk(chunk)
                plist.set_shuffle()
                plist.set_deflate(4)
                dont_filter_partial_chunks(plist)
            create(file, name + "_unfiltered", data, unfiltered, maxshape=(None,) * len(shape))
            create(file, name + "_unfiltered_fixed", data,
                   unfiltered if all(c <= s for c, s in zip(chunk, shape)) else lambda p: p.set_chunk(shape))


@makes("fill_values")
def fill_values(path):
    fills = {"i4": np.int32(-7), "u2_be": np.array(513, ">u2")[()], "f8": 3.25, "nan": np.nan, "bool": True,
             "string": b"fill"}
    types = {"i4": "<i4", "u2_be": ">u2", "f8": "<f8", "nan": "<f4", "bool": "?", "string": "S6"}
    with h5py.File(path, "w") as file:
        for name, fill in fills.items():
            for chunks in (None, (3, 4)):
                dataset = file.create_dataset(f"{name}_{'chunked' if chunks else 'contiguous'}", shape=(8, 9),
                                              dtype=types[name], fillvalue=fill, chunks=chunks)
                if chunks:
                    dataset[4, 5] = dataset.dtype.type(1)
        for time in "FILL_TIME_ALLOC", "FILL_TIME_NEVER", "FILL_TIME_IFSET":
            create(file, time.lower(), ramp((0, 4)),
                   lambda p: (p.set_chunk((2, 2)), p.set_fill_time(getattr(h5d, time)),
                              p.set_fill_value(np.array(5, "<i4"))), shape=(6, 4))
        create(file, "incremental", ramp((0, 4)),
               lambda p: (p.set_chunk((2, 2)), p.set_alloc_time(h5d.ALLOC_TIME_INCR)), shape=(6, 4))


def image(dtype="<u2", shape=(50, 60)):
    rng = np.random.default_rng(7)
    dtype = np.dtype(dtype)
    values = rng.poisson(2.0, shape)
    values[10:20] = 0
    return values.astype(dtype)


FILTERS = {
    "gzip1": dict(compression="gzip", compression_opts=1),
    "gzip9_shuffle": dict(compression="gzip", compression_opts=9, shuffle=True),
    "shuffle": dict(shuffle=True), "fletcher32": dict(fletcher32=True),
    "fletcher32_gzip_shuffle": dict(fletcher32=True, compression="gzip", shuffle=True),
    "lzf": dict(compression="lzf"), "lzf_shuffle_fletcher32": dict(compression="lzf", shuffle=True, fletcher32=True),
    "szip_nn": dict(compression="szip", compression_opts=("nn", 8)),
    "szip_ec": dict(compression="szip", compression_opts=("ec", 16)),
    "lz4": dict(**hdf5plugin.LZ4()), "lz4_blocks": dict(**hdf5plugin.LZ4(nbytes=1024)),
    "bitshuffle": dict(**hdf5plugin.Bitshuffle(cname="none")),
    "bitshuffle_lz4": dict(**hdf5plugin.Bitshuffle(cname="lz4")),
    "bitshuffle_lz4_block": dict(**hdf5plugin.Bitshuffle(nelems=64, cname="lz4")),
    "bitshuffle_zstd": dict(**hdf5plugin.Bitshuffle(cname="zstd")), "bzip2": dict(**hdf5plugin.BZip2()),
    "zstd": dict(**hdf5plugin.Zstd()),
    "blosc_lz4": dict(**hdf5plugin.Blosc(cname="lz4")),
    "blosc_zstd_bit": dict(**hdf5plugin.Blosc(cname="zstd", shuffle=2)),
    "blosc_blosclz": dict(**hdf5plugin.Blosc(cname="blosclz")), "blosc_zlib": dict(**hdf5plugin.Blosc(cname="zlib")),
    "gzip_fletcher32_lz4": dict(fletcher32=True, shuffle=True, **hdf5plugin.LZ4()),
    "shuffle_bitshuffle": dict(shuffle=True, **hdf5plugin.Bitshuffle()),
}


# What this machine's plugins can write; a filter that nobody can write cannot be compared.
FILTERS = {name: keywords for name, keywords in FILTERS.items()
           if not isinstance(keywords.get("compression"), int) or h5py.h5z.filter_avail(keywords["compression"])}


@makes("filters")
def filters(path):
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        for kind in ("<u2", "i1", ">i4", "<f8"):
            group = file.create_group(np.dtype(kind).name + ("_be" if kind[0] == ">" else ""))
            for name, keywords in FILTERS.items():
                group.create_dataset(name, data=image(kind), chunks=(16, 20), **keywords)
                sparse = group.create_dataset(name + "_sparse", shape=(70, 50), dtype=kind, chunks=(16, 20),
                                              maxshape=(None, None), **keywords)
                sparse[20:30] = 3
        rows = np.zeros(500, [("a", "<i4"), ("b", "<f8"), ("c", "S3")])
        rows["a"] = np.arange(500)
        for name in "gzip9_shuffle", "bitshuffle_lz4", "lz4", "fletcher32", "lzf":
            file.create_dataset("rows_" + name, data=rows, chunks=(77,), **FILTERS[name])


@makes("filters_numeric")
def filters_numeric(path):
    """Scale-offset, n-bit, zfp: filters that know numbers."""
    rng = np.random.default_rng(3)
    with h5py.File(path, "w") as file:
        file.create_dataset("scaleoffset_int", data=image("<i4"), chunks=(16, 20), scaleoffset=0)
        file.create_dataset("scaleoffset_float", data=rng.random((30, 30)).astype("<f4"), chunks=(16, 20),
                            scaleoffset=4)
        file.create_dataset("zfp_accuracy", data=rng.random((32, 40)), chunks=(16, 20),
                            **hdf5plugin.Zfp(accuracy=0.001))
        file.create_dataset("zfp_reversible", data=rng.random((32, 40)).astype("<f4"), chunks=(16, 20),
                            **hdf5plugin.Zfp(reversible=True))


@makes("filters_masked")
def filters_masked(path):
    """Chunks written directly, with some filters of the pipeline skipped for some of them."""
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("mixed", shape=(8, 10), dtype="<u2", chunks=(4, 10), compression="gzip",
                                      shuffle=True)
        dataset[4:] = ramp((4, 10), "<u2")
        dataset.id.write_direct_chunk((0, 0), ramp((4, 10), "<u2").tobytes(), filter_mask=3)
        raw = file.create_dataset("unfiltered", shape=(4, 512, 8), dtype="<u2", chunks=(1, 512, 8),
                                  **hdf5plugin.Bitshuffle(cname="lz4"))
        for i in range(4):
            raw.id.write_direct_chunk((i, 0, 0), ramp((512, 8), "<u2").tobytes(), filter_mask=1)


@makes("filters_incompressible")
def filters_incompressible(path):
    rng = np.random.default_rng(5)
    data = rng.integers(0, 2**63, (40, 40), dtype="<i8")
    with h5py.File(path, "w") as file:
        for name, keywords in FILTERS.items():
            file.create_dataset(name, data=data, chunks=(16, 16), **keywords)


@makes("filter_missing")
def filter_missing(path):
    """A filter that nobody has: what is compressed with it cannot be read, and everything else can."""
    with h5py.File(path, "w") as file:
        file["readable"] = np.arange(5)
        dataset = file.create_dataset("gzip", data=np.arange(100), chunks=(10,), compression="gzip")
        dataset.attrs["note"] = "the filter id of the next one is patched"
    raw = bytearray(open(path, "rb").read())
    with h5py.File(path, "r+") as file:
        file.create_dataset("unknown", data=np.arange(100), chunks=(10,), shuffle=True)
    raw = bytearray(open(path, "rb").read())
    # Version-1 filter message: id u16, name length u16, flags u16, parameter count u16, name "shuffle\0", 1 parameter.
    at = raw.rfind(b"shuffle\0")
    assert raw[at - 8:at - 6] == b"\x02\x00", raw[at - 8:at]
    raw[at - 8:at - 2] = b"".join(number.to_bytes(2, "little") for number in (31999, 8, 0))
    raw[at:at + 8] = b"nobody\0\0"
    open(path, "wb").write(raw)


@makes("user_block")
def user_block(path):
    with h5py.File(path, "w", userblock_size=1024) as file:
        write_indexes(file.create_group("latest"), {})
        file.create_dataset("contiguous", data=ramp((40, 50)))
        create(file, "compact", ramp((7, 9)), compact)
        file["text"] = ["a", "bc"]
    with open(path, "r+b") as raw:
        raw.write(b"#!/bin/sh\n# a user block\n".ljust(1024, b"."))


@makes("external_raw")
def external_raw(path):
    """Raw files: several slots, offsets, short and absent ones, in a folder below, by an absolute name."""
    folder = os.path.dirname(path)
    data, to_its_end = ramp((20, 30)), h5py.h5f.UNLIMITED
    os.makedirs(os.path.join(folder, "below"))
    raws = {"values.raw": data.tobytes(), "short.raw": data.tobytes()[:1001], "offset.raw": b"a head;" + data.tobytes(),
            "below/more.raw": (data + 7).tobytes()}
    raws.update({f"row{i}.raw": (data[i] * i).tobytes() for i in range(20) if i != 13})
    for name, content in raws.items():
        with open(os.path.join(folder, name), "wb") as raw:
            raw.write(content)
    slots = {
        "raw": [("values.raw", 0, to_its_end)], "whole": [("values.raw", 0, 2400)], "offset": [("offset.raw", 7, 2400)],
        "short": [("short.raw", 0, 2400)], "below": [("below/more.raw", 0, to_its_end)],
        "absolute": [(os.path.join(folder, "values.raw"), 0, 2400)],
        "rows": [(f"row{i}.raw", 0, 120) for i in range(20)],
        "odd": [("offset.raw", 7, 13), ("values.raw", 13, 1001), ("short.raw", 990, 50), ("short.raw", 5000, 36),
                ("row3.raw", 0, to_its_end)],
        "a directory": [("below", 0, 2400)],
    }
    with h5py.File(path, "w") as file:
        for name, external in slots.items():
            file.create_dataset(name, shape=(20, 30), dtype="<i4", external=external, fillvalue=5)
        file.create_dataset("split", shape=(10, 30), dtype="<i4",
                            external=[("values.raw", 0, 600), ("values.raw", 1200, 600)])
        file.create_dataset("big", shape=(7, 4, 5), dtype=">f8",
                            external=[("values.raw", 8, 500), ("values.raw", 0, to_its_end)])
        file.create_dataset("compound", shape=(30,), dtype=[("x", "<i4"), ("y", "<u2", (2,)), ("s", "S3")],
                            external=[("values.raw", 3, 200), ("offset.raw", 1, 200)])
        file.create_dataset("none", shape=(0, 30), dtype="<i4", external=[("nobody.raw", 0, to_its_end)])
        created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        created.set_external(b"values.raw", 0, to_its_end)
        h5py.h5d.create(file.id, b"growing", h5py.h5t.STD_I32LE,
                        h5py.h5s.create_simple((20, 30), (h5py.h5s.UNLIMITED, 30)), created)
        layout = h5py.VirtualLayout((40, 30), "<f8")
        layout[:20] = h5py.VirtualSource(".", "rows", (20, 30))
        layout[20:] = h5py.VirtualSource("external_raw.h5", "odd", (20, 30))
        file.create_virtual_dataset("mapped", layout)
        file["beside"] = data


@makes("large")
def large(path):
    """Above the 64 MiB that are compared whole, so seeded slices are."""
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("frames", shape=(40, 1024, 1024), dtype="<u2", chunks=(1, 512, 512),
                                      **hdf5plugin.Bitshuffle(cname="lz4"))
        base = image("<u2", (1024, 1024))
        for i in range(40):
            if i % 5:
                dataset[i] = np.roll(base, i) + i
        file.create_dataset("contiguous", shape=(9_000_000,), dtype="<f8")[...] = np.arange(9_000_000)
