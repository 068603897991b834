"""A dataset that grew, shrank or was made anew after it was opened is read by the shape that is known, as h5py reads it
until `refresh`; of one that shrank what is left comes, and what cannot be raises `Changed`.  Never `IndexError`.  Also
in small tiles.  Not covered: changes in the middle of a read (tests/faults/test_one_version.py)."""

import h5cap
import h5py
import numpy as np
import pytest

from support.served import Server

KINDS = {
    "chunked": {"chunks": (4, 3), "maxshape": (None, None)},
    "gzip": {"chunks": (4, 3), "maxshape": (None, 3), "compression": "gzip"},
    "whole": {},  # cannot grow: it is deleted and made anew
}


def numbers(rows):
    return np.arange(rows * 3.0).reshape(rows, 3)


def write(path, rows):
    with h5py.File(path, "a") as file:
        for name, keywords in KINDS.items():
            if name in file and name != "whole":
                file[name].resize((rows, 3))
                file[name][...] = numbers(rows)
                continue
            if name in file:
                del file[name]
            file.create_dataset(name, data=numbers(rows), **keywords)
        for name in "text", "pairs":
            if name in file:
                file[name].resize((rows,))
            else:
                kind = h5py.string_dtype() if name == "text" else np.dtype([("a", "i4"), ("b", "i2")])
                file.create_dataset(name, (rows,), kind, maxshape=(None,), chunks=(4,))
        file["text"][...] = [f"row {i}" for i in range(rows)]
        pairs = np.zeros(rows, file["pairs"].dtype)
        pairs["a"] = pairs["b"] = np.arange(rows)
        file["pairs"][...] = pairs


def rows_mask(count):
    return np.arange(count) % 3 == 1


def direct(x, whole):
    target = np.full(whole.shape, -1.0)
    x.read_direct(target) if isinstance(x, h5cap.Dataset) else target.__setitem__(..., x)
    return target


# What is read, of a dataset and of the array that it was.
READS = {
    "[:]": lambda x, known: x[:], "[...]": lambda x, known: x[...], "[()]": lambda x, known: x[()],
    "array": lambda x, known: np.array(x), "[5:]": lambda x, known: x[5:], "[-4:]": lambda x, known: x[-4:],
    "[::2]": lambda x, known: x[::2], "[:, 0]": lambda x, known: x[:, 0], "[2:7, 1:]": lambda x, known: x[2:7, 1:],
    "[3]": lambda x, known: x[3], "[2, 1]": lambda x, known: x[2, 1], "list": lambda x, known: x[[1, 4, 5]],
    "rows": lambda x, known: np.array(list(x)), "astype": lambda x, known: np.array(x[:], "f4"),
}
OF_ALL = {
    "mask of rows": lambda x, known: x[rows_mask(len(known))],
    "mask": lambda x, known: x[np.asarray(known) % 4 == 1],
    "[-1]": lambda x, known: x[-1], "read_direct": direct,
}


@pytest.fixture(params=[None, 16])
def opened(request, tmp_path):
    """Opens the file, and then makes it another length."""
    path = tmp_path / "a.h5"
    write(path, 10)
    with Server({"d": str(tmp_path)}) as server:
        file = h5cap.File(server.url("d/a.h5"), tile_bytes=request.param)

        def resized(name, rows):
            dataset = file[name]
            assert dataset.shape[0] == 10
            dataset[0]
            write(path, rows)
            return dataset
        yield resized


@pytest.mark.parametrize("name", KINDS)
def test_a_dataset_that_grew_is_read_as_it_was(name, opened):
    x, known = opened(name, 15), numbers(10)
    for way, read in {**READS, **OF_ALL}.items():
        np.testing.assert_array_equal(read(x, known), read(known, known), way)
    x.refresh()
    np.testing.assert_array_equal(x[:], numbers(15))


@pytest.mark.parametrize("name", KINDS)
def test_of_a_dataset_that_shrank_what_is_left_is_read(name, opened):
    x, left = opened(name, 7), numbers(7)
    for way, read in READS.items():
        expected = numbers(10)[-4:][:1] if way == "[-4:]" else read(left, left)
        np.testing.assert_array_equal(read(x, left), expected, way)
    for way, read in OF_ALL.items():
        with pytest.raises(h5cap.Changed):
            read(x, numbers(10))
            pytest.fail(way)
    with pytest.raises(IndexError):
        x[10]  # the control: it never was there
    x.refresh()
    np.testing.assert_array_equal(x[:], left)


@pytest.mark.parametrize("rows", [15, 7])
def test_text_and_fields(rows, opened):
    text = opened("text", rows)
    expected = [f"row {i}" for i in range(min(rows, 10))]
    assert text.asstr()[:].tolist() == expected and list(text.asstr()) == expected
    pairs = text.parent["pairs"]
    assert pairs.shape == (10,) or pairs.shape == (rows,)
    count = min(rows, pairs.shape[0])
    assert pairs["a"].tolist() == list(range(count)) == [pair["b"] for pair in pairs]
    assert list(pairs.fields("b")) == list(range(count)) and pairs["a", 2:5].tolist() == [2, 3, 4]
