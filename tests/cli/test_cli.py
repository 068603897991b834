"""The command line: what each verb prints and writes, exit codes, defaults, Ctrl-C.

Values are compared with h5py's, read from the same files.  Not covered: the look of the progress bar.
"""
import csv
import signal
import subprocess
import time

import h5py
import numpy as np
import pytest
from support.served import program

KINDS = ":data/kinds.h5"


# ------------------------------------------------------------------------------------------------------------------ ls


def test_ls_of_a_directory(h5cap):
    assert h5cap("ls", ":data/").out.split() == ["kinds.h5", "noextension", "other.h5", "sub.folder/"]
    assert h5cap("ls", ":").out == "data/\n"
    assert h5cap("ls", ":data").out.split()[0] == "kinds.h5"
    assert h5cap("ls", ":data/sub.folder").code == 0


def test_ls_tells_files_from_directories_whatever_their_names(h5cap):
    assert h5cap("ls", ":data/noextension").out == "x\n"


def test_ls_of_a_group_shows_links_and_does_not_follow_them(h5cap):
    lines = h5cap("ls", KINDS).out.splitlines()
    assert "group/" in lines
    assert "soft → /group/deep" in lines
    assert "outside → other.h5:/there" in lines
    assert "dangling → /nowhere" in lines
    assert h5cap("ls", KINDS, "/group").out.splitlines() == ["circle/", "deep/"]


def test_ls_long(h5cap):
    lines = h5cap("ls", "-l", KINDS).out.splitlines()
    assert any(line.startswith("dataset") and "cube" in line and "(2, 3, 4)" in line for line in lines)
    assert any(line.startswith("external") and "outside" in line for line in lines)
    assert any("kinds.h5" in line and len(line.split()) == 4 for line in h5cap("ls", "-l", ":data/").out.splitlines())


# ---------------------------------------------------------------------------------------------------------------- tree


def test_tree_ends_where_hard_links_close_a_circle(h5cap):
    out = h5cap("tree", KINDS).out
    assert "circle  (same group as /group)" in out
    assert "value  scalar" in out
    assert "outside → other.h5:/there" in out


def test_tree_with_attributes_escapes_what_would_break_the_line(h5cap):
    assert '@note = "two\\nlines"' in h5cap("tree", "-a", KINDS).out


# ---------------------------------------------------------------------------------------------------------------- info


def test_info(h5cap):
    out = h5cap("info", KINDS, "/chunked").out
    for expected in ("(70, 90)", "uint32", "(16, 32)", "deflate", "chunked"):
        assert expected in out
    assert "links:" in h5cap("info", KINDS).out
    assert "null" in h5cap("info", KINDS, "null").out


def test_info_through_an_external_link_names_the_other_file(h5cap):
    assert "other.h5" in h5cap("info", KINDS, "/outside").out


# ----------------------------------------------------------------------------------------------------------------- cat


@pytest.mark.parametrize(
    "path, text",
    [
        ("scalar", "-7\n"),
        ("flags", "True\nFalse\n"),
        ("colour", "green\nred\n"),
        ("fixed", "ab\nabcd\n"),
        ("text", 'plain\nwith "quotes", and commas\n\\x1b[31mred\n'),
        ("document", "first\nsecond\n"),
        ("table", "{n: 1, x: 2.5, ok: True}\n{n: 3, x: -0.125, ok: False}\n"),
        ("cube", "0 1 2 3\n4 5 6 7\n8 9 10 11\n\n12 13 14 15\n16 17 18 19\n20 21 22 23\n\n"),
        ("floats", "0.1\n-1e+300\nnan\ninf\n"),
        ("empty", ""),
        ("null", ""),
        ("soft/value", "1.5\n"),
        ("outside", "1\n2\n3\n"),
    ],
)
def test_cat_as_text(h5cap, path, text):
    result = h5cap("cat", KINDS, path)
    assert (result.code, result.out, result.err) == (0, text, "")


@pytest.mark.parametrize(
    "text, index",
    [("0", np.s_[0]), ("-1", np.s_[-1]), ("...,::2", np.s_[..., ::2]), ("[2,0],5:9", np.s_[[2, 0], 5:9]),
     ("3:3", np.s_[3:3])],
)
def test_cat_of_a_slice(h5cap, folder, text, index):
    result = h5cap("cat", KINDS, "/chunked", "-s", text)
    with h5py.File(folder / "kinds.h5") as file:
        expected = file["chunked"][...][index]
    numbers = np.array(result.out.split(), dtype="u4")
    assert np.array_equal(numbers, expected.ravel())


def test_object_and_slice_in_the_address(h5cap):
    assert h5cap("cat", KINDS + "?path=/cube&slice=0,1").code == 2  # ':' quotes '?', so this names no such file
    url = h5cap_url(h5cap)
    assert h5cap("cat", url + "?path=/cube&slice=0,1").out.split() == ["4", "5", "6", "7"]
    assert h5cap("cat", url + "::/scalar").out == "-7\n"
    assert h5cap("cat", url + "?path=/cube", "/scalar").code == 2


def h5cap_url(h5cap):
    """The address of kinds.h5, as `ping` prints the server's."""
    return h5cap("ping", ":", "-c", "1").out.split(": ")[0].rstrip("/") + "/data/kinds.h5"


