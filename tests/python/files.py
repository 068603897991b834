"""Writes the files of the Python tests with h5py, in the bounds that libhdf5 1.10 reads."""

import h5py
import hdf5plugin
import numpy as np


def new_file(path):
    return h5py.File(path, "w", libver=("earliest", "v110"))


def write_files(folder):
    with new_file(folder / "types.h5") as file:
        write_types(file)
    with new_file(folder / "layouts.h5") as file:
        write_layouts(file)
    with new_file(folder / "tree.h5") as file:
        write_tree(file)
    with new_file(folder / "other.h5") as file:
        file["deep/d"] = [1, 2]
        file["deep/on"] = h5py.ExternalLink("attributes.h5", "/group")
    with new_file(folder / "attributes.h5") as file:
        write_attributes(file)
    with new_file(folder / "virtual.h5") as file:
        write_virtual(file)
    with new_file(folder / "rare.h5") as file:
        write_rare(file)
    with new_file(folder / "surface.h5") as file:
        write_surface(file)
    (folder / "junk.h5").write_text("no HDF5 at all\n" * 100)
    (folder / "empty.h5").write_bytes(b"")
    (folder / "sub" / "below").mkdir(parents=True)
    with new_file(folder / "sub" / "one # 100%.h5") as file:
        file["x"] = 1
    with new_file(folder / "sub" / "below" / "two.h5") as file:
        file["x"] = 2


def write_types(file):
    for code in "i1 u1 <i2 >i2 <u2 >u2 <i4 >i4 <u4 >u4 <i8 >i8 <u8 >u8 <f4 >f4 <f8 >f8".split():
        dtype = np.dtype(code)
        if dtype.kind == "f":
            values = np.array([0, -1.5, np.inf, np.nan, 3e8, 1e-30], dtype)
        else:
            info = np.iinfo(dtype)
            values = np.array([0, 1, 7, 100, info.min, info.max], dtype)
        file["number" + code.replace("<", "le").replace(">", "be")] = values
    file["bool"] = np.array([[True, False], [False, False]])
    file["scalar"] = 3.5
    file["scalar bool"] = True
    file["text"] = "häßlich"
    file["texts"] = np.array([["a", "", "ünï"], ["x" * 1000, "\n", "end"]], dtype=h5py.string_dtype())
    file.create_dataset("ascii texts", data=[b"a", b"bc"], dtype=h5py.string_dtype("ascii"))
    file["fixed"] = np.array([b"ab", b"c", b""], dtype="S4")
    file.create_dataset("fixed utf8", data=np.array(["é".encode(), b"z"], dtype=h5py.string_dtype("utf-8", 3)))
    for name, padding in (("terminated", h5py.h5t.STR_NULLTERM), ("spaces", h5py.h5t.STR_SPACEPAD)):
        kind = h5py.h5t.C_S1.copy()
        kind.set_size(5)
        kind.set_strpad(padding)
        made = h5py.h5d.create(file.id, name.encode(), kind, h5py.h5s.create_simple((3,)))
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([b"ab\0xy", b"a b  ", b"     "], "S5"), mtype=kind)
    file.create_dataset("enum", data=np.array([1, 2, 1], "<i2"),
                        dtype=h5py.enum_dtype({"A": 1, "B": 2}, basetype="<i2"))
    point = np.dtype([("x", "<i4"), ("y", ">f8"), ("name", "S3")])
    file["points"] = np.array([(1, 2.5, b"a"), (-3, 4.0, b"bcd"), (0, 0.0, b"")], point)
    nested = np.dtype([("id", "u1"), ("at", point), ("grid", "<i2", (2, 3)), ("ok", "?"), ("z", "c16")])
    values = np.zeros(2, nested)
    values["grid"] = np.arange(12).reshape(2, 2, 3)
    values["at"]["x"] = [5, 6]
    values["z"] = [1 + 2j, -1j]
    values["ok"] = [True, False]
    file["nested"] = values
    aligned = np.zeros(3, np.dtype([("a", "u1"), ("b", "<f8"), ("c", "<u2")], align=True))
    aligned["b"] = [1.5, 2.5, 3.5]
    file["aligned"] = aligned
    file["complex"] = np.array([1 + 1j, 2 - 3j], "c8")
    mixed = file.create_dataset("mixed", (2,), dtype=[("a", "i1"), ("s", h5py.string_dtype()), ("k", "<i8")])
    mixed[0] = (1, "first", 10)
    mixed[1] = (2, "", -1)
    file["null"] = h5py.Empty("<f4")
    file["zero"] = np.zeros((0, 3))
    file["zero texts"] = np.array([], dtype=h5py.string_dtype())
    file["named"] = np.dtype("<i4")
    file["uses named"] = np.arange(3, dtype="<i4")


