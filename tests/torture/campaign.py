"""The long fight: a live writer with rotations against a daemon that dies a thousand times.

A campaign goes in rounds. In a round the writer writes and rotates without rest while the daemon is
killed again and again; at its end the writer pauses, the daemon reads up, and every series about
the app must be what the writer's oracle says. A scraper beside it notes each counter that falls.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from exporter.checkpoint.store import WAL_PAGES
from tests.support.monitor import Monitor
from tests.support.oracle import differences
from tests.torture.births import Births
from tests.torture.crash import HOWS, Plan, Site, build
from tests.torture.live import Live, Measure
from tests.torture.lives import ForkedDaemon, Nursery
from tests.torture.power import lose_power, read_changes
from tests.torture.writer import BulkWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.support.scrape import Scrape

BERLIN = ZoneInfo("Europe/Berlin")
KILLS_PER_ROUND = 20
LIFE = 2.5
"""Seconds after which a planned death that has not come is replaced by one from outside."""
READY = 120.0
SETTLE = 60.0
CLOCK = "by the clock"
"""Deaths at a random moment, from outside."""
OFTEN = HOWS[1:]
SELDOM = ("before", "after")
COMMITTING = 0.4
"""Share of chosen deaths that are inside commits."""
STOPPING = (
    ("write", "wal"),
    ("sync", "wal"),
    ("write", "database"),
    ("sync", "database"),
    ("truncate", "wal"),
    ("unlink", "wal"),
    ("unlink", "shm"),
)
"""The calls of an orderly stop."""
WAL_FRAME = 4096 + 24
"""Bytes of a frame, https://sqlite.org/fileformat2.html#the_write_ahead_log"""


@dataclass(slots=True)
class Figures:
    """What a campaign did and found. `peak` is in KiB, `seconds` is wall time."""

    kills: Counter[Site | str] = field(default_factory=Counter)
    seen: dict[tuple[str, str], int] = field(default_factory=dict)
    power_losses: int = 0
    taken_back: int = 0
    clean_stops: int = 0
    restarts: int = 0
    records: int = 0
    rotations: Counter[str] = field(default_factory=Counter)
    comparisons: int = 0
    scrapes: int = 0
    seconds: float = 0.0
    peak: int = 0
    differences: list[str] = field(default_factory=list)
    falls: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """All that must not be."""
        return self.differences + self.falls


