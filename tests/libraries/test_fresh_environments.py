"""Each library's block of the README in an environment that has h5cap's wheel and that library's optional dependencies,
and nothing else.  Needs the network, for pip.

Not covered: `all` in one environment, which is what build/venv has, and `test_one_liners.py` runs in.
"""

import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from readme_blocks import BLOCKS, library_of, run, serving

ROOT = pathlib.Path(__file__).resolve().parents[2]
INSTALL_SECONDS = 500
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("home")) as home:
        yield home


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, as tools/wheel builds it, or $H5CAP_WHEEL."""
    try:
        urllib.request.urlopen("https://pypi.org/simple/pip/", timeout=20).close()
    except (urllib.error.URLError, OSError) as error:
        pytest.skip(f"pip has nowhere to get packages from: {error}")
    if "H5CAP_WHEEL" in os.environ:
        return os.environ["H5CAP_WHEEL"]
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run([str(ROOT / "tools" / "wheel"), str(folder)], capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def outside():
    """The environment without a build's package, which pip would take for an installed one."""
    return {name: value for name, value in os.environ.items()
            if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("text", BLOCKS, ids=library_of)
def test_a_block_runs_with_its_own_dependencies(text, wheel, home, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, timeout=120)
    python = tmp_path / "venv" / "bin" / "python"
    installed = subprocess.run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check",
                                f"{wheel}[{library_of(text)}]"],
                               capture_output=True, text=True, timeout=INSTALL_SECONDS, env=outside())
    assert installed.returncode == 0, installed.stderr
    done = run(str(python), text, home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
