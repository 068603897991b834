"""Files, as h5py has them."""

from __future__ import annotations

import posixpath
from typing import Any, Optional, Tuple, Union

from ..connections import DEFAULT_TIMEOUT, file_only
from ..errors import READ_ONLY
from ..h5f import FileID
from ..names import printable
from ..object_id import LocatedID
from ..opened import VERSIONS, OpenFile, OpenOptions
from .attrs import AttributeManager
from .group import Group
from .open_options import access_options
from .pickles import reduced_file

_MODES = ("r", "r+", "w", "w-", "x", "a")


def _file_id(opened: OpenFile) -> FileID:
    return FileID(opened, opened.native, "/")


class File(Group):
    """A file on a server: its root group, and what `h5py.File` offers for reading.

    ``File(url)`` is one round trip, and the snapshot of the tree that comes with it makes browsing free.  ``swmr`` is
    h5py's flag: a file that is being written is followed by `Dataset.refresh` with or without it.  ``timeout``
    (seconds) limits every wait on a connection that is made for this call.  ``on_missing`` says what an absent source
    of a virtual dataset means: its elements are the fill value, as in h5py, and `Dataset.missing_sources` lists it
    ("fill"), or reading them raises `MissingSource` ("raise").  Sources that are denied or damaged always raise.
    ``tile_bytes`` is how many bytes of elements one reply carries: larger reads are cut into as many, side by side
    (1 MiB, or $H5CAP_TILE_BYTES).  h5py's other options are taken as `h5cap._hl.open_options` says.
    ``File(object.id)`` is the file of an object.

    Raises ``FileNotFoundError``, ``PermissionError``, ``OSError`` (not HDF5, truncated, …), ``ConnectionError`` (no
    server there), ``TimeoutError``, ``ValueError`` (a malformed address or mode).

    >>> with h5cap.File("h5cap:///scans/scan.nxs") as file:
    ...     print(file, list(file))
    <HDF5 file "scan.nxs" (mode r)> ['entry']
    """

    _what = "file"

    def __init__(self, url: Union[str, LocatedID], mode: str = "r", driver: Optional[str] = None, libver: Any = None,
                 userblock_size: Optional[int] = None, swmr: bool = False, rdcc_nslots: Optional[int] = None,
                 rdcc_nbytes: Optional[int] = None, rdcc_w0: Optional[float] = None,
                 track_order: Optional[bool] = None, fs_strategy: Optional[str] = None, fs_persist: bool = False,
                 fs_threshold: int = 1, fs_page_size: Optional[int] = None, page_buf_size: Optional[int] = None,
                 min_meta_keep: int = 0, min_raw_keep: int = 0, locking: Union[None, bool, str] = None,
                 alignment_threshold: int = 1, alignment_interval: int = 1, meta_block_size: Optional[int] = None, *,
                 track_times: Optional[bool] = False, token: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT,
                 on_missing: str = "fill", tile_bytes: Optional[int] = None, **kwds: Any):
        if isinstance(url, LocatedID):
            Group.__init__(self, _file_id(url.file_opened()))
            return
        if on_missing not in ("fill", "raise"):
            raise ValueError("on_missing must be 'fill' or 'raise'")
        access = access_options(driver=driver, libver=libver, userblock_size=userblock_size, rdcc_nslots=rdcc_nslots,
                                rdcc_nbytes=rdcc_nbytes, rdcc_w0=rdcc_w0, fs_strategy=fs_strategy,
                                page_buf_size=page_buf_size, track_times=track_times, locking=locking,
                                meta_block_size=meta_block_size, unknown=kwds)
        if mode not in _MODES:
            raise ValueError("Invalid mode; must be one of r, r+, w, w-, x, a")
        if mode != "r":
            raise PermissionError(f"{url}: cannot be opened in mode '{mode}' ({READ_ONLY})")
        opened = OpenFile.at(file_only(str(url)), OpenOptions(swmr, timeout, token, on_missing, tile_bytes), File._of)
        opened.access = access
        super().__init__(_file_id(opened))

    @classmethod
    def _of(cls, opened: OpenFile) -> "File":
        """Another handle of an open file."""
        made = cls.__new__(cls)
        Group.__init__(made, _file_id(opened))
        return made

    @classmethod
    def in_memory(cls, file_image: Any = None, **kwargs: Any) -> "File":
        """Raises ``NotImplementedError``: a file in this process's memory is h5py's business."""
        raise NotImplementedError("files in memory are not on a server; use h5py.File.in_memory")

    @property
    def attrs(self) -> AttributeManager:
        """The root group's attributes."""
        self._opened.native
        return AttributeManager(self)

    @property
    def filename(self) -> str:
        """The address that the file was opened by."""
        self._opened.native
        return self._opened.url

    @property
    def mode(self) -> str:
        self._opened.native
        return "r"

    @property
    def driver(self) -> str:
        self._opened.native
        return "h5cap"

    @property
    def libver(self) -> Tuple[str, str]:
        """The file formats that are read, from the oldest to the newest: as they were asked for, or those of the
        server's libhdf5."""
        low, high = self._id.get_access_plist().get_libver_bounds()
        return VERSIONS[low], VERSIONS[high]

    @property
    def meta_block_size(self) -> int:
        """As it was asked for; it means something only where files are written."""
        return self._id.get_access_plist().get_meta_block_size()

    @property
    def swmr_mode(self) -> bool:
        self._opened.native
        return self._opened.options.swmr

    @swmr_mode.setter
    def swmr_mode(self, value: bool) -> None:
        self._opened.native
        if value:
            self._id.start_swmr_write()
        raise ValueError("It is not possible to forcibly switch SWMR mode off.")

    @property
    def userblock_size(self) -> int:
        self._opened.native
        return self._opened.info["userblock_size"]

    @property
    def file(self) -> "File":
        return File._of(self._opened_or_raise())

    @property
    def parent(self) -> Group:
        return File._of(self._opened_or_raise())["/"]

    def _opened_or_raise(self) -> OpenFile:
        self._opened.native
        return self._opened

    def flush(self) -> None:
        """Nothing is ever waiting to be written."""
        self._opened.native

    def close(self) -> None:
        """Closes the file and everything reached through it.  The connection stays, for whatever comes next."""
        self._opened.close()

    def __reduce__(self):
        return reduced_file(self)

    def __enter__(self) -> "File":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        if not self:
            return "<Closed HDF5 file>"
        return printable(f'<HDF5 file "{posixpath.basename(self._opened.info["path"])}" (mode r)>')
