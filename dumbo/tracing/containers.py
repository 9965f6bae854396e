"""Making containers, and putting things into them.

Containers are places on the heap, by the step that made them: constant keys
have slots of their own, all else shares one.

Knows how containers lie on the heap; must not know how they are read.
"""

from __future__ import annotations

from typing import Any

from dumbo.tracing import given, sure
from dumbo.tracing.attributes import call, special
from dumbo.tracing.escapes import consume, escape
from dumbo.tracing.frame import Frame
from dumbo.tracing.spreads import is_tuple, joined
from dumbo.tracing.steps import Step
from dumbo.tracing.values import Const, Heap, Instance, Known, Text, Tuple, Value, each

SCALARS = (int, float, complex, bool, str, bytes)


def instance_of(frame: Frame, kind: type) -> Value:
    """Some value of a builtin type."""
    home = frame.analysis.look("module", -1, "builtins")
    ref = frame.analysis.look("attr", home, kind.__name__)
    known = frame.pool.known(kind, ref)
    made: Value = frame.pool.make(Instance, known, ("builtin", kind.__name__))
    return made


def text_like(frame: Frame, value: Value) -> Value | None:
    """Some string, or some bytes, as *value* is; None if it is neither."""
    kind: Any = str if isinstance(value, Text) else None
    if isinstance(value, Const | Known):
        kind = type(value.obj)
    elif isinstance(value, Instance) and isinstance(value.cls, Known) and not value.vague:
        kind = value.cls.obj
    return instance_of(frame, kind) if kind is str or kind is bytes else None


def build_tuple(frame: Frame, step: Step) -> None:
    frame.push(make_tuple(frame, frame.take(step.arg)))


def make_tuple(frame: Frame, items: tuple[Value, ...]) -> Value:
    if len(items) <= 16:
        made: Value = frame.pool.make(Tuple, items)
        if isinstance(made, Tuple):
            return made
    return make_heap(frame, "tuple", items)


def string_at(frame: Frame, places: tuple[Any, ...]) -> Value:
    """Some string of the call; which one it is at these places may be asked for: see `given`."""
    kind = instance_of(frame, str)
    assert isinstance(kind, Instance)
    made: Value = frame.pool.make(Instance, kind.cls, (given.SITE, *places))
    return made


def make_heap(frame: Frame, kind: str, items: tuple[Value, ...]) -> Value:
    """A container made by this step; items have slots by their index while they are few."""
    site = (frame.site, frame.index, kind)
    for index, item in enumerate(items):
        slot: Any = ("item", index) if kind in ("list", "tuple") and len(items) <= 32 else "elem"
        frame.write(site, slot, item)
    made: Value = frame.pool.make(Heap, kind, site)
    return made


def build_list(frame: Frame, step: Step) -> None:
    items = frame.take(step.arg)
    if len(items) <= 16 and frame.plan.becomes_tuple(frame.at):
        frame.push(make_tuple(frame, items))
        return
    made = make_heap(frame, "list", items)
    if items and isinstance(made, Heap):
        frame.analysis.fixed.add(made.site)
    sure.begins(frame, made, items)
    frame.push(made)


def build_set(frame: Frame, step: Step) -> None:
    items = frame.take(step.arg)
    hashed(frame, *items)
    frame.push(make_heap(frame, "set", items))


def build_map(frame: Frame, step: Step) -> None:
    flat = frame.take(2 * step.arg)
    made = make_heap(frame, "dict", ())
    sure.begins(frame, made, {})
    for key, value in zip(flat[::2], flat[1::2], strict=True):
        put(frame, made, key, value)
    frame.push(made)


def build_const_key_map(frame: Frame, step: Step) -> None:
    *values, keys = frame.take(step.arg + 1)
    made = make_heap(frame, "dict", ())
    names = keys.obj if isinstance(keys, Const) else ()
    sure.begins(frame, made, {})
    for key, value in zip(names, values, strict=False):
        put(frame, made, frame.pool.const(key), value)
    frame.push(made)


def text_of(value: Value) -> str | None:
    if isinstance(value, Const | Known) and type(value.obj) is str:
        return value.obj
    return None


def list_append(frame: Frame, step: Step) -> None:
    item = frame.pop()
    target = frame.stack[-step.arg]
    if is_tuple(target):
        frame.stack[-step.arg] = joined(frame, target, make_tuple(frame, (item,)))
    else:
        append(frame, target, item)


