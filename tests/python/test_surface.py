"""The reading surface by name: every public name of h5py's classes is there, and callables have h5py's parameters.
What is missing is listed here with its reason.  What the calls do is compared elsewhere."""

import inspect
import subprocess
import sys

import h5py
import numpy as np
import pytest
from h5py._hl.base import ItemsViewHDF5, KeysViewHDF5, ValuesViewHDF5, _RegionProxy
from h5py._hl.dataset import AsStrView, AsTypeView, FieldsView
from h5py._hl.dims import DimensionManager, DimensionProxy
from h5py._hl.vds import VDSmap

import h5cap
from h5cap import h5a, h5d, h5f, h5g, h5p, h5s, h5t
from h5cap._hl import dims, mapping_views, region_proxy, views

PAIRS = [
    (h5py.File, h5cap.File), (h5py.Group, h5cap.Group), (h5py.Dataset, h5cap.Dataset), (h5py.Datatype, h5cap.Datatype),
    (h5py.HLObject, h5cap.HLObject), (h5py.AttributeManager, h5cap.AttributeManager), (h5py.Reference, h5cap.Reference),
    (h5py.RegionReference, h5cap.RegionReference), (h5py.SoftLink, h5cap.SoftLink),
    (h5py.ExternalLink, h5cap.ExternalLink), (h5py.HardLink, h5cap.HardLink), (h5py.Empty, h5cap.Empty),
    (h5py.MultiBlockSlice, h5cap.MultiBlockSlice), (DimensionManager, dims.DimensionManager),
    (DimensionProxy, dims.DimensionProxy), (_RegionProxy, region_proxy.RegionProxy),
    (KeysViewHDF5, mapping_views.KeysViewHDF5), (ValuesViewHDF5, mapping_views.ValuesViewHDF5),
    (ItemsViewHDF5, mapping_views.ItemsViewHDF5), (AsTypeView, views.AsTypeView), (AsStrView, views.AsStrView),
    (FieldsView, views.FieldsView), (VDSmap, h5cap.VDSmap),
]
LOW_LEVEL = [
    (h5py.h5f.FileID, h5f.FileID), (h5py.h5g.GroupID, h5g.GroupID), (h5py.h5d.DatasetID, h5d.DatasetID),
    (h5py.h5a.AttrID, h5a.AttrID), (h5py.h5s.SpaceID, h5s.SpaceID), (h5py.h5p.PropDCID, h5p.PropDCID),
    (h5py.h5p.PropGCID, h5p.PropGCID), (h5py.h5p.PropFCID, h5p.PropFCID), (h5py.h5p.PropFAID, h5p.PropFAID),
    (h5py.h5l.LinkProxy, h5cap.h5l.LinkProxy),
] + [(getattr(h5py.h5t, name), getattr(h5t, name)) for name in dir(h5py.h5t) if name.startswith("Type")
     and hasattr(h5t, name)]

MISSING = {
    "extract_field": "FieldsView: an internal step of h5py's reading", "read_dtype": "FieldsView: as extract_field",
}
MISSING_AT_TOP = {
    "register_driver": "files are opened by the server", "unregister_driver": "as register_driver",
    "registered_drivers": "as register_driver", "run_tests": "h5cap's tests are not installed",
    "enable_ipython_completer": "IPython finds paths without it", "filters": "about making datasets",
    "defs": "internal of h5py", "utils": "internal of h5py", "atexit": "a module of Python's",
    "h5": "the library itself", "h5ac": "the library's cache", "h5ds": "Dataset.dims has it", "h5fd": "drivers",
    "h5i": "the library's identifiers", "h5o": "objects, by the library's calls", "h5pl": "plugins are the server's",
    "h5py_warnings": "h5py's own", "h5z": "filters are the server's",
}
# Parameters that are called or placed otherwise.
OTHER_PARAMETERS = {
    (h5py.File, "__init__"): "the file is named by an address: `url` instead of `name`; more options follow",
    (h5py.HardLink, "__init__"): "none in either",
    (h5py.Reference, "__init__"): "anything in either", (h5py.RegionReference, "__init__"): "anything in either",
    (AsTypeView, "__getitem__"): "never by name", (AsStrView, "__getitem__"): "never by name",
    (FieldsView, "__getitem__"): "never by name",
}


