"""No line of C++, Python, schemas or CMake is longer than 120, in any folder."""
import subprocess

from dependencies import ROOT

COLUMNS = 120
ENDINGS = (".h", ".cc", ".capnp", ".py", ".cmake", "CMakeLists.txt", ".cmake.in")

# Generated or golden, with the reason why its lines stay as they are.
EXEMPT = {}


def is_python(path):
    """Scripts without an ending, too."""
    first = path.read_bytes()[:60].split(b"\n")[0] if "." not in path.name and path.is_file() else b""
    return first.startswith(b"#!") and first.endswith((b"python3", b"python"))


def checked_files():
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = [ROOT / name for name in names.split("\0") if name and name not in EXEMPT]
    return [path for path in paths if path.is_file() and (path.name.endswith(ENDINGS) or is_python(path))]


def long_lines(path):
    lines = path.read_text().splitlines()
    return [f"{path}:{number}: {len(line)}" for number, line in enumerate(lines, 1) if len(line) > COLUMNS]


def test_no_line_is_longer():
    files = checked_files()
    folders = {path.relative_to(ROOT).parts[0] for path in files}
    assert {"core", "client", "server", "capnp", "python-bindings", "tests", "tools", "benchmarks"} <= folders
    assert sum((long_lines(path) for path in files), []) == []


def test_clang_format_has_the_same_limit():
    assert f"ColumnLimit: {COLUMNS}\n" in (ROOT / ".clang-format").read_text()


def test_a_longer_line_is_found(tmp_path):
    path = tmp_path / "a.cc"
    path.write_text("x" * 120 + "\n" + "ä" * 120 + "\n" + "y" * 121 + "\n")
    assert long_lines(path) == [f"{path}:3: 121"]


def test_what_is_exempt_is_there():
    assert all((ROOT / name).is_file() for name in EXEMPT)
