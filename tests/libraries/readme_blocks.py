"""The README's blocks about other libraries, and a home in which they can be run: a scan in ~/scans, served on the
default socket."""

import contextlib
import os
import pathlib
import re
import subprocess

from sample_scan import make_scan
from support.served import program

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCKS = re.findall(r"^```python library\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
SECONDS = 180
# What a block imports last is its library; the name of the optional dependencies where that is another.
GROUPS = {"nexusformat.nexus": "nexus", "silx.io": "silx", "h5py": "fsspec", "dask.distributed": "dask",
          "zarr": "kerchunk"}


def library_of(text):
    """The group of optional dependencies that a block needs."""
    modules = re.search(r"^import (.*)$", text, re.M)[1].split(", ")
    others = [module for module in modules if not module.startswith("h5cap") and module != "xarray"] or ["xarray"]
    return GROUPS.get(others[-1], others[-1].split(".")[0])


@contextlib.contextmanager
def serving(home):
    """A home with ~/scans, served as the README does; yields the home."""
    make_scan(home / "scans", 8)
    (home / "run").mkdir(mode=0o700)
    log = home / "server.log"
    with open(log, "w") as out:
        server = subprocess.Popen([program("h5capd"), str(home / "scans")], env=environment(home), stdout=out,
                                  stderr=out)
    try:
        for _ in range(400):
            if "listening on " in log.read_text() or server.poll() is not None:
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(0.05)
        assert "listening on " in log.read_text(), log.read_text()
        yield home
    finally:
        server.terminate()
        server.wait(20)


def environment(home, **more):
    kept = {name: value for name, value in os.environ.items()
            if name.startswith(("LD_", "ASAN_", "TSAN_", "LANG", "LC_"))}
    return {**kept, "HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run"), "PATH": "/usr/bin:/bin", **more}


def run(python, text, home, **more):
    """A block as a program; what it wrote and how it ended."""
    script = home / "block.py"
    script.write_text(text)
    return subprocess.run([python, str(script)], cwd=home, env=environment(home, **more), capture_output=True,
                          text=True,
                          timeout=SECONDS)
