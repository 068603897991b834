"""What reads of elements ask for, and what comes."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from .chunks import Shape


class Resolved(NamedTuple):
    """A selection resolved against a shape."""

    # For the native module: a list; a mask of the whole dataset; (list, mask of what it means); points.
    axes: Any
    counts: Shape  # elements along every axis, dropped ones included
    shape: Shape  # of what is read

    @property
    def is_empty(self) -> bool:
        return 0 in self.counts


# What elements were read of: reads of one version fit together.  Opaque, for the native module.
ReadVersion = Tuple[bytes, bytes]


class Fetched(NamedTuple):
    """Elements that were read."""

    array: np.ndarray
    missing: List[str]  # absent sources of a virtual dataset, whose elements are the fill value
    version: Optional[ReadVersion]  # None where nothing had to be read


def everything(shape: Shape) -> Resolved:
    """All elements of a dataset of this shape."""
    return Resolved([None] * len(shape), shape, shape)


def fixed_axes(selection: Resolved) -> Any:
    """The axes of a selection, of the extents that it was resolved against: the dataset may have grown since."""
    if not isinstance(selection.axes, list):
        return selection.axes
    return [(0, count, 1) if axis is None else axis for axis, count in zip(selection.axes, selection.counts)]


def partial_type(described: Dict[str, Any], names: Tuple[str, ...]) -> Dict[str, Any]:
    """A compound of some fields of another, as the server packs it."""
    types = {name: member for name, _, member in described["fields"]}
    fields, size = [], 0
    for name in names:
        fields.append((name, size, types[name]))
        size += types[name]["size"]
    return {**described, "fields": fields, "size": size}


def check_target(target: np.ndarray) -> None:
    """``TypeError`` for an array that elements cannot be read into."""
    if not (target.flags.c_contiguous and target.flags.writeable):
        raise TypeError("Array must be C-contiguous and writable")


def check_broadcast(source: Shape, target: Shape) -> None:
    """``TypeError`` for shapes that differ in more than axes of one element."""
    if [extent for extent in source if extent != 1] != [extent for extent in target if extent != 1]:
        raise TypeError(f"Can't broadcast {target} -> {source}")
