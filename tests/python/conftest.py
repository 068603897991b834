"""What the Python tests share: a folder of files, an h5capd that serves it on a Unix socket, and the same files in
h5py."""

import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

from files import write_files  # noqa: E402
from support.served import Server, program  # noqa: E402


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The folder of the files that `files.py` writes."""
    path = tmp_path_factory.mktemp("data")
    write_files(path)
    return path


@pytest.fixture(scope="session")
def server(folder):
    """An h5capd on that folder, as /data/: of $H5CAP_BIN, or of the newest build."""
    try:
        program("h5capd")
    except FileNotFoundError as missing:
        pytest.fail(str(missing))
    with Server({"data": str(folder)}) as running:
        yield running


@pytest.fixture
def url(server):
    """The address of a file by its name."""
    return lambda name="": server.url("data/" + name)


@pytest.fixture
def both(server, folder):
    """Opens a file in h5cap and in h5py: ``ours, theirs = both("name.h5")``."""
    import h5cap
    import h5py

    opened = []

    def open_both(name):
        pair = h5cap.File(server.url("data/" + name)), h5py.File(folder / name, "r")
        opened.extend(pair)
        return pair

    yield open_both
    for file in opened:
        file.close()


@pytest.fixture
def trips(server):
    """Counts round trips: ``with trips() as counted: …`` and then ``counted.round_trips``,
    ``counted.bytes_received``."""
    import h5cap

    session = h5cap.connect(server.url())

    class Counted:
        def __enter__(self):
            self.before = session.traffic()
            return self

        def __exit__(self, *_):
            for key, value in session.traffic().items():
                setattr(self, key, value - self.before[key])

    return Counted
