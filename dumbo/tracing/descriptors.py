"""What the methods of descriptors give that a program calls by hand.

    function.__get__(receiver)              a bound method
    object.__setattr__.__get__(receiver)    the same of what is written in C; frozen classes that
                                            are generated set their fields so
    slot.__get__(receiver)                  the field, past what user code has put in its place
    slot.__set__(receiver, value)           the same

Knows CPython's own descriptors; must not know who calls them.
"""

from __future__ import annotations

from types import FunctionType, MemberDescriptorType
from typing import TYPE_CHECKING

from dumbo.tracing import fingerprint, truth
from dumbo.tracing.attributes import attribute, bind
from dumbo.tracing.escapes import escape
from dumbo.tracing.lookup import is_memoized
from dumbo.tracing.storing import write_field
from dumbo.tracing.values import Bound, Instance, Known, Local, Value, each

if TYPE_CHECKING:
    from dumbo.tracing.frame import Frame

METHODS = frozenset({"__get__", "__set__", "__delete__"})
_BINDING = (FunctionType, staticmethod, classmethod, *fingerprint.C_FUNCTIONS)


def handles(descriptor: Value, name: str) -> bool:
    """Whether *descriptor* is one of CPython's own of which method *name* is known."""
    if isinstance(descriptor, Local):
        return name == "__get__"
    if not isinstance(descriptor, Known):
        return False
    if type(descriptor.obj) is MemberDescriptorType:
        return name in METHODS
    return name == "__get__" and (type(descriptor.obj) in _BINDING or is_memoized(descriptor.obj))


def call(frame: Frame, descriptor: Value, name: str, args: tuple[Value, ...]) -> Value | None:
    """What method *name* of *descriptor* gives, that `handles` it, with arguments *args*."""
    if name != "__get__":
        _set(frame, descriptor, args)
        return frame.pool.const(None)
    found: list[Value | None] = []
    for receiver in each(args[0]):
        is_none = truth.is_none(receiver)
        if is_none is not True:
            found.append(_get(frame, descriptor, receiver, args[1:]))
        if is_none is not False:
            owner = args[1] if len(args) > 1 else frame.pool.const(None)
            found += [_bind(frame, descriptor, None, one) for one in each(owner)]
    return frame.pool.join(*found)


def _get(
    frame: Frame, descriptor: Value, receiver: Value, owners: tuple[Value, ...]
) -> Value | None:
    if isinstance(descriptor, Known) and type(descriptor.obj) is MemberDescriptorType:
        return attribute(frame, receiver, descriptor.obj.__name__, hooked=False)
    owner = owners[0] if owners else None
    if owner is None or truth.is_none(owner) is not False:
        owner = attribute(frame, receiver, "__class__", hooked=False)
    return None if owner is None else _bind(frame, descriptor, receiver, owner)


def _bind(frame: Frame, raw: Value, receiver: Value | None, owner: Value) -> Value | None:
    if isinstance(raw, Local):
        # A function, or a class method or property that was made of it: that is not told apart.
        bound: Value = frame.pool.make(Bound, raw, owner if receiver is None else receiver)
        escape(frame, bound)
        return frame.pool.join(raw, bound, frame.unknown_value("what a descriptor made here gives"))
    return bind(frame, raw, receiver, owner)


def _set(frame: Frame, descriptor: Value, args: tuple[Value, ...]) -> None:
    assert isinstance(descriptor, Known)
    name = descriptor.obj.__name__
    for member in each(args[0]):
        frame.analysis.changes(member)
        if isinstance(member, Instance):
            for value in args[1:]:
                write_field(frame, member, name, value)
        elif isinstance(member, Known):
            for value in args[1:]:
                frame.write(("object", id(member.obj)), ("attr", name), value)
