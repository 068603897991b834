"""HDF5's types as NumPy's, with h5py's metadata, and elements from the packed form in which they travel.

`ElementType` has both dtypes: ``dtype``, which users see, and ``packed``, which describes the bytes of the protocol.
Where these are the same bytes (``is_plain``), elements are read straight into the user's array.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np

from .. import _h5cap
from ..errors import FileProblem
from ..names import printable
from . import floats
from .references import Reference, RegionReference, from_token
from .special import enum_dtype, ref_dtype, regionref_dtype, string_dtype, vlen_dtype

_PLACE = np.dtype((np.void, _h5cap.PLACE_BYTES))  # of variable-length data in the heap
_REFERENCE_BYTES = 64  # of an H5R_ref_t in HDF5's memory
_POINTER_BYTES = 8  # what h5py's object fields occupy where HDF5 has a char*
_COMPLEX = {4: "c8", 8: "c16", 16: "c32"}

Decoder = Callable[[np.ndarray, bytes], np.ndarray]


class ElementType:
    """One HDF5 type, ready for NumPy.  Made by `element_type`."""

    has_heap = False  # whether there is variable-length data, which is not read into the caller's memory

    def __init__(self, dtype, packed, decode: Optional[Decoder] = None, memory_bytes: Optional[int] = None):
        self.dtype = np.dtype(dtype)
        self.packed = np.dtype(packed)
        self.memory_bytes = self.packed.itemsize if memory_bytes is None else memory_bytes
        self._decode = decode

    @property
    def is_plain(self) -> bool:
        """Whether packed bytes are the user's bytes."""
        return self._decode is None

    def empty(self, shape: Tuple[int, ...]) -> np.ndarray:
        """Memory for packed elements; dimensions of an array type follow those of ``shape``."""
        return np.empty(shape, self.dtype if self.is_plain else self.packed)

    def from_packed(self, array: np.ndarray, heap: bytes = b"") -> np.ndarray:
        """The user's elements from an array of ``packed``; may be the same memory."""
        return array if self._decode is None else self._decode(array, heap)

    def from_bytes(self, elements: np.ndarray, shape: Tuple[int, ...], heap: bytes = b"") -> np.ndarray:
        """The user's elements from packed bytes (an array of uint8), which they may share."""
        base, extra = self.packed.subdtype or (self.packed, ())
        expected = int(np.prod(tuple(shape) + extra, dtype=object)) * base.itemsize
        if elements.size != expected:
            raise FileProblem(f"{elements.size} bytes of elements instead of {expected}")
        packed_as = (self.dtype.subdtype or (self.dtype,))[0] if self.is_plain else base
        return self.from_packed(np.ndarray(tuple(shape) + extra, packed_as, elements), heap)


class HeapType(ElementType):
    """A type with variable-length data, of which elements have places in a heap."""

    has_heap = True


def element_type(described: Dict[str, Any]) -> ElementType:
    """The NumPy side of a type as the native module describes it.  ``TypeError`` where NumPy has none."""
    maker = _MAKERS.get(described["class"])
    if maker is None:
        name = described.get("name") or f"{described['class']} type"
        raise TypeError(printable(f"No NumPy equivalent for HDF5's {name} exists"))
    return maker(described)


def _integer(described) -> ElementType:
    size, precision, offset = described["size"], described["precision"], described["offset"]
    sign = "i" if described["signed"] else "u"
    dtype = np.dtype(f"{described['order']}{sign}{size}")  # TypeError for 3 bytes, as h5py
    if precision == 8 * size and offset == 0:
        return ElementType(dtype, dtype)
    # Bits above the value are moved out at the top, and the sign comes back with the arithmetic shift.
    up, down = 8 * size - precision - offset, 8 * size - precision

    def decode(array: np.ndarray, heap: bytes) -> np.ndarray:
        native = array.astype(dtype.newbyteorder("="))
        return ((native << up) >> down).astype(dtype)

    return ElementType(dtype, dtype, decode)


def _float(described) -> ElementType:
    dtype = floats.float_dtype(described)
    if floats.is_native(described):
        return ElementType(dtype, dtype)
    return ElementType(dtype, np.dtype(f"V{described['size']}"), floats.decoder(described, dtype))


def _fixed_string(described) -> ElementType:
    dtype = np.dtype(f"S{described['size']}", metadata={"h5py_encoding": described["encoding"]})
    decode = {"nullterm": _cut_at_null, "spacepad": _strip_spaces, "nullpad": None}[described["padding"]]
    return ElementType(dtype, dtype, decode)


