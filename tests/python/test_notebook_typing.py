"""What happens while somebody types and waits: paths are completed within brackets (by IPython's own completer), long
reads show a progress bar.  What a bar looks like in a browser is not covered."""

import concurrent.futures
import contextlib
import io
import os
import subprocess
import sys

import numpy as np
import pytest

import h5cap
from h5cap.show import progress
from support.proxy import Proxy

IPython = pytest.importorskip("IPython")
tqdm = pytest.importorskip("tqdm")


@pytest.fixture(scope="module")
def shell():
    from IPython.core.interactiveshell import InteractiveShell

    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


@pytest.mark.parametrize("typed, expected", [
    ('file["', {"a", "g", "soft", "g/inner"}), ('file["g/', {"g/inner", "g/inner/y"}),
    ('file["g/in', {"g/inner", "g/inner/y"}), ('file["g"]["inn', {"inner", "inner/y"}),
    ('file["ordered"].attrs["ze', {"zebra"}), ('file["nope/', set()),
])
def test_paths_are_completed_without_asking(url, trips, shell, typed, expected):
    with h5cap.File(url("tree.h5")) as file:
        shell.user_ns["file"] = file
        shell.Completer.use_jedi = False
        shell.Completer.evaluation = "unsafe"  # what is left of the last bracket may be an expression
        with trips() as counted:
            _, found = shell.Completer.complete(line_buffer=typed, cursor_pos=len(typed))
        offered = {one.split('"')[-1] or one for one in found}
        assert {one for one in expected if one not in offered} == set(), found
        assert counted.round_trips == 0


def test_completions_are_paths_that_exist(url):
    with h5cap.File(url("tree.h5")) as file:
        paths = file._ipython_key_completions_()
        assert len(paths) == len(set(paths)) and all(path in file for path in paths)
        assert set(file) - set(paths) <= {name for name in file if not name.isprintable()}


@pytest.fixture
def slow(server):
    """Reads through it take 0.4 s at least."""
    with Proxy(server.socket, delay_ms=200) as running:
        yield running


class Terminal(io.StringIO):
    def isatty(self):
        return True


def read_on(terminal, url, work=lambda file: file["frames"][:]):
    """What is written to ``terminal``, as stderr, while a file is read."""
    with h5cap.File(url("data/layouts.h5")) as file, contextlib.redirect_stderr(terminal):
        found = work(file)
        assert found is None or found.shape == file["frames"].shape
    return terminal.getvalue()


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(progress, "SHOW_AFTER", 0.0)


def test_a_long_read_shows_a_bar(slow, at_once):
    shown = read_on(Terminal(), slow.url)
    assert "/frames: " in shown and "B/s" in shown


@pytest.mark.whole_replies
def test_a_short_read_shows_none(slow):
    assert read_on(Terminal(), slow.url) == ""


def test_bars_can_be_switched_off(slow, at_once):
    h5cap.progress_bars(False)
    try:
        assert read_on(Terminal(), slow.url) == ""
    finally:
        h5cap.progress_bars(True)


def test_a_log_file_gets_no_bar(slow, at_once):
    assert read_on(io.StringIO(), slow.url) == ""


def test_the_environment_switches_bars_off():
    check = "import h5cap.show.progress as p, sys; print(p._wanted, 'tqdm' in sys.modules)"
    for value, expected in (("0", "False False"), ("off", "False False"), ("1", "True False"), ("", "True False")):
        out = subprocess.run([sys.executable, "-c", check], env={**os.environ, "H5CAP_PROGRESS": value},
                             capture_output=True, text=True, timeout=60, check=True)
        assert out.stdout.strip() == expected


def test_variable_length_data_counts_elements(slow, at_once):
    def work(file):
        with progress.Progress("/texts", None) as tick:
            tick(1, 6)

    assert " elements" in read_on(Terminal(), slow.url, work)


def test_threads_read_side_by_side_with_bars(slow, at_once):
    def work(file):
        expected = file["frames"][:]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for found in pool.map(lambda index: file["frames"][:], range(8)):
                np.testing.assert_array_equal(found, expected)

    assert read_on(Terminal(), slow.url, work).count("/frames: ") >= 9


@pytest.mark.parametrize("broken", [lambda *_: None, lambda *_: 1 / 0], ids=["absent", "raising"])
def test_a_bar_that_cannot_be_drawn_does_no_harm(slow, at_once, monkeypatch, broken):
    """tqdm is not there, or its output is closed."""
    monkeypatch.setattr(progress, "_new_bar", broken)
    assert read_on(Terminal(), slow.url) == ""


def test_without_tqdm_nothing_is_imported(slow, monkeypatch):
    monkeypatch.delitem(sys.modules, "tqdm", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert progress._new_bar("x", 1, "B") is None and "tqdm" not in sys.modules


def test_what_the_ticks_say(slow):
    """Elements done never shrink, and the total is the selection's."""
    seen = []
    with h5cap.File(slow.url("data/layouts.h5")) as file:
        dataset = file["frames"]
        target = np.empty(dataset.shape, dataset.dtype)
        from h5cap import _h5cap

        _h5cap.read_into(dataset._native, [None] * dataset.ndim, target.reshape(-1).view("u1"), False,
                         lambda done, total: seen.append((done, total)))
        assert seen and seen == sorted(seen) and {total for _, total in seen} <= {0, dataset.size}
        with pytest.raises(ZeroDivisionError):
            _h5cap.read_into(dataset._native, [None] * dataset.ndim, target.reshape(-1).view("u1"), False,
                             lambda done, total: 1 / 0)
        np.testing.assert_array_equal(dataset[:], target)
