"""Datasets: descriptions, and elements by slicing."""

from __future__ import annotations

import sys
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, Union

import numpy as np

from ..chunks import Shape, VDSmap, chunk_slices
from ..errors import Changed
from ..h5d import DatasetID
from ..h5r import follow
from ..h5s import guess_shape
from ..names import printable
from ..reading import Fetched, ReadVersion, Resolved, check_broadcast, check_target
from ..types.references import RegionReference
from ..types.special import Empty, check_string_dtype
from .base import HLObject
from .dims import DimensionManager, is_scale
from .regions import region_selection
from .selections import select, split_fields
from .views import AsStrView, AsTypeView, FieldsView, picker, string_view
from .writing import DatasetWriting

_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 4: "szip", 6: "scaleoffset", 32000: "lzf"}
_ROWS_BYTES = 1 << 20  # read at once by iteration


class Dataset(DatasetWriting, HLObject):
    """A dataset.  What describes it costs at most one round trip in all, and none within a snapshot; each ``[...]``
    costs one (more, side by side, when it is larger than one reply).

    Shape and everything else stay as they were when first asked for, until `refresh`, as in h5py: a dataset that has
    grown is read by the shape that it had, and of one that shrank what is left.  Each read, and each loop over rows, is
    of one version of the file.  A read begins again, a few times, when the file changes meanwhile, and then raises
    `Changed`; a loop raises it at once.

    >>> data = h5cap.File("h5cap:///scans/scan.nxs")["entry/data/data"]
    >>> data.shape, data.dtype, data.chunks, data.compression
    ((50, 64, 80), dtype('uint16'), (1, 64, 80), 'gzip')
    >>> data[7, :2, ::40]
    array([[7, 7],
           [7, 7]], dtype=uint16)
    """

    _what = "dataset"
    _missing: Optional[List[str]] = None

    @property
    def _dataset(self) -> Dict[str, Any]:
        return self._info["dataset"]

    def __init__(self, bind: Any, *, readonly: bool = False):
        if not isinstance(bind, DatasetID):
            raise ValueError(f"{bind} is not a DatasetID")
        super().__init__(bind)

    @property
    def dtype(self) -> np.dtype:
        """NumPy dtype with h5py's metadata.  ``NotImplementedError`` names a type that is not served."""
        return self._id.dtype

    @property
    def _space(self) -> Optional[Tuple[Shape, Tuple[Optional[int], ...]]]:
        return self._id.space

    @property
    def shape(self) -> Optional[Shape]:
        """Extents; None for a null dataspace."""
        return self._id.shape

    @shape.setter
    def shape(self, shape) -> None:
        self.resize(shape)

    @property
    def maxshape(self) -> Optional[Tuple[Optional[int], ...]]:
        """Largest extents, None along an axis without limit."""
        return None if self._space is None else self._space[1]

    @property
    def ndim(self) -> int:
        return len(self.shape or ())

    @property
    def size(self) -> Optional[int]:
        return None if self.shape is None else int(np.prod(self.shape, dtype=object))

    @property
    def nbytes(self) -> int:
        """Bytes of the elements in NumPy's memory."""
        return 0 if self.size is None else self.size * self.dtype.itemsize

    @property
    def chunks(self) -> Optional[Shape]:
        return self._dataset["chunks"] if self._dataset["layout"] == "chunked" else None

    @property
    def _filters(self) -> Dict[str, Tuple[int, ...]]:
        return {_FILTERS.get(number, str(number)): parameters for number, _, _, parameters in self._dataset["filters"]}

    @property
    def filter_ids(self) -> Tuple[int, ...]:
        """HDF5's numbers of the filters, in the order in which they are applied when writing."""
        return tuple(number for number, _, _, _ in self._dataset["filters"])

    @property
    def filter_names(self) -> Tuple[str, ...]:
        return tuple(name for _, _, name, _ in self._dataset["filters"])

    @property
    def compression(self) -> Optional[str]:
        """'gzip', 'lzf', 'szip', 'unknown' for any filter that h5py does not know (`filter_ids` has them all), or
        None."""
        known = next((name for name in ("gzip", "lzf", "szip") if name in self._filters), None)
        return known or ("unknown" if self._filters.keys() - set(_FILTERS.values()) else None)

    @property
    def compression_opts(self) -> Any:
        name = self.compression
        if name not in self._filters:
            return None
        parameters = self._filters[name]
        if name == "gzip":
            return parameters[0]
        if name == "szip":
            return ("nn" if parameters[0] & 32 else "ec", parameters[1])
        return None  # h5py's lzf has none

    @property
    def shuffle(self) -> bool:
        return "shuffle" in self._filters

    @property
    def fletcher32(self) -> bool:
        return "fletcher32" in self._filters

    @property
    def scaleoffset(self) -> Optional[int]:
        parameters = self._filters.get("scaleoffset")
        return None if parameters is None else parameters[1]

    @property
    def external(self) -> Optional[List[Tuple[str, int, int]]]:
        """(name, offset, size) of external raw files (2**64 - 1: to its end, as h5py says it); None when there are
        none."""
        return self._dataset["external"] or None

    @property
    def fillvalue(self) -> Any:
        """What elements are that were never written."""
        return self._id.fill_value()

    @property
    def is_virtual(self) -> bool:
        return self._dataset["layout"] == "virtual"

    def virtual_sources(self) -> List[VDSmap]:
        """The mappings of a virtual dataset: at most one round trip.  ``RuntimeError`` for any other."""
        if not self.is_virtual:
            raise RuntimeError("Not a virtual dataset")
        plist = self._id.get_create_plist()
        return [VDSmap(plist.get_virtual_vspace(i), plist.get_virtual_filename(i), plist.get_virtual_dsetname(i),
                       plist.get_virtual_srcspace(i)) for i in range(plist.get_virtual_count())]

    @property
    def missing_sources(self) -> List[str]:
        """Names of the sources of a virtual dataset that are absent: file names, with ": " and the name of the dataset
        where only that is absent.  After a read through this object, those that it showed as fill; before, all: the
        server looks for every source, in one round trip.  Empty for any other dataset.
        """
        if self._missing is None:
            return self._native.missing_sources() if self.is_virtual else []
        return list(self._missing)

    @property
    def dims(self) -> Any:
        """Its dimensions: labels, and scales attached to them."""
        return DimensionManager(self)

    @property
    def is_scale(self) -> bool:
        """Whether the dataset is a dimension scale."""
        return is_scale(self)

    def refresh(self) -> None:
        """Asks for the shape and the rest as they are now: one round trip."""
        self._id.refresh()

    def flush(self) -> None:
        """Nothing is ever waiting to be written."""
        self._id.flush()

    def __len__(self) -> int:
        """The extent of the first axis.  ``OverflowError`` beyond what Python's `len` may return."""
        extent = self.len()
        if extent > sys.maxsize:
            raise OverflowError("Value too big for Python's __len__; use Dataset.len() instead.")
        return extent

    def len(self) -> int:
        """The extent of the first axis.  ``TypeError`` when there is none."""
        if self.shape is None:
            raise TypeError("object of type 'NoneType' has no len()")
        if self.shape == ():
            raise TypeError("Attempt to take len() of scalar dataset")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        """Along the first axis; a block of rows is read at once.  All rows of one loop are of one version of the file,
        or `Changed` is raised."""
        return self._rows(self._read_block)

    def _rows(self, read: Callable[[slice, Optional[ReadVersion]], Tuple[Any, Optional[ReadVersion]]]) -> Iterator[Any]:
        """The rows of blocks that ``read`` reads, each with the version of the one before."""
        if not self.shape:
            raise TypeError("Can't iterate over a scalar dataset")
        row_bytes = max(1, self.nbytes // max(1, self.shape[0]))
        rows = max(1, _ROWS_BYTES // row_bytes)
        version = None
        for start in range(0, self.shape[0], rows):
            block, version = read(slice(start, start + rows), version)
            yield from block

    def _read_block(self, rows: slice, version: Optional[ReadVersion],
                    convert: Optional[Callable[[np.ndarray], np.ndarray]] = None,
                    fields: Tuple[str, ...] = ()) -> Tuple[np.ndarray, Optional[ReadVersion]]:
        """Some rows, and the version that they are of; the next block asks for it."""
        fetched = self._fetch(select(self.shape or (), (rows,)), fields, version)
        return (fetched.array if convert is None else convert(fetched.array)), version or fetched.version

    def iter_chunks(self, sel: Any = None) -> Iterator[Tuple[slice, ...]]:
        """Slices of the chunks that meet ``sel`` (a slice or int an axis; all by default).  ``TypeError`` unless
        chunked.  Whoever reads with them makes one read of each, which may be of different versions of the file."""
        return chunk_slices(self.shape or (), self.chunks, sel)

    def __getitem__(self, args: Any, new_dtype: Any = None) -> Any:
        """Elements, by whatever h5py accepts between the brackets: integers, slices with positive steps, an ellipsis,
        one list or array of increasing indices or mask, names of fields, a reference to a region, ``()``.
        ``new_dtype`` converts them, as `astype`.

        ``IndexError``, ``TypeError`` and ``ValueError`` for what cannot be selected, before anything is sent.
        """
        return self._read(args) if new_dtype is None else AsTypeView(self, new_dtype)[args]

    def _read(self, args, convert: Optional[Callable[[np.ndarray], np.ndarray]] = None,
              fields: Tuple[str, ...] = ()) -> Any:
        positions, names = split_fields(args)
        space = self._space
        if space is None:
            if positions in ((), (Ellipsis,)) and not names:
                return Empty(self.dtype)
            raise ValueError("Empty datasets cannot be sliced")
        if names:
            convert, fields = picker(self.dtype, names[0] if len(names) == 1 else names), names
        if len(positions) == 1 and isinstance(positions[0], RegionReference):
            return self._read_region(positions[0], convert, fields)
        self.dtype  # a type without one in NumPy is an error before a selection is, as in h5py
        selection = select(space[0], positions)
        array = self._fetch(selection, fields).array
        if convert is not None:
            array = convert(array)
        if selection.shape == () and array.ndim == 0 and not (space[0] == () and positions == (Ellipsis,)):
            return array[()]
        return array

    def _read_region(self, reference: RegionReference, convert: Optional[Callable[[np.ndarray], np.ndarray]],
                     fields: Tuple[str, ...]) -> Any:
        """The elements that a reference selects: in the shape of the selection where it has one, else along one axis.
        One round trip more than other reads."""
        found, space = follow(reference, self._id)
        if found is None or found != self._id:
            raise ValueError("Region reference must point to this dataset")
        shape = None if space is None else guess_shape(space)
        if space is None or shape is None:
            return Empty(self.dtype)
        if 0 in shape:
            array = np.zeros(shape, self.dtype)
        else:
            selection = region_selection(space, self.shape or (), shape)
            array = self._fetch(selection, fields).array
            array = array.reshape(shape + array.shape[len(selection.shape):])  # elements may be arrays
        return array if convert is None else convert(array)

    def _fetch(self, selection: Resolved, fields: Tuple[str, ...] = (),
               if_version: Optional[ReadVersion] = None) -> Fetched:
        fetched = self._id.fetch(selection, fields, if_version)
        if not selection.is_empty:
            self._missing = fetched.missing
        return fetched

    def read_direct(self, dest: np.ndarray, source_sel: Any = None, dest_sel: Any = None) -> None:
        """Elements into an existing array, converted to its dtype.  ``TypeError`` when the shapes do not match, or when
        the array is not C-contiguous and writable; `Changed` when the dataset is smaller by now than `shape`."""
        positions, names = split_fields(() if source_sel is None else source_sel)
        if self._space is None:
            raise TypeError("Empty datasets have no numpy representation")
        selection = select(self._space[0], positions)
        check_target(dest)
        if dest_sel is None and not names and self._id.reads_directly(dest, selection):
            self._missing = self._id.fetch_into(selection, dest)
            return
        target = dest[() if dest_sel is None else dest_sel] if dest.shape else dest
        check_broadcast(selection.shape, target.shape)
        found = np.asarray(self.astype(dest.dtype)[positions] if dest.dtype != self.dtype else self[positions])
        if found.shape[:len(selection.shape)] != selection.shape:
            raise Changed(printable(f"{self.name}: the dataset is smaller by now than {self.shape}; refresh() it"))
        dest[... if dest_sel is None else dest_sel] = found.reshape(target.shape)

    def astype(self, dtype: Any) -> Union["Dataset", AsTypeView]:
        """The dataset with elements converted by HDF5's rules when they are read; itself where it has that dtype.
        ``TypeError`` for NumPy's strings of variable width, "T", unless it holds strings."""
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self
        if dtype.kind == "T" and check_string_dtype(self.dtype) is None:
            raise TypeError(f"dset.astype({dtype}) can only be used on datasets with an HDF5 string datatype")
        return AsTypeView(self, dtype)

    def asstr(self, encoding: Optional[str] = None, errors: str = "strict") -> AsStrView:
        """The dataset with its strings decoded to ``str``.  ``TypeError`` unless it holds strings."""
        return string_view(self, encoding, errors)

    def fields(self, names: Union[str, List[str]], *, _prior_dtype: Any = None) -> FieldsView:
        """The dataset with some of its fields.  Only these cross the wire.  ``ValueError`` for fields that are not
        there."""
        return FieldsView(self, names)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        if copy is False:
            raise ValueError("Dataset.__array__ received copy=False but memory allocation cannot be avoided on read")
        if self.shape is None:
            raise TypeError("Empty datasets have no numpy representation")
        return np.asarray((self if dtype is None else self.astype(dtype))[...])

    def __repr__(self) -> str:
        if not self:
            return "<Closed HDF5 dataset>"
        try:
            dtype = f'"{self.dtype.str}"'
        except NotImplementedError:
            dtype = "not served yet"
        return printable(f"<HDF5 dataset {self._short_name()}: shape {self.shape}, type {dtype}>")
