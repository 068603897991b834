"""Every filter of hdf5plugin, written by h5py 3.16 in several types, ranks and chunk shapes with partial edges, is read
equal to h5py: by decoders of the server, which then has no plugin at all, or by the planner with hdf5plugin's folder
in --plugins.  What is missing says its number, its name, and what to do.

Not covered: the options of Bitshuffle, Blosc, BZip2, LZ4 and Zstd (test_filters.py), damaged chunks (tests/cpp/core,
tests/fuzz), speed (benchmarks).
"""

import io
import os

import h5cap
import hdf5plugin
import numpy as np
import pytest
from support.served import Server

import h5py

# Shape, and chunks that it is no multiple of.
SHAPES = [((70,), (32,)), ((37, 41), (16, 20)), ((1, 90), (1, 64)), ((20, 21, 22), (17, 17, 17)),
          ((4, 5, 6, 7), (3, 2, 6, 4))]
NUMBERS = ("u1", "<u2", ">i4", "<f8")
ROWS = [("a", "<i4"), ("b", ">f4"), ("c", "S3")]


def numbers(kind, shape):
    random = np.random.default_rng(7)
    return (random.poisson(9, shape) * (random.random(shape) < 0.6)).astype(kind)


def blosc2(codec, stage, level=5, block_bytes=0):
    return dict(compression=32026, compression_opts=(0, block_bytes, 0, 0, level, stage, codec))


def blosc2_options():
    codecs = {"blosclz": 0, "lz4": 1, "lz4hc": 2, "zlib": 4, "zstd": 5}
    for name, codec in codecs.items():
        for stage in range(5):  # none, shuffle, bit shuffle, delta, truncation of no bits
            yield f"{name} filter {stage}", blosc2(codec, stage)
    for level in (0, 1, 9):  # 0: stored as they are
        yield f"blosclz level {level}", blosc2(0, 1, level)
        yield f"zstd level {level}", blosc2(5, 1, level)
    for block_bytes in (64, 300, 4096):
        yield f"lz4 blocks of {block_bytes}", blosc2(1, 1, 5, block_bytes)
        yield f"zstd blocks of {block_bytes}", blosc2(5, 2, 5, block_bytes)


BLOSC2 = dict(blosc2_options())
ZFP = {"rate": hdf5plugin.Zfp(rate=12.0), "precision": hdf5plugin.Zfp(precision=20),
       "accuracy": hdf5plugin.Zfp(accuracy=0.01), "reversible": hdf5plugin.Zfp(reversible=True),
       "expert": hdf5plugin.Zfp(minbits=1, maxbits=16657, maxprec=64, minexp=-1074),
       "expert, short": hdf5plugin.Zfp(minbits=200, maxbits=400, maxprec=30, minexp=-20)}
BY_PLUGIN = {
    "sz": (hdf5plugin.SZ(absolute=0.01), 32017, "<f4"),
    "sz3": (hdf5plugin.SZ3(absolute=0.01), 32024, "<f8"),
    "sperr": (hdf5plugin.Sperr(rate=16), 32028, "<f4"),
}
if hasattr(hdf5plugin, "Htj2k"):
    BY_PLUGIN["htj2k"] = (hdf5plugin.Htj2k(), 32033, "<u2")


def create(group, name, **options):
    """A dataset; nothing where the filter does not take such data."""
    try:
        return group.create_dataset(name, **options)
    except (ValueError, RuntimeError, OSError):
        return None


PICTURE = numbers("<u2", (60, 50))


def jpegls(rows):
    """A JPEG-LS stream, as FCIDECOMP makes it."""
    with h5py.File(io.BytesIO(), "w") as file:
        dataset = file.create_dataset("x", data=rows, chunks=rows.shape, **hdf5plugin.FciDecomp())
        return dataset.id.read_direct_chunk((0, 0))[1]


