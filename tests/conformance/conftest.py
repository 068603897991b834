import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]


@pytest.fixture(scope="session")
def generated(tmp_path_factory):
    """The folder of the generated files."""
    folder = tmp_path_factory.mktemp("generated")
    subprocess.run([os.environ.get("H5CAP_ORACLE_PYTHON", "/usr/bin/python3"), os.path.join(HERE, "generate.py"),
                    str(folder)],
                   check=True, timeout=300, capture_output=True)
    return folder
