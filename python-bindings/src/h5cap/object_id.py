"""Low-level identifiers, as ``object.id`` in h5py: who an object is, and the facts that libraries ask for.

One class a kind of object: `h5f.FileID`, `h5g.GroupID`, `h5d.DatasetID`, `h5t.TypeID`, `h5s.SpaceID`, `h5a.AttrID` and
the property lists of `h5p`, with the methods of h5py's that read.  What only a local library knows raises
``NotImplementedError``.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

from .errors import READ_ONLY, ClosedFile
from .names import FileKey
from .opened import OpenFile


class ObjectID:
    """An identifier.  Equal, and of equal hash, for the same object of the same file, by whatever names it was
    reached."""

    locked = 0
    _closed = False

    @property
    def valid(self) -> int:
        """1 until it is closed, then 0, as h5py's."""
        return int(bool(self))

    def close(self) -> None:
        """Makes this identifier, and the object that it is of, unusable."""
        self._closed = True

    def __bool__(self) -> bool:
        return not self._closed

    def __copy__(self):
        raise TypeError("h5py objects cannot be pickled")


class Identity(NamedTuple):
    """Which object it is: equal for the same one, by whatever path it was reached."""

    file: FileKey
    number: int  # of the object in the file


class LocatedID(ObjectID):
    """An identifier of something in a file: a group, dataset or named datatype."""

    def __init__(self, opened: OpenFile, native, path: str, described: Optional[Dict[str, Any]] = None):
        self.opened = opened
        self.path = path  # absolute in the file that it was reached through; empty where no path is known
        self._native = native
        self._described = described

    @property
    def native(self):
        """The native handle.  `ClosedFile` when the file was closed."""
        self.opened.native
        if self._closed:
            raise ClosedFile("Invalid location identifier (the object was closed)")
        return self._native

    @property
    def info(self) -> Dict[str, Any]:
        """What is known of the object; no round trip within a snapshot, at most one otherwise, and none after."""
        if self._described is None:
            self._described = self.native.info()
        else:
            self.native
        return self._described

    def external(self) -> Optional[Dict[str, Any]]:
        """The file of the object when that is another than the one it was reached through."""
        info = self.native.file_info()
        return None if self.opened.holds(info) else info

    def file_opened(self) -> OpenFile:
        """The open file that the object is in, which is another one behind an external link."""
        where = self.external()
        return self.opened if where is None else self.opened.other(where)

    def identity(self) -> Identity:
        """Which object it is.  One round trip at most, as `info`."""
        info = self.external()
        key = self.opened.key
        return Identity(key if info is None else key._replace(path=info["path"]), self.info["id"])

    @property
    def id(self) -> int:
        """A number that is the same for the same object; 0 when it was closed."""
        return hash(self.identity()) & 0x7FFFFFFFFFFFFFFF | 1 << 56 if self else 0

    @property
    def fileno(self) -> Tuple[int, int]:
        """A pair of numbers that is the same for objects of the same file."""
        return hash(self.identity().file) & 0xFFFFFFFF, 0

    def __bool__(self) -> bool:
        return self.opened.is_open and not self._closed

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, ObjectID):
            return NotImplemented
        if not self or not other:
            return bool(self) == bool(other)  # as h5py, to which closed handles are the same nothing
        return isinstance(other, LocatedID) and self.identity() == other.identity()

    def __hash__(self) -> int:
        if not self:
            raise TypeError(f"Objects of class {type(self).__name__} cannot be hashed")
        return hash(self.identity())


def not_served(name: str, why: str) -> Callable[..., Any]:
    """A method for what is not known of a remote object."""

    def method(self, *args: Any, **options: Any):
        raise NotImplementedError(f"{type(self).__name__}.{name}: {why}")

    method.__name__ = name
    method.__doc__ = f"Raises ``NotImplementedError``: {why}."
    return method


def refused(name: str, error: type, what: str) -> Callable[..., Any]:
    """A method that writes: it raises what h5py's does on a file opened read-only."""

    def method(self, *args: Any, **options: Any):
        raise error(f"{what} ({READ_ONLY})")

    method.__name__ = name
    method.__doc__ = f"Writing: raises ``{error.__name__}``."
    return method
