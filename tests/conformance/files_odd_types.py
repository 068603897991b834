"""Generated files: every class of datatype that is not a plain number or string, alone and within the others."""

import h5py
import numpy as np
from h5py import h5a, h5d, h5s, h5t

from registry import makes


def write(file, name, kind, data, shape=None, plist=None):
    """A dataset of a low-level type, its bytes as given (elements of the type's own size)."""
    data = np.frombuffer(data, f"V{kind.get_size()}").copy() if isinstance(data, bytes) else data
    dataset = h5d.create(file.id, name.encode(), kind, h5s.create_simple(shape or data.shape[:1]), plist)
    dataset.write(h5s.ALL, h5s.ALL, data, kind)
    return dataset


def compound(size, *fields):
    kind = h5t.create(h5t.COMPOUND, size)
    for name, offset, member in fields:
        kind.insert(name, offset, member)
    return kind


def opaque(size, tag):
    kind = h5t.create(h5t.OPAQUE, size)
    kind.set_tag(tag)
    return kind


@makes("floats_odd")
def floats_odd(path):
    halves = np.array([0, -0.0, 1.5, -2, np.inf, -np.inf, np.nan, 65504, 6e-8, 6.1e-5], np.float16)
    longs = np.array([0, 1, 2, np.longdouble(1) / 3, -np.longdouble(10) ** 4000, np.longdouble(10) ** -4940, np.inf,
                      -np.inf, np.nan], np.longdouble)
    with h5py.File(path, "w") as file:
        for order in "<>":
            name = "le" if order == "<" else "be"
            file["half_" + name] = halves.astype(order + "f2")
            file.create_dataset("half_chunked_" + name, data=np.tile(halves, 6).reshape(10, 6).astype(order + "f2"),
                                chunks=(4, 4), compression="gzip", shuffle=True)
            file["long_" + name] = longs.astype(np.dtype(np.longdouble).newbyteorder(order))
            file.attrs.create("half_" + name, halves.astype(order + "f2"))
            file.attrs.create("long_" + name, longs.astype(np.dtype(np.longdouble).newbyteorder(order)))
        file.create_dataset("half_fill", shape=(4,), dtype="<f2", fillvalue=1.5, chunks=(2,))
        file.create_dataset("long_fill", shape=(4,), dtype=np.longdouble, fillvalue=np.longdouble(1) / 3, chunks=(2,))
        file["long_scalar"] = longs[3]
        file["rows"] = np.array([(1, 1.5, 0.1)], [("n", "u1"), ("h", "<f2"), ("g", np.longdouble)])
        for name, size, fields, bias, patterns in (
            ("bfloat16", 2, (15, 7, 8, 0, 7), 127, [0, 0x3f80, 0xc000, 0x7f80, 0xff80, 0x7fc0, 0x0001, 0x7f7f]),
            ("float8_e5m2", 1, (7, 2, 5, 0, 2), 15, [0, 0x3c, 0xbc, 0x7c, 0xfc, 0x01, 0x7b]),
            ("float8_e4m3", 1, (7, 3, 4, 0, 3), 7, [0, 0x38, 0xb8, 0x01, 0x77]),
            ("float24", 3, (23, 15, 8, 0, 15), 127, [0, 0x3f8000, 0xbf8001, 0x7f8000, 0x000001]),
            ("exponent11", 4, (31, 20, 11, 0, 20), 1023,
             [0, 0x3ff00000, 0xbff80001, 0x7fefffff, 0x7ff00000, 0x00000001]),
            ("single in eight bytes", 8, (31, 23, 8, 0, 23), 127, [0, 0x3f800000, 0xff7fffff, 0x7f800000]),
            ("biased", 4, (31, 23, 8, 0, 23), 100, [0, 0x3f800000, 0x00000001, 0xff7fffff]),
        ):
            for order in ("le", "be"):
                kind = (h5t.IEEE_F64LE if size == 8 else h5t.IEEE_F32LE).copy()
                kind.set_fields(*fields)
                kind.set_precision(8 * min(size, 4))
                kind.set_size(size)
                kind.set_ebias(bias)
                kind.set_order(h5t.ORDER_LE if order == "le" else h5t.ORDER_BE)
                raw = b"".join(p.to_bytes(size, "little" if order == "le" else "big") for p in patterns)
                write(file, f"{name}_{order}", kind, raw)
                space = h5s.create_simple((len(patterns),))
                attribute = h5a.create(file.id, f"{name}_{order}".encode(), kind, space)
                attribute.write(np.frombuffer(raw, f"V{size}").copy(), kind)


