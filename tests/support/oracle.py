"""Runs Python source under Debian's interpreter, which has h5py on the server's own libhdf5."""

import os
import subprocess
import textwrap

from .sanitizers import plain

PYTHON = plain(os.environ.get("H5CAP_ORACLE_PYTHON", "/usr/bin/python3"))


def run(source, *arguments, seconds=60):
    """Runs `source` to its end and returns what it printed."""
    done = subprocess.run([PYTHON, "-c", textwrap.dedent(source), *map(str, arguments)], capture_output=True, text=True,
                          timeout=seconds)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def start(source, *arguments):
    """Starts `source`, to be talked to by its stdin and stdout."""
    return subprocess.Popen([PYTHON, "-u", "-c", textwrap.dedent(source), *map(str, arguments)], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
