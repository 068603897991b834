"""Patterns of paths, and many files opened side by side: what is found, what it costs over a link of 50 ms, what
happens to files that cannot be opened.  Round trips are by the clock, through a delaying proxy."""

import fnmatch
import glob as pythons_glob
import os
import time

import h5py
import pytest

import h5cap
from support.proxy import Proxy
from support.served import Server

ROUND_TRIP = 0.050
FILES = 200


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Folders, some hidden, with 200 files in raw/."""
    root = tmp_path_factory.mktemp("many")
    for run in range(10):
        (root / "raw" / f"run{run}").mkdir(parents=True)
    with h5py.File(root / "raw" / "run0" / "scan000.nxs", "w", libver=("earliest", "v110")) as file:
        file["entry/title"] = "a scan"
    for index in range(1, FILES):
        os.link(root / "raw" / "run0" / "scan000.nxs", root / "raw" / f"run{index % 10}" / f"scan{index:03}.nxs")
    for path in (".hidden/x.nxs", "raw/.x.nxs", "odd/[a]?*.nxs", "odd/a.nxs", "odd/a b#%20é.nxs", "odd/**",
                 "deep/1/2/3/4/5/x.nxs", "x.nxs"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        os.link(root / "raw" / "run0" / "scan000.nxs", root / path)
    (root / "raw" / "notes.txt").write_text("no HDF5")
    (root / "raw" / "broken.nxs").write_text("no HDF5")
    (root / "empty").mkdir()
    return root


@pytest.fixture(scope="module")
def circles(tree, tmp_path_factory):
    """Links in circles, in which Python's glob does not end within a minute."""
    root = tmp_path_factory.mktemp("circles")
    (root / "inner").mkdir(parents=True)
    (root / "run1").mkdir()
    os.symlink("..", root / "inner" / "up")
    os.symlink(".", root / "here")
    os.symlink("../run1", root / "inner" / "linked")
    for name in ("x.nxs", "run1/scan001.nxs"):
        os.link(tree / "x.nxs", root / name)
    return root


@pytest.fixture(scope="module")
def many(tree, circles):
    with Server({"data": str(tree), "circles": str(circles)}) as running:
        yield running


