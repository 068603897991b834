"""The file that the fault tests read: 200 frames of known pixels in four layouts, a title and names."""

import numpy as np

SAMPLE = """
import sys, h5py, hdf5plugin, numpy as np
with h5py.File(sys.argv[1], "w", libver=("earliest", "v110")) as file:
    frames = np.arange(200 * 128 * 128, dtype="u4").reshape(200, 128, 128) % 65521
    frames = frames.astype("u2")
    entry = file.create_group("entry")
    entry.attrs["NX_class"] = "NXentry"
    entry.create_dataset("raw", data=frames, chunks=(1, 128, 128))
    entry.create_dataset("gzip", data=frames, chunks=(1, 128, 128), compression="gzip", shuffle=True)
    entry.create_dataset("lz4", data=frames, chunks=(1, 128, 128), **hdf5plugin.Bitshuffle(cname="lz4"))
    entry.create_dataset("contiguous", data=frames)
    entry.create_dataset("title", data="a title")
    entry.create_dataset("names", data=[f"name {i}" for i in range(50)], dtype=h5py.string_dtype())
    entry["soft"] = h5py.SoftLink("/entry/raw")
"""


def frame(i):
    """Frame i of the sample file's images."""
    size = 128 * 128
    return (np.arange(i * size, (i + 1) * size, dtype="u4") % 65521).astype("u2").reshape(128, 128)
