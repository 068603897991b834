"""What objects offer besides slicing, in h5cap and in h5py 3.16 on the same files: a table of expressions, whose
results or exceptions must be equal (see `differential.difference`).  Low-level identifiers, references and writing are
not covered."""

import os

import h5py
import numpy as np
import pytest

from differential import difference, outcome

# Expressions of f, on each of the paths where it makes sense: f[path] is called o.
PATHS = ["/", "g", "a", "g/inner", "g/inner/y", "soft", "softgroup", "softgroup/inner", "hard", "g/loop",
         "g/loop/loop/x", "type",
         "ordered", "ordered/mango", "external", "external/d", "external/on", "external/on/y", "ünï côdé %20#["]
OF_ANY = [
    "repr(o)", "o.name", "o.parent.name", "type(o).__name__", "bool(o)", "o == o", "o == f[p]", "o != f[p]",
    "hash(o) == hash(f[p])",
    "o == 1", "o == None", "o in {o: 1}", "o.file.name", "o.file == f", "o.file['/'] == f['/']", "len(o)",
    "list(o.attrs)", "dict(o.attrs)",
    "len(o.attrs)", "o.parent == f", "o.parent == f['/']", "o.file.mode", "o.parent.parent.name", "o == f",
    "o.attrs == o.attrs",
    "isinstance(o, type(f['/']))", "type(o.file).__name__", "type(o.parent).__name__", "repr(o.parent)", "str(o)",
    "f'{o}'",
    "o.nothing", "o < o", "o.parent[o.name.split('/')[-1] or '/'] == o", "o()", "iter(o) is None",
    "reversed(o) is None", "'x' in o", "o['x']",
]
KEYS = ["", "/", ".", "./", "//", "/.", "./.", "..", "g", "/g", "g/", "//g", "g//inner", "g/./inner", "./g", "g/..",
        "/g/x", "g/x/",
        "g/x/y", "a/b", "a/", "nope", "nope/x", "g/nope", "soft", "soft/", "soft/x", "broken", "external", "external/d",
        "external/nope", "external/d/x", "external absent file", "external absent file/x", "external absent object",
        "external junk", "type",
        "type/x", "g/loop/x", " ", "g ", "ünï côdé %20#[", b"g", b"", b"/", b"g/x", b"nope", 1, None, 1.5, ("g",),
        ["g"],
        np.str_("g"), np.bytes_(b"g"), slice(None), Ellipsis, object]
