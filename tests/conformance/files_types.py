"""Generated files: numbers, strings, enumerations and compounds, in datasets of every space."""

import h5py
import numpy as np
from h5py import h5d, h5s, h5t

from registry import makes

INTEGERS = ["i1", "u1"] + [order + kind + str(size) for kind in "iu" for size in (2, 4, 8) for order in "<>"]
FLOATS = [order + "f" + str(size) for size in (4, 8) for order in "<>"]


def extremes(dtype):
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        info = np.finfo(dtype)
        values = [0.0, -0.0, 1.5, -2.25, info.max, info.min, info.tiny, np.inf, -np.inf, np.nan, 1e-3, 12345.678]
    else:
        info = np.iinfo(dtype)
        values = [0, 1, 2, 3, info.max, info.min, info.max - 1, info.min + 1, 100, 7, 9, 11]
    return np.array(values, dtype)


def write_numbers(file, types):
    for name in types:
        values = extremes(name)
        dtype = np.dtype(name)
        group = file.create_group(dtype.name + ("_be" if dtype.byteorder == ">" else "_le"))
        group.create_dataset("plain", data=values)
        group.create_dataset("matrix", data=values.reshape(3, 4))
        group.create_dataset("scalar", data=values[4], dtype=dtype)
        group.create_dataset("empty", shape=(0,), dtype=dtype)
        group.create_dataset("empty2", shape=(4, 0, 3), dtype=dtype, maxshape=(None, None, 3), chunks=(2, 2, 3))
        group.create_dataset("null", data=h5py.Empty(dtype))
        group.create_dataset("chunked", data=np.tile(values, 5).reshape(6, 10), chunks=(4, 3))
        group.create_dataset("gzip", data=np.tile(values, 5).reshape(6, 10), chunks=(4, 3), compression="gzip",
                             shuffle=True)
        group.attrs.create("plain", values)
        group.attrs.create("scalar", values[5], dtype=dtype)
        group.attrs["null"] = h5py.Empty(dtype)


@makes("integers")
def integers(path):
    with h5py.File(path, "w") as file:
        write_numbers(file, INTEGERS)


@makes("integers_latest")
def integers_latest(path):
    with h5py.File(path, "w", libver="latest") as file:
        write_numbers(file, INTEGERS)


@makes("floats")
def floats(path):
    with h5py.File(path, "w") as file:
        write_numbers(file, FLOATS)


@makes("big_endian")
def big_endian(path):
    """As instruments with big-endian heritage write: everything, attributes included, in that order."""
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs.create("gain", np.array([1.5, 2.5], ">f4"))
        entry.attrs.create("run", 1234, dtype=">i4")
        entry.create_dataset("counts", data=np.arange(600, dtype=">u2").reshape(20, 30), chunks=(7, 11),
                             compression="gzip")
        entry.create_dataset("angle", data=np.linspace(0, 1, 50).astype(">f8"), fillvalue=np.float64(-1))
        rows = np.zeros(9, np.dtype([("a", ">i4"), ("b", ">f8"), ("c", "S5")]))
        rows["a"], rows["b"], rows["c"] = np.arange(9), np.arange(9) / 3, b"xyz"
        entry.create_dataset("rows", data=rows)


@makes("booleans_enums")
def booleans_enums(path):
    rng = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        file["bool"] = rng.integers(0, 2, (5, 7)).astype(bool)
        file["bool_scalar"] = True
        file.create_dataset("bool_chunked", data=rng.integers(0, 2, (33, 10)).astype(bool), chunks=(8, 4),
                            compression="gzip")
        file.attrs["flag"] = True
        file.attrs["flags"] = np.array([True, False, True])
        for base in ("i1", "u1", "<i2", ">i4", "<u8", "<i4"):
            kind = h5py.enum_dtype({"RED": 0, "GREEN": 1, "BLUE": 42}, basetype=base)
            name = np.dtype(base).str.strip("|").replace("<", "le_").replace(">", "be_")
            file.create_dataset("enum_" + name, data=np.array([0, 1, 42, 1, 0], base), dtype=kind)
            file.attrs.create("enum_" + name, np.array([42, 1], base), dtype=kind)
        file.create_dataset("enum_scalar", data=np.int8(42), dtype=h5py.enum_dtype({"A": 0, "B": 42}, basetype="i1"))
        file.create_dataset("enum_filled", shape=(9,), chunks=(3,),
                            dtype=h5py.enum_dtype({"A": 0, "B": 7}, basetype="i2"), fillvalue=7)
        file["committed_enum"] = h5py.enum_dtype({"ON": 1, "OFF": 0, "été": 5}, basetype="i4")


