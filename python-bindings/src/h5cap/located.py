"""Identifiers of what is found in a file."""

from __future__ import annotations

from typing import Any, Dict, Optional

from .h5d import DatasetID
from .h5g import GroupID
from .h5t import type_id
from .object_id import LocatedID
from .opened import OpenFile

_IDS = {"group": GroupID, "dataset": DatasetID}


def located(opened: OpenFile, native: Any, path: str, info: Optional[Dict[str, Any]] = None) -> LocatedID:
    """The identifier of a node that was found: `GroupID`, `DatasetID` or `TypeID`.  ``TypeError`` for what HDF5 calls
    by no such name."""
    info = native.info() if info is None else info
    kind = info["kind"]
    if kind == "named type":
        return type_id(info["type"], LocatedID(opened, native, path, info))
    if kind not in _IDS:
        raise TypeError("Unknown object type")
    return _IDS[kind](opened, native, path, info)
