"""Everything that may stand between the brackets of a dataset, made a selection of the protocol, with h5py's
exceptions.

Axes for the native module are None (all), an int (dropped from the shape), (start, stop, step), a list of indices, or a
mask: bits, which is how masks travel.
"""

from __future__ import annotations

import operator
from typing import Any, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from .. import _h5cap
from ..chunks import Shape
from ..errors import BeyondExtent
from ..reading import Resolved


def split_fields(args) -> Tuple[Tuple[Any, ...], Tuple[str, ...]]:
    """The arguments of ``[...]`` as a tuple without names of fields, and these.  ``TypeError`` for None."""
    args = args if isinstance(args, tuple) else (args,)
    if any(arg is None for arg in args):
        raise TypeError("Indexing with None (or np.newaxis) is not supported")
    return tuple(a for a in args if not isinstance(a, str)), tuple(a for a in args if isinstance(a, str))


def select(shape: Shape, args: Tuple[Any, ...]) -> Resolved:
    """The elements that ``args`` mean in a dataset of ``shape``; sends nothing.

    ``IndexError`` outside the shape, ``ValueError`` for too many arguments or a step below 1, ``TypeError`` for what
    cannot index a dataset: h5py's exceptions, of the first argument that is wrong.
    """
    if shape == ():
        if args in ((), (Ellipsis,)):
            return Resolved([], (), ())
        raise ValueError("Illegal slicing argument for scalar dataspace")
    if len(args) == 1 and isinstance(args[0], np.ndarray) and args[0].dtype.kind == "b":
        if args[0].shape == shape:
            return _full_mask(args[0])
        if args[0].shape != shape[:1]:
            raise TypeError("Boolean indexing array has incompatible shape")
    axes: List[Any] = [None] * len(shape)
    counts = list(shape)
    vector = None
    for axis, arg in _placed(args, len(shape)):
        if not _is_vector(arg):
            axes[axis], counts[axis] = _axis(shape[axis], arg)
            continue
        indices = _vector(arg, shape, axis)
        if vector is not None:
            raise TypeError("Only one indexing vector or array is currently allowed for fancy indexing")
        if indices.dtype.kind == "b":
            vector = axes[axis] = _mask(indices)
            counts[axis] = vector.count()
            continue
        vector = axes[axis] = _checked(indices, shape[axis])
        counts[axis] = len(vector)
    kept = tuple(count for count, axis in zip(counts, axes) if not isinstance(axis, int))
    if 0 not in counts and isinstance(vector, list) and vector[-1] == shape[axes.index(vector)]:
        raise BeyondExtent(f"Fancy indexing out of range: index {vector[-1]} is the extent")
    return Resolved(axes, tuple(counts), kept)


def without_shape(args: Tuple[Any, ...]) -> Optional[List[Any]]:
    """Axes for the native module where ``args`` mean something before the shape is known; None where they do not, or
    are wrong: then the shape decides."""
    axes: List[Any] = []
    for arg in args:
        if arg is Ellipsis:
            axes.append(Ellipsis)
        elif isinstance(arg, slice):
            if any(part is not None and not _is_int(part) for part in (arg.start, arg.stop, arg.step)):
                return None
            start, stop, step = arg.start, arg.stop, 1 if arg.step is None else int(arg.step)
            if step < 1:
                return None
            whole = (start, stop, step) == (None, None, 1)
            axes.append(None if whole else (int(start or 0), None if stop is None else int(stop), step))
        elif _is_int(arg) and not isinstance(arg, (bool, np.bool_)):
            axes.append(int(arg))
        else:
            return None
        if not _fits(axes[-1]):
            return None
    return axes if axes.count(Ellipsis) <= 1 else None


def _placed(args: Sequence[Any], rank: int) -> Iterator[Tuple[int, Any]]:
    """Each argument with its axis."""
    given = len(args) - any(arg is Ellipsis for arg in args)
    seen = False
    axis = 0
    for arg in args:
        if arg is Ellipsis:
            if seen:
                raise ValueError("Only one ellipsis may be used.")
            seen = True
            axis += rank - given
        if axis >= rank + (arg is Ellipsis) or (seen and given > rank):
            raise ValueError(f"{given} indexing arguments for {rank} dimensions")
        if arg is not Ellipsis:
            yield axis, arg
            axis += 1


