"""Loops that are looked at one item at a time.

Where a loop goes through items that are known one by one, such as the names in a tuple or the
rows of a table of options, its body is looked at once for each: a *round*. What one round finds
out about its item is not mixed up with what another does; behind the loop all of them meet.

    body      the steps that belong to a loop: those behind its head which are reached in no other
              way than through a round of it
    Round     one item of one loop, inside of another round or of none

Knows the steps of a function and how they follow each other; must not know values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from dumbo.tracing.steps import FINAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dumbo.tracing.steps import Handler, Step

WORK = 1_200  # steps of all rounds of one loop together, with the rounds that it lies in
_GIVING = frozenset({"RETURN_VALUE", "YIELD_VALUE"})
_RAISING = frozenset({"RAISE_VARARGS", "RERAISE"})
_ASKING = frozenset({"CHECK_EXC_MATCH", "CHECK_EG_MATCH", "WITH_EXCEPT_START"})
MOST = 64  # rounds of one loop


class Round(NamedTuple):
    """`outer` is the number of the round that the loop lies in, 0 if in none."""

    outer: int
    head: int
    item: int
    times: int  # rounds that are open, multiplied
    picks: bool = False  # the items are code, and not just names


class Rounds:
    """The rounds of one frame, by number; number 0 is what lies in no loop."""

    __slots__ = ("_known", "_numbers", "bodies")

    def __init__(self, bodies: dict[int, frozenset[int]]) -> None:
        self.bodies = bodies  # of each loop that has rounds, by its head
        self._known = [Round(0, -1, 0, 1)]
        self._numbers: dict[tuple[int, int, int], int] = {}

    def enter(self, outer: int, head: int, item: int, count: int, picks: bool = False) -> int:
        """The number of the round for *item* of the loop at *head*."""
        key = (outer, head, item)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._known)
            around = self._known[outer]
            times = around.times * count
            self._known.append(Round(outer, head, item, times, picks or around.picks))
        return number

    def picks(self, number: int) -> bool:
        """Whether round *number*, or one around it, is for a piece of code."""
        return self._known[number].picks

    def allows(self, outer: int, body: Iterable[int], count: int) -> bool:
        """Whether a loop of *count* rounds inside of round *outer* is short enough."""
        work = self._known[outer].times * count * len(frozenset(body))
        return 1 < count <= MOST and work <= WORK

    def at(self, number: int, step: int) -> int:
        """In which round *step* lies if it is reached from round *number*."""
        while number and step not in self.bodies[self._known[number].head]:
            number = self._known[number].outer
        return number


def body_of(head: int, steps: Sequence[Step], catches: dict[int, Handler]) -> frozenset[int]:
    """The steps of the loop whose FOR_ITER is at *head*."""
    end = steps[head].target
    assert end is not None
    inside = _reached([head + 1], head, steps, catches)
    # An exception out of the head itself is none of a round.
    outside = _reached([0, end, *_caught(head, catches)], head, steps, catches)
    return inside - outside


def doomed(steps: Sequence[Step], catches: dict[int, Handler]) -> frozenset[int]:
    """The steps behind which the function raises, whatever happens; not where it may go on."""
    before: dict[int, list[int]] = {}
    left: list[int] = []  # ways on that are not known to end so
    for index, step in enumerate(steps):
        behind = set(_behind(index, step, catches))
        left.append(len(behind))
        for target in behind:
            before.setdefault(target, []).append(index)
    found: set[int] = set()
    ends = [n for n, step in enumerate(steps) if step.name in _RAISING and not left[n]]
    while ends:
        end = ends.pop()
        found.add(end)
        for index in before.get(end, ()):
            left[index] -= 1
            if not left[index] and steps[index].name not in _GIVING:
                ends.append(index)
    return frozenset(found)


def bare(steps: Sequence[Step]) -> frozenset[int]:
    """Where handlers begin that catch whatever comes: they end it, and ask for no class."""
    return frozenset(
        [n for n, step in enumerate(steps) if step.name == "PUSH_EXC_INFO" and _ends(steps, n)]
    )


def _ends(steps: Sequence[Step], start: int) -> bool:
    """Whether an exception is over behind *start*, and neither raised again nor looked at."""
    seen: set[int] = set()
    todo = [start + 1]
    while todo:
        at = todo.pop()
        if at in seen or at >= len(steps) or steps[at].name in _ASKING:
            continue
        seen.add(at)
        step = steps[at]
        if step.name == "POP_EXCEPT":
            if at + 1 >= len(steps) or steps[at + 1].name != "RERAISE":
                return True
            continue
        if step.target is not None:
            todo.append(step.target)
        if step.name not in FINAL:
            todo.append(at + 1)
    return False


def _behind(index: int, step: Step, catches: dict[int, Handler]) -> list[int]:
    found = _caught(index, catches)
    if step.target is not None:
        found.append(step.target)
    if step.name not in FINAL:
        found.append(index + 1)
    return found


def _reached(
    start: Iterable[int], head: int, steps: Sequence[Step], catches: dict[int, Handler]
) -> frozenset[int]:
    """The steps that are reached from *start* without passing through *head*."""
    seen: set[int] = set()
    todo = [*start]
    while todo:
        index = todo.pop()
        if index in seen or index == head or index >= len(steps):
            continue
        seen.add(index)
        todo += _behind(index, steps[index], catches)
    return frozenset(seen)


def _caught(index: int, catches: dict[int, Any]) -> list[int]:
    handler = catches.get(index)
    return [] if handler is None else [handler.target]


def repeated(steps: Sequence[Step], catches: dict[int, Handler]) -> frozenset[int]:
    """The steps that lie in some loop, and a few more: all that a way back goes round."""
    found: set[int] = set()
    for index, step in enumerate(steps):
        targets = [] if step.target is None else [step.target]
        if index in catches:
            targets.append(catches[index].target)
        for target in targets:
            if target <= index:
                found.update(range(target, index + 1))
    return frozenset(found)
