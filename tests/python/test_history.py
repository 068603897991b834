"""Random histories: the same calls, each on what earlier ones returned, in h5cap and in h5py 3.16 on the same files;
every result or exception must be equal.  Calls that write, and `refresh`, are not among them: they leave h5py's own
handles broken (test_writing.py has them).  Reads by random selections are in test_differential.py; H5CAP_TEST_SEED and
H5CAP_TEST_COUNT say which histories and how many calls."""

import os
import random
import re

import h5py
import pytest

import h5cap
from differential import Raised, difference
from test_object_api import evaluate

SEED = int(os.environ.get("H5CAP_TEST_SEED", "4"))
COUNT = int(os.environ.get("H5CAP_TEST_COUNT", "600"))

NAMES = ["g", "d", "x", "z", "a", "chunked", "hard", "soft", "broken", "external", "type", "refs", "regions",
         "of compound", "of text", "of enum", "virtual", "inner", "nope", "/", ".", "/d", "/g/z", "g/inner", "..", "",
         "g/loop/g", "softgroup/inner", b"d", "ordered", "v", "deep", "loop"]
# %k is a name, %i an index; o is an object that an earlier call returned, p another.
CALLS = {
    "Group": ["o[%k]"] * 8 + [
        "o.get(%k)", "o.get(%k, getlink=True)", "o.get(%k, getclass=True)", "%k in o", "list(o)", "len(o)",
        "list(o.values())", "dict(o.items())", "o.keys() & p.keys()", "collect(o.visit)", "collect2(o.visititems)",
        "collect(o.visit_links)", "o['/']", "o[f['refs'][%i]]", "o[p.ref]", "list(reversed(o))",
        "sorted(o.keys() - {'a'})", "o == p.parent", "p in o.values()", "o.id.links.exists(b'd')",
        "o.id.get_num_objs()"],
    "Dataset": ["o[()]", "o[...]", "o[0]", "o[%i]", "o[%i:]", "o[-1, 0]", "o[f['regions'][%i]]", "o.shape", "o.dtype",
                "o.size", "o.chunks", "o.fillvalue", "len(o)", "o.maxshape", "list(o.dims[0])",
                "[d.label for d in o.dims]", "o.dims[1][%i]", "o.dims[0]['']", "o.is_scale", "o.astype('f4')[...]",
                "o.asstr()[...]", "o.fields('a')[...]", "o.nbytes", "list(o.iter_chunks())", "o.flush()", "o.id.rank",
                "o.id.get_type()", "o.id.get_space()", "o.is_virtual", "o.virtual_sources()", "o['x']", "o['a', 0]",
                "np.asarray(o)", "o.__array__(copy=False)", "list(o)[:2]", "o.compression", "sum(1 for _ in o)"],
    "Datatype": ["o.dtype", "o.id.dtype", "o.id.get_class()", "o.id.committed()", "o.id == p.id", "o.id.get_size()"],
    "DimensionProxy": ["o.label", "len(o)", "o.keys()", "o.items()", "o[0]", "o['across']", "o == p"],
    "AttributeManager": ["list(o)", "o['ref']", "o['text']", "o.get(%k)", "len(o)", "dict(o)", "'region' in o",
                         "o['nope']", "o.get_id('ref').shape"],
    "Reference": ["bool(o)", "f[o]", "f.get(o)", "f['g'][o]", "f['d'][o]", "repr(o)"],
    "RegionReference": ["bool(o)", "f[o]", "f['d'][o]", "f['d'].regionref.shape(o)", "f['d'].regionref.selection(o)",
                        "f['chunked'][o]"],
    "SoftLink": ["o.path", "repr(o)"], "ExternalLink": ["o.path", "o.filename"],
}
OF_ANY = ["o.name", "o.parent", "o.file", "o.attrs", "dict(o.attrs)", "list(o.attrs)", "o == p", "hash(o) == hash(p)",
          "bool(o)", "o.ref", "f[o.ref] == o", "o.parent[o.name] == o", "o.file == p.file", "type(o).__name__",
          "o.id == p.id", "o.id.valid", "{o: 1}.get(p)", "o in [p]", "o.attrs.get('ref')", "o.nothing",
          "o.id.fileno == p.id.fileno"]
