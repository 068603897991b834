"""h5netcdf over h5cap: ``h5cap.compat.h5netcdf.File(url)`` is an ``h5netcdf.File``; `install` makes
``h5netcdf.File(url)`` one as well.

h5netcdf follows a reference for every dimension of every variable, and for every variable of an unlimited dimension;
here they are looked up in the snapshot that came with the file.
"""

from __future__ import annotations

import weakref
from collections import ChainMap
from types import SimpleNamespace
from typing import Any, Optional, Tuple

import h5netcdf
import h5py
from h5netcdf import core
from h5netcdf.attrs import Attributes

import h5cap

from .address import is_address
from .secret import Secret
from .targets import Targets

# What h5netcdf takes from the package that a file is read with.  Dtypes of h5cap are h5py's.
_NAMESPACE = SimpleNamespace(
    __name__="h5cap", __version__=h5cap.__version__, File=h5cap.File, Group=h5cap.Group, Dataset=h5cap.Dataset,
    Datatype=h5cap.Datatype, Empty=h5cap.Empty, check_dtype=h5py.check_dtype,
    check_string_dtype=h5py.check_string_dtype, check_enum_dtype=h5py.check_enum_dtype, enum_dtype=h5py.enum_dtype,
    vlen_dtype=h5py.vlen_dtype, string_dtype=h5py.string_dtype,
    h5ds=SimpleNamespace(is_scale=lambda dataset: dataset.is_scale))
# The same by h5py's name, by which attributes are asked for their types (`get_id`).
_ATTRIBUTES_NAMESPACE = SimpleNamespace(**{**vars(_NAMESPACE), "__name__": "h5py"})
# HDF5's numbers of the classes of types that netCDF lets users define.
_COMPOUND, _ENUM, _SEQUENCE = 6, 8, 9
_installed = False


def install() -> None:
    """Makes ``h5netcdf.File`` take addresses of h5cap and files that h5cap opened."""
    global _installed
    if _installed:
        return
    _installed = True
    core.File.__new__ = staticmethod(_new_file)


def _new_file(cls, path: Any = None, *args, **options):
    """A `core.File`, or ours for what h5cap reads; Python then calls its ``__init__``."""
    ours = cls is core.File and (is_address(path) or isinstance(path, h5cap.File))
    return object.__new__(File if ours else cls)


def _type_class(dtype) -> Optional[int]:
    """The class of a type that netCDF lets users define, by its dtype; None for others."""
    if dtype.names:
        return _COMPOUND
    if h5py.check_enum_dtype(dtype):
        return _ENUM
    base = h5py.check_vlen_dtype(dtype)
    return _SEQUENCE if base is not None and h5py.check_string_dtype(dtype) is None else None


class _Attributed:
    """What has attributes: read with their HDF5 types, which say how bytes are text."""

    @property
    def attrs(self) -> Attributes:
        found = super().attrs
        found._h5py = _ATTRIBUTES_NAMESPACE
        return found


class Variable(_Attributed, core.Variable):
    """A variable of a file that h5cap reads."""

    @property
    def _h5type_identifier(self) -> Optional[int]:
        return _type_class(self._h5ds.dtype)

    def _lookup_dimensions(self) -> Tuple[str, ...]:
        attrs = self._h5ds.attrs
        is_coordinate = "_Netcdf4Coordinates" in attrs and attrs.get("CLASS") == b"DIMENSION_SCALE"
        if is_coordinate or "DIMENSION_LIST" not in attrs:
            return super()._lookup_dimensions()
        # Of several scales the last is the dimension, as in netCDF's own library.
        last = [scales[-1] if len(scales) else None for scales in attrs["DIMENSION_LIST"]]
        paths = [None if scale is None else self._root._targets.path(scale) for scale in last]
        if None in paths:
            return super()._lookup_dimensions()  # which says what is wrong
        return tuple(path.rpartition("/")[2] for path in paths)


class Dimension(core.Dimension):
    """A dimension of a file that h5cap reads."""

    @property
    def size(self) -> int:
        """The extent; of an unlimited dimension that of the longest variable along it, as in netCDF's own library."""
        size = len(self)
        if self.isunlimited():
            for reference, axis in self._h5ds.attrs.get("REFERENCE_LIST", ()):
                path = self._root._targets.path(reference)
                if path is not None:
                    size = max(size, self._root._h5file[path].shape[axis])
        return size


