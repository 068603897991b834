"""HDF5's floating-point layouts as NumPy's: which dtype h5py gives a layout, and values of the layouts that no dtype
has."""

from __future__ import annotations

from typing import Any, Callable, Dict, NamedTuple

import numpy as np

_BITS = 64  # of the words that values are taken apart in


class Layout(NamedTuple):
    """As HDF5's H5Tget_fields tells it, after precision and offset; positions count from the lowest bit."""

    precision: int
    offset: int
    sign: int
    exponent: int
    exponent_size: int
    mantissa: int
    mantissa_size: int
    bias: int


def _native_layouts() -> Dict[Layout, int]:
    """NumPy's own layouts and their sizes in bytes; none of them stores the leading bit but x87's."""
    return {
        Layout(16, 0, 15, 10, 5, 0, 10, 15): 2,
        Layout(32, 0, 31, 23, 8, 0, 23, 127): 4,
        Layout(64, 0, 63, 52, 11, 0, 52, 1023): 8,
    }


_NATIVE = _native_layouts()
_X87 = Layout(80, 0, 79, 64, 15, 0, 64, 16383)  # what NumPy calls float128 on x86, of 16 bytes
_HAS_X87 = np.finfo(np.longdouble).nmant == 63 and np.dtype(np.longdouble).itemsize == 16


def _available():
    for kind in "efdg":
        info = np.finfo(kind)
        mantissa = int(info.nmant) + (1 if kind == "g" and _HAS_X87 else 0)
        yield np.dtype(kind), mantissa, int(info.minexp), int(info.maxexp)


def float_dtype(described: Dict[str, Any]) -> np.dtype:
    """The smallest dtype of at least as many bytes that holds every value of the layout, as h5py chooses it."""
    layout = Layout(*described["layout"])
    for dtype, mantissa, lowest, highest in _available():
        is_exact = layout.mantissa_size <= mantissa and 1 - layout.bias >= lowest
        if dtype.itemsize >= described["size"] and is_exact and 2**layout.exponent_size - layout.bias - 1 <= highest:
            return dtype.newbyteorder(described["order"])
    raise ValueError("Insufficient precision in available types to represent "
                     f"{(layout.sign, layout.exponent, layout.exponent_size, layout.mantissa, layout.mantissa_size)}")


def is_native(described: Dict[str, Any]) -> bool:
    """Whether the stored bytes are those of `float_dtype`."""
    layout, size = Layout(*described["layout"]), described["size"]
    if _HAS_X87 and layout == _X87 and size == 16:
        return described.get("stores_leading_bit", False) and described["order"] == "<"
    return _NATIVE.get(layout) == size and not described.get("stores_leading_bit", False)


def decoder(described: Dict[str, Any], dtype: np.dtype) -> Callable[[np.ndarray, bytes], np.ndarray]:
    """A function from stored elements (of ``V<size>``) to ``dtype``."""
    layout, size = Layout(*described["layout"]), described["size"]
    is_big, stores_leading_bit = described["order"] == ">", described.get("stores_leading_bit", False)
    if size > 16:
        raise ValueError(f"floats of {size} bytes have no NumPy equivalent")

    def decode(array: np.ndarray, heap: bytes) -> np.ndarray:
        stored = np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(-1, size)
        words = np.zeros((len(stored), 16), np.uint8)
        words[:, :size] = stored[:, ::-1] if is_big else stored
        low, high = words.view("<u8").T
        values = _values(low, high, layout, stores_leading_bit)
        with np.errstate(over="ignore"):
            converted = values.astype(dtype)
        if dtype.itemsize <= 8:
            _fill_nans(converted)
        return converted.reshape(array.shape)

    return decode


def _fill_nans(values: np.ndarray) -> None:
    """Gives NaNs the bits that HDF5's conversion gives them: all of the mantissa's."""
    bits = values.view(values.dtype.str.replace("f", "u"))
    bits[np.isnan(values)] |= np.array(2 ** int(np.finfo(values.dtype).nmant) - 1, bits.dtype)


def _bits(low: np.ndarray, high: np.ndarray, position: int, count: int) -> np.ndarray:
    """``count`` (at most 64) bits from ``position`` on, of numbers of two words."""
    if count == 0:
        return np.zeros_like(low)
    if position >= _BITS:
        found = high >> np.uint64(position - _BITS)
    elif position == 0:
        found = low
    else:
        found = low >> np.uint64(position) | high << np.uint64(_BITS - position)
    return found & np.uint64(2**count - 1)


def _values(low: np.ndarray, high: np.ndarray, layout: Layout, stores_leading_bit: bool) -> np.ndarray:
    mantissa = _bits(low, high, layout.mantissa, layout.mantissa_size)
    exponent = _bits(low, high, layout.exponent, layout.exponent_size).astype(np.int64)
    scale = np.maximum(exponent, 1) - layout.bias - layout.mantissa_size
    significand = mantissa.astype(np.longdouble)
    if stores_leading_bit:
        scale += 1
    else:
        significand += np.where(exponent != 0, np.ldexp(np.longdouble(1), layout.mantissa_size), 0)
    with np.errstate(over="ignore", under="ignore"):
        values = np.ldexp(significand, scale.astype(np.intc))
    is_special = exponent == 2**layout.exponent_size - 1
    fraction = mantissa & np.uint64(2 ** (layout.mantissa_size - 1) - 1) if stores_leading_bit else mantissa
    values = np.where(is_special, np.where(fraction != 0, np.longdouble(np.nan), np.longdouble(np.inf)), values)
    is_negative = _bits(low, high, layout.sign, 1) != 0
    return np.copysign(values, np.where(is_negative, -1, 1))
