"""Blocks at regular distances, as an index."""

from __future__ import annotations

from typing import Optional, Tuple


class MultiBlockSlice:
    """``count`` blocks of ``block`` elements, ``stride`` apart, from ``start`` on: h5py's index of that name, which
    datasets take too.  ``count`` is by default as many whole blocks as there are.

    ``ValueError`` for numbers that make no such selection.

    >>> temperatures = h5cap.File("h5cap:///scans/scan.nxs")["entry/temperatures"]
    >>> temperatures[h5cap.MultiBlockSlice(start=1, stride=10, count=3, block=2)].shape
    (6,)
    """

    def __init__(self, start: int = 0, stride: int = 1, count: Optional[int] = None, block: int = 1):
        if start < 0:
            raise ValueError("Start can't be negative")
        if stride < 1 or block < 1 or (count is not None and count < 1):
            raise ValueError("Stride, count and block can't be 0 or negative")
        if block > stride:
            raise ValueError("Blocks will overlap if block > stride")
        self.start = start
        self.stride = stride
        self.count = count
        self.block = block

    def indices(self, length: int) -> Tuple[int, int, int, int]:
        """(start, stride, count, block) along an axis.  ``ValueError`` when they do not fit into it."""
        count = (length - self.start - self.block) // self.stride + 1 if self.count is None else self.count
        if count < 1:
            raise ValueError(f"No full blocks can be selected using {self} on dimension of length {length}")
        last = self.start + (count - 1) * self.stride + self.block - 1
        if last >= length:
            raise ValueError(f"{self} range ({self.start} - {last}) extends beyond maximum index ({length - 1})")
        return self.start, self.stride, count, self.block

    def __repr__(self) -> str:
        return f"MultiBlockSlice(start={self.start}, stride={self.stride}, count={self.count}, block={self.block})"
