"""Durations as Go writes them (https://pkg.go.dev/time#ParseDuration), such as `1m30s` or `1.5h`; pure."""

from __future__ import annotations

import re

from pydantic import BeforeValidator

from exporter.config.values import wrong

_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ns|us|µs|μs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(value: object) -> float:
    """Return a duration in seconds; a bare 0 is allowed, as in Go. Raises pydantic's error for the user.

    >>> seconds("1m30s")
    90.0
    """
    if value in (0, "0") and not isinstance(value, bool):
        return 0.0
    parts = _PART.findall(value) if isinstance(value, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise wrong("is no duration; write a number with its unit, such as 100ms or 1s")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


go_duration = BeforeValidator(seconds)
