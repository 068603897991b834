"""Links, low-level: ``group.id.links``."""

from __future__ import annotations

import enum
from typing import Any, Callable, Iterator, NamedTuple, Optional, Set, Tuple, Union

from .errors import FileProblem, UnknownObject, UnreadableObject, finding
from .names import encoded, joined, printable
from .object_id import LocatedID, refused

TYPE_HARD, TYPE_SOFT, TYPE_EXTERNAL = 0, 1, 64

_DEEPEST = 1 << 14  # of groups: a server may make up more of them, each with an id of its own, for ever
_TYPES = {"hard": TYPE_HARD, "soft": TYPE_SOFT, "external": TYPE_EXTERNAL}


class LinkInfo(NamedTuple):
    """What kind of link it is: `TYPE_HARD`, `TYPE_SOFT`, `TYPE_EXTERNAL` or a user's own; its place in order of
    creation."""

    type: int
    corder_valid: bool
    corder: int


class Visits(enum.Enum):
    """What a walk through groups meets."""

    OBJECTS = "every object once, through hard links"
    LINKS = "every link, broken ones too"


def walk(group: LocatedID, visits: Visits) -> Iterator[Tuple[str, Any]]:
    """Paths below a group and the links there, as the native module describes them; soft and external links are not
    followed.  Depth first in name order, without recursion: files nest deeper than Python's stack.  No round trip
    within a snapshot, else one a thousand links of a group."""
    root = group.opened.native
    seen: Set[int] = {group.info["id"]}
    pending = [("", link) for link in reversed(group.native.links())]
    while pending:
        prefix, link = pending.pop()
        name, kind, target, target_kind = prefix + link[0], link[1], link[2], link[3]
        if kind != "hard":
            if visits is Visits.LINKS:
                yield name, link
            continue
        is_new = target not in seen
        seen.add(target)
        if is_new or visits is Visits.LINKS:
            yield name, link
        if not is_new or target_kind not in ("group", "unknown"):
            continue
        if name.count("/") > _DEEPEST:
            raise FileProblem(printable(f"{name[:80]}…: groups within groups without end"))
        if target_kind == "group" or _is_group(root, name, group.path):
            found = root.node(encoded(joined(group.path, name)))
            pending.extend((name + "/", below) for below in reversed(found.links()))


def _is_group(root: Any, name: str, base: str) -> bool:
    try:
        with finding(name):
            return root.node(encoded(joined(base, name))).info()["kind"] == "group"
    except UnreadableObject:  # its name is known: whoever opens it is told
        return False


def visited(group: LocatedID, visits: Visits, func: Callable[[str, Any], Any]) -> Any:
    """Calls ``func(path, link)`` along a `walk`; stops at, and returns, the first result that is not None."""
    for name, link in walk(group, visits):
        if (result := func(name, link)) is not None:
            return result
    return None


class LinkProxy:
    """The links of a group, by names as bytes or text.  Each question costs nothing within a snapshot, else one round
    trip."""

    def __init__(self, group):
        self._group = group

    def _find(self, name: Union[bytes, str]):
        text = name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name
        if not text:
            raise RuntimeError("name parameter cannot be an empty string")
        try:
            return self._group.opened.native.link(encoded(joined(self._group.path, text)))
        except (UnknownObject, TypeError, PermissionError):
            return None

    def _found(self, name: Union[bytes, str]):
        link = self._find(name)
        if link is None:
            raise RuntimeError("Unable to get link info (name doesn't exist)")
        return link

    def exists(self, name: Union[bytes, str]) -> bool:
        """Whether there is such a link, which may be broken."""
        return self._find(name) is not None

    def get_info(self, name: Union[bytes, str], index: int = -1, *, lapl: Any = None) -> LinkInfo:
        """``RuntimeError`` when there is none."""
        link = self._found(name)
        return LinkInfo(_TYPES.get(link[1], link[2]), link[4] >= 0, max(0, link[4]))

    def get_val(self, name: Union[bytes, str], *, lapl: Any = None) -> Union[bytes, Tuple[bytes, bytes]]:
        """Where a soft link leads; of an external one (file, path).  ``TypeError`` for a hard one."""
        _, kind, path, file, _ = self._found(name)
        if kind == "soft":
            return encoded(path)
        if kind == "external":
            return encoded(file), encoded(path)
        raise TypeError("Link must be either a soft or external link")

    def iterate(self, func: Callable[[bytes], Any]) -> Tuple[Optional[Any], int]:
        """Calls ``func(name)`` in name order, until it returns something; that, and how far it came."""
        number = 0
        for number, link in enumerate(self._group.native.links(), 1):
            result = func(encoded(link[0]))
            if result is not None:
                return result, number
        return None, number

    def visit(self, func: Callable[[bytes], Any]) -> Any:
        """As `Group.visit_links`, with names as bytes."""
        return visited(self._group, Visits.LINKS, lambda name, link: func(encoded(name)))

    create_hard = refused("create_hard", OSError, "Unable to create hard link")
    create_soft = refused("create_soft", OSError, "Unable to create soft link")
    create_external = refused("create_external", RuntimeError, "Unable to create external link")
    move = refused("move", ValueError, "Unable to move link")
