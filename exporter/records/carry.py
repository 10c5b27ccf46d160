"""What must be remembered of a record that is not finished at the end of a block. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final, Literal, get_args

import orjson

from exporter.model import LEVELS

Kind = Literal["none", "line", "json"]
Counted = Literal["", "unrecognized", "event"]
Inside = Literal["", "string", "json"]


@dataclass(frozen=True, slots=True)
class Carry:
    """The state at the first byte of a block; the default is the beginning of a file.

    `kind` is the open record's format, `level` whether it was counted by level, `counted` what
    event it was counted as. With `skipping` the record's beginning is gone, since it exceeded
    the limit: its rest is only passed over, from a byte `inside` a JSON string or value or not,
    `depth` values deep; `tail` is the level last seen in a JSON record (an index, -1: none).
    `mid_line` tells that the first byte is not the first of a line. `fold` and `latest` are the
    file's place in a repeated hour (see `time.FoldWatch`).
    """

    kind: Kind = "none"
    level: bool = False
    counted: Counted = ""
    skipping: bool = False
    inside: Inside = ""
    depth: int = 0
    tail: int = -1
    mid_line: bool = False
    fold: int = 0
    latest: float = 0.0

    def dump(self) -> str:
        """Return the state as the checkpoint stores it; an unremarkable one is empty."""
        return "" if self == _NOTHING else orjson.dumps(asdict(self)).decode()

    @classmethod
    def load(cls, text: str) -> Carry:
        """Return the state that `dump` made; fields of later versions are passed over.

        Raises ValueError where `text` is no such state.
        """
        if not text:
            return _NOTHING
        fields = orjson.loads(text)
        if not isinstance(fields, dict):
            raise ValueError("not a carry")  # noqa: TRY004  (one error for a bad text)
        known = {name: fields[name] for name in cls.__slots__ if name in fields}
        if not all(_sound(name, value) for name, value in known.items()):
            raise ValueError("not a carry's values")
        return cls(**known)


_NOTHING = Carry()
_CHOICES: Final[dict[str, tuple[object, ...]]] = {
    "kind": get_args(Kind),
    "counted": get_args(Counted),
    "inside": get_args(Inside),
    "tail": tuple(range(-1, len(LEVELS))),
    "fold": (0, 1),
}


def _sound(name: str, value: object) -> bool:
    """Tell whether a field may hold `value`; JSON's numbers are no truth values, nor these numbers."""
    if name == "latest":
        return type(value) in {int, float}
    if type(value) is not type(getattr(_NOTHING, name)):
        return False
    return value in _CHOICES[name] if name in _CHOICES else name != "depth" or value >= 0  # type: ignore[operator]  # an int
