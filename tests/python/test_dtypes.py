"""Datatypes without a server: from descriptions of HDF5 types to NumPy's dtypes and elements.  That the server
describes types rightly is tested against h5py in test_reading.py."""

import h5py
import numpy as np
import pytest

import h5cap
from h5cap.types.convert import converted
from h5cap.types.dtypes import element_type


def integer(size=4, signed=True, order="<", precision=None, offset=0):
    return {"class": "integer", "size": size, "signed": signed, "order": order, "precision": precision or 8 * size,
            "offset": offset}


def text(encoding="utf-8"):
    return {"class": "variable string", "size": 16, "encoding": encoding}


def compound(size, *fields):
    return {"class": "compound", "size": size, "fields": list(fields)}


DOUBLE = {"class": "float", "size": 8, "order": ">", "layout": (64, 0, 63, 52, 11, 0, 52, 1023)}
BOOL = {"class": "enum", "size": 1, "base": integer(1), "members": [("FALSE", b"\0"), ("TRUE", b"\1")]}
COLOUR = {"class": "enum", "size": 2, "base": integer(2, order=">"), "members": [("RED", b"\0\1"), ("BLUE", b"\1\0")]}

DTYPES = [
    (integer(2, False), "<u2", None),
    (integer(8, True, ">"), ">i8", None),
    (DOUBLE, ">f8", None),
    (BOOL, "?", None),
    (COLOUR, ">i2", {"enum": {"RED": 1, "BLUE": 256}}),
    ({"class": "fixed string", "size": 7, "padding": "nullpad", "encoding": "utf-8"}, "S7", {"h5py_encoding": "utf-8"}),
    (text(), "O", {"vlen": str}),
    (text("ascii"), "O", {"vlen": bytes}),
    ({"class": "sequence", "size": 16, "base": integer(4)}, "O", {"vlen": np.dtype("<i4")}),
    ({"class": "array", "size": 24, "base": integer(4), "dimensions": (2, 3)}, ("<i4", (2, 3)), None),
    ({"class": "opaque", "size": 3, "tag": "x"}, "V3", None),
    ({"class": "opaque", "size": 8, "tag": "NUMPY:<M8[s]"}, "<M8[s]", {"h5py_opaque": True}),
    ({"class": "bitfield", "size": 2, "order": "<", "precision": 16}, "<u2", None),
    (compound(16, ("r", 0, DOUBLE), ("i", 8, DOUBLE)), ">c16", None),
    (compound(12, ("a", 0, integer(1)), ("b", 4, integer(4)), ("c", 8, BOOL)),
     {"names": ["a", "b", "c"], "formats": ["i1", "<i4", "?"], "offsets": [0, 4, 8], "itemsize": 12}, None),
    # h5py has a pointer where a string is, so that what comes after it moves.
    (compound(25, ("a", 0, integer(1)), ("s", 1, text()), ("k", 17, integer(8))),
     {"names": ["a", "s", "k"], "formats": ["i1", "O", "<i8"], "offsets": [0, 1, 9], "itemsize": 17}, None),
]


@pytest.mark.parametrize("described, dtype, metadata", DTYPES, ids=lambda value: str(value)[:40])
def test_dtype(described, dtype, metadata):
    found = element_type(described).dtype
    assert found == np.dtype(dtype)
    assert dict(found.metadata or {}) == (metadata or {})


@pytest.mark.parametrize("described, named", [
    ({"class": "unsupported", "size": 16, "name": "H5T_STRANGE"}, "H5T_STRANGE"),
    ({"class": "time", "size": 4}, "time"),
    (integer(3), "i3"),
    (compound(8, ("r", 0, {"class": "time", "size": 8})), "time"),
], ids=str)
def test_what_numpy_does_not_have_is_named(described, named):
    with pytest.raises(TypeError, match=named):
        element_type(described)


def elements(described, data, shape, heap=b""):
    return element_type(described).from_bytes(np.frombuffer(data, np.uint8).copy(), shape, heap)


def place(offset, count):
    return np.array([offset, count], "<u8").tobytes()


def test_strings_come_from_the_heap():
    found = elements(text(), place(2, 3) + place(0, 0) + place(0, 2) + place(6, 0), (4,), b"abcde")
    assert found.tolist() == [b"cde", b"", b"ab", b""]
    assert found.dtype.metadata == {"vlen": str}


