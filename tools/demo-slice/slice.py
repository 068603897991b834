"""slice.py SERVER FILE FOLDER: slices the demo's scan from Python and writes what it finds as PNG files."""
import pathlib
import struct
import sys
import time
import zlib

import h5cap
import numpy as np


def write_png(path, grey):
    """An 8-bit greyscale PNG: https://www.w3.org/TR/png-3/"""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = grey.shape
    rows = np.zeros((height, width + 1), "u1")  # each row begins with its filter type, none
    rows[:, 1:] = grey
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes()))
        + chunk(b"IEND", b"")
    )


def brightness(pixels, masked=65535):
    """Logarithmic greys; what is masked stays black."""
    shown = np.log1p(np.where(pixels == masked, 0, pixels).astype("f4"))
    return (255 * shown / max(float(shown.max()), 1e-6)).astype("u1")


def main():
    server, name, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    with h5cap.File(f"{server}/{name}") as file:
        data = file["/entry/data/data"]
        print(f"Python: {data.name} is {data.shape} {data.dtype}: {data.size * data.dtype.itemsize:,} bytes of pixels")
        session = h5cap.connect(server)  # the connection that the file is on
        before = session.traffic()
        start = time.perf_counter()
        frame = data[42]
        history = data[:, data.shape[1] // 2 + 8, :]  # one row of every frame: how the rings move
        print(f"        data[42] and one row of all {len(history)} frames in {time.perf_counter() - start:.2f} s,")
        received = session.traffic()["bytes_received"] - before["bytes_received"]
        stored = sum(path.stat().st_size for path in (folder / "scan").rglob("*") if path.is_file())
        print(f"        {frame.nbytes + history.nbytes:,} bytes of pixels; on the wire: {received:,} bytes received;")
        print(f"        the scan's files have {stored:,} bytes")
        same = np.array_equal(frame, file["/entry/data/data_gzip"][42])
        print(f"        the gzip variant of the frame is {'the same' if same else 'DIFFERENT'}")
        for png, pixels in (("frame.png", frame), ("rings.png", history)):
            write_png(folder / png, brightness(pixels))
            print(f"        wrote {folder / png}, {pixels.shape[1]} x {pixels.shape[0]}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
