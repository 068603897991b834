"""Elements behind references to regions: the same as h5py's, of every kind of selection at random, and only they cross
the wire.  Dataspaces of references, and the round trips, are covered in test_low_level.py."""

import h5py
import numpy as np
import pytest

import h5cap
from differential import Raised, difference, outcome, random_region
from support.served import Server

SHAPES = {"line": (500,), "flat": (60, 70), "cube": (20, 9, 14), "words": (30, 8), "records": (200,)}
RECORD = np.dtype([("a", "<i4"), ("name", h5py.string_dtype()), ("b", ">f8")])


def contents(name, shape):
    count = int(np.prod(shape))
    if name == "words":
        return np.array([f"word {i}" * (i % 3) for i in range(count)], object).reshape(shape)
    numbers = np.arange(count).reshape(shape)
    if name != "records":
        return numbers.astype("<i4")
    made = np.zeros(shape, RECORD)
    made["a"], made["b"], made["name"] = numbers, numbers / 2, [f"name {i}" for i in numbers]
    return made


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    path = tmp_path_factory.mktemp("regions") / "regions.h5"
    rng = np.random.default_rng(11)
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        for name, shape in SHAPES.items():
            chunks = tuple(max(1, extent // 4) for extent in shape)
            data = file.create_dataset(name, data=contents(name, shape),
                                       dtype=h5py.string_dtype() if name == "words" else None,
                                       chunks=None if name == "line" else chunks)
            regions = file.create_dataset("regions of " + name, (120,), h5py.regionref_dtype)
            for number in range(len(regions)):
                space = h5py.h5s.create_simple(shape)
                random_region(rng, space, shape)
                regions[number] = h5py.h5r.create(data.id, b".", h5py.h5r.DATASET_REGION, space)
        large = file.create_dataset("large", data=np.arange(4_000_000, dtype="<i4").reshape(2000, 2000),
                                    chunks=(100, 100))
        corners = h5py.h5s.create_simple(large.shape)
        corners.select_elements([(1999, 1999), (0, 0), (7, 1000), (0, 0)])
        file.attrs["points"] = h5py.h5r.create(large.id, b".", h5py.h5r.DATASET_REGION, corners)
        corners.select_hyperslab((0, 0), (1, 1), block=(10, 20))
        corners.select_hyperslab((1990, 1980), (1, 1), block=(10, 20), op=h5py.h5s.SELECT_OR)
        file.attrs["boxes"] = h5py.h5r.create(large.id, b".", h5py.h5r.DATASET_REGION, corners)
        corners.select_hyperslab((0, 0), (10, 10), (200, 200), (3, 5))
        corners.select_hyperslab((1999, 1900), (1, 1), block=(1, 50), op=h5py.h5s.SELECT_OR)
        file.attrs["many"] = h5py.h5r.create(large.id, b".", h5py.h5r.DATASET_REGION, corners)
        corners.select_hyperslab((100, 0), (1, 1), block=(400, 2000))
        corners.select_hyperslab((50, 5), (1, 1), block=(1, 1), op=h5py.h5s.SELECT_OR)
        file.attrs["dense"] = h5py.h5r.create(large.id, b".", h5py.h5r.DATASET_REGION, corners)
        corners.select_hyperslab((0, 0), (1, 1), block=(1, 3))
        corners.select_hyperslab((900, 0), (1, 1), block=(1, 3), op=h5py.h5s.SELECT_OR)
        corners.select_hyperslab((0, 1500), (1, 1), block=(1, 2), op=h5py.h5s.SELECT_OR)
        corners.select_hyperslab((900, 1500), (1, 1), block=(1, 2), op=h5py.h5s.SELECT_OR)
        file.attrs["product"] = h5py.h5r.create(large.id, b".", h5py.h5r.DATASET_REGION, corners)
        shrunk = file.create_dataset("shrunk", data=np.arange(10), maxshape=(20,), chunks=(4,))
        for name, places in {"end": [9], "begin": [1, 0]}.items():
            space = h5py.h5s.create_simple((10,))
            space.select_elements([(place,) for place in places])
            file.attrs["shrunk " + name] = h5py.h5r.create(shrunk.id, b".", h5py.h5r.DATASET_REGION, space)
        space.select_hyperslab((2,), (1,), block=(7,))
        file.attrs["shrunk slab"] = h5py.h5r.create(shrunk.id, b".", h5py.h5r.DATASET_REGION, space)
        space.select_hyperslab((0,), (1,), block=(1,), op=h5py.h5s.SELECT_OR)
        file.attrs["shrunk boxes"] = h5py.h5r.create(shrunk.id, b".", h5py.h5r.DATASET_REGION, space)
        shrunk.resize((5,))
    with Server({"data": str(path.parent)}) as server, h5py.File(path) as theirs:
        session = h5cap.connect(server.url("data/"))
        with session.open("regions.h5") as ours:
            yield session, ours, theirs


@pytest.mark.parametrize("name", SHAPES)
def test_random_regions(both, name):
    _, ours, theirs = both
    problems = []
    for number, (mine, oracle) in enumerate(zip(ours["regions of " + name][()], theirs["regions of " + name][()])):
        kinds = [lambda d, r: d[r]]
        if name == "records":
            kinds += [lambda d, r: d["a", r], lambda d, r: d["b", "name", r], lambda d, r: d.fields("name")[r]]
        else:
            kinds.append(lambda d, r: d.asstr()[r] if name == "words" else d.astype("f8")[r])
        for kind, read in enumerate(kinds):
            problem = difference(outcome(read, theirs[name], oracle), outcome(read, ours[name], mine))
            if problem:
                problems.append((number, kind, problem))
    assert problems == []


def test_the_file_may_have_the_reference(both):
    """In an attribute, or an element; of the file that it is used in, or asked of `file[...]`."""
    _, ours, theirs = both
    for name in ("points", "boxes", "many", "product"):
        assert difference(theirs["large"][theirs.attrs[name]], ours["large"][ours.attrs[name]]) is None
        assert ours[ours.attrs[name]] == ours["large"]
        assert difference(theirs[theirs.attrs[name]][theirs.attrs[name]],
                          ours[ours.attrs[name]][ours.attrs[name]]) is None


# `extra` has room for what describes the selection, to us and from us: 16 bytes an element, or a bit an element of the
# box around them.  That box itself is 16 MB.
@pytest.mark.whole_replies
@pytest.mark.parametrize("name, elements, extra", [("points", 4, 3000), ("boxes", 400, 20_000), ("many", 1550, 70_000),
                                                   ("dense", 800_001, 400_000), ("product", 10, 4000)])
def test_only_the_selected_elements_travel(both, name, elements, extra):
    session, ours, theirs = both
    reference, dataset = ours.attrs[name], ours["large"]
    assert dataset.shape == (2000, 2000)
    before = session.traffic()
    found = dataset[reference]
    after = session.traffic()
    assert found.size == elements
    assert np.array_equal(found, theirs["large"][theirs.attrs[name]])
    moved = sum(after[key] - before[key] for key in ("bytes_received", "bytes_sent"))
    assert moved < 4 * elements + extra
    assert after["round_trips"] - before["round_trips"] <= 3


def test_a_region_beyond_the_extent(both):
    _, ours, theirs = both
    assert ours["shrunk"][ours.attrs["shrunk begin"]].tolist() == [1, 0]
    for name in ("shrunk end", "shrunk slab", "shrunk boxes"):
        expected = outcome(lambda: theirs["shrunk"][theirs.attrs[name]])
        assert isinstance(expected, Raised)
        assert difference(expected, outcome(lambda: ours["shrunk"][ours.attrs[name]])) is None
