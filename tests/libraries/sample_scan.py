"""The sample scan, small."""

import os
import pathlib
import subprocess

MAKE = pathlib.Path(__file__).resolve().parents[2] / "tools" / "make-sample-scan"


def make_scan(folder, frames):
    """Writes a scan of frames of 128 × 128 pixels.  By Debian's h5py: plugins of pip's, if this process has set them up
    for its children, are of another libhdf5."""
    environment = {name: value for name, value in os.environ.items() if name != "HDF5_PLUGIN_PATH"}
    done = subprocess.run(["/usr/bin/python3", str(MAKE), str(folder), "--frames", str(frames), "--size", "128"],
                          env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
