"""Pairs of stack slots as one.

3.14 keeps the exit function of a `with` in two slots, itself and its receiver, and
3.15 an iterator, itself and an index. The second of such a pair, a *ghost*, is
taken out here: its pushes and pops go, and what counts slots (COPY, SWAP,
LIST_APPEND, the depth of a handler) counts anew. So the handlers of steps know
one layout.

Knows depths; must not know CPython versions or values.
"""

from __future__ import annotations

from collections.abc import Iterator

from dumbo.tracing.steps import FINAL, Handler, Lowered, Shape, Step, step

GHOST = "GHOST"  # a step that pushes a ghost, `arg` slots below the top

_POPS_BEFORE_REACHING = {  # these write into the arg-th value below what they pop
    "DICT_MERGE": 1,
    "DICT_UPDATE": 1,
    "LIST_APPEND": 1,
    "LIST_EXTEND": 1,
    "MAP_ADD": 2,
    "SET_ADD": 1,
    "SET_UPDATE": 1,
}


def single(lowered: Lowered) -> Lowered:
    """Return *lowered* without its ghosts, nor the steps that nothing reaches."""
    stacks = _stacks(lowered)
    steps: list[Step] = []
    moved = []  # where each step is now
    for one, stack in zip(lowered.steps, stacks, strict=True):
        moved.append(len(steps))
        if stack is not None:
            steps += _rewrite(one, stack)
    moved.append(len(steps))
    landed = [
        one if one.target is None else one._replace(target=moved[one.target]) for one in steps
    ]
    handlers = []
    for start, stop, target, depth, lasti in lowered.handlers:
        stack = stacks[target]
        if stack is None:
            continue
        kept = depth - lasti
        depth -= stack.count("g")
        for first, last in _deep_enough(stacks, start, stop, kept):
            if moved[first] < moved[last]:
                handlers.append(Handler(moved[first], moved[last], moved[target], depth, lasti))
    return Lowered(landed, handlers)


def _deep_enough(
    stacks: list[str | None], start: int, stop: int, kept: int
) -> Iterator[tuple[int, int]]:
    """Yield the parts of a range where the stack holds what its handler keeps.

    A generator expression of 3.15 has one handler, which keeps the iterator, around
    its return as well, where the iterator is gone; there nothing can be raised.
    """
    first = start
    for index in range(start, stop):
        stack = stacks[index]
        if stack is not None and len(stack) < kept:
            yield first, index
            first = index + 1
    yield first, stop


def _stacks(lowered: Lowered) -> list[str | None]:
    """Return what stands on the stack before each step: `g` a ghost, `.` anything else."""
    steps, handlers = lowered
    stacks: list[str | None] = [None] * len(steps)
    catching: list[Handler | None] = [None] * len(steps)
    for handler in handlers:
        catching[handler.start : handler.stop] = [handler] * (handler.stop - handler.start)
    todo = [(0, "")]
    while todo:
        index, stack = todo.pop()
        while index < len(steps) and stacks[index] is None:
            stacks[index] = stack
            one, caught = steps[index], catching[index]
            if caught is not None and stacks[caught.target] is None:
                kept = stack[: caught.depth - caught.lasti]
                todo.append((caught.target, kept + "." * (caught.lasti + 1)))
            if one.target is not None:
                todo.append((one.target, _after_jump(one, stack)))
            if one.name in FINAL:
                break
            index, stack = index + 1, _after(one, stack)
    return stacks


def _after(one: Step, stack: str) -> str:
    """Return the stack that *one* leaves of *stack* when it falls through."""
    top = len(stack)
    if one.name == GHOST:
        return stack[: top - one.arg] + "g" + stack[top - one.arg :]
    if one.name == "COPY":
        return stack + stack[-one.arg]
    if one.name == "SWAP":
        low = top - one.arg
        return stack[:low] + stack[-1] + stack[low + 1 : -1] + stack[low]
    if one.name == "END_SEND":
        return stack[: -3 if stack[-2] == "g" else -2] + "."
    # No other step touches a ghost.
    return stack + "." * one.effect if one.effect >= 0 else stack[: one.effect]


def _after_jump(one: Step, stack: str) -> str:
    if one.name == "FOR_ITER" and stack[-1] == "g":
        return stack[:-2]
    return stack[: len(stack) + one.jump_effect]  # no jump pushes


def _rewrite(one: Step, stack: str) -> list[Step]:
    """Return what *one* is where the ghosts of *stack* are not."""
    top = len(stack)
    if one.name == GHOST or (one.name == "POP_TOP" and stack[-1] == "g"):
        return []
    if one.name == "COPY":
        if stack[-one.arg] == "g":
            return []
        return [one._replace(arg=one.arg - stack.count("g", top - one.arg))]
    if one.name == "SWAP":
        return _swap(one, stack[-one.arg :])
    if one.name in _POPS_BEFORE_REACHING:
        reach = top - _POPS_BEFORE_REACHING[one.name]
        return [one._replace(arg=one.arg - stack.count("g", reach - one.arg, reach))]
    if one.name == "CALL" and stack[top - one.arg.nargs - 1] == "g":
        # `exit ghost None None None`; without, the first None stands in for the receiver.
        return [step("CALL", Shape(one.arg.nargs - 1), line=one.line)]
    return [one]


def _swap(one: Step, part: str) -> list[Step]:
    """Return what swaps the ends of *part*, the top of the stack, as far as they are real."""
    between = part.count(".", 1, -1)
    if part[0] == part[-1] == ".":
        return [one._replace(arg=between + 2)]
    # A real value changes places with a ghost: it moves past what is between.
    depths = range(2, between + 2)
    if part[0] == ".":  # up
        return [one._replace(arg=depth) for depth in depths]
    if part[-1] == ".":  # down
        return [one._replace(arg=depth) for depth in reversed(depths)]
    return []
