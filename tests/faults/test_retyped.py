"""A dataset that has another type by now is never read as what it was: elements of the same size would be wrong, and
nothing would say so.  The handle raises `Changed` until it is refreshed.

Not covered: attributes, each of which comes with its type; sources of virtual datasets, which are converted.
"""

import h5cap
import h5py
import numpy as np
import pytest

VALUES = np.arange(1000)
BEFORE = np.dtype("<i4")
PAIR = np.dtype([("a", "<i4"), ("b", "<f4")])
AFTER = {
    "float": np.dtype("<f4"),
    "unsigned": np.dtype("<u4"),
    "order": np.dtype(">i4"),
    "text": np.dtype("S4"),
    "opaque": np.dtype("V4"),
    "enumeration": h5py.enum_dtype({"no": 0, "yes": 1}, "<i4"),
    "compound": np.dtype([("a", "<i2"), ("b", "<i2")]),
    "array": np.dtype(("<i2", (2,))),
}
ROADS = {
    "all": lambda x: x[...],
    "slice": lambda x: x[10:20],
    "element": lambda x: x[3],
    "mask": lambda x: x[np.arange(1000) % 3 == 0],
    "points": lambda x: x[[1, 5, 999]],
    "direct": lambda x: x.read_direct(np.empty(1000, "<i4")),
    "rows": lambda x: list(x),
}


def write(path, dtype):
    """In place: the file keeps its inode, and who has it open keeps it open."""
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (1000,), dtype)[...] = np.zeros(1000, dtype)


@pytest.fixture(params=[None, 64], ids=["one reply", "many replies"])
def before(request, server, folder):
    with h5py.File(folder / "a.h5", "w") as file:
        file["x"] = VALUES.astype(BEFORE)
        pairs = np.zeros(1000, PAIR)
        pairs["a"] = VALUES
        file["pairs"] = pairs
    with h5cap.File(server.url("data/a.h5"), tile_bytes=request.param) as file:
        yield file, folder / "a.h5"


@pytest.mark.parametrize("after", AFTER)
def test_a_new_type_of_the_same_size_is_said(before, after):
    file, path = before
    x = file["x"]
    assert (x[...] == VALUES).all()
    write(path, AFTER[after])
    with pytest.raises(h5cap.Changed, match="datatype"):
        x[...]


@pytest.mark.parametrize("road", ROADS)
def test_by_every_road(before, road):
    file, path = before
    x = file["x"]
    ROADS[road](x)
    write(path, "<f4")
    with pytest.raises(h5cap.Changed, match="datatype"):
        ROADS[road](x)


def test_refreshed_it_is_read_as_what_it_is(before):
    file, path = before
    x = file["x"]
    x[...]
    with h5py.File(path, "w") as changed:
        changed["x"] = VALUES.astype("<f4") / 2
    with pytest.raises(h5cap.Changed):
        x[0]
    x.refresh()
    assert x.dtype == "<f4" and (x[...] == VALUES.astype("<f4") / 2).all()


def test_a_field_that_is_still_what_it_was_is_read(before):
    file, path = before
    pairs = file["pairs"]
    assert (pairs["a"] == VALUES).all()
    changed = np.zeros(1000, [("a", "<i4"), ("b", "<i4")])
    changed["a"] = VALUES + 1
    with h5py.File(path, "w") as other:
        other["pairs"] = changed
    assert (pairs["a"] == VALUES + 1).all()
    with pytest.raises(h5cap.Changed, match="datatype"):
        pairs["b"]


def test_control_new_values_of_the_same_type_are_read(before):
    file, path = before
    x = file["x"]
    x[...]
    with h5py.File(path, "w") as changed:
        changed["x"] = (VALUES + 1).astype(BEFORE)
    assert (x[...] == VALUES + 1).all()
