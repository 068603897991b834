"""xarray.open_dataset(url, engine="h5cap") and h5netcdf against the same libraries on the local file: generated
netCDF-4 files, and every group of the real files.  Round trips are counted.

Not covered: writing, which raises.
"""

import pickle
import warnings

import h5netcdf
import h5py
import numpy as np
import pytest
import xarray

import h5cap
from conftest import SHARED

NETCDF = ["climate.nc", "stations.nc"]
REAL = sorted(path.relative_to(SHARED).as_posix()
              for path in SHARED.rglob("*") if path.is_file() and h5py.is_hdf5(path))
MOST_BYTES = 50e6
MOST_GROUPS = 25


@pytest.mark.parametrize("name", NETCDF)
def test_a_netcdf_file_is_what_it_is_locally(name, url, folder):
    ours = xarray.open_dataset(url("netcdf/" + name), engine="h5cap")
    local = xarray.open_dataset(folder / "netcdf" / name, engine="h5netcdf")
    assert ours.sizes == local.sizes
    xarray.testing.assert_identical(ours.load(), local.load())


@pytest.mark.parametrize("name", NETCDF)
def test_groups_are_a_tree(name, url, folder):
    ours = xarray.open_datatree(url("netcdf/" + name), engine="h5cap")
    local = xarray.open_datatree(folder / "netcdf" / name, engine="h5netcdf")
    xarray.testing.assert_identical(ours.load(), local.load())
    group = {"climate.nc": "forecast", "stations.nc": "deep/er"}[name]
    below = xarray.open_dataset(url("netcdf/" + name), engine="h5cap", group=group)
    by_address = xarray.open_dataset(url("netcdf/" + name) + f"?path=/{group}", engine="h5cap")
    xarray.testing.assert_identical(below.load(), by_address.load())
    assert below.variables


def test_opening_costs_few_round_trips_and_a_selection_one(url, trips):
    with trips() as opening:
        data = xarray.open_dataset(url("netcdf/climate.nc"), engine="h5cap")
    # The file, whether references are ids, and values: three coordinates, the first and the last time to see how it is
    # coded.
    assert len(data.data_vars) == 8
    assert opening.round_trips <= 7
    with trips() as reading:
        frame = data["var3"][7, 2:5, ::3].values
    assert reading.round_trips == 1
    assert frame.shape == (3, 10)


def test_without_the_snapshot_lookup_it_would_cost_more(url, trips, monkeypatch):
    """A control of the count above."""
    from h5cap.compat import targets

    monkeypatch.setattr(targets, "_snapshot", lambda native: ())
    with trips() as opening:
        data = xarray.open_dataset(url("netcdf/climate.nc"), engine="h5cap")
    assert opening.round_trips > 7
    assert data["var0"].dims == ("time", "lat", "lon")


@pytest.mark.parametrize("name", REAL)
def test_groups_of_a_real_file_are_what_they_are_locally(name, shared):
    url, path = shared(name)
    groups = ["/"]
    with h5py.File(path) as file:
        file.visititems(lambda at, node: groups.append(at) if isinstance(node, h5py.Group) else None)
    compared = 0
    for group in groups[:MOST_GROUPS]:
        ours, local = opened(url, "h5cap", group), opened(path, "h5netcdf", group)
        if isinstance(local, Exception):
            assert type(ours) is type(local), (group, ours, local)
            continue
        assert not isinstance(ours, Exception), (group, ours)
        assert (ours.sizes, ours.attrs.keys(),
                list(ours.variables)) == (local.sizes, local.attrs.keys(), list(local.variables))
        for variable in local.variables:
            compared += same_values(ours[variable], local[variable])
    assert compared or not any(isinstance(node, h5py.Dataset) for node in nodes(path, groups[:MOST_GROUPS]))


def nodes(path, groups):
    with h5py.File(path) as file:
        for group in groups:
            yield from (file[group].get(name) for name in file[group])


def opened(where, engine, group):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return xarray.open_dataset(where, engine=engine, group=group)
        except (ValueError, OSError, TypeError, KeyError) as error:
            return error


def same_values(ours, local):
    if local.nbytes > MOST_BYTES:
        return 0
    try:
        values = local.values
    except OSError:
        with pytest.raises(OSError):
            ours.values
        return 1
    np.testing.assert_array_equal(ours.values, values)
    return 1


def test_dask_chunks_are_those_of_the_file(url):
    data = xarray.open_dataset(url("netcdf/climate.nc"), engine="h5cap", chunks={})
    assert data["var0"].chunks == ((4, 4, 4), (10, 10), (30,))
    assert float(data["var0"].mean()) == pytest.approx(
        float(xarray.open_dataset(url("netcdf/climate.nc"), engine="h5cap")["var0"].mean()))


