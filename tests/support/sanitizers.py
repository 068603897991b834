"""Builds with sanitizers (presets asan and tsan): what tests do otherwise then, and what counts as a report.

Reports of servers, their planners included, are in the server's output.  Those of all other programs are files in
$H5CAP_SANITIZER_REPORTS, where tools/sanitize has told them to go; the test during which they came fails.

    python tests/support/sanitizers.py options FOLDER    environment variables that make it so, one a line
    python tests/support/sanitizers.py check FOLDER      says what is in such a folder, and fails when that is something
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MARKS = {b"__asan_init": "libasan.so", b"__tsan_init": "libtsan.so"}
# What has to be loaded with it: an interpreter brings no libstdc++, which is looked at once, at the start.
BESIDE = "libstdc++.so.6"
# How each sanitizer begins a report.
REPORT = re.compile(r"ERROR: \w+Sanitizer|WARNING: \w+Sanitizer: |Sanitizer: CHECK failed|runtime error: |"
                    r"LeakSanitizer has encountered")
# What leaks in a server is an error, whatever the tests' own interpreter is told.  Too large a request for memory
# fails, as it does without a sanitizer.
SERVER_OPTIONS = {
    "ASAN_OPTIONS": "allocator_may_return_null=1:detect_leaks=1:handle_abort=0:log_path=stderr",
    "UBSAN_OPTIONS": "print_stacktrace=1:log_path=stderr",
    "TSAN_OPTIONS": f"log_path=stderr:report_signal_unsafe=0:suppressions={ROOT}/tests/tsan.supp",
}
FRAME = re.compile(r"\s*#(\d+) ")
LIBHDF5_FRAME = re.compile(r"/libhdf5| in H5\w* ")  # of the shared or of a static one
RUNTIME_FRAME = re.compile(r"/lib(asan|tsan|ubsan|c|m|stdc\+\+)\.so")


def runtime_of(path):
    """The library of the sanitizer that a program was built with, or nothing."""
    try:
        code = pathlib.Path(path).read_bytes()
    except OSError:
        return None
    return next((library for mark, library in MARKS.items() if mark in code), None)


def before_others(library, path):
    """$LD_PRELOAD for a program that is to load a library first: a sanitizer's own has to be before it."""
    runtime = runtime_of(path)
    if not runtime:
        return str(library)
    return ":".join([*map(library_path, (runtime, BESIDE)), str(library)])


def library_path(name):
    said = subprocess.run(["c++", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return said.stdout.strip()


def options_for_all(folder):
    """The environment of all that is no server: reports go to files, and nobody looks for leaks, since an interpreter
    keeps what it likes to the end.  UBSan writes to standard error, whatever it is told (gcc 12); it ends programs by
    abort(), which the address sanitizer reports."""
    path = os.path.join(os.path.abspath(folder), "report")
    return {
        "H5CAP_SANITIZER_REPORTS": os.path.abspath(folder),
        "ASAN_OPTIONS": f"allocator_may_return_null=1:detect_leaks=0:handle_abort=1:log_path={path}",
        "UBSAN_OPTIONS": f"halt_on_error=1:abort_on_error=1:print_stacktrace=1:log_path={path}",
    }


def options_of_a_login():
    """What a server that is started by ssh, in an environment of its own, has to be told to report to files, too."""
    return {name: os.environ[name] + ":detect_leaks=1" for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS")
            if name in os.environ and "H5CAP_SANITIZER_REPORTS" in os.environ}


def plain(python):
    """That interpreter, without the runtime that tools/sanitize lets all programs load."""
    if "H5CAP_SANITIZER_REPORTS" not in os.environ:
        return python
    script = pathlib.Path(f"{os.environ['H5CAP_SANITIZER_REPORTS']}-plain{python.replace(os.sep, '-')}")
    script.write_text(f'#!/bin/sh\nexec env -u LD_PRELOAD -u PYTHONPATH -u PYTHONMALLOC {python} "$@"\n')
    script.chmod(0o755)
    return str(script)


def server_environment():
    """This process' environment, as a server should have it: of two values of one option the later counts."""
    options = {name: ":".join(filter(None, [os.environ.get(name), ours])) for name, ours in SERVER_OPTIONS.items()}
    return {**os.environ, **options}


def sanitizer_reports(lines):
    """The reports in a program's output.  Not those of libhdf5's own faults, which planners are there to die of: in all
    stacks of such a report, where memory was used and where it was allocated, libhdf5 is the innermost that is not
    runtime."""
    starts = [i for i, line in enumerate(lines) if REPORT.search(line)]
    reports = [lines[start:end] for start, end in zip(starts, starts[1:] + [len(lines)])]
    return ["".join(report) for report in reports if not is_of_libhdf5(report)]


def is_of_libhdf5(report):
    stacks = []
    for line in report:
        frame = FRAME.match(line)
        if frame and frame[1] == "0":
            stacks.append([])
        if frame and stacks and not RUNTIME_FRAME.search(line):
            stacks[-1].append(line)
    return bool(stacks) and all(stack and LIBHDF5_FRAME.search(stack[0]) for stack in stacks)


def take_reports(folder):
    """The reports in a folder's files, which are kept but not reported again."""
    found = []
    for path in sorted(pathlib.Path(folder).iterdir()):
        if path.suffix != ".said":
            found += sanitizer_reports(path.read_text(errors="replace").splitlines(keepends=True))
            path.rename(f"{path}.said")
    return found


if __name__ == "__main__":
    wanted, where = sys.argv[1:]
    if wanted == "options":
        print(*(f"{name}={value}" for name, value in options_for_all(where).items()), sep="\n")
    else:
        left = take_reports(where)
        print(*left, sep="\n")
        sys.exit(1 if left else 0)
