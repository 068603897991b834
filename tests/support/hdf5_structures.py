"""Where the structures of an HDF5 file are, and damage to one of them that gets past its checksum.

    for structure in structures(raw): ...            # superblock, headers and their messages, trees, heaps, indexes
    damaged, what = damage(raw, structures(raw), random.Random(7))

Structures are found by their signatures and through each other, as far as files of HDF5 1.8 to 1.10 go; the end of one
that has a checksum is where the checksum is right.
"""

import struct
from dataclasses import dataclass

SIGNED = (b"SNOD TREE HEAP GCOL OHDR OCHK BTHD BTLF BTIN FRHP FHDB FHIB FSHD FSSE FAHD FADB EAHD EAIB EADB EASB "
          b"SMTB").split()
LONGEST = 1200  # bytes of a structure whose checksum is looked for
UNSIGNED_BYTES = {b"SNOD": 64, b"TREE": 200, b"HEAP": 32, b"GCOL": 120, b"FHDB": 200}
MASK = 0xffffffff


@dataclass(frozen=True)
class Structure:
    kind: str
    start: int
    end: int
    checksum: tuple = None  # (from, to): of these bytes, and stands behind them


def lookup3(data):
    """Bob Jenkins' hash, little-endian, from zero: HDF5's checksum of metadata."""
    def rotate(x, k):
        return (x << k | x >> (32 - k)) & MASK
    length = len(data)
    a = b = c = (0xdeadbeef + length) & MASK
    whole = max(0, (length - 1) // 12) * 12
    for x, y, z in struct.iter_unpack("<III", data[:whole]):
        a, b, c = (a + x) & MASK, (b + y) & MASK, (c + z) & MASK
        a = (a - c) & MASK ^ rotate(c, 4); c = (c + b) & MASK  # noqa: E702
        b = (b - a) & MASK ^ rotate(a, 6); a = (a + c) & MASK  # noqa: E702
        c = (c - b) & MASK ^ rotate(b, 8); b = (b + a) & MASK  # noqa: E702
        a = (a - c) & MASK ^ rotate(c, 16); c = (c + b) & MASK  # noqa: E702
        b = (b - a) & MASK ^ rotate(a, 19); a = (a + c) & MASK  # noqa: E702
        c = (c - b) & MASK ^ rotate(b, 4); b = (b + a) & MASK  # noqa: E702
    if length == 0:
        return c
    x, y, z = struct.unpack("<III", data[whole:].ljust(12, b"\0"))
    a, b, c = (a + x) & MASK, (b + y) & MASK, (c + z) & MASK
    for k, (p, q) in zip((14, 11, 25, 16, 4, 14, 24), ("cb", "ac", "ba", "cb", "ac", "ba", "cb")):
        v = {"a": a, "b": b, "c": c}
        v[p] = ((v[p] ^ v[q]) - rotate(v[q], k)) & MASK
        a, b, c = v["a"], v["b"], v["c"]
    return c


def structures(raw):
    found = []
    signature = raw.find(b"\x89HDF\r\n\x1a\n")
    version = raw[signature + 8]
    found.append(Structure("superblock", signature, signature + (96 if version < 2 else 48),
                           None if version < 2 else (signature, signature + 44)))
    for word in SIGNED:
        at = raw.find(word)
        while at >= 0:
            checked = checksum_of(raw, at) if word not in UNSIGNED_BYTES else None
            if checked:
                found.append(Structure(word.decode(), at, checked[1], checked))
            elif word in UNSIGNED_BYTES:
                found.append(Structure(word.decode(), at, min(at + UNSIGNED_BYTES[word], len(raw))))
            at = raw.find(word, at + 4)
    messages = []
    for one in found:
        if one.kind == "OHDR":
            messages += messages_of_new(raw, one)
    headers = {struct.unpack_from("<Q", raw, signature + 64)[0]} if version < 2 else set()
    for one in found:
        if one.kind == "SNOD":
            count = min(struct.unpack_from("<H", raw, one.start + 6)[0], 32)
            headers |= {struct.unpack_from("<Q", raw, one.start + 16 + 40 * i)[0] for i in range(count)}
    for address in headers:
        messages += messages_of_old(raw, signature + address)
    return found + messages


def checksum_of(raw, start):
    for end in range(start + 6, min(start + LONGEST, len(raw) - 3)):
        if raw[end:end + 4] != b"\0\0\0\0" and struct.unpack_from("<I", raw, end)[0] == lookup3(raw[start:end]):
            return start, end
    return None


def messages_of_new(raw, header):
    flags = raw[header.start + 5]
    at = header.start + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0) + (1 << (flags & 3))
    head = 6 if flags & 4 else 4
    while at + head <= header.end:
        kind, size = raw[at], struct.unpack_from("<H", raw, at + 1)[0]
        if size:
            yield Structure(f"message {kind:#x}", at, min(at + head + size, header.end), header.checksum)
        at += head + size


def messages_of_old(raw, start):
    if start + 16 > len(raw) or raw[start] != 1:
        return
    yield Structure("header", start, start + 16)
    at, end = start + 16, start + 16 + struct.unpack_from("<I", raw, start + 8)[0]
    while at + 8 <= min(end, len(raw)):
        kind, size = struct.unpack_from("<HH", raw, at)
        if size:
            yield Structure(f"message {kind:#x}", at, min(at + 8 + size, len(raw)))
        if kind == 0x10 and size >= 16:  # continued elsewhere
            address, length = struct.unpack_from("<QQ", raw, at + 8)
            if address + length <= len(raw) and length < LONGEST:
                yield Structure("continuation", address, address + length)
        at += 8 + size


def damage(raw, known, rng):
    """The file with one structure damaged in one to three places, and what that was."""
    kinds = sorted({one.kind for one in known})
    kind = rng.choice(kinds)
    one = rng.choice([structure for structure in known if structure.kind == kind])
    out, what = bytearray(raw), []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        width = rng.choice([1, 1, 2, 4, 8])
        if one.end - one.start <= width:
            width = 1
        at = rng.randrange(one.start, one.end - width + 1)
        old = int.from_bytes(out[at:at + width], "little")
        most = (1 << 8 * width) - 1
        edges = [0, 1, 2, most, most - 1, most >> 1, (most >> 1) + 1]
        near = [old + 1, old - 1, old * 2, old ^ 1 << rng.randrange(8 * width)]
        places = [len(raw), len(raw) - 1, one.start, rng.choice(known).start]
        value = rng.choice([*edges, *near, *places, rng.randrange(most + 1)]) & most
        out[at:at + width] = value.to_bytes(width, "little")
        what.append(f"{one.kind} at {one.start}: {width} bytes from {at - one.start} on, {old:#x} became {value:#x}")
    if one.checksum and rng.random() < 0.95:
        begin, end = one.checksum
        out[end:end + 4] = struct.pack("<I", lookup3(bytes(out[begin:end])))
    return bytes(out), "; ".join(what)
