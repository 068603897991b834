"""Groups, links, attributes and files: names, values and exceptions are h5py's."""

import h5py
import numpy as np
import pytest

import h5cap
from differential import difference
from test_reading import agree


def plain(value, module):
    """A value that both modules can be compared by."""
    if isinstance(value, (module.Group, module.Dataset, module.Datatype)):
        return type(value).__name__, value.name
    if isinstance(value, module.ExternalLink):
        return "external", value.filename, value.path
    if isinstance(value, module.SoftLink):
        return "soft", value.path
    if isinstance(value, module.HardLink):
        return "hard"
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, (list, tuple)):
        return [plain(item, module) for item in value]
    return value


EXPRESSIONS = [
    "list(f)", "list(f.keys())", "list(f.values())[0]", "list(f.items())[1]", "list(reversed(f.keys()))", "len(f)",
    "len(f['g'])",
    "f['a']", "f[b'a']", "f['/g/x']", "f['g']['/a']", "f['g/inner/y']", "f['g/']", "f['.']", "f['/g//x']", "f['g/./x']",
    "f['g/../a']", "f['']", "f['/']",
    "f['nope']", "f['g/nope']", "f['a/x']", "f['broken']", "f['external absent file']", "f['external absent object']",
    "f['external junk']", "f[3]",
    "f[None]", "f['soft']", "f['softgroup']", "f['softgroup/x']", "f['external']", "f['external/d']",
    "f['external/on']", "f['external/on/y']", "f['type']",
    "f['ünï côdé %20#[']",
    "[k in f for k in ['a', 'nope', 'broken', 'external', 'external absent file', 'g/x', 'a/x', 'g/nope', "
    "'softgroup/x', '/', '.', '', '/g']]",
    "f.get('nope')", "f.get('nope', 5)", "f.get('broken')", "f.get('a', getclass=True)", "f.get('g', getclass=True)",
    "f.get('type', getclass=True)",
    "f.get('/', getclass=True)", "f.get('soft', getclass=True)", "f.get('soft', getlink=True)",
    "f.get('external', getlink=True)", "f.get('a', getlink=True)",
    "f.get('g/x', getlink=True)", "f.get('broken', getlink=True)", "f.get('soft', getclass=True, getlink=True)",
    "f.get('nope', 7, getlink=True)",
    "f.get('broken', getclass=True)", "f.get('external absent file')", "f.get('/', getlink=True)",
    "list(f['ordered'])", "list(f['ordered'].attrs)", "f.name", "f.parent", "f.mode", "f['a'].parent",
    "f['g/inner/y'].parent", "f['external/d'].parent",
    "f['soft'].parent", "f['external/d'].file['deep'].name", "f['a'].file.name", "f == f['/']", "f['a'] == f['hard']",
    "f['a'] == f['b']", "f['g'] == f['softgroup']",
    "hash(f['a']) == hash(f['hard'])", "f['g'] in [f['softgroup']]", "f['g'] == {}", "bool(f['a'])", "bool(f)",
    "f.userblock_size", "f.swmr_mode",
    "repr(f['g'])", "repr(f['a'])", "repr(f['type'])", "repr(f['soft'])", "repr(f.get('soft', getlink=True))",
    "collected(f.visit)", "collected(f['g'].visit)", "collected(f.visititems)", "collected(f.visit_links)",
    "f.visit(lambda n: n if n == 'g' else None)",
    "f.visititems(lambda n, o: o.name if n == 'g/inner' else None)",
    "f.create_group('n')", "f.create_dataset('n', data=1)", "f.__setitem__('n', 1)", "f.__delitem__('a')",
    "f['a'].__setitem__(0, 1)", "f.require_group('g')",
    "f.require_group('n')", "f.require_group('a')", "f.require_dataset('a', (10, 10), 'u2')",
    "f.require_dataset('a', (10, 11), 'u2')", "f['a'].resize((20, 20))",
    "f.move('a', 'n')", "f['a'].write_direct(np.zeros((10, 10), 'u2'))", "f.attrs.__setitem__('q', 1)",
    "f.attrs.create('q', 1)",
    "f['ordered'].attrs.__delitem__('apple')", "f['ordered'].attrs.modify('apple', 'x')", "f['ordered'].attrs['apple']",
    "f.attrs['nope']", "f.attrs[3]",
    "f.attrs.get('nope')", "'nope' in f.attrs", "len(f['ordered'].attrs)", "f.attrs == f['g'].attrs",
]


