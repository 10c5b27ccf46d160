"""Write the dashboards, or with `--check` tell whether the committed files are what would be written.

python -m grafana.generate [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from grafana.generate.daemon import DAEMON
from grafana.generate.prevention import PREVENTION

FOLDER = Path(__file__).resolve().parents[1]
BOARDS = (PREVENTION, DAEMON)


def main(arguments: list[str]) -> int:
    """Write the files, or check them; return the exit code."""
    stale = [board for board in BOARDS if _read(FOLDER / board.file) != board.text()]
    if arguments == ["--check"]:
        for board in stale:
            sys.stderr.write(f"grafana/{board.file} is not current: run make docs\n")
        return 1 if stale else 0
    for board in stale:
        (FOLDER / board.file).write_text(board.text(), "utf-8")
    return 0


def _read(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
