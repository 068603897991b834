"""What the differential tests share: how a result of h5cap is compared with h5py's, and the files that they are run
on."""

import h5py
import numpy as np


class Raised:
    """An exception as a result."""

    def __init__(self, error):
        self.error = error

    def __repr__(self):
        return f"{type(self.error).__name__}: {self.error}"


def outcome(function, *args):
    """What a call returns, or `Raised`."""
    try:
        return function(*args)
    except Exception as error:
        return Raised(error)


def difference(expected, found, package="h5py"):
    """In words, how ``found`` (of h5cap) differs from ``expected`` (of h5py); None when they are the same: the class of
    a result, its dtype with metadata, shape and values, or the class of the exception.

    h5cap's exceptions may be subclasses of h5py's.
    """
    if isinstance(expected, Raised) or isinstance(found, Raised):
        both = isinstance(expected, Raised) and isinstance(found, Raised)
        return None if both and isinstance(found.error, type(expected.error)) else f"{found!r} instead of {expected!r}"
    if isinstance(expected, (h5py.Reference, h5py.h5l.LinkInfo)):  # a reference of ours says that it is one of h5py's
        same = (type(found).__name__ == type(expected).__name__
                and (repr(found) == repr(expected) or "LinkInfo" in repr(expected)))
        return None if same else f"{found!r} instead of {expected!r}"
    if isinstance(expected, type):
        return None if getattr(found, "__name__", None) == expected.__name__ else f"{found!r} instead of {expected!r}"
    if type(expected).__module__.startswith(package):
        if type(found).__name__ != type(expected).__name__ or not type(found).__module__.startswith("h5cap"):
            return f"{type(found)} instead of {type(expected)}"
        if type(expected).__name__ == "Empty":
            return dtype_difference(expected.dtype, found.dtype)
        if isinstance(expected, h5py.ExternalLink):  # whose repr has no end in h5py
            return difference((expected.filename, expected.path), (found.filename, found.path))
        if isinstance(expected, h5py.h5s.SpaceID):
            return difference(space_facts(expected), space_facts(found))
        if isinstance(expected, h5py.h5t.TypeID):
            return None if found == expected else f"another {type(expected).__name__}"
        if hasattr(expected, "name") and expected.name != found.name:
            return f"{found.name!r} instead of {expected.name!r}"
        same = repr(found) == repr(expected) or " at 0x" in repr(expected)
        return None if same else f"{found!r} instead of {expected!r}"
    if type(expected) is not type(found):
        return f"{type(found)} instead of {type(expected)}: {found!r} instead of {expected!r}"
    if isinstance(expected, np.dtype):
        return dtype_difference(expected, found)
    if isinstance(expected, (np.ndarray, np.generic)):
        return array_difference(expected, found)
    if isinstance(expected, dict):
        return difference(list(expected.items()), list(found.items()))
    if isinstance(expected, (tuple, list)):
        if len(expected) != len(found):
            return f"{found!r} instead of {expected!r}"
        return next((d for d in map(difference, expected, found) if d), None)
    same = expected == found or (expected != expected and found != found)
    return None if same else f"{found!r} instead of {expected!r}"


def space_facts(space):
    """All that h5py says of a dataspace, of which h5cap says the same."""
    names = ["shape", "get_simple_extent_dims", "get_simple_extent_type", "get_select_type", "get_select_npoints",
             "get_select_bounds",
             "get_select_hyper_blocklist", "get_select_elem_pointlist", "get_regular_hyperslab", "is_simple"]
    found = [outcome(lambda: getattr(space, name)() if name != "shape" else space.shape) for name in names]
    return ["raised" if isinstance(value, Raised) else value for value in found]


