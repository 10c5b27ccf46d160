"""The daemon's own log."""

from __future__ import annotations

import io
import json
import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from exporter import journal
from exporter.config.schema import JournalSettings

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.config.schema import LogFormat

LOG = logging.getLogger("exporter.tail.follow")

pytestmark = pytest.mark.usefixtures("restored_logging")


class Clock:
    """A monotonic clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def written(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail() -> None:
    raise KeyError("Erika Mustermann")


def test_json_is_one_object_per_line(clock: Clock) -> None:
    """Time in UTC, level in lower case, logger, message and extra fields stand in one JSON object."""
    stream = io.StringIO()
    journal.configure(JournalSettings("info", "json"), stream, clock)
    LOG.warning("cannot read the file", extra={"log": "app", "path": "/a\nü.log", "cause": "permission"})
    (line,) = written(stream)
    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset() == timedelta(0)
    assert line == {
        "level": "warning",
        "logger": "exporter.tail.follow",
        "message": "cannot read the file",
        "log": "app",
        "path": "/a\nü.log",
        "cause": "permission",
    }


HOSTILE = "/logs/\x1b]0;owned\x07\x9b31m\u202egol.\n{}\udcff"


@pytest.mark.parametrize("form", ["json", "text"])
def test_nothing_that_a_terminal_obeys(clock: Clock, form: LogFormat) -> None:
    """Whatever a file is called, a line of our log is one line of printable ASCII, or of letters."""
    stream = io.StringIO()
    journal.configure(JournalSettings("info", form), stream, clock)
    LOG.warning("cannot read the file", extra={"path": HOSTILE})
    text = stream.getvalue()
    assert text.endswith("\n")
    assert text[:-1].isprintable()
    if form == "json":
        assert json.loads(text)["path"] == HOSTILE


def test_text_is_one_readable_line(clock: Clock) -> None:
    """Line feeds and control characters in a path cannot break or forge a line."""
    stream = io.StringIO()
    journal.configure(JournalSettings("info", "text"), stream, clock)
    LOG.info("listening on %s", "127.0.0.1", extra={"path": "/a\nb\x1b"})
    time, _, rest = stream.getvalue().partition(" ")
    assert time.endswith("Z")
    assert rest == "info    listening on 127.0.0.1 path=/a\\nb\\x1b\n"


@pytest.mark.parametrize("form", ["json", "text"])
def test_exceptions_are_told_without_their_text(clock: Clock, form: LogFormat) -> None:
    """An exception is its type and its places: its text may hold a part of a record."""
    stream = io.StringIO()
    journal.configure(JournalSettings("info", form), stream, clock)
    try:
        fail()
    except KeyError:
        LOG.exception("a bug")
    assert "KeyError at tests/test_journal.py:" in stream.getvalue()
    assert "Erika" not in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


def test_places_of_our_package_are_all_told() -> None:
    """Of the frames, those of the package are told and of others only the innermost."""
    with pytest.raises(AttributeError) as caught:
        journal.configure(None, None, None)  # type: ignore[arg-type]  # this is the mistake
    told = journal.places(caught.value)
    assert told.startswith("AttributeError at journal.py:")
    assert "test_journal" not in told
    assert journal.places(KeyError("x")) == "KeyError"


def test_no_exception_is_no_exception(clock: Clock) -> None:
    """`exc_info` where there is no exception says so."""
    stream = io.StringIO()
    journal.configure(JournalSettings("info", "text"), stream, clock)
    LOG.handle(LOG.makeRecord(LOG.name, logging.ERROR, "", 0, "no error", (), (None, None, None)))
    assert stream.getvalue().endswith("error   no error (none)\n")


def test_the_level_is_that_of_the_settings(clock: Clock) -> None:
    """Below the level nothing is written; of libraries nothing below warning."""
    stream = io.StringIO()
    journal.configure(JournalSettings("debug", "json"), stream, clock)
    LOG.debug("ours")
    logging.getLogger("library").info("theirs")
    logging.getLogger("library").warning("theirs, worse")
    assert [one["message"] for one in written(stream)] == ["ours", "theirs, worse"]
    journal.configure(JournalSettings("error", "json"), stream, clock)
    LOG.warning("ours")
    logging.getLogger("library").warning("theirs")
    assert len(written(stream)) == 2


def test_configuring_anew_replaces_the_handler(clock: Clock) -> None:
    """After a reload each message is written once, to the new place."""
    first, second = io.StringIO(), io.StringIO()
    journal.configure(JournalSettings(), first, clock)
    journal.configure(JournalSettings(), second, clock)
    LOG.info("once")
    assert (first.getvalue(), len(written(second))) == ("", 1)


def test_without_a_stream_it_is_stderr(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard error is looked up at each message, so that it may be redirected meanwhile."""
    journal.configure(JournalSettings(), None, clock)
    LOG.info("to stderr")
    assert json.loads(capsys.readouterr().err)["message"] == "to stderr"


