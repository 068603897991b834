"""nexusformat over h5cap: ``nxload(url)`` and ``NXFile(url)``, with fields read lazily, and plotted, as from a local
file.

Read-only, without lock files.  External links name the address of the file that the server found behind them.
"""

from __future__ import annotations

import posixpath
from types import SimpleNamespace
from typing import Any, Optional

import h5py
import nexusformat.nexus as nx
from nexusformat.nexus import tree

import h5cap

from .address import is_address, parse, url_of

_H5 = SimpleNamespace(File=h5cap.File, Group=h5cap.Group, Dataset=h5cap.Dataset, SoftLink=h5cap.SoftLink,
                      ExternalLink=h5cap.ExternalLink, HardLink=h5cap.HardLink)
_installed = False


def install() -> None:
    """Makes nexusformat take addresses of h5cap wherever it takes the name of a file."""
    global _installed
    if _installed:
        return
    _installed = True
    nx.NXFile.__new__ = staticmethod(_new_file)
    tree.NXobject.nxfilename = property(_file_name(tree.NXobject.nxfilename.fget))
    tree.NXobject.file_exists = _file_exists(tree.NXobject.file_exists)
    tree.NXroot.is_modified = _is_modified(tree.NXroot.is_modified)


def _new_file(cls, name: Any = None, *args, **options):
    """An `NXFile`, or a `RemoteFile` for an address; Python then calls its ``__init__``."""
    return object.__new__(RemoteFile if cls is nx.NXFile and is_address(name) else cls)


class RemoteFile(nx.NXFile):
    """An `NXFile` on a server.  A file that was closed opens again when something is read: one round trip."""

    def __init__(self, name: str, mode: str = "r", recursive: Optional[bool] = None, **options: Any):
        """``NeXusError`` for a mode other than "r", and for a file that cannot be opened."""
        # What NXFile.__init__ sets, without looking for the file, its folder and its lock in the file system.
        self.h5 = _H5
        self.name = self._filename = str(name)
        self._file: Optional[h5cap.File] = None
        self._filedir = posixpath.dirname(self._filename)
        self._lock = None
        self._path = "/"
        self._root = None
        self._with_count = 0
        self._mode = "r"
        self._options = options
        self.recursive = nx.nxgetconfig("recursive") if recursive is None else recursive
        if mode not in (None, "r"):
            raise nx.NeXusError(f"'{name}' is served read-only")
        try:
            self.open()
        except (OSError, ValueError) as error:
            raise nx.NeXusError(str(error)) from error

    def __repr__(self) -> str:
        return f'<NXFile "{posixpath.basename(parse(self._filename).path)}" mode "r">'

    def __del__(self) -> None:
        if self.__dict__.get("_file") is not None:  # __init__ may have failed before
            self._file.close()

    def open(self, **options: Any) -> None:
        if not self.is_open():
            self._file = h5cap.File(self._filename, "r", **{**self._options, **options})
            self.nxpath = "/"

    def close(self) -> None:
        """The connection stays; opening the file again costs a round trip."""
        if self.is_open():
            self._file.close()

    def is_open(self) -> bool:
        return bool(self._file)

    def get(self, name: str, *args: Any, **options: Any) -> Any:
        """As `h5py.Group.get`; links are h5py's, and an external one that leads somewhere names that file's address."""
        found = self.file.get(name, *args, **options)
        if isinstance(found, h5cap.SoftLink):
            return h5py.SoftLink(found.path)
        if isinstance(found, h5cap.ExternalLink):
            return self._external(name, found)
        return found

    def _external(self, name: str, link: h5cap.ExternalLink) -> h5py.ExternalLink:
        target = self.file.get(name)
        if target is None:
            return h5py.ExternalLink(link.filename, link.path)
        return h5py.ExternalLink(target.file.filename, target.name)

    @property
    def mtime(self) -> None:
        """Not told by the server; `NXroot.is_modified` compares versions."""
        return None

    @property
    def size(self) -> int:
        return self.file._opened.info["size"]

    @property
    def version(self) -> bytes:
        """What changes whenever the file does: one round trip."""
        return self.file._opened.native.stat()["version"]

    def file_hash(self, nbytes: int = 65536) -> bytes:
        return self.version

    def is_accessible(self) -> bool:
        return True

    def is_locked(self) -> bool:
        return False

    @property
    def lock(self) -> None:
        """Readers of a server take none."""
        return None

    @lock.setter
    def lock(self, value: Any) -> None:
        pass

    def acquire_lock(self, timeout: Any = None) -> None:
        pass

    def release_lock(self) -> None:
        pass

    def wait_lock(self, timeout: Any = True) -> None:
        pass

    def clear_lock(self, timeout: Any = True) -> None:
        pass

    def _readdata(self, name: str):
        """As `NXFile`, but a virtual dataset is a field: `NXvirtualfield` takes every source for one frame."""
        target, _, _, _ = self._getlink()
        field = self.get(self.nxpath)
        if target is not None or not field.is_virtual:
            return super()._readdata(name)
        return nx.NXfield(name=name, shape=field.shape, dtype=field.dtype, attrs=self.attrs)

    def readfile(self):
        root = super().readfile()
        root._remote_version = self.file._opened.info["version"]
        return root


def _file_name(original):
    """`NXobject.nxfilename`, in which an address stays one, and a name beside an address becomes one."""

    def nxfilename(self) -> Optional[str]:
        own = self._filename
        if is_address(str(own)):
            return str(own)
        holder = None if self._group is None else self._group.nxfilename
        if not is_address(holder):
            return original(self)
        if own is None:
            return holder
        named = parse(holder)
        return url_of(named.server, posixpath.normpath(posixpath.join("/", posixpath.dirname(named.path), str(own))))

    return nxfilename


def _file_exists(original):
    def file_exists(self) -> bool:
        """True if the file containing the NeXus object exists."""
        if not is_address(self.nxfilename):
            return original(self)
        try:
            with h5cap.File(self.nxfilename):
                return True
        except OSError:
            return False

    return file_exists


def _is_modified(original):
    def is_modified(self) -> bool:
        """True if the file has been modified by an external process."""
        if not isinstance(self._file, RemoteFile):
            return original(self)
        self._file_modified = self._file.version != self._remote_version
        return self._file_modified

    return is_modified
