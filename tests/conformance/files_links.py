"""Generated files: hard, soft and external links, whole and broken."""

import os

import h5py
import numpy as np

from registry import makes


@makes("links")
def links(path):
    with h5py.File(path, "w") as file:
        data = file.create_dataset("a/b/data", data=np.arange(12).reshape(3, 4))
        data.attrs["here"] = "yes"
        file["hard"] = data
        file["a/up"] = file["a"]
        file["a/b/root"] = file["/"]
        file["soft"] = h5py.SoftLink("/a/b/data")
        file["soft_relative"] = h5py.SoftLink("a/b/data")
        file["a/soft_relative"] = h5py.SoftLink("b/data")
        file["a/soft_wrong_base"] = h5py.SoftLink("a/b/data")
        file["soft_group"] = h5py.SoftLink("/a/b")
        file["soft_through"] = h5py.SoftLink("/soft_group/data")
        file["soft_dots"] = h5py.SoftLink("./a/./b//data")
        file["soft_parent"] = h5py.SoftLink("/a/../a/b/data")
        file["soft_slash"] = h5py.SoftLink("/a/b/")
        file["soft_root"] = h5py.SoftLink("/")
        file["dangling"] = h5py.SoftLink("/no/such/thing")
        file["dangling_through_dataset"] = h5py.SoftLink("/a/b/data/below")
        file["cycle1"] = h5py.SoftLink("/cycle2")
        file["cycle2"] = h5py.SoftLink("/cycle1")
        file["self"] = h5py.SoftLink("/self")
        for i in range(10):
            file[f"chain{i}"] = h5py.SoftLink(f"/chain{i + 1}")
        file["chain10"] = h5py.SoftLink("/a/b/data")
        for i in range(40):
            file[f"long_chain{i}"] = h5py.SoftLink(f"/long_chain{i + 1}")
        file["long_chain40"] = h5py.SoftLink("/a/b/data")
        file["type"] = np.dtype("<i4")
        file["soft_type"] = h5py.SoftLink("/type")


@makes("links_latest")
def links_latest(path):
    """Link messages and dense groups instead of symbol tables."""
    with h5py.File(path, "w", libver="latest") as file:
        few = file.create_group("few")
        few["x"] = 1
        few["soft"] = h5py.SoftLink("x")
        many = file.create_group("many")
        for i in range(200):
            many[f"item {i:03d}"] = i
        many["soft"] = h5py.SoftLink("item 007")
        many["external"] = h5py.ExternalLink("links_latest.h5", "/few/x")
        file.create_group("empty")


@makes("many_links")
def many_links(path):
    """More links than one page of the protocol holds."""
    with h5py.File(path, "w") as file:
        group = file.create_group("group")
        target = file.create_dataset("target", data=3.5)
        for i in range(2500):
            group[f"n{i * 7919 % 2500:04d}"] = target
        old = file.create_group("nested")
        for i in range(60):
            old = old.create_group(f"level{i}")
        old["deep"] = "bottom"


@makes("external_links")
def external_links(path):
    folder = os.path.dirname(path)
    os.makedirs(os.path.join(folder, "sub", "deeper"), exist_ok=True)
    with h5py.File(os.path.join(folder, "target.h5"), "w") as file:
        file["data"] = np.arange(20).reshape(4, 5)
        file["group/inner"] = np.arange(3.0)
        file["group"].attrs["in"] = "target"
        file["soft"] = h5py.SoftLink("/group/inner")
        file["onward"] = h5py.ExternalLink("sub/second.h5", "/data")
        file["back"] = h5py.ExternalLink("external_links.h5", "/local")
    with h5py.File(os.path.join(folder, "sub", "second.h5"), "w") as file:
        file["data"] = np.arange(7) * 11
        file["beside"] = h5py.ExternalLink("third.h5", "/data")
        file["up"] = h5py.ExternalLink("../target.h5", "/data")
    with h5py.File(os.path.join(folder, "sub", "third.h5"), "w") as file:
        file["data"] = np.array([b"third"])
    with h5py.File(os.path.join(folder, "loop1.h5"), "w") as file:
        file["x"] = h5py.ExternalLink("loop2.h5", "/x")
    with h5py.File(os.path.join(folder, "loop2.h5"), "w") as file:
        file["x"] = h5py.ExternalLink("loop1.h5", "/x")
    open(os.path.join(folder, "not_hdf5.h5"), "w").write("plain text\n" * 100)
    open(os.path.join(folder, "empty.h5"), "w").close()
    with h5py.File(path, "w") as file:
        file["local"] = np.arange(5)
        for name, target, inner in (
                ("data", "target.h5", "/data"), ("dot_slash", "./target.h5", "/data"),
                ("relative_path", "target.h5", "data"),
                ("group", "target.h5", "/group"), ("root", "target.h5", "/"), ("through_soft", "target.h5", "/soft"),
                ("onward", "target.h5", "/onward"), ("back", "target.h5", "/back"), ("sub", "sub/second.h5", "/data"),
                ("sub_beside", "sub/second.h5", "/beside"), ("sub_up", "sub/second.h5", "/up"),
                ("dotted", "sub/../target.h5", "/data"),
                ("same_file", "external_links.h5", "/local"), ("absolute", os.path.join(folder, "target.h5"), "/data"),
                ("absolute_elsewhere", "/somewhere/else/target.h5", "/data"), ("no_file", "missing.h5", "/data"),
                ("no_folder", "missing/target.h5", "/data"), ("no_object", "target.h5", "/nothing"),
                ("loop", "loop1.h5", "/x"),
                ("not_hdf5", "not_hdf5.h5", "/x"), ("empty_file", "empty.h5", "/x"), ("a_folder", "sub", "/x")):
            file[name] = h5py.ExternalLink(target, inner)
        file["soft_into_external"] = h5py.SoftLink("/group/inner")
        file["soft_to_external"] = h5py.SoftLink("/data")
        file["soft_through_root"] = h5py.SoftLink("/root/group/inner")