def test_a_stream_that_refuses_is_ignored(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """A full disk or a closed pipe behind standard error stops neither the daemon nor says anything elsewhere."""

    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    journal.configure(JournalSettings(), Full(), clock)
    LOG.info("lost")
    assert capsys.readouterr() == ("", "")


def test_repeats_are_held_back_and_counted(clock: Clock) -> None:
    """After a burst of one message only a trickle passes, and the next one tells how many were held back."""
    stream = io.StringIO()
    journal.configure(JournalSettings(), stream, clock)
    for number in range(journal.BURST + 30):
        LOG.warning("cannot read %s", number)
    LOG.warning("another message")
    lines = written(stream)
    assert len(lines) == journal.BURST + 1
    assert not any(journal.SUPPRESSED in one for one in lines)
    clock.now += 1 / journal.REFILL
    LOG.warning("cannot read %s", "more")
    assert written(stream)[-1] | {"timestamp": ""} == {
        "timestamp": "",
        "level": "warning",
        "logger": "exporter.tail.follow",
        "message": "cannot read more",
        "suppressed": 30,
    }
    LOG.warning("cannot read %s", "even more")
    clock.now += 1 / journal.REFILL
    LOG.warning("cannot read %s", "and more")
    assert written(stream)[-1]["suppressed"] == 1


def test_all_messages_together_are_limited(clock: Clock) -> None:
    """Many different messages share a limit of their own, whose count the next message tells."""
    stream = io.StringIO()
    journal.configure(JournalSettings(), stream, clock)
    for number in range(journal.TOTAL_BURST + 7):
        LOG.warning(f"message {number}")  # noqa: G004  # templates that differ are the point
    assert len(written(stream)) == journal.TOTAL_BURST
    clock.now += 1 / journal.TOTAL_REFILL
    LOG.warning("one more")
    assert written(stream)[-1]["suppressed_others"] == 7


def test_a_day_of_complaints_stays_small(clock: Clock) -> None:
    """A log that is broken all day, complained about ten times a minute, fills some thousand lines."""
    stream = io.StringIO()
    journal.configure(JournalSettings(), stream, clock)
    for _ in range(0, 86_400, 60):
        clock.now += 60
        for _ in range(10):
            LOG.error("cannot read the file")
    lines = written(stream)
    assert len(lines) <= journal.BURST + 86_400 * journal.REFILL
    assert 14_390 <= sum(one.get("suppressed", 0) for one in lines) + len(lines) <= 14_400


def test_remembered_messages_are_bounded(clock: Clock) -> None:
    """However many templates there are, only some are remembered; the oldest is forgotten first."""
    limit = journal.RateLimit(clock)
    record = logging.LogRecord("a", logging.INFO, "", 0, "first", (), None)
    while limit.filter(record):
        pass
    for number in range(journal.TEMPLATES):
        limit.filter(logging.LogRecord("a", logging.INFO, "", 0, f"{number}", (), None))
    clock.now += 1 / journal.TOTAL_REFILL
    assert limit.filter(record)


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_journal_gets_priorities(clock: Clock, form: LogFormat) -> None:
    """For the journal each line begins with its priority, and readable lines leave the time to it."""
    stream = io.StringIO()
    journal.configure(JournalSettings("debug", form), stream, clock, journald=True)
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        LOG.log(level, "told %s", "so")
    lines = stream.getvalue().splitlines()
    assert [line[:3] for line in lines] == ["<7>", "<6>", "<4>", "<3>", "<2>"]
    if form == "text":
        assert lines[1] == "<6>info    told so"
    else:
        assert json.loads(lines[1][3:])["message"] == "told so"


def test_the_journal_is_recognised(tmp_path: Path) -> None:
    """Standard error is the journal's where it is the very stream that systemd has named."""
    path = tmp_path / "stderr"
    with path.open("w") as file:
        found = path.stat()
        name = f"{found.st_dev}:{found.st_ino}"
        assert journal.to_journald({"JOURNAL_STREAM": name}, file.fileno())
        assert not journal.to_journald({"JOURNAL_STREAM": f"{name}1"}, file.fileno())
        assert not journal.to_journald({}, file.fileno())
    assert not journal.to_journald({"JOURNAL_STREAM": name}, -1)
