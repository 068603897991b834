import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import oracle  # noqa: E402
from support.served import Server  # noqa: E402

SAMPLE = """
import sys, h5py, hdf5plugin, numpy as np
with h5py.File(sys.argv[1], "w", libver=("earliest", "v110")) as file:
    frames = np.arange(200 * 128 * 128, dtype="u4").reshape(200, 128, 128) % 65521
    frames = frames.astype("u2")
    entry = file.create_group("entry")
    entry.attrs["NX_class"] = "NXentry"
    entry.create_dataset("raw", data=frames, chunks=(1, 128, 128))
    entry.create_dataset("gzip", data=frames, chunks=(1, 128, 128), compression="gzip", shuffle=True)
    entry.create_dataset("lz4", data=frames, chunks=(1, 128, 128), **hdf5plugin.Bitshuffle(cname="lz4"))
    entry.create_dataset("contiguous", data=frames)
    entry.create_dataset("title", data="a title")
    entry.create_dataset("names", data=[f"name {i}" for i in range(50)], dtype=h5py.string_dtype())
    entry["soft"] = h5py.SoftLink("/entry/raw")
"""


def frame(i):
    """Frame i of the sample file's images."""
    import numpy as np
    size = 128 * 128
    return (np.arange(i * size, (i + 1) * size, dtype="u4") % 65521).astype("u2").reshape(128, 128)


def pytest_configure(config):
    config.addinivalue_line("markers", "long: runs for a minute or more; H5CAP_LONG=1 runs it, a short form runs always")


def pytest_collection_modifyitems(config, items):
    if not os.environ.get("H5CAP_LONG"):
        for item in items:
            if "long" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="long: set H5CAP_LONG=1"))


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    path = tmp_path_factory.mktemp("sample") / "sample.h5"
    oracle.run(SAMPLE, path)
    return path


@pytest.fixture
def folder(tmp_path):
    """A folder that is exported as `data`."""
    exported = tmp_path / "data"
    exported.mkdir()
    return exported


@pytest.fixture
def server(folder, sample):
    (folder / "sample.h5").write_bytes(sample.read_bytes())
    with Server({"data": str(folder)}, tcp=True) as running:
        yield running
        assert running.alive(), "h5capd died:\n" + "".join(running.output[-20:])


@pytest.fixture
def still_serving(server):
    """Checks that the server lives, that it is the same process, and that its data is right."""
    import h5cap
    import numpy as np
    pid = server.pid

    def check(i=7):
        assert server.alive() and server.pid == pid
        np.testing.assert_array_equal(h5cap.read(server.url("data/sample.h5"), "/entry/gzip", (i,)), frame(i))

    return check
