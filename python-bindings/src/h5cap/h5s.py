"""Dataspaces: `SpaceID` is a shape and a selection of it, both fixed."""

from __future__ import annotations

import itertools
import math
from typing import Any, Iterator, List, Optional, Tuple

import numpy as np

from .chunks import Shape, StoredSelection
from .errors import TooLarge
from .object_id import ObjectID, not_served

UNLIMITED = 2**64 - 1
NO_CLASS, SCALAR, SIMPLE, NULL = -1, 0, 1, 2
SEL_ERROR, SEL_NONE, SEL_POINTS, SEL_HYPERSLABS, SEL_ALL = -1, 0, 1, 2, 3
ALL = 0

_TYPES = {"all": SEL_ALL, "regular": SEL_HYPERSLABS, "boxes": SEL_HYPERSLABS, "points": SEL_POINTS, "none": SEL_NONE}
_MOST_BLOCKS = 1 << 24  # in a list of them
_FIXED = "dataspaces of remote objects are fixed; slice the dataset instead"


def _number(extent: Optional[int]) -> int:
    return UNLIMITED if extent is None else extent


class SpaceID(ObjectID):
    """The dataspace of a dataset, an attribute, a mapping of a virtual dataset or a reference.  Nothing here costs a
    round trip, and nothing changes it."""

    def __init__(self, shape: Optional[Shape], maxshape: Optional[Tuple[Optional[int], ...]] = None,
                 selection: Optional[StoredSelection] = None):
        self._shape = shape
        self._maxshape = shape if maxshape is None else maxshape
        self._selection = selection or StoredSelection("all", [], [], shape or ())

    @property
    def stored(self) -> StoredSelection:
        """The selection as the file has it."""
        return self._selection

    @property
    def id(self) -> int:
        return id(self)

    __hash__ = None  # type: ignore[assignment]

    def copy(self) -> "SpaceID":
        return SpaceID(self._shape, self._maxshape, self._selection)

    # The extent.

    @property
    def shape(self) -> Optional[Shape]:
        """Extents, None of a null dataspace."""
        return self._shape

    def get_simple_extent_dims(self, maxdims: bool = False) -> Optional[Shape]:
        """Extents, or the largest ones with `UNLIMITED`; None of a null dataspace."""
        if self._shape is None:
            return None
        return tuple(map(_number, self._maxshape or ())) if maxdims else self._shape

    def get_simple_extent_ndims(self) -> int:
        return len(self._shape or ())

    def get_simple_extent_npoints(self) -> int:
        return 0 if self._shape is None else int(np.prod(self._shape, dtype=object))

    def get_simple_extent_type(self) -> int:
        """`SCALAR`, `SIMPLE` or `NULL`."""
        return NULL if self._shape is None else SIMPLE if self._shape else SCALAR

    def is_simple(self) -> bool:
        return self._shape is not None

    # The selection.

    def get_select_type(self) -> int:
        """`SEL_ALL`, `SEL_HYPERSLABS`, `SEL_POINTS` or `SEL_NONE`."""
        return _TYPES[self._selection.kind]

    def select_valid(self) -> bool:
        bounds = self._bounds()
        return bounds is None or all(high < extent for high, extent in zip(bounds[1], self._shape or ()))

    def get_select_npoints(self) -> int:
        """How many elements are selected; `UNLIMITED` when as many as there will be."""
        kind = self._selection.kind
        if kind == "all":
            return self.get_simple_extent_npoints()
        if kind == "points":
            return self.get_select_elem_npoints()
        if kind == "regular":
            counts: Any = [(count, block) for _, _, count, block in self._selection.dimensions]
            if any(None in pair for pair in counts):
                return UNLIMITED
            return int(np.prod([count * block for count, block in counts], dtype=object))
        return sum(int(np.prod([high - low + 1 for low, high in zip(*box)], dtype=object)) for box in self._boxes())

    def _bounds(self) -> Optional[Tuple[Shape, Shape]]:
        if self._selection.kind == "points":
            corners = self._points()
        elif self._selection.kind == "regular":
            if not self._block_count():
                return None
            sides = [(start, start + (count - 1) * stride + block - 1)
                     for start, stride, count, block in self._limited()]
            corners = list(zip(*sides))
        else:
            corners = [corner for box in self._boxes() for corner in box]
        if not corners:
            return None
        return tuple(map(min, zip(*corners))), tuple(map(max, zip(*corners)))

    def get_select_bounds(self) -> Optional[Tuple[Shape, Shape]]:
        """The first and the last coordinates of the box around the selection; None when nothing is selected."""
        if self._shape is None:
            return None
        if not self._shape and self._selection.kind != "none":
            raise ValueError("A dataspace without axes has no bounds")
        return self._bounds()

    def is_regular_hyperslab(self) -> bool:
        """``ValueError`` unless hyperslabs are selected, as in `get_regular_hyperslab`."""
        self._expect(SEL_HYPERSLABS)
        return self._selection.kind == "regular"

    def get_regular_hyperslab(self) -> Tuple[Shape, Shape, Shape, Shape]:
        """(start, stride, count, block).  ``TypeError`` for hyperslabs that are not regular."""
        self._expect(SEL_HYPERSLABS)
        if self._selection.kind != "regular":
            raise TypeError("not a regular hyperslab selection")
        start, stride, count, block = zip(*self._selection.dimensions)
        return start, stride, tuple(map(_number, count)), tuple(map(_number, block))

    def get_select_hyper_nblocks(self) -> int:
        self._expect(SEL_HYPERSLABS)
        return self._block_count()

    def get_select_hyper_blocklist(self) -> np.ndarray:
        """Blocks, each by its first and last coordinates."""
        self._expect(SEL_HYPERSLABS)
        return np.array(list(self._boxes()), np.uint64).reshape(-1, 2, self.get_simple_extent_ndims())

    def get_select_elem_npoints(self) -> int:
        self._expect(SEL_POINTS)
        return len(self._points())

    def get_select_elem_pointlist(self) -> np.ndarray:
        """Coordinates of the selected elements."""
        self._expect(SEL_POINTS)
        return np.array(self._points(), np.uint64).reshape(-1, self.get_simple_extent_ndims())

    def _expect(self, kind: int) -> None:
        if self.get_select_type() != kind:
            raise ValueError("Not a hyperslab selection" if kind == SEL_HYPERSLABS else "Not an element selection")

    def _block_count(self) -> int:
        if self._selection.kind != "regular":
            return sum(1 for _ in self._boxes())
        return math.prod(count for _, _, count, _ in self._limited())

    def _limited(self) -> List[Tuple[int, int, int, int]]:
        """(start, stride, count, block) along each axis; ``ValueError`` for a selection without limit."""
        found = []
        for start, stride, count, block in self._selection.dimensions:
            if count is None or block is None:
                raise ValueError("a selection without limit has no list of blocks")
            found.append((start, stride, count, block))
        return found

    def _points(self) -> List[Shape]:
        rank = max(1, self.get_simple_extent_ndims())
        numbers = self._selection.points
        return [tuple(numbers[at:at + rank]) for at in range(0, len(numbers), rank)]

    def _boxes(self) -> Iterator[Tuple[Shape, Shape]]:
        """(first, last) coordinates of each block, in C order."""
        kind, rank = self._selection.kind, self.get_simple_extent_ndims()
        if kind == "all" and self.get_simple_extent_npoints():
            yield (0,) * rank, tuple(extent - 1 for extent in self._shape or ())
        if kind == "boxes":
            numbers = self._selection.boxes
            for at in range(0, len(numbers), 2 * rank):
                yield tuple(numbers[at:at + rank]), tuple(numbers[at + rank:at + 2 * rank])
        if kind == "regular":
            if self._block_count() > _MOST_BLOCKS:
                raise TooLarge(f"a selection of {self._block_count()} blocks has no list of them")
            axes = [[(at, at + block - 1) for at in range(start, start + count * stride, stride)]
                    for start, stride, count, block in self._limited()]
            for box in itertools.product(*axes):
                yield tuple(zip(*box))  # type: ignore[misc]


