"""What `match` statements, and the interpreter's own intrinsics, do to a frame.

Knows patterns; must not know how attributes and items are read.
"""

from __future__ import annotations

from itertools import zip_longest

from dumbo.tracing import truth
from dumbo.tracing.attributes import attribute
from dumbo.tracing.boundary import owner_of
from dumbo.tracing.containers import SCALARS, make_tuple
from dumbo.tracing.escapes import consume, escape
from dumbo.tracing.frame import Frame
from dumbo.tracing.items import subscript
from dumbo.tracing.lookup import is_class
from dumbo.tracing.steps import Step
from dumbo.tracing.values import UNKNOWN, Builtin, Const, Instance, Known, Value, each


def match_class(frame: Frame, step: Step) -> None:
    subject, kinds, keywords = frame.take(3)
    names = list(keywords.obj) if isinstance(keywords, Const) else []
    columns: list[Value | None] = [None] * (step.arg + len(names))
    for kind in each(kinds):
        frame.touch(kind, "match")
        for member in each(subject):
            truth.ask(frame, kind, member)
        if isinstance(kind, Known) and is_class(kind.obj):
            wanted = [*_match_args(frame, kind, step.arg), *names]
            narrowed = frame.pool.make(Instance, kind, ("found", id(kind.obj)))
            for member in (narrowed, *each(subject)):
                if _is_plain(kind):
                    found: list[Value | None] = [narrowed if member is narrowed else member]
                else:
                    found = [attribute(frame, member, name) for name in wanted]
                columns = [frame.pool.join(*pair) for pair in zip_longest(columns, found)]
    consume(frame, subject)
    row = tuple(value or UNKNOWN for value in columns)
    frame.push(frame.pool.join(make_tuple(frame, row), frame.pool.const(None)))


def _match_args(frame: Frame, kind: Known, count: int) -> list[str]:
    """The attributes that positional patterns stand for."""
    if not count or owner_of(kind.obj) is not None:
        return []
    found = frame.touch(frame.analysis.get("mro", kind.ref, "__match_args__"), "__match_args__")
    if not isinstance(found, Known) or type(found.obj) is not tuple:
        return []
    consume(frame, found)
    return [str(name) for name in found.obj[:count]]


def _is_plain(kind: Value) -> bool:
    return isinstance(kind, Known) and kind.obj in (*SCALARS, list, dict, tuple, set, frozenset)


def match_keys(frame: Frame, step: Step) -> None:
    subject, keys = frame.stack[-2:]
    found = [
        subscript(frame, subject, frame.pool.const(key))
        for key in (keys.obj if isinstance(keys, Const) else ())
    ]
    frame.push(make_tuple(frame, tuple(value or UNKNOWN for value in found)))


def match_kind(frame: Frame, step: Step) -> None:
    frame.push(frame.unknown_value("a match"))


def call_intrinsic_1(frame: Frame, step: Step) -> None:
    value = frame.pop()
    if step.arg == "ASYNC_GEN_WRAP":
        frame.push(value)
    elif step.arg == "IMPORT_STAR":
        frame.push(UNKNOWN)
    else:
        escape(frame, value)
        frame.push(frame.unknown_value(step.arg.lower()))


def call_intrinsic_2(frame: Frame, step: Step) -> None:
    first, second = frame.take(2)
    if step.arg == "SET_FUNCTION_TYPE_PARAMS":
        frame.push(first)
        return
    escape(frame, second)
    frame.push(frame.unknown_value(step.arg.lower()))


def load_build_class(frame: Frame, step: Step) -> None:
    frame.push(frame.pool.make(Builtin, "__build_class__", UNKNOWN))


HANDLERS = {
    "CALL_INTRINSIC_1": call_intrinsic_1,
    "CALL_INTRINSIC_2": call_intrinsic_2,
    "LOAD_BUILD_CLASS": load_build_class,
    "MATCH_CLASS": match_class,
    "MATCH_KEYS": match_keys,
    "MATCH_MAPPING": match_kind,
    "MATCH_SEQUENCE": match_kind,
}
