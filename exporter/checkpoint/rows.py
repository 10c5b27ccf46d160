"""Values to rows and back. Columns are named throughout, so that those of a newer version do no harm."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from itertools import starmap
from math import isfinite
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from exporter.model import SIGHTING, VIOLATED, FileRow, HistogramValue, LedgerState, Sighting, Violated

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping
    from struct import Struct

    from exporter.model import Changes, Page, SeriesKey

KEY = "key"
KEY_BYTES = 32
_MOST = 1 << 62
"""More entries than there can ever have been."""
COMMITTED = "committed"
EXPOSED = "exposed"
STATE_LOST = "state_lost"
START_AT_END = "start_at_end"
BOOT = "boot"
GAPS = "gaps"
_ROWS = 4096
"""Rows that are looked at together."""
FRONT = "_front"
"""What follows `incident` and `violation` in the names of the numbers of the oldest entries that are held."""
MIRROR = "_mirror"
"""What follows them for what the table of version 2 held when the pages held all of it: a digest of the table,
and where the pages ended if it held all of theirs as well (see `mirror`)."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a state file holds.

    `ledger` is None until the first commit. `logs` are the names of logs seen before, `key` the
    secret of the keyed hashes, `exposed` whether history was counted (guarantee G3), `state_lost`
    when a state was last found damaged (Unix seconds), `start_at_end` whether counting is to begin
    at the ends of the files, `boot` the kernel's boot ID at the last start ("" if unknown), `gaps` what
    `tail.gap` dumped ("" if nothing).
    `created` and `lost` tell what this opening of the store did.
    """

    ledger: LedgerState | None
    files: tuple[FileRow, ...]
    logs: frozenset[str]
    key: bytes
    exposed: bool
    state_lost: float | None
    start_at_end: bool
    boot: str
    gaps: str
    created: bool
    lost: bool


def read(connection: sqlite3.Connection, *, created: bool, lost: bool) -> Loaded:
    """Read everything, in one read transaction. Anything but sqlite3.Error means unreadable rows."""
    connection.execute("BEGIN")
    try:
        meta = dict(connection.execute("SELECT name, value FROM meta"))
        return Loaded(
            ledger=_ledger(connection, meta) if meta.get(COMMITTED) == "1" else None,
            files=tuple(_files(connection)),
            logs=frozenset(name for (name,) in connection.execute("SELECT name FROM logs")),
            key=_key(meta[KEY]),
            exposed=meta.get(EXPOSED) == "1",
            state_lost=float(meta[STATE_LOST]) if meta.get(STATE_LOST) else None,
            start_at_end=meta.get(START_AT_END) == "1",
            boot=meta.get(BOOT, ""),
            gaps=meta.get(GAPS, ""),
            created=created,
            lost=lost,
        )
    finally:
        connection.execute("ROLLBACK")


def write(
    connection: sqlite3.Connection,
    changes: Changes,
    files: Iterable[FileRow],
    gone: Iterable[int],
    meta: Mapping[str, str],
    logs: Iterable[str],
) -> None:
    """Write everything, within the transaction that is open."""
    _write_series(connection, changes)
    _write_groupings(connection, changes)
    connection.executemany("DELETE FROM files WHERE id = ?", ((number,) for number in gone))
    connection.executemany(_FILE_UPSERT, map(_file_values, files))
    connection.executemany("INSERT OR IGNORE INTO logs (name) VALUES (?)", ((name,) for name in logs))
    connection.executemany(META_UPSERT, {**meta, COMMITTED: "1"}.items())


META_UPSERT = "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"


def _write_series(connection: sqlite3.Connection, changes: Changes) -> None:
    connection.executemany(
        "INSERT INTO counters (metric, labels, value) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET value = excluded.value",
        ((metric, json.dumps(labels), value) for (metric, labels), value in changes.counters.items()),
    )
    connection.executemany(
        "INSERT INTO histograms (metric, labels, bounds, buckets, sum) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO"
        " UPDATE SET bounds = excluded.bounds, buckets = excluded.buckets, sum = excluded.sum",
        (
            (metric, json.dumps(labels), json.dumps(one.bounds), json.dumps(one.buckets), one.sum)
            for (metric, labels), one in changes.histograms.items()
        ),
    )
    connection.executemany(
        "INSERT INTO last_events (event, time) VALUES (?, ?) ON CONFLICT DO UPDATE SET time = excluded.time",
        changes.last_events.items(),
    )


def _write_groupings(connection: sqlite3.Connection, changes: Changes) -> None:
    connection.executemany(
        "DELETE FROM minutes WHERE kind = ? AND minute = ?",
        (key for key, number in changes.minutes.items() if number is None),
    )
    connection.executemany(
        "INSERT INTO minutes (kind, minute, number) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET number = excluded.number",
        ((*key, number) for key, number in changes.minutes.items() if number is not None),
    )
    connection.executemany(
        "DELETE FROM layer_minutes WHERE layer = ? AND minute = ?",
        (key for key, number in changes.layers.items() if number is None),
    )
    connection.executemany(
        "INSERT INTO layer_minutes (layer, minute, number) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET number = excluded.number",
        ((*key, number) for key, number in changes.layers.items() if number is not None),
    )
    for name, page in (("incident", changes.incidents), ("violation", changes.violations)):
        if page is not None:
            _write_page(connection, name, page)


def _write_page(connection: sqlite3.Connection, name: str, page: Page) -> None:
    """Write what changed of the incidents or violations; the table of older versions stays as it is until `mirror`."""
    if page.anew:
        connection.execute(f"DELETE FROM {name}_pages")  # noqa: S608  (our own names)
        connection.execute(META_UPSERT, (name + MIRROR, _digest(connection, name) + " "))
    else:
        connection.execute(
            f"DELETE FROM {name}_pages WHERE number < (SELECT max(number) FROM {name}_pages WHERE number <= ?)",  # noqa: S608  (our own names)
            (page.front,),
        )
    if page.entries:
        connection.execute(
            f"INSERT INTO {name}_pages (number, entries) VALUES (?, ?)"  # noqa: S608  (our own names)
            " ON CONFLICT DO UPDATE SET entries = excluded.entries",
            (page.start, page.entries),
        )
    connection.execute(META_UPSERT, (name + FRONT, str(page.front)))


def mirror(connection: sqlite3.Connection) -> None:
    """Give version 2 what the pages hold, within the transaction that is open: the tables that it reads.

    Nothing is done for a table that holds this already, or what an older version wrote and no commit took over.
    """
    meta = dict(connection.execute("SELECT name, value FROM meta"))
    for name, (_, insert) in _TABLES.items():
        front = int(meta.get(name + FRONT, "0"))
        digest, _, end = meta.get(name + MIRROR, "").partition(" ")
        last = f"SELECT number, length(entries) FROM {name}_pages ORDER BY number DESC LIMIT 1"  # noqa: S608  (our own names)
        present = f"{front} {connection.execute(last).fetchone()}"
        if end == present or digest != _digest(connection, name):
            continue
        connection.execute(f"DELETE FROM {name}s")  # noqa: S608  (our own names)
        connection.executemany(insert, _mirrored(connection, name, front))
        connection.execute(META_UPSERT, (name + MIRROR, f"{_digest(connection, name)} {present}"))


_INCIDENT_UPSERT: Final = (
    "INSERT INTO incidents (hash, first, held) VALUES (?, ?, ?)"
    " ON CONFLICT DO UPDATE SET first = excluded.first, held = excluded.held"
)
_VIOLATION_INSERT: Final = "INSERT INTO violations (number, hash, role, time) VALUES (?, ?, ?, ?)"
_TABLES: Final = {
    "incident": ("SELECT hash, first, held FROM incidents ORDER BY hash", _INCIDENT_UPSERT),
    "violation": ("SELECT number, hash, role, time FROM violations ORDER BY number", _VIOLATION_INSERT),
}
"""The tables of version 2: how they are read, and written."""


def _mirrored(connection: sqlite3.Connection, name: str, front: int) -> Iterator[tuple[Any, ...]]:
    if name == "incident":
        return (values for _, values in _entries(connection, name, SIGHTING, front))
    return (
        (number, hashed, _role(failed_save), time)
        for number, (hashed, failed_save, time) in _entries(connection, name, VIOLATED, front)
    )


def _digest(connection: sqlite3.Connection, name: str) -> str:
    """Return a digest of all rows of version 2's table; "" for none."""
    digest, cursor, any_row = blake2b(digest_size=16), connection.execute(_TABLES[name][0]), False
    while rows := cursor.fetchmany(_ROWS):
        digest.update(b"".join(starmap(SIGHTING.pack, rows)) if name == "incident" else repr(rows).encode())
        any_row = True
    return digest.hexdigest() if any_row else ""


