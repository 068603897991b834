"""Headers say what they mean: no function takes a bool, of which a call would show `true`, and no container has a tuple
or pair for a key, of which a use would show `first`.

Not covered: functions that only a .cc file has; Python.
"""
import re

import pytest
from dependencies import ROOT

FOLDERS = ("core", "client", "server", "tools", "python-bindings")

# A function of a header that takes a bool all the same, by file and text of the parameter, with the reason.
TAKES_BOOL = {}

# Not within a lambda's parameters: what a promise or a visitor hands over has its type from there.
BOOL = re.compile(r"[(,]\s*(?:const\s+)?bool\b(?:\s*&)?\s*(?:\w+\s*)?(?:=[^,)]*)?(?=[,)])")
TUPLE_KEY = re.compile(r"\b(?:unordered_)?(?:map|set|multimap)<\s*(?:std::)?(?:pair|tuple)\s*<")


def without_comments(text):
    return re.sub(r"//.*", "", re.sub(r"/\*.*?\*/", "", text, flags=re.S))


def opens(text, at):
    """Where the parenthesis opens that a parameter which begins at `at` (a parenthesis or comma) is in."""
    depth = 0
    for place in range(at, -1, -1):
        if text[place] == ")":
            depth += 1
        elif text[place] == "(":
            if depth == 0:
                return place
            depth -= 1
    return 0


def bool_parameters(text):
    text = without_comments(text)
    found = [match for match in BOOL.finditer(text) if text[: opens(text, match.start())].rstrip()[-1:] != "]"]
    return [" ".join(match.group().strip("(, \n").split()) for match in found]


def headers():
    return {path.relative_to(ROOT).as_posix(): path.read_text() for folder in FOLDERS
            for path in (ROOT / folder).rglob("*.h")}


def test_no_function_of_a_header_takes_a_bool():
    found = {path: bool_parameters(text) for path, text in headers().items()}
    assert len(found) > 100, "the headers were not found"
    assert {path: parameters for path, parameters in found.items() if parameters} == TAKES_BOOL


@pytest.mark.parametrize("text", [
    "void open(bool writable);", "int f(const std::string& name, bool isDir, int x);", "f(int a,\n  bool b);",
    "void f(const bool);", "X(bool on = false);", "void f(std::function<void(bool)> done);",
    "f(kj::Maybe<int> x, bool);",
])
def test_a_bool_parameter_is_found(text):
    assert len(bool_parameters(text)) == 1


@pytest.mark.parametrize("text", [
    "bool isOpen() const;", "struct A { bool a = false; int b; };", "explicit operator bool() const;", "// f(bool x)",
    "promise.then([&file](bool isStale) { return 1; });", "std::pair<int, bool> insert(int);", "/* f(bool x) */",
])
def test_what_is_no_bool_parameter_is_allowed(text):
    assert bool_parameters(text) == []


def test_no_container_of_a_header_has_a_tuple_for_a_key():
    assert [path for path, text in headers().items() if TUPLE_KEY.search(without_comments(text))] == []
    assert TUPLE_KEY.search("std::map<std::pair<int, int>, X>") and TUPLE_KEY.search(
        "std::unordered_set< std::tuple<A> >")
    assert not TUPLE_KEY.search("std::map<Key, std::pair<int, int>>")
