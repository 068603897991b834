"""silx over h5cap: ``silx.io.open(url)``, ``silx.io.get_data(url)``, and its questions (`is_file`, `is_group`, …).

An address may name an object and a slice, in h5cap's way (``?path=/entry/data&slice=0``) or in silx's
(``::/entry/data[0]``).
"""

from __future__ import annotations

from typing import Any, Optional

import silx.io
import silx.io.utils
from silx.io._sliceh5 import DatasetSlice
from silx.io.url import DataUrl

import h5cap

from .address import Address, is_address, parse

_installed = False


def install() -> None:
    """Makes silx take addresses of h5cap.  Files, groups, datasets and links of h5cap are to silx what h5py's are."""
    global _installed
    if _installed:
        return
    _installed = True
    kinds = silx.io.utils.H5Type
    for made, kind in ((h5cap.File, kinds.FILE), (h5cap.Group, kinds.GROUP), (h5cap.Dataset, kinds.DATASET),
                       (h5cap.SoftLink, kinds.SOFT_LINK), (h5cap.ExternalLink, kinds.EXTERNAL_LINK),
                       (h5cap.HardLink, kinds.HARD_LINK)):
        made.h5_class = kind
    for module in silx.io, silx.io.utils:
        module.open = _or_else(module.open, open_named)
        module.get_data = _or_else(module.get_data, read_named)


def _or_else(original, ours):
    """``original`` for everything but addresses of h5cap."""

    def choosing(filename, *args, **options):
        named = _named(filename)
        return original(filename, *args, **options) if named is None else ours(named)

    choosing.__name__ = original.__name__
    choosing.__doc__ = original.__doc__
    choosing.__wrapped__ = original
    return choosing


def _named(given: Any) -> Optional[Address]:
    """What an address of h5cap names, given as a string or in a `DataUrl`; None when it is no address of h5cap."""
    if isinstance(given, DataUrl):
        if is_address(given.file_path()):
            return parse(given.file_path())._replace(inside=given.data_path(), selection=given.data_slice())
        given = given.path()  # of an address with its scheme
    if isinstance(given, str) and given.startswith("silx:"):
        given = given[len("silx:"):]
    return parse(given) if is_address(given) else None


def open_named(named: Address) -> Any:
    """What `silx.io.open` returns: a file; or an object in it, or a slice of a dataset, whose ``close`` closes the
    file.

    ``OSError`` for what is not there, as silx raises.
    """
    _, _, path, selection = named
    file = h5cap.File(named.url)
    if path in (None, "", "/"):
        if selection is not None:
            file.close()
            raise OSError(f"{named.url} has elements selected, but names no dataset")
        return file
    try:
        node = file[path]
    except PermissionError:
        file.close()
        raise
    except KeyError as error:
        file.close()
        raise OSError(f"{named.url}: {path}: {error.args[0]}") from None
    if selection is None:
        return silx.io.utils._MainNode(node, file)
    if not isinstance(node, h5cap.Dataset):
        file.close()
        raise OSError(f"{named.url} has elements selected of {path}, which is not a dataset")
    return DatasetSlice(node, selection, attrs=node.attrs)


def read_named(named: Address) -> Any:
    """What `silx.io.get_data` returns: elements of the dataset that an address names.

    ``ValueError`` when the address names no dataset, ``OSError`` for what is not there, as silx raises.
    """
    _, _, path, selection = named
    with h5cap.File(named.url) as file:
        if path is None or path not in file:
            raise ValueError(f"{named.url} has no {path}")
        node = file[path]
        if not isinstance(node, h5cap.Dataset):
            raise ValueError(f"{path} of {named.url} is not a dataset")
        return silx.io.utils.h5py_read_dataset(node, index=() if selection is None else selection)
