"""What groups, datasets and named datatypes have in common."""

from __future__ import annotations

import posixpath
from typing import Any, Callable, ClassVar, Dict, List, NamedTuple, Optional, Tuple

from ..h5t import TypeID
from ..names import encoded, joined, printable
from ..opened import OpenFile
from ..types.references import Reference, Target
from .attrs import AttributeManager
from .pickles import reduced
from .region_proxy import RegionProxy


class Display(NamedTuple):
    """What shows objects to people.  It is made of objects, which therefore do not import it: the package hands it
    over."""

    html: Callable[["HLObject"], str]  # what a notebook shows
    completions: Callable[["HLObject"], List[str]]  # what may stand in the brackets of a group


class HLObject:
    """What groups, datasets and named datatypes have in common.  Made by groups, or of a low-level identifier."""

    _what = "object"
    _display: ClassVar[Display]

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
        """The path in the other file: the target of the first external link on the way, and the rest, which may lead
        on."""
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
            return self._opened.other(between).file()[joined(target, "/".join(rest))].name
        return self._path  # behind a soft link that leads through an external one

    @property
    def file(self) -> Any:
        """The `File` that the node is in.  Opens it when it is behind an external link and was not asked for before."""
        return self._id.file_opened().file()

    @property
    def parent(self) -> Any:
        """The `Group` that the node's name is in."""
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
        return Reference._of(target=Target(self._id.file_opened().key, self.name or ""))

    @property
    def regionref(self) -> RegionProxy:
        """What references to regions select: ``.shape(reference)`` and ``.selection(reference)``.  To make one would be
        to write, and raises."""
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
        """Pickles are an address, a path and a version: see `h5cap._hl.pickles`."""
        return reduced(self)

    def __dask_tokenize__(self) -> Tuple[Any, ...]:
        """What dask names its tasks after: the same in any process for the same object in the same version of its
        file."""
        where = self._external() or self._opened.info
        shape = getattr(self, "shape", None)
        return "h5cap", self._opened.server, where["path"], where["version"], self._info["id"], shape

    def _repr_html_(self) -> str:
        """What a notebook shows: see `h5cap.show.notebook`."""
        return self._display.html(self)

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
        return printable(f"<HDF5 named type {name} (dtype {self.dtype.str})>")