def _of_older(connection: sqlite3.Connection, name: str, meta: Mapping[str, str]) -> list[tuple[Any, ...]]:
    """Return the rows of version 2's table, where that or an older version wrote since the pages held them all."""
    if _digest(connection, name) == meta.get(name + MIRROR, "").partition(" ")[0]:
        return []
    return connection.execute(_TABLES[name][0]).fetchall()


def _ledger(connection: sqlite3.Connection, meta: Mapping[str, str]) -> LedgerState:
    fronts = {name: int(meta.get(name + FRONT, "0")) for name in ("incident", "violation")}
    if not all(0 <= front < _MOST for front in fronts.values()):
        raise ValueError("no number of an entry")
    incidents, incidents_whole = _incidents(connection, fronts["incident"], _of_older(connection, "incident", meta))
    violations, violations_whole = _violations(
        connection, fronts["violation"], _of_older(connection, "violation", meta)
    )
    return LedgerState(
        counters={
            (metric, _labels(labels)): value
            for metric, labels, value in connection.execute("SELECT metric, labels, value FROM counters")
        },
        histograms=dict(_histograms(connection)),
        last_events=dict(connection.execute("SELECT event, time FROM last_events")),
        minutes={
            (kind, minute): number
            for kind, minute, number in connection.execute("SELECT kind, minute, number FROM minutes")
        },
        incidents=incidents,
        incident_front=fronts["incident"] if incidents_whole else None,
        violation_front=fronts["violation"] if violations_whole else None,
        violations=violations,
        layers=_layers(connection),
    )


