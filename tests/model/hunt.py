"""A long hunt: sequences of the state machine's rules drawn by number, and the shortest form of what breaks them.

`make hunt` plays one sequence after the other and prints how many there were. Each sequence favours
some rules, so that rare combinations come up. From a sequence that fails, steps are left out as
long as it fails in the same place; what remains is printed.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.model.ledger import SHAPES
from tests.model.test_machine import Following

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST: Final = 60
"""Steps of a sequence."""
MANY: Final = 1_000_000
"""Sequences of one seed."""


@dataclass(frozen=True)
class Step:
    """A rule's name, and what it is called with."""

    name: str
    arguments: dict[str, Any]

    def __str__(self) -> str:
        """Return the call."""
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


def tell(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _shapes(draw: random.Random) -> list[tuple[str, int]]:
    return [
        (draw.choice(sorted(SHAPES)), draw.choice([0, 90, 300, 700, 5000])) for _ in range(draw.choice([1, 1, 2, 4]))
    ]


_DRAWN: Final[dict[str, Callable[[random.Random], Any]]] = {
    "shapes": _shapes,
    "cut": lambda draw: draw.choice([None, None, round(draw.uniform(0.01, 0.99), 2)]),
    "part": lambda draw: round(draw.uniform(0.01, 0.99), 2),
    "which": lambda draw: draw.randrange(12),
    "seconds": lambda draw: draw.choice([0.0, 0.02, 0.2, 0.6, 2.0, 6.0]),
}
"""How arguments are drawn; all others are true or false."""
_LATER: Final = [0.02, 0.6, 2.0, 30.0, 700.0, 50 * 3600.0]
RULES: Final = {rule.function.__name__: rule for rule in Following.setup_state().rules}


def sequence(number: int) -> list[Step]:
    """Return the sequence with this number: its beginning, then rules of which each has a weight of its own."""
    draw = random.Random(number)
    weights = {name: draw.choice([0, 1, 1, 3]) for name in sorted(RULES)}
    weights["write"] = 4
    weights["settle"] = min(weights["settle"], 1)
    weights["step"] = max(weights["step"], 1)
    if draw.randrange(5):
        weights["disk_full"] = 0  # most disks have room
    begin = Step("begin", {name: draw.randrange(5) < 2 for name in ("wide", "archived", "before", "strange")})
    names = draw.choices(list(weights), list(weights.values()), k=draw.randint(5, LONGEST))
    return [begin, *(Step(name, _arguments(name, draw)) for name in names)]


def _arguments(name: str, draw: random.Random) -> dict[str, Any]:
    drawn: dict[str, Any] = {}
    for argument in RULES[name].arguments:
        if name == "advance":
            drawn[argument] = draw.choice(_LATER)
        elif argument in _DRAWN:
            drawn[argument] = _DRAWN[argument](draw)
        else:
            drawn[argument] = draw.choice([False, True])
    return drawn


def play(steps: list[Step], *, told: bool = False) -> str:
    """Play a sequence; return what broke: the place and the message, or nothing. Steps that cannot be are left out."""
    machine = Following()
    try:
        try:
            for step in steps:
                if step.name in RULES and not all(met(machine) for met in RULES[step.name].preconditions):
                    continue
                if told:
                    tell(f"    {step}")
                getattr(machine, step.name)(**step.arguments)
                machine.nothing_falls_and_nothing_is_counted_twice()
        except BaseException:
            machine.broken = True
            raise
        finally:
            machine.teardown()
    except Exception as error:  # noqa: BLE001  (whatever it is, it is a finding)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.line}: {type(error).__name__}: {error}"
    return ""


def _place(finding: str) -> str:
    return finding.partition(" ")[0]


def shorten(steps: list[Step]) -> list[Step]:
    """Return a sequence that fails at the same place and has nothing that could be left out."""
    place = _place(play(steps))
    before: list[Step] = []
    while place and steps != before:
        before = steps
        size = len(steps) // 2
        while size:
            for at in range(len(steps) - size, 0, -size):
                shorter = steps[:at] + steps[at + size :]
                steps = shorter if _place(play(shorter)) == place else steps
            size //= 2
        steps = next((plainer for plainer in _plainer_steps(steps) if _place(play(plainer)) == place), steps)
    return steps


def _plainer_steps(steps: list[Step]) -> Iterator[list[Step]]:
    for at, step in enumerate(steps):
        for name, value in step.arguments.items():
            for plainer in _plainer(value):
                yield [*steps[:at], Step(step.name, step.arguments | {name: plainer}), *steps[at + 1 :]]


def _plainer(value: object) -> Iterator[object]:
    if value is True:
        yield False
    elif isinstance(value, list):
        for at in range(len(value) if len(value) > 1 else 0):
            yield value[:at] + value[at + 1 :]
        for at, (shape, size) in enumerate(value):
            if (shape, size) != ("context", 300):
                yield [*value[:at], ("context", 300), *value[at + 1 :]]
    elif isinstance(value, float) and value not in {0.0, 0.6}:
        yield None if value < 1 else 0.6


def main() -> int:
    """Hunt for as long as the command line says; return 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=5, help="findings after which the hunt ends")
    parser.add_argument("--only", type=int, help="play the sequence with this number and nothing else")
    arguments = parser.parse_args()
    logging.disable()  # the daemon's own words, of full disks and the like
    if arguments.only is not None:
        tell(play(sequence(arguments.only), told=True) or "nothing found")
        return 0
    begun = time.monotonic()
    number = first = arguments.seed * MANY
    found = 0
    while time.monotonic() - begun < arguments.seconds and found < arguments.most:
        finding = play(sequence(number))
        if finding:
            found += 1
            tell(f"sequence {number}: {finding}")
            tell(f"  shortest: {play(shorten(sequence(number)), told=True)}")
        number += 1
    tell(f"{number - first} sequences, {found} findings, {time.monotonic() - begun:.0f} s, seed {arguments.seed}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
