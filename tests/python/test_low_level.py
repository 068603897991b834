"""References, dimension scales and low-level identifiers, in h5cap and in h5py 3.16 on the same file: tables of
expressions, whose results or exceptions must be equal (see `differential.difference`).  What only a local library knows
raises ``NotImplementedError``, and only that: the last table."""

import h5py
import numpy as np
import pytest

from differential import difference
from test_object_api import assert_none, differing, evaluate

REFERENCES = [
    "f['refs'].dtype", "f['refs'][:]", "f['refs'][0]", "f['ref'][()]", "f['ref'].dtype",
    "[bool(r) for r in f['refs'][:]]", "f[f['refs'][0]]",
    "f[f['refs'][0]].name", "f[f['refs'][1]]", "f[f['refs'][2]]", "f[f['refs'][3]]", "f[f['refs'][4]]",
    "f['g'][f['refs'][0]]", "f['g'][f['ref'][()]][0]",
    "f[f['ref'][()]] == f['chunked']", "f.get(f['refs'][0])", "f.get(f['refs'][4])",
    "f.get(f['refs'][0], getclass=True)", "f['refs'][0] in f",
    "f['refs'][0] == f['refs'][0]", "f['d'].ref", "f[f['d'].ref] == f['d']", "f[f['hard'].ref] == f['d']", "f[f.ref]",
    "f['g'].ref", "f[f['g/z'].ref].name", "f[f['type'].ref]",
    "f[h5py.Reference()]", "h5py.Reference()", "bool(h5py.Reference())", "bool(f['d'].ref)", "h5py.RegionReference()",
    "h5py.RegionReference(1, a=2)",
    "f['d'][f['refs'][0]]", "f['regions'].dtype", "f['regions'][:]", "f['regions'].shape", "f['regions'][7]",
    "[bool(r) for r in f['regions'][:]]",
    "f[f['regions'][7]]", "f['d'][f['regions'][7]]", "f['x'][f['regions'][0]]", "f['d'][f['other regions'][0]]",
    "f['chunked'][f['other regions'][0]]",
    "f['chunked'][f['other regions'][1]]", "f['d'].astype('f4')[f['regions'][0]]", "f['d'][f['regions'][0], 0]",
    "f['d'][0, f['regions'][0]]",
    "f['nul'][f['regions'][0]]", "f['d'].regionref[0]", "f['d'].regionref[99]", "f['d'].regionref['x']",
    "f['g'].regionref[0]", "f.regionref[...]",
    "f['d'].regionref.shape(f['regions'][7])", "f['d'].regionref.shape(f['refs'][0])", "f['d'].regionref.shape(1)",
    "f['d'].regionref.selection(None)",
    "f.attrs['ref']", "f[f.attrs['ref']]", "f.attrs['region']", "f['d'][f.attrs['region']]", "f.attrs['refs']",
    "f['ref compound'].dtype", "f['ref compound'][0]['n']",
    "f['ref compound']['r']", "f[f['ref compound'][0]['r']]", "f['ref compound'][1]['r']",
    "f['d'][f['ref compound'][0]['q']]", "f['ref compound'].fields('r')[0]",
    "f['vlen refs'].dtype", "f['vlen refs'][0]", "f[f['vlen refs'][0][1]]", "f['vlen refs'][1]", "f['refs'].fillvalue",
    "f['d'].attrs['DIMENSION_LIST']",
    "f['x'].attrs['REFERENCE_LIST']", "f['x'].attrs['REFERENCE_LIST'].dtype", "f[f['x'].attrs['REFERENCE_LIST'][0][0]]",
    "f['refs'].ref.typecode",
    "f['external'].file[f['external'].ref].name", "h5py.check_ref_dtype(f['refs'].dtype).__name__",
    "h5py.check_ref_dtype(f['regions'].dtype).__name__",
    "isinstance(f['refs'][0], h5py.Reference)", "isinstance(f['regions'][0], h5py.RegionReference)",
    "isinstance(f['refs'][0], h5py.RegionReference)",
    "h5py.h5r.dereference(f['refs'][0], f.id) == f['d'].id", "h5py.h5r.get_name(f['refs'][0], f.id)",
    "h5py.h5r.get_region(f['regions'][0], f.id)",
    "hash(f['refs'][0]) is None", "sorted([f['refs'][0], f['refs'][1]])", "f['refs'][0].typesize", "f['refs'][::2]",
    "f['refs'][[0, 4]]", "f['refs'].astype('i4')[:]",
] + [f"{what}(f['regions'][{number}])" for number in range(7)
     for what in ("f.__getitem__", "f['d'].__getitem__", "f['d'].regionref.shape", "f['g'].regionref.selection",
                  "(lambda r: h5py.h5r.get_region(r, f.id))")]

