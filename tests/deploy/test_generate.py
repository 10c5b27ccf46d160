"""The manual page and the completions: current, correct, and understood by the programs that read them."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
import typer

from deploy.generate.__main__ import FOLDER, files, main
from deploy.generate.completion import bash, fish, zsh
from deploy.generate.manual import page
from deploy.generate.tree import command_tree
from exporter.cli import app
from tests.support.packages import need_program

if TYPE_CHECKING:
    from pathlib import Path

BASH, ZSH, FISH = (FOLDER / "completion" / name for name in
                   ("booking-exporter.bash", "_booking-exporter", "booking-exporter.fish"))  # fmt: skip
MANUAL = FOLDER / "man" / "booking-exporter.1"
CASES = [
    ("booking-exporter st", {"state"}),
    ("booking-exporter state re", {"reset"}),
    ("booking-exporter state show --js", {"--json"}),
    ("booking-exporter run --timezone Europe/Berlin --onc", {"--once"}),
    ("booking-exporter run --config state --li", {"--listen"}),
    ("booking-exporter demo --on", set()),
]
"""What stands on the command line, and what completes its last word."""


def odd_app() -> typer.Typer:
    """Return a program whose texts hold what roff and the shells treat specially."""
    odd = typer.Typer(add_completion=False, rich_markup_mode=None)

    @odd.command("one")
    def one(*, text: str = typer.Option("none", "--text", "-t", help="It's 100% `a:b` [c] $HOME \\n.")) -> None:
        r""".Dots, 'quotes' and back\slashes."""

    @odd.command("two")
    def two() -> None:
        """'Tis another."""

    return odd


def test_the_committed_files_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    """What is shipped is what the command line gives."""
    assert main(["--check"]) == 0, capsys.readouterr().err
    assert {path.relative_to(FOLDER).as_posix() for path in (BASH, ZSH, FISH, MANUAL)} == set(files())


def test_the_manual_names_every_command_and_option() -> None:
    """Each command has a section, and each of its options an entry in it."""
    shown = MANUAL.read_text("utf-8").replace("\\-", "-")
    sections = dict(re.findall(r"^\.SS (.+)\n((?:(?!\.S[SH]).*\n)*)", shown, re.MULTILINE))
    commands = [one for one in command_tree(app).walk() if not one.children]
    assert list(sections) == [" ".join(one.words) for one in commands]
    for one in commands:
        for option in one.options:
            assert f"\\fB{option.names[0]}\\fR" in sections[" ".join(one.words)]


@pytest.mark.parametrize("odd", [False, True], ids=["ours", "odd"])
def test_the_manual_is_sound_roff(tmp_path: Path, odd: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """Man shows it without a warning, and nothing that was written is swallowed as a request."""
    need_program("man", "man-db")
    path = tmp_path / "page.1"
    path.write_text(page(command_tree(odd_app()), "1", {}) if odd else MANUAL.read_text("utf-8"), "utf-8")
    environment = {"PATH": os.environ["PATH"], "MANWIDTH": "200", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", str(path)],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    assert done.stderr == ""
    text = " ".join(done.stdout.split())
    told = [".Dots, 'quotes' and back\\slashes.", "'Tis another.", "It's 100% `a:b` [c] $HOME \\n."]
    for sentence in told if odd else [command_tree(app).summary[8:], "--database-url URL", "EXIT STATUS"]:
        assert sentence in text


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_bash_completes(line: str, expected: set[str]) -> None:
    """Bash, with the file sourced, offers exactly these words."""
    assert _bash(BASH.read_text("utf-8"), line.split(), str(FOLDER)) == expected


def test_bash_completes_files_where_a_file_is_wanted(tmp_path: Path) -> None:
    """After an option for a file, with or without =, and where the argument is one; spaces in names are kept."""
    (tmp_path / "my log").touch()
    text = BASH.read_text("utf-8")
    for words in (["run", "--config", "my"], ["run", "--log", "=", "my"], ["explain", "my"]):
        assert _bash(text, ["booking-exporter", *words], str(tmp_path)) == {"my log"}
    assert _bash(text, ["booking-exporter", "demo", "--directory", "my"], str(tmp_path)) == set()
    assert _bash(text, ["booking-exporter", "run", "--timezone", "my"], str(tmp_path)) == set()


def _bash(text: str, words: list[str], folder: str) -> set[str]:
    program = (
        f'{text}\ncompopt() {{ :; }}\nCOMP_WORDS=("$@")\nCOMP_CWORD=$(($# - 1))\n_booking_exporter\n'
        '[ ${#COMPREPLY[@]} = 0 ] || printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", program, "bash", *words], capture_output=True, text=True, check=True, cwd=folder
    )
    assert done.stderr == ""
    return set(done.stdout.splitlines())


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_fish_completes(line: str, expected: set[str]) -> None:
    """Fish, with the file loaded, offers exactly these words."""
    done = subprocess.run(
        [need_program("fish", "fish"), "--no-config", "-c", f"source {FISH}; complete -C '{line}'"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert {one.split("\t")[0] for one in done.stdout.splitlines()} == expected


def test_zsh_completes() -> None:
    """Zsh, after compinit has found the file, completes each line that has one completion, and leaves the other."""
    done = _zsh([line for line, _ in CASES])
    assert done == [" ".join([*line.split()[:-1], *(words or {line.split()[-1]})]) for line, words in CASES]


def _zsh(lines: list[str]) -> list[str]:
    """Type each line and a tabulator into an interactive zsh; return what then stands there."""
    shell = need_program("zsh", "zsh")
    terminal, side = pty.openpty()
    child = subprocess.Popen(
        ["setsid", "--ctty", shell, "-f", "-i"],
        stdin=side, stdout=side, stderr=side, env=os.environ | {"TERM": "dumb"},
    )  # fmt: skip
    os.close(side)
    try:
        for setting in (
            f"stty -echo columns 500; PS1='' PS2=''; fpath=({FOLDER}/completion $fpath)",
            "autoload -Uz compinit; compinit -u -D; bindkey -e; unsetopt zle_bracketed_paste",
            # This key prints the line instead of running it.
            'told() { print -r -- "<$BUFFER>"; BUFFER=; }; zle -N told; bindkey "^X" told',
        ):
            _typed(terminal, setting + "\r", "")
        _typed(terminal, "print re''ady\r", "(ready)")
        return [_typed(terminal, f"{line}\t\x18", r"<([^<>]*?) *>").strip() for line in lines]
    finally:
        os.close(terminal)
        child.wait()


def _typed(terminal: int, text: str, answer: str) -> str:
    os.write(terminal, text.encode())
    seen = ""
    until = time.monotonic() + 30
    while answer and time.monotonic() < until:
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 65536).decode("utf-8", "replace")
            if found := re.search(answer, seen):
                return found[1]
    assert not answer, seen
    return ""


def test_odd_texts_are_quoted_for_each_shell(tmp_path: Path) -> None:
    """Quotes, colons, brackets, dollars and backslashes in a help text break none of the three."""
    program = command_tree(odd_app())
    for shell, text in (("bash", bash(program)), ("zsh", zsh(program)), ("fish", fish(program))):
        path = tmp_path / shell
        path.write_text(text, "utf-8")
        subprocess.run([need_program(shell, shell), "-n", str(path)], check=True)
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source {tmp_path}/fish; complete -C 'booking-exporter one --te'"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "--text\tIt's 100% `a:b` [c] $HOME \\n. Default: none.\n"
