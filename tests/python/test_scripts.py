"""Scripts as people have them, run with h5py and with h5cap: cells of MATLAB, weights of Keras, the default plot of
NeXus, scales of dimensions.  Their results are the same, and walking through what came with the file costs no round
trip."""

import h5py
import numpy as np
import pytest

import h5cap
from support.served import Server


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scripts")
    with h5py.File(folder / "all.h5", "w", libver=("earliest", "v110")) as file:
        letters = file.create_group("#refs#")
        letters["a"], letters["b"] = np.array([[104], [105]], "u2"), np.array([[111]], "u2")
        file.create_dataset("cell", data=np.array([[letters["a"].ref], [letters["b"].ref]], dtype=h5py.ref_dtype))
        file.attrs["layer_names"] = np.array([b"dense"])
        layer = file.create_group("dense")
        layer.attrs["weight_names"] = np.array([b"dense/kernel:0"])
        layer["dense/kernel:0"] = np.arange(6, dtype="f4").reshape(3, 2)
        plot = file.create_group("entry/data")
        file.attrs["default"], file["entry"].attrs["default"] = "entry", "data"
        plot.attrs["signal"], plot.attrs["axes"] = "counts", ["y", "x"]
        plot["counts"], plot["y"], plot["x"] = np.arange(30).reshape(5, 6), np.arange(5), np.arange(6) / 2
        plot["x"].make_scale("x")
        plot["counts"].dims[1].attach_scale(plot["x"])
    with Server({"data": str(folder)}) as server:
        with h5py.File(folder / "all.h5", "r") as theirs, h5cap.File(server.url("data/all.h5")) as ours:
            yield {h5py: theirs, h5cap: ours, "server": server.url()}


def cells(file):
    return ["".join(map(chr, file[row[0]][:].ravel())) for row in file["cell"][:]]


def weights(file):
    layers = [file[name.decode()] for name in file.attrs["layer_names"]]
    return [np.asarray(layer[name.decode()]).tolist() for layer in layers for name in layer.attrs["weight_names"]]


def default_plot(file):
    group = file
    while "default" in group.attrs:
        group = group[group.attrs["default"]]
    return group[group.attrs["signal"]][2:4, ::2].tolist(), [group[name][...].tolist() for name in group.attrs["axes"]]


def scales(file):
    counts = file["entry/data/counts"]
    return [[(name, scale[:].tolist()) for name, scale in dimension.items()] for dimension in counts.dims]


@pytest.mark.parametrize("script", [cells, weights, default_plot, scales])
def test_the_script_still_works(opened, script):
    expected = script(opened[h5py])
    assert expected and script(opened[h5cap]) == expected


def test_walking_sends_nothing(opened):
    file, found = opened[h5cap], []
    session = h5cap.connect(opened["server"])
    before = session.traffic()["round_trips"]
    file.visititems(lambda name, node: found.append((name, len(node.attrs), getattr(node, "shape", None))))
    assert len(found) == len({name for name, _, _ in found}) > 8
    assert [name for name, node in file.items() if node.name] == list(file)
    assert session.traffic()["round_trips"] == before
