"""Which parameter gets which value.

Positional and named arguments, spreads of unknown length, defaults, `*args` and `**kwargs`.

Knows parameters; must not know who calls whom.
"""

from __future__ import annotations

from types import CodeType
from typing import NamedTuple

from dumbo.tracing.frame import Frame
from dumbo.tracing.spreads import with_front
from dumbo.tracing.values import UNKNOWN, Const, Heap, Known, Local, Tuple, Value

_VARARGS, _VARKEYWORDS = 4, 8
_KEPT = 4  # arguments of `*args` that are kept in their places
_SPREAD = 3  # places that a spread fills of a callee which is known by what it does


class Arguments(NamedTuple):
    """What a call passes; `rest` and `named_rest` stand for spreads of unknown length."""

    positional: tuple[Value, ...]
    named: dict[str, Value]
    rest: Value | None = None
    named_rest: Value | None = None

    def before(self, *values: Value) -> Arguments:
        return self._replace(positional=(*values, *self.positional))

    def keyword(self, name: str) -> Value | None:
        """What is passed by *name*, or may be."""
        return self.named.get(name, self.named_rest)

    def spread_out(self) -> list[Arguments]:
        """The same calls with what `rest` stands for in places, as far as these are told apart."""
        if self.rest is None:
            return [self]
        counts = range(0 if self.positional else 1, _SPREAD + 1)
        return [
            self._replace(positional=(*self.positional, *(self.rest,) * count)) for count in counts
        ]

    def all(self) -> tuple[Value, ...]:
        spread = tuple(value for value in (self.rest, self.named_rest) if value is not None)
        return (*self.positional, *self.named.values(), *spread)


def bind_arguments(
    frame: Frame, callee: Value, code: CodeType, args: Arguments
) -> dict[str, Value]:
    """Which parameter gets which value."""
    count, kwonly = code.co_argcount, code.co_kwonlyargcount
    names = code.co_varnames[: count + kwonly]
    bound: dict[str, Value] = dict(zip(names[:count], args.positional, strict=False))
    if len(bound) == len(names) and not args.named and args.named_rest is None:
        if not code.co_flags & (_VARARGS | _VARKEYWORDS):
            return bound
    named = dict(args.named)
    if named or args.named_rest is not None:
        node = frame.analysis.node(callee)
        if node is not None:
            node.by_keyword = True
    for position, name in enumerate(names):
        if name in bound:
            continue
        if name in named and position >= code.co_posonlyargcount:
            bound[name] = named.pop(name)
            continue
        spread = args.rest if position < count else None
        may = [spread, args.named_rest]
        default = _default(frame, callee, code, name, position)
        bound[name] = frame.pool.join(*may, default) or frame.unknown_value(f"parameter {name}")
    at = count + kwonly
    if code.co_flags & _VARARGS:
        bound[code.co_varnames[at]] = _varargs(frame, callee, args, count)
        at += 1
    if code.co_flags & _VARKEYWORDS:
        bound[code.co_varnames[at]] = _varkeywords(frame, callee, named, args.named_rest)
    return bound


def _varargs(frame: Frame, callee: Value, args: Arguments, count: int) -> Value:
    extra = args.positional[count:]
    if args.rest is None and len(extra) <= _KEPT:
        made: Value = frame.pool.make(Tuple, extra)
        return made
    rest = frame.pool.join(*extra[_KEPT:], args.rest)
    return with_front(frame, ("varargs", callee), extra[:_KEPT], rest)


def _varkeywords(frame: Frame, callee: Value, named: dict[str, Value], rest: Value | None) -> Value:
    site = ("varkeywords", callee, tuple(sorted(named)))
    for name, value in named.items():
        frame.analysis.write(site, ("item", name), value)
        frame.analysis.write(site, "key", frame.pool.const(name))
    frame.analysis.write(site, "elem", rest)
    frame.analysis.write(site, "key", None if rest is None else UNKNOWN)
    made: Value = frame.pool.make(Heap, "dict", site)
    return made


def _default(frame: Frame, callee: Value, code: CodeType, name: str, position: int) -> Value | None:
    analysis = frame.analysis
    if isinstance(callee, Known):
        defaults = callee.obj.__defaults__ or ()
        if position < code.co_argcount:
            index = position - (code.co_argcount - len(defaults))
            if index < 0:
                # A call that fails, unless a default is added: that must show.
                analysis.look("default", callee.ref, len(defaults))
                return None
            found = analysis.get("default", callee.ref, index)
        else:
            found = analysis.get("kwdefault", callee.ref, name)
        if found is not None:
            # The node of the callee depends on it, wherever it is called from.
            node, target = analysis.node(callee), analysis.node(found)
            if node is not None and target is not None:
                node.edge(-1 - position, target, f"default {name}")
        return found
    assert isinstance(callee, Local)
    if position < code.co_argcount:
        held = analysis.read(callee.site, "defaults", frame, frame.index)
        if isinstance(held, Tuple):
            index = position - (code.co_argcount - len(held.items))
            return held.items[index] if index >= 0 else None
        if isinstance(held, Const) and isinstance(held.obj, tuple):
            index = position - (code.co_argcount - len(held.obj))
            return frame.pool.const(held.obj[index]) if index >= 0 else None
        return held and frame.unknown_value(f"default {name}")
    held = analysis.read(callee.site, "kwdefaults", frame, frame.index)
    if isinstance(held, Heap):
        return analysis.read(held.site, ("item", name), frame, frame.index)
    return held and frame.unknown_value(f"default {name}")
