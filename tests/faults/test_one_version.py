"""One read is one version of the file, whatever road it takes: a file is changed in the middle of it, while a proxy
holds the answers back.  A whole read begins again and brings the new version; what was handed out already cannot be
taken back, and raises `Changed`.  The control reads parts one by one, and gets both versions.

Not covered: which replies a client asks for (tests/cpp/client/one-version-test.cc), sources of virtual datasets.
"""

import os
import subprocess
import threading
import time

import h5cap
import h5py
import numpy as np
import pytest
from support import oracle
from support.proxy import Proxy
from support.served import program

ROWS, COLUMNS = 3072, 1024  # of four bytes: 12 MiB, more than buffers hold
PAUSE = 1 << 20
PAIR = np.dtype([("a", "i4"), ("b", "i4")])


def write_datasets(path, value, mode):
    with h5py.File(path, mode, libver=("earliest", "v110")) as file:
        whole = np.full((ROWS, COLUMNS), value, "i4")
        pairs = np.zeros(ROWS * COLUMNS, PAIR)
        pairs["a"] = pairs["b"] = value
        if mode == "r+":
            for name in "contiguous", "chunked", "gzip":
                file[name][...] = whole
            file["pairs"][...] = pairs
            return
        file["contiguous"] = whole
        file.create_dataset("chunked", data=whole, chunks=(100, COLUMNS), maxshape=(None, COLUMNS))
        file.create_dataset("gzip", data=whole, chunks=(100, COLUMNS), compression=1)
        file["pairs"] = pairs


@pytest.fixture
def scene(server, folder, tmp_path):
    """A file of zeros behind a proxy, and what changes all of it to ones while answers are held back."""
    write_datasets(folder / "a.h5", 0, "w")
    time.sleep(0.1)  # it rests
    with Proxy(("127.0.0.1", server.port)) as proxy:
        yield Scene(proxy, folder / "a.h5", tmp_path)


class Scene:
    def __init__(self, proxy, path, tmp_path):
        self.proxy, self.path, self.tmp_path = proxy, path, tmp_path
        self.url = proxy.url("data/a.h5")

    def write(self, how="in place"):
        if how == "in place":
            return write_datasets(self.path, 1, "r+")
        new = self.path.with_suffix(".new")
        write_datasets(new, 1, "w")
        os.replace(new, self.path)

    def change_meanwhile(self, how="in place"):
        def change():
            assert self.proxy.paused.wait(60)
            try:
                self.write(how)
            finally:
                self.proxy.resume()
        self.proxy.pause_after(PAUSE)
        thread = threading.Thread(target=change)
        thread.start()
        return thread


def direct(x):
    target = np.full(x.shape, -1, "i4")
    x.read_direct(target)
    return target


def direct_wider(x):
    target = np.full(x.shape, -1, "f8")
    x.read_direct(target)
    return target


def every_second(x):
    wanted = np.zeros(x.shape, bool)
    wanted[:, ::2] = True
    return x[wanted]


ROADS = {
    "[...]": lambda x: x[...], "[:]": lambda x: x[:], "[3:-3]": lambda x: x[3:-3], "[::2]": lambda x: x[::2],
    "list": lambda x: x[[*range(0, ROWS, 2)]], "mask of rows": lambda x: x[np.arange(ROWS) % 3 > 0],
    "mask": every_second, "array": np.array, "astype": lambda x: x.astype("f8")[...],
    "read_direct": direct, "read_direct, converted": direct_wider,
}


