"""What the tests of other libraries share: a served folder of generated files and, where there are some, real ones."""

import os
import pathlib
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
ROOT = pathlib.Path(HERE).parents[1]

from netcdf_files import write_netcdf_files  # noqa: E402
from sample_scan import make_scan  # noqa: E402
from support.served import Server, program  # noqa: E402

SHARED = pathlib.Path(os.environ.get("H5CAP_TEST_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A sample scan (scan.nxs, data/), and netCDF files (netcdf/)."""
    path = tmp_path_factory.mktemp("data")
    make_scan(path, 12)
    (path / "netcdf").mkdir()
    write_netcdf_files(path / "netcdf")
    return path


@pytest.fixture(scope="session")
def server(folder):
    try:
        program("h5capd")
    except FileNotFoundError as missing:
        pytest.fail(str(missing))
    exports = {"data": str(folder), **({"shared": str(SHARED)} if SHARED.is_dir() else {})}
    with Server(exports, tcp=True) as running:
        yield running


@pytest.fixture
def url(server):
    """The address of a generated file by its name."""
    return lambda name="": server.url("data/" + name)


@pytest.fixture
def shared(server):
    """The address and the local path of a real file; skips where there are none."""

    def of(name):
        if not (SHARED / name).exists():
            pytest.skip(f"{SHARED / name} is not here")
        return server.url("shared/" + name), SHARED / name

    return of


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
