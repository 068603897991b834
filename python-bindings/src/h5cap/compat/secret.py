"""Tokens among the options that other libraries keep, and pickle."""

from __future__ import annotations

from typing import Optional


class Secret:
    """A token that stays in this process: pickled it is nothing, and another process finds its own in its
    environment."""

    def __init__(self, value: Optional[str] = None):
        self.value = value

    def __reduce__(self):
        return Secret, ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return "Secret(…)"
