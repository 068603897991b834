"""Describes HDF5 files through any module that has h5py's nouns, one JSON document a file.

    describe.py MODULE REQUEST.json        the descriptions come as JSON lines on stdout

MODULE is `h5py` (the oracle, under Debian's Python) or `h5cap`.  A request is a list of {"name", "address", "visits"}.
Without `visits` the walk goes where links lead, once to each object; with them it goes to the same places, so that both
descriptions speak of the same paths.  A description maps a path to aspects: what an aspect was when it was read, or the
exception that reading it raised.

Nothing here is particular to either module: what one can say only through its own low-level interface is left out,
except the identity of an object, which the oracle alone needs in order to stop at cycles.
"""

import ctypes
import ctypes.util
import hashlib
import importlib
import json
import os
import random
import signal
import sys

import numpy as np

WHOLE_BYTES = 64 << 20
SLICES = 5
LIBM = ctypes.CDLL(ctypes.util.find_library("m")) if sys.platform == "linux" else None
FILE_SECONDS = int(os.environ.get("H5CAP_FILE_SECONDS", "300"))  # a file that takes longer ends the process


def known_compression(name):
    """h5py 3.16 says "unknown" of a filter that it has no name for; the oracle, 3.7, says None."""
    return None if name == "unknown" else name


def scalar_text(value):
    if type(value).__name__ in ("Reference", "RegionReference"):
        return reference_text(value)[:60]
    if isinstance(value, (np.longdouble, np.clongdouble)):
        return str(value)
    if isinstance(value, np.void) and value.dtype.names is not None:
        return f"({', '.join(scalar_text(value[name]) for name in value.dtype.names)})"[:60]
    # the byte order of a field that is an array depends on NumPy's version
    if isinstance(value, np.ndarray) and value.ndim > 0:
        return f"[{', '.join(scalar_text(v) for v in value.reshape(-1)[:4])}…]"[:60]
    return repr(value.item() if isinstance(value, np.generic) else value)[:60]


def dtype_text(dtype):
    """A datatype with what h5py keeps in the metadata: strings, enumerations and references have to agree as well."""
    if dtype is None:
        return None
    dtype = np.dtype(dtype)
    if dtype.names is not None:
        fields = ", ".join(f"{n!r}: {dtype_text(dtype.fields[n][0])} @{dtype.fields[n][1]}" for n in dtype.names)
        return f"{{{fields}}} size {dtype.itemsize}"
    if dtype.subdtype is not None:
        return f"{dtype_text(dtype.subdtype[0])} x {dtype.subdtype[1]}"
    extra = []
    for key, value in sorted((dtype.metadata or {}).items()):
        if key == "enum":
            value = {k: int(v) for k, v in sorted(value.items())}
        elif isinstance(value, np.dtype) or (key == "vlen" and value not in (str, bytes)):
            value = dtype_text(value)
        elif isinstance(value, type):
            value = value.__name__
        extra.append(f"{key}={value}")
    return " ".join([dtype.str] + extra)


class Reading:
    """The file that is described: references are followed in it."""

    file = None


def reference_text(reference):
    """What a reference names, and which part of it."""
    if not reference:
        return "null"
    try:
        node = Reading.file[reference]
        text = f"{type(node).__name__} {node.name!r}"
        if "RegionReference" in type(reference).__name__:
            digest = hashlib.sha256()
            feed(digest, node[reference])
            text += f" {node.regionref.shape(reference)} {node.regionref.selection(reference)}"
            text += f" #{digest.hexdigest()[:16]}"
        return text
    except (NotImplementedError, AttributeError) as problem:
        return f"absent: {problem}"
    except Exception:  # h5py's own classes for it are chosen by its C code
        return "names nothing"


def feed_long(digest, value):
    """x87's long doubles have ten bytes; the other six mean nothing."""
    parts = np.ascontiguousarray(value).astype(value.dtype.newbyteorder("<")).reshape(-1).view(
        np.dtype(np.longdouble).newbyteorder("<"))
    digest.update(parts.view(np.uint8).reshape(-1, 16)[:, :10].tobytes())


def feed(digest, value):
    """Feeds a value to a hash by content: padding between fields and the identity of Python objects do not count."""
    if isinstance(value, np.ndarray):
        digest.update(f"a{value.shape}".encode())
        if value.dtype.names is not None:
            for name in value.dtype.names:
                feed(digest, value[name])
        elif value.dtype.kind == "O":
            for item in value.reshape(-1):
                feed(digest, item)
        elif value.dtype.kind in "fc" and value.dtype.newbyteorder("=") in (np.longdouble, np.clongdouble):
            feed_long(digest, value)
        else:
            digest.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, np.void) and value.dtype.names is not None:
        for name in value.dtype.names:
            feed(digest, value[name])
    elif type(value).__name__ in ("Reference", "RegionReference"):
        digest.update(reference_text(value).encode("utf-8", "surrogateescape"))
    elif isinstance(value, (np.longdouble, np.clongdouble)):
        feed_long(digest, np.asarray(value))
    elif isinstance(value, np.generic):
        digest.update(value.tobytes())
    elif isinstance(value, (bytes, str)):
        # Surrogate escapes stand for bytes that are not UTF-8.
        digest.update(type(value).__name__.encode()
                      + (value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value) + b"\0")
    else:
        digest.update(repr(value).encode())


