"""One session of somebody who reads a bit of everything, for tests that break things meanwhile."""

import collections
import os

import h5cap
import h5py
import numpy as np

SHAPE = (40, 50)
VALUES = np.arange(2000, dtype="i4").reshape(SHAPE)
TYPED = (OSError, KeyError, TimeoutError, NotImplementedError)  # what h5py raises, or a class of ours below those


def write_folder(folder):
    os.makedirs(folder)
    with h5py.File(os.path.join(folder, "a.h5"), "w", libver=("earliest", "v110")) as file:
        file.attrs["title"] = "a scan"
        file["contiguous"] = VALUES
        file.create_dataset("gzip", data=VALUES, chunks=(10, 50), compression=1, shuffle=True)
        file["text"] = [f"text {i}" for i in range(20)]
        file["there"] = h5py.ExternalLink("b.h5", "/x")
        layout = h5py.VirtualLayout(SHAPE, "i4")
        layout[:] = h5py.VirtualSource("b.h5", "x", SHAPE)
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("raw", SHAPE, "i4", external=[("raw.bin", 0, h5py.h5f.UNLIMITED)])
    VALUES.tofile(os.path.join(folder, "raw.bin"))
    with h5py.File(os.path.join(folder, "b.h5"), "w", libver=("earliest", "v110")) as file:
        file["x"] = -VALUES


def same(name, got, expected):
    np.testing.assert_array_equal(np.asarray(got), np.asarray(expected), err_msg=name)


READS = {
    "attributes": lambda file: same("attributes", file.attrs["title"], "a scan"),
    "names": lambda file: same("names", sorted(file), ["contiguous", "gzip", "raw", "text", "there", "virtual"]),
    "contiguous": lambda file: same("contiguous", file["contiguous"][3:9, ::7], VALUES[3:9, ::7]),
    "gzip": lambda file: same("gzip", file["gzip"][...], VALUES),
    "text": lambda file: same("text", file["text"].asstr()[...], [f"text {i}" for i in range(20)]),
    "link": lambda file: same("link", file["there"][5], -VALUES[5]),
    "virtual": lambda file: same("virtual", file["virtual"][...], -VALUES),
    "raw": lambda file: same("raw", file["raw"][...], VALUES),
}


def lists(server, folder):
    with h5cap.connect(server) as session:
        same("folder", sorted(session.listdir(folder)), ["a.h5", "b.h5", "raw.bin"])


# What a session that meets no error brings.
ALL_RIGHT = {"right": len(READS) + 1}


def session(server, folder):
    """All of a folder on a server whose address ends in a slash: how often it was right, and the errors."""
    outcome = collections.Counter()

    def attempt(read, *arguments):
        try:
            read(*arguments)
            outcome["right"] += 1
        except TYPED as problem:
            outcome[type(problem).__name__] += 1

    attempt(lists, server, folder)
    try:
        with h5cap.File(f"{server}{folder}/a.h5", timeout=20) as file:
            for read in READS.values():
                attempt(read, file)
    except TYPED as problem:
        outcome[type(problem).__name__] += 1
    return outcome
