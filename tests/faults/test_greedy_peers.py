"""Peers that speak the protocol and want too much: the server bounds what they cost, and nobody else notices.

After each of them the server lives, another client gets right answers soon (within a second on an idle machine), and
memory and descriptors are near to what they were.  Not covered: many peers that each stay within their budget.
"""

import os
import random
import socket
import struct
import subprocess
import threading
import time

import pytest
from support.raw_rpc import FINISH, SESSION, RawPeer, Struct, Structs, axis_indices, axis_range, frame as message
from support.served import PATIENCE, Server, program, wait_until

MIB = 1 << 20
SOON = 3.0 * PATIENCE
PATH = "data/sample.h5"
HELD_ANSWERS, HELD_AT_MOST = 8192, 32768  # as server/session/server-context.h has them
OBJECT_BYTES = 45 * MIB  # of one peer alone: half of `handleBytes` without the reserve


def descriptors(server):
    return len(os.listdir(f"/proc/{server.pid}/fd"))


@pytest.fixture
def unharmed(server, still_serving):
    """Checks that an attack is over and that it left nothing behind."""
    still_serving()
    memory, files = server.front_rss(), descriptors(server)

    def check(grown=64 * MIB):
        start = time.monotonic()
        still_serving()
        assert time.monotonic() - start < SOON, "another client had to wait"
        assert wait_until(lambda: descriptors(server) <= files + 4,
                          5), f"{descriptors(server)} descriptors, {files} before"
        assert wait_until(lambda: server.front_rss() - memory < grown,
                          5), f"{(server.front_rss() - memory) // MIB} MiB more"

    return check


def drain(peer, seconds=2):
    """Takes what comes until the server closes (True) or is silent for `seconds` (False)."""
    peer.socket.settimeout(seconds)
    try:
        while peer.socket.recv(1 << 20):
            pass
        return True
    except TimeoutError:
        return False
    except OSError:
        return True


def flood(peer, seconds=3):
    """Sends what was collected, for as long as the server takes it."""
    data, peer.out = bytes(peer.out), bytearray()
    peer.socket.settimeout(seconds)
    try:
        peer.socket.sendall(data)
    except OSError:
        pass


def opened(server, path="/entry/raw", **options):
    """A peer and the question that a dataset is the answer to."""
    peer = RawPeer(server.port, **options)
    node = peer.open(peer.open_file(PATH), path)
    peer.flush()
    assert [reason for _, reason in peer.returns(5)] == [None] * 5
    return peer, node


# ------------------------------------------------------------------------------------------------------------- answers


