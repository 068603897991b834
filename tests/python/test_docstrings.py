"""What the package's documentation shows runs: every example in a docstring, and the snippets of its README, against a
served sample with the addresses that they use.  Everything public has an example, or is in the list of what needs none.
"""

import contextlib
import doctest
import importlib
import inspect
import io
import os
import pathlib
import pkgutil
import re

import h5py
import numpy as np
import pytest

import h5cap
from support.served import Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = pathlib.Path(h5cap.__file__).resolve().parent
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

# Public, and without an example of its own: because it is only raised, or made and described elsewhere.
NEEDS_NONE = {
    "exceptions": {"Changed", "ClosedFile", "FileProblem", "MissingFilter", "MissingSource", "TooLarge",
                   "UnreadableObject"},
    "what a method returns, shown there": {"DirectoryEntry", "ExternalLink", "HardLink", "SoftLink", "StoredSelection",
                                           "VDSmap", "OpenMany", "string_info",
                                           "Reference", "RegionReference", "HLObject", "Datatype"},
    "h5py's own, with its meaning": {"UNLIMITED", "VirtualLayout", "VirtualSource", "check_complex_dtype",
                                     "check_dtype", "check_opaque_dtype", "check_ref_dtype",
                                     "complex_compat_dtype", "get_config", "is_hdf5", "opaque_dtype", "ref_dtype",
                                     "regionref_dtype", "special_dtype",
                                     "h5a", "h5d", "h5f", "h5g", "h5l", "h5p", "h5r", "h5s", "h5t"},
}


def modules():
    found = [h5cap]
    for info in pkgutil.walk_packages([str(PACKAGE)], "h5cap."):
        if not info.name.rsplit(".", 1)[-1].startswith("_"):
            # Hooks of libraries that are not installed; and nexusformat changes how NumPy prints, for everybody.
            with contextlib.suppress(ImportError), np.printoptions():
                found.append(importlib.import_module(info.name))
    return found


def examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    tests = [test for module in modules() for test in finder.find(module, module.__name__) if test.examples]
    return {test.name: test for test in tests}


def write_sample(folder):
    def scan(path, title):
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w", libver=("earliest", "v110")) as file:
            entry = file.create_group("entry")
            entry.attrs["NX_class"] = "NXentry"
            entry["title"] = title
            data = entry.create_group("data")
            data.attrs["signal"] = "data"
            frames = np.repeat(np.arange(50, dtype="u2"), 64 * 80).reshape(50, 64, 80)
            data.create_dataset("data", data=frames, chunks=(1, 64, 80), compression="gzip")
            entry["sample/positions"] = np.array([(0.0, 1.5), (0.5, 2.5), (1.0, 3.5)], dtype=[("x", "f8"), ("y", "f8")])
            entry["temperatures"] = np.linspace(20, 30, 50)
            entry["latest"] = h5py.SoftLink("/entry/data/data")

    scan(folder / "scan.nxs", "a scan")
    scan(folder / "raw" / "run1" / "scan.nxs", "first")
    scan(folder / "raw" / "run2" / "scan.nxs", "second")
    scan(folder / "raw" / "run42" / "scan.nxs", "another")
    os.rename(folder / "raw" / "run42", folder.parent / "run42")


@pytest.fixture(scope="module", autouse=True)
def sample(tmp_path_factory):
    """The sample, on the user's own default socket."""
    root = tmp_path_factory.mktemp("documented")
    write_sample(root / "scans")
    (root / "raw").mkdir()
    os.rename(root / "run42", root / "raw" / "run42")
    (root / "run").mkdir(mode=0o700)
    with Server({"scans": str(root / "scans"),
                 "raw": str(root / "raw")}) as server, pytest.MonkeyPatch.context() as patch:
        os.symlink(server.socket, root / "run" / "h5cap.sock")
        patch.setenv("XDG_RUNTIME_DIR", str(root / "run"))
        patch.chdir(root)
        yield server


@pytest.mark.parametrize("name", sorted(examples()))
def test_example(name):
    test = examples()[name]
    test.globs.update(h5cap=h5cap, np=np)
    out = io.StringIO()
    result = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=out.write)
    assert result.failed == 0, out.getvalue()


def test_no_example_is_left_out():
    left_out = [path.name for path in PACKAGE.rglob("*.py") if "doctest: +SKIP" in path.read_text()]
    assert left_out == []


def test_everything_public_has_an_example():
    listed = set().union(*NEEDS_NONE.values())
    shown = set()
    for name in examples():
        parts = name.split(".")
        shown |= set(parts)  # of a class, an example of a method counts
    assert not listed - set(h5cap.__all__), "listed, and not public"
    missing = [name for name in h5cap.__all__ if name not in shown | listed]
    assert missing == []


def test_everything_public_is_documented():
    undocumented = []
    for name in h5cap.__all__:
        one = getattr(h5cap, name)
        if not (inspect.isclass(one) or inspect.isroutine(one)):
            continue
        if not inspect.getdoc(one):
            undocumented.append(name)
    assert undocumented == []


BLOCK = re.compile(r"^```python(?: run)?\n(.*?)^```$", re.M | re.S)


@pytest.mark.parametrize("text", BLOCK.findall((ROOT / "python-bindings" / "README.md").read_text()))
def test_the_packages_readme(text, capsys):
    exec(compile(text, "python-bindings/README.md", "exec"), {})


def test_a_wrong_example_would_be_noticed():
    test = doctest.DocTestParser().get_doctest(
        '>>> h5cap.File("h5cap:///scans/scan.nxs")["entry/title"][()]\nb"no scan"\n', {"h5cap": h5cap}, "x", None, None)
    assert doctest.DocTestRunner(optionflags=FLAGS).run(test, out=lambda text: None).failed == 1
