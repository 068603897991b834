import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import oracle  # noqa: E402
from support.sample import SAMPLE, frame  # noqa: E402
from support.served import Server  # noqa: E402


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