def dtype_difference(expected, found):
    if expected != found or expected.str != found.str:
        return f"dtype {found!r} instead of {expected!r}"
    for check in (h5py.check_string_dtype, h5py.check_enum_dtype, h5py.check_vlen_dtype, h5py.check_ref_dtype,
                  h5py.check_opaque_dtype):
        if check(expected) != check(found):
            return f"{check.__name__}: {check(found)} instead of {check(expected)}"
    if expected.subdtype:
        return dtype_difference(expected.subdtype[0], found.subdtype[0])
    for name in expected.names or ():
        if expected.fields[name][1] != found.fields[name][1]:
            return f"field {name} at {found.fields[name][1]} instead of {expected.fields[name][1]}"
        problem = dtype_difference(expected[name], found[name])
        if problem:
            return f"field {name}: {problem}"
    return None


def array_difference(expected, found):
    problem = dtype_difference(expected.dtype, found.dtype)
    if problem:
        return problem
    if expected.shape != found.shape:
        return f"shape {found.shape} instead of {expected.shape}"
    if expected.dtype.names:
        pairs = ((expected[name], found[name]) for name in expected.dtype.names)
        return next((d for d in (difference(a, b) for a, b in pairs) if d), None)
    if expected.dtype.hasobject:
        return next((d for d in (difference(a, b) for a, b in zip(expected.flat, found.flat)) if d), None)
    # By value: NaNs may differ in their bits, and h5py's bools may be other bytes than 0 and 1.
    if np.array_equal(expected, found, equal_nan=expected.dtype.kind in "fc"):
        return None
    return f"{found!r} instead of {expected!r}"


POINT = np.dtype([("x", "<i4"), ("y", ">f8"), ("name", "S3")])
COLOURS = h5py.enum_dtype({"RED": 1, "BLUE": -2}, basetype="<i2")


def sample(rng, dtype, shape):
    """Seeded elements of a dtype."""
    dtype = np.dtype(dtype)
    if h5py.check_enum_dtype(dtype):
        return rng.choice(list(h5py.check_enum_dtype(dtype).values()), shape).astype(dtype)
    if dtype.names:
        out = np.zeros(shape, dtype)
        for name in dtype.names:
            base, extra = dtype[name].subdtype or (dtype[name], ())
            out[name] = sample(rng, base, tuple(shape) + extra)
        return out
    if dtype.hasobject:
        out = np.empty(shape, dtype)
        for at in np.ndindex(*shape):
            vlen = h5py.check_vlen_dtype(dtype)
            length = int(rng.integers(0, 6))
            out[at] = "äbcdef"[:length] if vlen is str else b"abcdef"[:length] if vlen is bytes else rng.integers(
                0, 9, length).astype(vlen)
        return out
    if dtype.kind == "S":
        return rng.choice([b"", b"a", b"bc", b"def"], shape).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind == "f":
        return rng.normal(0, 100, shape).astype(dtype)
    return rng.integers(0, 100, shape).astype(dtype)


DTYPES = {
    "u2": "<u2", "big": ">i4", "f4": "<f4", "bigdouble": ">f8", "bool": "?", "enum": COLOURS, "half": "<f2",
    "complex": "<c16",
    "fixed": "S3", "fixed utf8": h5py.string_dtype("utf-8", 3), "text": h5py.string_dtype(),
    "ascii": h5py.string_dtype("ascii"),
    "point": POINT, "sequence": h5py.vlen_dtype("<i4"),
    "nested": [("id", "u1"), ("at", POINT), ("grid", "<i2", (2, 3)), ("ok", "?"), ("colour", COLOURS)],
    "mixed": [("a", "i1"), ("s", h5py.string_dtype()), ("k", "<i8")],
    # of which two alone would be a complex number, in the other order
    "parts": [("i", "<f4"), ("n", "<i2"), ("r", "<f4")],
    "array": ("<i2", (2, 2)), "arraytext": ("S3", (2,)),
}
SHAPES = [(7,), (0,), (5, 4), (3, 0, 2), (4, 3, 5), (2, 3, 2, 4), (2, 1, 3, 2, 2), (1,)]
LAYOUTS = ["contiguous", "chunked", "gzip", "lzf", "compact", "sparse"]


