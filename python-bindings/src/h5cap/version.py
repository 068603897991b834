"""Versions: of this package, and of what it runs with."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _version

import numpy

try:
    version = _version("h5cap")
except PackageNotFoundError:  # a build that is not installed
    version = "0.1.0"

version_tuple = tuple(int(part) if part.isdigit() else part for part in version.split("."))

# libhdf5 is the server's: see Session.server_info().
info = f"""\
Summary of the h5cap configuration
----------------------------------

h5cap   {version}
Python  {sys.version}
sys.platform    {sys.platform}
sys.maxsize     {sys.maxsize}
numpy   {numpy.__version__}
"""
