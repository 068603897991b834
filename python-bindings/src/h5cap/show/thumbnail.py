"""Small pictures of arrays, as PNG."""

from __future__ import annotations

import struct
import zlib
from typing import Any, List, Optional, Tuple

import numpy as np

MOST_PIXELS = 256  # along an edge
FEWEST_PIXELS = 16  # along the other edge, where proportions are kept
MOST_TOUCHED = 64 << 20  # bytes that the server reads and decodes for one picture
ENDS = (1.0, 99.0)  # percentiles that become black and white: a hot pixel must not darken the rest

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels: grey, grey and alpha, RGB, RGBA


def png(pixels: np.ndarray) -> bytes:
    """A PNG of ``pixels``: uint8, (height, width, channels), 1 to 4 of these as in the standard's colour types."""
    height, width, channels = pixels.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # each begins with its filter: none
    rows[:, 1:] = pixels.reshape(height, width * channels)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes(), 6))
            + chunk(b"IEND", b""))


def grey(values: np.ndarray) -> np.ndarray:
    """Pixels of a two-dimensional array of numbers: black to white between `ENDS`, transparent where it is not a
    number."""
    if values.dtype.kind == "c":
        values = np.abs(values)
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = values.astype(np.float64)
        finite = numbers[np.isfinite(numbers)]
        low, high = np.percentile(finite, ENDS) if finite.size else (0.0, 0.0)
        if not low < high and finite.size:
            low, high = finite.min(), finite.max()
        half = high / 2 - low / 2  # the difference itself may overflow
        if half > 0:
            shades = np.clip((numbers / 2 - low / 2) / half, 0, 1) * 255
        else:
            shades = np.where(np.isfinite(numbers), 127.0, numbers)
        shades = np.nan_to_num(shades, nan=0, posinf=255, neginf=0)
    alpha = np.where(np.isnan(numbers), 0, 255)
    return np.stack([shades, alpha], axis=-1).astype(np.uint8)


def is_colour(shape: Tuple[int, ...], dtype: np.dtype) -> bool:
    return len(shape) >= 3 and shape[-1] in (3, 4) and dtype == np.uint8 and min(shape[-3:-1]) > 4


def picture_selection(shape: Tuple[int, ...], itemsize: int, chunks: Optional[Tuple[int, ...]],
                      channels: int) -> Tuple[Any, ...]:
    """What to read for a picture of the last two axes (before those of the colours): the first of all others, every
    n-th row and column, and only the middle where the whole would be too much to read."""
    axes = len(shape) - bool(channels)
    lead, (height, width) = shape[:axes - 2], shape[axes - 2:axes]
    grain = chunks or (1,) * len(shape)
    deep = itemsize * max(channels, 1)
    for extent in grain[:axes - 2]:
        deep *= extent  # a chunk is decoded as a whole
    spans = [height, width]
    blocks = [max(1, grain[axes - 2]), max(1, grain[axes - 1])]
    while _touched(spans, blocks, deep) > MOST_TOUCHED:
        counts = [-(-span // block) for span, block in zip(spans, blocks)]
        most = 0 if counts[0] >= counts[1] else 1
        if counts[most] <= 1:
            break  # it takes a whole chunk
        spans[most] = counts[most] // 2 * blocks[most]
    steps = [-(-span // MOST_PIXELS) for span in spans]
    if min(spans) // max(steps) >= FEWEST_PIXELS:
        steps = [max(steps)] * 2  # in proportion
    picked: List[Any] = [0] * len(lead)
    for extent, span, block, step in zip((height, width), spans, blocks, steps):
        start = (extent - span) // 2 // block * block if span < extent else 0
        picked.append(slice(start, start + span, step))
    return (*picked, slice(None)) if channels else tuple(picked)


def _touched(spans: List[int], blocks: List[int], deep: int) -> int:
    total = deep
    for span, block in zip(spans, blocks):
        total *= -(-span // block) * block
    return total
