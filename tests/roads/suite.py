"""One suite for every road that a value can take: `ValuesSuite`, which a road inherits.

A road is a class of which `lay` says how originals (corpus.py) become the file that is opened, and `outcomes` how reads
of it go, where they do not simply go.  Roads that bend the way combine with roads that lay it, as in
`class TestCutNested(Cut, NestedVirtual, ValuesSuite)`.  Each runs with replies as they are and with replies of 1 KiB.

Expected is what h5py reads of the originals as they were, and where a road makes other types of them, what h5py reads
by the same road; h5py has to find the originals' values there, too.  So a road that is wrong by itself fails
(test_control.py).  Not covered: files that change meanwhile (tests/faults/test_one_version.py), which
roads are taken (tests/python/test_sources.py), whether h5py is right (tests/conformance, on the server's library).
"""

import contextlib

import h5cap
import h5py
import numpy as np
import pytest
from corpus import ORIGINALS, write_originals
from differential import difference, outcome
from reads import KINDS, reads_of
from support import served

SMALL = 1024

# Reads that h5cap has wrong today: (original, kind, how the label begins): why.  Each is a test that has to fail.
SCALAR_VIEW = "integers of a scalar dataset as big-endian ones come as a NumPy scalar, from h5py as an array of rank 0"
ENUM_VIEW = "enumerations are not converted to the same of another byte order"


class Road:
    """How originals become what is opened.  By itself: they are written, and opened."""

    # Why originals of a trait cannot take the road, and how many those are.
    lacks = {}
    leaves_out = 0
    known_faults = {
        ("rank 0", "views", "astype(>i4)[...]"): SCALAR_VIEW,
        ("scalar enum", "views", "astype(>i2)"): ENUM_VIEW,
        ("enum", "views", "astype(>i2)"): ENUM_VIEW,
        ("enum big-endian", "views", "astype(<i4)"): ENUM_VIEW,
    }
    # Originals of which no read is right.
    known_failures = {}
    server_options = ()
    tcp = False

    def lay(self, folder, originals):
        """Writes them into `folder`; returns the path of the file that has each by its name."""
        write_originals(folder / "originals.h5", originals)
        return folder / "originals.h5"

    @contextlib.contextmanager
    def address(self, server, name):
        """The address that is opened, while the road is in use."""
        yield server.url(name)

    def why_not(self, original):
        """Why the original cannot take this road, or None."""
        return next((self.lacks[trait] for trait in sorted(original.traits) if trait in self.lacks), None)

    # Whether what is read is of the original's type.
    keeps_types = True

    def original_value(self, original, value):
        """What the road makes of an original's value; None when h5py alone knows."""
        return value

    def outcomes(self, read, dataset):
        """What reading gives, each time that the road reads."""
        return [outcome(read, dataset)]


class Scene:
    """A road in use: the same file in h5py and in h5cap, and originals as they were written."""

    def __init__(self, road, local, remote, originals):
        self.road, self.local, self.remote, self.originals = road, local, remote, originals


@contextlib.contextmanager
def scene_of(road, folder, small, originals):
    """Lays the road with those of the originals that it carries, and opens it."""
    originals = [one for one in originals if road.why_not(one) is None]
    laid = folder / "laid"
    laid.mkdir()
    path = road.lay(laid, originals)
    write_originals(folder / "as they were.h5", originals)
    options = ["--reply-bytes", str(SMALL)] if small and not served.REPLY_BYTES else []
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(served.Server({"d": str(laid)}, road.tcp, [*options, *road.server_options]))
        url = stack.enter_context(road.address(server, f"d/{path.name}"))
        yield Scene(road, stack.enter_context(h5py.File(path)),
                    stack.enter_context(h5cap.File(url, tile_bytes=SMALL if small else None)),
                    stack.enter_context(h5py.File(folder / "as they were.h5")))


@pytest.fixture(scope="class")
def scene(request, tmp_path_factory):
    wanted = {item.callspec.params["original"].name for item in request.session.items
              if item.cls is request.cls and "original" in item.fixturenames}
    originals = [one for one in ORIGINALS.values() if one.name in wanted]
    with scene_of(request.cls(), tmp_path_factory.mktemp("road"), request.param == "1 KiB", originals) as made:
        yield made


def told(value, dataset):
    """A value with what references in it name, in their own file."""
    if isinstance(value, list):
        return [told(one, dataset) for one in value]
    if type(value).__name__ in ("Reference", "RegionReference"):
        if not value:
            return "null"
        node = dataset.file[value]
        if type(value).__name__ == "Reference":
            return node.name
        return [node.name, node.regionref.shape(value), node.regionref.selection(value), node[value].tolist()]
    if isinstance(value, np.ndarray) and h5py.check_ref_dtype(value.dtype):
        return [value.shape, [told(one, dataset) for one in value.flat]]
    return value


