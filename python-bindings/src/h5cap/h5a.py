"""Attributes, low-level: `AttrID`."""

from __future__ import annotations

from typing import Any, Dict

import numpy as np

from .h5s import SpaceID
from .h5t import TypeID, type_id
from .names import encoded
from .object_id import ObjectID, refused
from .types.dtypes import element_type


class AttrID(ObjectID):
    """An attribute: its name, type, shape and value, as they were when it was asked for."""

    def __init__(self, node, described: Dict[str, Any]):
        self._node = node
        self._described = described

    @property
    def id(self) -> int:
        return id(self)

    def __bool__(self) -> bool:
        return bool(self._node) and not self._closed

    @property
    def name(self) -> bytes:
        return encoded(self._described["name"])

    def get_name(self) -> bytes:
        return self.name

    @property
    def shape(self):
        """Extents; None for a null dataspace."""
        return self.get_space().shape

    @property
    def dtype(self) -> np.dtype:
        return element_type(self._described["type"]).dtype

    def get_type(self) -> TypeID:
        return type_id(self._described["type"])

    def get_space(self) -> SpaceID:
        space = self._described["space"]
        return SpaceID(None) if space is None else SpaceID(*space)

    def get_storage_size(self) -> int:
        """Bytes of the elements, as `TypeID.get_size` counts them."""
        return self.get_space().get_simple_extent_npoints() * self.get_type().get_size()

    def read(self, arr: np.ndarray, mtype: Any = None) -> None:
        """The value into an array, with variable-length strings as bytes."""
        kind = element_type(self._described["type"])
        elements, heap = self._described["value"]
        arr[...] = kind.from_bytes(elements, self.shape, heap)

    write = refused("write", OSError, "Unable to write attribute")
