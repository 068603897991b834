"""h5cap: HDF5 files on another machine, with h5py's nouns.

>>> with h5cap.File("h5cap:///raw/scan.nxs") as file:        # one round trip, browsing included   # doctest: +SKIP
...     frame = file["/entry/data/data"][42, :64, :64]       # one round trip, one slice

`File`, `Group`, `Dataset` and `AttributeManager` read as h5py's do; `connect` lists folders; `read` is the one-shot.
What is not served yet raises ``NotImplementedError``; nothing is silently ignored.
"""

from importlib.metadata import PackageNotFoundError as _PackageNotFoundError
from importlib.metadata import version as _version

from .attrs import AttributeManager
from .chunks import StoredSelection, VDSmap
from .dataset import Dataset
from .errors import Changed, ClosedFile, FileProblem, MissingFilter, MissingSource, TooLarge, UnreadableObject
from .files import File
from .group import Group
from .links import ExternalLink, HardLink, SoftLink
from .multi_block import MultiBlockSlice
from .node import Datatype
from .many import OpenMany
from .progress import progress_bars
from .session import DirectoryEntry, Session, connect, open_many, read
from .special import (Empty, check_enum_dtype, check_string_dtype, check_vlen_dtype, enum_dtype, string_dtype,
                      string_info, vlen_dtype)

try:
    __version__ = _version("h5cap")
except _PackageNotFoundError:  # a build that is not installed
    __version__ = "0.1.0"

__all__ = [
    "AttributeManager", "Changed", "ClosedFile", "Dataset", "Datatype", "DirectoryEntry", "Empty", "ExternalLink", "File",
    "FileProblem", "Group", "HardLink", "MissingFilter", "MissingSource", "MultiBlockSlice", "OpenMany", "Session", "SoftLink",
    "StoredSelection", "TooLarge", "UnreadableObject", "VDSmap", "check_enum_dtype", "check_string_dtype",
    "check_vlen_dtype", "connect", "enum_dtype", "open_many", "progress_bars", "read", "string_dtype", "string_info", "vlen_dtype",
]