OF_KEYS = [
    "o[k]", "k in o", "o.get(k)", "o.get(k, 5)", "o.get(k, getclass=True).__name__", "o.get(k, getlink=True)",
    "o.get(k, 5, getclass=True)",
    "o.get(k, getclass=True, getlink=True).__name__", "o.get(k, 'd', getlink=True)", "k in o.keys()", "o[k].name",
    "repr(o[k])",
    "o.require_group(k).name", "k in o.attrs", "o.attrs[k]", "o.attrs.get(k)", "o.attrs.get(k, 3)",
]
OF_GROUPS = [
    "list(o)", "list(o.keys())", "[v and v.name for v in o.values()]", "[(k, v and v.name) for k, v in o.items()]",
    "len(o.keys())",
    "len(o.items())", "len(o.values())", "list(reversed(o))", "repr(o.keys())", "str(o.keys())", "repr(o.items())",
    "repr(o.values())",
    "sorted(o.keys() & {'g', 'x', 'd'})", "sorted(o.keys() | {'q'})", "sorted(o.keys() - {'g'})",
    "sorted(o.keys() ^ {'g', 'q'})",
    "o.keys() == set(o)", "o.keys() == o.keys()", "o.keys() <= set(o)", "('x', o.get('x')) in o.items()",
    "('x', 1) in o.items()",
    "o.get('x') in o.values()", "o.keys().isdisjoint(['q'])", "next(iter(o))", "next(iter(o.items()))[0]",
    "collect(o.visit)",
    "collect2(o.visititems)", "collect(o.visit_links)", "collect2(o.visititems_links)",
    "o.visit(lambda n: n if 'n' in n else None)",
    "o.visititems(lambda n, v: (n, v.name) if 'x' in n else None)", "o.visit(lambda n: 0)", "o.visit(lambda n: False)",
    "o.visit(1)",
    "o.visit(lambda n: 1 / 0)", "o.visititems(lambda n: 1)", "o.visit_links(lambda n: n)", "o.pop('x')",
    "o.popitem()", "o.setdefault('x', 1)", "o.update({'x': 1})", "del_item(o, 'x')", "set_item(o, 'new', 1)",
    "o.create_group('new')",
    "o.create_dataset('new', data=1)", "o.move('x', 'y')", "o.require_group('new')",
    "o.require_dataset('new', (1,), 'i4')",
    "type(o.get('x', getlink=True)).__name__", "dict(o) == dict(o)", "{k: v.name for k, v in o.items() if v}",
    "set_item(o.attrs, 'x', 1)", "del_item(o.attrs, 'x')", "o.attrs.create('x', 1)", "o.attrs.modify('x', 1)",
    "reversed(o.keys()).__next__()", "list(reversed(o.keys()))", "[k for k, v in reversed(o.items())]", "o.keys()['x']",
    "hash(o.keys())",
]
OF_ATTRS = [
    "o.attrs['text']", "dict(o.attrs)", "list(o.attrs.keys())", "list(o.attrs.values())", "list(o.attrs.items())",
    "[(k, o.attrs[k]) for k in o.attrs]",
    "repr(o.attrs.keys())", "len(o.attrs)", "o.attrs.get('text')", "o.attrs.get('q', 1)", "o.attrs['q']",
    "o.attrs[b'text']", "b'text' in o.attrs",
    "1 in o.attrs", "o.attrs[1]", "o.attrs['']", "'' in o.attrs", "bool(o.attrs)", "repr(o.attrs)[:12]",
    "o.attrs.keys() & {'text'}", "o.attrs.pop('text')", "o.attrs.setdefault('text', 1)", "o.attrs.update(q=1)",
    "('text', 'str') in o.attrs.items()",
    "'str' in o.attrs.values()", "o.attrs['none']", "o.attrs['none'].dtype", "o.attrs['none'].shape",
    "o.attrs['texts']", "o.attrs['texts'][0]",
    "o.attrs['arraytype']", "o.attrs['compound']", "o.attrs['bool']", "o.attrs['fixed']", "o.attrs['fixeds']",
    "o.attrs['scalar texts']",
    "o.attrs['big']", "o.attrs['enum']", "o.attrs['null text']", "o.attrs['vlen']", "o.attrs['unicode ünï']",
    "o.attrs['latin']", "o.attrs['2d texts']",
    "o.attrs['empty text']", "o.attrs['fixed utf8']", "o.attrs['fixed utf8 scalar']", "o.attrs['compound text']",
    "o.attrs['ascii']", "o.attrs['opaque']",
    "o.attrs['zero texts']", "o.attrs['>i4']", "o.attrs['half']", "o.attrs == {}", "o.attrs != o.attrs",
    "hash(o.attrs) is None",
]
OF_DATASETS = [
    "o.shape", "o.dtype", "o.ndim", "o.size", "o.nbytes", "o.chunks", "o.maxshape", "o.compression",
    "o.compression_opts", "o.shuffle", "o.fletcher32",
    "o.scaleoffset", "o.external", "o.fillvalue", "o.is_virtual", "o.is_scale", "o.filter_ids", "o.filter_names",
    "len(o)", "o.len()", "repr(o)",
    "list(o)[:3]", "list(o.iter_chunks())[:5]", "list(o.iter_chunks(slice(0, 3)))",
    "list(o.iter_chunks((slice(0, 3), slice(1, 5))))",
    "list(o.iter_chunks((1, slice(None))))", "list(o.iter_chunks((slice(3, 3), 1)))", "o[()]", "o[...]",
    "np.asarray(o)", "np.array(o)", "np.array(o[0:0])", "np.asarray(o, 'f8')",
    "np.array(o, copy=True)", "np.array(o, copy=False)", "np.asarray(o, copy=False)", "o.__array__()",
    "o.astype('f4')[...]", "o.astype('i1')[...]",
    "o.astype('u4')[()]", "o.astype('f8')[0]", "o.astype('>i2')[0:2]", "o.astype('f2').dtype",
    "np.asarray(o.astype('f4'))", "o.astype('S5')[...]",
    "o.astype('nonsense')", "o.astype('f4').shape", "len(o.astype('f4'))", "o.astype(o.dtype)[0:1]",
    "o.astype('?')[...]",
    "type(o.astype(o.dtype)).__name__", "o.astype('O')[...]", "o.astype(h5py.string_dtype())[...]",
    "o.astype('T')[...]", "o.astype('U')[0]",
    "o.asstr()[...]", "o.asstr()[()]", "o.asstr()[0]", "o.asstr()[0:1]", "o.asstr('ascii')[...]",
    "o.asstr('latin-1')[...]", "o.asstr('ascii', 'replace')[...]", "o.asstr(errors='ignore').shape",
    "o.asstr().dtype", "np.asarray(o.asstr())", "o.asstr('nonsense')[...]", "o.fields('x')[...]",
    "o.fields(['x'])[...]", "o.fields(['name', 'x'])[0]", "o.fields('q')", "o.fields(['x', 'y']).dtype",
    "np.asarray(o.fields('x'))", "len(o.fields('x'))", "o.fields(('a', 's'))[:]", "o.fields([])[:]", "o['x']",
    "o['x', 'y']", "o['x', 0]", "o['q']", "o['at']['x']", "o['s']",
    "read_direct(o, np.zeros(o.shape, o.dtype))", "read_direct(o, np.zeros(o.shape, 'f8'))",
    "read_direct(o, np.zeros(3, 'i4'), np.s_[0:2], np.s_[1:3])",
    "read_direct(o, np.zeros((2, 2)), np.s_[0:2, 0:2])", "read_direct(o, np.zeros((1, 2)), np.s_[0, 0:2])",
    "read_direct(o, np.zeros(2), np.s_[0, 0:2])",
    "read_direct(o, np.zeros(o.shape or (1,), o.dtype, order='F'))", "read_direct(o, [1, 2])",
    "read_direct(o, np.zeros((5, 2), 'i8'), np.s_[0, 0:2], np.s_[3, :])",
    "o.flush()", "o.refresh()", "o.shape == o[...].shape", "o == o[...].size", "sum(1 for _ in o)", "1 in o",
    "o.virtual_sources()", "bool(o)", "o.nothing", "min(o)", "o + 1", "np.sum(o)", "float(o)", "int(o)",
    "next(iter(o))", "o.shape is o.shape", "o.make_scale('x')", "o.astype('i2').ndim", "o.asstr().size",
    "o.astype('f4').nbytes", "o.chunks is None", "o[o.shape[0] - 1]", "o[np.ones(o.shape, bool)]",
    "o[o[...] == o[...]]", "o[-1, ...]", "o[0][0]", "o[:, 0]", "o[0:2][()]", "np.array_equal(o[:], list(o))",
]


