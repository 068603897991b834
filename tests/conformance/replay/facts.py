"""What a value is, as plain data that can be kept and compared: the same for h5py's results and for h5cap's.

Facts of an array are its dtype (h5py's metadata included), shape and content; of an object of the file its kind, file,
path and what can be said of it at once; of an exception its class.  Nothing here knows which module it looks at:
classes go by their names, and only public members are used.
"""

import collections.abc
import hashlib
import itertools
import re

import numpy as np

MOST_ITEMS = 2000  # of what an iterator gives
SAMPLE = 6  # elements that a difference shows

# Names of classes that have others in one of the modules.
KINDS = {"KeysViewHDF5": "keys", "ValuesViewHDF5": "values", "ItemsViewHDF5": "items",
         "KeysView": "keys", "ValuesView": "values", "ItemsView": "items",
         "AsTypeView": "astype", "AsStrView": "asstr", "FieldsView": "fields",
         "_RegionProxy": "regionref", "RegionProxy": "regionref",
         "SpaceID": "space", "StoredSelection": "space",
         "GroupID": "id", "FileID": "id", "DatasetID": "dataset id", "AttrID": "attribute id", "TypeID": "id"}
NODES = ("File", "Group", "Dataset", "Datatype")
ADDRESS = re.compile(r"( at )(0x[0-9a-f]+|\d+)")
QUOTED_FILE = re.compile(r'(<HDF5 file ").*(" \(mode)')


def kind_of(value):
    """The class's name, the nearest that is known; ids of datatypes have classes of their own."""
    for cls in type(value).__mro__:
        if cls.__module__.split(".")[0] in ("h5py", "h5cap"):
            if cls.__name__ in KINDS:
                return KINDS[cls.__name__]
            if cls.__name__ in NODES or cls.__name__ in PLAIN_CLASSES:
                return cls.__name__
    return None


PLAIN_CLASSES = {"AttributeManager", "DimensionManager", "DimensionProxy", "Reference", "RegionReference", "Empty",
                 "SoftLink",
                 "ExternalLink", "HardLink", "VDSmap", "h5py_opaque"}


def dtype_facts(dtype):
    """A dtype with all of its metadata, as text."""
    if dtype is None:
        return None
    if not isinstance(dtype, np.dtype):
        return class_name(dtype) if isinstance(dtype, type) else repr(dtype)
    if dtype.names is not None:
        fields = ", ".join(f"{name!r}: {dtype_facts(dtype.fields[name][0])} @{dtype.fields[name][1]}"
                           for name in dtype.names)
        text = f"{{{fields}}} size {dtype.itemsize}"
    elif dtype.subdtype is not None:
        text = f"{dtype_facts(dtype.subdtype[0])} x {dtype.subdtype[1]}"
    else:
        text = dtype.str
    return " ".join([text]
                    + [f"{key}={metadata_facts(value)}" for key, value in sorted((dtype.metadata or {}).items())])


def metadata_facts(value):
    if isinstance(value, np.dtype):
        return f"({dtype_facts(value)})"
    if isinstance(value, type):
        return class_name(value)
    if isinstance(value, dict):
        return repr({key: int(number) for key, number in sorted(value.items())})
    return repr(value)


def class_name(cls):
    return cls.__name__


def content(array):
    """A hash of what is in an array, and the first few elements; padding between fields does not count."""
    digest = hashlib.sha256()
    feed(digest, array)
    sample = ", ".join(repr(item)[:40] for item in itertools.islice(np.asarray(array).flat, SAMPLE))
    return digest.hexdigest()[:20], re.sub(r"0x[0-9a-f]+", "0x", sample)


def feed(digest, array):
    if array.dtype.names is not None:
        for name in array.dtype.names:
            feed(digest, array[name])
    elif array.dtype.kind == "T":
        digest.update(repr(array.tolist()).encode("utf-8", "surrogateescape"))
    elif array.dtype.char in "gG" and array.dtype.isnative and np.dtype(np.longdouble).itemsize == 16:
        # Of each part ten bytes are the number, and six are whatever memory held.
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(-1, 16)[:, :10].tobytes())
    else:
        digest.update(np.ascontiguousarray(array).tobytes())


