"""Many files, opened side by side."""

from __future__ import annotations

import collections
import enum
import itertools
import weakref
from typing import Any, Callable, Deque, Generic, Iterable, Iterator, List, Tuple, TypeVar, Union

from .files import File

WINDOW = 64  # files asked for and not yet there: as many calls as a server takes of one connection at once
SNAPSHOT_BYTES = 512 << 10  # of each file's tree: a window of them stays within what a server holds for one connection


class Failures(enum.Enum):
    """What becomes of the exception for a file that cannot be opened."""

    RAISED = "raised where the file would have been"
    RETURNED = "returned in the file's place"


Asked = TypeVar("Asked")


class OpenMany(Generic[Asked]):
    """What `open_many` returns: an iterator over open files, in the order in which they were asked for.

    ``with`` closes those of its files that are still open.  After an exception, iterating goes on with the next file.
    """

    def __init__(self, names: Iterable[str], ask: Callable[[str], Asked], finish: Callable[[str, Asked], File],
                 failures: Failures):
        self._names = iter(names)
        self._ask = ask
        self._finish = finish
        self._failures = failures
        self._under_way: Deque[Tuple[str, Union[Asked, Exception]]] = collections.deque()
        self._opened: List[Any] = []

    def __iter__(self) -> Iterator[Union[File, Exception]]:
        return self

    def __next__(self) -> Any:
        if len(self._under_way) <= WINDOW // 2:  # half a window at a time: calls that are sent together travel together
            for name in itertools.islice(self._names, WINDOW - len(self._under_way)):
                self._under_way.append((name, self._sent(name)))
        if not self._under_way:
            raise StopIteration
        name, asked = self._under_way.popleft()
        try:
            if isinstance(asked, Exception):
                raise asked
            file = self._finish(name, asked)
        except Exception as error:
            error.url = name  # type: ignore[attr-defined]
            if self._failures is Failures.RETURNED:
                return error
            raise
        self._opened.append(weakref.ref(file._opened))
        if len(self._opened) % 1024 == 0:
            self._opened = [opened for opened in self._opened if opened() is not None]
        return file

    def _sent(self, name: str) -> Union[Asked, Exception]:
        try:
            return self._ask(name)
        except Exception as error:  # belongs to this file: told when it is its turn
            return error

    def close(self) -> None:
        """Gives up the files that are still to come, and closes those that came."""
        self._names = iter(())
        self._under_way.clear()
        for opened in self._opened:
            if (still := opened()) is not None:
                still.close()
        self._opened.clear()

    def __enter__(self) -> "OpenMany[Asked]":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()
