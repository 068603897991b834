"""References to objects and to regions of datasets: elements that name something else in their file.

A reference is what the file has (a token, which means something to that file only), and is followed by
``file[reference]``.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple, Optional

from ..names import FileKey


class Target(NamedTuple):
    """What a reference that `ref` made is to."""

    file: FileKey
    path: str


class Reference:
    """A reference to an object.  ``file[reference]`` is the object; false when it names nothing (null).

    Like h5py's, two of them are never equal, even to the same object.  Where h5py is loaded, ``isinstance`` takes one
    for h5py's own too; h5py's functions do not, and say so.
    """

    typecode = 0
    typesize = 8
    kind = "object"
    _token: bytes = b""  # as the file has it
    _target: Optional[Target] = None  # or, of one made by `ref`

    def __init__(self, *args: Any, **options: Any):
        """A null reference, whatever the arguments are, as in h5py."""

    @classmethod
    def _of(cls, token: bytes = b"", target: Optional[Target] = None) -> "Reference":
        made = cls()
        made._token, made._target = bytes(token), target
        return made

    @property  # type: ignore[misc]
    def __class__(self):
        # h5py's class for whoever asks isinstance(x, h5py.Reference).  Cython's own check sees through it, so that
        # nothing of ours is written into a file as a null reference.
        module = sys.modules.get("h5py.h5r")
        return getattr(module, type(self).__name__, type(self))

    def __bool__(self) -> bool:
        return self._target is not None or any(self._token)

    def __reduce__(self):
        target = self._target and (tuple(self._target.file), self._target.path)
        return _remade, (type(self), self._token, target)

    def __repr__(self) -> str:
        return f"<HDF5 {self.kind} reference{'' if self else ' (null)'}>"


class RegionReference(Reference):
    """A reference to a selection of a dataset: ``file[reference]`` is the dataset, ``dataset[reference]`` the
    elements."""

    typecode = 1
    typesize = 12
    kind = "region"

    def __repr__(self) -> str:
        return "<HDF5 region reference>" if self else "<HDF5 region reference (null>"  # h5py's words


class AttributeReference(Reference):
    """A reference to an attribute, which HDF5 1.12 and later have: ``file[reference]`` is what has the attribute, and
    ``file[reference].attrs[reference.attribute]`` its value."""

    typecode = 4
    kind = "attribute"
    attribute: str  # its name

    def __repr__(self) -> str:
        return f"<HDF5 attribute reference {self.attribute!r}>"


_KINDS = {1: Reference, 2: RegionReference, 3: AttributeReference}


def from_token(token: bytes) -> Reference:
    """The reference that a token of HDF5 1.12's type stands for, which may be to anything; empty for a null one."""
    if not token:
        return Reference()
    made = _KINDS[token[0]]._of(token)
    if isinstance(made, AttributeReference):
        made.attribute = _attribute_of(token)
    return made


def _attribute_of(token: bytes) -> str:
    size = int.from_bytes(token[4:8], "little")
    return token[8:8 + size].decode("utf-8", "surrogateescape")


def _remade(made_by, token, target) -> Reference:
    if issubclass(made_by, AttributeReference):
        return from_token(token)
    return made_by._of(token, target and Target(FileKey(*target[0]), target[1]))


def h5py_class(ours) -> type:
    """The class that dtypes name: h5py's own where h5py is loaded, so that its functions know them."""
    return getattr(sys.modules.get("h5py.h5r"), ours.__name__, ours)
