"""fsspec over h5cap: folders and stored bytes of files, by address.  Loaded by fsspec itself, through entry points.

    with fsspec.open("h5cap://host/raw/scan.nxs") as stored:
        h5py.File(stored)

Paths of this file system are whole addresses, percent-encoded as in any URL.  Bytes are served to those who may read
the whole file; for HDF5's objects an ``h5cap.File`` costs fewer round trips and bytes.
"""

from __future__ import annotations

import datetime
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Dict, List, Optional

import fsspec.caching
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem
from fsspec.utils import stringify_path

from .. import _h5cap
from .._hl.session import DirectoryEntry, connect
from ..connections import DEFAULT_TIMEOUT
from ..errors import Changed, FileProblem, opening
from .address import PROTOCOLS, Address, is_address, parse, url_of
from .block_cache import BlockCache

BLOCK_BYTES = 128 << 10  # HDF5's metadata is scattered in small pieces: of 1,319 reads of a tree's walk 6 are left
_PARALLEL = 16  # ranges asked for at once
_MOST_BEGINNINGS = 3  # of reads of a file that changes meanwhile
_READ_ONLY = "h5cap serves files read-only"

fsspec.caching.register_cache(BlockCache, clobber=True)


class FileSystem(AbstractFileSystem):
    """Folders and files of h5cap's servers, read-only.

    ``token`` and ``timeout`` are those of `h5cap.connect`; files are cached by `BlockCache` unless ``cache_type`` says
    otherwise.  What does not exist raises ``FileNotFoundError``, what may not be read ``PermissionError``.
    """

    protocol = PROTOCOLS
    root_marker = ""

    def __init__(self, *args: Any, token: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT, **options: Any):
        super().__init__(*args, **options)
        self.token = token
        self.timeout = timeout

    @property
    def storage_options(self) -> Dict[str, Any]:
        """What fsspec pickles and writes down: all options but the token, which another process has in its
        environment."""
        return self.__dict__["_shown_options"]

    @storage_options.setter
    def storage_options(self, options: Dict[str, Any]) -> None:
        self.__dict__["_shown_options"] = {name: value for name, value in options.items() if name != "token"}

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        """Addresses stay whole: the server is part of them."""
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        text = stringify_path(path)
        stripped = text.rstrip("/")
        return text if stripped.endswith(":") else stripped

    def unstrip_protocol(self, name: str) -> str:
        return name

    @classmethod
    def _parent(cls, path: str) -> str:
        named = _file_at(path)
        return url_of(named.server, named.path.rpartition("/")[0]).rstrip("/")

    def _entries(self, named: Address) -> List[DirectoryEntry]:
        return connect(f"{named.server}/", token=self.token, timeout=self.timeout).scandir(named.path)

    def _native(self, path: str):
        """The file at an address, open: one round trip."""
        with opening(path):
            native = _h5cap.open_url(_file_at(path).url, 0, self.timeout, self.token or "")
            native.wait()
        return native

    def ls(self, path: str, detail: bool = True, **_: Any) -> List[Any]:
        """What is in a folder: one round trip a thousand entries.  A file is an entry of its own."""
        path = self._strip_protocol(path)
        named = _file_at(path)
        try:
            found = [_described(url_of(named.server, f"{named.path}/{entry.name}"), entry)
                 for entry in self._entries(named)]
        except FileProblem:  # not a folder
            found = [self.info(path)]
        return found if detail else [entry["name"] for entry in found]

    def info(self, path: str, **_: Any) -> Dict[str, Any]:
        """Name, type, size, for what HDF5 opens its version too, for all else the time of its last change: one round
        trip, two and more for what is no HDF5 file."""
        path = self._strip_protocol(path)
        named = _file_at(path)
        if not named.path:
            self._entries(named)
            return {"name": path, "size": 0, "type": "directory"}
        try:
            known = self._native(path).wait()
            return {"name": path, "size": known["size"], "type": "file", "version": known["version"].hex()}
        except (FileProblem, FileNotFoundError):
            folder, _, name = named.path.rpartition("/")
            for entry in self._entries(named._replace(path=folder)):
                if entry.name == name:
                    return _described(path, entry)
            raise FileNotFoundError(path) from None

    def modified(self, path: str) -> datetime.datetime:
        """When the file was last changed."""
        named = _file_at(self._strip_protocol(path))
        folder, _, name = named.path.rpartition("/")
        for entry in self._entries(named._replace(path=folder)):
            if entry.name == name:
                return datetime.datetime.fromtimestamp(entry.modified_ns / 1e9, datetime.timezone.utc)
        raise FileNotFoundError(path)

    def ukey(self, path: str) -> str:
        """What changes whenever the file does."""
        info = self.info(path)
        return info.get("version") or f"{info['size']}-{info['mtime_ns']}"

    checksum = ukey

    def _open(self, path: str, mode: str = "rb", block_size: Optional[int] = None, autocommit: bool = True,
              cache_options: Optional[Dict[str, Any]] = None, cache_type: str = BlockCache.name,
              **options: Any) -> "File":
        if mode != "rb":
            raise PermissionError(f"{path}: cannot be opened in mode '{mode}': {_READ_ONLY}")
        return File(self, path, mode, block_size=block_size or BLOCK_BYTES, cache_options=cache_options,
                    cache_type=cache_type, **options)

    def cat_file(self, path: str, start: Optional[int] = None, end: Optional[int] = None, **_: Any) -> bytes:
        """Stored bytes, of one version; a negative place counts from the end, as in a slice."""
        return _of_one_version(lambda: _range(self._native(self._strip_protocol(path)), start, end))

    def cat_ranges(self, paths: List[str], starts: Any, ends: Any, max_gap: Optional[int] = None,
                   on_error: str = "return", **_: Any) -> List[Any]:
        """Many ranges, side by side on one connection; a file is opened once, and its ranges are of one version.  All
        are read again, a few times, when a file changes meanwhile; then those that do not fit are `Changed`."""
        if not isinstance(paths, list):
            raise TypeError("paths is not a list")
        starts = starts if isinstance(starts, list) else [starts] * len(paths)
        ends = ends if isinstance(ends, list) else [ends] * len(paths)
        if not len(paths) == len(starts) == len(ends):
            raise ValueError("there is not one start and one end a path")
        with ThreadPoolExecutor(_PARALLEL) as threads:
            for _ in range(_MOST_BEGINNINGS):
                parts = self._ranges(threads, paths, starts, ends)
                if not any(isinstance(part.exception(), Changed) for part in parts):
                    break
            return [_outcome(part, on_error) for part in parts]

    def _ranges(self, threads: ThreadPoolExecutor, paths: List[str], starts: Any, ends: Any) -> List["Future[bytes]"]:
        files = {path: threads.submit(self._native, self._strip_protocol(path)) for path in dict.fromkeys(paths)}
        return [threads.submit(lambda file, start, end: _range(file.result(), start, end), files[path], start, end)
                for path, start, end in zip(paths, starts, ends)]

    def created(self, path: str) -> datetime.datetime:
        raise NotImplementedError("h5cap does not tell when files were made")

    def _refuse(self, path: Any, *_: Any, **__: Any) -> None:
        raise PermissionError(f"{path}: {_READ_ONLY}")

    mkdir = makedirs = rmdir = rm_file = _rm = cp_file = pipe_file = put_file = touch = mv = rm = _refuse


