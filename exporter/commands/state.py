"""`booking-exporter state`: what the state file holds, and beginning anew."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from exporter.checkpoint.store import Loaded, StateError, Store
from exporter.checks.state import in_use
from exporter.commands.options import ConfigOption, StateOption, settings_from, state_path
from exporter.config.overrides import Overrides
from exporter.model import FileRow
from exporter.printable import printable, size

EPILOG = "Example: booking-exporter state show --config /etc/booking-exporter/config.yaml"

app = typer.Typer(no_args_is_help=True, help="Show what the state file holds, or begin anew.", rich_markup_mode=None)

_USER_VERSION = slice(60, 64)
"""Where an SQLite file keeps `PRAGMA user_version`, our schema version (https://sqlite.org/fileformat2.html)."""


@app.command("show", epilog="Example: booking-exporter state show --state /var/lib/booking-exporter/state.sqlite")
def show(
    *,
    config: ConfigOption = None,
    state: StateOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show files with their positions, and how much is kept; also while the daemon runs.

    The state holds no text of records: identifiers are kept as keyed hashes only.
    """
    path = state_path(settings_from(config, Overrides(state=state)))
    facts = _facts(path, Store.read(path))
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    typer.echo("\n".join(_lines(facts)))


@app.command("reset", epilog="Example: booking-exporter state reset --state /var/lib/booking-exporter/state.sqlite")
def reset(
    *,
    config: ConfigOption = None,
    state: StateOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Let the daemon begin anew: all counters at zero, every file from its present end.

    The old state is kept beside the new one. Refused while a daemon uses the state.
    """
    path = state_path(settings_from(config, Overrides(state=state)))
    if in_use(path):
        raise StateError(f"{path}: in use by a running daemon; stop it first")
    if not yes and not typer.confirm(f"All counters go back to zero. Reset {path}?"):
        typer.echo("nothing was changed")
        raise typer.Exit(1)
    aside = Store.reset(path, time.time())
    typer.echo(f"{path}: reset" + ("" if aside is None else f"; the old state is kept as {aside}"))


def _facts(path: Path, loaded: Loaded) -> dict[str, Any]:
    ledger = loaded.ledger
    return {
        "path": str(path),
        "schema_version": _schema_version(path),
        "bytes": sum(one.stat().st_size for one in _parts(path)),
        "last_commit": _iso(max(one.stat().st_mtime for one in _parts(path))),
        "in_use": in_use(path),
        "exposed": loaded.exposed,
        "state_lost": None if loaded.state_lost is None else _iso(loaded.state_lost),
        "logs": sorted(loaded.logs),
        "counters": len(ledger.counters) if ledger else 0,
        "histograms": len(ledger.histograms) if ledger else 0,
        "incidents": len(ledger.incidents) if ledger else 0,
        "files": [_file(row) for row in sorted(loaded.files, key=lambda row: (row.log, row.path, row.id))],
    }


def _file(row: FileRow) -> dict[str, Any]:
    now = _size_now(row)
    return {
        "log": row.log,
        "path": row.path,
        "state": row.state,
        "position": row.position,
        "size": now,
        "lag_bytes": max(0, now - row.position),
        "last_growth": _iso(row.grown),
    }


def _size_now(row: FileRow) -> int:
    """Return the file's present size if it is still at its path, else the size last seen."""
    try:
        found = Path(row.path).stat()
    except OSError:
        return row.size
    return found.st_size if (found.st_dev, found.st_ino) == (row.device, row.inode) else row.size


def _parts(path: Path) -> list[Path]:
    return [one for one in (path, path.with_name(path.name + "-wal")) if one.exists()]


def _schema_version(path: Path) -> int:
    with path.open("rb") as file:
        return int.from_bytes(file.read(_USER_VERSION.stop)[_USER_VERSION], "big")


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _lines(facts: Mapping[str, Any]) -> list[str]:
    lines = [
        f"state        {printable(facts['path'])} (schema version {facts['schema_version']}, {size(facts['bytes'])})",
        f"last commit  {facts['last_commit']}, {'in use by a running daemon' if facts['in_use'] else 'not in use'}",
        f"kept         {facts['counters']} counters, {facts['histograms']} histograms, {facts['incidents']} incidents",
    ]
    if not facts["exposed"]:
        lines.append("             history is still being counted: event series are not served yet")
    if facts["state_lost"]:
        lines.append(f"             an earlier state was damaged and set aside at {facts['state_lost']}")
    lines.append(f"logs         {', '.join(facts['logs']) or 'none'}")
    for one in facts["files"]:
        lag = f"{size(one['lag_bytes'])} behind" if one["lag_bytes"] else "read to its end"
        lines.append(f"  {one['log']}  {one['state']}  {printable(one['path'])}")
        lines.append(f"      at {one['position']} of {one['size']} bytes, {lag}, last grown {one['last_growth']}")
    return lines
