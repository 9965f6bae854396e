"""What instances hold that are containers by their class: subclasses of dict, list, deque, ...

Their items lie on the heap beside their fields: "elem" and, of a dict, "key". That is all that is
in them where their own class, and nobody out of sight, has put it there.

Knows instances and their classes; must not know which step asks.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

from dumbo.tracing.escapes import escape
from dumbo.tracing.fingerprint import ATOMS
from dumbo.tracing.frame import Frame
from dumbo.tracing.local_classes import linearised
from dumbo.tracing.lookup import fields_of_tuples, is_class, mro, namespace
from dumbo.tracing.uses import SPECIAL
from dumbo.tracing.values import Instance, Known, LocalClass, Value

CONTAINERS: tuple[type, ...] = (dict, list, tuple, set, frozenset, deque)
_KINDS: dict[type, str] = {
    frozenset: "set",
    deque: "list",
}  # the kinds of a `Heap` that do the same


def live_bases(cls: Value) -> list[type]:
    """The live classes that *cls* is or derives from, without `object`."""
    order = linearised(cls) if isinstance(cls, LocalClass) else [cls]
    known = [one.obj for one in order if isinstance(one, Known) and is_class(one.obj)]
    return [base for one in known for base in mro(one) if base is not object]


def base_of(value: Value) -> type | None:
    """The builtin container that *value* is an instance of a subclass of."""
    if isinstance(value, Instance):
        # By identity: a metaclass may define ==.
        for base in live_bases(value.cls):
            for kind in CONTAINERS:
                if base is kind:
                    return kind
    return None


def kind_of_live(obj: object) -> str | None:
    """The kind of a `Heap` that does the same as a live object."""
    for base in mro(type(obj)):
        for kind in CONTAINERS:
            if base is kind:
                return _KINDS.get(kind, kind.__name__)
    return None


def kind_of(value: Value) -> str | None:
    """The same as the kind of a `Heap`."""
    base = base_of(value)
    return None if base is None else _KINDS.get(base, base.__name__)


def item_in(frame: Frame, source: Instance) -> Value | None:
    """What is in *source*: the values, if it is a dict; None while nothing is known to be there."""
    return _held(frame, source, "elem")


def given_by(frame: Frame, source: Instance) -> Value | None:
    """What iterating *source* gives: the keys, if it is a dict."""
    return _held(frame, source, "key" if base_of(source) is dict else "elem")


def field_of(frame: Frame, source: Instance, name: str) -> Value | None:
    """What a named tuple has in a field: what was put there, and what was put nobody says where."""
    sites: list[Any] = [source.site]
    if isinstance(source.cls, Known):
        sites.append(("class", id(source.cls.obj)))
    slots: tuple[Any, ...] = ("elem", ("attr", name))
    analysis = frame.analysis
    held = [analysis.read(site, slot, frame, frame.index) for site in sites for slot in slots]
    if source.site in analysis.escaped:
        held.append(frame.unknown_value("an item from out of sight"))
    return frame.pool.join(*held)


def place(frame: Frame, made: Instance, items: tuple[Value, ...]) -> None:
    """Put the *items* of a tuple into what was *made* of them."""
    names: dict[int, list[str]] = {}
    for base in live_bases(made.cls):
        for name, at in fields_of_tuples(base).items():
            names.setdefault(at, []).append(name)
    for at, item in enumerate(items):
        slots: list[Any] = [("attr", name) for name in names.get(at, ())]
        for slot in slots or ["elem"]:
            frame.write(made.site, slot, item)


def _placed(frame: Frame, source: Instance) -> Value | None:
    """What lies in the fields of a named tuple."""
    found = [name for base in live_bases(source.cls) for name in fields_of_tuples(base)]
    names = dict.fromkeys(found)  # in order: sets have another in each process
    read = [frame.analysis.read(source.site, ("attr", n), frame, frame.index) for n in names]
    return frame.pool.join(*read)


def _held(frame: Frame, source: Instance, slot: str) -> Value | None:
    """What lies in *slot*, and what else may be there if not all that put it there was seen."""
    held = frame.analysis.read(source.site, slot, frame, frame.index)
    if base_of(source) is tuple:
        held = frame.pool.join(held, _placed(frame, source))
    if base_of(source) is None:
        if not _gives_unseen(source):
            return held
        # Whatever it holds may be an item.
        escape(frame, source, SPECIAL)
        return frame.pool.join(held, frame.unknown_value("an item"))
    if source.site in frame.analysis.escaped:
        return frame.pool.join(held, frame.unknown_value("an item from out of sight"))
    return held


def _gives_unseen(source: Instance) -> bool:
    """Whether it has items by code that is not seen; those of a string hold nothing."""
    bases = live_bases(source.cls)
    if any(base is atom for base in bases for atom in ATOMS):
        return False
    return any(name in namespace(base) for base in bases for name in _GIVING)


_GIVING = ("__getitem__", "__iter__", "__next__")


def fill_unseen(frame: Frame, made: Value | None) -> None:
    """A constructor that is not seen puts items into what it has *made*."""
    base = None if made is None else base_of(made)
    if base is None or not isinstance(made, Instance):
        return
    frame.write(made.site, "elem", frame.unknown_value("an item that it was made of"))
    if base is dict:
        frame.write(made.site, "key", frame.unknown_value("a key that it was made of"))


def has_factory(source: Instance) -> bool:
    """Whether a key that is not there makes an item: see `collections.defaultdict`."""
    return any(base is defaultdict for base in live_bases(source.cls))
