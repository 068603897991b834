"""Arrows between rooms point one way, in #include lines, in the build's link graph, in Python's imports, and in what
programs load; docs/architecture.md draws the same rooms.

Not covered: what a room reaches by dlopen; Python modules that compat imports by name.
"""
import os
import re
import subprocess
import sys

import pytest
from dependencies import (ABOVE, KNOWN_CIRCLES, MAY_USE, OUTSIDE, PYTHON_GROUND, PYTHON_MAY_USE, ROOT, TARGETS,
                          architecture_table, circles, documented_may_use, file_graph, include_problems, link_problems,
                          lock_problems, python_problems, python_sources, room_problems, sources, target_problems,
                          tower)


def architecture():
    return (ROOT / "docs" / "architecture.md").read_text()


def test_a_tower_has_floors_and_wings():
    assert tower(["ground"], "low", {("left", "upper left"), "right"}, "top") == {
        "low": {"ground"},
        "left": {"ground", "low"},
        "upper left": {"ground", "low", "left"},
        "right": {"ground", "low"},
        "top": {"ground", "low", "left", "upper left", "right"},
    }


def test_every_file_has_a_room():
    files = sources()
    assert len(files) > 300, "the sources were not found"
    assert room_problems(files) == []


@pytest.mark.parametrize(
    "path, expected",
    [
        ("server/plumbing/pipe.cc", "server/plumbing is no room"),
        ("server/base/deeper/pipe.h", "no room"),
        ("client/src/open/deeper/a.cc", "no room"),
        ("tools/other/main.cc", "no room"),
        ("tests/cpp/nobody/a-test.cc", "no room"),
        ("client/src/shared.h", "only what implements public headers"),
    ],
)
def test_a_file_without_a_room_is_found(path, expected):
    problems = room_problems({path: ""})
    assert len(problems) == 1 and expected in problems[0], problems


def test_include_lines_follow_the_table():
    assert include_problems(sources()) == []


FORBIDDEN_INCLUDES = {
    "HDF5 in the front": ({"server/objects/a.cc": "#include <hdf5.h>"}, "belong to the planner"),
    "HDF5 in the client": ({"client/src/a.cc": '#include "H5public.h"'}, "belong to the planner"),
    "core uses the server": (
        {"core/a.h": '#include "server/access/b.h"', "server/access/b.h": ""},
        "core may not use server/access",
    ),
    "core uses its codecs": ({"core/a.cc": '#include "core/codec/b.h"', "core/codec/b.h": ""},
                             "may not use core/codec"),
    "client uses codecs": ({"client/src/a.cc": '#include "core/codec/b.h"', "core/codec/b.h": ""},
                           "may not use core/codec"),
    "an arrow up": (
        {"server/files/a.cc": '#include "server/reading/b.h"', "server/reading/b.h": ""},
        "server/files may not use server/reading",
    ),
    "siblings": (
        {"server/executor/a.cc": '#include "server/access/b.h"', "server/access/b.h": ""},
        "server/executor may not use server/access",
    ),
    "client uses the server": ({"client/src/a.cc": '#include "server/log.h"', "server/log.h": ""},
                               "may not use server"),
    "front uses the planner": (
        {"server/objects/a.cc": '#include "server/planner/vfd.h"', "server/planner/vfd.h": ""},
        "server/objects may not use server/planner",
    ),
    "the open knows the cache": (
        {"client/src/open/a.cc": '#include "client/src/cache/b.h"', "client/src/cache/b.h": ""},
        "client/src/open may not use client/src/cache",
    ),
    "the cache knows calls": (
        {"client/src/cache/a.cc": '#include "client/src/rpc/b.h"', "client/src/rpc/b.h": ""},
        "client/src/cache may not use client/src/rpc",
    ),
    "what is open knows handles over it": (
        {"client/src/open/a.h": '#include "h5cap/file.h"', "client/include/h5cap/file.h": ""},
        "client/src/open may not use client/include",
    ),
    "a value knows a handle": (
        {"client/values/h5cap/a.h": '#include "h5cap/session.h"', "client/include/h5cap/session.h": ""},
        "client/values may not use client/include",
    ),
    "calls know what is open": (
        {"client/src/rpc/a.cc": '#include "client/src/open/b.h"', "client/src/open/b.h": ""},
        "client/src/rpc may not use client/src/open",
    ),
    "the product uses its tests": (
        {"server/base/a.cc": '#include "tests/support/b.h"', "tests/support/b.h": ""},
        "nobody uses tests/support",
    ),
    "a name that is not from the root": (
        {"client/src/rpc/a.cc": '#include "b.h"', "client/src/rpc/b.h": ""},
        "names no file of ours from the root",
    ),
    "a name upwards": ({"server/base/a.cc": '#include "../base/b.h"', "server/base/b.h": ""}, "from the root"),
    "tool uses core's inside": ({"tools/h5cap/a.cc": '#include "core/pack.h"', "core/pack.h": ""}, "public headers"),
    "tool uses the client's inside": (
        {"tools/h5cap/a.cc": '#include "client/src/rpc/b.h"', "client/src/rpc/b.h": ""},
        "public headers",
    ),
    "tool uses another tool": (
        {"tools/demo-slice/a.cc": '#include "tools/h5cap/npy.h"', "tools/h5cap/npy.h": ""},
        "public headers",
    ),
    "bindings use Cap'n Proto": ({"python-bindings/src/a.cc": "#include <kj/async.h>"}, "does not show outside"),
    "bindings use the contract": ({"python-bindings/src/a.cc": "#include <h5cap/types.capnp.h>"}, "the contract is"),
    "public header uses a private one": (
        {"client/include/h5cap/a.h": '#include "core/pack.h"', "core/pack.h": ""},
        "cannot use a private one",
    ),
    "public header uses Cap'n Proto": ({"client/include/h5cap/a.h": "#include <kj/async.h>"}, "does not show outside"),
}


