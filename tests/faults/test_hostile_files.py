"""Files and names made to keep the server busy: cycles, bombs, long paths.  Each costs a typed error, or bounded time.

Not covered: damaged files, which test_mutations.py makes.
"""

import time

import pytest
from support import oracle
from support.raw_rpc import RawPeer, axis_range
from support.served import PATIENCE, wait_until

FILES = """
import sys, zlib, h5py
def virtual(file, name, source, path):
    layout = h5py.VirtualLayout((100,), "i4")
    layout[:] = h5py.VirtualSource(source, path, (100,))
    file.create_virtual_dataset(name, layout)
folder = sys.argv[1] + "/"
with h5py.File(folder + "a.h5", "w", libver="latest") as file:
    virtual(file, "other", "b.h5", "other")
    virtual(file, "self", ".", "self")
    virtual(file, "ping", ".", "pong")
    virtual(file, "pong", ".", "ping")
    file["link"] = h5py.ExternalLink("b.h5", "/link")
    file["soft"] = h5py.SoftLink("/soft")
    file["group/up"] = h5py.SoftLink("/group")
with h5py.File(folder + "b.h5", "w", libver="latest") as file:
    virtual(file, "other", "a.h5", "other")
    file["link"] = h5py.ExternalLink("a.h5", "/link")
with h5py.File(folder + "bomb.h5", "w") as file:
    zeros = file.create_dataset("zeros", (2**30,), "u1", chunks=(2**30,), compression="gzip")
    packer = zlib.compressobj(9)
    zeros.id.write_direct_chunk((0,), b"".join(packer.compress(bytes(1 << 24)) for _ in range(64)) + packer.flush())
"""
CASES = {
    "virtual datasets of two files": ("a.h5", "/other", "[fileProblem]"),
    "a virtual dataset of itself": ("a.h5", "/self", "[fileProblem]"),
    "two virtual datasets": ("a.h5", "/ping", "[fileProblem]"),
    "external links": ("a.h5", "/link", "["),
    "a soft link": ("a.h5", "/soft", "["),
    "a soft link many times": ("a.h5", "/group" + "/up" * 2000, "["),
    "a path of 1 MiB": ("a.h5", "/a" * 500_000, "[notFound]"),
    "a name of 1 MiB": ("a.h5", "a" * 1_000_000, "[notFound]"),
    "a zero byte in a path": ("a.h5", "/a\0b", "[notFound]"),
    "a zero byte in a file's name": ("a.h5\0z", "/self", "[notFound]"),
    "a file's name of 1 MiB": ("x" * 1_000_000, "/self", "[notFound]"),
    "a million folders": ("x/" * 500_000, "/self", "[notFound]"),
}


@pytest.fixture
def hostile(server, folder):
    oracle.run(FILES, folder)
    return server


def test_names_and_cycles(hostile, still_serving):
    for name, (file, path, error) in CASES.items():
        with RawPeer(hostile.port) as peer:
            start = time.monotonic()
            read = peer.read(peer.open(peer.open_file("data/" + file), path))
            peer.flush()
            reason = dict(peer.returns(6))[read]
            assert reason is not None and reason.startswith(error), f"{name}: {reason}"
            assert time.monotonic() - start < 5 * PATIENCE, name
    still_serving()


def test_bomb(hostile, still_serving):
    """A chunk of 1 GiB in 1 MB, asked for by four at once: nobody else waits long, and the memory comes back."""
    memory = hostile.front_rss()
    peers = []
    for _ in range(4):
        peers.append(RawPeer(hostile.port))
        peers[-1].read(peers[-1].open(peers[-1].open_file("data/bomb.h5"), "/zeros"), [axis_range(5, 10)])
        peers[-1].flush()
    time.sleep(0.5)
    start = time.monotonic()
    still_serving()
    assert time.monotonic() - start < 5 * PATIENCE
    for peer in peers:
        reason = dict(peer.returns(6))[5]
        assert reason is None or reason.startswith("["), reason
        peer.close()
    still_serving()
    assert wait_until(lambda: hostile.front_rss() - memory < 128 << 20, 5)