def _is_int(value: Any) -> bool:
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def _fits(axis: Any) -> bool:
    numbers = axis if isinstance(axis, tuple) else (axis,)
    return all(number is None or number is Ellipsis or -(2**63) <= number < 2**63 for number in numbers)


def _is_vector(arg: Any) -> bool:
    if isinstance(arg, np.ndarray):
        return arg.ndim > 0 or not _is_int(arg)
    return not (isinstance(arg, slice) or _is_int(arg) or _is_blocks(arg))


def _is_blocks(arg: Any) -> bool:
    """Whether it is a `MultiBlockSlice`, ours or h5py's."""
    return hasattr(arg, "indices") and hasattr(arg, "block")


def _axis(extent: int, arg: Any) -> Tuple[Any, int]:
    """The resolved axis and how many elements it has."""
    if isinstance(arg, slice):
        start, stop, step = arg.indices(extent)
        if step < 1:
            raise ValueError(f"Step must be >= 1 (got {step})")
        count = max(0, -(-(stop - start) // step))
        return (None if (start, count, step) == (0, extent, 1) else (start, stop, step)), count
    if _is_int(arg):
        return _index(extent, operator.index(arg)), 1
    start, stride, count, block = arg.indices(extent)
    if stride == block:
        return (start, start + count * block, 1), count * block
    if block == 1:
        return (start, start + (count - 1) * stride + 1, stride), count
    return [at + i for at in range(start, start + count * stride, stride) for i in range(block)], count * block


def _index(extent: int, index: int) -> int:
    resolved = index + extent if index < 0 else index
    if 0 <= resolved < extent:
        return resolved
    if extent == 0:
        raise IndexError(f"Index ({index}) out of range for empty dimension")
    raise IndexError(f"Index ({index}) out of range for (0-{extent - 1})")


def _vector(arg: Any, shape: Shape, axis: int) -> np.ndarray:
    """The integers of a list or an array, or the booleans of a mask."""
    array = np.asarray(arg)
    if array.ndim == 0:
        raise TypeError(f"Selection can't process {arg!r}")
    if array.ndim != 1:
        raise TypeError("Only 1D arrays allowed for fancy indexing")
    if array.size == 0 and not isinstance(arg, np.ndarray):
        return np.empty(0, np.intp)
    if array.dtype.kind == "b":
        if len(shape) == 1:
            raise TypeError("A mask of a dataset with one dimension must be an array")  # and alone: h5py takes no list
        if array.size != shape[axis]:
            raise TypeError("boolean index did not match indexed array")
        return array
    if array.dtype.kind not in "iu":
        raise TypeError("Indexing arrays must have integer dtypes")
    return array


def _checked(indices: np.ndarray, extent: int) -> List[int]:
    """Indices along an axis, counted from its beginning: within the extent and increasing, as h5py wants them.

    The extent itself passes: h5py notices it when reading, which `select` leaves to the end.
    """
    values = [index + extent if index < 0 else index for index in indices.tolist()]
    if any(not 0 <= value <= extent for value in values):
        raise IndexError(f"Fancy indexing out of range for (0-{extent - 1})" if extent else
                         "Fancy indexing out of range for empty dimension")
    if any(b <= a for a, b in zip(values, values[1:])):
        raise TypeError("Indexing elements must be in increasing order")
    return values


def _mask(flags: np.ndarray) -> Any:
    """Booleans as the native module takes them: they cross the wire as bits."""
    return _h5cap.mask(np.ascontiguousarray(flags).reshape(-1).view(np.uint8))


def _full_mask(flags: np.ndarray) -> Resolved:
    """A mask of the whole dataset: its elements, in C order, along one axis."""
    mask = _mask(flags)
    count = mask.count()
    return Resolved(mask, (count,), (count,))
