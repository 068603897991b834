"""What references of a file lead to, without a round trip each."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Optional, Tuple

from ..names import encoded, joined


class Targets:
    """Paths of the objects that references of one file name.

    A netCDF file names the scales of every variable by references, and the variables of every unlimited dimension.  A
    reference that HDF5 stores is the address of an object, and so is, for servers so far, an object's id: within a
    snapshot a reference is looked up.  That it is so is not promised, and asked for once a file; otherwise every
    reference costs a round trip.
    """

    def __init__(self, file):
        self._file = file
        self._known: Dict[bytes, Optional[str]] = {}
        self._by_id: Optional[Dict[int, str]] = None

    def path(self, reference: Any) -> Optional[str]:
        """The path of the object; None when there is none."""
        token = reference._token
        if token not in self._known:
            self._known[token] = self._found(token, reference)
        return self._known[token]

    def _found(self, token: bytes, reference: Any) -> Optional[str]:
        if self._by_id is None:
            ids = dict(_snapshot(self._file._opened.native))
            guess = ids.get(int.from_bytes(token, "little"))
            asked = self._asked(reference)
            self._by_id = ids if guess is not None and guess == asked else {}
            return asked
        return self._by_id.get(int.from_bytes(token, "little")) or self._asked(reference)

    def _asked(self, reference: Any) -> Optional[str]:
        try:
            return self._file[reference].name
        except (ValueError, KeyError):  # a null reference, or one to nothing
            return None


def _snapshot(native: Any) -> Iterator[Tuple[int, str]]:
    """Id and path of every object that came with the file, by its shallowest path."""
    pending = ["/"]
    seen = set()
    for path in pending:
        known = native.known(encoded(path))
        if known is None or known["id"] in seen:
            continue
        seen.add(known["id"])
        yield known["id"], path
        pending += [joined(path, link[0]) for link in known["links"] or () if link[1] == "hard"]
