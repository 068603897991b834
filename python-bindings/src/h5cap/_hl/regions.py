"""What references to regions select, made selections of the protocol: only the selected elements cross the wire."""

from __future__ import annotations

from typing import Any, List, Optional

import numpy as np

from .. import _h5cap
from ..chunks import Shape
from ..h5s import SEL_ALL, SEL_POINTS, SpaceID
from ..reading import Resolved
from .selections import select

# A mask of the box around a selection is made where the box has at most so many elements for each coordinate of the
# selection; otherwise the coordinates are fewer bytes, or not many more.
_BOX_TO_COORDINATES = 16


def region_selection(space: SpaceID, extents: Shape, shape: Shape) -> Resolved:
    """The elements that ``space`` selects, some, in a dataset with these extents, in HDF5's order.  ``shape`` is what
    they are as an array; the result's own shape may be one axis instead.  ``OSError`` for elements beyond the extents,
    which a dataset that shrank does not have any more."""
    kind = space.get_select_type()
    if kind == SEL_ALL:
        return select(extents, ())
    bounds = space.get_select_bounds()
    if bounds is not None and any(last >= extent for last, extent in zip(bounds[1], extents)):
        raise OSError(f"The region goes to {bounds[1]}, beyond the dataset's shape {extents}")
    if kind == SEL_POINTS:
        return _points(space.get_select_elem_pointlist())
    if space.stored.kind == "regular":
        return Resolved([_blocks(*axis) for axis in space.stored.dimensions], shape, shape)
    boxes = space.get_select_hyper_blocklist().astype(np.int64)
    low, high = boxes[:, 0], boxes[:, 1]
    lows, highs = low.min(axis=0), high.max(axis=0)
    count = space.get_select_npoints()
    rank = len(extents)
    lists = _product(low, high, count)
    if lists is not None:
        return Resolved(lists, tuple(map(len, lists)), tuple(map(len, lists)))
    if int(np.prod(highs - lows + 1, dtype=object)) > _BOX_TO_COORDINATES * rank * count:
        return _points(_coordinates(low, high))
    wanted = np.zeros(highs - lows + 1, np.uint8)
    for first, last in zip(low - lows, high - lows):
        wanted[tuple(slice(a, b + 1) for a, b in zip(first, last))] = 1
    within = [(int(a), int(b) + 1, 1) for a, b in zip(lows, highs)]
    return Resolved((within, _h5cap.mask(wanted.reshape(-1))), (count,), (count,))


def _points(coordinates: np.ndarray) -> Resolved:
    count = len(coordinates)
    return Resolved(_h5cap.points(np.ascontiguousarray(coordinates, np.uint64).reshape(-1)), (count,), (count,))


def _blocks(start: int, stride: int, count: Any, block: Any) -> Any:
    """An axis for the native module."""
    if count == 1 or stride == block:
        return start, start + count * block, 1
    if block == 1:
        return start, start + (count - 1) * stride + 1, stride
    return [at + i for at in range(start, start + count * stride, stride) for i in range(block)]


def _product(low: np.ndarray, high: np.ndarray, count: int) -> Optional[List[List[int]]]:
    """Indices along every axis, where disjoint boxes are all their combinations; else None."""
    axes: List[List[int]] = []
    for axis in range(low.shape[1]):
        runs: List[List[int]] = []
        for first, last in np.unique(np.stack([low[:, axis], high[:, axis]], axis=1), axis=0).tolist():
            if runs and first <= runs[-1][1] + 1:
                runs[-1][1] = max(runs[-1][1], last)
            else:
                runs.append([first, last])
        if sum(last - first + 1 for first, last in runs) > count:
            return None
        axes.append([i for first, last in runs for i in range(first, last + 1)])
    return axes if int(np.prod([len(axis) for axis in axes], dtype=object)) == count else None


def _coordinates(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Of all elements of disjoint boxes, in C order."""
    parts = [np.indices(last - first + 1).reshape(len(first), -1).T + first for first, last in zip(low, high)]
    found = np.concatenate(parts)
    return found[np.lexsort(found.T[::-1])]
