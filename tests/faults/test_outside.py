"""Files that name files which the server may not open: denied, however they are reached; only what is absent is absent.

Two folders are served and a third is not, by a server that is not root, so that permissions count.  Covers external
links, virtual datasets, series, extents, raw files and chains of these, with names that are absent, there, damaged,
outside or closed to the server's user.  Not covered: the order in which names are tried (tests/cpp/access).
"""

import os
import shutil
import subprocess
import tempfile

import h5cap
import h5py
import numpy as np
import pytest
from support.served import Server, as_user, program

NOBODY = 65534

OUTSIDE = ["../three/secret.h5", "../three/gone.h5", "{three}/secret.h5", "{three}/gone.h5", "/nowhere/at/all.h5",
           "../../../../../../../etc/hostname",
           "..", "leads_out.h5", "leads_nowhere.h5", "out_folder/secret.h5", "out_folder/gone.h5", "loop.h5"]
CLOSED = ["noread.h5", "closed/there.h5", "closed/gone.h5", "closed/deep/gone.h5", "to_noread.h5",
          "{one}/closed/gone.h5",
          "{one}/closed/there.h5"]  # though there.h5 is also beside the file that names it
ABSENT = ["gone.h5", "gone/gone.h5", "../two/gone.h5", "{two}/gone.h5", "there.h5/gone.h5", "dangling.h5",
          "x" * 300 + ".h5"]
FAILING = ["text.h5", "folder.h5", "fifo.h5", "../one", "../two"]
THERE = ["there.h5", "../two/other.h5", "{two}/other.h5", "to_there.h5", "to_two/other.h5"]
# found by their last component beside the file that names them
BESIDE = ["/nowhere/at/all/there.h5", "{three}/there.h5"]
NAMES = OUTSIDE + CLOSED + ABSENT + FAILING + THERE + BESIDE
UNLIMITED = h5py.h5s.UNLIMITED

denied = pytest.mark.parametrize("name", OUTSIDE + CLOSED)
absent = pytest.mark.parametrize("name", ABSENT)
failing = pytest.mark.parametrize("name", FAILING)
there = pytest.mark.parametrize("name", THERE + BESIDE)


def create(file, name, space, change):
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_fill_value(np.array(-1, "<i4"))
    change(made)
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.STD_I32LE, space, made)


def fixed(file, name, source, dataset="data"):
    space = h5py.h5s.create_simple((3,))
    create(file, name, space,
           lambda made: made.set_virtual(space, source.encode(), dataset.encode(), h5py.h5s.create_simple((3,))))


def endless(block):
    space = h5py.h5s.create_simple((block,), (UNLIMITED,))
    space.select_hyperslab((0,), (UNLIMITED,), (block,), (block,))
    return space


def growing(file, name, source):
    """As long as its source."""
    create(file, name, h5py.h5s.create_simple((1,), (UNLIMITED,)),
           lambda made: made.set_virtual(endless(1), source.encode(), b"data", endless(1)))


def series(file, name, pattern):
    """Of blocks of three."""
    create(file, name, h5py.h5s.create_simple((1,), (UNLIMITED,)),
           lambda made: made.set_virtual(endless(3), pattern.encode(), b"data", h5py.h5s.create_simple((3,))))


def raw(file, name, source):
    def external(made):
        made.set_external(os.fsencode(source), 0, 12)
        made.set_fill_time(h5py.h5d.FILL_TIME_NEVER)

    create(file, name, h5py.h5s.create_simple((3,)), external)


def write(path, data=(0, 1, 2)):
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        file["data"] = np.array(data, "<i4")


