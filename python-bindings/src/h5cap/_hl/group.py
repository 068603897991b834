"""Groups: links and the objects behind them."""

from __future__ import annotations

import warnings
from typing import Any, Callable, Iterator, List, Optional, Union

import numpy as np

from ..errors import UnknownObject, UnreadableObject, finding
from ..h5d import DatasetID
from ..h5g import GroupID
from ..h5l import Visits, visited
from ..h5r import dereference
from ..located import located
from ..names import encoded, joined, printable, shown
from ..object_id import LocatedID
from ..opened import OpenFile
from ..types.references import Reference
from . import links
from .base import Datatype, HLObject
from .dataset import Dataset
from .mapping_views import ItemsViewHDF5, KeysViewHDF5, MutableMappingHDF5, ValuesViewHDF5
from .open_options import check_locking
from .writing import GroupWriting


def _text(name: Any) -> str:
    if isinstance(name, bytes):
        return name.decode("utf-8", "surrogateescape")
    if isinstance(name, str):
        return name
    raise TypeError(f"Accessing a group is done with bytes or str, not {type(name)}")


class Group(GroupWriting, HLObject, MutableMappingHDF5):
    """A group, as a mapping from names to objects.

    Within the snapshot that came with the file nothing costs a round trip; outside of it, an object costs one, and
    listing a group one a thousand links.

    >>> entry = h5cap.File("h5cap:///scans/scan.nxs")["entry"]
    >>> sorted(entry)
    ['data', 'latest', 'sample', 'temperatures', 'title']
    >>> entry["data/data"]
    <HDF5 dataset "data": shape (50, 64, 80), type "<u2">
    >>> entry.get("latest", getlink=True)
    <SoftLink to "/entry/data/data">
    """

    _what = "group"

    def __init__(self, bind: Any):
        if not isinstance(bind, GroupID):
            raise ValueError(f"{bind} is not a GroupID")
        super().__init__(bind)

    def __getitem__(self, name: Union[str, bytes, Reference]) -> Any:
        """The object at a path, through soft and external links, or that a reference names.  ``KeyError`` when there is
        none, ``ValueError`` for a null reference."""
        if isinstance(name, Reference):
            found = dereference(name, self._id)
            if found is None:
                raise ValueError("Invalid HDF5 object reference")
            return node_of(found)
        path = _text(name)
        if not path:
            raise KeyError("Unable to open object (name parameter cannot be an empty string)")
        if not [part for part in path.split("/") if part not in ("", ".")] and not path.startswith("/"):
            return make_node(self._opened, self._native, self._path, self._info)
        if self._starts_elsewhere(path):
            return self.file[path]
        absolute = joined(self._path, path)
        with finding(path):
            native = self._opened.native.node(encoded(absolute))
            info = native.info()
        return make_node(self._opened, native, absolute, info)

    def _object(self, oid: LocatedID) -> HLObject:
        """The object of an identifier, for what hands objects out and is below groups: dimensions their scales."""
        return node_of(oid)

    def _starts_elsewhere(self, path: str) -> bool:
        """Whether ``path`` starts at the root of another file than this node was reached through."""
        return path.startswith("/") and self._external() is not None

    def get(self, name: Any, default: Any = None, getclass: bool = False, getlink: bool = False,
            elink_mode: Optional[str] = None, elink_locking: Union[None, bool, str] = None,
            elink_swmr: Optional[bool] = None) -> Any:
        """The object, or its class, or its link (not followed), or the class of that; ``default`` when there is none.

        Files behind external links are opened as this one is, read-only and without locks, whatever ``elink_locking``
        and ``elink_swmr`` are; ``ValueError`` or ``RuntimeError`` where h5py takes no such value or mode.
        """
        if (elink_mode, elink_locking, elink_swmr) != (None, None, None):
            self._check_link_access(name, elink_mode, elink_locking)
        if not (getclass or getlink):
            if isinstance(name, Reference):
                return self[name]
            try:
                return self[name]
            except KeyError:
                return default
        if name not in self:
            return default
        if getlink:
            link = self._link(_text(name))
            if link is None:
                raise RuntimeError("Unable to get link info (no link leads from a group to itself)")
            made = links.link_from(link)
            return type(made) if getclass else made
        try:
            found = type(self[name])
        except KeyError as error:
            raise RuntimeError(error.args[-1]) from None  # as h5py, which tells a broken link from an absent one
        return Group if issubclass(found, Group) else found

    def _check_link_access(self, name, mode, locking) -> None:
        self._opened.native
        if mode == "r+":
            raise ValueError("Opening external links in write mode from a file opened in read-only mode is not "
                             "supported")
        if mode not in (None, "r"):
            raise RuntimeError(f"Unsupported link access mode: {mode}")
        check_locking(locking)
        if isinstance(name, Reference):
            raise TypeError("Access with link access properties is done with bytes or str, not Reference")

    def _link(self, path: str):
        if self._starts_elsewhere(path):
            return self.file._link(path)
        if not [part for part in path.split("/") if part not in ("", ".")]:
            return None  # the group itself
        return self._opened.native.link(encoded(joined(self._path, path)))

    def _links(self) -> List[Any]:
        return self._native.links()

    def _names(self) -> List[Union[str, bytes]]:
        described = self._links()
        if self._info["tracks_order"]:
            described = sorted(described, key=lambda link: link[4])
        return [shown(link[0]) for link in described]

    def __iter__(self) -> Iterator[Any]:
        """Names: in order of creation where the file tracks it, otherwise sorted."""
        return iter(self._names())

    def __reversed__(self) -> Iterator[Any]:
        return reversed(self._names())

    def __len__(self) -> int:
        self._opened.native
        return self._info["link_count"]

    def __contains__(self, name: object) -> bool:
        """Whether there is a link, which may be broken."""
        path = _text(name)
        if not path or not self:
            return False
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if not parts:
            return True
        try:
            return self._link(path) is not None
        except (UnknownObject, TypeError, PermissionError):
            return False  # nothing, no group, or what may not be read on the way

    def keys(self) -> KeysViewHDF5:
        return KeysViewHDF5(self)

    def values(self) -> ValuesViewHDF5:
        return ValuesViewHDF5(self)

    def items(self) -> ItemsViewHDF5:
        return ItemsViewHDF5(self)

    def visit(self, func: Callable[[str], Any]) -> Any:
        """Calls ``func(name)`` for every object below, once, through hard links only; stops at, and returns, the first
        result that is not None."""
        return visited(self._id, Visits.OBJECTS, lambda name, link: func(name))

    def visititems(self, func: Callable[[str, Any], Any]) -> Any:
        """As `visit`, with ``func(name, object)``.  What cannot be opened, being damaged or too new for the server, is
        left out with a ``UserWarning``."""

        def call(name: str, link: Any) -> Any:
            try:
                found = self[name]
            except UnreadableObject as problem:
                warnings.warn(f"visititems leaves out {printable(name)}: {printable(str(problem.args[0]))}",
                              stacklevel=4)
                return None
            return func(name, found)

        return visited(self._id, Visits.OBJECTS, call)

    def visit_links(self, func: Callable[[str], Any]) -> Any:
        """Calls ``func(name)`` for every link below, broken ones too; does not follow soft and external links."""
        return visited(self._id, Visits.LINKS, lambda name, link: func(name))

    def visititems_links(self, func: Callable[[str, Any], Any]) -> Any:
        """As `visit_links`, with ``func(name, link)``."""
        return visited(self._id, Visits.LINKS, lambda name, link: func(name, links.link_from(link)))

    __eq__ = HLObject.__eq__
    __hash__ = HLObject.__hash__

    def __repr__(self) -> str:
        if not self:
            return "<Closed HDF5 group>"
        return printable(f'<HDF5 group "{self.name}" ({len(self)} members)>')

    def _ipython_key_completions_(self) -> List[str]:
        """Names and, as far as they are known, paths below, for tab completion within brackets."""
        return self._display.completions(self)

    def require_group(self, name: Any) -> "Group":
        """The group ``name``; ``ValueError`` when it would have to be made, ``TypeError`` when it is no group."""
        if name not in self:
            return self.create_group(name)
        found = self[name]
        if not isinstance(found, Group):
            raise TypeError(f"Incompatible object ({type(found).__name__}) already exists")
        return found

    def require_dataset(self, name: Any, shape: Any, dtype: Any, exact: bool = False, **kwds: Any) -> Dataset:
        """The dataset ``name``; ``ValueError`` when it would have to be made, ``TypeError`` when it is another one."""
        if name not in self:
            return self.create_dataset(name, shape, dtype, **kwds)
        found = self[name]
        if not isinstance(found, Dataset):
            raise TypeError(f"Incompatible object ({type(found).__name__}) already exists")
        shape = (shape,) if isinstance(shape, int) else shape
        if shape != found.shape and "maxshape" not in kwds:
            raise TypeError(f"Shapes do not match (existing {found.shape} vs new {shape})")
        if shape != found.shape and kwds["maxshape"] != found.maxshape:
            raise TypeError(f"Max shapes do not match (existing {found.maxshape} vs new {kwds['maxshape']})")
        if exact and dtype != found.dtype:
            raise TypeError(f"Datatypes do not exactly match (existing {found.dtype} vs new {dtype})")
        if not exact and not np.can_cast(dtype, found.dtype):
            raise TypeError(f"Datatypes cannot be safely cast (existing {found.dtype} vs new {dtype})")
        return found


def make_node(opened: OpenFile, native, path: str, info) -> HLObject:
    """The Python object for a node that was found."""
    return node_of(located(opened, native, path, info))


def node_of(oid: LocatedID) -> HLObject:
    """The Python object for an identifier."""
    if isinstance(oid, GroupID):
        return Group(oid)
    return Dataset(oid, readonly=True) if isinstance(oid, DatasetID) else Datatype(oid)
