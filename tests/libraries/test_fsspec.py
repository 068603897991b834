"""fsspec's h5cap://: folders, and stored bytes through a block cache; h5py and kerchunk on top of them.

Byte ranges themselves, and what happens when a file changes under a connection, are tests/python/test_raw_bytes.py.
"""

import os
import pickle
import random

import fsspec
import h5py
import numpy as np
import pytest

import h5cap
from h5cap.compat.fsspec import BLOCK_BYTES, FileSystem


@pytest.fixture
def files():
    return fsspec.filesystem("h5cap")


@pytest.fixture
def stored(folder):
    return (folder / "scan.nxs").read_bytes()


@pytest.mark.parametrize("protocol", ["h5cap", "h5cap+unix", "h5cap+ssh", "h5cap+tcp"])
def test_fsspec_finds_the_file_system_by_every_scheme(protocol):
    assert fsspec.get_filesystem_class(protocol) is FileSystem


def test_folders_and_files_are_listed(files, url, server):
    assert url("").rstrip("/") in files.ls(server.url(), detail=False)
    entries = {entry["name"]: entry for entry in files.ls(url())}
    assert set(entries) == {url(name) for name in ("data", "netcdf", "scan.nxs")}
    assert entries[url("data")]["type"] == "directory"
    assert entries[url("scan.nxs")]["type"] == "file"
    assert files.ls(url("scan.nxs"), detail=False) == [url("scan.nxs")]
    assert files.isdir(url("data")) and files.isfile(url("scan.nxs"))
    assert not files.exists(url("absent")) and not files.isfile(url("data"))


def test_info_is_of_the_local_file(files, url, folder, shared):
    path = folder / "scan.nxs"
    info = files.info(url("scan.nxs"))
    assert (info["size"], info["type"], info["name"]) == (path.stat().st_size, "file", url("scan.nxs"))
    assert files.modified(url("scan.nxs")).timestamp() == pytest.approx(path.stat().st_mtime)
    assert files.ukey(url("scan.nxs")) == files.ukey(url("scan.nxs")) != files.ukey(url("netcdf/climate.nc"))
    address, local = shared("SOURCES.md")  # which is no HDF5 file
    assert files.info(address)["size"] == local.stat().st_size
    assert files.ukey(address)


@pytest.mark.parametrize("pattern",
                         ["*.nxs", "**/*.h5", "data/gzip_*", "*/*.nc", "d[a-b]ta/*", "**", "scan.nxs", "none*"])
def test_glob_is_that_of_local_files(pattern, files, url, folder):
    local = fsspec.filesystem("file").glob(f"{folder}/{pattern}")
    expected = sorted(url(os.path.relpath(path, folder)) for path in local if path != str(folder))
    assert sorted(path for path in files.glob(f"{url().rstrip('/')}/{pattern}")
                  if path != url().rstrip("/")) == expected
    assert expected or pattern == "none*"


def test_a_tree_is_walked(files, url, folder):
    assert sorted(files.find(url())) == sorted(url(path.relative_to(folder).as_posix())
                                               for path in folder.rglob("*") if path.is_file())
    assert files.du(url()) == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_names_that_need_quoting(tmp_path):
    from support.served import Server

    (tmp_path / "a # 100%").mkdir()
    path = tmp_path / "a # 100%" / "ünï [1].h5"
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with Server({"d": str(tmp_path)}) as running:
        files = fsspec.filesystem("h5cap")
        (found,) = files.find(running.url("d"))
        assert found == running.url("d/a # 100%/ünï [1].h5")
        assert files.cat(found) == path.read_bytes()
        assert files.glob(running.url("d") + "/**/*.h5") == [found]


@pytest.mark.parametrize("start, end",
                         [(None, None), (10, 20), (-10, None), (0, 0), (5, None), (None, 7), (-20, -10), (10**9, None)])
