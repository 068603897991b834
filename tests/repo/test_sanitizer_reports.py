"""What the tests' server takes for a report of a sanitizer; the texts are shortened from real ones."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.served import sanitizer_reports  # noqa: E402

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
    ("core/pack.cc:7:3: runtime error: shift exponent 64 is too large for 64-bit type\n", 1),
    ("WARNING: ThreadSanitizer: data race (pid=5)\n  Write of size 8\n    #0 f core/x.cc:3 (h5capd+0x1)\n", 1),
    ("==5==WARNING: reading executable name failed with errno 1, some stack frames may not be symbolized\n", 0),
])
def test_reports(text, count):
    assert len(sanitizer_reports(text.splitlines(keepends=True))) == count