def expected_of(read, name, scene):
    """What is right: what h5py says of the original, where the road leaves it as it was."""
    local, untouched = scene.local[name], scene.originals[name]
    if scene.road.keeps_types:
        return outcome(read, untouched), untouched
    return outcome(read, local), local


def is_known(road, original, kind, label):
    return any((original.name, kind) == fault[:2] and label.startswith(fault[2]) for fault in road.known_faults)


def problems_of(kind, original, scene, only=None):
    """How h5cap's reads of one kind differ from what is right, in words.  `only`: how the labels of
    those that are made begin; otherwise they are all but those that are known to be wrong."""
    remote, found = scene.remote[original.name], []
    for label, read in reads_of(kind, original.name, scene.local[original.name]).items():
        if not label.startswith(only) if only else is_known(scene.road, original, kind, label):
            continue
        expected, source = expected_of(read, original.name, scene)
        for subject in scene.road.outcomes(read, remote):
            problem = difference(told(expected, source), told(subject, remote))
            if problem:
                found.append(f"{label}: {problem}")
    return found


def carried_problem(original, scene):
    """How the road's values differ from the original's, by h5py and by h5cap."""
    wanted = scene.road.original_value(original, scene.originals[original.name][()])
    if wanted is None:
        return None
    for file in scene.local, scene.remote:
        found = file[original.name][()]
        if type(wanted).__name__ == "Empty":
            problem = None if type(found).__name__ == "Empty" else f"{found!r} instead of nothing"
        else:
            problem = difference(told(wanted, scene.originals[original.name]), told(found, file[original.name]))
        if problem:
            return f"{file}: {problem}"
    return None


class ValuesSuite(Road):
    """The tests: each kind of reading of each original.  A road is `class TestRoad(…, ValuesSuite)`."""

    def pytest_generate_tests(self, metafunc):
        road, test = metafunc.cls(), metafunc.function.__name__
        if "scene" in metafunc.fixturenames:
            metafunc.parametrize("scene", ["whole", "1 KiB"], indirect=True, scope="class")
        carried = [one for one in ORIGINALS.values() if not road.why_not(one)]
        if test == "test_known_fault":
            metafunc.parametrize("original, kind, label", [
                pytest.param(ORIGINALS[name], kind, label, id=f"{name} {label}", marks=[xfail(why), pytest.mark.long])
                for (name, kind, label), why in road.known_faults.items() if ORIGINALS[name] in carried])
        elif test == "test_whole":
            metafunc.parametrize("original", [parameter(one, road) for one in ORIGINALS.values()])
        elif "original" in metafunc.fixturenames:
            metafunc.parametrize("original", [parameter(one, road) for one in carried
                                              if one.name not in road.known_failures])

    def test_no_more_is_left_out_than_declared(self):
        reasons = {one.name: self.why_not(one) for one in ORIGINALS.values() if self.why_not(one)}
        assert len(reasons) == self.leaves_out, reasons
        assert len(reasons) < len(ORIGINALS)

    def test_whole(self, original, scene):
        problem = carried_problem(original, scene)
        assert not problem, problem
        self.check("whole", original, scene)

    def test_axes(self, original, scene):
        self.check("axes", original, scene)

    def test_lists(self, original, scene):
        self.check("lists", original, scene)

    def test_masks(self, original, scene):
        self.check("masks", original, scene)

    def test_points(self, original, scene):
        self.check("points", original, scene)

    def test_fields(self, original, scene):
        self.check("fields", original, scene)

    def test_views(self, original, scene):
        self.check("views", original, scene)

    def test_loops(self, original, scene):
        self.check("loops", original, scene)

    def test_read_direct(self, original, scene):
        self.check("read_direct", original, scene)

    def test_nothing(self, original, scene):
        self.check("nothing", original, scene)

    def test_known_fault(self, original, kind, label, scene):
        assert not problems_of(kind, original, scene, label)

    def check(self, kind, original, scene):
        problems = problems_of(kind, original, scene)
        assert not problems, f"{len(problems)} reads of {original.name!r} differ:\n" + "\n".join(
            problem[:600] for problem in problems[:10])


def parameter(original, road):
    marks, why_not = [] if original.quick else [pytest.mark.long], road.why_not(original)
    if why_not:
        marks.append(pytest.mark.skip(why_not))
    if original.name in road.known_failures:
        marks.append(xfail(road.known_failures[original.name]))
    return pytest.param(original, id=original.name, marks=marks)


def xfail(reason):
    return pytest.mark.xfail(strict=True, reason=reason)


assert all(hasattr(ValuesSuite, "test_" + kind) for kind in KINDS)