@makes("complex_numbers")
def complex_numbers(path):
    parts = np.array([0, 1 + 2j, -1.5 - 0.25j, complex(np.inf, np.nan)])
    with h5py.File(path, "w") as file:
        for name in ("<c8", ">c8", "<c16", ">c16"):
            file[name] = parts.astype(name)
            file.create_dataset("chunked " + name, data=np.tile(parts, 5).reshape(4, 5).astype(name), chunks=(3, 2),
                                compression="gzip")
            file.attrs.create(name, parts.astype(name))
        file["long"] = parts.astype(np.clongdouble)
        file["scalar"] = 1 + 2j
        file["rows"] = np.array([(1, 2 + 3j)], [("n", "<i4"), ("z", "<c16")])
        file.create_dataset("filled", shape=(3,), dtype="<c8", fillvalue=1 - 1j)
        f4, f8 = h5t.IEEE_F32LE, h5t.IEEE_F64LE
        values = np.arange(12, dtype="<f4").tobytes()
        write(file, "padded", compound(12, (b"r", 0, f4), (b"i", 8, f4)), values)
        write(file, "imaginary first", compound(8, (b"i", 0, f4), (b"r", 4, f4)), values)
        write(file, "mixed orders", compound(8, (b"r", 0, f4), (b"i", 4, h5t.IEEE_F32BE)), values)
        write(file, "mixed sizes", compound(12, (b"r", 0, f4), (b"i", 4, f8)), values)
        write(file, "integers", compound(8, (b"r", 0, h5t.STD_I32LE), (b"i", 4, h5t.STD_I32LE)), values)
        write(file, "capitals", compound(8, (b"R", 0, f4), (b"I", 4, f4)), values)


@makes("sequences")
def sequences(path):
    with h5py.File(path, "w") as file:
        def fill(name, base, items, **options):
            dataset = file.create_dataset(name, shape=(len(items),), dtype=h5py.vlen_dtype(base), **options)
            for i, item in enumerate(items):
                if item is not None:
                    dataset[i] = item
            return dataset

        for base in ("i1", "<i4", "<u8", "<f4", "<f8", "?", "<f2", "<c16"):
            fill("of " + base, base, [np.arange(i).astype(base) for i in range(5)])
        fill("partly", "<i2", [np.arange(3), None, np.arange(0), np.arange(7), None])
        fill("chunked", "<i4", [np.arange(i) for i in range(11)], chunks=(3,), compression="gzip")
        fill("fixed strings", "S4", [np.array([b"ab", b"cdef"], "S4"), np.array([b""], "S4")])
        fill("enumeration", h5py.enum_dtype({"A": 1, "B": 2}, basetype="i1"),
             [np.array([1, 2], "i1"), np.array([], "i1")])
        fill("compound", np.dtype([("x", "<f4"), ("n", "<i2")]),
             [np.array([(1.5, 2), (2.5, 3)], [("x", "<f4"), ("n", "<i2")])])
        file.create_dataset("unwritten", shape=(4,), dtype=h5py.vlen_dtype("<i4"))
        file.create_dataset("null", data=h5py.Empty(h5py.vlen_dtype("<i4")))
        matrix = file.create_dataset("matrix", shape=(2, 3), dtype=h5py.vlen_dtype("<i4"), chunks=(1, 2))
        for i in range(2):
            for j in range(3):
                matrix[i, j] = np.arange(i + j)
        scalar = file.create_dataset("scalar", shape=(), dtype=h5py.vlen_dtype("<i4"))
        scalar[()] = np.arange(3)
        row = np.dtype([("n", "<i4"), ("values", h5py.vlen_dtype("<f4")), ("name", h5py.string_dtype()),
                        ("last", "u1")])
        rows = file.create_dataset("rows", shape=(3,), dtype=row)
        for i in range(3):
            rows[i] = (i, np.arange(i, dtype="<f4"), f"row {i}", 7)
        for i in range(3):
            both = np.empty(2, object)
            both[0], both[1] = np.arange(i, dtype="<i4"), np.arange(4, dtype="<i4")
            file.attrs.create(f"seq{i}", both, dtype=h5py.vlen_dtype("<i4"))


