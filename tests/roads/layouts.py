"""Roads that lay originals out otherwise: in other files, in parts, by other types."""

import h5py
import numpy as np
from corpus import COLOURS, COLOURS_BE, POINT, VARIABLE, TEXT, new_file, write_originals
from h5py import h5d, h5p, h5s, h5t
from suite import ENUM_VIEW, Road

NOT_VIRTUAL = {"null": "no elements, nothing to map",
               "reference": "a reference names an object of the file that it was made in"}


def space(shape, *slices):
    """A dataspace of which slices are selected, or all."""
    if not shape:
        return h5s.create(h5s.SCALAR)
    made = h5s.create_simple(shape)
    bounds = [range(n)[one] for n, one in zip(shape, slices)] + [range(n) for n in shape[len(slices):]]
    if slices:
        made.select_hyperslab(tuple(one.start for one in bounds), tuple(len(one) for one in bounds),
                              tuple(one.step for one in bounds))
    return made


def write_virtual(file, original, pieces, kind=None):
    """A virtual dataset of the original's shape and type: pieces are (virtual space, file, dataset, source space)."""
    plist = h5p.create(h5p.DATASET_CREATE)
    for of_virtual, name, dataset, of_source in pieces:
        plist.set_virtual(of_virtual, name.encode(), dataset.encode(), of_source)
    type_id = original.type_id() if kind is None else h5t.py_create(np.dtype(kind), logical=True)
    h5d.create(file.id, original.name.encode(), type_id, space(original.shape), dcpl=plist)


def write_whole_virtual(path, source, originals):
    with new_file(path) as file:
        for one in originals:
            write_virtual(file, one, [(space(one.shape), source, one.name, space(one.shape))])