@pytest.mark.parametrize("tile_bytes", [None, pytest.param(100_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("road", ROADS)
def test_whole_reads_begin_again(road, tile_bytes, scene):
    x = h5cap.File(scene.url, tile_bytes=tile_bytes)["chunked"]
    writer = scene.change_meanwhile()
    found = ROADS[road](x)
    writer.join()
    # Half of it may have come before, out of buffers.
    is_all = np.size(found) > 0.9 * ROWS * COLUMNS
    assert np.unique(found).tolist() in ([[1]] if is_all else [[0], [1]])


@pytest.mark.parametrize("name", ["contiguous", "gzip"])
def test_other_storage(name, scene):
    x = h5cap.File(scene.url)[name]
    writer = scene.change_meanwhile()
    assert np.unique(x[...]).tolist() == [1]
    writer.join()


def test_fields(scene):
    pairs = h5cap.File(scene.url)["pairs"]
    writer = scene.change_meanwhile()
    assert np.unique(pairs["a"]).tolist() == [1]
    writer.join()


def test_one_shot(scene):
    h5cap.connect(scene.proxy.url()).ping()
    writer = scene.change_meanwhile()
    assert np.unique(h5cap.read(scene.url, "/chunked", ())).tolist() == [1]
    writer.join()


def test_a_file_that_is_replaced_goes_on_being_the_old_one(scene):
    x = h5cap.File(scene.url)["chunked"]
    writer = scene.change_meanwhile("renamed over")
    assert np.unique(x[...]).tolist() == [0]
    writer.join()
    assert np.unique(h5cap.read(scene.url, "/chunked", ())).tolist() == [1]


LOOPS = {
    "rows": lambda f: f["chunked"], "converted": lambda f: f["chunked"].astype("f8"),
    "a field": lambda f: f["pairs"].fields("a"), "fields": lambda f: f["pairs"],
}


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_is_of_one_version_or_raises(loop, scene):
    rows, seen = LOOPS[loop](h5cap.File(scene.url)), set()
    iterator = iter(rows)
    seen.add(np.asarray(next(iterator)).ravel()[0].item())
    scene.write()
    with pytest.raises(h5cap.Changed):
        for row in iterator:
            seen.add(np.asarray(row).ravel()[0].item())
    assert len(seen) == 1
    again = {np.asarray(row).ravel()[0].item() for row, _ in zip(rows, range(2000))}
    assert again in ({1}, {(1, 1)})


def test_control_parts_are_of_two_versions(scene):
    x = h5cap.File(scene.url)["chunked"]
    first = x[:10]
    scene.write()
    assert np.unique(first).tolist() == [0] and np.unique(x[10:20]).tolist() == [1]


def cat(scene, *words, output=None):
    return subprocess.run([program("h5cap"), "cat", scene.url, *words, *(["-o", str(output)] if output else [])],
                          capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("kind", ["npy", "csv"])
def test_cat_to_a_file_begins_again(kind, scene):
    output = scene.tmp_path / f"out.{kind}"
    writer = scene.change_meanwhile()
    done = cat(scene, "chunked", output=output)
    writer.join()
    assert done.returncode == 0, done.stderr
    found = np.load(output) if kind == "npy" else np.loadtxt(output, delimiter=",", dtype="i4")
    assert found.shape == (ROWS, COLUMNS) and np.unique(found).tolist() == [1]


def test_cat_to_a_pipe_fails(server, folder):
    """Three slabs: the first is being written and the second has come, when the file changes."""
    path = folder / "long.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros((24, 1 << 20), "u1")
    time.sleep(0.1)
    running = subprocess.Popen([program("h5cap"), "cat", server.tcp_url("data/long.h5"), "x"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    begun = running.stdout.read(1000)
    time.sleep(1)
    with h5py.File(path, "r+") as file:
        file["x"][...] = 1
    output, problem = running.communicate(timeout=60)
    assert running.returncode != 0 and "version" in problem
    assert not set(begun + output) - set("0 \n") and len(output) < 40 << 20


@pytest.mark.slow
def test_cat_of_a_file_that_never_rests_leaves_nothing(scene):
    stop = threading.Event()

    def write():
        with open(scene.path, "r+b") as file:
            while not stop.wait(0.002):
                file.seek(os.path.getsize(scene.path) - 1)
                file.write(b"\0")
                file.flush()
    writer = threading.Thread(target=write)
    writer.start()
    try:
        done = cat(scene, "chunked", output=scene.tmp_path / "out.npy")
    finally:
        stop.set()
        writer.join()
    assert done.returncode != 0 and os.listdir(scene.tmp_path) in (["data"], [])


def test_stored_bytes_through_fsspec(scene):
    fsspec = pytest.importorskip("fsspec")
    before = scene.path.read_bytes()
    files = fsspec.filesystem("h5cap")
    writer = scene.change_meanwhile()
    whole = files.cat_file(scene.url)
    writer.join()
    after = scene.path.read_bytes()
    assert before != after and whole == after


def test_ranges_through_fsspec(scene):
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("h5cap")
    size = scene.path.stat().st_size
    starts = list(range(0, size, 1 << 20))
    writer = scene.change_meanwhile()
    parts = files.cat_ranges([scene.url] * len(starts), starts, [start + (1 << 20) for start in starts])
    writer.join()
    assert b"".join(parts) == scene.path.read_bytes()


def test_an_open_file_through_fsspec_raises(scene):
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open(scene.url) as stored:
        assert len(stored.read(1 << 20)) == 1 << 20
        scene.write()
        with pytest.raises(h5cap.Changed):
            stored.seek(10 << 20)
            stored.read(10)


@pytest.mark.parametrize("cached", ["[:64]", "rows"])
def test_what_a_cache_kept_does_not_go_with_what_is_new(cached, scene, monkeypatch, tmp_path):
    """Tiles of the old version are on the disk; the read that needs more of them has one version all the same."""
    monkeypatch.setenv("H5CAP_CACHE", str(tmp_path / "cache"))
    for _ in range(2):
        x = h5cap.File(scene.url)["chunked"]
        assert np.unique(x[:256]).tolist() == [0]
    if cached == "rows":
        iterator = iter(x)
        assert next(iterator)[0] == 0
    scene.write()
    if cached == "rows":
        with pytest.raises(h5cap.Changed):
            for row in iterator:
                assert row[0] == 0
    assert np.unique(x[:512]).tolist() == [1]
    assert np.unique(h5cap.File(scene.url)["chunked"][:256]).tolist() == [1]


@pytest.mark.parametrize("changes", [False, True])
def test_a_cut_connection(changes, scene):
    """What goes on after it is of the same version, or begins again, or has changed."""
    x = h5cap.File(scene.url)["chunked"]
    rows = iter(x)
    assert next(rows)[0] == 0
    if changes:
        scene.write()
    scene.proxy.cut()
    if changes:
        with pytest.raises(h5cap.Changed):
            for row in rows:
                assert row[0] == 0
    else:
        assert sum(1 for row in rows if row[0] == 0) == ROWS - 1
        threading.Timer(0.2, scene.proxy.cut).start()
        assert np.unique(x[...]).tolist() == [0]


def test_a_dataset_that_is_cut_off_meanwhile(scene):
    x = h5cap.File(scene.url)["chunked"]

    def shrink():
        scene.proxy.paused.wait(60)
        with h5py.File(scene.path, "r+") as file:
            file["chunked"].resize((2500, COLUMNS))
        scene.proxy.resume()
    scene.proxy.pause_after(PAUSE)
    writer = threading.Thread(target=shrink)
    writer.start()
    found = x[...]
    writer.join()
    assert found.shape == (2500, COLUMNS) and not found.any()


def test_a_live_swmr_file_is_exempt(server, folder):
    """All versions of it are one: a loop goes on while the writer appends."""
    with oracle.start("""
        import sys, h5py, numpy as np
        file = h5py.File(sys.argv[1], "w", libver="latest")
        data = file.create_dataset("data", data=np.ones((400, 4096), "i4"), maxshape=(None, 4096), chunks=(10, 4096))
        file.swmr_mode = True
        print("ready", flush=True)
        for line in sys.stdin:
            data.resize(data.shape[0] + 10, axis=0)
            data[-10:] = 1
            data.flush()
            print("done", flush=True)
    """, folder / "live.h5") as writer:
        assert writer.stdout.readline() == "ready\n"
        x = h5cap.File(server.url("data/live.h5"), swmr=True)["data"]
        count = 0
        for row in x:
            if count % 100 == 0:
                writer.stdin.write("\n")
                writer.stdin.flush()
                assert writer.stdout.readline() == "done\n"
            assert row[0] == 1
            count += 1
        assert count == 400
        writer.stdin.close()
