"""What assigning to an attribute, or deleting it, does.

Fields lie on the heap; properties, descriptors and `__setattr__` of user code are called instead.
What is assigned to a live class is an attribute of all its instances.

Knows the object model; must not know steps.
"""

from __future__ import annotations

from types import FunctionType

from dumbo.tracing.attributes import ALIAS, REBOUND, SWAPPED, call, special, user_hook
from dumbo.tracing.boundary import owner_of, wall_of
from dumbo.tracing.escapes import escape
from dumbo.tracing.frame import Frame
from dumbo.tracing.local_classes import linearised
from dumbo.tracing.lookup import globals_of, is_class, is_module
from dumbo.tracing.values import Cell, Instance, Known, Local, LocalClass, Value, each


def store_attribute(frame: Frame, target: Value, name: str, value: Value) -> None:
    """Write a field, or call the descriptor or `__setattr__` that user code put in its place."""
    analysis = frame.analysis
    analysis.changes(target)
    if name == "__class__":
        analysis.write(SWAPPED, "elem", value)
        escape(frame, value)
    for member in each(target):
        if isinstance(member, Instance):
            cls = member.cls
            if isinstance(cls, Known) and wall_of(cls.obj) is None:
                if _set_by_descriptor(frame, cls, member, name, value):
                    continue
            if isinstance(cls, LocalClass) and _set_by_local(frame, cls, member, name, value):
                continue
            write_field(frame, member, name, value)
        elif isinstance(member, Known):
            _store_on_known(frame, member, name, value, sure=member is target)
        elif isinstance(member, Local | LocalClass):
            slot = name if isinstance(member, LocalClass) else ("attr", name)
            frame.write(member.site, slot, value)
        elif isinstance(member, Cell):
            frame.write(member.site, "value", value)
        else:
            escape(frame, value)


def store_by_default(frame: Frame, target: Instance, name: str | None, value: Value) -> None:
    """``object.__setattr__(target, name, value)``; None: by a name that is not known."""
    frame.analysis.changes(target)
    cls = target.cls
    if name is not None and isinstance(cls, Known) and wall_of(cls.obj) is None:
        raw = frame.analysis.get("mro", cls.ref, name)
        if isinstance(raw, Known) and _taken_by(frame, raw, target, name, value):
            return
    frame.write(target.site, ("attr", name), value)


def write_field(frame: Frame, target: Instance, name: str, value: Value) -> None:
    """Put *value* into a field, past all descriptors and hooks."""
    frame.write(target.site, ("attr", name), value)
    if target.site[0] == "argument" and isinstance(target.cls, Known):
        frame.analysis.write((ALIAS, id(target.cls.obj)), ("attr", name), value)


def delete_attribute(frame: Frame, target: Value, name: str) -> None:
    """Call what user code has put in the place of deleting a field."""
    for method in special(frame, target, "__delattr__"):
        call(frame, method, (frame.pool.const(name),))
    for member in each(target):
        cls: Value | None = member.cls if isinstance(member, Instance) else None
        if isinstance(member, Known) and not is_module(member.obj) and not is_class(member.obj):
            cls = frame.analysis.get("type", member.ref, None)
        if not isinstance(cls, Known) or owner_of(cls.obj) is not None:
            continue
        raw = frame.analysis.get("mro", cls.ref, name)
        if isinstance(raw, Known) and type(raw.obj) is property:
            deleter = frame.touch(frame.analysis.get("member", raw.ref, "fdel"), "property deleter")
            if isinstance(deleter, Known) and deleter.obj is not None:
                call(frame, deleter, (member,))
        elif isinstance(raw, Known):
            hook = user_hook(frame, frame.analysis.get("type", raw.ref, None), "__delete__")
            if hook is not None:
                frame.touch(raw, f"attribute {name}")
                call(frame, hook, (raw, member))


def _store_on_known(frame: Frame, target: Known, name: str, value: Value, *, sure: bool) -> None:
    obj = target.obj
    if is_module(obj):
        frame.write(("global", id(globals_of(obj))), name, value)
        if sure:
            frame.write_global((id(globals_of(obj)), name))
        return
    if not is_class(obj) and type(obj) is not FunctionType and owner_of(type(obj)) is None:
        cls = frame.analysis.get("type", target.ref, None)
        if isinstance(cls, Known) and _set_by_descriptor(frame, cls, target, name, value):
            return
    if is_class(obj):
        rebind(frame, target, name, value)
    frame.write(("object", id(obj)), ("attr", name), value)


def _set_by_descriptor(frame: Frame, cls: Known, receiver: Value, name: str, value: Value) -> bool:
    hook = user_hook(frame, cls, "__setattr__")
    if hook is not None:
        call(frame, hook, (receiver, frame.pool.const(name), value))
    raw = frame.analysis.get("mro", cls.ref, name)
    return isinstance(raw, Known) and _taken_by(frame, raw, receiver, name, value)


def _taken_by(frame: Frame, raw: Known, receiver: Value, name: str, value: Value) -> bool:
    """Whether the class attribute *raw* is a descriptor that is given *value* instead."""
    if type(raw.obj) is property:
        frame.touch(raw, f"attribute {name}")
        setter = frame.analysis.get("member", raw.ref, "fset")
        if isinstance(setter, Known) and setter.obj is not None:
            frame.touch(setter, "property setter")
            call(frame, setter, (receiver, value))
        return True
    hook = user_hook(frame, frame.analysis.get("type", raw.ref, None), "__set__")
    if hook is not None:
        frame.touch(raw, f"attribute {name}")
        call(frame, hook, (raw, receiver, value))
        return True
    return False


def _set_by_local(frame: Frame, cls: LocalClass, receiver: Value, name: str, value: Value) -> bool:
    """The same for a class that the program makes: whether a descriptor has taken the value."""
    for method in special(frame, receiver, "__setattr__"):
        call(frame, method, (frame.pool.const(name), value))
    taken = False
    for one in linearised(cls):
        if isinstance(one, LocalClass):
            for raw in each(frame.analysis.read(one.site, name, frame, frame.index)):
                for method in special(frame, raw, "__set__"):
                    call(frame, method, (receiver, value))
                    taken = True
    return taken


def rebind(frame: Frame, cls: Known, name: str | None, value: Value) -> None:
    """The program puts *value* into an attribute of a class; None: into one it computes."""
    frame.analysis.write(REBOUND, id(cls.obj), frame.pool.const(True))
    frame.analysis.write((REBOUND, id(cls.obj)), ("attr", name), value)
