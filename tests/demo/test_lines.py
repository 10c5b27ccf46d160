"""The simulated app writes what Monolog would."""

from __future__ import annotations

from datetime import UTC, datetime

from exporter.demo.lines import exception, record, trace

MOMENT = datetime(2026, 3, 1, 9, 5, 7, tzinfo=UTC)


def test_record_without_context_ends_in_two_spaces() -> None:
    """An empty context and extra leave their two spaces before the line feed."""
    assert record(MOMENT, "production", "info", "Boot") == b"[2026-03-01 09:05:07] production.INFO: Boot  \n"


def test_record_with_context_is_compact_unescaped_json() -> None:
    """Contexts have no spaces after separators, and neither slashes nor other scripts are escaped."""
    line = record(MOMENT, "local", "error", "M", {"a": "ä/b", "f": -31.5, "n": None})
    assert line.decode() == '[2026-03-01 09:05:07] local.ERROR: M {"a":"ä/b","f":-31.5,"n":null} \n'


def test_line_feeds_in_values_become_real_ones() -> None:
    """Monolog's allowInlineLineBreaks turns escaped breaks into real ones, and leaves an escaped backslash."""
    line = record(MOMENT, "local", "info", "M", {"t": "a\nb\r\nc\\neu"})
    assert line.endswith(b'{"t":"a\nb\n\nc\\\\neu"} \n')


def test_trace_numbers_its_frames() -> None:
    """A trace ends in {main}, one number above the last frame."""
    assert trace([("/a.php(1)", "f()"), ("/b.php(2)", "g()")]) == "#0 /a.php(1): f()\n#1 /b.php(2): g()\n#2 {main}"


def test_exception_holds_class_code_place_and_trace() -> None:
    """An exception in a context reads as Monolog's normalizer writes it."""
    text = exception("LogicException", 7, "no", "/a.php:1", [("/a.php(1)", "f()")])
    assert text == "[object] (LogicException(code: 7): no at /a.php:1)\n[stacktrace]\n#0 /a.php(1): f()\n#1 {main}\n"
