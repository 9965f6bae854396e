"""What Python calls when a class statement has run, and when such a class is called.

    __set_name__        of what stands in its body
    __init_subclass__   of the first class above it that has one
    its metaclass       `__prepare__`, `__new__` and `__init__`; and `__call__`, for an instance

Knows classes that are made while a program runs; must not know how a body is entered.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

from dumbo.tracing.attributes import attribute, bind, call, special
from dumbo.tracing.boundary import wall_of
from dumbo.tracing.local_classes import linearised
from dumbo.tracing.lookup import is_class
from dumbo.tracing.values import Bound, Builtin, Known, Local, LocalClass, Value, each

if TYPE_CHECKING:
    from dumbo.tracing.binding import Arguments
    from dumbo.tracing.frame import Frame

__all__ = ["finish", "finish_by_type", "of_metaclass"]

_META = "metaclass"  # a heap site


def finish(frame: Frame, made: LocalClass, args: Arguments) -> None:
    """Call the hooks of a class of which the body has run; *args* are those of the statement."""
    analysis = frame.analysis
    for slot in analysis.slots(made.site, frame, frame.index):
        held = analysis.read(made.site, slot, frame, frame.index)
        if isinstance(slot, str) and held is not None:
            for method in special(frame, held, "__set_name__"):
                call(frame, method, (made, frame.pool.const(slot)))
    analysis.write((_META, made.site), "elem", args.named.get("metaclass"))
    _init_subclass(frame, made, args)
    head = args.positional[1:2] or (frame.unknown_value("the name of a class"),)
    content: Value = frame.pool.make(Builtin, "__dict__()", made)
    rest = (*head, frame.unknown_value("the bases of a class"), content)
    for meta in _metaclasses(frame, made):
        for name, first in (("__prepare__", meta), ("__new__", meta), ("__init__", made)):
            for hook in _of_meta(frame, meta, name):
                if name == "__prepare__":  # a classmethod
                    call(frame, hook, rest[:2])
                else:
                    call(frame, hook, (first, *rest))


def finish_by_type(frame: Frame, bases: Value, content: Value) -> None:
    """Call the hooks of a class that `type` makes of *bases*, with *content* in its namespace."""
    from dumbo.tracing.calls import Arguments, invoke  # a cycle: a call may run a class statement
    from dumbo.tracing.iteration import items_of  # the same
    from dumbo.tracing.operators import inside

    for base in each(items_of(frame, bases)):
        if isinstance(base, Known) and is_class(base.obj) and wall_of(base.obj) is None:
            hook = frame.analysis.get("mro", base.ref, "__init_subclass__")
            if hook is not None and type(hook.obj) is classmethod:
                bound = bind(frame, hook, None, base)
                if bound is not None:
                    invoke(frame, bound, Arguments((), {}))
    made, name = frame.unknown_value("a class made by type()"), frame.unknown_value("a name")
    for held in each(inside(frame, content)):
        for method in special(frame, held, "__set_name__"):
            call(frame, method, (made, name))


def of_metaclass(frame: Frame, cls: LocalClass, name: str) -> list[Value]:
    """What user code defines under *name* in the metaclass of *cls*, bound to it."""
    return [
        frame.pool.make(Bound, hook, cls) if isinstance(hook, Local | Known) else hook
        for meta in _metaclasses(frame, cls)
        for hook in _of_meta(frame, meta, name)
    ]


def _init_subclass(frame: Frame, made: LocalClass, args: Arguments) -> None:
    from dumbo.tracing.calls import Arguments, invoke  # a cycle: a call may run a class statement

    named = {name: value for name, value in args.named.items() if name != "metaclass"}
    given = Arguments((), named, None, args.named_rest)
    for base in linearised(made)[1:]:
        found: Value | None = None
        if isinstance(base, LocalClass):
            raw = frame.analysis.read(base.site, "__init_subclass__", frame, frame.index)
            for member in each(raw):  # a classmethod without being told
                plain = isinstance(member, Local)
                hook = frame.pool.make(Bound, member, made) if plain else member
                found = frame.pool.join(found, hook)
        elif isinstance(base, Known) and is_class(base.obj) and wall_of(base.obj) is None:
            hook = frame.analysis.get("mro", base.ref, "__init_subclass__")
            found = bind(frame, hook, None, made) if hook is not None else None
        if found is not None:
            invoke(frame, found, given)
            return


def _metaclasses(frame: Frame, cls: LocalClass) -> list[Value]:
    """The metaclasses that may be that of *cls*: of user code, for others have no such hooks."""
    found: dict[Value, None] = {}
    for one in linearised(cls):
        if isinstance(one, LocalClass):
            named = frame.analysis.read((_META, one.site), "elem", frame, frame.index)
            found |= dict.fromkeys(each(named) if named is not None else ())
        elif isinstance(one, Known) and is_class(one.obj):
            meta = frame.analysis.get("type", one.ref, None)
            if isinstance(meta, Known) and wall_of(meta.obj) is None:
                found[meta] = None
    return [meta for meta in found if isinstance(meta, LocalClass) or _is_user_class(meta)]


def _is_user_class(meta: Value) -> bool:
    return isinstance(meta, Known) and is_class(meta.obj) and wall_of(meta.obj) is None


def _of_meta(frame: Frame, meta: Value, name: str) -> list[Value]:
    """What a metaclass defines under *name*, if that is user code."""
    if isinstance(meta, Known):
        raw = frame.analysis.get("mro", meta.ref, name)
        inner: Any = getattr(raw, "obj", None)
        if type(inner) in (staticmethod, classmethod):
            inner = inner.__func__
        if raw is None or type(inner) is not FunctionType or wall_of(inner) is not None:
            return []
        frame.touch(raw, f"metaclass {name}")
        bound = bind(frame, raw, None, meta)
        return [] if bound is None else list(each(bound))
    if any(
        isinstance(one, LocalClass)
        and frame.analysis.read(one.site, name, frame, frame.index) is not None
        for one in linearised(meta)  # type: ignore[arg-type]
    ):
        return list(each(attribute(frame, meta, name)))
    return []
