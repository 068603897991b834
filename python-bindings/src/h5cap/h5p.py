"""Property lists: what is known of how an object was made.  `PropDCID` of datasets, `PropGCID` of groups, `PropFCID`
and `PropFAID` of files.  What the protocol does not carry raises ``NotImplementedError``."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from .chunks import StoredSelection
from .h5s import SpaceID
from .object_id import ObjectID, not_served
from .opened import AccessOptions

CRT_ORDER_TRACKED, CRT_ORDER_INDEXED = 1, 2

_TRACKED = CRT_ORDER_TRACKED | CRT_ORDER_INDEXED
_LAYOUTS = {"compact": 0, "contiguous": 1, "external": 1, "chunked": 2, "virtual": 3}
_FILL_TIMES = {"allocation": 0, "never": 1, "if set": 2}
_NOT_CARRIED = "the protocol does not carry it"


class PropID(ObjectID):
    """A property list.  Equal to one of the same class with the same facts."""

    @property
    def id(self) -> int:
        return id(self)

    def _facts(self) -> Any:
        return id(self)

    def equal(self, plist) -> bool:
        return type(plist) is type(self) and plist._facts() == self._facts()

    def copy(self):
        return self

    def __eq__(self, other: object) -> bool:
        return self.equal(other)

    __hash__ = None  # type: ignore[assignment]

    get_class = not_served("get_class", "property lists of remote objects have no class lists")


class PropOCID(PropID):
    """How an object was made."""

    def __init__(self, info: Dict[str, Any]):
        self._info = info

    def get_attr_creation_order(self) -> int:
        """`CRT_ORDER_TRACKED` and `CRT_ORDER_INDEXED`, or 0."""
        return _TRACKED if self._info["attributes_track_order"] else 0

    get_attr_phase_change = not_served("get_attr_phase_change", _NOT_CARRIED)
    get_obj_track_times = not_served("get_obj_track_times", _NOT_CARRIED)

    def _facts(self) -> Any:
        return self.get_attr_creation_order()


class PropGCID(PropOCID):
    """How a group was made."""

    def get_link_creation_order(self) -> int:
        """`CRT_ORDER_TRACKED` and `CRT_ORDER_INDEXED`, or 0."""
        return _TRACKED if self._info["tracks_order"] else 0

    def _facts(self) -> Any:
        return super()._facts(), self.get_link_creation_order()


class PropFCID(PropGCID):
    """How a file was made."""

    def __init__(self, info: Dict[str, Any], userblock_size: int):
        super().__init__(info)
        self._userblock_size = userblock_size

    def get_userblock(self) -> int:
        """Bytes before the HDF5 part of the file."""
        return self._userblock_size

    get_version = not_served("get_version", _NOT_CARRIED)
    get_sizes = not_served("get_sizes", _NOT_CARRIED)
    get_file_space_strategy = not_served("get_file_space_strategy", _NOT_CARRIED)
    get_file_space_page_size = not_served("get_file_space_page_size", _NOT_CARRIED)


class PropFAID(PropID):
    """How a file was opened: by the server, read-only."""

    def __init__(self, libver: Tuple[int, int], access: AccessOptions):
        self._libver = libver
        self._access = access

    def get_libver_bounds(self) -> Tuple[int, int]:
        """Numbers of the oldest and the newest version of HDF5 whose format is read."""
        return self._libver

    def get_cache(self) -> Tuple[int, int, int, float]:
        """The chunk cache as it was asked for; the one that is used is the server's."""
        return self._access.cache

    def get_meta_block_size(self) -> int:
        return self._access.meta_block_size

    def _facts(self) -> Any:
        return self._libver, self._access


for _name in ("get_driver", "get_alignment", "get_fapl_core", "get_fapl_family", "get_fclose_degree",
              "get_file_locking", "get_mdc_config", "get_page_buffer_size", "get_sieve_buf_size"):
    setattr(PropFAID, _name, not_served(_name, "the file is opened by the server"))


