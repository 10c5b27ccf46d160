"""Whether a plan looks rows up by an index on the booking ID, as each database words it. Pure.

Output formats: https://mariadb.com/kb/en/explain/, https://www.postgresql.org/docs/current/sql-explain.html
(JSON) and https://www.sqlite.org/eqp.html.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from exporter.config.database_url import Family

_SQLITE_INDEX = re.compile(r"SEARCH .*USING (?:COVERING )?INDEX (\S+)")


def uses_index(family: Family, rows: Sequence[Mapping[str, Any]], others: Collection[str] = ()) -> bool:
    """Tell whether the plan in `rows`, as EXPLAIN gave them, seeks in an index that is none of the `others`."""
    match family:
        case "mysql":
            return any(_mysql(row, others) for row in rows)
        case "postgresql":
            return any(name not in others for row in rows for name in _postgresql(row))
        case "sqlite":
            found = (_SQLITE_INDEX.search(str(row["detail"])) for row in rows)
            return any(one is not None and one[1] not in others for one in found)


def _mysql(row: Mapping[str, Any], others: Collection[str]) -> bool:
    values = {key.lower(): value for key, value in row.items()}
    if values.get("key") is None:
        # A unique index is looked into while the plan is made; a row that is not there needs no plan.
        return "const table" in str(values.get("extra")) or "Impossible WHERE" in str(values.get("extra"))
    return values["key"] not in others and str(values.get("type")).lower() != "index"


def _postgresql(row: Mapping[str, Any]) -> Iterator[str]:
    (plan,) = row.values()
    waiting = [json.loads(plan) if isinstance(plan, str) else plan]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            if "Index Name" in one and "Index Cond" in one:
                yield one["Index Name"]
            waiting += [value for value in one.values() if isinstance(value, list | dict)]
