"""Cap'n Proto RPC by hand, for peers that no client library can play: they never read, never finish, or lie.

    peer = RawPeer(server.port)
    file = peer.open_file("data/sample.h5")          # a question id; nothing waits for an answer
    peer.send(peer.read(peer.open(file, "/entry/raw")))
    for answer, reason in peer.returns(3): ...

Messages have one segment.  Answers are looked at only as far as their kind, id and exception.
"""

import os
import socket
import struct

# Others use this file by itself.
ANSWER_SECONDS = 180 if "H5CAP_SANITIZER_REPORTS" in os.environ else 30

SERVICE, SESSION, DIRECTORY = 0xb6d58c2217f40bf2, 0x8572f073df24de6f, 0xa8b4ddfb1c685e4e
NODE, GROUP, DATASET = 0x9c9369e0414b0a43, 0xd64cbdb526f9a6c2, 0xe60c6eb2f4796e81
CALL, RETURN, FINISH, RELEASE, BOOTSTRAP = 2, 3, 4, 6, 8


class Struct:
    """A struct: its data section and its pointers, each None, bytes (Data), str (Text), Struct, Structs or Longs."""

    def __init__(self, data=b"", pointers=()):
        self.data, self.pointers = data + bytes(-len(data) % 8), list(pointers)


class Structs(list):
    """A list of structs of equal shape."""


class Longs(list):
    """A list of 64-bit integers."""


def encode(root):
    """A segment whose first word points to `root`."""
    out = bytearray(8)
    _point(out, 0, root)
    return bytes(out)


