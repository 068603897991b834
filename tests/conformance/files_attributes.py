"""Generated files: attributes in every storage, names that are hard to spell, and order of creation."""

import h5py
import numpy as np

from registry import makes


@makes("attributes_many")
def attributes_many(path):
    with h5py.File(path, "w") as file:
        group = file.create_group("group")
        for i in range(300):
            group.attrs[f"attribute {i:03d}"] = i * 1.5
        dataset = file.create_dataset("dataset", data=np.arange(4))
        for i in range(40):
            dataset.attrs[f"a{i}"] = f"text {i}"


@makes("attributes_dense")
def attributes_dense(path):
    """Dense storage needs the newer object headers; an attribute above 64 KiB needs dense storage."""
    with h5py.File(path, "w", libver="latest", track_order=True) as file:
        file.attrs["large"] = np.arange(100_000, dtype="<f8").reshape(1000, 100)
        file.attrs["larger"] = np.arange(300_000, dtype=">i4")
        for i in reversed(range(50)):
            file.attrs[f"n{i}"] = np.arange(i, dtype="<i2")
        dataset = file.create_dataset("dataset", data=np.arange(3), track_order=True)
        for name in "zebra", "apple", "mango":
            dataset.attrs[name] = name
        file.attrs["strings"] = [f"string number {i}" for i in range(5000)]


@makes("attributes_shapes")
def attributes_shapes(path):
    with h5py.File(path, "w") as file:
        for rank in range(7):
            shape = tuple(range(2, 2 + rank))
            file.attrs[f"rank{rank}"] = np.arange(int(np.prod(shape)), dtype="<i4").reshape(shape)
        file.attrs["empty"] = np.zeros((0,), "<f4")
        file.attrs["empty2"] = np.zeros((3, 0), "<f4")
        file.attrs["null"] = h5py.Empty("<f4")
        file.attrs["bytes"] = b"raw"
        file.attrs["numpy bytes"] = np.array([b"one", b"three"])
        file.attrs["ünïcödé"] = 1
        file.attrs["with/slash"] = 2
        file.attrs["with space"] = 3
        file.attrs["."] = 4
        file.attrs["#[0]"] = 5
        file.attrs["l" * 5000] = 6
        kind = file["type"] = np.dtype("<f4")
        file["type"].attrs["of type"] = "attributes of a committed type"
        del kind


ODD_NAMES = ["with space", " leading", "trailing ", "hash#tag", "brackets[0]", "braces{}", "per%cent", "%2F",
             "quest?ion", "amp&ersand", "a=b",
             "semi;colon", "col:on", "back\\slash", "quo\"te", "apos'trophe", "tab\there", "new\nline", "ünïcödé",
             "日本語", "🔬", "é", "e\u0301",
             "...", "..", "..name", "-dash", "~tilde", "$dollar", "*star", "0", "-1", "True", "l" * 300, "x" * 3000,
             "\x01control"]


@makes("odd_names")
def odd_names(path):
    with h5py.File(path, "w") as file:
        for i, name in enumerate(ODD_NAMES):
            file[name] = np.int32(i)
            group = file.create_group(f"group {i}/{name}")
            group["inside " + name] = f"value {i}"
            group.attrs[name] = i
            file[f"soft {i}"] = h5py.SoftLink("/" + name)
        latin = file.create_group("latin1")
        h5py.h5g.create(latin.id, "caf\xe9".encode("latin1"))


@makes("odd_file_names")
def odd_file_names(path):
    import os
    folder = os.path.dirname(path)
    names = ["with space.h5", "hash#tag.h5", "br[0].h5", "per%20cent.h5", "ünï.h5", "日本.h5", "a+b&c=d.h5",
             "quest?ion.h5", "col:on.h5", "sub dir/x y.h5"]
    with h5py.File(path, "w") as master:
        for i, name in enumerate(names):
            target = os.path.join(folder, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with h5py.File(target, "w") as file:
                file["data"] = np.arange(i, i + 5)
            master[f"link{i}"] = h5py.ExternalLink(name, "/data")


@makes("track_order")
def track_order(path):
    with h5py.File(path, "w", track_order=True) as file:
        for name in ["zz", "b", "a", "y", "m", "c"] + [f"d{i}" for i in reversed(range(20))]:
            file[name] = len(name)
        group = file.create_group("ordered", track_order=True)
        for name in "three", "one", "two":
            group.create_group(name)
        plain = file.create_group("plain", track_order=False)
        for name in "three", "one", "two":
            plain.create_group(name)
        for name in "q", "a", "k":
            group.attrs[name] = 1
