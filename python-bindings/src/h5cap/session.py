"""Connections to servers: folders, files and the one-shot read."""

from __future__ import annotations

import fnmatch
from typing import Any, Dict, Iterator, List, NamedTuple, Optional
from urllib.parse import quote

from . import _h5cap
from .errors import UnknownObject, finding, opening
from .files import DEFAULT_TIMEOUT, SNAPSHOT_BYTES, File, file_only, hold
from .names import encoded, joined
from .node import OpenFile
from .group import make_node
from .dataset import Dataset
from .dtypes import element_type
from .selections import split_fields, without_shape


class DirectoryEntry(NamedTuple):
    """An entry of a folder on a server."""

    name: str
    is_dir: bool
    size: int
    modified_ns: int  # since 1970


class Session:
    """A connection to a server; relative paths start at the path of its address.  Made by `connect`.

    All sessions of a process to one server share its connection, which stays when one of them is closed.
    """

    def __init__(self, native, url: str, timeout: float, token: Optional[str]):
        self._held: Any = native
        self._url = url
        self._timeout = timeout
        self._token = token

    @property
    def _native(self):
        if self._held is None:
            raise ValueError("the session was closed")
        return self._held

    @property
    def url(self) -> str:
        return self._url

    def open(self, path: str, mode: str = "r", *, swmr: bool = False) -> File:
        """The file at ``path``, as `h5cap.File`: one round trip."""
        if mode != "r":
            return File(self._url_of(path), mode)
        with opening(path):
            native = self._native.open(encoded(path), SNAPSHOT_BYTES)
            opened = OpenFile(native, self._url_of(path), swmr, self._timeout, self._token)
        return File._of(opened)

    def _url_of(self, path: str) -> str:
        server, base, _, _ = _h5cap.parse_location(self._url)
        whole = path if path.startswith("/") or not base else f"{base.rstrip('/')}/{path}"
        return f"{server.rstrip('/')}/{quote(whole.lstrip('/'), errors='surrogateescape')}"

    def scandir(self, path: str = "") -> List[DirectoryEntry]:
        """Entries of a folder, in name order: one round trip a thousand.  ``FileNotFoundError``, ``PermissionError``."""
        with opening(path or self._url):
            return [DirectoryEntry(*entry) for entry in self._native.start_list(encoded(path)).wait()]

    def listdir(self, path: str = "") -> List[str]:
        """Names in a folder, in order, as `os.listdir`: one round trip a thousand."""
        return [entry.name for entry in self.scandir(path)]

    def glob(self, pattern: str) -> List[str]:
        """Paths that match, in order: ``*``, ``?`` and ``[…]`` within a name, ``**`` for any number of folders.  Names that
        begin with a dot match only a pattern that does.  One round trip a folder that is looked into."""
        root = "/" if pattern.startswith("/") else ""
        parts = [part for part in pattern.split("/") if part]
        return sorted(set(self._matches(root, parts))) if parts else []

    def _matches(self, folder: str, parts: List[str]) -> Iterator[str]:
        first, rest = parts[0], parts[1:]
        if first == "**" and rest:
            yield from self._matches(folder, rest)
        try:
            entries = self.scandir(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            path = f"{folder.rstrip('/')}/{entry.name}" if folder else entry.name
            if not _name_matches(entry.name, first):
                continue
            if first == "**":
                if not rest:
                    yield path
                if entry.is_dir:
                    yield from self._matches(path, parts)
            elif not rest:
                yield path
            elif entry.is_dir:
                yield from self._matches(path, rest)

    def ping(self) -> float:
        """Seconds that one round trip takes."""
        return self._native.ping()

    def traffic(self) -> Dict[str, int]:
        """What the shared connection carried so far: bytes and messages each way, and round trips."""
        return self._native.traffic()

    def server_info(self) -> Dict[str, Any]:
        """The server's software, protocol version and HDF5 version: one round trip."""
        software, protocol, library = self._native.server_info()
        return {"software": software, "protocol": protocol, "hdf5": library}

    def close(self) -> None:
        """Ends this session.  Files opened through it stay open."""
        self._held = None

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def __bool__(self) -> bool:
        return self._held is not None

    def __repr__(self) -> str:
        return f'<h5cap session "{self._url}">' if self else "<Closed h5cap session>"


def _name_matches(name: str, pattern: str) -> bool:
    if name.startswith(".") and not pattern.startswith("."):
        return False
    return pattern == "**" or fnmatch.fnmatchcase(name, pattern)


def connect(url: str, *, token: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT) -> Session:
    """A session with the server that ``url`` names.  Reuses the process's connection to it.

    ``ConnectionError`` when there is no server, ``ValueError`` for a malformed address.
    """
    url = file_only(str(url))
    return Session(hold(url, timeout, token), url, timeout, token)


def read(url: str, path: Optional[str] = None, selection: Any = (), *, token: Optional[str] = None,
         timeout: float = DEFAULT_TIMEOUT) -> Any:
    """What ``h5cap.File(url)[path][selection]`` is, in one round trip on a held connection.

    Without ``path``, the address names object and slice: ``…/scan.nxs?path=/entry/data/data&slice=0,10:20``.  Masks, lists
    of indices and names of fields need the dataset's shape or type, and a second round trip.  Raises what those steps raise.
    """
    if path is None:
        url, path, selection = _from_address(str(url), selection)
    url = file_only(str(url))
    hold(url, timeout, token)
    positions, names = split_fields(selection)
    axes = None if names else without_shape(positions)
    with opening(url):
        file = _h5cap.open_url(url, 0, timeout, token or "")
    absolute = joined("/", path)
    try:
        node = file.node(encoded(absolute))
        found = None if axes is None else _h5cap.read(node, axes, False)
    except (IndexError, ValueError, TypeError, UnknownObject):
        found = None  # what exactly is wrong, with h5py's words, is said below
    with opening(url):
        opened = OpenFile(file, url, False, timeout, token)
    with finding(path):
        dataset = make_node(opened, node, absolute, node.info())
    if not isinstance(dataset, Dataset):
        raise TypeError(f"{path} is a {dataset._what}, not a dataset")
    if found is None or dataset.shape is None:
        return dataset[selection]
    return _value(found, positions)


def _from_address(url: str, selection: Any):
    server, file, inside, stated = _h5cap.parse_location(url)
    if inside is None:
        raise ValueError(f"{url} names no object in a file (?path=…), and no path was given")
    if stated is not None and selection != ():
        raise ValueError(f"{url} names a slice, and a selection was given too")
    if stated is not None:
        selection = tuple(slice(None) if axis is None else slice(*axis) if isinstance(axis, tuple) else axis for axis in stated)
    return f"{server.rstrip('/')}/{quote(file.lstrip('/'))}", inside, selection


def _value(found, positions) -> Any:
    described, shape, elements, heap, _ = found
    array = element_type(described).from_bytes(elements, shape, heap)
    if shape == () and array.ndim == 0 and positions != (Ellipsis,):
        return array[()]
    return array