def public(owner):
    return {name for name in dir(owner) if not name.startswith("_")}


@pytest.mark.parametrize("theirs, ours", PAIRS, ids=lambda c: c.__name__)
def test_every_public_name_is_there(theirs, ours):
    assert public(theirs) - public(ours) - MISSING.keys() == set()


def test_the_top_level():
    assert public(h5py) - public(h5cap) - {"ref_dtype", "regionref_dtype"} - MISSING_AT_TOP.keys() == set()
    assert h5cap.ref_dtype == h5py.ref_dtype and h5cap.regionref_dtype.metadata == h5py.regionref_dtype.metadata


def test_what_is_listed_as_missing_is():
    assert not MISSING_AT_TOP.keys() & public(h5cap)
    assert not [name for name in MISSING
                if any(hasattr(ours, name) and hasattr(theirs, name) for theirs, ours in PAIRS)]


WRITING_OR_LOCAL = ("set_", "remove_filter", "commit", "insert", "pack", "create_", "enum_insert")


@pytest.mark.parametrize("theirs, ours", LOW_LEVEL, ids=lambda c: c.__name__)
def test_low_level_names_that_read_are_there(theirs, ours):
    assert {name for name in public(theirs) - public(ours) - {"fileno"}
            if not name.startswith(WRITING_OR_LOCAL)} == set()


def parameters(function):
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None


def methods(theirs, ours):
    names = public(theirs) | {"__init__", "__getitem__", "__array__", "__contains__", "__setitem__"}
    for name in sorted(names & set(dir(ours))):
        if callable(getattr(theirs, name, None)) and (theirs, name) not in OTHER_PARAMETERS:
            yield name


@pytest.mark.parametrize("theirs, ours", PAIRS, ids=lambda c: c.__name__)
def test_parameters_have_h5pys_names_and_order(theirs, ours):
    problems = []
    for name in methods(theirs, ours):
        expected, found = parameters(getattr(theirs, name)), parameters(getattr(ours, name))
        of_view = name in ("__array__", "__init__") and theirs in (AsTypeView, AsStrView, FieldsView)
        if expected is None or found is None or of_view:
            continue
        by_name = {parameter.name: parameter for parameter in found}
        for position, parameter in enumerate(expected):
            same = by_name.get(parameter.name)
            if same is None or same.kind != parameter.kind or (same.default != parameter.default):
                problems.append(f"{name}: {parameter} is {same}")
            elif parameter.kind == parameter.POSITIONAL_OR_KEYWORD and found.index(same) != position:
                problems.append(f"{name}: {parameter} stands at {found.index(same)} instead of {position}")
    assert not problems


def test_options_of_files_have_h5pys_names_and_order():
    expected, found = parameters(h5py.File.__init__)[2:], parameters(h5cap.File.__init__)[2:]
    positional = [p.name for p in expected if p.kind == p.POSITIONAL_OR_KEYWORD]
    assert [p.name for p in found][:len(positional)] == positional
    assert {p.name for p in expected} <= {p.name for p in found}


@pytest.mark.parametrize("name", sorted(public(h5py) & public(h5cap)))
def test_functions_at_the_top_have_h5pys_parameters(name):
    theirs, ours = getattr(h5py, name), getattr(h5cap, name)
    if callable(theirs) and not isinstance(theirs, type) and parameters(theirs) is not None:
        count = len(parameters(theirs))
        assert [p.name for p in parameters(theirs)] == [p.name for p in parameters(ours)][:count]
        assert all(p.kind == p.KEYWORD_ONLY for p in parameters(ours)[count:])


