"""Does recorded reads again: with h5py, to see which of them repeat, and with h5cap through a server.

The files of a state are put back where the test had them, so that relative and absolute names in them lead where they
led, and that folder is what the server exports.  A read counts when h5py, opening the file afresh, gives what was
recorded; it passes when h5cap gives the same.
"""

import io
import os
import pickle
import shutil
import urllib.parse
import warnings

import h5py
import h5cap

from facts import Facts, agree, kind_of, raised
from operations import perform, walk
from survey import MOST_FILES, reads_of

MOST_SHOWN = 700


class CannotFind(Exception):
    """An argument has no equivalent."""


class Arguments(pickle.Unpickler):
    def __init__(self, stream, side):
        super().__init__(stream)
        self.side = side

    def persistent_load(self, key):
        if key[0] == "object":
            _, path, steps, closed = key
            return self.side.find(path, steps, closed)
        _, path, kind, steps, facts = key
        return self.side.reference(path, kind, steps, facts)


class Side:
    """One of the two modules, with the files that it has open in the present state."""

    def __init__(self, open_file, name_of, folder):
        self.open_file, self.folder = open_file, folder
        self.facts = Facts(name_of)
        self.opened = {}

    def file(self, path):
        if path not in self.opened:
            self.opened[path] = self.open_file(path)
        return self.opened[path]

    def close(self):
        for file in self.opened.values():
            file.close()
        self.opened.clear()

    def loads(self, text):
        """What a recording has pickled; a survey's own reads are as they are."""
        if not isinstance(text, bytes):
            return text
        return Arguments(io.BytesIO(text), self).load()

    def find(self, path, steps, closed):
        if not closed:
            return walk(self.file(path), steps)
        file = self.open_file(path)
        found = walk(file, steps)
        file.close()
        return found

    def reference(self, path, kind, steps, facts):
        node = walk(self.file(path), steps)
        if kind == "object":
            return node.ref
        # A region reference cannot be made in a file that is only read: the one that is stored somewhere in it.
        self.facts.file = self.file(path)
        for reference in self.stored_references(self.file(path)):
            if kind_of(reference) == "RegionReference" and self.facts.of(reference) == facts:
                return reference
        raise CannotFind("this region reference is not stored in the file")

    def stored_references(self, file):
        found = []

        def look(name, node):
            values = [node.attrs[key] for key in node.attrs]
            if hasattr(node, "shape") and node.shape is not None:
                values.append(node[()])
            for value in values:
                items = value.flat if getattr(value, "dtype", None) == object else [value]
                found.extend(item for item in items if kind_of(item) in ("Reference", "RegionReference"))

        file.visititems(look)
        return found

    def outcome(self, read):
        """(facts, exception) of a read done now."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.facts.file = self.file(read["path"])
                target = self.find(read["path"], self.loads(read["steps"]), read["closed"])
                args, kwargs = self.loads(read["args"])
                if read["read"] == "get property" and args[0] == "filename":
                    return ["filename", self.facts.file_of(target)], None
                return self.facts.of(perform(target, read["read"], args, kwargs)), None
        except Exception as problem:
            return raised(problem), problem


class Replay:
    """Replays recordings of tests that ran below `folder`, which `server` exports as /replay/."""

    def __init__(self, recording, folder, server):
        self.recording, self.folder, self.server = recording, os.path.realpath(folder), server
        self.ours = Side(lambda path: h5cap.File(self.url(path)), self.ours_name, folder)
        self.theirs = Side(lambda path: h5py.File(os.path.join(self.folder, path), "r"), self.theirs_name, folder)
        self.present = {}

    def url(self, path):
        return self.server.url("replay/" + path)

    def ours_name(self, file):
        return urllib.parse.unquote(file.filename).split("/replay/", 1)[-1]

    def theirs_name(self, file):
        return os.path.relpath(os.path.realpath(file.filename), self.folder)

    def restore(self, state):
        """Puts the files of a state in place; those that are as they were stay untouched."""
        for path in set(self.present) - set(state):
            os.unlink(os.path.join(self.folder, path))
        for path, digest in state.items():
            if self.present.get(path) == digest or digest == "too large":
                continue
            target = os.path.join(self.folder, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(os.path.join(self.recording, "blobs", digest), target + ".new")
            os.rename(target + ".new", target)
        self.present = {path: digest for path, digest in state.items() if digest != "too large"}

    def tests(self, survey=None):
        """Yields (record of a test, its verdicts): one verdict a read.  With `survey`, a set that grows, the reads are
        those of a survey of files whose content is not in it."""
        with open(os.path.join(self.recording, "reads.pickle"), "rb") as stream:
            while True:
                try:
                    test = pickle.load(stream)
                except EOFError:
                    return
                yield test, self.verdicts(test) if survey is None else self.surveyed(test, survey)
                for path in list(self.present):
                    os.unlink(os.path.join(self.folder, path))
                self.present = {}

    def verdicts(self, test):
        found, now = [], None
        for read in test["reads"]:
            if "not here" in read:
                found.append({"verdict": "left out", "why": read["not here"], "read": read["read"]})
                continue
            if read["state"] != now:
                now = read["state"]
                self.restore(test["states"][now])
            found.append(self.verdict(read))
            self.ours.close()
            self.theirs.close()
        return found

    def verdict(self, read):
        described = {"read": read["read"]}
        repeated, _ = self.theirs.outcome(read)
        if repeated != read["facts"]:
            return {**described, "verdict": "left out", "why": "h5py does not repeat it",
                    "wanted": read["facts"], "found": repeated}
        found, problem = self.ours.outcome(read)
        if agree(read["facts"], found):
            return {**described, "verdict": "same"}
        return {**described, "verdict": "differs", "what": self.shown(read), "wanted": read["facts"], "found": found,
                "problem": None if problem is None else f"{type(problem).__name__}: {problem}"[:MOST_SHOWN]}

    def surveyed(self, test, done):
        """Verdicts about the files that a test leaves behind; those in `done`, by their content, were surveyed
        before."""
        if not test["states"]:
            return []
        state, found = test["states"][-1], []
        self.restore(state)
        for path, digest in state.items():
            if digest == "too large" or digest in done or len(done) >= MOST_FILES:
                continue
            try:
                reads = list(reads_of(self.theirs.file(path)))
            except Exception:  # not HDF5, or nothing that h5py can walk
                self.theirs.close()
                continue
            done.add(digest)
            for steps, read, args in reads:
                about = {"read": read, "path": path, "steps": steps, "args": (args, {}), "closed": False}
                about["facts"], _ = self.theirs.outcome(about)
                found.append(self.verdict(about))
            self.ours.close()
            self.theirs.close()
        return found

    def shown(self, read):
        """A read as one would write it."""
        try:
            steps, (args, kwargs) = self.theirs.loads(read["steps"]), self.theirs.loads(read["args"])
        except Exception:
            return f"{read['path']} {read['read']}"
        words = "".join(f"[{given[0]!r}]" if step in ("node", "item") else f".{given[0]}"
                        + (f"{given[1]!r}" if len(given) > 1 else "")
                        for step, *given in steps if step != "root")
        call = f" {read['read']}{args!r}" + (f" {kwargs!r}" if kwargs else "")
        what = f".{args[0]}" if read["read"] == "get property" else call
        return f"{os.path.basename(read['path'])}: file{words}{what}"[:MOST_SHOWN]


