"""Stored bytes kept in blocks."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Callable, Dict, List

from fsspec.caching import BaseCache


class BlockCache(BaseCache):
    """Blocks of a file, of which the least recently used are dropped beyond ``maxblocks``.

    Missing blocks that lie side by side are fetched as one range: fsspec's own cache fetches block by block, a round
    trip each.  A read of more than a quarter of the room passes by, so that the scattered small pieces stay.
    """

    name = "h5cap"

    def __init__(self, blocksize: int, fetcher: Callable[[int, int], bytes], size: int, maxblocks: int = 256):
        super().__init__(blocksize, fetcher, size)
        self.nblocks = -(-size // blocksize)
        self.maxblocks = maxblocks
        self._blocks: "OrderedDict[int, bytes]" = OrderedDict()
        self._lock = threading.Lock()

    def __getstate__(self):
        return {key: value for key, value in self.__dict__.items() if key not in ("_lock", "_blocks")}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._blocks, self._lock = OrderedDict(), threading.Lock()

    def _fetch(self, start, stop) -> bytes:
        start = 0 if start is None else start
        stop = self.size if stop is None else min(stop, self.size)
        if start >= stop:
            return b""
        first, last = start // self.blocksize, (stop - 1) // self.blocksize
        if last - first >= max(2, self.maxblocks // 4):
            self.miss_count += 1
            return self._asked(start, stop)
        with self._lock:
            found = {number: self._blocks[number] for number in range(first, last + 1) if number in self._blocks}
        fetched = self._fetched([number for number in range(first, last + 1) if number not in found])
        found.update(fetched)
        with self._lock:
            self.hit_count += len(found) - len(fetched)
            for number, block in sorted(found.items()):
                self._blocks[number] = block
                self._blocks.move_to_end(number)
            while len(self._blocks) > self.maxblocks:
                self._blocks.popitem(last=False)
        joined = b"".join(found[number] for number in range(first, last + 1))
        return joined[start - first * self.blocksize:stop - first * self.blocksize]

    def _fetched(self, missing: List[int]) -> Dict[int, bytes]:
        """These blocks, in order: one fetch a run of neighbours, and no lock meanwhile."""
        found: Dict[int, bytes] = {}
        for position, number in enumerate(missing):
            if number in found:
                continue
            end = number + 1
            while position + end - number < len(missing) and missing[position + end - number] == end:
                end += 1
            self.miss_count += 1
            fetched = self._asked(number * self.blocksize, min(end * self.blocksize, self.size))
            for block in range(number, end):
                at = (block - number) * self.blocksize
                found[block] = fetched[at:at + self.blocksize]
        return found

    def _asked(self, start: int, stop: int) -> bytes:
        self.total_requested_bytes += stop - start
        found = self.fetcher(start, stop)
        if len(found) != stop - start:
            raise EOFError(f"{len(found)} bytes came instead of {stop - start}: the file is shorter than it was")
        return found
