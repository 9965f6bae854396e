"""What calling the standard library's own callables gives, and whom they call back.

A model is needed only where it tells more than the default, which is always
sound: arguments go out of sight, the result is unknown. So there are models for
what passes values through (`functional`), for what looks at objects (`reflection`), for
methods (`methods`), and for what says a type (`isinstance`, `len`, `str`).

Knows the standard library by name; must not know steps or stacks.
"""

from __future__ import annotations

from types import BuiltinFunctionType
from typing import Any

from dumbo.tracing import (
    copying,  # noqa: F401 - its models register themselves
    fingerprint,
    functional,  # noqa: F401 - the same
    inherited,
    mentions,
    queries,
    reflection,  # noqa: F401 - the same
    rounding,
    truth,
)
from dumbo.tracing.attributes import attribute, special
from dumbo.tracing.calls import Arguments, construct_bare, escape_all, invoke, out_of_sight
from dumbo.tracing.containers import hashed, instance_of, text_of
from dumbo.tracing.escapes import consume, escape
from dumbo.tracing.formatting import stringify
from dumbo.tracing.frame import Frame
from dumbo.tracing.items import in_places
from dumbo.tracing.iteration import items_of, note_order
from dumbo.tracing.looks import look
from dumbo.tracing.lookup import is_class, namespace
from dumbo.tracing.methods import call_method
from dumbo.tracing.registry import MODELS
from dumbo.tracing.uses import SPECIAL, by_module
from dumbo.tracing.values import (
    UNKNOWN,
    Bound,
    Builtin,
    Heap,
    Instance,
    Known,
    Test,
    Tuple,
    Value,
    each,
)

_CALLS_SPECIAL = {
    "builtins:bin": ("__index__",),
    "builtins:bytes": ("__bytes__", "__buffer__", "__index__", "__iter__", "__getitem__"),
    "builtins:chr": ("__index__",),
    "builtins:complex": ("__complex__", "__float__", "__index__"),
    "builtins:divmod": ("__divmod__", "__rdivmod__"),
    "builtins:format": ("__format__", "__str__", "__repr__"),
    "builtins:hash": ("__hash__",),
    "builtins:hex": ("__index__",),
    "builtins:bool": ("__bool__", "__len__"),
    "builtins:float": ("__float__", "__index__", "__buffer__"),
    "builtins:int": ("__int__", "__index__", "__trunc__", "__buffer__"),
    "builtins:len": ("__len__",),
    "builtins:oct": ("__index__",),
    "builtins:pow": ("__pow__", "__rpow__"),
    "builtins:range": ("__index__",),
    **{name: methods for name, (_, methods) in rounding.NUMBERS.items()},
}
_GIVES = {
    "builtins:ascii": str,
    "builtins:bin": str,
    "builtins:bool": bool,
    "builtins:bytes": bytes,
    "builtins:callable": bool,
    "builtins:chr": str,
    "builtins:float": float,
    "builtins:format": str,
    "builtins:hasattr": bool,
    "builtins:hash": int,
    "builtins:hex": str,
    "builtins:id": int,
    "builtins:int": int,
    "builtins:input": str,
    "builtins:isinstance": bool,
    "builtins:issubclass": bool,
    "builtins:len": int,
    "builtins:ord": int,
    "builtins:repr": str,
    "builtins:str": str,
    **{name: kind for name, (kind, _) in rounding.NUMBERS.items()},
}


def call_library(frame: Frame, callee: Known, args: Arguments) -> Value | None:
    """Call what is not user code."""
    written, direct = frame.written, frame.is_direct
    frame.is_direct = False  # or later, or more than once
    try:
        found = [_call_library(frame, callee, variant) for variant in args.spread_out()]
        return frame.pool.join(*found)
    finally:
        frame.written = written
        frame.is_direct = direct


def _call_library(frame: Frame, callee: Known, args: Arguments) -> Value | None:
    mentions.use_inside(frame, args.all())
    for spread in (args.rest, args.named_rest):
        if spread is not None:  # which models of functions do not look at
            consume(frame, spread)
    name = fingerprint.qualified_name(callee.obj).decode("utf-8", "replace")
    if name in _KEEP_ORDER and args.positional:
        note_order(frame, args.positional[0])
    if queries.reads_names(name):
        queries.look_up(frame, args.all(), whole=True)
    known = MODELS.get(name)
    if known is not None:
        return known(frame, args)
    if name in rounding.METHODS:
        for value in args.all():
            consume(frame, value)
        return rounding.by_method(frame, name, args)
    if name.endswith(".__new__") and type(callee.obj) is BuiltinFunctionType and args.positional:
        return _make_bare(frame, args)
    for special_name in _CALLS_SPECIAL.get(name, ()):
        for value in args.positional:
            for method in special(frame, value, special_name):
                invoke(frame, method, ())
    if name in _GIVES:
        return _gives(frame, name, args)
    if type(callee.obj) in fingerprint.C_FUNCTIONS and _owner(callee.obj) is not None:
        return _call_unbound(frame, callee, args)
    escape_all(frame, args, by_module(name.partition(":")[0]))
    if is_class(callee.obj):
        # What is passed to a library's object may be called back by its methods.
        made: Value = frame.pool.make(Instance, callee, ("library", callee))
        inherited.fill_unseen(frame, made)
        return made
    return frame.unknown_value(f"the result of {name}")