SCALES = [
    "len(f['d'].dims)", "[len(d) for d in f['d'].dims]", "[d.label for d in f['d'].dims]", "f['d'].dims[0].label",
    "f['d'].dims[1].label",
    "f['d'].dims[2]", "f['d'].dims['x']", "f['d'].dims[None]", "f['d'].dims[1].keys()", "f['d'].dims[1].values()",
    "f['d'].dims[1].items()", "list(f['d'].dims[1])",
    "f['d'].dims[1][0]", "f['d'].dims[1][1]", "f['d'].dims[1][2]", "f['d'].dims[1][-1]", "f['d'].dims[1]['across']",
    "f['d'].dims[1]['across again'].name",
    "f['d'].dims[0]['']", "f['d'].dims[0][0].name", "f['d'].dims[1]['nope']", "f['d'].dims[1][b'across']",
    "f['d'].dims[1][None]", "f['chunked'].dims[0].keys()",
    "f['chunked'].dims[0].items()", "f['chunked'].dims[0][0]", "f['chunked'].dims[0]['x']", "len(f['chunked'].dims[1])",
    "f['chunked'].dims[1].label", "f['scalar'].dims[0]",
    "len(f['scalar'].dims)", "len(f['nul'].dims)", "f['nul'].dims[0]", "f['g'].dims", "f['x'].dims[0].label",
    "f['x'].is_scale", "f['y'].is_scale", "f['d'].is_scale",
    "f['x2'].is_scale", "f['d'].dims[0] == f['d'].dims[0]", "f['d'].dims[0] == f['d'].dims[1]",
    "f['d'].dims[0] == f['hard'].dims[0]", "f['d'].dims[0] == 1",
    "hash(f['d'].dims[0]) == hash(f['d'].dims[0])", "f['d'].dims == f['d'].dims",
    "repr(f['d'].dims[0]).split(' at ')[0]", "repr(f['d'].dims).split(' at ')[0]",
    "'across' in f['d'].dims[1]", "f['x'] in f['d'].dims[1].values()", 
    "f['d'].dims[1].attach_scale(1)", "setattr(f['d'].dims[0], 'label', 'x')", "setattr(f['d'].dims[0], 'label', 1)",
    "f['d'].make_scale()", "f['d'].dims.nothing",
    "f['d'].dims[1][0][...]", "[[n for n, s in d.items()] for d in f['d'].dims]",
]

