"""Descriptors of files: shared by those who are served, given up by files that nobody uses, and taken again by the
path.

Watched from outside: what /proc says that the front and its planners have open.  Not covered: descriptors of
connections (test_greedy_peers); remote file systems; an export that is a mount itself, whose folder the server keeps.
"""

import os
import pathlib
import shutil
import subprocess
import time

import h5cap
import numpy as np
import pytest
from support import oracle
from support.raw_rpc import RawPeer, axis_range
from support.sample import frame
from support.served import Server, wait_until

LIMIT = 256   # descriptors that the front may have
FILES = 300
IDLE = 1      # seconds
SOON = 5      # until it has happened for sure, on a loaded machine too

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="descriptors are looked at in /proc")


def holders(server, path):
    """Processes of the server that have `path` open, deleted or not.  A planner that may not be looked at is one."""
    found = []
    for pid in server.pids():
        try:
            links = [os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/fd")]
        except PermissionError:
            links = [str(path)] if pid in server.planners() else []
        except FileNotFoundError:
            continue
        if any(link in (str(path), f"{path} (deleted)") for link in links):
            found.append(pid)
    return found


def given_up(server, path):
    return wait_until(lambda: not holders(server, path), IDLE + SOON)


# --------------------------------------------------------------------------------------------------------------- shared


@pytest.fixture
def scarce(folder):
    """A server that may have 256 descriptors, and 300 files: `x` of file k begins with k."""
    oracle.run("""
        import sys, h5py, numpy as np
        for k in range(int(sys.argv[2])):
            with h5py.File(f"{sys.argv[1]}/{k}.h5", "w") as file: file["x"] = np.arange(k, k + 10)
        """, folder, FILES)
    with Server({"data": str(folder)}, tcp=True, prefix=["prlimit", f"--nofile={LIMIT}:{LIMIT}"]) as server:
        yield server
        assert server.alive(), "".join(server.output[-20:])


def begun(server):
    peer = RawPeer(server.port)
    peer.flush()
    assert [reason for _, reason in peer.returns(3)] == [None] * 3
    return peer


def opened(peer, numbers):
    """The files that a peer opens one after the other, and keeps: questions by number."""
    files = {}
    for k in numbers:
        files[k] = peer.open_file(f"data/{k}.h5")
        peer.flush()
        assert [reason for _, reason in peer.returns(1)] == [None], f"file {k}"
    return files


def reads_each(peer, files):
    for k, file in files.items():
        node = peer.open(file, "/x")
        read = peer.read(node)
        peer.flush()
        assert [reason for _, reason in peer.returns(2)] == [None, None], f"file {k}"
        peer.finish(node)
        peer.finish(read)


def own_descriptors(server):
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def test_a_greedy_peer_and_another(scarce):
    """Who has hundreds of files open keeps nobody from opening theirs, and can read all of its own."""
    with begun(scarce) as greedy, begun(scarce) as other:
        files = opened(greedy, range(FILES - 1))
        assert own_descriptors(scarce) < LIMIT
        reads_each(other, opened(other, [FILES - 1]))
        reads_each(greedy, files)
        assert own_descriptors(scarce) < LIMIT


def test_several_greedy_peers(scarce):
    peers = [begun(scarce) for _ in range(5)]
    files = [opened(peer, range(first, FILES - 1, 2)) for first, peer in enumerate(peers)]
    with begun(scarce) as other:
        reads_each(other, opened(other, [FILES - 1]))
    for peer, its in zip(peers, files):
        reads_each(peer, its)
    assert own_descriptors(scarce) < LIMIT
    for peer in peers:
        peer.close()


def test_files_that_gave_up_descriptors_have_the_right_elements(scarce):
    """Two rounds over 299 files that one program keeps open, each read by a descriptor that was taken again."""
    files = [h5cap.File(scarce.tcp_url(f"data/{k}.h5")) for k in range(FILES - 1)]
    for round in range(2):
        for k, file in enumerate(files):
            np.testing.assert_array_equal(file["x"][round:], np.arange(k + round, k + 10))
    for file in files:
        file.close()


def test_descriptors_come_back_when_peers_go(scarce):
    for _ in range(5):
        with begun(scarce) as peer:
            opened(peer, range(100))
    with begun(scarce) as other:
        reads_each(other, opened(other, range(20)))


# ----------------------------------------------------------------------------------------------------------------- idle


@pytest.fixture
def idle(folder, sample):
    """A server whose files rest after a second, and the path of one."""
    path = folder / "scan.h5"
    shutil.copy(sample, path)
    with Server({"data": str(folder)}, options=["--idle", str(IDLE)]) as server:
        server.path = path
        yield server
        assert server.alive(), "".join(server.output[-20:])


def read_frame(data, i):
    np.testing.assert_array_equal(data[i], frame(i))


def planned(server):
    """The open file and its dataset, after a first read; front and planner have it open then."""
    file = h5cap.File(server.url("data/scan.h5"))
    data = file["entry/gzip"]
    read_frame(data, 0)
    assert file["entry/names"][1] == b"name 1"  # which only a planner knows
    assert len(holders(server, server.path)) >= 2
    return file, data


def one_frame(server):
    """What a connection of its own reads, which then ends."""
    with RawPeer(server.socket) as peer:
        peer.read(peer.open(peer.open_file("data/scan.h5"), "/entry/gzip"), [axis_range(0, 1)])
        peer.flush()
        assert [reason for _, reason in peer.returns(6)] == [None] * 6
        assert len(holders(server, server.path)) >= 1


def test_a_file_of_a_peer_that_went_is_given_up(idle):
    one_frame(idle)
    assert given_up(idle, idle.path), holders(idle, idle.path)


def test_a_closed_file_is_given_up(idle):
    file, _ = planned(idle)
    file.close()
    assert given_up(idle, idle.path), holders(idle, idle.path)


def test_an_open_file_that_nobody_reads_is_given_up_and_reads_on(idle):
    file, data = planned(idle)
    for i in range(1, 4):
        assert given_up(idle, idle.path), holders(idle, idle.path)
        read_frame(data, i)
        assert idle.pid in holders(idle, idle.path)
    file.close()


def test_a_file_that_is_read_keeps_its_descriptor(idle):
    """The control: time passes, and it is not idle."""
    file, data = planned(idle)
    end = time.monotonic() + 3 * IDLE
    i = 1
    while time.monotonic() < end:
        read_frame(data, i % 200)
        assert idle.pid in holders(idle, idle.path)
        i += 1
        time.sleep(0.1)
    file.close()


@pytest.mark.parametrize("whose", ["open", "closed", "of a peer that went"])
def test_a_deleted_file_gives_its_space_back(idle, whose):
    if whose == "of a peer that went":
        one_frame(idle)
    else:
        file, data = planned(idle)
    if whose == "closed":
        file.close()
    os.unlink(idle.path)
    assert given_up(idle, idle.path), holders(idle, idle.path)
    if whose == "open":
        with pytest.raises(h5cap.Changed, match="removed or renamed"):
            data[1]
        file.close()


def test_another_file_by_the_path_is_a_change(idle, sample):
    file, data = planned(idle)
    assert given_up(idle, idle.path)
    shutil.copy(sample, idle.path.with_suffix(".new"))
    os.rename(idle.path.with_suffix(".new"), idle.path)
    with pytest.raises(h5cap.Changed, match="another file"):
        data[1]
    file.close()
    with h5cap.File(idle.url("data/scan.h5")) as again:
        read_frame(again["entry/gzip"], 1)


def test_a_file_that_is_back_is_read_on(idle):
    """A path that names nothing for a while is no end: what it leads to then is the very file."""
    file, data = planned(idle)
    assert given_up(idle, idle.path)
    os.rename(idle.path, idle.path.with_suffix(".aside"))
    with pytest.raises(h5cap.Changed):
        data[1]
    os.rename(idle.path.with_suffix(".aside"), idle.path)
    read_frame(data, 2)
    file.close()


def test_changed_is_an_os_error():
    assert issubclass(h5cap.Changed, OSError)


# ----------------------------------------------------------------------------------------------------- what was planned


def rested(server):
    """The file was planned, has settled, and has neither planner nor descriptor."""
    file, data = planned(server)
    time.sleep(0.1)  # its time stamps show later changes by now: what was read before that is not kept
    file._opened.native.stat()
    read_frame(data, 0)
    assert file["entry/names"][2] == b"name 2"
    assert given_up(server, server.path) and wait_until(lambda: not server.planners(), SOON), server.planners()
    return file, data


def test_what_was_planned_outlives_planner_and_descriptor(idle):
    """A planner rests for a second before it goes: were one asked, it would be there after the read."""
    file, data = rested(idle)
    read_frame(data, 0)
    assert idle.pid in holders(idle, idle.path)
    assert idle.planners() == []
    file.close()


def test_what_was_planned_is_there_for_who_comes_later(idle):
    """The first two see a file that has just changed, and what they read is not kept."""
    for _ in range(2):
        one_frame(idle)
        time.sleep(0.1)
    one_frame(idle)
    assert given_up(idle, idle.path) and wait_until(lambda: not idle.planners(), SOON)
    one_frame(idle)
    assert idle.planners() == []


def test_what_was_not_planned_asks_a_planner(idle):
    """The control."""
    file, _ = rested(idle)
    assert file["entry/title"][()] == b"a title"
    assert len(idle.planners()) == 1
    file.close()


# --------------------------------------------------------------------------------------------------------------- mounts


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
def test_a_file_system_is_unmounted_below_a_file_that_rests(folder, sample, is_open):
    """Busy while the file is in use; afterwards a file that is still open says that it is gone."""
    inner = folder / "inner"
    inner.mkdir()
    script = 'mount -t tmpfs tmpfs "$0" && cp "$1" "$0/scan.h5" && shift && exec "$@"'
    within = ["unshare", "--mount", "sh", "-c", script, str(inner), str(sample)]
    trial = subprocess.run([*within, "true"], capture_output=True, text=True)
    if trial.returncode:
        pytest.skip("no file system can be mounted here: " + trial.stderr.strip())
    with Server({"data": str(folder)}, options=["--idle", str(IDLE)], prefix=within) as server:
        def unmount():
            command = ["nsenter", f"--target={server.pid}", "--mount", "umount", str(inner)]
            return subprocess.run(command, capture_output=True, text=True).returncode == 0

        peer = RawPeer(server.socket)
        node = peer.open(peer.open_file("data/inner/scan.h5"), "/entry/gzip")
        peer.read(node, [axis_range(0, 1)])
        peer.flush()
        assert [reason for _, reason in peer.returns(6)] == [None] * 6
        if not is_open:
            peer.close()
        assert not unmount(), "nothing holds it, and yet it was just read"
        assert wait_until(unmount, IDLE + SOON, 0.1)
        if is_open:
            peer.read(node, [axis_range(1, 2)])
            peer.flush()
            (_, reason), = peer.returns(1)
            assert reason.startswith("[changed]"), reason
            peer.close()


# ------------------------------------------------------------------------------------------------------------- path now


def replaced(path):
    shutil.copy(path, path.with_suffix(".new"))
    os.rename(path.with_suffix(".new"), path)


def renamed(path):
    os.rename(path, path.with_suffix(".aside"))


def linked(path):
    """Renamed, and reached by a symbolic link again: the very file."""
    renamed(path)
    path.symlink_to(path.with_suffix(".aside").name)


def written(path):
    oracle.run("import sys, h5py\nwith h5py.File(sys.argv[1], 'r+') as file: file.attrs['a'] = 1", path)


PATHS = {
    "untouched": (lambda path: None, "this file"),
    "written in place": (written, "this file"),
    "reached by a link": (linked, "this file"),
    "renamed over": (replaced, "another file"),
    "renamed": (renamed, "nothing"),
    "removed": (pathlib.Path.unlink, "nothing"),
}


@pytest.mark.parametrize("has_rested", [False, True], ids=["in use", "at rest"])
@pytest.mark.parametrize("name", PATHS)
def test_path_now(idle, name, has_rested):
    change, expected = PATHS[name]
    file, _ = planned(idle)
    assert file._opened.native.path_now() == "this file"
    if has_rested:
        assert given_up(idle, idle.path)
    change(idle.path)
    assert file._opened.native.path_now() == expected
    file.close()
