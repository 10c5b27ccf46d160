"""The sampler in force, when another configuration takes over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from exporter.config.database_url import Secret
from exporter.errors import UserError
from exporter.model import DatabaseSnapshot
from exporter.service.sampling import Outlet, Sampling
from exporter.web.collector import View
from tests.support.databases import SqliteFile
from tests.support.snapshots import make_health, make_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.config.database import DatabaseSettings


def now() -> float:
    return 1e9


def view() -> View:
    return View(make_snapshot(), make_health())


def known(errors: int) -> DatabaseSnapshot:
    return DatabaseSnapshot(up=False, values={}, times={}, durations={}, errors={"created": errors})


@pytest.fixture
def file(tmp_path: Path) -> SqliteFile:
    one = SqliteFile(tmp_path)
    one.reset()
    return one


@pytest.fixture
def settings(file: SqliteFile, tmp_path: Path) -> DatabaseSettings:
    """Return settings whose URL stands in a file."""
    (tmp_path / "url").write_text(file.url)
    return file.settings(url=None, url_file=str(tmp_path / "url"))


def test_only_the_view_in_force_shows_what_is_found() -> None:
    """A new view begins with what is known, and the old one changes no more; a sampler that ended shows nothing."""
    outlet, old, new = Outlet(), view(), view()
    outlet.publish(known(1))
    outlet.show_in(old)
    assert old.database == known(1)
    outlet.show_in(new)
    outlet.publish(known(2))
    assert (old.database, new.database) == (known(1), known(2))
    outlet.show_in(None)
    outlet.publish(known(3))
    assert new.database == known(2)


def test_a_sampler_serves_while_nothing_about_it_changes(
    settings: DatabaseSettings, file: SqliteFile, tmp_path: Path
) -> None:
    """It is replaced for other settings, and for another URL in the same file; and where there is none any more."""
    sampling = Sampling(settings, now)
    assert sampling.serves(settings)
    assert not sampling.serves(replace(settings, timeout=1.0))
    assert not sampling.serves(None)
    (tmp_path / "url").write_text(file.url + "-2")
    assert not sampling.serves(settings)
    (tmp_path / "url").unlink()
    assert not sampling.serves(settings)
    assert Sampling(None, now).serves(None)
    assert not Sampling(None, now).serves(settings)


def test_failures_are_counted_on(settings: DatabaseSettings, file: SqliteFile) -> None:
    """A counter of failures goes on where the sampler before left it, also over a time without a database."""
    broken = Sampling(file.settings(url=Secret("sqlite:////nowhere/there")), now)
    assert broken.sampler is not None
    broken.sampler.round()
    before = dict(broken.errors)
    assert set(before.values()) == {1}
    without = Sampling(None, now)
    without.take_over(broken)
    again = Sampling(settings, now)
    assert again.sampler is not None
    again.sampler.stop()
    again.take_over(without)
    shown = view()
    again.show_in(shown)
    assert shown.database is not None
    assert shown.database.errors == before
    assert shown.database.up is None


def test_a_sampler_that_cannot_be_built(settings: DatabaseSettings, tmp_path: Path) -> None:
    """A URL file that holds none is refused before anything changes, and its text is not told."""
    (tmp_path / "url").write_text("geheim")
    with pytest.raises(UserError) as refused:
        Sampling(settings, now)
    assert "geheim" not in str(refused.value)
    assert str(tmp_path / "url") in str(refused.value)


def test_the_one_replaced_ends(settings: DatabaseSettings) -> None:
    """Who is replaced shows nothing more and ends by itself; nobody waits for it."""
    sampling, shown = Sampling(settings, now), view()
    sampling.show_in(shown)
    sampling.start()
    sampling.replaced()
    before = shown.database
    assert sampling.sampler is not None
    sampling.sampler.stop(10)
    assert not sampling.sampler._thread.is_alive()
    assert shown.database is before
