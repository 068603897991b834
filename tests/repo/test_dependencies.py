"""Arrows between layers point one way, in #include lines, in the build's link graph, and in what programs load.

Not covered: what a layer reaches by dlopen.
"""
import os
import re
import subprocess
import sys

import pytest
from dependencies import ROOT, TARGET_LAYER, include_problems, link_problems, sources


def test_include_lines_follow_the_table():
    files = sources()
    assert len(files) > 50, "the sources were not found"
    assert include_problems(files) == []


FORBIDDEN_INCLUDES = {
    "HDF5 in the front": ({"server/objects/a.cc": "#include <hdf5.h>"}, "belong to the planner"),
    "HDF5 in the client": ({"client/src/a.cc": '#include "H5public.h"'}, "belong to the planner"),
    "core uses the server": ({"core/a.h": '#include "server/access/b.h"', "server/access/b.h": ""}, "core may not use access"),
    "siblings": ({"server/executor/a.cc": '#include "../access/b.h"', "server/access/b.h": ""}, "executor may not use access"),
    "client uses the server": ({"client/src/a.cc": '#include "server/log.h"', "server/log.h": ""}, "client may not use main"),
    "front uses the planner": (
        {"server/objects/a.cc": '#include "server/planner/vfd.h"', "server/planner/vfd.h": ""},
        "objects may not use planner",
    ),
    "tool uses core's inside": ({"tools/h5cap/a.cc": '#include "core/pack.h"', "core/pack.h": ""}, "public headers"),
    "tool uses the client's inside": ({"tools/h5cap/a.cc": '#include "client/src/b.h"', "client/src/b.h": ""}, "public headers"),
    "bindings use Cap'n Proto": ({"python-bindings/src/a.cc": "#include <kj/async.h>"}, "does not show outside"),
    "bindings use the contract": ({"python-bindings/src/a.cc": "#include <h5cap/types.capnp.h>"}, "the contract is"),
    "public header uses a private one": (
        {"client/include/h5cap/a.h": '#include "core/pack.h"', "core/pack.h": ""},
        "cannot use a private one",
    ),
}


@pytest.mark.parametrize("name", FORBIDDEN_INCLUDES)
def test_a_forbidden_include_is_found(name):
    files, expected = FORBIDDEN_INCLUDES[name]
    problems = include_problems(files)
    assert len(problems) == 1 and expected in problems[0], problems


def build_folder(programs):
    folder = programs.parent
    if not (folder / "CMakeCache.txt").exists():
        pytest.fail(f"{folder} is not a CMake build")
    return folder


def link_edges(folder, out):
    """(target, linked target) pairs of a build, as CMake tells them."""
    subprocess.run(["cmake", f"--graphviz={out}", str(folder)], check=True, capture_output=True, timeout=300)
    return set(re.findall(r"// (\S+) -> (\S+)", out.read_text()))


def test_the_link_graph_follows_the_table(programs, tmp_path):
    edges = link_edges(build_folder(programs), tmp_path / "graph.dot")
    known = {name for edge in edges for name in edge if name in TARGET_LAYER}
    assert {"h5cap_core", "h5cap_client", "h5capd", "h5cap-planner", "h5cap-cli"} <= known, "the graph was not understood"
    assert link_problems(edges) == []


@pytest.mark.parametrize(
    "edge", [("h5cap_core", "h5cap_client"), ("h5cap_client", "h5cap_objects"), ("h5cap-cli", "h5cap_core"), ("h5capd", "hdf5::hdf5")]
)
def test_a_forbidden_link_is_found(edge):
    assert link_problems({edge}) != []


def loaded_libraries(file):
    return subprocess.run(["ldd", str(file)], check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.parametrize("name", ["h5capd", "h5cap", "demo-slice"])
def test_front_client_and_tools_do_not_load_libhdf5(programs, name):
    libraries = loaded_libraries(programs / name)
    assert "libc.so" in libraries
    assert "hdf5" not in libraries


def test_the_python_extension_does_not_load_libhdf5():
    python = os.environ.get("H5CAP_PYTHON", sys.executable)
    where = subprocess.run([python, "-c", "import h5cap._h5cap as m; print(m.__file__)"], check=True, capture_output=True, text=True)
    libraries = loaded_libraries(where.stdout.strip())
    assert "libc.so" in libraries
    assert "hdf5" not in libraries


def test_libhdf5_would_be_seen_where_it_is(programs):
    assert "libhdf5" in loaded_libraries(programs / "h5cap-planner")
