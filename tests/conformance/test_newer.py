"""Files of h5py 3.16 with HDF5 2.0's newest format.  What the planner's libhdf5 reads is equal; what a library before
2.0 cannot read names both versions.  And elements of 100 MB leave the rest of their file alone.

Not covered: superblocks that are too new (tests/cpp/planner).
"""

import h5cap
import numpy as np
import pytest
from support import planner
from support.served import REPLY_BYTES, Server

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
    with h5py.File(folder / "huge.h5", "w") as file:
        file.create_dataset("huge", (3,), dtype="S100000000", chunks=True)
        file["plain"] = VALUES
    with Server({"files": str(folder)}) as server:
        server.originals = folder
        yield server


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
