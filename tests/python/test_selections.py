"""Selections without a server: every indexing form means what h5py says, or raises what h5py raises.  What crosses the
wire is not looked at here."""

import random

import h5py
import numpy as np
import pytest

from h5cap._hl import selections
from h5cap._hl.selections import select, split_fields, without_shape

GOOD = [
    (), Ellipsis, 0, -1, 9, np.int64(3), np.array(3), True, (1, 2), (1, Ellipsis), (Ellipsis, 1), (Ellipsis, 1, 2),
    slice(None), slice(2, 5), slice(-3, None), slice(None, None, 3), slice(1, 100, 4), slice(5, 2), slice(20, 30),
    [1, 3], [-2, -1], [], [True] * 10, np.array([1, 2], "u1"), range(3), np.array([True, False] * 5),
    (slice(None), [0, 4]), (3, [1, 2]), ([1, 2], Ellipsis), (slice(0, 5, 2), 1), ((1, 2),),
    (slice(None), np.arange(7) % 2 == 0), np.add.outer(np.arange(10), np.arange(7)) % 3 == 0, np.zeros((10, 7), bool),
]
BAD = [
    10, -11, 2**70, (1, 7), (1, 2, 3), (20, 1, 1), (1, 2, None), (Ellipsis, 20, 1, 1), (1.5, 1, 1),
    slice(None, None, -1), slice(None, None, 0), [3, 1], [1, 1], ([1, 3], [2, 4]), [20], None, 1.5,
    (Ellipsis, Ellipsis), np.ones((10, 3), bool), (slice(None), np.array([True] * 3)), np.array([[1, 2], [3, 4]]),
    [1.0, 2.0], np.True_, np.array(True), slice(0, 5, 2.0), {1: 2}, object(), [[1], [2, 3]],
]


@pytest.fixture(scope="module")
def dataset():
    with h5py.File("selections", "w", driver="core", backing_store=False) as file:
        file["x"] = np.arange(70).reshape(10, 7)
        file["scalar"] = 1
        file["nothing"] = np.zeros((0, 3))
        yield file


class Flags:
    """In place of a mask of the native module, which only counts: what it was made of."""

    def __init__(self, flags):
        self.flags = np.asarray(flags)

    def count(self):
        return np.count_nonzero(self.flags)


@pytest.fixture(autouse=True)
def masks_are_seen(monkeypatch):
    monkeypatch.setattr(selections, "_mask", Flags)


def taken(array, args):
    """What `select` selects, taken from an array axis by axis."""
    selection = select(array.shape, split_fields(args)[0])
    if isinstance(selection.axes, Flags):
        assert selection.shape == (selection.axes.count(),)
        return array[selection.axes.flags]
    for axis in reversed(range(array.ndim)):
        chosen = selection.axes[axis]
        chosen = np.flatnonzero(chosen.flags) if isinstance(chosen, Flags) else chosen
        chosen = slice(None) if chosen is None else slice(*chosen) if isinstance(chosen, tuple) else chosen
        array = array[(slice(None),) * axis + (chosen,)]
    assert array.shape == selection.shape
    return array


@pytest.mark.parametrize("args", GOOD, ids=repr)
def test_a_selection_means_what_h5py_means(dataset, args):
    expected = dataset["x"][args]
    found = taken(dataset["x"][...], args)
    assert np.shape(found) == np.shape(expected)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("args", BAD, ids=repr)
def test_a_bad_selection_raises_what_h5py_raises(dataset, args):
    with pytest.raises(Exception) as expected:
        dataset["x"][args]
    with pytest.raises(expected.type):
        select((10, 7), split_fields(args)[0])


@pytest.mark.parametrize("args", [(), Ellipsis, 0, slice(None), [], (Ellipsis, Ellipsis), (1, 2)], ids=repr)
@pytest.mark.parametrize("name", ["scalar", "nothing"])
def test_scalars_and_empty_dimensions(dataset, name, args):
    try:
        expected = dataset[name][args]
    except Exception as problem:
        with pytest.raises(type(problem)):
            select(dataset[name].shape, split_fields(args)[0])
    else:
        assert select(dataset[name].shape, split_fields(args)[0]).shape == np.shape(expected)


def test_random_selections_agree(dataset):
    rng = random.Random(5)
    array = dataset["x"][...]
    for _ in range(500):
        args = tuple(random_axis(rng, extent) for extent in array.shape[: rng.randrange(3)])
        try:
            expected = dataset["x"][args]
        except Exception as problem:
            with pytest.raises(type(problem)):
                taken(array, args)
        else:
            assert np.array_equal(taken(array, args), expected), args


def random_axis(rng, extent):
    form = rng.randrange(4)
    if form == 0:
        return rng.randrange(-extent - 1, extent + 1)
    if form == 1:
        return sorted(rng.sample(range(-extent, extent), rng.randrange(3)))
    bounds = [rng.choice([None, rng.randrange(-12, 13)]) for _ in range(2)]
    return slice(*bounds, rng.choice([None, 1, 2, 5]))


@pytest.mark.parametrize("args, axes", [
    ((), []), ((Ellipsis, -1), [Ellipsis, -1]), ((slice(None), 3), [None, 3]), ((slice(-5, None, 2),), [(-5, None, 2)]),
    ((slice(None, 4),), [(0, 4, 1)]),
], ids=repr)
def test_without_a_shape_ends_stay_open(args, axes):
    assert without_shape(args) == axes


@pytest.mark.parametrize("args",
                         [([1, 2],), (True,), (None,), (1.5,), (slice(None, None, -1),), (slice(None, None, 0),),
                          (Ellipsis, Ellipsis), (2**63,), (slice(0, 2.0),), (np.array([True]),)], ids=repr)
def test_without_a_shape_the_rest_waits_for_it(args):
    assert without_shape(args) is None