@pytest.mark.parametrize("name", FORBIDDEN_INCLUDES)
def test_a_forbidden_include_is_found(name):
    files, expected = FORBIDDEN_INCLUDES[name]
    problems = include_problems(files)
    assert len(problems) == 1 and expected in problems[0], problems


def test_no_files_use_each_other_in_a_circle_but_those_that_are_listed():
    assert circles(file_graph(sources())) == sorted(sorted(circle) for circle in KNOWN_CIRCLES)


@pytest.mark.parametrize(
    "files",
    [
        {"core/a.h": '#include "core/b.h"', "core/b.cc": '#include "core/a.h"', "core/b.h": ""},
        {"core/a.h": '#include "core/b.h"', "core/b.h": '#include "core/c.h"', "core/c.cc": '#include "core/a.h"',
         "core/c.h": ""},
        {"capnp/h5cap/a.capnp": 'using B = import "b.capnp";', "capnp/h5cap/b.capnp": 'using A = import "a.capnp";'},
    ],
)
def test_a_circle_is_found(files):
    assert circles(file_graph(files)) == [sorted({path.rsplit(".", 1)[0] for path in files})]


def test_a_public_header_is_counted_with_its_source():
    files = {"client/include/h5cap/a.h": "", "client/src/a.cc": '#include "h5cap/a.h"\n#include "client/src/open/b.h"',
             "client/src/open/b.h": '#include "h5cap/a.h"'}
    assert circles(file_graph(files)) == [["client/src/a", "client/src/open/b"]]


def test_a_header_and_its_source_are_no_circle():
    assert circles(file_graph({"core/a.h": "", "core/a.cc": '#include "core/a.h"'})) == []


def test_who_has_a_mutex_says_what_it_guards():
    assert lock_problems(sources()) == []


@pytest.mark.parametrize(
    "path, line",
    [
        ("server/executor/a.h", "  std::mutex mutex_;  // guards the rest"),
        ("server/base/a.cc", "    std::lock_guard lock(state_->mutex);"),
        ("client/src/rpc/connection.cc", "  std::unique_lock other(*replacing);"),
        ("client/src/cache/a.h", "  mutable std::shared_mutex mutex_;"),
        ("core/a.cc", "static std::recursive_mutex mutex;"),
        ("server/access/a.h", "  kj::_::Mutex mutex_;"),
    ],
)
def test_a_mutex_that_does_not_is_found(path, line):
    assert len(lock_problems({path: line + "\n"})) == 1


