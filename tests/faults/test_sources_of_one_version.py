"""One read is of one version of everything that it is made of: sources of virtual datasets, behind links and nested,
and external raw files are replaced by rename while a proxy holds the answers back.  Whole reads begin again; loops,
which have handed rows out, raise `Changed`.  The controls read what has not changed, and part by part what has.

Not covered: the file itself (test_one_version.py), what the server tells of sources
(tests/cpp/objects/sources-test.cc).
"""

import os
import threading
import time

import h5cap
import h5py
import numpy as np
import pytest
from support.proxy import Proxy

ROWS, COLUMNS = 1024, 1024  # of each of four sources, of four bytes: 16 MiB in all
PAUSE = 1 << 20
SOURCES = 4


def write_source(path, value):
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        file.create_dataset("x", data=np.full((ROWS, COLUMNS), value, "i4"), chunks=(64, COLUMNS))


def stacked(file, name, sources, dtype="i4"):
    layout = h5py.VirtualLayout((SOURCES * ROWS, COLUMNS), dtype)
    for i, (source, path) in enumerate(sources):
        layout[i * ROWS : (i + 1) * ROWS] = h5py.VirtualSource(source, path, (ROWS, COLUMNS))
    file.create_virtual_dataset(name, layout, fillvalue=-1)


def write_raw(path, value):
    np.full((ROWS, COLUMNS), value, "<i4").tofile(path)


class Scene:
    """A master over four sources of zeros behind a proxy, and what replaces some of them by ones."""

    def __init__(self, proxy, folder):
        self.proxy, self.folder, self.url = proxy, folder, proxy.url("data/master.h5")

    def replace(self, *numbers):
        for i in numbers:
            for path, write in ((f"s{i}.h5", write_source), (f"r{i}.raw", write_raw)):
                write(self.folder / f"{path}.new", 1)
                os.replace(self.folder / f"{path}.new", self.folder / path)

    def replace_meanwhile(self, *numbers):
        def change():
            assert self.proxy.paused.wait(60)
            try:
                self.replace(*numbers)
            finally:
                self.proxy.resume()

        self.proxy.pause_after(PAUSE)
        thread = threading.Thread(target=change)
        thread.start()
        return thread


@pytest.fixture
def scene(server, folder):
    for i in range(SOURCES):
        write_source(folder / f"s{i}.h5", 0)
        write_raw(folder / f"r{i}.raw", 0)
    with h5py.File(folder / "links.h5", "w") as file:
        for i in range(SOURCES):
            file[f"x{i}"] = h5py.ExternalLink(f"s{i}.h5", "/x")
    with h5py.File(folder / "master.h5", "w", libver=("earliest", "v110")) as file:
        stacked(file, "plain", [(f"s{i}.h5", "x") for i in range(SOURCES)])
        stacked(file, "linked", [("links.h5", f"x{i}") for i in range(SOURCES)])
        layout = h5py.VirtualLayout((SOURCES * ROWS, COLUMNS), "f8")
        layout[...] = h5py.VirtualSource(".", "plain", (SOURCES * ROWS, COLUMNS))
        file.create_virtual_dataset("nested", layout)
        external = [(str(folder / f"r{i}.raw"), 0, ROWS * COLUMNS * 4) for i in range(SOURCES)]
        before = os.getcwd()
        os.chdir(folder)
        raw = [(f"r{i}.raw", 0, ROWS * COLUMNS * 4) for i in range(len(external))]
        file.create_dataset("external", (SOURCES * ROWS, COLUMNS), "<i4", external=raw)
        os.chdir(before)
    time.sleep(0.1)
    with Proxy(("127.0.0.1", server.port)) as proxy:
        yield Scene(proxy, folder)


def mask(x):
    wanted = np.zeros(x.shape[0], bool)
    wanted[::2] = True
    return x[wanted]


def direct(x):
    target = np.full(x.shape, -1, "f8")
    x.read_direct(target)
    return target


ROADS = {"[...]": lambda x: x[...], "[::2]": lambda x: x[::2], "mask": mask, "read_direct": direct}
NAMES = ["plain", "nested", "external", "linked"]


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("name", NAMES)
def test_all_sources_are_replaced_while_it_is_read(name, road, scene):
    x = h5cap.File(scene.url)[name]
    writer = scene.replace_meanwhile(*range(SOURCES))
    found = ROADS[road](x)
    writer.join()
    assert len(np.unique(found)) == 1


@pytest.mark.parametrize("name", NAMES)
def test_what_was_read_and_what_comes_are_replaced_together(name, scene):
    """The first source, which is here, and the last one, which nobody has looked at: in between all of them were zeros,
    and at the end two are ones."""
    x = h5cap.File(scene.url)[name]
    writer = scene.replace_meanwhile(0, SOURCES - 1)
    found = x[...]
    writer.join()
    rows = [np.unique(found[i * ROWS : (i + 1) * ROWS]).tolist() for i in range(SOURCES)]
    assert rows in ([[0]] * SOURCES, [[1], [0], [0], [1]])


@pytest.mark.parametrize("name", ["plain", "external"])
def test_a_loop_over_rows_says_so(name, scene):
    x = h5cap.File(scene.url)[name]
    writer = scene.replace_meanwhile(*range(SOURCES))
    values = set()
    try:
        for row in x:
            values.update(np.unique(row).tolist())
    except h5cap.Changed:
        pass
    writer.join()
    assert len(values) == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_controls(name, scene):
    x = h5cap.File(scene.url)[name]
    for _ in range(2):
        assert np.unique(x[...]).tolist() == [0]
    first = x[:ROWS]
    scene.replace(*range(SOURCES))
    time.sleep(0.2)
    both = np.concatenate([first, x[ROWS:]])
    assert np.unique(both).tolist() == [0, 1]
    assert np.unique(x[...]).tolist() == [1]


def test_a_source_of_another_dataset_may_change_all_the_time(scene):
    """And does not keep this one from being read."""
    with h5py.File(scene.folder / "master.h5", "r+", libver=("earliest", "v110")) as file:
        stacked(file, "other", [("s3.h5", "x")] * SOURCES)
        layout = h5py.VirtualLayout((2 * ROWS, COLUMNS), "i4")
        for i in range(2):
            layout[i * ROWS : (i + 1) * ROWS] = h5py.VirtualSource(f"s{i}.h5", "x", (ROWS, COLUMNS))
        file.create_virtual_dataset("two", layout)
    time.sleep(0.1)
    file = h5cap.File(scene.url)
    file["other"][0, 0]
    writer = scene.replace_meanwhile(3)
    assert np.unique(file["two"][...]).tolist() == [0]
    writer.join()
    file["other"][0, 0]
    assert np.unique(file["two"][...]).tolist() == [0]
