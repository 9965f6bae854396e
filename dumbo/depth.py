"""Room on the stack of CPython 3.11, where a memoized level counts as three.

The recursion limit of 3.11 counts C calls as well as Python frames: the call of an object, the
frame of `Memoized.__call__`, and the function's own. From 3.12 on it counts the two frames
only. So that recursion which fits without dumbo fits with it, the levels that lie deep in a
recursion of memoized functions bring the difference with them: while such a level runs, the
limit is higher by two, and by no more than the limit again altogether.

Whoever sets the limit meanwhile is obeyed: then nothing is taken back.

Knows one number of the interpreter; must not know calls or functions.
"""

from __future__ import annotations

import sys
from _thread import RLock, _local  # `threading` itself imports more

__all__ = ["NEEDED", "enter", "leave"]

NEEDED = sys.version_info < (3, 12)

_FREE = 20  # levels that bring nothing with them: most programs never see another limit
_EACH = 2
_MOST = 1000  # how much is brought in all threads: stacks of C have their end, too


class _Levels(_local):
    count = 0


_levels = _Levels()
_lock = RLock()
_brought = 0
_limit = 0  # as we have left it


def enter() -> bool:
    """Go one level down; say what `leave` has to be told."""
    _levels.count += 1
    return _levels.count > _FREE and _bring(_EACH)


def leave(brought: bool) -> None:
    """Come back up."""
    _levels.count -= 1
    if brought:
        _bring(-_EACH)


def _bring(more: int) -> bool:
    global _brought, _limit
    with _lock:
        limit = sys.getrecursionlimit()
        if limit != _limit:  # the first time, or somebody else has set it
            _brought = 0
        if not 0 <= _brought + more <= _MOST:
            return False
        try:
            sys.setrecursionlimit(limit + more)
        except RecursionError:  # another thread is that deep: then it stays
            return False
        _limit = limit + more
        _brought += more
        return True
