"""Elements: every dataset of the test files reads as h5py reads it, whole and in slices.  Larger variety is in
tests/conformance; here are the forms that only Python has."""

import h5py
import numpy as np
import pytest

import differential
import h5cap
from files import new_file

SLICES = [(), Ellipsis, 0, -1, slice(1, None), slice(None, None, 2), [0, 1], slice(0, 0), (Ellipsis, 0), 10**6,
          (0, 0, 0, 0, 0)]


def same(found, expected):
    """Equal in Python type, dtype (with its metadata), shape and values."""
    assert type(found).__name__ == type(expected).__name__
    if isinstance(expected, h5py.Empty):
        return found == expected
    if hasattr(expected, "dtype"):
        assert found.dtype == expected.dtype
        assert dict(found.dtype.metadata or {}) == dict(expected.dtype.metadata or {})
        assert found.shape == expected.shape
    return np.array_equal(found, expected, equal_nan=np.asarray(expected).dtype.kind == "f")


def outcome(function):
    try:
        return function(), None
    except Exception as problem:
        return None, problem


def agree(ours, theirs, what=""):
    found, raised = outcome(ours)
    expected, should_raise = outcome(theirs)
    if should_raise is not None:
        assert isinstance(raised, type(should_raise)), (what, raised, should_raise)
    else:
        assert raised is None, (what, raised)
        assert same(found, expected), what


@pytest.mark.parametrize("name", ["types.h5", "layouts.h5"])
def test_every_dataset_reads_as_in_h5py(both, name):
    ours, theirs = both(name)
    datasets = [key for key in theirs if isinstance(theirs[key], h5py.Dataset)]
    assert datasets
    for key in datasets:
        for args in SLICES:
            agree(lambda: ours[key][args], lambda: theirs[key][args], (key, args))


PROPERTIES = (
    "shape dtype ndim size nbytes maxshape chunks compression compression_opts shuffle fletcher32 scaleoffset "
    "fillvalue "
              "is_virtual external name filter_ids is_scale").split()


@pytest.mark.parametrize("name", ["types.h5", "layouts.h5"])
def test_every_dataset_is_described_as_in_h5py(both, name):
    ours, theirs = both(name)
    for key in theirs:
        if not isinstance(theirs[key], h5py.Dataset):
            continue
        for aspect in PROPERTIES:
            found, expected = getattr(ours[key], aspect), getattr(theirs[key], aspect)
            assert type(found).__name__ == type(expected).__name__, (key, aspect, found, expected)
            assert np.array_equal(found, expected) or same(found, expected), (key, aspect, found, expected)
        assert ours[key].dtype.metadata == theirs[key].dtype.metadata
        assert repr(ours[key]) == repr(theirs[key])


