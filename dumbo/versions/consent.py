"""Asking whoever sits at the terminal whether stale results of a function may be reused.

Once for each function and version of its code; the answer holds for the process, and for those
that it forks. Where nobody sits, nobody is asked: no terminal, or a job in the background, which
would be stopped if it tried.

Knows terminals and answers; must not know stores, nor what is done with an answer.
"""

from __future__ import annotations

import os
import sys
import threading

from dumbo.explain import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dumbo.answers.why import Change

__all__ = ["answer_of", "ask"]

_YES, _NO, _DIFF = frozenset({"y", "yes"}), frozenset({"", "n", "no"}), frozenset({"d", "diff"})

_answers: dict[tuple[str, bytes], bool] = {}
_asking = threading.Lock()


def answer_of(function: str, version: bytes) -> bool | None:
    """Return what was answered; None if nobody was asked yet."""
    return _answers.get((function, version))


def ask(function: str, version: bytes, what: str, changes: tuple[Change, ...]) -> bool | None:
    """Return whether stale results of this version may be reused; None if nobody is there.

    Parameters:
        what: what there is, and what of it changed, in words.
    """
    with _asking:
        known = _answers.get((function, version))
        if known is None and _somebody_is_there():
            known = _answers[function, version] = _talk(function, what, changes)
        return known


def _talk(function: str, what: str, changes: tuple[Change, ...]) -> bool:
    diff = "\n".join([text for change in changes if (text := change.diff())])
    choices = "[y]es, [N]o, [d]iff" if diff else "[y]es, [N]o"
    _say(f"dumbo: {what}\n")
    while True:
        _say(f"dumbo: reuse stale results of {function} in this run? {choices}: ")
        line = sys.stdin.readline()
        said = line.strip().lower()
        if said in _YES:
            return True
        if said in _NO:
            if not line:  # the end of the input
                _say("\n")
            return False
        if diff and said in _DIFF:
            _say(f"{diff}\n")


def _say(text: str) -> None:
    sys.stderr.write(printable(text, lines=True))
    sys.stderr.flush()


def _somebody_is_there() -> bool:
    try:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return False
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (AttributeError, OSError, ValueError):  # closed, replaced, or nothing at all
        return False


def _after_fork_in_child() -> None:
    global _asking
    _asking = threading.Lock()


os.register_at_fork(after_in_child=_after_fork_in_child)
