"""Masks and fields: equal to NumPy's own indexing of what h5py reads, at random, and what they cost on the wire.
Points are covered in C++ (tests/cpp); h5py has none.  What is refused and how is compared in test_selections.py."""
import h5py
import numpy as np
import pytest

import h5cap
from differential import difference, outcome
from support.served import Server

SHAPE = (50, 40, 6)


@pytest.fixture(scope="module")
def mask_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("elements") / "elements.h5"
    numbers = np.arange(np.prod(SHAPE), dtype="<i4").reshape(SHAPE)
    record = np.dtype([("a", "<i4"), ("name", h5py.string_dtype()), ("b", ">f8"), ("c", "S3"), ("r", "<f4"),
                       ("i", "<f4")])
    records = np.zeros(300, record)
    records["a"], records["b"], records["c"] = np.arange(300), np.arange(300) / 2, b"xyz"
    records["name"] = [f"name {i}" for i in range(300)]
    records["r"], records["i"] = np.arange(300), -np.arange(300)
    wide = np.zeros(20_000, [(f"f{i}", "<f8") for i in range(32)])
    wide["f7"] = np.arange(20_000)
    with h5py.File(path, "w", libver=("earliest", "v110")) as f:
        f["contiguous"] = numbers
        f.create_dataset("packed", data=numbers, chunks=(7, 9, 4), compression="gzip")
        f.create_dataset("grows", data=numbers, chunks=(7, 9, 4), maxshape=(None, None, None))
        f.create_dataset("never", SHAPE, "f4", fillvalue=3)
        f["words"] = np.array([f"word {i}" * (i % 3) for i in range(2000)], object).reshape(50, 40)
        f["records"] = records
        f["complex"] = np.arange(300) * (1 - 2j)
        f["wide"] = wide
        f["large"] = np.arange(10_000_000, dtype="<i4").reshape(2500, 4000)
        f["one"] = 5
    return path


class Remote:
    """A file, with the session that counts its traffic."""

    def __init__(self, url):
        self.session = h5cap.connect(url)
        self.file = self.session.open("elements.h5")

    def __getitem__(self, name):
        return self.file[name]


@pytest.fixture(scope="module")
def both(mask_file):
    with Server({"data": str(mask_file.parent)}) as server, h5py.File(mask_file) as local:
        yield local, Remote(server.url("data/"))


@pytest.mark.parametrize("name", ["contiguous", "packed", "grows", "never", "words"])
def test_random_masks(both, name):
    local, remote = both
    whole = local[name][()]
    random = np.random.default_rng(4)
    for density in (0, 0.001, 0.02, 0.5, 0.99, 1):
        mask = random.random(whole.shape) < density
        np.testing.assert_array_equal(remote[name][mask], whole[mask])
        np.testing.assert_array_equal(remote[name][mask], local[name][mask])
        rows = random.random(whole.shape[0]) < density
        np.testing.assert_array_equal(remote[name][rows], whole[rows])
        np.testing.assert_array_equal(remote[name][rows, 3:9], whole[rows, 3:9])
        columns = random.random(whole.shape[1]) < density
        np.testing.assert_array_equal(remote[name][5:, columns], whole[5:, columns])


def test_mask_of_a_corner_and_strided_memory(both):
    local, remote = both
    mask = np.zeros((100, 80, 12), bool)[::2, ::2, ::2]
    mask[-1, -1, -1] = mask[0, 0, 0] = True
    assert remote["packed"][mask].tolist() == local["packed"][()][mask].tolist()


@pytest.mark.whole_replies
def test_ten_million_booleans_cost_their_bits(both):
    """1.25 MB of bits; as indices of 8 bytes even a tenth of them would be 8 MB."""
    _, remote = both
    mask = np.zeros((2500, 4000), bool)
    mask.reshape(-1)[::10] = True
    dataset = remote["large"]
    dataset.shape
    before = remote.session.traffic()
    values = dataset[mask]
    after = remote.session.traffic()
    assert values.tolist() == np.arange(0, 10_000_000, 10).tolist()
    assert after["bytes_sent"] - before["bytes_sent"] < 1.1 * 10_000_000 / 8
    assert after["bytes_received"] - before["bytes_received"] < 1.1 * 4 * 1_000_000


def test_boxes_without_an_element_are_not_asked_for(both):
    _, remote = both
    mask = np.zeros((2500, 4000), bool)
    mask[10, 20:30] = mask[2400, 3990:] = True
    dataset = remote["large"]
    dataset.shape
    before = remote.session.traffic()
    values = dataset[mask]
    after = remote.session.traffic()
    assert values.tolist() == [*range(40_020, 40_030), *range(9_603_990, 9_604_000)]
    assert after["bytes_sent"] - before["bytes_sent"] < 10_000_000 / 8 / 4


@pytest.mark.parametrize("names",
                         [("a",), ("name",), ("b", "a"), ("c", "name", "a"), ("r", "i"), ("i", "r"), ("i", "b")])
def test_fields(both, names):
    local, remote = both
    for args in ((), (slice(3, 250, 7),), (5,), (np.arange(300) % 3 == 0,), ([1, 5, 9],)):
        here, there = local["records"][names + args], remote["records"][names + args]
        assert np.asarray(here).dtype == np.asarray(there).dtype
        assert np.asarray(here).tolist() == np.asarray(there).tolist()
        single = names[0] if len(names) == 1 else list(names)
        here, there = local["records"].fields(single)[args], remote["records"].fields(single)[args]
        assert np.asarray(here).tolist() == np.asarray(there).tolist()


def test_a_real_and_an_imaginary_part_alone_stay_fields(both):
    """As a compound of their own they would be a complex number: h5py, too, makes that only of the whole type."""
    local, remote = both
    for name in ("records", "complex"):
        for read in (lambda d: d["r", "i"], lambda d: d[("r", "i", slice(2, 9))], lambda d: d.fields(["r", "i"])[:5],
                     lambda d: d.fields("r")[()],
                     lambda d: d[np.arange(300) % 7 == 0, "r", "i"], lambda d: d.fields(["r", "i"]).dtype,
                     lambda d: d.dtype, lambda d: d[1]):
            assert difference(outcome(read, local[name]), outcome(read, remote[name])) is None


@pytest.mark.parametrize("names", [("z",), ("a", "z"), ("a", "a")])
def test_fields_that_are_not_there(both, names):
    def outcome(read):
        try:
            return np.asarray(read()).tolist()
        except Exception as error:
            return type(error)

    local, remote = both
    assert outcome(lambda: remote["records"][names]) == outcome(lambda: local["records"][names])
    assert outcome(lambda: remote["packed"][names]) == outcome(lambda: local["packed"][names])


@pytest.mark.whole_replies
def test_only_the_fields_that_are_asked_for_travel(both):
    _, remote = both
    dataset = remote["wide"]
    dataset.dtype
    before = remote.session.traffic()
    assert dataset["f7"].tolist() == list(range(20_000))
    one = remote.session.traffic()
    dataset[()]
    all_of_them = remote.session.traffic()
    assert one["bytes_received"] - before["bytes_received"] < 1.1 * 8 * 20_000
    assert all_of_them["bytes_received"] - one["bytes_received"] > 32 * 8 * 20_000
