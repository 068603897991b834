"""What one peer asks for costs others little: turns, chains, redirected and withdrawn calls, a log that nobody reads.

Each promise has its control: what is asked in measure is answered.  Time is compared within one run, or is many times
what an idle machine takes.
"""

import os
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest
from support import oracle
from support.crowd import Crowd, polite, quantile
from support.raw_rpc import CALL, DATASET, GROUP, RawPeer, Struct, Structs, axis_range, frame
from support.results import record
from support.served import PATIENCE, Server, cpu_seconds, program, wait_until

MIB = 1 << 20
SLOW = 0.25  # seconds, for a small read beside a crowd
MANY_SOURCES = """
import sys, h5py, numpy as np
layout = h5py.VirtualLayout((3000,), dtype="i4")
for k in range(3000): layout[k:k + 1] = h5py.VirtualSource(f"absent{k}.h5", "x", (1,))
with h5py.File(sys.argv[1] + "/many.h5", "w") as f: f.create_virtual_dataset("x", layout)
"""
LARGE = """
import sys, h5py, numpy as np
with h5py.File(sys.argv[1] + "/large.h5", "w") as f:
    f["raw"] = np.arange(2 << 20, dtype="u4").reshape(64, -1)
    f.create_dataset("gzip", data=np.arange(2 << 20, dtype="u4").reshape(64, -1), chunks=(4, 32768), compression=1)
with h5py.File(sys.argv[1] + "/small.h5", "w") as f: f["rows"] = np.arange(64 * 512, dtype="u4").reshape(64, 512)
"""


def answered(peer, count):
    peer.flush()
    return [reason for _, reason in peer.returns(count)]


def seconds_of_a_ping(server):
    begun = time.monotonic()
    with RawPeer(server.port) as peer:
        peer.ping(b"x")
        assert answered(peer, 4) == [None] * 4
    return time.monotonic() - begun


# ---------------------------------------------------------------------------------------------------------------- turns


