"""Peers that mean harm, by the thousand: what they send, keep, hold back and take up costs themselves only.

Each test writes how often it tried and how often the promise failed (support/results.py).  Single faults of this kind
are in test_hostile_peers.py and test_greedy_peers.py.
"""

import os
import random
import resource
import socket
import struct
import time

import pytest
from support import oracle
from support.raw_rpc import (CALL, DATASET, DIRECTORY, FINISH, GROUP, NODE, RELEASE, SERVICE, SESSION, RawPeer,
                             Struct, Structs, axis_indices, axis_range, call, frame)
from support.results import record
from support.served import PATIENCE, Server, wait_until

MIB = 1 << 20
PATH = "data/sample.h5"
FILE, ATTRIBUTES = 0xc11f463492914baa, 0xb31324ebbd0941e5
FRAMES_A_CONNECTION = 50


def descriptors(server):
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def answered(peer, count):
    peer.flush()
    return [reason for _, reason in peer.returns(count)]


def answers_in_time(server, seconds=3.0):
    """Whether a new peer gets a frame of the sample."""
    begun = time.monotonic()
    try:
        with RawPeer(server.port) as peer:
            peer.socket.settimeout(20)
            peer.read(peer.open(peer.open_file(PATH), "/entry/raw"), [axis_range(3, 4)])
            return answered(peer, 6) == [None] * 6 and time.monotonic() - begun < seconds * PATIENCE
    except OSError:
        return False


# --------------------------------------------------------------------------------------------------------------- frames


def valid_frames(rng, node):
    """Frames of all kinds that mean something, or nearly, where `node` is an answered question; ids are random."""
    number, field = rng.randrange(200), rng.choice([None, 0, 0, 1, 7])
    text, blob = rng.choice(["/", ".", "/entry/raw", "x" * 300, "\0", "../.."]), rng.randbytes(rng.randrange(200))
    target = rng.choice([node, number, 0])
    nothing, cursor = Struct(), Struct(struct.pack("<I", rng.randrange(9)), [blob])
    selection = Struct(b"", [Structs([axis_range(rng.randrange(9), rng.randrange(300)), axis_range()]), None])
    options = Struct(struct.pack("<QQ", rng.choice([0, 1, MIB, 1 << 63]), 0), [None] * 6)
    calls = [(SERVICE, 0, nothing), (SERVICE, 1, Struct(b"", [None])), (SERVICE, 2, Struct(b"", [blob])),
             (SESSION, 0, nothing), (SESSION, 1, Struct(b"", [blob])), (SESSION, 2, nothing),
             (DIRECTORY, 0, Struct(struct.pack("<I", 3), [text, blob])), (DIRECTORY, 1, Struct(b"", [text])),
             (DIRECTORY, 2, Struct(b"", [rng.choice([PATH, text]), Struct(struct.pack("<I", 9), [None])])),
             (NODE, 0, nothing), (NODE, 1, nothing), (NODE, 2, Struct(b"", [Struct(bytes(8))])),
             (GROUP, 0, cursor), (GROUP, 1, Struct(b"", [text])), (GROUP, 2, Struct(b"", [text])),
             (FILE, 0, Struct(b"", [blob])), (FILE, 1, nothing), (FILE, 2, Struct(bytes(24))), (FILE, 3, nothing),
             (DATASET, 0, Struct(b"", [selection, options])), (DATASET, 0, Struct(b"", [None, options])),
             (DATASET, 0, Struct(b"", [Struct(b"", [Structs([axis_indices([1, 1 << 40])]), None]), options])),
             (DATASET, 2, nothing), (ATTRIBUTES, 0, cursor), (ATTRIBUTES, 1, Struct(b"", [text]))]
    kind = rng.randrange(10)
    if kind < 7:
        interface, method, params = rng.choice(calls)
        return call(number, target, field, interface, method, params)
    if kind == 7:
        return frame(FINISH, Struct(struct.pack("<IB", number, rng.randrange(2))))
    if kind == 8:
        return frame(RELEASE, Struct(struct.pack("<II", number, rng.randrange(1 << 32))))
    return frame(rng.randrange(14), Struct(rng.randbytes(8 * rng.randrange(4)), [None] * rng.randrange(4)))


