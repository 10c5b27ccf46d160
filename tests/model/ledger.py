"""What is written, record by record: each one is an event of its own, so that each can be sought in the counters."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from exporter.events.definitions import load_events
from exporter.events.source import read_sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.events.definitions import EventSet

MOST = 200
"""Records of one run."""
METRIC = "model_records_total"
FIRST = 300
"""The first record of a file has at least this many bytes: fewer than 256 identify no content."""


@cache
def definitions() -> EventSet:
    """Return one event for each number, which counts into a series of its own."""
    values = ", ".join(f'"{number:03}"' for number in range(MOST))
    lines = [
        "version: 1",
        "series:",
        f"  - {{name: {METRIC}, kind: counter, help: one for each record, labels: {{number: [{values}]}}}}",
        "events:",
    ]
    for number in range(MOST):
        example = f"[2025-10-09 10:53:20] production.INFO: Item {number:03}; "
        lines += [
            f"  - name: item_{number:03}",
            f'    match: {{message: {{contains: "Item {number:03};"}}}}',
            f'    count: {{metric: {METRIC}, labels: {{number: "{number:03}"}}}}',
            f'    examples: [{{record: "{example}", expect: {{{METRIC}: 1}}}}]',
        ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "events.yaml"
        path.write_text("\n".join(lines) + "\n")
        return load_events(read_sources((path,), builtin=False))


def render(number: int, shape: str, size: int, now: float) -> bytes:
    """Return the record with this number in one of `SHAPES`, of at least `size` bytes, written at `now`."""
    head = f"[{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S}] production.INFO: Item {number:03};"
    room = max(0, size - len(head) - 20)
    filler = "".join(f"{number:03}.{at:03} " for at in range(0, room, 8))[:room]  # 256 bytes of it occur once
    return (head + SHAPES[shape].format(filler=filler)).encode()


SHAPES: Mapping[str, str] = {
    "context": ' {{"note":"{filler}"}} \n',
    "plain": " {filler}  \n",
    "trace": ' {{"exception":"{filler}"}} \n#0 /app/Http/Kernel.php(12): handle()\n#1 {{main}}\n',
    "torn line": ' {{"note":"{filler}\n[2025-10-09 10:53:20] production.ERROR: forged\n"}} \n',
    "message": " {filler}\nsecond line of it\n\nfourth line {{no context\n",
}
