"""Which names a piece of a module reads from outside, and which it leaves behind.

    read      a name that is loaded where, on a likely way, the code has not stored it before
    maybe     a name of which that is so on unlikely ways only
    later     a name that only a function reads which the code makes: when, nobody knows
    stored    a name that is stored on some way
    within    a name that only a function stores which the code makes
    certain   a name that is stored, and not deleted, on every way to the end

Likely is that a loop runs at least once, and that nobody swallows an exception: else each name
that a `with` block or a loop makes would be read from outside as well. The names of what is made
within, comprehensions and the bodies of classes, are read where they are made, for there they run.

Knows names and steps; must not know values.
"""

from __future__ import annotations

from collections import deque
from types import CodeType

from dumbo.tracing.instructions import lower
from dumbo.tracing.steps import FINAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dumbo.tracing.steps import Lowered, Step

__all__ = ["Flow", "flow_of", "names_within"]

_LOADS = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")
_STORES = ("STORE_NAME", "STORE_GLOBAL")
_DELETES = ("DELETE_NAME", "DELETE_GLOBAL")
_AT_ONCE = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
_OPTIMIZED = 0x1  # inspect.CO_OPTIMIZED: no module, no body of a class


class Flow:
    """See the module's docstring; names go to the first line where that is so."""

    def __init__(self) -> None:
        self.read: dict[str, int] = {}
        self.maybe: dict[str, int] = {}
        self.later: dict[str, int] = {}
        self.stored: dict[str, int] = {}
        self.within: dict[str, int] = {}
        self.deleted: dict[str, int] = {}
        self.certain: frozenset[str] = frozenset()


def flow_of(code: CodeType) -> Flow:
    """Return what the code of a module, or of a part of one, reads and leaves behind."""
    lowered = lower(code)
    flow = Flow()
    likely = _likely(lowered)
    stores = {step.arg for step in lowered.steps if step.name in _STORES}
    ends: list[frozenset[str]] = []
    for index, assigned in enumerate(_assigned(lowered)):
        if assigned is None:
            continue  # never reached
        step = lowered.steps[index]
        line = step.line or code.co_firstlineno
        usually = likely[index]
        if usually is None:  # only behind an exception: what is stored anywhere, may be by then
            usually = assigned.union(stores)
        if step.name == "RETURN_VALUE":
            ends.append(assigned)
        elif step.name in _LOADS or step.name in _DELETES:
            if step.name in _DELETES:
                _first(flow.deleted, step.arg, line)
            if step.arg not in usually:
                _first(flow.read, step.arg, line)
            elif step.arg not in assigned:
                _first(flow.maybe, step.arg, line)
        elif step.name in _STORES:
            _first(flow.stored, step.arg, line)
        elif step.name == "LOAD_CONST" and type(step.arg) is CodeType:
            _look_within(flow, step.arg, usually, line)
    for name in flow.read:
        flow.maybe.pop(name, None)
    flow.certain = frozenset.intersection(*ends) if ends else frozenset()
    return flow


def _assigned(lowered: Lowered) -> list[frozenset[str] | None]:
    """Return the names that are stored on every way to each step, before it is made."""
    around: list[list[int]] = [[] for _ in lowered.steps]
    for handler in lowered.handlers:
        for index in range(handler.start, handler.stop):
            around[index].append(handler.target)
    ways = _Ways(lowered)
    ways.reach(0, frozenset())
    while ways.todo:
        index, names = ways.next()
        for target in around[index]:
            ways.reach(target, names)
        ways.go_on(index, names)
    return ways.before


def _likely(lowered: Lowered) -> list[frozenset[str] | None]:
    """Return the same for ways on which nothing is raised, and every loop runs."""
    steps = lowered.steps
    ways = _Ways(lowered)
    ways.reach(0, frozenset())
    loops: dict[int, bool] = {}  # whether it has come round
    while ways.todo or not all(loops.values()):
        if not ways.todo:  # loops that are always left from within
            for loop in [loop for loop, round_ in loops.items() if not round_]:
                loops[loop] = True
                ways.reach(steps[loop].target, ways.before[loop] or frozenset())
            continue
        index, names = ways.next()
        step = steps[index]
        if step.name == "FOR_ITER":
            loops.setdefault(index, False)
            ways.reach(index + 1, names)
            continue
        target = step.target
        if target is not None and target <= index and steps[target].name == "FOR_ITER":
            loops[target] = True
            ways.reach(steps[target].target, _after(step, names))
        ways.go_on(index, names)
    return ways.before


class _Ways:
    """Names that are carried along the ways through code, until nothing shrinks."""

    def __init__(self, lowered: Lowered) -> None:
        self.before: list[frozenset[str] | None] = [None] * len(lowered.steps)
        self.todo: deque[int] = deque()
        self._steps = lowered.steps

    def next(self) -> tuple[int, frozenset[str]]:
        index = self.todo.popleft()
        names = self.before[index]
        assert names is not None
        return index, names

    def reach(self, target: int | None, names: frozenset[str]) -> None:
        assert target is not None
        known = self.before[target]
        joined = names if known is None else known & names
        if joined != known:
            self.before[target] = joined
            self.todo.append(target)

    def go_on(self, index: int, names: frozenset[str]) -> None:
        step = self._steps[index]
        after = _after(step, names)
        if step.target is not None:
            self.reach(step.target, after)
        if step.name not in FINAL:
            self.reach(index + 1, after)


def _after(step: Step, names: frozenset[str]) -> frozenset[str]:
    if step.name in _STORES:
        return names | {step.arg}
    if step.name in _DELETES:
        return names - {step.arg}
    return names


def _look_within(flow: Flow, code: CodeType, assigned: frozenset[str], line: int) -> None:
    """Note the names that *code*, made at *line*, reads and stores as globals."""
    at_once = code.co_name in _AT_ONCE or not code.co_flags & _OPTIMIZED
    own = {step.arg for step in lower(code).steps if step.name == "STORE_NAME"}
    for step in lower(code).steps:
        if step.name in _LOADS and step.arg not in own and step.arg not in assigned:
            _first(flow.read if at_once else flow.later, step.arg, step.line or line)
        elif step.name == "STORE_GLOBAL":
            _first(flow.stored if at_once else flow.within, step.arg, step.line or line)
        elif step.name == "LOAD_CONST" and type(step.arg) is CodeType:
            _look_within(flow, step.arg, assigned, step.line or line)


def names_within(code: CodeType) -> set[str]:
    """Return all names that *code*, and what is made within it, loads as globals."""
    found: set[str] = set()
    todo = [code]
    while todo:
        one = todo.pop()
        found.update(one.co_names)
        todo += [const for const in one.co_consts if type(const) is CodeType]
    return found


def _first(lines: dict[str, int], name: str, line: int) -> None:
    if name not in lines or line < lines[name]:
        lines[name] = line