def _incidents(
    connection: sqlite3.Connection, front: int, older: list[tuple[Any, ...]]
) -> tuple[dict[bytes, Sighting], bool]:
    """Return the incidents in their order, and whether they have the numbers from `front` on without a gap.

    `older` are those that an older version wrote.
    """
    incidents: dict[bytes, Sighting] = {}
    expected = front
    for number, (hashed, first, held) in _entries(connection, "incident", SIGHTING, front):
        if not (isfinite(first) and isfinite(held)):
            raise ValueError("no times")
        whole_so_far = expected == number and hashed not in incidents
        expected = number + 1 if whole_so_far else -1
        incidents.pop(hashed, None)
        incidents[hashed] = Sighting(first, held)
    for hashed, first, held in sorted(older, key=itemgetter(2)):
        incidents.pop(hashed, None)
        incidents[hashed] = Sighting(first, held)
    return incidents, expected >= 0 and not older


def _violations(
    connection: sqlite3.Connection, front: int, older: list[tuple[Any, ...]]
) -> tuple[dict[int, Violated], bool]:
    """Return the violations by their numbers, and whether these go on from `front` without a gap.

    Those that an older version wrote, `older`, come behind the others, unless they are among them.
    """
    violations: dict[int, Violated] = {}
    for number, (hashed, failed_save, time) in _entries(connection, "violation", VIOLATED, front):
        if not isfinite(time):
            raise ValueError("no time")
        violations[number] = Violated(hashed, _role(failed_save), time)
    whole = list(violations) == list(range(front, front + len(violations)))
    known, newest = set(violations.values()), max(violations, default=None)
    for index, (number, *values) in enumerate(older, start=1):
        if (violated := Violated(*values)) not in known:
            violations[number if newest is None else newest + index] = violated
    return violations, whole and not older