@makes("opaque_and_time")
def opaque_and_time(path):
    with h5py.File(path, "w") as file:
        for unit in ("s", "ms", "us", "ns", "D", "Y"):
            dates = np.array(["2024-02-03T04:05:06", "NaT", "1969-12-31"], "M8[s]").astype(f"M8[{unit}]")
            file.create_dataset("date " + unit, data=dates.astype(h5py.opaque_dtype(dates.dtype)))
            spans = np.array([0, -5, 10**6], f"m8[{unit}]")
            file.create_dataset("span " + unit, data=spans.astype(h5py.opaque_dtype(spans.dtype)))
        dates = np.array(["2024-02-03T04:05:06"], "M8[s]")
        file.attrs.create("date", dates.astype(h5py.opaque_dtype(dates.dtype)))
        file.create_dataset("date chunked",
                            data=np.tile(dates, 12).reshape(3, 4).astype(h5py.opaque_dtype(dates.dtype)), chunks=(2, 2),
                            compression="gzip")
        file.create_dataset("bytes", data=np.array([b"abc", b"\0\1\2"], "V3"))
        file.create_dataset("void scalar", data=np.void(b"\0abc\0"))
        file.attrs["void"] = np.void(b"xyz\0")
        file.create_dataset("float as opaque", data=np.arange(3, dtype="<f4").astype(h5py.opaque_dtype("<f4")))
        write(file, "foreign tag", opaque(7, b"seven bytes"), bytes(range(28)))
        write(file, "unknown dtype", opaque(4, b"NUMPY:junk"), bytes(range(8)))
        write(file, "time", h5t.UNIX_D32LE, bytes(range(8)))
        file["plain"] = np.arange(3)


@makes("arrays")
def arrays(path):
    with h5py.File(path, "w") as file:
        write(file, "big_endian", h5t.array_create(h5t.IEEE_F32BE, (2, 3)), np.arange(24, dtype=">f4").tobytes())
        write(file, "of_arrays", h5t.array_create(h5t.array_create(h5t.STD_I16LE, (2,)), (3,)),
              np.arange(24, dtype="<i2").tobytes())
        write(file, "of_opaque", h5t.array_create(opaque(3, b"NUMPY:|V3"), (2,)), bytes(range(18)))
        enum = h5t.py_create(h5py.enum_dtype({"A": 1, "B": 2}, basetype="<i2"), logical=True)
        write(file, "of_enum", h5t.array_create(enum, (2,)), np.array([1, 2, 2, 1], "<i2").tobytes())
        write(file, "of_compound",
              h5t.array_create(compound(8, (b"a", 0, h5t.STD_I16LE), (b"b", 4, h5t.IEEE_F32LE)), (2,)),
              bytes(range(48)))
        write(file, "of_odd_floats", h5t.array_create(h5t.py_create(np.dtype("<f2")), (4,)),
              np.arange(8, dtype="<f2").tobytes())
        file["fields"] = np.zeros(3, [("matrix", "<f4", (2, 2)), ("n", "<i4"), ("names", "S3", (2,))])
        text = h5py.string_dtype()
        kind = np.dtype([("names", text, (2,)), ("n", "<i4")])
        rows = np.zeros(2, kind)
        rows["names"] = [["a", "bc"], ["", "déf"]]
        rows["n"] = [1, 2]
        file.create_dataset("strings_in_arrays", data=rows, dtype=kind)
        file.create_dataset("chunked", data=np.ones((3, 4), [("m", "<i2", (2, 3))]), chunks=(2, 2), compression="gzip")
        file.create_dataset("unwritten", shape=(3,), dtype=np.dtype([("m", "<i2", (2, 3))]))
        matrix = h5t.array_create(h5t.STD_I32LE, (2, 3))
        attribute = h5a.create(file.id, b"matrix", matrix, h5s.create(h5s.SCALAR))
        attribute.write(np.frombuffer(np.arange(6, dtype="<i4").tobytes(), "V24").reshape(()).copy(), matrix)