class Dimensions(core.Dimensions):
    """The dimensions of a group."""

    def add(self, name: str) -> None:
        self._objects[name] = Dimension(self._group, name)

    def add_phony(self, name: str, size: int) -> None:
        self._objects[name] = Dimension(self._group, name, size, create_h5ds=False, phony=True)


class _Members:
    """What groups and files have in common: whose members are ours, and user-defined types by their dtypes."""

    _variable_cls = Variable

    @property
    def _dimensions(self) -> Dimensions:
        return self.__dict__["_own_dimensions"]

    @_dimensions.setter
    def _dimensions(self, made: core.Dimensions) -> None:
        self.__dict__["_own_dimensions"] = Dimensions(self)  # in the place of those that core.Group makes

    @property
    def _group_cls(self):
        return Group

    def _add_usertype(self, h5type) -> None:
        kind = _type_class(h5type.dtype)
        if kind is not None:
            self._get_usertype_dict(kind).maps[0].add(h5type.name.split("/")[-1])

    def _get_usertype(self, h5type):
        kind = _type_class(h5type.dtype)
        return None if kind is None else self._get_usertype_dict(kind).get(h5type.name.split("/")[-1])


class Group(_Members, _Attributed, core.Group):
    """A group of a file that h5cap reads."""


class File(_Members, _Attributed, core.File):
    """An ``h5netcdf.File`` on a server.  Read-only; ``decode_vlen_strings`` and ``phony_dims`` are h5netcdf's."""

    def __init__(self, path: Any, mode: str = "r", format: str = "NETCDF4", invalid_netcdf: bool = False,
                 phony_dims: Optional[str] = None, backend: Optional[str] = None, decode_vlen_strings: bool = False,
                 **options: Any):
        """``path`` is an address, or an ``h5cap.File``, which stays open then; ``options`` are those of `h5cap.File`.

        What `h5cap.File` raises, and ``ValueError`` for options that h5netcdf does not know.
        """
        self._closed = True  # for __del__, until there is something to close
        if mode != "r":
            raise PermissionError(f"{path}: cannot be opened in mode '{mode}': h5cap serves files read-only")
        if backend not in (None, "h5cap"):
            raise ValueError(f"{path} is read with h5cap, not with backend '{backend}'")
        if phony_dims not in (None, "sort", "access"):
            raise ValueError(f"unknown value {phony_dims!r} for phony_dims")
        self._close_h5file = not isinstance(path, h5cap.File)
        if isinstance(options.get("token"), Secret):
            options["token"] = options["token"].value
        self._h5cap_file = h5cap.File(path, **options) if self._close_h5file else path
        self._targets = Targets(self._h5cap_file)
        # What h5netcdf.File.__init__ sets.
        self._h5py = _NAMESPACE
        self._backend = "h5cap"
        self._closed = False
        self._preexisting_file = True
        self._filename = self._h5cap_file.filename
        self._mode = "r"
        self._writable = False
        self._root_ref = weakref.ref(self)
        self._h5path = "/"
        self.invalid_netcdf = invalid_netcdf
        self.decode_vlen_strings = bool(decode_vlen_strings)
        self._format = "NETCDF4_CLASSIC" if "_nc3_strict" in self._h5cap_file.attrs else "NETCDF4"
        self._phony_dims_mode = phony_dims
        if phony_dims is not None:
            self._phony_dim_count = 0
        self._max_dim_id = -1
        self._all_h5groups = ChainMap(self._h5group)
        core.Group.__init__(self, self, self._h5path)
        if phony_dims == "sort":
            self._determine_phony_dimensions()

    @property
    def _h5file(self) -> h5cap.File:
        if self._closed:
            raise ValueError(f"I/O operation on {self}: {self._filename!r}")
        return self._h5cap_file

    def close(self) -> None:
        """Closes the file, unless it was given open."""
        if not self._closed:
            self._closed = True
            if self._close_h5file:
                self._h5cap_file.close()

    __del__ = close
