"""The table of generated files: each maker writes one master file, and whatever it refers to, into a folder of its own.

Runs under Debian's Python (h5py 3.7 on libhdf5 1.10.8).
"""

import os

MAKERS = {}


class Maker:
    def __init__(self, name, function, absent):
        self.name, self.function, self.absent = name, function, absent

    def make(self, folder):
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, self.name + ".h5")
        self.function(path)
        return path


def makes(name, absent=None):
    """Registers a maker of `name`.h5.  `absent` says why NotImplementedError is accepted for objects of that file."""

    def register(function):
        assert name not in MAKERS, name
        MAKERS[name] = Maker(name, function, absent)
        return function

    return register
