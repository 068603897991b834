"""pandas.DataFrame of what a compound dataset reads as, whole, by rows and by fields; beside h5py's."""

import h5py
import numpy as np
import pandas
import pytest

import h5cap

TABLES = {
    "cooler/yeast.10kb.cool": ["bins/chrom", "bins/start", "chroms/name", "pixels/count"],
    "savu/kinematics_data.nxs": [],
    "ont/read_file_v0.6_raw.fast5": [],
}


def test_a_table_is_a_data_frame(url, folder):
    with h5cap.File(url("scan.nxs")) as ours, h5py.File(folder / "scan.nxs") as local:
        table, expected = ours["entry/sample/positions"], local["entry/sample/positions"]
        pandas.testing.assert_frame_equal(pandas.DataFrame(table[...]), pandas.DataFrame(expected[...]))
        pandas.testing.assert_frame_equal(pandas.DataFrame(table[3:7]), pandas.DataFrame(expected[3:7]))
        picked = pandas.DataFrame(table.fields(["x", "moving"])[:5])
        pandas.testing.assert_frame_equal(picked, pandas.DataFrame(expected.fields(["x", "moving"])[:5]))
        assert list(picked.columns) == ["x", "moving"]


def test_fields_come_in_one_round_trip(url, trips):
    with h5cap.File(url("scan.nxs")) as file:
        table = file["entry/sample/positions"]
        with trips() as counted:
            pandas.DataFrame(table[...])
        assert counted.round_trips == 1


def test_strings_and_enumerations_become_columns(url, tmp_path):
    from support.served import Server

    kind = np.dtype([("name", h5py.string_dtype()), ("fixed", "S4"),
                     ("state", h5py.enum_dtype({"OFF": 0, "ON": 1}, "u1")),
                     ("value", "<f4"), ("vector", "<i2", (3,))])
    rows = np.array([("ä", b"ab", 0, 1.5, [1, 2, 3]), ("", b"cdef", 1, -2, [4, 5, 6])], kind)
    with h5py.File(tmp_path / "t.h5", "w", libver=("earliest", "v110")) as file:
        file["table"] = rows
    with Server({"d": str(tmp_path)}) as server, h5cap.File(server.url("d/t.h5")) as ours, h5py.File(
        tmp_path / "t.h5") as local:
        scalars = ["name", "fixed", "state", "value"]
        pandas.testing.assert_frame_equal(pandas.DataFrame(ours["table"][...][scalars]),
                                          pandas.DataFrame(local["table"][...][scalars]))


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_real_files(name, shared):
    address, path = shared(name)
    with h5cap.File(address) as ours, h5py.File(path) as local:
        paths = []
        local.visititems(lambda at, node: paths.append(at) if isinstance(node, h5py.Dataset)
                         and node.dtype.names else None)
        for at in paths + TABLES[name]:
            pandas.testing.assert_frame_equal(pandas.DataFrame(ours[at][:500]), pandas.DataFrame(local[at][:500]))
        assert paths or TABLES[name]
