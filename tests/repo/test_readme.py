"""What the README tells people to type works: blocks marked `serve` or `run` are executed as they stand, in its order,
in a home of their own with a small scan in ~/scans.  Blocks without a mark are those that install and build, which is
how this test came to run.
"""
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest
from dependencies import PUBLIC_FOLDERS

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.M | re.S)
SECONDS = 60


def blocks():
    return [match.groups() for match in BLOCK.finditer((ROOT / "README.md").read_text())]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    subprocess.run(
        ["/usr/bin/python3", str(ROOT / "tools" / "make-sample-scan"), str(folder / "scans"), "--frames", "8", "--size",
         "128"],
        check=True, timeout=SECONDS,
    )
    (folder / "run").mkdir(mode=0o700)
    return folder


@pytest.fixture(scope="module")
def environment(home, programs):
    python = pathlib.Path(os.environ.get("H5CAP_PYTHON", sys.executable)).parent
    kept = {name: value for name, value in os.environ.items()
            if name.startswith(("LD_", "ASAN_", "TSAN_", "LANG", "LC_"))}
    return {**kept, "HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run"),
            "PATH": f"{programs}:{python}:/usr/bin:/bin"}


@pytest.fixture(scope="module")
def served(home, environment):
    """The server, started by the README's own line."""
    (command,) = [text for _, mark, text in blocks() if mark == "serve"]
    log = home / "server.log"
    with open(log, "w") as out:
        server = subprocess.Popen(["bash", "-c", "exec " + command], cwd=home, env=environment, stdout=out, stderr=out)
    deadline = time.monotonic() + 20
    while "listening on " not in log.read_text() and server.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "listening on " in log.read_text(), log.read_text()
    yield
    server.terminate()
    assert server.wait(20) == 0


def run(command, home, environment, text=None):
    done = subprocess.run(command, cwd=home, env=environment, input=text, capture_output=True, text=True,
                          timeout=SECONDS)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def marked(language, wanted="run"):
    return [text for found, mark, text in blocks() if found == language and mark == wanted]


@pytest.mark.parametrize("line", [line for text in marked("sh") for line in text.splitlines() if line.strip()])
def test_command_line(line, served, home, environment):
    out = run(["bash", "-euo", "pipefail", "-c", line], home, environment)
    written = re.search(r"-o (\S+)", line)
    assert (home / written[1]).stat().st_size > 0 if written else out.strip()


@pytest.mark.parametrize("text", marked("python"))
def test_python(text, served, home, environment):
    assert "uint16" in run(["python", "-"], home, environment, text + "\nassert frame.shape == (128, 128)\n")


@pytest.mark.parametrize("text", marked("python", "more"))
def test_more_python(text, served, home, environment):
    assert run(["python", "-W", "error", "-"], home, environment, text).strip()


@pytest.mark.parametrize("text", marked("cpp"))
def test_cpp(text, served, home, environment, programs):
    (library,) = programs.parent.rglob("libh5cap.so")
    (home / "slice.cc").write_text(text)
    includes = [f"-I{ROOT / folder}" for folder in PUBLIC_FOLDERS]
    command = ["g++", "-std=c++17", "slice.cc", *includes, str(library)]
    run([*command, f"-Wl,-rpath,{library.parent}", "-pthread", "-o", "slice"], home, environment)
    assert run(["./slice"], home, environment) == "8192 elements\n"


def test_a_failing_command_would_be_noticed(served, home, environment):
    with pytest.raises(AssertionError, match="nothing.nxs"):
        run(["bash", "-c", "h5cap info h5cap:///scans/nothing.nxs"], home, environment)


def test_the_readme_has_what_this_looks_for():
    assert marked("sh") and marked("python") and marked("python", "more") and marked("cpp")
    unmarked = [text.strip() for language, mark, text in blocks() if language == "sh" and not mark]
    assert unmarked == ["./tools/demo", "./tools/setup && ./tools/build", "./tools/test"]
