"""Numbers, ids and types of the contract are what they were: the compiled schemas print as schema.golden.

When this fails because members were added, run tests/repo/update-schema-golden.  When it fails for another reason, the
change breaks programs in the field.
"""
import difflib
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent


def printed(root):
    script = root / "tests" / "repo" / "update-schema-golden"
    return subprocess.run([str(script), "--print"], check=True, capture_output=True, text=True, timeout=60).stdout


def difference(now):
    golden = (HERE / "schema.golden").read_text()
    return "".join(difflib.unified_diff(golden.splitlines(True), now.splitlines(True), "schema.golden", "now", n=1))


def test_the_contract_is_as_it_was():
    assert difference(printed(HERE.parents[1])) == ""


@pytest.mark.parametrize(
    "before, after",
    [
        ("deadline @6;", "late @6;"),
        ("replyBytes @0 :UInt64;", "replyBytes @0 :UInt32;"),
        ("count @5 :UInt64;                  # how", "count @5 :Int64;                  # how"),
        ("@0xe60c6eb2f4796e81", "@0xe60c6eb2f4796e82"),
        ("const maxRank :UInt32 = 32;", "const maxRank :UInt32 = 31;"),
    ],
)
def test_a_changed_contract_is_noticed(tmp_path, before, after):
    shutil.copytree(HERE.parents[1] / "capnp", tmp_path / "capnp")
    (tmp_path / "tests" / "repo").mkdir(parents=True)
    shutil.copy(HERE / "update-schema-golden", tmp_path / "tests" / "repo")
    changed = 0
    for path in (tmp_path / "capnp" / "h5cap").glob("*.capnp"):
        text = path.read_text()
        changed += text.count(before)
        path.write_text(text.replace(before, after))
    assert changed == 1
    assert difference(printed(tmp_path)) != ""


def test_a_changed_comment_is_not(tmp_path):
    shutil.copytree(HERE.parents[1] / "capnp", tmp_path / "capnp")
    (tmp_path / "tests" / "repo").mkdir(parents=True)
    shutil.copy(HERE / "update-schema-golden", tmp_path / "tests" / "repo")
    path = tmp_path / "capnp" / "h5cap" / "types.capnp"
    path.write_text(path.read_text().replace("# HDF5's own limit", "# another remark"))
    assert difference(printed(tmp_path)) == ""
