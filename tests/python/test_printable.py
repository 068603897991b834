"""Names from files and servers reach a terminal without what it obeys: in what objects show of themselves, and in
exceptions."""

import re

import h5py
import numpy as np
import pytest

import h5cap
from h5cap.names import printable
from support.served import Server

OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
NASTY = ["\x1b[31mred", "a\x9b2Jb", "x\u202egnp.exe", "\u2066y\u2069", "l\u200e\u200f\u061c", "two\nlines"]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nasty")
    name = NASTY[0] + NASTY[2] + ".h5"
    with h5py.File(folder / name, "w") as made:
        for nasty in NASTY:
            group = made.create_group(nasty)
            group["x" + nasty] = np.arange(3)
            group["x" + nasty].dims[0].label = nasty
            group["type" + nasty] = np.dtype("i4")
            group["soft"] = h5py.SoftLink("/nowhere/" + nasty)
            group["out"] = h5py.ExternalLink(nasty + ".h5", nasty)
            group.create_dataset("raw", (4,), "u1", external=[(f"../{nasty}.raw", 0, 4)])
            group["text"] = nasty
            group.attrs[nasty] = 1
    with Server({"d": str(folder)}) as server, h5cap.File(server.url("d/" + name)) as opened:
        yield opened


def shown(call):
    """What a terminal gets of an exception."""
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def test_what_objects_show_of_themselves(file):
    texts = [repr(file)]
    for nasty in NASTY:
        group = file[nasty]
        dataset = group["x" + nasty]
        texts += [repr(group), repr(dataset), repr(dataset.dims[0]), repr(group["type" + nasty]), repr(group.keys()),
                  repr(group.get("soft", getlink=True)), repr(group.get("out", getlink=True)), repr(group.attrs.keys()),
                  repr(list(group.items())), group._repr_html_().replace("\n", ""), repr(file.file)]
    for text in texts:
        assert OBEYED.search(text) is None, ascii(text)
    assert '"/\\x1b[31mred"' in repr(file[NASTY[0]])


def test_exceptions(file):
    errors = []
    for nasty in NASTY:
        group = file[nasty]
        errors += [shown(lambda: group["soft"]), shown(lambda: group["out"]), shown(lambda: group["raw"][:]),
                   shown(lambda: group["x" + nasty][99]), shown(lambda: file[nasty + "/missing" + nasty]),
                   shown(lambda: group.attrs["missing" + nasty]), shown(lambda: group["x" + nasty]["no" + nasty]),
                   shown(lambda: h5cap.File(file.filename + "missing%1b%C2%9B")),
                   shown(lambda: h5cap.connect(h5cap._h5cap.parse_location(file.filename)[0]).listdir("no" + nasty))]
    assert len([error for error in errors if error]) > 4 * len(NASTY)
    for error in errors:
        assert OBEYED.search(error) is None, ascii(error)


def test_values_are_as_they_are(file):
    for nasty in NASTY:
        assert file[nasty]["text"].asstr()[()] == nasty
        assert nasty in list(file) and file[nasty].name == "/" + nasty


def test_one_function():
    assert printable("plain é") == "plain é"
    assert printable("\x1b\x9b\u202e\n") == "\\x1b\\u009b\\u202e\\n"
    assert printable(b"\x9b\xff".decode("utf-8", "surrogateescape")) == "\\x9b\\xff"
