"""Sources in other files: absent ones, growing ones, raw ones, and thousands of links; what is opened is counted at the
server.

Not covered: values of every kind of mapping (tests/conformance).
"""

import os
import time

import h5py
import numpy as np
import pytest

import h5cap
from support.served import Server, wait_until

LINKS = 3300
GROUPS = 40_000


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("sources")


@pytest.fixture(scope="module")
def running(place):
    with Server({"x": str(place)}) as server:
        yield server


@pytest.fixture
def opened(running):
    return lambda name, **options: h5cap.File(running.url("x/" + name), **options)


def write(path, data, name="data", **options):
    with h5py.File(path, "a", libver=("earliest", "v110")) as file:
        file.create_dataset(name, data=data, **options)


def stack(path, names, shape, name="stack", fillvalue=-1, dataset="data"):
    """A virtual dataset with a source for each index of the first axis."""
    layout = h5py.VirtualLayout((len(names), *shape), "<i4")
    for i, source in enumerate(names):
        layout[i] = h5py.VirtualSource(source, dataset, shape)
    with h5py.File(path, "a", libver=("earliest", "v110")) as file:
        file.create_virtual_dataset(name, layout, fillvalue=fillvalue)


@pytest.fixture(scope="module")
def holes(place):
    write(place / "here.h5", np.arange(5, dtype="<i4"))
    write(place / "other.h5", np.arange(5, dtype="<i4"), name="elsewhere")
    stack(place / "holes.h5", ["here.h5", "gone.h5", "other.h5", "gone.h5", "here.h5"], (5,))
    return "holes.h5"


def test_absent_sources_read_as_fill_and_are_listed(holes, opened):
    dataset = opened(holes)["stack"]
    assert np.array_equal(dataset[0], np.arange(5)) and dataset.missing_sources == []
    assert np.all(dataset[1] == -1) and dataset.missing_sources == ["gone.h5"]
    found = dataset[()]
    assert np.array_equal(found[::4], [np.arange(5)] * 2) and np.all(found[1:4] == -1)
    assert sorted(dataset.missing_sources) == ["gone.h5", "other.h5: data"]
    assert dataset[4].sum() == 10 and dataset.missing_sources == []


def test_absent_sources_are_found_without_reading(holes, opened):
    file = opened(holes)
    assert file["stack"].missing_sources == ["gone.h5", "other.h5: data"]
    assert opened("here.h5")["data"].missing_sources == []


def test_absent_sources_raise_when_asked_to(holes, opened):
    dataset = opened(holes, on_missing="raise")["stack"]
    assert dataset[0].sum() == dataset[4].sum() == 10
    for selection in 1, slice(0, 2), (), (slice(None), 2):
        with pytest.raises(h5cap.MissingSource, match="gone.h5"):
            dataset[selection]
    with pytest.raises(h5cap.MissingSource, match="other.h5: data"):
        dataset[2]
    with pytest.raises(ValueError, match="on_missing"):
        opened(holes, on_missing="ignore")


def test_a_source_that_comes_later_is_read(place, opened):
    stack(place / "late.h5", ["comes.h5"], (3,))
    dataset = opened("late.h5")["stack"]
    assert dataset[0].tolist() == [-1] * 3 and dataset.missing_sources == ["comes.h5"]
    write(place / "comes.h5", np.array([4, 5, 6], "<i4"))
    assert wait_until(lambda: dataset[0].tolist() == [4, 5, 6]) and dataset.missing_sources == []


