"""Calls that write.  They look at their arguments as h5py's do, and raise what those raise for a file opened
read-only."""

from __future__ import annotations

import contextlib
from typing import Any, Iterator, Optional, Tuple, Union

import numpy as np

from ..errors import READ_ONLY
from ..object_id import ObjectID
from ..types.references import Reference
from ..types.special import Empty, check_ref_dtype, check_string_dtype, check_vlen_dtype
from .links import ExternalLink, SoftLink
from .selections import select

Name = Union[str, bytes, None]

_DATASET_OPTIONS = frozenset("""chunks compression shuffle fletcher32 maxshape compression_opts fillvalue scaleoffset
    track_times external track_order dcpl dapl efile_prefix virtual_prefix allow_unknown_filter rdcc_nslots rdcc_nbytes
    rdcc_w0 fill_time""".split())


def check_name(name: Any) -> None:
    """``TypeError`` for what is no name."""
    if not isinstance(name, (str, bytes)):
        raise TypeError(f"A name should be string or bytes, not {type(name)}")


def check_data(data: Any, dtype: Any = None) -> Any:
    """Data to be stored, as an array or `Empty`.  ``TypeError`` for what HDF5 has no type for."""
    if isinstance(data, Empty):
        return data
    if dtype is None and not isinstance(data, np.ndarray) and _is_all_of(data, (str, bytes, Reference)):
        return np.asarray(data, dtype=object)
    array = np.asarray(data, dtype=dtype)
    known = check_string_dtype(array.dtype) or check_vlen_dtype(array.dtype) or check_ref_dtype(array.dtype)
    if array.dtype.kind == "O" and not known and not (array.size and _is_all_of(array, (str, bytes, Reference))):
        raise TypeError(f"Object dtype {array.dtype!r} has no native HDF5 equivalent")
    if array.dtype.kind == "U":
        raise TypeError(f"No conversion path for dtype: {array.dtype!r}")
    return array


def _is_all_of(data: Any, types: Tuple[type, ...]) -> bool:
    items = data.flat if isinstance(data, np.ndarray) else data if isinstance(data, (list, tuple)) else None
    if items is None:
        return isinstance(data, types)
    return all(_is_all_of(item, types) for item in items)