@pytest.mark.parametrize("peers", [1, 20])
def test_long_searches_let_others_pass(folder, server, peers):
    """Hundreds of searches for thousands of absent sources: a ping on another connection is answered meanwhile."""
    oracle.run(MANY_SOURCES, folder)
    asking = [RawPeer(server.port) for _ in range(peers)]
    for peer in asking:
        node = peer.open(peer.open_file("data/many.h5"), "/x")
        for _ in range(400 // peers):
            peer.call(node, 0, DATASET, 2, Struct())
        peer.flush()
    waits = [seconds_of_a_ping(server) for _ in range(20)]
    record("a ping beside searches for absent sources", len(waits), sum(wait > 1 for wait in waits),
           worst_ms=round(1000 * max(waits), 1))
    assert max(waits) < 3
    for peer in asking:
        peer.close()


def test_a_search_names_all_absent_sources(folder, server):
    """The control: it is an answer, and whole."""
    oracle.run(MANY_SOURCES, folder)
    import h5cap
    with h5cap.File(server.url("data/many.h5")) as file:
        assert sorted(file["x"].missing_sources) == sorted(f"absent{k}.h5" for k in range(3000))


# --------------------------------------------------------------------------------------------------------------- crowds


@pytest.fixture
def crowded(folder, server):
    oracle.run(LARGE, folder)
    return server


@pytest.mark.parametrize("name, options", {
    "large replies": dict(dataset="/raw", reply_bytes=4 << 20),
    "compressed chunks": dict(dataset="/gzip", reply_bytes=4 << 20),
    "small replies": dict(dataset="/raw", reply_bytes=64 << 10, rows=1),
}.items())
def test_a_polite_reader_beside_a_crowd(crowded, name, options):
    """A principal with 50 connections that ask for all they can.  A loaded machine: see benchmarks/python/fair.py."""
    alone = polite(crowded.port, "data/small.h5", "/rows", 1)
    with Crowd(crowded.socket, "data/large.h5", connections=50, **options) as crowd:
        beside = polite(crowded.port, "data/small.h5", "/rows", 2)
    ratio = quantile(beside, 0.99) / quantile(alone, 0.99)
    slow = sum(time > SLOW for time in beside)
    record(f"a small read beside 50 greedy connections takes less than {SLOW} s: {name}", len(beside), slow,
           ratio=round(ratio, 1), p99_alone_ms=round(1000 * quantile(alone, 0.99), 2),
           p99_ms=round(1000 * quantile(beside, 0.99), 2))
    assert crowd.failures == 0 and sum(crowd.bytes) > 0
    assert ratio < 50 or quantile(beside, 0.99) < SLOW
    assert quantile(beside, 0.5) < 0.1


def test_equal_principals_get_equal_bytes(crowded):
    with Crowd(str(crowded.port), "data/large.h5", "/raw", connections=8) as crowd:
        time.sleep(2)
    mean = sum(crowd.bytes) / 8
    most = max(abs(one / mean - 1) for one in crowd.bytes)
    record("equal principals get equal bytes", 8, sum(abs(one / mean - 1) > 0.1 for one in crowd.bytes),
           most_off_the_mean=round(most, 3))
    assert most < 0.1


def test_a_hundred_peers_that_take_nothing(crowded):
    """They ask for as much as they may; a small read of another peer is answered at once; their memory is bounded."""
    before, peers = crowded.front_rss(), []
    for _ in range(100):
        peer = RawPeer(crowded.port, receive_buffer=4096)
        node = peer.open(peer.open_file("data/large.h5"), "/raw")
        for _ in range(64):
            peer.read(node, (), 8 * MIB)
        peer.flush()
        peers.append(peer)
    time.sleep(1)
    times = polite(crowded.port, "data/small.h5", "/rows", 2)
    grown = (crowded.front_rss() - before) / MIB
    record("a small read beside a hundred peers that take nothing", len(times), sum(one > 0.1 for one in times),
           p99_ms=round(1000 * quantile(times, 0.99), 2), grown_mib=round(grown))
    assert len(times) > 50 and quantile(times, 0.99) < 0.5
    assert grown < 320 + 64 + 100  # of replies, of what passes, and a MiB of each connection
    for peer in peers:
        peer.close()


# --------------------------------------------------------------------------------------------------------------- chains


def chain(server, depth, link):
    """(CPU seconds of the front, MiB that it grew by, reasons) of `depth` calls, each through the one before."""
    with RawPeer(server.port) as peer:
        node = peer.open_file("data/sample.h5")
        peer.open(node, ".")
        assert answered(peer, 5) == [None] * 5
        before, memory = cpu_seconds([server.pid]), server.front_rss()
        for _ in range(depth):
            node = link(peer, node)
        reasons = answered(peer, depth)
        return cpu_seconds([server.pid]) - before, (server.front_rss() - memory) / MIB, reasons


LINKS = {"opens": lambda peer, node: peer.open(node, "."), "describes": lambda peer, node: peer.describe(node)}


@pytest.mark.parametrize("name", LINKS)
def test_a_long_chain_costs_little(server, name):
    """Links beyond the 32nd are refused; nothing of the square of their number is left."""
    used, grown, reasons = chain(server, 3000, LINKS[name])
    assert used < 3 and grown < 64
    assert len(reasons) == 3000
    if name == "opens":
        assert sum(reason is not None and "[tooLarge]" in reason for reason in reasons) > 0


def test_a_chain_of_usual_length_is_answered(server):
    """The control."""
    _, _, reasons = chain(server, 30, LINKS["opens"])
    assert reasons == [None] * 30


def test_many_calls_through_one_that_is_unanswered(server):
    """The control: a wide flight is no chain, however many calls it has."""
    with RawPeer(server.port) as peer:
        for _ in range(300):
            node = peer.open(peer.open_file("data/sample.h5"), "/entry/raw")
            for _ in range(5):
                peer.finish(peer.read(node, [axis_range(0, 1)]))
        assert len(answered(peer, 3 + 300 * 2)) == 3 + 300 * 2


def test_calls_through_a_refused_one_are_refused_and_later_ones_are_not(server):
    with RawPeer(server.port) as peer:
        file = node = peer.open_file("data/sample.h5")
        for _ in range(100):
            node = peer.open(node, ".")
        peer.describe(node)
        peer.flush()
        reasons = dict(peer.returns(4 + 101))
        assert "[tooLarge]" in reasons[peer.next - 1] and "[tooLarge]" in reasons[peer.next - 2]
        for question in range(4, peer.next):
            peer.finish(question)
        peer.describe(file)
        assert answered(peer, 1) == [None]


# ----------------------------------------------------------------------------------------------------------- redirected


def redirected(peer, node):
    """A read whose answer is to be kept by the server."""
    params = Struct(b"", [Struct(b"", [None, None]), Struct(struct.pack("<QQ", 4 * MIB, 0), [None] * 6)])
    answer = Struct(struct.pack("<I", node), [Structs([Struct(struct.pack("<HH", 1, 0))])])
    target = Struct(struct.pack("<IH", 0, 1), [answer])
    return peer.question(lambda id: frame(CALL, Struct(struct.pack("<IHHQQ", id, 0, 1, DATASET, 0),
                                                       [target, Struct(b"", [params, None]), None])))


def test_redirected_answers_are_not_served(crowded):
    before = crowded.front_rss()
    with RawPeer(crowded.port) as peer:
        node = peer.open(peer.open_file("data/large.h5"), "/raw")
        assert answered(peer, 5) == [None] * 5
        try:
            for _ in range(150):
                redirected(peer, node)
            peer.flush()
            assert list(peer.returns(1)) == []  # it has closed
        except OSError:
            pass
    assert crowded.front_rss() - before < 64 * MIB
    assert wait_until(lambda: any("redirects answers" in line for line in crowded.output), 5)
    seconds_of_a_ping(crowded)


# ------------------------------------------------------------------------------------------------------------ withdrawn


ASKED = {
    "listings": lambda peer, file, k: peer.call(file, 0, GROUP, 0, Struct(struct.pack("<I", 0), [bytes(400 << 10)])),
    "opens": lambda peer, file, k: peer.open(file, f"/{k}" + "/x" * (200 << 10)),
    "paths of files": lambda peer, file, k: peer.open_file(f"data/sample.h5/{k}" + "/x" * 2000),
}


@pytest.mark.parametrize("name", ASKED)
def test_withdrawn_questions_keep_nothing(server, name):
    """A planner is stopped, as by storage that hangs; what is asked of it and given up at once leaves no memory."""
    with RawPeer(server.port) as peer:
        file = peer.open_file("data/sample.h5")
        peer.describe(file)
        assert answered(peer, 5) == [None] * 5
        before, stopped = server.front_rss(), server.planners()
        assert stopped
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            peer.describe(file)
            for k in range(500):
                peer.finish(ASKED[name](peer, file, k))
                peer.flush()
            grown = None

            def is_small():
                nonlocal grown
                grown = (server.front_rss() - before) / MIB
                return grown < 64
            assert wait_until(is_small, 5), f"{grown:.0f} MiB"
        finally:
            for pid in stopped:
                try:
                    os.kill(pid, signal.SIGCONT)
                except ProcessLookupError:
                    pass
    seconds_of_a_ping(server)


# ------------------------------------------------------------------------------------------------------------------ log


def test_a_log_that_nobody_reads(folder, sample):
    """Standard error is a full pipe; peers are served, and noisy ones change nothing."""
    (folder / "sample.h5").write_bytes(sample.read_bytes())
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while os.write(writer, bytes(1 << 16)):
            pass
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    folder_of_socket = folder.parent / "s"
    server = subprocess.Popen([program("h5capd"), f"data={folder}", "--socket", str(folder_of_socket)],
                              stdout=writer, stderr=writer)
    try:
        assert wait_until(lambda: os.path.exists(folder_of_socket), 20)
        for _ in range(300):
            with socket.socket(socket.AF_UNIX) as noisy:
                noisy.connect(str(folder_of_socket))
                noisy.sendall(b"\xff\xff\xff\xff")
        with RawPeer(str(folder_of_socket)) as peer:
            peer.ping(b"x")
            assert answered(peer, 4) == [None] * 4
    finally:
        server.terminate()
        assert server.wait(10 * PATIENCE) == 0
        os.close(writer)
        os.close(reader)


def test_lines_about_one_peer_are_few_and_counted(server):
    for _ in range(300):
        with socket.create_connection(("127.0.0.1", server.port)) as noisy:
            noisy.sendall(b"\xff\xff\xff\xff")
            noisy.recv(1)
    assert wait_until(lambda: any("lines dropped" in line for line in server.output), 15)
    assert sum("malformed message header" in line for line in server.output) < 100


# ------------------------------------------------------------------------------------------------------------------ end


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_signals_end_the_server_with_status_0_under_load(folder, sample, name):
    (folder / "sample.h5").write_bytes(sample.read_bytes())
    rounds, failures, told = 15, 0, []
    for number in range(rounds):
        server, peers = Server({"data": str(folder)}, tcp=True), []
        takes = number % 5 > 0  # one round in five has peers that take nothing: their calls do not end
        for _ in range(8):
            peer = RawPeer(server.port, receive_buffer=None if takes else 4096)
            node = peer.open(peer.open_file("data/sample.h5"), "/entry/gzip")
            for _ in range(6 if takes else 40):
                peer.read(node)
            peer.flush()
            peers.append(peer)
        readers = [threading.Thread(target=drained, args=(peer,)) for peer in peers if takes]
        for reader in readers:
            reader.start()
        time.sleep(0.02 * (number % 4) if takes else 0.5)
        begun = time.monotonic()
        server.process.send_signal(getattr(signal, name))
        code = server.process.wait(15 * PATIENCE)
        server.reader.join(5)
        says_so = any("calls that are not finished" in line for line in server.output)
        if code != 0 or time.monotonic() - begun > 10 or (not takes and not says_so):
            failures += 1
            told.append((code, time.monotonic() - begun, server.output[-3:]))
        server.stop()
        for one in readers:
            one.join()
        for peer in peers:
            peer.close()
    record(f"{name} under load ends the server with status 0", rounds, failures)
    assert failures == 0, told


def drained(peer):
    try:
        while peer.socket.recv(1 << 20):
            pass
    except OSError:
        pass


# ---------------------------------------------------------------------------------------------------------- connections


def descriptors(server):
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def test_closed_connections_give_their_descriptors_back(server):
    """Thousands of connections that come and go, some with calls under way: soon nothing of them is left, and another
    peer is served meanwhile."""
    seconds_of_a_ping(server)
    before, waits = descriptors(server), []
    for _ in range(4):
        for k in range(750):
            peer = RawPeer(server.port)
            if k % 3 == 0:
                peer.read(peer.open(peer.open_file("data/sample.h5"), "/entry/gzip"))
                peer.flush()
            peer.close()
        waits.append(seconds_of_a_ping(server))
    assert wait_until(lambda: descriptors(server) <= before + 8, 3), f"{descriptors(server)}, {before} before"
    record("closed connections give their descriptors back", 3000, 0, worst_ping_ms=round(1000 * max(waits), 1))
    assert max(waits) < 2


def test_a_peer_that_goes_while_its_calls_hang(server):
    """What they ask is never answered, and their connections are closed all the same."""
    with RawPeer(server.port) as first:
        file = first.open_file("data/sample.h5")
        first.describe(file)
        assert answered(first, 5) == [None] * 5
        stopped = server.planners()
        before = descriptors(server)
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            peers = [RawPeer(server.port) for _ in range(200)]
            for peer in peers:
                peer.file = peer.open_file("data/sample.h5")
                peer.describe(peer.file)
                peer.call(peer.file, 0, GROUP, 0, Struct(struct.pack("<I", 0), [None]))
                peer.flush()
            for peer in peers[:3]:  # more than is received while calls hang: what ends the connection is behind them
                for _ in range(15_000):
                    peer.describe(peer.file)
                try:
                    peer.socket.settimeout(1)
                    peer.flush()
                except OSError:
                    pass
            for peer in peers:
                peer.close()
            assert wait_until(lambda: descriptors(server) <= before + 8, 8), f"{descriptors(server)}, {before} before"
        finally:
            for pid in stopped:
                try:
                    os.kill(pid, signal.SIGCONT)
                except ProcessLookupError:
                    pass


def test_connecting_peers_let_others_pass(server):
    """A flood of connections, and pings on one that is established."""
    end = threading.Event()

    def connect():
        while not end.is_set():
            try:
                socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
            except OSError:
                pass

    with RawPeer(server.port) as peer:
        peer.ping(b"x")
        assert answered(peer, 4) == [None] * 4
        threads = [threading.Thread(target=connect, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        waits = []
        try:
            for _ in range(200):
                begun = time.monotonic()
                peer.finish(peer.ping(b"x"))
                assert answered(peer, 1) == [None]
                waits.append(time.monotonic() - begun)
        finally:
            end.set()
            for thread in threads:
                thread.join()
    record("a ping beside a flood of connections", len(waits), sum(wait > 0.2 for wait in waits),
           p99_ms=round(1000 * quantile(waits, 0.99), 2))
    assert quantile(waits, 0.99) < 0.5
