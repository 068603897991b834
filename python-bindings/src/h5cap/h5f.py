"""Files, low-level: `FileID`."""

from __future__ import annotations

from typing import Tuple

from .h5g import GroupID
from .h5p import PropFAID, PropFCID
from .names import encoded
from .object_id import not_served, refused
from .opened import VERSIONS

ACC_RDONLY, ACC_RDWR, ACC_SWMR_WRITE, ACC_SWMR_READ = 0, 1, 0x20, 0x40


class FileID(GroupID):
    """A file's identity; it is its root group's, too."""

    @property
    def name(self) -> bytes:
        """The address that the file was opened by."""
        self.native
        return encoded(self.opened.url)

    def libver_bounds(self) -> Tuple[int, int]:
        """The formats that are read, as numbers: as they were asked for, or from the oldest to that of the server's
        libhdf5."""
        asked = self.opened.access.libver
        if asked is not None:
            return VERSIONS.index(asked[0]), VERSIONS.index(asked[1])
        numbers = self.opened.info["library_version"].split(".")
        name = f"v{numbers[0]}{int(numbers[1]):02d}" if len(numbers) > 1 and numbers[1].isdigit() else "earliest"
        return 0, VERSIONS.index(name) if name in VERSIONS else len(VERSIONS) - 1

    def get_create_plist(self) -> PropFCID:
        """How it was made."""
        return PropFCID(self.info, self.opened.info["userblock_size"])

    def get_access_plist(self) -> PropFAID:
        """How it was opened."""
        self.native
        return PropFAID(self.libver_bounds(), self.opened.access)

    def get_intent(self) -> int:
        """`ACC_RDONLY`, with `ACC_SWMR_READ` for a file opened with ``swmr=True``."""
        self.native
        return ACC_SWMR_READ if self.opened.options.swmr else ACC_RDONLY

    def get_filesize(self) -> int:
        """Bytes of the file when it was opened."""
        self.native
        return self.opened.info["size"]

    def reopen(self) -> "FileID":
        self.native
        return FileID(self.opened, self._native, self.path, self._described)

    def close(self) -> None:
        """Closes the file and everything reached through it."""
        self.opened.close()

    start_swmr_write = refused("start_swmr_write", RuntimeError, "Unable to start swmr writing")
    set_mdc_config = refused("set_mdc_config", RuntimeError, "Unable to set metadata cache configuration")


_LOCAL = "the file is opened by the server"
for _name in ("get_file_image", "get_freespace", "get_vfd_handle", "get_mdc_config", "get_mdc_hit_rate", "get_mdc_size",
              "get_page_buffering_stats", "reset_mdc_hit_rate_stats", "reset_page_buffering_stats"):
    setattr(FileID, _name, not_served(_name, _LOCAL))