class Site:
    """Folders below one that everybody may enter, and their server."""

    def __init__(self, root):
        self.root = root
        self.places = {name: os.path.join(root, name) for name in ("one", "two", "three")}
        for place in self.places.values():
            os.makedirs(place)
        for name in "three/secret.h5", "one/noread.h5", "one/there.h5", "two/other.h5", "three/there.h5":
            write(self.at(name))
        os.makedirs(self.at("one/closed/deep"))
        write(self.at("one/closed/there.h5"))
        os.mkdir(self.at("one/folder.h5"))
        os.mkfifo(self.at("one/fifo.h5"))
        with open(self.at("one/text.h5"), "w") as text:
            text.write("not HDF5 " * 100)
        for name, target in [("leads_out.h5", "../three/secret.h5"), ("leads_nowhere.h5", "../three/gone.h5"),
                             ("out_folder", self.at("three")),
                             ("loop.h5", "loop.h5"), ("to_noread.h5", "noread.h5"), ("dangling.h5", "gone.h5"),
                             ("to_there.h5", "there.h5"),
                             ("to_two", self.at("two"))]:
            os.symlink(target, self.at("one/" + name))
        self.write_names()
        self.write_series()
        os.chmod(self.at("one/noread.h5"), 0)
        os.chmod(self.at("one/closed"), 0)

    def at(self, name):
        return os.path.join(self.root, name)

    def write_names(self):
        """Every name by every road, as "<road>/<number>"."""
        with h5py.File(self.at("one/names.h5"), "w", libver=("earliest", "v110")) as file:
            for road in "link", "soft", "group", "virtual", "through", "below", "twice", "growing", "raw":
                file.create_group(road)
            for i, name in enumerate(NAMES):
                source = name.format(**self.places)
                file[f"link/{i}"] = h5py.ExternalLink(source, "data")
                file[f"soft/{i}"] = h5py.SoftLink(f"/link/{i}")
                file[f"group/{i}"] = h5py.ExternalLink(source, "/")
                fixed(file, f"virtual/{i}", source)
                fixed(file, f"through/{i}", "names.h5", f"link/{i}")
                fixed(file, f"below/{i}", ".", f"group/{i}/data")
                fixed(file, f"twice/{i}", "names.h5", f"virtual/{i}")
                growing(file, f"growing/{i}", source)
                raw(file, f"raw/{i}", source)

    def write_series(self):
        """Blocks by their number: there, absent, closed to the server's user."""
        with h5py.File(self.at("one/series.h5"), "w", libver=("earliest", "v110")) as file:
            for name, states in [("whole", "ttttttt"), ("gap", "ttatt"), ("none", ""), ("third", "ttctt"),
                                 ("first", "ctt"), ("fifth", "ttttctt"),
                                 ("beyond", "tac"), ("later", "ttttac")]:
                os.mkdir(self.at("one/" + name))
                for i, state in enumerate(states):
                    path = self.at(f"one/{name}/block{i}.h5")
                    if state != "a":
                        write(path, np.arange(3) + 3 * i)
                    if state == "c":
                        os.chmod(path, 0)
                series(file, name, f"{name}/block%b.h5")
            series(file, "outside", "../three/block%b.h5")
            series(file, "symlinks", "out_folder/block%b.h5")


@pytest.fixture(scope="module")
def site():
    root = tempfile.mkdtemp(prefix="h5cap-outside-")
    os.chmod(root, 0o755)
    mask = os.umask(0o022)
    try:
        yield Site(root)
    finally:
        os.umask(mask)
        os.chmod(os.path.join(root, "one/closed"), 0o755)
        shutil.rmtree(root)


