"""Attributes, with the values that h5py gives them."""

from __future__ import annotations

from typing import Any, Iterator, List, Union

import numpy as np

from ..errors import from_code
from ..h5a import AttrID
from ..names import encoded, shown
from ..types.dtypes import element_type
from ..types.special import Empty, check_string_dtype
from .mapping_views import ItemsViewHDF5, KeysViewHDF5, MutableMappingHDF5, ValuesViewHDF5
from .writing import AttributeWriting


def _name_of(name: Union[str, bytes]) -> bytes:
    if isinstance(name, bytes):
        return name
    if isinstance(name, str):
        return encoded(name)
    raise TypeError(f"A name should be string or bytes, not {type(name)}")


def value_of(described) -> Any:
    """The value of an attribute as the native module describes it: str for variable-length strings, NumPy's scalars and
    arrays for the rest, `Empty` for a null dataspace."""
    if "problem" in described:
        if described["type"]["class"] != "unsupported":
            element_type(described["type"])  # h5py asks for the type first, and says if there is none for it
        raise from_code(*described["problem"])
    kind = element_type(described["type"])
    if described["space"] is None:
        return Empty(kind.dtype)
    shape = described["space"][0]
    elements, heap = described["value"]
    array = kind.from_bytes(elements, shape, heap)
    info = check_string_dtype(kind.dtype.subdtype[0] if kind.dtype.subdtype else kind.dtype)
    if info is not None and info.length is None:
        texts = [b if isinstance(b, str) else b.decode("utf-8", "surrogateescape") for b in array.flat]
        array = np.array(texts, dtype=array.dtype).reshape(array.shape)
    return array[()] if array.ndim == 0 else array


class AttributeManager(AttributeWriting, MutableMappingHDF5):
    """A node's attributes as a mapping.

    Values that came with a snapshot cost no round trip, others one each; listing costs one a thousand attributes
    outside a snapshot.  Writing raises what h5py raises for a file opened read-only.

    >>> h5cap.File("h5cap:///scans/scan.nxs")["entry"].attrs["NX_class"]
    'NXentry'
    """

    def __init__(self, parent: Any):
        self._id = parent.id
        self._node = parent

    def __getitem__(self, name: Union[str, bytes]) -> Any:
        """The value.  ``KeyError`` when there is none, ``NotImplementedError`` for types not served yet."""
        return value_of(self._described(name))

    def _described(self, name: Union[str, bytes]):
        raw = _name_of(name)
        described = self._node._native.attribute(raw)
        if described is None:
            raise KeyError(f"Unable to open attribute (can't locate attribute: '{raw.decode('utf-8', 'replace')}')")
        return described

    def _names(self) -> List[Union[str, bytes]]:
        described = self._node._native.attributes()
        if self._node._info["attributes_track_order"]:
            described = sorted(described, key=lambda attribute: attribute["creation_order"])
        return [shown(attribute["name"]) for attribute in described]

    def __iter__(self) -> Iterator[Any]:
        """Names: in order of creation where the file tracks it, otherwise sorted."""
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __contains__(self, name: object) -> bool:
        raw = _name_of(name)  # type: ignore[arg-type]
        if not raw:
            raise RuntimeError("Can't determine if attribute exists by name (no attribute name)")  # as h5py
        return self._node._native.attribute(raw) is not None

    def keys(self) -> KeysViewHDF5:
        return KeysViewHDF5(self)

    def values(self) -> ValuesViewHDF5:
        return ValuesViewHDF5(self)

    def items(self) -> ItemsViewHDF5:
        return ItemsViewHDF5(self)

    def _ipython_key_completions_(self) -> List[str]:
        """Names, for tab completion within brackets."""
        return [name for name in self._names() if isinstance(name, str)]

    def get_id(self, name: Union[str, bytes]) -> AttrID:
        """The attribute's low-level identifier: its type and shape without its value.  ``KeyError`` when there is
        none."""
        return AttrID(self._node, self._described(name))

    def __repr__(self) -> str:
        if not self._node:
            return "<Attributes of closed HDF5 object>"
        return f"<Attributes of HDF5 object at {id(self._node)}>"
