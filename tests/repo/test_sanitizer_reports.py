"""Tests notice what sanitizers say: what counts as a report, in texts shortened from real ones, and programs that are
not sound, as a server, as its planner and as a tool.  tests/faults/test_sanitizers.py is about the real ones."""

import os
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import served  # noqa: E402
from support.sanitizers import ROOT, options_for_all, sanitizer_reports, take_reports  # noqa: E402

CRASH_IN_LIBHDF5 = """AddressSanitizer:DEADLYSIGNAL
==31971==ERROR: AddressSanitizer: BUS on unknown address (pc 0x7fd3d40288b5)
    #0 0x7fd3d40288b5  (/lib/x86_64-linux-gnu/libasan.so.8+0x288b5)
    #1 0x7fd3d3d843cd  (/lib/x86_64-linux-gnu/libhdf5_serial.so.103+0x1843cd)
    #2 0x56464b5e5e68  (/usr/bin/h5cap-planner+0xcb2e68)
SUMMARY: AddressSanitizer: BUS (/lib/x86_64-linux-gnu/libasan.so.8+0x288b5)
"""
OVERFLOW = """==7==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x602000000018
WRITE of size 8 at 0x602000000018 thread T0
    #0 0x7f0000000001  (/lib/x86_64-linux-gnu/libasan.so.8+0x1)
    #1 0x7fd3d3d843cd  (/lib/x86_64-linux-gnu/libhdf5_serial.so.103+0x1843cd)

0x602000000018 is located 0 bytes to the right of 8-byte region
allocated by thread T0 here:
    #0 0x7f0000000002  (/lib/x86_64-linux-gnu/libasan.so.8+0x2)
    #1 {allocator}
"""
OF_LIBHDF5 = "0x7fd3d3d00000  (/lib/x86_64-linux-gnu/libhdf5_serial.so.103+0x100000)"
OURS = "0x56464b5e5e68  (/usr/bin/h5cap-planner+0xcb2e68)"


@pytest.mark.parametrize("text, count", [
    ("listening on h5cap+unix://x/\n", 0),
    (CRASH_IN_LIBHDF5, 0),
    (OVERFLOW.replace("{allocator}", OF_LIBHDF5), 0),
    # libhdf5 writes past a buffer that we lent it.
    (OVERFLOW.replace("{allocator}", OURS), 1),
    (CRASH_IN_LIBHDF5 + OVERFLOW.replace("{allocator}", OURS), 1),
    ("==1==ERROR: AddressSanitizer: SEGV on unknown address\n    #0 0x55 in h5cap::g server/executor/gather.cc:5\n", 1),
    ("==1==ERROR: LeakSanitizer: detected memory leaks\n", 1),
    ("AddressSanitizer: CHECK failed: asan_interceptors.cpp:320 \"...\" (tid=16563)\n    #0 0x7f in CheckUnwind\n", 1),
    ("core/pack.cc:7:3: runtime error: shift exponent 64 is too large for 64-bit type\n", 1),
    ("WARNING: ThreadSanitizer: data race (pid=5)\n  Write of size 8\n    #0 f core/x.cc:3 (h5capd+0x1)\n", 1),
    ("==5==WARNING: reading executable name failed with errno 1, some stack frames may not be symbolized\n", 0),
])
def test_reports(text, count):
    assert len(sanitizer_reports(text.splitlines(keepends=True))) == count


@pytest.fixture(scope="module")
def unsound(tmp_path_factory):
    """The folder of a program that is called as the server is."""
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("unsound")
    subprocess.run(["cc", "-g", "-fsanitize=address,undefined", "-o", folder / "h5capd",
                    os.path.join(ROOT, "tests", "support", "unsound.c")], check=True)
    return folder


@pytest.mark.parametrize("what, message", [
    ("overflow", "heap-buffer-overflow"),
    ("undefined", "signed integer overflow"),
    ("leak", "LeakSanitizer: detected memory leaks"),
    ("planner", "heap-buffer-overflow"),
    ("crash", "ended with -6"),
    ("status", "ended with 3"),
])
@pytest.mark.parametrize("within_sanitize", [False, True])
def test_servers(unsound, tmp_path, monkeypatch, what, message, within_sanitize):
    monkeypatch.setenv("H5CAP_BIN", str(unsound))
    for name, value in options_for_all(tmp_path).items():
        if within_sanitize and name.endswith("_OPTIONS"):
            monkeypatch.setenv(name, value)
    with pytest.raises(AssertionError, match=message):
        with served.Server({"data": "/"}, environment={"UNSOUND": what}):
            pass


def test_sound_servers(unsound, monkeypatch):
    monkeypatch.setenv("H5CAP_BIN", str(unsound))
    with served.Server({"data": "/"}, environment={"UNSOUND": "nothing"}):
        pass


@pytest.mark.parametrize("what, count", [("nothing", 0), ("overflow", 1), ("undefined", 1)])
def test_tools(unsound, tmp_path, what, count):
    subprocess.run([unsound / "h5capd"], env={**os.environ, **options_for_all(tmp_path), "UNSOUND": what})
    assert len(take_reports(tmp_path)) == count
    assert not take_reports(tmp_path), "each is reported once"
