"""Datasets, low-level: `DatasetID`, and h5py's numbers for layouts and times."""

from __future__ import annotations

import math
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from . import _h5cap
from .chunks import Shape
from .errors import Changed
from .h5p import PropDCID
from .h5s import SpaceID, as_written
from .h5t import TypeID, type_id
from .names import printable
from .object_id import LocatedID, not_served, refused
from .reading import (Fetched, ReadVersion, Resolved, check_broadcast, check_target, everything, fixed_axes,
                      partial_type)
from .types.convert import check_conversion, converted
from .types.dtypes import ElementType, element_type
from .types.special import check_string_dtype
from .waiting import watched

COMPACT, CONTIGUOUS, CHUNKED, VIRTUAL = 0, 1, 2, 3
ALLOC_TIME_DEFAULT, ALLOC_TIME_EARLY, ALLOC_TIME_LATE, ALLOC_TIME_INCR = 0, 1, 2, 3
SPACE_STATUS_NOT_ALLOCATED, SPACE_STATUS_PART_ALLOCATED, SPACE_STATUS_ALLOCATED = 0, 1, 2
FILL_TIME_ALLOC, FILL_TIME_NEVER, FILL_TIME_IFSET = 0, 1, 2
FILL_VALUE_UNDEFINED, FILL_VALUE_DEFAULT, FILL_VALUE_USER_DEFINED = 0, 1, 2

_PLACES = "where bytes stand in the file is the server's affair; slice the dataset, or read the file's raw bytes"