# What goes through a set for its own sake: `sorted`, `sum` and the like do not care.
_KEEP_ORDER = frozenset(
    {"builtins:list", "builtins:tuple", "builtins:enumerate", "builtins:iter", "itertools:chain"}
)


def _make_bare(frame: Frame, args: Arguments) -> Value:
    """``tuple.__new__(cls, items)``: what builtin types keep of what they are given."""
    made = construct_bare(frame, args.positional[0])
    for value in (*args.positional[1:], *args.named.values()):
        placed = in_places(frame, value) if isinstance(value, Tuple | Heap) else None
        if isinstance(made, Instance) and inherited.base_of(made) is tuple and placed is not None:
            inherited.place(frame, made, placed)
        elif isinstance(made, Instance):
            held = items_of(frame, value) if isinstance(value, Tuple | Heap) else None
            frame.write(made.site, "elem", held)
        escape(frame, value, SPECIAL)
    return made


def _gives(frame: Frame, name: str, args: Arguments) -> Value:
    if name == "builtins:id":
        frame.analysis.identity = True
    if name == "builtins:hash":
        hashed(frame, *args.positional)
    for value in args.all():
        consume(frame, value)
    if name in ("builtins:isinstance", "builtins:issubclass"):
        return _check_instance(frame, args, name)
    if name == "builtins:bool" and len(args.positional) == 1 and not args.named:
        return truth.test(frame, 0, args.positional[0], lambda member: truth.is_true(frame, member))
    if name in ("builtins:str", "builtins:repr", "builtins:ascii", "builtins:format"):
        names = ("__str__", "__repr__") if name == "builtins:str" else ("__repr__",)
        for value in args.positional[:1]:
            if name == "builtins:str" and len(args.positional) == 1 and text_of(value) is not None:
                return value
            stringify(frame, value, names)
    if name == "builtins:callable":
        for value in args.positional:
            for method in special(frame, value, "__call__"):
                function = method.function if isinstance(method, Bound) else method
                mentions.use(frame, frame.touch(function, "callable"))
    if name == "builtins:hasattr" and len(args.positional) == 2:
        return _has_attribute(frame, args)
    return instance_of(frame, _GIVES[name])


def _check_instance(frame: Frame, args: Arguments, name: str) -> Value:
    kinds = _kinds_of(frame, args.positional[1]) if len(args.positional) == 2 else []
    for kind in kinds:
        if isinstance(kind, Known) and is_class(kind.obj):
            frame.touch(kind, "isinstance")
            truth.ask(frame, kind, args.positional[0])
            _registered(frame, kind)
            if fingerprint.qualified_name(type(kind.obj)) == b"typing:_ProtocolMeta":
                look(frame, kind)  # what it is asked for is what stands in it
        else:
            consume(frame, kind)
            truth.ask(frame, kind, args.positional[0])
    if not kinds or name == "builtins:issubclass":
        return instance_of(frame, bool)
    tested = truth.test(
        frame, 1, args.positional[0], lambda member: truth.is_of(frame, member, kinds)
    )
    if isinstance(tested, Test):
        yes = truth.narrowed(frame, tested.yes, kinds)
        tested = frame.pool.make(Test, tested.variable, yes, tested.no)
    return tested


def _kinds_of(frame: Frame, value: Value) -> list[Value]:
    """The classes that are asked for, one by one or in tuples."""
    if isinstance(value, Tuple):
        return [kind for item in value.items for kind in _kinds_of(frame, item)]
    if isinstance(value, Known) and type(value.obj) is tuple:
        consume(frame, value)
        get = frame.analysis.get
        items = [get("item", value.ref, index) for index in range(len(value.obj))]
        return [kind for item in items for kind in _kinds_of(frame, item or UNKNOWN)]
    return [value]


def _registered(frame: Frame, kind: Known) -> None:
    """``ABC.register``: the virtual subclasses of a user's abstract class count."""
    if "_abc_impl" not in namespace(kind.obj):
        return
    known = frame.analysis.get("registry", kind.ref, None)
    if isinstance(known, Known):
        frame.touch(known, "registered classes")
        consume(frame, known)


def _has_attribute(frame: Frame, args: Arguments) -> Value:
    target, name = args.positional
    text = text_of(name)
    if text is not None:
        for member in each(target):
            if isinstance(member, Known | Instance):
                attribute(frame, member, text)
        return truth.test(frame, 1, target, lambda member: truth.has(frame, member, text))
    escape(frame, target, SPECIAL)
    return instance_of(frame, bool)


def _owner(obj: Any) -> Any:
    return getattr(obj, "__objclass__", None)


def _call_unbound(frame: Frame, callee: Known, args: Arguments) -> Value | None:
    """``str.lower(x)``, ``dict.__init__(self)``, ``object.__new__(cls)``."""
    name = getattr(callee.obj, "__name__", "")
    if args.positional:
        receiver, rest = args.positional[0], args._replace(positional=args.positional[1:])
        return call_method(frame, frame.pool.make(Builtin, name, receiver), rest)
    return out_of_sight(frame, args, f"call of {name}")