def write_jpegls(file):
    """Filter 32012, which no Python package writes: as it is today, and as it was, in a stream for some rows each."""
    slices = [jpegls(part) for part in np.split(PICTURE, 3)]
    today, earlier = jpegls(PICTURE), b"".join(slices)
    sizes = np.array([len(part) for part in slices], "<u4").tobytes()
    for name, parameters, chunk in (("jpegls", (60, 50, 16, 1), today),
                                    ("jpegls in slices", (50, len(slices), 2), sizes + earlier)):
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk(PICTURE.shape)
        plist.set_filter(32012, h5py.h5z.FLAG_OPTIONAL, parameters)
        dataset = h5py.h5d.create(file.id, name.encode(), h5py.h5t.STD_U16LE,
                                  h5py.h5s.create_simple(PICTURE.shape), plist)
        dataset.write_direct_chunk((0, 0), chunk)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hdf5plugin")
    with h5py.File(folder / "blosc2.h5", "w") as file:
        for name, options in BLOSC2.items():
            group = file.create_group(name)
            for shape, chunks in SHAPES:
                for kind in NUMBERS:
                    group.create_dataset(f"{shape}/{kind}", data=numbers(kind, shape), chunks=chunks, **options)
            rows = np.zeros((30, 5), ROWS)
            rows["a"], rows["c"] = np.arange(150).reshape(30, 5), b"xyz"
            group.create_dataset("rows", data=rows, chunks=(7, 3), **options)
            group.create_dataset("pairs", data=numbers("<i4", (9, 10, 2)), chunks=(4, 4, 2), **options)
            group.create_dataset("checked", data=numbers("<i4", (50, 50)), chunks=(16, 20), shuffle=True,
                                 fletcher32=True, **options)
            group.create_dataset("complex", data=numbers("<c16", (37, 41)), chunks=(16, 20), **options)
            group.create_dataset("alike", data=np.full((40, 50), 2.5), chunks=(16, 20), **options)
            group.create_dataset("zeros", data=np.zeros((40, 50)), chunks=(16, 20), **options)
            group.create_dataset("nan", data=np.full((40, 50), np.nan), chunks=(16, 20), **options)
            group.create_dataset("long", data=np.full(20, b"abc", "S700"), chunks=(6,), **options)
            # Read by the planner's libhdf5, which then has the server's decoder.  (Of texts hdf5plugin's Blosc2 dies.)
            group.create_dataset("scaled", data=numbers("<i4", (50, 50)), chunks=(16, 20), scaleoffset=0, **options)
    with h5py.File(folder / "zfp.h5", "w") as file:
        for name, options in ZFP.items():
            for kind in ("<f4", "<f8", "<i4", "<i8"):
                for shape, chunks in SHAPES:
                    create(file, f"{name}/{kind}/{shape}", data=numbers(kind, shape), chunks=chunks, **options)
    with h5py.File(folder / "fcidecomp.h5", "w") as file:
        for kind in ("u1", "<u2"):
            file.create_dataset(f"{kind}", data=numbers(kind, (70, 90)), chunks=(32, 40), **hdf5plugin.FciDecomp())
            file.create_dataset(f"{kind} planes", data=numbers(kind, (3, 70, 90)), chunks=(3, 32, 40),
                                **hdf5plugin.FciDecomp())
        write_jpegls(file)
    with h5py.File(folder / "plugin.h5", "w") as file:
        for name, (options, _, kind) in BY_PLUGIN.items():
            for shape, chunks in [((70, 90), (32, 40)), ((20, 40, 50), (16, 32, 32))]:
                create(file, f"{name}/{len(shape)}", data=numbers(kind, shape), chunks=chunks, **options)
            file.require_group(name)["plain"] = 5
    return folder


@pytest.fixture(scope="module")
def no_plugins(folder, tmp_path_factory):
    """A server without a single plugin."""
    nothing = str(tmp_path_factory.mktemp("none"))
    with Server({"d": str(folder)}, environment={"HDF5_PLUGIN_PATH": nothing}) as server:
        yield server


@pytest.fixture(scope="module")
def with_plugins(folder):
    with Server({"d": str(folder)}, options=("--plugins", hdf5plugin.PLUGINS_PATH)) as server:
        yield server