def test_denied_and_damaged_sources_raise(place, opened, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.h5"
    write(outside, np.arange(3, dtype="<i4"))
    (place / "leads_out.h5").symlink_to(outside)
    (place / "damaged.h5").write_bytes(b"not HDF5" * 100)
    for i, (name, raised) in enumerate([("leads_out.h5", PermissionError), ("damaged.h5", OSError)]):
        stack(place / "refused.h5", [name], (3,), name=f"stack{i}")
        for options in {}, {"on_missing": "raise"}:
            with pytest.raises(raised) as problem:
                opened("refused.h5", **options)[f"stack{i}"][()]
            assert not isinstance(problem.value, h5cap.MissingSource)


def grow(path, name, virtual, file, dataset, source, shape, maxshape):
    created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    spaces = []
    for start, block in virtual, source:
        space = h5py.h5s.create_simple((1,), (h5py.h5s.UNLIMITED,))
        space.select_hyperslab((start,), (h5py.h5s.UNLIMITED,), (block,), (block,))
        spaces.append(space)
    created.set_virtual(spaces[0], file, dataset, spaces[1])
    with h5py.File(path, "a", libver=("earliest", "v110")) as out:
        h5py.h5d.create(out.id, name, h5py.h5t.STD_I32LE, h5py.h5s.create_simple(shape, maxshape), created)


def test_a_virtual_dataset_grows_with_its_source(place, opened):
    """The source has a live SWMR writer; each refresh shows what was flushed, and so does a selection from the end."""
    grow(place / "follows.h5", b"all", (0, 1), b"written.h5", b"data", (0, 1), (1,), (h5py.h5s.UNLIMITED,))
    with h5py.File(place / "written.h5", "w", libver=("v110", "v110")) as file:
        data = file.create_dataset("data", shape=(0,), maxshape=(None,), dtype="<i4", chunks=(4,))
        file.swmr_mode = True
        dataset = opened("follows.h5")["all"]
        assert dataset.shape == (0,)
        for length in 1, 5, 6, 40:
            data.resize((length,))
            data[:] = np.arange(length)
            data.flush()
            dataset.refresh()
            assert dataset.shape == (length,)
            assert np.array_equal(dataset[()], np.arange(length)) and dataset[-1] == length - 1


def test_blocks_of_a_pattern_come_one_by_one(place, opened):
    created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    virtual = h5py.h5s.create_simple((1,), (h5py.h5s.UNLIMITED,))
    virtual.select_hyperslab((0,), (h5py.h5s.UNLIMITED,), (3,), (3,))
    created.set_virtual(virtual, b"run/block%b.h5", b"data", h5py.h5s.create_simple((3,)))
    with h5py.File(place / "blocks.h5", "w", libver=("earliest", "v110")) as file:
        h5py.h5d.create(file.id, b"all", h5py.h5t.STD_I32LE, h5py.h5s.create_simple((1,), (h5py.h5s.UNLIMITED,)),
                        created)
    (place / "run").mkdir()
    dataset = opened("blocks.h5")["all"]
    assert dataset.shape == (0,)
    for i in range(9):
        write(place / "run" / f"block{i}.h5", np.arange(3, dtype="<i4") + 3 * i)
        dataset.refresh()
        assert np.array_equal(dataset[()], np.arange(3 * i + 3))
    os.remove(place / "run" / "block8.h5")
    os.remove(place / "run" / "block4.h5")
    dataset.refresh()
    assert dataset.shape == (12,)


def test_cycles_of_virtual_datasets_end(place, opened):
    stack(place / "cycle.h5", ["."], (3,), name="a", dataset="b")
    stack(place / "cycle.h5", ["cycle.h5"], (3,), name="b", dataset="a")
    layout = h5py.VirtualLayout((3,), "<i4")
    layout[...] = h5py.VirtualSource(".", "self", (3,))
    with h5py.File(place / "cycle.h5", "a") as file:
        file.create_virtual_dataset("self", layout)
    for name in "a", "b", "self":
        with pytest.raises(OSError):
            opened("cycle.h5")[name][()]


# ------------------------------------------------------------------------------------------------ external raw files


def raw_dataset(path, slots, shape, name="raw", kind="<i4"):
    with h5py.File(path, "a") as file:
        file.create_dataset(name, shape, kind, external=slots)


@pytest.fixture
def beside(place, monkeypatch):
    """h5py makes raw files in the current folder."""
    monkeypatch.chdir(place)


def test_a_raw_file_that_changes_is_read_anew(place, opened, beside):
    np.arange(6, dtype="<i4").tofile("values.raw")
    raw_dataset(place / "raw.h5", [("values.raw", 0, 24)], (6,))
    dataset = opened("raw.h5")["raw"]
    assert dataset[()].tolist() == [0, 1, 2, 3, 4, 5]
    np.arange(10, 14, dtype="<i4").tofile("values.raw")
    assert dataset[()].tolist() == [10, 11, 12, 13, 0, 0]  # what is not there is zeros, as in libhdf5
    os.remove("values.raw")
    with pytest.raises(OSError, match="values.raw"):
        dataset[()]


def test_only_raw_files_that_hold_what_is_asked_for_are_opened(place, opened, beside):
    slots = 500
    for i in range(slots):
        if i != 77:
            np.full(4, i, "<i4").tofile(f"slot{i}.raw")
    raw_dataset(place / "slots.h5", [(f"slot{i}.raw", 0, 16) for i in range(slots)], (slots, 4))
    dataset = opened("slots.h5")["raw"]
    assert np.array_equal(dataset[:77, 1], np.arange(77))
    assert np.array_equal(dataset[78:], np.repeat(np.arange(78, slots), 4).reshape(-1, 4))
    with pytest.raises(OSError, match="slot77.raw"):
        dataset[70:80]


@pytest.mark.parametrize("name", ["/etc/hostname", "../../../../../../etc/hostname", "out.raw"])
def test_a_raw_file_outside_of_the_export_is_denied(name, place, opened, beside, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    if not (place / "out.raw").is_symlink():
        (place / "out.raw").symlink_to(tmp_path / "secret")
    file_name = f"denied{abs(hash(name))}.h5"
    raw_dataset(place / file_name, [(name, 0, 6)], (6,), kind="S1")
    with pytest.raises(PermissionError):
        opened(file_name)["raw"][()]


# ---------------------------------------------------------------------------------------------------- many of them


def open_files(server, folder):
    """Files of the folder that the front holds open."""
    found = set()
    for number in os.listdir(f"/proc/{server.pid}/fd"):
        try:
            target = os.readlink(f"/proc/{server.pid}/fd/{number}")
        except OSError:
            continue
        if target.startswith(str(folder)) and target.endswith(".h5"):
            found.add(os.path.basename(target))
    return found


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """3,300 external links and as many virtual sources, to files of which a few exist."""
    folder = tmp_path_factory.mktemp("many")
    names = [f"part{i:04d}.h5" for i in range(LINKS)]
    for i in 0, 7, 1234, 3299:
        write(folder / names[i], np.arange(4, dtype="<i4") + i)
    with h5py.File(folder / "many.h5", "w", libver=("earliest", "v110")) as file:
        for i, name in enumerate(names):
            file[f"links/{i:04d}"] = h5py.ExternalLink(name, "data")
    stack(folder / "many.h5", names, (4,))
    return folder


def test_3300_external_links_are_listed_and_only_those_read_are_opened(many):
    with Server({"x": str(many)}) as server:
        file = h5cap.File(server.url("x/many.h5"))
        began = time.monotonic()
        links = file["links"]
        assert len(links) == LINKS and list(links)[-1] == "3299"
        assert all(isinstance(links.get(name, getlink=True), h5cap.ExternalLink) for name in list(links)[:50])
        assert open_files(server, many) == {"many.h5"} and len(server.planners()) <= 1
        print(f"\n{LINKS} external links listed in {time.monotonic() - began:.2f} s")
        assert links["0007"][()].tolist() == [7, 8, 9, 10]
        with pytest.raises(KeyError):
            links["0008"]
        assert open_files(server, many) <= {"many.h5", "part0007.h5"}
        assert links["3299"][1] == 3300
        assert open_files(server, many) <= {"many.h5", "part0007.h5", "part3299.h5"}


def test_of_3300_virtual_sources_only_those_read_are_opened(many):
    with Server({"x": str(many)}) as server:
        dataset = h5cap.File(server.url("x/many.h5"))["stack"]
        assert dataset.shape == (LINKS, 4) and len(dataset.virtual_sources()) == LINKS
        assert open_files(server, many) == {"many.h5"}
        assert dataset[1234, 2] == 1236 and dataset[1233, 2] == -1
        assert open_files(server, many) <= {"many.h5", "part1234.h5"}
        began = time.monotonic()
        found = dataset[()]
        print(f"\n{LINKS} virtual sources, 4 of them there, read in {time.monotonic() - began:.2f} s")
        assert found[7].tolist() == [7, 8, 9, 10] and found[3299, 3] == 3302 and (found == -1).sum() == 4 * (LINKS - 4)
        assert len(dataset.missing_sources) == LINKS - 4


def test_cycles_of_hard_links_end(place, opened):
    with h5py.File(place / "hard.h5", "w") as file:
        file["a/b/data"] = np.arange(3)
        file["a/b/up"] = file["a"]
        file["a/b/self"] = file["a/b"]
        file["a/top"] = file["/"]
    with h5py.File(place / "hard.h5") as theirs:
        expected, found = [], []
        theirs.visit(expected.append)
        ours = opened("hard.h5")
        ours.visit(found.append)
        assert found == expected
        assert ours["a/b/up/b/self/up/b/data"][()].tolist() == [0, 1, 2]


def test_40000_groups_are_listed(place, opened):
    with h5py.File(place / "groups.h5", "w", libver=("earliest", "v110")) as file:
        for i in range(GROUPS):
            file.create_group(f"g{i:05d}")
    began = time.monotonic()
    file = opened("groups.h5")
    names = list(file)
    took = time.monotonic() - began
    print(f"\n{GROUPS} groups listed in {took:.2f} s")
    assert names == [f"g{i:05d}" for i in range(GROUPS)] and len(file) == GROUPS and "g39999" in file
    assert took < 20
