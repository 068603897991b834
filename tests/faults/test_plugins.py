"""What gets into the process that planners are forked from: filters of plugins, and nothing that ends it, hangs it or
brings another libhdf5; nothing of HDF5's environment either.

Not covered: which filters there are (tests/conformance).
"""

import os
import re
import subprocess

import h5cap
import h5py
import numpy as np
import pytest
from support.served import Server, program

SOURCE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support", "plugin.c")
ADDS = 33000
VALUES = np.arange(100, dtype="u1")


def compiled(path, *options):
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(path), *options, SOURCE], check=True)


@pytest.fixture
def plugins(tmp_path):
    folder = tmp_path / "plugins"
    folder.mkdir()
    return folder


@pytest.fixture
def data(tmp_path):
    """A folder with a file whose one chunk has gone through the filter, with the key 1."""
    folder = tmp_path / "data"
    folder.mkdir()
    with h5py.File(folder / "a.h5", "w") as file:
        file["plain"] = VALUES
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk((100,))
        creation.set_filter(ADDS, h5py.h5z.FLAG_OPTIONAL, ())
        dataset = h5py.h5d.create(file.id, b"adds", h5py.h5t.STD_U8LE, h5py.h5s.create_simple((100,)), creation)
        dataset.write_direct_chunk((0,), (VALUES + 1).tobytes(), 0)
    return folder


def served(data, *folders, environment=None):
    return Server({"data": str(data)}, options=[word for folder in folders for word in ("--plugins", str(folder))],
                  environment=environment)


def zygote(server):
    return [pid for pid in server.pids()[1:] if pid not in server.planners()][0]


def libraries(pid):
    with open(f"/proc/{pid}/maps") as maps:
        return {os.path.basename(line.split()[-1]) for line in maps if ".so" in line}


def reads(server, name="adds"):
    with h5cap.File(server.url("data/a.h5")) as file:
        return file[name][()]


def test_the_filter_of_a_plugin_decodes(plugins, data):
    compiled(plugins / "libadds.so")
    with served(data, plugins) as server:
        np.testing.assert_array_equal(reads(server), VALUES)


def test_control_without_the_plugin_the_filter_is_missing(plugins, data):
    with served(data, plugins) as server:
        with pytest.raises(h5cap.MissingFilter, match=str(ADDS)):
            reads(server)
        np.testing.assert_array_equal(reads(server, "plain"), VALUES)


def test_the_first_of_several_folders_counts(plugins, tmp_path, data):
    other = tmp_path / "other"
    other.mkdir()
    compiled(plugins / "libadds.so")
    compiled(other / "libadds.so", "-DKEY=2")
    with served(data, plugins, other) as server:
        np.testing.assert_array_equal(reads(server), VALUES)
    with served(data, other, plugins) as server:
        np.testing.assert_array_equal(reads(server), VALUES - np.uint8(1))


def test_a_plugin_for_another_libhdf5_is_left_out_and_named(plugins, tmp_path, data):
    nothing = tmp_path / "nothing.c"
    nothing.write_text("int nothing_of_it;\n")
    other = tmp_path / "libhdf5_other.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(other), str(nothing)], check=True)
    compiled(plugins / "libadds.so", "-Wl,--no-as-needed", str(other))
    with served(data, plugins) as server:
        with pytest.raises(h5cap.MissingFilter):
            reads(server)
        assert "libhdf5_other.so" not in libraries(zygote(server))
        assert any("libadds.so is left out" in line for line in server.output)


@pytest.mark.parametrize("kind", ["-DCRASHES", "-DHANGS", "text", "nothing"])
def test_a_plugin_that_cannot_be_loaded_takes_nothing_with_it(kind, plugins, data):
    bad = plugins / "liba.so"  # before the good one
    if kind.startswith("-D"):
        compiled(bad, kind)
    else:
        bad.write_text("no library" if kind == "text" else "")
    compiled(plugins / "libgood.so")
    with served(data, plugins) as server:
        np.testing.assert_array_equal(reads(server), VALUES)


def test_a_folder_of_plugins_that_is_not_there_is_wrong_usage(tmp_path):
    done = subprocess.run([program("h5capd"), str(tmp_path), "--plugins", str(tmp_path / "absent")],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "absent" in done.stderr


def test_one_libhdf5_at_most_whatever_the_distribution_installs(data):
    with served(data) as server:
        reads(server, "plain")
        mapped = libraries(zygote(server))
        assert sum(name.startswith("libhdf5") for name in mapped) <= 1, mapped
        if not any(name.startswith("libhdf5") for name in mapped):  # a static one: nothing comes with it
            assert not any(re.match("lib(curl|ssl|ldap|krb5)", name) for name in mapped), mapped


@pytest.mark.parametrize("variable, value", [
    ("HDF5_VOL_CONNECTOR", "nobody under_vol=0;under_info={}"), ("HDF5_DRIVER", "nobody"),
    ("HDF5_DRIVER_CONFIG", "nonsense"), ("HDF5_DISABLE_VERSION_CHECK", "0"), ("HDF5_DEBUG", "all"),
])
def test_the_environment_chooses_no_driver(variable, value, data):
    with served(data, environment={variable: value}) as server:
        np.testing.assert_array_equal(reads(server, "plain"), VALUES)


def test_where_a_static_library_would_look_for_plugins_is_root_s():
    with open(program("h5cap-planner"), "rb") as file:
        found = re.search(rb"[\w/.-]+/lib/plugin:[\w/.-]+", file.read())
    for folder in found[0].decode().split(":") if found else []:
        while not os.path.exists(folder):
            folder = os.path.dirname(folder)
        status = os.stat(folder)
        assert status.st_uid == 0 and status.st_mode & 0o022 == 0, folder
