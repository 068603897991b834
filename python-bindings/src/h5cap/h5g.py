"""Groups, low-level: `GroupID`."""

from __future__ import annotations

from typing import Iterator, Union

from .h5l import LinkProxy
from .h5p import PropGCID
from .names import encoded
from .object_id import LocatedID, not_served, refused

LINK, GROUP, DATASET, TYPE = 3, 0, 1, 2  # kinds of objects

_KINDS = {"group": GROUP, "dataset": DATASET, "named type": TYPE}


class GroupID(LocatedID):
    """A group's identity; iterating it gives names as bytes."""

    @property
    def links(self) -> LinkProxy:
        return LinkProxy(self)

    def get_create_plist(self) -> PropGCID:
        """How it was made."""
        return PropGCID(self.info)

    def get_num_objs(self) -> int:
        return self.info["link_count"]

    def _link_at(self, idx: int):
        links = self.native.links()
        if not 0 <= idx < len(links):
            raise RuntimeError("Can't get object name (index out of bound)")
        return links[idx]

    def get_objname_by_idx(self, idx: int) -> bytes:
        """Names in name order.  ``RuntimeError`` beyond the last one."""
        return encoded(self._link_at(idx)[0])

    def get_objtype_by_idx(self, idx: int) -> int:
        """`GROUP`, `DATASET`, `TYPE`, or `LINK` for a link that is not followed."""
        _, kind, _, target_kind, _ = self._link_at(idx)
        return _KINDS.get(target_kind, -1) if kind == "hard" else LINK

    def get_linkval(self, name: bytes) -> bytes:
        """Where a soft link leads.  ``ValueError`` for any other."""
        try:
            found = self.links.get_val(name)
        except TypeError:
            found = ()
        if not isinstance(found, bytes):
            raise ValueError(f'"{name!r}" is not a symbolic link.')
        return found

    def __contains__(self, name: Union[bytes, str]) -> bool:
        return self.links.exists(name)

    def __iter__(self) -> Iterator[bytes]:
        return (encoded(link[0]) for link in self.native.links())

    def __len__(self) -> int:
        return self.get_num_objs()

    get_comment = not_served("get_comment", "the protocol does not carry comments")
    set_comment = refused("set_comment", RuntimeError, "Unable to set comment")
    link = refused("link", ValueError, "Unable to create link")
    unlink = refused("unlink", KeyError, "Couldn't delete link")
    move = refused("move", ValueError, "Unable to move link")
