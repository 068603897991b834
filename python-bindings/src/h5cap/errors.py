"""What h5cap raises: one table from the protocol's error codes to Python's exceptions.

Whatever Python has a name for is that exception (``KeyError``, ``FileNotFoundError``, ``PermissionError``,
``IndexError``, ``TypeError``, ``TimeoutError``, ``ConnectionError``, ``NotImplementedError``); problems of files are
subclasses of ``OSError``.
"""

from __future__ import annotations

import contextlib
import errno
from typing import Callable, Dict, Iterator

from .names import printable


class FileProblem(OSError):
    """Not HDF5, truncated, corrupt, or the disk failed."""


class MissingFilter(OSError):
    """The server has no decoder for a filter; the message names the filter and its number."""


class MissingSource(OSError):
    """A source of a virtual dataset is absent, and the caller asked to be told."""


class Changed(OSError):
    """The file changed while it was read, or since the version that was asked for."""


class TooLarge(OSError):
    """Can never be served: ask for less."""


class UnreadableObject(FileProblem, KeyError):
    """An object that a link leads to cannot be opened: to h5py a ``KeyError``, to h5cap a problem of a file, too."""


class DeniedObject(PermissionError, KeyError):
    """An object that a link leads to may not be read, or lies outside of what is served: to h5py a ``KeyError``, to
    h5cap a ``PermissionError``, too."""


class ClosedFile(ValueError, RuntimeError, KeyError, OSError):
    """The file was closed.  h5py raises any of these four, depending on the call and on what was asked before."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class BeyondExtent(IndexError, OSError):
    """A list of indices goes as far as the extent itself: to h5py an ``OSError``, and an ``IndexError`` from there
    on."""


class UnknownObject(KeyError):
    """No such object, attribute, link target or file: `opening` tells the last one from the others."""


_TABLE: Dict[str, Callable[[str], Exception]] = {
    "failed": RuntimeError,
    "notFound": UnknownObject,
    "denied": lambda message: PermissionError(errno.EACCES, message),
    "badSelection": IndexError,
    "badType": TypeError,
    "busy": TimeoutError,
    "deadline": TimeoutError,
    "tooLarge": TooLarge,
    "fileProblem": FileProblem,
    "missingFilter": MissingFilter,
    "missingSource": MissingSource,
    "changed": Changed,
    "disconnected": ConnectionError,
    "unimplemented": NotImplementedError,
}


def from_code(code: str, message: str) -> Exception:
    """The exception for an error of the protocol; a code from a newer peer is a ``RuntimeError``.  What the message has
    of files and peers is made printable."""
    return _TABLE.get(code, RuntimeError)(printable(message))


@contextlib.contextmanager
def opening(what: str) -> Iterator[None]:
    """Within it, "not found" is about a file or folder: ``FileNotFoundError``."""
    try:
        yield
    except UnknownObject as error:
        raise FileNotFoundError(errno.ENOENT, error.args[0], what) from None


@contextlib.contextmanager
def finding(name: str) -> Iterator[None]:
    """Within it, an object is looked up by name: what keeps it from being opened is a ``KeyError``, as in h5py."""
    try:
        yield
    except UnknownObject as error:
        raise KeyError(f"Unable to open object ({error.args[0]})") from None
    except TypeError as error:
        raise KeyError(f"Unable to open object '{name}' ({error})") from None
    except PermissionError as error:
        raise DeniedObject(error.errno, printable(f"Unable to open object '{name}' ({error.strerror})")) from None
    except FileProblem as error:
        raise UnreadableObject(printable(f"Unable to open object '{name}' ({error})")) from None


READ_ONLY = "no write intent on file: h5cap serves files read-only"
