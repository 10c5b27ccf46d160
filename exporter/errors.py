"""Errors that the user can mend: the command line prints their messages and no traceback."""

from __future__ import annotations


class UserError(Exception):
    """Something outside the program is wrong: its usage, the configuration, the state, a port.

    `messages` holds one line per problem, each with place and remedy. Nothing from a log
    record may stand in them (guarantee G6). Classes that derive from this one are printed
    by `exporter.cli.main`, which then exits with `exit_code`.
    """

    exit_code = 2

    def __init__(self, *messages: str) -> None:
        """Take one message per problem."""
        super().__init__(*messages)
        self.messages = messages

    def __str__(self) -> str:
        """Return the messages, one per line."""
        return "\n".join(self.messages)
