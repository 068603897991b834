import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

from support import oracle  # noqa: E402


@pytest.fixture(scope="session")
def generated(tmp_path_factory):
    """The folder of the generated files."""
    folder = tmp_path_factory.mktemp("generated")
    subprocess.run([oracle.PYTHON, os.path.join(HERE, "generate.py"), str(folder)], check=True, timeout=300,
                   capture_output=True)
    return folder