def collected(visit):
    found = []
    visit(lambda *args: found.append(args[0]))
    return found


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions(both, expression):
    ours, theirs = both("tree.h5")
    names = {"np": np, "collected": collected}

    def evaluated(file, module):
        return str(plain(eval(expression, {"f": file, **names}), module))

    agree(lambda: evaluated(ours, h5cap), lambda: evaluated(theirs, h5py))


def test_attributes_have_h5pys_values(both):
    ours, theirs = both("attributes.h5")
    assert list(ours.attrs) == list(theirs.attrs)
    assert len(ours.attrs) == len(theirs.attrs)
    for name, expected in theirs.attrs.items():
        assert difference(expected, ours.attrs[name]) is None, name
        assert name in ours.attrs
    assert ours["d"].attrs["units"] == "mm"
    assert dict(ours["d"].attrs) == {"units": "mm"}
    assert repr(ours.attrs.keys()) == repr(theirs.attrs.keys())


CLOSED = ["f['a']", "list(f)", "len(f)", "f.keys()", "f.attrs['x']", "f.filename", "f.mode", "a[0]", "a.shape",
          "a.dtype", "a.chunks", "g['x']", "a.file", "len(a)",
          "a.attrs['x']", "list(a.attrs)", "f.visit(print)", "f.parent", "hash(a)"]
CLOSED_QUIETLY = ["repr(f)", "repr(a)", "repr(g)", "bool(f)", "bool(a)", "a.name", "'a' in f", "f.get('a')",
                  "f.close()", "repr(f.attrs) if 0 else None", "a == g"]


@pytest.mark.parametrize("expression", CLOSED + CLOSED_QUIETLY)
def test_a_closed_file(both, expression):
    def evaluated(file):
        names = {"f": file, "a": file["a"], "g": file["g"]}
        file.close()
        return str(eval(expression, names))

    ours, theirs = both("tree.h5")
    agree(lambda: evaluated(ours), lambda: evaluated(theirs))


def test_a_closed_file_raises_value_error(url):
    with h5cap.File(url("tree.h5")) as file:
        dataset = file["a"]
    assert not file
    for touch in (lambda: file["a"], lambda: dataset[0], lambda: list(file), lambda: file.attrs["x"]):
        with pytest.raises(ValueError, match="closed"):
            touch()


@pytest.mark.parametrize("mode, expected",
                         [("rb", ValueError), ("", ValueError), (None, ValueError), ("w", PermissionError),
                          ("a", PermissionError),
                                            ("r+", PermissionError), ("x", PermissionError)])
def test_modes(url, mode, expected):
    with pytest.raises(expected):
        h5cap.File(url("tree.h5"), mode)


@pytest.mark.parametrize("name, expected",
                         [("absent.h5", FileNotFoundError), ("junk.h5", OSError), ("empty.h5", OSError),
                          ("sub", OSError),
                                            ("no/such/folder.h5", FileNotFoundError),
                          ("../../../etc/passwd", (FileNotFoundError, PermissionError))])
def test_what_cannot_be_opened(url, name, expected):
    with pytest.raises(expected) as raised:
        h5cap.File(url(name))
    assert not isinstance(raised.value, ConnectionError)


def test_no_server():
    with pytest.raises(ConnectionError):
        h5cap.File("h5cap+unix://%2Fnowhere%2Fat%2Fall.sock/x.h5")
    for malformed in "http://x/y", "h5cap+tcp://host:notaport/x", "":
        with pytest.raises(ValueError):
            h5cap.File(malformed)


def test_identity_needs_no_handle(url):
    with h5cap.File(url("tree.h5")) as one, h5cap.File(url("tree.h5")) as other:
        assert one == other and one["a"] == other["hard"]
        assert one["external"] == h5cap.File(url("other.h5"))["deep"]
        assert one["external"] != one["g"]


def test_another_connection_option_is_not_ignored(url):
    with pytest.raises(NotImplementedError):
        h5cap.File(url("tree.h5"), token="secret")
    with pytest.raises(ValueError):
        h5cap.File(url("tree.h5"), timeout=0)