OF_IDS = [
    "bool(o.id)", "o.id.valid", "o.id == o.id", "o.id == f[p].id", "hash(o.id) == hash(f[p].id)", "o.id != f.id",
    "o.id == 1", "o.id == None", "o.id.id > 0",
    "type(o.id).__name__", "o.id in {o.id}", "o.id.locked", "o.id.fileno == f['d'].id.fileno", "o.id < o.id",
    "o.id.nothing",
    "type(o)(o.id) == o", "type(o)(3)", "h5py.Dataset(o.id)", "h5py.Group(o.id)", "h5py.Datatype(o.id)",
    "h5py.File(o.id).name", "h5py.HLObject(o.id).name",
    "h5py.AttributeManager(o).keys()", "h5py.File(o.id) == f", "o.file.id == f.id",
    "o.parent.id == f[o.parent.name].id",
]
OF_DATASET_IDS = [
    "o.id.rank", "o.id.shape", "o.id.dtype", "o.id.get_type()", "o.id.get_space()", "o.id.get_storage_size()",
    "o.id.get_type().get_class()", "o.id.get_type().get_size()",
    "o.id.get_type().dtype", "o.id.get_type().committed()", "o.id.get_type() == f['d'].id.get_type()",
    "o.id.get_type().equal(o.id.get_type())", "type(o.id.get_type()).__name__",
    "o.id.get_type().equal(1)", "hash(o.id.get_type())", "o.id.get_type().get_super()",
    "o.id.get_type().get_nmembers()", "o.id.get_type().get_member_name(0)",
    "o.id.get_type().get_member_name(99)", "o.id.get_type().get_member_name(-1)",
    "o.id.get_type().get_member_index(b'A')", "o.id.get_type().get_member_index(b'b')",
    "o.id.get_type().get_member_type(1)", "o.id.get_type().get_member_offset(1)", "o.id.get_type().get_member_class(2)",
    "o.id.get_type().get_member_type(99)", "o.id.get_type().get_member_value(0)", "o.id.get_type().enum_nameof(1)",
    "o.id.get_type().enum_nameof(9)",
    "o.id.get_type().enum_valueof(b'A')", "o.id.get_type().enum_valueof(b'Q')", "o.id.get_type().get_order()",
    "o.id.get_type().get_sign()", "o.id.get_type().get_precision()",
    "o.id.get_type().get_offset()", "o.id.get_type().get_pad()", "o.id.get_type().get_fields()",
    "o.id.get_type().get_ebias()", "o.id.get_type().is_variable_str()",
    "o.id.get_type().get_cset()", "o.id.get_type().get_strpad()", "o.id.get_type().get_tag()",
    "o.id.get_type().get_array_dims()", "o.id.get_type().get_array_ndims()",
    "[o.id.get_type().detect_class(n) for n in range(11)]", "o.id.get_type().copy()", "bool(o.id.get_type())",
    "o.id.get_type().nothing", "o.id.get_type().valid",
    "o.id.get_create_plist().get_layout()", "o.id.get_create_plist().get_chunk()",
    "o.id.get_create_plist().get_nfilters()", "o.id.get_create_plist().get_filter(0)",
    "o.id.get_create_plist().get_filter(1)", "o.id.get_create_plist().get_filter(-1)",
    "o.id.get_create_plist().get_filter_by_id(1)", "o.id.get_create_plist().get_filter_by_id(9)",
    "o.id.get_create_plist().fill_value_defined()", "o.id.get_create_plist().get_fill_time()",
    "o.id.get_create_plist().get_external_count()",
    "o.id.get_create_plist().get_external(0)", "o.id.get_create_plist().get_virtual_count()",
    "o.id.get_create_plist().get_virtual_filename(0)",
    "o.id.get_create_plist().get_attr_creation_order()", "o.id.get_create_plist() == o.id.get_create_plist()",
    "o.id.get_create_plist().nothing",
    "o.id.get_space().shape", "o.id.get_space().get_simple_extent_dims(True)",
    "o.id.get_space().get_simple_extent_dims(maxdims=True)", "hash(o.id.get_space())",
    "o.id.get_space().get_simple_extent_ndims()", "o.id.get_space().get_simple_extent_npoints()",
    "o.id.get_space().select_valid()", "o.id.flush()", "o.id.refresh()",
    "read_into(o, np.zeros(o.shape, o.dtype))", "o.attrs.get_id('nope')",
]
OF_GROUP_IDS = [
    "o.id.links.exists(b'z')", "o.id.links.exists(b'nope')", "o.id.links.exists(b'')", "o.id.links.get_info(b'z').type",
    "o.id.links.get_info(b'soft').type",
    "o.id.links.get_info(b'external').type", "o.id.links.get_info(b'a').corder",
    "o.id.links.get_info(b'a').corder_valid", "o.id.links.get_info(b'nope')",
    "o.id.links.get_val(b'soft')", "o.id.links.get_val(b'external')", "o.id.links.get_val(b'd')",
    "collect(o.id.links.iterate)", "collect(o.id.links.visit)",
    "o.id.links.iterate(lambda n: n)", "o.id.get_num_objs()", "o.id.get_objname_by_idx(0)",
    "o.id.get_objname_by_idx(99)", "len(o.id)", "list(o.id)", "b'z' in o.id",
    "o.id.get_linkval(b'soft')", "o.id.get_linkval(b'd')", "o.id.get_create_plist().get_link_creation_order()",
    "o.id.get_create_plist().get_attr_creation_order()",
    "[o.id.get_objtype_by_idx(n) for n in range(len(o))]", "o.id.unlink(b'z')", "o.id.links.create_soft(b'new', b'/d')",
]
OF_FILE = [
    "f.id.get_intent()", "f.id.get_filesize()", "f.id.get_create_plist().get_userblock()", "f.id == f['/'].id",
    "f == f['/']", "hash(f) == hash(f['/'])", "f.id.name is None",
    "f.swmr_mode", "setattr(f, 'swmr_mode', True)", "setattr(f, 'swmr_mode', False)", "f.libver[0]",
    "f.meta_block_size", "f.userblock_size", "f.mode", "f.flush()",
    "f.id.get_access_plist().get_libver_bounds()[0]", "f.id.get_access_plist().get_cache()[1:]",
    "f.id.get_access_plist().get_meta_block_size()", "type(f.id.reopen()).__name__",
    "type(f['type'].id).__name__", "f['type'].id.dtype", "f['type'].id.committed()", "f['type'].id.get_nmembers()",
    "f['type'].id == f['type'].id", "f['type'].id == f['d'].id",
    "f['type'].id.copy().committed()", "f['type'].id == f['of float'].id.get_type()",
    "f['of float'].id.get_type() == h5py_module.h5t.IEEE_F64LE",
    "f['of float'].id.get_type() == h5py_module.h5t.IEEE_F32LE",
    "f['of big'].id.get_type().equal(h5py_module.h5t.STD_U32BE)", "f.attrs.get_id('ref').shape",
    "f.attrs.get_id('refs').shape", "f.attrs.get_id('refs').dtype", "f.attrs.get_id('ref').name",
    "f.attrs.get_id('ref').get_type()", "f.attrs.get_id('refs').get_space()",
    "f.attrs.get_id('refs').get_storage_size()", "f.attrs.get_id(1)", "bool(f.attrs.get_id('ref'))",
    "f.in_memory.__name__", "f.atomic", "f.nothing",
]
# What only a library that opened the file itself can say.
NOT_SERVED = [
    "f['chunked'].id.get_num_chunks()", "f['chunked'].id.get_chunk_info(0)",
    "f['chunked'].id.get_chunk_info_by_coord((0, 0))", "f['chunked'].id.read_direct_chunk((0, 0))",
    "f['chunked'].id.chunk_iter(print)", "f['d'].id.get_offset()", "f['d'].id.get_access_plist()",
    "f['d'].id.get_create_plist().get_alloc_time()",
    "f['d'].id.get_create_plist().get_obj_track_times()", "f['d'].id.get_create_plist().get_attr_phase_change()",
    "f['d'].id.get_space().encode()",
    "f['d'].id.get_space().select_hyperslab((0, 0), (1, 1))", "f['d'].id.get_type().encode()",
    "f.id.get_access_plist().get_driver()", "f.id.get_file_image()",
    "f.id.get_vfd_handle()", "f['g'].id.get_comment(b'.')", "f['of float'].id.get_type().get_norm()",
    "type(f).in_memory()",
]


