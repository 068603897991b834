"""Elements that are larger than a reply, of every type that can be so large and in every layout, beside h5py: of a few
KiB with a server whose replies have 1 KiB, and of tens of MB as they are; in one version, and in bounded memory.

Not covered: what parts the client refuses (tests/cpp/client/large-elements-test.cc), every range of bytes
(tests/cpp/executor/carry-out-test.cc).
"""
import itertools
import os
import subprocess
import sys
import threading

import h5py
import numpy as np
import pytest

import h5cap
from support.served import REPLY_BYTES, Server, children, program, status_bytes

TEXT, MIB = h5py.string_dtype(), 1 << 20
TEXTS = h5py.vlen_dtype(TEXT)


def text_of(size):
    return "".join(itertools.islice(itertools.cycle("0123456789äöü\n"), size))


def record(size):
    return np.dtype([("id", "<i4"), ("data", "<f4", (size // 4,)), ("name", "S10"), ("note", TEXT), ("end", ">u2")])


def fixed(size):
    return {"string": np.dtype(f"S{size}"), "array": np.dtype(("u1", (size,))), "opaque": np.dtype(f"V{size}"),
            "compound": np.dtype([("id", "<i4"), ("data", "<f4", (size // 4,)), ("name", "S10")])}


def values(dtype, count, random):
    """Elements that differ, without the zeros that strings end with."""
    raw = random.integers(1, 255, (count, dtype.itemsize), "u1")
    if dtype.subdtype:
        return raw.reshape((count, *dtype.shape))
    out = raw.view(dtype).reshape(count)
    if dtype.names:
        out["data"] = random.random(out["data"].shape, "f4")
    return out


def write_layouts(folder, file, name, dtype, data):
    rows = len(data)
    chunk = {"chunks": (2,)}
    for layout, options in {"plain": {}, "chunks": chunk, "gzip": {**chunk, "compression": "gzip", "shuffle": True},
                            "lzf": {**chunk, "compression": "lzf", "fletcher32": True}}.items():
        file.create_dataset(f"{name}/{layout}", (rows,), dtype, **options)[...] = data
    file.create_dataset(f"{name}/unwritten", (rows,), dtype)
    sparse = file.create_dataset(f"{name}/sparse", (rows + 4,), dtype, chunks=(1,))
    sparse[1] = data[1]
    external = [(str(folder / f"{name}.raw"), 10, dtype.itemsize * 3 // 2),
                (str(folder / f"{name}.raw2"), 0, h5py.h5f.UNLIMITED)]
    file.create_dataset(f"{name}/external", (rows,), dtype, external=external)[...] = data
    if rows * dtype.itemsize < 60_000:
        write_compact(file[name], dtype, data)
    layout = h5py.VirtualLayout((2 * rows + 1,), dtype)
    layout[1:2 * rows:2] = h5py.VirtualSource(".", f"{name}/gzip", (rows,))
    layout[2::2] = h5py.VirtualSource(".", f"{name}/plain", (rows,))
    file.create_virtual_dataset(f"{name}/virtual", layout)
    layout = h5py.VirtualLayout((rows,), dtype)
    layout[:] = h5py.VirtualSource(".", f"{name}/virtual", (2 * rows + 1,))[1::2]
    file.create_virtual_dataset(f"{name}/virtual2", layout)


def write_compact(group, dtype, data):
    create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    create.set_layout(h5py.h5d.COMPACT)
    kind = h5py.h5t.py_create(dtype, logical=True)
    dataset = h5py.Dataset(h5py.h5d.create(group.id, b"compact", kind, h5py.h5s.create_simple((len(data),)), create))
    dataset[...] = data


def write_variable(file, size):
    texts = ["", text_of(size), "short", text_of(size // 2), text_of(3 * size // 2)]
    items = np.empty(3, object)
    items[:] = [np.arange(size, dtype="u1"), np.zeros(0, "u1"), np.zeros(size + 1, "u1")]
    nested = np.empty(2, object)
    nested[:] = [np.array([text_of(i % 40) for i in range(size // 40)], object), np.array([], object)]
    records = np.zeros(2, record(size))
    records["id"], records["note"], records["end"] = [1, 2], [text_of(size), "n"], [3, 4]
    records["data"] = np.arange(size // 4)
    for layout, options in {"plain": {}, "gzip": {"chunks": (2,), "compression": "gzip"}}.items():
        file.create_dataset(f"texts/{layout}", data=texts, dtype=TEXT, **options)
        file.create_dataset(f"items/{layout}", data=items, dtype=h5py.vlen_dtype("u1"), **options)
        file.create_dataset(f"nested/{layout}", data=nested, dtype=TEXTS, **options)
        file.create_dataset(f"records/{layout}", data=records, dtype=records.dtype, **options)
    file.create_dataset("texts/scalar", data=text_of(size), dtype=TEXT)
    for name in "texts", "items", "records":
        source = file[f"{name}/gzip"]
        layout = h5py.VirtualLayout((source.shape[0] + 1,), source.dtype)
        layout[1:] = h5py.VirtualSource(source)
        file.create_virtual_dataset(f"{name}/virtual", layout)


def write(folder, size):
    """elements.h5 with elements of `size` bytes."""
    random = np.random.default_rng(size)
    with h5py.File(folder / "elements.h5", "w", libver=("earliest", "v110"), userblock_size=1024) as file:
        for name, dtype in fixed(size).items():
            write_layouts(folder, file, name, dtype, values(dtype, 3, random))
        write_variable(file, size)
    with h5py.File(folder / "converted.h5", "w") as file:
        file["source"] = np.array([b"x" * size, b"yz"])
        layout = h5py.VirtualLayout((2,), f"S{size + 100}")
        layout[:] = h5py.VirtualSource("converted.h5", "source", (2,), f"S{size}")
        file.create_virtual_dataset("longer", layout)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("elements")
    write(folder, 5000)
    options = [] if REPLY_BYTES else ["--reply-bytes", "1024"]
    with Server({"x": str(folder)}, options=options) as server:
        server.originals = folder
        yield server


def names_in(path):
    names = []
    with h5py.File(path) as file:
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names


def same(a, b):
    """Whether two results of reading are alike, to the last item of each sequence."""
    if isinstance(a, np.ndarray) and a.dtype.kind == "O":
        return a.shape == b.shape and all(same(x, y) for x, y in zip(a.ravel(), b.ravel()))
    if isinstance(a, np.ndarray) and a.dtype.names:
        return a.dtype == b.dtype and all(same(a[name], b[name]) for name in a.dtype.names)
    if isinstance(a, np.void) and a.dtype.names:
        return a.dtype == b.dtype and all(same(a[name], b[name]) for name in a.dtype.names)
    return type(a) is type(b) and (a.dtype == b.dtype and a.tobytes() == b.tobytes()
                                   if isinstance(a, (np.ndarray, np.generic)) else a == b)


def test_every_element_in_parts_is_what_h5py_reads(small):
    names = names_in(small.originals / "elements.h5")
    assert len(names) > 40
    with h5cap.File(small.url("x/elements.h5")) as ours, h5py.File(small.originals / "elements.h5") as theirs:
        for name in names:
            a, b = ours[name], theirs[name]
            whole = b[()]
            assert same(a[()], whole), name
            if not b.shape:
                continue
            # h5py itself reads no lists of array types.
            for selection in (0, 1, slice(1, None), slice(None, None, 2), [0, len(b) - 1], np.arange(len(b)) % 2 == 0):
                assert same(a[selection], whole[selection]), (name, selection)
            assert all(same(x, y) for x, y in zip(a, b)), name


def test_texts_fields_and_targets(small):
    with h5cap.File(small.url("x/elements.h5")) as ours, h5py.File(small.originals / "elements.h5") as theirs:
        assert ours["texts/plain"].asstr()[1] == theirs["texts/plain"].asstr()[1]
        assert ours["texts/scalar"].asstr()[()] == theirs["texts/scalar"].asstr()[()]
        for name in "compound/plain", "compound/gzip", "compound/virtual", "compound/external", "records/plain", \
                "records/gzip", "records/virtual":
            for fields in ("id", ["data"], ["id", "name"], ["name", "data"]):
                assert same(ours[name].fields(fields)[()], theirs[name].fields(fields)[()]), (name, fields)
        for name in "records/plain", "records/gzip", "records/virtual":
            for fields in ("note", ["id", "note"], ["end", "note", "data"]):
                assert same(ours[name].fields(fields)[()], theirs[name].fields(fields)[()]), (name, fields)
        target = np.zeros(2, "S5000")
        ours["string/gzip"].read_direct(target, np.s_[1:])
        assert (target == theirs["string/gzip"][1:]).all()


def test_an_element_that_is_converted_is_cut_as_well(small):
    with h5cap.File(small.url("x/converted.h5")) as file:
        assert file["longer"][()].tolist() == [b"x" * 5000, b"yz"]


def test_a_cache_keeps_what_came_in_parts(small, tmp_path, monkeypatch):
    monkeypatch.setenv("H5CAP_CACHE", str(tmp_path / "cache"))
    with h5py.File(small.originals / "elements.h5") as theirs:
        expected = theirs["array/gzip"][()]
    for _ in range(2):
        with h5cap.File(small.url("x/elements.h5")) as file:
            assert (file["array/gzip"][()] == expected).all()


# ---------------------------------------------------------------------------------------------------------- as they are

LARGE = 60_000_000
large_only = pytest.mark.skipif(REPLY_BYTES is not None, reason="parts of 1 KiB of elements of 60 MB")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    text = "0123456789" * (LARGE // 10)
    with h5py.File(folder / "large.h5", "w", libver=("earliest", "v110")) as file:
        file.create_dataset("text", data=["a", text, "b"], dtype=TEXT)
        file.create_dataset("items", (2,), h5py.vlen_dtype("u1"))[1] = np.arange(LARGE, dtype="u1")
        nested = np.array([f"text {i}".ljust(300) for i in range(200_000)], object)
        file.create_dataset("nested", (1,), TEXTS)[0] = nested
        array = np.arange(LARGE, dtype="u1")
        file.create_dataset("array", (2,), ("u1", (LARGE,)))[1] = array
        file.create_dataset("gzip", (2,), ("u1", (LARGE,)), chunks=(1,), compression="gzip")[1] = array
        records = file.create_dataset("records", (2,), [("id", "<i4"), ("data", "<f8", (9_000_000,))])
        records[1] = (5, np.arange(9_000_000))
        file.create_dataset("unwritten", (2,), "S100000000")
        layout = h5py.VirtualLayout((2,), ("u1", (LARGE,)))
        layout[1] = h5py.VirtualSource("large.h5", "array", (2,), ("u1", (LARGE,)))[1]
        file.create_virtual_dataset("virtual", layout)
    with h5py.File(folder / "attributes.h5", "w") as file:
        file.attrs["text"] = text
        file.create_group("group").attrs.create("list", ["a", text], dtype=TEXT)
    with Server({"x": str(folder)}) as server:
        server.originals = folder
        yield server


@large_only
@pytest.mark.parametrize("name", ["array", "gzip", "virtual"])
def test_arrays_of_tens_of_megabytes(large, name):
    with h5cap.File(large.url("x/large.h5")) as file:
        element = file[name][1]
        assert element.shape == (LARGE,) and (element == np.arange(LARGE, dtype="u1")).all()


@large_only
def test_texts_and_sequences_of_tens_of_megabytes(large):
    with h5cap.File(large.url("x/large.h5")) as ours, h5py.File(large.originals / "large.h5") as theirs:
        assert ours["text"][1] == b"0123456789" * (LARGE // 10)
        assert [len(text) for text in ours["text"].asstr()[()]] == [1, LARGE, 1]
        assert (ours["items"][1] == np.arange(LARGE, dtype="u1")).all()
        assert same(ours["nested"][0], theirs["nested"][0])


@large_only
def test_a_record_of_72_megabytes_and_its_fields(large):
    with h5cap.File(large.url("x/large.h5")) as file:
        assert file["records"].fields("id")[()].tolist() == [0, 5]
        element = file["records"][1]
        assert element["id"] == 5 and (element["data"] == np.arange(9_000_000)).all()
        assert file["unwritten"][0] == b""


@large_only
def test_attributes_of_tens_of_megabytes(large):
    with h5cap.File(large.url("x/attributes.h5")) as file:
        text = "0123456789" * (LARGE // 10)
        assert file.attrs["text"] == text
        assert file["group"].attrs["list"].tolist() == ["a", text]
        assert dict(file.attrs)["text"] == text


PEAK = """
import os, sys
import h5cap
from support.served import status_bytes
before = status_bytes(os.getpid(), "VmRSS")
with h5cap.File(sys.argv[1]) as file:
    element = file[sys.argv[2]][1]
print((status_bytes(os.getpid(), "VmHWM") - before) >> 20, len(element))
"""


class Watched:
    """The most memory that a server's front and its planners have meanwhile."""

    def __init__(self, server):
        self.server, self.front, self.planner, self.done = server, 0, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.done.wait(0.005):
            self.front = max(self.front, status_bytes(self.server.pid, "RssAnon") or 0)
            for pid in children(self.server.pid)[1:]:
                self.planner = max(self.planner, status_bytes(pid, "RssAnon") or 0)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


@large_only
@pytest.mark.parametrize("name, results, planner", [("array", 1, 60), ("text", 2, 60)])
def test_nobody_holds_more_than_the_result_and_a_few_replies(large, name, results, planner):
    with Server({"x": str(large.originals)}) as server, Watched(server) as watched:
        script = subprocess.run([sys.executable, "-c", PEAK, server.url("x/large.h5"), name], capture_output=True,
                                text=True, check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    grown, size = map(int, script.stdout.split())
    assert size == LARGE
    # A text is in the reader's memory as bytes of Python as well.
    assert grown < results * LARGE / MIB + 40
    print(f"client {grown} MiB, front {watched.front >> 20}, planner {watched.planner >> 20}")
    assert watched.front < 100 * MIB
    assert watched.planner < planner * MIB


@large_only
def test_the_command_line_writes_them(large, tmp_path):
    url = large.url("x/large.h5")
    out = tmp_path / "out.npy"
    subprocess.run([program("h5cap"), "cat", url, "/array", "-o", str(out)], check=True)
    assert (np.load(out)[1] == np.arange(LARGE, dtype="u1")).all()
    text = subprocess.run([program("h5cap"), "cat", url, "/text"], check=True, capture_output=True).stdout
    assert text.count(b"0123456789") == LARGE // 10
