"""How fair the server is: one polite reader beside a crowd, and equal principals beside each other.

    python benchmarks/python/fair.py [--seconds 4] [--connections 50]

A crowd of one principal (connections to the Unix socket) asks for all it can, of large replies, of small ones, and of
compressed chunks; a polite reader (a TCP connection, so another principal) reads small slices one after the other.
What it waits is compared with what it waits alone, within one run.  Then eight connections, each a principal,
ask for the same.  One line of JSON each.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from support.crowd import Crowd, polite, quantile  # noqa: E402
from support.served import Server, client_python  # noqa: E402

FILES = """
import sys, h5py, numpy as np
with h5py.File(sys.argv[1] + "/large.h5", "w") as f:
    f["raw"] = np.arange(4 << 20, dtype="u4").reshape(64, -1)
    f.create_dataset("gzip", data=np.arange(4 << 20, dtype="u4").reshape(64, -1), chunks=(4, 65536), compression=1)
with h5py.File(sys.argv[1] + "/small.h5", "w") as f: f["rows"] = np.arange(64 * 512, dtype="u4").reshape(64, 512)
"""
CROWDS = {
    "large replies": dict(dataset="/raw", reply_bytes=4 << 20),
    "compressed chunks": dict(dataset="/gzip", reply_bytes=4 << 20),
    "small replies": dict(dataset="/raw", reply_bytes=64 << 10, rows=1),
}


def milliseconds(times, share):
    return round(1000 * quantile(times, share), 3)


def beside_a_crowd(server, name, seconds, connections):
    alone = polite(server.port, "data/small.h5", "/rows", seconds)
    with Crowd(server.socket, "data/large.h5", connections=connections, **CROWDS[name]) as crowd:
        beside = polite(server.port, "data/small.h5", "/rows", seconds)
    return {"crowd": name, "connections": connections, "reads": len(beside), "p50_alone_ms": milliseconds(alone, 0.5),
            "p99_alone_ms": milliseconds(alone, 0.99), "p50_ms": milliseconds(beside, 0.5),
            "p99_ms": milliseconds(beside, 0.99), "crowd_mb_s": round(sum(crowd.bytes) / crowd.seconds / 1e6),
            "failures": crowd.failures, "ratio_p99": round(quantile(beside, 0.99) / quantile(alone, 0.99), 1)}


def equal_principals(server, seconds, count=8):
    with Crowd(str(server.port), "data/large.h5", "/raw", connections=count, reply_bytes=1 << 20) as crowd:
        try:
            crowd.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
    mean = sum(crowd.bytes) / count
    return {"principals": count, "mb_s": round(sum(crowd.bytes) / crowd.seconds / 1e6), "failures": crowd.failures,
            "most_off_the_mean": round(max(abs(one / mean - 1) for one in crowd.bytes), 3)}


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--seconds", type=float, default=4)
    options.add_argument("--connections", type=int, default=50)
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([client_python(), "-c", FILES, folder], check=True)
        with Server({"data": folder}, tcp=True) as server:
            for name in CROWDS:
                print(json.dumps(beside_a_crowd(server, name, options.seconds, options.connections)), flush=True)
            print(json.dumps(equal_principals(server, options.seconds)), flush=True)


if __name__ == "__main__":
    main()
