"""Pickles that an earlier version of the package made, which named modules where they were then, still load: of files
and objects in them, sessions, references, and plain values.  Not covered: pickles of today in an earlier version.
"""

import pickle
import subprocess
import sys

import h5py
import numpy as np
import pytest

import h5cap

# Modules as they are named now, and as they were.
ROOMS = {b"h5cap._hl.": b"h5cap.", b"h5cap.types.": b"h5cap."}

# Made by an earlier version, protocol 2.
VALUES = {
    "empty": (b"\x80\x02ch5cap.special\nEmpty\nq\x00)\x81q\x01}q\x02X\x06\x00\x00\x00_dtypeq\x03cnumpy\ndtype\nq"
              b"\x04X\x02\x00\x00\x00f4q\x05\x89\x88\x87q\x06Rq\x07(K\x03X\x01\x00\x00\x00<q\x08NNNJ\xff\xff\xff"
              b"\xffJ\xff\xff\xff\xffK\x00tq\tbsb.",
              h5cap.Empty("f4")),
    "string info": (b"\x80\x02ch5cap.special\nstring_info\nq\x00X\x05\x00\x00\x00utf-8q\x01K\x03\x86q\x02\x81q\x03.",
                    h5cap.check_string_dtype(h5cap.string_dtype("utf-8", 3))),
    "entry": (b"\x80\x02ch5cap.session\nDirectoryEntry\nq\x00(X\x01\x00\x00\x00aq\x01\x88K\x01K\x02tq\x02\x81q\x03.",
              h5cap.DirectoryEntry("a", True, 1, 2)),
}
LINK = (b"\x80\x02ch5cap.links\nSoftLink\nq\x00)\x81q\x01}q\x02X\x05\x00\x00\x00_pathq\x03X\x02\x00\x00\x00/aq\x04s"
        b"b.")
BLOCKS = (b"\x80\x02ch5cap.multi_block\nMultiBlockSlice\nq\x00)\x81q\x01}q\x02(X\x05\x00\x00\x00startq\x03K\x00X"
          b"\x06\x00\x00\x00strideq\x04K\x01X\x05\x00\x00\x00countq\x05K\x02X\x05\x00\x00\x00blockq\x06K\x01ub.")
REFERENCE = (b"\x80\x02ch5cap.references\n_remade\nq\x00ch5cap.references\nReference\nq\x01c_codecs\nencode\nq\x02X"
             b"\x08\x00\x00\x00abcdefghq\x03X\x06\x00\x00\x00latin1q\x04\x86q\x05Rq\x06N\x87q\x07Rq\x08.")
DTYPE = (b"\x80\x02cnumpy\ndtype\nq\x00X\x02\x00\x00\x00O8q\x01\x89\x88\x87q\x02Rq\x03(K\x04X\x01\x00\x00\x00|q\x04"
         b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?}q\x05X\x03\x00\x00\x00refq\x06ch5cap.references\nReference\nq"
         b"\x07stq\x08b.")


def earlier(thing):
    """A pickle of ``thing`` as the earlier version made it."""
    packed = pickle.dumps(thing, 2)
    for now, then in ROOMS.items():
        packed = packed.replace(b"c" + now, b"c" + then)
    assert b"_hl" not in packed and b"h5cap.types" not in packed
    return packed


@pytest.mark.parametrize("packed, expected", VALUES.values(), ids=VALUES)
def test_values_load(packed, expected):
    assert pickle.loads(packed) == expected


def test_what_does_not_compare_loads():
    link, blocks, reference, dtype = map(pickle.loads, (LINK, BLOCKS, REFERENCE, DTYPE))
    assert type(link) is h5cap.SoftLink and link.path == "/a"
    assert type(blocks) is h5cap.MultiBlockSlice and blocks.indices(10) == (0, 1, 2, 1)
    assert type(reference) is h5cap.Reference and reference._token == b"abcdefgh"
    assert h5cap.check_ref_dtype(dtype) is h5cap.Reference


def test_files_and_objects_load(tmp_path):
    from support.served import Server

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["g/x"] = np.arange(12).reshape(3, 4)
        file["g/text"] = "text"
        file["type"] = np.dtype("i4")
    with Server({"data": str(tmp_path)}) as server:
        file = h5cap.File(server.url("data/a.h5"))
        for thing in file, file["g"], file["g/x"], file["type"]:
            again = pickle.loads(earlier(thing))
            assert again == thing and type(again) is type(thing)
        assert np.array_equal(pickle.loads(earlier(file["g/x"]))[1], np.arange(4, 8))
        made, arguments = file["g/x"].__reduce__()
        assert arguments == (file.filename, file._opened.info["version"], False, 60.0, "fill", "/g/x")  # as it was then
        assert pickle.loads(earlier(file["g/x"].astype("f4")))[0, 1].dtype == "f4"
        assert pickle.loads(earlier(file["g/text"].asstr()))[()] == "text"
        assert file[pickle.loads(earlier(file["g"].ref))] == file["g"]
        with h5cap.connect(server.url("data")) as session:
            assert pickle.loads(earlier(session)).listdir() == ["a.h5"]


def test_they_load_where_nothing_is_imported_yet():
    load = f"import pickle, sys; assert 'h5cap' not in sys.modules; print(pickle.loads({LINK!r}))"
    out = subprocess.run([sys.executable, "-c", load], capture_output=True, text=True, timeout=60, check=True)
    assert out.stdout.strip() == '<SoftLink to "/a">'


def test_other_modules_are_not_there():
    """Only what pickles need is found where it was."""
    with pytest.raises(ModuleNotFoundError):
        pickle.loads(LINK.replace(b"h5cap.links", b"h5cap.group"))