def test_cat_file_is_a_slice(start, end, files, url, stored):
    assert files.cat_file(url("scan.nxs"), start, end) == stored[start:end]


def test_ranges_come_side_by_side(files, url, stored, trips):
    starts = [random.Random(1).randrange(len(stored)) for _ in range(200)]
    ends = [start + 50 for start in starts]
    with trips() as counted:
        found = files.cat_ranges([url("scan.nxs")] * 200, starts, ends)
    assert found == [stored[start:end] for start, end in zip(starts, ends)]
    assert counted.round_trips <= 201
    assert counted.messages_sent < 600  # not one open a range


def test_one_failing_range_leaves_the_others(files, url, stored):
    paths = [url("scan.nxs"), url("absent.h5"), url("scan.nxs")]
    first, failed, last = files.cat_ranges(paths, 0, 5)
    assert first == last == stored[:5] and isinstance(failed, FileNotFoundError)
    with pytest.raises(FileNotFoundError):
        files.cat_ranges(paths, 0, 5, on_error="raise")


def test_a_file_reads_and_seeks_as_a_local_one(url, folder, stored):
    rng = random.Random(2)
    with fsspec.open(url("scan.nxs"), block_size=1000,
                     cache_options={"maxblocks": 8}) as ours, open(folder / "scan.nxs", "rb") as local:
        for _ in range(300):
            place, count = rng.randrange(len(stored) + 100), rng.choice([0, 1, 10, 999, 1000, 1001, 5000, 20_000, -1])
            assert (ours.seek(place), ours.read(count)) == (local.seek(place), local.read(count))
        buffer = bytearray(100)
        assert (ours.seek(50), ours.readinto(buffer)) == (50, 100) and buffer == stored[50:150]


def test_blocks_are_fetched_once_and_neighbours_together(url, stored, trips):
    with fsspec.open(url("scan.nxs"), block_size=4096) as file:
        with trips() as counted:
            assert file.read(10 * 4096) == stored[:10 * 4096]
        assert counted.round_trips == 1
        with trips() as counted:
            file.seek(3 * 4096 + 7)
            assert file.read(4096) == stored[3 * 4096 + 7:4 * 4096 + 7]
        assert counted.round_trips == 0


def test_the_cache_is_bounded(url):
    from h5cap.compat.block_cache import BlockCache

    content = bytes(range(256)) * 100
    asked = []

    def fetch(start, end):
        asked.append((start, end))
        return content[start:end]

    cache = BlockCache(100, fetch, len(content), maxblocks=10)
    for place in range(0, len(content), 50):
        assert cache._fetch(place, place + 30) == content[place:place + 30]
        assert len(cache._blocks) <= 10
    assert len(asked) == len(content) // 100
    assert cache._fetch(0, len(content)) == content
    assert len(cache._blocks) <= 10
    with pytest.raises(EOFError):
        BlockCache(100, lambda start, end: b"", 1000)._fetch(0, 10)


def test_h5py_reads_through_it(url, folder, trips):
    with h5py.File(fsspec.open(url("netcdf/climate.nc")).open()) as ours, h5py.File(
        folder / "netcdf" / "climate.nc") as local:
        names = []
        local.visit(names.append)
        with trips() as counted:
            for name in names:
                assert ours[name].name == local[name].name and ours[name].attrs.keys() == local[name].attrs.keys()
        assert counted.round_trips <= 2 + (folder / "netcdf" / "climate.nc").stat().st_size // BLOCK_BYTES
        np.testing.assert_array_equal(ours["var0"][...], local["var0"][...])


@pytest.mark.parametrize("name", ["cooler/yeast.10kb.cool", "nexus/nexus-example.hdf5", "savu/mm.nxs"])
def test_h5py_reads_real_files_through_it(name, shared):
    address, path = shared(name)
    with h5py.File(fsspec.open(address).open()) as ours, h5py.File(path) as local:
        def compare(at, node):
            if isinstance(node, h5py.Dataset) and node.nbytes < 2e6:
                assert np.asarray(ours[at][()]).tobytes() == np.asarray(node[()]).tobytes() or node.dtype.hasobject, at
        local.visititems(compare)


