"""Every public header of the client compiles by itself as C++17, warnings being errors, with nothing but the
include folders; and the check would notice C++20."""
import subprocess

import pytest
from dependencies import PUBLIC_FOLDERS, ROOT

HEADERS = sorted(path.name for folder in PUBLIC_FOLDERS for path in (ROOT / folder / "h5cap").glob("*.h"))


def compile_as_cpp17(source):
    command = ["g++", "-std=c++17", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers",
               "-fsyntax-only"]
    command += [f"-I{ROOT / folder}" for folder in PUBLIC_FOLDERS] + ["-x", "c++", "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("name", HEADERS)
def test_header_is_cpp17_and_complete(name):
    result = compile_as_cpp17(f"#include <h5cap/{name}>\n#include <h5cap/{name}>\n")
    assert result.returncode == 0, result.stderr


def test_cpp20_is_noticed():
    cpp20 = "#include <h5cap/shape.h>\nstruct A { int a; bool operator==(const A&) const = default; };\n"
    assert compile_as_cpp17(cpp20).returncode != 0
