"""Tests of exporter.events.patterns."""

from __future__ import annotations

import json

import pytest

from exporter.events.patterns import Regex, check_key_regex, spellings


@pytest.mark.parametrize(
    "literal", ["Stale booking", 'say "hi"', "a/b\\c", "Lock->block()", "📅 né", "two\nlines", "O'Brien & <b>"]
)
def test_every_json_form_is_a_spelling(literal: str) -> None:
    """Whatever PHP's flags, the escaped literal is among the spellings, and the literal itself is the first."""
    forms = spellings(literal)
    assert forms[0] == literal.encode()
    assert len(set(forms)) == len(forms)
    for ascii_only in (False, True):
        escaped = json.dumps(literal, ensure_ascii=ascii_only)[1:-1]
        assert escaped.encode() in forms
        assert escaped.replace("/", "\\/").encode() in forms
        assert (
            escaped.replace(">", "\\u003E")
            .replace("<", "\\u003C")
            .replace("'", "\\u0027")
            .replace("&", "\\u0026")
            .encode()
            in forms
        )


def test_plain_literals_have_one_spelling() -> None:
    """A literal that JSON leaves alone costs one pattern only."""
    assert spellings("Stale booking detected") == (b"Stale booking detected",)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("^abc", "anchors"),
        ("abc$", "anchors"),
        (r"\Aabc", "anchors"),
        (r"abc\b", "anchors"),
        ("a(?=b)", "lookahead"),
        ("a(?!b)", "lookahead"),
        ("(?<=a)b", "lookahead"),
        ("(?<!a)b", "lookahead"),
        (r"(a)\1", "backreferences"),
        ("(?P<x>a)(?P=x)", "backreferences"),
        ("(a)?(?(1)b|c)", "backreferences"),
        ("a++b", "possessive"),
        ("(?>ab)c", "possessive"),
        ("a{,3}b", "write {0,n}"),
        ("né", "ASCII"),
        ("a(b", "not a valid regex"),
        ("a[[:alpha:]]", "not a valid regex"),
        (r"a\q", "not a valid regex"),
        ("a*", "hyperscan refuses"),
        ("a{1000,40000}", "hyperscan refuses"),
    ],
)
def test_refused_regexes(pattern: str, reason: str) -> None:
    """What the two engines would read differently, or not at all, is refused with the reason."""
    with pytest.raises(ValueError, match=reason):
        Regex(pattern)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (r"took \d+ ms", b"it took 12 ms"),
        (r"(?i)ERROR [^$^]x", b"error -x"),
        (r"\$5 \^", b"cost $5 ^"),
        (r"[]$]\\b", b"]\\b"),
        (r"a(?:b|c){2,3}", b"abc"),
    ],
)
def test_allowed_regexes(pattern: str, found: bytes) -> None:
    """Classes, escapes, groups, alternatives and counted repeats are allowed; escaped anchors are plain."""
    assert Regex(pattern).found_in(b"before " + found + b" after")
    assert not Regex(pattern).found_in(b"something else")


def test_a_regex_takes_linear_time() -> None:
    """A pattern on which backtracking would take for ever is searched in a million bytes all the same."""
    assert not Regex("(a+)+b").found_in(b"a" * 1_000_000)
    assert not Regex("(a+)+b").found_in(b"")


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(a+)+b", "repeats without an upper bound"),
        ("a*(b)", "repeats without an upper bound"),
        ("(a{2,})", "repeats without an upper bound"),
        ("(?:a{1,9}){1,9}(b)", "a group may not be repeated"),
        ("(a{1,300}a{1,300})", "multiply to more than 65536"),
        ("(a)(?=b)", "lookahead"),
        ("(né)", "ASCII"),
    ],
)
def test_keys_that_a_record_could_make_slow(pattern: str, reason: str) -> None:
    """A key's pattern is searched by `re`, so it may repeat nothing in ways that go through a text again and again."""
    with pytest.raises(ValueError, match=reason):
        check_key_regex(pattern)


@pytest.mark.parametrize(
    "pattern", [r"key '([^']{1,255})'", r"\(id\)=\(([^)]{1,255})\)", r"(?:a[+*]\+\*)?(b{3})", "([]+]{1,9})"]
)
def test_keys_that_are_fine(pattern: str) -> None:
    """Bounded repetitions, optional groups, and the signs themselves in classes or behind a backslash are taken."""
    assert check_key_regex(pattern).groups == 1