HLOBJECTS = ("Group", "Dataset", "Datatype")


def kind_of(thing):
    for kind in CALLS:
        if type(thing).__name__ == kind or (kind == "Group" and isinstance(thing, (h5py.Group,))):
            return kind
    return None


def held(value):
    """What of a result later calls may use: pairs of kinds do not matter, places in the result do."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [item for item in value if kind_of(item)][:3]
    return [value] if kind_of(value) else []


def random_call(rng, theirs):
    number = rng.randrange(len(theirs))
    other = rng.choice([index for index, thing in enumerate(theirs) if kind_of(thing) in HLOBJECTS])
    kind = kind_of(theirs[number])
    text = rng.choice(OF_ANY if kind in HLOBJECTS and rng.random() < 0.35 else CALLS[kind])
    return number, other, text.replace("%k", repr(rng.choice(NAMES))).replace("%i", str(rng.randrange(-1, 8)))


def same(expected, found, ours, elsewhere):
    """As `difference`, but objects and their names may go by any name that leads to the same object: which of them h5py
    tells depends on what else is open."""
    if type(expected).__name__ == "AttributeManager":
        return None if type(found).__name__ == "AttributeManager" else f"{found!r} instead of {expected!r}"
    are_nodes = type(expected).__module__.startswith("h5py._hl") and hasattr(expected, "id") and hasattr(found, "id")
    if are_nodes and expected and found:
        if type(expected).__name__ != type(found).__name__:
            return f"{found!r} instead of {expected!r}"
        if expected.name != found.name:
            try:
                return None if ours.file[expected.name] == found else f"{found!r} instead of {expected!r}"
            except KeyError:
                return f"{found!r} instead of {expected!r}"
    if isinstance(found, Raised) and "reference" in str(found.error) and elsewhere:
        return None  # h5py takes a reference that is another file's for one of this file, and finds whatever is there
    problem = difference(expected, found)
    aliases = re.fullmatch(r"'(/[^']*)' instead of '(/[^']*)'", problem or "")
    return None if aliases and ours and ours.get(aliases[1]) == ours.get(aliases[2]) is not None else problem


def is_elsewhere(thing, ours):
    """Whether an object, or that of a reference made by `ref`, is behind an external link."""
    if isinstance(thing, h5cap.Reference):
        return thing._target is not None and thing._target.file != ours._opened.key
    return isinstance(thing, h5cap.HLObject) and thing.file != ours


@pytest.mark.parametrize("name", ["surface.h5", "tree.h5", "attributes.h5", "types.h5"])
@pytest.mark.parametrize("seed", range(3))
def test_a_random_history(server, folder, name, seed):
    rng = random.Random(f"{SEED} {seed} {name}")
    ours, theirs = h5cap.File(server.url("data/" + name)), h5py.File(folder / name)
    mine, oracles, history, problems, succeeded = [ours], [theirs], [], [], 0
    for step in range(COUNT):
        number, other, text = random_call(rng, oracles)
        if name != "surface.h5" and ("'refs'" in text or "'regions'" in text):
            continue
        history.append(f"{text}  # o = {oracles[number]!r}, p = {oracles[other]!r}")
        expected = evaluate(h5py, text, f=theirs, o=oracles[number], p=oracles[other])
        found = evaluate(h5cap, text, f=ours, o=mine[number], p=mine[other])
        succeeded += not isinstance(expected, Raised)
        problem = same(expected, found, ours, any(is_elsewhere(thing, ours) for thing in (mine[number], mine[other])))
        if problem:
            problems.append(f"{step}: {history[-1]}: {problem}")
            continue
        new, also = held(expected), held(found)
        if len(new) == len(also):
            oracles += new
            mine += also
    ours.close()
    theirs.close()
    if problems:
        pytest.fail(f"{len(problems)} differ:\n" + "\n".join(problems[:30]), pytrace=False)
    assert succeeded > COUNT / 4