PATTERNS = ["*", "**", "*/", "**/", "raw/*", "raw/**", "raw/**/*.nxs", "**/*.nxs", "raw/run[0-3]/scan00?.nxs",
            "raw/run[!0-8]/*", "r*/*/s*1.nxs",
            "deep/**/x.nxs", "deep/**/3/**/x.nxs", "**/3/*/5/*", "**/**/x.nxs", "deep/*/*", "raw/run1/scan001.nxs",
            "raw/run1", "raw/run1/", "raw//run1/*1.nxs",
            "./raw/run1/*1.nxs", "absent/*", "absent", "x.nxs/*", "x.nxs/**", "", "odd/[[]a[]][?][*].nxs",
            "odd/[a].nxs", "odd/[", "odd/[*", "odd/*[", "odd/[]",
            "odd/[[]*", "odd/a b#%20é.nxs", "odd/[*][*]", ".hidden/*", ".*/*", "**/.x.nxs", "empty/*", "empty/**",
            "*.nxs", "**.nxs", "raw**", "***", "?", "?.nxs"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_mean_what_pythons_do(many, tree, pattern):
    """Apart from the folder itself, which Python's `raw/**` has as `raw/`."""
    expected = set(pythons_glob.glob(pattern, root_dir=tree, recursive=True))
    expected = {os.path.normpath(path) + "/" * path.endswith("/") for path in expected}
    if pattern == "**" or pattern.endswith("/**"):
        expected -= {pattern[:-2]}
    with h5cap.connect(many.url("data")) as session:
        assert session.glob(pattern) == sorted(expected)
        assert sorted(session.iglob(pattern)) == sorted(expected)
        if pattern:
            assert session.glob("/data/" + pattern) == ["/data/" + path for path in sorted(expected)]


def test_circles_of_links_end(many):
    with h5cap.connect(many.url("circles")) as session:
        assert session.glob("**/*.nxs") == ["inner/linked/scan001.nxs", "run1/scan001.nxs", "x.nxs"]
        assert session.glob("here/here/*.nxs") == ["here/here/x.nxs"]


HOSTILE = ["**/" * 200 + "*.nxs", "*a" * 200, "[" * 2000, "*" * 5000, "[!" + "a-z" * 1000 + "]*", "raw/" + "?" * 10_000,
           "../*", "raw/../../*",
           "\udcff*", "[z-a]*", "**/" + "*/" * 500, "raw/(a+)+$", "\\", "a\nb*", "(?!x)*", "[[:alpha:]]*", "***/**/***",
           "/" * 5000]


@pytest.mark.parametrize("pattern", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_patterns_take_no_longer(many, pattern):
    for folder in ("data", "circles"):
        with h5cap.connect(many.url(folder)) as session:
            begun = time.monotonic()
            found = session.glob(pattern)
            assert time.monotonic() - begun < 5
            assert not [path for path in found if ".." in path]


def test_a_nul_in_a_pattern_is_refused_or_finds_nothing(many):
    with h5cap.connect(many.url("data")) as session:
        try:
            assert session.glob("raw/\0*") == []
        except ValueError:
            pass


@pytest.fixture
def far(many):
    with Proxy(many.socket, delay_ms=1000 * ROUND_TRIP / 2) as proxy:
        session = h5cap.connect(proxy.url("data"))
        session.ping()
        yield proxy, session


def trips_of(work):
    begun = time.monotonic()
    result = work()
    return result, (time.monotonic() - begun) / ROUND_TRIP


def test_folders_of_a_level_are_listed_in_one_flight(far):
    _, session = far
    found, trips = trips_of(lambda: session.glob("raw/**/*.nxs"))
    assert len(found) == FILES + 1 and trips < 2 + 2  # raw, then its ten folders side by side
    _, trips = trips_of(lambda: session.glob("raw/run3/*.nxs"))
    assert trips < 1 + 2
    first, trips = trips_of(lambda: next(session.iglob("**/x.nxs")))
    assert first == "x.nxs" and trips < 1 + 2


def test_two_hundred_files_take_a_few_round_trips(far):
    proxy, session = far
    names = [path for path in session.glob("raw/run*/*.nxs")]
    assert len(names) == FILES

    def open_all():
        return [file for file in session.open_many(names)]

    files, trips = trips_of(open_all)
    print(f"{FILES} files: {trips:.1f} round trips of 50 ms")
    assert [file.filename for file in files] == [proxy.url("data/" + name) for name in names]
    assert trips < 20, f"{trips:.1f} round trips of 50 ms"
    before = session.traffic()["round_trips"]
    assert all(file["entry/title"].shape == () for file in files)
    assert session.traffic()["round_trips"] == before
    for file in files:
        file.close()


def test_one_after_the_other_takes_a_round_trip_each(far):
    """The negative control of the above."""
    _, session = far
    _, trips = trips_of(lambda: [session.open(name).close() for name in session.glob("raw/run1/*.nxs")])
    assert trips >= 20


def test_the_first_is_there_before_the_last(far):
    _, session = far
    names = session.glob("raw/run*/*.nxs")
    with session.open_many(names) as files:
        _, trips = trips_of(lambda: next(files))
        assert trips < 3


def test_errors_belong_to_their_files(many):
    names = ["raw/run0/scan000.nxs", "absent.nxs", "raw/broken.nxs", "raw", "raw/run1/scan001.nxs"]
    with h5cap.connect(many.url("data")) as session:
        with session.open_many(names, return_exceptions=True) as files:
            found = list(files)
            kinds = [type(one) for one in found]
            assert kinds[0] is kinds[4] is h5cap.File and kinds[1] is FileNotFoundError
            assert issubclass(kinds[2], OSError)
            assert [one.url for one in found[1:4]] == [many.url("data/" + name) for name in names[1:4]]
            assert "broken.nxs" in str(found[2])
        assert not found[0] and not found[4]  # closed with the block
        files = session.open_many(names)
        assert next(files)["entry/title"][()] == b"a scan"
        with pytest.raises(FileNotFoundError, match="absent"):
            next(files)
        with pytest.raises(OSError, match="broken"):
            next(files)
        with pytest.raises(OSError):
            next(files)
        assert next(files)
        with pytest.raises(StopIteration):
            next(files)


def test_addresses_of_several_servers(many, server):
    urls = [many.url("data/x.nxs"), server.url("data/tree.h5"), "h5cap+unix://%2Fnobody%2Fhere/x.h5", "nonsense",
            many.url("data/x.nxs")]
    found = list(h5cap.open_many(iter(urls), return_exceptions=True))
    assert [type(one) for one in found] == [h5cap.File, h5cap.File, ConnectionError, ValueError, h5cap.File]
    assert [one.url for one in found[2:4]] == urls[2:4]


@pytest.mark.parametrize("pattern, count", [
    ("data/raw/**/scan*.nxs", FILES), ("data/raw/run[01]/scan00*.nxs", 2), ("data/odd/a*.nxs", 2),
    ("data/odd/%5Ba%5D%3F%2A.nxs", 1), ("data/odd/%5Ba%5D*", 1),
    ("data/odd/a%20b%23%2520*", 1), ("data/x.nxs", 1), ("data/absent/*", 0), ("data/raw/run0/scan00?.nxs", 1),
    ("d*/x.nxs", 1),
])
def test_a_pattern_as_an_address(many, pattern, count):
    files = list(h5cap.open_many(many.url() + pattern))
    assert len(files) == count
    plain = [file.filename for file in files]
    assert plain == sorted(plain) and all(h5cap.File(url)["entry/title"][()] == b"a scan" for url in plain[:3])


def test_addresses_of_objects_are_refused(many):
    with pytest.raises(ValueError):
        list(h5cap.open_many(many.url("data/x.nxs") + "?path=/entry/title"))


def test_files_are_asked_for_no_further_ahead_than_the_window(many):
    asked = []

    def names():
        for index in range(1000):
            asked.append(index)
            yield many.url("data/x.nxs")

    files = h5cap.open_many(names())
    for _ in range(10):
        next(files)
    assert len(asked) <= 10 + 64
    files.close()
    with pytest.raises(StopIteration):
        next(files)


def test_a_closed_session_opens_nothing(many):
    session = h5cap.connect(many.url("data"))
    session.close()
    with pytest.raises(ValueError):
        session.open_many(["x.nxs"])


def test_literal_names_are_not_patterns_in_lists(many):
    with h5cap.connect(many.url("data")) as session:
        (file,) = session.open_many(["odd/[a]?*.nxs"])
        assert file["entry/title"][()] == b"a scan"
        assert fnmatch.fnmatch(file.filename, "*%5Ba%5D%3F%2A.nxs")
