"""Instructions of a build's front, counted by callgrind: exact to what timers and the order of threads change.

Each count is of a server of its own that answers a fixed script, less that of a server that answers the script
without the calls, so that starting, opening and the first calls do not count.  Planners run as they are.
"""

import contextlib
import os
import shlex
import shutil
import stat
import subprocess
import tempfile

from workloads import WORKLOADS, Served, selections

PRELOAD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "openat2-preload.c")
REPETITIONS = 4  # of as many calls as a timed repetition has


def require():
    if not shutil.which("valgrind"):
        raise SystemExit("--instructions valgrind: valgrind is not installed (Debian's package is valgrind)")


@contextlib.contextmanager
def programs(folder):
    """A folder whose h5capd is that of `folder` under callgrind, and the path of what it will have counted."""
    with tempfile.TemporaryDirectory(prefix="h5cap-bench-") as wrapped:
        counted, wrapper = os.path.join(wrapped, "counted"), os.path.join(wrapped, "h5capd")
        command = [
            "valgrind",
            "--quiet",
            "--tool=callgrind",
            f"--callgrind-out-file={counted}",
            os.path.join(folder, "h5capd"),
        ]
        preload = os.path.join(wrapped, "openat2.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", preload, PRELOAD, "-ldl"], check=True)
        with open(wrapper, "w") as script:
            script.write(f"#!/bin/sh\nLD_PRELOAD={shlex.quote(preload)} exec {shlex.join(command)} \"$@\"\n")
        os.chmod(wrapper, stat.S_IRWXU)
        yield wrapped, counted


def total(path):
    with open(path) as lines:
        for line in lines:
            if line.startswith("totals:"):
                return int(line.split()[1])
    raise ValueError(f"{path}: callgrind wrote no total")


def instructions_of_script(start, folder, name, file, todo):
    """Of a front that answers two calls before those asked for; `start` makes a server of a folder of programs."""
    first, *_ = todo
    with programs(folder) as (wrapped, counted):
        with start(wrapped) as server, Served(server) as side, WORKLOADS[name].prepare(side, file) as call:
            call(first)
            call(first)
            for selection in todo[1:]:
                call(selection)
        return total(counted)


def instructions(start, folder, name, file, shape):
    """Of the front, for one call of a workload."""
    calls = (WORKLOADS[name].calls or 1) * REPETITIONS
    todo = selections(name, shape, calls + 1)
    return (
        instructions_of_script(start, folder, name, file, todo)
        - instructions_of_script(start, folder, name, file, todo[:1])
    ) / calls