def test_kerchunk_makes_references_that_xarray_and_zarr_read(url, folder):
    import kerchunk.hdf
    import xarray
    import zarr

    address = url("netcdf/climate.nc")
    with fsspec.open(address) as stored:
        references = kerchunk.hdf.SingleHdf5ToZarr(stored, address, inline_threshold=100).translate()
    chunk = references["refs"]["var0/0.0.0"]
    assert chunk[0] == address and chunk[2] > 0
    data = xarray.open_dataset("reference://", engine="zarr", backend_kwargs={
        "storage_options": {"fo": references, "remote_protocol": "h5cap+unix"}, "consolidated": False})
    local = xarray.open_dataset(folder / "netcdf" / "climate.nc", engine="h5netcdf")
    xarray.testing.assert_equal(data.load(), local.load())
    xarray.testing.assert_equal(xarray.open_dataset(references, engine="kerchunk").load(), local)
    files = fsspec.filesystem("reference", fo=references, remote_protocol="h5cap+unix", asynchronous=True)
    group = zarr.open_group(zarr.storage.FsspecStore(files, path=""), mode="r")
    with h5py.File(folder / "netcdf" / "climate.nc") as file:
        np.testing.assert_array_equal(group["var1"][2:5, 3], file["var1"][2:5, 3])


def test_a_changed_file_is_noticed(tmp_path):
    from support.served import Server

    path = tmp_path / "f.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(100_000)
    with Server({"d": str(tmp_path)}) as running:
        stored = fsspec.open(running.url("d/f.h5"), block_size=1000).open()
        assert stored.read(4) == b"\x89HDF"
        with open(path, "r+b") as change:
            change.seek(-8, os.SEEK_END)
            change.write(b"changed!")
        stored.seek(500_000)
        with pytest.raises(h5cap.Changed):
            stored.read(10)


def test_they_pickle_without_their_token(files, url, stored):
    secret = FileSystem(token="very secret", timeout=5)
    assert secret.token == "very secret"
    for packed in pickle.dumps(secret), secret.to_json().encode():
        assert b"very secret" not in packed
    assert pickle.loads(pickle.dumps(secret)).timeout == 5
    file = fsspec.open(url("scan.nxs")).open()
    file.seek(5)
    assert pickle.loads(pickle.dumps(file)).read(10) == stored[5:15]


@pytest.mark.parametrize("does, error", [
    (lambda files, url: files.open(url("scan.nxs"), "wb"), PermissionError),
    (lambda files, url: files.open(url("scan.nxs"), "ab"), PermissionError),
    (lambda files, url: files.rm(url("scan.nxs")), PermissionError),
    (lambda files, url: files.mkdir(url("new")), PermissionError),
    (lambda files, url: files.put_file(__file__, url("new")), PermissionError),
    (lambda files, url: files.pipe_file(url("new"), b""), PermissionError),
    (lambda files, url: files.mv(url("scan.nxs"), url("new")), PermissionError),
    (lambda files, url: files.open(url("absent.h5")), FileNotFoundError),
    (lambda files, url: files.ls(url("absent")), FileNotFoundError),
    (lambda files, url: files.info(url("absent")), FileNotFoundError),
    (lambda files, url: files.open(url("data")), OSError),
    (lambda files, url: files.open(url("scan.nxs") + "?path=/entry"), ValueError),
    (lambda files, url: files.ls("/tmp"), ValueError),
    (lambda files, url: files.created(url("scan.nxs")), NotImplementedError),
])
def test_what_is_refused(does, error, files, url):
    with pytest.raises(error):
        does(files, url)


def test_over_tcp(server, stored):
    assert fsspec.open(server.tcp_url("data/scan.nxs")).open().read() == stored
