"""References, low-level: what they lead to, with h5py's names of functions."""

from __future__ import annotations

from typing import Optional, Tuple

from .chunks import StoredSelection
from .errors import UnknownObject
from .h5s import SpaceID
from .located import located
from .names import encoded
from .object_id import LocatedID
from .types.references import AttributeReference, Reference, RegionReference

OBJECT, DATASET_REGION, OBJECT2, DATASET_REGION2, ATTR = range(5)


def follow(ref: Reference, id: LocatedID) -> Tuple[Optional[LocatedID], Optional[SpaceID]]:
    """What a reference names in the file that ``id`` is in, and which region of it; (None, None) for a null one or one
    to nothing.  One round trip."""
    opened = id.file_opened()
    if ref._target is not None:
        if ref._target.file != opened.key:
            return None, None
        path = ref._target.path
        return located(opened, opened.native.node(encoded(path)), path), None
    if not ref:
        opened.native
        return None, None
    try:
        found, region = opened.native.dereference(ref._token)
        made = located(opened, found, found.path())
    except UnknownObject:
        return None, None
    if not isinstance(ref, RegionReference):
        return made, None
    stored = StoredSelection(**region)
    return made, SpaceID(stored.extent, None, stored)


def dereference(ref: Reference, id: LocatedID) -> Optional[LocatedID]:
    """The identifier of the object; None for a null reference.  ``TypeError`` for anything but a reference."""
    if not isinstance(ref, Reference):
        raise TypeError(f"Argument 'ref' has incorrect type (expected Reference, got {type(ref).__name__})")
    return follow(ref, id)[0]


def get_region(ref: RegionReference, id: LocatedID) -> Optional[SpaceID]:
    """The dataspace of the object, with what the reference selects; None for a null reference.  ``TypeError`` for
    anything but a reference to a region."""
    if not isinstance(ref, RegionReference):
        raise TypeError(f"Argument 'ref' has incorrect type (expected RegionReference, got {type(ref).__name__})")
    return follow(ref, id)[1]


def get_name(ref: Reference, loc: LocatedID) -> Optional[bytes]:
    """A path of the object; None when there is none."""
    found = dereference(ref, loc)
    return encoded(found.path) if found is not None and found.path else None


def get_attr_name(ref: AttributeReference) -> bytes:
    """The name of the attribute.  ``TypeError`` for anything but a reference to an attribute.  No round trip."""
    if not isinstance(ref, AttributeReference):
        raise TypeError(f"Argument 'ref' has incorrect type (expected AttributeReference, got {type(ref).__name__})")
    return encoded(ref.attribute)