def assert_equal(ours, theirs):
    try:
        expected = theirs[()]
    except OSError:
        # h5py has no JPEG-LS, and hdf5plugin writes what it cannot read: blocks that are no multiple of the elements.
        assert theirs.name.split("/")[-1] in ("scaled", "long", "jpegls", "jpegls in slices")
        return
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours[()], expected, err_msg=theirs.name)
    part = tuple(slice(min(1, n - 1), n) for n in theirs.shape)
    np.testing.assert_array_equal(ours[part], expected[part], err_msg=theirs.name)


def assert_all_equal(server, folder, file, group="/"):
    """Gives how many datasets were compared."""
    count = 0
    with h5py.File(folder / file) as theirs, h5cap.File(server.url("d/" + file)) as ours:
        names = []
        theirs[group].visititems(lambda name, found: names.append(name) if isinstance(found, h5py.Dataset) else None)
        for name in names:
            assert_equal(ours[group][name], theirs[group][name])
            count += 1
    return count


@pytest.mark.parametrize("name", BLOSC2)
def test_blosc2(name, folder, no_plugins):
    assert assert_all_equal(no_plugins, folder, "blosc2.h5", name) == len(SHAPES) * len(NUMBERS) + 9


def needs(server, folder, file, number):
    """Skips where the server's build has no decoder of an optional library, after it said so."""
    with h5cap.File(server.url("d/" + file)) as ours:
        names = []
        ours.visititems(lambda name, found: names.append(name) if isinstance(found, h5cap.Dataset) else None)
        try:
            ours[names[0]][()]
        except h5cap.MissingFilter as error:
            assert str(number) in str(error) and "build the server where lib" in str(error)
            pytest.skip(str(error))


@pytest.mark.parametrize("mode", ZFP)
def test_zfp(mode, folder, no_plugins):
    needs(no_plugins, folder, "zfp.h5", 32013)
    assert assert_all_equal(no_plugins, folder, "zfp.h5", mode) >= 16


def test_fcidecomp(folder, no_plugins):
    needs(no_plugins, folder, "fcidecomp.h5", 32018)
    assert assert_all_equal(no_plugins, folder, "fcidecomp.h5") == 6


def test_jpegls(folder, no_plugins):
    needs(no_plugins, folder, "fcidecomp.h5", 32018)
    with h5cap.File(no_plugins.url("d/fcidecomp.h5")) as file:
        for name in "jpegls", "jpegls in slices":
            np.testing.assert_array_equal(file[name][()], PICTURE)


@pytest.mark.parametrize("name", BY_PLUGIN)
def test_filters_without_a_decoder_are_read_with_the_plugins(name, folder, with_plugins):
    assert assert_all_equal(with_plugins, folder, "plugin.h5", name) >= 2  # and the plain one


@pytest.mark.parametrize("name", BY_PLUGIN)
def test_without_the_plugins_the_message_says_what_to_do(name, folder, no_plugins):
    with h5cap.File(no_plugins.url("d/plugin.h5")) as file:
        with pytest.raises(h5cap.MissingFilter) as raised:
            file[name]["2"][()]
        assert file[name]["plain"][()] == 5
    number = BY_PLUGIN[name][1]
    assert f"filter {number} (" in str(raised.value)
    assert "--plugins" in str(raised.value) and "Python package hdf5plugin" in str(raised.value)


def test_own_decoders_go_before_plugins(folder, with_plugins):
    """And nothing changes for what they read."""
    for name in ("lz4 filter 1", "zstd blocks of 300"):
        assert_all_equal(with_plugins, folder, "blosc2.h5", name)


def test_what_is_compared_is_not_all_alike():
    """Negative control."""
    assert all(len(np.unique(numbers(kind, shape))) > 4 for kind in NUMBERS for shape, _ in SHAPES)


def test_every_plugin_is_tried():
    """hdf5plugin has no filter that these tests know nothing of."""
    elsewhere = {"bshuf", "blosc", "bzip2", "lz4", "zstd"}  # test_filters.py
    assert set(hdf5plugin.FILTERS) - elsewhere == {"blosc2", "zfp", "fcidecomp", *BY_PLUGIN}
    assert os.path.isdir(hdf5plugin.PLUGINS_PATH)
