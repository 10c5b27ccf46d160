"""`python -m tests.torture.storm`: rotations every tenth of a second beside a daemon that is stopped and killed.

Each storm is drawn by its number: how logs are rotated, what the glob names, how fast, and what is
done to the daemon meanwhile. It goes in rounds. In a round all generations are kept, and at its end every record must
be counted once, generation by generation; then what was rotated is removed, whose inodes the next round's files get.
On a difference everything is kept: `history.txt` tells what was done to which inode, the lives of the daemon, what it
counted and every row of its state; `evidence.txt` what of that concerns the generations that differ.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count, takewhile
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import TYPE_CHECKING

from tests.support.waiting import pause
from tests.torture.evidence import LOSSES, History, Watch, file_rows
from tests.torture.generations import definitions, differing
from tests.torture.lives import ForkedDaemon, Nursery
from tests.torture.rotator import KINDS, Habits, Rotator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.support.scrape import Scrape

SETTLE = 20.0
"""Seconds within which all must be counted once the writers rest."""
QUIET = 0.8
"""Seconds for which nothing more may be counted then."""
ROUNDS = 3
ROUND = 2.0
"""Seconds of a round, on average."""
MANY = 1_000_000
"""Storms of one seed."""
SHOWN = 6
"""Generations of which the history is written apart."""
FATES = ("stop", "kill", "end", "reload")


@dataclass(frozen=True, slots=True)
class Weather:
    """What a storm is like: all that its number decides."""

    number: int
    wide: bool
    pace: float
    habits: Habits
    fates: tuple[int, ...]

    @classmethod
    def drawn(cls, number: int) -> Weather:
        """Return the weather with this number."""
        rng = Random(number)
        kinds = rng.choice([("rename",), ("rename",), *((kind,) for kind in KINDS), KINDS[:2], KINDS])
        habits = Habits(kinds, rng.choice((0, 1, 2, 2, 3)), rng.random() < 0.4, rng.random() < 0.6, rng.random() < 0.2)
        fates = tuple(rng.choice((0, 1, 1, 3)) for _ in FATES)
        return cls(number, rng.random() < 0.5, rng.choice((0.05, 0.1, 0.15)), habits, fates)


@dataclass(slots=True)
class Outcome:
    """What a storm did, and what was wrong: `told` are losses that were told though nothing was missing."""

    records: int = 0
    rotations: Counter[str] = field(default_factory=Counter)
    fates: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    falls: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """All that must not be."""
        return self.differences + self.falls


class Storm:
    """One storm in `folder`, which keeps state, logs and history."""

    def __init__(self, folder: Path, weather: Weather, nursery: Nursery) -> None:
        self.outcome = Outcome()
        self.weather = weather
        self.history = History()
        self._folder = folder
        logs = folder / "logs"
        for one in (logs, folder / "archive"):
            one.mkdir(parents=True)
        rng = Random(weather.number)
        self._rng = Random(rng.random())
        self._rotator = Rotator(logs, weather.habits, Random(rng.random()), self.history)
        (folder / "events.yaml").write_text(definitions())
        log = {
            "name": "app",
            "paths": [f"{logs}/laravel*" + ("" if weather.wide else ".log")],
            "rotated": [f"{folder}/archive/*"] if weather.habits.away else [],
            "timezone": "UTC",
            "quiet_after": "60s",  # a worker may take a second for the other half of a record
        }
        config = {"logs": [log], "events": {"builtin": False, "files": [str(folder / "events.yaml")]}}
        (folder / "config.yaml").write_text(json.dumps(config))
        self._daemon = ForkedDaemon(folder, nursery, "--config", str(folder / "config.yaml"))

    def run(self, rounds: int = ROUNDS, length: float = ROUND) -> Outcome:
        """Let it rage for some rounds of so many seconds each, or up to the first difference."""
        try:
            with self._daemon, Watch(self._daemon, self.history) as monitor:
                self._rotator.write()
                self._rotator.finish()
                self._compare()  # what was rotated away before the daemon ever looked is not promised
                for _ in range(rounds):
                    if not self.outcome.differences:
                        self._round(length)
                self.outcome.falls = monitor.faults[:20]
        except AssertionError as error:
            self.outcome.differences.append(str(error))
        finally:
            self._rotator.close()
        self.outcome.records = sum(one.count for one in self._rotator.written)
        self.outcome.rotations = self._rotator.rotations
        return self.outcome

    def _round(self, length: float) -> None:
        over = Event()
        tormentor = Thread(target=self._torment, args=(over,), daemon=True)
        tormentor.start()
        self._rage(length * (0.5 + self._rng.random()))
        over.set()
        tormentor.join()
        self._rotator.finish()
        self._compare()
        if not self.outcome.differences and self._rng.random() < 0.5:
            self._restart("killed", self._daemon.kill)
            self._compare()
        if not self.outcome.differences:
            self._forget()

    def _rage(self, seconds: float) -> None:
        pace = self.weather.pace
        end = time.monotonic() + seconds
        turn = time.monotonic() + pace
        while time.monotonic() < end:
            pause(self._rng.random() * pace / 4)
            self._rotator.write()
            if time.monotonic() > turn:
                self._rotator.rotate()
                turn = time.monotonic() + pace * (0.5 + self._rng.random())

    def _torment(self, over: Event) -> None:
        rng = Random(self.weather.number + 1)
        fates = {"stop": self._halt, "kill": self._kill, "end": self._end, "reload": self._reload}
        try:
            while sum(self.weather.fates) and not over.wait(rng.random() * 0.8):
                name = rng.choices(FATES, self.weather.fates)[0]
                self.outcome.fates[name] += 1
                fates[name](rng)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is shown as a fault
            self.outcome.differences.append(f"the torment ended: {error!r}")

    def _halt(self, rng: Random) -> None:
        self._daemon.signal(signal.SIGSTOP)
        self.history.note("daemon halted")
        pause(rng.random() ** 2 * 2)
        self.history.note("daemon goes on")
        self._daemon.signal(signal.SIGCONT)

    def _kill(self, rng: Random) -> None:
        if rng.random() < 0.3:
            self._daemon.signal(signal.SIGSTOP)
            self.history.note("daemon halted")
            pause(rng.random())
        self._restart("killed", self._daemon.kill, rng.random() ** 2)

    def _end(self, rng: Random) -> None:
        self._restart("ended", self._daemon.terminate, rng.random() ** 2)

    def _reload(self, _: Random) -> None:
        self._daemon.wait_ready()  # before it has begun, the signal ends it
        self.history.note("daemon reloads")
        self._daemon.signal(signal.SIGHUP)

    def _restart(self, how: str, end: Callable[[], object], seconds: float = 0.0) -> None:
        """End the daemon and start it again after so many seconds."""
        end()
        self.history.note(f"daemon {how}")
        pause(seconds)
        self.history.note("daemon starts")
        self._daemon.start()

    def _compare(self) -> None:
        """Wait until all is counted, and for what may be counted too much; note every difference."""
        self._daemon.wait_ready()
        end = time.monotonic() + SETTLE
        while list(differing(self._rotator.written, self._daemon.scrape())) and time.monotonic() < end:
            pause(0.05)
        pause(QUIET)
        shown = self._daemon.scrape()
        places = self._rotator.places()
        found = dict(differing(self._rotator.written, shown))
        self.outcome.differences += [f"generation {one}, in {places[one]}: {what}" for one, what in found.items()]
        self.outcome.told = [f"{key}: {value:g}" for key, value in shown.samples.items() if LOSSES in key and value]
        if found or self.outcome.told:
            self._keep(set(list(found)[:SHOWN]))

    def _keep(self, generations: set[int]) -> None:
        """Write the history into the folder, and what of it concerns these generations."""
        deeds = self.history.deeds
        (self._folder / "history.txt").write_text("".join(f"{deed}\n" for deed in deeds))
        lines = [str(deed) for deed in deeds if deed.generation in generations or deed.what.startswith("daemon")]
        lines += [f"row {number}: {row}" for number, row in file_rows(self._daemon.state).items()]
        (self._folder / "evidence.txt").write_text("\n".join(lines) + "\n")

    def _forget(self) -> None:
        """Remove what was rotated, and let the daemon see it: of files that go while it is off it cannot know."""
        self._rotator.forget()
        there = len(self._rotator.active)

        def noticed(now: Scrape) -> bool:
            active, rotated = (now.get("booking_exporter_files", log="app", state=one) for one in ("active", "rotated"))
            return not rotated and (active or 0) <= there

        self._daemon.wait_for(noticed, "the removal of old files is noticed")
        self._daemon.live(0.3)  # its commit follows within a tenth of a second


def tell(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def rage(numbers: Iterable[int], folder: Path) -> bool:
    """Let these storms rage in turn; return whether one was survived with a difference."""
    storms = found = told = 0
    sums: Counter[str] = Counter()
    with Nursery() as nursery:
        for number in numbers:
            place, weather = folder / str(number), Weather.drawn(number)
            outcome = Storm(place, weather, nursery).run()
            storms += 1
            sums += Counter(records=outcome.records) + outcome.rotations + outcome.fates
            if outcome.faults or outcome.told:
                found, told = found + bool(outcome.faults), told + (not outcome.faults)
                lines = [f"storm {number}: {weather}", *outcome.told, *outcome.faults[:20], f"kept in {place}"]
                tell("\n  ".join(lines))
            else:
                shutil.rmtree(place)
    tell(f"{storms} storms, {found} with differences, {told} with losses told for nothing")
    tell(", ".join(f"{name} {number}" for name, number in sums.items()))
    return bool(found)


def main() -> int:
    """Let storms rage for as long as the command line says; return 1 where one was survived with a difference."""
    options = argparse.ArgumentParser(prog="python -m tests.torture.storm", description=__doc__)
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", type=int, help="the storm with this number and nothing else")
    chosen = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="storm-"))
    end = time.monotonic() + chosen.seconds
    if chosen.only is not None:
        numbers: Iterable[int] = (chosen.only,)
    else:
        numbers = takewhile(lambda _: time.monotonic() < end, count(chosen.seed * MANY))
    different = rage(numbers, folder)
    if not any(folder.iterdir()):
        folder.rmdir()
    return int(different)


if __name__ == "__main__":
    sys.exit(main())
