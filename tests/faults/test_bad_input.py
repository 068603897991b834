"""Bad input gives the right exception with a message that names it, and the server lives.

Covers: files that are missing, foreign, truncated or folders; odd names; bad paths, selections and addresses.  Not
covered: hostile bytes on the socket (test_hostile_peers), damaged structures (test_mutations).
"""

import os
import socket
import threading

import h5cap
import numpy as np
import pytest
from support import oracle


def raises_in(kinds, function, *words):
    with pytest.raises(kinds) as caught:
        function()
    text = str(caught.value)
    for word in words:
        assert word in text, f"{word!r} is not in the message: {text}"
    return caught.value


def test_missing_file(server, folder, still_serving):
    problem = raises_in(FileNotFoundError, lambda: h5cap.File(server.url("data/none.h5")), "none.h5")
    assert str(folder) not in str(problem), "the message shows a path of the server"
    raises_in(FileNotFoundError, lambda: h5cap.File(server.url("data/no/such/folder.h5")))
    raises_in(FileNotFoundError, lambda: h5cap.File(server.url("elsewhere/sample.h5")))
    raises_in(FileNotFoundError, lambda: h5cap.File(server.url("")), )
    raises_in(FileNotFoundError, lambda: h5cap.read(server.url("data/none.h5"), "/x", ()), "none.h5")
    still_serving()


def test_escapes_from_the_export(server, folder, still_serving):
    (folder.parent / "secret.h5").write_bytes((folder / "sample.h5").read_bytes())
    os.symlink(folder.parent / "secret.h5", folder / "outside.h5")
    os.symlink("../secret.h5", folder / "outside_relative.h5")
    os.symlink("sample.h5", folder / "inside.h5")
    os.mkfifo(folder / "fifo.h5")
    for name in ("data/../secret.h5", "data/outside.h5", "data/outside_relative.h5", "../secret.h5",
                 "data/%2e%2e/secret.h5"):
        with pytest.raises((FileNotFoundError, PermissionError)):
            h5cap.File(server.url().rstrip("/") + "/" + name)
    with h5cap.File(server.url("data/inside.h5")) as file:
        assert list(file) == ["entry"]
    for name in "data/fifo.h5", "data":
        with pytest.raises(OSError):
            h5cap.File(server.url(name), timeout=5)
    still_serving()


CONTENTS = {"empty": b"", "one byte": b"x", "text": b"not a data file\n" * 400, "signature only": b"\x89HDF\r\n\x1a\n",
            "zeros": bytes(5000),
            "signature and noise": b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 20,
            "netCDF classic": b"CDF\x01" + bytes(500)}


@pytest.mark.parametrize("kind", CONTENTS)
def test_not_hdf5(kind, server, folder, still_serving):
    (folder / "bad.h5").write_bytes(CONTENTS[kind])
    problem = raises_in(OSError, lambda: h5cap.File(server.url("data/bad.h5")), "bad.h5")
    assert not isinstance(problem, (FileNotFoundError, ConnectionError))
    still_serving()


@pytest.mark.parametrize("part", [0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999])
def test_truncated(part, server, folder, still_serving):
    """A stock libhdf5 refuses a file that ends before its end of allocation; so do we, and nothing but OSError comes of
    it."""
    whole = (folder / "sample.h5").read_bytes()
    (folder / "cut.h5").write_bytes(whole[:int(len(whole) * part)])
    raises_in(OSError, lambda: h5cap.File(server.url("data/cut.h5")), "cut.h5")
    still_serving()


def test_directory(server, folder, still_serving):
    (folder / "folder.h5").mkdir()
    problem = raises_in(OSError, lambda: h5cap.File(server.url("data/folder.h5")), "folder.h5")
    assert not isinstance(problem, ConnectionError)
    still_serving()


def test_unreadable(server, folder, still_serving):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    (folder / "closed.h5").write_bytes(b"")
    (folder / "closed.h5").chmod(0)
    raises_in(PermissionError, lambda: h5cap.File(server.url("data/closed.h5")))
    still_serving()


ODD = ["with space.h5", "hash#tag.h5", "br[0].h5", "per%20cent.h5", "per%.h5", "ünï.h5", "日本.h5", "a+b&c=d.h5",
       "quest?ion.h5", "col:on.h5", "-dash.h5",
       "new\nline.h5", "back\\slash.h5", "quo\"te'.h5", "x" * 250 + ".h5", "no suffix", ".hidden"]


@pytest.mark.parametrize("name", ODD)
def test_odd_file_names(name, server, folder, sample):
    (folder / name).write_bytes(sample.read_bytes())
    with h5cap.File(server.url("data/" + name)) as file:
        assert file["entry/title"][()] == b"a title"
    with h5cap.connect(server.url("data")) as session:
        assert name in session.listdir()


def test_names_too_long_or_with_nul(server, still_serving):
    for name in "x" * 300 + ".h5", "d/" * 3000 + "x.h5":
        with pytest.raises(OSError):
            h5cap.File(server.url("data/" + name))
    with pytest.raises((OSError, ValueError)):
        h5cap.File(server.url("data/a\0b.h5"))
    still_serving()


