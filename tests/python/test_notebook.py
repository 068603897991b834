"""What notebooks show: trees of files and groups, tables and thumbnails of datasets.  Hostile names and values stay
text, sizes and round trips are bounded, pictures are those of the data.  Whether a browser draws it nicely is not
covered."""

import base64
import html.parser
import re
import time
import zlib

import h5py
import numpy as np
import pytest

import h5cap
from h5cap.show import notebook, thumbnail, tree
from h5cap.waiting import giving_up_after
from support.proxy import Proxy

HOSTILE = ["<script>alert(1)<\\script>", "<img src=x onerror=alert(1)>", "'\"><svg onload=alert(1)>", "&lt;b&gt;",
           "</details></div>", "\u202egpj.exe", "a\x1b[31m", "javascript:alert(1)", "{{7*7}}", "ünï", "x" * 5000]
TAGS = {"div", "style", "details", "summary", "b", "span", "table", "tr", "td", "th", "img"}
ATTRIBUTES = {"class", "open", "alt", "width", "height", "src"}
MOST_HTML = 400_000


class Page(html.parser.HTMLParser):
    """Collects tags, attributes and text; an unbalanced page is an error."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.images, self.text, self.open = set(), set(), [], [], []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        if tag == "img":
            self.images.append(dict(attributes)["src"])
        else:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def page_of(node):
    source = node._repr_html_()
    assert len(source) < MOST_HTML
    source.encode("utf-8")
    page = Page(source)
    assert page.tags <= TAGS and page.attributes <= ATTRIBUTES
    assert all(image.startswith("data:image/png;base64,") for image in page.images)
    return " ".join(page.text), [decoded(base64.b64decode(image.split(",")[1])) for image in page.images]


def decoded(data):
    """The pixels of a PNG, by the letter of its specification."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, pixels, header = 8, b"", None
    while at < len(data):
        size, name = int.from_bytes(data[at:at + 4], "big"), data[at + 4:at + 8]
        body = data[at + 8:at + 8 + size]
        assert zlib.crc32(name + body) == int.from_bytes(data[at + 8 + size:at + 12 + size], "big")
        if name == b"IHDR":
            header = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big"), body[8], body[9]
        elif name == b"IDAT":
            pixels += body
        at += 12 + size
    assert name == b"IEND"
    width, height, depth, colour = header
    channels = {0: 1, 4: 2, 2: 3, 6: 4}[colour]
    rows = np.frombuffer(zlib.decompress(pixels), np.uint8).reshape(height, 1 + width * channels)
    assert depth == 8 and not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, channels)


@pytest.fixture(scope="module")
def shown(folder, server):
    """A file with something of everything."""
    y, x = np.mgrid[:480, :640]
    with h5py.File(folder / "shown.h5", "w", libver=("earliest", "v110")) as file:
        image = (x + y).astype("u4")
        image[5, 5] = 2**32 - 1
        stack = file.create_dataset("entry/data/stack", data=np.stack([image, 0 * image]), chunks=(1, 480, 640),
                                    compression="gzip")
        stack.attrs["units"] = "counts"
        stack.attrs["scale"] = np.arange(1000.0)
        holed = (x + y).astype("f4")
        holed[:100, :100] = np.nan
        holed[-1, -1], holed[-1, -2] = np.inf, -np.inf
        file["holed"] = holed
        file["constant"] = np.full((50, 60), 7, "i2")
        file["nothing finite"] = np.full((50, 60), np.nan)
        file["colours"] = np.stack([x % 256, y % 256, 0 * x], -1).astype("u1")
        file["flags"] = x > 300
        file["complex"] = x + 1j * y
        file["widest"] = np.array([[-1.7e308, 1.7e308] * 20] * 20)
        file["long row"] = np.arange(20000.0).reshape(2, 10000)
        file["integers"] = x.astype("i8") * 2**53 - 2**62
        file["small"] = np.arange(9).reshape(3, 3)
        file["line"] = np.arange(1000)
        file["scalar"] = 42
        file["null"] = h5py.Empty("f4")
        file["zero"] = np.zeros((0, 300))
        file["texts"] = np.array(HOSTILE[:3] + ["é" * 1000], dtype=h5py.string_dtype())
        file["table"] = np.array([(1, 2.5, b"<b>")] * 30, dtype=[("i", "i4"), ("<i>", "f8"), ("s", "S4")])
        file["cells"] = np.array([["a", "b"]] * 12, dtype=h5py.string_dtype())
        file["soft"] = h5py.SoftLink("/entry/data")
        file["broken"] = h5py.SoftLink("/<nowhere>")
        file["external"] = h5py.ExternalLink("<other>.h5", "/x")
        file["loop"] = file["entry"]
        file["entry/again"] = file["entry"]
        file["type"] = np.dtype("f4")
        file.create_dataset("enormous", shape=(60000, 60000), dtype="f8", chunks=(1000, 1000), compression="gzip")
    with h5cap.File(server.url("data/shown.h5")) as file:
        yield file


