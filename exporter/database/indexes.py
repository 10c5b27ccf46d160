"""The indexes of the appointments table, and what they say about booking IDs. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_NOT_NULL = re.compile(r"[\s(\"`]*(\w+)[\s\"`]*IS\s+NOT\s+NULL[\s);]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Index:
    """An index: the columns of its key (None for an expression), and the rows that it is confined to, if it is."""

    name: str
    unique: bool
    columns: tuple[str | None, ...]
    predicate: str | None = None

    def covers_all(self, column: str) -> bool:
        """Tell whether every row with a value in `column` has an entry."""
        if not self.predicate:
            return True
        found = _NOT_NULL.fullmatch(self.predicate)
        return found is not None and found[1].lower() == column.lower()


def parse_indexes(rows: Iterable[Any]) -> tuple[Index, ...]:
    """Return the indexes of rows (name, is unique, column, predicate), one per column, in order."""
    found = []
    for name, group in groupby(rows, key=lambda row: row[0]):
        columns = list(group)
        predicate = None if columns[0][3] is None else str(columns[0][3])
        found.append(Index(str(name), bool(columns[0][1]), tuple(row[2] for row in columns), predicate))
    return tuple(found)


def constraint(indexes: Iterable[Index], column: str) -> Index | None:
    """Return the index, of whatever name, that lets no two rows hold the same value in `column`.

    Not one that has further columns, is confined to some rows (those not deleted, for example), or
    that PostgreSQL could not complete.
    """
    wanted = (column.lower(),)
    return next((one for one in indexes if one.unique and _key(one) == wanted and one.covers_all(column)), None)


def leading(indexes: Iterable[Index], column: str) -> frozenset[str]:
    """Return the names of the indexes by which rows can be sought by `column`."""
    return frozenset(one.name for one in indexes if _key(one)[:1] == (column.lower(),) and one.covers_all(column))


def _key(index: Index) -> tuple[str | None, ...]:
    return tuple(None if one is None else one.lower() for one in index.columns)
