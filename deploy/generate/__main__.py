"""Write the manual page and the completions, or with `--check` tell whether the committed files are current.

python -m deploy.generate [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.generate.completion import bash, fish, zsh
from deploy.generate.manual import page
from deploy.generate.tree import NAME, command_tree
from exporter import __version__
from exporter.cli import app
from exporter.config.overrides import variables

FOLDER = Path(__file__).resolve().parents[1]


def files() -> dict[str, str]:
    """Return what each generated file must hold, by its path below deploy/."""
    program = command_tree(app)
    overridden = {name: ".".join(map(str, path)) for name, (path, _) in variables().items()}
    return {
        f"man/{NAME}.1": page(program, __version__, overridden),
        f"completion/{NAME}.bash": bash(program),
        f"completion/_{NAME}": zsh(program),
        f"completion/{NAME}.fish": fish(program),
    }


def main(arguments: list[str]) -> int:
    """Write the files, or check them; return the exit code."""
    stale = {name: text for name, text in files().items() if _read(FOLDER / name) != text}
    if arguments == ["--check"]:
        for name in stale:
            sys.stderr.write(f"deploy/{name} is not current: run make docs\n")
        return 1 if stale else 0
    for name, text in stale.items():
        (FOLDER / name).write_text(text, "utf-8")
    return 0


def _read(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
