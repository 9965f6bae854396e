"""Which exceptions the program catches, of those that it raises.

What is called only to raise something is left to who observes, as it is rarely run; but not where
an `except` of the program may catch it and go on: then the exception takes part in what comes.

    CAUGHT     place on the heap: a slot for each class that an `except` names, None for any class
    RESCUED    of one frame: whether something that it raises may be caught
    KEPT       place on the heap: what the exceptions that the program makes are made of

Knows classes of exceptions; must not know how what is caught is bound.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

from dumbo.tracing.frame import Frame
from dumbo.tracing.inherited import live_bases
from dumbo.tracing.lookup import is_class, mro
from dumbo.tracing.values import Const, Heap, Instance, Known, Value, each

CAUGHT = ("caught",)
RESCUED = "rescued"
KEPT = ("kept by exceptions",)


def catches(frame: Frame, kinds: Iterable[Value]) -> None:
    """An `except` catches *kinds*; not if it only raises something else that nobody catches."""
    if frame.at + 2 in frame.plan.doomed:
        if frame.analysis.read((RESCUED, frame.site), "elem", frame, frame.index) is None:
            return
    for kind in kinds:
        named = kind if isinstance(kind, Known) and is_class(kind.obj) else None
        frame.analysis.write(CAUGHT, named, frame.pool.const(True))


def catches_all(frame: Frame) -> None:
    frame.analysis.write(CAUGHT, None, frame.pool.const(True))


def enters(frame: Frame, manager: Value, given: Value | None) -> None:
    """A `with` catches if its `__exit__` gives something true."""
    silent = all(isinstance(one, Const) and not one.obj for one in each(given))
    if not silent or any(map(_suppresses, each(manager))):
        catches_all(frame)


def _suppresses(manager: Value) -> bool:
    cls = manager.cls if isinstance(manager, Instance) else None
    return isinstance(cls, Known) and cls.obj is contextlib.suppress


def is_left_out(frame: Frame, cls: Known | None = None) -> bool:
    """Whether what this step calls, or makes as an instance of *cls*, is left to who observes."""
    if not frame.is_doomed():
        return False
    analysis = frame.analysis
    if cls is not None and issubclass(cls.obj, BaseException):
        if not _may_be_caught(frame, cls.obj):
            return True
        analysis.write((RESCUED, frame.site), "elem", frame.pool.const(True))
        return False
    return analysis.read((RESCUED, frame.site), "elem", frame, frame.index) is None


def raises_unknown(frame: Frame) -> None:
    """Something is raised of which the class is not known."""
    if frame.is_doomed() and frame.analysis.slots(CAUGHT, frame, frame.index):
        frame.analysis.write((RESCUED, frame.site), "elem", frame.pool.const(True))


def is_exception(cls: Value) -> bool:
    """Whether instances of *cls* can be raised."""
    return any(base is BaseException for base in live_bases(cls))


def keep(frame: Frame, args: Iterable[Value]) -> None:
    """An exception keeps what it is made of: whoever catches it may take it out again."""
    for value in args:
        frame.analysis.write(KEPT, "elem", value)


def kept(frame: Frame, name: str) -> Value | None:
    """What may lie in field *name* of an exception whose class is not known, or in C."""
    held = frame.analysis.read(KEPT, "elem", frame, frame.index)
    if held is None:
        return None
    if name != "args":
        return held
    found: Value = frame.pool.make(Heap, "tuple", KEPT)
    return found


# Those that are code or hold some; the others are numbers, texts, or exceptions themselves.
FIELDS = frozenset({"args", "value", "code", "obj"})


def _may_be_caught(frame: Frame, cls: Any) -> bool:
    bases = mro(cls)
    for kind in frame.analysis.slots(CAUGHT, frame, frame.index):
        # By identity, as `except` asks: no metaclass has a say in it.
        if kind is None or any(base is kind.obj for base in bases):
            return True
    return False