def test_a_tree_shows_shapes_types_and_attributes_without_asking(shown, trips):
    with trips() as counted:
        text, _ = page_of(shown)
    assert counted.round_trips == 0
    for expected in ("(2, 480, 640) uint32 chunks (1, 480, 640) deflate", "@units", "counts", "→ /entry/data",
                     "→ <other>.h5::/x", "the same as entry", "(1000,) int64", "(4,) str",
                     "{i: int32, <i>: float64, s: |S4}", "named type float32"):
        assert expected in text
    assert "the same as entry" in page_of(shown["entry"])[0] or "the same as ." in page_of(shown["entry"])[0]


def test_closed_objects_say_so(url):
    file = h5cap.File(url("tree.h5"))
    group, dataset = file["g"], file["a"]
    file.close()
    assert "Closed HDF5 file" in page_of(file)[0] and "Closed HDF5 group" in page_of(group)[0]
    assert "Closed HDF5 dataset" in page_of(dataset)[0]
    assert group._ipython_key_completions_() == []


def test_every_file_of_the_suite_can_be_shown(url, folder):
    for path in sorted(folder.glob("*.h5")):
        try:
            file = h5cap.File(url(path.name))
        except OSError:
            continue
        with file:
            page_of(file)
            file.visititems(lambda name, node: page_of(node) and None)


def test_hostile_names_and_values_stay_text(folder, server):
    with h5py.File(folder / "hostile.h5", "w", libver=("earliest", "v110")) as file:
        for name in HOSTILE:
            group = file.create_group("g/" + name.replace("/", "∕"))
            group.attrs[name] = name
            group.attrs["bytes"] = np.bytes_(name.encode())
            group.attrs["many"] = [name] * 3
            group["d"] = np.array([name] * 2, dtype=h5py.string_dtype())
            group["soft"] = h5py.SoftLink(name)
            group["external"] = h5py.ExternalLink(name, name)
        file.create_dataset("t", data=np.zeros(2, [(name, "i4") for name in HOSTILE[:5]]))
        group = file["g"].id
        group.links.create_soft(b"not \xff utf-8 <b>", b"\xfe<i>")
    with h5cap.File(server.url("data/hostile.h5")) as file:
        text, _ = page_of(file)
        assert "<script>alert(1)<\\script>" in text and "\\u202e" in text and "\\x1b" in text and "\\udcff" in text
        assert "\u202e" not in text and "\x1b" not in text
        file.visititems(lambda name, node: page_of(node) and None)


def test_unescaped_names_would_be_noticed():
    """The negative control of the above."""
    with pytest.raises(AssertionError):
        assert Page(f"<div>{HOSTILE[0]}</script></div>").tags <= TAGS
    with pytest.raises(AssertionError):
        Page(f"<div>{HOSTILE[4]}</div>")


@pytest.mark.parametrize("shape", [(40_000,), (200, 200), (2,) * 14], ids=["wide", "bushy", "deep"])
def test_trees_are_bounded(folder, server, trips, shape):
    def fill(group, shape):
        for index in range(shape[0]):
            below = group.create_group(f"name of a group {index}")
            if shape[1:]:
                fill(below, shape[1:])

    name = f"bounded{len(shape)}.h5"
    with h5py.File(folder / name, "w", libver="v110") as file:
        fill(file, shape)
    with h5cap.File(server.url("data/" + name)) as file:
        with trips() as counted:
            text, _ = page_of(file)
        assert counted.round_trips == 0
        assert " more" in text and text.count("name of a group") <= tree.MOST_NODES
        paths = file._ipython_key_completions_()
        assert len(paths) <= max(shape[0], 5_000) + 1_000 and "name of a group 1" in paths


def test_a_group_outside_the_snapshot_costs_one_listing(url, trips, monkeypatch):
    monkeypatch.setattr(h5cap.opened, "SNAPSHOT_BYTES", 0)
    with h5cap.File(url("tree.h5")) as file:
        group = file["g"]
        with trips() as counted:
            text, _ = page_of(group)
        assert counted.round_trips <= 1 and "inner" in text


