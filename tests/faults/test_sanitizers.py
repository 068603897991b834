"""With sanitizers (tools/sanitize address): what is tested is built with them, and what a real server or planner does
wrong is noticed.  tests/repo/test_sanitizer_reports.py is about what counts as a report."""

import subprocess

import h5cap
import pytest
from support.sanitizers import runtime_of
from support.served import IS_SANITIZED, Server, preloaded, program

pytestmark = pytest.mark.skipif(not IS_SANITIZED, reason="of builds with sanitizers")

UNSOUND = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void* volatile kept;
__attribute__((constructor)) static void leak(void) {
  if (strcmp(program_invocation_short_name, "h5capd")) return;
  if (getenv("LEAK")) kept = malloc(100);
  kept = NULL;
}

long H5Fopen(const char* name, unsigned how, long access) {
  void* volatile bytes = malloc(8);
  if (getenv("OVERFLOW")) memset(bytes, 1, 9);
  free(bytes);
  return ((long (*)(const char*, unsigned, long))dlsym(RTLD_NEXT, "H5Fopen"))(name, how, access);
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unsound")
    (folder / "unsound.c").write_text(UNSOUND)
    subprocess.run(["cc", "-shared", "-fPIC", "-fno-builtin", "-o", folder / "unsound.so", folder / "unsound.c"],
                   check=True)
    return folder / "unsound.so"


def test_all_is_built_with_them():
    extension = h5cap._h5cap.__file__
    print(extension)
    assert [runtime_of(path) for path in (program("h5capd"), program("h5cap-planner"), program("h5cap"), extension)] \
        == ["libasan.so"] * 4


def said(folder, sample, library, **environment):
    """What sanitizers say about a server that is asked for a file."""
    (folder / "sample.h5").write_bytes(sample.read_bytes())
    server = Server({"data": str(folder)}, environment={"LD_PRELOAD": preloaded(library), **environment})
    try:
        h5cap.File(server.url("data/sample.h5"), timeout=60).close()
    except OSError:
        assert environment
    code = server.stop()
    return code, server.sanitizer_reports()


def test_control(folder, sample, library):
    assert said(folder, sample, library) == (0, [])


def test_a_server_that_leaks(folder, sample, library):
    code, reports = said(folder, sample, library, LEAK="1")
    assert code and len(reports) == 1 and "detected memory leaks" in reports[0], reports


def test_a_planner_that_writes_outside(folder, sample, library):
    _, reports = said(folder, sample, library, OVERFLOW="1")
    assert reports and "heap-buffer-overflow" in reports[0], reports
