"""What is read of each dataset: by kind, a list of named functions that mean the same for h5py's datasets and h5cap's.

They are made from what h5py says of the dataset, and seeded by its name, so that all roads read the same.
"""

import random

import h5py
import numpy as np

KINDS = {}


def reads(function):
    """Registers a maker of reads: (shape, dtype, random) to {name: function of a dataset}."""
    KINDS[function.__name__] = function
    return function


def reads_of(kind, name, dataset):
    """What is read of a dataset that is known by `name`; nothing where this kind of reading does not apply."""
    return KINDS[kind](dataset.shape, dataset.dtype, random.Random(f"{kind} {name}"))


def take(*args):
    """`dataset[args]`, under the name that it has in Python."""
    key = args if len(args) != 1 else args[0]

    def read(dataset):
        return dataset[key]
    return {f"[{', '.join(spelled(one) for one in args)}]" if args else "[()]": read}


def spelled(one):
    if isinstance(one, slice):
        return ":".join("" if part is None else str(part) for part in (one.start, one.stop, one.step)).removesuffix(":")
    if isinstance(one, np.ndarray):
        return f"{one.dtype} {one.shape} of {np.count_nonzero(one)}" if one.dtype == bool else f"array({one.tolist()})"
    return "..." if one is Ellipsis else str(one)


def joined(*parts):
    return {name: read for part in parts for name, read in part.items()}


def full(shape):
    return bool(shape) and 0 not in shape


@reads
def whole(shape, dtype, rng):
    found = joined(take(), take(Ellipsis), {
        "shape": lambda d: d.shape, "dtype": lambda d: d.dtype, "len": len, "size": lambda d: d.size})
    if dtype is not None and not dtype.subdtype:  # of which h5py makes no array
        found["array"] = np.asarray
    return joined(found, take(slice(None))) if shape else found


