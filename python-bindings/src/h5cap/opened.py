"""Open files: what everything that was reached through one of them shares."""

from __future__ import annotations

from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

from . import _h5cap
from .connections import DEFAULT_TIMEOUT, checked_tile_bytes, hold
from .errors import ClosedFile, opening
from .names import FileKey, address

SNAPSHOT_BYTES = 1 << 20  # how much of a file's tree comes with it
VERSIONS = ("earliest", "v108", "v110", "v112", "v114", "v200")  # of file formats, by h5py's names and in HDF5's order


class OpenOptions(NamedTuple):
    """How a file is opened, and those behind its external links with it."""

    swmr: bool = False  # h5py's flag, shown again
    timeout: float = DEFAULT_TIMEOUT
    token: Optional[str] = None
    on_missing: str = "fill"  # or "raise": what an absent source of a virtual dataset means
    tile_bytes: Optional[int] = None  # of elements in one reply; None: as the environment says, or 1 MiB


class AccessOptions(NamedTuple):
    """What was asked for, means nothing to a server, and is shown again."""

    libver: Optional[Tuple[str, str]] = None
    cache: Tuple[int, int, int, float] = (0, 8191, 8 * 1024 * 1024, 0.75)  # as HDF5's: unused, slots, bytes, preemption
    meta_block_size: int = 2048


class OpenFile:
    """An open file, shared by everything that was reached through it; closing it closes all of that.

    ``as_file`` makes a `File` of it, and of the files behind its external links: whoever opens a file hands that over,
    since files are made of what is here.
    """

    def __init__(self, native: Any, url: str, options: OpenOptions, as_file: Callable[["OpenFile"], Any]):
        self._native = native
        self._as_file = as_file
        self.url = url
        self.server: str = _h5cap.parse_location(url)[0]
        self.options = options
        self.access = AccessOptions()
        self.info: Dict[str, Any] = native.wait()
        self._others: Dict[str, OpenFile] = {}

    @classmethod
    def at(cls, url: str, options: OpenOptions, as_file: Callable[["OpenFile"], Any]) -> "OpenFile":
        """The file at an address, opened: one round trip.  ``FileNotFoundError`` and the rest of what `File` raises."""
        hold(url, options.timeout, options.token, options.tile_bytes)
        with opening(url):
            native = _h5cap.open_url(url, SNAPSHOT_BYTES, options.timeout, options.token or "",
                                     checked_tile_bytes(options.tile_bytes))
            return cls(native, url, options, as_file)

    @property
    def native(self) -> Any:
        """The native handle.  `ClosedFile` when it was closed."""
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
    def key(self) -> FileKey:
        """Equal for handles of the same file."""
        return FileKey(self.server, self.info["path"])

    def file(self) -> Any:
        """Another handle of it, as a `File`."""
        return self._as_file(self)

    def holds(self, info: Dict[str, Any]) -> bool:
        """Whether a node whose file is described by ``info`` is in this file, not behind an external link."""
        return info["path"] == self.info["path"]

    def url_of(self, info: Dict[str, Any]) -> str:
        """The address of another file of the same server."""
        return address(self.server, info["path"])

    def other(self, info: Dict[str, Any]) -> "OpenFile":
        """The file behind an external link; opened once, in one round trip."""
        self.native
        path = info["path"]
        if path not in self._others:
            self._others[path] = OpenFile.at(self.url_of(info), self.options, self._as_file)
        return self._others[path]
