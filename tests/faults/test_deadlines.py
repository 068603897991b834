"""Nothing waits longer than it was allowed to: `timeout` of a client reaches the server, which stops working on a read
that nobody waits for even if nobody tells it so; and `timeout` bounds the attempts to connect again, whatever is wrong
there.  Not covered: tiles of large reads, which carry no deadline (they are cancelled, or end with the connection)."""

import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from support import oracle
from support.proxy import Proxy
from support.sample import frame
from support.served import Server, wait_until

IDLE_CPU = 0.1  # seconds of processor time in a second
TIMEOUT = 1.0
GRACE = 1.0  # the server's deadline is the client's and this

# 8,192 chunks of 4 MiB, all the same few KiB: one element of each is a reply of 8 KiB that takes minutes to make.
SLOW = """
import sys, zlib, h5py
with h5py.File(sys.argv[1], "w", libver=("earliest", "v110")) as file:
    data = file.create_dataset("slow", shape=(8192, 4 << 20), dtype="u1", chunks=(1, 4 << 20), compression="gzip")
    chunk = zlib.compress(bytes(4 << 20), 9)
    for i in range(8192):
        data.id.write_direct_chunk((i, 0), chunk)
"""

CLIENT = """
import sys, h5cap
dataset = h5cap.File(sys.argv[1], timeout=float(sys.argv[2]))["slow"]
dataset.shape
print("ready", flush=True)
try:
    dataset[:, 5]
    print("read")
except Exception as problem:
    print(type(problem).__name__, flush=True)
"""


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slow")
    oracle.run(SLOW, folder / "slow.h5")
    with Server({"data": str(folder)}) as server:
        yield server
        assert server.alive()


def used_in_a_second(server):
    before = server.cpu()
    time.sleep(1.0)
    return server.cpu() - before


def reader_that_is_stopped(server, timeout):
    """A client in the middle of a slow read, which from then on does nothing: it neither cancels nor hangs up."""
    client = subprocess.Popen([sys.executable, "-c", CLIENT, server.url("data/slow.h5"), str(timeout)],
                              stdout=subprocess.PIPE,
                              text=True)
    assert client.stdout.readline() == "ready\n"
    before = server.cpu()
    assert wait_until(lambda: server.cpu() - before > 0.1, TIMEOUT), "the read is not slow"
    client.send_signal(signal.SIGSTOP)
    return client


def end(client):
    client.send_signal(signal.SIGCONT)
    client.kill()
    client.wait(10)


def test_the_server_stops_at_the_deadline_of_a_client_that_says_nothing(slow):
    client = reader_that_is_stopped(slow, TIMEOUT)
    try:
        time.sleep(TIMEOUT + GRACE + 0.5)
        assert client.poll() is None
        used = used_in_a_second(slow)
        print(f"{used:.2f} s of processor time in the second after the deadline")
        assert used < IDLE_CPU
    finally:
        end(client)


def test_without_a_deadline_near_it_works_on(slow):
    """The negative control: the same client with patience, as late as that; and what ends then is the connection."""
    client = reader_that_is_stopped(slow, 120)
    try:
        time.sleep(TIMEOUT + GRACE + 0.5)
        assert used_in_a_second(slow) > IDLE_CPU
    finally:
        end(client)
    assert wait_until(lambda: used_in_a_second(slow) < IDLE_CPU, 5)


def test_a_client_that_gives_up_says_so(slow):
    import h5cap

    dataset = h5cap.File(slow.url("data/slow.h5"), timeout=TIMEOUT)["slow"]
    before = time.monotonic()
    with pytest.raises(TimeoutError):
        dataset[:, 7]
    assert time.monotonic() - before < TIMEOUT + 0.9
    assert wait_until(lambda: used_in_a_second(slow) < IDLE_CPU, 3)
    assert dataset[5, 9] == 0  # on the same connection


class Broken:
    """Listens where a proxy was.  `silent`: takes connections and says nothing; `closing`: ends each at once;
    `full`: takes none, its queue being full."""

    def __init__(self, port, how):
        self.how, self.held = how, []
        self.listener = socket.create_server(("127.0.0.1", port), backlog=0 if how == "full" else 64)
        if how == "full":
            for _ in range(4):
                waiting = socket.socket()
                waiting.setblocking(False)
                waiting.connect_ex(("127.0.0.1", port))
                self.held.append(waiting)
        else:
            threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            if self.how == "closing":
                one.close()
            else:
                self.held.append(one)

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        for one in [self.listener, *self.held]:
            one.close()


@pytest.mark.parametrize("how", ["silent", "closing", "full"])
def test_attempts_to_connect_again_end_in_time(server, how):
    """And when the way is free again, the handle is good."""
    import h5cap

    with Proxy(("127.0.0.1", server.port)) as proxy:
        dataset = h5cap.File(proxy.url("data/sample.h5"), timeout=2)["/entry/gzip"]
        np.testing.assert_array_equal(dataset[0], frame(0))
        port = proxy.port
    broken = Broken(port, how)
    try:
        for i in (1, 2):
            before = time.monotonic()
            with pytest.raises((ConnectionError, TimeoutError)) as caught:
                dataset[i]
            took = time.monotonic() - before
            print(f"{how}: {caught.type.__name__} after {took:.1f} s of timeout=2")
            assert took < 3.5
    finally:
        broken.close()
    with Proxy(("127.0.0.1", server.port), port=port):
        np.testing.assert_array_equal(dataset[3], frame(3))
