"""h5py's special dtypes: NumPy dtypes whose metadata says what HDF5 knows and NumPy does not.  Those made here and
those made by h5py are the same."""

from __future__ import annotations

import codecs
from typing import Any, Dict, NamedTuple, Optional, Tuple

import numpy as np

from .references import Reference, RegionReference, h5py_class


class string_info(NamedTuple):
    """What is known about a string type; ``length`` is None for variable-length strings."""

    encoding: str
    length: Optional[int]


def string_dtype(encoding: str = "utf-8", length: Optional[int] = None) -> np.dtype:
    """The dtype of HDF5 strings.  ``ValueError`` for an encoding other than ascii and utf-8.

    >>> h5cap.string_dtype("ascii", 10)
    dtype('S10')
    """
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        name = encoding
    if name not in ("ascii", "utf-8"):
        raise ValueError(f"Invalid encoding ({name!r}); 'utf-8' or 'ascii' allowed")
    if isinstance(length, int):
        return np.dtype(f"|S{length}", metadata={"h5py_encoding": name})
    if length is not None:
        raise TypeError(f"length must be integer or None (got {length!r})")
    return np.dtype("O", metadata={"vlen": bytes if name == "ascii" else str})


def vlen_dtype(basetype: Any) -> np.dtype:
    """The dtype of variable-length sequences of ``basetype``, which is kept as it is given.

    >>> h5cap.vlen_dtype("i4").metadata
    mappingproxy({'vlen': 'i4'})
    """
    return np.dtype("O", metadata={"vlen": basetype})


def enum_dtype(values_dict: Dict[str, int], basetype: Any = np.uint8) -> np.dtype:
    """The dtype of an enumeration over an integer type.  ``TypeError`` for any other type.

    >>> h5cap.enum_dtype({"OFF": 0, "ON": 1})
    dtype('uint8')
    """
    basetype = np.dtype(basetype)
    if basetype.kind not in "iu":
        raise TypeError("Only integer types can be used as enums")
    return np.dtype(basetype, metadata={"enum": values_dict})


def opaque_dtype(np_dtype: Any) -> np.dtype:
    """The dtype, marked as stored in an HDF5 opaque type.  ``TypeError`` for Python objects."""
    dtype = np.dtype(np_dtype)
    if np.issubdtype(dtype, np.object_):
        raise TypeError("Cannot store numpy object arrays as opaque data")
    return np.dtype(dtype, metadata={"h5py_opaque": True})


def complex_compat_dtype(complex_dtype: Any, names: Tuple[str, str] = ("r", "i")) -> np.dtype:
    """The compound of two floats that stands for complex numbers.  ``TypeError`` for a dtype that is not complex."""
    dtype = np.dtype(complex_dtype)
    if dtype.kind != "c":
        raise TypeError(f"{dtype!r} is not a complex dtype")
    part = np.dtype(f"{dtype.byteorder}f{dtype.itemsize // 2}")
    return np.dtype([(names[0], part), (names[1], part)])


def ref_dtype() -> np.dtype:
    """The dtype of references to objects."""
    return np.dtype("O", metadata={"ref": h5py_class(Reference)})


def regionref_dtype() -> np.dtype:
    """The dtype of references to regions."""
    return np.dtype("O", metadata={"ref": h5py_class(RegionReference)})


def _metadata(dt: np.dtype, key: str):
    return (getattr(dt, "metadata", None) or {}).get(key)


def check_string_dtype(dt: np.dtype) -> Optional[string_info]:
    """The ``string_info`` of a string dtype; None for any other.

    >>> h5cap.check_string_dtype(h5cap.string_dtype())
    string_info(encoding='utf-8', length=None)
    """
    vlen = check_vlen_dtype(dt)
    if vlen is str:
        return string_info("utf-8", None)
    if vlen is bytes:
        return string_info("ascii", None)
    if dt.kind == "S":
        return string_info(_metadata(dt, "h5py_encoding") or "ascii", dt.itemsize)
    return None


