"""Connections to servers: folders, files and the one-shot read."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple, Union
from urllib.parse import unquote

from .. import _h5cap
from ..connections import DEFAULT_TIMEOUT, file_only, hold
from ..errors import UnknownObject, finding, opening
from ..names import address, encoded, joined, printable
from ..opened import SNAPSHOT_BYTES, OpenFile, OpenOptions
from ..types.dtypes import element_type
from ..waiting import watched
from .dataset import Dataset
from .files import File
from .globbing import Pattern, escaped, has_magic
from .group import make_node
from .many import Failures, OpenMany
from .many import SNAPSHOT_BYTES as MANY_SNAPSHOT_BYTES
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

    >>> with h5cap.connect("h5cap:///scans/raw") as session:
    ...     print(session.listdir(), session.open("run1/scan.nxs")["entry/title"].asstr()[()])
    ['run1', 'run2'] first
    """

    def __init__(self, native: Any, url: str, timeout: float, token: Optional[str], tile_bytes: Optional[int] = None):
        self._held: Any = native
        self._url = url
        self._timeout = timeout
        self._token = token
        self._tile_bytes = tile_bytes

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
            options = OpenOptions(swmr, self._timeout, self._token, tile_bytes=self._tile_bytes)
            opened = OpenFile(native, self._url_of(path), options, File._of)
        return File._of(opened)

    def _url_of(self, path: str) -> str:
        server, base, _, _ = _h5cap.parse_location(self._url)
        whole = path if path.startswith("/") or not base else f"{base.rstrip('/')}/{path}"
        return address(server, whole)

    def scandir(self, path: str = "") -> List[DirectoryEntry]:
        """Entries of a folder, in name order: one round trip a thousand.  ``FileNotFoundError``,
        ``PermissionError``."""
        with opening(path or self._url):
            return [DirectoryEntry(*entry) for entry in self._native.start_list(encoded(path)).wait()]

    def listdir(self, path: str = "") -> List[str]:
        """Names in a folder, in order, as `os.listdir`: one round trip a thousand."""
        return [entry.name for entry in self.scandir(path)]

    def glob(self, pattern: str) -> List[str]:
        """Paths that match, in order, for `open` and `open_many`: ``*``, ``?`` and ``[…]`` within a name, ``**`` for
        any number of folders; with a slash at the end, folders only.  Names that begin with a dot match only a pattern
        that does.  What may not be listed is left out.

        One listing a folder that is looked into, a level of folders in one flight; the folders that a pattern begins
        with are not looked into.

        >>> with h5cap.connect("h5cap:///scans") as session:
        ...     session.glob("raw/**/*.nxs")
        ['raw/run1/scan.nxs', 'raw/run2/scan.nxs']
        """
        return sorted(set(self.iglob(pattern)))

    def iglob(self, pattern: str) -> Iterator[str]:
        """As `glob`, while folders are still being looked into: those near the root first.

        >>> next(h5cap.connect("h5cap:///scans").iglob("**/*.nxs"))
        'scan.nxs'
        """
        return Pattern(pattern).walk(lambda path: self._native.start_list(encoded(path)), _entries_or_none)

    def open_many(self, files: Union[str, Iterable[str]], *, swmr: bool = False,
                  return_exceptions: bool = False) -> OpenMany:
        """As `h5cap.open_many`, with paths of this session, or a pattern as for `glob`.

        >>> with h5cap.connect("h5cap:///scans") as session, session.open_many("raw/*/scan.nxs") as files:
        ...     [file["entry/title"].asstr()[()] for file in files]
        ['first', 'second']
        """
        if isinstance(files, str):
            files = self.glob(files) if has_magic(files) else [files]
        self._native  # raises when the session was closed
        return open_many(map(self._url_of, files), swmr=swmr, token=self._token, timeout=self._timeout,
                         return_exceptions=return_exceptions)

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

    def __reduce__(self):
        """Pickles carry the address and the timeout, never a credential: whoever loads one finds theirs in the
        environment."""
        self._native
        return _connected, (self._url, self._timeout)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def __bool__(self) -> bool:
        return self._held is not None

    def __repr__(self) -> str:
        return printable(f'<h5cap session "{self._url}">') if self else "<Closed h5cap session>"


def _entries_or_none(listing: Any) -> Optional[List[DirectoryEntry]]:
    try:
        return [DirectoryEntry(*entry) for entry in listing.wait()]
    except (ConnectionError, TimeoutError):
        raise
    except (OSError, UnknownObject):
        return None  # not there, not a folder, not for us


def _connected(url: str, timeout: float) -> Session:
    return connect(url, timeout=timeout)


