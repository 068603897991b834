"""Other libraries over h5cap.  Nothing here is loaded by ``import h5cap``, and a library is imported only by its own
hook.

Without a hook, by entry points of the installed package:

- ``xarray.open_dataset(url, engine="h5cap")``
- ``fsspec.open("h5cap://…")``, and so kerchunk, and ``h5py.File(fsspec.open(url).open())``

Without anything: ``dask.array.from_array(dataset)``, ``pandas.DataFrame(dataset[...])``.

After ``h5cap.compat.install("h5netcdf", "nexusformat", "silx")``, or some of them, addresses of h5cap are also taken by
``h5netcdf.File``, ``nexusformat.nexus.nxload`` and ``silx.io.open``.  `install` changes those libraries in this
process: what is no address of h5cap goes where it went before.
"""

from __future__ import annotations

import importlib
import importlib.util

HOOKS = ("h5netcdf", "nexusformat", "silx")


def install(*names: str) -> None:
    """Hooks h5cap into these libraries, all of `HOOKS` that are there when none is named.  Done twice it does nothing.

    ``ValueError`` for a name that is not in `HOOKS`, ``ImportError`` for a named library that is not installed.
    """
    unknown = set(names) - set(HOOKS)
    if unknown:
        raise ValueError(f"h5cap has no hook for {', '.join(sorted(unknown))}; there are {', '.join(HOOKS)}")
    for name in names or HOOKS:
        if not names and importlib.util.find_spec(name) is None:
            continue
        importlib.import_module(f"{__name__}.{name}").install()
