"""Generated files: virtual datasets that grow with their sources, whose sources are patterns, or that are odd
otherwise.

Extents are what H5Dget_space says with its default view (H5D_VDS_LAST_AVAILABLE, no gap in a series of blocks).
"""

import os

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t

from files_layouts import ramp
from files_virtual import source
from registry import makes

U = h5s.UNLIMITED
FILL = -9


def slab(rank, start, stride, count, block, shape=None):
    """A dataspace with a regular hyperslab; axes with an unlimited count or block may grow."""
    grows = [n == U or b == U for n, b in zip(count, block)]
    shape = shape or tuple(1 if g else s + (n - 1) * t + b for g, s, t, n, b in zip(grows, start, stride, count, block))
    space = h5s.create_simple(shape, tuple(U if g else n for g, n in zip(grows, shape)))
    space.select_hyperslab(start, count, stride, block)
    assert len(shape) == rank
    return space


def whole(*shape):
    return h5s.create_simple(shape)


def rows(start=0, stride=1, block=1, width=3, count=U):
    """Rows of a table, in blocks."""
    return slab(2, (start, 0), (max(stride, 1), 1), (count, 1), (block, width))


def columns(start=0, stride=1, block=1, height=3, count=U):
    return slab(2, (0, start), (1, max(stride, 1)), (1, count), (height, block))


def add(file, name, shape, maxshape, mappings, kind=h5t.STD_I32LE, fill=FILL):
    """A virtual dataset; mappings are (virtual space, file, dataset, source space)."""
    created = h5p.create(h5p.DATASET_CREATE)
    for virtual, where, dataset, origin in mappings:
        created.set_virtual(virtual, where.encode(), dataset.encode(), origin)
    if fill is not None:
        created.set_fill_value(np.array(fill, "<i4"))
    space = h5s.create_simple(shape, maxshape) if shape else h5s.create(h5s.SCALAR)
    h5d.create(file.id, name.encode(), kind, space, created)


def parts(folder):
    for i in (0, 1, 2, 4):  # the fourth is missing
        source(folder, f"block{i}.h5", ramp((4, 3)) + 100 * i)
    source(folder, "tall.h5", ramp((7, 3)), maxshape=(None, 3), chunks=(2, 3))
    source(folder, "wide.h5", ramp((3, 7)), maxshape=(3, None), chunks=(2, 3))
    source(folder, "100%.h5", ramp((4, 3)))
    with h5py.File(os.path.join(folder, "series.h5"), "w") as file:
        for i in range(3):
            file[f"g/data{i}"] = ramp((2, 3)) + 10 * i
        file["50%"] = ramp((4, 3))


DATA = "entry/data"
TALL, WIDE = (None, 3), (3, None)


def unlimited(*axes):
    return tuple(U if n is None else n for n in axes)