def string_type(size, padding, charset):
    kind = h5t.C_S1.copy()
    kind.set_size(size)
    kind.set_strpad(padding)
    kind.set_cset(charset)
    return kind


@makes("strings_fixed")
def strings_fixed(path):
    paddings = {"nullterm": h5t.STR_NULLTERM, "nullpad": h5t.STR_NULLPAD, "spacepad": h5t.STR_SPACEPAD}
    charsets = {"ascii": (h5t.CSET_ASCII, [b"", b"a", b"abcde", b"abc", b"  x", b"abcdef", b"q\0z"]),
                "utf8": (h5t.CSET_UTF8, [b"", "é".encode(), "äöü".encode(), b"abc", "€".encode(), "日本".encode(), b" "])}
    with h5py.File(path, "w") as file:
        for padname, padding in paddings.items():
            for setname, (charset, texts) in charsets.items():
                for size in (1, 6, 7, 300):
                    kind = string_type(size, padding, charset)
                    filler = b" " if padname == "spacepad" else b"\0"
                    data = np.frombuffer(b"".join(t[:size].ljust(size, filler) for t in texts), np.uint8).copy()
                    name = f"{padname}_{setname}_{size}".encode()
                    space = h5s.create_simple((len(texts),))
                    dataset = h5d.create(file.id, name, kind, space)
                    dataset.write(h5s.ALL, h5s.ALL, data.view(f"S{size}"), kind)
                    attribute = h5py.h5a.create(file.id, name, kind, space)
                    attribute.write(data.view(f"S{size}"), kind)
        file.create_dataset("scalar", data=np.bytes_(b"NXentry"))
        file.create_dataset("matrix", data=np.array([[b"ab", b"c"], [b"", b"longer"]]), chunks=(1, 2),
                            compression="gzip")
        file.create_dataset("null", data=h5py.Empty("S5"))
        file.create_dataset("none", shape=(0, 2), dtype="S3")
        file.create_dataset("unwritten", shape=(4,), dtype="S3", chunks=(2,), fillvalue=b"zz")


@makes("strings_variable")
def strings_variable(path):
    texts = ["", "a", "héllo wörld", "日本語", "x" * 5000, " spaces ", "new\nline"]
    with h5py.File(path, "w") as file:
        utf8, ascii_ = h5py.string_dtype(), h5py.string_dtype("ascii")
        file.create_dataset("utf8", data=texts, dtype=utf8)
        file.create_dataset("ascii", data=[t.encode("ascii", "replace") for t in texts], dtype=ascii_)
        file.create_dataset("not_utf8", data=np.array([b"\xff\xfe", b"ok", b"\xc3"], object), dtype=utf8)
        file.create_dataset("matrix", data=np.array(texts[:6], object).reshape(2, 3), dtype=utf8)
        file.create_dataset("chunked", data=np.array(texts * 20, object).reshape(20, 7), dtype=utf8, chunks=(6, 2),
                            compression="gzip")
        file.create_dataset("scalar", data="a scalar", dtype=utf8)
        file.create_dataset("scalar_ascii", data=b"bytes", dtype=ascii_)
        file.create_dataset("scalar_empty", data="", dtype=utf8)
        file.create_dataset("unwritten", shape=(3, 2), dtype=utf8)
        file.create_dataset("unwritten_chunked", shape=(5,), maxshape=(None,), dtype=utf8, chunks=(2,))
        file.create_dataset("filled", shape=(4,), dtype=utf8, fillvalue="n/a")
        partly = file.create_dataset("partly", shape=(10,), dtype=utf8, chunks=(3,))
        partly[4] = "four"
        file.create_dataset("none", shape=(0,), dtype=utf8)
        file.create_dataset("null", data=h5py.Empty(utf8))
        file.attrs["text"] = "short"
        file.attrs["unicode"] = "日本語"
        file.attrs["texts"] = texts
        file.attrs.create("ascii", b"bytes", dtype=ascii_)
        file.attrs.create("many", np.array([f"n{i}" for i in range(500)], object), dtype=utf8)
        file.attrs["null"] = h5py.Empty(utf8)
        file.attrs.create("none", np.array([], object), shape=(0,), dtype=utf8)


