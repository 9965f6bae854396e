"""Tuples that are put together of parts, some of a length that nobody knows.

    f(cls, *args)        `cls` is what is passed first, whatever is in `args`
    (a, *rest)[0]        `a`

While a display or a call is evaluated, its parts lie in a list that nobody else can reach. It is
taken for the tuple that it becomes: one of known length as long as all parts have one, else a
container with a *front*: items in their places, and behind them whatever else is in it.

Knows tuples and where their items lie; must not know who is called with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dumbo.tracing.steps import FINAL
from dumbo.tracing.values import UNKNOWN, Const, Heap, Tuple, Value, each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dumbo.tracing.frame import Frame
    from dumbo.tracing.steps import Step

__all__ = ["SHORT", "becomes_tuple", "front_of", "is_tuple", "joined", "parts_of", "with_front"]

SHORT = 6  # items of a tuple that may be longer each time that it is made
_FRONT = "front"  # in the site of a container: how many items stand in their places


def with_front(frame: Frame, site: Any, items: Sequence[Value], rest: Value | None) -> Value:
    """A tuple made at *site* that begins with *items*; any of *rest* may come behind them."""
    place = (*site, _FRONT, len(items))
    for index, item in enumerate(items):
        frame.analysis.write(place, ("item", index), item)
    frame.analysis.write(place, "elem", rest)
    made: Value = frame.pool.make(Heap, "tuple", place)
    return made


def front_of(value: Value) -> int:
    """How many items of a container stand in their places, with nothing before them."""
    if isinstance(value, Heap) and len(value.site) > 2 and value.site[-2] == _FRONT:
        count: int = value.site[-1]
        return count
    return 0


def parts_of(frame: Frame, value: Value) -> tuple[tuple[Value, ...], Value | None]:
    """The items at the front of what is spread, as far as all that it may be agree on how many,
    and what may come behind them: None if nothing does."""
    from dumbo.tracing.iteration import items_of  # a cycle: iterating calls `__iter__`

    fronts: list[tuple[Value, ...]] = []
    rest: Value | None = None
    for member in each(value):
        if isinstance(member, Tuple):
            fronts.append(member.items)
        elif isinstance(member, Const) and type(member.obj) is tuple:
            fronts.append(tuple(map(frame.pool.const, member.obj)))
        else:
            front, more = _parts_of_other(frame, member)
            fronts.append(front)
            if more is None:
                more = items_of(frame, member) or frame.unknown_value("spread arguments")
            rest = frame.pool.join(rest, more)
    count = min(map(len, fronts), default=0)
    behind = [item for front in fronts for item in front[count:]]
    columns = zip(*[front[:count] for front in fronts], strict=True)
    return tuple([frame.pool.join(*column) or UNKNOWN for column in columns]), frame.pool.join(
        rest, *behind
    )


def _parts_of_other(frame: Frame, value: Value) -> tuple[tuple[Value, ...], Value | None]:
    count = front_of(value)
    if not count or not isinstance(value, Heap) or value.site in frame.analysis.escaped:
        return (), None
    read = frame.analysis.read
    front = [read(value.site, ("item", at), frame, frame.index) for at in range(count)]
    held = read(value.site, "elem", frame, frame.index)
    return tuple([item or UNKNOWN for item in front]), held


def is_tuple(value: Value) -> bool:
    """Whether what a step puts something into is a tuple in the making."""
    return all(
        isinstance(member, Tuple) or (isinstance(member, Heap) and member.kind == "tuple")
        for member in each(value)
    )


def joined(frame: Frame, target: Value, more: Value) -> Value:
    """The tuple that is *target* with the items of *more* behind its own."""
    front, rest = parts_of(frame, target)
    if rest is None:
        items, behind = parts_of(frame, more)
        longer = (*front, *items)
        may_grow = not frame.is_once or frame.at in frame.plan.repeated
        if len(longer) <= (max(SHORT, len(front)) if may_grow else 16):
            front, rest = longer, behind
        else:
            rest = frame.pool.join(*items, behind)
        if rest is None:
            made: Value = frame.pool.make(Tuple, front)
            if isinstance(made, Tuple):  # and not too deep
                return made
    else:
        items, behind = parts_of(frame, more)
        rest = frame.pool.join(rest, *items, behind)
    return with_front(frame, (frame.site, frame.index), front, rest)


def becomes_tuple(steps: Sequence[Step], made_at: int) -> bool:
    """Whether the list that step *made_at* makes is nothing but a tuple in the making."""
    todo = [(made_at + 1, 0)]  # a step, and how many values lie on the list before it
    seen: set[int] = set()
    found = False
    while todo:
        index, above = todo.pop()
        if index in seen:
            continue
        seen.add(index)
        step = steps[index]
        if step.name == "LIST_TO_TUPLE" and not above:
            found = True
            continue
        if _reaches(step) > above:
            return False
        if step.target is not None:
            todo.append((step.target, above + step.jump_effect))
        if step.name not in FINAL:
            todo.append((index + 1, above + step.effect))
    return found


_PUSHES_NOTHING = ("POP_", "STORE_", "LIST_", "SET_", "DICT_", "MAP_", "DELETE_")


def _reaches(step: Step) -> int:
    """How many values from the top of the stack a step may look at; its own lists aside."""
    name, effect = step.name, step.effect
    if name in ("COPY", "SWAP"):
        return int(step.arg)
    if name in ("JUMP", "NOP", "MAKE_CELL"):
        return 0
    if name.startswith(_PUSHES_NOTHING) or name in FINAL:
        return -effect
    if effect > 0:
        return 0 if name.startswith(("LOAD_", "PUSH_NULL", "BUILD_")) else 1
    return 1 - effect