class Facts:
    """Facts of one module's results.  `file_of(file)` is the name by which both modules know a file."""

    def __init__(self, file_of):
        self.file_of = file_of

    def of(self, value, depth=0):
        if depth > 6:
            return ["deep"]
        kind = kind_of(value)
        if kind is not None:
            return self._of_kind(kind, value, depth)
        if isinstance(value, np.ndarray):
            return self._array(value, depth)
        if isinstance(value, np.dtype):
            return ["dtype", dtype_facts(value)]
        if isinstance(value, np.generic):
            return self._generic(value, depth)
        if isinstance(value, (type(None), bool, int, float, complex, bytes, type(Ellipsis))):
            return [type(value).__name__, repr(value)]
        if isinstance(value, str):
            return ["str", QUOTED_FILE.sub(r"\1…\2", ADDRESS.sub(r"\1…", value)).encode("utf-8", "surrogateescape")]
        if isinstance(value, slice):
            return ["slice", repr(value)]
        if isinstance(value, type):
            return ["class", class_name(value)]
        if isinstance(value, dict):
            return ["dict", [[self.of(k, depth + 1), self.of(v, depth + 1)] for k, v in value.items()]]
        if isinstance(value, (list, tuple)):
            return ["tuple" if isinstance(value, tuple) else "list",
                    [self.of(item, depth + 1) for item in value[:MOST_ITEMS]]]
        if isinstance(value, collections.abc.Iterator):
            return self.items(value, depth)
        return ["other", class_name(type(value))]

    def items(self, iterator, depth=0):
        return ["items", [self.of(item, depth + 1) for item in itertools.islice(iterator, MOST_ITEMS)]]

    def _array(self, array, depth):
        if array.dtype.hasobject:
            return ["array", dtype_facts(array.dtype), list(array.shape), self._objects(array, depth)]
        return ["array", dtype_facts(array.dtype), list(array.shape), *content(array)]

    def _objects(self, array, depth):
        if array.dtype.names is not None:
            return [[name, self._objects(array[name], depth)] for name in array.dtype.names]
        if not array.dtype.hasobject:
            return list(content(array))
        return [self.of(item, depth + 1) for item in itertools.islice(array.flat, MOST_ITEMS)]

    def _generic(self, value, depth):
        facts = ["scalar", type(value).__name__, dtype_facts(value.dtype)]
        array = np.asarray(value)
        return facts + ([self._objects(array, depth)] if array.dtype.hasobject else list(content(array)))

    def _of_kind(self, kind, value, depth):
        method = getattr(self, f"_{kind.lower().replace(' ', '_')}", None)
        return [kind, *(method(value, depth) if method else ())]

    def attempt(self, function, depth=0):
        try:
            return self.of(function(), depth + 1)
        except Exception as problem:  # whatever it is, it is compared
            return raised(problem)

    def _node(self, node):
        if not node:
            return ["closed"]
        return [self.file_of(node.file), node.name]

    def _file(self, node, depth):
        return self._node(node)

    def _group(self, node, depth):
        return self._node(node) + ([] if not node else [self.attempt(lambda: len(node), depth)])

    def _dataset(self, node, depth):
        return self._node(node) + ([] if not node else [self.attempt(lambda: node.shape, depth),
                                                        self.attempt(lambda: node.dtype, depth)])

    def _datatype(self, node, depth):
        return self._node(node) + ([] if not node else [self.attempt(lambda: node.dtype, depth)])

    def _attributemanager(self, manager, depth):
        return [self.attempt(lambda: list(manager), depth)]

    def _dimensionmanager(self, manager, depth):
        return [self.attempt(lambda: len(manager), depth)]

    def _dimensionproxy(self, proxy, depth):
        return [self.attempt(lambda: proxy.label, depth), self.attempt(lambda: len(proxy), depth)]

    def _keys(self, view, depth):
        return [self.attempt(lambda: list(view), depth)]

    _values = _items = _keys

    def _view(self, view, depth):
        return [self.attempt(lambda: view.dtype, depth), self.attempt(lambda: view.shape, depth)]

    _astype = _asstr = _fields = _view

    def _empty(self, empty, depth):
        return [dtype_facts(empty.dtype), self.of(empty.shape), self.of(empty.size)]

    def _softlink(self, link, depth):
        return [self.of(link.path)]

    def _externallink(self, link, depth):
        return [self.of(link.filename), self.of(link.path)]

    def _vdsmap(self, mapping, depth):
        return [self.of(item, depth + 1) for item in tuple(mapping)]

    def _space(self, space, depth):
        return [self.attempt(lambda: tuple(space.shape), depth), self.attempt(space.get_regular_hyperslab, depth)]

    def _id(self, low, depth):
        return [bool(low)]

    def _attribute_id(self, low, depth):
        return [bool(low), self.attempt(lambda: low.dtype, depth), self.attempt(lambda: low.shape, depth)]

    def _dataset_id(self, low, depth):
        if not low:
            return [False]
        return [True, self.attempt(lambda: low.dtype, depth), self.attempt(lambda: low.shape, depth),
                self.attempt(lambda: low.get_type().get_size(), depth),
                self.attempt(lambda: tuple(low.get_space().shape), depth)]

    def _reference(self, reference, depth):
        return [bool(reference), self.target(reference)]

    _regionreference = _reference

    def target(self, reference):
        """The object that a reference names and the region in it; `None` for an empty one."""
        if not reference or self.file is None:
            return None
        try:
            node = self.file[reference]
            facts = self._node(node)
            if kind_of(reference) == "RegionReference":
                facts += [self.attempt(lambda: node.regionref.shape(reference)),
                          self.attempt(lambda: node.regionref.selection(reference)),
                          self.attempt(lambda: node[reference])]
            return facts
        except Exception as problem:
            return raised(problem)

    file = None  # in which references are looked up


def raised(problem):
    return ["raises", type(problem).__name__, [cls.__name__ for cls in type(problem).__mro__]]


def agree(wanted, found):
    """Whether facts are the same; an exception may be of a class derived from the one wanted."""
    if wanted == found:
        return True
    if isinstance(wanted, list) and isinstance(found, list):
        if wanted[:1] == found[:1] == ["raises"]:
            return wanted[1] in found[2]
        return len(wanted) == len(found) and all(agree(a, b) for a, b in zip(wanted, found))
    return False
