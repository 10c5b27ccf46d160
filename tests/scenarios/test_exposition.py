"""Scenarios of the exposition that no other test holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.scrape import OPENMETRICS, parse
from tests.support.stepper import append

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.scrape import Scrape
    from tests.support.stepper import Stepper

WEBHOOKS = "api_gateway_webhook_events_total"


def scrape(daemon: Stepper, *, accept: str = "text/plain") -> Scrape:
    return parse(daemon.daemon.exposition.render(accept).body.decode())


def webhook(number: int) -> bytes:
    context = f'{{"id":{number},"provider":"provider-{number}"}}'
    return f"[2025-10-09 10:53:20] production.INFO: Webhook Event Processed {context} \n".encode()


def test_label_cap_hit(daemon: Stepper, logs: Path) -> None:
    """Ten thousand values of a logged field are one series, `other`; no value of theirs is shown anywhere."""
    daemon.settle()
    before = scrape(daemon).samples.keys()
    append(logs / "laravel.log", b"".join(webhook(number) for number in range(10_000)))
    daemon.settle()
    shown = scrape(daemon)
    assert shown.get(WEBHOOKS, provider="other", outcome="processed") == 10_000
    assert shown.total(WEBHOOKS) == 10_000
    assert not [name for name in shown.samples if "provider-" in name]
    added = shown.samples.keys() - before
    assert len([name for name in added if name.startswith("api_gateway_")]) <= 1


def test_zeros_at_the_first_scrape(daemon: Stepper, logs: Path) -> None:
    """Before a first event all counters of closed label sets stand at 0, so that `increase()` sees the first."""
    assert not [name for name in scrape(daemon).rising if name.startswith("api_gateway_")]
    daemon.settle()
    first = scrape(daemon).rising
    append(logs / "laravel.log", webhook(1).replace(b"provider-1", b"calcom"))
    daemon.settle()
    after = scrape(daemon).rising
    assert set(first) == set(after)
    assert {value for name, value in first.items() if name.startswith("api_gateway_")} == {0.0}
    assert after[f'{WEBHOOKS}{{outcome="processed",provider="calcom"}}'] == 1


def test_strict_parsers_at_every_stage(daemon: Stepper, logs: Path) -> None:
    """Before the history is counted, during a failing commit and after it both formats are valid and agree."""
    append(logs / "laravel.log", b"".join(webhook(number) for number in range(50)))
    for failing in (True, False, True, False):
        daemon.store.failing = failing
        daemon.step(1.5)
        text, strict = scrape(daemon), scrape(daemon, accept=OPENMETRICS)
        assert text.samples.keys() == strict.samples.keys()
        assert {name: text[name] for name in text.rising} == {name: strict[name] for name in strict.rising}
        append(logs / "laravel.log", webhook(0))
    daemon.settle()
    assert scrape(daemon).total(WEBHOOKS) == 54
