"""A client and a server of the commit in `earlier-commit` work with those of today, both ways: files, folders, slices,
texts, links, virtual datasets and errors.  What came later answers NotImplementedError where the server does not know
it, and never anything wrong.  Builds that commit once (some minutes).  Not covered: more than one earlier version.
"""

import json
import os
import pathlib
import subprocess

import h5py
import numpy as np
import pytest

from support.served import Server, client_python

HERE = pathlib.Path(__file__).resolve().parent
BUILD_SECONDS = 1500

pytestmark = [pytest.mark.long, pytest.mark.timeout(BUILD_SECONDS + 100)]


@pytest.fixture(scope="module")
def earlier():
    """The folder with the earlier commit's programs and package."""
    built = subprocess.run([HERE / "build-earlier"], capture_output=True, text=True, timeout=BUILD_SECONDS)
    if built.returncode == 3:
        pytest.skip("this copy of the project has no history")
    assert built.returncode == 0, built.stderr
    return pathlib.Path(built.stdout.strip())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("compatibility")
    data = np.arange(6 * 20 * 30, dtype="i4").reshape(6, 20, 30)
    with h5py.File(root / "other.h5", "w", libver=("earliest", "v110")) as file:
        file["d"] = data[:, 0]
    with h5py.File(root / "basics.h5", "w", libver=("earliest", "v110")) as file:
        file.create_dataset("entry/data", data=data, chunks=(1, 20, 30), compression="gzip", shuffle=True)
        file["entry"].attrs["NX_class"] = "NXentry"
        file["entry"].attrs["numbers"] = [1.5, 2.5]
        file["line"] = np.arange(50.0)
        file["text"] = "häßlich"
        file["texts"] = np.array(["a", "", "ünï"], dtype=h5py.string_dtype())
        file["table"] = np.array([(1, 2.5), (3, 4.5)], dtype=[("n", "i4"), ("x", ">f8")])
        layout = h5py.VirtualLayout((6, 30), "i4")
        layout[:3] = h5py.VirtualSource("other.h5", "d", (6, 30))[:3]
        layout[3:] = h5py.VirtualSource("absent.h5", "d", (6, 30))[3:]
        file.create_virtual_dataset("virtual", layout, fillvalue=-1)
        file["external"] = h5py.ExternalLink("other.h5", "d")
        file["soft"] = h5py.SoftLink("/entry/data")
        file.attrs["reference"] = file["entry/data"].ref
        file.attrs["region"] = file["entry/data"].regionref[2, 3:5, 4:6]
        file.create_dataset("references", data=[file["entry"].ref, file["line"].ref], dtype=h5py.ref_dtype)
        file["long double"] = np.array([1.5, -2.25], np.longdouble)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(root)  # which a raw file's name is relative to when it is written
            file.create_dataset("raw", (4,), "i4", external=[("raw.bin", 0, 16)])
            file["raw"][:] = [1, 2, 3, 4]
    (root / "junk.h5").write_text("no HDF5")
    return root


def results(package, base, *which):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if package is not None:
        environment["PYTHONPATH"] = str(package)
    done = subprocess.run([client_python(), str(HERE / "basics.py"), base, *which], capture_output=True, text=True,
                          timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def package():
    """Where today's package is: on PYTHONPATH, or (None) installed."""
    return os.environ.get("PYTHONPATH")


@pytest.fixture(scope="module")
def served_now(folder):
    with Server({"data": str(folder)}) as server:
        yield server


@pytest.fixture(scope="module")
def served_then(folder, earlier):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("H5CAP_BIN", str(earlier / "bin"))
        with Server({"data": str(folder)}) as server:
            yield server


@pytest.fixture(scope="module")
def expected(package, served_now, folder):
    """Today's client and server, which other suites hold against h5py; the numbers here once more."""
    found = results(package, served_now.url("data/"), "new")
    with h5py.File(folder / "basics.h5") as file:
        assert found["slice"] == file["entry/data"][3, 2:9, ::3].tolist()
        assert found["virtual"] == file["virtual"][:, 4].tolist()
        assert found["texts"] == ["a", "", "ünï"]
    assert found["absent"] == {"raised": "KeyError"} and found["no file"] == {"raised": "FileNotFoundError"}
    return found


def test_an_earlier_client_reads_from_todays_server(earlier, served_now, expected):
    found = results(earlier / "package", served_now.url("data/"))
    assert len(found) >= 24 and found == {step: expected[step] for step in found}


def test_todays_client_reads_from_an_earlier_server(package, served_then, expected):
    found = results(package, served_then.url("data/"), "new")
    wrong = {step: (result, expected[step]) for step, result in found.items()
             if result not in (expected[step], {"raised": "NotImplementedError"})}
    assert wrong == {}
    from basics import BASICS

    assert {step for step in BASICS if found[step] != expected[step]} == set()
    assert any(result == {"raised": "NotImplementedError"} for result in found.values())


def test_the_earlier_ones_are_the_earlier_ones(earlier, served_then, served_now):
    """Without which the above would show nothing: the earlier client lacks `open_many`, and the programs differ."""
    has = "import h5cap; print(hasattr(h5cap, 'open_many'), h5cap.__file__)"
    out = subprocess.run([client_python(), "-c", has], env={**os.environ, "PYTHONPATH": str(earlier / "package")},
                         capture_output=True, text=True, timeout=60, check=True)
    assert out.stdout.startswith("False ") and str(earlier) in out.stdout
    programs = [os.readlink(f"/proc/{server.pid}/exe") for server in (served_then, served_now)]
    assert str(earlier) in programs[0] and str(earlier) not in programs[1]
