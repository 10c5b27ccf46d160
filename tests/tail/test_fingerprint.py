"""Hashes of heads and tails."""

from __future__ import annotations

import math

from exporter.tail import fingerprint

DATA = bytes(range(256)) * 20


def test_head_has_a_hash_for_each_length_reached() -> None:
    """A head describes the first 64, 256, 1024 and 4096 bytes, as far as the file has them."""
    spans = [fingerprint.head_span(fingerprint.head(DATA[:size])) for size in (0, 63, 64, 255, 256, 1024, 4095, 4096)]
    assert spans == [0, 0, 64, 64, 256, 1024, 1024, 4096]


def test_same_head_looks_at_what_is_known_only() -> None:
    """A file has a known head if its first bytes are the same, however much follows; a shorter one has not."""
    known = fingerprint.head(DATA[:300])
    assert fingerprint.same_head(known, DATA)
    assert fingerprint.same_head(known, DATA[:256] + b"other")
    assert not fingerprint.same_head(known, DATA[:255])
    assert not fingerprint.same_head(known, b"x" + DATA[1:])


def test_agrees_as_far_as_both_reach() -> None:
    """A shorter file agrees with a known head if the lengths that both have are the same."""
    known = fingerprint.head(DATA)
    assert fingerprint.agrees(known, DATA[:300])
    assert fingerprint.agrees(known, DATA + b"more")
    assert not fingerprint.agrees(known, b"x" + DATA[1:300])


def test_beginning_is_that_of_256_bytes() -> None:
    """Two files begin alike if they share 256 bytes, wherever they part behind them; fewer prove nothing."""
    known = fingerprint.head(DATA)
    assert known.startswith(fingerprint.beginning(DATA[:256] + b"other" * 1000))
    assert fingerprint.beginning(DATA[:255]) == b""
    assert not known.startswith(fingerprint.beginning(DATA[:255] + b"other" * 1000))
    assert not fingerprint.head(DATA[:255]).startswith(fingerprint.beginning(DATA))


def test_parts_before() -> None:
    """Heads tell below which length files part, where they do so within what both hashed."""
    known = fingerprint.head(DATA)
    for length, before in ((10, 64), (64, 256), (300, 1024), (1023, 1024), (1024, 4096)):
        assert fingerprint.parts_before(known, fingerprint.head(DATA[:length] + b"other" * 1000)) == before
    assert fingerprint.parts_before(known, fingerprint.head(DATA[:1000])) == math.inf
    assert fingerprint.parts_before(known, known) == math.inf


def test_tail_is_what_lies_before_a_position() -> None:
    """The tail is a hash of up to 256 bytes, none for no bytes."""
    assert fingerprint.tail(b"") == b""
    assert fingerprint.tail(b"a") != fingerprint.tail(b"b")
    assert (fingerprint.tail_start(100), fingerprint.tail_start(1000)) == (0, 744)
