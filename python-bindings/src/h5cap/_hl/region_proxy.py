"""``object.regionref``, as h5py has it."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from ..errors import READ_ONLY
from ..h5d import DatasetID
from ..h5r import get_region
from ..h5s import guess_shape
from ..types.references import RegionReference
from .selections import select


class RegionProxy:
    """``object.regionref``: about references to regions of any dataset in the object's file."""

    def __init__(self, obj):
        self.obj = obj
        self.id = obj.id

    def __getitem__(self, args: Any):
        """Raises: ``TypeError`` unless the object is a dataset, what a wrong selection raises, and ``RuntimeError``,
        since to make a reference to a region is to write into the file."""
        if not isinstance(self.id, DatasetID):
            raise TypeError("Region references can only be made to datasets")
        select(self.id.shape or (), args if isinstance(args, tuple) else (args,))
        raise RuntimeError(f"Unable to encode region reference ({READ_ONLY})")

    def shape(self, ref: RegionReference) -> Optional[Tuple[int, ...]]:
        """The shape of the dataset that a reference is to.  One round trip.  ``AttributeError`` for a null one, as in
        h5py."""
        return get_region(ref, self.id).shape  # type: ignore[union-attr]

    def selection(self, ref: RegionReference) -> Optional[Tuple[int, ...]]:
        """The shape of what a reference selects.  One round trip.  ``AttributeError`` for a null one, as in h5py."""
        return guess_shape(get_region(ref, self.id))  # type: ignore[arg-type]