def write_differential(path, seed=1):
    """A file with every dtype in some shapes and layouts; numbers in every shape and layout."""
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        for name, dtype in DTYPES.items():
            dtype = np.dtype(dtype)
            for number, shape in enumerate(SHAPES if name in ("u2", "text", "point") else SHAPES[:5]):
                for layout in LAYOUTS if name == "u2" else [LAYOUTS[(number + len(name)) % len(LAYOUTS)]]:
                    write_dataset(file, f"{name} {shape} {layout}", rng, dtype, shape, layout)
            write_dataset(file, f"{name} scalar", rng, dtype, (), "contiguous")
            file.create_dataset(f"{name} null", data=h5py.Empty(dtype.base))
        layout = h5py.VirtualLayout((2, 7), "<u2")
        for row in range(2):
            layout[row] = h5py.VirtualSource(".", "u2 (7,) gzip", (7,))
        file.create_virtual_dataset("virtual", layout, fillvalue=3)
        write_regions(file, rng)


def write_regions(file, rng):
    """References to random regions of every dataset that has axes: of points, of unions and differences of
    hyperslabs."""
    for name, dataset in list(file.items()):
        # of virtual datasets h5py's library crashes for some
        if not dataset.shape or 0 in dataset.shape or dataset.is_virtual:
            continue
        regions = file.create_dataset("regions/" + name, (12,), h5py.regionref_dtype)
        for number in range(len(regions)):
            space = h5py.h5s.create_simple(dataset.shape)
            random_region(rng, space, dataset.shape)
            regions[number] = h5py.h5r.create(dataset.id, b".", h5py.h5r.DATASET_REGION, space)


def random_region(rng, space, shape):
    """Selects something in `space`: points, unions and differences of hyperslabs, everything, or nothing."""
    form = rng.integers(12)
    if form == 0:
        space.select_all()
    elif form == 1:
        space.select_none()
    elif form < 5:
        space.select_elements([tuple(int(rng.integers(extent)) for extent in shape)
                               for _ in range(rng.integers(1, 40))])
    else:
        joined = [h5py.h5s.SELECT_OR, h5py.h5s.SELECT_OR, h5py.h5s.SELECT_XOR, h5py.h5s.SELECT_NOTB]
        for number in range(rng.integers(1, 7)):
            start = [int(rng.integers(extent)) for extent in shape]
            block = [int(rng.integers(1, 1 + min(4, extent - at))) for at, extent in zip(start, shape)]
            stride = [size + int(rng.integers(3)) for size in block]
            count = [int(rng.integers(1, 2 + max(0, extent - at - size) // step))
                     for at, extent, size, step in zip(start, shape, block, stride)]
            space.select_hyperslab(tuple(start), tuple(count), tuple(stride), tuple(block),
                                   op=h5py.h5s.SELECT_SET if number == 0 else joined[rng.integers(len(joined))])


def write_dataset(file, name, rng, dtype, shape, layout):
    options = {}
    if layout in ("chunked", "gzip", "lzf", "sparse") and shape and 0 not in shape:
        options["chunks"] = tuple(max(1, extent - 2) for extent in shape)
        options["maxshape"] = (None,) + shape[1:]
    if layout in ("gzip", "lzf") and options:
        options.update(compression=layout, shuffle=True)
    space = h5py.h5s.create_simple(shape) if shape else h5py.h5s.create(h5py.h5s.SCALAR)
    base, extra = dtype.subdtype or (dtype, ())
    values = sample(rng, base, tuple(shape) + extra)
    if layout == "compact":
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        made = h5py.Dataset(h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(dtype, logical=True), space,
                                            compact))
    else:
        made = file.create_dataset(name, shape, dtype, **options)
    if 0 in shape or layout == "sparse":
        return
    if extra:
        made.id.write(h5py.h5s.ALL, h5py.h5s.ALL, values, made.id.get_type())
    else:
        made[...] = values