def mutated(rng, data):
    """A frame with a few words of it otherwise: bits, pointers, sizes, kinds; or less of it; or noise."""
    if rng.random() < 0.05:
        words = rng.randrange(1, 30)
        return struct.pack("<II", 0, words) + rng.randbytes(8 * words)
    data = bytearray(data)
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        at = 8 * rng.randrange(1, len(data) // 8)
        way = rng.randrange(6)
        if way == 0:
            data[at + rng.randrange(8)] ^= 1 << rng.randrange(8)
        elif way == 1:
            data[at:at + 8] = struct.pack("<iHH", rng.randrange(-8, 8) << 2 | rng.randrange(4), rng.randrange(5),
                                          rng.randrange(5))
        elif way == 2:
            data[at:at + 8] = struct.pack("<iI", rng.randrange(-8, 8) << 2 | 1, rng.randrange(1 << 32))
        elif way == 3:
            data[at:at + 8] = struct.pack("<Q", rng.choice([0, 1, (1 << 64) - 1, 1 << 63, 1 << 31]))
        elif way == 4:
            data[at:at + 8] = data[8 * rng.randrange(1, len(data) // 8):][:8].ljust(8, b"\0")
        else:
            data[at:at + 4] = struct.pack("<I", rng.randrange(1 << 32))
    if rng.random() < 0.03:
        words = rng.randrange(0, len(data) // 8)
        data[:8] = struct.pack("<II", rng.choice([0, 0, 1, 3]), words)
    return bytes(data)


@pytest.mark.parametrize("frames", [20_000, pytest.param(200_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("logged_in", ["before login", "after login"])
def test_malicious_frames(server, logged_in, frames):
    """Half of `frames` in each of the two states; the connection may end at each of them, the server at none."""
    rng = random.Random(f"{logged_in} {frames}")
    assert answers_in_time(server, 20)
    memory, files, sent, failures = server.front_rss(), descriptors(server), 0, 0
    while sent < frames // 2:
        peer = RawPeer(server.port)
        if logged_in == "before login":
            peer.next, peer.out, node = 0, bytearray(), 0
        else:
            node = peer.open(peer.open_file(PATH), rng.choice(["/entry/raw", "/entry"]))
            assert answered(peer, 5) == [None] * 5
        data = b"".join(mutated(rng, valid_frames(rng, node)) for _ in range(FRAMES_A_CONNECTION))
        try:
            peer.socket.sendall(data)
        except OSError:
            pass
        peer.close()
        sent += FRAMES_A_CONNECTION
        if sent % 1000 == 0:
            failures += not answers_in_time(server)
            assert server.alive(), f"after {sent} frames"
    assert wait_until(lambda: descriptors(server) <= files + 8, 10), f"{descriptors(server)}, {files} before"
    assert wait_until(lambda: server.front_rss() - memory < 96 * MIB, 5)
    record(f"malicious frames {logged_in} end no server", sent, failures)
    assert failures == 0


# ------------------------------------------------------------------------------------------------------------ hoarding


def test_calls_that_are_never_finished(server):
    """100,000 on many connections: busy first, then those connections end; memory is bounded."""
    assert answers_in_time(server, 20)
    memory, asked, busy, ended = server.front_rss(), 0, 0, 0
    peers = []
    while asked < 100_000:
        peer = RawPeer(server.port)
        peers.append(peer)
        assert answered(peer, 3) == [None] * 3
        try:
            for _ in range(10):
                for _ in range(2500):
                    peer.call(peer.session, 0, SESSION, 0, Struct())
                asked += 2500
                busy += sum(reason is not None and "[busy]" in reason for reason in answered(peer, 2500))
        except OSError:
            ended += 1
    grown = (server.front_rss() - memory) / MIB
    serves = answers_in_time(server)
    record("calls that are never finished", asked, int(not serves), busy=busy, grown_mib=round(grown))
    assert busy > asked / 4 and grown < 5 * 64 and serves
    for peer in peers:
        peer.close()


def test_opens_that_are_never_released(server):
    """10,000 of one peer after the other, until it is busy; another is served meanwhile."""
    assert answers_in_time(server, 20)
    memory, busy, opens, peers = server.front_rss(), 0, 0, []
    for _ in range(4):
        peer = RawPeer(server.port)
        file = peer.open_file(PATH)
        assert answered(peer, 4) == [None] * 4
        for _ in range(10):
            for _ in range(1000):
                peer.open_file(PATH)
            opens += 1000
            busy += sum(reason is not None and "[busy]" in reason for reason in answered(peer, 1000))
        peers.append((peer, file))
    grown, serves = (server.front_rss() - memory) / MIB, answers_in_time(server)
    record("opens that are never released", opens, int(not serves), busy=busy, grown_mib=round(grown))
    assert busy > 0 and grown < 4 * 64 + 96 + 64 and serves
    for peer, _ in peers:
        peer.close()


@pytest.mark.slow
def test_large_answers_of_many_connections(server, folder):
    """What each connection of one user may keep does not multiply: half of what there is, and then busy."""
    oracle.run("import sys, h5py\nwith h5py.File(sys.argv[1], 'w') as file:\n"
               "    for i in range(100):\n"
               "        for j in range(50): file.create_group(f'{i:05d}/{j:05d}' + 'x' * 190)", folder / "many.h5")
    assert answers_in_time(server, 20)
    memory, busy, asked, peers = server.front_rss(), 0, 0, []
    for _ in range(7):
        peer = RawPeer(server.socket)
        busy += sum(reason is not None and "[busy]" in reason for reason in answered(peer, 3))
        for _ in range(40):  # fewer than one connection may keep
            peer.open_file("data/many.h5", 8 * MIB)
            asked += 1
            busy += sum(reason is not None and "[busy]" in reason for reason in answered(peer, 1))
        peers.append(peer)
    grown, serves = (server.front_rss() - memory) / MIB, answers_in_time(server)
    record("large answers that are not released, of many connections", asked, int(not serves), busy=busy,
           grown_mib=round(grown))
    assert busy > 0 and grown < 256 + 100 and serves
    for peer in peers:
        peer.close()


# ----------------------------------------------------------------------------------------------------------- slow peers

HUGE = """
import sys, h5py
with h5py.File(sys.argv[1] + "/huge.h5", "w") as f:
    f.create_dataset("sparse", shape=(1 << 40,), dtype="u1", chunks=(1 << 22,))[:100 << 20] = 1
"""


@pytest.mark.parametrize("rate", [0, 100_000])
def test_a_slow_reader_of_a_tebibyte(folder, server, rate):
    """It has as many reads under way as it likes; what waits for it is bounded, and it is not turned away while it
    takes something."""
    oracle.run(HUGE, folder)
    assert answers_in_time(server, 20)
    memory, worst = server.front_rss(), 0.0
    with RawPeer(server.port, receive_buffer=4096) as peer:
        node = peer.open(peer.open_file("data/huge.h5"), "/sparse")
        peer.flush()
        assert [reason for _, reason in peer.returns(5)] == [None] * 5
        for k in range(256):
            peer.read(node, [axis_range((k % 25) << 22, 1 << 40)], 4 * MIB)
        peer.flush()
        end, got = time.monotonic() + 5, 0
        while time.monotonic() < end:
            if rate:
                got += len(peer.socket.recv(rate // 10))
            time.sleep(0.1)
            worst = max(worst, (server.front_rss() - memory) / MIB)
        serves = answers_in_time(server)
        record(f"a reader of a tebibyte at {rate} bytes a second", 1, int(not serves or worst > 100),
               grown_mib=round(worst))
        assert serves and worst < 100
        assert got > 0 or not rate


def test_sockets_that_are_stuck_in_half_a_frame(server):
    """500 of them are closed within 15 s; one that has said nothing wrong stays."""
    assert answers_in_time(server, 20)
    with RawPeer(server.port) as quiet:
        assert answered(quiet, 3) == [None] * 3
        files, stuck = descriptors(server), []
        halves = [b"\0\0\0", struct.pack("<II", 0, 100) + bytes(100), struct.pack("<II", 0, MIB)]
        for k in range(500):
            one = socket.create_connection(("127.0.0.1", server.port))
            one.sendall(halves[k % 3])
            stuck.append(one)
        begun = time.monotonic()
        closed = wait_until(lambda: descriptors(server) <= files + 4, 20, 0.2)
        took = time.monotonic() - begun
        record("sockets stuck in half a frame are closed within 15 s", 500,
               max(descriptors(server) - files, 0) if took > 15 else 0, seconds=round(took, 1))
        assert closed and took < 15 * PATIENCE
        quiet.ping(b"x")
        assert answered(quiet, 1) == [None]
    for one in stuck:
        one.close()


def test_rounds_without_descriptors(folder, sample):
    """20 times more connections than descriptors; each time another peer is served within a second of their going."""
    (folder / "sample.h5").write_bytes(sample.read_bytes())
    rounds, failures, worst = 20, 0, 0.0
    with Server({"data": str(folder)}, tcp=True) as server:
        assert answers_in_time(server, 20)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (128, 128))
        for _ in range(rounds):
            crowd = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
            time.sleep(0.1)
            for one in crowd:
                one.close()
            begun = time.monotonic()
            assert wait_until(lambda: answers_in_time(server), 10, 0.01)
            worst = max(worst, time.monotonic() - begun)
            failures += time.monotonic() - begun > 1
        record("served again within 1 s of a lack of descriptors", rounds, failures, worst_s=round(worst, 2))
        assert failures <= 2  # of a loaded machine
        assert server.alive()