def write_layouts(file):
    rng = np.random.default_rng(1)
    data = rng.integers(0, 1000, (37, 53)).astype("<u2")
    file["contiguous"] = data
    file.create_dataset("chunked", data=data, chunks=(10, 11))
    file.create_dataset("gzip", data=data, chunks=(10, 11), compression="gzip", compression_opts=3, shuffle=True,
                        fletcher32=True, maxshape=(None, 53))
    file.create_dataset("lzf", data=data, chunks=(10, 11), compression="lzf")
    file.create_dataset("lz4", data=data, chunks=(10, 11), **hdf5plugin.LZ4())
    file.create_dataset("shuffled", data=data, chunks=(10, 11), shuffle=True)
    file.create_dataset("scaled", data=data, chunks=(10, 11), scaleoffset=12)
    file.create_dataset("sparse", (100, 100), "<i4", chunks=(10, 10), fillvalue=-7)[15:17, 20:40] = 5
    file.create_dataset("unwritten", (5, 5), "<f4", fillvalue=1.25)
    file.create_dataset("frames", data=rng.integers(0, 4000, (20, 256, 256)).astype("<u2"), chunks=(1, 128, 128),
                        compression="gzip")
    file["large"] = np.arange(3_000_000, dtype="<u8").reshape(300, 100, 100)
    compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    compact.set_layout(h5py.h5d.COMPACT)
    made = h5py.h5d.create(file.id, b"compact", h5py.h5t.STD_I16BE, h5py.h5s.create_simple((4,)), dcpl=compact)
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([1, -2, 3, -4], ">i2"))


def write_tree(file):
    file["b"] = 1
    file["a"] = np.arange(100, dtype="<u2").reshape(10, 10)
    group = file.create_group("g")
    group["x"] = [1, 2, 3]
    group.create_group("inner")["y"] = 2.5
    ordered = file.create_group("ordered", track_order=True)
    for name in "zebra", "apple", "mango":
        ordered[name] = 1
        ordered.attrs[name] = name
    file["hard"] = file["a"]
    file["g/loop"] = file["g"]
    file["soft"] = h5py.SoftLink("/g/x")
    file["softgroup"] = h5py.SoftLink("g")
    file["broken"] = h5py.SoftLink("/nowhere/at all")
    file["external"] = h5py.ExternalLink("other.h5", "/deep")
    file["external absent file"] = h5py.ExternalLink("absent.h5", "/deep")
    file["external absent object"] = h5py.ExternalLink("other.h5", "/nope")
    file["external junk"] = h5py.ExternalLink("junk.h5", "/x")
    file["type"] = np.dtype("<i4")
    file.create_group("ünï côdé %20#[")