def value_text(value):
    """Type, shape and content of a value."""
    digest = hashlib.sha256()
    feed(digest, value)
    kind = type(value).__name__
    # numpy 2 has renamed them
    for old, new in (("bool_", "bool"), ("clongdouble", "complex256"), ("longdouble", "float128")):
        kind = kind.replace(old, new)
    if hasattr(value, "dtype"):
        kind += f" {dtype_text(value.dtype)}"
    if isinstance(value, np.ndarray):
        sample = ", ".join(scalar_text(v) for v in value.reshape(-1)[:4])
        return f"{kind} {value.shape} #{digest.hexdigest()[:24]} [{sample}…]"
    if kind.startswith("Empty"):
        return f"{kind} {value.shape}"
    return f"{kind} #{digest.hexdigest()[:24]} {scalar_text(value)}"


def attempt(function):
    """What `function` returns, or the names of the classes that its exception belongs to, with its message."""
    if LIBM is not None:
        # some filter plugins are built to take denormal numbers for zeros, everywhere
        LIBM.fesetenv(ctypes.c_void_p(-1))
    try:
        return {"is": function()}
    except NotImplementedError as problem:
        return {"absent": f"{problem}"[:300]}
    except Exception as problem:  # whatever is raised is what is compared
        return {"raises": [c.__name__ for c in type(problem).__mro__[:-2]], "message": f"{problem}"[:300]}


def link_text(group, name):
    link = group.get(name, getlink=True)
    kind = type(link).__name__
    if kind == "ExternalLink":
        return f"{kind} {link.filename!r} {link.path!r}"
    return f"{kind} {link.path!r}" if kind == "SoftLink" else kind


def selections(shape, path):
    """Selections of every promised form, seeded by the path, as JSON: an integer, [start, stop, step], {"list": …},
    "..."."""
    if not shape or 0 in shape:
        return ["..."], [[]] if not shape else [[None, None, None]]
    rng = random.Random(path)
    found = []
    for _ in range(SLICES):
        selection = []
        listed = False
        for n in shape:
            form = rng.randrange(6)
            budget = 40 if len(shape) > 1 else 2000
            start = rng.randrange(n)
            if form == 0:
                selection.append(rng.choice([start, start - n]))
            elif form == 1 and not listed:
                listed = True
                selection.append({"list": sorted(rng.sample(range(n), min(n, rng.randrange(1, 5))))})
            elif form == 2:
                step = rng.randrange(1, 4)
                selection.append([start, min(n, start + step * rng.randrange(1, budget)), step])
            elif form == 3 and n <= budget:
                selection.append([None, None, None])
            elif form == 4:
                selection.append([start - n, None if n - start <= budget else start - n + budget, None])
            else:
                selection.append([start, min(n, start + rng.randrange(1, budget)), None])
        found.append(selection)
    found[0] = ["..."] + found[0][-1:]
    if np.prod([float(n) for n in shape[:-1]]) > 1e6:
        found[0] = [0, "..."] if len(shape) > 1 else found[1]
    found.append([shape[0] + 3])
    found.append([0] * (len(shape) + 1))
    return tuple(found)


def selection_of(form):
    def one(axis):
        if axis == "...":
            return Ellipsis
        if isinstance(axis, dict):
            return axis["list"]
        return slice(*axis) if isinstance(axis, list) else axis

    if isinstance(form, str):
        return one(form)
    return tuple(one(axis) for axis in form)


def describe_attributes(node, aspects):
    names = attempt(lambda: list(node.attrs))
    aspects["attributes"] = names
    for name in names.get("is", []):
        aspects[f"attribute {name!r}"] = attempt(lambda: value_text(node.attrs[name]))
    aspects["attribute count"] = attempt(lambda: len(node.attrs))


def virtual_text(dataset):
    return [[source.file_name, source.dset_name] for source in dataset.virtual_sources()]


DATASET_ASPECTS = {
    "dtype": lambda d: dtype_text(d.dtype), "shape": lambda d: list(d.shape) if d.shape is not None else None,
    "maxshape": lambda d: list(d.maxshape) if d.maxshape is not None else None,
    "chunks": lambda d: list(d.chunks) if d.chunks is not None else None, "ndim": lambda d: d.ndim,
    "size": lambda d: None if d.size is None else int(d.size),
    "nbytes": lambda d: int(d.nbytes), "compression": lambda d: known_compression(d.compression),
    "compression_opts": lambda d: repr(d.compression_opts),
    "shuffle": lambda d: d.shuffle, "fletcher32": lambda d: d.fletcher32, "scaleoffset": lambda d: repr(d.scaleoffset),
    "fillvalue": lambda d: value_text(d.fillvalue), "is_virtual": lambda d: d.is_virtual,
    "external": lambda d: repr(d.external),
    "length": lambda d: len(d),
}