def connect(url: str, *, token: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT,
            tile_bytes: Optional[int] = None) -> Session:
    """A session with the server that ``url`` names.  Reuses the process's connection to it.  ``tile_bytes`` as for
    `File`, of the files that it opens.

    ``ConnectionError`` when there is no server, ``ValueError`` for a malformed address.

    >>> h5cap.connect("h5cap:///").listdir()
    ['raw', 'scans']
    """
    url = file_only(str(url))
    return Session(hold(url, timeout, token, tile_bytes), url, timeout, token, tile_bytes)


def open_many(files: Union[str, Iterable[str]], *, swmr: bool = False, token: Optional[str] = None,
              timeout: float = DEFAULT_TIMEOUT, return_exceptions: bool = False) -> OpenMany:
    """Opens many files side by side, and iterates over them in order: some round trips for hundreds of files.

    ``files`` are addresses, or one address whose path is a pattern as for `Session.glob` (``%3F`` and the like are
    characters of a name).  At most 64 are under way ahead of the one that is wanted.  A file that cannot be opened
    raises what `File` does, and iterating may go on; with ``return_exceptions`` the exception comes in its place.
    Either has the address as ``url``.

    >>> for file in h5cap.open_many("h5cap:///scans/raw/**/*.nxs"):
    ...     with file:
    ...         print(file.filename, file["entry/title"].asstr()[()])
    h5cap:///scans/raw/run1/scan.nxs first
    h5cap:///scans/raw/run2/scan.nxs second
    >>> with h5cap.open_many(["h5cap:///scans/scan.nxs", "h5cap:///scans/absent.nxs"], return_exceptions=True) as files:
    ...     [type(file).__name__ for file in files]
    ['File', 'FileNotFoundError']
    """
    if isinstance(files, str):
        server, pattern = _pattern_of(files)
        files = [files]
        if has_magic(pattern):
            session = connect(server, token=token, timeout=timeout)
            files = [session._url_of(path) for path in session.glob(pattern)]

    def ask(url: str) -> Any:
        url = file_only(str(url))
        hold(url, timeout, token)
        return _h5cap.open_url(url, MANY_SNAPSHOT_BYTES, timeout, token or "")

    def finish(url: str, native: Any) -> File:
        with opening(url):
            return File._of(OpenFile(native, url, OpenOptions(swmr, timeout, token), File._of))

    return OpenMany(files, ask, finish, Failures.RETURNED if return_exceptions else Failures.RAISED)


def _pattern_of(url: str) -> Tuple[str, str]:
    """The server of an address and, as a pattern, its path: wildcards are those that are not percent-encoded."""
    if re.search(r"\?(path|slice)=", url):
        file_only(url)
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    pieces = re.split(r"([*?]|\[[^\]/]*\])", path)
    return f"{scheme}://{authority}/", "/" + "".join(
        piece if index % 2 else escaped(unquote(piece, errors="surrogateescape")) for index, piece in enumerate(pieces))


def read(url: str, path: Optional[str] = None, selection: Any = (), *, token: Optional[str] = None,
         timeout: float = DEFAULT_TIMEOUT) -> Any:
    """What ``h5cap.File(url)[path][selection]`` is, in one round trip on a held connection.

    Without ``path``, the address names object and slice: ``…/scan.nxs?path=/entry/data/data&slice=0,10:20``.  Masks,
    lists of indices and names of fields need the dataset's shape or type, and a second round trip.  Raises what those
    steps raise.

    >>> h5cap.read("h5cap:///scans/scan.nxs", "/entry/temperatures", slice(0, 2))
    array([20.        , 20.20408163])
    >>> h5cap.read("h5cap:///scans/scan.nxs?path=/entry/data/data&slice=-1,0,:3")
    array([49, 49, 49], dtype=uint16)
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
        found = None
        if axes is not None:
            with watched(absolute, None) as tick:
                found = _h5cap.read(node, axes, raise_missing=False, progress=tick)
    except (IndexError, ValueError, TypeError, UnknownObject):
        found = None  # what exactly is wrong, with h5py's words, is said below
    with opening(url):
        opened = OpenFile(file, url, OpenOptions(timeout=timeout, token=token), File._of)
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
        selection = tuple(slice(None) if axis is None else slice(*axis) if isinstance(axis, tuple) else axis
                          for axis in stated)
    return address(server, file), inside, selection


def _value(found, positions) -> Any:
    described, shape, elements, heap, _, _ = found
    array = element_type(described).from_bytes(elements, shape, heap)
    if shape == () and array.ndim == 0 and positions != (Ellipsis,):
        return array[()]
    return array
