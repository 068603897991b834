"""How a dataset is stored: its chunks, and the sources of a virtual dataset."""

from __future__ import annotations

import itertools
from typing import Any, Iterator, List, NamedTuple, Optional, Tuple

Shape = Tuple[int, ...]


class StoredSelection(NamedTuple):
    """A selection that the file states, over one whole extent."""

    kind: str  # "all", "regular", "boxes", "points" or "none"
    dimensions: List[Tuple[int, int, Optional[int], Optional[int]]]  # regular: start, stride, count, block an axis
    boxes: List[int]  # irregular: start and inclusive end corners
    extent: Shape  # empty where unknown
    points: List[int] = []  # coordinates, rank after rank, in the order of the selection; in references only


class VDSmap(NamedTuple):
    """One mapping of a virtual dataset, with h5py's names."""

    vspace: Any  # h5s.SpaceID
    file_name: str
    dset_name: str
    src_space: Any


def chunk_slices(shape: Shape, chunks: Optional[Shape], sel) -> Iterator[Tuple[slice, ...]]:
    """The parts of ``sel`` that lie in one chunk each, in C order.

    ``TypeError`` without chunks, ``ValueError`` for a selection outside the shape.
    """
    if not chunks:
        raise TypeError("Chunked dataset required")
    if sel is None:
        bounds = [(0, extent) for extent in shape]
    else:
        given = (sel,) if isinstance(sel, (slice, int)) else tuple(sel)
        if len(given) != len(shape):
            raise ValueError("Invalid selection - selection region must have same rank as dataset")
        bounds = [_bounds(part, extent) for part, extent in zip(given, shape)]
    for (start, stop), extent in zip(bounds, shape):
        if start < 0 or stop > extent or stop <= start:
            raise ValueError("Invalid selection - selection region must be within dataset space")
    axes = [
        [slice(max(start, at), min(stop, at + chunk), 1) for at in range(start // chunk * chunk, stop, chunk)]
        for (start, stop), chunk in zip(bounds, chunks)
    ]
    return itertools.product(*axes)


def _bounds(part, extent: int) -> Tuple[int, int]:
    if isinstance(part, int):
        return part, part + 1
    return part.start or 0, part.stop or extent