@pytest.fixture(scope="module")
def pair(server, folder):
    import h5cap

    with h5cap.File(server.url("data/surface.h5")) as ours, h5py.File(folder / "surface.h5") as theirs:
        yield ours, theirs


@pytest.mark.parametrize("texts", [REFERENCES, SCALES, OF_FILE], ids=["references", "scales", "file"])
def test_expressions(pair, texts):
    assert_none(differing(*pair, texts))


@pytest.mark.parametrize("path", ["/", "g", "d", "hard", "type", "soft", "chunked", "nul", "external"])
def test_identifiers(pair, path):
    assert_none(differing(*pair, OF_IDS, path))


def test_identifiers_of_datasets(pair):
    found = []
    for path in pair[1]:
        if path != "broken" and isinstance(pair[1][path], h5py.Dataset):
            found += differing(*pair, OF_DATASET_IDS, path)
    assert_none(found)


@pytest.mark.parametrize("path", ["/", "g"])
def test_identifiers_of_groups(pair, path):
    assert_none(differing(*pair, OF_GROUP_IDS, path))


@pytest.mark.parametrize("text", NOT_SERVED)
def test_what_only_a_local_library_knows_says_so(pair, text):
    with pytest.raises(NotImplementedError):
        eval(text, {"f": pair[0]})


