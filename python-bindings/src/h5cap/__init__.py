"""h5cap: HDF5 files on another machine, with h5py's nouns.

>>> with h5cap.File("h5cap:///scans/scan.nxs") as file:      # one round trip, browsing included
...     frame = file["/entry/data/data"][42, :64, :64]       # one round trip, one slice

`File`, `Group`, `Dataset` and `AttributeManager` read as h5py's do; `connect` lists folders; `read` is the one-shot.
What is not served yet raises ``NotImplementedError``; nothing is silently ignored.
"""

# The package has two floors, as h5py has them, and rooms.  A module imports modules of its own room and of those before
# it, never of one after it, and none imports in a circle, within functions neither:
#
#   ground    errors, names, version; and _h5cap, the native module
#   types/    HDF5's types as NumPy's
#   low       the other modules beside this one: h5a to h5t as in h5py, object_id, located, opened, reading, ...
#   _hl/      files, groups, datasets, attributes, sessions
#   show/     what notebooks and terminals show
#   h5cap     this module: the public names, and what lower rooms are lent by higher ones
#   compat/   other libraries; imported by nobody here

import sys

from . import h5a, h5d, h5f, h5g, h5l, h5p, h5r, h5s, h5t, waiting
from ._hl import pickles
from ._hl.attrs import AttributeManager
from ._hl.base import Datatype, Display, HLObject
from ._hl.dataset import Dataset
from ._hl.files import File
from ._hl.group import Group
from ._hl.links import ExternalLink, HardLink, SoftLink
from ._hl.many import OpenMany
from ._hl.multi_block import MultiBlockSlice
from ._hl.session import DirectoryEntry, Session, connect, open_many, read
from ._hl.toplevel import VirtualLayout, VirtualSource, get_config, is_hdf5
from .chunks import StoredSelection, VDSmap
from .errors import Changed, ClosedFile, FileProblem, MissingFilter, MissingSource, TooLarge, UnreadableObject
from .h5s import UNLIMITED
from .show.completion import paths_below
from .show.notebook import html_of
from .show.progress import Progress, progress_bars
from .types.references import Reference, RegionReference
from .types.special import (Empty, check_complex_dtype, check_dtype, check_enum_dtype, check_opaque_dtype,
                            check_ref_dtype, check_string_dtype, check_vlen_dtype, complex_compat_dtype, enum_dtype,
                            opaque_dtype, special_dtype, string_dtype, string_info, vlen_dtype)
from .version import version as __version__  # noqa: F401

__all__ = [
    "AttributeManager", "Changed", "ClosedFile", "Dataset", "Datatype", "DirectoryEntry", "Empty", "ExternalLink",
    "File", "FileProblem", "Group", "HLObject", "HardLink", "MissingFilter", "MissingSource", "MultiBlockSlice",
    "OpenMany", "Reference", "RegionReference", "Session", "SoftLink", "StoredSelection", "TooLarge", "UNLIMITED",
    "UnreadableObject", "VDSmap", "VirtualLayout", "VirtualSource", "check_complex_dtype", "check_dtype",
    "check_enum_dtype", "check_opaque_dtype", "check_ref_dtype", "check_string_dtype", "check_vlen_dtype",
    "complex_compat_dtype", "connect", "enum_dtype", "get_config", "h5a", "h5d", "h5f", "h5g", "h5l", "h5p", "h5r",
    "h5s", "h5t", "is_hdf5", "opaque_dtype", "open_many", "progress_bars", "read", "ref_dtype", "regionref_dtype",
    "special_dtype", "string_dtype", "string_info", "vlen_dtype",
]

# What lower rooms need of modules that are made of theirs, and so cannot import.
HLObject._display = Display(html_of, paths_below)
pickles.open_with(File)
waiting.show_with(Progress)

# Pickles that were made before modules had rooms name them so.
for _module in ("_hl.links", "_hl.mapping_views", "_hl.multi_block", "_hl.pickles", "_hl.session", "_hl.toplevel",
                "_hl.views", "types.references", "types.special"):
    sys.modules[f"{__name__}.{_module.split('.')[1]}"] = sys.modules[f"{__name__}.{_module}"]


def __getattr__(name: str):
    if name in ("ref_dtype", "regionref_dtype"):  # which name h5py's classes as soon as h5py is loaded
        return getattr(h5t, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
