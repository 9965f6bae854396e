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

__all__ = ["add", "enter", "is_within", "leave", "within"]


class _Local(local):
    less = 0.0
    depth = 0


_local = _Local()


def enter() -> float:
    """A computation begins; return what `leave` has to be told."""
    around = _local.less
    _local.less = 0.0
    _local.depth += 1
    return around


def within() -> float:
    """Return by how many seconds the computation that runs will be faster next time."""
    return _local.less


def leave(around: float, less: float) -> None:
    """A computation has ended that will take *less* seconds less for who asks for it again."""
    _local.less = around + less
    _local.depth -= 1


def is_within() -> bool:
    """Whether a computation runs in this thread: else nobody wants to know what is within."""
    return _local.depth > 0


def add(less: float) -> None:
    """Within the one that runs, a computation without any of its own has come to its end."""
    _local.less += less