def roots(peer, count, release):
    """The errors of `count` calls that each answer with a capability."""
    for _ in range(count // 1000):
        questions = [peer.call(peer.session, 0, SESSION, 0, Struct()) for _ in range(1000)]
        peer.flush()
        for _, reason in peer.returns(1000):
            if reason:
                yield reason
        if release:
            for question in questions:
                peer.finish(question)


def test_answers_that_are_not_released(server, unharmed):
    """Calls are busy above the budget, and far above it the connection ends; 100,000 such answers once took 1.1 GiB."""
    peer = RawPeer(server.port)
    memory = server.front_rss()
    errors = list(roots(peer, 12_000, release=False))
    assert 12_000 - HELD_ANSWERS - 10 < len(errors) < 12_000 - HELD_ANSWERS + 1010
    assert all(reason.startswith("[busy]") for reason in errors)
    assert server.front_rss() - memory < 64 * MIB
    with pytest.raises(OSError):
        for _ in range(40):
            list(roots(peer, 1000, release=False))
    peer.close()
    unharmed()


def test_answers_that_are_released(server, unharmed):
    """The control: whoever releases may call as often as it likes."""
    with RawPeer(server.port) as peer:
        assert list(roots(peer, 50_000, release=True)) == []
    unharmed()


def test_large_answers_that_are_not_released(server, folder, unharmed):
    """Few answers may be large ones: their bytes count too."""
    from support import oracle
    oracle.run("import sys, h5py\nwith h5py.File(sys.argv[1], 'w') as file:\n"
               "    for i in range(100):\n"
               "        for j in range(50): file.create_group(f'{i:05d}/{j:05d}' + 'x' * 190)", folder / "many.h5")
    with RawPeer(server.port) as peer:
        peer.flush()
        list(peer.returns(3))
        memory = server.front_rss()
        busy = 0
        for _ in range(200):
            peer.open_file("data/many.h5", 8 * MIB)
            peer.flush()
            busy += sum(reason is not None and reason.startswith("[busy]") for _, reason in peer.returns(1))
        assert busy > 50
        assert server.front_rss() - memory < 160 * MIB
    unharmed(grown=128 * MIB)


@pytest.mark.parametrize("what", ["reads", "snapshots", "pings"])
def test_answers_that_nobody_takes(server, unharmed, what):
    peer, node = opened(server, receive_buffer=4096)
    memory = server.front_rss()
    for _ in range(20_000):
        if what == "reads":
            peer.read(node)
        elif what == "snapshots":
            peer.open_file(PATH, 8 * MIB)
        else:
            peer.ping(bytes(4096))
    flood(peer)
    assert server.front_rss() - memory < 96 * MIB
    peer.close()
    unharmed(grown=96 * MIB)


def test_cancelled_at_once(server, unharmed):
    """10,000 reads, each given up in the same breath: none goes on, and the next one is answered."""
    peer, node = opened(server)
    for _ in range(10_000):
        peer.finish(peer.read(node))
    last = peer.ping()
    taking = threading.Thread(target=flood, args=(peer, 20))
    taking.start()
    for id, reason in peer.returns(10_001):
        if id == last:
            assert reason is None
            break
    else:
        pytest.fail("the last call was not answered")
    taking.join()
    peer.close()
    unharmed()


# ------------------------------------------------------------------------------------------------------------- handles


@pytest.mark.long
def test_hoarded_objects(server, unharmed):
    """Answers are released and the objects in them are not: they are bounded in bytes, those of a file count more."""
    peer = RawPeer(server.port)
    file = peer.open_file(PATH)
    peer.flush()
    list(peer.returns(4))
    busy, turns = 0, 130
    for turn in range(turns):
        questions = [peer.open_file(PATH) if turn % 2 else peer.open(file, "/entry/raw") for _ in range(1000)]
        peer.flush()
        busy += sum(reason is not None and "[busy]" in reason for _, reason in peer.returns(1000))
        for question in questions:
            peer.out += message(FINISH, Struct(struct.pack("<IB", question, 1)))  # keeps the capabilities
    assert OBJECT_BYTES / 2500 < 1000 * turns - busy < OBJECT_BYTES / 800
    assert server.front_rss() < 400 * MIB
    peer.close()
    unharmed()


@pytest.mark.slow
def test_many_connections(server, unharmed):
    """2,000 connections, half of them with the beginning of a frame of 8 MiB."""
    memory = server.front_rss()
    crowd = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(1000)]
    crowd += [RawPeer(server.port).socket for _ in range(1000)]
    for one in crowd[:1000]:
        one.sendall(struct.pack("<II", 0, MIB) + bytes(1000))
    time.sleep(0.5)
    assert server.front_rss() - memory < 256 * MIB
    for one in crowd:
        one.close()
    unharmed(grown=256 * MIB)


# ----------------------------------------------------------------------------------------------------------- messages


def test_large_parameters(server, unharmed):
    peer, _ = opened(server)
    memory = server.front_rss()
    for _ in range(20):
        peer.ping(bytes(7 * MIB))
    threading.Thread(target=flood, args=(peer,), daemon=True).start()
    errors = [reason for _, reason in peer.returns(20)]
    assert len(errors) == 20 and all(reason.startswith("[tooLarge]") for reason in errors)
    assert server.front_rss() - memory < 64 * MIB
    peer.close()
    unharmed()


def test_capabilities_passed_in(server, unharmed):
    """No method takes any: a message that names thousands would cost a proxy each."""
    peer, _ = opened(server)
    table = Structs([Struct(struct.pack("<HHI", 1, 0, i), [None]) for i in range(10_000)])
    target = Struct(struct.pack("<IH", 0, 1), [Struct(struct.pack("<I", peer.session), [None])])
    call = struct.pack("<IHHQQ", peer.next, 1, 0, SESSION, 0)
    peer.out += message(2, Struct(call, [target, Struct(b"", [Struct(b"", [None]), table]), None]))
    flood(peer)
    assert drain(peer)
    unharmed()


def conversation():
    """What a client sends to open a file, to read a frame, to fail, and to ask for more."""
    peer = RawPeer.__new__(RawPeer)
    peer.begin()
    file = peer.open_file(PATH, MIB)
    node = peer.open(file, "/entry/gzip")
    peer.read(node, [axis_range(3, 5)])
    peer.open(file, "/nope")
    peer.describe(node)
    peer.finish(peer.ping(b"hello"))
    return bytes(peer.out)


def test_gone_after_every_byte(server, unharmed):
    data = conversation()
    assert len(data) > 500
    for size in range(len(data)):
        with socket.create_connection(("127.0.0.1", server.port)) as peer:
            peer.sendall(data[:size])
    unharmed()


@pytest.mark.parametrize("trials", [200, pytest.param(2000, marks=pytest.mark.long)])
def test_mutated_conversations(server, unharmed, trials):
    rng, data = random.Random(7), conversation()
    for trial in range(trials):
        mutated = bytearray(data)
        for _ in range(rng.randrange(1, 6)):
            mutated[rng.randrange(len(mutated))] = rng.choice([0, 1, 255, rng.randrange(256)])
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as peer:
            try:
                peer.sendall(mutated)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(65536):
                    pass
            except ConnectionError:
                pass
            except TimeoutError:
                pytest.fail(f"trial {trial}: the server answers no more")
    unharmed()


