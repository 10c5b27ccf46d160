"""The outcome of one check, as one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from exporter.printable import printable

Status = Literal["ok", "warn", "FAIL"]


@dataclass(frozen=True, slots=True)
class Result:
    """What was checked, and what was found: `what is wrong; remedy` unless it is ok.

    `warn` is for what may be meant so, `FAIL` for what keeps the daemon from doing its work.
    """

    status: Status
    subject: str
    text: str

    def __str__(self) -> str:
        """Return the line to print."""
        return f"{self.status:4}  {self.subject}: {printable(self.text)}"
