"""A pytest plugin that records what tests read with h5py, and the files as they were at that moment.

    pytest -p recorder --record FOLDER --pyargs h5py.tests.test_group

Public reads of h5py's high-level objects are noted when code outside of h5py asks for them: what of which object, the
arguments, and the facts of the result or the class of the exception.  A read that is repeated in the same state is
noted once.  With --old-formats files are written in those that HDF5 1.10 knows, whatever the test asks for: others are
too new for planners on that library.

Before a read every open file is flushed, and the folder that tests write to is kept as a state: {path: hash of the
content}; files that live in memory come as an image.  What comes out is FOLDER/reads.pickle, a record a test, and
FOLDER/blobs.
"""

import functools
import hashlib
import io
import os
import pickle
import sys
import threading
import weakref

import h5py
import h5py._hl.dims
import numpy as np
import pytest
from h5py import h5f, h5fd, h5i, h5r

from facts import Facts, raised
from operations import READS, VISITS, Visited, copied

H5PY = os.path.dirname(os.path.abspath(h5py.__file__))
TESTS = os.path.join(H5PY, "tests")
MOST_BYTES = 64 << 20  # of a file on the disk; larger ones are not kept
CLASSES = {cls.__name__: cls for cls in (
    h5py.File, h5py.Group, h5py.Dataset, h5py.Datatype, h5py.AttributeManager, h5py._hl.base.HLObject,
    h5py._hl.dims.DimensionManager, h5py._hl.dims.DimensionProxy, h5py._hl.dataset.AsTypeView,
    h5py._hl.dataset.AsStrView,
    h5py._hl.dataset.FieldsView, h5py._hl.base.KeysViewHDF5, h5py._hl.base.ValuesViewHDF5, h5py._hl.base.ItemsViewHDF5,
    h5py._hl.base._RegionProxy)}
OUTSIDE = "outside"  # where files that are not below the folder of the tests appear
MEMORY = "memory"  # where files that are not on the disk appear


class NotHere(Exception):
    """A read that cannot be done again elsewhere; the text says why."""


def asked_from_inside(frame):
    """Whether h5py itself asks: the nearest frame that is not a mixin of `collections.abc`."""
    while frame is not None and frame.f_code.co_filename.endswith(("_collections_abc.py", "<frozen _collections_abc>")):
        frame = frame.f_back
    name = frame.f_code.co_filename if frame is not None else ""
    return name.startswith(H5PY) and not name.startswith(TESTS)


class ArgumentPickler(pickle.Pickler):
    """Arguments, with objects of the file by where they are."""

    def __init__(self, stream, recorder):
        super().__init__(stream)
        self.recorder = recorder

    def persistent_id(self, value):
        if isinstance(value, (h5py._hl.base.HLObject, h5py.AttributeManager, h5py._hl.dims.DimensionProxy)):
            return "object", *self.recorder.where(value)
        if isinstance(value, h5r.Reference):
            if not value:
                raise NotHere("an empty reference as an argument")
            return "reference", *self.recorder.target(value)
        if isinstance(value, np.ndarray) and value.dtype.hasobject and "ref" in str(value.dtype.metadata):
            raise NotHere("an array of references as an argument")
        return None


