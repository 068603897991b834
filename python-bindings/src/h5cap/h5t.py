"""Datatypes, as the file has them: `TypeID` and a subclass for each of HDF5's classes, with h5py's names and
numbers."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from .object_id import LocatedID, ObjectID, not_served
from .types import special
from .types.dtypes import ElementType, element_type
from .types.special import (check_complex_dtype, check_dtype, check_enum_dtype, check_opaque_dtype,  # noqa: F401
                            check_ref_dtype, check_string_dtype, check_vlen_dtype, complex_compat_dtype, enum_dtype,
                            opaque_dtype, special_dtype, string_dtype, string_info, vlen_dtype)

NO_CLASS, INTEGER, FLOAT, TIME, STRING, BITFIELD, OPAQUE = range(-1, 6)
COMPOUND, REFERENCE, ENUM, VLEN, ARRAY, COMPLEX = range(6, 12)
SGN_NONE, SGN_2 = 0, 1
ORDER_LE, ORDER_BE, ORDER_VAX, ORDER_NONE = 0, 1, 2, 4
STR_NULLTERM, STR_NULLPAD, STR_SPACEPAD = 0, 1, 2
CSET_ASCII, CSET_UTF8 = 0, 1
PAD_ZERO, PAD_ONE, PAD_BACKGROUND = 0, 1, 2
NORM_IMPLIED, NORM_MSBSET, NORM_NONE = 0, 1, 2
VARIABLE = 2**64 - 1

_CHARACTER = {"class": "integer", "size": 1, "signed": False, "order": "<", "precision": 8, "offset": 0}
_PADDINGS = {"nullterm": STR_NULLTERM, "nullpad": STR_NULLPAD, "spacepad": STR_SPACEPAD}


class TypeID(LocatedID):
    """A datatype; of a named one also its place in the file.  Nothing here costs a round trip.

    ``==`` compares types, not places, as in h5py; types of h5py's compare too.
    """

    _class = NO_CLASS
    _element: Optional[ElementType] = None

    def __init__(self, type_described: Dict[str, Any], location: Optional[LocatedID] = None):
        self.described = type_described
        self._located = location is not None
        if location is not None:
            super().__init__(location.opened, location._native, location.path, location._described)

    @property
    def _type(self) -> ElementType:
        if self._element is None:
            self._element = element_type(self.described)
        return self._element

    @property
    def dtype(self) -> np.dtype:
        """The NumPy dtype, as a dataset of this type has it.  ``NotImplementedError`` names a type that is not
        served."""
        if self._located:
            self.native
        return self._type.dtype

    def py_dtype(self) -> np.dtype:
        return self.dtype

    def get_class(self) -> int:
        """One of `INTEGER`, `FLOAT`, …"""
        return self._class

    def get_size(self) -> int:
        """Bytes of an element in memory, where variable-length data is a pointer."""
        try:
            return self._type.memory_bytes
        except (NotImplementedError, TypeError, ValueError):  # NumPy has none
            return self.described["size"]

    def get_super(self) -> "TypeID":
        """The base type.  ``TypeError`` for a type that has none."""
        if "base" not in self.described:
            raise TypeError("Not a datatype (not a derived data type)")
        return type_id(self.described["base"])

    def committed(self) -> bool:
        """Whether this is a named type itself, or one that a dataset shares with it."""
        return self._located or bool(self.described.get("named"))

    def copy(self) -> "TypeID":
        return type_id({**self.described, "named": 0})

    def lock(self) -> None:
        """Nothing: types of remote objects never change."""

    def detect_class(self, classtype: int) -> bool:
        """Whether the type, or one that it is made of, is of a class.  Strings of variable length within another type
        are `VLEN`, too, as in HDF5."""
        if self._class == classtype:
            return True
        parts = [field[2] for field in self.described.get("fields", ())]
        if self._class in (ARRAY, VLEN, ENUM, COMPLEX):
            parts.append(self.described["base"])
        return any(type_id(part).detect_class(classtype) or (classtype == VLEN and part["class"] == "variable string")
                   for part in parts)

    def equal(self, typeid) -> bool:
        """Whether another type, ours or h5py's, is the same one."""
        if not hasattr(typeid, "get_class"):
            raise TypeError("Argument 'typeid' has incorrect type (expected h5cap.h5t.TypeID, got "
                            f"{type(typeid).__name__})")
        return _facts(self) == _facts(typeid)

    @property
    def id(self) -> int:
        return super().id if self._located else id(self)

    def __bool__(self) -> bool:
        return super().__bool__() if self._located else not self._closed

    def __eq__(self, other: object) -> bool:
        if not hasattr(other, "get_class") or not hasattr(other, "get_size"):
            return NotImplemented if not isinstance(other, ObjectID) else False
        if not self or not other:
            return bool(self) == bool(other)
        return self.equal(other)

    def __hash__(self) -> int:
        if not self.committed():
            raise TypeError("Only locked or committed types can be hashed")
        return super().__hash__() if self._located else hash(("named type", self.described["named"]))

    encode = not_served("encode", "types of remote objects are not encoded")
    commit = not_served("commit", "h5cap serves files read-only")
    get_create_plist = not_served("get_create_plist", "named types have no facts of their creation")