@pytest.fixture(scope="module")
def server(site):
    uid = NOBODY if os.geteuid() == 0 else None
    if uid is not None:
        try:
            subprocess.run([*as_user(uid), program("h5capd"), "--version"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as problem:
            pytest.skip(f"root cannot run h5capd as another user here: {problem}")
    with Server({"one": site.at("one"), "two": site.at("two")}, tcp=True, uid=uid) as running:
        yield running
        assert running.alive()


@pytest.fixture
def names(server):
    with h5cap.File(server.tcp_url("one/names.h5")) as file:
        yield file


@pytest.fixture
def strict(server):
    with h5cap.File(server.tcp_url("one/names.h5"), on_missing="raise") as file:
        yield file


VIRTUAL = ["virtual", "through", "below", "twice"]


def raised(action):
    with pytest.raises(Exception) as caught:
        action()
    return caught.value


@denied
def test_what_may_not_be_read_is_denied_by_every_road(name, names, strict):
    i = NAMES.index(name)
    for road in "link", "soft", "group":
        assert isinstance(raised(lambda: names[f"{road}/{i}"]), PermissionError), road
    assert isinstance(raised(lambda: names[f"group/{i}/data"]), PermissionError)
    for road in VIRTUAL:
        for file in names, strict:
            dataset = file[f"{road}/{i}"]
            assert dataset.shape == (3,)
            for selection in (), 1, [0, 2]:
                assert isinstance(raised(lambda: dataset[selection]), PermissionError), (road, selection)
        if road != "twice":  # whose own source is there
            assert isinstance(raised(lambda: names[f"{road}/{i}"].missing_sources), PermissionError), road
    assert isinstance(raised(lambda: names[f"growing/{i}"].shape), PermissionError)
    assert isinstance(raised(lambda: names[f"raw/{i}"][()]), PermissionError)


@absent
def test_what_is_absent_is_fill_or_not_found(name, names, strict, site):
    i = NAMES.index(name)
    for road in "link", "soft", "group":
        assert isinstance(raised(lambda: names[f"{road}/{i}"]), KeyError), road
        assert names[road].get(str(i)) is None
    for road in VIRTUAL:
        dataset = names[f"{road}/{i}"]
        assert dataset[()].tolist() == [-1] * 3 and len(dataset.missing_sources) == 1, road
        assert isinstance(raised(lambda: strict[f"{road}/{i}"][()]), h5cap.MissingSource), road
    assert names[f"virtual/{i}"].missing_sources == [name.format(**site.places)]
    assert names[f"growing/{i}"].shape == (0,)
    problem = raised(lambda: names[f"raw/{i}"][()])
    assert isinstance(problem, OSError) and not isinstance(problem, PermissionError)
    assert name.format(**site.places) in str(problem)


@failing
def test_what_cannot_be_opened_raises(name, names):
    i = NAMES.index(name)
    actions = [lambda road=road: names[f"{road}/{i}"] for road in ("link", "soft", "group")]
    actions += [lambda road=road: names[f"{road}/{i}"][()] for road in VIRTUAL] + [lambda: names[f"growing/{i}"].shape]
    if name != "text.h5":
        actions.append(lambda: names[f"raw/{i}"][()])
    for action in actions:
        problem = raised(action)
        assert isinstance(problem, OSError) and not isinstance(problem, (PermissionError, h5cap.MissingSource))


@there
def test_what_is_there_is_read(name, names):
    i = NAMES.index(name)
    for road in "link", "soft", *VIRTUAL, "growing":
        assert names[f"{road}/{i}"][()].tolist() == [0, 1, 2], road
    assert list(names[f"group/{i}"]) == ["data"]
    if name in BESIDE:  # raw files are not searched for
        assert isinstance(raised(lambda: names[f"raw/{i}"][()]), PermissionError)
    else:
        assert names[f"raw/{i}"][()].tobytes()[:4] == b"\x89HDF"


def test_the_message_names_both_files(names):
    for road in "link", "virtual", "growing", "raw":
        text = str(raised(lambda: names[f"{road}/{NAMES.index('/nowhere/at/all.h5')}"][()]))
        assert "one/names.h5" in text and "'/nowhere/at/all.h5'" in text and "outside of what is served" in text
    exists, gone = (str(raised(lambda: names[f"virtual/{NAMES.index(name)}"][()]))
                    for name in ("../three/secret.h5", "../three/gone.h5"))
    assert exists.replace("secret", "gone") == gone


def test_listing_is_not_opening(names, site):
    with h5py.File(site.at("one/names.h5")) as theirs:
        for road in "link", "soft", "group", "virtual", "raw":
            ours, expected = names[road], theirs[road]
            assert list(ours) == list(ours.keys()) == list(expected) and len(ours) == len(expected)
            for i in expected:
                assert i in ours
                link, its = ours.get(i, getlink=True), expected.get(i, getlink=True)
                assert type(link).__name__ == type(its).__name__ and vars(link) == vars(its)
        found, wanted = [], []
        names["virtual"].visititems(lambda name, node: found.append((name, node.shape)))
        theirs["virtual"].visititems(lambda name, node: wanted.append((name, node.shape)))
        assert found == wanted
        assert [v.file_name for v in names["virtual/0"].virtual_sources()] == [
            v.file_name for v in theirs["virtual/0"].virtual_sources()]


@pytest.mark.parametrize("name, length", [("whole", 21), ("gap", 6), ("none", 0), ("beyond", 3), ("later", 12)])
def test_a_series_ends_where_a_block_is_absent(name, length, server):
    dataset = h5cap.File(server.tcp_url("one/series.h5"))[name]
    assert dataset.shape == (length,) and np.array_equal(dataset[()], np.arange(length))


@pytest.mark.parametrize("name", ["third", "first", "fifth", "outside", "symlinks"])
def test_a_series_does_not_end_where_a_block_is_denied(name, server):
    file = h5cap.File(server.tcp_url("one/series.h5"))
    assert isinstance(raised(lambda: file[name].shape), PermissionError)
    assert name in file and isinstance(file.get(name, getlink=True), h5cap.HardLink)
    assert file["whole"].shape == (21,)


def test_what_is_closed_later_is_denied_from_then_on(server, site):
    """And what is opened later is read."""
    path = site.at("two/changes.h5")
    write(path)
    with h5py.File(site.at("two/over.h5"), "w", libver=("earliest", "v110")) as file:
        fixed(file, "stack", "changes.h5")
    dataset = h5cap.File(server.tcp_url("two/over.h5"))["stack"]
    for _ in range(2):
        assert dataset[()].tolist() == [0, 1, 2]
        os.chmod(path, 0)
        assert isinstance(raised(lambda: dataset[()]), PermissionError)
        os.chmod(path, 0o644)
    os.remove(path)
    assert dataset[()].tolist() == [-1] * 3