def check_vlen_dtype(dt: Any) -> Any:
    """The base of a dtype of sequences (``str`` or ``bytes`` of variable-length strings); None for any other.

    >>> h5cap.check_vlen_dtype(h5cap.vlen_dtype(np.dtype("int32")))
    dtype('int32')
    """
    return _metadata(dt, "vlen") if dt.kind == "O" else None


def check_enum_dtype(dt: np.dtype) -> Optional[Dict[str, int]]:
    """The members of an enumeration; None for any other dtype.

    >>> h5cap.check_enum_dtype(h5cap.enum_dtype({"OFF": 0, "ON": 1}))
    {'OFF': 0, 'ON': 1}
    """
    return _metadata(dt, "enum")


def check_opaque_dtype(dt: np.dtype) -> bool:
    """Whether the dtype is marked as stored in an HDF5 opaque type."""
    return bool(_metadata(dt, "h5py_opaque"))


def check_ref_dtype(dt: Any) -> Optional[type]:
    """The class of references that a dtype is of; None for any other dtype."""
    return _metadata(dt, "ref")


def check_complex_dtype(dt: np.dtype, names: Optional[Tuple[str, str]] = ("r", "i")) -> Optional[np.dtype]:
    """The complex dtype that ``dt`` is, or stands for as a compound of two equal floats called ``names`` (None:
    anything); None for any other."""
    if dt.kind == "c":
        return dt
    if dt.names is None or dt.fields is None or len(dt.names) != 2 or (names is not None and dt.names != tuple(names)):
        return None
    parts = [dt.fields[name] for name in dt.names]
    real = parts[0][0]
    if real.kind != "f" or real.itemsize == 2 or parts[1][0] != real:
        return None
    if [part[1] for part in parts] != [0, real.itemsize]:
        return None
    return np.dtype(f"{real.byteorder}c{2 * real.itemsize}")


def special_dtype(**kwds: Any) -> np.dtype:
    """By one keyword: ``vlen=base``, ``enum=(base, values)`` or ``ref=class``.  `string_dtype` and its like say it
    better."""
    if len(kwds) != 1:
        raise TypeError("Exactly one keyword may be provided")
    name, value = kwds.popitem()
    if name == "vlen":
        return np.dtype("O", metadata={"vlen": value})
    if name == "enum":
        try:
            base, values = value
        except TypeError:
            raise TypeError("Enums must be created from a 2-tuple (basetype, values_dict)") from None
        return enum_dtype(values, base)
    if name == "ref":
        if value not in (Reference, RegionReference, h5py_class(Reference), h5py_class(RegionReference)):
            raise ValueError("Ref class must be Reference or RegionReference")
        return ref_dtype() if value in (Reference, h5py_class(Reference)) else regionref_dtype()
    raise TypeError(f'Unknown special type "{name}"')


def check_dtype(**kwds: Any) -> Any:
    """By one keyword, ``vlen``, ``enum`` or ``ref``: what `check_vlen_dtype` and its like say of a dtype."""
    if len(kwds) != 1:
        raise TypeError("Exactly one keyword may be provided")
    name, dtype = kwds.popitem()
    if name not in ("vlen", "enum", "ref"):
        raise TypeError(f'Unknown special type "{name}"')
    if not hasattr(dtype, "metadata"):
        raise AttributeError(f"{type(dtype).__name__!r} object has no attribute 'metadata'")
    return _metadata(dtype, name)


class Empty:
    """What a dataset or attribute without elements (a null dataspace) reads as: a dtype and no shape.

    >>> h5cap.Empty("f4") == h5cap.Empty("f4"), h5cap.Empty("f4").shape
    (True, None)
    """

    shape = None
    size = None

    def __init__(self, dtype: Any):
        self._dtype = np.dtype(dtype)

    @property
    def dtype(self) -> np.dtype:
        return self._dtype

    def __eq__(self, other) -> bool:
        # h5py's own Empty compares equal, without h5py being needed.
        if isinstance(other, Empty) or (type(other).__name__ == "Empty" and type(other).__module__.startswith("h5py.")):
            return self.dtype == other.dtype
        return False

    __hash__ = None  # type: ignore[assignment]  # as h5py's

    def __repr__(self) -> str:
        return f"Empty(dtype={self.dtype!r})"
