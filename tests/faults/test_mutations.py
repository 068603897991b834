"""Random damage: mutants of two files, each read whole through a server that also serves somebody else.

Each mutant either reads (some damage does not show) or raises OSError, KeyError, NotImplementedError or the like within
a bounded time; the server lives, and a bystander's frames stay right.  300 mutants without a death bound its rate at
about 1 % (3/N at 95 %).  The negative control opens the same mutants with a stock libhdf5 and expects that some of them
kill it.

Not covered: damage made by someone who knows the format, beyond what chance finds.
"""

import os
import random
import subprocess
import time

import h5cap
import numpy as np
import pytest
from support import oracle
from support.sample import frame
from support.served import PATIENCE, children, cpu_seconds

MUTANTS = int(os.environ.get("H5CAP_MUTANTS", "300"))
# of any wait: a mutant that hangs the library ends in TimeoutError by then, whatever the server does
CLIENT_SECONDS = 15 * PATIENCE
MUTANT_SECONDS = 40 * PATIENCE  # a file may hang more than one question, each for its processor time
HANGING = 161  # this mutant makes libhdf5 loop for ever in the root group

SMALL = """
import sys, h5py, numpy as np
for path, libver in ((sys.argv[1], "earliest"), (sys.argv[2], "latest")):
    with h5py.File(path, "w", libver=libver) as file:
        file.attrs["title"] = "mutant"
        group = file.create_group("a/b")
        for i in range(12):
            group[f"n{i}"] = np.arange(i, dtype="f4")
            group[f"n{i}"].attrs["units"] = "mm"
        file.create_dataset("gzip", data=np.arange(600).reshape(20, 30), chunks=(4, 7), compression="gzip",
                            shuffle=True, fletcher32=True)
        file.create_dataset("grows", data=np.arange(60).reshape(20, 3), chunks=(2, 3), maxshape=(None, 3))
        file["text"] = ["variable", "strings", "x" * 300]
        file["rows"] = np.zeros(5, [("a", "i4"), ("b", "S5"), ("c", [("d", "f8")])])
        file["soft"] = h5py.SoftLink("/a/b/n3")
        layout = h5py.VirtualLayout((8, 30), "i8")
        layout[:4] = h5py.VirtualSource(".", "gzip", (20, 30))[:4]
        file.create_virtual_dataset("virtual", layout)
"""

STOCK = """
import sys, h5py
def visit(group, depth):
    for name in group:
        try:
            node = group[name]
            dict(node.attrs)
            node[()] if isinstance(node, h5py.Dataset) else depth < 4 and visit(node, depth + 1)
        except Exception:
            pass
with h5py.File(sys.argv[1], "r") as file:
    visit(file, 0)
"""


def mutate(original, rng):
    raw = bytearray(original)
    kind = rng.randrange(4)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        at = rng.randrange(len(raw))
        if kind == 0:
            raw[at] = rng.randrange(256)
        elif kind == 1:
            raw[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            raw[at:at + 8] = rng.choice([b"\xff" * 8, bytes(8), (len(raw) * 2).to_bytes(8, "little"), rng.randbytes(8)])
        else:
            other = rng.randrange(len(raw))
            raw[at:at + 16] = raw[other:other + 16]
    return bytes(raw[:len(original)])


def read_everything(url):
    """Walks a file as far as it goes; returns counts of what was read and of what raised."""
    counts = {"read": 0, "raised": 0}

    def visit(group, depth):
        for name in list(group)[:100]:
            try:
                node = group[name]
                dict(node.attrs)
                if isinstance(node, h5cap.Dataset):
                    if node.size is not None and node.size < 1_000_000:
                        node[()]
                elif depth < 4 and isinstance(node, h5cap.Group):
                    visit(node, depth + 1)
                counts["read"] += 1
            except ConnectionError:
                raise
            except Exception:
                counts["raised"] += 1
    try:
        with h5cap.File(url, timeout=CLIENT_SECONDS) as file:
            visit(file, 0)
    except ConnectionError:
        raise
    except Exception:
        counts["raised"] += 1
    return counts


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("originals")
    oracle.run(SMALL, folder / "earliest.h5", folder / "latest.h5")
    return [(folder / "earliest.h5").read_bytes(), (folder / "latest.h5").read_bytes()]


def mutants(originals, count):
    rng = random.Random(1108)
    for i in range(count):
        yield i, mutate(originals[i % 2], rng)


@pytest.mark.slow
def test_mutants(server, folder, originals, still_serving):
    total, slowest = {"read": 0, "raised": 0}, (0.0, -1)
    with h5cap.File(server.url("data/sample.h5")) as bystander:
        for i, content in mutants(originals, MUTANTS):
            path = folder / f"mutant{i}.h5"
            path.write_bytes(content)
            start = time.monotonic()
            counts = read_everything(server.url(f"data/mutant{i}.h5"))
            slowest = max(slowest, (time.monotonic() - start, i))
            assert server.alive(), f"mutant {i} killed the server"
            total = {key: total[key] + counts[key] for key in total}
            if i % 10 == 0:
                np.testing.assert_array_equal(bystander["entry/gzip"][i % 200], frame(i % 200),
                                              err_msg=f"after mutant {i}")
            path.unlink()
    print(f"{MUTANTS} mutants: {total}, slowest {slowest}")
    assert total["read"] > MUTANTS, "mutants are damaged beyond use: the test shows little"
    assert total["raised"] > MUTANTS / 20, "mutants are hardly damaged: the test shows little"
    assert slowest[0] < MUTANT_SECONDS
    still_serving()


@pytest.mark.slow
def test_a_loop_held_a_core_for_a_minute(server, folder, originals, still_serving):
    """A question that would never end costs its processor time once; then the file is refused at once."""
    for _, content in mutants(originals, HANGING + 1):
        pass
    (folder / "loop.h5").write_bytes(content)
    url, before = server.url("data/loop.h5"), cpu_seconds(children(server.pid))
    with pytest.raises(OSError, match="^data/loop.h5: .* processor time"):
        list(h5cap.File(url, timeout=60))
    assert cpu_seconds(children(server.pid)) - before < 12 * PATIENCE  # of what still runs: the planner is dead by now
    start = time.monotonic()
    with pytest.raises(OSError, match="refused without trying"):
        list(h5cap.File(url, timeout=60))
    assert time.monotonic() - start < 2 * PATIENCE
    still_serving()


@pytest.mark.slow
def test_negative_control_stock_library(originals, tmp_path):
    """The same mutants kill or hang a process that runs the library itself: 300 of them at least once."""
    script = tmp_path / "stock.py"
    script.write_text(STOCK)
    driver = tmp_path / "driver.py"
    driver.write_text("""
import os, sys, signal
source = compile(open(sys.argv[1]).read(), "stock", "exec")
died = 0
for path in sys.argv[2:]:
    pid = os.fork()
    if pid == 0:
        signal.alarm(5)
        sys.argv = ["stock", path]
        os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
        try:
            exec(source, {})
        except BaseException:
            pass
        os._exit(0)
    died += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
print(died)
""")
    paths = []
    for i, content in mutants(originals, 300):
        paths.append(tmp_path / f"m{i}.h5")
        paths[-1].write_bytes(content)
    run = subprocess.run([oracle.PYTHON, str(driver), str(script), *map(str, paths)], capture_output=True, text=True,
                         timeout=300)
    died = int(run.stdout)
    print(f"stock library: {died} of 300 mutants kill or hang it")
    assert died >= 1
