"""Lengths of time, as people write them: ``"10 min"``, ``"2h 30m"``, ``90``, a timedelta.

Knows units; nothing of dumbo.
"""

from __future__ import annotations

__all__ = ["seconds_of"]

_UNITS = {
    "ms": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86_400.0,
    "day": 86_400.0,
    "w": 604_800.0,
    "week": 604_800.0,
}
_NUMBER = frozenset("0123456789._")


def seconds_of(given: object) -> float | None:
    """Return the seconds that *given* stands for; None if it stands for none.

    A number is one of seconds, and so is a text without a unit. What is negative, infinite or
    no number stands for none.
    """
    total = getattr(given, "total_seconds", None)  # a timedelta, without importing datetime
    if callable(total):
        given = total()
    if isinstance(given, str):
        given = _read(given.strip().lower())
    if type(given) not in (int, float):
        return None
    seconds = float(given)  # type: ignore[arg-type]
    return seconds if 0 <= seconds < float("inf") else None


def _read(text: str) -> float | None:
    """Return the sum of the parts of *text*, such as ``2h 30m``."""
    total = 0.0
    rest = text
    while rest:
        end = next((i for i, c in enumerate(rest) if c not in _NUMBER), len(rest))
        number, rest = rest[:end], rest[end:].lstrip()
        end = next((i for i, c in enumerate(rest) if not c.isalpha()), len(rest))
        unit, rest = rest[:end], rest[end:].lstrip()
        scale = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
        if not unit and number == text:
            scale = 1.0
        try:
            total += float(number) * (scale if scale is not None else float("nan"))
        except ValueError:
            return None
    return total if text and total == total else None