@pytest.mark.parametrize("name, expected", [
    ("scalar", "42"), ("line", "990 more"), ("small", "8"), ("texts", HOSTILE[0]), ("table", "20 more"),
    ("cells", "2 more"), ("zero", "no elements"), ("null", "(empty) float32"),
])
def test_tables(shown, trips, name, expected):
    dataset = shown[name]
    with trips() as counted:
        text, images = page_of(dataset)
    assert expected in text and not images
    assert counted.round_trips <= 1


@pytest.mark.parametrize("name", ["entry/data/stack", "holed", "constant", "nothing finite", "colours", "flags",
                                  "complex", "widest", "long row", "integers", "enormous"])
def test_thumbnails(shown, trips, name):
    dataset = shown[name]
    with trips() as counted:
        text, (picture,) = page_of(dataset)
    assert counted.round_trips == 1 and counted.bytes_received < 1 << 20
    assert max(picture.shape[:2]) <= thumbnail.MOST_PIXELS
    if name == "holed":
        grey, alpha = picture[..., 0], picture[..., 1]
        assert (alpha[:30, :30] == 0).all() and (alpha[:, 40:] == 255).all()
        assert grey[40, 100] < grey[80, 120] < grey[120, 200]
    elif name == "entry/data/stack":
        assert "[0, ::3, ::3]" in text
        assert picture[0, 0, 0] == 0 and picture[-1, -1, 0] == 255
        assert picture[80, 100, 0] in range(110, 145)  # a hot pixel aside
    elif name in ("constant", "enormous"):
        assert (picture == [127, 255]).all()
    elif name == "nothing finite":
        assert (picture[..., 1] == 0).all()
    elif name == "colours":
        assert picture.shape[2] == 3 and picture[0, 10].tolist() == [30, 0, 0]
    elif name in ("flags", "widest"):
        assert set(np.unique(picture[..., 0])) == {0, 255}
    elif name == "long row":
        assert picture.shape[:2] == (2, 250)
    else:
        assert (np.diff(picture[..., 0].astype(int), axis=1) >= 0).all()
    if name == "enormous":
        assert re.search(r"\[\d{5}:\d{5}:\d+, \d{5}:\d{5}:\d+\]", text)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i8", "u8", "f2", "f4", "f8", "c8", "?"])
def test_every_kind_of_number_becomes_grey(dtype):
    values = np.array([[0, 1], [1, 0]]).astype(dtype)
    assert thumbnail.grey(values)[..., 0].tolist() == [[0, 255], [255, 0]]
    assert thumbnail.grey(np.zeros((3, 3), dtype)).tolist() == [[[127, 255]] * 3] * 3


@pytest.mark.parametrize("shape, chunks", [
    ((100_000, 100_000), (10_000, 10_000)), ((10**9, 30), None), ((30, 10**9), (1, 10**6)),
    ((5, 4000, 4000), (5, 2000, 2000)), ((17, 11), None), ((1, 10**6), None), ((3, 2, 1000, 1), None),
    ((1000, 1000), (1000, 1000)),
])
def test_what_is_read_for_a_picture_is_bounded(shape, chunks):
    selection = thumbnail.picture_selection(shape, 8, chunks, 0)
    *lead, rows, columns = selection
    assert lead == [0] * (len(shape) - 2)
    touched = 8 * np.prod(chunks[:-2] if chunks else 1, dtype=float)
    for axis, one in ((-2, rows), (-1, columns)):
        count = len(range(*one.indices(shape[axis])))
        assert 1 <= count <= thumbnail.MOST_PIXELS and one.stop <= shape[axis]
        block = chunks[axis] if chunks else 1
        touched *= -(-(one.stop - one.start) // block) * block
    assert touched <= max(thumbnail.MOST_TOUCHED, 8 * np.prod(chunks or 1, dtype=float))


def test_a_preview_that_takes_too_long_is_given_up(shown, monkeypatch):
    def slow(dataset):
        raise TimeoutError("/line: gave up")

    monkeypatch.setattr(notebook, "_preview", slow)
    text, _ = page_of(shown["line"])
    assert "no preview" in text and "gave up" in text and "(1000,) int64" in text


def test_a_read_is_given_up(server, shown):
    with Proxy(server.socket, delay_ms=400) as proxy, h5cap.File(proxy.url("data/shown.h5")) as file:
        begun = time.monotonic()
        with pytest.raises(TimeoutError, match="enormous"), giving_up_after(0.1):
            file["enormous"][:3]
        assert time.monotonic() - begun < 0.7
        assert file["scalar"][()] == 42