class TypeAtomicID(TypeID):
    """A type without parts."""

    def get_order(self) -> int:
        """`ORDER_LE` or `ORDER_BE`; `ORDER_NONE` where it does not matter."""
        return {"<": ORDER_LE, ">": ORDER_BE}.get(self.described.get("order", ""), ORDER_NONE)

    def get_precision(self) -> int:
        """Significant bits."""
        return self.described.get("precision", 8 * self.described["size"])

    def get_offset(self) -> int:
        """The first significant bit."""
        return self.described.get("offset", 0)

    def get_pad(self) -> Tuple[int, int]:
        """What the bits below and above the value are: the file may say otherwise, readers ignore them."""
        return PAD_ZERO, PAD_ZERO


class TypeIntegerID(TypeAtomicID):
    _class = INTEGER

    def get_sign(self) -> int:
        """`SGN_2` or `SGN_NONE`."""
        return SGN_2 if self.described["signed"] else SGN_NONE


class TypeFloatID(TypeAtomicID):
    _class = FLOAT

    def get_precision(self) -> int:
        return self.described["layout"][0]

    def get_offset(self) -> int:
        return self.described["layout"][1]

    def get_fields(self) -> Tuple[int, int, int, int, int]:
        """Sign position, exponent position and size, mantissa position and size."""
        return tuple(self.described["layout"][2:7])

    def get_ebias(self) -> int:
        return self.described["layout"][7]

    get_norm = not_served("get_norm", "the protocol does not carry it")
    get_inpad = not_served("get_inpad", "the protocol does not carry it")


class TypeStringID(TypeID):
    _class = STRING

    def get_super(self) -> TypeID:
        """Of a variable-length string, that of its characters."""
        return type_id(_CHARACTER) if self.is_variable_str() else super().get_super()

    def is_variable_str(self) -> bool:
        return self.described["class"] == "variable string"

    def get_cset(self) -> int:
        """`CSET_ASCII` or `CSET_UTF8`."""
        return CSET_UTF8 if self.described["encoding"] == "utf-8" else CSET_ASCII

    def get_strpad(self) -> int:
        """`STR_NULLTERM`, `STR_NULLPAD` or `STR_SPACEPAD`."""
        return _PADDINGS[self.described.get("padding", "nullterm")]


class TypeBitfieldID(TypeAtomicID):
    _class = BITFIELD


class TypeTimeID(TypeAtomicID):
    _class = TIME


class TypeReferenceID(TypeID):
    _class = REFERENCE


class TypeOpaqueID(TypeID):
    _class = OPAQUE

    def get_tag(self) -> bytes:
        return self.described["tag"].encode("utf-8", "surrogateescape")


class TypeComplexID(TypeAtomicID):
    """Of two floats, whose order, precision and offset are its own, as in HDF5."""

    _class = COMPLEX

    def _part(self) -> TypeFloatID:
        return TypeFloatID(self.described["base"])

    def get_order(self) -> int:
        return self._part().get_order()

    def get_precision(self) -> int:
        return self._part().get_precision()

    def get_offset(self) -> int:
        return self._part().get_offset()


class TypeVlenID(TypeID):
    _class = VLEN


class TypeArrayID(TypeID):
    _class = ARRAY

    def get_array_dims(self) -> Tuple[int, ...]:
        return self.described["dimensions"]

    def get_array_ndims(self) -> int:
        return len(self.described["dimensions"])


