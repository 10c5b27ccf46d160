"""Text that may hold anything, made safe for a terminal and for a line of a log."""

from __future__ import annotations

_ELLIPSIS = "…"
_INVALID_BYTES = range(0xDC80, 0xDD00)
"""The code points by which `surrogateescape` stands in for single invalid bytes (PEP 383)."""


def printable(text: str | bytes) -> str:
    r"""Return `text` with every character escaped that does not print on one line.

    Control characters (a terminal would obey them), line feeds, and characters that reverse
    the reading direction come out as Python escapes, invalid UTF-8 as the escape of its byte.

    >>> printable(b"caf\xc3\xa9 \x1b[31m\xff")
    'café \\x1b[31m\\xff'
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    return "".join(one if one.isprintable() else _escape(one) for one in text)


def _escape(character: str) -> str:
    if ord(character) in _INVALID_BYTES:
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def cut(text: str, width: int) -> str:
    """Return `text` in at most `width` (1 or more) characters, ending in an ellipsis where it was longer."""
    return text if len(text) <= width else text[: width - 1] + _ELLIPSIS


def size(count: int) -> str:
    """Return a number of bytes as people read it, in decimal units.

    >>> size(999), size(2_400_000)
    ('999 B', '2.4 MB')
    """
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:  # noqa: PLR2004  # decimal units
            return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
