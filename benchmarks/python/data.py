"""The benchmark's data, from fixed seeds; see ../workloads.md."""

import os

import h5py
import hdf5plugin
import numpy as np

SEED = 515
SIDE = 512
BOUNDS = ("earliest", "v110")  # so that the server's libhdf5 opens what a newer one writes
LAST = "V.h5"  # the file that is written last: where it is, all are
ROW = np.dtype([("id", "<i8"), ("t", "<f8"), ("x", "<f4"), ("y", "<f4"), ("flag", "u1"), ("label", "S8")])
VARIANTS = {
    "raw": {},
    "gzip": dict(compression="gzip", compression_opts=1, shuffle=True),
    "bslz4": dict(hdf5plugin.Bitshuffle(cname="lz4")),
}


def expected_counts():
    """Mean counts of a diffraction-like frame: a background, a ring, and 40 spots apart."""
    y, x = np.mgrid[:SIDE, :SIDE]
    radius = np.hypot(y - 250.0, x - 262.0)
    ring = 0.25 * np.exp(-(((radius - 150) / 8) ** 2)) + 0.45 * np.exp(-(((radius - 20) / 60) ** 2)) + 0.02
    rng = np.random.default_rng(SEED)
    spots = np.zeros_like(ring)
    for cy, cx, height in zip(rng.uniform(10, 500, 40), rng.uniform(10, 500, 40), rng.uniform(5, 3000, 40)):
        spots += height * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 4.5)
    return ring, spots


def write_frames(folder, count):
    ring, spots = expected_counts()
    files = [h5py.File(os.path.join(folder, f"A_{name}.h5"), "w", libver=BOUNDS) for name in VARIANTS]
    sets = [
        f.create_dataset("/entry/data", (count, SIDE, SIDE), "<u2", chunks=(1, SIDE, SIDE), **kw)
        for f, kw in zip(files, VARIANTS.values())
    ]
    for i in range(count):
        rng = np.random.default_rng([SEED, i])
        frame = rng.poisson(ring * rng.uniform(0.8, 1.2) + spots * rng.uniform()).astype("<u2")
        frame[100:102] = 65535
        for dataset in sets:
            dataset[i] = frame
    for file in files:
        file.close()


def write_matrix(folder):
    rng = np.random.default_rng(SEED + 1)
    with h5py.File(os.path.join(folder, "B.h5"), "w", libver=BOUNDS) as file:
        matrix = file.create_dataset("/m", (4000, 8000), "<f8")
        for i in range(0, 4000, 400):
            matrix[i : i + 400] = rng.standard_normal((400, 8000))


def write_tree(folder):
    rng = np.random.default_rng(SEED + 2)
    with h5py.File(os.path.join(folder, "C.h5"), "w", libver=BOUNDS) as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        for i in range(50):
            sub = entry.create_group(f"s{i:02d}")
            sub.attrs["NX_class"] = "NXsubentry"
            for j in range(100):
                log = sub.create_group(f"g{j:03d}")
                log.attrs["NX_class"] = "NXlog"
                for name, value in (("value", rng.standard_normal(16)), ("count", np.int32(i * 100 + j))):
                    dataset = log.create_dataset(name, data=value)
                    dataset.attrs["units"], dataset.attrs["scale"] = "mm", i + j / 100
                    dataset.attrs["index"] = i * 100 + j


def write_table(folder, count=1_000_000):
    rng = np.random.default_rng(SEED + 3)
    table = np.zeros(count, ROW)
    table["id"], table["t"] = np.arange(count), np.cumsum(rng.exponential(1e-3, count))
    table["x"], table["y"] = rng.standard_normal(count), rng.standard_normal(count)
    table["flag"] = rng.integers(0, 4, count)
    table["label"] = rng.choice(np.array([b"det_a", b"det_b", b"monitor"]), count)
    with h5py.File(os.path.join(folder, "D.h5"), "w", libver=BOUNDS) as file:
        file.create_dataset("/table", data=table, chunks=(10_000,))


def write_texts(folder, count=100_000):
    rng = np.random.default_rng(SEED + 4)
    with h5py.File(os.path.join(folder, "E.h5"), "w", libver=BOUNDS) as file:
        texts = file.create_dataset("/texts", (count,), h5py.string_dtype(), chunks=(1000,))
        texts[:] = [f"scan {i}: " + "x" * length for i, length in enumerate(rng.integers(0, 60, count))]


def write_virtual(folder, count):
    """The frames of A_raw.h5 in four mappings, a quarter each."""
    layout = h5py.VirtualLayout((count, SIDE, SIDE), "<u2")
    source = h5py.VirtualSource("A_raw.h5", "/entry/data", (count, SIDE, SIDE), "<u2")
    for i in range(4):
        part = slice(i * count // 4, (i + 1) * count // 4)
        layout[part] = source[part]
    with h5py.File(os.path.join(folder, LAST), "w", libver=BOUNDS) as file:
        file.create_virtual_dataset("/entry/data", layout)


def write_all(folder, frames):
    write_frames(folder, frames)
    write_matrix(folder)
    write_tree(folder)
    write_table(folder)
    write_texts(folder)
    write_virtual(folder, frames)