class TypeCompositeID(TypeID):
    """A type with members, which have names and numbers."""

    def _names(self):
        return [name for name, *_ in self.described["fields" if self._class == COMPOUND else "members"]]

    def get_nmembers(self) -> int:
        return len(self._names())

    def get_member_name(self, member: int) -> bytes:
        """``ValueError`` beyond the last one."""
        names = self._names()
        if member < 0:
            raise ValueError("Member index must be non-negative.")
        if member >= len(names):
            raise ValueError("Unable to get member name (invalid member number)")
        return names[member].encode("utf-8", "surrogateescape")

    def get_member_index(self, name: bytes) -> int:
        """``RuntimeError`` for a name that there is not."""
        text = name.decode("utf-8", "surrogateescape")
        if text not in self._names():
            raise RuntimeError("Unable to get member index (unable to find member by name)")
        return self._names().index(text)


class TypeCompoundID(TypeCompositeID):
    _class = COMPOUND

    def _field(self, member: int):
        if not 0 <= member < self.get_nmembers():
            raise ValueError("Unable to get member (not a valid member number)")
        return self.described["fields"][member]

    def get_member_type(self, member: int) -> TypeID:
        return type_id(self._field(member)[2])

    def get_member_class(self, member: int) -> int:
        return self.get_member_type(member).get_class()

    def get_member_offset(self, member: int) -> int:
        """In memory, as `get_size` counts."""
        name, offset, _ = self._field(member)
        fields = self._type.dtype.fields
        return offset if fields is None else fields[name][1]


class TypeEnumID(TypeCompositeID):
    _class = ENUM

    def _values(self) -> Dict[bytes, int]:
        base = element_type(self.described["base"])
        return {name.encode("utf-8", "surrogateescape"): int(base.from_bytes(np.frombuffer(value, np.uint8), ())[()])
                for name, value in self.described["members"]}

    def get_member_value(self, idx: int) -> int:
        if not 0 <= idx < self.get_nmembers():
            raise ValueError("Unable to get member value (invalid member number)")
        return list(self._values().values())[idx]

    def enum_nameof(self, value: int) -> bytes:
        """The first name that has a value.  ``TypeError`` for a value without one."""
        for name, found in self._values().items():
            if found == value:
                return name
        raise TypeError("Nameof query failed (value is currently not defined)")

    def enum_valueof(self, name: bytes) -> int:
        """The value of a name.  ``TypeError`` for a name that there is not."""
        try:
            return self._values()[name]
        except KeyError:
            raise TypeError("Valueof query failed (string doesn't exist in the enumeration type)") from None


_CLASSES = {
    "integer": TypeIntegerID, "float": TypeFloatID, "fixed string": TypeStringID, "variable string": TypeStringID,
    "enum": TypeEnumID, "compound": TypeCompoundID, "array": TypeArrayID, "sequence": TypeVlenID,
    "opaque": TypeOpaqueID, "bitfield": TypeBitfieldID, "object reference": TypeReferenceID,
    "region reference": TypeReferenceID, "time": TypeTimeID, "complex": TypeComplexID,
    "any reference": TypeReferenceID,
}


def type_id(described: Dict[str, Any], location: Optional[LocatedID] = None) -> TypeID:
    """The low-level type for one that the native module describes."""
    return _CLASSES.get(described["class"], TypeID)(described, location)


_PLAIN_FACTS = ("get_size", "get_order", "get_sign", "get_precision", "get_offset", "get_fields", "get_ebias",
                "get_cset", "get_strpad", "is_variable_str", "get_tag", "get_array_dims")


def _facts(typeid) -> Tuple[Any, ...]:
    """What makes a type what it is, by methods that h5py's types have too."""
    found: Tuple[Any, ...] = (typeid.get_class(),)
    found += tuple(getattr(typeid, name)() for name in _PLAIN_FACTS if hasattr(typeid, name))
    if found[0] == COMPOUND:
        found += tuple((typeid.get_member_name(i), typeid.get_member_offset(i), _facts(typeid.get_member_type(i)))
                       for i in range(typeid.get_nmembers()))
    if found[0] == ENUM:
        found += tuple(sorted((typeid.get_member_name(i), typeid.get_member_value(i))
                              for i in range(typeid.get_nmembers())))
    if found[0] in (ENUM, VLEN, ARRAY, COMPLEX):
        found += _facts(typeid.get_super())
    return found


def __getattr__(name: str):
    if name in ("ref_dtype", "regionref_dtype"):
        return getattr(special, name)()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
