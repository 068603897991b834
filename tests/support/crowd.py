"""Many connections that ask for all they can get, in a process of their own; and one polite reader to compare with.

    with Crowd(server.socket, "data/a.h5", "/x", connections=50, reply_bytes=1 << 20) as crowd: ...
    crowd.bytes    # that each of them got, once it has ended

    times = polite(server.port, "data/b.h5", "/y", seconds=3)   # of small reads, one after the other
"""

import json
import os
import selectors
import struct
import subprocess
import sys
import time

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.raw_rpc import RawPeer, axis_range  # noqa: E402
from support.served import PATIENCE  # noqa: E402


class Crowd:
    """`connections` peers at `address`, each with `depth` reads of `reply_bytes` under way all the time.  With `rows`,
    reads are of so many rows; otherwise of all."""

    def __init__(self, address, path, dataset, connections=50, depth=8, reply_bytes=1 << 20, rows=0):
        words = [address, path, dataset, connections, depth, reply_bytes, rows]
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), *map(str, words)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "asks\n"
        self.bytes, self.failures = [], 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        said, _ = self.process.communicate("", timeout=30 * PATIENCE)
        told = json.loads(said)
        self.bytes, self.failures, self.seconds = told["bytes"], told["failures"], told["seconds"]


def polite(address, path, dataset, seconds=3.0, rows=1, pause=0.0):
    """Seconds that each of many small reads takes, one after the other on one connection."""
    times = []
    with RawPeer(address) as peer:
        node = peer.open(peer.open_file(path), dataset)
        peer.flush()
        assert [reason for _, reason in peer.returns(5)] == [None] * 5
        end, at = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            begun = time.monotonic()
            read = peer.read(node, [axis_range(at, at + rows)])
            peer.flush()
            assert [reason for _, reason in peer.returns(1)] == [None]
            times.append(time.monotonic() - begun)
            peer.finish(read)
            at = (at + rows) % 64
            if pause:
                time.sleep(pause)
    return times


def quantile(times, share):
    return sorted(times)[min(int(len(times) * share), len(times) - 1)]


HEAD = 96  # of a message, beyond its table of segments: where an answer's id is


def table_bytes(head):
    return (4 * (struct.unpack_from("<I", head)[0] + 2) + 7) // 8 * 8


def message_bytes(head):
    """With its table; None when too little of it is there."""
    if len(head) < 8 or len(head) < table_bytes(head):
        return None
    segments = struct.unpack_from("<I", head)[0] + 1
    return table_bytes(head) + 8 * sum(struct.unpack_from(f"<{segments}I", head, 4))


class Asker:
    """One connection of a crowd."""

    def __init__(self, address, path, dataset, depth, reply_bytes, rows):
        self.reply_bytes, self.rows, self.at = reply_bytes, rows, 0
        self.peer = RawPeer(address)
        self.node = self.peer.open(self.peer.open_file(path), dataset)
        self.peer.flush()
        assert [reason for _, reason in self.peer.returns(5)] == [None] * 5
        self.head, self.left = b"", 0  # of the message that arrives
        self.bytes = self.failures = 0
        self.depth = depth

    def ask(self, count):
        for _ in range(count):
            axes = [axis_range(self.at, self.at + self.rows)] if self.rows else ()
            self.peer.read(self.node, axes, self.reply_bytes)
            self.at = (self.at + self.rows) % 64
        data, self.peer.out = bytes(self.peer.out), bytearray()
        self.peer.socket.send(data)

    def take(self, data):
        """Counts what came, and asks for as many answers as have ended."""
        self.bytes += len(data)
        at = ended = 0
        while at < len(data):
            if self.left == 0:  # the beginning of a message: what follows of it is only counted
                part = data[at:at + HEAD - len(self.head)]
                have = self.head + part
                size = message_bytes(have)
                if size is None or len(have) < min(size, HEAD):
                    self.head = have
                    break
                used = min(size, HEAD) - len(self.head)
                self.head, self.left = have[:min(size, HEAD)], size - min(size, HEAD)
                at += used
            else:
                part = min(self.left, len(data) - at)
                self.left, at = self.left - part, at + part
            if self.left == 0:
                self._answered()
                ended += 1
        if ended:
            self.ask(ended)

    def _answered(self):
        body = self.head[table_bytes(self.head):]
        at = 16 + 8 + 8 * (struct.unpack_from("<i", body, 16)[0] >> 2)
        self.failures += struct.unpack_from("<H", body, at + 6)[0] == 1
        self.peer.finish(struct.unpack_from("<I", body, at)[0])
        self.head = b""


def main(address, path, dataset, connections, depth, reply_bytes, rows):
    address = int(address) if address.isdigit() else address
    askers = [Asker(address, path, dataset, depth, reply_bytes, rows) for _ in range(connections)]
    chosen = selectors.DefaultSelector()
    chosen.register(sys.stdin, selectors.EVENT_READ)
    for one in askers:
        one.ask(depth)
        chosen.register(one.peer.socket, selectors.EVENT_READ, one)
    print("asks", flush=True)
    begun, goes_on, buffer = time.monotonic(), True, bytearray(1 << 20)
    while goes_on:
        for key, _ in chosen.select():
            if key.data is None:
                goes_on = False
                break
            count = key.fileobj.recv_into(buffer)
            if count == 0:
                sys.exit("the server closed")
            key.data.take(bytes(memoryview(buffer)[:count]))
    print(json.dumps({"bytes": [one.bytes for one in askers], "failures": sum(one.failures for one in askers),
                      "seconds": time.monotonic() - begun}))


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(int, sys.argv[4:]))
