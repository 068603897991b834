"""Generated files: virtual datasets of random mappings over random sources, some of which are absent.

The growing axis is the first: where a source ends within its only block, libhdf5 pairs the elements of any other axis
wrongly.  Fixed mappings do not overlap: libhdf5 leaves out a fill value for each element that is mapped twice.
"""

import os
import random

import h5py
from h5py import h5t

from files_growing import DATA, U, add, slab
from files_layouts import ramp
from files_virtual import source
from registry import makes

FILES, DATASETS = 6, 8
SEED = "virtual a"  # one of those over which libhdf5 does not crash


def along(rng, cross, axis):
    """A hyperslab that is whole on all axes but the first."""
    start, stride, count, block = axis
    rank = 1 + len(cross)
    zeros, ones = (0,) * len(cross), (1,) * len(cross)
    return slab(rank, (start, *zeros), (stride, *ones), (count, *ones), (block, *cross))


def growing(rng):
    if rng.random() < 0.25:
        return rng.randrange(4), 1, 1, U
    block = rng.randrange(1, 4)
    return rng.randrange(4), block + rng.randrange(3), U, block


def random_sources(rng, folder, cross):
    found = []
    for i in range(rng.randrange(2, 5)):
        length = rng.randrange(1, 15)
        found.append((f"source{i}.h5", length))
        if rng.random() < 0.85:
            data = (ramp((length, *cross)) % 30000).astype(rng.choice(["<i4", "<i2", ">i8", "<f4"]))
            options = {"maxshape": (None, *cross), "chunks": (2, *cross)} if rng.random() < 0.6 else {}
            source(folder, found[-1][0], data, **options)
    return found


def fixed_mappings(rng, sources, cross):
    mappings, at = [], 0
    for name, length in sources:
        step, gap = rng.randrange(1, 3), rng.randrange(1, 3)
        count = rng.randrange(1, (length - 1) // step + 2)
        first = rng.randrange(length - (count - 1) * step)
        at += rng.randrange(3)
        mappings.append((along(rng, cross, (at, gap, count, 1)), name, DATA,
                         along(rng, cross, (first, step, count, 1))))
        at += (count - 1) * gap + 1
    return mappings, at + rng.randrange(3)


@makes("virtual_random")
def virtual_random(path):
    folder = os.path.dirname(path)
    kinds = h5t.STD_I32LE, h5t.STD_I64BE, h5t.IEEE_F64LE
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        for n in range(FILES):
            rng = random.Random(f"{SEED} {n}")
            cross = tuple(rng.randrange(1, 6) for _ in range(rng.randrange(3)))
            names = [(f"sources{n}/{name}", length)
                     for name, length in random_sources(rng, os.path.join(folder, f"sources{n}"), cross)]
            for i in range(DATASETS):
                title, kind, fill = f"set{n}_{i}", rng.choice(kinds), -rng.randrange(1, 99)
                if i % 2:
                    mappings, length = fixed_mappings(rng, names, cross)
                    add(file, title, (length, *cross), None, mappings, kind, fill)
                else:
                    name, _ = rng.choice(names)
                    mapping = along(rng, cross, growing(rng)), name, DATA, along(rng, cross, growing(rng))
                    add(file, title, (rng.choice([1, 20]), *cross), (U, *cross), [mapping], kind, fill)
