"""The event loader under any input: definitions or `EventError`, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exporter.events.classify import classify
from exporter.events.definitions import EventError, Source, builtin_source, load_events, read_sources
from exporter.records.parse import parse
from exporter.records.scan import Scanner
from tests.fuzz.documents import DEEP, changed, damaged, texts, values
from tests.support.effort import examples

if TYPE_CHECKING:
    from pathlib import Path

BOOKING = builtin_source().text
WHOLE: dict[str, Any] = yaml.safe_load(BOOKING)
RECORD = parse(b'[2025-10-06 18:22:12] production.ERROR: Stale booking detected {"booking_id":1,"age_seconds":-2.5} \n')
WORDS = """
    version family marker events disable series name match message contains regex begins levels channels record
    lowest_level count metric labels observe value transform abs incident examples expect none level help kind
    counter histogram gauge buckets one_of path other context.age_seconds context. violation labels identifier
    error info api_gateway_x_total stale_booking layer1 booking_exporter_x (?=x) (a+)+b a{1,100000} [ \\p{Greek}
"""
LANGUAGE = sorted(set(WORDS.split()))


def load(*texts: str) -> None:
    """Load the sources; a set that loads must also compile and classify. EventError is what may be raised."""
    try:
        events = load_events([Source(f"{index}.yaml", text) for index, text in enumerate(texts)])
    except EventError as error:
        problems = error.messages
    else:
        Scanner(events.triggers)
        assert RECORD is not None
        classify(events, RECORD, None)
        return
    assert problems
    assert all(problems)


def dump(document: object) -> str:
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)


@st.composite
def parts(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the shipped file with two of its events."""
    chosen = draw(st.lists(st.sampled_from(WHOLE["events"]), min_size=1, max_size=2))
    return {**WHOLE, "events": chosen}


@settings(max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts(LANGUAGE))
@example("!!timestamp x")
@example("!!bool x")
@example("!!int x")
@example("version: 1\nevents: 2001-13-45")
@example("a: &a [*a]")
@example("? [a]\n: b")
@example("<<: 1")
def test_any_text(text: str) -> None:
    """Any text is a set of events or an EventError with messages."""
    load(text)


@pytest.mark.parametrize("text", DEEP, ids=lambda text: text[:4])
def test_deep_text(text: str) -> None:
    """Values nested beyond any limit are an EventError with messages."""
    with pytest.raises(EventError) as refused:
        load_events([Source("0.yaml", text)])
    assert refused.value.messages


@settings(max_examples=examples(70), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(LANGUAGE), values(LANGUAGE), max_size=5))
def test_any_values(document: dict[str, Any]) -> None:
    """Any values under the words of the language are events or an EventError."""
    load(dump({"version": 1, **document}))


@settings(max_examples=examples(70), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parts().flatmap(lambda document: changed(document, LANGUAGE)))
def test_changed_values(document: dict[str, Any]) -> None:
    """The shipped definitions with parts replaced, removed, doubled or renamed are events or an EventError."""
    load(dump(document))


@settings(max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parts().map(dump).flatmap(damaged))
def test_damaged_text(text: str) -> None:
    """The shipped definitions with characters lost or put in are events or an EventError."""
    load(text)


@settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(damaged(BOOKING), st.booleans())
def test_beside_the_shipped_ones(text: str, first: bool) -> None:  # noqa: FBT001  (drawn)
    """A damaged copy before or after the shipped definitions is events or an EventError."""
    load(*((text, BOOKING) if first else (BOOKING, text)))


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_file(tmp_path: Path, data: bytes) -> None:
    """Any bytes in a file are text or an EventError."""
    path = tmp_path / "events.yaml"
    path.write_bytes(data)
    try:
        texts = [source.text for source in read_sources([path], builtin=False)]
    except EventError as error:
        texts = []
        told = str(error)
    else:
        told = str(path)
    assert str(path) in told
    load(*texts)
