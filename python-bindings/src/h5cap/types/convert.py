"""Conversion of elements to another dtype on reading: by HDF5's rules, which are not NumPy's."""

from __future__ import annotations

from typing import Any, Dict

import numpy as np

from .special import check_enum_dtype, check_string_dtype

NO_PATH = "Can't read data (no appropriate function for conversion path)"


def check_conversion(described: Dict[str, Any], source: np.dtype, dtype: np.dtype) -> None:
    """What h5py refuses before it reads.  ``TypeError`` for texts of fixed width, ``OSError`` for bit fields and for
    HDF5's own complex numbers as complex ones of another size, which are compounds to h5py."""
    if dtype.kind == "U":
        raise TypeError(f"No conversion path for dtype: {dtype!r}")
    is_refused = described["class"] == "bitfield" or (described["class"] == "complex" and dtype.kind == "c")
    if is_refused and dtype != source:
        raise OSError(NO_PATH)


_AS_ITS_DTYPE: Dict[str, Any] = {"class": "of its dtype"}


def converted(array: np.ndarray, dtype: np.dtype, described: Dict[str, Any] = _AS_ITS_DTYPE) -> np.ndarray:
    """The elements of a type as ``dtype``: numbers saturate at its limits, floats lose their fraction towards zero, and
    HDF5's own complex numbers their imaginary part.

    ``OSError`` where HDF5 has no conversion, as h5py raises.
    """
    source = array.dtype
    if source == dtype:
        return array
    if array.size == 0:
        return np.zeros(array.shape, dtype)
    if described["class"] == "complex" and dtype.kind in "iuf":
        return converted(array.real, dtype, described["base"])
    if check_string_dtype(source) and (dtype.kind in "ST" or check_string_dtype(dtype)):
        return _strings(array, dtype)
    if source.hasobject:
        raise TypeError("Operation not defined for data type class: variable-length data has no conversion")
    if source.kind == "c" and dtype.kind == "c":
        return array.astype(dtype)
    if source.names and dtype.names:
        return _fields(array, dtype, described)
    both_numbers = source.kind in "biuf" and dtype.kind in "biuf"
    if not both_numbers or check_enum_dtype(dtype) or source.kind + dtype.kind == "fb":
        raise OSError(NO_PATH)
    if dtype.kind == "b":
        return array.astype(np.uint8) != 0 if source.kind == "b" else array != 0
    if dtype.kind == "f" or source.kind == "b":
        with np.errstate(over="ignore"):
            return array.astype(dtype)
    return _saturated(array, dtype)


def _strings(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Strings of another length, or as NumPy's own of variable width."""
    if dtype.kind == "T":
        texts = [text.split(b"\0")[0].decode("utf-8", "surrogateescape") for text in array.flat]
        return np.array(texts, dtype).reshape(array.shape)
    given, wanted = check_string_dtype(array.dtype), check_string_dtype(dtype)
    if given is None or wanted is None:
        raise OSError(NO_PATH)
    if given.length is not None and (wanted.length is None or given.encoding != wanted.encoding):
        raise OSError(NO_PATH)
    return array.astype(dtype)


def _fields(array: np.ndarray, dtype: np.dtype, described: Dict[str, Any]) -> np.ndarray:
    """A compound from another one: fields by name, zeros where there is none."""
    out = np.zeros(array.shape, dtype)
    members = {name: member.get("base", member) if member["class"] == "array" else member
               for name, _, member in described.get("fields", ())}
    for name in dtype.names or ():
        if name in (array.dtype.names or ()):
            out[name] = converted(array[name], dtype[name].base, members.get(name, described))
    return out


def _saturated(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    limits = np.iinfo(dtype)
    native = dtype.newbyteorder("=")
    if array.dtype.kind in "iu":
        source = np.iinfo(array.dtype)
        low, high = max(limits.min, source.min), min(limits.max, source.max)
        return np.clip(array, low, high).astype(dtype)
    # A float may round the highest integer up: compare first, and put the limits in afterwards.
    values = np.trunc(np.nan_to_num(array.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf))
    too_high, too_low = values >= float(limits.max), values <= float(limits.min)
    out = np.where(too_high | too_low, 0.0, values).astype(native)
    out = np.where(too_high, native.type(limits.max), np.where(too_low, native.type(limits.min), out))
    return out.astype(dtype)
