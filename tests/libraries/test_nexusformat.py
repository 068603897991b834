"""nexusformat's tree over h5cap: the same tree as from the local file, fields read lazily, plottable data found,
external links followed; and what a server does not do raises."""

import h5py
import nexusformat.nexus as nx
import numpy as np
import pytest

import h5cap.compat


@pytest.fixture(autouse=True)
def hook():
    h5cap.compat.install("nexusformat")


def lines(tree, ours=""):
    """A tree's text, with targets of external links by the file's name alone."""
    return [line.replace(ours, "") for line in tree.splitlines()]


@pytest.mark.parametrize("recursive", [True, False])
def test_the_tree_is_that_of_the_local_file(recursive, url, folder):
    ours = nx.nxload(url("scan.nxs"), recursive=recursive)
    local = nx.nxload(folder / "scan.nxs", recursive=recursive)
    assert isinstance(ours, nx.NXroot) and isinstance(ours.entry.data, nx.NXdata)
    found, expected = lines(ours.tree, url("")), lines(local.tree)
    different = [(a.strip(), b.strip()) for a, b in zip(found, expected) if a != b]
    # NXvirtualfield takes each source of a virtual dataset for one frame.
    assert different == [("data = uint16(12x128x128)", "data = uint16(1x128x128)"),
                         ("data_gzip = uint16(12x128x128)", "data_gzip = uint16(1x128x128)")]
    assert len(found) == len(expected)


@pytest.mark.parametrize("name",
                         ["nexus/nexus-example.hdf5", "nexus/538039.nxs", "nexus/p45-1168.nxs",
                          "savu/i18_test_data.nxs",
                                  "savu/kinematics_data.nxs", "savu/mm.nxs"])
def test_the_tree_of_a_real_file(name, shared):
    address, path = shared(name)
    ours, local = nx.nxload(address, recursive=True), nx.nxload(path, recursive=True)
    folder = address.rpartition("/")[0] + "/"
    assert lines(ours.tree, folder) == lines(local.tree)
    compared = 0
    for mine, field in zip(ours.walk(), local.walk()):
        assert mine.nxpath == field.nxpath
        if isinstance(field, nx.NXfield) and not isinstance(field, nx.NXlink) and field.nbytes < 5e6:
            np.testing.assert_array_equal(mine.nxvalue, field.nxvalue, err_msg=field.nxpath)
            compared += 1
    assert compared


def test_fields_are_read_lazily_and_by_slices(url, folder, trips):
    with trips() as counted:
        root = nx.nxload(url("scan.nxs"), recursive=True)
    opening = counted.bytes_received
    field = root["entry/instrument/detector/data"]
    assert opening < field.nbytes / 4
    with trips() as counted:
        part = field[3, 10:20, :5].nxvalue
    assert counted.bytes_received < 10_000
    assert counted.round_trips <= 2  # the file again, and the slice
    with h5py.File(folder / "scan.nxs") as file:
        np.testing.assert_array_equal(part, file["entry/instrument/detector/data"][3, 10:20, :5])


def test_plottable_data_is_found(url, folder):
    ours, local = nx.nxload(url("scan.nxs")).plottable_data, nx.nxload(folder / "scan.nxs").plottable_data
    assert ours.nxpath == local.nxpath == "/entry/data"
    assert ours.nxsignal.nxpath == local.nxsignal.nxpath
    assert ours.nxsignal.shape == (12, 128, 128)
    np.testing.assert_array_equal(ours.nxaxes[0].nxvalue, local.nxaxes[0].nxvalue)
    part = ours[2:4]  # an NXdata of the slab, axes included
    np.testing.assert_array_equal(part.nxaxes[0].nxvalue, local.nxaxes[0].nxvalue[2:4])
    with h5py.File(folder / "scan.nxs") as file:
        np.testing.assert_array_equal(part.nxsignal.nxvalue, file["entry/data/data"][2:4])


def test_an_external_link_names_an_address_and_is_followed(url, folder):
    root = nx.nxload(url("scan.nxs"))
    field = root["entry/instrument/detector/data_000001"]
    assert field.nxfilename == url("data/bslz4_000001.h5") and field.exists()
    with h5py.File(folder / "data" / "bslz4_000001.h5") as file:
        np.testing.assert_array_equal(field[4].nxvalue, file["entry/data/data"][4])


def test_links_within_the_file_are_followed(url):
    root = nx.nxload(url("scan.nxs"))
    assert isinstance(root["entry/data/data"], nx.NXlinkfield)
    np.testing.assert_array_equal(root["entry/data/data"][1].nxvalue, root["entry/instrument/detector/data"][1].nxvalue)


def test_a_change_is_noticed(tmp_path):
    from support.served import Server

    path = tmp_path / "f.nxs"
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        file["entry/x"] = [1, 2, 3]
        file["entry"].attrs["NX_class"] = "NXentry"
    with Server({"d": str(tmp_path)}) as running:
        root = nx.nxload(running.url("d/f.nxs"))
        assert not root.is_modified() and root.exists()
        with h5py.File(path, "r+") as file:
            file["entry/x"][...] = [4, 5, 6]
            file["entry/y"] = 1
        assert root.is_modified()
        root.reload()
        assert "y" in root.entry and root.entry.x.nxvalue.tolist() == [4, 5, 6]
        path.unlink()
        assert not root.exists()


def test_a_file_object(url):
    with nx.NXFile(url("scan.nxs")) as file:
        assert isinstance(file, nx.NXFile) and type(file) is not nx.NXFile
        assert file.readpath("entry/sample/temperature").nxvalue[0] == 300
        assert "entry/sample" in file and "nothing" not in file
        assert file.mode == "r" and file.filename == url("scan.nxs") and not file.is_locked()


@pytest.mark.parametrize("does", [
    lambda url: nx.nxload(url("absent.nxs")),
    lambda url: nx.nxload(url("scan.nxs"), mode="rw"),
    lambda url: nx.NXFile(url("scan.nxs"), "w"),
    lambda url: nx.nxload(url("data")),
    lambda url: nx.nxload("/nowhere/at/all.nxs"),
])
def test_what_fails_is_a_nexus_error(does, url):
    with pytest.raises(nx.NeXusError):
        does(url)


def test_values_cannot_be_written(url):
    root = nx.nxload(url("scan.nxs"))
    with pytest.raises(nx.NeXusError):
        root.entry.title = "another"


def test_local_files_are_nexusformats_own(folder):
    with nx.NXFile(folder / "scan.nxs") as file:
        assert type(file) is nx.NXFile
    assert nx.nxload(folder / "scan.nxs").nxfilename == str(folder / "scan.nxs")
