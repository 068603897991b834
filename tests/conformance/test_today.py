"""Files of today's h5py (3.16) in every bound of the format, of every type, layout, chunk index and filter that it
writes, and growing under a SWMR writer, are what local h5py says they are: every fact, by the comparison that the
generated files are held to.

Not covered: Blosc2 (its decoder is another matter); with planners before HDF5 2.0 the bounds that these cannot read.
"""

import os
import pathlib
import subprocess
import textwrap

import compare
import describe
import h5cap
import numpy as np
import pytest
from support import planner
from support.served import Server, client_python, program

import h5py

READS_ALL = planner.library_version() >= (2,)
OLD_BOUNDS = ["earliest", "v108", "v110"]
NEW_FILES = ["v112", "v114", "v200", "latest", "complex", "small floats"]
STEPS = 6


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("today")
    subprocess.run([client_python(), os.path.join(compare.HERE, "files_today.py"), str(folder)], check=True,
                   timeout=300)
    with Server({"today": str(folder)}) as server:
        files = {name: (str(folder / f"{name}.h5"), server.url(f"today/{name}.h5"))
                 for name in OLD_BOUNDS + (NEW_FILES if READS_ALL else [])}
        expected = compare.describe(client_python(), "h5py", [{"name": name, "address": local}
                                                              for name, (local, _) in files.items()])
        found, _ = compare.compare_served(server, files, expected)
        assert server.alive()
    return {report.name: report for report in found}


def assert_equal(report, at_least):
    assert not report.different, "\n".join(f"{d.path} {d.aspect}\n  h5py   {d.oracle}\n  h5cap  {d.subject}"
                                           for d in report.different[:20])
    assert not report.absent, "\n".join(f"{d.path} {d.aspect}: {d.subject}" for d in report.absent[:20])
    assert report.equal >= at_least


@pytest.mark.parametrize("name", OLD_BOUNDS)
def test_formats_that_any_library_reads(name, reports):
    assert_equal(reports[name], 3000)


@pytest.mark.skipif(not READS_ALL, reason="too new for the planner's libhdf5")
@pytest.mark.parametrize("name", NEW_FILES)
def test_formats_of_newer_libraries(name, reports):
    assert_equal(reports[name], 3000 if name.startswith(("v", "latest")) else 200)


WRITER = textwrap.dedent("""
    import sys
    import h5py, numpy as np
    path, bound = sys.argv[1:]
    with h5py.File(path, "w", libver=(bound, bound)) as file:
        kinds = {"plain": {}, "gzip": dict(compression="gzip"), "checked": dict(fletcher32=True, shuffle=True)}
        grown = []
        for name, options in kinds.items():
            grown.append(file.create_dataset(name, (0, 5), "<i4", chunks=(4, 5), maxshape=(None, 5), **options))
            grown.append(file.create_dataset(name + " wide", (0, 3), "<f8", chunks=(4, 2), maxshape=(None, None),
                                             **options))
        record = [("n", "<i4"), ("ok", "?"), ("z", "<c8")]
        grown.append(file.create_dataset("record", (0,), record, chunks=(8,), maxshape=(None,), compression="gzip"))
        grown.append(file.create_dataset("fixed text", (0,), "S7", chunks=(8,), maxshape=(None,)))
        file.attrs["flag"] = True
        file.swmr_mode = True
        print("ready", flush=True)
        for count in map(int, sys.stdin):
            for dataset in grown:
                old = dataset.shape[0]
                dataset.resize(old + count, 0)
                if dataset.name == "/record":
                    dataset["n", old:] = np.arange(old, old + count)
                elif dataset.name == "/fixed text":
                    dataset[old:] = np.array([b"row %d" % i for i in range(old, old + count)])
                else:
                    width = dataset.shape[1]
                    dataset[old:] = np.arange(old * width, (old + count) * width).reshape(count, width)
                if dataset.name.endswith("wide") and dataset.shape[1] < 6:
                    dataset.resize(dataset.shape[1] + 1, 1)
                dataset.flush()
            print("written", flush=True)
""")


def visited(module, file, visits):
    with file:
        describe.Reading.file = file
        return {"": {"open": {"is": None}}, **describe.Walk(module, file, visits).run()}


@pytest.mark.parametrize("bound", ["v110"] + (["v112", "v114", "v200", "latest"] if READS_ALL else []))
def test_a_file_that_grows_under_a_swmr_writer(bound, tmp_path):
    path = pathlib.Path(tmp_path) / "growing.h5"
    writer = subprocess.Popen([client_python(), "-u", "-c", WRITER, str(path), bound], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout.readline() == "ready\n"
        with Server({"growing": str(tmp_path)}) as server, \
                h5cap.File(server.url("growing/growing.h5"), swmr=True) as held:
            for step in range(STEPS):
                writer.stdin.write(f"{1 + 5 * step}\n")
                writer.stdin.flush()
                assert writer.stdout.readline() == "written\n"
                expected = visited(h5py, h5py.File(path, "r", swmr=True), None)
                actual = visited(h5cap, h5cap.File(server.url("growing/growing.h5")), compare.visits_of(expected))
                assert_equal(compare.compare("growing", expected, actual), 200)
                rows = sum(1 + 5 * earlier for earlier in range(step + 1))
                for name in "plain", "gzip", "checked":
                    dataset = held[name]
                    dataset.refresh()
                    assert (dataset[()] == np.arange(rows * 5).reshape(rows, 5)).all()
    finally:
        writer.stdin.close()
        assert writer.wait(60) == 0


@pytest.mark.skipif(not READS_ALL, reason="too new for the planner's libhdf5")
@pytest.mark.parametrize("dtype", ["f4", ">f8", "i2", "u1", "c8", "c16", ">c16", "?", "S4"])
def test_complex_numbers_as_other_types(dtype, tmp_path):
    """What local h5py gives, or refuses by an exception of the same class."""
    subprocess.run([client_python(), "-c", "import sys, files_today; files_today.write_complex(sys.argv[1])",
                    str(tmp_path / "complex.h5")], check=True, timeout=60, cwd=compare.HERE)

    def outcome(file, name):
        try:
            found = file[name].astype(dtype)[()]
        except Exception as problem:
            return type(problem)
        return found.dtype, found.tolist()

    with Server({"files": str(tmp_path)}) as server, h5cap.File(server.url("files/complex.h5")) as file, \
            h5py.File(tmp_path / "complex.h5") as original:
        for name in "F32LE/contiguous", "F64BE/chunked", "F64LE/deflate", "old":
            if name == "F64BE/chunked" and dtype == "i2":
                continue  # of a big-endian -0.25 HDF5 2.0.0 makes the smallest integer
            assert outcome(file, name) == outcome(original, name), name
        reals = [(member, dtype) for member in "zw"]
        if dtype == "f4":
            for name in "F64LE/record", "F32BE/record":
                assert (file[name].astype(reals)[()] == original[name].astype(reals)[()]).all()


@pytest.mark.skipif(not READS_ALL, reason="too new for the planner's libhdf5")
def test_the_command_line_shows_complex_numbers(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w", libver="latest") as file:
        space, values = h5py.h5s.create_simple((3,)), np.array([1 + 2j, 0.5 - 4j, -1])
        made = h5py.h5d.create(file.id, b"z", h5py.h5t.COMPLEX_IEEE_F64LE, space)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
    with Server({"files": str(tmp_path)}) as server:
        shown = subprocess.run([program("h5cap"), "cat", server.url("files/a.h5"), "/z"], capture_output=True,
                               text=True, timeout=60)
    assert shown.stdout.split() == ["1+2j", "0.5-4j", "-1+0j"], shown
