"""Generated files: object and region references wherever they can stand, and dimension scales."""

import h5py
import numpy as np
from h5py import h5d, h5r, h5s, h5t

from files_layouts import ramp
from registry import makes


def regions(data):
    """References to regions of every form of a matrix."""
    space = data.id.get_space()

    def of(select):
        chosen = space.copy()
        select(chosen)
        return h5r.create(data.file.id, data.name.encode(), h5r.DATASET_REGION, chosen)

    def blocks(chosen):
        chosen.select_hyperslab((0, 0), (2, 2), (3, 4), (2, 3))

    def boxes(chosen):
        chosen.select_hyperslab((0, 0), (1, 1), None, (2, 2))
        chosen.select_hyperslab((1, 3), (1, 1), None, (4, 2), h5s.SELECT_OR)

    return [
        data.regionref[1:3, 2:], data.regionref[0], data.regionref[...], data.regionref[::2, 1::3],
        data.regionref[5, 6],
        of(blocks), of(boxes), of(lambda chosen: chosen.select_elements([(5, 6), (0, 0), (2, 3), (0, 0)])),
        of(lambda chosen: chosen.select_none()), of(lambda chosen: chosen.select_all()),
    ]


@makes("references")
def references(path):
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", data=ramp((6, 7)))
        file["plain"] = np.arange(3)
        file["group/inner"] = h5py.SoftLink("/data")
        file["kind"] = np.dtype("<i2")
        file["scalar"] = 5
        file["nothing"] = h5py.Empty("f4")
        lost = file.create_group("lost")
        lost["self"], lost["x"] = lost, np.arange(4)
        lost.attrs["n"] = 3
        objects = [data.ref, file.ref, h5py.Reference(), file["group"].ref, file["kind"].ref, file["plain"].ref,
                   lost.ref, lost["x"].ref]
        del file["lost"]  # kept by its link to itself: no path leads there
        found = regions(data)
        file.create_dataset("object", data=objects, dtype=h5py.ref_dtype)
        file.create_dataset("object_chunked", data=np.array(objects * 3, dtype=h5py.ref_dtype).reshape(4, 6),
                            chunks=(3, 4), compression="gzip", dtype=h5py.ref_dtype)
        file.create_dataset("object_scalar", data=data.ref, dtype=h5py.ref_dtype)
        file.create_dataset("object_unwritten", shape=(3,), dtype=h5py.ref_dtype)
        file.create_dataset("object_null", data=h5py.Empty(h5py.ref_dtype))
        file.create_dataset("object_none", shape=(0,), dtype=h5py.ref_dtype)
        file.create_dataset("region", data=found + [h5py.RegionReference()], dtype=h5py.regionref_dtype)
        file.create_dataset("region_scalar", data=found[0], dtype=h5py.regionref_dtype)
        file.create_dataset("region_chunked", shape=(7,), dtype=h5py.regionref_dtype, chunks=(2,))[2] = found[1]
        row = np.dtype([("n", "<i4"), ("to", h5py.ref_dtype), ("part", h5py.regionref_dtype)])
        rows = file.create_dataset("compound", shape=(3,), dtype=row)
        for i in range(3):
            rows[i] = (i, objects[i], found[i])
        sequence = file.create_dataset("sequences", shape=(4,), dtype=h5py.vlen_dtype(h5py.ref_dtype))
        for i in range(4):
            sequence[i] = np.array(objects[:i], dtype=h5py.ref_dtype)
        data.attrs["to"] = file["plain"].ref
        data.attrs["part"] = found[3]
        data.attrs.create("objects", objects, dtype=h5py.ref_dtype)
        data.attrs.create("regions", found, dtype=h5py.regionref_dtype)
        data.attrs["null"] = h5py.Empty(h5py.ref_dtype)
        data.attrs["plain"] = 5


@makes("references_latest")
def references_latest(path):
    with h5py.File(path, "w", libver="latest") as file:
        data = file.create_dataset("a/deep/path/data", data=ramp((6, 7)), chunks=(2, 3))
        file.create_dataset("object", data=[data.ref, file["a/deep"].ref], dtype=h5py.ref_dtype)
        file.create_dataset("region", data=regions(data), dtype=h5py.regionref_dtype)


@makes("dimension_scales")
def dimension_scales(path):
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", data=ramp((6, 7)))
        file["y"], file["x"], file["seconds"] = np.arange(6), np.arange(7), np.arange(6) / 2
        for axis, name in enumerate("yx"):
            file[name].make_scale(name)
            data.dims[axis].attach_scale(file[name])
        file["seconds"].make_scale()
        data.dims[0].attach_scale(file["seconds"])
        data.dims[0].label = "time"
        data.attrs["units"] = "counts"
        other = file.create_dataset("other", data=ramp((7,)))
        other.dims[0].attach_scale(file["x"])
        labelled = file.create_dataset("labelled", data=ramp((2, 2)))
        labelled.dims[1].label = "only a label"


def write(file, name, kind, shape, data, plist=None):
    dataset = h5d.create(file.id, name, kind, h5s.create_simple(shape), plist)
    dataset.write(h5s.ALL, h5s.ALL, data, kind)


@makes("references_in_arrays")
def references_in_arrays(path):
    """Arrays of references, and compounds with them: h5py cannot write these from its own objects, so their bytes are
    written."""
    with h5py.File(path, "w") as file:
        file["data"] = ramp((3, 3))
        tokens = [h5py.h5o.get_info(node.id).addr.to_bytes(8, "little")
                  for node in (file["data"], file, file["data"])] + [bytes(8)]
        pair = h5t.array_create(h5t.STD_REF_OBJ, (2,))
        write(file, b"pairs", pair, (2,), np.frombuffer(b"".join(tokens), "V16").copy())
        kind = h5t.create(h5t.COMPOUND, 24)
        kind.insert(b"n", 0, h5t.STD_I32LE)
        kind.insert(b"pair", 8, pair)
        rows = b"".join(i.to_bytes(8, "little") + b"".join(tokens[2 * i:2 * i + 2]) for i in range(2))
        write(file, b"rows", kind, (2,), np.frombuffer(rows, "V24").copy())
