"""Any sequence of writes, rotations, kills and restarts, against an oracle that knows every record."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from exporter.loop import REFRESH_INTERVAL
from exporter.tail.neighbours import PATIENCE
from exporter.tail.trouble import LONGEST
from tests.model.ledger import METRIC, MOST, SHAPES, definitions
from tests.model.world import World
from tests.support.stepper import Stepper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.events.definitions import EventSet
    from tests.model.oracle import Body

SHAPE = st.tuples(st.sampled_from(sorted(SHAPES)), st.sampled_from([0, 90, 300, 700, 5000]))
PART = st.floats(0.01, 0.99)
NOBODY = 65534
WHICH = st.integers(0, 11)
"""Which of several files, counted around."""
SECONDS = st.sampled_from([0.0, 0.02, 0.2, 0.6, 2.0, 6.0])


@contextmanager
def unprivileged() -> Iterator[None]:
    """Have the rights of nobody for a while: root may open everything."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


class Modelled(Stepper):
    """A stepped daemon that counts each record of the model by itself, and has no more rights than another user."""

    def definitions(self) -> EventSet:
        return definitions()

    def step(self, seconds: float = 0.0, *, moved: bool = True) -> float:
        with unprivileged():
            return super().step(seconds, moved=moved)


class Following(RuleBasedStateMachine):
    """The daemon beside an app whose files change in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(mkdtemp(prefix="model-"))
        self.root.chmod(0o755)
        self.floor: dict[str, float] = {}
        self.refreshed = 0.0
        self.broken = False

    @initialize(wide=st.booleans(), archived=st.booleans(), before=st.booleans(), strange=st.booleans())
    def begin(self, *, wide: bool, archived: bool, before: bool, strange: bool) -> None:
        self.world = World(self.root, wide=wide, archived=archived)
        self.daemon = Modelled.following(self.root, self.world.glob, rotated=self.world.rotated)
        self.world.now = self.daemon.now
        if before or strange:
            self.write([("context", 300)] * 2, None)
        if strange and not wide and not archived:
            self.world.estrange()
            self.look(0.0, moved=True)

    # what is published

    def shown(self) -> set[int]:
        return {number for number, value in self.values().items() if value}

    def values(self) -> dict[int, float]:
        counters = self.daemon.counters()
        return {
            number: counters[f"{METRIC}{{{number:03}}}"]
            for number in range(len(self.world.sizes))
            if f"{METRIC}{{{number:03}}}" in counters
        }

    @invariant()
    def nothing_falls_and_nothing_is_counted_twice(self) -> None:
        if not hasattr(self, "daemon"):
            return
        counters = self.daemon.counters()
        fallen = {name: value for name, value in self.floor.items() if counters.get(name, 0) < value}
        assert not fallen, fallen
        self.floor = counters
        twice = {number: value for number, value in self.values().items() if value > 1}
        assert not twice, twice

    # workers

    def room(self) -> bool:
        return len(self.world.sizes) < MOST - 20

    @precondition(room)
    @rule(shapes=st.lists(SHAPE, min_size=1, max_size=4), cut=st.none() | PART)
    def write(self, shapes: list[tuple[str, int]], cut: float | None) -> None:
        self.world.append(self.world.open(), shapes, cut)

    @precondition(lambda self: self.room() and any(body is not self.world.body for body in self.world.workers))
    @rule(shapes=st.lists(SHAPE, min_size=1, max_size=3), cut=st.none() | PART, which=WHICH)
    def write_to_an_old_file(self, shapes: list[tuple[str, int]], cut: float | None, which: int) -> None:
        old = [body for body in self.world.workers if body is not self.world.body]
        self.world.append(old[which % len(old)], shapes, cut)

    @precondition(lambda self: any(body.piece for body in self.world.workers))
    @rule()
    def flush(self) -> None:
        self.world.finish()

    # rotation

    def there(self) -> bool:
        body = self.world.body
        return body is not None and bool(body.data)

    @precondition(there)
    @rule(dated=st.booleans())
    def rename(self, *, dated: bool) -> None:
        body = self.world.present
        self.world.move(body, self.world.unnumbered() if dated else self.world.shift())

    @precondition(there)
    @rule(dated=st.booleans())
    def copytruncate(self, *, dated: bool) -> None:
        body = self.world.present
        self.world.copy(body, self.world.unnumbered() if dated else self.world.shift())
        self.world.truncate(body)

    @precondition(there)
    @rule()
    def copy(self) -> None:
        self.world.copy(self.world.present, self.world.shift())

    @precondition(there)
    @rule()
    def truncate(self) -> None:
        self.world.truncate(self.world.present)

    @precondition(there)
    @rule(grow=st.booleans())
    def delete(self, *, grow: bool) -> None:
        self.world.remove(self.world.present)
        if grow:
            self.world.open()

    @precondition(lambda self: self.there() and self.room())
    @rule(longer=st.booleans())
    def replace(self, *, longer: bool) -> None:
        self.world.replace(self.world.present, longer=longer)

    def others(self) -> list[Body]:
        return [body for body in self.world.bodies if body.place and body.place != self.world.log]

    @precondition(lambda self: any(not body.packed for body in self.others()))
    @rule(which=WHICH)
    def compress(self, which: int) -> None:
        plain = [body for body in self.others() if not body.packed]
        self.world.pack(plain[which % len(plain)])

    @precondition(lambda self: any(not body.packed and not body.forbidden for body in self.others()))
    @rule(which=WHICH, part=PART)
    def begin_to_compress(self, which: int, part: float) -> None:
        plain = [body for body in self.others() if not body.packed and not body.forbidden]
        self.world.begin_packing(plain[which % len(plain)], part)

    @precondition(lambda self: bool(self.world.packing))
    @rule()
    def end_compressing(self) -> None:
        self.world.end_packing()

    @precondition(lambda self: any(not body.packed for body in self.others()))
    @rule(which=WHICH)
    def truncate_an_old_file(self, which: int) -> None:
        plain = [body for body in self.others() if not body.packed]
        self.world.truncate(plain[which % len(plain)])

    @precondition(lambda self: bool(self.others()))
    @rule(which=WHICH)
    def delete_an_old_file(self, which: int) -> None:
        old = self.others()
        self.world.remove(old[which % len(old)])

    @rule()
    def deploy(self) -> None:
        self.world.deploy()

    @precondition(lambda self: self.world.releases > 0)
    @rule(which=WHICH)
    def roll_back(self, which: int) -> None:
        self.world.switch(which % (self.world.releases + 1))

    # administrators

    def lately(self) -> bool:
        """Tell whether nothing was forbidden before for so long that the daemon may give up soon what it waits for."""
        return self.world.forbidden is None or self.world.now - self.world.forbidden < PATIENCE / 2

    @precondition(lately)
    @rule(which=WHICH)
    def forbid(self, which: int) -> None:
        # What goes on as a copy of a file without a name must be told from it before that is gone.
        unnamed = {number for body in self.world.bodies if body.place is None for number, _ in body.spans}
        unfit = [one.body for one in self.world.packing]
        unfit += [body for body in self.world.bodies if any(number in unnamed for number, _ in body.spans)]
        there = [body for body in self.world.bodies if body.place is not None and body not in unfit]
        if there:
            self.world.forbid(there[which % len(there)])

    @rule()
    def allow(self) -> None:
        self.world.allow_all()

    def patience(self, seconds: float) -> None:
        """Allow all again before the daemon gives up what it cannot read."""
        begun = self.world.forbidden
        if begun is not None and self.world.now + seconds - begun > PATIENCE / 2:
            self.world.allow_all()
        if begun is not None and self.world.now - max(begun, self.world.allowed) > 2 * LONGEST:
            self.world.forbidden = None  # all was tried again since

    # the daemon

    def pass_time(self, seconds: float) -> None:
        self.patience(seconds)
        self.daemon.advance(seconds)
        self.world.now = self.daemon.now

    def look(self, seconds: float, *, moved: bool) -> None:
        self.pass_time(seconds)
        refreshed = moved or self.world.now >= self.refreshed + REFRESH_INTERVAL
        self.daemon.step(moved=moved)
        if refreshed:
            self.refreshed = self.world.now
            self.world.looked(self.shown(), committed=not self.daemon.daemon.loop.work)
        else:
            self.world.published(self.shown())
            if not self.daemon.daemon.loop.work:
                self.world.save()

    @rule(seconds=SECONDS)
    def step(self, seconds: float) -> None:
        self.look(seconds, moved=True)

    @rule(seconds=SECONDS)
    def step_without_a_word_of_changes(self, seconds: float) -> None:
        self.look(seconds, moved=False)

    @rule(seconds=st.sampled_from([0.02, 0.6, 2.0, 30.0, 700.0, 50 * 3600.0]))
    def advance(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule()
    def crash(self) -> None:
        self.daemon.crash()
        self.refreshed = 0.0
        self.end()

    @rule()
    def restart(self) -> None:
        self.daemon.stop()
        if not self.daemon.store.failing:
            self.world.save()
        self.daemon.start()
        self.refreshed = 0.0
        self.world.published(self.shown())
        self.end()

    def end(self) -> None:
        self.world.ended()
        if any(body.forbidden or self.world.now < body.avoided for body in self.world.bodies):
            self.world.noticed.clear()  # what waits to be sought for a minute is not told of after a restart

    @rule(failing=st.booleans())
    def disk_full(self, *, failing: bool) -> None:
        self.daemon.store.failing = failing

    @rule()
    def settle(self) -> None:
        self.broken = True  # until it is proved otherwise: then teardown need not try again
        self.daemon.store.failing = False
        self.world.finish()
        if self.world.forbidden is not None:
            self.world.allow_all()
            self.world.forbidden = None
            self.look(2 * LONGEST, moved=True)  # what failed is tried again by then
        for _ in range(6):
            self.look(0.6, moved=True)
            self.nothing_falls_and_nothing_is_counted_twice()
        self.compare()
        self.broken = False

    def compare(self) -> None:
        world, shown, counters = self.world, self.shown(), self.daemon.counters()
        allowed = world.excused | world.torn
        assert not world.strangers & shown, world.strangers & shown
        missing = set(world.sizes) - shown - allowed
        assert not missing, missing
        levels = sum(value for name, value in counters.items() if name.startswith("log_records_total"))
        assert len(shown) - len(world.torn) <= levels <= len(shown) + 2 * len(allowed), (levels, len(shown), allowed)
        losses = self.daemon.losses()
        lost = sum(world.sizes[number] for number in (allowed - shown) | world.torn)
        told = sum(value for name, value in losses.items() if name.startswith("possible_loss_bytes"))
        assert told <= lost, (told, lost, losses)
        assert world.destroyed or world.doubtful or not losses, losses
        unseen = world.noticed.keys() - shown
        assert losses or not unseen, unseen

    def teardown(self) -> None:
        try:
            if hasattr(self, "daemon") and not self.broken:
                self.settle()
        finally:
            if hasattr(self, "daemon"):
                self.daemon.__exit__()
                self.world.close()
            shutil.rmtree(self.root)


TestFollowing = Following.TestCase
TestFollowing.settings = settings(
    max_examples=20,
    stateful_step_count=25,
    derandomize=True,  # `make hunt` looks for what is not known yet
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
