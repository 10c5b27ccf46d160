"""The progress bar of `run` on a terminal, while much is left to read."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

WORTH_A_BAR = 32_000_000
"""Bytes left to read from which on a catch-up takes long enough to be shown."""


class CatchUp:
    """A progress bar that appears while much is left to read, and goes when all is read."""

    def __init__(self, console: Console) -> None:
        """Take the terminal to draw on."""
        self._progress = Progress(
            TextColumn("catching up"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=None)
        self._shown = False

    def __enter__(self) -> Self:
        """Begin without a bar."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away, whatever happened."""
        self._progress.stop()

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` bytes have been read."""
        if not self._shown and total - done >= WORTH_A_BAR:
            self._progress.reset(self._task)
            self._progress.start()
            self._shown = True
        if self._shown:
            self._progress.update(self._task, completed=done, total=total)
            if done >= total:
                self._progress.stop()
                self._shown = False
