"""Reads that no test asked for: everything public of every object in a file, and selections of many forms.

The tests leave hundreds of small, odd files behind; each is surveyed once.  What h5py gives is what h5cap has to give.
"""

import os
import random

import h5py
import numpy as np

from operations import READS

MOST_FILES = int(os.environ.get("H5CAP_LONG", "0")) and 10000 or 12  # a module
MOST_OBJECTS = 60  # a file
MOST_NAMES = 25  # of links or attributes an object
WHOLE_BYTES = 8 << 20
# Those whose values are particular to a handle, or are told apart elsewhere.
NOT_ASKED = {"filename", "driver", "libver", "meta_block_size", "regionref", "dims"}


def reads_of(file):
    """Yields (steps, read, args) for everything in `file`, an h5py file opened for reading."""
    yield from of_node([("node", "/")], file, "File")
    yield from of_group([("node", "/")], file)
    for steps, node in objects(file):
        kind = type(node).__name__
        yield from of_node(steps, node, kind)
        if kind == "Group":
            yield from of_group(steps, node)
        elif kind == "Dataset":
            yield from of_dataset(steps, node)


def objects(file):
    found = []

    def look(name, node):
        found.append(([("node", "/" + name)], node))
        return True if len(found) >= MOST_OBJECTS else None

    file.visititems(look)
    return found


def of_node(steps, node, kind):
    names = [name for cls in ("HLObject", kind) for name in READS.get(cls, {}).get("get", ()) if name not in NOT_ASKED]
    for name in dict.fromkeys(names):
        yield steps, "get property", (name,)
    yield steps, "__bool__", ()
    if kind != "File":  # whose name is another one
        yield steps, "__repr__", ()
    attrs = [*steps, ("get", "attrs")]
    for read in ("__len__", "__iter__", "__reversed__", "keys", "values", "items"):
        yield attrs, read, ()
    yield attrs, "__contains__", ("no such attribute",)
    yield attrs, "__getitem__", ("no such attribute",)
    yield attrs, "get", ("no such attribute", 5)
    for name in list(node.attrs)[:MOST_NAMES]:
        yield attrs, "__getitem__", (name,)
        yield attrs, "__contains__", (name,)
        yield attrs, "get_id", (name,)


def of_group(steps, group):
    for read in ("__len__", "__iter__", "__reversed__", "keys", "values", "items", "_ipython_key_completions_"):
        yield steps, read, ()
    for read in ("visit", "visititems", "visit_links", "visititems_links"):
        yield steps, read, (0, None)
    for name in [*list(group)[:MOST_NAMES], "no such object", "", ".", "./", "/", "no/such/object", b"no such object"]:
        yield steps, "__contains__", (name,)
        yield steps, "__getitem__", (name,)
        yield steps, "get", (name,)
        yield steps, "get", (name, None, True)
        yield steps, "get", (name, "nothing", False, True)
        yield steps, "get", (name, None, True, True)


def of_dataset(steps, dataset):
    yield [*steps, ("get", "dims")], "__len__", ()
    for axis in range(min(dataset.ndim, 3)):
        dimension = [*steps, ("get", "dims"), ("item", axis)]
        yield dimension, "get property", ("label",)
        yield dimension, "__len__", ()
        yield dimension, "keys", ()
        yield dimension, "items", ()
    yield steps, "len", ()
    yield steps, "__len__", ()
    yield steps, "virtual_sources", ()
    yield steps, "iter_chunks", ()
    if dataset.nbytes > WHOLE_BYTES:
        return
    yield steps, "__iter__", ()
    yield steps, "__array__", ()
    yield steps, "asstr", ()
    for selection in selections(dataset.shape, dataset.name):
        yield steps, "__getitem__", (selection,)
    yield from of_views(steps, dataset)


def of_views(steps, dataset):
    dtype = dataset.dtype
    if dtype.names:
        for name in (dtype.names[0], list(dtype.names[:1]), list(dtype.names[:2]), list(reversed(dtype.names))):
            yield steps, "__getitem__", (name,)
            fields = [*steps, ("call", "fields", (name,))]
            yield fields, "__getitem__", ((),)
            yield fields, "get property", ("dtype",)
    if h5py.check_string_dtype(dtype):
        yield [*steps, ("call", "asstr", ())], "__getitem__", ((),)
        yield [*steps, ("call", "asstr", ("latin-1",))], "__array__", ()
        yield [*steps, ("call", "astype", ("T",))], "__getitem__", ((),)
    elif dtype.kind in "biufc" and not dtype.metadata:
        for wanted in ("f8", "i4", "u1", ">f4", "c16", "S5", "O"):
            yield [*steps, ("call", "astype", (wanted,))], "__getitem__", ((),)
    shape = dataset.shape
    if shape is not None and not dtype.hasobject and dtype.subdtype is None:
        yield steps, "read_direct", (np.zeros(shape, dtype),)


def selections(shape, seed):
    """What stands between the brackets, of every form; wrong ones too."""
    yield ()
    yield ...
    yield slice(None)
    yield 0
    yield None
    yield "no such field"
    if not shape:
        yield slice(0, 1)
        yield ((), ...)
        yield np.True_
        return
    rng = random.Random(seed)
    first = shape[0]
    yield -1
    yield first
    yield slice(None, None, 2)
    yield slice(None, None, -1)
    yield slice(first, 0)
    yield slice(1, 1)
    yield (..., 0)
    yield (0, ...)
    yield (..., slice(0, 1))
    yield (0,) * len(shape)
    yield (0,) * (len(shape) + 1)
    yield (..., ...)
    yield np.int16(0)
    yield 0.5
    yield [0]
    yield []
    yield [0, 0]
    yield [1, 0]
    yield [-1]
    yield [first]
    yield np.array([0], dtype="u1")
    yield [True] + [False] * (first - 1) if 0 < first < 5000 else [True]
    yield np.ones(shape, bool) if np.prod(shape) < 1e6 else [0]
    yield np.zeros(shape, bool) if np.prod(shape) < 1e6 else [0]
    if np.prod(shape) < 1e6:
        yield np.random.default_rng(len(shape)).integers(0, 2, shape).astype(bool)
    yield np.ones((first + 1,), bool)
    yield ([0], [0])
    yield h5py.MultiBlockSlice(0, 1, 1, 1)
    yield h5py.MultiBlockSlice()
    yield h5py.MultiBlockSlice(start=1, stride=3, count=1, block=2)
    for _ in range(6):
        yield tuple(one_axis(rng, extent) for extent in shape)
    if len(shape) > 1:
        yield (slice(None), sorted({rng.randrange(shape[1] or 1) for _ in range(3)}))
        yield (slice(None),) * (len(shape) - 1) + (np.arange(shape[-1]) % 2 == 0,)


def one_axis(rng, extent):
    if not extent:
        return slice(None)
    start = rng.randrange(extent)
    return rng.choice([start, start - extent, slice(start, None), slice(None, start),
                       slice(start, extent, rng.randrange(1, 4)),
                       slice(start - extent, None), slice(start, start + 1)])