POINT = np.dtype([("x", "<f4"), ("y", ">f8")])
ROW = np.dtype([("id", "<i8"), ("flag", "?"), ("label", "S8"), ("at", POINT), ("level", "u1")])
ALIGNED = np.dtype([("a", "u1"), ("b", "<f8"), ("c", "<i2")], align=True)


def rows(count):
    table = np.zeros(count, ROW)
    table["id"] = np.arange(count) * 10**12
    table["flag"] = np.arange(count) % 3 == 0
    table["label"] = [f"row{i}".encode() for i in range(count)]
    table["at"]["x"] = np.arange(count) / 7
    table["at"]["y"] = -np.arange(count) / 11
    table["level"] = np.arange(count) % 251
    return table


@makes("compounds")
def compounds(path):
    with h5py.File(path, "w") as file:
        file["rows"] = rows(57)
        file.create_dataset("matrix", data=rows(24).reshape(4, 6), chunks=(3, 4), compression="gzip", shuffle=True)
        file.create_dataset("scalar", data=rows(3)[2])
        file.create_dataset("null", data=h5py.Empty(ROW))
        file.create_dataset("none", shape=(0,), dtype=ROW)
        file.create_dataset("unwritten", shape=(5,), dtype=POINT, chunks=(2,),
                            fillvalue=np.array((1.5, 2.5), POINT)[()])
        aligned = np.zeros(6, ALIGNED)
        aligned["a"], aligned["b"], aligned["c"] = np.arange(6), np.arange(6) * 1.25, -np.arange(6)
        file["aligned"] = aligned
        file["one_field"] = np.array([(1,), (2,)], [("only", "<i4")])
        deep = np.dtype([("l1", [("l2", [("l3", "<i2"), ("s", "S3")]), ("f", "<f4")]), ("u", "<u4")])
        nested = np.zeros(4, deep)
        nested["l1"]["l2"]["l3"] = np.arange(4)
        nested["l1"]["l2"]["s"] = b"abc"
        nested["u"] = 7
        file["deep"] = nested
        odd = np.dtype([("with space", "<i4"), ("ünï", "<f4"), ("a/b", "u1"), ("", "i1")][:3])
        file["odd_names"] = np.array([(1, 2.5, 3)], odd)
        enum = h5py.enum_dtype({"OPEN": 1, "SHUT": 2}, basetype="i1")
        file.create_dataset("with_enum", data=np.array([(1, 5), (2, 6)], [("state", "i1"), ("n", "<i4")]),
                            dtype=np.dtype([("state", enum), ("n", "<i4")]))
        file.attrs.create("point", np.array((1.0, 2.0), POINT)[()])
        file.attrs.create("rows", rows(3))
        file["committed"] = ROW
        file.create_dataset("of_committed", data=rows(2), dtype=file["committed"])


@makes("compounds_variable")
def compounds_variable(path):
    text = h5py.string_dtype()
    kind = np.dtype([("name", text), ("n", "<i4"), ("inner", [("note", text), ("v", ">f4")])])
    data = np.zeros(11, kind)
    for i in range(11):
        data[i] = (f"name {i} é", i, ("" if i % 3 else "noted" * i, i / 2))
    with h5py.File(path, "w") as file:
        file.create_dataset("rows", data=data)
        file.create_dataset("chunked", data=data, chunks=(4,), compression="gzip")
        file.create_dataset("unwritten", shape=(3,), dtype=kind)
        file.create_dataset("scalar", data=data[2])
        file.attrs.create("row", data[3])


@makes("integers_odd_precision")
def integers_odd_precision(path):
    """Integers whose precision is smaller than their size, as digitizers write them, plain and packed by n-bit."""
    with h5py.File(path, "w") as file:
        for name, base, precision, offset in (("u12", h5t.STD_U16LE, 12, 0), ("i10_off3", h5t.STD_I16LE, 10, 3),
                                              ("be20", h5t.STD_U32BE, 20, 4)):
            kind = base.copy()
            kind.set_precision(precision)
            kind.set_offset(offset)
            for suffix, nbit in (("", False), ("_nbit", True)):
                plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                plist.set_chunk((5, 4))
                if nbit:
                    plist.set_filter(h5py.h5z.FILTER_NBIT, 0, ())
                dataset = h5d.create(file.id, (name + suffix).encode(), kind, h5s.create_simple((10, 8)), plist)
                dataset.write(h5s.ALL, h5s.ALL,
                              np.arange(80, dtype="<i4").reshape(10, 8) * 6 - 200 * (base is h5t.STD_I16LE))