def write_attributes(file):
    attrs = file.attrs
    attrs["text"] = "str"
    attrs["texts"] = ["a", "ß"]
    attrs["fixed"] = np.bytes_("abc")
    attrs["fixeds"] = np.array([b"a", b"b"])
    attrs["int"] = 5
    attrs["float"] = np.float32(1.5)
    attrs["bool"] = True
    attrs["array"] = np.arange(6).reshape(2, 3)
    attrs["none"] = h5py.Empty("<i4")
    attrs["zero"] = np.zeros(0)
    attrs["complex"] = 1 + 2j
    attrs["big"] = np.arange(5000)
    attrs["compound"] = np.array([(1, 2.0)], [("x", "<i4"), ("y", "<f8")])
    attrs.create("arraytype", np.zeros((2, 3)), shape=(2, 3), dtype=np.dtype(("f8", (3,))))
    attrs.create("2d texts", [["a", "b"], ["", "ü"]], dtype=h5py.string_dtype())
    attrs.create("zero texts", [], shape=(0,), dtype=h5py.string_dtype())
    attrs["empty text"] = ""
    attrs["null text"] = h5py.Empty(h5py.string_dtype())
    attrs.create("ascii", b"bytes", dtype=h5py.string_dtype("ascii"))
    attrs.create("fixed utf8", np.array(["é".encode(), b"z"]), dtype=h5py.string_dtype("utf-8", 3))
    attrs.create("fixed utf8 scalar", "é".encode(), dtype=h5py.string_dtype("utf-8", 3))
    attrs.create("compound text", np.array([("a", 1)], [("s", h5py.string_dtype()), ("n", "i1")]))
    attrs.create("enum", 2, dtype=h5py.enum_dtype({"A": 1, "B": 2}, basetype="<i2"))
    attrs.create("vlen", np.array([np.arange(3), np.arange(2)], dtype=object), dtype=h5py.vlen_dtype("<i4"))
    attrs["opaque"] = np.void(b"ab\0c")
    attrs["unicode ünï"] = "ünï"
    attrs.create("latin", b"\xe9", dtype=h5py.string_dtype())
    attrs[">i4"] = np.arange(3, dtype=">i4")
    attrs["half"] = np.float16(0.5)
    file["group/y"] = 1
    file["d"] = 1
    file["d"].attrs["units"] = "mm"


def write_virtual(file):
    layout = h5py.VirtualLayout((3, 53), "<u2")
    for row in range(2):
        layout[row] = h5py.VirtualSource("layouts.h5", "contiguous", (37, 53))[row]
    layout[2] = h5py.VirtualSource("absent.h5", "x", (53,))
    file.create_virtual_dataset("v", layout, fillvalue=9)


def write_rare(file):
    """Rare types, some of which h5py refuses."""
    file["target"] = 1
    file.create_dataset("reference", data=file["target"].ref, dtype=h5py.ref_dtype)
    file["long double"] = np.arange(3, dtype=np.longdouble) / 3
    file["complex long double"] = np.arange(3, dtype=np.clongdouble) / 3j
    odd = h5py.h5t.IEEE_F32LE.copy()  # with an exponent of nine bits
    odd.set_fields(31, 22, 9, 0, 22)
    odd.set_ebias(255)
    h5py.h5d.create(file.id, b"odd float", odd, h5py.h5s.create_simple((3,)))
    wide = h5py.h5t.IEEE_F64LE.copy()  # no NumPy float has an exponent of twenty bits
    wide.set_size(16)
    wide.set_precision(128)
    wide.set_fields(127, 107, 20, 0, 107)
    wide.set_ebias(2**19 - 1)
    with_time = h5py.h5t.create(h5py.h5t.COMPOUND, 8)
    with_time.insert(b"n", 0, h5py.h5t.STD_I32LE)
    with_time.insert(b"when", 4, h5py.h5t.UNIX_D32LE)
    for name, kind in {"wide float": wide, "time": h5py.h5t.UNIX_D32LE, "compound time": with_time,
                       "vlen time": h5py.h5t.vlen_create(h5py.h5t.UNIX_D32LE),
                       "array time": h5py.h5t.array_create(h5py.h5t.UNIX_D32LE, (2,))}.items():
        h5py.h5d.create(file.id, name.encode(), kind, h5py.h5s.create_simple((3,)))
        h5py.h5a.create(file.id, name.encode(), kind, h5py.h5s.create_simple((3,)))
    file["readable"] = [1, 2, 3]