for _name in ("encode", "modify_select", "combine_select", "offset_simple", "select_all", "select_copy",
              "select_elements", "select_hyperslab", "select_none", "select_shape_same", "set_extent_none",
              "set_extent_simple", "extent_copy"):
    setattr(SpaceID, _name, not_served(_name, _FIXED))


def guess_shape(space: SpaceID) -> Optional[Shape]:
    """The shape that the selected elements have as an array, as h5py reads them: extents along the axes where the
    selection is a product of such, otherwise one axis; None where there is nothing to select of."""
    kind = space.get_select_type()
    if space.shape is None or (kind == SEL_NONE and not space.shape):
        return None
    if kind == SEL_ALL:
        return space.shape
    bounds = None if kind == SEL_NONE else space.get_select_bounds()
    if bounds is None:
        return (0,) * len(space.shape)
    count = space.get_select_npoints()
    if kind == SEL_POINTS:
        return (count,)
    if kind == SEL_HYPERSLABS and space.is_regular_hyperslab():
        return tuple(count * block for _, _, count, block in zip(*space.get_regular_hyperslab()))
    boxes = space.get_select_hyper_blocklist().astype(object)
    sizes = boxes[:, 1] - boxes[:, 0] + 1
    shape = []
    for axis, (low, high) in enumerate(zip(*bounds)):
        # As many as would be left over if only the first index along the axis were selected.
        first = boxes[:, 0, axis] == low
        others = np.delete(sizes[first], axis, axis=1)
        shape.append(1 if low == high else count // int(np.prod(others, axis=1, dtype=object).sum()))
    return tuple(shape) if int(np.prod(shape, dtype=object)) == count else (count,)


def as_written(value: Any) -> bool:
    """Whether a space given for reading means everything: ours, or h5py's ``h5s.ALL``."""
    return getattr(value, "id", value) == ALL and not isinstance(value, SpaceID)
