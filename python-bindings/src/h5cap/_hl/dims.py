"""Dimension scales: labels of a dataset's axes, and datasets that are attached to them."""

from __future__ import annotations

from typing import Any, Iterator, List, Tuple

from ..errors import READ_ONLY
from ..h5r import dereference
from ..names import encoded, printable
from .base import HLObject


def is_scale(dataset) -> bool:
    """Whether a dataset is a dimension scale: HDF5's rule is a string attribute ``CLASS``."""
    dataset.id.native
    value = dataset.attrs.get("CLASS")
    return _bytes(value).split(b"\0")[0] == b"DIMENSION_SCALE"


def _bytes(value: Any) -> bytes:
    return encoded(value) if isinstance(value, str) else bytes(value) if isinstance(value, bytes) else b""


def scale_name(dataset) -> str:
    """The name that a scale was given, which may be empty."""
    return _bytes(dataset.attrs.get("NAME")).decode("utf-8", "surrogateescape")


class DimensionProxy:
    """One dimension: ``label``, and its scales by name or number.

    Each answer asks for the attributes that it is made of: no round trip within a snapshot, and one a scale to find it.
    """

    def __init__(self, id_, dimension: int):
        self._id = id_
        self._dimension = dimension

    def _attribute(self, name: str) -> Any:
        return HLObject(self._id).attrs.get(name)

    @property
    def label(self) -> str:
        """The label of the axis, empty when there is none."""
        labels = self._attribute("DIMENSION_LABELS")
        if labels is None or self._dimension >= len(labels):
            return ""
        return _bytes(labels[self._dimension]).decode("utf-8", "surrogateescape")

    @label.setter
    def label(self, val: Any) -> None:
        self._id.native
        if not isinstance(val, (str, bytes)):
            raise TypeError(f"A name should be string or bytes, not {type(val)}")
        raise RuntimeError(f"Unable to set a label of a dimension ({READ_ONLY})")

    def _references(self) -> List[Any]:
        scales = self._attribute("DIMENSION_LIST")
        return [] if scales is None or self._dimension >= len(scales) else list(scales[self._dimension])

    def _scales(self) -> List[Any]:
        found = [dereference(reference, self._id) for reference in self._references()]
        if None in found:
            raise RuntimeError("Unable to iterate over scales (a reference leads nowhere)")
        file = HLObject(self._id).file
        return [file._object(scale) for scale in found]

    def __getitem__(self, item: Any):
        """A scale by number, or by name: the first of that name.  ``IndexError``, ``KeyError``; ``RuntimeError`` where
        the dimension has none at all, as in h5py."""
        if not isinstance(item, int) and not isinstance(item, (str, bytes)) and item is not None:
            raise TypeError(f"A name should be string or bytes, not {type(item)}")
        if not len(self):
            raise RuntimeError("The dimension has no scales")
        if isinstance(item, int):
            return self._scales()[item]
        for scale in self._scales():
            if item is not None and encoded(scale_name(scale)) == _bytes(item):
                return scale
        raise KeyError(item)

    def __len__(self) -> int:
        """How many scales are attached."""
        return len(self._references())

    def __iter__(self) -> Iterator[str]:
        yield from self.keys()

    def items(self) -> List[Tuple[str, Any]]:
        """Pairs of a name and a dataset."""
        return [(scale_name(scale), scale) for scale in self._scales()]

    def keys(self) -> List[str]:
        """Names, which may be empty."""
        return [name for name, _ in self.items()]

    def values(self) -> List[Any]:
        """Datasets."""
        return [scale for _, scale in self.items()]

    def attach_scale(self, dset) -> None:
        """Writing: raises ``RuntimeError``."""
        dset.id
        raise RuntimeError(f"Unable to attach a scale ({READ_ONLY})")

    def detach_scale(self, dset) -> None:
        """Writing: raises ``RuntimeError``."""
        dset.id
        raise RuntimeError(f"Unable to detach a scale ({READ_ONLY})")

    def __hash__(self) -> int:
        return hash((type(self), self._id, self._dimension))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DimensionProxy) and (self._id, self._dimension) == (other._id, other._dimension)

    def __repr__(self) -> str:
        if not self._id:
            return "<Dimension of closed HDF5 dataset>"
        return printable(f'<"{self.label}" dimension {self._dimension} of HDF5 dataset at {id(self._id)}>')


class DimensionManager:
    """``dataset.dims``: its dimensions, by number."""

    def __init__(self, parent):
        self._id = parent.id

    def __getitem__(self, index: int) -> DimensionProxy:
        """``IndexError`` beyond the last one, and no counting from the end, as in h5py."""
        if index > len(self) - 1:
            raise IndexError("Index out of range")
        if index < 0:
            raise OverflowError("can't convert negative value to unsigned int")
        return DimensionProxy(self._id, index)

    def __len__(self) -> int:
        """How many dimensions the dataset has."""
        return self._id.rank

    def __iter__(self) -> Iterator[DimensionProxy]:
        return (self[number] for number in range(len(self)))

    def create_scale(self, dset, name: str = "") -> None:
        """Writing: raises, as `Dataset.make_scale`."""
        dset.make_scale(name)

    def __repr__(self) -> str:
        if not self._id:
            return "<Dimensions of closed HDF5 dataset>"
        return f"<Dimensions of HDF5 object at {id(self._id)}>"