class Recorder:
    def __init__(self, folder, root, old_formats):
        self.folder, self.root, self.old_formats = folder, root, old_formats
        os.makedirs(os.path.join(folder, "blobs"), exist_ok=True)
        self.known = {}  # (path, inode, size, mtime, ctime) → hash
        self.places = {}  # id of a low-level object → (weak reference, path, name)
        self.paths = {}  # path as the test knows it → path in states
        self.states, self.reads, self.test = [], [], None
        self.active = threading.local()
        self.lock = threading.RLock()
        self.facts = Facts(lambda file: self.path_of(file.id))
        self.out = open(os.path.join(folder, "reads.pickle"), "wb")

    # -- where things are

    def path_of(self, id_):
        """The path in states of the file that a low-level object is in."""
        fid = id_ if isinstance(id_, h5f.FileID) else h5i.get_file_id(id_)
        name = os.path.abspath(os.fsdecode(h5f.get_name(fid)))
        return self.inside(name, self.on_disk(fid))

    def inside(self, name, on_disk=True):
        if os.path.commonpath([name, self.root]) == self.root:
            return os.path.relpath(name, self.root)
        return os.path.join(OUTSIDE if on_disk else MEMORY, name.lstrip("/"))

    @staticmethod
    def on_disk(fid):
        driver = fid.get_access_plist().get_driver()
        return driver in (h5fd.SEC2, h5fd.STDIO)

    def place(self, id_):
        """(path, name) of a low-level object; closed ones are remembered."""
        if not id_:
            remembered = self.places.get(id(id_))
            if remembered is None or remembered[0]() is not id_:
                raise NotHere("closed before it was looked at")
            return remembered[1], remembered[2], True
        name = h5i.get_name(id_) if not isinstance(id_, h5f.FileID) else b"/"
        if name is None:
            raise NotHere("an object without a name")
        try:
            shown = name.decode()
        except UnicodeDecodeError:
            shown = name
        path = self.path_of(id_)
        self.places[id(id_)] = weakref.ref(id_), path, shown
        return path, shown, False

    def where(self, target):
        """(path, steps, whether it is closed) of a high-level object."""
        hl = h5py._hl
        if isinstance(target, hl.base.HLObject):
            path, name, closed = self.place(target.id)
            if isinstance(target, h5py.File):
                return path, [("node", "/")], closed
            return path, [("root",)] if name == "/" else [("node", name)], closed
        if isinstance(target, (hl.dataset.AsTypeView, hl.dataset.AsStrView, hl.dataset.FieldsView)):
            path, steps, closed = self.where(target._dset)
            return path, steps + [self.view_step(target)], closed
        if isinstance(target, (hl.base.KeysViewHDF5, hl.base.ValuesViewHDF5, hl.base.ItemsViewHDF5)):
            path, steps, closed = self.where(target._mapping)
            name = {"K": "keys", "V": "values", "I": "items"}[type(target).__name__[0]]
            return path, steps + [("call", name, ())], closed
        if isinstance(target, hl.base._RegionProxy):
            path, steps, closed = self.where(target.obj)
            return path, steps + [("get", "regionref")], closed
        path, name, closed = self.place(target._id)
        steps = [("root",)] if name == "/" else [("node", name)]
        if isinstance(target, h5py.AttributeManager):
            return path, steps + [("get", "attrs")], closed
        steps.append(("get", "dims"))
        if isinstance(target, hl.dims.DimensionProxy):
            steps.append(("item", target._dimension))
        return path, steps, closed

    @staticmethod
    def view_step(view):
        hl = h5py._hl.dataset
        if isinstance(view, hl.AsTypeView):
            return "call", "astype", (view._dtype,)
        if isinstance(view, hl.AsStrView):
            return "call", "asstr", (view.encoding, view.errors)
        fields = view.extract_field if view.extract_field is not None else list(view.read_dtype.names)
        return "call", "fields", (fields,)

    def target(self, reference):
        """(path, kind, name, facts) of what a reference given as an argument points to."""
        if self.file is None:
            raise NotHere("a reference without a file")
        node = self.file[reference]
        kind = "region" if isinstance(reference, h5r.RegionReference) else "object"
        path, steps, _ = self.where(node)
        return path, kind, steps, self.facts.of(reference)

    # -- states

    def flush(self):
        images = {}
        for id_ in h5f.get_obj_ids(h5f.OBJ_ALL, h5f.OBJ_FILE):
            try:
                if not self.on_disk(id_) or self.is_marked_open(id_):
                    h5f.flush(id_)
                    images[self.path_of(id_)] = self.keep(id_.get_file_image())
                elif id_.get_intent() & h5f.ACC_RDWR:
                    h5f.flush(id_)
            except Exception:  # a driver without images, or a file that cannot be flushed: as it is on the disk
                continue
        return images

    @staticmethod
    def is_marked_open(fid):
        """Superblocks of version 3 say that a writer is there, which keeps others from opening a copy; an image does
        not."""
        return fid.get_intent() & h5f.ACC_RDWR and fid.get_create_plist().get_version()[0] >= 3

    def keep(self, content):
        digest = hashlib.sha256(content).hexdigest()[:32]
        path = os.path.join(self.folder, "blobs", digest)
        if not os.path.exists(path):
            with open(path, "wb") as out:
                out.write(content)
        return digest

    def blob(self, path):
        found = os.stat(path)
        if found.st_blocks * 512 > MOST_BYTES or found.st_size > 4 * MOST_BYTES:
            return "too large"
        key = path, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
        if key not in self.known:
            with open(path, "rb") as stream:
                self.known[key] = self.keep(stream.read())
        return self.known[key]

    def state(self, path):
        """The number of the state that the folder is in now."""
        if self.visiting and self.states:
            return len(self.states) - 1  # libhdf5 does not take it well to be flushed from a visitor
        images = self.flush()
        found = {}
        for folder, _, names in os.walk(self.root):
            for name in names:
                try:
                    full = os.path.join(folder, name)
                    found[os.path.relpath(full, self.root)] = self.blob(full)
                except OSError:  # removed meanwhile
                    continue
        if path.startswith(OUTSIDE + "/"):
            found[path] = self.blob("/" + path[len(OUTSIDE) + 1:])
        found.update(images)
        if found.get(path) == "too large":
            raise NotHere("a file of more than 64 MiB")
        if path not in found:
            raise NotHere("a file that is not on the disk")
        if not self.states or self.states[-1] != found:
            self.states.append(found)
        return len(self.states) - 1

    # -- reads

    file = None  # of the object that is read
    visiting = 0

    def dumps(self, arguments):
        stream = io.BytesIO()
        try:
            ArgumentPickler(stream, self).dump(arguments)
        except NotHere:
            raise
        except Exception as problem:
            raise NotHere(f"an argument that cannot be kept: {type(problem).__name__}") from None
        return stream.getvalue()

    def about(self, target, read, args, kwargs):
        path, steps, closed = self.where(target)
        self.file = self.facts.file = None
        low = getattr(target, "_id", None) or getattr(target, "id", None)
        if low is None and hasattr(target, "_dset"):
            low = target._dset.id
        if low:
            self.file = self.facts.file = h5py.File(h5i.get_file_id(low))
        return {"read": read, "path": path, "steps": self.dumps(steps), "closed": closed, "state": self.state(path),
                "args": self.dumps((args, kwargs))}

    def add(self, about, facts):
        if about is None:
            return
        key = tuple(about[part] for part in ("read", "path", "steps", "closed", "state", "args"))
        if self.noticed_before.setdefault(key, facts) is facts:
            self.reads.append({**about, "facts": facts})

    def wrapped(self, original, read, name=None):
        """A method (or the getter of property `name`) that is recorded."""
        recorder = self

        @functools.wraps(original)
        def method(target, *args, **kwargs):
            if getattr(recorder.active, "busy", False) or recorder.test is None or asked_from_inside(sys._getframe(1)):
                return original(target, *args, **kwargs)
            with recorder.lock:
                return recorder.record(original, read, name, target, args, kwargs)

        return method

    def record(self, original, read, name, target, args, kwargs):
        try:
            return self.noticed(original, read, name, target, args, kwargs)
        finally:
            self.file = self.facts.file = None  # what stays open here would be seen by the test

    def noticed(self, original, read, name, target, args, kwargs):
        visited = None
        given = (name,) if name else tuple(copied(arg) for arg in args)
        if read in VISITS and args and callable(args[0]):
            visited = Visited(args[0])
            about = self.noted(target, read, (0, None), {})
            args = (visited, *args[1:])
        else:
            about = self.noted(target, read, given, kwargs)
        self.visiting += visited is not None
        try:
            result = original(target, *args, **kwargs)
        except Exception as problem:
            if visited is None:  # what a visitor raises is the test's own
                self.add(about, raised(problem))
            raise
        finally:
            self.visiting -= visited is not None
        if visited is not None and result is not None and about is not None:
            about["args"] = self.dumps(((len(visited.seen), result), {}))
        if about is not None and result is not NotImplemented:
            self.active.busy = True
            try:
                self.add(about, self.result_facts(original, read, name, target, args, kwargs, result, visited))
            finally:
                self.active.busy = False
        return result

    def noted(self, target, read, args, kwargs):
        self.active.busy = True
        try:
            return self.about(target, read, args, kwargs)
        except NotHere as why:
            self.reads.append({"read": read, "not here": str(why)})
        except Exception as problem:
            self.reads.append({"read": read, "not here": f"cannot be described: {problem!r}"[:200]})
        finally:
            self.active.busy = False
        return None

    def result_facts(self, original, read, name, target, args, kwargs, result, visited):
        try:
            if visited is not None:
                return self.facts.of((result, visited.seen))
            if name == "filename":
                return ["filename", self.facts.file_of(target)]
            if read == "read_direct":
                return self.facts.of(args[0] if args else kwargs["dest"])
            if read in ("__iter__", "__reversed__", "iter_chunks"):
                try:
                    return self.facts.items(iter(original(target, *args, **kwargs)))
                except Exception as problem:
                    return raised(problem)
            return self.facts.of(result)
        except Exception as problem:
            return ["unspeakable", repr(problem)[:200]]

    def install(self):
        for class_name, reads in READS.items():
            cls = CLASSES[class_name]
            for name in reads.get("get", ()):
                own = cls.__dict__.get(name) or next(c.__dict__[name] for c in cls.__mro__ if name in c.__dict__)
                setattr(cls, name,
                        property(self.wrapped(own.fget, "get property", name), own.fset, own.fdel, own.__doc__))
            for name in reads.get("call", ()):
                setattr(cls, name, self.wrapped(getattr(cls, name), name))
        opened = h5py.File.__init__

        @functools.wraps(opened)
        def init(file, name, mode="r", *args, **kwargs):
            opened(file, name, mode, *args, **kwargs)
            if self.test is not None and not getattr(self.active, "busy", False):
                try:
                    self.place(file._id)
                except Exception:
                    pass

        h5py.File.__init__ = init
        if self.old_formats:
            self.write_old_formats()

    @staticmethod
    def write_old_formats():
        made = h5py._hl.files.make_fapl

        @functools.wraps(made)
        def make_fapl(*args, **kwargs):
            properties = made(*args, **kwargs)
            properties.set_libver_bounds(*(min(bound, h5f.LIBVER_V110) for bound in properties.get_libver_bounds()))
            return properties

        h5py._hl.files.make_fapl = make_fapl

    # -- tests

    def begin(self, name):
        self.test, self.reads, self.states = name, [], []
        self.places.clear()
        self.noticed_before = {}

    def end(self, outcome):
        pickle.dump({"test": self.test, "outcome": outcome, "states": self.states, "reads": self.reads}, self.out)
        self.out.flush()
        self.test = None


def pytest_addoption(parser):
    parser.addoption("--record", help="folder for the recording")
    parser.addoption("--old-formats", action="store_true", help="write files that HDF5 1.10 knows, only")


def pytest_configure(config):
    recorder = Recorder(config.getoption("record"), os.path.realpath(os.environ["TMPDIR"]),
                        config.getoption("old_formats"))
    recorder.install()
    config.pluginmanager.register(Plugin(recorder))


def test_name(item):
    """As `test_vds.test_virtual_source::TestVirtualSource::test_extra_args`, from wherever pytest was started."""
    return item.module.__name__.removeprefix("h5py.tests.") + "::" + item.nodeid.split("::", 1)[1]


class Plugin:
    def __init__(self, recorder):
        self.recorder = recorder
        self.outcome = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item, nextitem):
        self.outcome = {}
        self.recorder.begin(test_name(item))
        try:
            return (yield)
        finally:
            self.recorder.end(self.outcome)

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            self.outcome[report.when] = report.outcome
            if report.outcome == "skipped":
                self.outcome["why"] = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
