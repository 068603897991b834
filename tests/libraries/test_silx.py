"""silx.io over h5cap: open, get_data, what silx asks objects, NXdata, and its dictionaries; beside silx on the local
file."""

import numpy as np
import pytest
import silx.io
import silx.io.dictdump
import silx.io.nxdata
from silx.io.url import DataUrl

import h5cap
import h5cap.compat


@pytest.fixture(autouse=True)
def hook():
    h5cap.compat.install("silx")


def test_objects_are_to_silx_what_h5pys_are(url):
    with silx.io.open(url("scan.nxs")) as file:
        assert silx.io.is_file(file) and silx.io.is_group(file) and not silx.io.is_dataset(file)
        assert silx.io.is_group(file["entry"]) and not silx.io.is_file(file["entry"])
        assert silx.io.is_dataset(file["entry/data/data"]) and not silx.io.is_group(file["entry/data/data"])
        assert silx.io.is_softlink(file.get("entry/data/data", getlink=True))
        link = file.get("entry/instrument/detector/data_000001", getlink=True)
        assert silx.io.utils.is_externallink(link) and silx.io.utils.is_link(link)
        assert silx.io.utils.get_h5py_class(file["entry"]).__name__ == "Group"


def test_an_address_may_name_an_object_and_a_slice(url, folder):
    address, local = url("scan.nxs"), str(folder / "scan.nxs")
    for inside in "::/entry/data/data", "?path=/entry/data/data":
        with silx.io.open(address + inside) as data, silx.io.open(local + "::/entry/data/data") as expected:
            assert silx.io.is_dataset(data)
            np.testing.assert_array_equal(data[3], expected[3])
    for inside in "::/entry/data/data[3,10:20]", "?path=/entry/data/data&slice=3,10:20":
        wanted = local + "?path=/entry/data/data&slice=3,10:20"
        with silx.io.open(address + inside) as data, silx.io.open(wanted) as expected:
            np.testing.assert_array_equal(data[()], expected[()])
            assert data.shape == (10, 128)


@pytest.mark.parametrize("inside",
                         ["entry/data/data&slice=3,10:20", "entry/data/data&slice=-1", "entry/title",
                          "entry/sample/temperature"])
def test_get_data(inside, url, folder):
    expected = silx.io.get_data(f"silx:{folder / 'scan.nxs'}?path=/{inside}")
    for address in f"{url('scan.nxs')}?path=/{inside}", f"silx:{url('scan.nxs')}?path=/{inside}":
        found = silx.io.get_data(address)
        assert type(found) is type(expected)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(silx.io.get_data(DataUrl(address)), expected)


def test_get_data_of_an_url_in_parts(url):
    whole = silx.io.get_data(url("scan.nxs") + "::/entry/data/data")
    parts = DataUrl(file_path=url("scan.nxs"), data_path="/entry/data/data", data_slice=(1, slice(0, 3)), scheme="silx")
    np.testing.assert_array_equal(silx.io.get_data(parts), whole[1, :3])


def test_a_slice_costs_the_file_and_one_read(url, trips):
    with trips() as counted:
        silx.io.get_data(url("scan.nxs") + "::/entry/data/data[5,:10]")
    assert counted.round_trips <= 2


def test_the_default_plot_is_found(url, folder):
    with silx.io.open(url("scan.nxs")) as ours, silx.io.open(str(folder / "scan.nxs")) as local:
        found, expected = silx.io.nxdata.get_default(ours), silx.io.nxdata.get_default(local)
        assert (found.signal_name, found.axes_names, found.interpretation) == (
            expected.signal_name, expected.axes_names, expected.interpretation)
        np.testing.assert_array_equal(found.signal[2], expected.signal[2])
        np.testing.assert_array_equal(found.axes[0][()], expected.axes[0][()])


@pytest.mark.parametrize("name", ["nexus/nexus-example.hdf5", "savu/i18_test_data.nxs", "savu/testfluo2.nxs"])
def test_a_real_file_is_the_same_dictionary(name, shared):
    address, path = shared(name)
    with silx.io.open(address) as ours, silx.io.open(str(path)) as local:
        found = silx.io.dictdump.nxtodict(ours, asarray=False)
        expected = silx.io.dictdump.nxtodict(local, asarray=False)
        compare(found, expected)
        assert expected


def compare(found, expected, at=""):
    assert found.keys() == expected.keys(), at
    for name, value in expected.items():
        if isinstance(value, dict):
            compare(found[name], value, f"{at}/{name}")
        else:
            np.testing.assert_array_equal(found[name], value, err_msg=f"{at}/{name}")


def test_groups_are_matched(url, folder):
    with silx.io.open(url("scan.nxs")) as ours, silx.io.open(str(folder / "scan.nxs")) as local:
        assert list(silx.io.utils.match(ours, "entry/*/data")) == list(silx.io.utils.match(local, "entry/*/data"))


@pytest.mark.parametrize("does, error", [
    (lambda url: silx.io.open(url("absent.h5")), OSError),
    (lambda url: silx.io.open(url("scan.nxs") + "::/nothing"), OSError),
    (lambda url: silx.io.open(url("scan.nxs") + "::/entry[3]"), OSError),
    (lambda url: silx.io.get_data(url("scan.nxs") + "::/nothing"), ValueError),
    (lambda url: silx.io.get_data(url("scan.nxs") + "::/entry"), ValueError),
    (lambda url: silx.io.get_data(url("scan.nxs")), ValueError),
    (lambda url: silx.io.open("ftp://host/file.h5"), OSError),
    (lambda url: silx.io.open("/nowhere/at/all.h5"), OSError),
])
def test_what_fails(does, error, url):
    with pytest.raises(error):
        does(url)


def test_local_files_are_silxs_own(folder):
    with silx.io.open(str(folder / "scan.nxs")) as file:
        assert type(file).__module__.startswith("h5py")
