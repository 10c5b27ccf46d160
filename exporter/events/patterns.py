r"""Texts and regular expressions that definitions look for, and what the scanner needs of them; pure.

The scanner searches a block's raw bytes for triggers; the parsed message decides afterwards.
So a trigger must stand in the raw bytes of every record that can match. JSON may write the
same text in several ways (`/` as `\/`, letters outside ASCII as `\u00e9`, `>` as `\u003E`:
PHP's flags JSON_UNESCAPED_SLASHES, JSON_UNESCAPED_UNICODE and JSON_HEX_TAG), hence `spellings`.
"""

from __future__ import annotations

import json
import math
import re
import warnings

import hyperscan

_UNSUPPORTED = re.compile(
    r"""
    (?P<escape> \\ (?: (?P<anchor>[AZzGbB]) | (?P<backreference>[1-9]|[gkK]) | (?s:.) ) )
    | \[ \^? \]? (?: \\(?s:.) | [^\]\\] )* \]
    | (?P<line>[\^$])
    | (?P<look>\(\?<?[=!])
    | (?P<named>\(\?P=|\(\?\()
    | (?P<atomic>\(\?>|[*+?}]\+)
    | (?P<open_repeat>\{,\d+\})
    """,
    re.VERBOSE,
)
_REFUSED = {
    "anchor": "anchors (\\A, \\Z, \\b) are not supported; use `begins` for the beginning of the message",
    "line": "anchors (^, $) are not supported; use `begins` for the beginning of the message",
    "backreference": "backreferences are not supported",
    "named": "backreferences are not supported",
    "look": "lookahead and lookbehind are not supported",
    "atomic": "possessive and atomic groups are not supported",
    "open_repeat": "write {0,n} for {,n}, which engines read differently",
}
_QUOTED = re.compile(r"\\(?s:.)|\[\^?\]?(?:\\(?s:.)|[^\]\\])*\]")
_UNBOUNDED = re.compile(r"[*+]|\{\d*,\}")
_REPEATED_GROUP = re.compile(r"\)\{")
_MOST = re.compile(r"\{(?:\d*,)?(\d+)\}")
_MOST_WAYS = 1 << 16
_HEX_FLAGGED = {"<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "'": "\\u0027"}


def spellings(literal: str) -> tuple[bytes, ...]:
    r"""Return the literal as it may stand in a log: as it is, then its JSON-escaped forms that differ.

    >>> spellings("a/b")
    (b'a/b', b'a\\/b')
    """
    forms = [literal]
    for ascii_only in (False, True):
        escaped = json.dumps(literal, ensure_ascii=ascii_only)[1:-1]
        forms += [escaped, escaped.replace("/", "\\/")]
    forms += ["".join(_HEX_FLAGGED.get(one, one) for one in form) for form in forms]
    return tuple(dict.fromkeys(form.encode() for form in forms))


class Regex:
    """A regular expression of a definition, searched by hyperscan in time linear in the text.

    `re` would not do: `(a+)+b` takes it 14 s on 27 bytes, and a message may have a million.
    """

    def __init__(self, pattern: str) -> None:
        """Compile the pattern; ValueError says why it is refused."""
        self.pattern = check_regex(pattern).pattern
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        try:
            self._database.compile(
                expressions=[self.pattern], ids=[0], elements=1, flags=[hyperscan.HS_FLAG_SINGLEMATCH]
            )
        except hyperscan.error as error:
            raise ValueError(f"hyperscan refuses the regex: {error}") from None

    def found_in(self, text: bytes) -> bool:
        """Tell whether the pattern matches anywhere in the text."""
        hits: list[int] = []
        self._database.scan(text, match_event_handler=lambda number, *_: hits.append(number))
        return bool(hits)


def check_regex(pattern: str) -> re.Pattern[bytes]:
    """Return the pattern as `re` compiles it; ValueError says why it is refused.

    Allowed is what Python's `re` and hyperscan read alike: RE2's language without anchors,
    on ASCII. Each byte of a letter outside ASCII counts as one character for `.`.
    """
    if not pattern.isascii():
        raise ValueError("a regex must be ASCII: write . for each byte of another character, or use contains")
    for found in _UNSUPPORTED.finditer(pattern):
        if (kind := _refused(found)) is not None:
            raise ValueError(f"{_REFUSED[kind]} (at character {found.start() + 1})")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            return re.compile(pattern.encode())
    except (re.error, FutureWarning) as error:
        raise ValueError(f"not a valid regex: {error}") from None


def check_key_regex(pattern: str) -> re.Pattern[bytes]:
    """Return a pattern that takes out a key's value; ValueError says why it is refused.

    hyperscan tells no groups, so these are searched by `re`, which goes back and forth where
    repetitions can share a text in many ways: they must have an upper bound, and stand in no other.
    """
    plain = _QUOTED.sub("x", pattern)
    if (found := _UNBOUNDED.search(plain)) is not None:
        raise ValueError(f"{found.group()} repeats without an upper bound; write for example {{1,255}}")
    if _REPEATED_GROUP.search(plain):
        raise ValueError("a group may not be repeated, but for `?`; repeat a single character or class")
    if math.prod(int(most) for most in _MOST.findall(plain)) > _MOST_WAYS:
        raise ValueError(f"its repetitions multiply to more than {_MOST_WAYS}; lower their upper bounds")
    return check_regex(pattern)


def _refused(found: re.Match[str]) -> str | None:
    return next((kind for kind in _REFUSED if found.group(kind) is not None), None)