def test_many_files_are_one_dataset(url):
    both = xarray.open_mfdataset([url("netcdf/climate.nc")] * 2, engine="h5cap", combine="nested", concat_dim="run")
    assert both["var1"].shape == (2, 12, 20, 30)
    np.testing.assert_array_equal(both["var1"][0].values, both["var1"][1].values)


def test_a_dataset_pickles(url):
    data = xarray.open_dataset(url("netcdf/climate.nc"), engine="h5cap")
    again = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(again["var2"][2].values, data["var2"][2].values)


def test_what_is_pickled_has_no_token(url):
    from h5cap.compat.xarray import file_manager

    manager = file_manager(url("netcdf/climate.nc"), {"phony_dims": "access"}, token="very secret", timeout=7)
    packed = pickle.dumps(manager)
    assert b"very secret" not in packed and b"climate.nc" in packed
    assert "very secret" not in repr(manager)
    assert pickle.loads(packed)._kwargs["token"].value is None


def test_an_open_file_serves_as_well(url):
    with h5cap.File(url("netcdf/climate.nc")) as file:
        data = xarray.open_dataset(file, engine="h5cap")
        assert data["var5"].shape == (12, 20, 30)


@pytest.mark.parametrize("address, error", [
    ("netcdf/absent.nc", FileNotFoundError),
    ("netcdf", OSError),
    ("netcdf/climate.nc?path=/nothing", OSError),
    ("netcdf/climate.nc?path=/var0&slice=1", ValueError),
])
def test_what_cannot_be_opened(address, error, url, server):
    with pytest.raises(error):
        xarray.open_dataset(server.url("data/") + address, engine="h5cap")


class TestH5netcdf:
    def test_a_file_by_the_hooks_own_class(self, url, folder):
        from h5cap.compat.h5netcdf import File

        with File(url("netcdf/stations.nc")) as ours, h5netcdf.File(folder / "netcdf" / "stations.nc") as local:
            assert isinstance(ours, h5netcdf.File)
            self.compare(ours, local)
            assert ours["phase"].datatype.enum_dict == local["phase"].datatype.enum_dict
            assert ours.dimensions["time"].isunlimited() and ours.dimensions["time"].size == 7
            assert repr(ours["temp"]) == repr(local["temp"])

    def compare(self, ours, local):
        assert list(ours.variables) == list(local.variables)
        assert dict(ours.attrs).keys() == dict(local.attrs).keys()
        assert {name: dimension.size for name, dimension in ours.dimensions.items()} == {
            name: dimension.size for name, dimension in local.dimensions.items()}
        for name, variable in local.variables.items():
            mine = ours[name]
            assert (mine.dimensions, mine.shape, mine.dtype, mine.chunks) == (
                variable.dimensions, variable.shape, variable.dtype, variable.chunks)
            assert mine.filters() == variable.filters()
            np.testing.assert_array_equal(mine[...], variable[...])
        for name in local.groups:
            self.compare(ours[name], local[name])

    def test_after_install_by_h5netcdfs_own_name(self, url, folder):
        import h5cap.compat

        h5cap.compat.install("h5netcdf")
        h5cap.compat.install("h5netcdf")
        with h5netcdf.File(url("netcdf/climate.nc")) as ours, h5netcdf.File(folder / "netcdf" / "climate.nc") as local:
            assert type(local) is h5netcdf.File and ours.backend == "h5cap"
            self.compare(ours, local)
        with pytest.raises(ValueError):
            ours["var0"][0]

    @pytest.mark.parametrize("options, error", [
        ({"mode": "w"}, PermissionError), ({"mode": "a"}, PermissionError), ({"phony_dims": "x"}, ValueError),
        ({"backend": "h5pyd"}, ValueError), ({"no_such_option": 1}, TypeError),
    ])
    def test_what_is_not_supported_raises(self, options, error, url):
        from h5cap.compat.h5netcdf import File

        with pytest.raises(error):
            File(url("netcdf/climate.nc"), **options)

    def test_phony_dimensions_are_named_as_locally(self, url, folder):
        from h5cap.compat.h5netcdf import File

        for phony in "access", "sort":
            beside = h5netcdf.File(folder / "scan.nxs", phony_dims=phony)
            with File(url("scan.nxs"), phony_dims=phony) as ours, beside as local:
                for path in "entry/data/data", "entry/sample/temperature":
                    assert ours[path].dimensions == local[path].dimensions
