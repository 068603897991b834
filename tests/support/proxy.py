"""A proxy between a client and a server that counts bytes and turns, and may delay each direction.

A turn is a time that the client spoke after the server had spoken (or first): over a delaying proxy a chain of n
dependent calls costs n turns and 2 n delays.  Bandwidth is not limited and nothing is reordered.
"""

import heapq
import itertools
import socket
import threading
import time

RECEIVE_BUFFER = 1 << 18


class Direction(threading.Thread):
    """Copies one direction; what arrives at t leaves at t + delay."""

    def __init__(self, proxy, source, target, upward):
        super().__init__(daemon=True)
        self.proxy, self.source, self.target, self.upward = proxy, source, target, upward
        self.queue, self.wake, self.order = [], threading.Condition(), itertools.count()

    def run(self):
        writer = threading.Thread(target=self.write, daemon=True)
        writer.start()
        while True:
            try:
                data = self.source.recv(1 << 18)
            except OSError:
                data = b""
            self.proxy.count(self.upward, len(data))
            if not self.upward:
                self.proxy.wait_for_turn()
                self.proxy.cut_when_due()
            with self.wake:
                heapq.heappush(self.queue, (time.monotonic() + self.proxy.delay, next(self.order), data))
                self.wake.notify()
            if not data:
                return

    def write(self):
        while True:
            with self.wake:
                while not self.queue:
                    self.wake.wait()
                due, _, data = heapq.heappop(self.queue)
            remaining = due - time.monotonic()
            if remaining > 0:
                time.sleep(remaining)
            try:
                if not data:
                    self.target.shutdown(socket.SHUT_WR)
                    return
                self.target.sendall(data)
            except OSError:
                return


class Proxy:
    """Listens on a loopback port (any, or `port`) and passes everything to `target`: ("127.0.0.1", port) or the path of
    a Unix socket."""

    def __init__(self, target, delay_ms=0.0, port=0):
        self.target, self.delay = target, delay_ms / 1000
        self.lock, self.sockets = threading.Lock(), []
        self.pause_at, self.paused, self.open = None, threading.Event(), threading.Event()
        self.cut_at = None
        self.open.set()
        self.reset()
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def reset(self):
        with self.lock:
            self.up = self.down = self.turns = 0
            self.last_upward = None

    def count(self, upward, size):
        with self.lock:
            if upward:
                self.up += size
                self.turns += size > 0 and self.last_upward is not True
            else:
                self.down += size
            if size:
                self.last_upward = upward

    def pause_after(self, size):
        """Holds answers back when so many bytes more of them have come, until `resume`; `paused` is set then.  What the
        server has sent meanwhile is what buffers hold: its own, of 4 MiB at most as systems come, and ours."""
        with self.lock:
            self.paused.clear()
            self.pause_at = self.down + size

    def resume(self):
        with self.lock:
            self.pause_at = None
        self.open.set()

    def wait_for_turn(self):
        with self.lock:
            if self.pause_at is not None and self.down >= self.pause_at:
                self.pause_at = None
                self.open.clear()
                self.paused.set()
        self.open.wait()

    def cut_after(self, size):
        """Ends every connection, once, when so many bytes more of answers have come; these are lost.  None: no more."""
        with self.lock:
            self.cut_at = None if size is None else self.down + size

    def cut_when_due(self):
        with self.lock:
            due = self.cut_at is not None and self.down >= self.cut_at
            if due:
                self.cut_at = None
        if due:
            self.cut()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.socket(socket.AF_UNIX if isinstance(self.target, str) else socket.AF_INET)
                # A fixed size: the kernel's own may grow to tens of MiB, and hold whole answers while they are paused.
                server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
                server.connect(self.target)
                if server.family == socket.AF_INET:
                    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError:
                client.close()
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.sockets += [client, server]
            Direction(self, client, server, True).start()
            Direction(self, server, client, False).start()

    def cut(self):
        """Ends every connection at once, as a broken network does."""
        with self.lock:
            for one in self.sockets:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            self.sockets.clear()

    def url(self, path=""):
        from .served import quoted
        return f"h5cap+tcp://127.0.0.1:{self.port}/" + quoted(path)

    def close(self):
        try:
            # closing alone lets an `accept` that waits take one more connection
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.cut()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