@reads
def axes(shape, dtype, rng):
    """Integers, slices, and both: in every axis, at its ends and beyond them."""
    if not full(shape):
        return take(0) if shape is not None else {}
    last = len(shape) - 1
    found = [take(0), take(-1), take(shape[0] - 1), take(shape[0]), take(-shape[0] - 1), take(slice(1, None)),
             take(slice(-3, None)), take(slice(None, -1)), take(slice(None, None, 2)), take(slice(1, 10**6, 3)),
             take(Ellipsis, slice(None, None, 3)), take(Ellipsis, -1), take(*[0] * len(shape)),
             take(*[n - 1 for n in shape]), take(*[slice(None, None, 2)] * len(shape)), take(*[0] * (len(shape) + 1)),
             take(slice(shape[0] // 3, shape[0] // 3 + 2)), take(0, Ellipsis, 0) if last else {}]
    for _ in range(5):
        args = []
        for n in shape:
            start = rng.randrange(n)
            args.append(rng.choice([start, start - n, slice(start, start + rng.randrange(1, 9)), slice(None),
                                    slice(start, None, rng.randrange(1, 4)), slice(None, start + 1)]))
        found.append(take(*args))
    return joined(*found)


@reads
def lists(shape, dtype, rng):
    """Lists along each axis, and unions of blocks."""
    if not full(shape):
        return {}
    found = []
    for axis, n in enumerate(shape):
        before = [slice(None)] * axis
        chosen = sorted(rng.sample(range(n), min(n, 5)))
        found += [take(*before, chosen), take(*before, np.array(chosen[::2])), take(*before, [n - 1]),
                  take(*before, chosen[:1]), take(*before, [one - n for one in chosen])]
        others = [rng.choice([slice(None, None, 2), slice(1, 5), rng.randrange(m)]) for m in shape]
        found.append(take(*others[:axis], chosen, *others[axis + 1:]))
    found.append(take([shape[0]]))
    n = shape[0]
    if n >= 12:
        found.append({"MultiBlockSlice": lambda d: d[h5py.MultiBlockSlice(start=1, count=3, stride=4, block=2)]})
    return joined(*found)


@reads
def masks(shape, dtype, rng):
    """Of the whole, at every density, and along one axis."""
    if not full(shape):
        return {}
    random_numbers, found = np.random.default_rng(rng.randrange(2**32)), []
    for density in 0.02, 0.5, 1:
        found.append(take(random_numbers.random(shape) < density))
    corner = np.zeros(shape, bool)
    corner[(-1,) * len(shape)] = corner[(0,) * len(shape)] = True
    found.append(take(corner))
    for axis, n in enumerate(shape):
        chosen = random_numbers.random(n) < 0.4
        chosen[rng.randrange(n)] = True
        found.append(take(*[slice(None)] * axis, chosen))
    return joined(*found)


@reads
def points(shape, dtype, rng):
    """Elements one by one."""
    if not full(shape):
        return {}
    return joined(*(take(*[rng.randrange(-n, n) for n in shape]) for _ in range(7)))


@reads
def fields(shape, dtype, rng):
    """One, several in another order, of parts, and as a view."""
    if dtype is None or dtype.names is None or shape is None:
        return {}
    names = list(dtype.names)
    found = [take(name) for name in names]
    found += [take(*names[:2]), take(*names[::-1][:2]), take(*names)]
    found += [{f"fields({names[1:]})[...]": lambda d: d.fields(names[1:])[...],
               f"fields({names[0]!r})[...]": lambda d: d.fields(names[0])[...]}, take("no such field")]
    if full(shape):
        rows = np.arange(shape[0]) % 3 == 1
        found += [take(names[0], slice(2, 9, 3)), take(names[-1], 0), take(*names[1:], slice(1, 4)),
                  take(names[-1], [0, shape[0] - 1] if shape[0] > 1 else [0])]
        if rows.any():
            found.append(take(names[-1], rows))
    return joined(*found)


@reads
def views(shape, dtype, rng):
    """`astype` and `asstr`."""
    if dtype is None or shape is None:
        return {}
    found, parts = {}, {"[...]": np.s_[...]}
    if full(shape):
        parts.update({"[0]": 0, "[1::2]": np.s_[1::2], "[[0]]": [0]})

    def add(name, view):
        for part, key in parts.items():
            found[name + part] = lambda d, key=key: view(d)[key]
    if h5py.check_string_dtype(dtype):
        add("asstr('latin-1')", lambda d: d.asstr("latin-1"))
        add("asstr(errors)", lambda d: d.asstr(errors="replace"))
        add("asstr()", lambda d: d.asstr())
    elif dtype.kind in "iu":
        for kind in "<f8", "<i2" if dtype.itemsize == 1 else dtype.newbyteorder(), "<f4":
            add(f"astype({np.dtype(kind).str})", lambda d, kind=kind: d.astype(kind))
    elif dtype.kind == "f" and dtype.itemsize <= 8:
        for kind in "<f8", ">f4", np.longdouble:
            add(f"astype({np.dtype(kind).str})", lambda d, kind=kind: d.astype(kind))
    elif dtype.kind == "c" and dtype.itemsize <= 16:
        add("astype(>c16)", lambda d: d.astype(">c16"))
    elif dtype.kind == "b":
        add("astype(bool)", lambda d: d.astype(bool))
    return found


@reads
def loops(shape, dtype, rng):
    """Row by row."""
    if not shape:
        return {"list": list}
    found = {"list": list, "the first three": lambda d: [row for row, _ in zip(d, range(3))]}
    if dtype.names:
        found["fields"] = lambda d: list(d.fields(dtype.names[-1]))
    if h5py.check_string_dtype(dtype):
        found["asstr"] = lambda d: list(d.asstr(errors="replace"))
    return found


@reads
def read_direct(shape, dtype, rng):
    """Into arrays: all of it, a part into a part, with steps in memory."""
    if not full(shape) or dtype.subdtype:
        return {}
    part = tuple(slice(0, max(1, n // 2)) for n in shape)
    sizes = tuple(one.stop for one in part)

    def into(target, *args):
        def read(dataset):
            array = target()
            dataset.read_direct(array, *args)
            return array
        return read
    found = {"all": into(lambda: np.zeros(shape, dtype)),
             "a part": into(lambda: np.zeros(sizes, dtype), part),
             "into a part": into(lambda: np.zeros(shape, dtype), part, part),
             "into every second": into(lambda: np.zeros((2 * sizes[0],) + sizes[1:], dtype), part,
                                       (slice(0, 2 * sizes[0], 2),) + part[1:])}
    if dtype.kind in "iuf" and not h5py.check_enum_dtype(dtype) and dtype.itemsize <= 8:
        found["converted"] = into(lambda: np.zeros(shape, ">f8"))
    return found


@reads
def nothing(shape, dtype, rng):
    """Selections without an element."""
    if not shape:
        return {}
    found = [take(slice(0, 0)), take(slice(5, 3)), take([]), take(np.zeros(shape, bool)), take(slice(10**6, None)),
             take(np.zeros(shape[0], bool)), take(Ellipsis, slice(0, 0))]
    return joined(*found)
