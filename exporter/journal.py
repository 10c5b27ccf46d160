"""The daemon's own log on stderr: JSON objects or readable lines, limited in rate.

Messages are constant templates; what varies stands in `extra` fields. Neither may hold text
from a log record (guarantee G6), and exceptions are written as their type and the places
they passed, because their text might. Format of the JSON lines: python-json-logger
(https://nhairs.github.io/python-json-logger), one object with `timestamp` (UTC, ISO 8601),
`level`, `logger`, `message` and the extra fields.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from collections import OrderedDict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from exporter.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from exporter.config.schema import JournalSettings

PACKAGE = "exporter"

BURST = 20
REFILL = 1 / 30
TOTAL_BURST = 200
TOTAL_REFILL = 1 / 5
"""Tokens per second. All messages together: at most 17,280 lines a day after the first 200."""

TEMPLATES = 512

_OURS = str(Path(__file__).parent) + "/"

SUPPRESSED = "suppressed"
SUPPRESSED_OTHERS = "suppressed_others"


_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""syslog(3)'s numbers, by the lowest level that has them; 7 below."""


ERROR_PRIORITY = "<3>"
"""What a line for the journal begins with that tells of an error."""


def configure(
    settings: JournalSettings, stream: TextIO | None, monotonic: Callable[[], float], *, journald: bool = False
) -> logging.Handler:
    """Send the logs of this process to `stream` as the settings say, and return the handler that does.

    Without a stream that is what `sys.stderr` is at each message, so that a progress bar can
    stand in for it. `monotonic` is a clock in seconds for the rate limit. Libraries are heard from `warning`
    on. A further call replaces what an earlier one set. With `journald` each line begins with its
    priority (sd-daemon(3)), which the journal takes off and keeps, and readable lines have no time,
    since it notes that by itself.
    """
    handler = _Handler(stream)
    formatter = _Json() if settings.format == "json" else _Text(timed=not journald)
    handler.setFormatter(_Prefixed(formatter) if journald else formatter)
    handler.addFilter(RateLimit(monotonic))
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger(PACKAGE).setLevel(level)
    return handler


def to_journald(environ: Mapping[str, str], descriptor: int = 2) -> bool:
    """Tell whether standard error is the stream to the journal that systemd has named (systemd.exec(5))."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class RateLimit(logging.Filter):
    """Lets a burst of each message through, then a trickle; counts what it holds back.

    A message is a logger's name and its template. The next one that passes tells in
    `suppressed` how many of its kind were held back since, and in `suppressed_others`
    how many of any kind the limit for all of them together held back.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Take a clock in seconds that never goes back."""
        super().__init__()
        self._monotonic = monotonic
        self._lock = threading.RLock()
        self._total = _Bucket(TOTAL_BURST, TOTAL_REFILL, monotonic())
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to write the record, and note on it what was held back before."""
        with self._lock:
            now = self._monotonic()
            bucket = self._bucket((record.name, str(record.msg)), now)
            if not (bucket.take(now) and self._total.take(now)):
                return False
            if bucket.refused:
                setattr(record, SUPPRESSED, bucket.refused)
            if self._total.refused:
                setattr(record, SUPPRESSED_OTHERS, self._total.refused)
            bucket.refused = self._total.refused = 0
            return True

    def _bucket(self, key: tuple[str, str], now: float) -> _Bucket:
        bucket = self._buckets.setdefault(key, _Bucket(BURST, REFILL, now))
        self._buckets.move_to_end(key)
        if len(self._buckets) > TEMPLATES:
            self._buckets.popitem(last=False)
        return bucket


class _Bucket:
    """A token bucket: `burst` tokens, refilled with `rate` per second."""

    def __init__(self, burst: int, rate: float, now: float) -> None:
        self._burst = burst
        self._rate = rate
        self._tokens = float(burst)
        self._time = now
        self.refused = 0

    def take(self, now: float) -> bool:
        self._tokens = min(self._burst, self._tokens + (now - self._time) * self._rate)
        self._time = now
        if self._tokens < 1:
            self.refused += 1
            return False
        self._tokens -= 1
        return True


def places(error: BaseException) -> str:
    """Return an exception as its type and the places that it passed, innermost first, without its text.

    Of other packages only the innermost place is told.

    >>> places(KeyError("what it says may come from a log record"))
    'KeyError'
    """
    frames = traceback.extract_tb(error.__traceback__)[::-1]
    told = [frame for number, frame in enumerate(frames) if number == 0 or frame.filename.startswith(_OURS)]
    passed = " < ".join(f"{_short(frame.filename)}:{frame.lineno}" for frame in told)
    return f"{type(error).__name__} at {passed}" if passed else type(error).__name__


def _short(filename: str) -> str:
    return filename.removeprefix(_OURS) if filename.startswith(_OURS) else "/".join(filename.rsplit("/", 2)[-2:])


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to the stream, and drops what it refuses (a full disk, a closed pipe): nobody could be told."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream)
        self._given = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record."""
        self.stream = self._given or sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # as the base class has it
        """Ignore that this record could not be written."""


class _PlacesOnly(logging.Formatter):
    """Formats exceptions by `places`, and times in UTC."""

    def formatException(  # noqa: N802  # as the base class has it
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        """Return the exception in one line, without its text."""
        return places(ei[1]) if ei[1] is not None else "none"

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802  # as above
        """Return when the record was made, such as 2026-03-29T01:30:00.123Z."""
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Json(_PlacesOnly, JsonFormatter):
    """One JSON object per line."""

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s %(levelname)s %(name)s %(message)s",
            rename_fields={"asctime": "timestamp", "levelname": "level", "name": "logger", "exc_info": "exception"},
            json_ensure_ascii=True,  # a terminal may obey what is beyond ASCII, too: C1 controls, reversed direction
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Write levels in lower case, as the configuration does."""
        log_data["level"] = str(log_data["level"]).lower()
        return log_data


class _Prefixed(logging.Formatter):
    """Another formatter's lines, each with its priority in front."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Return the record in one line."""
        priority = next((number for level, number in _PRIORITIES if record.levelno >= level), 7)
        return f"<{priority}>{self._inner.format(record)}"


class _Text(_PlacesOnly):
    """One readable line: time (where it is asked for), level, message, and the extra fields as key=value."""

    def __init__(self, *, timed: bool) -> None:
        super().__init__()
        self._timed = timed

    def format(self, record: logging.LogRecord) -> str:
        """Return the record in one line; what could break the line is escaped."""
        extra = "".join(f" {name}={value}" for name, value in record.__dict__.items() if name not in RESERVED_ATTRS)
        error = f" ({self.formatException(record.exc_info)})" if record.exc_info else ""
        text = printable(f"{record.getMessage()}{error}{extra}")
        line = f"{record.levelname.lower():7} {text}"
        return f"{self.formatTime(record)} {line}" if self._timed else line
