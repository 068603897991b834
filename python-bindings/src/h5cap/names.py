"""Names and paths in a file, and addresses of files."""

from __future__ import annotations

from typing import NamedTuple, Union
from urllib.parse import quote

from . import _h5cap


class FileKey(NamedTuple):
    """Which file it is: equal for handles of the same one."""

    server: str  # as `parse_location` names it
    path: str


def encoded(name: str) -> bytes:
    """A name as the file has it: UTF-8, with whatever bytes ``surrogateescape`` stands for."""
    return name.encode("utf-8", "surrogateescape")


def shown(name: str) -> Union[str, bytes]:
    """A name as h5py shows it: bytes where it is not UTF-8."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return encoded(name)
    return name


def printable(text: str) -> str:
    """``text`` from a file or a server with everything escaped that a terminal would obey rather than show: control
    characters, marks of the direction of writing, bytes that are not UTF-8."""
    return _h5cap.printable(encoded(text))


def joined(base: str, name: str) -> str:
    """The absolute path of ``name``, seen from the group at ``base``."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not name.startswith("/"):
        parts = [part for part in base.split("/") if part] + parts
    return "/" + "/".join(parts)


def address(server: str, path: str) -> str:
    """The address of a path on a server, which is named as `parse_location` names it: "h5cap://" is the default one."""
    base = server if server.endswith("//") else server.rstrip("/")
    return f"{base}/{quote(path.lstrip('/'), errors='surrogateescape')}"