DTYPES = [
    "string_dtype()", "string_dtype('ascii')", "string_dtype('utf-8', 3)", "string_dtype('UTF8')",
    "string_dtype('latin-1')", "string_dtype('nonsense')", "string_dtype(length='a')",
    "string_dtype(length=np.int8(3))", "string_dtype(length=0)", "string_dtype(length=-1)", "vlen_dtype('i4')",
    "vlen_dtype(np.dtype('i4'))", "vlen_dtype(5)", "vlen_dtype(str)", "enum_dtype({'A': 1})",
    "enum_dtype({'A': 1}, '<i2')", "enum_dtype({'A': 1}, basetype='>i2')", "enum_dtype({'A': 1}, 'f4')",
    "enum_dtype(3)", "opaque_dtype('<M8[s]')", "opaque_dtype('i4')", "opaque_dtype('O')", "opaque_dtype('x')",
    "complex_compat_dtype('<c8')", "complex_compat_dtype('>c16', ('re', 'im'))", "complex_compat_dtype('f4')",
    "check_complex_dtype(np.dtype('c8'))", "check_complex_dtype(complex_compat_dtype('c16'))",
    "check_complex_dtype(complex_compat_dtype('c16', ('a', 'b')))",
    "check_complex_dtype(complex_compat_dtype('>c16', ('a', 'b')), None)", "check_complex_dtype(np.dtype('f4'))",
    "check_complex_dtype('f4')", "check_complex_dtype(np.dtype([('r', 'f4'), ('i', 'f8')]))",
    "check_complex_dtype(np.dtype([('r', 'i4'), ('i', 'i4')]))", "check_complex_dtype(np.dtype([('r', 'f4')]))",
    "special_dtype(vlen=str)", "special_dtype(vlen=np.dtype('i4'))", "special_dtype(enum=('i4', {'A': 1}))",
    "special_dtype(enum=3)", "special_dtype(enum=('f4', {}))", "special_dtype(ref=Reference)",
    "special_dtype(ref=RegionReference)", "special_dtype(ref=int)", "special_dtype()", "special_dtype(foo=1)",
    "special_dtype(vlen=str, ref=1)", "check_dtype(vlen=string_dtype())", "check_dtype(enum=enum_dtype({'A': 1}))",
    "check_dtype(enum=np.dtype('i4'))", "check_dtype(enum='i4')", "check_dtype(foo=1)", "check_dtype()",
    "check_dtype(vlen=np.dtype('i4'))", "tuple(check_string_dtype(np.dtype('S5')))", "check_string_dtype('S5')",
    "check_string_dtype(None)", "check_string_dtype(np.dtype('U5'))", "check_string_dtype(np.dtype('O'))",
    "check_vlen_dtype('f4')", "check_vlen_dtype(None)", "check_vlen_dtype(string_dtype())",
    "check_vlen_dtype(vlen_dtype('f4'))", "check_enum_dtype(np.dtype('f4'))", "check_enum_dtype('f4')",
    "check_ref_dtype('O')", "check_ref_dtype(ref_dtype) is None", "check_ref_dtype(np.dtype('O'))",
    "check_opaque_dtype(opaque_dtype('i4'))", "check_opaque_dtype(np.dtype('i4'))", "check_opaque_dtype('i4')",
    "Empty('f4')", "Empty('f4') == Empty('f4')", "Empty('f4') == Empty('f8')", "Empty('f4') == 1", "Empty()",
    "Empty('x')", "hash(Empty('f4'))", "Empty('f4').shape", "Empty('f4').size", "repr(Empty('f4'))",
    "Empty('f4').dtype", "SoftLink('/a').path", "SoftLink(3).path", "SoftLink()", "repr(SoftLink('/a'))",
    "SoftLink('a') == SoftLink('a')", "ExternalLink('f', '/a').filename", "ExternalLink('f', '/a').path",
    "ExternalLink('f')", "ExternalLink(b'x', 'x').filename", "ExternalLink(3, 'x')", "ExternalLink('f', 3).path",
    "HardLink(1)", "UNLIMITED", "get_config().bool_names", "get_config().track_order", "MultiBlockSlice()",
    "MultiBlockSlice(1, 2, 3, 1)", "MultiBlockSlice(count=0)", "MultiBlockSlice(stride=0)",
    "MultiBlockSlice(block=3, stride=2)", "MultiBlockSlice(-1)", "MultiBlockSlice('a')",
    "MultiBlockSlice(0, 2, 2, 1).indices(3)", "MultiBlockSlice(0, 2, 2, 1).indices(2)", "MultiBlockSlice(5).indices(2)",
    "MultiBlockSlice(0).indices(0)", "MultiBlockSlice(3).start", "MultiBlockSlice().count", "Dataset(3)", "Group(3)",
    "Datatype(3)", "AttributeManager(3)", "HLObject(3).id", "bool(Reference())", "repr(Reference())",
    "repr(RegionReference())", "Reference(1, a=2).typecode", "RegionReference().typesize", "is_hdf5(3)",
    "is_hdf5(None)",
]