@pytest.mark.parametrize("path",
                         ["cube", "chunked", "table", "flags", "colour", "fixed", "scalar", "empty", "floats", "wide"])
def test_npy_holds_what_h5py_reads(h5cap, folder, tmp_path, path):
    result = h5cap("cat", KINDS, path, "-o", "out.npy")
    assert (result.code, result.err) == (0, "")
    with h5py.File(folder / "kinds.h5") as file:
        expected = file[path][()]
    written = np.load(tmp_path / "out.npy")
    assert written.shape == np.shape(expected) and written.dtype == np.asarray(expected).dtype
    assert np.array_equal(written, expected, equal_nan=path == "floats")


def test_npy_of_a_strided_slice(h5cap, folder, tmp_path):
    assert h5cap("cat", KINDS, "wide", "-s", "0::2,5:900:7,[3,999,4]", "-o", "out.npy").code == 0
    with h5py.File(folder / "kinds.h5") as file:
        expected = file["wide"][...][::2, 5:900:7][:, :, [3, 999, 4]]
    assert np.array_equal(np.load(tmp_path / "out.npy"), expected)


def test_large_text_comes_in_slabs_and_whole(h5cap, folder):
    out = h5cap("cat", KINDS, "wide", "-o", "out.csv")
    assert out.code == 0
    with h5py.File(folder / "kinds.h5") as file:
        expected = file["wide"][...]
    text = h5cap("cat", KINDS, "wide").out
    assert np.array_equal(np.array(text.split(), dtype="u2"), expected.ravel())


def test_csv_of_a_table_has_a_column_a_field(h5cap, tmp_path):
    assert h5cap("cat", KINDS, "table", "-o", "out.csv").code == 0
    assert list(csv.reader(open(tmp_path / "out.csv"))) == [["n", "x", "ok"], ["1", "2.5", "True"],
                                                            ["3", "-0.125", "False"]]
    assert h5cap("cat", KINDS, "text", "-o", "out.csv").code == 0
    assert list(csv.reader(open(tmp_path / "out.csv")))[1] == ['with "quotes", and commas']


def test_a_failed_write_leaves_nothing(h5cap, tmp_path):
    result = h5cap("cat", KINDS, "text", "-o", "out.npy")
    assert result.code == 1 and "does not fit a .npy" in result.err
    assert not list(tmp_path.glob("out*"))


# ------------------------------------------------------------------------------------------- failures, defaults, ping


@pytest.mark.parametrize(
    "words, code, said",
    [
        (["cat", KINDS, "nothing"], 1, "nothing"),
        (["cat", KINDS, "group"], 1, "group"),
        (["cat", KINDS, "cube", "-s", "7"], 1, "7"),
        (["cat", KINDS, "dangling"], 1, "nowhere"),
        (["info", ":data/absent.h5"], 1, "absent.h5"),
        (["ls", "h5cap+unix://%2Fnonexistent%2Fsocket/x"], 1, "/nonexistent/socket"),
        (["cat", KINDS, "cube", "-s", "1:2:3:4"], 2, "1:2:3:4"),
        (["cat", KINDS, "cube", "-o", "out.png"], 2, "out.png"),
        (["cat", KINDS], 2, "dataset"),
        (["ls", "nonsense://x"], 2, "nonsense"),
    ],
)
def test_failures_are_one_line_and_a_code(h5cap, words, code, said):
    result = h5cap(*words)
    assert result.code == code, result.err
    assert result.err.startswith("h5cap: ") and result.err.count("\n") == 1 and said in result.err


@pytest.mark.parametrize("words",
                         [[], ["frobnicate"], ["ls", "--nonsense"], ["cat", "a", "b", "c"], ["ping", ":", "-c", "0"]])
def test_usage(h5cap, words):
    assert h5cap(*words).code == 2


def test_help_and_version(h5cap):
    assert "cat" in h5cap("--help").out
    assert h5cap("--version").out.startswith("h5cap ")


def test_defaults_from_environment_and_configuration(h5cap, server, tmp_path):
    assert h5cap("ls", "data/other.h5", environment={"H5CAP_URL": server.url()}).out == "there\n"
    (tmp_path / ".config" / "h5cap").mkdir(parents=True)
    configuration = tmp_path / ".config" / "h5cap" / "config.toml"
    configuration.write_text(f'url = "{server.url("data")}"\ntimeout = 20\n')
    assert h5cap("ls", "other.h5").out == "there\n"
    assert h5cap("ls", "other.h5", environment={"H5CAP_URL": server.url("nothing")}).code == 1
    for wrong in ('timeout = "soon"', "colour = 1", "url = "):
        configuration.write_text(wrong + "\n")
        result = h5cap("ls", "other.h5")
        assert result.code == 2 and "config.toml" in result.err


def test_ping(h5cap):
    lines = h5cap("ping", ":", "-c", "3").out.splitlines()
    assert len(lines) == 5 and "h5capd" in lines[0] and "min/mean/max" in lines[-1]


def test_ctrl_c_ends_at_once_and_removes_what_was_begun(server, tmp_path):
    command = [program("h5cap"), "ping", server.url(), "-c", "1000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        running.stdout.readline()
        start = time.monotonic()
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 130
        assert time.monotonic() - start < 2


def test_a_reader_that_leaves_ends_it_quietly(server):
    command = [program("h5cap"), "cat", server.url("data/kinds.h5"), "wide"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.read(10)
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(30) != 0