@pytest.mark.parametrize("line",
                         ["  kj::MutexGuarded<Known> known_;", "  GuardedValue<Queue> queue_;", "  // no std::mutex"])
def test_what_guards_is_no_problem(line):
    assert lock_problems({"server/executor/a.h": line}) == []


@pytest.fixture(scope="module")
def link_edges(tmp_path_factory):
    """(target, linked target) pairs of the build, as CMake tells them of a tree that it has just configured."""
    folder = tmp_path_factory.mktemp("configured")
    command = ["cmake", "-S", str(ROOT), "-B", str(folder), f"--graphviz={folder / 'graph.dot'}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"// (\S+) -> (\S+)", (folder / "graph.dot").read_text()))


def test_the_link_graph_follows_the_table(link_edges):
    known = {name for edge in link_edges for name in edge if name in TARGETS}
    assert known == set(TARGETS) - {"_h5cap"}, "the graph was not understood"
    assert link_problems(link_edges) == []


@pytest.mark.parametrize(
    "edge",
    [
        ("h5cap_core", "h5cap_client"),
        ("h5cap_client", "h5cap_objects"),
        ("h5cap-cli", "h5cap_core"),
        ("h5capd", "h5cap_hdf5"),
        ("h5cap_executor", "h5cap_access"),
        ("h5cap_base", "h5cap_session"),
        ("h5cap_front", "h5cap-planner"),
        ("h5cap_files", "core-tests"),
        ("h5cap_files", "h5cap_other"),
        ("h5cap_other", "h5cap_core"),
        ("h5cap_misc", "Threads::Threads"),
    ],
)
def test_a_forbidden_link_is_found(edge):
    assert len(link_problems({edge})) == 1


# What adds targets, in CMake files: those of the build that only some configurations have, too.
ADDS = re.compile(r"^\s*(?:h5cap_target|add_library|add_executable|nanobind_add_module)\(\s*([^\s$)]+)", re.M)
ADDS_TESTS = re.compile(r"^\s*h5cap_test\(\s*([^\s$)]+)", re.M)


def cmake_files():
    names = subprocess.run(["git", "ls-files", "*CMakeLists.txt", "*.cmake"], cwd=ROOT, check=True, capture_output=True,
                           text=True)
    return {name: (ROOT / name).read_text() for name in names.stdout.split()}


def test_every_target_has_a_room():
    texts = cmake_files().values()
    added = {name for text in texts for name in ADDS.findall(text)} | {
        f"{name}-tests" for text in texts for name in ADDS_TESTS.findall(text)}
    added.discard("h5cap::client")  # another name of one
    assert set(TARGETS) < added
    assert target_problems(added) == []


@pytest.mark.parametrize("target", ["h5cap_misc", "h5cap-helper", "core-testing", "misc"])
def test_a_target_without_a_room_is_found(target):
    assert len(target_problems({target})) == 1


EXISTS = re.compile(r"\b(?:else)?if\s*\([^)]*\bEXISTS\b")


def test_no_cmake_file_asks_whether_a_file_exists():
    """What is there is known when it is written; what is missing is a mistake, not another build."""
    assert [name for name, text in cmake_files().items() if EXISTS.search(text)] == []
    assert EXISTS.search("if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/a)") and EXISTS.search("elseif (NOT EXISTS a)")


def test_python_modules_follow_the_table():
    files = python_sources()
    assert len(files) > 50 and "" in files, "the modules were not found"
    assert python_problems(files) == []


FORBIDDEN_IMPORTS = {
    "an arrow up": ({"h5x": "from ._hl import files", "_hl.files": ""}, "h5x imports _hl.files: low may not use _hl"),
    "within a function": ({"types.a": "def f():\n    from .. import h5x", "h5x": ""}, "types may not use low"),
    "for type checkers": (
        {"errors": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .types.a import B", "types.a": ""},
        "ground may not use types",
    ),
    "the whole package": ({"_hl.a": "import h5cap", "": ""}, "_hl may not use __init__"),
    "of the package's names": ({"show.a": "from .. import File", "": ""}, "show may not use __init__"),
    "by the whole name": ({"names": "import h5cap.h5x", "h5x": ""}, "ground may not use low"),
    "from by the whole name": ({"names": "from h5cap.h5x import y", "h5x": ""}, "ground may not use low"),
    "what is shown": ({"_hl.a": "from ..show.b import c", "show.b": ""}, "_hl may not use show"),
    "other libraries": ({"": "from .compat import dask", "compat.dask": ""}, "__init__ may not use compat"),
    "by name": ({"h5x": "import importlib\nimportlib.import_module('h5cap.h5y')"}, "imports by name"),
    "a circle": ({"h5x": "from . import h5y", "h5y": "def f():\n    from .h5x import g"}, "a circle: h5x h5y"),
    "a folder that is no room": ({"misc.a": ""}, "misc.a: no room"),
}


@pytest.mark.parametrize("name", FORBIDDEN_IMPORTS)
def test_a_forbidden_import_is_found(name):
    files, expected = FORBIDDEN_IMPORTS[name]
    problems = python_problems(files)
    assert len(problems) == 1 and expected in problems[0], problems


def test_imports_of_others_and_of_lower_rooms_are_allowed():
    assert python_problems({
        "": "from . import h5x\nfrom ._hl import a", "h5x": "import numpy\nfrom . import _h5cap\nfrom .errors import B",
        "errors": "import os", "_hl.a": "from .. import h5x\nfrom . import b", "_hl.b": "",
        "compat.c": "import h5cap\n",
    }) == []


def test_the_rooms_are_those_of_the_architecture_page():
    rows = architecture_table("Where to look", architecture())
    assert documented_may_use(rows) == MAY_USE


def test_the_rooms_of_python_are_those_of_the_architecture_page():
    rows = architecture_table("The Python package, by module", architecture())
    assert [row[0].strip("`") for row in rows] == list(PYTHON_MAY_USE)
    assert set(re.findall(r"`(\w+)`", rows[0][1])) == PYTHON_GROUND


# What the page says of files: paths from the root, without the ending of a header and its source.
NAMED_PATH = re.compile(r"`((?:capnp|core|server|client|python-bindings|tools|tests|docs|cmake|benchmarks)/[^`\s]*)`")


def absent_paths(text):
    return [path for path in NAMED_PATH.findall(text) if not (ROOT / path).exists()
            and not list(ROOT.glob(path + ".*"))]


def test_what_the_architecture_page_names_is_there():
    assert len(NAMED_PATH.findall(architecture())) > 60
    assert absent_paths(architecture()) == []
    assert absent_paths("`server/base/stamp` `server/base/stamps` `core`") == ["server/base/stamps"]


def test_another_page_would_be_noticed():
    text = architecture()
    assert "| `server/files` " in text and text.count("`server/session`") > 1
    without = re.sub(r"^\| `server/files` .*\n", "", text, flags=re.M)
    with pytest.raises(KeyError):
        documented_may_use(architecture_table("Where to look", without))
    rows = architecture_table("Where to look", text)
    changed = [[*row[:2], "`core`"] if row[0] == "`server/executor`" else row for row in rows]
    assert documented_may_use(changed) != MAY_USE


def test_rooms_outside_of_the_client_are_rooms():
    assert OUTSIDE < set(MAY_USE) and not ABOVE & set(MAY_USE)


def has_libhdf5(file):
    """As a shared library, or linked into it."""
    symbols = subprocess.run(["nm", "--defined-only", str(file)], check=True, capture_output=True, text=True,
                             timeout=60)
    return "hdf5" in loaded_libraries(file) or " H5open\n" in symbols.stdout


def loaded_libraries(file):
    return subprocess.run(["ldd", str(file)], check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.parametrize("name", ["h5capd", "h5cap", "demo-slice"])
def test_front_client_and_tools_have_no_libhdf5(programs, name):
    assert "libc.so" in loaded_libraries(programs / name)
    assert not has_libhdf5(programs / name)


def test_the_python_extension_has_no_libhdf5():
    python = os.environ.get("H5CAP_PYTHON", sys.executable)
    command = [python, "-c", "import h5cap._h5cap as m; print(m.__file__)"]
    where = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "libc.so" in loaded_libraries(where.stdout.strip())
    assert not has_libhdf5(where.stdout.strip())


def test_libhdf5_would_be_seen_where_it_is(programs):
    assert has_libhdf5(programs / "h5cap-planner")