class DatasetID(LocatedID):
    """A dataset's identity, and what describes it: at most one round trip in all, and none within a snapshot."""

    _element: Optional[ElementType] = None

    @property
    def _dataset(self) -> Dict[str, Any]:
        return self.info["dataset"]

    @property
    def element(self) -> ElementType:
        described = self._dataset
        if self._element is None:
            try:
                self._element = element_type(described["type"])
            except NotImplementedError as error:
                raise NotImplementedError(f"{self.path}: {error}") from None
        return self._element

    @property
    def dtype(self) -> np.dtype:
        """The NumPy dtype with h5py's metadata.  ``NotImplementedError`` names a type that is not served."""
        return self.element.dtype

    @property
    def space(self) -> Optional[Tuple[Shape, Tuple[Optional[int], ...]]]:
        """(shape, largest shape); None for a null dataspace."""
        if "why_unknown" in self._dataset:
            self.refresh()  # a virtual dataset that grows with its sources, which a snapshot does not look at
        if "why_unknown" in self._dataset:
            raise NotImplementedError(f"{self.path}: the shape is not known: {self._dataset['why_unknown']}")
        return self._dataset["space"]

    @property
    def shape(self) -> Optional[Shape]:
        """Extents; None for a null dataspace."""
        return None if self.space is None else self.space[0]

    @property
    def rank(self) -> int:
        """How many axes there are."""
        return len(self.shape or ())

    def get_type(self) -> TypeID:
        """The datatype as the file has it."""
        return type_id(self._dataset["type"])

    def get_space(self) -> SpaceID:
        """The dataspace, all of it selected."""
        return SpaceID(None) if self.space is None else SpaceID(*self.space)

    def get_create_plist(self) -> PropDCID:
        """How it was made."""
        return PropDCID(self)

    def fill_value(self) -> Any:
        """What elements are that were never written; None for sequences and references."""
        kind = self.element
        if kind.dtype == object and check_string_dtype(kind.dtype) is None:
            return None
        if self._dataset.get("fill_undefined"):
            raise RuntimeError("Can't get fill value (fill value is undefined)")
        elements, heap = self._dataset["fill"]
        if elements.size:
            return kind.from_bytes(elements, (), heap)[()]
        if check_string_dtype(kind.dtype):
            return b"" if kind.has_heap else np.bytes_(b"")
        zeros = np.zeros((), kind.dtype)
        for name in kind.dtype.names or ():  # a compound with objects: None for them, as in h5py
            if kind.dtype[name].hasobject:
                zeros[name] = None
        return zeros[()]

    def virtual_sources(self) -> List[Any]:
        """Mappings as the native module describes them: at most one round trip."""
        return self.native.virtual_sources()

    def get_storage_size(self) -> int:
        """Bytes allocated in the file.  One round trip for a chunked dataset within a snapshot, which leaves them
        out."""
        if self._dataset["layout"] == "chunked" and not self._dataset["storage_bytes"]:
            self._dataset["storage_bytes"] = self.native.refresh()["storage_bytes"]
        return self._dataset["storage_bytes"]

    def get_space_status(self) -> int:
        """`SPACE_STATUS_NOT_ALLOCATED` or `SPACE_STATUS_ALLOCATED`.  ``NotImplementedError`` where some of it may
        be."""
        if self.get_storage_size() == 0:
            return SPACE_STATUS_NOT_ALLOCATED
        if self._dataset["layout"] == "chunked":
            raise NotImplementedError("how many chunks are stored is not known")
        return SPACE_STATUS_ALLOCATED

    def get_offset(self) -> Optional[int]:
        """None where no one place in the file has the elements.  ``NotImplementedError`` where one does."""
        if self._dataset["layout"] not in ("contiguous", "compact") or self.get_storage_size() == 0:
            return None
        raise NotImplementedError(_PLACES)

    def get_num_chunks(self, space: Any = None) -> int:
        """0 where nothing was written.  ``RuntimeError`` unless chunked, ``NotImplementedError`` for what was
        written."""
        self._expect_chunks()
        if self.get_storage_size() == 0:
            return 0
        raise NotImplementedError("how many chunks are stored is not known; Dataset.iter_chunks has their places")

    def get_chunk_info(self, index: int, space: Any = None):
        """``RuntimeError`` unless chunked, else ``NotImplementedError``."""
        self._expect_chunks()
        raise NotImplementedError(_PLACES)

    def get_chunk_info_by_coord(self, chunk_offset: Any):
        """As `get_chunk_info`."""
        self._expect_chunks()
        raise NotImplementedError(_PLACES)

    def _expect_chunks(self) -> None:
        if self._dataset["layout"] != "chunked":
            raise RuntimeError("Can't get number of chunks (not a chunked dataset)")

    chunk_iter = not_served("chunk_iter", _PLACES)
    read_direct_chunk = not_served("read_direct_chunk", _PLACES)
    get_access_plist = not_served("get_access_plist", "a remote dataset has no chunk cache")

    def read(self, mspace: Any, fspace: Any, arr_obj: np.ndarray, mtype: Any = None, dxpl: Any = None) -> None:
        """All elements into an array, converted to its dtype.  ``NotImplementedError`` for parts: slice the dataset."""
        if not (as_written(mspace) and as_written(fspace)) or mtype is not None or dxpl is not None:
            raise NotImplementedError("low-level reads are of whole datasets; slice the dataset for less")
        shape = self.shape
        if shape is None:
            raise TypeError("Empty datasets have no numpy representation")
        check_target(arr_obj)
        if self.reads_directly(arr_obj, everything(shape)):
            self.fetch_into(everything(shape), arr_obj)
            return
        check_broadcast(shape, arr_obj.shape)
        check_conversion(self._dataset["type"], self.dtype, arr_obj.dtype)
        fetched = self.fetch(everything(shape)).array
        if fetched.shape[:len(shape)] != shape:
            raise self._changed(fetched.shape, everything(shape))
        found = converted(fetched, arr_obj.dtype, self._dataset["type"])
        arr_obj[...] = found.reshape(arr_obj.shape)

    def fetch(self, selection: Resolved, fields: Tuple[str, ...] = (),
              if_version: Optional[ReadVersion] = None) -> Fetched:
        """The selected elements, of compounds with only these fields when there are any: one round trip, none when
        nothing is selected.  All are of one version, that of ``if_version`` if it is given.

        Extents are those that are known here: what a dataset has grown by since is not read, and of one that shrank
        what is left comes, in a smaller shape.  `Changed` where nothing of the kind is possible, or when the file keeps
        changing, `MissingSource` where absent sources raise."""
        if fields == ("r", "i"):
            fields = ()  # alone they would be a complex number
        kind = element_type(partial_type(self._dataset["type"], fields)) if fields else self.element
        if selection.is_empty:
            return Fetched(np.empty(selection.shape, kind.dtype), [], if_version)
        if kind.has_heap:
            with watched(self.path, None) as tick:
                _, shape, elements, heap, missing, version = _h5cap.read(
                    self.native, fixed_axes(selection), raise_missing=self._raises_missing, progress=tick,
                    fields=fields, if_version=if_version)
            self._verify(shape, selection)
            return Fetched(kind.from_bytes(elements, shape, heap), missing, version)
        packed = kind.empty(selection.shape)
        shape, missing, version = self._read_into(selection, packed, fields, if_version)
        self._verify(shape, selection)
        if shape != selection.shape:
            items = packed.shape[len(selection.shape):]  # elements may be arrays
            packed = packed.reshape(-1, *items)[:math.prod(shape)].reshape(shape + items)
        return Fetched(kind.from_packed(packed), missing, version)

    def fetch_into(self, selection: Resolved, target: np.ndarray, fields: Tuple[str, ...] = ()) -> List[str]:
        """Packed elements into memory of the caller's, which is contiguous; the absent sources, as in `Fetched`.  One
        round trip, and what `fetch` raises; `Changed` also when the dataset has become too small."""
        shape, missing, _ = self._read_into(selection, target, fields, None)
        if shape != selection.shape:
            raise self._changed(shape, selection)
        return missing

    def _read_into(self, selection: Resolved, target: np.ndarray, fields: Tuple[str, ...],
                   if_version: Optional[ReadVersion]) -> Tuple[Shape, List[str], ReadVersion]:
        memory = target.reshape(-1).view(np.uint8)
        with watched(self.path, target.dtype.itemsize) as tick:
            return _h5cap.read_into(self.native, fixed_axes(selection), memory, raise_missing=self._raises_missing,
                                    progress=tick, fields=fields, if_version=if_version)

    def reads_directly(self, target: np.ndarray, selection: Resolved) -> bool:
        """Whether selected elements are the bytes of such an array, as they come."""
        return (self.element.is_plain and target.dtype == self.dtype and target.shape == selection.shape
                and not selection.is_empty)

    @property
    def _raises_missing(self) -> bool:
        return self.opened.options.on_missing == "raise"

    def _verify(self, shape: Shape, selection: Resolved) -> None:
        """What came is what was selected, or what is left of it."""
        if len(shape) != len(selection.shape) or any(a > b for a, b in zip(shape, selection.shape)):
            raise self._changed(shape, selection)

    def _changed(self, shape: Shape, selection: Resolved) -> Changed:
        return Changed(printable(
            f"{self.path}: the elements came in shape {shape} instead of {selection.shape}; refresh() it"))

    def refresh(self) -> None:
        """Asks for the shape and the rest as they are now: one round trip."""
        described = self.native.refresh()
        self.info["dataset"] = described
        self._element = None

    def flush(self) -> None:
        """Nothing is ever waiting to be written."""
        self.native

    write = refused("write", OSError, "Can't synchronously write data")
    write_direct_chunk = refused("write_direct_chunk", OSError, "Can't write unprocessed chunk data")
    set_extent = refused("set_extent", RuntimeError, "Unable to synchronously change a dataset's dimensions")
    extend = refused("extend", RuntimeError, "Unable to synchronously change a dataset's dimensions")
