"""As much of a file's tree as is known and as a reader wants to see at once."""

from __future__ import annotations

import collections
from typing import Any, Deque, Dict, List, Optional

from .completion import known_at

MOST_NODES = 400
MOST_OF_A_GROUP = 60
DEEPEST = 12


class Branch:
    """A link, what it leads to where that is known, and what is below."""

    def __init__(self, link: Any, path: str):
        self.link = link  # (name, kind, …) as the native module has it
        self.path = path
        self.info: Optional[Dict[str, Any]] = None
        self.same_as: Optional[str] = None  # the path of an object that was met before
        self.children: List["Branch"] = []
        self.left_out = 0  # links that are not among the children
        self.unknown = False  # there are links that are not known


def grown(group: Any, links: Optional[List[Any]]) -> Branch:
    """The tree below a group whose links are these: breadth first, so that one large group does not hide the others,
    and each object once, so that cycles end.  Nothing is asked of the server."""
    root = Branch(None, "")
    places = {group._info["id"]: "."}
    left = MOST_NODES
    if links is None:
        root.left_out = group._info["link_count"]
    pending: Deque[Any] = collections.deque([(root, links or [], 0)])
    while pending:
        branch, links, depth = pending.popleft()
        shown = links[:min(left, MOST_OF_A_GROUP)] if depth < DEEPEST else []
        branch.left_out += len(links) - len(shown)
        left -= len(shown)
        for link in shown:
            child = Branch(link, f"{branch.path}/{link[0]}" if branch.path else link[0])
            branch.children.append(child)
            if link[1] != "hard":
                continue
            child.same_as = places.get(link[2])
            if child.same_as is not None:
                continue
            places[link[2]] = child.path
            child.info = known_at(group, child.path)
            if child.info is not None and child.info["kind"] == "group":
                below = child.info["links"]
                child.unknown = below is None and child.info["link_count"] > 0
                pending.append((child, below or [], depth + 1))
    return root
