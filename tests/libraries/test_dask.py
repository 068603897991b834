"""dask over h5cap: one read a task, chunk-aligned; names of tasks that are the same in any process and change with the
file; and two workers of dask.distributed, processes of their own, that pull their slices by connections of their own.

Pickles are here as far as dask wants them.
"""

import os
import pickle

import dask.array
import h5py
import numpy as np
import pytest
from dask.base import tokenize

import h5cap
from support.served import Server

DATASET = "entry/data/data"


@pytest.fixture
def frames(url):
    with h5cap.File(url("data/gzip_000001.h5")) as file:
        yield file[DATASET]


@pytest.fixture
def local(folder):
    with h5py.File(folder / "data" / "gzip_000001.h5") as file:
        return file[DATASET][...]


def test_an_array_of_the_datasets_chunks(frames, local, trips):
    with trips() as counted:
        array = dask.array.from_array(frames, chunks=frames.chunks)
    assert counted.round_trips == 0
    assert array.chunks == ((1,) * 12, (128,), (128,)) and array.dtype == local.dtype
    with trips() as counted:
        sums = array.sum(axis=(1, 2)).compute()
    assert counted.round_trips <= array.npartitions
    np.testing.assert_array_equal(sums, local.sum(axis=(1, 2)))


def test_a_task_is_one_read(frames, trips):
    array = dask.array.from_array(frames, chunks=frames.chunks)
    with trips() as counted:
        array.sum().compute(scheduler="synchronous")
    assert counted.round_trips == array.npartitions == 12
    with trips() as counted:
        array[3, 10:20, :5].compute(scheduler="synchronous")
    assert counted.round_trips == 1 and counted.bytes_received < 5000  # the slice, not its chunk


def test_automatic_chunks_are_multiples_of_the_files(url):
    with h5cap.File(url("netcdf/climate.nc")) as file:
        chunks = dask.array.from_array(file["var0"], chunks={0: "auto", 1: 10, 2: 30}).chunks
        assert all(extent % 4 == 0 for extent in chunks[0])


def test_the_same_dataset_has_the_same_token(url, frames):
    with h5cap.File(url("data/gzip_000001.h5")) as again:
        assert tokenize(frames) == tokenize(again[DATASET])
        assert tokenize(frames) == tokenize(pickle.loads(pickle.dumps(frames)))
        assert tokenize(frames) != tokenize(again["entry"])
    with h5cap.File(url("scan.nxs")) as other:
        linked = other["entry/instrument/detector/data_000001"]
        assert tokenize(linked) != tokenize(frames)
        assert tokenize(linked) == tokenize(linked.file[linked.name])


def test_a_changed_file_has_another_token_and_does_not_unpickle(tmp_path):
    path = tmp_path / "f.h5"
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        file["x"] = np.arange(10)
    with Server({"d": str(tmp_path)}) as server:
        with h5cap.File(server.url("d/f.h5")) as file:
            before, packed = tokenize(file["x"]), pickle.dumps(file["x"])
        with h5py.File(path, "r+") as file:
            file["x"][0] = 7
            file["y"] = 1
        with h5cap.File(server.url("d/f.h5")) as file:
            assert tokenize(file["x"]) != before
        with pytest.raises(h5cap.Changed, match="pickled"):
            pickle.loads(packed)


def test_pickles_are_addresses(frames, url):
    for thing in frames, frames.file, frames.parent:
        packed = pickle.dumps(thing)
        assert len(packed) < 1000 and b"gzip_000001.h5" in packed
        again = pickle.loads(packed)
        assert again == thing and type(again) is type(thing)
    with h5cap.File(url("scan.nxs")) as file:
        linked = pickle.loads(pickle.dumps(file["entry/instrument/detector/data_000001"]))
        assert linked.file.filename == url("data/bslz4_000001.h5") and linked.name == "/entry/data/data"


def test_objects_that_arrive_again_cost_nothing(frames, trips):
    packed = pickle.dumps(frames)
    pickle.loads(packed)
    with trips() as counted:
        for _ in range(10):
            pickle.loads(packed)
    assert counted.round_trips == 0


def test_no_token_is_in_a_pickle(frames):
    frames._opened.token = "very secret"
    for thing in frames, frames.file, frames.parent:
        assert b"very secret" not in pickle.dumps(thing)


def test_what_a_closed_file_had_does_not_pickle(url):
    with h5cap.File(url("scan.nxs")) as file:
        group = file["entry"]
    with pytest.raises((ValueError, pickle.PicklingError)):
        pickle.dumps(group)


class TestDistributed:
    """A server of its own, whose connections can be counted."""

    @pytest.fixture
    def own(self, folder):
        with Server({"data": str(folder)}) as server:
            yield server

    @pytest.fixture
    def cluster(self):
        import distributed

        with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
                                      silence_logs=50) as cluster, distributed.Client(cluster) as client:
            yield client

    def test_two_workers_pull_their_own_slices(self, own, cluster, local):
        url = own.url("data/data/gzip_000001.h5")
        frames = h5cap.File(url)[DATASET]
        session = h5cap.connect(own.url())
        before = session.traffic()
        array = dask.array.from_array(frames, chunks=frames.chunks)
        means = array.astype("f8").mean(axis=(1, 2)).compute()
        np.testing.assert_allclose(means, local.mean(axis=(1, 2)))
        carried = session.traffic()["bytes_received"] - before["bytes_received"]
        assert carried < local[0].nbytes  # at most the file's description, for the scheduler, which is in this process
        workers = cluster.run(worker_traffic, own.url())
        assert len(workers) == 2
        for pid, traffic in workers.values():
            assert pid != os.getpid()
            assert traffic["bytes_received"] > 2 * local[0].nbytes  # some frames each
            # One a frame, and the connection, the file and what `worker_traffic` itself asked.
            assert traffic["round_trips"] <= 12 + 4
        received = sum(traffic["bytes_received"] for _, traffic in workers.values())
        assert local.nbytes <= received < 1.5 * local.nbytes + 100_000  # together all of it, once
        assert connections(own) == 3  # this process's and the workers'

    def test_xarray_on_the_workers(self, own, cluster, folder):
        import xarray

        data = xarray.open_dataset(own.url("data/netcdf/climate.nc"), engine="h5cap", chunks={})
        expected = xarray.open_dataset(folder / "netcdf" / "climate.nc", engine="h5netcdf")
        xarray.testing.assert_allclose(data["var2"].mean("time").compute(), expected["var2"].mean("time"))
        assert connections(own) == 3


def worker_traffic(url):
    """What this worker's connection carried."""
    import os

    import h5cap

    return os.getpid(), h5cap.connect(url).traffic()


def connections(server):
    """How many clients are connected to the server's socket."""
    with open("/proc/net/unix") as table:
        return sum(line.split()[-1] == server.socket and line.split()[5] == "03" for line in table)