@makes("compounds_odd")
def compounds_odd(path):
    i1, i2, i4, f4 = h5t.STD_I8LE, h5t.STD_I16BE, h5t.STD_I32LE, h5t.IEEE_F32LE
    with h5py.File(path, "w") as file:
        write(file, "padding", compound(40, (b"a", 3, i1), (b"b", 10, f4), (b"c", 33, i2)), bytes(range(80)))
        write(file, "out of order", compound(12, (b"c", 8, i4), (b"a", 0, i4), (b"b", 4, f4)), bytes(range(24)))
        write(file, "inner", compound(24, (b"head", 4, compound(12, (b"x", 0, i1), (b"y", 6, i2))), (b"tail", 20, i4)),
              bytes(range(48)))
        write(file, "one byte", compound(1, (b"b", 0, i1)), bytes(range(3)))
        write(file, "dots and slashes", compound(8, (b"a.b", 0, i4), (b"/c/", 4, i4)), bytes(range(16)))
        write(file, "utf8", compound(8, ("größe".encode(), 0, i4), ("日".encode(), 4, i4)), bytes(range(16)))
        write(file, "not utf8", compound(8, (b"\xff\xfe", 0, i4), (b"b", 4, i4)), bytes(range(16)))
        write(file, "bitfield", compound(8, (b"bits", 0, h5t.STD_B16LE), (b"n", 4, i4)), bytes(range(16)))
        many = compound(400, *[(f"f{i}".encode(), 4 * i, i4) for i in range(100)])
        write(file, "hundred", many, bytes(i % 256 for i in range(800)))
        deep = i4
        for i in range(15):
            deep = compound(4 * (i + 2), (b"inner", 0, deep), (b"n", 4 * (i + 1), i4))
        write(file, "deep", deep, bytes(i % 256 for i in range(2 * deep.get_size())))
        strings = [h5t.C_S1.copy() for _ in range(3)]
        for kind, padding in zip(strings, (h5t.STR_NULLTERM, h5t.STR_NULLPAD, h5t.STR_SPACEPAD)):
            kind.set_size(4)
            kind.set_strpad(padding)
        write(file, "strings", compound(12, *[(f"s{i}".encode(), 4 * i, kind) for i, kind in enumerate(strings)]),
              b"ab\0cab\0\0ab  " * 2)
        text = h5py.string_dtype()
        inner = np.dtype([("note", text), ("v", "<f4")])
        kind = np.dtype([("id", "<i8"), ("inner", inner, (2,)), ("tail", "S3")])
        rows = np.zeros(2, kind)
        for i in range(2):
            rows[i]["id"], rows[i]["tail"] = i, b"xyz"
            for j in range(2):
                rows[i]["inner"][j] = (f"note {i}{j}", j / 2)
        file.create_dataset("variable in arrays in compounds", data=rows, dtype=kind)


