"""Files that somebody made who knows the format: one structure of each is damaged, and its checksum is right.

1,000 mutants of small files of all kinds (20,000 in a long run), each read whole through a server that serves somebody
else meanwhile: every read gives elements of the shape and type that the dataset says it has, or a typed error; the
front lives, and the bystander's frames are right.  Zero failures of 1,000 bound the rate at 0.3 % (3/N at 95 %).  The
controls: most mutants can be read in part, and many of them are noticed to be damaged.

Not covered: damage by chance (test_mutations.py), planners that were taken over (test_compromised_planner.py).
"""

import collections
import os
import queue
import random
import threading
import time

import h5cap
import numpy as np
import pytest
from support import oracle
from support.hdf5_structures import damage, lookup3, structures
from support.results import record
from support.sample import frame
from support.served import PATIENCE

CLIENT_SECONDS = 15 * PATIENCE
SIDE_BY_SIDE = 4
TYPED = (OSError, KeyError, ValueError, TypeError, NotImplementedError, RuntimeError)  # of h5cap's errors and h5py's

FILES = """
import sys, h5py, numpy as np
def chunks(f):
    f.create_dataset("plain", data=np.arange(60).reshape(6, 10), chunks=(2, 5))
    f.create_dataset("grows", data=np.arange(60).reshape(6, 10), chunks=(2, 5), maxshape=(None, 10))
    f.create_dataset("grows_twice", data=np.arange(60).reshape(6, 10), chunks=(2, 5), maxshape=(None, None))
    f.create_dataset("one", data=np.arange(60), chunks=(60,))
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((4,)); plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    h5py.h5d.create(f.id, b"early", h5py.h5t.STD_I32LE, h5py.h5s.create_simple((16,)), plist)
def filters(f):
    for name, options in (("gzip", dict(compression="gzip")), ("shuffle", dict(compression="gzip", shuffle=True)),
                          ("sums", dict(fletcher32=True)), ("lzf", dict(compression="lzf")),
                          ("offset", dict(scaleoffset=0))):
        f.create_dataset(name, data=np.arange(64, dtype="i4"), chunks=(16,), **options)
def attributes(f):
    for i in range(12): f.attrs[f"a{i:02}"] = np.arange(i)
    f.attrs["text"] = "variable"; f["x"] = 5
    f["x"].attrs["rows"] = np.zeros(2, [("a", "i4"), ("b", "S5")])
    f["x"].attrs["words"] = ["one", "two"]
def links(f):
    for i in range(20): f[f"group/n{i:02}"] = np.float32(i)
    f["soft"] = h5py.SoftLink("/group/n03"); f["hard"] = f["group"]
    f["out"] = h5py.ExternalLink("sample.h5", "/entry/raw")
def types(f):
    f["text"] = ["variable", "strings", "x" * 100]
    f["rows"] = np.zeros(5, [("a", "i4"), ("b", "S5"), ("c", [("d", "f8")]), ("e", "i2", (3,))])
    f.create_dataset("lists", (3,), h5py.vlen_dtype("i4"))[:] = [[1], [2, 3], [4, 5, 6]]
    f.create_dataset("colour", data=[1, 2], dtype=h5py.enum_dtype({"red": 1, "blue": 2}, "i1"))
    f.create_dataset("refs", data=[f["text"].ref, f["rows"].ref], dtype=h5py.ref_dtype)
    f.create_dataset("fill", (5,), "f8", fillvalue=7.0)
def mapped(f):
    f.create_dataset("source", data=np.arange(60).reshape(6, 10), chunks=(2, 5), maxshape=(None, 10))
    layout = h5py.VirtualLayout((8, 10), "i8")
    source = h5py.VirtualSource(".", "source", (6, 10))
    layout[:6] = source; layout[6:8, ::2] = source[:2, :5]
    f.create_virtual_dataset("virtual", layout, fillvalue=-1)
    f.create_dataset("raw", (10,), "i4", external=[("raw.bin", 0, 40)])
for made in (chunks, filters, attributes, links, types, mapped):
    for name, libver in (("old", ("earliest", "v108")), ("new", ("v110", "v110"))):
        if made is mapped and name == "old": libver = ("earliest", "v110")
        with h5py.File(f"{sys.argv[1]}/{made.__name__}-{name}.h5", "w", libver=libver) as f: made(f)
"""


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """{name: (content, structures)}"""
    folder = tmp_path_factory.mktemp("originals")
    oracle.run(FILES, folder)
    found = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".h5"):
            raw = (folder / name).read_bytes()
            found[name] = raw, structures(raw)
    return found


