"""Roads that bend the way of a read: caches, lost connections, other selections.  They go before one of layouts.py."""

import contextlib
import os
import pathlib
import random
import socket
import tempfile

import h5py
import numpy as np
import pytest
from differential import outcome
from suite import Road
from support.proxy import Proxy
from support.served import Server


class DiskCached(Road):
    """Each read twice; the second time what can come from $H5CAP_CACHE does."""

    @contextlib.contextmanager
    def address(self, server, name):
        with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="h5cap-roads-") as folder:
            self.cache = pathlib.Path(folder)
            patch.setenv("H5CAP_CACHE", folder)
            yield server.url(name)

    def outcomes(self, read, dataset):
        yield outcome(read, dataset)
        self.between()
        yield outcome(read, dataset)

    def between(self):
        """What happens to the cache before the second read."""

    def entries(self):
        return [os.path.join(at, name) for at, _, names in os.walk(self.cache) for name in names]


class DiskCacheLoses(DiskCached):
    """Now and then half of what the cache holds is deleted, and some of the rest is cut off."""

    EVERY, reads = 7, 0

    def between(self):
        self.reads += 1
        rng = random.Random(self.reads)
        for entry in sorted(self.entries()) if self.reads % self.EVERY == 0 else ():
            lot = rng.random()
            with contextlib.suppress(FileNotFoundError):
                if lot < 0.5:
                    os.remove(entry)
                elif lot < 0.6:
                    os.truncate(entry, os.path.getsize(entry) // 2)


class ServerCacheTiny(Road):
    """The server keeps next to nothing, and reads twice."""

    server_options = ("--cache-mb", "1", "--threads", "1")

    def outcomes(self, read, dataset):
        return [outcome(read, dataset), outcome(read, dataset)]


class Cut(Road):
    """Each time the connection is lost before a read, or in the middle of its answer."""

    tcp = True

    @contextlib.contextmanager
    def address(self, server, name):
        with Proxy(("127.0.0.1", server.port)) as self.proxy:
            self.rng = random.Random(5)
            yield self.proxy.url(name)

    def outcomes(self, read, dataset):
        if self.rng.random() < 0.5:
            self.proxy.cut()
        else:
            self.proxy.cut_after(self.rng.choice([1, 100, 700, 3000, 20_000]))
        yield outcome(read, dataset)
        self.proxy.cut_after(None)


class Restarted(Road):
    """Now and then the server is killed, and another one takes its place, with what was open."""

    EVERY = 60

    @contextlib.contextmanager
    def address(self, server, name):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.options = ["--listen", f"127.0.0.1:{port}", "--insecure", *self.server_options]
        if "--reply-bytes" in server.process.args:
            self.options += server.process.args[server.process.args.index("--reply-bytes"):][:2]
        self.exports, self.reads = dict(word.split("=", 1) for word in server.process.args[1:2]), 0
        self.server = Server(self.exports, options=self.options)
        try:
            yield f"h5cap+tcp://127.0.0.1:{port}/{name}"
        finally:
            self.server.stop()

    def outcomes(self, read, dataset):
        self.reads += 1
        if self.reads % self.EVERY == 0:
            self.server.kill()
            self.server = Server(self.exports, options=self.options)
        return [outcome(read, dataset)]


class ThroughMasks:
    """A dataset whose selections are read by a mask of the whole that has the same elements."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __getattr__(self, name):
        return getattr(self.dataset, name)

    def __len__(self):
        return len(self.dataset)

    def __iter__(self):
        return iter(self.dataset)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.dataset if self.dataset.shape is None else self[...], dtype)

    def __getitem__(self, key):
        plain = self.dataset[key]  # its class, and what it raises
        keys = key if isinstance(key, tuple) else (key,)
        if any(isinstance(one, (str, h5py.MultiBlockSlice)) for one in keys) or not self.dataset.shape:
            return plain
        chosen = np.zeros(self.dataset.shape, bool)
        chosen[np.array(key, int) if isinstance(key, list) else key] = True
        if not isinstance(plain, np.ndarray) or not chosen.any():
            return plain
        if np.ndim(chosen[np.array(key, int) if isinstance(key, list) else key]) == 0:
            return plain  # an element that is an array
        taken = self.dataset[chosen]
        return taken.reshape(plain.shape[:plain.ndim - taken.ndim + 1] + taken.shape[1:])


class Masked(Road):
    """What is selected, as a mask of the same elements."""

    def outcomes(self, read, dataset):
        return [outcome(read, ThroughMasks(dataset))]