def test_mappings_of_virtual_datasets(both):
    ours, theirs = both("virtual.h5")
    assert_none(differing(ours, theirs,
                          ["o.virtual_sources()", "o.id.get_create_plist().get_virtual_count()",
                           "o.id.get_create_plist().get_layout()",
                                         "o.id.get_create_plist().get_virtual_srcspace(0)",
                           "o.id.get_create_plist().get_virtual_vspace(1)",
                                         "o.id.get_create_plist().get_virtual_dsetname(1)",
                           "o.id.get_create_plist().get_virtual_filename(99)"], "v"))


def test_a_dereference_is_one_round_trip_and_a_region_two(pair, trips):
    ours, _ = pair
    reference, region = ours["refs"][0], ours["regions"][0]
    dataset = ours["d"]
    dataset.shape
    with trips() as counted:
        assert ours[reference].name in ("/d", "/hard")
    assert counted.round_trips <= 1
    with trips() as counted:
        assert dataset[region].shape == (2, 2)
    assert counted.round_trips <= 2
    with trips() as counted:
        assert ours[dataset.ref] == dataset
    assert counted.round_trips == 0


def test_references_of_ours_are_not_written_as_null(pair, tmp_path):
    reference = pair[0]["refs"][0]
    assert isinstance(reference, h5py.Reference)
    with h5py.File(tmp_path / "new.h5", "w") as file:
        made = file.create_dataset("r", (1,), h5py.ref_dtype)
        with pytest.raises(TypeError):
            made[0] = reference


def test_references_pickle_with_what_the_file_has(pair):
    import pickle

    ours, _ = pair
    for reference in (ours["refs"][0], ours["d"].ref):
        assert ours[pickle.loads(pickle.dumps(reference))] == ours["d"]
    assert np.array_equal(ours["d"][pickle.loads(pickle.dumps(ours["regions"][0]))], ours["d"][0:2, 1:3])


# Of objects of a file that was closed.  h5py's own exception depends on what was asked before: here, nothing.
CLOSED = [
    "bool(o)", "bool(o.id)", "o.id.valid", "o.name", "repr(o)", "repr(o.id) is None", "hash(o)", "o == o", "o == p",
    "o.attrs['x']", "list(o.attrs)", "len(o.attrs)", "'x' in o.attrs", "repr(o.attrs)",
    "o.file", "o.parent", "o.ref", "o.regionref.obj == o", "o.id.id", "o.id == p.id", "hash(o.id)", "o.dims",
    "repr(o.dims)", "len(o.dims)", "o.dims[0]", "o.shape", "o.maxshape", "o.ndim", "o.size",
    "o.nbytes", "o.chunks", "o.compression", "o.fillvalue", "o.is_virtual", "o.is_scale", "o[0]", "o[()]", "len(o)",
    "list(o)", "o.astype('f4')[0]", "o.fields('x')", "o.asstr()", "o.iter_chunks()", "np.asarray(o)",
    "o.flush()", "o.virtual_sources()", "o.external", "o['x']", "o.get('x')", "'x' in o", "list(o.keys())", "o.items()",
    "o.visit(print)", "o.get('x', getlink=True)", "o.create_group('new')", "o.mode", "o.filename",
    "o.driver", "o.swmr_mode", "o.libver", "o.userblock_size", "o.meta_block_size", "o.close()",
    "o.__exit__(None, None, None)", "o.id.get_type()", "o.id.get_space()", "o.id.shape", "o.id.get_create_plist()",
    "o.id.links.exists(b'x')", "o.id.get_filesize()", "o.id.name", "o.dtype",
]
# Where h5py is not followed: a closed type equals itself, and what it was made like is not known anyway.
AFTER_CLOSING = {("type", "o == o"), ("type", "o.regionref.obj == o"), ("type", "o.id.get_create_plist()")}


@pytest.mark.parametrize("path", ["/", "g", "d", "chunked", "type", None])
def test_of_a_closed_file(server, folder, path):
    import h5cap

    found = []
    for text in CLOSED:
        ours, theirs = h5cap.File(server.url("data/surface.h5")), h5py.File(folder / "surface.h5")
        names = [dict(f=file, o=file if path is None else file[path], p=file["x"]) for file in (ours, theirs)]
        ours.close(), theirs.close()
        problem = difference(evaluate(h5py, text, **names[1]), evaluate(h5cap, text, **names[0]))
        if problem and (path, text) not in AFTER_CLOSING:
            found.append(f"{text}: {problem}")
    assert_none(found)
