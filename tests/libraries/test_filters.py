"""Files that hdf5plugin's filters wrote are read as h5py reads them; of what no decoder is known, the error names
it."""

import h5py
import hdf5plugin
import numpy as np
import pytest

import h5cap
from support.served import Server

READ = {
    "bitshuffle": hdf5plugin.Bitshuffle(cname="none"),
    "bitshuffle-lz4": hdf5plugin.Bitshuffle(cname="lz4"),
    "bitshuffle-lz4-block": hdf5plugin.Bitshuffle(nelems=1024, cname="lz4"),
    "bitshuffle-zstd": hdf5plugin.Bitshuffle(cname="zstd", clevel=5),
    "bzip2": hdf5plugin.BZip2(blocksize=5),
    "lz4": hdf5plugin.LZ4(),
    "lz4-block": hdf5plugin.LZ4(nbytes=300),
    "zstd": hdf5plugin.Zstd(clevel=7),
    **{f"blosc-{name}-{shuffle}": hdf5plugin.Blosc(cname=name, clevel=5, shuffle=shuffle)
       for name in ("blosclz", "lz4", "lz4hc", "zlib", "zstd") for shuffle in (0, 1, 2)},
    **{f"blosc2-{name}": hdf5plugin.Blosc2(cname=name) for name in ("blosclz", "lz4", "lz4hc", "zlib", "zstd")},
}
REFUSED = {
    "sperr": (hdf5plugin.Sperr(rate=10), 32028, "<f4"),
    "sz3": (hdf5plugin.SZ3(absolute=0.1), 32024, "<f4"),
}
TYPES = ("<u2", ">i4", "<f8", "|u1")


def content(dtype):
    random = np.random.default_rng(5)
    return (random.poisson(20, (3, 70, 90)) * (random.random((3, 70, 90)) < 0.3)).astype(dtype)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A served file with every filter, in h5cap and in h5py."""
    folder = tmp_path_factory.mktemp("filters")
    with h5py.File(folder / "filters.h5", "w", libver=("earliest", "v110")) as file:
        for name, filters in READ.items():
            for dtype in TYPES:
                file.create_dataset(f"{name}/{dtype}", data=content(dtype), chunks=(1, 32, 45), **filters)
                file.create_dataset(f"{name}/{dtype} after shuffle", data=content(dtype), chunks=(2, 70, 90),
                                    shuffle=True, **filters)
        file.create_dataset("zfp", data=content("<f4")[0], chunks=(70, 90), **hdf5plugin.Zfp(reversible=True))
        for name, (filters, _, dtype) in REFUSED.items():
            file.create_dataset(name, data=content(dtype)[0], chunks=(70, 90), **filters)
        file["plain"] = [1, 2, 3]
    with Server({"d": str(folder)}) as server, h5py.File(folder / "filters.h5") as theirs, \
            h5cap.File(server.url("d/filters.h5")) as ours:
        yield ours, theirs


@pytest.mark.parametrize("name", READ)
def test_a_filter_is_undone(name, files):
    ours, theirs = files
    for dtype in theirs[name]:
        expected = theirs[name][dtype][...]
        np.testing.assert_array_equal(expected, content(dtype.split()[0]))  # the file is what it should be
        found = ours[name][dtype]
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found[...], expected, err_msg=dtype)
        np.testing.assert_array_equal(found[1:, 31:34, 44:46], expected[1:, 31:34, 44:46])


@pytest.mark.parametrize("name", REFUSED)
def test_a_filter_without_a_decoder_is_named(name, files):
    ours, _ = files
    number = REFUSED[name][1]
    assert ours[name].shape == (70, 90) and number in ours[name].filter_ids
    with pytest.raises(h5cap.MissingFilter, match=str(number)):
        ours[name][0]
    assert ours["plain"][:].tolist() == [1, 2, 3]  # and nothing else suffers


def test_zfp_is_undone_where_the_build_has_its_library(files):
    """It has after tools/setup; a server without it names the filter."""
    ours, _ = files
    try:
        found = ours["zfp"][...]
    except h5cap.MissingFilter as error:
        assert "32013" in str(error)
    else:
        np.testing.assert_array_equal(found, content("<f4")[0])
