"""h5cap.compat itself: it costs nothing until it is asked for, and changes other libraries for addresses of h5cap
alone."""

import os
import subprocess
import sys

import pytest

LIBRARIES = ("xarray", "h5netcdf", "h5py", "dask", "distributed", "fsspec", "kerchunk", "zarr", "silx", "nexusformat",
             "pandas", "netCDF4", "tqdm", "IPython")


def python(text, **environment):
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120,
                          env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_h5cap_imports_no_other_library():
    loaded = python("import sys, h5cap; print([m for m in sys.modules if '.' not in m or m.startswith('h5cap')])")
    assert "h5cap._hl.dataset" in loaded  # it was told what is loaded
    assert [name for name in LIBRARIES if f"'{name}'" in loaded] == []
    assert "h5cap.compat" not in loaded


def test_importing_the_package_of_hooks_imports_no_hook():
    loaded = python("import sys, h5cap.compat\n"
                    "print([m for m in sys.modules if '.' not in m or m.startswith('h5cap')])")
    assert [name for name in LIBRARIES if f"'{name}'" in loaded] == []


def test_a_hook_imports_its_own_library_only():
    loaded = python("import sys, h5cap.compat; h5cap.compat.install('h5netcdf'); print([*sys.modules])")
    assert "'h5netcdf'" in loaded
    assert [name for name in ("silx", "nexusformat", "xarray") if f"'{name}'" in loaded] == []


def test_entry_points_name_what_is_there():
    from importlib.metadata import entry_points

    ours = [point for group in ("xarray.backends", "fsspec.specs") for point in entry_points(group=group)
            if point.value.startswith("h5cap.")]
    assert sorted(point.name for point in ours) == ["h5cap", "h5cap", "h5cap+ssh", "h5cap+tcp", "h5cap+unix"]
    for point in ours:
        assert point.load().__module__.startswith("h5cap.compat.")


def test_an_unknown_hook_is_refused():
    import h5cap.compat

    with pytest.raises(ValueError, match="numpy.*h5netcdf"):
        h5cap.compat.install("numpy")


def test_without_the_library_a_named_hook_fails_and_all_of_them_do_not():
    block = "import sys; sys.modules['silx'] = None; import h5cap.compat\n"
    python(block + "try: h5cap.compat.install('silx')\nexcept ImportError: pass\nelse: sys.exit('no error')")
    python("import importlib.util as u; real = u.find_spec\n"
           "u.find_spec = lambda name, *a: None if name == 'silx' else real(name, *a)\n"
           "import sys, h5cap.compat; h5cap.compat.install()\n"
           "assert 'silx' not in sys.modules and 'h5netcdf' in sys.modules")


@pytest.mark.parametrize("text, parts", [
    ("h5cap://host/a/b.h5", ("h5cap://host", "a/b.h5", None, None)),
    ("h5cap:///a/b.h5", ("h5cap://", "a/b.h5", None, None)),
    ("h5cap+unix://%2Frun%2Fs/a%20b.h5", ("h5cap+unix://%2Frun%2Fs", "a b.h5", None, None)),
    ("h5cap+tcp://host:5/a.h5::/x/y", ("h5cap+tcp://host:5", "a.h5", "/x/y", None)),
    ("h5cap+tcp://host:5/a.h5::/x/y[0,1:5]", ("h5cap+tcp://host:5", "a.h5", "/x/y", (0, slice(1, 5, 1)))),
    ("h5cap://h/a.h5?path=/x&slice=...,3", ("h5cap://h", "a.h5", "/x", (Ellipsis, 3))),
])
def test_addresses_are_taken_apart_and_put_together(text, parts):
    from h5cap.compat.address import parse

    named = parse(text)
    assert tuple(named) == parts
    assert parse(named.url)[:2] == parts[:2]


@pytest.mark.parametrize("thing",
                         ["/data/h5cap://x", "h5cap", "file:///a", "h5cap:x", "h5cap+ftp://x", b"h5cap://x", None, 5])
def test_other_things_are_no_addresses(thing):
    from h5cap.compat.address import is_address

    assert not is_address(thing)