@makes("enumerations_odd")
def enumerations_odd(path):
    def enum(base, *members):
        kind = h5t.enum_create(base)
        for name, value in members:
            kind.enum_insert(name, value)
        return kind

    odd = h5t.STD_I16LE.copy()
    odd.set_precision(10)
    odd.set_offset(3)
    with h5py.File(path, "w") as file:
        write(file, "bool of 16 bits", enum(h5t.STD_I16BE, (b"FALSE", 0), (b"TRUE", 1)),
              np.array([0, 1, 1], ">i2").tobytes())
        write(file, "bool unsigned", enum(h5t.STD_U8LE, (b"FALSE", 0), (b"TRUE", 1)), bytes([0, 1, 1]))
        write(file, "bool backwards", enum(h5t.STD_I8LE, (b"TRUE", 1), (b"FALSE", 0)), bytes([0, 1, 1]))
        write(file, "bool inverted", enum(h5t.STD_I8LE, (b"TRUE", 0), (b"FALSE", 1)), bytes([0, 1, 1]))
        write(file, "three", enum(h5t.STD_I8LE, (b"FALSE", 0), (b"TRUE", 1), (b"MAYBE", 2)), bytes([0, 1, 2]))
        write(file, "not a member", enum(h5t.STD_I8LE, (b"A", 1)), bytes([0, 1, 200]))
        write(file, "not utf8", enum(h5t.STD_I8LE, (b"\xff\xfe", 1), (b"B", 2)), bytes([1, 2, 3]))
        write(file, "negative", enum(h5t.STD_I64BE, (b"LOW", -2**40), (b"HIGH", 2**40)),
              np.array([-2**40, 2**40], ">i8").tobytes())
        write(file, "odd base", enum(odd, (b"A", -3), (b"B", 5)), np.array([-3 << 3, 5 << 3], "<i2").tobytes())
        write(file, "in compound",
              compound(4, (b"e", 0, enum(h5t.STD_I16LE, (b"A", 1))),
                       (b"b", 2, enum(h5t.STD_I8LE, (b"FALSE", 0), (b"TRUE", 1)))), bytes([1, 0, 1, 0, 2, 0, 0, 0]))


@makes("bitfields")
def bitfields(path):
    with h5py.File(path, "w") as file:
        for name in ("B8LE", "B16LE", "B16BE", "B32LE", "B32BE", "B64LE", "B64BE"):
            kind = getattr(h5t, "STD_" + name)
            write(file, name, kind, bytes(range(16)))
            attribute = h5a.create(file.id, name.encode(), kind, h5s.create_simple((16 // kind.get_size(),)))
            attribute.write(np.frombuffer(bytes(range(16)), f"V{kind.get_size()}").copy(), kind)
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((3,))
        plist.set_deflate(4)
        write(file, "chunked", h5t.STD_B16BE, bytes(range(16)), plist=plist)


@makes("named_types")
def named_types(path):
    with h5py.File(path, "w") as file:
        kinds = {"i": "<i2", "be": ">f8", "s": "S5", "c": [("a", "<i4"), ("b", "<f4")], "v": h5py.string_dtype(),
                 "seq": h5py.vlen_dtype("<i4"),
                 "e": h5py.enum_dtype({"A": 1}, basetype="i1"), "b": "?", "z": "<c8", "arr": np.dtype(("<i2", (2, 2))),
                 "r": h5py.ref_dtype,
                 "rr": h5py.regionref_dtype, "h": "<f2", "g": np.longdouble, "d": h5py.opaque_dtype("M8[s]")}
        types = file.create_group("types")
        for name, kind in kinds.items():
            h5t.py_create(np.dtype(kind), logical=True).copy().commit(types.id, name.encode())
            file["types/" + name].attrs["note"] = name
        file.create_dataset("of_i", data=np.arange(3), dtype=file["types/i"])
        file.create_dataset("of_c", shape=(2,), dtype=file["types/c"])
        file.create_dataset("of_v", data=["a", "b"], dtype=file["types/v"])
        file.attrs.create("of_i", 5, dtype=file["types/i"])
        file["alias"] = file["types/i"]
