"""Generated files: virtual datasets."""

import os

import h5py
import numpy as np

from files_layouts import ramp
from registry import makes


def source(folder, name, data, **keywords):
    os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
    with h5py.File(os.path.join(folder, name), "w") as file:
        file.create_dataset("entry/data", data=data, **keywords)


@makes("virtual")
def virtual(path):
    folder = os.path.dirname(path)
    for i in range(4):
        source(folder, f"part{i}.h5", ramp((6, 10, 8), "<u2") + i, chunks=(1, 10, 8), compression="gzip")
    source(folder, "sub/part.h5", ramp((6, 10, 8), "<u2") + 100)
    source(folder, "other_type.h5", ramp((6, 10, 8), ">i4"))
    source(folder, "float.h5", ramp((6, 10, 8), "<f4"))
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        stacked = h5py.VirtualLayout((24, 10, 8), "<u2")
        for i in range(4):
            stacked[6 * i:6 * i + 6] = h5py.VirtualSource(f"part{i}.h5", "entry/data", (6, 10, 8))
        file.create_virtual_dataset("stacked", stacked)

        frames = h5py.VirtualLayout((4, 6, 10, 8), "<u2")
        for i in range(4):
            frames[i] = h5py.VirtualSource(f"part{i}.h5", "/entry/data", (6, 10, 8))
        file.create_virtual_dataset("extra_axis", frames)

        blocks = h5py.VirtualLayout((12, 20, 8), "<u2")
        for i in range(4):
            y, x = divmod(i, 2)
            blocks[6 * y:6 * y + 6, 10 * x:10 * x + 10] = h5py.VirtualSource(f"part{i}.h5", "entry/data", (6, 10, 8))
        file.create_virtual_dataset("blocks", blocks)

        gaps = h5py.VirtualLayout((30, 25, 8), "<u2")
        gaps[2:8, 3:13] = h5py.VirtualSource("part0.h5", "entry/data", (6, 10, 8))
        gaps[20:26, 14:24] = h5py.VirtualSource("part1.h5", "entry/data", (6, 10, 8))
        file.create_virtual_dataset("gaps", gaps, fillvalue=65535)
        file.create_virtual_dataset("gaps_no_fill", gaps)

        strided = h5py.VirtualLayout((24, 10, 8), "<u2")
        for i in range(4):
            strided[i::4] = h5py.VirtualSource(f"part{i}.h5", "entry/data", (6, 10, 8))
        file.create_virtual_dataset("interleaved", strided)

        picked = h5py.VirtualLayout((3, 5, 4), "<u2")
        picked[...] = h5py.VirtualSource("part2.h5", "entry/data", (6, 10, 8))[::2, 1:10:2, 4:]
        file.create_virtual_dataset("strided_source", picked)

        reshaped = h5py.VirtualLayout((10, 8), "<u2")
        reshaped[...] = h5py.VirtualSource("part3.h5", "entry/data", (6, 10, 8))[2]
        file.create_virtual_dataset("dropped_axis", reshaped)

        column = h5py.VirtualLayout((24,), "<u2")
        for i in range(4):
            column[6 * i:6 * i + 6] = h5py.VirtualSource(f"part{i}.h5", "entry/data", (6, 10, 8))[:, 3, 4]
        file.create_virtual_dataset("column", column)

        missing = h5py.VirtualLayout((18, 10, 8), "<u2")
        for i, name in enumerate(["part0.h5", "missing.h5", "part1.h5"]):
            missing[6 * i:6 * i + 6] = h5py.VirtualSource(name, "entry/data", (6, 10, 8))
        file.create_virtual_dataset("missing_file", missing, fillvalue=7)
        nothing = h5py.VirtualLayout((6, 10, 8), "<u2")
        nothing[...] = h5py.VirtualSource("part0.h5", "no/such", (6, 10, 8))
        file.create_virtual_dataset("missing_dataset", nothing, fillvalue=8)

        for name, target in (("sub_folder", "sub/part.h5"), ("dot_slash", "./part0.h5"),
                             ("absolute", os.path.join(folder, "part1.h5"))):
            layout = h5py.VirtualLayout((6, 10, 8), "<u2")
            layout[...] = h5py.VirtualSource(target, "entry/data", (6, 10, 8))
            file.create_virtual_dataset(name, layout)

        for name, target, kind in (("converted_int", "other_type.h5", "<u2"), ("converted_float", "float.h5", "<f8"),
                                   ("swapped", "part0.h5", ">u2")):
            layout = h5py.VirtualLayout((6, 10, 8), kind)
            layout[...] = h5py.VirtualSource(target, "entry/data", (6, 10, 8))
            file.create_virtual_dataset(name, layout)

        # Each pair of kinds of numbers, with what saturates, truncates and overflows; strings that are cut and padded.
        numbers = np.array([0, 1, -1, 1.5, -1.5, 127, 128, 255, 256, -129, 32767.9, 65536, 3e9, 2.0**40, -2.0**40, 0.1])
        kinds = "i1", "u1", "<i2", ">u2", "<i4", ">i8", "<u8", "<f4", ">f4", "<f8", ">f8"
        for kind in kinds:
            with np.errstate(all="ignore"):
                limits = (-np.inf, np.inf) if "f" in kind else (float(np.iinfo(kind).min),
                                                                float(np.iinfo(kind).max // 2))
                file["numbers/" + kind] = np.clip(numbers, *limits).astype(kind)
            for other in kinds + ("<f2", ">f2"):
                # libhdf5 1.10.8 only swaps the bytes of integers of one size in opposite orders: -1 becomes 65535.  (It
                # also takes 2**31 as a float32 for -2**31.)  We saturate, as it does everywhere else.
                orders, signs = {kind[0], other[0]}, {kind[-2], other[-2]}
                same_size = np.dtype(kind).itemsize == np.dtype(other).itemsize
                if same_size and signs == {"i", "u"} and orders == {"<", ">"}:
                    continue
                layout = h5py.VirtualLayout(numbers.shape, other)
                layout[...] = h5py.VirtualSource(".", "numbers/" + kind, numbers.shape)
                file.create_virtual_dataset(f"converted/{kind} to {other}", layout)
        file["texts"] = np.array([b"", b"a", b"four", b"longer"], "S6")
        file["truths"] = np.array([True, False, True])
        for name, kind in (("texts", "S3"), ("texts", "S9"), ("truths", "<i4"), ("truths", "<f8")):
            shape = file[name].shape
            layout = h5py.VirtualLayout(shape, kind)
            layout[...] = h5py.VirtualSource(".", name, shape)
            file.create_virtual_dataset(f"converted/{name} to {kind}", layout)

        file["local"] = ramp((5, 6))
        same = h5py.VirtualLayout((10, 6), "<i4")
        same[:5] = h5py.VirtualSource(".", "local", (5, 6))
        same[5:] = h5py.VirtualSource(".", "/local", (5, 6))
        file.create_virtual_dataset("same_file", same)

        nested = h5py.VirtualLayout((48, 10, 8), "<u2")
        nested[:24] = h5py.VirtualSource(".", "stacked", (24, 10, 8))
        nested[24:] = h5py.VirtualSource("virtual.h5", "interleaved", (24, 10, 8))
        file.create_virtual_dataset("nested", nested)

        repeated = h5py.VirtualLayout((60, 10, 8), "<u2")
        for i in range(10):
            repeated[6 * i:6 * i + 6] = h5py.VirtualSource("part0.h5", "entry/data", (6, 10, 8))
        file.create_virtual_dataset("repeated", repeated)

        empty = h5py.VirtualLayout((4, 5), "<f4")
        file.create_virtual_dataset("no_mapping", empty, fillvalue=-1)
        growing = h5py.VirtualLayout((24, 10, 8), "<u2", maxshape=(None, 10, 8))
        for i in range(4):
            growing[6 * i:6 * i + 6] = h5py.VirtualSource(f"part{i}.h5", "entry/data", (6, 10, 8))
        file.create_virtual_dataset("growing", growing)


@makes("virtual_many")
def virtual_many(path):
    """A mapping for every frame, as detectors with many data files write them."""
    folder = os.path.dirname(path)
    for i in range(20):
        source(folder, f"frames/data_{i:06d}.h5", ramp((25, 16, 16), "<u4") * (i + 1), chunks=(1, 16, 16))
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        layout = h5py.VirtualLayout((500, 16, 16), "<u4")
        for i in range(500):
            layout[i] = h5py.VirtualSource(f"frames/data_{i // 25:06d}.h5", "entry/data", (25, 16, 16))[i % 25]
        file.create_virtual_dataset("entry/data", layout)


@makes("virtual_compound")
def virtual_compound(path):
    from files_types import rows
    folder = os.path.dirname(path)
    source(folder, "rows.h5", rows(40), chunks=(7,))
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        layout = h5py.VirtualLayout((80,), rows(1).dtype)
        layout[:40] = h5py.VirtualSource("rows.h5", "entry/data", (40,))
        layout[40:] = h5py.VirtualSource("rows.h5", "entry/data", (40,))
        file.create_virtual_dataset("rows", layout)
