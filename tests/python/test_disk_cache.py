"""The cache on disk (H5CAP_CACHE): a second epoch over many files moves next to nothing, also in another process; what
it gives is never of another version, never damaged, and it stays within its size.  The figure is printed (pytest -s);
H5CAP_EPOCH_FILES=2000 for the whole of it.  Every epoch runs in a process of its own, which says what it received."""

import json
import os
import random
import subprocess
import sys

import numpy as np
import pytest

from support.served import Server

FILES = int(os.environ.get("H5CAP_EPOCH_FILES", 60))
COUNT = 256 << 10  # bytes read from each

EPOCH = """
import json, sys, zlib
import h5cap
base, how, names = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
session = h5cap.connect(base)
sums = []
for name in names:
    if how == "file":
        with h5cap.File(base + name) as file:
            data = file["/data"][2:6]
    else:
        data = h5cap.read(base + name, "/data", slice(2, 6))
    sums.append(zlib.crc32(data.tobytes()))
print(json.dumps([session.traffic()["bytes_received"] + session.traffic()["bytes_sent"], sums]))
"""


def write(path, seed):
    """8 rows of 64 KiB, of which the middle four are read."""
    import h5py
    data = np.random.default_rng(seed).integers(0, 256, (8, COUNT // 4), dtype="u1")
    with h5py.File(str(path) + ".new", "w", libver=("earliest", "v110")) as file:
        file.create_dataset("data", data=data, chunks=(2, COUNT // 4))
    os.rename(str(path) + ".new", path)
    import zlib
    return zlib.crc32(data[2:6].tobytes())


def epoch(server, how, names, cache):
    environment = {**os.environ, "H5CAP_CACHE": str(cache)}
    output = subprocess.run([sys.executable, "-c", EPOCH, server.url("d/"), how, json.dumps(names)], env=environment,
                            capture_output=True, text=True, timeout=600)
    assert output.returncode == 0, output.stderr
    return json.loads(output.stdout)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    folder = tmp_path_factory.mktemp("epochs")
    sums = [write(folder / f"{i}.h5", i) for i in range(FILES)]
    with Server({"d": str(folder)}) as server:
        yield folder, server, [f"{i}.h5" for i in range(FILES)], sums


@pytest.mark.parametrize("how", ["file", "read"])
def test_the_second_epoch_moves_under_a_hundredth_of_the_first(many, tmp_path, how):
    folder, server, names, sums = many
    first, got = epoch(server, how, names, tmp_path / "cache")
    assert got == sums and first > FILES * COUNT
    second, got = epoch(server, how, names, tmp_path / "cache")
    assert got == sums
    print(f"{FILES} files by {how}: first epoch {first:,} bytes, second {second:,}: {second / first:.2%}")
    assert second < first / 100
    uncached, got = epoch(server, how, names[:5], "")  # the control
    assert got == sums[:5] and uncached > 5 * COUNT


@pytest.mark.parametrize("how", ["file", "read"])
def test_files_that_are_replaced_between_epochs_are_read_anew(many, tmp_path, how):
    folder, server, names, sums = many
    _, got = epoch(server, how, names, tmp_path / "cache")
    assert got == sums
    for i in range(0, FILES, 3):
        sums[i] = write(folder / names[i], 10_000 + random.randrange(10**6))
    moved, got = epoch(server, how, names, tmp_path / "cache")
    assert got == sums
    assert moved > len(range(0, FILES, 3)) * COUNT


def test_a_file_that_changes_under_an_open_handle_is_read_anew(tmp_path, monkeypatch):
    """Also when it is written in place, with the same size, and its tiles are in the cache."""
    import h5cap
    import h5py

    monkeypatch.setenv("H5CAP_CACHE", str(tmp_path / "cache"))
    (tmp_path / "d").mkdir()
    write(tmp_path / "d" / "f.h5", 1)
    with Server({"d": str(tmp_path / "d")}) as server:
        dataset = h5cap.File(server.url("d/f.h5"))["data"]
        before = dataset[2:6]
        assert np.array_equal(dataset[2:6], before)
        for round in range(1, 20):
            with h5py.File(tmp_path / "d" / "f.h5", "r+") as file:
                file["data"][3] = round
            assert (dataset[2:6][1] == round).all(), round
            assert (h5cap.File(server.url("d/f.h5"))["data"][2:6][1] == round).all(), round


def test_damaged_entries_are_replaced(many, tmp_path):
    folder, server, names, sums = many
    epoch(server, "file", names[:8], tmp_path / "cache")
    entries = [os.path.join(at, name) for at, _, found in os.walk(tmp_path / "cache") for name in found]
    assert len(entries) >= 16  # a snapshot and a tile each
    rng = random.Random(3)
    for number, entry in enumerate(sorted(entries)):
        size = os.path.getsize(entry)
        with open(entry, "r+b") as file:
            if number % 3 == 0:
                file.truncate(rng.randrange(size))
            elif number % 3 == 1:
                at = rng.randrange(size)
                file.seek(at)
                byte = file.read(1)
                file.seek(at)
                file.write(bytes([byte[0] ^ 1 << rng.randrange(8)]))
            else:
                file.truncate(0)
    damaged, got = epoch(server, "file", names[:8], tmp_path / "cache")
    assert got == sums[:8] and damaged > 7 * COUNT
    mended, got = epoch(server, "file", names[:8], tmp_path / "cache")
    assert got == sums[:8] and mended < damaged / 50


def test_it_stays_within_its_size_and_forgets_what_was_used_longest_ago(many, tmp_path):
    folder, server, names, sums = many
    limit = 8 << 20
    place = f"{tmp_path / 'cache'}:8M"
    for _ in range(2):
        _, got = epoch(server, "file", names, place)
        assert got == sums
    held = sum(os.path.getsize(os.path.join(at, name)) for at, _, found in os.walk(tmp_path / "cache")
               for name in found)
    assert COUNT < held <= limit * 1.1
    recent, got = epoch(server, "file", names[-4:], place)
    assert got == sums[-4:] and recent < COUNT


def test_processes_share_it(many, tmp_path):
    folder, server, names, sums = many
    environment = {**os.environ, "H5CAP_CACHE": str(tmp_path / "cache")}
    workers = [subprocess.Popen([sys.executable, "-c", EPOCH, server.url("d/"), "file", json.dumps(names)],
                                env=environment,
                                stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert all(json.loads(worker.communicate(timeout=300)[0])[1] == sums for worker in workers)
    moved, got = epoch(server, "file", names, tmp_path / "cache")
    assert got == sums and moved < FILES * COUNT / 100


def write_kinds(folder, seed):
    """A compound, and the same line in itself, through a virtual dataset, an external raw file and an external link."""
    import h5py
    rng = np.random.default_rng(seed)
    rows = np.zeros((40, 6), [("a", "<i4"), ("b", "<f8"), ("c", "u1", (3,))])
    for name in rows.dtype.names:
        rows[name] = rng.integers(0, 200, rows[name].shape)
    line = rng.integers(0, 10**6, 4000)
    (folder / "raw.bin").write_bytes(line.astype("<i8").tobytes())
    with h5py.File(folder / "source.h5", "w") as file:
        file["line"] = line
    made = folder / "kinds.h5"
    if not made.exists():  # what is replaced is elsewhere
        with h5py.File(made, "w", libver=("earliest", "v110")) as file:
            layout = h5py.VirtualLayout((4000,), "<i8")
            layout[:2000] = h5py.VirtualSource("source.h5", "line", (4000,))[:2000]
            layout[2000:] = h5py.VirtualSource("absent.h5", "line", (2000,))
            file.create_virtual_dataset("virtual", layout, fillvalue=-1)
            file.create_dataset("external", (4000,), "<i8", external=[("raw.bin", 0, 32000)])
            file["linked"] = h5py.ExternalLink("source.h5", "line")
    with h5py.File(folder / "rows.h5.new", "w", libver=("earliest", "v110")) as file:
        file.create_dataset("rows", data=rows, chunks=(7, 3))
    os.rename(folder / "rows.h5.new", folder / "rows.h5")
    return rows, line


MASK = np.random.default_rng(5).random((40, 6)) < 0.3
LINE_MASK = MASK[:, 0]
SELECTIONS = {"everything": lambda d: d[()], "one field": lambda d: d["b"], "other field": lambda d: d["a"],
              "two fields": lambda d: d["c", "a"], "fields of rows": lambda d: d["a", 3:9], "rows": lambda d: d[3:9],
              "mask": lambda d: d[MASK], "mask of rows": lambda d: d[LINE_MASK], "list": lambda d: d[[1, 5, 9], 2],
              "stepped": lambda d: d[1:10:4, 2], "one row": lambda d: d[3], "row that stays": lambda d: d[3:4]}


def test_what_is_cached_of_one_selection_is_not_taken_for_another(tmp_path, monkeypatch):
    """Fields, masks, lists and slices of one dataset, in random order, over a file that is replaced."""
    import h5cap

    monkeypatch.setenv("H5CAP_CACHE", str(tmp_path / "cache"))
    (tmp_path / "d").mkdir()
    rng = random.Random(7)
    with Server({"d": str(tmp_path / "d")}) as server:
        for seed in range(3):
            rows, _ = write_kinds(tmp_path / "d", seed)
            expected = {"one field": rows["b"], "other field": rows["a"], "two fields": rows[["c", "a"]],
                        "fields of rows": rows["a"][3:9]}
            for _ in range(60):
                name = rng.choice(list(SELECTIONS))
                got = SELECTIONS[name](h5cap.File(server.url("d/rows.h5"))["rows"])
                want = expected[name] if name in expected else SELECTIONS[name](rows)
                assert got.shape == want.shape, name
                for field in want.dtype.names or [()]:
                    assert np.array_equal(got[field], want[field]), (name, field)
        session = h5cap.connect(server.url("d/"))
        before = session.traffic()["bytes_received"]
        h5cap.File(server.url("d/rows.h5"))["rows"][()]
        # the control: it does come from the cache
        assert session.traffic()["bytes_received"] - before < rows.nbytes / 2


def test_what_other_files_hold_is_never_of_the_cache(tmp_path, monkeypatch):
    """Virtual datasets, external raw files and external links: the file that was opened stays as it is."""
    import h5cap

    monkeypatch.setenv("H5CAP_CACHE", str(tmp_path / "cache"))
    (tmp_path / "d").mkdir()
    with Server({"d": str(tmp_path / "d")}) as server:
        write_kinds(tmp_path / "d", 0)
        file = h5cap.File(server.url("d/kinds.h5"))
        for seed in range(1, 5):
            _, line = write_kinds(tmp_path / "d", seed)
            for one in file, h5cap.File(server.url("d/kinds.h5")):
                for _ in range(2):
                    assert np.array_equal(one["virtual"][:2000], line[:2000]) and (one["virtual"][2000:] == -1).all()
                    assert np.array_equal(one["external"][()], line)
                assert np.array_equal(h5cap.File(server.url("d/kinds.h5"))["linked"][()], line)
            strict = h5cap.File(server.url("d/kinds.h5"), on_missing="raise")
            assert np.array_equal(strict["virtual"][:2000], line[:2000])
            with pytest.raises(OSError):
                strict["virtual"][1990:2010]
