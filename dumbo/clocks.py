"""How long a thread needed for something, on a machine where others want the processor, too.

    wall    seconds that passed
    needed  of these, those in which the thread ran, or waited of its own accord; the rest is that
            of others

What the thread waited for (a disk, somebody's answer, a lock) is not told from what others took
meanwhile, if it waited at all. Where the system does not say whether a thread waited, as on macOS,
*needed* is the time that it ran, and it is left to others to know that it waits.

A reading takes some microseconds: dear beside a function of ten.

Knows the clocks of the system; must not know what is measured.
"""

from __future__ import annotations

import sys
from time import perf_counter, thread_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TELLS_WAITS", "Reading", "needed", "reading"]

TELLS_WAITS = sys.platform == "linux"  # whether what a thread waited for counts as needed

_waits: Callable[[], int] | None = None


class Reading:
    """One look at the clocks; the difference of two is a complex number: wall, and needed."""

    __slots__ = ("ran", "waits", "wall")

    def __init__(self, wall: float, ran: float, waits: int) -> None:
        self.wall = wall
        self.ran = ran
        self.waits = waits

    def __sub__(self, before: Reading) -> complex:
        wall = self.wall - before.wall
        if self.waits > before.waits:
            return complex(wall, wall)
        return complex(wall, min(wall, self.ran - before.ran))


def reading() -> Reading:
    """Read the clocks, for this thread."""
    waits = (_waits or _find())()
    return Reading(perf_counter(), thread_time(), waits)


def needed(before: Reading) -> float:
    """Return the seconds needed since *before*; all that passed, where waiting is not told."""
    took = reading() - before
    return took.imag if TELLS_WAITS else took.real


def _find() -> Callable[[], int]:
    """Return what says how often this thread gave the processor away by itself."""
    global _waits
    if not TELLS_WAITS:
        _waits = int
        return _waits
    from resource import RUSAGE_THREAD, getrusage  # here: only who computes is measured

    def waits() -> int:
        count: int = getrusage(RUSAGE_THREAD).ru_nvcsw
        return count

    _waits = waits
    return waits