def _role(failed_save: bool) -> str:  # noqa: FBT001  (as it stands in the page)
    return "failed_save" if failed_save else "report"


def _entries(
    connection: sqlite3.Connection, name: str, entry: Struct, front: int
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield the entries that are held, with their numbers."""
    if not _exists(connection, f"{name}_pages"):
        return
    for start, entries in connection.execute(f"SELECT number, entries FROM {name}_pages ORDER BY number"):  # noqa: S608  (our own names)
        if len(entries) % entry.size:
            raise ValueError("no page of entries")
        for number, values in enumerate(entry.iter_unpack(entries), start=start):
            if number >= front:
                yield number, values


def _exists(connection: sqlite3.Connection, table: str) -> bool:
    """Tell whether a table is there: a state of an older version that is only looked at lacks those that came later."""
    return connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchone() is not None


def _layers(connection: sqlite3.Connection) -> dict[tuple[str, int], int]:
    if not _exists(connection, "layer_minutes"):
        return {}
    rows = connection.execute("SELECT layer, minute, number FROM layer_minutes")
    return {(layer, minute): number for layer, minute, number in rows}


def _histograms(connection: sqlite3.Connection) -> Iterable[tuple[SeriesKey, HistogramValue]]:
    for metric, labels, bounds, buckets, total in connection.execute(
        "SELECT metric, labels, bounds, buckets, sum FROM histograms"
    ):
        value = HistogramValue(tuple(map(int, json.loads(buckets))), total, tuple(map(float, json.loads(bounds))))
        yield (metric, _labels(labels)), value


def _key(text: str) -> bytes:
    key = bytes.fromhex(text)
    if len(key) != KEY_BYTES:
        raise ValueError("no key")
    return key


def _labels(text: str) -> tuple[str, ...]:
    return tuple(map(str, json.loads(text)))


_FILE_COLUMNS = [
    "id",
    "log",
    "path",
    "device",
    "inode",
    "position",
    "record_start",
    "record",
    "size",
    "head",
    "tail",
    "grown",
    "seen",
    "state",
]  # model.FileRow
_FILE_UPSERT = (
    f"INSERT INTO files ({', '.join(_FILE_COLUMNS)}) VALUES ({', '.join('?' * len(_FILE_COLUMNS))})"  # noqa: S608 - our own names
    f" ON CONFLICT DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _FILE_COLUMNS[1:])}"
)


def _files(connection: sqlite3.Connection) -> Iterable[FileRow]:
    query = f"SELECT {', '.join(_FILE_COLUMNS)} FROM files ORDER BY id"  # noqa: S608 - our own names
    for row in connection.execute(query):
        values: dict[str, Any] = dict(zip(_FILE_COLUMNS, row, strict=True))
        values["path"] = values["path"].decode("utf-8", "surrogateescape")
        values["device"] %= 1 << 64
        values["inode"] %= 1 << 64
        yield FileRow(**values)


def _file_values(row: FileRow) -> tuple[object, ...]:
    values = {name: getattr(row, name) for name in _FILE_COLUMNS}
    values["path"] = row.path.encode("utf-8", "surrogateescape")
    values["device"] = _signed(row.device)
    values["inode"] = _signed(row.inode)
    return tuple(values.values())


def _signed(number: int) -> int:
    # Network and union file systems use all 64 bits for inodes; SQLite's integers have a sign.
    return number - (1 << 64) if number >= 1 << 63 else number