def describe_dataset(dataset, path, aspects):
    for name, function in DATASET_ASPECTS.items():
        if name == "fillvalue" and "O" in (aspects["dtype"].get("is") or ""):
            continue  # h5py 3.7 crashes on fill values of variable-length data
        aspects[name] = attempt(lambda: function(dataset))
    if aspects["is_virtual"].get("is"):
        aspects["virtual sources"] = attempt(lambda: virtual_text(dataset))
    size = aspects["nbytes"].get("is", 0)
    if size <= WHOLE_BYTES:
        aspects["value"] = attempt(lambda: value_text(dataset[()]))
    shape = aspects["shape"].get("is")
    forms = [] if "is" not in aspects["shape"] else [[]] if shape is None else selections(shape, path)
    for form in forms:
        aspects[f"slice {json.dumps(form)}"] = attempt(lambda: value_text(dataset[selection_of(form)]))


def describe_group(group, aspects):
    names = attempt(lambda: list(group))
    if "is" not in names:
        aspects["names"] = names
        return []
    # A name that is not UTF-8 comes as bytes: it is listed, and nobody can follow it by a path.
    spelled = [name if isinstance(name, str) else repr(name) for name in names["is"]]
    aspects["names"] = {"is": spelled if len(spelled) <= 50
                        else hashlib.sha256("\0".join(spelled).encode("utf-8", "surrogateescape")).hexdigest()}
    aspects["length"] = attempt(lambda: len(group))
    text_names = [name for name in names["is"] if isinstance(name, str)]
    for name in text_names[:200]:
        aspects[f"link {name!r}"] = attempt(lambda: link_text(group, name))
        aspects[f"contains {name!r}"] = attempt(lambda: name in group)
    aspects["contains nothing"] = attempt(lambda: "no such name" in group)
    return text_names


def kind_of(module, node):
    for kind in "Group", "Dataset", "Datatype":
        if isinstance(node, getattr(module, kind, ())):
            return kind
    return type(node).__name__


class Walk:
    def __init__(self, module, file, visits=None):
        self.module, self.file, self.found, self.seen, self.visits = module, file, {}, set(), visits

    def run(self):
        if self.visits is None:
            queue = ["/"]
            while queue:
                path = queue.pop(0)
                children = self.visit(path, None)
                queue += [path.rstrip("/") + "/" + name for name in children]
        else:
            for path, depth in self.visits:
                self.visit(path, depth)
        return self.found

    def identity(self, node):
        info = self.module.h5o.get_info(node.id)
        # h5py's number of a file changes when it is opened again
        return os.path.realpath(node.file.filename), info.addr

    def visit(self, path, depth):
        aspects = self.found[path] = {}
        try:
            node = self.file[path]
        except Exception:
            aspects["object"] = attempt(lambda: kind_of(self.module, self.file[path]))
            return []
        kind = kind_of(self.module, node)
        aspects["object"] = {"is": kind}
        if depth is None:
            identity = attempt(lambda: self.identity(node)).get("is")
            depth = "known" if identity is None or identity in self.seen else "whole"
            self.seen.add(identity)
        aspects["depth"] = {"is": depth}
        if kind == "Dataset":
            aspects["shape"] = attempt(lambda: DATASET_ASPECTS["shape"](node))
        if depth == "known":
            return []
        describe_attributes(node, aspects)
        if kind == "Dataset":
            describe_dataset(node, path, aspects)
        elif kind == "Group":
            return describe_group(node, aspects)
        elif kind == "Datatype":
            aspects["dtype"] = attempt(lambda: dtype_text(node.dtype))
        return []


def describe(module, address, visits):
    opened = attempt(lambda: None)
    try:
        file = module.File(address, "r")
    except Exception:
        opened = attempt(lambda: module.File(address, "r") and None)
        return {"": {"open": opened}}
    with file:
        Reading.file = file
        found = {"": {"open": opened, "user block": attempt(lambda: file.userblock_size),
                      "mode": attempt(lambda: file.mode)}}
        found.update(Walk(module, file, visits).run())
    return found


def main(module_name, request):
    module = importlib.import_module(module_name)
    if module_name == "h5py":
        try:
            import hdf5plugin  # noqa: F401  (its filters)
        except ImportError:
            pass
    for item in json.load(open(request)):
        signal.alarm(FILE_SECONDS)
        print(json.dumps({"name": item["name"], "objects": describe(module, item["address"], item.get("visits"))}),
              flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
