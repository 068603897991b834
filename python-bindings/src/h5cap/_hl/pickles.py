"""Pickles of files, and of objects in them: address, path and version, never a credential.

Another process opens the file at its address, with the credentials of its own environment, and reads there.  A file is
opened once a process for all objects in it that arrive, however often: a task of dask costs its read and nothing more.
"""

from __future__ import annotations

import os
import pickle
import threading
from collections import OrderedDict
from typing import Any, Callable, Dict, NamedTuple, Tuple

from ..errors import Changed

_open: Callable[..., Any]  # `h5cap.File`, which is made of what is pickled here: the package hands it over


class _Whereabouts(NamedTuple):
    """What a pickle says of a file: the arguments of `_file`."""

    url: str
    version: bytes
    swmr: bool
    timeout: float
    on_missing: str


class _Held(NamedTuple):
    process: int
    whereabouts: _Whereabouts


_MOST_HELD = 32  # open files, kept for the objects that arrive next
_files: "OrderedDict[_Held, Any]" = OrderedDict()
_turns: Dict[_Held, threading.Lock] = {}  # of those who open a file, while they do; held while they wait for its server
_lock = threading.Lock()  # of both; nobody waits under it
# Another thread may hold it at a fork.
os.register_at_fork(after_in_child=_lock._at_fork_reinit)  # type: ignore[attr-defined]


def open_with(file_class: Callable[..., Any]) -> None:
    """Has files opened by ``file_class``, which is `h5cap.File`."""
    global _open
    _open = file_class


def reduced(node) -> Tuple[Callable[..., Any], Tuple[Any, ...]]:
    """What pickle keeps of a group, dataset or named datatype.  ``PicklingError`` where no path leads to it."""
    path = node.name
    if path is None:
        raise pickle.PicklingError(f"{node!r} cannot be pickled: it has no path")
    return _node, (*_whereabouts(node), path)


def reduced_file(file) -> Tuple[Callable[..., Any], Tuple[Any, ...]]:
    """What pickle keeps of a file."""
    return _file, tuple(_whereabouts(file))


def _whereabouts(node) -> _Whereabouts:
    opened, where = node._opened, node._external()
    url, info = (opened.url, opened.info) if where is None else (opened.url_of(where), where)
    options = opened.options
    return _Whereabouts(url, info["version"], options.swmr, options.timeout, options.on_missing)


def _file(url: str, version: bytes, swmr: bool, timeout: float, on_missing: str):
    """The file, opened.  `Changed` unless it still is that version, or follows a SWMR writer; what `File` raises."""
    file = _open(url, swmr=swmr, timeout=timeout, on_missing=on_missing)
    info = file._opened.info
    if info["version"] != version and not info["is_swmr"]:
        file.close()
        raise Changed(f"{url} changed since it was pickled")
    return file


def _node(*whereabouts_and_path: Any):
    """The object at a path; its file is kept open for others.  As `_file`, and ``KeyError`` when it is not there."""
    *whereabouts, path = whereabouts_and_path
    return _held_file(_Held(os.getpid(), _Whereabouts(*whereabouts)))[path]


def _held_file(held: _Held):
    """The file, opened if need be: once, and those who want the same one wait for it, but nobody else does."""
    if file := _found(held):
        return file
    with _lock:
        turn = _turns.setdefault(held, threading.Lock())
    with turn:
        try:
            file = _found(held) or _file(*held.whereabouts)
            with _lock:
                _files[held] = file
                while len(_files) > _MOST_HELD:
                    _files.popitem(last=False)
            return file
        finally:
            with _lock:
                if _turns.get(held) is turn:
                    del _turns[held]


def _found(held: _Held):
    """The file if it is held and open, as the one that was used last."""
    with _lock:
        if file := _files.pop(held, None):
            _files[held] = file
        return file
