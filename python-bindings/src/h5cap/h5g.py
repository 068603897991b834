"""Groups, low-level: `GroupID`."""

from __future__ import annotations

from typing import Any, Iterator, Union

from .h5l import LinkProxy
from .h5p import PropGCID
from .names import encoded, joined
from .object_id import LocatedID, not_served, refused

GROUP, DATASET, TYPE = 0, 1, 2  # kinds of objects

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
        """`GROUP`, `DATASET` or `TYPE`, through links: a round trip for each that leads elsewhere.  ``TypeError`` for
        one that leads nowhere."""
        name, kind, _, target_kind, _ = self._link_at(idx)
        if kind != "hard" or target_kind not in _KINDS:
            try:
                target_kind = self.opened.native.node(encoded(joined(self.path, name))).info()["kind"]
            except (KeyError, OSError):
                raise TypeError("Can't get object info (the link leads nowhere)") from None
        return _KINDS[target_kind]

    def get_linkval(self, name: bytes) -> bytes:
        """Where a soft link leads.  ``ValueError`` for any other."""
        try:
            found: Any = self.links.get_val(name)
        except TypeError:
            found = ()
        if not isinstance(found, bytes):
            raise ValueError(f'"{name!r}" is not a symbolic link.')
        return found

    def __contains__(self, name: Union[bytes, str]) -> bool:
        return self.links.exists(name)

    def __iter__(self) -> Iterator[bytes]:
        links = self.native.links()
        if self.info["tracks_order"]:
            links = sorted(links, key=lambda link: link[4])
        return (encoded(link[0]) for link in links)

    def __len__(self) -> int:
        return self.get_num_objs()

    get_comment = not_served("get_comment", "the protocol does not carry comments")
    set_comment = refused("set_comment", RuntimeError, "Unable to set comment")
    link = refused("link", ValueError, "Unable to create link")
    unlink = refused("unlink", KeyError, "Couldn't delete link")
    move = refused("move", ValueError, "Unable to move link")
