"""The simulated booking app: an endless, reproducible stream of log records and what they should count.

Pure: the same random source, clock and first number give the same records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.demo import bookings, duplicates, noise
from exporter.demo.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from random import Random

    from exporter.demo.stage import Written

    Scene = Callable[[Stage], Iterator[Written]]

_SCENES: tuple[tuple[int, Scene], ...] = (
    (40, bookings.success),
    (6, bookings.created_otherwise),
    (5, bookings.idempotency),
    (5, bookings.conflict),
    (2, bookings.upstream_failure),
    (12, bookings.webhook),
    (2, bookings.bad_webhook),
    (4, duplicates.stale),
    (2, duplicates.mismatch),
    (3, duplicates.database_duplicate),
    (2, duplicates.unique_violation),
    (1, duplicates.unique_violation_reported),
    (1, duplicates.save_failed_otherwise),
    (8, noise.retell_webhook),
    (10, noise.cache_hit),
    (2, noise.crash),
    (1, noise.other_environment),
    (2, noise.look_alike),
)
_MOST_QUERIES = 5


def simulate(rng: Random, clock: Callable[[], datetime], number: int = 0) -> Iterator[Written]:
    """Yield records without end; `clock` returns the app's aware local time, asked once per scene.

    Booking numbers begin after `number`, so that a simulation which goes on repeats no identifier.
    """
    weights = [weight for weight, _ in _SCENES]
    scenes = [scene for _, scene in _SCENES]
    while True:
        stage = Stage(rng, clock(), number)
        for written in rng.choices(scenes, weights)[0](stage):
            yield written
            for _ in range(rng.randint(0, _MOST_QUERIES)):
                yield noise.query(stage)
        number = stage.number
