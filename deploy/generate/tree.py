"""The command line as plain values: what the manual page and the completions are made from. Pure."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer.main
from typer.core import TyperArgument, TyperGroup, TyperOption

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "booking-exporter"
_HELP = "Show the help of the command and exit."


@dataclass(frozen=True, slots=True)
class Option:
    """An option: its names, longest first; `value` is the word for its value, None for a switch."""

    names: tuple[str, ...]
    value: str | None
    help: str
    repeated: bool

    @property
    def files(self) -> bool:
        """Tell whether the value is the name of a file, or a pattern of such."""
        return self.value in {"FILE", "GLOB"}

    @property
    def directories(self) -> bool:
        """Tell whether the value is the name of a directory."""
        return self.value == "DIR"


@dataclass(frozen=True, slots=True)
class Argument:
    """A positional argument: the word for it, and what it is."""

    value: str
    help: str
    repeated: bool


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or a group of them: `words` lead to it, none for the program itself."""

    words: tuple[str, ...]
    help: str
    epilog: str
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...]
    children: tuple[Command, ...]

    @property
    def summary(self) -> str:
        """The first paragraph of the help, as one line."""
        return " ".join(self.help.split("\n\n")[0].split())

    def walk(self) -> Iterator[Command]:
        """Yield this command and all below it, each before its children."""
        yield self
        for child in self.children:
            yield from child.walk()


def command_tree(app: typer.Typer) -> Command:
    """Return what `app` declares, hidden options left out."""
    return _command(typer.main.get_command(app), ())


def _command(command: object, words: tuple[str, ...]) -> Command:
    parameters = getattr(command, "params", [])
    children = command.commands.items() if isinstance(command, TyperGroup) else ()
    return Command(
        words=words,
        help=inspect.cleandoc(getattr(command, "help", "") or ""),
        epilog=" ".join((getattr(command, "epilog", "") or "").split()),
        options=(
            *(_option(one) for one in parameters if isinstance(one, TyperOption) and not one.hidden),
            Option(("--help", "-h"), None, _HELP, repeated=False),
        ),
        arguments=tuple(_argument(one) for one in parameters if isinstance(one, TyperArgument)),
        children=tuple(_command(child, (*words, name)) for name, child in children),
    )


def _option(one: TyperOption) -> Option:
    default = "" if one.is_flag or one.default is None else f" Default: {one.default}."
    return Option(
        names=tuple(sorted((*one.opts, *one.secondary_opts), key=len, reverse=True)),
        value=None if one.is_flag else one.metavar or "N",
        help=(one.help or "") + default,
        repeated=one.multiple,
    )


def _argument(one: TyperArgument) -> Argument:
    return Argument(str(one.metavar or one.name).strip("[]"), one.help or "", one.nargs != 1)
