import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent)]

from support.served import Server, program  # noqa: E402

MAKE = """
import sys, h5py, numpy as np
folder = sys.argv[1]
with h5py.File(folder + "/kinds.h5", "w", libver=("earliest", "v110")) as f:
    g = f.create_group("group")
    g.attrs["note"] = "two\\nlines"
    g["deep/value"] = 1.5
    g["circle"] = g
    f["soft"] = h5py.SoftLink("/group/deep")
    f["outside"] = h5py.ExternalLink("other.h5", "/there")
    f["dangling"] = h5py.SoftLink("/nowhere")
    f["text"] = np.array(["plain", 'with "quotes", and commas', "\\x1b[31mred"], dtype=h5py.string_dtype())
    f["fixed"] = np.array([b"ab", b"abcd"], dtype="S4")
    f["document"] = "first\\nsecond"
    f["flags"] = np.array([True, False])
    f["colour"] = np.array([1, 0], dtype=h5py.enum_dtype({"red": 0, "green": 1}, basetype="i1"))
    f["table"] = np.array([(1, 2.5, True), (3, -0.125, False)], dtype=[("n", "<i4"), ("x", ">f8"), ("ok", "?")])
    f["cube"] = np.arange(24, dtype=">i2").reshape(2, 3, 4)
    f["floats"] = np.array([0.1, -1e300, np.nan, np.inf], dtype="<f8")
    f["empty"] = np.zeros((0, 3), "u1")
    f["null"] = h5py.Empty("f4")
    f["scalar"] = np.int64(-7)
    d = f.create_dataset("chunked", data=np.arange(70 * 90, dtype="<u4").reshape(70, 90), chunks=(16, 32),
                         compression="gzip")
    f.create_dataset("wide", data=np.arange(3_000_000, dtype="<u2").reshape(3, 1000, 1000) % 60000,
                     chunks=(1, 100, 1000))
with h5py.File(folder + "/other.h5", "w") as f:
    f["there"] = [1, 2, 3]
with h5py.File(folder + "/noextension", "w") as f:
    f["x"] = 1
(lambda p: p.mkdir())(__import__("pathlib").Path(folder) / "sub.folder")
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("files")
    subprocess.run(["/usr/bin/python3", "-c", MAKE, str(made)], check=True, timeout=60)
    return made


@pytest.fixture(scope="session")
def server(folder):
    with Server({"data": folder}) as running:
        yield running


class Result:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr


@pytest.fixture
def h5cap(server, tmp_path):
    """Runs `h5cap VERB …`, the address being of the test's server; a leading ':' stands for it."""

    def run(*words, environment=None, timeout=60):
        words = [server.url(word[1:]) if word.startswith(":") else word for word in words]
        env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **(environment or {})}
        command = [program("h5cap"), *words]
        return Result(subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=timeout,
                                     stdin=subprocess.DEVNULL))

    return run
