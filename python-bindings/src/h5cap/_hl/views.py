"""Datasets seen as another dtype, as text, or field by field.  Reading one costs what reading the dataset does."""

from __future__ import annotations

import operator
from typing import Any, Callable, Iterator, Sequence, Tuple, Union

import numpy as np

from ..types.convert import check_conversion, converted
from ..types.special import Empty, check_string_dtype
from .selections import split_fields

Names = Union[str, Tuple[str, ...]]  # one field itself, or a compound of some


class _DatasetView:
    """A dataset whose elements pass a conversion."""

    def __init__(self, dataset):
        self._dataset = dataset

    @property
    def shape(self):
        return self._dataset.shape

    @property
    def ndim(self) -> int:
        return self._dataset.ndim

    @property
    def size(self):
        return self._dataset.size

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, args) -> Any:
        raise NotImplementedError

    def __iter__(self) -> Iterator[Any]:
        """As for the dataset: in blocks, all of one version."""
        return self._dataset._rows(self._read_block)

    def _read_block(self, rows: slice, version: Any) -> Tuple[Any, Any]:
        raise NotImplementedError

    def __array__(self, dtype=None, copy=True) -> np.ndarray:
        if copy is False:
            raise ValueError(f"{type(self).__name__}.__array__ received copy=False but memory allocation cannot be "
                             "avoided on read")
        return np.asarray(self[...] if self.shape != () else self[()], dtype=dtype or self.dtype)

    @property
    def dtype(self) -> np.dtype:
        raise NotImplementedError


class AsTypeView(_DatasetView):
    """``dataset.astype(dtype)``: elements converted by HDF5's rules."""

    def __init__(self, dataset, dtype):
        super().__init__(dataset)
        self._dtype = np.dtype(dtype)

    @property
    def dtype(self) -> np.dtype:
        return self._dtype

    def __getitem__(self, args) -> Any:
        if self.shape is not None:
            check_conversion(self._dataset._dataset["type"], self._dataset.dtype, self._dtype)
        return self._dataset._read(args, self._converted)

    def _read_block(self, rows: slice, version: Any) -> Tuple[Any, Any]:
        check_conversion(self._dataset._dataset["type"], self._dataset.dtype, self._dtype)
        return self._dataset._read_block(rows, version, self._converted)

    def _converted(self, array: np.ndarray) -> np.ndarray:
        return converted(array, self._dtype, self._dataset._dataset["type"])


class AsStrView(_DatasetView):
    """``dataset.asstr()``: strings decoded."""

    def __init__(self, dataset, encoding: str, errors: str):
        super().__init__(dataset)
        self.encoding = encoding
        self.errors = errors

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(object)

    def __getitem__(self, args) -> Any:
        found = self._dataset[args]
        if isinstance(found, bytes):
            return found.decode(self.encoding, self.errors)
        if isinstance(found, Empty):
            return found
        return self._decoded(found)

    def _decoded(self, found: np.ndarray) -> np.ndarray:
        texts = np.array([b.decode(self.encoding, self.errors) for b in found.flat], dtype=object)
        return texts.reshape(found.shape)

    def _read_block(self, rows: slice, version: Any) -> Tuple[Any, Any]:
        return self._dataset._read_block(rows, version, self._decoded)


class FieldsView(_DatasetView):
    """``dataset.fields(names)``: some fields of a compound."""

    def __init__(self, dataset, names: Union[str, Sequence[str]]):
        super().__init__(dataset)
        self._picked: Names = names if isinstance(names, str) else tuple(names)
        self._names: Tuple[str, ...] = (names,) if isinstance(names, str) else tuple(names)
        pick = picker(dataset.dtype, self._picked)
        self._dtype = dataset.dtype[names] if isinstance(names, str) else pick(np.empty(0, dataset.dtype)).dtype

    @property
    def dtype(self) -> np.dtype:
        return self._dtype

    def __getitem__(self, args) -> Any:
        names = split_fields(args)[1]
        for name in names:
            if name not in self._names:
                raise ValueError(f"Field {name} does not appear in this type.")
        found = self._dataset._read(args, picker(self._dataset.dtype, self._picked), self._names)
        # As in h5py, which takes the one field out of whatever came: also of nothing, and of what names took out
        # already.
        again = isinstance(self._picked, str) and (names or isinstance(found, Empty))
        return found[self._picked] if again else found

    def _read_block(self, rows: slice, version: Any) -> Tuple[Any, Any]:
        return self._dataset._read_block(rows, version, picker(self._dataset.dtype, self._picked), self._names)


def picker(dtype: np.dtype, picked: Names) -> Callable[[np.ndarray], np.ndarray]:
    """What takes a field out of an array, or some fields as a compound of them.  ``ValueError`` for fields that are not
    there, as h5py raises."""
    names = (picked,) if isinstance(picked, str) else picked
    if dtype.names is None:
        raise ValueError("Field names only allowed for compound types")
    if not names:
        raise ValueError("Size must be positive")  # of the compound that would be read
    for name in names:
        if name not in dtype.names:
            raise ValueError(f"Field {name} does not appear in this type.")
    if isinstance(picked, str):
        return operator.itemgetter(picked)
    some = np.dtype([(name, dtype[name]) for name in names])

    def pick(array: np.ndarray) -> np.ndarray:
        out = np.empty(array.shape, some)
        for name in names:
            out[name] = array[name]
        return out

    return pick


def string_view(dataset, encoding, errors: str) -> AsStrView:
    """`AsStrView` in the dataset's own encoding or another; ``TypeError`` for a dataset that holds no strings."""
    info = check_string_dtype(dataset.dtype)
    if info is None:
        raise TypeError("dset.asstr() can only be used on datasets with an HDF5 string datatype")
    return AsStrView(dataset, info.encoding if encoding is None else encoding, errors)