EXPRESSIONS = [
    "f['points']['x']", "f['points']['x', 'name']", "f['points'][0, 'y']", "f['points'][1:, 'x']",
    "f['points']['nope']", "f['points'][['x', 'y']]",
    "f['points'].fields('x')[:]", "f['points'].fields(['name', 'x'])[1:]", "f['points'].fields('nope')",
    "len(f['points'].fields('x'))",
    "np.asarray(f['points'].fields(['x']))", "f['nested']['at']", "f['nested']['grid'][0]", "f['mixed']['s']",
    "f['mixed'][0]['s']",
    "f['texts'].asstr()[0, 0]", "f['texts'].asstr()[:]", "f['text'].asstr()[()]", "f['fixed'].asstr()[:]",
    "f['numberu1'].asstr()",
    "f['fixed utf8'].asstr()[0]", "f['ascii texts'].asstr('latin1')[0]", "np.asarray(f['texts'].asstr())",
    "f['numberlei4'].astype('i1')[:]", "f['numberlef8'].astype('f4')[1]", "f['bool'].astype('u1')[:]",
    "f['numberi1'].astype('S3')[:]",
    "f['numberu1'].astype('>u2').dtype", "f['scalar'].astype('i4')[()]", "np.asarray(f['numberu1'].astype('f8'))",
    "f['enum'].astype('f4')[:]",
    "np.asarray(f['numberu1'])", "np.array(f['numberu1'], dtype='f4')", "np.array(f['numberu1'], copy=False)",
    "f['numberu1'] + 1",
    "len(f['bool'])", "len(f['scalar'])", "len(f['null'])", "f['bool'].len()", "list(f['numberu1'])",
    "list(f['bool'])[1]", "list(f['scalar'])",
    "list(f['texts'])[0]", "list(f['zero'])", "f['null'][0]", "f['null']['x']", "f['numberu1']['x']",
    "f['numberu1'].iter_chunks()",
    "f['named'].dtype", "f['scalar'][0]", "f['zero'][0]", "f['bool'][np.array([[True, False], [False, True]])]",
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions(both, expression):
    ours, theirs = both("types.h5")

    def evaluated(file):
        value = eval(expression, {"f": file, "np": np})
        arrays = isinstance(value, list) and value and isinstance(value[0], np.ndarray)
        return np.array(value, dtype=object) if arrays else value

    agree(lambda: evaluated(ours), lambda: evaluated(theirs))


@pytest.mark.parametrize("sel", [None, np.s_[5:25, 0:53], np.s_[0:1, 52:53], 3, np.s_[30:40, :]], ids=repr)
def test_chunks_are_iterated_as_in_h5py(both, sel):
    ours, theirs = both("layouts.h5")
    agree(lambda: list(ours["chunked"].iter_chunks(sel)), lambda: list(theirs["chunked"].iter_chunks(sel)))


def test_read_direct(both):
    ours, theirs = both("layouts.h5")
    cases = [
        ((37, 53), "<u2", None, None), ((37, 53), "f4", None, None), ((5, 53), "<u2", np.s_[5:10], None),
        ((10, 60), "<u2", np.s_[5:10, 3:13], np.s_[2:7, 50:60]), ((1, 37, 53), "<u2", None, None),
        ((4, 4), "<u2", None, None),
    ]
    for shape, dtype, source, target in cases:
        found, expected = np.zeros(shape, dtype), np.zeros(shape, dtype)
        agree(lambda: ours["gzip"].read_direct(found, source, target),
              lambda: theirs["gzip"].read_direct(expected, source, target))
        assert np.array_equal(found, expected), (shape, source, target)


def test_a_large_read_is_whole(both):
    ours, theirs = both("layouts.h5")
    assert np.array_equal(ours["large"][:], theirs["large"][:])
    assert np.array_equal(ours["large"][::7, 3:90:4], theirs["large"][::7, 3:90:4])


def test_a_virtual_dataset(both):
    ours, theirs = both("virtual.h5")
    assert ours["v"].is_virtual
    assert np.array_equal(ours["v"][:], theirs["v"][:])
    mine, expected = ours["v"].virtual_sources(), theirs["v"].virtual_sources()
    assert [(s.file_name, s.dset_name) for s in mine] == [(s.file_name, s.dset_name) for s in expected]
    assert [s.src_space.shape for s in mine] == [s.src_space.shape for s in expected]
    with pytest.raises(RuntimeError):
        h5cap.File(ours.filename.replace("virtual", "layouts"))["contiguous"].virtual_sources()


REFUSED = {"wide float", "time", "compound time", "vlen time", "array time"}
RARE_READS = {
    "dtype": lambda d: d.dtype, "read": lambda d: d[()], "part": lambda d: d[1:], "shape": lambda d: d.shape,
    "chunks": lambda d: d.chunks,
    "fill value": lambda d: d.fillvalue, "bytes": lambda d: d.nbytes, "converted": lambda d: d.astype("f4")[:],
    "repr": repr,
    "class": lambda d: d.id.get_type().get_class(), "field": lambda d: d["n"], "fields": lambda d: d.fields("n")[:],
}


def test_types_that_h5py_refuses_raise_what_it_raises_and_the_rest_reads(both):
    ours, theirs = both("rare.h5")
    assert sorted(ours) == sorted(theirs)
    assert REFUSED < set(theirs) and set(theirs.attrs) == REFUSED
    problems = []
    for name in theirs:
        for kind, read in RARE_READS.items():
            expected = differential.outcome(read, theirs[name])
            if kind in ("dtype", "read") and name in REFUSED:
                assert isinstance(expected.error, ValueError if "float" in name else TypeError)
            problem = differential.difference(expected, differential.outcome(read, ours[name]))
            if problem:
                problems.append(f"{name}, {kind}: {problem}")
    for name in theirs.attrs:
        problem = differential.difference(differential.outcome(theirs.attrs.__getitem__, name),
                                          differential.outcome(ours.attrs.__getitem__, name))
        if problem:
            problems.append(f"attribute {name}: {problem}")
    assert problems == []


def test_one_shot_reads(server, folder):
    url = server.url("data/types.h5")
    with h5py.File(folder / "types.h5") as theirs:
        for key in "numberlei2", "texts", "points", "scalar", "text", "null", "zero", "bool", "mixed":
            for args in [(), Ellipsis, 0, -1, slice(1, None), [0, 1], slice(5, 2), 10**6, (0, 0, 0), "x",
                         slice(None, None, -1)]:
                agree(lambda: h5cap.read(url, key, args), lambda: theirs[key][args], (key, args))
    with pytest.raises(KeyError):
        h5cap.read(url, "absent")
    with pytest.raises(FileNotFoundError):
        h5cap.read(server.url("data/absent.h5"), "x")
    with pytest.raises(OSError):
        h5cap.read(server.url("data/junk.h5"), "x")
    with pytest.raises(TypeError):
        h5cap.read(url, "/")


def test_an_address_with_object_and_slice(server, folder):
    url = server.url("data/layouts.h5")
    with h5py.File(folder / "layouts.h5") as theirs:
        assert np.array_equal(h5cap.read(url + "?path=/chunked&slice=3,10:20"), theirs["chunked"][3, 10:20])
        assert np.array_equal(h5cap.read(url + "?path=/chunked"), theirs["chunked"][:])
    with pytest.raises(ValueError):
        h5cap.File(url + "?path=/chunked")
    with pytest.raises(ValueError):
        h5cap.read(url)


def test_a_growing_dataset_is_followed_by_refresh(server, folder):
    with new_file(folder / "growing.h5") as writer:
        dataset = writer.create_dataset("x", data=np.arange(5), maxshape=(None,), chunks=(4,))
    with h5cap.File(server.url("data/growing.h5")) as ours:
        assert ours["x"].shape == (5,)
        with h5py.File(folder / "growing.h5", "a", libver=("earliest", "v110")) as writer:
            dataset = writer["x"]
            dataset.resize((9,))
            dataset[5:] = 7
        seen = ours["x"]
        seen.refresh()
        assert seen.shape == (9,)
        assert seen[:].tolist() == [0, 1, 2, 3, 4, 7, 7, 7, 7]