@pytest.mark.parametrize("text", DTYPES)
def test_types_and_values_at_the_top(text):
    from differential import difference, outcome

    def names(package):
        return {"np": np, **{name: getattr(package, name) for name in public(package) | {"ref_dtype"}}}

    theirs, ours = (outcome(lambda: eval(text, names(package))) for package in (h5py, h5cap))
    assert difference(theirs, ours) is None


def test_is_hdf5(url):
    assert h5cap.is_hdf5(url("tree.h5")) is True
    assert [h5cap.is_hdf5(url(name)) for name in ("junk.h5", "empty.h5", "nope.h5", "sub")] == [False] * 4


def test_making_virtual_datasets_is_refused():
    for refused in (lambda: h5cap.VirtualSource("a", "b", (1,)), lambda: h5cap.VirtualLayout((1,), "i4"),
                    lambda: h5cap.File.in_memory()):
        with pytest.raises(NotImplementedError):
            refused()


OPTIONS = [
    dict(driver="nope"), dict(libver="latest"), dict(libver="v108"), dict(libver=("earliest", "v110")),
    dict(libver="x"), dict(libver=("earliest",)), dict(userblock_size=512), dict(rdcc_nslots=5), dict(rdcc_nbytes=-5),
    dict(rdcc_nbytes=1 << 20), dict(rdcc_w0=5), dict(rdcc_w0=0.5), dict(track_order=True), dict(fs_strategy="page"),
    dict(fs_strategy="x"), dict(fs_persist=True), dict(fs_page_size=4096), dict(locking=True), dict(locking="x"),
    dict(locking=False), dict(locking="best-effort"), dict(alignment_threshold=3), dict(meta_block_size=5),
    dict(track_times=True), dict(nonsense=1), dict(swmr=True), dict(mode="q"), dict(mode=None), dict(min_meta_keep=3),
    dict(track_times="x", libver="v110"),
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options_of_files(url, folder, options):
    from differential import difference, outcome

    def facts(package, name):
        with package.File(name, **options) as file:
            shown = file.libver if options.get("libver") else None
            cache = file.id.get_access_plist().get_cache()[1:]
            return file.mode, file.swmr_mode, file.meta_block_size, shown, cache, file["a"][()]

    assert difference(outcome(facts, h5py, folder / "tree.h5"), outcome(facts, h5cap, url("tree.h5"))) is None


@pytest.mark.parametrize("options", [dict(driver="core"), dict(driver="sec2"), dict(page_buf_size=4096)], ids=str)
def test_options_that_only_a_local_library_has_are_refused(url, options):
    with pytest.raises(NotImplementedError):
        h5cap.File(url("tree.h5"), **options)


def test_without_h5py_references_are_of_our_own_classes(url):
    script = f"""
import sys, h5cap
file = h5cap.File({url("surface.h5")!r})
assert h5cap.check_ref_dtype(file["refs"].dtype) is h5cap.Reference, file["refs"].dtype.metadata
reference = file["refs"][0]
assert isinstance(reference, h5cap.Reference) and reference.__class__ is h5cap.Reference
assert file[reference] == file["d"] and file["d"][file["regions"][0]].shape == (2, 2)
assert "h5py" not in sys.modules and "hdf5plugin" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
