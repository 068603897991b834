"""What h5py has at its top besides classes, as far as it makes sense for reading from a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Tuple

from ..connections import DEFAULT_TIMEOUT
from ..errors import FileProblem
from .files import File


def is_hdf5(fname: str, *, token: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT) -> bool:
    """Whether an address is of a file that can be opened; False when there is none.  One round trip.

    ``PermissionError``, ``ConnectionError`` and ``TimeoutError`` leave the question open.
    """
    if not isinstance(fname, str):
        raise TypeError(f"expected str, not {type(fname).__name__}")
    try:
        File(fname, token=token, timeout=timeout).close()
    except (FileNotFoundError, IsADirectoryError, FileProblem):
        return False
    return True


@dataclass(frozen=True)
class Config:
    """What h5py can be configured to; here it is fixed."""

    bool_names: Tuple[bytes, bytes] = (b"FALSE", b"TRUE")
    complex_names: Tuple[bytes, bytes] = (b"r", b"i")
    default_file_mode: str = "r"
    track_order: bool = False
    mpi: bool = False
    ros3: bool = False
    direct_vfd: bool = False


def get_config() -> Config:
    """How files are read."""
    return Config()


class VirtualSource:
    """h5py's source of a virtual dataset that is made.  Raises ``NotImplementedError``: files are served read-only."""

    def __init__(self, path_or_dataset: Any, name: Any = None, shape: Any = None, dtype: Any = None,
                 maxshape: Any = None):
        raise NotImplementedError("virtual datasets are made with h5py: h5cap serves files read-only")


class VirtualLayout:
    """h5py's layout of a virtual dataset that is made.  Raises ``NotImplementedError``: files are served read-only."""

    def __init__(self, shape: Any, dtype: Any, maxshape: Any = None, filename: Any = None):
        raise NotImplementedError("virtual datasets are made with h5py: h5cap serves files read-only")