def set_add(frame: Frame, step: Step) -> None:
    item = frame.pop()
    hashed(frame, item)
    add(frame, frame.stack[-step.arg], item)


def map_add(frame: Frame, step: Step) -> None:
    key, value = frame.take(2)
    put(frame, frame.stack[-step.arg], key, value)


def append(frame: Frame, target: Value, item: Value, index: int | None = None) -> None:
    """Put an item at the end of a list, or before item *index*."""
    held = sure.to_change(frame, target)
    add(frame, target, item)
    if isinstance(held, tuple):
        at = len(held) if index is None else index
        sure.becomes(frame, target, (*held[:at], item, *held[at:]))


def add(frame: Frame, target: Value, item: Value | None) -> None:
    """Put an item somewhere into each container that *target* may be."""
    if item is None:
        return
    frame.analysis.changes(target)
    for member in each(target):
        if isinstance(member, Heap | Instance):
            frame.write(member.site, "elem", item)
        elif isinstance(member, Known):
            frame.write(("object", id(member.obj)), "elem", item)
        else:
            given.put(frame, member, item)
            escape(frame, item)


def measure(frame: Frame, source: Value) -> None:
    """Who makes a list of something asks it first how long it is."""
    for member in each(source):
        for name in ("__len__", "__length_hint__"):
            for method in special(frame, member, name):
                call(frame, method, ())


def put(frame: Frame, target: Value, key: Value, value: Value | None) -> None:
    """``target[key] = value`` on each container that *target* may be."""
    if value is None:
        return
    hashed(frame, key)
    constant = key_of(key)
    frame.analysis.changes(target)
    held = sure.to_change(frame, target) if constant else None
    for member in each(target):
        if isinstance(member, Heap):
            slot = ("item", constant[0]) if constant else "elem"
            frame.write(member.site, slot, value)
            if member.kind == "dict":
                frame.write(member.site, "key", key)
        elif isinstance(member, Known):
            frame.write(("object", id(member.obj)), "elem", value)
            frame.write(("object", id(member.obj)), "key", key)
            methods = special(frame, member, "__setitem__")
            for method in methods:
                call(frame, method, (key, value))
        elif isinstance(member, Instance):
            methods = special(frame, member, "__setitem__")
            for method in methods:
                call(frame, method, (key, value))
            if not methods:
                frame.write(member.site, "elem", value)
                frame.write(member.site, "key", key)
        else:
            given.put(frame, member, key, value)
            escape(frame, key)
            escape(frame, value)
    if held is not None and constant:
        sure.becomes(frame, target, sure.with_item(held, constant[0], value))


def key_of(key: Value) -> tuple[Any] | None:
    if isinstance(key, Const | Known) and type(key.obj) in (*SCALARS, type(None)):
        return (key.obj,)
    return None


def hashed(frame: Frame, *values: Value) -> None:
    """Values used as keys: their hash and their equality are called."""
    for value in values:
        if isinstance(value, Const | Text):
            continue
        for member in each(value):
            if isinstance(member, Tuple):
                hashed(frame, *member.items)
                for item in member.items:
                    consume(frame, item)
        for name in ("__hash__", "__eq__"):
            for method in special(frame, value, name):
                other = () if name == "__hash__" else (value,)
                call(frame, method, other)


def is_text(value: Value) -> bool:
    if isinstance(value, Instance) and isinstance(value.cls, Known):
        return not value.vague and (value.cls.obj is str or value.cls.obj is bytes)
    return isinstance(value, Known) and type(value.obj) in (str, bytes)


def indexed(frame: Frame, *keys: Value) -> None:
    """Instances used as an index, or as an end of a slice."""
    for key in keys:
        for method in special(frame, key, "__index__"):
            call(frame, method, ())


def read_item_quietly(frame: Frame, source: Heap) -> Value | None:
    """Any item that is in a container so far."""
    analysis = frame.analysis
    slots = analysis.slots(source.site, frame, frame.index)
    wanted = ["elem", *[slot for slot in slots if isinstance(slot, tuple) and slot[0] == "item"]]
    return frame.pool.join(*[analysis.read(source.site, s, frame, frame.index) for s in wanted])


HANDLERS = {
    "BUILD_CONST_KEY_MAP": build_const_key_map,
    "BUILD_LIST": build_list,
    "BUILD_MAP": build_map,
    "BUILD_SET": build_set,
    "BUILD_TUPLE": build_tuple,
    "LIST_APPEND": list_append,
    "MAP_ADD": map_add,
    "SET_ADD": set_add,
}
