"""What a notebook shows for files, groups and datasets: trees, tables and thumbnails, in HTML.

Everything that comes from a file (names, values) is untrusted, and escaped.  A tree is made of what came with the file:
it costs nothing but, for a group that did not, one listing.  A dataset costs one bounded read, which is given up after
a while.
"""

from __future__ import annotations

import base64
import html
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from .._hl.attrs import value_of
from .._hl.dataset import Dataset
from .._hl.group import Group
from ..types.dtypes import element_type
from ..types.special import Empty, check_string_dtype
from ..waiting import giving_up_after
from .completion import known_at, links_of
from .thumbnail import MOST_PIXELS, grey, is_colour, picture_selection, png
from .tree import Branch, grown

MOST_TEXT = 80  # characters of a name or value
MOST_ATTRIBUTES = 20  # of an object
MOST_ROWS = 10
MOST_COLUMNS = 10
GIVE_UP_AFTER = 3.0  # seconds

_STYLE = (
    "<style>.h5cap{font-family:ui-monospace,monospace;font-size:.9em;line-height:1.45}.h5cap details{margin-left:1em}"
    ".h5cap>details{margin-left:0}.h5cap summary{cursor:pointer}.h5cap .leaf{margin-left:2em}.h5cap .dim{opacity:.65}"
    ".h5cap table{margin:.2em 0 .4em 2em;border-collapse:collapse}.h5cap td,.h5cap th{text-align:left;"
    "padding:0 .7em 0 0;font-weight:normal}.h5cap th{opacity:.65}"
    ".h5cap img{display:block;margin:.4em 0 0 2em;image-rendering:pixelated}</style>"
)


def html_of(node: Any) -> str:
    """The HTML for a node of any kind."""
    if not node:
        return _framed(f"<span class='dim'>{_text(repr(node))}</span>")
    if isinstance(node, Group):
        return _framed(_tree(node))
    if isinstance(node, Dataset):
        return _framed(_dataset(node))
    return _framed(f"<details open><summary>{_text(repr(node))}</summary>{_attributes(known_at(node, ''))}</details>")


def _framed(content: str) -> str:
    return f"<div class='h5cap'>{_STYLE}{content}</div>"


def _text(value: Any, most: int = MOST_TEXT) -> str:
    """Text for HTML, shortened, with nothing that a browser or terminal would act upon."""
    text = str(value)
    text = text if len(text) <= most else text[:most - 1] + "…"
    return html.escape("".join(c if c.isprintable() else repr(c)[1:-1] for c in text), quote=True)


# Trees.

def _tree(group: Any) -> str:
    links = links_of(group, most=1_000)
    root = grown(group, links)
    title = group.filename if group._what == "file" else group.name
    kind = "HDF5 file" if group._what == "file" else "group"
    count = group._info["link_count"]
    return (f"<details open><summary><b>{_text(title, 200)}</b> <span class='dim'>{kind}, {count} "
            f"member{'s' * (count != 1)}</span></summary>{_attributes(known_at(group, ''))}{_children(root)}</details>")


def _children(branch: Branch) -> str:
    parts = [_branch(child) for child in branch.children]
    if branch.left_out:
        parts.append(f"<div class='leaf dim'>… {branch.left_out} more</div>")
    elif branch.unknown:
        parts.append("<div class='leaf dim'>… not loaded</div>")
    return "".join(parts)


def _branch(branch: Branch) -> str:
    name, kind, target, target_kind = branch.link[:4]
    if kind == "soft":
        return _leaf(name, f"→ {target}")
    if kind == "external":
        return _leaf(name, f"→ {target_kind}::{target}")
    if kind != "hard":
        return _leaf(name, "user-defined link")
    if branch.same_as is not None:
        return _leaf(name, f"the same as {branch.same_as}")
    info = branch.info
    if info is None:
        return _leaf(name, target_kind if target_kind in ("group", "dataset", "named type") else "")
    inside = _attributes(info)
    if info["kind"] == "group":
        count = info["link_count"]
        inside += _children(branch)
        about = f"{count} member{'s' * (count != 1)}"
    else:
        about = _about(info)
    if not inside:
        return _leaf(name, about)
    return f"<details><summary>{_text(name)} <span class='dim'>{_text(about)}</span></summary>{inside}</details>"


def _leaf(name: str, about: str) -> str:
    return f"<div class='leaf'>{_text(name)} <span class='dim'>{_text(about)}</span></div>"


def _about(info: Dict[str, Any]) -> str:
    """Shape, dtype, chunks and filters of a dataset, in a line."""
    described = info.get("dataset")
    if described is None:
        return f"named type {_dtype_text(info.get('type'))}" if info["kind"] == "named type" else info["kind"]
    if "why_unknown" in described:
        shape = "(shape not known)"
    else:
        shape = "(empty)" if described["space"] is None else str(described["space"][0])
    parts = [shape, _dtype_text(described["type"])]
    if described["layout"] == "chunked":
        parts.append(f"chunks {described['chunks']}")
    elif described["layout"] == "virtual":
        parts.append("virtual")
    parts += [str(name or number) for number, _, name, _ in described["filters"]]
    return " ".join(parts)


def _dtype_text(described: Any) -> str:
    try:
        dtype = element_type(described).dtype
    except Exception:
        return "(type not served)"
    strings = check_string_dtype(dtype)
    if strings is not None:
        return "str" if strings.length is None else f"S{strings.length}"
    if dtype.names:
        return "{" + ", ".join(f"{name}: {dtype[name]}" for name in dtype.names) + "}"
    return str(dtype)


