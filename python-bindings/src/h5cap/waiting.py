"""What happens while a read waits: it is given up after a while, or shown to whom it keeps waiting."""

from __future__ import annotations

import contextlib
import contextvars
import time
from typing import Any, Callable, ContextManager, Iterator, Optional

from .names import printable

Tick = Callable[[int, int], None]  # (done, total), in elements, now and then by the thread that waits; may raise
Watch = Callable[[str, Optional[int]], ContextManager[Optional[Tick]]]

_give_up_at: contextvars.ContextVar[Optional[float]] = contextvars.ContextVar("h5cap_give_up_at", default=None)
_shown_by: Watch = lambda what, item_bytes: contextlib.nullcontext()  # noqa: E731


def show_with(watch: Watch) -> None:
    """Has every read of this process shown by ``watch(what, item_bytes)``, which is what `watched` says.  The package
    hands over `h5cap.show.progress`, which knows how."""
    global _shown_by
    _shown_by = watch


def watched(what: str, item_bytes: Optional[int]) -> ContextManager[Optional[Tick]]:
    """One read: ``with watched(path, item_bytes) as tick``, where ``tick`` is for the native module, or None.
    ``item_bytes`` is None where elements have no fixed size.  ``TimeoutError`` by `giving_up_after`."""
    give_up_at = _give_up_at.get()
    return _shown_by(what, item_bytes) if give_up_at is None else _Limit(what, give_up_at)


@contextlib.contextmanager
def giving_up_after(seconds: float) -> Iterator[None]:
    """Reads within it raise ``TimeoutError`` when that time is over, and are not shown."""
    token = _give_up_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _give_up_at.reset(token)


class _Limit:
    """A read that is given up."""

    def __init__(self, what: str, give_up_at: float):
        self._what = what
        self._give_up_at = give_up_at

    def __enter__(self) -> Tick:
        return self._check

    def __exit__(self, *exception: Any) -> None:
        pass

    def _check(self, done: int, total: int) -> None:
        if time.monotonic() > self._give_up_at:
            raise TimeoutError(printable(f"{self._what}: gave up"))
