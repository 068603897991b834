#!/usr/bin/python3
"""Writes the generated conformance files:   generate.py FOLDER [NAME…]

Needs Debian's h5py (`/usr/bin/python3`): content is compared on the library that the server's planners run.  Each maker
gets a folder of its own, FOLDER/NAME/NAME.h5.  `index.json` lists them, with the reason where a class of HDF5 is not
served yet.
"""

import json
import os
import sys

import registry
import files_attributes  # noqa: F401  (registers)
import files_growing  # noqa: F401
import files_layouts  # noqa: F401
import files_links  # noqa: F401
import files_odd_types  # noqa: F401
import files_references  # noqa: F401
import files_random  # noqa: F401
import files_types  # noqa: F401
import files_virtual  # noqa: F401


def main(folder, names):
    index = {}
    for name, maker in registry.MAKERS.items():
        if names and name not in names:
            continue
        path = maker.make(os.path.join(folder, name))
        index[name] = {"path": os.path.relpath(path, folder), "absent": maker.absent}
    with open(os.path.join(folder, "index.json"), "w") as out:
        json.dump(index, out, indent=1)
    print(f"{len(index)} files in {folder}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
