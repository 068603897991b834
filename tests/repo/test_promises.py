"""The README's table of promises is what was recorded (tests/support/results.py)."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import results  # noqa: E402


def test_the_readme_shows_what_was_recorded():
    promises = json.loads(results.PROMISES.read_text())
    readme = (results.ROOT / "README.md").read_text()
    assert results.README_TABLE.search(readme)
    assert results.with_table(readme, promises) == readme


def test_lines_of_a_promise_are_added_up():
    lines = ['{"promise": "b", "trials": 2, "failures": 0}', '{"promise": "a", "trials": 100, "failures": 4}',
             '{"promise": "b", "trials": 998, "failures": 0, "seed": 7}']
    totals = results.totals(lines)
    assert list(totals) == ["a", "b"] and totals["b"] == {"trials": 1000, "failures": 0}
    assert results.table(totals).splitlines()[2:] == ["| a | 100 | 4 | < 10 % |", "| b | 1,000 | 0 | < 0.3 % |"]


def test_control_another_table_is_noticed():
    text = "x\n<!-- promises -->\nold\n<!-- end -->\ny\n"
    assert results.with_table(text, {}) != text


def test_nothing_is_recorded_unless_a_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("H5CAP_RESULTS", raising=False)
    results.record("a", 1, 0)
    monkeypatch.setenv("H5CAP_RESULTS", str(tmp_path / "there"))
    results.record("a", 1, 0)
    assert len((tmp_path / "there" / "results.jsonl").read_text().splitlines()) == 1