class Campaign:
    """One run in `folder`, which keeps state, logs and journal."""

    def __init__(self, folder: Path, measure: Measure, tell: Callable[[str], None]) -> None:
        self.figures = Figures()
        self._measure = measure
        self._tell = tell
        self._rng = Random(measure.seed)
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder.resolve()
        self._logs = self._folder / "logs"
        self._logs.mkdir()
        self._undo = self._folder / "undo"
        self._state = self._folder / "state.sqlite"
        self._plan = Plan(self._folder / "plan", state=self._state, logs=self._logs, undo=self._undo)
        start = datetime.now(BERLIN).replace(microsecond=0) - timedelta(days=3)
        self._writer = BulkWriter(self._logs, seed=measure.seed, start=start, styles=("line", "line", "json"))
        self._live = Live(self._writer, measure)
        self._start = start

    def run(self) -> Figures:
        """Run all of it, or up to the first fault."""
        began = time.monotonic()
        library = build(self._folder)
        births = Births(self._folder / "births", library, seed=self._measure.seed, start=self._start)
        self.figures.differences += births.run(self._measure.births, self.figures.kills)
        with Nursery(library, self._plan) as nursery:
            arguments = ("--log", f"{self._logs}/laravel*.log", "--log", f"{self._logs}/calcom*.log")
            daemon = ForkedDaemon(self._folder, nursery, *arguments)
            self._live.start()
            with Monitor(daemon, interval=0.05) as monitor:
                try:
                    self._begin(daemon)
                    self._rounds(daemon, monitor)
                finally:
                    self._live.close()
            self.figures.scrapes = monitor.scrapes
            self.figures.peak = nursery.peak
        self.figures.records = self._writer.records
        self.figures.rotations = self._writer.rotations
        self.figures.seen = {(call, file): number for call, file, number in self._plan.seen()}
        self.figures.seconds = time.monotonic() - began
        return self.figures

    def _begin(self, daemon: ForkedDaemon) -> None:
        """Let the daemon meet the log once: what was rotated away before it ever looked is not promised."""
        self._live.allow(1)
        self._compare(daemon)

    def _rounds(self, daemon: ForkedDaemon, monitor: Monitor) -> None:
        figures = self.figures
        born = figures.kills.total()
        while not figures.faults and figures.kills.total() < self._measure.kills:
            target = min(self._measure.kills, figures.kills.total() + KILLS_PER_ROUND)
            while figures.kills.total() < target and not figures.faults:
                share = (figures.kills.total() - born + 1) / (self._measure.kills - born)
                self._live.allow(int(self._measure.records * share))
                self._life(daemon)
                figures.falls = monitor.faults[:20]
            self._compare(daemon)
            done = figures.kills.total()
            self._tell(f"{done} kills, {self._writer.records} records, {self._writer.rotations.total()} rotations")

    def _life(self, daemon: ForkedDaemon) -> None:
        """Let the daemon live once and die as drawn."""
        rng, plan = self._rng, self._plan
        power = rng.random() < 0.3
        plan.disarm()
        fate = rng.choices((self._by_clock, self._by_number, self._by_site, self._while_stopping), (2, 3, 4, 1))[0]
        fate(daemon)
        self.figures.restarts += 1
        if power:
            self.figures.power_losses += 1
            self.figures.taken_back += lose_power(self._state, self._undo, rng)
        else:
            read_changes(self._undo)  # takes away a last note that was cut off

    def _by_clock(self, daemon: ForkedDaemon) -> None:
        daemon.start()
        self._await_death(daemon, self._rng.random())

    def _by_number(self, daemon: ForkedDaemon) -> None:
        """Die at the N-th call of any kind: from the first on, often while starting."""
        self._plan.arm(None, self._how(), int(10 ** self._rng.uniform(0, 2.5)), self._part())
        daemon.start()
        self._await_death(daemon, LIFE)

    def _by_site(self, daemon: ForkedDaemon) -> None:
        """Die at the kind of moment that was hit least so far, soon after the start or later."""
        lives = self.figures.restarts + 1
        usual = [(call, file) for call, file, number in self._plan.seen() if number > lives / 2]
        if self._rng.random() < COMMITTING:
            usual = [("write", "wal"), ("sync", "wal")]
        if self._wal_pages() > WAL_PAGES * 0.9:
            usual = [("write", "database"), ("sync", "database"), ("sync", "wal")]
        self._arm_rarest(usual, often=1)
        daemon.start()
        self._await_death(daemon, LIFE)

    def _while_stopping(self, daemon: ForkedDaemon) -> None:
        """Stop it in order, and kill it on its way: in the last commit, the checkpoint, the removal of the WAL."""
        daemon.start()
        daemon.live(self._rng.uniform(0.2, 0.8))
        self._arm_rarest(STOPPING, often=20)
        daemon.signal_stop()
        self._await_death(daemon, 15.0)

    def _arm_rarest(self, calls: Sequence[tuple[str, str]], *, often: int) -> None:
        sites = [Site(call, file, how) for call, file in calls for how in (OFTEN if call == "write" else SELDOM)]
        if not sites:
            return
        least = min(self.figures.kills[site] for site in sites)
        site = self._rng.choice([one for one in sites if self.figures.kills[one] <= least])
        most = often if (site.call, site.file) == ("write", "database") else 8 if site.file in {"wal", "log"} else 1
        self._plan.arm(site.call, site.how, self._rng.randint(1, most), self._part(), files=(site.file,))

    def _wal_pages(self) -> int:
        wal = self._state.with_name(self._state.name + "-wal")
        return wal.stat().st_size // WAL_FRAME if wal.exists() else 0

    def _how(self) -> str:
        return self._rng.choice(OFTEN)

    def _part(self) -> int:
        return self._rng.randrange(1000)

    def _await_death(self, daemon: ForkedDaemon, seconds: float) -> None:
        began = datetime.now(UTC)
        code = daemon.wait_dead(seconds)
        if code is None:
            daemon.kill()
        struck = self._plan.struck
        with (self._folder / "lives.txt").open("a") as lives:
            ended = datetime.now(UTC)
            print(f"{began:%H:%M:%S.%f} to {ended:%H:%M:%S.%f}: {code}, {struck or CLOCK}", file=lives)
        if code is None or (code == -signal.SIGKILL and struck):
            self.figures.kills[struck or CLOCK] += 1
        elif code in {0, -signal.SIGTERM}:  # the latter where it was told to stop before it could listen
            self.figures.clean_stops += 1
        else:
            self.figures.differences.append(f"a life ended with {code}: {daemon.stderr[-1500:]}")

    def _compare(self, daemon: ForkedDaemon) -> None:
        """Let the daemon read up while the writer rests, and compare all series with the oracle."""
        self._live.finish()
        self._plan.disarm()
        daemon.start()
        self.figures.restarts += 1
        try:
            daemon.wait_ready(READY)
        except AssertionError as error:
            self.figures.differences.append(str(error))
            return
        shown = daemon.settle(self._writer.expected.values, deadline=SETTLE)
        found = differences(self._writer.expected.values, shown.samples)
        for name, want in (("read_bytes", self._writer.bytes), ("unparsed_lines", self._writer.unparsed)):
            got = shown.total(f"booking_exporter_{name}_total")
            if got != want:
                found.append(f"booking_exporter_{name}_total: expected {want}, got {got:g}")
        losses = shown.total("booking_exporter_possible_losses_total")
        if losses:
            found.append(f"booking_exporter_possible_losses_total: expected 0, got {losses:g}")
        self.figures.differences += sorted(found, key=lambda line: "_bucket" in line)
        self.figures.comparisons += 1
        if not found:
            self._forget(daemon)
        daemon.kill()
        read_changes(self._undo)
        self.figures.kills[CLOCK] += 1

    def _forget(self, daemon: ForkedDaemon) -> None:
        """Remove what was rotated, and let the daemon see it: of files that go while it is off it cannot know."""
        self._writer.forget()
        there = len(list(self._logs.iterdir()))

        def noticed(now: Scrape) -> bool:
            active, rotated = (now.get("booking_exporter_files", log="app", state=one) for one in ("active", "rotated"))
            return not rotated and (active or 0) <= there

        daemon.wait_for(noticed, "the removal of old files is noticed")
        daemon.live(0.3)  # its commit follows within a tenth of a second