def write_surface(file):
    """What the low-level identifiers, references, dimension scales and writing calls are tried on."""
    file["d"] = np.arange(12).reshape(3, 4)
    chunked = file.create_dataset("chunked", data=np.arange(60, dtype="<u2").reshape(6, 10), chunks=(4, 3),
                                  maxshape=(None, 10),
                                  compression="gzip", compression_opts=6, shuffle=True, fillvalue=7)
    file["hard"] = file["d"]
    group = file.create_group("g", track_order=True)
    group["z"], group["a"] = 1.5, "text"
    file["soft"] = h5py.SoftLink("/g/z")
    file["broken"] = h5py.SoftLink("/nope")
    file["external"] = h5py.ExternalLink("other.h5", "/deep/d")
    file["type"] = np.dtype([("x", "<i4"), ("y", ">f8")])
    file["nul"] = h5py.Empty("<f4")
    file["scalar"] = 2
    file.create_dataset("never", (3,), "<i4")
    refs = [file["d"].ref, group.ref, file["type"].ref, file.ref, h5py.Reference()]
    file.create_dataset("refs", data=np.array(refs, h5py.ref_dtype))
    file.create_dataset("ref", data=file["chunked"].ref, dtype=h5py.ref_dtype)
    regions = file.create_dataset("regions", (8,), h5py.regionref_dtype)
    mask = np.zeros((3, 4), bool)
    mask[[0, 1, 2, 2], [3, 0, 0, 2]] = True
    for number, selection in enumerate(
        [np.s_[0:2, 1:3], np.s_[...], mask, np.s_[[0, 2], 1:3], np.s_[0:3:2, 0:4:3], np.s_[1, 2],
                                        np.s_[0:0, :]]):
        regions[number] = file["d"].regionref[selection]
    other = file.create_dataset("other regions", (2,), h5py.regionref_dtype)
    other[0] = chunked.regionref[2:5, [0, 1, 7]]
    compound = file.create_dataset("ref compound", (2,),
                                   [("n", "<i4"), ("r", h5py.ref_dtype), ("q", h5py.regionref_dtype)])
    compound[0] = (1, file["d"].ref, regions[0])
    file.create_dataset("vlen refs", (2,), h5py.vlen_dtype(h5py.ref_dtype))[0] = np.array(refs[:2], h5py.ref_dtype)
    file.attrs["number"] = 5
    file.attrs["ref"] = file["d"].ref
    file.attrs["region"] = regions[0]
    file.attrs["refs"] = np.array(refs, h5py.ref_dtype)
    write_scales(file)
    for name, dtype in {"enum": h5py.enum_dtype({"B": 2, "A": 1}, basetype="<i2"), "array": ("<i4", (2, 3)),
                        "vlen": h5py.vlen_dtype("<i4"),
                        "text": h5py.string_dtype(), "ascii": h5py.string_dtype("ascii"), "fixed": "S5", "bool": "?",
                        "complex": "<c16",
                        "compound": [("a", "<i2"), ("s", h5py.string_dtype()), ("b", ">f4", (2,))], "float": "<f8",
                        "big": ">u4",
                        "opaque": h5py.opaque_dtype("<M8[s]"), "half": "<f2"}.items():
        file.create_dataset("of " + name, (2,), np.dtype(dtype))


def write_scales(file):
    for name, title in ("x", "across"), ("y", ""), ("x2", "across again"):
        file[name] = np.arange(4.0 if name != "y" else 3.0)
        file[name].make_scale(title)
    file["d"].dims[1].attach_scale(file["x"])
    file["d"].dims[1].attach_scale(file["x2"])
    file["d"].dims[0].attach_scale(file["y"])
    file["d"].dims[0].label = "höhe"
