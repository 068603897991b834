"""What every client can do with every server since the recorded commit, as one script: prints a JSON object from the
name of a step to its result or the exception's type.  Runs with whatever h5cap is on PYTHONPATH.

    basics.py ADDRESS-OF-A-FOLDER [new]       `new`: also what came after that commit
"""

import json
import sys

import numpy as np

import h5cap

BASICS = {
    "root": "sorted(file)",
    "kind": "[type(file[name]).__name__ for name in sorted(file)]",
    "attributes": "[(name, str(value)) for name, value in file['entry'].attrs.items()]",
    "shape": "(file['entry/data'].shape, str(file['entry/data'].dtype), file['entry/data'].chunks)",
    "slice": "file['entry/data'][3, 2:9, ::3].tolist()",
    "last": "file['entry/data'][-1].sum().item()",
    "all": "file['entry/data'][...].sum().item()",
    "list": "file['entry/data'][[0, 2, 5], 1].tolist()",
    "mask": "file['line'][np.arange(50) % 7 == 0].tolist()",
    "text": "file['text'][()].decode()",
    "texts": "[one.decode() for one in file['texts'][:]]",
    "table": "[str(row) for row in file['table'][:]]",
    "field": "file['table']['x'].tolist()",
    "virtual": "file['virtual'][:, 4].tolist()",
    "external": "file['external'].shape",
    "soft": "file['soft'].shape",
    "absent": "file['absent']",
    "out of range": "file['line'][50]",
    "one-shot": "h5cap.read(base + 'basics.h5', '/line', slice(3, 8)).tolist()",
    "folder": "h5cap.connect(base).listdir()",
    "glob": "h5cap.connect(base).glob('**/*.h5')",
    "no file": "h5cap.File(base + 'absent.h5')",
    "no HDF5": "h5cap.File(base + 'junk.h5')",
    "server": "h5cap.connect(base).server_info()['protocol']",
}
NEW = {
    "many": "[opened.filename.rsplit('/', 1)[1] for opened in h5cap.open_many(base + '[bo]*.h5') if opened]",
    "tree": "'entry' in file._repr_html_()",
    "picture": "'image/png' in file['entry/data']._repr_html_()",
    "completion": "'entry/data' in file._ipython_key_completions_()",
    "reference": "file[file.attrs['reference']].name",
    "references": "[file[one].name for one in file['references'][:]]",
    "named": "file.attrs['reference'] and file['entry'].ref",
    "long double": "file['long double'][:].astype('f8').tolist()",
    "region": "file[file.attrs['region']][file.attrs['region']].tolist()",
    "points": "file['entry/data'][[1, 2], [3, 4], [5, 6]].tolist()",
    "mask in 3-D": "file['entry/data'][np.arange(6 * 20 * 30).reshape(6, 20, 30) % 500 == 0].tolist()",
    "raw file": "file['raw'][:].tolist()",
}


def outcome(expression, names):
    try:
        return eval(expression, dict(names))
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        return {"raised": next(kind for kind in kinds if kind in dir(__builtins__))}


def main(base, *which):
    expressions = {**BASICS, **(NEW if "new" in which else {})}
    results = {}
    with h5cap.File(base + "basics.h5") as file:
        names = {"file": file, "h5cap": h5cap, "np": np, "base": base}
        for step, expression in expressions.items():
            results[step] = outcome(expression, names)
    print(json.dumps(results, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
