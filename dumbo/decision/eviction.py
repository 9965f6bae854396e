"""In which order results go when space is short: a pure function of what is known of each.

Until costs decide, what was not used for the longest time goes first.

Knows numbers; must not know a store.
"""

from __future__ import annotations

__all__ = ["rank"]


def rank(used: int, size: int, compute: int, store: int) -> float:
    """Return a number by which results are sorted; the lowest goes first.

    Parameters:
        used: unix time of the last use.
        size: bytes.
        compute, store: nanoseconds that computing and storing it took.
    """
    return float(used)
