"""What caching a function has gained so far, from sums: pure arithmetic.

    saved      seconds that computing took what was loaded; of hits from memory, which nobody
               clocks, as much as of those from disk, in the mean
    overhead   seconds that looking up, loading and storing took; the first call of each process,
               which imports and traces, stands apart

Knows numbers; must not know where they come from.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["calls", "loses", "overhead", "saved"]

_SEEN = 64  # looked-up calls after which it is said that caching loses
_STRAIGHT = 1000  # calls that were not looked up
_LITTLE = 0.02  # of the function's own time


def calls(sums: Mapping[str, float]) -> int:
    return int(sums["hits"] + sums["computed"])


def saved(sums: Mapping[str, float], compute: float = 0.0) -> float:
    """Return the seconds saved; *compute* is what a call takes, if nothing was loaded."""
    loads = sums["loads"]
    each = sums["saved"] / loads if loads else compute
    return sums["saved"] + max(0, sums["hits"] - loads) * each


def overhead(sums: Mapping[str, float]) -> float:
    return max(0.0, sums["looking"] - sums["setup"]) + sums["storing"]


def loses(sums: Mapping[str, float], compute: float = 0.0) -> bool:
    """Return whether a function would be faster, and none the worse, without caching."""
    if saved(sums, compute) >= overhead(sums):
        return False
    if sums["straight"] >= _STRAIGHT and sums["straight"] > 0.9 * calls(sums):
        return True
    return sums["looks"] >= _SEEN and overhead(sums) > _LITTLE * sums["spent"]
