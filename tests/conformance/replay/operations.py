"""The public reads of h5py's objects: what the recorder listens to, and how one is done again.

A read is (name, arguments): done by `perform` as a user would write it (``dataset[args]``, ``len(group)``, ``name in
group``), so that h5cap need not have the same special methods.
"""

import itertools

import numpy as np

from facts import MOST_ITEMS

NODE = {"get": ["file", "name", "parent", "ref", "attrs", "regionref", "id"],
        "call": ["__eq__", "__bool__", "__repr__"]}
MAPPING = {"call": ["__getitem__", "get", "__len__", "__iter__", "__reversed__", "__contains__", "__repr__", "keys",
                    "values",
                    "items", "_ipython_key_completions_"]}
VIEW = {"call": ["__len__", "__iter__", "__reversed__", "__contains__", "__repr__", "__str__"]}
SELECTED = {"get": ["dtype", "ndim", "shape", "size"], "call": ["__len__", "__getitem__", "__array__"]}

READS = {
    "HLObject": NODE,
    "Group": {"call": MAPPING["call"] + ["visit", "visititems", "visit_links", "visititems_links"]},
    "File": {"get": ["attrs", "filename", "driver", "mode", "libver", "userblock_size", "meta_block_size", "swmr_mode"],
             "call": ["__repr__"]},
    "Datatype": {"get": ["dtype"], "call": ["__repr__"]},
    "Dataset": {
        "get": SELECTED["get"] + ["nbytes", "dims", "chunks", "compression", "compression_opts", "filter_ids",
                                  "filter_names",
                                  "shuffle", "fletcher32", "scaleoffset", "external", "maxshape", "fillvalue",
                                  "is_virtual",
                                  "is_scale"],
        "call": SELECTED["call"] + ["len", "__iter__", "iter_chunks", "read_direct", "__repr__", "virtual_sources",
                                    "astype",
                                    "asstr", "fields"],
    },
    "AttributeManager": {"call": MAPPING["call"] + ["get_id", "__eq__"]},
    "DimensionManager": {"call": ["__getitem__", "__len__", "__iter__", "__repr__"]},
    "DimensionProxy": {"get": ["label"],
                       "call": ["__getitem__", "__len__", "__iter__", "__repr__", "keys", "values", "items", "__eq__"]},
    "AsTypeView": SELECTED,
    "AsStrView": SELECTED,
    "FieldsView": SELECTED,
    "KeysViewHDF5": VIEW,
    "ValuesViewHDF5": VIEW,
    "ItemsViewHDF5": VIEW,
    "_RegionProxy": {"call": ["__getitem__", "shape", "selection"]},
}

VISITS = ("visit", "visititems", "visit_links", "visititems_links")
SPOKEN = {
    "__getitem__": lambda o, args: o[args],
    "__len__": len, "__iter__": iter, "__reversed__": reversed, "__repr__": repr, "__str__": str, "__bool__": bool,
    "__contains__": lambda o, item: item in o,
    "__eq__": lambda o, other: o == other,
}


class Visited:
    """What a visitor was called with; returns what the recorded one returned, at its last call."""

    def __init__(self, original=None, calls=MOST_ITEMS, last=None):
        self.original, self.calls, self.last, self.seen = original, calls, last, []

    def __call__(self, *given):
        if len(self.seen) < MOST_ITEMS:
            self.seen.append(given)
        if self.original is not None:
            return self.original(*given)
        return self.last if len(self.seen) == self.calls else None


def perform(target, read, args, kwargs):
    """Does a read again; what it gives is what facts are taken of."""
    if read == "get property":
        return getattr(target, args[0])
    if read == "open":
        return target
    if read in VISITS:
        visited = Visited(calls=args[0], last=args[1])
        return getattr(target, read)(visited), visited.seen
    if read == "read_direct":
        destination = args[0].copy(order="K")
        getattr(target, read)(destination, *args[1:], **kwargs)
        return destination
    if read in SPOKEN and not kwargs:
        return SPOKEN[read](target, *args)
    found = getattr(target, read)(*args, **kwargs)
    return itertools.islice(found, MOST_ITEMS) if read == "iter_chunks" else found


def walk(file, chain):
    """The object that a read is of, from its file."""
    found = file
    for step, *given in chain:
        if step == "node":
            found = found if given[0] == "/" else found[given[0]]
        elif step == "root":
            found = file["/"]
        elif step == "get":
            found = getattr(found, given[0])
        elif step == "item":
            found = found[given[0]]
        else:
            found = getattr(found, given[0])(*given[1])
    return found


def copied(value):
    """An argument as it is now: the test may change it afterwards."""
    return value.copy(order="K") if isinstance(value, np.ndarray) else value