class GroupWriting:
    """What `Group` has for writing."""

    id: Any

    def __setitem__(self, name: Name, obj: Any) -> None:
        if name is not None:
            check_name(name)
        self.id.native
        if hasattr(obj, "id") and isinstance(obj.id, ObjectID):
            raise OSError(f"Unable to create link ({READ_ONLY})")
        if isinstance(obj, SoftLink):
            raise OSError(f"Unable to create soft link ({READ_ONLY})")
        if isinstance(obj, ExternalLink):
            raise RuntimeError(f"Unable to create external link ({READ_ONLY})")
        if isinstance(obj, np.dtype):
            raise KeyError(f"Unable to commit datatype ({READ_ONLY})")
        self.create_dataset(None, data=obj)

    def __delitem__(self, name: Name) -> None:
        check_name(name)
        if not name:
            raise ValueError("No name (no name)")
        raise KeyError(f"Couldn't delete link ({READ_ONLY})")

    def create_group(self, name: Name, track_order: Optional[bool] = None, *,
                     track_times: Optional[bool] = False) -> Any:
        """Raises ``ValueError``, or ``TypeError`` for wrong arguments."""
        if name is not None:
            check_name(name)
        if track_times not in (True, False, None):
            raise TypeError("track_times must be either True, False, or None")
        if name is None:
            raise RuntimeError(f"Unable to create group ({READ_ONLY})")
        raise ValueError(f"Unable to create group ({READ_ONLY})")

    def create_dataset(self, name: Name, shape: Any = None, dtype: Any = None, data: Any = None, **kwds: Any) -> Any:
        """Raises ``ValueError``, or ``TypeError`` for wrong arguments."""
        if name:
            check_name(name)
        for option in kwds.keys() - _DATASET_OPTIONS:
            raise TypeError(f"create_dataset() got an unexpected keyword argument '{option}'")
        if data is not None:
            check_data(data, None if dtype is None else getattr(dtype, "dtype", dtype))
        elif shape is None and dtype is None:
            raise TypeError("One of data, shape or dtype must be specified")
        elif dtype is not None and not hasattr(dtype, "dtype"):
            np.dtype(dtype)
        raise ValueError(f"Unable to create dataset ({READ_ONLY})")

    def create_dataset_like(self, name: Name, other: Any, **kwupdate: Any) -> Any:
        """As `create_dataset`."""
        for option in ("shape", "dtype", "chunks", "compression", "compression_opts", "scaleoffset", "shuffle",
                       "fletcher32", "fillvalue"):
            kwupdate.setdefault(option, getattr(other, option))
        return self.create_dataset(name, **kwupdate)

    def create_virtual_dataset(self, name: Name, layout: Any, fillvalue: Any = None) -> Any:
        """Raises ``ValueError``, or ``AttributeError`` for what is no layout."""
        if name:
            check_name(name)
        layout.make_dataset
        raise ValueError(f"Unable to create dataset ({READ_ONLY})")

    @contextlib.contextmanager
    def build_virtual_dataset(self, name: Name, shape: Any, dtype: Any, maxshape: Any = None,
                              fillvalue: Any = None) -> Iterator[Any]:
        """Raises ``ValueError`` when it is entered."""
        raise ValueError(f"Unable to create dataset ({READ_ONLY})")
        yield  # makes it a context manager

    def move(self, source: Name, dest: Name) -> None:
        """Nothing when both are the same, else raises ``ValueError``."""
        if source == dest:
            return
        check_name(source)
        check_name(dest)
        raise ValueError(f"Unable to move link ({READ_ONLY})")

    def copy(self, source: Any, dest: Any, name: Name = None, shallow: bool = False, expand_soft: bool = False,
             expand_external: bool = False, expand_refs: bool = False, without_attrs: bool = False) -> None:
        """Raises ``RuntimeError`` within a server, and ``NotImplementedError`` into a file of h5py's."""
        is_group = hasattr(dest, "create_group")
        if not hasattr(source, "id"):
            check_name(source)
            if is_group and name is None:
                self[source]  # type: ignore[index]
        if hasattr(dest, "id") and not is_group:
            raise TypeError("Destination must be path or Group object")
        if not is_group:
            check_name(dest)
        elif not isinstance(dest, GroupWriting):
            raise NotImplementedError("copies into files of h5py's are made by reading and writing")
        raise RuntimeError(f"Unable to copy object ({READ_ONLY})")


