"""Patterns of paths on a server."""

from __future__ import annotations

import fnmatch
import re
from typing import Any, Callable, FrozenSet, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

FLIGHT = 64  # folders asked for at once

_MAGIC = re.compile("[*?[]")


def has_magic(text: str) -> bool:
    return _MAGIC.search(text) is not None


def escaped(text: str) -> str:
    """A pattern that matches ``text`` and nothing else."""
    return _MAGIC.sub(lambda found: f"[{found[0]}]", text)


class _Folder(NamedTuple):
    path: str
    parts: FrozenSet[int]  # parts of the pattern that an entry may match
    above: Tuple[int, ...]  # fingerprints of the folders on the way that were looked into


class Pattern:
    """A pattern, made a small automaton over its parts: every folder is looked into once, whatever the pattern."""

    def __init__(self, pattern: str):
        self._root = "/" if pattern.startswith("/") else ""
        self._only_folders = pattern.endswith("/")
        self._parts: List[str] = []
        for part in pattern.split("/"):
            if part not in ("", ".") and not (part == "**" and self._parts[-1:] == ["**"]):
                self._parts.append(part)
        self._last = len(self._parts) - 1
        self._matchers = [re.compile(fnmatch.translate(part)).match if has_magic(part) else part.__eq__
                          for part in self._parts]

    def walk(self, start_list: Callable[[str], Any],
             entries_of: Callable[[Any], Optional[Iterable[Any]]]) -> Iterator[str]:
        """Paths that match, folder by folder, those near the root first.  ``start_list(path)`` asks for a folder, and
        ``entries_of`` awaits the answer: None for a folder that cannot be listed."""
        level = [self._at(_Folder(self._root, frozenset([0]), ()))] if self._parts else []
        while level:
            below: List[_Folder] = []
            for first in range(0, len(level), FLIGHT):
                flight = level[first:first + FLIGHT]
                for folder, asked in [(folder, start_list(folder.path)) for folder in flight]:
                    entries = entries_of(asked)
                    if entries is not None:
                        yield from self._look(folder, list(entries), below)
            level = below

    def _at(self, folder: _Folder) -> _Folder:
        """The folder, or the one below it that the pattern names without wildcards; ``**`` also stands for no
        folder."""
        parts = set(folder.parts)
        for index in folder.parts:
            if self._parts[index] == "**" and index < self._last:
                parts.add(index + 1)
        if len(parts) == 1:
            (index,) = parts
            if index < self._last and not has_magic(self._parts[index]):
                return self._at(_Folder(_joined(folder.path, self._parts[index]), frozenset([index + 1]), folder.above))
        return folder._replace(parts=frozenset(parts))

    def _look(self, folder: _Folder, entries: List[Any], below: List[_Folder]) -> Iterator[str]:
        # A link back to a folder on the way shows what that folder showed: names, sizes and times to the nanosecond.
        fingerprint = hash(tuple(entries))
        if fingerprint in folder.above and entries:
            return
        above = (*folder.above, fingerprint)
        for entry in entries:
            found, inside = self._match(entry, folder.parts)
            path = _joined(folder.path, entry.name)
            if found and (entry.is_dir or not self._only_folders):
                yield path + "/" if self._only_folders else path
            if inside:
                below.append(self._at(_Folder(path, frozenset(inside), above)))

    def _match(self, entry: Any, parts: FrozenSet[int]) -> Tuple[bool, Set[int]]:
        found, inside = False, set()
        for index in parts:
            part = self._parts[index]
            if entry.name.startswith(".") and not part.startswith("."):
                continue
            if part != "**" and not self._matchers[index](entry.name):
                continue
            if index == self._last:
                found = True
            if entry.is_dir and part == "**":
                inside.add(index)
            elif entry.is_dir and index < self._last:
                inside.add(index + 1)
        return found, inside


def _joined(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}" if folder else name