@makes("virtual_unlimited")
def virtual_unlimited(path):
    parts(os.path.dirname(path))
    tall, wide = unlimited(*TALL), unlimited(*WIDE)
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        add(file, "count", (0, 3), tall, [(rows(), "tall.h5", DATA, rows())])
        add(file, "block", (0, 3), tall,
            [(slab(2, (0, 0), (1, 1), (1, 1), (U, 3)), "tall.h5", DATA, slab(2, (1, 0), (1, 1), (1, 1), (U, 3)))])
        add(file, "count_to_block", (0, 3), tall,
            [(slab(2, (2, 0), (1, 1), (1, 1), (U, 3)), "tall.h5", DATA, rows(0, 2))])
        add(file, "gaps", (0, 3), tall, [(rows(1, 5, 2), "tall.h5", DATA, rows())])
        add(file, "no_fill", (0, 3), tall, [(rows(1, 5, 2), "tall.h5", DATA, rows())], fill=None)
        add(file, "source_gaps", (0, 3), tall, [(rows(), "tall.h5", DATA, rows(1, 3, 2))])
        add(file, "gaps_in_both", (0, 3), tall, [(rows(0, 4, 3), "tall.h5", DATA, rows(1, 3, 2))])
        add(file, "interleaved", (0, 3), tall,
            [(rows(i, 2), name, DATA, rows()) for i, name in enumerate(("tall.h5", "block0.h5"))])
        add(file, "one_absent", (5, 3), tall,
            [(rows(i, 2), name, DATA, rows()) for i, name in enumerate(("nobody.h5", "block0.h5"))])
        add(file, "all_absent", (5, 3), tall, [(rows(), "nobody.h5", DATA, rows())])
        add(file, "no_dataset", (5, 3), tall, [(rows(), "tall.h5", "no/such", rows())])
        add(file, "longer_by_fixed", (20, 3), tall,
            [(rows(), "tall.h5", DATA, rows()), (rows(14, count=4), "block1.h5", DATA, whole(4, 3))])
        add(file, "overlap_of_fixed", (20, 3), tall,
            [(rows(), "tall.h5", DATA, rows()), (rows(2, count=4), "block1.h5", DATA, whole(4, 3))])
        add(file, "columns", (3, 0), wide, [(columns(), "wide.h5", DATA, columns())])
        add(file, "column_gaps", (3, 0), wide, [(columns(1, 4, 3), "wide.h5", DATA, columns(1, 3, 2))])
        add(file, "rows_to_columns", (3, 0), wide, [(columns(), "tall.h5", DATA, rows())])
        add(file, "part_of_rows", (0, 2), unlimited(None, 2),
            [(rows(width=2), "tall.h5", DATA, slab(2, (0, 1), (1, 1), (U, 2), (1, 1)))])
        add(file, "converted", (0, 3), tall, [(rows(), "tall.h5", DATA, rows())], kind=h5t.IEEE_F64BE)
        add(file, "saturated", (0, 3), tall, [(rows(), "block2.h5", DATA, rows())], kind=h5t.STD_I8LE)
        file.create_dataset("local", data=ramp((5, 3)), maxshape=(None, 3))
        add(file, "same_file", (0, 3), tall, [(rows(), ".", "local", rows())])
        add(file, "three_axes", (0, 2, 3), (U, 2, 3), [
            (slab(3, (0, i, 0), (1, 1, 1), (U, 1, 1), (1, 1, 3)), f"block{i}.h5", DATA, rows()) for i in range(2)])


@makes("virtual_patterns")
def virtual_patterns(path):
    parts(os.path.dirname(path))
    tall, wide = unlimited(*TALL), unlimited(*WIDE)
    blocks = rows(0, 4, 4)
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        add(file, "files", (0, 3), tall, [(blocks, "block%b.h5", DATA, whole(4, 3))])
        add(file, "stored_longer", (20, 3), tall, [(blocks, "block%b.h5", DATA, whole(4, 3))])
        add(file, "gaps", (0, 3), tall, [(rows(2, 6, 4), "block%b.h5", DATA, whole(4, 3))])
        add(file, "beyond_the_missing", (20, 3), tall,
            [(blocks, "block%b.h5", DATA, whole(4, 3)), (rows(18, count=1), "block1.h5", DATA, rows(count=1))])
        add(file, "datasets", (0, 3), tall, [(rows(0, 2, 2), "series.h5", "g/data%b", whole(2, 3))])
        add(file, "part_of_blocks", (0, 3), tall, [(rows(0, 2, 2), "block%b.h5", DATA, rows(1, 2, count=2))])
        add(file, "columns", (3, 0), wide, [(columns(0, 4, 4), "block%b.h5", DATA, whole(4, 3))])
        add(file, "two_series", (0, 3), tall,
            [(rows(0, 8, 4), "block%b.h5", DATA, whole(4, 3)), (rows(4, 8, 2), "series.h5", "g/data%b", whole(2, 3))])
        add(file, "converted", (0, 3), tall, [(blocks, "block%b.h5", DATA, whole(4, 3))], kind=h5t.IEEE_F32LE)
        add(file, "percent_in_file", (4, 3), None, [(whole(4, 3), "100%%.h5", DATA, whole(4, 3))])
        add(file, "percent_in_dataset", (4, 3), None, [(whole(4, 3), "series.h5", "50%%", whole(4, 3))])
        layout = h5py.VirtualLayout((4, 3), "<i4")
        layout[...] = h5py.VirtualSource("100%.h5" if h5py.version.version_tuple >= (3, 9) else "100%%.h5", DATA,
                                         (4, 3))
        file.create_virtual_dataset("percent_by_h5py", layout)


