"""The package is typed: a user's script passes mypy --strict, a wrong one does not, everything public is annotated, and
the package itself passes mypy.  Hooks of other libraries (h5cap.compat) are checked only as far as those are typed."""

import inspect
import os
import pathlib
import subprocess
import sys

import pytest
from support.served import IS_SANITIZED

import h5cap

pytest.importorskip("mypy")
HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = pathlib.Path(h5cap.__file__).parent
WRONG = """
import h5cap

size: str = h5cap.File("h5cap:///x.h5").userblock_size
h5cap.connect(5)
h5cap.File("h5cap:///x.h5").filename.nothing
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def mypy(*arguments, cache):
    environment = {**os.environ, "MYPYPATH": "" if "site-packages" in str(PACKAGE) else str(PACKAGE.parent)}
    return subprocess.run([sys.executable, "-m", "mypy", "--cache-dir", cache, "--no-error-summary", *arguments],
                          capture_output=True, text=True,
                          timeout=500, env=environment, cwd=cache)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("mypy")


def test_a_users_script_is_well_typed(cache):
    done = mypy("--strict", "--follow-imports=silent", "--disable-error-code=type-arg", str(HERE / "typed_script.py"),
                cache=cache)
    assert done.stdout == "" and done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_script_is_not(cache):
    (cache / "wrong.py").write_text(WRONG)
    done = mypy("--strict", "--follow-imports=silent", "wrong.py", cache=cache)
    assert done.returncode == 1
    for expected in ("[assignment]", '"connect" has incompatible type "int"', '"nothing"'):
        assert expected in done.stdout


def test_the_package_is_well_typed(cache):
    done = mypy("-p", "h5cap", "--exclude", "h5cap/compat/", "--ignore-missing-imports",
                "--disable-error-code=import-untyped", cache=cache)
    ours = [line for line in done.stdout.splitlines() if ": error:" in line and "/compat/" not in line]
    assert ours == [], "\n".join(ours)


def functions_of(one):
    if not inspect.isclass(one):
        return [(one.__name__, one)]
    found = []
    for owner in one.__mro__:
        if not owner.__module__.startswith("h5cap"):
            continue
        for name, member in vars(owner).items():
            if name.startswith("_") and name not in ("__init__", "__getitem__", "__iter__", "__len__", "__enter__",
                                                     "__call__"):
                continue
            function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            if inspect.isfunction(function):
                found.append((f"{owner.__name__}.{name}", function))
    return found


def bare(function):
    """Parameters, and the result, without an annotation."""
    signature = inspect.signature(function)
    missing = [name for name, one in signature.parameters.items() if one.annotation is one.empty
               and name not in ("self", "cls")]
    return missing + ["return"] * (signature.return_annotation is signature.empty and function.__name__ != "__init__")


def test_everything_public_is_annotated():
    missing = {}
    for public in h5cap.__all__:
        one = getattr(h5cap, public)
        if inspect.isclass(one) or inspect.isfunction(one):
            missing.update({name: bare(function) for name, function in functions_of(one) if bare(function)})
    assert missing == {}


@pytest.mark.skipif(IS_SANITIZED, reason="a module with sanitizers cannot be asked for it where it is built")
def test_the_native_module_has_a_stub():
    stub = (PACKAGE / "_h5cap.pyi").read_text()
    from h5cap import _h5cap

    public = [name for name in vars(_h5cap) if not name.startswith("_")]
    assert len(public) >= 10
    shown = "class {}", "def {}(", "\n{}: "
    assert [name for name in public if not any(form.format(name) in stub for form in shown)] == []
    assert (PACKAGE / "py.typed").exists()