def test_sequences_nest():
    inner = {"class": "sequence", "size": 16, "base": integer(2)}
    heap = np.array([1, 2, 3], "<i2").tobytes() + place(0, 2) + place(4, 1)
    found = elements({"class": "sequence", "size": 16, "base": inner}, place(6, 2), (1,), heap)
    assert [part.tolist() for part in found[0]] == [[1, 2], [3]]


@pytest.mark.parametrize("where", [place(3, 3), place(6, 1), place(2**64 - 1, 2), place(0, 2**64 - 1)], ids=repr)
def test_a_place_outside_the_heap_is_refused(where):
    with pytest.raises(h5cap.FileProblem):
        elements(text(), where, (1,), b"abcde")
    with pytest.raises(h5cap.FileProblem):
        elements({"class": "sequence", "size": 16, "base": integer(8)}, where, (1,), b"abcde")


def test_too_few_bytes_are_refused():
    with pytest.raises(h5cap.FileProblem):
        elements(integer(4), b"\0" * 7, (2,))


@pytest.mark.parametrize("padding, expected", [("nullterm", [b"ab", b"a b  "]), ("spacepad", [b"ab\0xy", b"a b"]),
                                               ("nullpad", [b"ab\0xy", b"a b  "])])
def test_padding_of_fixed_strings(padding, expected):
    described = {"class": "fixed string", "size": 5, "padding": padding, "encoding": "ascii"}
    assert elements(described, b"ab\0xya b  ", (2,)).tolist() == expected


def test_integers_of_fewer_bits():
    data = np.array([0b1111_1000_0000_0000, 0b0111_1000_0000_1111], "<u2").tobytes()
    assert elements(integer(2, True, precision=5, offset=11), data, (2,)).tolist() == [-1, 15]
    assert elements(integer(2, False, precision=5, offset=11), data, (2,)).tolist() == [31, 15]


def test_compound_with_strings_and_arrays():
    described = compound(30, ("a", 0, integer(2)), ("s", 2, text()),
                         ("g", 18, {"class": "array", "size": 12, "base": integer(4), "dimensions": (3,)}))
    data = np.array([7], "<i2").tobytes() + place(0, 2) + np.arange(3, dtype="<i4").tobytes()
    found = elements(described, data, (), b"hi")
    assert found["a"] == 7 and found["s"] == b"hi" and found["g"].tolist() == [0, 1, 2]


def test_an_array_of_strings():
    described = {"class": "array", "size": 32, "base": text(), "dimensions": (2,)}
    assert elements(described, place(0, 1) + place(1, 1), (1,), b"xy").tolist() == [[b"x", b"y"]]


def test_the_special_dtypes_are_h5pys():
    assert h5py.check_string_dtype(h5cap.string_dtype()) == h5cap.string_info("utf-8", None)
    assert h5cap.check_string_dtype(h5py.string_dtype("ascii", 5)) == ("ascii", 5)
    assert h5py.check_enum_dtype(h5cap.enum_dtype({"A": 1})) == {"A": 1}
    assert h5cap.check_vlen_dtype(h5py.vlen_dtype("<f4")) == np.dtype("<f4")
    assert h5cap.Empty("f4") == h5py.Empty("f4") and h5cap.Empty("f4") != h5cap.Empty("f8")


@pytest.mark.parametrize("values, target", [
    (np.array([-5, 300, 7], "i4"), "u1"), (np.array([1e30, -1e30, 2.9, -2.9, np.inf]), "i4"),
    (np.array([2.0**70, -1e30, 1.0]), "i8"), (np.array([2**63, 5], "u8"), "i8"), (np.array([-1, 5], "i8"), "u8"),
    (np.array([1, 2], "u2"), "f4"), (np.array([1.5, -2.5], "f4"), ">f8"), (np.array([True, False]), "i4"),
    (np.array([b"abc"], "S3"), "S2"), (np.array([1 + 2j]), "c8"), (np.array([0, 3], "i4"), "?"),
    (np.array(["a"], h5py.string_dtype()), "i4"), (np.array([1], "i4"), "S3"),
    (np.array([(1, 2.0)], [("x", "i4"), ("y", "f8")]), "i4"),
], ids=lambda value: str(value).replace("\n", ""))
def test_conversion_is_hdf5s(values, target):
    with h5py.File("conversion", "w", driver="core", backing_store=False) as file:
        dataset = file.create_dataset("x", data=values)
        try:
            expected = dataset.astype(target)[...]
        except Exception as problem:
            with pytest.raises(type(problem)):
                converted(values, np.dtype(target))
        else:
            found = converted(values, np.dtype(target))
            assert found.dtype == expected.dtype and np.array_equal(found, expected)
