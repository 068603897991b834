"""Groups and attributes as mappings, with h5py's views of names, values and pairs."""

from __future__ import annotations

import collections.abc
from typing import Any, Iterator


class MutableMappingHDF5(collections.abc.MutableMapping):
    """What is a mapping in h5py: writing into it raises."""


class _View:
    """What h5py's views have beyond those of `collections.abc`."""

    _mapping: Any

    def __reversed__(self) -> Iterator[Any]:
        for name in reversed(self._mapping):
            yield self._pick(name)

    def __iter__(self) -> Iterator[Any]:
        for name in self._mapping:
            yield self._pick(name)

    def _pick(self, name: str) -> Any:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._mapping!r})"


class KeysViewHDF5(_View, collections.abc.KeysView):
    """Names."""

    def __repr__(self) -> str:
        return f"<KeysViewHDF5 {list(self)}>"

    def _pick(self, name: str) -> str:
        return name


class ValuesViewHDF5(_View, collections.abc.ValuesView):
    """Objects or values; None for a broken link, as in h5py."""

    def __contains__(self, value: object) -> bool:
        return any(found == value for found in self)

    def _pick(self, name: str) -> Any:
        return self._mapping.get(name)


class ItemsViewHDF5(_View, collections.abc.ItemsView):
    """Pairs of a name and what `ValuesView` has for it."""

    def __contains__(self, item: Any) -> bool:
        name, value = item
        return name in self._mapping and self._mapping.get(name) == value

    def _pick(self, name: str) -> Any:
        return name, self._mapping.get(name)
