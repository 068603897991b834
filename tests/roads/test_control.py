"""The suite finds a road that is wrong: rows from elsewhere, one converted element, a read that is wrong the second
time only.  A right road of the same make is the control of the control.  Roads that bend the way do bend it."""

import h5cap
import h5py
import layouts
import numpy as np
import ways
from corpus import ORIGINALS
from differential import outcome
from reads import KINDS, reads_of
from suite import SMALL, Road, carried_problem, problems_of, scene_of

NAMES = "number <i4", "text", "nested record", "lists of texts"


class Right(layouts.Virtual):
    pass


class OneRowElsewhere(layouts.Virtual):
    """Of each dataset rows 3 and 4 are exchanged by the mapping."""

    def lay(self, folder, originals):
        super().lay(folder, originals)
        with layouts.new_file(folder / "wrong.h5") as file:
            for one in originals:
                pairs = [(slice(0, 3), slice(0, 3)), (slice(3, 4), slice(4, 5)), (slice(4, 5), slice(3, 4)),
                         (slice(5, None), slice(5, None))]
                layouts.write_virtual(file, one, [
                    (layouts.space(one.shape, to), "below/originals.h5", one.name, layouts.space(one.shape, of))
                    for to, of in pairs])
        return folder / "wrong.h5"


class OneElementConverted(layouts.ConvertedVirtual):
    """What h5cap is given to read is another file than what h5py reads: the last element differs."""

    def outcomes(self, read, dataset):
        found = outcome(read, dataset)
        if isinstance(found, np.ndarray) and found.size and found.dtype.kind == "f":
            found = found.copy()
            found.reshape(-1)[-1] += 1
        return [found]


class SecondReadWrong(Road):
    def outcomes(self, read, dataset):
        right = outcome(read, dataset)
        return [right, right[..., ::-1] if isinstance(right, np.ndarray) and right.ndim > 1 else right]


def found_by(road, folder, names=NAMES):
    """The kinds of reading that find something wrong, by original."""
    with scene_of(road, folder, small=False, originals=[ORIGINALS[name] for name in names]) as scene:
        found = {}
        for one in (ORIGINALS[name] for name in names):
            found[one.name] = {kind for kind in KINDS if problems_of(kind, one, scene)}
            if carried_problem(one, scene):
                found[one.name].add("carried")
    return found


def test_a_right_road_passes(tmp_path):
    assert found_by(Right(), tmp_path) == dict.fromkeys(NAMES, set())


def test_a_row_from_elsewhere_is_found_by_every_kind_of_reading(tmp_path):
    found = found_by(OneRowElsewhere(), tmp_path)
    of_all = {"carried", "whole", "axes", "masks", "loops", "read_direct"}
    for name in NAMES:
        # h5py has no target for lists of texts
        assert of_all - ({"read_direct"} if name == "lists of texts" else set()) <= found[name], name
    assert any("lists" in kinds for kinds in found.values()) and any("points" in kinds for kinds in found.values())
    assert "fields" in found["nested record"] and "views" in found["text"]
    assert not any("nothing" in kinds for kinds in found.values())


def test_one_converted_element_is_found(tmp_path):
    found = found_by(OneElementConverted(), tmp_path, ["number <i4", "number half"])  # as >f8 and >f4
    assert all({"whole", "axes"} <= kinds for kinds in found.values())


def test_a_second_read_that_is_wrong_is_found(tmp_path):
    assert {"whole", "axes"} <= found_by(SecondReadWrong(), tmp_path, ["number <i4"])["number <i4"]


def test_masks_stand_for_what_they_are_put_for(tmp_path):
    """The wrapper of the masked road gives what h5py gives, and does ask with masks."""
    asked = []

    class Recording:
        def __init__(self, dataset):
            self.dataset, self.shape, self.dtype = dataset, dataset.shape, dataset.dtype

        def __getitem__(self, key):
            asked.append(key)
            return self.dataset[key]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        ORIGINALS["number <i4"].write(file)
        dataset = file["number <i4"]
        for label, read in reads_of("axes", "x", dataset).items():
            right = outcome(read, dataset)
            assert repr(outcome(read, ways.ThroughMasks(Recording(dataset)))) == repr(right), label
    assert sum(isinstance(key, np.ndarray) and key.dtype == bool for key in asked) > 10


def test_the_disk_cache_is_used(tmp_path):
    """A second read by that road moves next to nothing."""
    road = ways.DiskCached()
    with scene_of(road, tmp_path, small=True, originals=[ORIGINALS["large"]]) as scene:
        traffic = []
        session = h5cap.connect(scene.remote.filename, tile_bytes=SMALL)
        for _ in range(2):
            before = session.traffic()["bytes_received"]
            scene.remote["large"][...]
            traffic.append(session.traffic()["bytes_received"] - before)
        assert len(road.entries()) > 100
    assert traffic[0] > 1_200_000 and traffic[1] < traffic[0] / 10, traffic


def test_connections_are_cut_and_servers_restarted(tmp_path, monkeypatch):
    road = ways.Cut()
    with scene_of(road, tmp_path, small=True, originals=[ORIGINALS["number <i4"]]) as scene:
        cuts = []
        cut = road.proxy.cut
        monkeypatch.setattr(road.proxy, "cut", lambda: (cuts.append(road.proxy.down), cut()))
        assert not problems_of("axes", ORIGINALS["number <i4"], scene)
        assert len(cuts) > 10