def _point(out, at, value):
    if value is None:
        return
    offset = (len(out) - at - 8) // 8
    if isinstance(value, Struct):
        struct.pack_into("<iHH", out, at, offset << 2, len(value.data) // 8, len(value.pointers))
        _body(out, value, _reserve(out, len(value.data) + 8 * len(value.pointers)))
    elif isinstance(value, Structs):
        data, pointers = len(value[0].data) // 8, len(value[0].pointers)
        struct.pack_into("<iI", out, at, offset << 2 | 1, len(value) * (data + pointers) << 3 | 7)
        tag = _reserve(out, 8 + len(value) * 8 * (data + pointers))
        struct.pack_into("<iHH", out, tag, len(value) << 2, data, pointers)
        for i, one in enumerate(value):
            _body(out, one, tag + 8 + i * 8 * (data + pointers))
    elif isinstance(value, Longs):
        struct.pack_into("<iI", out, at, offset << 2 | 1, len(value) << 3 | 5)
        out += struct.pack(f"<{len(value)}q", *value)
    else:
        data = value.encode() + b"\0" if isinstance(value, str) else value
        struct.pack_into("<iI", out, at, offset << 2 | 1, len(data) << 3 | 2)
        out += data + bytes(-len(data) % 8)


def _reserve(out, size):
    start = len(out)
    out += bytes(size)
    return start


def _body(out, value, start):
    out[start:start + len(value.data)] = value.data
    for i, pointer in enumerate(value.pointers):
        _point(out, start + len(value.data) + 8 * i, pointer)


def frame(kind, content):
    """A whole message of one segment."""
    segment = encode(Struct(struct.pack("<H", kind), [content]))
    return struct.pack("<II", 0, len(segment) // 8) + segment


def call(question, target, field, interface, method, params):
    """A call on the capability at pointer `field` of the answer to question `target`; None: the answer itself."""
    operations = None if field is None else Structs([Struct(struct.pack("<HH", 1, field))])
    answer = Struct(struct.pack("<I", target), [operations])
    return frame(CALL, Struct(struct.pack("<IHHQQ", question, method, 0, interface, 0),
                              [Struct(struct.pack("<IH", 0, 1), [answer]), Struct(b"", [params, None]), None]))


def finish(question):
    return frame(FINISH, Struct(struct.pack("<I", question)))


def axis_range(start=0, stop=0x7fffffffffffffff, step=1):
    return Struct(struct.pack("<HxxxxxxqqQ", 2, start, stop ^ 0x7fffffffffffffff, step ^ 1), [None])


def axis_indices(indices):
    return Struct(struct.pack("<Hxxxxxxqqq", 3, 0, 0, 0), [Longs(indices)])


class RawPeer:
    """One connection; sends what it is told, in the order in which it is told."""

    def __init__(self, address, receive_buffer=None):
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(ANSWER_SECONDS)
        self.socket.connect(address if isinstance(address, str) else ("127.0.0.1", address))
        self.begin()

    def begin(self):
        """Collects the calls that every conversation starts with."""
        self.next, self.buffer, self.out = 0, b"", bytearray()
        self.service = self.question(lambda id: frame(BOOTSTRAP, Struct(struct.pack("<I", id), [None])))
        self.session = self.call(self.service, None, SERVICE, 1, Struct(b"", [None]))
        self.root = self.call(self.session, 0, SESSION, 0, Struct())

    def question(self, make):
        id, self.next = self.next, self.next + 1
        self.out += make(id)
        return id

    def call(self, target, field, interface, method, params):
        return self.question(lambda id: call(id, target, field, interface, method, params))

    def open_file(self, path, snapshot_bytes=0):
        return self.call(self.root, 0, DIRECTORY, 2,
                         Struct(b"", [path, Struct(struct.pack("<I", snapshot_bytes), [None])]))

    def open(self, file, path):
        return self.call(file, 0, GROUP, 1, Struct(b"", [path]))

    def describe(self, node):
        return self.call(node, 0, NODE, 0, Struct())

    def ping(self, payload=b""):
        return self.call(self.session, 0, SESSION, 1, Struct(b"", [payload]))

    def read(self, node, axes=(), reply_bytes=0):
        selection = Struct(b"", [Structs(axes) if axes else None, None])
        return self.call(node, 0, DATASET, 0,
                         Struct(b"", [selection, Struct(struct.pack("<QQ", reply_bytes, 0), [None] * 6)]))

    def finish(self, question):
        self.out += finish(question)

    def flush(self):
        """Sends what was collected; raises OSError when the server has closed, or takes nothing for the timeout."""
        data, self.out = bytes(self.out), bytearray()
        self.socket.sendall(data)

    def message(self):
        """The next message's first segment; b"" at the end."""
        head = self._take(4)
        if not head:
            return b""
        segments = struct.unpack("<I", head)[0] + 1
        sizes = struct.unpack(f"<{segments}I", self._take(4 * segments + (0 if segments % 2 else 4))[:4 * segments])
        body = self._take(8 * sum(sizes))
        return body[:8 * sizes[0]]

    def _take(self, count):
        parts, have = [self.buffer], len(self.buffer)
        while have < count:
            data = self.socket.recv(1 << 18)
            if not data:
                return b""
            parts.append(data)
            have += len(data)
        data = b"".join(parts)
        self.buffer = data[count:]
        return data[:count]

    def returns(self, count):
        """The next `count` answers: (id, None or the exception's text).  Fewer when the server closes."""
        while count > 0:
            segment = self.message()
            if not segment:
                return
            if struct.unpack_from("<H", segment, 8)[0] != RETURN:
                continue
            at = _target(segment, 16)
            failed = struct.unpack_from("<H", segment, at + 6)[0] == 1
            text = None
            if failed:
                exception = _target(segment, at + 16)
                reason = exception + 8
                size = struct.unpack_from("<I", segment, reason + 4)[0] >> 3
                text = segment[_target(segment, reason):][:size - 1].decode(errors="replace")
            yield struct.unpack_from("<I", segment, at)[0], text
            count -= 1

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _target(segment, at):
    return at + 8 + 8 * (struct.unpack_from("<i", segment, at)[0] >> 2)
