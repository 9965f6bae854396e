"""Namespaces that a program uses as tables: ``globals()``, ``sys.modules``, ``obj.__dict__``.

Each is a marker, a `Builtin` of one of the names in `MARKERS`. An item by a known key is
what the name itself would give; by an unknown one, or by iterating, it may be any of what
is there now, and that there is nothing else counts too.

Knows which names a namespace has; must not know steps.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from dumbo.tracing import given, memo_tables
from dumbo.tracing.attributes import (
    MARKERS,
    attribute,
)
from dumbo.tracing.boundary import owner_of
from dumbo.tracing.calls import Arguments, out_of_sight
from dumbo.tracing.containers import instance_of, make_tuple
from dumbo.tracing.escapes import escape, is_data, out_of_sight_with
from dumbo.tracing.frame import Frame
from dumbo.tracing.loads import import_module, read_global
from dumbo.tracing.lookup import globals_of, is_class, is_module, mro, names_between, namespace
from dumbo.tracing.rows import iterator_over
from dumbo.tracing.storing import rebind, store_attribute, write_field
from dumbo.tracing.values import (
    UNKNOWN,
    Builtin,
    Const,
    Instance,
    Known,
    LocalClass,
    Text,
    Unknown,
    Value,
    each,
)

ANY = ("", "")  # the ends of any name
_DUNDER = ("__", "")


def is_namespace(value: Value) -> bool:
    return isinstance(value, Builtin) and value.name in MARKERS


def ends_of(name: Value) -> tuple[str, str]:
    return (name.prefix, name.suffix) if isinstance(name, Text) else ANY


def item(frame: Frame, source: Builtin, key: Value) -> Value | None:
    """``namespace[key]``."""
    if source.name == memo_tables.TABLE:
        assert isinstance(source.receiver, Known)
        return memo_tables.read(frame, source.receiver, quietly=False)
    text = key.obj if isinstance(key, Const | Known) and type(key.obj) is str else None
    if source.name == "sys.modules()":
        if text is not None:
            return import_module(frame, text, whole=True)
        return computed_module(frame, Arguments((), {}))
    if source.name == "globals()":
        if text is not None:
            return read_global(frame, text)
        names = live_names(frame, frame.home, ends_of(key))
        found = frame.pool.join(*[read_global(frame, name) for name in names])
        return frame.pool.join(found, frame.unresolved("a global by a computed name"))
    if text is not None:
        return frame.pool.join(*[_field(frame, member, text) for member in each(source.receiver)])
    own = [member for member in each(source.receiver) if _has_fields(member)]
    return by_pattern(frame, frame.pool.join(*own) or UNKNOWN, key, own=True)


def _field(frame: Frame, owner: Value, name: str) -> Value | None:
    """``owner.__dict__[name]``: no descriptor and no hook of the class is asked."""
    if isinstance(owner, Instance):
        held = frame.analysis.read(owner.site, ("attr", name), frame, frame.index)
        if held is not None:
            anything = frame.analysis.read(owner.site, ("attr", None), frame, frame.index)
            return frame.pool.join(held, anything)
    found = attribute(frame, owner, name)
    if isinstance(owner, Known) and is_class(owner.obj) and name in namespace(owner.obj):
        raw = frame.analysis.get("mro", owner.ref, name)
        if isinstance(raw, Known) and is_data(raw.obj):  # a descriptor itself, not what it gives
            found = frame.pool.join(found, frame.touch(raw, f"attribute {name}"))
    return found


def _has_fields(value: Value) -> bool:
    """Whether a `__dict__` has anything of user code in it."""
    if isinstance(value, Instance) and isinstance(value.cls, Known):
        return owner_of(value.cls.obj) is None
    return not isinstance(value, Unknown | Builtin)


def _owners(frame: Frame, source: Builtin) -> list[Value]:
    """Whose namespace it may be: that of something unknown, of whatever is out of sight."""
    owners = list(each(source.receiver))
    if any(isinstance(owner, Unknown) for owner in owners):
        owners += out_of_sight_with(frame, "__dict__")
    return list(dict.fromkeys(owners))


def put(frame: Frame, target: Builtin, key: Value, value: Value) -> None:
    """``namespace[key] = value``."""
    if target.name == memo_tables.TABLE:
        assert isinstance(target.receiver, Known)
        memo_tables.write(frame, target.receiver, value)
        return
    text = key.obj if isinstance(key, Const | Known) and type(key.obj) is str else None
    if target.name == "globals()" and text is not None:
        place = id(globals_of(frame.home.obj))
        frame.write(("global", place), text, value)
        frame.write_global((place, text))
    elif target.name == "__dict__()" and text is not None:
        for member in _owners(frame, target):
            if isinstance(member, Instance):
                frame.analysis.changes(member)
                write_field(frame, member, text, value)
            else:
                store_attribute(frame, member, text, value)
    else:
        if target.name == "globals()":
            frame.write(("global", id(globals_of(frame.home.obj))), None, value)
        if frame.analysis.partial and _is_nothing_known(value):
            frame.unresolved("attributes by computed names")
            return
        for member in _owners(frame, target):
            if isinstance(member, Known) and is_class(member.obj):
                rebind(frame, member, None, value)
            if isinstance(member, Instance):
                frame.write(member.site, ("attr", None), value)
        escape(frame, value)


def _is_nothing_known(value: Value) -> bool:
    """It would be among all that is read of anything, and say nothing."""
    return isinstance(value, Unknown) or (
        isinstance(value, Builtin) and isinstance(value.receiver, Unknown)
    )


def everything(frame: Frame, source: Builtin) -> Value:
    """Any value in the namespace."""
    return item(frame, source, UNKNOWN) or UNKNOWN


def call_method(frame: Frame, name: str, source: Builtin, args: Arguments) -> Value | None:
    """A method of a namespace as a table."""
    positional = args.positional
    if source.name == memo_tables.TABLE:  # only `get`, or it would not be one
        assert isinstance(source.receiver, Known)
        held = memo_tables.read(frame, source.receiver, quietly=True)
        return frame.pool.join(held, frame.pool.const(None))
    if name in ("get", "pop", "setdefault", "__getitem__") and positional:
        if name == "setdefault" and len(positional) > 1:
            put(frame, source, positional[0], positional[1])
        found = item(frame, source, positional[0])
        return frame.pool.join(found, *positional[1:], frame.pool.const(None))
    if name == "update":
        for keyword, value in args.named.items():
            put(frame, source, frame.pool.const(keyword), value)
        for value in positional:
            _merge(frame, source, value)
        return frame.pool.const(None)
    if name == "keys":
        return keys(frame, source)
    if name in ("values", "items"):
        value = everything(frame, source)
        row = value if name == "values" else make_tuple(frame, (instance_of(frame, str), value))
        return iterator_over(frame, row, (name, source))
    escape(frame, everything(frame, source))
    return out_of_sight(frame, args, f"method {name} of a namespace")


def _merge(frame: Frame, target: Builtin, value: Value) -> None:
    """``namespace.update(value)``: the fields of another object keep their names."""
    fields: dict[str, Value] = {}  # of all that it may be together: each name is put once
    for member in each(value):
        if isinstance(member, Builtin) and member.name == "__dict__()":
            for owner in each(member.receiver):
                for name, held in _fields_with_strangers(frame, owner).items():
                    fields[name] = frame.pool.join(fields.get(name), held) or held
        else:
            put(frame, target, UNKNOWN, member)
    for name, held in fields.items():
        put(frame, target, frame.pool.const(name), held)


def _fields_with_strangers(frame: Frame, owner: Value) -> dict[str, Value]:
    """The same as `fields_of`, and of something unknown what it may have."""
    if not isinstance(owner, Unknown):
        return fields_of(frame, owner)
    if frame.analysis.partial:
        # All names of all that is out of sight would say nothing.
        frame.unresolved("the fields of something unknown")
        return {}
    return frame.analysis.strangers[frame.far].ask_fields(frame)


def fields_of(frame: Frame, owner: Value) -> dict[str, Value]:
    """What is in the `__dict__` of *owner*, by name."""
    names = names_of(frame, owner, ANY, own=True)
    found = [(name, attribute(frame, owner, name)) for name in names]
    return {name: held for name, held in found if held is not None}


def keys(frame: Frame, source: Builtin) -> Value:
    """The names alone: they count, what they stand for does not."""
    if source.name == "globals()":
        live_names(frame, frame.home, ANY)
    elif source.name == "__dict__()":
        for member in _owners(frame, source):
            if isinstance(member, Known) and not is_module(member.obj):
                listed(frame, member)
            else:
                names_of(frame, member, ANY)
    return iterator_over(frame, instance_of(frame, str), ("keys", source))


def by_pattern(frame: Frame, target: Value, name: Value, *, own: bool = False) -> Value | None:
    """All attributes whose name has the known ends; that there are no others counts too.

    With *own*, those of an instance's `__dict__` only, without its class's.
    """
    ends = ends_of(name)
    found: Value | None = None
    computed = False
    for member in each(target):
        picked = _picked(frame, member, name)
        if picked is not None:
            values = [attribute(frame, member, text) for text in picked]
            found = frame.pool.join(found, *values)
            continue
        guessing = frame.analysis.partial and ends == ANY
        if isinstance(member, Unknown | Builtin) and not guessing:
            for other in out_of_sight_with(frame):
                found = frame.pool.join(found, by_pattern(frame, other, name, own=own))
        matching = names_of(frame, member, ends, own=own)
        if guessing:
            matching = _likely(frame, member, matching)
        for text in matching:
            found = frame.pool.join(found, attribute(frame, member, text))
        if not matching:
            escape(frame, member)
        computed = True
    unknown = frame.unresolved("an attribute by a computed name") if computed else None
    return frame.pool.join(found, unknown)


def _picked(frame: Frame, value: Value, name: Value) -> list[str] | None:
    """The attributes of *value* that *name*, a string of the call, may be, if that is known."""
    if isinstance(value, Instance) and isinstance(value.cls, Known):
        home = value.cls
    elif isinstance(value, Known) and (is_module(value.obj) or is_class(value.obj)):
        home = value
    else:
        return None
    if owner_of(home.obj) is not None:
        return None
    every = _all_names(home.obj)
    held = [text for ends in (ANY, _DUNDER) for text in names_between(every, ends)]
    picked = given.among(frame, name, held)
    if picked is not None:
        # That there are no other names is part of the trace, and no dependency.
        for ends in (ANY, _DUNDER):
            frame.analysis.get("names", home.ref, ends)
        if home is not value:
            picked += names_of(frame, value, ANY, own=True)
    return picked


def _all_names(home: Any) -> list[str]:
    if is_class(home):
        return [name for cls in mro(home) if cls is not object for name in namespace(cls)]
    return list(globals_of(home))


def _likely(frame: Frame, value: Value, names: list[str]) -> list[str]:
    """Of *names*, those that are not of the class whose method picks one, and not private.

    A dispatcher's own methods are not what it dispatches to. If it is so all the same, the
    call is marked as not resolved, and observed.
    """
    held: set[str] = set()
    cls = value.cls if isinstance(value, Instance) else None
    if isinstance(cls, Known):
        own = frame.code.co_name
        for base in mro(cls.obj):
            method = namespace(base).get(own)
            if type(method) is FunctionType and method.__code__ is frame.code:
                held = set(namespace(base))
    return [name for name in names if name not in held and not name.startswith("_")]


def names_of(frame: Frame, value: Value, ends: tuple[str, str], *, own: bool = False) -> list[str]:
    """The attributes of *value* between these ends, of its class and its own."""
    cls: Value | None = None
    if isinstance(value, Instance):
        cls = value.cls
    elif isinstance(value, Known):
        whole = is_module(value.obj) or is_class(value.obj)
        cls = value if whole else frame.analysis.get("type", value.ref, None)
    names: list[str] = []
    if isinstance(value, Instance):
        slots = frame.analysis.slots(value.site, frame, frame.index)
        fields = [slot[1] for slot in slots if isinstance(slot, tuple) and slot[0] == "attr"]
        names += names_between(fields, ends)
    elif isinstance(value, Known) and cls is not value:
        names += names_between(listed(frame, value), ends)
    if own and cls is not value:
        return list(dict.fromkeys(names))
    if isinstance(cls, LocalClass):
        names += names_between(frame.analysis.slots(cls.site, frame, frame.index), ends)
    elif isinstance(cls, Known) and (is_module(cls.obj) or owner_of(cls.obj) is None):
        names += live_names(frame, cls, ends)  # nothing of a library's class is walked
    return list(dict.fromkeys(names))


def live_names(frame: Frame, home: Known, ends: tuple[str, str]) -> list[str]:
    """The names that a module, a class or an instance has between these ends, as they are now."""
    found = frame.analysis.get("names", home.ref, ends)
    if found is None:
        return []
    frame.touch(found, f"names {ends[0]}*{ends[1]}")
    assert isinstance(found, Known)
    return [name for name in found.obj.split("\0") if name]


def listed(frame: Frame, value: Known, *, whole: bool = False) -> list[str]:
    """The names in the `__dict__` of a live object, or with *whole* all that it has."""
    found = frame.analysis.get("listing", value.ref, whole)
    if found is None:
        return []
    frame.touch(found, "names")
    assert isinstance(found, Known)
    return [name for name in found.obj.split("\0") if name]


def computed_module(frame: Frame, args: Arguments) -> Value:
    """Any module at all: nobody knows beforehand what its code is."""
    line = frame.plan.steps[frame.at].line
    frame.analysis.untraceable = (
        f"{frame.node.name}, line {line}, picks a module by a name that is only known when it runs"
    )
    return out_of_sight(frame, args, "a module by a computed name")


__all__ = [
    "ANY",
    "by_pattern",
    "call_method",
    "computed_module",
    "everything",
    "fields_of",
    "is_namespace",
    "item",
    "keys",
    "listed",
    "live_names",
    "names_of",
    "put",
]
