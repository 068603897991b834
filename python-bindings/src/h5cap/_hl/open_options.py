"""h5py's options for opening a file, as far as they mean something for one that a server opens.

Each is one of: said by what the file does anyway (``locking``), shown again by the file (``libver``, the chunk cache's
numbers), of files that are made, and without effect on others in h5py, too (``track_order``, ``fs_…``,
``alignment_…``), or refused.  None is swallowed.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple, Union

from ..opened import VERSIONS, AccessOptions

_DRIVERS = ("sec2", "stdio", "core", "family", "mpio", "fileobj", "split", "ros3", "direct", "windows")


def access_options(*, driver: Optional[str], libver: Any, userblock_size: Optional[int], rdcc_nslots: Optional[int],
                   rdcc_nbytes: Optional[int], rdcc_w0: Optional[float], fs_strategy: Optional[str],
                   page_buf_size: Optional[int], track_times: Optional[bool],
                   locking: Union[None, bool, str], meta_block_size: Optional[int],
                   unknown: Dict[str, Any]) -> AccessOptions:
    """The options, checked in h5py's order and with its exceptions; ``NotImplementedError`` for what only a local
    library can do."""
    if fs_strategy:
        raise ValueError("Unable to set file space strategy of an existing file")
    bounds = None if libver is None else _bounds(libver)
    slots, size, preemption = AccessOptions().cache[1:]
    cache = (0, slots if rdcc_nslots is None else _count(rdcc_nslots),
             size if rdcc_nbytes is None else _count(rdcc_nbytes), preemption if rdcc_w0 is None else float(rdcc_w0))
    if not 0 <= cache[3] <= 1:
        raise ValueError("Raw data cache w0 value must be between 0.0 and 1.0 inclusive")
    if page_buf_size:
        raise NotImplementedError("page_buf_size: pages are buffered by the server")
    check_locking(locking)
    if track_times not in (True, False, None):
        raise TypeError("track_times must be either True, False, or None")
    if driver is None and unknown:
        raise TypeError(f"'{next(iter(unknown))}' is an invalid keyword argument for this function")
    if driver is not None and driver not in _DRIVERS:
        raise ValueError(f"Unknown driver type {driver!r}")
    if driver is not None:
        raise NotImplementedError(f"driver={driver!r}: files are opened by the server")
    if userblock_size is not None:
        raise ValueError("User block may only be specified when creating a file")
    return AccessOptions(bounds, cache, 2048 if meta_block_size is None else int(meta_block_size))


def check_locking(locking: Union[None, bool, str]) -> None:
    """``ValueError`` for what h5py does not know.  Any other value means the same: the server reads without locks,
    which would keep writers out."""
    if locking not in (None, "true", True, "false", False, "best-effort"):
        raise ValueError(f"Unsupported locking value: {locking}")


def _bounds(libver: Any) -> Tuple[str, str]:
    newest = VERSIONS[-1]
    if isinstance(libver, str):
        low, high = libver, newest
    else:
        low, high = libver
    for name in (low, high):
        if name not in VERSIONS + ("latest",):
            raise KeyError(name)
    return (newest if low == "latest" else low), (newest if high == "latest" else high)


def _count(value: int) -> int:
    if value < 0:
        raise OverflowError("can't convert negative value to size_t")
    return int(value)
