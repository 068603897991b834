"""What a user writes, held against the package's types by mypy --strict (test_types.py)."""

from typing import Any, Dict, List, Optional, Tuple

import h5cap
import numpy as np


def corner(url: str, path: str) -> np.ndarray:
    with h5cap.File(url, swmr=True, timeout=10.0) as file:
        node = file[path]
        if not isinstance(node, h5cap.Dataset):
            raise TypeError(node.name)
        shape: Optional[Tuple[int, ...]] = node.shape
        kind: np.dtype = node.dtype
        print(shape, kind, node.chunks, node.compression, node.maxshape, node.ndim, node.size, node.nbytes, len(node))
        node.refresh()
        return np.asarray(node[-1, :64, :64])


def names(url: str) -> List[str]:
    found: List[str] = []
    with h5cap.File(url) as file:
        for name in file:
            found.append(name)
        for name, node in file.items():
            print(name, node.attrs.get("units"), file.get(name, getlink=True))
        file.visit(found.append)
        text: str = file.filename + file.mode
        entry = file.require_group("entry")
        print(text, entry.name, entry.parent.name, entry.file.filename, "data" in entry, len(entry), list(entry.keys()))
    return found


def table(url: str) -> Dict[str, Any]:
    dataset = h5cap.File(url)["/entry/sample/positions"]
    assert isinstance(dataset, h5cap.Dataset)
    first = dataset.fields("x")[0]
    texts = dataset.asstr()[:]
    target = np.empty(3)
    dataset.astype("f4").shape
    dataset.read_direct(target, np.s_[:3])
    return {"first": first, "texts": texts, "all": dataset[h5cap.MultiBlockSlice(count=2)],
            "chunks": list(dataset.iter_chunks())}


def folder(url: str) -> None:
    with h5cap.connect(url, timeout=5) as session:
        paths: List[str] = session.glob("**/*.nxs")
        entries: List[h5cap.DirectoryEntry] = session.scandir()
        print(session.listdir(), entries[0].size, session.ping() * 2, session.traffic()["bytes_received"])
        with session.open_many(paths, return_exceptions=True) as files:
            for file in files:
                if isinstance(file, Exception):
                    raise file
                print(file.filename, file.attrs["NX_class"])
    for opened in h5cap.open_many([url]):
        print(opened)
    value = h5cap.read(url, "/entry/title", ())
    info = h5cap.check_string_dtype(h5cap.string_dtype("utf-8", 5))
    print(value, info.length if info is not None else None)
    h5cap.progress_bars(False)
