"""Progress bars of long reads, where tqdm is installed."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import time
import warnings
from typing import Any, Optional

from ..names import printable
from ..waiting import Tick

SHOW_AFTER = 1.0  # seconds
_OFF = ("0", "no", "off", "false")

_wanted = os.environ.get("H5CAP_PROGRESS", "1").strip().lower() not in _OFF


def progress_bars(on: bool) -> None:
    """Whether reads of more than a second show a progress bar: they do where tqdm is installed, on a terminal and in a
    notebook, unless this or ``H5CAP_PROGRESS=0`` in the environment says otherwise.

    >>> h5cap.progress_bars(False)
    >>> h5cap.progress_bars(True)
    """
    global _wanted
    _wanted = bool(on)


class Progress:
    """One read, shown: what `watched` returns."""

    def __init__(self, what: str, item_bytes: Optional[int]):
        self._what = what
        self._item_bytes = item_bytes
        self._bar: Any = None

    def __enter__(self) -> Optional[Tick]:
        self._start = time.monotonic()
        return self._show if _wanted else None

    def __exit__(self, *exception: Any) -> None:
        if self._bar:
            with contextlib.suppress(Exception):
                self._bar.close()

    def _show(self, done: int, total: int) -> None:
        if self._bar is False or not total or time.monotonic() - self._start < SHOW_AFTER:
            return
        try:  # a bar that cannot be drawn is no reason for a read to fail
            scale = self._item_bytes or 1
            if self._bar is None:
                self._bar = _new_bar(self._what, total * scale, "B" if self._item_bytes else " elements") or False
            if self._bar:
                self._bar.update(done * scale - self._bar.n)
        except Exception:
            self._bar = False


def _new_bar(what: str, total: int, unit: str) -> Any:
    """A bar of tqdm's, or None without tqdm.  What is written to a file or a pipe gets none."""
    if "tqdm" not in sys.modules and importlib.util.find_spec("tqdm") is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about widgets that are not installed
        from tqdm.auto import tqdm

        in_notebook = "ipykernel" in sys.modules  # whose stderr is no terminal
        return tqdm(total=total, desc=printable(what), unit=unit, unit_scale=True, leave=False,
                    disable=False if in_notebook else None)
