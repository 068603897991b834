"""The library of the planner that is tested, and the oracle that goes with it."""

import functools
import os
import re
import subprocess

from .sanitizers import plain
from .served import client_python, program


@functools.lru_cache(maxsize=None)
def library_version():
    """(1, 10, 8), or what the planner's libhdf5 is."""
    said = subprocess.run([os.environ.get("H5CAP_PLANNER") or program("h5cap-planner"), "--version"],
                          capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.search(r"libhdf5 (\d+)\.(\d+)\.(\d+)", said).groups())


def oracle_python():
    """An interpreter whose h5py runs the planner's own line of HDF5: Debian's for 1.x, the client's for 2.x;
    $H5CAP_ORACLE_PYTHON is taken instead."""
    default = "/usr/bin/python3" if library_version() < (2,) else client_python()
    return plain(os.environ.get("H5CAP_ORACLE_PYTHON", default))