def _characters(array: np.ndarray) -> np.ndarray:
    copied = np.array(array, order="C", ndmin=1, copy=True)
    return copied.view(np.uint8).reshape(copied.shape + (array.dtype.itemsize,))


def _cut_at_null(array: np.ndarray, heap: bytes) -> np.ndarray:
    """Null-terminated strings may have anything after the null; NumPy's have nulls."""
    characters = _characters(array)
    characters *= np.logical_and.accumulate(characters != 0, axis=-1)
    return characters.view(array.dtype).reshape(array.shape)


def _strip_spaces(array: np.ndarray, heap: bytes) -> np.ndarray:
    characters = _characters(array)
    trailing = np.logical_and.accumulate((characters == ord(" "))[..., ::-1], axis=-1)[..., ::-1]
    characters[trailing] = 0
    return characters.view(array.dtype).reshape(array.shape)


def _places(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _objects(items, shape, dtype: np.dtype) -> np.ndarray:
    out = np.empty(len(items), dtype)
    for i, item in enumerate(items):
        out[i] = item
    return out.reshape(shape)


def _variable_string(described) -> ElementType:
    dtype = string_dtype(described["encoding"])

    def decode(array: np.ndarray, heap: bytes) -> np.ndarray:
        return _objects(_h5cap.heap_slices(_places(array), heap, 1), array.shape, dtype)

    return HeapType(dtype, _PLACE, decode, memory_bytes=_POINTER_BYTES)


def _bare(array: np.ndarray) -> np.ndarray:
    """Elements of a sequence as h5py has them: in native byte order, without metadata but for strings of fixed
    length."""
    dtype = array.dtype
    if dtype.kind in "SV" or dtype == object and dtype.metadata is None:
        return array
    plain = np.dtype(dtype.str).newbyteorder("=")
    return array.astype(plain, copy=False).view(plain)


def _sequence(described) -> ElementType:
    base = element_type(described["base"])
    dtype = vlen_dtype(base.dtype)

    def one(data: bytes, heap: bytes) -> np.ndarray:
        count = len(data) // base.packed.itemsize
        return _bare(base.from_bytes(np.frombuffer(data, np.uint8), (count,), heap).copy())

    def decode(array: np.ndarray, heap: bytes) -> np.ndarray:
        slices = _h5cap.heap_slices(_places(array), heap, base.packed.itemsize)
        return _objects([one(data, heap) for data in slices], array.shape, dtype)

    return HeapType(dtype, _PLACE, decode)


def _enum(described) -> ElementType:
    base = element_type(described["base"])
    values = (base.from_bytes(np.frombuffer(value, np.uint8), ()) for _, value in described["members"])
    members = {_member_name(name): int(value[()]) for (name, _), value in zip(described["members"], values)}
    if members == {"FALSE": 0, "TRUE": 1}:
        if base.packed.itemsize == 1:
            return ElementType(np.bool_, np.bool_)
        return ElementType(np.bool_, base.packed, lambda array, heap: base.from_packed(array, heap) != 0)
    dtype = enum_dtype(members, base.dtype)
    if base.is_plain:
        return ElementType(dtype, base.packed)
    return ElementType(dtype, base.packed, lambda array, heap: base.from_packed(array, heap).astype(dtype))


def _member_name(name: str):
    """Names of an enumeration that are not UTF-8 are bytes to h5py."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogateescape")
    return name


def _complex(packed: np.dtype, part: ElementType, size: int, names=("r", "i")) -> ElementType:
    """NumPy's complex numbers from two parts, wherever they stand."""
    half = part.dtype.itemsize
    dtype = np.dtype(_COMPLEX[half]).newbyteorder(part.dtype.byteorder)
    places = [packed.fields[name][1] for name in names] if packed.fields else []
    if part.is_plain and packed.itemsize == 2 * half and places == [0, half]:
        return ElementType(dtype, dtype)

    def decode(array: np.ndarray, heap: bytes) -> np.ndarray:
        out = np.empty(array.shape, dtype)
        out.real, out.imag = (part.from_packed(array[name], heap) for name in names)
        return out

    return ElementType(dtype, packed, decode)


def _native_complex(described) -> ElementType:
    part = element_type(described["base"])
    half = part.packed.itemsize
    packed = np.dtype({"names": ["r", "i"], "formats": [part.packed] * 2, "offsets": [0, half], "itemsize": 2 * half})
    if part.dtype.itemsize not in _COMPLEX:
        raise TypeError(f"No NumPy equivalent for complex numbers of two times {half} bytes exists")
    return _complex(packed, part, described["size"])


def _compound(described) -> ElementType:
    fields = [(name, offset, element_type(member)) for name, offset, member in described["fields"]]
    size = described["size"]
    parts = [member for _, _, member in fields]
    is_complex = [name for name, _, _ in fields] == ["r", "i"] and parts[0].dtype == parts[1].dtype
    for name, _, _ in fields:
        os.fsencode(name).decode("utf-8")  # UnicodeDecodeError, as h5py
    names, offsets = [name for name, _, _ in fields], [offset for _, offset, _ in fields]
    members = [member for _, _, member in fields]
    packed = np.dtype({"names": names, "formats": [m.packed for m in members], "offsets": offsets, "itemsize": size})
    if is_complex and parts[0].dtype.kind == "f" and parts[0].dtype.itemsize in _COMPLEX:
        return _complex(packed, parts[0], size)

    # h5py's offsets are those of HDF5's memory type, where a variable-length string is a pointer.
    saved, memory_offsets = 0, {}
    for name, offset, member in sorted(fields, key=lambda field: field[1]):
        memory_offsets[name] = offset - saved
        saved += member.packed.itemsize - member.memory_bytes
    dtype = np.dtype({"names": names, "formats": [m.dtype for m in members],
                      "offsets": [memory_offsets[name] for name in names], "itemsize": size - saved})

    def decode(array: np.ndarray, heap: bytes) -> np.ndarray:
        out = np.empty(array.shape, dtype)
        for name, member in zip(names, members):
            out[name] = member.from_packed(array[name], heap)
        return out

    kind = HeapType if any(member.has_heap for member in members) else ElementType
    plain = all(member.is_plain for member in members)
    return kind(dtype, packed, None if plain else decode, memory_bytes=size - saved)


def _array(described) -> ElementType:
    base = element_type(described["base"])
    dimensions = tuple(described["dimensions"])
    count = int(np.prod(dimensions, dtype=object))
    return type(base)(np.dtype((base.dtype, dimensions)), np.dtype((base.packed, dimensions)),
                      None if base.is_plain else base.from_packed, memory_bytes=count * base.memory_bytes)


def _opaque(described) -> ElementType:
    dtype = np.dtype(f"V{described['size']}")
    if described["tag"].startswith("NUMPY:"):
        # TypeError where NumPy does not know the name, as h5py.
        named = np.dtype(described["tag"][len("NUMPY:"):], metadata={"h5py_opaque": True})
        if named.itemsize == dtype.itemsize and not named.hasobject:
            dtype = named
    return ElementType(dtype, dtype)


def _reference(described) -> ElementType:
    """References, whose bytes mean something to their file only; any of them may be null."""
    is_object = described["class"] == "object reference"
    made_by = Reference if is_object else RegionReference
    dtype = ref_dtype() if is_object else regionref_dtype()
    packed = np.dtype(f"V{described['size']}")

    def decode(array: np.ndarray, heap: bytes) -> np.ndarray:
        return _objects([made_by._of(token.tobytes()) for token in array.flat], array.shape, dtype)

    return ElementType(dtype, packed, decode)


def _any_reference(described) -> ElementType:
    """References that say themselves what they are to, which h5py has no dtype for."""
    dtype = ref_dtype()

    def decode(array: np.ndarray, heap: bytes) -> np.ndarray:
        tokens = _h5cap.heap_slices(_places(array), heap, 1)
        return _objects([from_token(token) for token in tokens], array.shape, dtype)

    return HeapType(dtype, _PLACE, decode, memory_bytes=_REFERENCE_BYTES)


def _bitfield(described) -> ElementType:
    dtype = np.dtype(f"{described['order']}u{described['size']}")
    return ElementType(dtype, dtype)


_MAKERS: Dict[str, Callable[[Dict[str, Any]], ElementType]] = {
    "integer": _integer,
    "float": _float,
    "fixed string": _fixed_string,
    "variable string": _variable_string,
    "enum": _enum,
    "complex": _native_complex,
    "compound": _compound,
    "array": _array,
    "sequence": _sequence,
    "opaque": _opaque,
    "bitfield": _bitfield,
    "object reference": _reference,
    "region reference": _reference,
    "any reference": _any_reference,
}