class DatasetWriting:
    """What `Dataset` has for writing."""

    id: Any
    dtype: Any
    shape: Any

    def __setitem__(self, args: Any, val: Any) -> None:
        """Raises ``OSError``; what wrong selections and values raise; nothing when nothing is selected."""
        args = args if isinstance(args, tuple) else (args,)
        names = tuple(arg for arg in args if isinstance(arg, str))
        args = tuple(arg for arg in args if not isinstance(arg, str))
        shape = self._value_shape(names, val)
        if shape is None or self.shape is None:
            raise OSError(f"Can't write data ({READ_ONLY})")
        selection = select(self.shape, args)
        if 0 in selection.counts:
            return
        _check_broadcast(shape, selection.shape)
        raise OSError(f"Can't write data ({READ_ONLY})")

    def _value_shape(self, names: Tuple[str, ...], val: Any) -> Optional[Tuple[int, ...]]:
        """The shape of a value to write; None where it has none that counts."""
        dtype = self.dtype
        if dtype.kind == "O" or (dtype.kind == "S" and _is_all_of(val, (str,))):
            return None
        if dtype.names and len(names) == 1 and names[0] not in dtype.names:
            raise ValueError(f"No such field for indexing: {names[0]}")
        if not isinstance(val, np.ndarray):
            val = np.asarray(val, dtype=(dtype[names[0]] if dtype.names and len(names) == 1 else dtype).base)
        shape = val.shape
        if dtype.subdtype is not None:
            inner = dtype.subdtype[1]
            if shape[-len(inner):] != inner:
                raise TypeError("When writing to array types, last N dimensions have to match "
                                f"(got {shape[-len(inner):]}, but should be {inner})")
            shape = shape[:len(shape) - len(inner)]
        elif names and dtype.names is None:
            raise TypeError("Illegal slicing argument (not a compound dataset)")
        elif set(names) - set(dtype.names or ()):
            raise ValueError("Illegal slicing argument (fields not in dataset type)")
        return shape

    def write_direct(self, source: Any, source_sel: Any = None, dest_sel: Any = None) -> None:
        """Raises ``OSError``, or ``TypeError`` for shapes that do not match."""
        if self.shape is None:
            raise TypeError("Empty datasets cannot be written to")
        shape = source.shape
        shapes = []
        for extents, chosen in (shape, source_sel), (self.shape, dest_sel):
            args = chosen if isinstance(chosen, tuple) else (chosen,)
            shapes.append(extents if chosen is None else select(extents, args).shape)
        _check_broadcast(*shapes)
        raise OSError(f"Can't write data ({READ_ONLY})")

    def resize(self, size: Any, axis: Optional[int] = None) -> None:
        """Raises ``RuntimeError``, or ``TypeError`` and ``ValueError`` for wrong arguments."""
        rank = len(self.shape or ())
        if getattr(self, "chunks") is None:
            raise TypeError("Only chunked datasets can be resized")
        if axis is not None:
            if not 0 <= axis < rank:
                raise ValueError(f"Invalid axis (0 to {rank - 1} allowed)")
            try:
                int(size)
            except TypeError:
                raise TypeError("Argument must be a single int if axis is specified") from None
        elif len(tuple(size)) != rank:
            raise TypeError(f"New shape length ({len(tuple(size))}) must match dataset rank ({rank})")
        raise RuntimeError(f"Unable to change a dataset's dimensions ({READ_ONLY})")

    def make_scale(self, name: Name = "") -> None:
        """Raises ``RuntimeError``, ``KeyError`` for a scale already, as h5py."""
        check_name(name)
        if getattr(self, "is_scale"):
            raise KeyError(f"Unable to delete attribute ({READ_ONLY})")
        raise RuntimeError(f"Unable to make a dimension scale ({READ_ONLY})")


def _check_broadcast(given: Tuple[int, ...], wanted: Tuple[int, ...]) -> None:
    kept = [extent for extent in given if extent != 1]
    try:
        if np.broadcast_shapes(tuple(given), tuple(wanted)) == tuple(wanted):
            return
    except ValueError:
        pass
    if kept != [extent for extent in wanted if extent != 1]:
        raise TypeError(f"Can't broadcast {given} -> {wanted}")


class AttributeWriting:
    """What `AttributeManager` has for writing."""

    def __setitem__(self, name: Name, value: Any) -> None:
        self.create(name, value)

    def create(self, name: Name, data: Any, shape: Any = None, dtype: Any = None) -> None:
        """Raises ``OSError`` (``KeyError`` for one that exists, as h5py), or what wrong arguments raise."""
        check_name(name)
        given = check_data(data, getattr(dtype, "dtype", dtype) if dtype is not None else None)
        if shape is not None and not isinstance(given, Empty):
            shape = (shape,) if isinstance(shape, int) else tuple(shape)
            if np.prod(shape, dtype=object) != given.size:
                raise ValueError("Shape of new attribute conflicts with shape of data")
        if name in self:  # type: ignore[operator]
            raise KeyError(f"Unable to delete attribute ({READ_ONLY})")
        raise OSError(f"Unable to create attribute ({READ_ONLY})")

    def modify(self, name: Name, value: Any) -> None:
        """Raises ``OSError``, or ``TypeError`` for another shape."""
        check_name(name)
        if name not in self:  # type: ignore[operator]
            self.create(name, value)
        known = self.get_id(name)  # type: ignore[attr-defined]
        if known.shape is None:
            raise OSError("Empty attributes can't be modified")
        shape = np.shape(value)
        if shape != known.shape and not (np.prod(shape) == 1 == np.prod(known.shape)):
            raise TypeError("Shape of data is incompatible with existing attribute")
        raise OSError(f"Can't write data ({READ_ONLY})")

    def __delitem__(self, name: Name) -> None:
        check_name(name)
        raise KeyError(f"Unable to delete attribute ({READ_ONLY})")
