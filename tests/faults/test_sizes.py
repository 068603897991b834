"""Selections, cursors and sizes at the edges of 32, 63 and 64 bits, of datasets that are as long: answered or refused,
at once, and nobody waits.

A mask of the wrong size is refused whatever the extent; the far end of an axis is read.  Not covered: the arithmetic by
itself (tests/cpp/core/checked-size-test.cc), sizes that planners say (test_compromised_planner.py).
"""

import struct
import time

import pytest
from support import oracle
from support.raw_rpc import DATASET, Longs, RawPeer, Struct, Structs

FILES = """
import sys, h5py
with h5py.File(sys.argv[1], "w", libver=("earliest", "v110")) as f:
    f.create_dataset("axis", (2**63 - 1,), "u1", chunks=(2**20,))
    f.create_dataset("plane", (2**32 - 1, 2**32 + 1), "u1", chunks=(1024, 1024))
    f.create_dataset("beyond", (2**40, 2**40), "f8", chunks=(64, 64))
    f.create_dataset("rows", (2**32, 2**30), "i2", chunks=(1, 2**16))
    f["rows"][2**32 - 1, 2**30 - 1] = 7
    f.create_dataset("short", (2,), "u1", maxshape=(None,), chunks=(16,))
    endless = (h5py.h5s.UNLIMITED,)
    space, source = h5py.h5s.create_simple((10,), endless), h5py.h5s.create_simple((2,), endless)
    space.select_hyperslab((2**64 - 5,), endless, (1,), (1,)); source.select_hyperslab((0,), endless, (1,), (1,))
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_virtual(space, b".", b"/short", source)
    h5py.h5d.create(f.id, b"grown", h5py.h5t.STD_U8LE, h5py.h5s.create_simple((10,), endless), plist)
"""
SHAPES = {"axis": (2**63 - 1,), "plane": (2**32 - 1, 2**32 + 1), "beyond": (2**40, 2**40), "rows": (2**32, 2**30),
          "grown": (2**64 - 3,)}
EDGES = [0, 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1]


def axis(kind, *numbers, pointer=None):
    return Struct(struct.pack("<Hxxxxxx", kind) + b"".join(struct.pack("<Q", n % 2**64) for n in numbers), [pointer])


def everything():
    return axis(0, 0, 0, 0)


def index(at):
    return axis(1, at, 0, 0)


def range_(start, stop, step):
    return axis(2, start, stop ^ (2**63 - 1), step ^ 1)


def mask(size):
    return axis(4, 0, 0, 0, pointer=bytes(size))


def selection(axes=(), bits=None, points=None):
    return Struct(b"", [Structs(axes) if axes else None, points, bits])


def points(*coordinates):
    return Longs([c - 2**64 if c >= 2**63 else c for c in coordinates])


def options(reply_bytes=0, first=None):
    cursor = None if first is None else Struct(struct.pack("<QQ", first, 0))
    return Struct(struct.pack("<QQ", reply_bytes, 0), [cursor] + [None] * 6)


def reads(shape):
    """(what it is, the parameters, what has to come: None, a kind of error, or anything)."""
    rank = len(shape)
    for size in (0, 1, 8, 1000):
        yield f"a mask of {size} bytes", selection(bits=bytes(size)), options(), "[badSelection]"
        yield (f"an axis' mask of {size} bytes", selection([everything()] * (rank - 1) + [mask(size)]), options(),
               "[badSelection]")
    far = [n - 1 for n in shape]
    yield "the last point", selection(points=points(*far)), options(), None
    yield "the first and the last point", selection(points=points(*[0] * rank, *far)), options(), None
    yield "a point beyond", selection(points=points(*shape)), options(), "[badSelection]"
    yield "a point far beyond", selection(points=points(*[2**64 - 1] * rank)), options(), "[badSelection]"
    yield "half a point", selection(points=points(*far, 0)), options(), "[badSelection]" if rank > 1 else None
    yield "the last indices", selection([index(-1)] * rank), options(), None
    yield "the last ranges", selection([range_(-3, 2**63 - 1, 1)] * rank), options(), None
    for step in (2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1):
        yield (f"every {step}th", selection([index(-1)] * (rank - 1) + [range_(0, 2**63 - 1, step)]), options(4096),
               "anything")
    yield ("a list at both ends", selection([index(0)] * (rank - 1) + [axis(3, 0, 0, 0, pointer=Longs([-1, 0, -2]))]),
           options(), None)
    for edge in EDGES:
        yield f"everything from element {edge} on", selection(), options(4096, edge), "anything"
        yield f"replies of {edge} bytes", selection([range_(-3, 2**63 - 1, 1)] * rank), options(edge), None


@pytest.mark.parametrize("name", SHAPES)
def test_at_the_edges(server, folder, still_serving, name):
    oracle.run(FILES, folder / "long.h5")
    before, failures = server.front_rss(), []
    for what, wanted, how, expected in reads(SHAPES[name]):
        if name == "beyond" and expected is None:
            expected = "[tooLarge]"  # more elements than can be counted
        begun = time.monotonic()
        with RawPeer(server.port) as peer:
            peer.socket.settimeout(10)
            node = peer.open(peer.open_file("data/long.h5"), "/" + name)
            asked = peer.call(node, 0, DATASET, 0, Struct(b"", [wanted, how]))
            peer.flush()
            try:
                said = dict(peer.returns(peer.next)).get(asked, "no answer")
            except OSError as problem:
                said = repr(problem)
        fits = said is None or said.startswith("[") if expected == "anything" else \
            said is None if expected is None else (said or "").startswith(expected)
        if not fits or time.monotonic() - begun > 5:
            failures.append(f"{what}: {said}, after {time.monotonic() - begun:.1f} s")
    assert not failures, "\n".join(failures)
    assert server.front_rss() - before < 64 << 20
    still_serving()
