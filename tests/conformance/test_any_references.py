"""References of HDF5 1.12's own type, which may be to objects, to regions and to attributes: by their kind and name,
and followed.  h5py cannot read them, so the expected values are what was written.

Not covered: references into other files.
"""

import os
import pickle
import subprocess

import compare
import h5cap
import numpy as np
import pytest
from h5cap import h5r
from support import planner
from support.served import Server, client_python, program

DATA = np.arange(60).reshape(6, 10)
KINDS = ["object", "object", "region", "region", "region", "attribute", "attribute", "object"]
NAMES = ["/data", "/group/inner", "/data", "/data", "/data", "/data", "/group/inner", None]

pytestmark = pytest.mark.skipif(planner.library_version() < (1, 12), reason="too new for the planner's libhdf5")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("references")
    subprocess.run([client_python(), os.path.join(compare.HERE, "files_any_references.py"), str(folder / "a.h5")],
                   check=True, timeout=60)
    with Server({"files": str(folder)}) as server:
        yield server
        assert server.alive()


@pytest.fixture
def file(served):
    with h5cap.File(served.url("files/a.h5")) as file:
        yield file


def assert_all(found, file):
    assert [reference.kind for reference in found] == KINDS
    assert [bool(reference) for reference in found] == [True] * 7 + [False]
    assert [file[reference].name if reference else None for reference in found] == NAMES
    assert [h5r.get_name(reference, file.id) for reference in found] == [n and n.encode() for n in NAMES]
    assert (file["data"][found[2]] == DATA[1:4, 2:6]).all()
    assert (file["data"][found[3]] == DATA[0:6:3, 0:10:2]).all()
    assert list(file["data"][found[4]]) == [DATA[1, 2], DATA[5, 9], DATA[0, 0]]
    assert file["data"].regionref.shape(found[2]) == (6, 10)
    assert file["data"].regionref.selection(found[2]) == (3, 4)
    assert found[5].attribute == "unit \u00e4" and h5r.get_attr_name(found[6]) == b"n"
    assert file[found[5]].attrs[found[5].attribute] == "mm"
    assert file[found[6]].attrs[found[6].attribute] == 3


def test_elements(file):
    dataset = file["references"]
    assert h5cap.check_ref_dtype(dataset.dtype) and dataset.shape == (8,)
    assert dataset.id.get_type().get_class() == h5cap.h5t.REFERENCE and dataset.id.get_type().get_size() == 64
    assert_all(dataset[()], file)
    assert file[dataset[1]].name == "/group/inner"


def test_chunked_and_filtered_elements(file):
    dataset = file["chunked"]
    for start in (0, 64, 392):
        assert_all(dataset[start:start + 8], file)
    assert [r.kind for r in dataset[7::8]] == ["object"] * 50 and not any(dataset[7::8])


def test_an_attribute_of_them(file):
    assert_all(file.attrs["references"], file)


def test_fields_of_a_compound(file):
    rows = file["record"][()]
    assert list(rows["n"]) == list(range(8))
    assert_all(rows["ref"], file)


def test_arrays_and_sequences_of_them(file):
    assert file["array"].shape == (2,) and file["array"][()].shape == (2, 4)
    assert_all(file["array"][()].reshape(-1), file)
    whole, none, three = file["ragged"][()]
    assert_all(whole, file)
    assert len(none) == 0 and [reference.kind for reference in three] == KINDS[:3]


def test_one_to_nothing(file):
    gone, there = file["dangling"][()]
    assert gone.kind == "object" and file[there].name == "/data"
    assert h5r.dereference(gone, file.id) is None
    with pytest.raises(ValueError):
        file[gone]


def test_a_pickled_one_is_followed(file):
    for reference, name in zip(file["references"][()], NAMES):
        again = pickle.loads(pickle.dumps(reference))
        assert type(again) is type(reference) and again.kind == reference.kind
        assert name is None or file[again].name == name


def test_of_another_type_is_told(file):
    with pytest.raises(TypeError):
        h5r.get_attr_name(file["references"][0])


def test_tokens_that_nobody_made_are_refused(file, served):
    from h5cap.types.references import Reference
    token = file["references"][2]._token
    for forged in (token[:-1], token[:20], b"\x07" + token[1:], token[:4] + b"\xff" * 4 + token[8:], b"\1" * 40,
                   token[:-8] + b"\xff" * 8):
        try:
            h5r.dereference(Reference._of(forged), file.id)
        except (OSError, TypeError, NotImplementedError, ValueError):
            pass
    assert file["data"][0, 0] == 0 and served.alive()


def test_the_command_line_says_what_they_are_to(served):
    shown = subprocess.run([program("h5cap"), "cat", served.url("files/a.h5"), "/references"], capture_output=True,
                           text=True, timeout=60)
    for said in ("object reference", "region reference", "attribute reference unit \u00e4", "attribute reference n",
                 "null reference"):
        assert said in shown.stdout, shown