# Where h5py is not followed: conversions between enumerations without a common name, of the lowest big-endian integer
# to an unsigned one, of padding to NumPy's strings; masks of virtual datasets.
UNEQUAL = {("enum", "o.astype('?')[...]"), ("numberbei4", "o.astype('u4')[()]"), ("spaces", "o.astype('T')[...]"),
           ("of array", "read_into(o, np.zeros(o.shape, o.dtype))"), ("v", "o[np.ones(o.shape, bool)]"),
           ("v", "o[o[...] == o[...]]")}


def evaluate(package, text, **names):
    def collect(visit):
        seen = []
        return visit(seen.append), seen

    def collect2(visit):
        seen = []
        return visit(lambda name, item: seen.append((name, getattr(item, "name", type(item).__name__)))), seen

    def set_item(target, key, value):
        target[key] = value

    def del_item(target, key):
        del target[key]

    def read_direct(dataset, target, *selections):
        dataset.read_direct(target, *selections)
        return target

    def read_into(dataset, target):
        dataset.id.read(h5py.h5s.ALL, h5py.h5s.ALL, target)
        return target

    return outcome(
        lambda: eval(text, {"np": np, "h5py": package, "collect": collect, "collect2": collect2, "set_item": set_item,
                                       "del_item": del_item, "read_direct": read_direct, "read_into": read_into,
                                       "h5py_module": h5py, **names}))


def differing(ours, theirs, texts, path=None, keys=(None,)):
    """The differences of all these expressions, in words."""
    import h5cap

    found = []
    for text in texts:
        for key in keys if (path, text) not in UNEQUAL else ():
            mine = evaluate(h5cap, text, f=ours, p=path, k=key, o=ours if path is None else ours[path])
            if isinstance(mine, str):  # files are named by their addresses
                mine = mine.replace(ours.filename, os.path.basename(theirs.filename))
            oracle = evaluate(h5py, text, f=theirs, p=path, k=key, o=theirs if path is None else theirs[path])
            problem = difference(oracle, mine)
            if problem:
                found.append(f"{text} of {path!r}{'' if keys == (None,) else f' with {key!r}'}: {problem}")
    return found


def assert_none(found):
    assert not found, f"{len(found)} differ:\n" + "\n".join(found)


@pytest.mark.parametrize("path", PATHS)
def test_any_object(both, path):
    assert_none(differing(*both("tree.h5"), OF_ANY, path))


@pytest.mark.parametrize("path", [None, "/", "g", "g/loop", "external"])
def test_odd_keys(both, path):
    assert_none(differing(*both("tree.h5"), OF_KEYS, path, KEYS))


@pytest.mark.parametrize("path", [None, "/", "g", "g/inner", "softgroup", "ordered", "external", "ünï côdé %20#["])
def test_groups(both, path):
    assert_none(differing(*both("tree.h5"), OF_GROUPS, path))


@pytest.mark.parametrize("path", [None, "/", "group", "d"])
def test_attributes(both, path):
    assert_none(differing(*both("attributes.h5"), OF_ATTRS, path))


@pytest.mark.parametrize("name", ["types.h5", "layouts.h5", "virtual.h5"])
def test_datasets(both, name):
    ours, theirs = both(name)
    found = []
    for path in theirs:
        if isinstance(theirs[path], h5py.Dataset) and path not in ("large", "frames"):
            found += differing(ours, theirs, OF_DATASETS, path)
    assert_none(found)
