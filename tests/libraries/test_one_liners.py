"""What the README says of other libraries works as it stands: each block is a program of its own, in a process of its
own.  `test_fresh_environments.py` runs the same in environments with nothing but that library.
"""

import os
import sys

import pytest
from readme_blocks import BLOCKS, SECONDS, library_of, run, serving


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("home")) as home:
        yield home


def test_every_library_has_a_block():
    assert [library_of(text) for text in BLOCKS] == ["xarray", "dask", "fsspec", "kerchunk", "pandas", "h5netcdf",
                                                     "silx", "nexus"]


@pytest.mark.parametrize("text", BLOCKS, ids=library_of)
def test_a_block_runs(text, home):
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    done = run(sys.executable, text, home, PYTHONPATH=os.pathsep.join(paths))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_a_failing_block_would_be_noticed(home):
    assert run(sys.executable, "import h5cap; h5cap.File('h5cap:///scans/absent.h5')", home,
               PYTHONPATH=os.environ.get("PYTHONPATH", "")).returncode != 0
    assert SECONDS > 0
