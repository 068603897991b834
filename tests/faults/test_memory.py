"""Peers and files that make the server keep things: what it grows by is what the table in docs/architecture.md allows.

The table's numbers are those of the sources.  Each scenario names the rows that it may fill, and how often; the front's
resident memory, looked at while it goes on, stays within the sum of these rows and 64 MiB.  Others are served
meanwhile.  Not covered: the memory of planners, which the kernel limits; page tables and sockets in the kernel.
"""

import contextlib
import dataclasses
import pathlib
import re
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Callable

import pytest
from support import oracle
from support.raw_rpc import DIRECTORY, FINISH, NODE, RawPeer, Struct, axis_range, frame as message
from support.served import IS_SANITIZED, ROOT, Server, preloaded, status_bytes, wait_until

MIB = 1 << 20
BEYOND = 64       # MiB that fragments and what passes may take beside the rows
CACHE_MB = 16     # small, so that the limit is met
FILE, ATTRIBUTES = 0xc11f463492914baa, 0xb31324ebbd0941e5
SAMPLE = "data/sample.h5"
pytestmark = pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's allocator takes more, and keeps what was freed")


# ------------------------------------------------------------------------------------------------------------ the table


@dataclasses.dataclass
class Row:
    terms: list      # of the limit: numbers of MiB, and options
    constants: list  # (file, name)

    def mib(self, cache_mb):
        return sum(cache_mb if term == "--cache-mb" else float(term) for term in self.terms)


