import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]


@pytest.fixture(scope="session")
def programs():
    """The folder of the programs that the build left."""
    folder = pathlib.Path(os.environ.get("H5CAP_BIN", HERE.parents[1] / "build" / "release" / "bin"))
    if not (folder / "h5capd").exists():
        pytest.fail(f"{folder} has no programs: build first")
    return folder
