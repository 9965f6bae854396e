"""Models of entry points: what installed distributions offer, and what loading it gives.

    for point in entry_points(group="app.plugins"):
        if point.name == wanted: return point.load()

Which there are is a lookup, so that who installs or removes a plug-in is seen. What loading
one gives is what its value names, as an import and attributes would; as long as nobody has
imported it, that is a module that is not loaded yet.

Knows `importlib.metadata`; must not know how metadata lies on disk.
"""

from __future__ import annotations

import re
import sys

from dumbo.tracing import given
from dumbo.tracing.attributes import attribute
from dumbo.tracing.calls import Arguments, escape_all
from dumbo.tracing.containers import text_of
from dumbo.tracing.entry_points import from_text
from dumbo.tracing.frame import Frame
from dumbo.tracing.loads import import_module
from dumbo.tracing.registry import model
from dumbo.tracing.values import (
    ENTRY_POINT,
    GROUPS,
    POINTS,
    Heap,
    Instance,
    Known,
    Value,
    each,
)

_LIBRARIES = ("importlib.metadata", "importlib_metadata")
_VALUE = re.compile(r"([\w.]+)\s*(?::\s*([\w.]+)\s*)?(?:\[.*\]\s*)?")


@model("importlib.metadata:entry_points", "importlib_metadata:entry_points")
def _entry_points(frame: Frame, args: Arguments) -> Value:
    if args.positional or args.rest is not None or args.named_rest is not None:
        return frame.unresolved("entry points of a group that is only known when it runs")
    return _select(frame, frame.pool.make(Heap, GROUPS, ("entry points",)), args.named)


def call_method(frame: Frame, name: str, points: Heap, args: Arguments) -> Value | None:
    """A method of what `entry_points` gives."""
    if name == "select" and not args.positional and args.named_rest is None:
        return _select(frame, points, args.named)
    if name in ("get", "__getitem__") and args.positional:
        found = item(frame, points, args.positional[0])
        return found if name != "get" else frame.pool.join(found, *args.positional[1:])
    escape_all(frame, args)
    return frame.unresolved(f"method {name} of entry points")


def item(frame: Frame, points: Heap, key: Value) -> Value | None:
    """``entry_points()[group]``, and ``entry_points(group=...)[name]``."""
    return _select_by(frame, points, "group" if points.kind == GROUPS else "name", key, one=True)


def _select(frame: Frame, points: Heap, wanted: dict[str, Value]) -> Value:
    found: Value = points
    for name in sorted(wanted):  # the group before the name
        for member in each(found):
            if isinstance(member, Heap) and member.kind in (POINTS, GROUPS):
                found = _select_by(frame, member, name, wanted[name]) or member
            else:
                return frame.unresolved(f"entry points by {name}")
    return found


def _select_by(
    frame: Frame, points: Heap, name: str, wanted: Value, *, one: bool = False
) -> Value | None:
    if points.kind == GROUPS:
        text = text_of(wanted)
        groups = given.every(frame, wanted) if text is None else [text]
        if name != "group" or groups is None:
            return frame.unresolved("entry points of a group that is only known when it runs")
        return frame.pool.join(*[_of_group(frame, group) for group in groups])
    slots = frame.analysis.slots(points.site, frame, frame.index)
    names = [slot[1] for slot in slots if isinstance(slot, tuple) and slot[0] == "item"]
    if name != "name":
        return frame.unresolved(f"entry points by {name}") if one else points
    picked = _picked(frame, wanted, names)
    found = {
        own: frame.analysis.read(points.site, ("item", own), frame, frame.index) for own in picked
    }
    if one:
        return frame.pool.join(*found.values())
    site = ("entry points", points.site, *picked)
    for own, point in found.items():
        frame.write(site, ("item", own), point)
    made: Value = frame.pool.make(Heap, POINTS, site)
    return made


def _picked(frame: Frame, wanted: Value, names: list[str]) -> list[str]:
    """Those of *names* that *wanted* may be."""
    picked: dict[str, None] = {}
    for member in each(wanted):
        text = text_of(member)
        if text is not None:
            picked.update(dict.fromkeys([name for name in names if name == text]))
        else:
            among = given.among(frame, member, names)
            picked.update(dict.fromkeys(names if among is None else among))
    return list(picked)


def _of_group(frame: Frame, group: str) -> Value:
    found = frame.analysis.get("plugins", -1, group)
    cls = _class_of_points(frame)
    if found is None or cls is None:
        return frame.unresolved("entry points that do not lie in folders")
    frame.touch(found, f"entry points {group}")
    site = ("entry points", group)
    for name, value in from_text(found.obj):
        point: Value = frame.pool.make(Instance, cls, (ENTRY_POINT, group, name, value))
        assert isinstance(point, Instance)
        matched = _VALUE.fullmatch(value)
        module, attr = matched.groups() if matched else (None, None)
        fields = {"name": name, "value": value, "group": group, "module": module, "attr": attr}
        for field, held in fields.items():
            frame.write(point.site, ("attr", field), frame.pool.const(held))
        frame.write(site, ("item", name), point)
    made: Value = frame.pool.make(Heap, POINTS, site)
    return made


def _class_of_points(frame: Frame) -> Known | None:
    for library in _LIBRARIES:
        if library in sys.modules:
            module = frame.analysis.get("module", -1, library)
            if module is not None:
                return frame.analysis.get("attr", module.ref, "EntryPoint")
    return None


def is_point(value: Value) -> bool:
    """Whether *value* is an entry point of which it is known which."""
    return isinstance(value, Instance) and bool(value.site[0] == ENTRY_POINT)


@model("importlib.metadata:EntryPoint.load", "importlib_metadata:EntryPoint.load")
def _load(frame: Frame, args: Arguments) -> Value | None:
    found: Value | None = None
    for point in each(args.positional[0]) if args.positional else ():
        if isinstance(point, Instance) and is_point(point):
            found = frame.pool.join(found, load(frame, point))
        else:
            found = frame.pool.join(found, frame.unresolved("what an entry point names"))
    return found


def load(frame: Frame, point: Instance) -> Value | None:
    """``point.load()``."""
    matched = _VALUE.fullmatch(point.site[3])
    if matched is None:
        return None  # it raises
    module, names = matched.groups()
    found: Value | None = import_module(frame, module, whole=True)
    for name in (names or "").split("."):
        if name and found is not None:
            found = attribute(frame, found, name)
    return found


def call_on_point(frame: Frame, name: str, point: Instance, args: Arguments) -> Value | None:
    """A method of an entry point."""
    if name == "load":
        return load(frame, point)
    escape_all(frame, args)
    return frame.unknown_value(f"the result of {name}")


__all__ = ["call_method", "call_on_point", "is_point", "item"]
