"""The command line as a whole: help, exit codes, and errors without tracebacks."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from exporter import __version__, cli

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = ["run", "check", "explain", "state", "state show", "state reset", "demo"]

RUNNER = CliRunner()


def call(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "exporter", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    """--help says what the command does, explains each option, and ends with an example."""
    result = RUNNER.invoke(cli.app, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert f"{command} [OPTIONS]" in result.output
    assert "Example: booking-exporter" in result.output
    described = [line.split(maxsplit=1) for line in result.output.splitlines() if line.startswith("  -")]
    assert described
    assert all(len(one) > 1 for one in described)


def test_the_list_of_commands_is_complete() -> None:
    """The tests of help above cover every command that there is."""
    group = typer.main.get_command(cli.app)
    names = set(getattr(group, "commands", {}))
    assert names == {one.split()[0] for one in COMMANDS}


def test_without_arguments_help_is_shown() -> None:
    """Called alone it shows its help, with where to begin."""
    result = RUNNER.invoke(cli.app, [])
    assert "Begin with: booking-exporter demo" in result.output
    assert "explain" in result.output


def test_version_is_shown() -> None:
    """--version prints name and version."""
    result = RUNNER.invoke(cli.app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"booking-exporter {__version__}\n")


@pytest.mark.parametrize("arguments", [["bogus"], ["run", "--bogus"], ["explain", "a", "b"], ["demo", "--rate", "x"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    """A command or option that does not exist gives one message and exit code 2."""
    result = RUNNER.invoke(cli.app, arguments)
    assert result.exit_code == 2
    assert result.output.splitlines()[-1].startswith("Error: ")


def test_a_wrong_configuration_is_told_without_a_traceback(tmp_path: Path) -> None:
    """Every problem is one line on standard error, and the exit code is 2."""
    path = tmp_path / "bad.yaml"
    path.write_text("logz: []\nlog: {level: loud}\n", encoding="utf-8")
    result = call("run", "--config", str(path))
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        f"booking-exporter: {path}:1: logz: unknown key; did you mean log or logs?",
        f"booking-exporter: {path}:2: log.level: must be debug, info, warning or error",
    ]


def test_a_bug_is_one_line_without_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unexpected exception is told by type and place, in one line, with what to do; its text is not."""

    class Broken:
        def isatty(self) -> bool:
            return False

        @property
        def buffer(self) -> object:
            raise RuntimeError("Erika Mustermann")

    monkeypatch.setattr(sys, "argv", ["booking-exporter", "explain"])
    monkeypatch.setattr(sys, "stdin", Broken())
    with pytest.raises(SystemExit) as caught:
        cli.main()
    err = capsys.readouterr().err
    assert caught.value.code == cli.EXIT_BUG
    assert err.startswith("booking-exporter: internal error: RuntimeError at ")
    assert " < commands/explain.py:" in err
    assert err.endswith("this is a bug, please report this line to the maintainers\n")
    assert err.count("\n") == 1
    assert "Erika" not in err


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """With `| head` the command ends quietly when its reader does."""
    log = tmp_path / "laravel.log"
    log.write_text("[2025-10-06 18:22:12] production.INFO: hello \n" * 20_000, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "exporter", "explain", str(log)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


def test_an_interrupt_ends_quietly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends a command with exit code 130 and no word."""

    class Interrupted:
        def isatty(self) -> bool:
            return False

        @property
        def buffer(self) -> object:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["booking-exporter", "explain"])
    monkeypatch.setattr(sys, "stdin", Interrupted())
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert (caught.value.code, capsys.readouterr().err) == (130, "")


def test_no_command_waits_for_what_another_needs() -> None:
    """A start imports neither the demo, nor the drawing on terminals, nor, before it is due, the web server."""
    heavy = ["exporter.demo.tour", "rich", "uvicorn", "asyncio"]
    code = f"import sys, exporter.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_messages_do_not_reach_into_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a file or a key is called is shown with its control characters escaped, in one line."""
    config = tmp_path / "evil\x1b[31m\n\u202e.yaml"
    config.write_text('"\\e]0;x\\a": 1\n', encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["booking-exporter", "check", "--config", str(config)])
    with pytest.raises(SystemExit):
        cli.main()
    told = capsys.readouterr().err
    assert told.startswith(f"booking-exporter: {tmp_path}/evil\\x1b[31m\\n\\u202e.yaml:1: \\x1b]0;x\\x07: unknown key")
    assert told[:-1].isprintable()
