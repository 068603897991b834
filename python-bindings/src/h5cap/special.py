"""h5py's special dtypes: NumPy dtypes whose metadata says what HDF5 knows and NumPy does not.  Those made here and those
made by h5py are the same."""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional

import numpy as np


class string_info(NamedTuple):
    """What is known about a string type; ``length`` is None for variable-length strings."""

    encoding: str
    length: Optional[int]


def string_dtype(encoding: str = "utf-8", length: Optional[int] = None) -> np.dtype:
    """The dtype of HDF5 strings.  ``ValueError`` for an encoding other than ascii and utf-8."""
    encoding = encoding.lower()
    if encoding not in ("ascii", "utf-8"):
        raise ValueError(f"Invalid encoding ({encoding!r}); 'utf-8' or 'ascii' allowed")
    if length is not None:
        return np.dtype(f"S{length}", metadata={"h5py_encoding": encoding})
    return np.dtype("O", metadata={"vlen": bytes if encoding == "ascii" else str})


def vlen_dtype(base) -> np.dtype:
    """The dtype of variable-length sequences of ``base``."""
    return np.dtype("O", metadata={"vlen": np.dtype(base)})


def enum_dtype(values: Dict[str, int], basetype=np.uint8) -> np.dtype:
    """The dtype of an enumeration over an integer type."""
    basetype = np.dtype(basetype)
    if basetype.kind not in "iu":
        raise TypeError("Only integers can be used as enums")
    return np.dtype(basetype, metadata={"enum": values})


def _metadata(dtype, key: str):
    return (np.dtype(dtype).metadata or {}).get(key)


def check_string_dtype(dtype) -> Optional[string_info]:
    """The ``string_info`` of a string dtype; None for any other."""
    dtype = np.dtype(dtype)
    vlen = _metadata(dtype, "vlen")
    if vlen in (str, bytes):
        return string_info("ascii" if vlen is bytes else "utf-8", None)
    if dtype.kind == "S":
        return string_info(_metadata(dtype, "h5py_encoding") or "ascii", dtype.itemsize)
    return None


def check_vlen_dtype(dtype) -> Optional[np.dtype]:
    """The base of a dtype of sequences (``str`` or ``bytes`` of variable-length strings); None for any other."""
    return _metadata(dtype, "vlen")


def check_enum_dtype(dtype) -> Optional[Dict[str, int]]:
    """The members of an enumeration; None for any other dtype."""
    return _metadata(dtype, "enum")


class Empty:
    """What a dataset or attribute without elements (a null dataspace) reads as: a dtype and no shape."""

    shape = None
    size = None

    def __init__(self, dtype):
        self._dtype = np.dtype(dtype)

    @property
    def dtype(self) -> np.dtype:
        return self._dtype

    def __eq__(self, other) -> bool:
        # h5py's own Empty compares equal, without h5py being needed.
        if isinstance(other, Empty) or (type(other).__name__ == "Empty" and type(other).__module__.startswith("h5py.")):
            return self.dtype == other.dtype
        return False

    __hash__ = None  # as h5py's

    def __repr__(self) -> str:
        return f"Empty(dtype={self.dtype!r})"
