"""What a function likely calls, by the names that stand in its code.

Of a function at which an analysis that was cut has not looked to the end: the functions that its
globals, modules and variables of closures lead to, what makes the classes that it calls, and the
methods that it asks of its first parameter and of `super()`, on the classes of which that is
known to be. What these stand for is looked through: static methods, properties, caches.

Knows live functions and classes; must not know values other than live ones, nor what is read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from dumbo.tracing.annotations import parameters_of
from dumbo.tracing.boundary import owner_of
from dumbo.tracing.callgraph import Analysis
from dumbo.tracing.frame import Frame
from dumbo.tracing.lookup import MEMBERS, is_class, is_memoized, mro, namespace
from dumbo.tracing.steps import Step
from dumbo.tracing.values import Instance, Known, Value, each

FUNCTIONS = 500  # that are followed, beside those that were entered anyway
_RECEIVERS = 8  # classes of the first parameter of one function
_MAKERS = ("__new__", "__init__")
_WITHIN = ("__func__", "__wrapped__", "fget", "func")  # of what stands for a function


class Receivers(NamedTuple):
    """The parameters of a function, which functions within it may use as well."""

    first: list[Known]  # the classes that the first one is of
    classes: dict[str, list[Known]]  # the same of each of which they are known, by name


class Call(NamedTuple):
    """A function that is likely called, with the class that its first parameter is of."""

    function: Known
    receiver: Known | None


class Likely:
    """Which calls are likely, each of them once."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._seen: dict[int, set[int]] = {}  # by function, of which classes its receivers were
        self._todo: deque[Call] = deque()
        self._followed = 0
        self._limit = FUNCTIONS

    def next(self) -> Call | None:
        return self._todo.popleft() if self._todo else None

    def entered(self, function: object, frames: Sequence[Frame]) -> list[Known]:
        """The classes of which the first parameter is in *frames* of *function*."""
        found: dict[Known, None] = {}
        for frame in frames:
            for member in each(frame.receiver):
                cls = self._class_of(member)
                if cls is not None and len(found) < _RECEIVERS:
                    found[cls] = None
        self._seen.setdefault(id(function), set()).update(id(cls.obj) for cls in found)
        return list(found)

    def with_annotated(self, frame: Frame, function: Known, first: list[Known]) -> Receivers:
        """*first* as the classes of the first parameter; those of others by their annotations."""
        classes: dict[str, list[Known]] = {}
        for name, value in parameters_of(frame, function).items():
            known = [cls for member in each(value) if (cls := self._class_of(member)) is not None]
            if known:
                classes[name] = known[:1]  # what derives from it is less likely
        code = function.obj.__code__
        if first and code.co_argcount:
            classes[code.co_varnames[0]] = first
        return Receivers(first, classes)

    def given(self) -> None:
        """Functions that came with the call are likely called."""
        program = self._analysis.program
        for node in list(self._analysis.nodes.values()):
            if type(node.obj) is FunctionType and node.owner is None and node.ref > 0:
                op, _, number = program[node.ref]
                if op == "root" and number > 0:
                    self._limit += id(node.obj) not in self._seen  # it is in the closure anyway
                    self._enter(self._analysis.pool.known(node.obj, node.ref), None)

    def _class_of(self, value: Value) -> Known | None:
        cls: Value | None = None
        if isinstance(value, Instance):
            cls = value.cls
        elif isinstance(value, Known):
            cls = value if is_class(value.obj) else self._analysis.get("type", value.ref, None)
        return cls if isinstance(cls, Known) and owner_of(cls.obj) is None else None

    # --- what a step says --------------------------------------------------------------

    def look(self, frame: Frame, index: int, before: Value | None, receivers: Receivers) -> None:
        """Step *index* of what *frame* is of; *before* is what the step before it has pushed."""
        step = frame.plan.steps[index]
        if step.name == "LOAD_DEREF":
            self._variable(frame, step.arg, receivers.first)
        elif step.name == "LOAD_SUPER_ATTR":
            self._super(frame, step.arg.name, receivers.first)
        elif step.name == "LOAD_ATTR" and _is_of_super(frame.plan.steps, index):
            self._super(frame, step.arg, receivers.first)
        elif step.name == "LOAD_ATTR" and isinstance(before, Known) and is_class(before.obj):
            self._attribute(frame, before, step.arg, before)
        elif step.name == "LOAD_ATTR" and index and receivers.classes:
            loaded = frame.plan.steps[index - 1]
            if loaded.name in ("LOAD_FAST", "LOAD_DEREF"):
                for cls in receivers.classes.get(loaded.arg, ()):
                    self._attribute(frame, cls, step.arg, cls)

    def meet(self, frame: Frame, value: Value | None, index: int) -> None:
        """*value* is what a name in step *index* leads to: it is likely called."""
        for member in each(value):
            if isinstance(member, Known) and is_class(member.obj):
                if _is_callee(frame.plan.steps, index) and owner_of(member.obj) is None:
                    for name in _MAKERS:
                        self._attribute(frame, member, name, member)
            else:
                self._follow(frame, member, None, f"global {frame.plan.steps[index].arg}")

    def _variable(self, frame: Frame, name: str, receivers: list[Known]) -> None:
        free, home = frame.plan.code.co_freevars, frame.home
        if name not in free or type(home.obj) is not FunctionType:
            return
        if home.obj.__code__ is not frame.plan.given:
            return  # a function within one
        held = self._analysis.get("cell", home.ref, free.index(name))
        classes: list[Known | None] = [*receivers] or [None]
        for cls in classes:
            self._follow(frame, held, cls, f"variable {name}")

    def _attribute(self, frame: Frame, cls: Known, name: str, receiver: Known) -> None:
        self._follow(frame, self._analysis.get("mro", cls.ref, name), receiver, f"attribute {name}")

    def _super(self, frame: Frame, name: str, receivers: list[Known]) -> None:
        code = frame.plan.given
        for cls in receivers:
            for index, base in enumerate(mro(cls.obj)):
                held: Any = namespace(base).get(code.co_name)
                held = held.__func__ if type(held) in (classmethod, staticmethod) else held
                if type(held) is FunctionType and held.__code__ is code:
                    raw = self._analysis.get("super", cls.ref, (index, name))
                    self._follow(frame, raw, cls, f"super().{name}")
                    break

    # --- following ---------------------------------------------------------------------

    def _follow(
        self, frame: Frame, value: Value | None, receiver: Known | None, label: str
    ) -> None:
        if not isinstance(value, Known):
            return
        if type(value.obj) is FunctionType:
            if owner_of(value.obj) is None:
                frame.touch(value, label)
                self._enter(value, receiver)
        elif type(value.obj) in MEMBERS or is_memoized(value.obj):
            # Whose it is says what is within: a property knows no module.
            for name in _WITHIN:
                held = self._analysis.get("member", value.ref, name)
                if held is not None and owner_of(held.obj) is None:
                    frame.touch(value, label)
                    self._follow(frame, held, receiver, label)

    def _enter(self, function: Known, receiver: Known | None) -> None:
        if id(function.obj) not in self._seen:
            if self._followed >= self._limit:
                return
            self._followed += 1
            self._seen[id(function.obj)] = set()
        elif receiver is None:
            return
        known = self._seen[id(function.obj)]
        if receiver is not None:
            if id(receiver.obj) in known or len(known) >= _RECEIVERS:
                return
            known.add(id(receiver.obj))
        self._todo.append(Call(function, receiver))


def within(code: CodeType, outer: Receivers) -> Receivers:
    """What code within a function knows of the parameters of that."""
    free = code.co_freevars
    return Receivers([], {name: known for name, known in outer.classes.items() if name in free})


def _is_callee(steps: Sequence[Step], index: int) -> bool:
    """Whether what step *index* pushes is about to be called: NULL stands on one side of it."""
    beside = steps[max(0, index - 1) : index + 2]
    return any(step.name == "PUSH_NULL" for step in beside)


def _is_of_super(steps: Sequence[Step], index: int) -> bool:
    """Whether step *index* asks an attribute of a call of `super`, which 3.11 makes in full."""
    if not index or steps[index - 1].name != "CALL":
        return False
    beside = steps[max(0, index - 5) : index - 1]  # `super`, and what it is called with
    return any(step.name == "LOAD_GLOBAL" and step.arg == "super" for step in beside)


__all__ = ["Call", "Likely", "Receivers", "within"]