@makes("virtual_nested")
def virtual_nested(path):
    """Sources that are virtual themselves: one that grows counts with the extent that its file stores."""
    parts(os.path.dirname(path))
    tall = unlimited(*TALL)
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        inner = {
            "empty": ((0, 3), [(rows(), "tall.h5", DATA, rows())]),
            "shorter": ((5, 3), [(rows(), "tall.h5", DATA, rows())]),
            "longer": ((20, 3),
                       [(rows(), "tall.h5", DATA, rows()), (rows(14, count=4), "block1.h5", DATA, whole(4, 3))]),
            "strided": ((12, 3), [(rows(0, 4, 3), "tall.h5", DATA, rows(1, 3, 2))]),
            "series": ((20, 3), [(rows(0, 4, 4), "block%b.h5", DATA, whole(4, 3))]),
        }
        for name, (shape, mappings) in inner.items():
            add(file, name, shape, tall, mappings)
            add(file, "growing_" + name, (0, 3), tall, [(rows(), ".", name, rows())])
            add(file, "fixed_" + name, (5, 3), None, [(whole(5, 3), "virtual_nested.h5", name, rows(count=5))])
            add(file, "converted_" + name, (5, 3), None, [(whole(5, 3), ".", name, rows(count=5))], kind=h5t.IEEE_F64LE)
            add(file, "twice_" + name, (5, 3), None, [(whole(5, 3), ".", "fixed_" + name, whole(5, 3))], fill=-8)
        deep = "fixed_longer"
        for depth in range(8):
            add(file, f"deep{depth}", (5, 3), None, [(whole(5, 3), ".", deep, whole(5, 3))])
            deep = f"deep{depth}"


@makes("virtual_odd")
def virtual_odd(path):
    """Mappings that do not pair axis by axis, overlap, or name what is no dataset; sources that have changed since."""
    folder = os.path.dirname(path)
    parts(folder)
    source(folder, "grown.h5", ramp((10, 4)))
    source(folder, "flat.h5", ramp((24,)))
    source(folder, "cube.h5", ramp((2, 3, 4)))
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        file.create_group("group")
        file["scalar"] = np.int32(41)
        add(file, "scalar_source", (), None, [(h5s.create(h5s.SCALAR), ".", "scalar", h5s.create(h5s.SCALAR))])
        add(file, "group_source", (4, 3), None, [(whole(4, 3), ".", "group", whole(4, 3))])
        add(file, "reshaped", (6, 4), None, [(whole(6, 4), "flat.h5", DATA, whole(24))])
        add(file, "folded", (6, 4), None, [(whole(6, 4), "cube.h5", DATA, whole(2, 3, 4))])
        add(file, "flattened", (30,), None,
            [(slab(1, (3,), (1,), (1,), (24,), (30,)), "cube.h5", DATA, whole(2, 3, 4))])
        add(file, "transposed_blocks", (8, 6), None,
            [(slab(2, (0, 0), (2, 3), (4, 2), (1, 2), (8, 6)), "grown.h5", DATA,
              slab(2, (1, 0), (2, 2), (4, 2), (1, 2), (10, 4)))])
        add(file, "grown_whole", (12, 4), None, [
            (slab(2, (0, 0), (1, 1), (1, 1), (6, 4), (12, 4)), "grown.h5", DATA,
             slab(2, (0, 0), (1, 1), (1, 1), (6, 4), (6, 4))),
            (slab(2, (6, 0), (1, 1), (1, 1), (6, 4), (12, 4)), "grown.h5", DATA,
             slab(2, (4, 0), (1, 1), (1, 1), (6, 4), (10, 4)))])
        # libhdf5 counts elements that are mapped twice twice, and then leaves out as many fill values: no gaps here.
        add(file, "overlapping", (6, 3), None,
            [(rows(i, count=4), f"block{i}.h5", DATA, whole(4, 3)) for i in (2, 0, 1)])
        checker = h5s.create_simple((6, 4))
        for i in range(6):
            checker.select_hyperslab((i, i % 2), (1, 2), (1, 2), (1, 1), op=h5s.SELECT_SET if i == 0 else h5s.SELECT_OR)
        add(file, "irregular", (12,), None, [(whole(12), "grown.h5", DATA, checker)])
        add(file, "into_irregular", (6, 4), None, [(checker, "flat.h5", DATA, slab(1, (2,), (1,), (1,), (12,), (24,)))])
        file["dangling"] = h5py.SoftLink("/nowhere")
        file["elsewhere"] = h5py.ExternalLink("block1.h5", "entry")
        add(file, "behind_dangling", (4, 3), None, [(whole(4, 3), ".", "dangling", whole(4, 3))])
        add(file, "behind_external", (4, 3), None, [(whole(4, 3), ".", "elsewhere/data", whole(4, 3))])


