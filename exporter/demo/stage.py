"""What the scenes of the simulated app share: its people, its numbers and the records they leave.

Every record carries what it should count, so that a test, or the demo itself, can compare the
exporter with it: the names are those of the samples on `/metrics`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from exporter.catalogue import APP
from exporter.demo.lines import record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from random import Random

LogFile = Literal["laravel", "calcom"]

NAMES = (
    "Zora Beispiel",
    "Börge Mustermann",
    "Ænne Probe-Fall",
    "Jörn d'Example",
    "Żaneta Próbna",
    "Señor Ejemplo",
    "例 太郎",
    "Tëst Øvelse",
)
SERVICES = ("Beratung", "Färben & Föhnen", 'Schnitt "kurz"', "Coupe à l'essai", "Massage 60/90")
BRANCHES = ("00000000-aaaa-4000-8000-000000000001", "00000000-bbbb-4000-8000-000000000002")
COMPANIES = (1, 15)


def sample(name: str, **labels: str) -> str:
    """Return the name of a sample as `/metrics` writes it (labels sorted), for a series about the app.

    >>> sample("booking_conflicts_total", kind="slot")
    'api_gateway_booking_conflicts_total{kind="slot"}'
    """
    text = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{APP}{name}{{{text}}}" if text else APP + name


def observed(name: str, value: float, **labels: str) -> dict[str, float]:
    """Return what one observation adds to the sum and the count of a histogram about the app."""
    return {sample(f"{name}_sum", **labels): value, sample(f"{name}_count", **labels): 1}


@dataclass(frozen=True, slots=True)
class Appointment:
    """A row that the app inserts into its `appointments` table; times are local to the app."""

    booking_id: str
    status: str
    source: str
    company_id: int
    created_at: datetime
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class Written:
    """One record: the file it goes to, its bytes, what it should count, and the row saved before it."""

    file: LogFile
    time: datetime
    raw: bytes
    counts: Mapping[str, float] = field(default_factory=dict)
    appointment: Appointment | None = None


@dataclass(frozen=True, slots=True)
class Booking:
    """One wish for an appointment, invented in full."""

    id: int
    number: int
    call: str
    call_number: int
    customer: int
    name: str
    service: str
    branch: str
    company: int
    starts_at: datetime

    @property
    def start_text(self) -> str:
        """The wished time as the app writes it."""
        return f"{self.starts_at:%Y-%m-%d %H:%M}"


class Stage:
    """The present moment of the simulated app: `now` is one aware time, `rng` decides everything else.

    `number` is the last booking's number; identifiers are made from it and never repeat.
    """

    def __init__(self, rng: Random, now: datetime, number: int) -> None:
        """Take the random source, the time of all records of this scene, and the last booking's number."""
        self.rng = rng
        self.now = now
        self.number = number

    def booking(self) -> Booking:
        """Return a new booking."""
        self.number += 1
        day = self.now + timedelta(days=self.rng.randint(1, 21))
        start = day.replace(
            hour=self.rng.randint(9, 18), minute=self.rng.choice((0, 15, 30, 45)), second=0, microsecond=0
        )
        return Booking(
            id=12_000_000 + self.number,
            number=self.number,
            call=self.call(),
            call_number=self.rng.randint(1_000, 99_999),
            customer=self.rng.randint(1, 900),
            name=self.rng.choice(NAMES),
            service=self.rng.choice(SERVICES),
            branch=self.rng.choice(BRANCHES),
            company=self.rng.choice(COMPANIES),
            starts_at=start,
        )

    def call(self) -> str:
        """Return an identifier like those of a telephone call."""
        return f"call_{self.rng.getrandbits(108):027x}"

    def seconds(self, low: float, high: float) -> float:
        """Return a duration in seconds with microseconds, as Carbon computes it."""
        return round(self.rng.uniform(low, high), 6)

    def log(
        self,
        level: str,
        message: str,
        context: Mapping[str, object] | None = None,
        *counts: Mapping[str, float],
        file: LogFile = "laravel",
        channel: str = "production",
    ) -> Written:
        """Return a record of this moment that should count `counts`, and one record of its level."""
        total = {sample("log_records_total", level=level): 1.0}
        for one in counts:
            total |= one
        return Written(file, self.now, record(self.now, channel, level, message, context), total)
