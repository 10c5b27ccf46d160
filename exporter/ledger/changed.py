"""Which keys of a mapping changed since the last successful commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Container

K = TypeVar("K")


class Changed(Generic[K]):
    """Changed keys in two lots: those handed out to a commit, and those touched since then.

    A commit that fails needs no call: what was handed out is handed out again, together with what
    was touched in between. A key that was added and removed again without ever being in the state
    is forgotten, so that nothing grows while commits fail.
    """

    def __init__(self) -> None:
        """Start with nothing changed."""
        self._open: dict[K, bool] = {}
        self._handed: dict[K, bool] = {}

    def touch(self, key: K, *, held: bool = True) -> None:
        """Note that `key` changes; `held` tells whether the mapping held it before this change."""
        self._open.setdefault(key, held)

    def hand_out(self, values: Container[K]) -> tuple[K, ...]:
        """Return every key that the next commit must write (or delete, where `values` lacks it)."""
        for key, held in self._open.items():
            self._handed.setdefault(key, held)
        self._open = {}
        self._handed = {key: held for key, held in self._handed.items() if held or key in values}
        return tuple(self._handed)

    def settle(self) -> None:
        """Forget what was handed out: the commit that wrote it succeeded."""
        self._handed = {}