class File(AbstractBufferedFile):
    """Stored bytes of a file.  ``Changed`` when the file changes after it was opened."""

    def __init__(self, fs: FileSystem, path: str, mode: str = "rb", **options: Any):
        self._native = fs._native(path)
        known = self._native.wait()
        self._version = known["version"]
        self._follows = known["is_swmr"]  # its writer appends, and what was there stays
        options.setdefault("size", known["size"])
        super().__init__(fs, path, mode, **options)

    def _fetch_range(self, start: int, end: int) -> bytes:
        found, version = self._native.read_bytes(start, end - start, if_version=self._version)
        if version != self._version and not self._follows:
            raise Changed(f"{self.path} changed since it was opened")
        return found


def _file_at(path: str) -> Address:
    """What a path of this file system names.  ``ValueError`` for an object in a file, and for what is no address."""
    if not is_address(path):
        raise ValueError(f"{path} is not an address of h5cap")
    named = parse(path)
    if named.inside is not None or named.selection is not None:
        raise ValueError(f"{path} names an object in a file; its bytes have no name")
    return named


def _described(path: str, entry: DirectoryEntry) -> Dict[str, Any]:
    if entry.is_dir:
        return {"name": path, "size": 0, "type": "directory"}
    return {"name": path, "size": entry.size, "type": "file", "mtime": entry.modified_ns / 1e9,
            "mtime_ns": entry.modified_ns}


def _range(native: Any, start: Optional[int], end: Optional[int]) -> bytes:
    """A part of the file as it was opened."""
    known = native.wait()
    start, end, _ = slice(start, end).indices(known["size"])
    return native.read_bytes(start, end - start, if_version=known["version"])[0] if end > start else b""


def _of_one_version(read: Callable[[], bytes]) -> bytes:
    """What ``read`` reads, which opens the file; again, a few times, when the file changes meanwhile."""
    for _ in range(_MOST_BEGINNINGS - 1):
        try:
            return read()
        except Changed:
            pass
    return read()


def _outcome(part: Any, on_error: str) -> Any:
    try:
        return part.result()
    except Exception as error:
        if on_error != "return":
            raise
        return error
