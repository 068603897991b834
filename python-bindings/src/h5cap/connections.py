"""The process's connections to servers: one a server and identity, kept while the process lives."""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional

from . import _h5cap

DEFAULT_TIMEOUT = 60.0  # seconds, of any wait for the server


class _Peer(NamedTuple):
    server: str
    token: Optional[str]


_held: Dict[_Peer, Any] = {}  # a later call finds them


def hold(url: str, timeout: float, token: Optional[str], tile_bytes: Optional[int] = None) -> Any:
    """The process's connection to the server that ``url`` names; connects when there is none."""
    session = _h5cap.shared_session(url, timeout, token or "", checked_tile_bytes(tile_bytes))
    _held[_Peer(_h5cap.parse_location(url)[0], token)] = session
    return session


def checked_tile_bytes(tile_bytes: Optional[int]) -> int:
    """As the native module takes it, for which zero is the default.  ``ValueError`` below 1."""
    if tile_bytes is None:
        return 0
    if tile_bytes < 1:
        raise ValueError("tile_bytes must be at least 1")
    return int(tile_bytes)


def file_only(url: str) -> str:
    """``url``, which must name a file or folder and nothing in it; ``ValueError`` otherwise."""
    _, _, inside, selection = _h5cap.parse_location(url)
    if inside is not None or selection is not None:
        raise ValueError(f"{url} names an object in a file; open the file, then the object, or use h5cap.read")
    return url