BAD_PATHS = ["none", "entry/none", "entry/none/below", "entry/raw/below", "/entry/raw/below/further", "none/../entry",
             "e" * 5000, "/none", "entry/names/0"]


@pytest.mark.parametrize("path", BAD_PATHS, ids=lambda p: p[:20])
def test_bad_paths(path, server, still_serving):
    with h5cap.File(server.url("data/sample.h5")) as file:
        raises_in(KeyError, lambda: file[path])
        assert path not in file
        assert file.get(path) is None
    raises_in(KeyError, lambda: h5cap.read(server.url("data/sample.h5"), path, ()))
    still_serving()


BAD_SELECTIONS = [
    ((200,), (IndexError, ValueError)), ((-201,), (IndexError, ValueError)), ((0, 0, 128), (IndexError, ValueError)),
    ((0, 0, 0, 0), (IndexError, TypeError, ValueError)), ((slice(None, None, 0),), (IndexError, ValueError)),
    ((Ellipsis, Ellipsis), (IndexError, TypeError, ValueError)), (("field",), (IndexError, TypeError, ValueError)),
    ((1.5,), (IndexError, TypeError, ValueError)),
    (([0, 300],), (IndexError, ValueError)), (([1, 2], [3, 4]), (IndexError, TypeError, ValueError)),
    ((2**70,), (IndexError, OverflowError, ValueError)),
    ((slice(None, None, -1),), (IndexError, ValueError)),
]


@pytest.mark.parametrize("selection, kinds", BAD_SELECTIONS, ids=lambda v: str(v)[:40])
def test_bad_selections(selection, kinds, server, still_serving):
    with h5cap.File(server.url("data/sample.h5")) as file:
        raises_in(kinds, lambda: file["entry/raw"][selection])
        raises_in(kinds, lambda: h5cap.read(server.url("data/sample.h5"), "/entry/raw", selection))
        np.testing.assert_array_equal(file["entry/raw"][3, :2, :2], [[49152, 49153], [49280, 49281]])
    still_serving()


def test_reading_a_group(server, still_serving):
    raises_in((TypeError, KeyError, ValueError), lambda: h5cap.read(server.url("data/sample.h5"), "/entry", ()))
    still_serving()


def test_writing_is_refused(server, still_serving):
    for mode in "w", "a", "r+", "x":
        with pytest.raises((PermissionError, NotImplementedError, ValueError, OSError)):
            h5cap.File(server.url("data/sample.h5"), mode)
    with h5cap.File(server.url("data/sample.h5")) as file:
        with pytest.raises(Exception):
            file["entry/raw"][0] = 1
        with pytest.raises(Exception):
            file.create_group("new")
    still_serving()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_wrong_port(server, still_serving):
    problem = raises_in(OSError, lambda: h5cap.File(server.tcp_url("data/sample.h5", port=free_port()), timeout=5))
    assert isinstance(problem, ConnectionError)
    still_serving()


def test_missing_socket(server, still_serving):
    problem = raises_in(OSError, lambda: h5cap.File("h5cap+unix://%2Fno%2Fsuch%2Fsocket/data/x.h5", timeout=5),
                        "/no/such/socket")
    assert isinstance(problem, ConnectionError)
    still_serving()


BAD_ADDRESSES = ["", "h5cap", "http://localhost/x.h5", "h5cap+tcp://", "h5cap+tcp://127.0.0.1:port/x.h5",
                 "h5cap+tcp://127.0.0.1:70000/x.h5", "h5cap+what://x/y",
                 "h5cap+tcp://[::1/x.h5", "h5cap+unix://%zz/x.h5"]


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_bad_addresses(address):
    with pytest.raises((ValueError, OSError)):
        h5cap.File(address, timeout=2)


class Foreign:
    """A server of another protocol: answers every connection with the same bytes, or with nothing."""

    def __init__(self, answer):
        self.answer, self.listener = answer, socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        if self.answer is not None:
            try:
                client.recv(1000)
                client.sendall(self.answer)
                client.close()
            except OSError:
                pass
        else:
            threading.Event().wait(20)


ANSWERS = {"HTTP": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
           "SSH": b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n",
           "FF": b"\xff" * 64, "zeros": bytes(4096), "closes": b"", "silent": None,
           "huge frame": b"\0\0\0\0\xff\xff\xff\x7f" + bytes(64)}


@pytest.mark.parametrize("answer", ANSWERS)
def test_wrong_protocol(answer):
    """The client talks to something else: a ConnectionError (or the deadline), not a crash and not a hang."""
    foreign = Foreign(ANSWERS[answer])
    kinds = (ConnectionError, TimeoutError) if answer in ("silent", "zeros") else ConnectionError
    raises_in(kinds, lambda: h5cap.File(f"h5cap+tcp://127.0.0.1:{foreign.port}/data/x.h5", timeout=3))
    foreign.listener.close()


def test_file_that_was_never_closed(server, folder, still_serving):
    """A writer that died before its first flush."""
    oracle.run("""
        import sys, os, h5py
        file = h5py.File(sys.argv[1], "w")
        file["x"] = 1
        os._exit(0)
    """, folder / "unflushed.h5")
    raises_in(OSError, lambda: h5cap.File(server.url("data/unflushed.h5")), "unflushed.h5")
    still_serving()
