"""The configuration loader under any input: settings or `ConfigError`, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exporter.config.load import ConfigError, Overrides, load
from exporter.config.overrides import variables
from tests.fuzz.documents import DEEP, changed, damaged, texts, values
from tests.support.effort import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from exporter.config.schema import Settings

    Outcome = Settings | tuple[str, ...]
    Load = Callable[..., Outcome]

TEXT = """\
listen: {address: 127.0.0.1, port: 10877}
logs:
  - name: app
    paths: ["/var/www/current/storage/logs/laravel*.log", "/var/www/current/storage/logs/calcom*.log"]
    rotated: [/var/old/*.log]
    timezone: Europe/Berlin
    start: beginning
    ignore_channels: [testing]
    quiet_after: 500ms
events: {builtin: true, files: [/etc/booking-exporter/events.yaml]}
state: {path: /var/lib/booking-exporter/state.sqlite}
log: {level: info, format: json}
"""
DOCUMENT: dict[str, Any] = yaml.safe_load(TEXT)
WORDS = """
    listen address port logs name paths rotated timezone start ignore_channels quiet_after events builtin files
    state path log level format beginning end UTC Europe/Berlin 500ms 1e9s 10ms 60s debug text json ../../etc
    / ~/x [::1] 0.0.0.0 256.1.1.1 fe80::1%eth0 ٣ 65536 /a/** /[ <<
"""
LANGUAGE = sorted(set(WORDS.split()))
QUICK = settings(
    max_examples=examples(50),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
words = st.one_of(st.sampled_from(LANGUAGE), st.text(max_size=10))
overrides = st.builds(
    Overrides,
    logs=st.lists(words, max_size=2).map(tuple),
    timezone=st.none() | words,
    state=st.none() | words,
    listen=st.none() | words | st.tuples(words, words).map(":".join),
)
environs = st.dictionaries(
    st.sampled_from([*variables(), "BOOKING_EXPORTER_NONE", "BOOKING_EXPORTER_", "PATH"]), words, max_size=3
)


@pytest.fixture
def load_bytes(tmp_path: Path) -> Load:
    """Return a function that loads a file of these bytes: settings, or the problems, none of which may be empty."""
    path = tmp_path / "config.yaml"

    def load_file(data: bytes, environ: Mapping[str, str] | None = None, given: Overrides | None = None) -> Outcome:
        path.write_bytes(data)
        try:
            return load(path, environ or {}, given or Overrides())
        except ConfigError as error:
            return error.problems if all(error.problems) else ()

    return load_file


@QUICK
@given(texts(LANGUAGE))
@example("!!timestamp x")
@example("logs: 2001-13-45")
@example("a: &a [*a]")
@example("logs: &a [*a]")
@example("logs: [&a {name: *a}]")
@example("? {a: b}\n: c")
def test_any_text(load_bytes: Load, text: str) -> None:
    """Any text is settings or a ConfigError with its problems."""
    assert load_bytes(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("text", DEEP, ids=lambda text: text[:4])
def test_deep_text(tmp_path: Path, text: str) -> None:
    """Values nested beyond any limit are a ConfigError with its problems."""
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(path, {}, Overrides())
    assert all(refused.value.problems)


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes(load_bytes: Load, data: bytes) -> None:
    """Any bytes are settings or a ConfigError with its problems."""
    assert load_bytes(data)


@QUICK
@given(changed(DOCUMENT, LANGUAGE), environs, overrides)
def test_changed_values(load_bytes: Load, document: object, environ: dict[str, str], given: Overrides) -> None:
    """A good file with parts changed, below any environment and command line, is settings or a ConfigError."""
    assert load_bytes(yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "surrogatepass"), environ, given)


@QUICK
@given(st.dictionaries(st.sampled_from(LANGUAGE), values(LANGUAGE), max_size=5), environs, overrides)
def test_any_values(load_bytes: Load, document: object, environ: dict[str, str], given: Overrides) -> None:
    """Any values under the words of the configuration are settings or a ConfigError."""
    assert load_bytes(yaml.safe_dump(document).encode("utf-8", "surrogatepass"), environ, given)


@QUICK
@given(damaged(TEXT))
def test_damaged_text(load_bytes: Load, text: str) -> None:
    """A good file with characters lost or put in is settings or a ConfigError."""
    assert load_bytes(text.encode("utf-8", "surrogatepass"))
