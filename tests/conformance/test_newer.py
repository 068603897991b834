"""Files of h5py 3.16 with HDF5 2.0's newest format.  What the planner's libhdf5 reads is equal; what a library before
2.0 cannot read names both versions, and hides nothing else.  And elements of 100 MB leave the rest of their file
alone.

Not covered: superblocks that are too new (tests/cpp/planner).
"""

import subprocess
import warnings

import h5cap
import numpy as np
import pytest
from support import planner
from support.served import REPLY_BYTES, Server, program

import h5py

VALUES = np.arange(100)
READS_NEWEST = planner.library_version() >= (2,)
NEWER = ["chunked", "complex", "virtual"]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("newer")
    with h5py.File(folder / "newest.h5", "w", libver="latest") as file:
        file["plain"] = VALUES
        file.create_dataset("chunked", data=VALUES, chunks=(10,), compression="gzip")
        layout = h5py.VirtualLayout((100,), VALUES.dtype)
        layout[:] = h5py.VirtualSource(file["plain"])
        file.create_virtual_dataset("virtual", layout)
        space = h5py.h5s.create_simple((3,))
        h5py.h5d.create(file.id, b"complex", h5py.h5t.COMPLEX_IEEE_F64LE, space)
    write_attributes(folder / "attributes.h5", {})
    write_attributes(folder / "behind.h5", dict(userblock_size=1024))
    with h5py.File(folder / "huge.h5", "w") as file:
        file.create_dataset("huge", (3,), dtype="S100000000", chunks=True)
        file["plain"] = VALUES
    with Server({"files": str(folder)}) as server:
        server.originals = folder
        yield server


TEXTS = {f"text {i}": "x" * 1500 for i in range(3)}  # in several parts of the header
MANY = {f"many {i:02}": i for i in range(30)}  # in a heap


def write_attributes(path, options):
    with h5py.File(path, "w", libver="v112", **options) as file:
        file["data"] = VALUES
        for node in file["data"], file.create_group("tracked", track_order=True), file:
            node.attrs["flag"] = True  # HDF5 1.12 has this type in a version of its own
            node.attrs["good"] = 7
            node.attrs.update(TEXTS)
            node.attrs["complex"] = 1j
            node.attrs["last"] = [1.5, 2.5]
        file.create_group("crowd/inner").attrs.update(good=1)
        for name, number in MANY.items():
            file["crowd"].attrs[name] = number
        file["crowd"].attrs["flag"] = True
        file["crowd/flags"] = np.array([True])
        file["crowd/z"] = VALUES


@pytest.mark.parametrize("name", ["attributes", "behind"])
@pytest.mark.parametrize("path", ["data", "tracked", "/"])
def test_an_attribute_that_is_too_new_hides_no_other(served, name, path):
    newer = {"flag": True, "complex": 1j}
    with h5cap.File(served.url(f"files/{name}.h5")) as file:
        attrs = file[path].attrs
        assert sorted(attrs) == sorted(["good", "last", *TEXTS, *newer]) and len(attrs) == 7
        assert {key: attrs[key] for key in TEXTS} == TEXTS
        assert attrs["good"] == 7 and list(attrs["last"]) == [1.5, 2.5]
        for key, value in newer.items():
            assert key in attrs
            if READS_NEWEST:
                assert attrs[key] == value
            else:
                with pytest.raises(h5cap.FileProblem, match=f"attribute {key}: .* version 4; it needs a newer HDF5"):
                    attrs[key]


def test_one_among_many_hides_no_other(served):
    """Of attributes in a heap an old library says no name of one that it cannot read."""
    with h5cap.File(served.url("files/attributes.h5")) as file:
        attrs = file["crowd"].attrs
        assert set(attrs) == set(MANY) | ({"flag"} if READS_NEWEST else set())
        assert {key: attrs[key] for key in MANY} == MANY
        if READS_NEWEST:
            assert attrs["flag"]
        else:
            with pytest.raises(h5cap.FileProblem, match="newer HDF5"):
                attrs["flag"]


def test_what_is_too_new_ends_no_walk(served):
    url, seen = served.url("files/attributes.h5"), []
    with h5cap.File(url) as file, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert file.visititems(lambda name, node: seen.append(name)) is None
    everything = ["crowd", "crowd/flags", "crowd/inner", "crowd/z", "data", "tracked"]
    assert seen == [name for name in everything if READS_NEWEST or name != "crowd/flags"]
    assert [str(w.message).split(":")[0] for w in said] == \
        ([] if READS_NEWEST else ["visititems leaves out crowd/flags"])
    tree = subprocess.run([program("h5cap"), "tree", "-a", url], capture_output=True, text=True, timeout=60)
    for word in ("inner", "z", "tracked", "text 2", "last", "many 29"):
        assert word in tree.stdout, tree.stdout + tree.stderr


def test_a_walk_passes_on_what_the_visitor_raises(served):
    def visitor(name, node):
        raise h5cap.UnreadableObject("of the visitor's own")

    with h5cap.File(served.url("files/attributes.h5")) as file, pytest.raises(h5cap.UnreadableObject, match="own"):
        file.visititems(visitor)


def test_what_any_library_can_read_is_equal(served):
    with h5cap.File(served.url("files/newest.h5")) as file:
        assert sorted(file) == ["chunked", "complex", "plain", "virtual"]
        assert (file["plain"][()] == VALUES).all()


@pytest.mark.skipif(not READS_NEWEST, reason="the planner's libhdf5 is older")
@pytest.mark.parametrize("name", NEWER)
def test_what_is_new_is_equal(name, served):
    with h5cap.File(served.url("files/newest.h5")) as file, h5py.File(served.originals / "newest.h5") as original:
        assert file[name].dtype == original[name].dtype
        np.testing.assert_array_equal(file[name][()], original[name][()])


@pytest.mark.skipif(READS_NEWEST, reason="the planner's libhdf5 reads them")
@pytest.mark.parametrize("name", NEWER)
def test_what_is_too_new_names_both_versions(served, name):
    version = r"\.".join(map(str, planner.library_version()))
    with h5cap.File(served.url("files/newest.h5")) as file:
        with pytest.raises((KeyError, OSError),
                           match=f"newer HDF5 than this server's libhdf5 {version}.*version|version.*newer HDF5 than "
                                 f"this server's libhdf5 {version}"):
            file[name]


def test_a_huge_element_leaves_the_rest_of_its_file_alone(served):
    with h5cap.File(served.url("files/huge.h5")) as file:
        assert (file["plain"][()] == VALUES).all()
        assert file["huge"].shape == (3,) and file["huge"].dtype == np.dtype("S100000000")
        if REPLY_BYTES is None:
            assert file["huge"][0] == b""
        assert (file["plain"][5:9] == VALUES[5:9]).all()