class PropDCID(PropOCID):
    """How a dataset was made.  Costs no round trip, but for the mappings of a virtual dataset, which may cost one."""

    def __init__(self, dataset):
        super().__init__(dataset.info)
        self._dataset_id = dataset
        self._dataset: Dict[str, Any] = dataset.info["dataset"]
        self._sources: Optional[List[Any]] = None

    def _facts(self) -> Any:
        known = self._dataset
        return (super()._facts(), known["layout"], known["chunks"], known["filters"], known["external"],
                known["fill"][0].tobytes(), known["fill"][1], known["fill_time"])

    def get_layout(self) -> int:
        """`h5d.COMPACT`, `CONTIGUOUS` (external raw files too), `CHUNKED` or `VIRTUAL`."""
        return _LAYOUTS[self._dataset["layout"]]

    def get_chunk(self) -> Tuple[int, ...]:
        """The shape of a chunk.  ``ValueError`` unless chunked."""
        if self._dataset["layout"] != "chunked":
            raise ValueError("Not a chunked storage layout (not a chunked storage layout)")
        return self._dataset["chunks"]

    # Filters, in the order in which they are applied when writing.

    def get_nfilters(self) -> int:
        return len(self._dataset["filters"])

    def get_filter(self, filter_idx: int) -> Tuple[int, int, Tuple[int, ...], bytes]:
        """(number, flags, parameters, name).  ``ValueError`` beyond the last one."""
        if not 0 <= filter_idx < self.get_nfilters():
            raise ValueError("Filter number is invalid (filter number is invalid)")
        number, flags, name, parameters = self._dataset["filters"][filter_idx]
        return number, flags, parameters, name.encode("utf-8", "surrogateescape")

    def get_filter_by_id(self, filter_code: int) -> Optional[Tuple[int, Tuple[int, ...], bytes]]:
        """(flags, parameters, name) of a filter by its number; None when it is not there."""
        for number, flags, name, parameters in self._dataset["filters"]:
            if number == filter_code:
                return flags, parameters, name.encode("utf-8", "surrogateescape")
        return None

    def all_filters_avail(self) -> bool:
        raise NotImplementedError("whether the server has a filter shows when elements are read")

    # Fill value.

    def fill_value_defined(self) -> int:
        """`h5d.FILL_VALUE_USER_DEFINED`, `FILL_VALUE_DEFAULT` or `FILL_VALUE_UNDEFINED`."""
        return 0 if self._dataset.get("fill_undefined") else 2 if self._dataset["fill_defined"] else 1

    def get_fill_time(self) -> int:
        """`h5d.FILL_TIME_ALLOC`, `FILL_TIME_NEVER` or `FILL_TIME_IFSET`."""
        return _FILL_TIMES[self._dataset["fill_time"]]

    def get_fill_value(self, value: np.ndarray) -> None:
        """Puts the fill value into the first element of an array."""
        value.reshape(-1)[:1] = self._dataset_id.fill_value()

    get_alloc_time = not_served("get_alloc_time", _NOT_CARRIED)

    # External raw files.

    def get_external_count(self) -> int:
        return len(self._dataset["external"])

    def get_external(self, idx: int = 0) -> Tuple[bytes, int, int]:
        """(name, offset, size).  ``ValueError`` beyond the last one."""
        if not 0 <= idx < self.get_external_count():
            raise ValueError("External file index is out of range (external file index is out of range)")
        name, offset, size = self._dataset["external"][idx]
        return name.encode("utf-8", "surrogateescape"), offset, size

    # Mappings of a virtual dataset.

    def _mappings(self) -> List[Any]:
        if self._dataset["layout"] != "virtual":
            raise ValueError("Not a virtual storage layout (not a virtual storage layout)")
        if self._sources is None:
            self._sources = self._dataset_id.virtual_sources()
        return self._sources

    def _mapping(self, index: int) -> Any:
        mappings = self._mappings()
        if not 0 <= index < len(mappings):
            raise ValueError("Invalid mapping index (invalid index number)")
        return mappings[index]

    def get_virtual_count(self) -> int:
        return len(self._mappings())

    def get_virtual_filename(self, index: int = 0) -> str:
        return self._mapping(index)[0]

    def get_virtual_dsetname(self, index: int = 0) -> str:
        return self._mapping(index)[1]

    def get_virtual_vspace(self, index: int = 0) -> SpaceID:
        return _space(self._mapping(index)[2])

    def get_virtual_srcspace(self, index: int = 0) -> SpaceID:
        return _space(self._mapping(index)[3])


def _space(described: Dict[str, Any]) -> SpaceID:
    stored = StoredSelection(**described)
    return SpaceID(stored.extent, None, stored)
