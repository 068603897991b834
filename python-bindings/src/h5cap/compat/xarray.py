"""xarray over h5cap: ``xarray.open_dataset(url, engine="h5cap")``, and `open_datatree` and `open_mfdataset` as well.

Loaded by xarray itself, through an entry point.  Variables are read lazily, each selection in one round trip, and side
by side: h5cap needs no lock.  The dataset pickles, and so works with dask: what it carries is the address.
"""

from __future__ import annotations

import os
import re
from typing import Any, Dict, Iterable, Optional, Union

import xarray
from xarray.backends import BackendEntrypoint, CachingFileManager, H5NetCDFStore
from xarray.backends.common import _iter_nc_groups
from xarray.backends.store import StoreBackendEntrypoint

import h5cap

from .address import is_address, parse
from .h5netcdf import File
from .secret import Secret

_TAKEN_FOR_A_PATH = re.compile(r".*/(h5cap\+(?:unix|ssh|tcp)):/")
_SUFFIXES = (".nc", ".nc4", ".cdf", ".h5", ".hdf5", ".nxs")


class Backend(BackendEntrypoint):
    """Opens netCDF-4 files, and other HDF5 files as far as netCDF's model goes, that an h5cap server has."""

    description = "HDF5 and netCDF-4 files on an h5cap server"
    url = "https://github.com/h5cap/h5cap"
    supports_groups = True

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Whether to try when no ``engine`` is named.  xarray asks others first: name it."""
        if isinstance(filename_or_obj, h5cap.File):
            return True
        return is_address(filename_or_obj) and parse(filename_or_obj).path.endswith(_SUFFIXES)

    def open_dataset(self, filename_or_obj: Any, *, mask_and_scale: Any = True, decode_times: Any = True,
                     concat_characters: Any = True, decode_coords: Any = True,
                     drop_variables: Union[str, Iterable[str], None] = None, use_cftime: Any = None,
                     decode_timedelta: Any = None, group: Optional[str] = None, phony_dims: Optional[str] = "access",
                     decode_vlen_strings: bool = True, token: Optional[str] = None,
                     timeout: Optional[float] = None) -> xarray.Dataset:
        """``group`` is the path of a group in the file, which the address may name as well (``?path=/entry/data``);
        ``phony_dims`` names dimensions without a scale, as in h5netcdf; ``token`` and ``timeout`` are
        `h5cap.File`'s."""
        options = {"phony_dims": phony_dims, "decode_vlen_strings": decode_vlen_strings}
        store = _store(filename_or_obj, group, options, token, timeout)
        return StoreBackendEntrypoint().open_dataset(
            store, mask_and_scale=mask_and_scale, decode_times=decode_times, concat_characters=concat_characters,
            decode_coords=decode_coords, drop_variables=drop_variables, use_cftime=use_cftime,
            decode_timedelta=decode_timedelta)

    def open_groups_as_dict(self, filename_or_obj: Any, *, group: Optional[str] = None,
                            phony_dims: Optional[str] = "access", decode_vlen_strings: bool = True,
                            token: Optional[str] = None, timeout: Optional[float] = None,
                            drop_variables: Union[str, Iterable[str], None] = None,
                            **decoders: Any) -> Dict[str, xarray.Dataset]:
        """Every group of the file, or of those below ``group``, as a dataset."""
        options = {"phony_dims": phony_dims, "decode_vlen_strings": decode_vlen_strings}
        store = _store(filename_or_obj, group, options, token, timeout)
        top = store._group or "/"
        found = {}
        for path in _iter_nc_groups(store.ds, parent=top):
            below = H5NetCDFStore(store._manager, group=path, mode="r", lock=False)
            name = os.path.relpath(path, top)
            found["/" if name == "." else name] = StoreBackendEntrypoint().open_dataset(
                below, drop_variables=drop_variables, **decoders)
        return found

    def open_datatree(self, filename_or_obj: Any, **options: Any) -> "xarray.DataTree":
        return xarray.DataTree.from_dict(self.open_groups_as_dict(filename_or_obj, **options))


def _store(given: Any, group: Optional[str], options: Dict[str, Any], token: Optional[str],
           timeout: Optional[float]) -> H5NetCDFStore:
    """xarray's view of a file, or of a group of it.  ``options`` are h5netcdf's."""
    if isinstance(given, h5cap.File):
        return H5NetCDFStore(File(given, **options), group=group, mode="r", lock=False)
    named = parse(_address(os.fspath(given)))
    if named.selection is not None:
        raise ValueError(f"{given} names a slice; open the dataset and select")
    manager = file_manager(named.url, options, token, timeout)
    return H5NetCDFStore(manager, group=group or named.inside, mode="r", lock=False)


def file_manager(url: str, options: Dict[str, Any], token: Optional[str] = None,
                 timeout: Optional[float] = None) -> CachingFileManager:
    """What opens the file when it is first needed, and again in another process.  Pickled, it has no token."""
    given = {"token": None if token is None else Secret(token), "timeout": timeout}
    options = {**options, **{name: value for name, value in given.items() if value is not None}}
    return CachingFileManager(File, url, mode="r", kwargs=options)


def _address(text: str) -> str:
    """The address, also where xarray took it for a relative path: it knows no "+" in the name of a scheme, and
    `open_mfdataset` makes "…/h5cap+unix:/" of it."""
    mistaken = _TAKEN_FOR_A_PATH.search(text)
    return text if is_address(text) or mistaken is None else f"{mistaken[1]}://{text[mistaken.end():]}"
