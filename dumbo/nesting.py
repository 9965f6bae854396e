"""How much of a computation went into memoized calls within it that will not be made again.

Who judges whether a result is worth storing asks what computing it again would take. Memoized
calls within that were stored just now are loaded then. So each such call, when it ends, tells the
computation around it how much less it will take next time.

One number for each thread; calls in tasks, whose ends come in any order, are not told apart, and
count in full.

Knows seconds; must not know calls or functions.
"""

from __future__ import annotations

from _thread import _local as local  # `threading` itself imports more

__all__ = ["enter", "leave"]


class _Local(local):
    less = 0.0


_local = _Local()


def enter() -> float:
    """A computation begins; return what `leave` has to be told."""
    around = _local.less
    _local.less = 0.0
    return around


def within() -> float:
    """Return by how many seconds the computation that runs will be faster next time."""
    return _local.less


def leave(around: float, less: float) -> None:
    """A computation has ended that will take *less* seconds less for who asks for it again."""
    _local.less = around + less
