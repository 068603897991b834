"""The originals: one dataset for every kind of element, storage, rank and extent that a value can have.

Most hold more than 1 KiB, so that small replies cut them.  Values are made once and kept in memory: roads write them
where they like, whole or in parts (`Original.write`).
"""

import dataclasses
from typing import Any, Callable, FrozenSet, Optional, Tuple

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t

TEXT, ASCII = h5py.string_dtype(), h5py.string_dtype("ascii")
COLOURS = h5py.enum_dtype({"RED": 1, "BLUE": -2, "GREEN": 300}, basetype="<i2")
COLOURS_BE = h5py.enum_dtype({"RED": 1, "BLUE": -2, "GREEN": 70_000}, basetype=">i4")
POINT = np.dtype([("x", "<i4"), ("y", ">f8"), ("name", "S3")])
ALIGNED = np.dtype([("a", "u1"), ("b", "<f8"), ("c", "<u2")], align=True)
NESTED = np.dtype([("id", "u1"), ("at", POINT), ("grid", "<i2", (2, 3)), ("ok", "?"), ("z", "<c16"), ("h", "<f2"),
                   ("colour", COLOURS)])
VARIABLE = np.dtype([("n", "<i4"), ("text", TEXT), ("list", h5py.vlen_dtype("<f4")), ("last", ">u2")])
DEEP = np.dtype([("n", "<i4"), ("texts", h5py.vlen_dtype(TEXT)), ("inner", [("note", TEXT), ("v", "<f4")], (2,)),
                 ("tail", "S3")])

ROWS = (31, 17)
CHUNKED, GZIP = {"chunks": True}, {"chunks": True, "compression": "gzip", "shuffle": True}


