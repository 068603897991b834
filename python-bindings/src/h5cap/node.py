"""What groups, datasets and named datatypes have in common, and the file that they belong to."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

from . import _h5cap
from .attrs import AttributeManager
from .errors import ClosedFile
from .h5t import TypeID
from .names import address, encoded, joined
from .open_options import AccessOptions
from .pickles import reduced
from .references import Reference, RegionProxy

if TYPE_CHECKING:
    from .files import File
    from .group import Group


class OpenFile:
    """An open file, shared by everything that was reached through it; closing it closes all of that."""

    def __init__(self, native, url: str, swmr: bool, timeout: float, token: Optional[str], on_missing: str = "fill"):
        self._native = native
        self.url = url
        self.server = _h5cap.parse_location(url)[0]
        self.swmr = swmr
        self.timeout = timeout
        self.token = token
        self.on_missing = on_missing
        self.access = AccessOptions()
        self.info: Dict[str, Any] = native.wait()
        self._others: Dict[str, Any] = {}

    @property
    def native(self):
        if self._native is None:
            raise ClosedFile("Invalid location identifier (the file was closed)")
        return self._native

    @property
    def is_open(self) -> bool:
        return self._native is not None

    def close(self) -> None:
        self._native = None
        self._others.clear()

    @property
    def key(self) -> Tuple[str, str]:
        """Equal for handles of the same file."""
        return self.server, self.info["path"]

    def holds(self, info: Dict[str, Any]) -> bool:
        """Whether a node whose file is described by ``info`` is in this file, not behind an external link."""
        return info["path"] == self.info["path"]

    def url_of(self, info: Dict[str, Any]) -> str:
        """The address of another file of the same server."""
        return address(self.server, info["path"])

    def other(self, info: Dict[str, Any]):
        """The `File` behind an external link; opened once."""
        self.native
        path = info["path"]
        if path not in self._others:
            from .files import File

            self._others[path] = File(self.url_of(info), swmr=self.swmr, token=self.token, timeout=self.timeout,
                                      on_missing=self.on_missing)
        return self._others[path]


class HLObject:
    """What groups, datasets and named datatypes have in common.  Made by groups, or of a low-level identifier."""

    _what = "object"

    def __init__(self, oid: Any):
        self._id = oid

    @property
    def id(self) -> Any:
        """The low-level identifier, see `h5cap.object_id`."""
        return self._id

    @property
    def _opened(self) -> OpenFile:
        return self._id.opened

    @property
    def _path(self) -> str:
        return self._id.path

    @property
    def _native(self):
        return self._id.native

    @property
    def _info(self) -> Dict[str, Any]:
        """What is known about the node; no round trip within a snapshot, at most one otherwise, and none after."""
        return self._id.info

    def _external(self) -> Optional[Dict[str, Any]]:
        """The file of the node when that is another than the one it was reached through."""
        return self._id.external()

    @property
    def name(self) -> Optional[str]:
        """The absolute path in the node's file, one of several perhaps; None when no path leads there, or the file was
        closed."""
        if not self or not self._path:
            return None
        return self._path if self._external() is None else self._path_behind_link()

    def _path_behind_link(self) -> str:
        """The path in the other file: the target of the first external link on the way, and the rest, which may lead on."""
        parts = [part for part in self._path.split("/") if part]
        root = self._opened.native
        for depth in range(1, len(parts) + 1):
            prefix = encoded("/" + "/".join(parts[:depth]))
            link = root.link(prefix)
            if link is None or link[1] != "external":
                continue
            target = joined("/", link[2])
            rest = parts[depth:]
            if not rest:
                return target
            between = root.node(prefix).file_info()
            return self._opened.other(between)[joined(target, "/".join(rest))].name
        return self._path  # behind a soft link that leads through an external one

    @property
    def file(self) -> "File":
        """The `File` that the node is in.  Opens it when it is behind an external link and was not asked for before."""
        external = self._external()
        if external is not None:
            return self._opened.other(external)
        from .files import File

        return File._of(self._opened)

    @property
    def parent(self) -> "Group":
        """The group that the node's name is in."""
        name = self.name
        if name is None:
            raise ValueError("Parent of an anonymous object is undefined")
        return self.file[posixpath.dirname(name)]

    @property
    def attrs(self) -> AttributeManager:
        """The node's attributes."""
        return AttributeManager(self)

    @property
    def ref(self) -> Reference:
        """A reference to the object, for ``file[reference]`` of the same file.  No round trip."""
        opened = self._opened
        where = self._external()
        target = opened if where is None else opened.other(where)._opened
        return Reference._of(target=(target.key, self.name or ""))

    @property
    def regionref(self) -> RegionProxy:
        """What references to regions select: ``.shape(reference)`` and ``.selection(reference)``.  To make one would be to
        write, and raises."""
        return RegionProxy(self)

    def __bool__(self) -> bool:
        return bool(self._id)

    def __eq__(self, other: object) -> bool:
        if not hasattr(other, "id"):
            return NotImplemented
        return self._id == other.id

    def __hash__(self) -> int:
        return hash(self._id)

    def __reduce__(self):
        """Pickles are an address, a path and a version: see `h5cap.pickles`."""
        return reduced(self)

    def __dask_tokenize__(self) -> Tuple[Any, ...]:
        """What dask names its tasks after: the same in any process for the same object in the same version of its file."""
        where = self._external() or self._opened.info
        return "h5cap", self._opened.server, where["path"], where["version"], self._info["id"], getattr(self, "shape", None)

    def _repr_html_(self) -> str:
        """What a notebook shows: see `h5cap.notebook`."""
        from .notebook import html_of

        return html_of(self)

    def _short_name(self) -> str:
        name = self.name
        return "(anonymous)" if name is None else f'"{posixpath.basename(name) or "/"}"'


Node = HLObject


class Datatype(HLObject):
    """A named (committed) datatype."""

    _what = "named type"

    def __init__(self, bind: Any):
        if not isinstance(bind, TypeID):
            raise ValueError(f"{bind} is not a TypeID")
        super().__init__(bind)

    @property
    def dtype(self) -> Any:
        """Its NumPy dtype.  ``NotImplementedError`` names a type that is not served."""
        return self._id.dtype

    def __repr__(self) -> str:
        if not self:
            return "<Closed HDF5 named type>"
        name = '("anonymous")' if not self._path else self._short_name()
        return f"<HDF5 named type {name} (dtype {self.dtype.str})>"
