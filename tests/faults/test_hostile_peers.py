"""Bytes that no client of ours sends: the server closes that connection, and no other connection notices.

Well-formed calls that exhaust budgets are in test_greedy_peers.py.
"""

import os
import random
import socket
import struct
import time

import h5cap
import numpy as np
import pytest
from support.sample import frame
from support.served import wait_until

SECONDS = 5.0
PAYLOADS = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "TLS hello": bytes.fromhex("16030100f8010000f40303") + bytes(240), "FF": b"\xff\xff\xff\xff",
    "many FF": b"\xff" * 65536, "zeros": bytes(65536), "one byte": b"\0", "SSH": b"SSH-2.0-x\r\n",
    "a million segments": struct.pack("<II", 999_999, 1),
    "huge segment": struct.pack("<II", 0, 0x7fffffff) + bytes(4096),
    "empty message": struct.pack("<II", 0, 0), "many empty messages": struct.pack("<II", 0, 0) * 10000,
    "wild pointer": struct.pack("<IIQ", 0, 1, 0xfffffffffffffffc),
    "far pointer": struct.pack("<IIQ", 0, 1, 0x0000000800000002),
    "self pointer": struct.pack("<IIQ", 0, 1, 0x00010000fffffffc),
    "huge list": struct.pack("<IIQQ", 0, 2, 0x0001000000000000, 0xfffffffb00000001),
}


def send(port, data, wait=SECONDS):
    """Sends and returns whether the server closed the connection within `wait` seconds of our own end of sending."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as peer:
        try:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(65536):
                pass
            return True
        except TimeoutError:
            return False
        except OSError:  # reset, or no longer connected
            return True


@pytest.mark.parametrize("kind", PAYLOADS)
def test_garbage(kind, server, still_serving):
    with h5cap.File(server.url("data/sample.h5")) as bystander:
        data = bystander["entry/gzip"]
        assert send(server.port, PAYLOADS[kind]), "the connection stayed open"
        np.testing.assert_array_equal(data[11], frame(11))
    still_serving()


def test_random_garbage(server, still_serving):
    """200 seeded messages: noise, noise behind a plausible frame header, damaged copies of a real conversation."""
    real = recorded_conversation(server)
    assert len(real) > 100
    rng = random.Random(20)
    with h5cap.File(server.url("data/sample.h5")) as bystander:
        for trial in range(200):
            if trial % 4 == 0:
                data = rng.randbytes(rng.randrange(1, 2000))
            elif trial % 4 == 1:
                words = rng.randrange(1, 50)
                data = struct.pack("<II", 0, words) + rng.randbytes(8 * words)
            else:
                data = bytearray(real)
                for _ in range(rng.randrange(1, 8)):
                    data[rng.randrange(len(data))] = rng.randrange(256)
                data = bytes(data[:rng.randrange(8, len(data) + 1)])
            assert send(server.port, data), f"trial {trial}"
            if trial % 20 == 0:
                i = rng.randrange(200)
                np.testing.assert_array_equal(bystander["entry/lz4"][i], frame(i))
    still_serving()


def recorded_conversation(server):
    """What a real client sends, taken from a connection to a listener that passes it on."""
    import threading
    listener = socket.create_server(("127.0.0.1", 0))
    sent = bytearray()

    def run():
        client, _ = listener.accept()
        upstream = socket.create_connection(("127.0.0.1", server.port))

        def back():
            while data := upstream.recv(65536):
                client.sendall(data)
        threading.Thread(target=back, daemon=True).start()
        try:
            while data := client.recv(65536):
                sent.extend(data)
                upstream.sendall(data)
        except OSError:
            pass

    threading.Thread(target=run, daemon=True).start()
    h5cap.read(server.tcp_url("data/sample.h5", port=listener.getsockname()[1]), "/entry/raw", (0,))
    return bytes(sent)


def test_connections_that_say_nothing(server, still_serving):
    """300 idle connections and half a header on each: cheap, and nobody waits for them."""
    before = server.front_rss()
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
    for one in idle:
        one.sendall(b"\0\0\0")
    still_serving()
    assert server.front_rss() - before < 64 << 20
    for one in idle:
        one.close()
    still_serving()


def test_out_of_descriptors(folder, sample):
    """More connections than the server has descriptors for: it keeps serving whom it has, and the next ones
    afterwards."""
    import resource
    from support.served import Server
    (folder / "sample.h5").write_bytes(sample.read_bytes())
    with Server({"data": str(folder)}, tcp=True) as server:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (128, 128))  # the tests themselves may need more
        with h5cap.File(server.url("data/sample.h5")) as first:
            np.testing.assert_array_equal(first["entry/raw"][1], frame(1))
            crowd = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
            time.sleep(0.3)
            assert server.alive()
            np.testing.assert_array_equal(first["entry/raw"][2], frame(2))
            for one in crowd:
                one.close()
            assert wait_until(lambda: fresh_read_works(server), 10)
        assert server.alive()


def fresh_read_works(server):
    try:
        session = h5cap.connect(server.tcp_url("data"))
        return session.listdir() == ["sample.h5"]
    except OSError:
        return False


def test_not_reading(server, still_serving):
    """A peer that asks for much and reads nothing pins a bounded amount of memory."""
    real = recorded_conversation(server)
    before = server.front_rss()
    greedy = []
    for _ in range(20):
        peer = socket.create_connection(("127.0.0.1", server.port))
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.setblocking(False)
        try:
            for _ in range(200):
                peer.send(real)
        except (BlockingIOError, ConnectionError):
            pass
        greedy.append(peer)
    still_serving()
    time.sleep(0.5)
    grown = server.front_rss() - before
    assert grown < 200 << 20, f"{grown >> 20} MiB"
    for peer in greedy:
        peer.close()
    still_serving()
    assert os.path.exists(f"/proc/{server.pid}")