# ---------------------------------------------------------------------------------------------------------- selections

LONGEST = 2**63 - 1
SELECTIONS = {
    "a million times the same index": ([axis_indices([0] * 1_000_000)], None),
    "indices that multiply": ([axis_indices([0] * 300_000)] * 3, None),
    "a million indices outside": ([axis_indices([10**9] * 1_000_000)], "[badSelection]"),
    "a range over everything": ([axis_range(-LONGEST - 1, LONGEST, 1)] * 3, None),
    "the longest step": ([axis_range(0, LONGEST, 2**63 - 2)] * 3, None),
    "a step of zero": ([axis_range(0, 5, 0)], "[badSelection]"),
    "nothing": ([axis_range(5, 5)], None),
    "no indices": ([axis_indices([])], None),
    "100,000 axes": ([axis_range()] * 100_000, "["),
    "the least index": ([axis_indices([-LONGEST - 1])], "[badSelection]"),
}


@pytest.mark.parametrize("name", SELECTIONS)
def test_selections(server, unharmed, name):
    axes, error = SELECTIONS[name]
    peer, node = opened(server, "/entry/gzip")
    memory = server.front_rss()
    for _ in range(3):
        start = time.monotonic()
        question = peer.read(node, axes)
        peer.flush()
        reason, = [reason for _, reason in peer.returns(1)]
        peer.finish(question)
        assert reason is None if error is None else reason is not None and reason.startswith(error), reason
        assert time.monotonic() - start < 5 * PATIENCE
    assert server.front_rss() - memory < 160 * MIB
    peer.close()
    unharmed(grown=128 * MIB)


# ------------------------------------------------------------------------------------------------------------ fairness


def read_times(server, seconds):
    peer, node = opened(server)
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.monotonic()
        question = peer.read(node, [axis_range(5, 6)])
        peer.flush()
        assert [reason for _, reason in peer.returns(1)] == [None]
        peer.finish(question)
        times.append(time.monotonic() - start)
        time.sleep(0.002)
    peer.close()
    return sorted(times)


@pytest.mark.slow
def test_small_reads_beside_a_bulk_reader(server, unharmed):
    """32 reads of all 6.5 MB in flight on one connection; frames read on another one do not wait for them."""
    greedy, node = opened(server, "/entry/gzip")
    for _ in range(32):
        greedy.read(node)
    greedy.flush()
    stop = threading.Event()

    def take():
        for id, _ in greedy.returns(1_000_000):
            if stop.is_set():
                return
            greedy.finish(id)
            greedy.read(node)
            greedy.flush()

    taking = threading.Thread(target=take)
    taking.start()
    times = read_times(server, 3)
    stop.set()
    taking.join()
    greedy.close()
    assert times[
        int(len(times) * 0.99)] < 0.25, f"p50 {times[len(times) // 2]:.4f} p99 {times[int(len(times) * 0.99)]:.4f} s"
    unharmed(grown=128 * MIB)


# ------------------------------------------------------------------------------------------------------ coming and
# going


def test_stopped_under_load(folder, sample):
    """SIGTERM while peers wait for more than they take: the server ends within five seconds (a loaded machine: some
    more)."""
    (folder / "sample.h5").write_bytes(sample.read_bytes())
    with Server({"data": str(folder)}, tcp=True) as server:
        peers = [opened(server, "/entry/gzip", receive_buffer=4096) for _ in range(8)]
        for peer, node in peers:
            for _ in range(500):
                peer.read(node)
            flood(peer, 0.2)
        start = time.monotonic()
        server.process.terminate()
        assert server.process.wait(10 * PATIENCE) == 0
        assert time.monotonic() - start < 5 + SOON
        assert not os.path.exists(server.socket)


def test_replaces_a_dead_socket_and_no_living_one(folder, sample):
    (folder / "sample.h5").write_bytes(sample.read_bytes())
    with Server({"data": str(folder)}) as first:
        command = [program("h5capd"), f"data={folder}", "--socket", first.socket]
        second = subprocess.run(command, capture_output=True, text=True, timeout=20)
        assert second.returncode == 1 and "another server is listening there" in second.stderr
        first.kill()
        assert os.path.exists(first.socket)
        third = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert third.stdout.readline().startswith("listening on ")
            with RawPeer(first.socket) as peer:
                peer.open_file(PATH)
                peer.flush()
                assert [reason for _, reason in peer.returns(4)] == [None] * 4
        finally:
            third.terminate()
            assert third.wait(10 * PATIENCE) == 0
