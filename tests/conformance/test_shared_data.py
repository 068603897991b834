"""Real files compare as the generated ones do: those below ../shared/data or $H5CAP_TEST_DATA, when there are any.

Not covered: files that Debian's h5py cannot open.
"""

import os
import pathlib

import compare
import pytest

FOLDER = pathlib.Path(os.environ.get("H5CAP_TEST_DATA",
                                     pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"))
FILES = compare.hdf5_files(FOLDER) if FOLDER.is_dir() else []


@pytest.fixture(scope="module")
def reports():
    return {report.name: report for report in compare.compare_paths([str(FOLDER)])}


@pytest.mark.skipif(not FILES, reason=f"no data at {FOLDER}")
@pytest.mark.parametrize("file", FILES, ids=lambda file: os.path.relpath(file, FOLDER))
def test_shared_file(file, reports):
    report = reports[os.path.relpath(file, FOLDER)]
    assert not report.different, "\n".join(f"{d.path} {d.aspect}\n  oracle {d.oracle}\n  h5cap  {d.subject}"
                                           for d in report.different[:20])
    assert report.equal > 0