def bounds_of(shape, parts=3):
    """Where so many parts of the first axis begin and end."""
    length = shape[0] if shape else 0
    ends = sorted({length * i // parts for i in range(parts + 1)})
    return list(zip(ends, ends[1:])) or [(0, 0)]


class Virtual(Road):
    """One source, in a folder below."""

    lacks = NOT_VIRTUAL
    leaves_out = 5

    def lay(self, folder, originals):
        (folder / "below").mkdir()
        write_originals(folder / "below" / "originals.h5", originals)
        write_whole_virtual(folder / "virtual.h5", "below/originals.h5", originals)
        return folder / "virtual.h5"


class VirtualPieces(Virtual):
    """Three sources, each of some rows; they have theirs in an order of their own, which the mappings undo."""

    def lay(self, folder, originals):
        for part in range(3):
            write_originals(folder / f"part{part}.h5", originals,
                            lambda values: np.roll(values, part, axis=0) if values.ndim else values)
        with new_file(folder / "pieces.h5") as file:
            for one in originals:
                write_virtual(file, one, [piece for part, bounds in enumerate(bounds_of(one.shape))
                                          for piece in self.pieces(one, part, *bounds)])
        return folder / "pieces.h5"

    def pieces(self, original, part, begin, end):
        shape = original.shape
        count = shape[0] if shape else 0
        if not count:
            return [(space(shape), "part0.h5", original.name, space(shape))]
        # What was rolled over the end is another piece.
        over = min(max(begin, count - part), end)
        return [(space(shape, slice(a, b)), f"part{part}.h5", original.name,
                 space(shape, slice((a + part) % count, (a + part) % count + b - a)))
                for a, b in ((begin, over), (over, end)) if a < b]


class VirtualInterleaved(Virtual):
    """Of the last axis, every second from another file."""

    def lay(self, folder, originals):
        for first, name in enumerate(("even.h5", "odd.h5")):
            with new_file(folder / name) as file:
                for one in originals:
                    rank = len(one.shape)
                    key = (slice(None),) * (rank - 1) + (slice(first, None, 2),) if rank else ()
                    one.write(file, lambda values: values[key] if rank else values)
        with new_file(folder / "interleaved.h5") as file:
            for one in originals:
                if not one.shape:
                    write_virtual(file, one, [(space(()), "even.h5", one.name, space(()))])
                    continue
                before, length, pieces = (slice(None),) * (len(one.shape) - 1), one.shape[-1], []
                for first, name in enumerate(("even.h5", "odd.h5")):
                    source = one.shape[:-1] + (len(range(first, length, 2)),)
                    if source[-1]:
                        pieces.append((space(one.shape, *before, slice(first, None, 2)), name, one.name, space(source)))
                write_virtual(file, one, pieces)
        return folder / "interleaved.h5"


class VirtualReshaped(Virtual):
    """Lines over matrices, and all else, scalars too, over lines; in two pieces."""

    def lay(self, folder, originals):
        with new_file(folder / "reshaped.h5") as source, new_file(folder / "virtual.h5") as file:
            for one in originals:
                other = self.other_shape(one.shape)
                rank = len(one.shape)
                one.write(source, lambda values: values.reshape(other + values.shape[rank:]))
                write_virtual(file, one, self.pieces(one, other))
        return folder / "virtual.h5"

    def other_shape(self, shape):
        size = int(np.prod(shape))
        if len(shape) != 1:
            return (size,)
        return (max(n for n in range(1, int(size**0.5) + 1) if size % n == 0), -1) if size else (0, 7)

    def pieces(self, original, other):
        other = np.empty(original.shape, "u1").reshape(other).shape if original.shape != (0,) else other
        count = int(np.prod(original.shape))
        lines, matrix = sorted((original.shape, other), key=len)
        if not count or not original.shape or matrix[0] < 2:
            return [(space(original.shape), "reshaped.h5", original.name, space(other))]
        half = matrix[0] // 2
        cut = half * count // matrix[0]
        found = []
        for of_lines, of_matrix in ((slice(0, cut), slice(0, half)), (slice(cut, None), slice(half, None))):
            two = {1: space(lines, of_lines), 0: space(matrix, of_matrix)}
            is_line = original.shape == lines
            found.append((two[is_line], "reshaped.h5", original.name, two[not is_line]))
        return found


class NestedVirtual(Virtual):
    """Three deep: the last is in pieces, of a virtual dataset beside it and of one below."""

    def lay(self, folder, originals):
        write_originals(folder / "originals.h5", originals)
        write_whole_virtual(folder / "first.h5", "originals.h5", originals)
        write_whole_virtual(folder / "second.h5", "first.h5", originals)
        with new_file(folder / "third.h5") as file:
            for one in originals:
                names = "second.h5", "originals.h5", "first.h5"
                write_virtual(file, one, [(space(one.shape, slice(*bounds)), name, one.name,
                                           space(one.shape, slice(*bounds)))
                                          for name, bounds in zip(names, bounds_of(one.shape))])
        return folder / "third.h5"


ENUM_WIDER = {COLOURS: h5py.enum_dtype({"RED": 1, "BLUE": -2, "GREEN": 300}, basetype=">i4"),
              COLOURS_BE: h5py.enum_dtype({"RED": 1, "BLUE": -2, "GREEN": 70_000}, basetype="<i4")}
WIDER = {"i1": ">i2", "u1": "<u4", "i2": ">i4", "u2": ">u4", "i4": ">f8", "u4": ">i8", "f2": ">f4", "f4": ">f8",
         "c8": ">c16"}
OTHERWISE = {POINT: np.dtype([("name", "S5"), ("y", "<f8"), ("x", ">i8")]),
             VARIABLE: np.dtype([("last", "<u4"), ("list", h5py.vlen_dtype("<f8")), ("text", TEXT), ("n", ">i8")])}


def other_kind(kind):
    """Another type that holds all values of a dtype; None when there is none."""
    if callable(kind):
        return None
    dtype = np.dtype(kind)
    enum, vlen = h5py.check_enum_dtype(dtype), h5py.check_vlen_dtype(dtype)
    if enum:
        return next(wider for one, wider in ENUM_WIDER.items() if h5py.check_enum_dtype(one) == enum)
    if dtype.subdtype:
        base = other_kind(dtype.subdtype[0])
        return base and np.dtype((base, dtype.subdtype[1]))
    if isinstance(vlen, np.dtype):
        base = other_kind(vlen)
        return None if base is None else h5py.vlen_dtype(base.newbyteorder("="))  # others h5py takes for native
    if dtype.names:
        return OTHERWISE.get(dtype)
    if dtype.kind == "S":
        text = h5py.check_string_dtype(dtype)
        return h5py.string_dtype(text.encoding, text.length + 3)
    if dtype.kind not in "iufc":
        return None
    return np.dtype(WIDER.get(dtype.str[1:], dtype.newbyteorder()))


class ConvertedVirtual(Virtual):
    """By a virtual dataset of another type: wider, of the other byte order, with fields in another order."""

    leaves_out = 41
    keeps_types = False
    known_faults = {("enum", "views", "astype(<i4)"): ENUM_VIEW, ("enum big-endian", "views", "astype(>i4)"): ENUM_VIEW,
                    ("scalar enum", "views", "astype(<i4)"): ENUM_VIEW}
    known_failures = {
        "number long double": "no conversion of long doubles", "number long double big-endian": "as the other"}

    def why_not(self, original):
        return super().why_not(original) or (
            "nothing of another type holds its values" if other_kind(original.kind) is None else None)

    def lay(self, folder, originals):
        write_originals(folder / "originals.h5", originals)
        with new_file(folder / "converted.h5") as file:
            for one in originals:
                write_virtual(file, one, [(space(one.shape), "originals.h5", one.name, space(one.shape))],
                              other_kind(one.kind))
        return folder / "converted.h5"

    def original_value(self, original, value):
        dtype = np.dtype(original.kind)
        is_plain = dtype.kind in "iufcS" and dtype.metadata is None and dtype.itemsize <= 16
        return value.astype(other_kind(dtype)) if is_plain else None


class ExternalLink(Road):
    """A link to a link in a folder below, to a file above that."""

    def lay(self, folder, originals):
        (folder / "below").mkdir()
        write_originals(folder / "originals.h5", originals)
        for path, target in (folder / "below" / "links.h5", "../originals.h5"), (folder / "links.h5", "below/links.h5"):
            with new_file(path) as file:
                for one in originals:
                    file[one.name] = h5py.ExternalLink(target, one.name)
        return folder / "links.h5"


class ExternalRaw(Road):
    """Elements in two raw files, cut where no element ends."""

    lacks = {"variable": "variable-length data lies in the file's own heaps", "null": "no elements, no raw file",
             "reference": "a reference names an object of the file that it was made in",
             "empty": "no elements, no raw file"}
    leaves_out = 37

    def lay(self, folder, originals):
        write_originals(folder / "originals.h5", originals)
        with h5py.File(folder / "originals.h5") as source, new_file(folder / "external.h5") as file:
            for number, one in enumerate(originals):
                self.write(folder, file, one, number, source[one.name].id)
        return folder / "external.h5"

    def write(self, folder, file, original, number, source):
        kind = source.get_type()
        stored = np.zeros(original.shape, f"V{kind.get_size()}")
        source.read(h5s.ALL, h5s.ALL, stored, kind)
        stored, plist = stored.tobytes(), h5p.create(h5p.DATASET_CREATE)
        cut = len(stored) * 2 // 5
        for part, (content, head) in enumerate(((stored[:cut], 0), (stored[cut:], 13))):
            if content:
                path = folder / f"{number}.{part}.raw"
                path.write_bytes(b"h" * head + content)
                plist.set_external(str(path).encode(), head, len(content))
        h5d.create(file.id, original.name.encode(), kind, space(original.shape), dcpl=plist)
