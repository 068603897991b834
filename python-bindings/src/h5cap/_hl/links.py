"""What ``Group.get(name, getlink=True)`` returns: links as they are stored, not followed."""

from __future__ import annotations

import os
from typing import Union

from ..names import printable


class HardLink:
    """A name of an object in the same file."""


class SoftLink:
    """A name that stands for a path in the same file, which need not exist."""

    def __init__(self, path: str):
        self._path = str(path)

    @property
    def path(self) -> str:
        return self._path

    def __repr__(self) -> str:
        return printable(f'<SoftLink to "{self.path}">')


class ExternalLink:
    """A name that stands for an object in another file, which need not exist."""

    def __init__(self, filename: Union[str, bytes, "os.PathLike[str]"], path: str):
        self._filename = os.fsdecode(filename)
        self._path = path

    @property
    def path(self) -> str:
        return self._path

    @property
    def filename(self) -> str:
        return self._filename

    def __repr__(self) -> str:
        return printable(f'<ExternalLink to "{self.path}" in file "{self.filename}">')


def link_from(described) -> object:
    """The link that the native module describes.  ``NotImplementedError`` for a link class of somebody's own."""
    name, kind, path, file, _ = described
    if kind == "hard":
        return HardLink()
    if kind == "soft":
        return SoftLink(path)
    if kind == "external":
        return ExternalLink(file, path)
    raise NotImplementedError(printable(f"'{name}' is a link of the user-defined class {path}"))
