"""Variable-length data that elements share is kept once: a server may have millions of elements lead to one text."""

import numpy as np

from h5cap import _h5cap


def places(*pairs):
    return np.array(pairs, "<u8").reshape(-1).view("u1")


def test_texts_that_are_shared_are_made_once():
    heap = bytes(range(256)) * 4096  # 1 MiB
    shared = _h5cap.heap_slices(places(*[(0, len(heap))] * 100_000), heap, 1)
    assert len(shared) == 100_000 and len({id(text) for text in shared}) <= 3  # of 98 GiB
    assert all(text == heap for text in shared[:3])
    turns = _h5cap.heap_slices(places(*[(0, len(heap)), (1, len(heap) - 1)] * 50_000), heap, 1)
    assert len({id(text) for text in turns}) <= 5
    assert turns[-1] == heap[1:] and turns[-2] == heap


def test_texts_that_are_not_are_as_they_are():
    heap = b"abcdefgh"
    assert _h5cap.heap_slices(places((0, 3), (3, 5), (0, 0)), heap, 1) == [b"abc", b"defgh", b""]