def test_the_checksum_is_hdf5s():
    assert lookup3(b"") == 0xdeadbeef
    assert lookup3(b"Four score and seven years ago") == 0x17770551


def test_structures_of_all_kinds_are_found(originals):
    kinds = collections.Counter(one.kind for _, known in originals.values() for one in known)
    print(dict(kinds))
    wanted = {"superblock", "OHDR", "header", "TREE", "SNOD", "HEAP", "GCOL", "BTHD", "BTLF", "FRHP", "FADB", "FAHD",
              "EAHD", "EAIB", "message 0x1", "message 0x3", "message 0x5", "message 0x8", "message 0xb", "message 0xc"}
    assert wanted <= set(kinds), wanted - set(kinds)


def unlike(name, got, node):
    """What is wrong with the looks of elements.  One of variable length is what it holds, and one number is native."""
    if node.shape == () and node.dtype == object:
        return []
    wrong = []
    if np.shape(got) != node.shape:
        wrong.append(f"{name}: of shape {np.shape(got)}, not {node.shape}")
    if hasattr(got, "dtype") and got.dtype.newbyteorder("=") != node.dtype.newbyteorder("="):
        wrong.append(f"{name}: of type {got.dtype}, not {node.dtype}")
    return wrong


def read_everything(url):
    """Walks a file; (read, raised, what was neither)."""
    read, raised, wrong = 0, 0, []

    def visit(group, depth):
        nonlocal read, raised
        for name in list(group)[:50]:
            try:
                node = group[name]
                dict(node.attrs)
                if isinstance(node, h5cap.Dataset):
                    if node.size is not None and node.size < 1_000_000:
                        wrong.extend(unlike(name, node[()], node))
                elif depth < 3 and isinstance(node, h5cap.Group):
                    visit(node, depth + 1)
                read += 1
            except TYPED:
                raised += 1
    try:
        with h5cap.File(url, timeout=CLIENT_SECONDS) as file:
            try:
                dict(file.attrs)
            except TYPED:
                raised += 1
            visit(file, 0)
    except TYPED:
        raised += 1
    return read, raised, wrong


def bystander(server, done, wrong):
    with h5cap.File(server.url("data/sample.h5")) as file:
        dataset, i = file["entry/gzip"], 0
        while not done.is_set():
            if not np.array_equal(dataset[i % 200], frame(i % 200)):
                wrong.append(f"a bystander's frame {i % 200}")
            i += 1
            time.sleep(0.005)


def run(server, folder, originals, count, seed):
    names, rng = list(originals), random.Random(seed)
    work, failures, totals = queue.Queue(8), [], collections.Counter()
    (folder / "raw.bin").write_bytes(bytes(40))

    def worker():
        while (item := work.get()) is not None:
            number, content, what = item
            path = folder / f"mutant{number}.h5"
            path.write_bytes(content)
            try:
                read, raised, wrong = read_everything(server.url(f"data/{path.name}"))
            except BaseException as problem:  # not typed
                read, raised, wrong = 0, 0, [repr(problem)]
            totals.update(read=read, raised=raised, noticed=raised > 0)
            if wrong or not server.alive():
                failures.append((number, what, wrong or "the front is gone"))
            path.unlink()

    done = threading.Event()
    watching = threading.Thread(target=bystander, args=(server, done, failures))
    watching.start()
    threads = [threading.Thread(target=worker) for _ in range(SIDE_BY_SIDE)]
    for thread in threads:
        thread.start()
    try:
        for number in range(count):
            name = names[number % len(names)]
            content, what = damage(*originals[name], rng)
            work.put((number, content, f"{name}: {what}"))
    finally:
        for _ in threads:
            work.put(None)
        for thread in threads:
            thread.join()
        done.set()
        watching.join()
    print(f"{count} mutants: {dict(totals)}, {len(failures)} failures: {failures[:5]}")
    record("files that are damaged with knowledge harm nobody", trials=count, failures=len(failures), **totals)
    assert failures == []
    assert totals["read"] > count, "mutants are damaged beyond use: the test shows little"
    assert totals["noticed"] > count / 5, "mutants are hardly damaged: the test shows little"


@pytest.mark.slow
def test_a_thousand_mutants(server, folder, originals, still_serving):
    run(server, folder, originals, int(os.environ.get("H5CAP_STRUCTURED_MUTANTS", "1000")), 11)
    still_serving()


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_twenty_thousand_mutants(server, folder, originals, still_serving):
    run(server, folder, originals, 20_000, 12)
    still_serving()
