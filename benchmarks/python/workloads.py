"""The workloads of ../workloads.md: what each reads, and how, on any side that opens files as h5py does."""

import contextlib
import os
import random
from dataclasses import dataclass
from typing import Callable

import h5py
import hdf5plugin  # noqa: F401  (filters for h5py)

import h5cap

DATASET_OF = {"A": "/entry/data", "B": "/m", "D": "/table", "E": "/texts", "V": "/entry/data"}
WHOLE = slice(None)


class Local:
    """h5py on the files themselves."""

    def __init__(self, folder):
        self.folder = folder

    def open(self, name):
        return h5py.File(os.path.join(self.folder, name + ".h5"), "r")

    first = open

    def shape(self, name):
        """Of the file's dataset; None for a file that is about its tree."""
        path = DATASET_OF.get(name[0])
        if path is None:
            return None
        with self.open(name) as file:
            return file[path].shape


class Served:
    """h5cap on a server that serves the folder as /data/, over one connection that is kept."""

    def __init__(self, server):
        self.server = server
        self.session = h5cap.connect(server.url())

    def open(self, name):
        return self.session.open(f"/data/{name}.h5")

    @contextlib.contextmanager
    def first(self, name):
        """The file, over a connection of its own."""
        with h5cap.connect(self.server.url()) as session, session.open(f"/data/{name}.h5") as file:
            yield file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session.close()


def read(dataset, selection):
    if isinstance(selection, list):
        return [dataset[one] for one in selection]
    return dataset.fields(selection)[()] if isinstance(selection, str) else dataset[selection]


def walk(file, top):
    """Everything that browsing shows, as {path: (shape, dtype, attributes)}."""
    found, pending = {}, [file[top]]
    while pending:
        node = pending.pop()
        attributes = {name: str(value) for name, value in node.attrs.items()}
        if hasattr(node, "dtype"):
            found[node.name] = (node.shape, node.dtype.str, attributes)
        else:
            found[node.name] = (None, None, attributes)
            pending += [node[name] for name in node]
    return found


# Ways to prepare a workload: each takes a side and a file's name and gives a function of a selection.


@contextlib.contextmanager
def held_open(side, name):
    with side.open(name) as file:
        dataset = file[DATASET_OF[name[0]]]
        yield lambda selection: read(dataset, selection)


@contextlib.contextmanager
def connected_anew(side, name):
    def call(selection):
        with side.first(name) as file:
            return read(file[DATASET_OF[name[0]]], selection)

    yield call


@contextlib.contextmanager
def opened_anew(side, name):
    def call(_):
        with side.open(name) as file:
            return file[DATASET_OF[name[0]]].shape

    yield call


@contextlib.contextmanager
def walked(side, name):
    def call(top):
        with side.open(name) as file:
            return walk(file, top)

    yield call


def box(rng, shape, axis, size):
    start = rng.randrange(max(1, shape[axis] - size))
    return slice(start, start + size)


def square(rng, shape, size):
    return rng.randrange(shape[0]), box(rng, shape, 1, size), box(rng, shape, 2, size)


@dataclass(frozen=True)
class Workload:
    data: str  # the first letter of its file
    select: Callable  # of a random.Random and the dataset's shape: what one call reads
    repetitions: int  # beside h5py
    calls: int = 0  # in each repetition of a comparison of builds; 0: only there when asked for
    prepare: Callable = held_open

    def files(self, variants):
        return [f"A_{variant}" for variant in variants] if self.data == "A" else [self.data]


WORKLOADS = {
    "W1": Workload("A", lambda rng, shape: square(rng, shape, 64), 15, 5, connected_anew),
    "W2": Workload("A", lambda rng, shape: square(rng, shape, 64), 100, 50),
    "W3": Workload("A", lambda rng, shape: (rng.randrange(shape[0]),), 60, 20),
    "W4": Workload("A", lambda rng, shape: (box(rng, shape, 0, 100),), 7, 1),
    "W5": Workload("A", lambda rng, shape: (box(rng, shape, 0, min(512, shape[0])),), 5),
    "W6": Workload("A", lambda rng, shape: (slice(0, None, 10), slice(0, None, 8), slice(0, None, 8)), 5),
    "W7": Workload("A", lambda rng, shape: (WHOLE, rng.randrange(shape[1]), rng.randrange(shape[2])), 5),
    "W9": Workload("A", lambda rng, shape: [square(rng, shape, 16) for _ in range(200)], 5),
    "W14": Workload("A", lambda rng, shape: (7, box(rng, shape, 1, 64), box(rng, shape, 2, 64)), 100, 50),
    "W15": Workload("A", lambda rng, shape: (7, rng.randrange(shape[1]), rng.randrange(shape[2])), 100, 50),
    "W16": Workload("A", lambda rng, shape: None, 50, 20, opened_anew),
    "W2B": Workload("B", lambda rng, shape: (box(rng, shape, 0, 64), box(rng, shape, 1, 64)), 100, 50),
    "W5B": Workload("B", lambda rng, shape: (WHOLE,), 5),
    "W6B": Workload("B", lambda rng, shape: (slice(0, None, 16), slice(0, None, 16)), 7),
    "W12": Workload("D", lambda rng, shape: (box(rng, shape, 0, 10_000),), 20, 10),
    "W13": Workload("D", lambda rng, shape: "x", 5, 1),
    "W18": Workload("E", lambda rng, shape: (box(rng, shape, 0, 1000),), 20, 10),
    "W19": Workload("V", lambda rng, shape: (rng.randrange(shape[0]),), 60, 20),
    "W8": Workload("C", lambda rng, shape: "/entry", 3, 0, walked),
    "W17": Workload("C", lambda rng, shape: f"/entry/s{rng.randrange(50):02d}", 10, 1, walked),
}


def selections(name, shape, count):
    """What each repetition of a workload reads, the same for everybody."""
    rng = random.Random(f"{name} {shape}")
    return [WORKLOADS[name].select(rng, shape) for _ in range(count)]


def label(name, file):
    """A workload on one of its files, as figures call it."""
    return f"{name} {file[2:]}" if file[1:] else name


def same(a, b):
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if not hasattr(a, "dtype"):
        return a == b
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    return a.tolist() == b.tolist() if a.dtype.hasobject else a.tobytes() == b.tobytes()


def size_of(value):
    """In bytes, of the elements that a call gave; None when it gave no elements."""
    if isinstance(value, list):
        return sum(map(size_of, value))
    if not hasattr(value, "dtype"):
        return None
    return sum(map(len, value.ravel())) if value.dtype.hasobject else value.nbytes


def checked(what, expected, calls, todo):
    """Makes the first calls of a workload and compares with what h5py gives; returns the size of the last of them."""
    size = None
    for i, selection in enumerate(todo[:3]):
        if selection in todo[:i]:
            continue
        value = expected(selection)
        for call in calls:
            if not same(value, call(selection)):
                raise ValueError(f"{what}: {selection} is not what h5py reads")
        size = size_of(value)
    return size