@dataclasses.dataclass(frozen=True)
class Original:
    """A dataset.  `kind` is a dtype, or makes HDF5's type; `values` is None when nothing is ever written, and of a
    "reference" what makes them for a file; `traits` are what roads ask for; `quick` ones are read in CI as well, all
    others with tools/test --long."""

    name: str
    kind: Any
    shape: Optional[Tuple[int, ...]]
    values: Any = dataclasses.field(compare=False, repr=False)
    storage: dict = dataclasses.field(default_factory=dict, compare=False)
    written: Any = Ellipsis
    traits: FrozenSet[str] = frozenset()
    quick: bool = False

    def type_id(self):
        return self.kind() if callable(self.kind) else h5t.py_create(np.dtype(self.kind), logical=True)

    def write(self, file, change: Optional[Callable] = None, name=None, kind=None):
        """Writes it, or what `change` makes of its values: a part of them, or another shape."""
        name, shape, values, written = name or self.name, self.shape, self.values, self.written
        type_id = self.type_id() if kind is None else h5t.py_create(np.dtype(kind), logical=True)
        if shape is None:
            h5d.create(file.id, name.encode(), type_id, h5s.create(h5s.NULL))
            return
        if change is not None:
            shape = change(np.empty(self.shape, "u1")).shape
            written = Ellipsis
            if values is not None:
                values = change(values)
        space = h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)
        if self.storage.get("grows") and shape:
            space = h5s.create_simple(shape, (h5s.UNLIMITED,) * len(shape))
        made = h5py.Dataset(h5d.create(file.id, name.encode(), type_id, space, dcpl=self.created(shape)))
        if "reference" in self.traits:
            made[...] = self.values(file)
            return
        if values is None or 0 in shape:
            return
        if callable(self.kind) or np.dtype(self.kind).subdtype:
            memory = type_id if callable(self.kind) else made.id.get_type()
            made.id.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(values), memory)
        elif isinstance(h5py.check_vlen_dtype(made.dtype), np.dtype):
            for at in np.ndindex(shape):
                made[at] = values[at]
        else:
            made[written] = values[written]

    def created(self, shape):
        """Its creation properties at that shape."""
        plist, storage = h5p.create(h5p.DATASET_CREATE), self.storage
        if storage.get("compact"):
            plist.set_layout(h5d.COMPACT)
        if storage.get("chunks") and shape and 0 not in shape:
            plist.set_chunk(tuple(max(1, n // 3) for n in shape))
            if "scaleoffset" in storage:
                plist.set_scaleoffset(h5py.h5z.SO_INT, storage["scaleoffset"])
            if storage.get("shuffle"):
                plist.set_shuffle()
            if storage.get("compression") == "gzip":
                plist.set_deflate(3)
            if storage.get("compression") == "lzf":
                plist.set_filter(h5py.h5z.FILTER_LZF, h5py.h5z.FLAG_OPTIONAL)
            if storage.get("fletcher32"):
                plist.set_fletcher32()
        if "fill" in storage:
            plist.set_fill_value(np.array(storage["fill"], np.dtype(self.kind)))
        return plist


def numbers(rng, dtype, shape):
    """Extremes first, then noise."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        out = rng.integers(info.min, info.max, shape, dtype.newbyteorder("="), endpoint=True).reshape(-1)
        out[:4] = np.array([0, info.min, info.max, 1], dtype)[:out.size]
    elif dtype.kind == "f":
        info = np.finfo(dtype)
        out = (rng.standard_normal(shape) * 100).astype(dtype).reshape(-1)
        out[:8] = np.array([0, -0.0, info.max, info.min, info.tiny, np.inf, -np.inf, np.nan], dtype)[:out.size]
    else:
        out = (rng.standard_normal(shape) - 1j * rng.standard_normal(shape)).astype(dtype).reshape(-1)
    return out.astype(dtype).reshape(shape)


def words(rng, shape, alphabet="añ日z ", longest=9):
    out = np.empty(shape, object)
    for i, at in enumerate(np.ndindex(*shape)):
        out[at] = "".join(rng.choice(list(alphabet), rng.integers(longest))) + (str(i) if i % 5 else "")
    return out


def lists(shape, element):
    """Variable-length elements: `element(i)` gives the i-th."""
    out = np.empty(shape, object)
    for i, at in enumerate(np.ndindex(*shape)):
        out[at] = element(i)
    return out


def text_list(i):
    return np.array([f"element {i}, text {j}" + "." * (7 * j) for j in range(i % 4)], object)


def nested_list(i):
    return lists((i % 3,), lambda j: np.arange(i + j, i + 3 * j, dtype="<i4"))


def records(rng, dtype, shape):
    """Random values for each field."""
    out = np.zeros(shape, dtype)
    for name in dtype.names:
        base, extra = dtype[name].subdtype or (dtype[name], ())
        out[name] = elements(rng, base, tuple(shape) + extra)
    return out


def elements(rng, dtype, shape):
    """Seeded elements of any dtype."""
    dtype = np.dtype(dtype)
    if h5py.check_enum_dtype(dtype):
        return rng.choice(list(h5py.check_enum_dtype(dtype).values()), shape).astype(dtype)
    if dtype.names:
        return records(rng, dtype, shape)
    if h5py.check_string_dtype(dtype) and dtype.kind == "O":
        return words(rng, shape)
    inner = h5py.check_vlen_dtype(dtype)
    if inner is not None:
        inner = np.dtype(inner)
        return lists(shape, text_list if inner.kind == "O" else lambda i: np.arange(i % 5).astype(inner))
    if dtype.kind == "S":
        texts = [word.encode()[:dtype.itemsize] for word in words(rng, shape, "ab z").reshape(-1)]
        return np.array(texts, dtype).reshape(shape)
    return numbers(rng, dtype, shape)


def raw(rng, shape, size):
    return rng.integers(0, 256, tuple(shape) + (size,), "u1").view(f"V{size}").reshape(shape)


def opaque(size, tag):
    kind = h5t.create(h5t.OPAQUE, size)
    kind.set_tag(tag)
    return kind


def fixed_text(size, padding, charset=h5t.CSET_ASCII):
    def make():
        kind = h5t.C_S1.copy()
        kind.set_size(size)
        kind.set_strpad(padding)
        kind.set_cset(charset)
        return kind
    return make


def padded(rng, shape, size, filler, alphabet="abc"):
    texts = [word.encode()[:size - 1].ljust(size, filler) for word in words(rng, shape, alphabet).reshape(-1)]
    return np.frombuffer(b"".join(texts), f"V{size}").reshape(shape).copy()


QUICK = {"number >f8", "text in chunks", "fixed text", "nested record", "variable record", "lists of texts",
         "array type", "all filters", "partly written", "rank 0", "rank 3", "extents (4, 0, 3)"}


class Collection(dict):
    """Originals by name."""

    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(11)

    def add(self, name, kind, shape=ROWS, values=True, written=Ellipsis, **storage):
        """`values`: True for random ones, None for none."""
        dtype = None if callable(kind) else np.dtype(kind)
        if values is True and shape is not None:
            base, extra = dtype.subdtype or (dtype, ())
            values = elements(self.rng, base, tuple(shape) + extra)
        traits = {"reference"} if dtype is not None and h5py.check_ref_dtype(dtype) else set()
        traits |= {"null" if shape is None else "scalar" if shape == () else "empty" if 0 in shape else "plain"}
        if dtype is not None and dtype.hasobject and "reference" not in traits:
            traits.add("variable")
        if values is None:
            traits.add("never written")
        self[name] = Original(name, kind, shape, values, storage, written, frozenset(traits), name in QUICK)


def add_numbers(found):
    layouts = {}, CHUNKED, GZIP, {"compact": True}
    kinds = ["i1", "u1"] + [order + kind for kind in ("i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "c8", "c16")
                            for order in "<>"]
    for i, kind in enumerate(kinds):
        found.add("complex" if kind == "<c16" else "number " + kind, kind, **layouts[i % 4])
    found.add("number half", "<f2", **CHUNKED)
    found.add("number half big-endian", ">f2")
    found.add("number long double", np.dtype(np.longdouble))
    found.add("number long double big-endian", np.dtype(np.longdouble).newbyteorder(">"), **GZIP)
    found.add("complex of long double", np.dtype(np.clongdouble))
    found.add("bool", "?")
    found.add("bool in chunks", "?", (7, 9, 11), **GZIP)
    found.add("enum", COLOURS)
    found.add("enum big-endian", COLOURS_BE, **GZIP)
    for name in "B8LE", "B16BE", "B32LE":
        kind = getattr(h5t, "STD_" + name)
        found.add("bitfield " + name, kind.copy, values=raw(found.rng, ROWS, kind.get_size()))


def add_texts(found):
    rng = found.rng
    found.add("fixed text", "S7")
    found.add("fixed text in chunks", "S7", **GZIP)
    found.add("fixed text utf-8", h5py.string_dtype("utf-8", 5), values=np.array(
        [word.encode()[:4].decode("utf-8", "ignore").encode() for word in words(rng, ROWS).flat],
        h5py.string_dtype("utf-8", 5)).reshape(ROWS))
    found.add("fixed text with spaces", fixed_text(6, h5t.STR_SPACEPAD), values=padded(rng, ROWS, 6, b" "))
    found.add("fixed text with an end", fixed_text(6, h5t.STR_NULLTERM), values=padded(rng, ROWS, 6, b"\0"))
    found.add("text", TEXT)
    found.add("text in chunks", TEXT, (40,), **GZIP)
    found.add("text ascii", ASCII, values=words(rng, ROWS, "abc "))
    found.add("text not utf-8", TEXT, (50,), values=lists((50,), lambda i: b"\xff\xc3" * (i % 3) + b"%d" % i))
    found.add("text never written", TEXT, (40, 3), None)
    found.add("text never written in chunks", TEXT, (40, 3), None, **CHUNKED)
    found.add("long text", TEXT, (9,), values=lists((9,), lambda i: chr(97 + i) * (i * 700)))
    found.add("opaque", lambda: opaque(5, b"NUMPY:|V5"), values=raw(rng, ROWS, 5))
    found.add("dates", h5py.opaque_dtype("<M8[s]"), values=rng.integers(0, 2**32, ROWS).astype("<M8[s]").astype(
        h5py.opaque_dtype("<M8[s]")))


def add_records(found):
    found.add("point", POINT, (150,))
    found.add("point in chunks", POINT, (40, 6), **GZIP)
    found.add("point with fill", POINT, (40, 6), None, fill=(7, 0.5, b"abc"), **CHUNKED)
    found.add("aligned record", ALIGNED, (90,), **CHUNKED)
    found.add("nested record", NESTED, (40,))
    found.add("nested record in chunks", NESTED, (12, 5), **GZIP)
    found.add("variable record", VARIABLE, (40,))
    found.add("variable record in chunks", VARIABLE, (20, 4), **GZIP)
    found.add("variable record never written", VARIABLE, (40,), None)
    found.add("deep record", DEEP, (40,), **CHUNKED)


def add_arrays(found):
    found.add("array type", np.dtype(("<i2", (2, 3))), (60,))
    found.add("array type in chunks", np.dtype((">f4", (3,))), (20, 6), **GZIP)
    found.add("array of texts", np.dtype(("S4", (2,))), (60,))
    found.add("array of records", np.dtype((POINT, (2,))), (40,))
    found.add("array type never written", np.dtype(("<i2", (2, 3))), (60,), None)


def add_lists(found):
    for base in "<i4", "<f8", "u1", "<c8":  # h5py 3.16 takes big-endian ones for native
        found.add("lists of " + base, h5py.vlen_dtype(base), (90,))
    found.add("lists in chunks", h5py.vlen_dtype("<i4"), (20, 6), **GZIP)
    found.add("lists never written", h5py.vlen_dtype("<i4"), (40,), None)
    found.add("lists of texts", h5py.vlen_dtype(TEXT), (60,))
    found.add("lists of texts in chunks", h5py.vlen_dtype(TEXT), (20, 4), **GZIP)
    found.add("lists of lists", h5py.vlen_dtype(h5py.vlen_dtype("<i4")), (60,), values=lists((60,), nested_list))
    found.add("lists of fixed texts", h5py.vlen_dtype("S4"), (40,),
              values=lists((40,), lambda i: np.array([b"%d" % j for j in range(i % 4)], "S4")))
    found.add("lists of points", h5py.vlen_dtype(POINT), (40,),
              values=lists((40,), lambda i: records(found.rng, POINT, (i % 4,))))
    found.add("lists of enums", h5py.vlen_dtype(COLOURS), (40,),
              values=lists((40,), lambda i: np.array([1, -2, 300][:i % 4], "<i2")))


def add_storage(found):
    for kind in "<i4", ">u2":
        add = lambda name, **storage: found.add(name if kind == "<i4" else f"{name} {kind}", kind, **storage)
        add("contiguous")
        add("compact", compact=True)
        add("chunked", **CHUNKED)
        add("gzip", compression="gzip", **CHUNKED)
        add("shuffle", shuffle=True, **CHUNKED)
        add("fletcher32", fletcher32=True, **CHUNKED)
        add("lzf", compression="lzf", **CHUNKED)
        add("all filters", fletcher32=True, grows=True, **GZIP)
        add("grows", grows=True, **CHUNKED)
        add("never written", values=None, fill=77)
        add("never written in chunks", values=None, fill=77, **CHUNKED)
        add("never written, without a fill value", values=None)
    found.add("scaleoffset", "<i4", values=found.rng.integers(-500, 500, ROWS).astype("<i4"), scaleoffset=0, **CHUNKED)
    sparse = np.full((40, 30), 77, "<i4")
    sparse[12:20, 11:13] = np.arange(16).reshape(8, 2)
    found.add("partly written", "<i4", (40, 30), sparse, np.s_[12:20, 11:13], fill=77, **GZIP)
    found.add("large", "<f8", (300, 500), **CHUNKED)


def add_shapes(found):
    for shape in (), (600,), (7, 9, 11), (4, 5, 6, 7), (3, 4, 5, 2, 4):
        found.add(f"rank {len(shape)}", "<i4", shape, **(CHUNKED if len(shape) % 2 else {}))
    for name, kind in {"number": "f8", "text": TEXT, "point": POINT, "bool": "?", "enum": COLOURS,
                       "variable record": VARIABLE, "fixed text": "S5"}.items():
        found.add("scalar " + name, kind, ())
    found.add("scalar array type", np.dtype(("<i2", (2, 3))), ())
    found.add("scalar list", h5py.vlen_dtype("<i4"), (), values=lists((), lambda i: np.arange(5, dtype="<i4")))
    for shape in (0,), (0, 5), (4, 0, 3):
        found.add(f"extents {shape}", "<i4", shape)
        found.add(f"extents {shape} of text", TEXT, shape)
    found.add("one element", ">i4", (1,))
    found.add("one element of rank 3", "<f4", (1, 1, 1), **CHUNKED)
    found.add("one row", "<i4", (1, 600))
    found.add("one column", "<i4", (600, 1), **GZIP)
    found.add("null", "<f4", None)
    found.add("null text", TEXT, None)
    found.add("null point", POINT, None)


def target(file):
    """What references refer to."""
    if "number <i4" not in file:
        ORIGINALS["number <i4"].write(file)
    return file["number <i4"]


def objects(file):
    return np.array([target(file).ref if i % 4 else h5py.Reference() for i in range(150)], h5py.ref_dtype)


def regions(file):
    regionref = target(file).regionref
    return np.array([regionref[i % 7:i % 7 + 3, ::1 + i % 3] for i in range(60)], h5py.regionref_dtype)


def add_references(found):
    found.add("references", h5py.ref_dtype, (150,), objects)
    found.add("references to regions", h5py.regionref_dtype, (60,), regions, **CHUNKED)


def originals():
    found = Collection()
    for add in add_numbers, add_texts, add_records, add_arrays, add_lists, add_storage, add_shapes, add_references:
        add(found)
    return dict(found)


ORIGINALS = originals()
assert QUICK <= set(ORIGINALS), QUICK - set(ORIGINALS)


def new_file(path, mode="w"):
    """In the bounds that the server's libhdf5 reads."""
    return h5py.File(path, mode, libver=("earliest", "v110"))


def write_originals(path, originals, change=None):
    with new_file(path) as file:
        for original in originals:
            original.write(file, change)