@makes("virtual_types")
def virtual_types(path):
    """Sources of another datatype: what libhdf5 converts, and what it refuses."""
    folder = os.path.dirname(path)
    row = np.dtype([("x", "<i4"), ("y", "<f4"), ("s", "S4")])
    table = np.array([(1000 * i, i / 2, b"abcdef"[:i]) for i in range(6)], row)
    with h5py.File(os.path.join(folder, "source.h5"), "w") as file:
        file["row"] = table
        file["nested"] = np.array([((i, i / 4, b"z"), -i) for i in range(6)], [("p", row), ("q", "<i8")])
        file["matrices"] = np.array([(np.arange(6).reshape(2, 3) * i, i) for i in range(6)],
                                    [("m", "<i2", (2, 3)), ("n", "u1")])
        kind = h5t.array_create(h5t.STD_I16LE, (3,))
        h5d.create(file.id, b"array", kind,
                   h5s.create_simple((6,))).write(h5s.ALL, h5s.ALL, np.arange(18, dtype="<i2").reshape(6, 3), kind)
        file.create_dataset("text", data=["a", "bb", "", "dddd", "\u00e9", "f"], dtype=h5py.string_dtype())
        file["fixed"] = np.array([b"a", b"bb", b"", b"dddd", b"e", b"f"], "S4")
        ragged = file.create_dataset("ragged", (6,), h5py.vlen_dtype("<i4"))
        for i in range(6):
            ragged[i] = np.arange(i) * 3
        file["colour"] = np.array([0, 1, 2, 1, 0, 2], h5py.enum_dtype({"RED": 0, "GREEN": 1, "BLUE": 2}, "i1"))
        file["complex"] = np.arange(6) + 1j
        file["opaque"] = np.array([b"abcd"] * 6, "V4")
        file["number"] = np.arange(6)
        file["record"] = np.array([(i, f"t{i}") for i in range(6)], [("i", "<i4"), ("t", h5py.string_dtype())])

    def of(dtype):
        return h5t.py_create(np.dtype(dtype), logical=True)

    text, ascii_text = of(h5py.string_dtype()), of(h5py.string_dtype("ascii"))
    targets = {
        "row": {"same": of(row), "reordered": of([("s", "S4"), ("x", "<i4"), ("y", "<f4")]), "one": of([("y", "<f8")]),
                "shorter": of([("s", "S2"), ("x", ">i2")])},
        "nested": {"inside": of([("q", "<i4"), ("p", [("y", "<f8"), ("x", "<i8")])])},
        "matrices": {"wider": of([("m", "<i4", (2, 3)), ("n", "<u4")]),
                     "another shape": of([("m", "<i2", (3, 2)), ("n", "u1")])},
        "array": {"wider": h5t.array_create(h5t.STD_I32BE, (3,)), "longer": h5t.array_create(h5t.STD_I32BE, (4,))},
        "text": {"same": text}, "fixed": {"variable": ascii_text, "shorter": of("S2"), "number": h5t.STD_I32LE},
        "ragged": {"same": of(h5py.vlen_dtype("<i4")), "float": h5t.vlen_create(h5t.IEEE_F32LE),
                   "wide": h5t.vlen_create(h5t.STD_I64LE)},
        "colour": {"same": of(h5py.enum_dtype({"RED": 0, "GREEN": 1, "BLUE": 2}, "i1")), "number": h5t.STD_I32LE,
                   "others": of(h5py.enum_dtype({"RED": 5, "GREEN": 6, "BLUE": 7, "GREY": 8}, "<i4"))},
        "complex": {"half": of("<c8")}, "opaque": {"same": of("V4")},
        "number": {"text": of("S4"), "compound": of(row), "half": of("<f2")},
        "record": {"reordered": of([("t", h5py.string_dtype()), ("i", "<i8")]),
                   "text": of([("t", h5py.string_dtype())])},
    }
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        for name, kinds in targets.items():
            for title, kind in kinds.items():
                add(file, f"{name} {title}", (6,), None, [(whole(6), "source.h5", name, whole(6))], kind=kind,
                    fill=None)
                add(file, f"{name} {title} in part", (9,), None, [
                    (slab(1, (2,), (2,), (3,), (1,), (9,)), "source.h5", name, slab(1, (1,), (2,), (3,), (1,), (6,)))],
                    kind=kind, fill=None)
