"""Addresses, taken apart for the hooks."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Optional, Tuple
from urllib.parse import quote

from .. import _h5cap
from ..names import address as url_of

PROTOCOLS = ("h5cap", "h5cap+unix", "h5cap+ssh", "h5cap+tcp")
_ADDRESS = re.compile(r"h5cap(\+(unix|ssh|tcp))?://")
# The slice at the end that silx writes: file.h5::/path[0,10:20]
_SLICED = re.compile(r"(?P<rest>.*::[^?]*?)\[(?P<slice>[^\[\]]*)\]$")


class Address(NamedTuple):
    """What an address names: a server, a file or folder there, and perhaps an object in the file and some of its
    elements."""

    server: str  # begins an address
    path: str  # without a slash at the beginning
    inside: Optional[str]
    selection: Optional[Tuple[Any, ...]]

    @property
    def url(self) -> str:
        """Of the file or folder alone."""
        return url_of(self.server, self.path)


def is_address(thing: Any) -> bool:
    """Whether ``thing`` is an address of h5cap, as text."""
    return isinstance(thing, str) and _ADDRESS.match(thing) is not None


def parse(text: str) -> Address:
    """The parts of an address, ``::/path`` and ``::/path[slice]`` included.  ``ValueError`` for a malformed one."""
    sliced = _SLICED.match(text)
    if sliced:
        text = f"{sliced['rest']}?slice={quote(sliced['slice'])}"
    server, path, inside, stated = _h5cap.parse_location(text)
    selection = None if stated is None else tuple(
        slice(None) if axis is None else slice(*axis) if isinstance(axis, tuple) else axis for axis in stated)
    return Address(server, path.lstrip("/"), inside, selection)
