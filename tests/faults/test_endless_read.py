"""A selection of 1 TiB of stored bytes, streamed for a while and then cancelled.

The dataset is virtual: 1024 mappings of one source of 1 GiB.  Memory of server and client stays within 32 MiB of where
it was after two seconds; within a second of the cancel the server uses no more processor time, though the connection
lives.  10 s here, 60 s with H5CAP_LONG=1.  Not covered: 1 TiB of distinct bytes on a disk.
"""

import os
import subprocess
import time

import h5cap
import numpy as np
import pytest
from support import oracle
from support.served import Server, cpu_seconds, program, status_bytes

SECONDS = 60 if os.environ.get("H5CAP_LONG") else 10
WARM_SECONDS = 2
FLAT = 32 << 20
IDLE_CPU = 0.05
REPEATS = 1024

ENDLESS = """
import sys, h5py, numpy as np
from h5py import h5d, h5p, h5s, h5t
with h5py.File(sys.argv[1], "w", libver=("earliest", "v110")) as file:
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    plist.set_fill_time(h5d.FILL_TIME_NEVER)   # a sparse file: the disk holds the first page of each frame only
    frames = h5py.Dataset(h5d.create(file.id, b"frames", h5t.STD_U16LE, h5s.create_simple((512, 1024, 1024)), plist))
    for i in range(512):
        frames[i, 0, 0] = i + 1
with h5py.File(sys.argv[2], "w", libver=("earliest", "v110")) as file:
    plist = h5p.create(h5p.DATASET_CREATE)
    source = h5s.create_simple((512, 1024, 1024))
    space = h5s.create_simple((512 * 1024, 1024, 1024))
    for i in range(1024):
        space.select_hyperslab((512 * i, 0, 0), (1, 1, 1), block=(512, 1024, 1024))
        plist.set_virtual(space, b"source.h5", b"frames", source)
    h5d.create(file.id, b"endless", h5t.STD_U16LE, h5s.create_simple((512 * 1024, 1024, 1024)), plist)
"""


@pytest.fixture(scope="module")
def endless(tmp_path_factory):
    folder = tmp_path_factory.mktemp("endless")
    oracle.run(ENDLESS, folder / "source.h5", folder / "endless.h5")
    with Server({"data": str(folder)}) as server:
        yield server
        assert server.alive()


def idle_after(server, seconds=1.0):
    """Processor seconds that the server uses in the second after the first."""
    time.sleep(seconds)
    before = server.cpu()
    time.sleep(1.0)
    return server.cpu() - before


def check_flat(samples, what):
    warm = [rss for at, rss in samples if at >= WARM_SECONDS]
    assert len(warm) >= 3, samples
    assert max(warm) - warm[
        0] <= FLAT, f"{what} grew by {(max(warm) - warm[0]) >> 20} MiB: {[rss >> 20 for rss in warm]}"


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_tile_stream(endless):
    """The C++ iterator."""
    client = subprocess.Popen([program("stream-view"), endless.url("data/endless.h5"), "/endless", str(SECONDS)],
                              stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    try:
        start, servers, clients, received = time.monotonic(), [], [], 0
        for line in client.stdout:
            words = line.split()
            if words[0] == "cancelled":
                assert int(words[1]) > 0 and int(words[2]) > 0
                received = int(words[1])
                break
            assert words[0].isdigit(), line
            servers.append((time.monotonic() - start, endless.rss()))
            clients.append((time.monotonic() - start, int(words[2])))
        print(f"{received / SECONDS / 1e6:.0f} MB/s; server {servers[-1][1] >> 20} MiB, client {clients[-1][1] >> 20} "
              f"MiB")
        check_flat(servers, "server")
        check_flat(clients, "client")
        used = idle_after(endless)
        assert client.poll() is None, "the client has gone: this is about a cancel, not a disconnect"
        assert used < IDLE_CPU, f"{used:.2f} s of processor time in the second after the cancel"
    finally:
        client.kill()
        client.wait()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_python_iteration(endless):
    """`for frame in dataset`, left in the middle."""
    dataset = h5cap.File(endless.url("data/endless.h5"))["endless"]
    assert dataset.shape == (512 * REPEATS, 1024, 1024) and dataset.nbytes == 1 << 40
    start, servers, clients, received = time.monotonic(), [], [], 0
    for i, values in enumerate(dataset):
        assert values[0, 0] == i % 512 + 1
        received += values.nbytes
        now = time.monotonic() - start
        if not servers or now - servers[-1][0] >= 0.5:
            servers.append((now, endless.rss()))
            clients.append((now, status_bytes(os.getpid(), "VmRSS")))
        if now > SECONDS:
            break
    print(f"{received / SECONDS / 1e6:.0f} MB/s")
    check_flat(servers, "server")
    check_flat(clients, "client")
    used = idle_after(endless)
    assert used < IDLE_CPU, f"{used:.2f} s of processor time in the second after the end"
    np.testing.assert_array_equal(dataset[[3, 517], 0, 0], [4, 6])


def test_negative_controls(endless):
    """A growing process is noticed, and so is a server that works on."""
    with pytest.raises(AssertionError):
        check_flat([(t, t * (20 << 20)) for t in range(10)], "leak")
    start = cpu_seconds([os.getpid()])
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        pass
    assert cpu_seconds([os.getpid()]) - start > IDLE_CPU