def _attributes(info: Optional[Dict[str, Any]]) -> str:
    attributes = (info or {}).get("attributes")
    if not attributes:
        return ""
    rows = [f"<tr><th>@{_text(one['name'])}</th><td>{_text(_attribute_text(one))}</td></tr>"
            for one in attributes[:MOST_ATTRIBUTES]]
    if len(attributes) > MOST_ATTRIBUTES:
        rows.append(f"<tr><th>… {len(attributes) - MOST_ATTRIBUTES} more</th></tr>")
    return f"<table>{''.join(rows)}</table>"


def _attribute_text(described: Dict[str, Any]) -> str:
    try:
        if described.get("value") is None and "problem" not in described and described["space"] is not None:
            return "… not loaded"
        return _value_text(value_of(described))
    except Exception:
        return "(not served)"


def _value_text(value: Any) -> str:
    if isinstance(value, str):
        return value[:MOST_TEXT + 1]
    if isinstance(value, bytes):
        return value[:MOST_TEXT + 1].decode("utf-8", "replace")
    if isinstance(value, Empty):
        return "(empty)"
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            shown = [_value_text(one)[:20] for one in value.flat[:4]]
            return f"[{', '.join(shown)}{', …' * (value.size > 4)}]"
        with np.printoptions(threshold=6, edgeitems=2, precision=6):
            return " ".join(str(value).split())
    return str(value)


# Datasets.

def _dataset(dataset: Any) -> str:
    info = known_at(dataset, "") or dataset._info
    content = _attributes(info) if "attributes" in info else ""
    try:
        with giving_up_after(GIVE_UP_AFTER):
            content += _preview(dataset)
    except Exception as error:  # a notebook shows the description all the same
        content += f"<div class='leaf dim'>no preview: {_text(error, 200)}</div>"
    return (f"<details open><summary><b>{_text(dataset.name, 200)}</b> <span class='dim'>{_text(_about(info), 200)}"
            f"</span></summary>{content}</details>")


def _preview(dataset: Any) -> str:
    shape, dtype = dataset.shape, dataset.dtype
    if shape is None:
        return ""
    if 0 in shape:
        return "<div class='leaf dim'>no elements</div>"
    if shape == ():
        return _rows([[_value_text(dataset[()])]], [])
    if len(shape) == 1:
        return _column(dataset, dtype)
    is_number = dtype.kind in "biufc" and dtype.subdtype is None
    if is_number and (shape[-2] > MOST_ROWS or shape[-1] > MOST_COLUMNS or is_colour(shape, dtype)):
        return _picture(dataset)
    return _corner(dataset)


def _column(dataset: Any, dtype: np.dtype) -> str:
    """The first elements, with a column for each field of a compound."""
    found = dataset[:MOST_ROWS]
    left_out = dataset.shape[0] - len(found)
    if dtype.names:
        names = list(dtype.names[:MOST_COLUMNS])
        rows = [[str(index)] + [_value_text(row[name]) for name in names] for index, row in enumerate(found)]
        head = ["", *names] + ["…"] * (len(dtype.names) > MOST_COLUMNS)
    else:
        head, rows = [], [[str(index), _value_text(value)] for index, value in enumerate(found)]
    return _rows(rows, head, left_out)


def _corner(dataset: Any) -> str:
    """The corner of the first plane."""
    lead = (0,) * (dataset.ndim - 2)
    found = dataset[(*lead, slice(MOST_ROWS), slice(MOST_COLUMNS))]
    height, width = dataset.shape[-2:]
    rows = [[_value_text(value) for value in row] + ["…"] * (width > MOST_COLUMNS) for row in found]
    return _rows(rows, [], height - len(found)) + (_caption(lead + (slice(None), slice(None))) if lead else "")


def _rows(rows: List[List[str]], head: List[str], left_out: int = 0) -> str:
    parts = ["<tr>" + "".join(f"<th>{_text(name)}</th>" for name in head) + "</tr>"] if head else []
    parts += ["<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    if left_out > 0:
        parts.append(f"<tr><th>… {left_out} more</th></tr>")
    return f"<table>{''.join(parts)}</table>"


def _picture(dataset: Any) -> str:
    channels = dataset.shape[-1] if is_colour(dataset.shape, dataset.dtype) else 0
    selection = picture_selection(dataset.shape, dataset.dtype.itemsize, dataset.chunks, channels)
    found = dataset[selection]
    pixels = found if channels else grey(found)
    # Elements of one long row are drawn as more than a line.
    width, height = _displayed(pixels.shape[1], pixels.shape[0])
    encoded = base64.b64encode(png(pixels)).decode()
    return (f"<img alt='thumbnail' width='{width}' height='{height}' src='data:image/png;base64,{encoded}'>"
            + _caption(selection, dataset.shape))


def _displayed(width: int, height: int) -> Tuple[int, int]:
    scale = max(1, MOST_PIXELS // max(width, height))
    return max(width * scale, 8), max(height * scale, 8)


def _caption(selection: Tuple[Any, ...], shape: Tuple[int, ...] = ()) -> str:
    parts = []
    for axis, one in enumerate(selection):
        if isinstance(one, int):
            parts.append(str(one))
            continue
        whole = not shape or (one.start in (None, 0) and one.stop in (None, shape[axis]))
        ends = ":" if whole else f"{one.start}:{one.stop}"
        step = one.step if one.step not in (None, 1) else None
        parts.append(ends if step is None else f"{ends if whole else ends + ':'}{':' if whole else ''}{step}")
    return f"<div class='leaf dim'>[{_text(', '.join(parts))}]</div>"
