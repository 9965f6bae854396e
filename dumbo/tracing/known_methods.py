"""What methods of lists and dicts do where it is sure what is in them; see `sure`.

Knows such methods as functions of contents; must not know the heap.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING

from dumbo.tracing import sure
from dumbo.tracing.containers import key_of, make_tuple
from dumbo.tracing.items import in_places
from dumbo.tracing.values import Const, Known, Local, Value

if TYPE_CHECKING:
    from dumbo.tracing.binding import Arguments
    from dumbo.tracing.frame import Frame
    from dumbo.tracing.sure import Contents

# They leave what is in a container as it is.
READING = frozenset(
    "__contains__ __getitem__ __iter__ __len__ copy count get index items keys values".split()
)
Change = tuple["Contents", Value | None]  # what is in it now, and what the call gives


def found_by(frame: Frame, name: str, held: Contents, args: Arguments) -> Value | None:
    """What a method that only reads gives; None if it is none, or nobody knows."""
    positional = _plain(args)
    if name == "get" and isinstance(held, dict) and positional:
        key = key_of(positional[0])
        if key and key[0] in held:
            return held[key[0]]
        if key and len(positional) < 3:
            return positional[1] if len(positional) == 2 else frame.pool.const(None)
    if name == "setdefault" and isinstance(held, dict) and positional:
        key = key_of(positional[0])
        return held[key[0]] if key and key[0] in held else None
    if name == "__getitem__" and len(positional) == 1 and (key := key_of(positional[0])):
        return sure.holds(held, key[0])
    return None


def changed_by(frame: Frame, name: str, held: Contents, args: Arguments) -> Change | None:
    """What a method leaves in a container; None if nobody knows."""
    if isinstance(held, dict):
        return _dict_changed(frame, name, held, args)
    return _list_changed(frame, name, held, _plain(args))


def _plain(args: Arguments) -> tuple[Value, ...]:
    """The arguments by position, if there are no others."""
    other = args.named or args.rest is not None or args.named_rest is not None
    return () if other else args.positional


def _dict_changed(
    frame: Frame, name: str, held: dict[object, Value], args: Arguments
) -> Change | None:
    none = frame.pool.const(None)
    positional = _plain(args)
    key = key_of(positional[0]) if positional else None
    if name == "update":
        return _updated(frame, held, args)
    if name == "clear":
        return {}, none
    if name == "popitem" and held:
        last = next(reversed(held))
        row = make_tuple(frame, (frame.pool.const(last), held[last]))
        return sure.without_item(held, last), row
    if key is None:
        return None
    if name == "pop" and (key[0] in held or len(positional) == 2):
        return sure.without_item(held, key[0]), held.get(key[0], positional[-1])
    if name == "setdefault":
        value = positional[1] if len(positional) == 2 else none
        return {key[0]: value, **held}, held.get(key[0], value)
    if name == "__setitem__" and len(positional) == 2:
        return sure.with_item(held, key[0], positional[1]), none
    return None


def _updated(frame: Frame, held: dict[object, Value], args: Arguments) -> Change | None:
    if args.rest is not None or args.named_rest is not None:
        return None
    more: dict[object, Value] = {}
    for source in args.positional:
        known = sure.contents_of(frame, source)
        if not isinstance(known, dict):
            return None
        more.update(known)
    return {**held, **more, **args.named}, frame.pool.const(None)


def _list_changed(
    frame: Frame, name: str, held: tuple[Value, ...], positional: tuple[Value, ...]
) -> Change | None:
    none = frame.pool.const(None)
    if name == "clear":
        return (), none
    if name == "reverse":
        return held[::-1], none
    if name == "pop":
        return _popped(held, positional)
    if len(positional) == 1:
        item = positional[0]
        if name == "append":
            return (*held, item), none
        if name == "extend":
            more = in_places(frame, item)
            return None if more is None else ((*held, *more), none)
        if name == "remove":
            left = _removed(held, item)
            return None if left is None else (left, none)
    if name == "insert" and len(positional) == 2:
        at = key_of(positional[0])
        if at and isinstance(at[0], int):
            return (*held[: at[0]], positional[1], *held[at[0] :]), none
    if name == "__setitem__" and len(positional) == 2:
        key = key_of(positional[0])
        return (sure.with_item(held, key[0], positional[1]), none) if key else None
    return None


def _popped(held: tuple[Value, ...], positional: tuple[Value, ...]) -> Change | None:
    key = key_of(positional[0]) if positional else (-1,)
    if key is None or len(positional) > 1:
        return None
    taken = sure.holds(held, key[0])
    return None if taken is None else (sure.without_item(held, key[0]), taken)


def _removed(held: tuple[Value, ...], item: Value) -> tuple[Value, ...] | None:
    """Without the first that is *item*; None if one before it may be equal to it."""
    for index, one in enumerate(held):
        if not (_is_code(one) and _is_code(item)):
            return None
        if one is item:
            return sure.replaced(held, index)
    return held  # it raises


def _is_code(value: Value) -> bool:
    """Whether it is one function, which is equal to itself only."""
    if isinstance(value, Known):
        return type(value.obj) is FunctionType
    return isinstance(value, Local | Const)
