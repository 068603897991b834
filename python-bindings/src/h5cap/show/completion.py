"""Paths that a notebook offers within brackets, ``file["entry/da<Tab>``."""

from __future__ import annotations

import collections
from typing import Any, Deque, Dict, List, Optional, Tuple

from ..names import encoded, joined

MOST_PATHS = 5_000  # below a group
MOST_UNKNOWN_LINKS = 50_000  # a group with more of them is not listed for a completion: 50 round trips


def known_at(group: Any, path: str) -> Optional[Dict[str, Any]]:
    """What is known of the object at a path below a group without asking the server; None when that is nothing."""
    try:
        return group._native.known(encoded(joined(group._path, path)) if path else b"")
    except Exception:
        return None  # described, and in a way that is not served


def links_of(group: Any, most: int = MOST_UNKNOWN_LINKS) -> Optional[List[Any]]:
    """Links of the group itself; asked for where they are not known, unless there are more than ``most``."""
    info = group._info
    known = known_at(group, "")
    if known is not None and known["links"] is not None:
        return known["links"]
    return group._links() if info["link_count"] <= most else None


def paths_below(group: Any) -> List[str]:
    """Names in the group, and paths further below that came with the file's snapshot: nearest first."""
    if not group:
        return []
    found: List[str] = []
    seen = {group._info["id"]}
    pending: Deque[Tuple[str, List[Any]]] = collections.deque([("", links_of(group) or [])])
    while pending and len(found) < MOST_PATHS:
        prefix, links = pending.popleft()
        for link in links:
            path = prefix + link[0]
            if path.isprintable():
                found.append(path)
            if link[1] != "hard" or link[3] != "group" or link[2] in seen:
                continue
            seen.add(link[2])
            known = known_at(group, path)
            if known is not None and known["links"]:
                pending.append((path + "/", known["links"]))
    return found