def table():
    """{name: Row} of the section "Memory"."""
    text = pathlib.Path(ROOT, "docs", "architecture.md").read_text().split("\n## Memory\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    assert rows[0] == ["row", "MiB", "what it holds", "set by"]
    return {name: Row(limit.replace("`", "").split(" + "), re.findall(r"`([^`:]+): (\w+)`", by))
            for name, limit, _, by in rows[2:]}


def constant(file, name):
    """The value of a constant in the sources, in MiB."""
    text = pathlib.Path(ROOT, file).read_text()
    found = re.findall(rf"\b{name}\b(?: :UInt\d\d)?\s*[={{]\s*([\d'x<ul ]+)\s*[;,}})]", text)
    assert len(found) == 1, f"{file}: {len(found)} definitions of {name}"
    value = eval(re.sub(r"['ul]", "", found[0]))
    return value * (8 if "words" in name.lower() else 1) / MIB


@pytest.mark.parametrize("name", table())
def test_the_table_says_what_the_sources_say(name):
    row = table()[name]
    numbers = sum(float(term) for term in row.terms if term != "--cache-mb")
    if row.constants:
        assert numbers == sum(constant(*one) for one in row.constants)
    else:
        assert name == "base", "a limit that nothing sets"


def test_a_constant_that_is_not_there_is_missed():
    with pytest.raises(AssertionError, match="0 definitions"):
        constant("server/session/server-context.h", "handleByte")


def test_base(folder, sample):
    with served(folder, sample) as server:
        zygote = server.pids()[1]
        print(f"front {server.front_rss() / MIB:.1f} MiB, zygote {status_bytes(zygote, 'VmRSS') / MIB:.1f} MiB")
        assert server.front_rss() <= table()["base"].mib(CACHE_MB) * MIB


# ------------------------------------------------------------------------------------------------------------- watching


class Growth:
    """The most that the front has grown by, in MiB, while the block ran."""

    def __init__(self, server):
        self.server, self.start, self.peak, self.ended = server, server.front_rss(), 0.0, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _look(self):
        self.peak = max(self.peak, (self.server.front_rss() - self.start) / MIB)

    def _watch(self):
        while not self.ended.wait(0.02):
            self._look()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        self._look()


@contextlib.contextmanager
def served(folder, sample, cache_mb=CACHE_MB, **options):
    (folder / "sample.h5").write_bytes(sample.read_bytes())
    few = ["--cache-mb", str(cache_mb), "--threads", "2"]
    with Server({"data": str(folder)}, tcp=True, options=few, **options) as server:
        yield server
        assert server.alive(), "h5capd died:\n" + "".join(server.output[-20:])


def warm(server):
    """What the first file and the first read take is no growth."""
    with RawPeer(server.port) as peer:
        peer.read(peer.open(peer.open_file(SAMPLE), "/entry/raw"), [axis_range(0, 4)])
        assert failures(peer, 6) == []


def failures(peer, count):
    """Why calls failed, of the next `count` answers."""
    peer.flush()
    answers = list(peer.returns(count))
    assert len(answers) == count, "the server closed"
    return [reason for _, reason in answers if reason is not None]


def only_busy(reasons):
    assert all("[busy]" in reason for reason in reasons), next(reason for reason in reasons if "[busy]" not in reason)
    return len(reasons)


def in_batches(peer, questions, batch=64):
    """Asks, takes the answers and releases them; the reasons of those that failed."""
    reasons, asked = [], []
    for question in questions:
        asked.append(question)
        if len(asked) == batch:
            reasons += failures(peer, len(asked))
            for one in asked:
                peer.finish(one)
            asked.clear()
    reasons += failures(peer, len(asked))
    for one in asked:
        peer.finish(one)
    return reasons


def keep_objects(peer, questions):
    """Releases answers, and not the capabilities in them."""
    for question in questions:
        peer.out += message(FINISH, Struct(struct.pack("<IB", question, 1)))


# ---------------------------------------------------------------------------------------------------------------- files


def make(folder, name, source):
    path = folder / name
    if path.exists():
        return f"data/{name}"
    oracle.run("import sys, h5py, numpy as np\n"
               "with h5py.File(sys.argv[1], 'w', libver=('earliest', 'v110')) as file:\n" +
               "\n".join("    " + line for line in source.splitlines()), path)
    return f"data/{name}"


# ------------------------------------------------------------------------------------------------------------ scenarios


def absent_paths(length, count):
    def attack(peer, folder):
        file = peer.open_file(SAMPLE)
        assert failures(peer, 4) == []
        reasons = in_batches(peer, (peer.open(file, f"/{k}" + "y" * length) for k in range(count)), 32)
        assert len(reasons) == count
    return attack


def names_of_one_group(peer, folder):
    """As many names of a group with 60 kB of attributes: a file of 430 kB."""
    path = make(folder, "names.h5", """\
group = file.create_group('g')
for a in range(15): group.attrs[str(a)] = np.arange(4000, dtype='u1')
for k in range(4096): file[f'h{k}'] = group
""")
    file = peer.open_file(path)
    assert failures(peer, 4) == []
    for k in range(4096):
        node = peer.open(file, f"/h{k}")
        asked = peer.describe(node)
        assert failures(peer, 2) == []
        peer.finish(node)
        peer.finish(asked)


def many_objects(peer, folder):
    """2,500 with 60 kB of attributes each."""
    file = peer.open_file(make(folder, "many.h5", """\
for k in range(2500):
    group = file.create_group(str(k))
    for a in range(15): group.attrs[str(a)] = np.arange(4000, dtype='u1')
"""))
    assert failures(peer, 4) == []
    for k in range(2500):
        node = peer.open(file, f"/{k}")
        asked = peer.describe(node)
        assert failures(peer, 2) == []
        peer.finish(node)
        peer.finish(asked)


def references(peer, folder):
    """1,500 region references to one dataset with 60 kB of attributes, each of which leads to it by itself."""
    count = 1500
    path = make(folder, "regions.h5", f"""\
data = file.create_dataset('data', (4, 4))
for a in range(15): data.attrs[str(a)] = np.arange(4000, dtype='u1')
references = file.create_dataset('references', ({count},), dtype=h5py.regionref_dtype)
references[...] = [data.regionref[:2] for _ in range({count})]
""")
    size = 12
    place = "import sys, h5py\nprint(h5py.File(sys.argv[1])['references'].id.get_offset())"
    offset = int(oracle.run(place, folder / "regions.h5"))
    stored = (folder / "regions.h5").read_bytes()[offset:offset + count * size]
    tokens = [stored[at:at + size] for at in range(0, len(stored), size)]
    assert len(set(tokens)) == count
    file = peer.open_file(path)
    assert failures(peer, 4) == []
    assert in_batches(peer, (peer.call(file, 0, FILE, 0, Struct(b"", [token])) for token in tokens), 16) == []


def chunk_index(peer, folder):
    """Blocks of the index of five million chunks, 24 bytes each: one element of every block is read."""
    path = make(folder, "chunks.h5", """\
properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
properties.set_chunk((1,))
properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
h5py.h5d.create(file.id, b'x', h5py.h5t.NATIVE_UINT8, h5py.h5s.create_simple((5_000_000,)), properties)
""")
    node = peer.open(peer.open_file(path), "/x")
    assert failures(peer, 5) == []
    reads = (peer.read(node, [axis_range(first, first + 50 * 1024, 1024)]) for first in range(0, 5_000_000, 50 * 1024))
    assert in_batches(peer, reads, 4) == []


def decoded_chunks(peer, folder):
    """300 MiB of chunks, in 300 datasets, from a file of a few hundred kB."""
    path = make(folder, "decoded.h5", """\
for k in range(300):
    file.create_dataset(str(k), data=np.full((1, 1 << 20), k % 251, 'u1'), chunks=(1, 1 << 20), compression=4)
""")
    file = peer.open_file(path)
    assert failures(peer, 4) == []
    for k in range(300):
        node = peer.open(file, f"/{k}")
        read = peer.read(node, [], 4 * MIB)
        assert failures(peer, 2) == []
        peer.finish(node)
        peer.finish(read)


def large_chunks(peer, folder):
    """Of 100 MiB through two filters, eight at once: more than may be decoded together."""
    large_chunks_of(peer, folder, "chunks100.h5", 100, 8)


def one_large_chunk(peer, folder):
    """Of 400 MiB through two filters, which is more than all may decode together."""
    large_chunks_of(peer, folder, "chunk400.h5", 400, 1)


def large_chunks_of(peer, folder, name, mib, count):
    path = make(folder, name, f"""\
zeros = np.zeros((1, {mib} << 18), 'u4')
data = file.create_dataset('x', ({count}, {mib} << 18), 'u4', chunks=zeros.shape, compression=1, shuffle=True)
for k in range({count}): data[k] = zeros
""")
    file = peer.open_file(path)
    node = peer.open(file, "/x")
    assert failures(peer, 5) == []
    for k in range(count):
        peer.read(node, [axis_range(k, k + 1), axis_range(0, 4)])
    failures(peer, count)


def long_folder_paths(peer, folder):
    """Of 2 MiB, "data/././...", once."""
    assert failures(peer, 3) == []
    opened = []
    for _ in range(100):
        opened.append(peer.call(peer.root, 0, DIRECTORY, 1, Struct(b"", ["data/" + "./" * MIB])))
        only_busy(failures(peer, 1))
        keep_objects(peer, opened[-1:])
    peer.flush()


def long_node_paths(peer, folder):
    """Of 62 kB, "/./././entry"."""
    file = peer.open_file(SAMPLE)
    assert failures(peer, 4) == []
    busy = 0
    for k in range(4000):
        question = peer.open(file, "/" + "./" * (27_000 + k) + "entry")
        busy += only_busy(failures(peer, 1))
        keep_objects(peer, [question])
    peer.flush()


def handles(peer, folder):
    """Until the server is busy for this peer."""
    file = peer.open_file(SAMPLE)
    if only_busy(failures(peer, 4)):
        return  # others of the same user hold all that they may
    keep_until_busy(peer, lambda: peer.open(file, "/entry/raw"))


def handles_of_files(peer, folder):
    """Of one file, opened again and again."""
    assert failures(peer, 3) == []
    keep_until_busy(peer, lambda: peer.open_file(SAMPLE))


def keep_until_busy(peer, ask):
    busy = 0
    for _ in range(100):
        questions = [ask() for _ in range(1000)]
        busy += only_busy(failures(peer, 1000))
        keep_objects(peer, questions)
        if busy:
            break
    peer.flush()
    assert busy, "nothing bounds them"


def open_files(peer, folder):
    """1,500 different ones, all of them open."""
    make(folder, "0.h5", """\
file['x'] = 1
file.close()
for k in range(1, 1500):
    with h5py.File(sys.argv[1][:-4] + f'{k}.h5', 'w') as other: other['x'] = k
file = h5py.File(sys.argv[1])
""")
    assert failures(peer, 3) == []
    assert [only_busy(failures(peer, 1)) for k in range(1500) if peer.open_file(f"data/{k}.h5")] == [0] * 1500


def virtual_sources(peer, folder):
    """60 sources with long names, for each of 200 times that a file is open."""
    path = make(folder, "virtual.h5", """\
where = sys.argv[1][:-10]
for k in range(60):
    with h5py.File(f'{where}source{k}.h5', 'w') as source: source['x'] = np.full(4, k)
layout = h5py.VirtualLayout((240,), 'i8')
for k in range(60): layout[4 * k:4 * k + 4] = h5py.VirtualSource('./' * 1500 + f'source{k}.h5', 'x', (4,))
file.create_virtual_dataset('x', layout)
""")
    assert failures(peer, 3) == []
    for _ in range(200):
        file = peer.open_file(path)
        read = peer.read(peer.open(file, "/x"))
        only_busy(failures(peer, 3))
        keep_objects(peer, [file])
        peer.finish(read)


def sources_by_long_names(peer, folder):
    """60 sources whose names have 200 kB, "./././source.h5", for each of 12 times that a file is open."""
    path = make(folder, "long.h5", """\
where = sys.argv[1][:-7]
layout = h5py.VirtualLayout((240,), 'i8')
for k in range(60):
    with h5py.File(f'{where}s{k}.h5', 'w') as source: source['x'] = np.full(4, k)
    layout[4 * k:4 * k + 4] = h5py.VirtualSource('./' * 100_000 + f's{k}.h5', 'x', (4,))
file.create_virtual_dataset('x', layout)
""")
    assert failures(peer, 3) == []
    for _ in range(12):
        file = peer.open_file(path)
        read = peer.read(peer.open(file, "/x"))
        assert failures(peer, 3) == []
        keep_objects(peer, [file])
        peer.finish(read)


def series_of_sources(peer, folder):
    """Virtual datasets of 256 series whose names have 100 kB, for each of 12 times that a file is open."""
    path = make(folder, "series.h5", """\
properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
for k in range(256):
    here = h5py.h5s.create_simple((256, 4), (256, h5py.h5s.UNLIMITED))
    here.select_hyperslab((k, 0), (1, h5py.h5s.UNLIMITED), (1, 4), (1, 4))
    there = h5py.h5s.create_simple((4,))
    properties.set_virtual(here, b's%b.h5', b'y' * 100_000 + str(k).encode(), there)
space = h5py.h5s.create_simple((256, 4), (256, h5py.h5s.UNLIMITED))
h5py.h5d.create(file.id, b'x', h5py.h5t.NATIVE_UINT8, space, properties)
""")
    assert failures(peer, 3) == []
    for _ in range(12):
        file = peer.open_file(path)
        read = peer.read(peer.open(file, "/x"))
        assert failures(peer, 3) == []
        keep_objects(peer, [file])
        peer.finish(read)


def kept_answers(peer, folder):
    """Of a megabyte each, and none is released."""
    path = crowded_file(folder)
    assert failures(peer, 3) == []
    busy = 0
    for _ in range(120):
        peer.open_file(path, 8 * MIB)
        busy += only_busy(failures(peer, 1))
    assert busy, "nothing bounds them"


def crowded_file(folder):
    """Its snapshot is a megabyte."""
    return make(folder, "snapshot.h5", """\
for i in range(100):
    for j in range(50): file.create_group(f'{i:05d}/{j:05d}' + 'x' * 190)
""")


def untaken_answers(peer, folder):
    """64 reads and 300 snapshots of a megabyte each, that are never taken from the socket."""
    path = crowded_file(folder)
    node = peer.open(peer.open_file(SAMPLE), "/entry/raw")
    assert failures(peer, 5) == []
    for _ in range(300):
        peer.open_file(path, 8 * MIB)
    for _ in range(64):
        peer.read(node, [], 4 * MIB)
    peer.flush()
    time.sleep(1.5)


@dataclasses.dataclass
class Scenario:
    attack: Callable              # (peer, folder): what one peer does
    rows: dict                    # name: how often it may be filled by one peer
    mark: str = ""                # what it is marked as: slow, long


HALF = {"objects": 0.5}  # of one principal
SCENARIOS = {
    "absent paths of 65 kB": Scenario(absent_paths(65_000, 2048), {"caches": 1}),
    "absent paths of 4 kB": Scenario(absent_paths(4000, 25_000), {"caches": 1}, mark="long"),
    "names of one group": Scenario(names_of_one_group, {"caches": 1}),
    "objects with attributes": Scenario(many_objects, {"caches": 1}),
    "references": Scenario(references, {"caches": 1}),
    "blocks of a chunk index": Scenario(chunk_index, {"caches": 1}, mark="slow"),
    "decoded chunks": Scenario(decoded_chunks, {"caches": 1}),
    "large chunks": Scenario(large_chunks, {"caches": 1, "decoding": 1}, mark="long"),
    "one large chunk": Scenario(one_large_chunk, {"caches": 1, "decoding": 2}, mark="slow"),  # alone, beyond the row
    "folders by long paths": Scenario(long_folder_paths, HALF),
    "nodes by long paths": Scenario(long_node_paths, HALF),
    "handles": Scenario(handles, HALF),
    "handles of files": Scenario(handles_of_files, HALF),
    "open files": Scenario(open_files, {"caches": 1, **HALF}, mark="long"),
    "sources of virtual datasets": Scenario(virtual_sources, {"caches": 1, **HALF}, mark="slow"),
    "sources by long names": Scenario(sources_by_long_names, {"caches": 1, **HALF}),
    "series of sources": Scenario(series_of_sources, {"caches": 1, **HALF}),
    "answers that are kept": Scenario(kept_answers, {"caches": 1, "connection": 1, **HALF}),
    "answers that are not taken": Scenario(untaken_answers, {"caches": 1, "connection": 1}),
}


def allowed(rows, cache_mb=CACHE_MB):
    limits = table()
    return sum(limits[name].mib(cache_mb) * share for name, share in rows.items()) + BEYOND


def hoard(server, folder, scenario, connect, count):
    """What the front grew by while `count` peers did this and nobody left; another peer is served then."""
    peers = [connect() for _ in range(count)]
    with Growth(server) as growth:
        for peer in peers:
            scenario.attack(peer, folder)
        others_are_served(server)
    for peer in peers:
        peer.close()
    return growth.peak


def others_are_served(server):
    start = time.monotonic()
    with RawPeer(server.port) as other:
        other.read(other.open(other.open_file(SAMPLE), "/entry/raw"), [axis_range(0, 1)])
        assert failures(other, 6) == []
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("name", [pytest.param(name, marks=[getattr(pytest.mark, one.mark)] if one.mark else [])
                                  for name, one in SCENARIOS.items()])
def test_one_peer(folder, sample, name):
    scenario = SCENARIOS[name]
    with served(folder, sample) as server:
        warm(server)
        grown, limit = hoard(server, folder, scenario, lambda: RawPeer(server.port), 1), allowed(scenario.rows)
    print(f"{name}: {grown:.0f} of {limit:.0f} MiB")
    assert grown <= limit


@pytest.mark.parametrize("who", ["one user", "anybody"])
@pytest.mark.parametrize("name", [pytest.param("handles", marks=pytest.mark.slow),
                                  *(pytest.param(name, marks=pytest.mark.long) for name in
                                    ("absent paths of 65 kB", "folders by long paths", "answers that are kept",
                                     "answers that are not taken"))])
def test_several_peers(folder, sample, name, who):
    """Four connections: of one user, who has one share of the objects, or of four whom nothing authenticates."""
    scenario, count = SCENARIOS[name], 4
    rows = dict(scenario.rows)
    if "connection" in rows:
        rows["connection"] = count
    if "objects" in rows and who == "anybody":
        rows["objects"] = 1
    with served(folder, sample) as server:
        warm(server)
        connect = (lambda: RawPeer(server.socket)) if who == "one user" else (lambda: RawPeer(server.port))
        grown, limit = hoard(server, folder, scenario, connect, count), allowed(rows)
    print(f"{name}, {who}: {grown:.0f} of {limit:.0f} MiB")
    assert grown <= limit


def half_messages(peer):
    """All but the end of one of 8 MiB."""
    peer.socket.sendall(struct.pack("<II", 0, MIB - 8) + bytes(8 * MIB - 4096))


def untaken_replies(peer):
    node = peer.open(peer.open_file(SAMPLE), "/entry/raw")
    for _ in range(16):
        peer.read(node, [], 4 * MIB)
    peer.flush()


UNTAKEN_MIB = 4  # that are produced for a connection and not written yet: ObjectLimits::replyBytesPerConnection


@pytest.mark.slow
def test_replies_to_many_peers(folder, sample):
    """120 peers that each ask for 64 MiB and take nothing: each could have 4 MiB under way."""
    with served(folder, sample) as server:
        warm(server)
        peers = [RawPeer(server.port, receive_buffer=4096) for _ in range(120)]
        with Growth(server) as growth:
            for peer in peers:
                untaken_replies(peer)
            time.sleep(5)
            others_are_served(server)
        for peer in peers:
            peer.close()
    print(f"replies to many: {growth.peak:.0f} MiB")
    assert growth.peak <= allowed({"caches": 1}) + 120 * UNTAKEN_MIB


@pytest.mark.parametrize("hoarding", [half_messages, untaken_replies])
def test_memory_comes_back_when_peers_go(folder, sample, hoarding):
    """40 of them."""
    with served(folder, sample) as server:
        warm(server)
        before = server.front_rss()
        peers = [RawPeer(server.port, receive_buffer=4096) for _ in range(40)]
        for peer in peers:
            hoarding(peer)
        assert wait_until(lambda: server.front_rss() - before > 100 * MIB), "the control: they do take memory"
        for peer in peers:
            peer.close()
        limit = allowed({"caches": 1}) * MIB
        is_back = wait_until(lambda: server.front_rss() - before < limit, 5)
        assert is_back, f"{(server.front_rss() - before) // MIB} MiB are left"


def test_planners_are_limited(folder, sample):
    limit = table()["planner"].mib(CACHE_MB) * MIB
    with served(folder, sample) as server:
        warm(server)
        for planner in server.planners():
            most = re.search(r"Max address space\s+(\d+)", pathlib.Path(f"/proc/{planner}/limits").read_text())
            assert 0 < int(most[1]) - status_bytes(server.pids()[1], "VmSize") <= limit + MIB


# Ends planners that get a long question; 4 is their channel (server/planner/zygote.cc).
FRAGILE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
ssize_t read(int descriptor, void* buffer, size_t size) {
  ssize_t got = ((ssize_t (*)(int, void*, size_t))dlsym(RTLD_NEXT, "read"))(descriptor, buffer, size);
  if (descriptor == 4 && got > 10000 && strcmp(program_invocation_short_name, "h5cap-planner") == 0) abort();
  return got;
}
"""


@pytest.mark.skipif(not shutil.which("cc"), reason="what ends planners is made with cc")
def test_questions_that_kill_planners(folder, sample, tmp_path):
    """What is refused for a while is remembered by the question, which may be long: 200 names of 1 MiB."""
    (tmp_path / "fragile.c").write_text(FRAGILE)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "fragile.so", tmp_path / "fragile.c"], check=True)
    environment = {"LD_PRELOAD": preloaded(tmp_path / "fragile.so")}
    with served(folder, sample, environment=environment) as server, RawPeer(server.port) as peer:
        warm(server)
        attributes = peer.call(peer.open_file(SAMPLE), 0, NODE, 1, Struct())
        assert failures(peer, 5) == []
        with Growth(server) as growth:
            for k in range(200):
                asked = peer.call(attributes, 0, ATTRIBUTES, 1, Struct(b"", [f"{k}" + "y" * MIB]))
                reason, = failures(peer, 1)
                assert reason.startswith("[fileProblem]"), reason
                peer.finish(asked)
    print(f"questions that kill planners: {growth.peak:.0f} MiB")
    assert growth.peak <= BEYOND


def test_negative_control(folder, sample):
    """A server with a larger cache grows beyond what a smaller one may."""
    scenario = SCENARIOS["decoded chunks"]
    with served(folder, sample, cache_mb=512) as server:
        warm(server)
        grown = hoard(server, folder, scenario, lambda: RawPeer(server.port), 1)
    print(f"--cache-mb 512: {grown:.0f} MiB")
    assert allowed(scenario.rows) < grown <= allowed(scenario.rows, cache_mb=512)
