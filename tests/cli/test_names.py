"""No way in: names that files and servers give reach a terminal without what it obeys, in output and in errors."""

import pathlib
import re
import subprocess

import h5py
import numpy as np
import pytest

from support.served import Server, program

OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
NASTY = ["\x1b[31mred", "a\x9b2Jb", "x\u202egnp.exe", "\u2066y\u2069", "l\u200e\u200f\u061c", "two\nlines",
         "bell\x07\x7f"]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nasty")
    with h5py.File(folder / "a.h5", "w") as file:
        for i, nasty in enumerate(NASTY):
            group = file.create_group(f"{i}{nasty}")
            group.attrs[nasty] = nasty
            group[nasty] = h5py.SoftLink("/" + nasty)
            group["outside" + nasty] = h5py.ExternalLink(nasty + ".h5", nasty)
            file.create_dataset(f"raw{i}", (4,), "u1", external=[(f"{nasty}.raw", 0, 4)])
            kind = np.dtype([(nasty, "i4"), ("plain" + nasty, "f8")])
            file[f"table{i}"] = np.zeros(2, kind)
            file[f"text{i}"] = nasty
            file[f"enum{i}"] = np.array([0], h5py.enum_dtype({nasty: 0}, "i1"))
            opaque = np.dtype("V4")
            file[f"opaque{i}"] = np.zeros(1, opaque)
        layout = h5py.VirtualLayout((4,), "u1")
        layout[:] = h5py.VirtualSource(NASTY[0] + ".h5", NASTY[1], (4,))
        file.create_virtual_dataset("virtual", layout)
    (folder / f"{NASTY[0]}.h5").write_bytes(b"no HDF5")
    with Server({"d": str(folder)}) as server:
        yield server


def outputs(*arguments):
    done = subprocess.run([program("h5cap"), *arguments], capture_output=True, timeout=60)
    return done.returncode, (done.stdout + done.stderr).decode("utf-8")


def test_nothing_of_a_file_drives_a_terminal(served):
    url = served.url("d/a.h5")
    commands = [("ls", served.url("d/")), ("ls", "-l", url), ("tree", "-a", url), ("info", url),
                ("info", url, "virtual"), ("cat", url, "virtual"), ("ping", "-c", "1", served.url())]
    for i, nasty in enumerate(NASTY):
        commands += [("info", url, f"raw{i}"), ("cat", url, f"raw{i}"), ("info", url, f"{i}{nasty}"),
                     ("info", url, f"{i}{nasty}/{nasty}"), ("cat", url, f"{i}{nasty}/outside{nasty}"),
                     ("cat", url, f"table{i}"), ("info", url, f"table{i}"), ("cat", url, f"text{i}"),
                     ("cat", url, f"enum{i}"), ("cat", url, f"missing{nasty}"), ("info", url, nasty)]
    failed = 0
    for command in commands:
        code, text = outputs(*command)
        failed += code != 0
        assert OBEYED.search(text) is None, (command, text)
    assert failed > len(NASTY)  # errors were among them
    code, text = outputs("tree", "-a", url)
    for shown in ("\\x1b[31mred", "\\u009b2J", "\\u202egnp", "\\u2066y\\u2069", "two\\nlines"):
        assert shown in text
    assert OBEYED.search("".join(NASTY))  # the control


def test_text_in_a_csv_is_as_it_is_in_the_file(served, tmp_path):
    import csv
    for i, nasty in enumerate(NASTY):
        assert outputs("cat", served.url("d/a.h5"), f"text{i}", "-o", str(tmp_path / "o.csv"))[0] == 0
        with open(tmp_path / "o.csv", newline="", encoding="utf-8") as file:
            assert list(csv.reader(file)) == [[nasty]]


def test_everything_is_printed_by_one_function():
    sources = pathlib.Path(__file__).resolve().parents[2] / "tools" / "h5cap"
    writers = [path.name for path in sources.glob("*.cc")
               if re.search(r"\b(f?puts|f?printf|cout|cerr|fwrite)\b", path.read_text())]
    assert sorted(writers) == ["main.cc", "output.cc"]
