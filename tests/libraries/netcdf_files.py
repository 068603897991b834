"""Writes netCDF-4 files with h5netcdf and with netCDF's own library: dimension scales, unlimited dimensions, packed
variables, strings, characters, enumerations, groups."""

import numpy as np


def write_netcdf_files(folder):
    write_with_h5netcdf(folder / "climate.nc")
    write_with_netcdf(folder / "stations.nc")


def write_with_h5netcdf(path):
    import h5netcdf

    random = np.random.default_rng(3)
    with h5netcdf.File(path, "w", libver=("earliest", "v110")) as file:
        file.dimensions = {"time": None, "lat": 20, "lon": 30}
        file.resize_dimension("time", 12)
        time = file.create_variable("time", ("time",), "f8")
        time[:] = np.arange(12) * 6.0
        time.attrs["units"] = "hours since 2024-01-01"
        file.create_variable("lat", ("lat",), "f4")[:] = np.linspace(-90, 90, 20)
        file.create_variable("lon", ("lon",), "f4")[:] = np.linspace(0, 360, 30, endpoint=False)
        for i in range(8):
            variable = file.create_variable(f"var{i}", ("time", "lat", "lon"), "i2", chunks=(4, 10, 30),
                                            compression="gzip",
                                            fillvalue=np.int16(-999))
            variable[:] = random.integers(0, 1000, (12, 20, 30))
            variable[3, 5] = -999
            variable.attrs["scale_factor"] = 0.1
            variable.attrs["add_offset"] = 5.0
            variable.attrs["long_name"] = "température"
        group = file.create_group("forecast")
        group.create_variable("mean", ("lat", "lon"), "f8")[:] = 1.5
        file.attrs["title"] = "a netCDF-4 file"


def write_with_netcdf(path):
    import netCDF4

    with netCDF4.Dataset(path, "w") as file:
        for name, size in (("time", None), ("station", 5), ("strlen", 8), ("bare", 3)):
            file.createDimension(name, size)
        time = file.createVariable("time", "i4", ("time",))
        time.units = "days since 2000-01-01"
        time[:] = np.arange(7)
        file.createVariable("station", str, ("station",))[:] = np.array([f"st{i}ü" for i in range(5)], object)
        temperature = file.createVariable("temp", "f4", ("time", "station"), zlib=True, fill_value=-1e20)
        temperature[:] = np.arange(35).reshape(7, 5)
        temperature.coordinates = "lat lon"
        file.createVariable("lat", "f8", ("station",))[:] = range(5)
        file.createVariable("lon", "f8", ("station",))[:] = range(5)
        codes = np.array([f"code{i}".ljust(8) for i in range(5)], "S8")
        file.createVariable("code", "S1", ("station", "strlen"))[:] = netCDF4.stringtochar(codes)
        phase = file.createEnumType(np.uint8, "phase_t", {"solid": 0, "liquid": 1, "gas": 2})
        file.createVariable("phase", phase, ("station",), fill_value=0)[:] = [0, 1, 2, 1, 0]
        file.createVariable("nocoord", "f8", ("bare", "station"))[:] = 1.0
        file.title, file.numbers, file.one, file.texts = "netCDF4", np.arange(3), np.float32(2.5), ["a", "b"]
        group = file.createGroup("deep/er")
        group.createDimension("x", 4)
        group.createVariable("x", "f4", ("x",))[:] = range(4)
        group.createVariable("y", "f4", ("time", "x"))[:] = np.ones((7, 4))
