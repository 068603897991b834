"""The wheel that tools/wheel builds: what is in it, that it installs into an empty environment with NumPy and nothing
else, links no library of Debian's but the C and C++ runtimes, and reads from a running server.  With H5CAP_CLEAN_ROOT,
the folder of a system without Cap'n Proto (as debootstrap makes it, with Python), the same in there; that needs root.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap
import zipfile

import h5py
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support.served import Server, client_python  # noqa: E402

MOST_BYTES = 2_000_000  # four libraries of Cap'n Proto, 1.1 MB; Debian's static ones cannot be linked into a module
SECONDS = 1200
# What every Linux of manylinux's age has.
RUNTIME = re.compile(r"(linux-vdso|ld-linux-.*|libc|libm|libpthread|libdl|librt|libstdc\+\+|libgcc_s)\.so[.\d]*")
READ = """
    import sys
    import h5cap
    import numpy as np
    with h5cap.File(sys.argv[1]) as file:
        assert file["frames"].shape == (20, 64, 64) and file["frames"].dtype == np.uint16
        assert file["frames"][7, 3:5].sum() == 2 * 64 * 7
        assert file["title"].asstr()[()] == "ünï"
        file._repr_html_(), file["frames"]._repr_html_()
    for loaded in sorted({line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}):
        print(loaded)
"""

pytestmark = [pytest.mark.long, pytest.mark.timeout(SECONDS)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    if "H5CAP_WHEEL" in os.environ:
        return pathlib.Path(os.environ["H5CAP_WHEEL"])  # built before
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run([ROOT / "tools" / "wheel", folder], env={**os.environ, "H5CAP_PYTHON": client_python()},
                           capture_output=True, text=True, timeout=SECONDS)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    assert built.stdout.strip() == str(path)
    return path


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    with h5py.File(folder / "scan.h5", "w", libver=("earliest", "v110")) as file:
        frames = np.repeat(np.arange(20, dtype="u2"), 64 * 64).reshape(20, 64, 64)
        file.create_dataset("frames", data=frames, chunks=(1, 64, 64), compression="gzip")
        file["title"] = "ünï"
    with Server({"data": str(folder)}, tcp=True) as server:
        yield server


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """A virtual environment with the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("environment")
    # What is on PYTHONPATH is not installed.
    others = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([sys.base_prefix + "/bin/python3", "-m", "venv", folder], check=True, timeout=120, env=others)
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel],
                   check=True, timeout=300, env=others)
    return folder


def clean(environment):
    """No variable through which anything of ours could be found."""
    return {"PATH": f"{environment}/bin:/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}


def test_the_wheel_is_small_typed_and_for_any_linux(wheel):
    assert re.fullmatch(r"h5cap-[\d.]+-cp\d+-cp\d+-manylinux_2_\d+_\w+\.whl", wheel.name)
    print(f"{wheel.name}: {wheel.stat().st_size} bytes")
    assert wheel.stat().st_size < MOST_BYTES
    names = zipfile.ZipFile(wheel).namelist()
    assert {"h5cap/__init__.py", "h5cap/py.typed", "h5cap/_h5cap.pyi", "h5cap/show/notebook.py"} <= set(names)
    (module,) = [name for name in names if re.fullmatch(r"h5cap/_h5cap\..*\.so", name)]
    libraries = {re.split(r"(-\d+)?-[0-9a-f]{8}", name.split("/")[1])[0] for name in names
                 if name.startswith("h5cap.libs/lib")}
    assert libraries <= {"libkj", "libkj-async", "libcapnp", "libcapnp-rpc", "libfmt", "libdeflate"}
    assert not [name for name in names if name.startswith(("h5cap/src", "bin/", "include/", "lib/"))]


def test_auditwheel_finds_nothing_to_object(wheel):
    shown = subprocess.run([client_python(), "-m", "auditwheel", "show", wheel], capture_output=True, text=True,
                           timeout=120, check=True).stdout
    tag = re.search(r"manylinux_2_\d+", wheel.name)[0]
    assert "is consistent with the following platform tag" in " ".join(shown.split()) and tag in shown


def test_it_asks_for_numpy_only(environment):
    command = [environment / "bin" / "python", "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True,
                            env=clean(environment)).stdout
    assert {line.split("==")[0] for line in listed.split()} <= {"h5cap", "numpy", "pip", "setuptools", "wheel"}


def test_it_links_what_it_brings_and_the_runtime(environment):
    (module,) = environment.glob("lib/python3*/site-packages/h5cap/_h5cap.*.so")
    linked = subprocess.run(["ldd", module], capture_output=True, text=True, timeout=60, check=True,
                            env=clean(environment)).stdout
    assert "not found" not in linked
    for line in linked.splitlines():
        name, path = line.split()[0], line.split("=> ")[1].split(" ")[0] if "=> " in line else ""
        assert RUNTIME.fullmatch(pathlib.Path(name).name) or path.startswith(str(environment)), line


def test_it_reads_from_a_server(environment, served):
    done = subprocess.run([environment / "bin" / "python", "-c", textwrap.dedent(READ), served.url("data/scan.h5")],
                          cwd="/", env=clean(environment), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    foreign = [path for path in done.stdout.split() if re.search(r"libkj|libcapnp|libhdf5", path)
               and not path.startswith(str(environment))]
    assert foreign == [] and "_h5cap" in done.stdout


def test_a_library_of_debians_would_be_noticed(served):
    """The negative control: an installation from a clone does load Debian's."""
    done = subprocess.run([client_python(), "-c", textwrap.dedent(READ), served.url("data/scan.h5")],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert re.search(r"/usr/lib/\S*libkj", done.stdout)


def test_it_reads_in_a_system_without_capn_proto(wheel, environment, served, tmp_path):
    root = os.environ.get("H5CAP_CLEAN_ROOT")
    if not root:
        pytest.skip("H5CAP_CLEAN_ROOT names no system to try it in")
    root = pathlib.Path(root)
    assert not list(root.glob("usr/lib/*/libkj*"))
    inside = pathlib.Path("tmp") / f"h5cap-wheel-{os.getpid()}"
    try:
        packages = next(environment.glob("lib/python3*/site-packages"))
        shutil.copytree(packages, root / inside)
        done = subprocess.run(["unshare", "-m", "chroot", root, "/usr/bin/env", "-i", f"PYTHONPATH=/{inside}",
                               "LANG=C.UTF-8", "/bin/sh", "-c",
                               '/bin/mount -t proc proc /proc && exec /usr/bin/python3 -c "$0" "$1"',
                               textwrap.dedent(READ), served.tcp_url("data/scan.h5")],
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert f"/{inside}/h5cap/_h5cap" in done.stdout
    finally:
        shutil.rmtree(root / inside, ignore_errors=True)
