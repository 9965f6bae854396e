"""Small arguments as plain values, so that calls of them can be compared without a digest.

Two calls whose values come out equal here have equal keys. More than a key may be told apart: the
order of fields, and fields that do not count.

    a plain value              itself
    an object of the user's    its fields, by name
    any other                  what its hasher says of it (`registry`)
    a class                    its place in a list of all classes that were met

What is not plain becomes a tuple that begins with `...`, which no plain value does, and the number
of its kind.

Knows fields and hashers' answers; must not know calls, or where anything is kept.
"""

from __future__ import annotations

from marshal import dumps

from dumbo.arguments.instances import (
    bare_fields,
    brief_hasher,
    content_of,
    layout_of,
    layouts,
    named_fields,
)
from dumbo.arguments.registry import Node, Root, Token, derives, mro_of, namespace_of
from dumbo.arguments.small import CONTAINERS, DEPTH, FIXED, ITEMS, SIZED, WORDS, is_plain
from dumbo.errors import UnhashableArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from dumbo.arguments.instances import Layout

__all__ = ["bared", "flattened"]

_OBJECT, _ANSWER, _CHILDREN, _CLASS, _TOKEN, _DICT = range(6)
_FIXED = frozenset(map(id, FIXED))
_SIZED = frozenset(map(id, SIZED))
_CONTAINERS = frozenset(map(id, CONTAINERS))
_KINDS = 64  # objects in one call


class _NotFlat(Exception):
    """Something is large, or nothing that hashers know."""


def bared(values: Sequence[Any]) -> list[Any] | None:
    """Return *values* as they are, each with its type, to be compared; or None.

    Only what is plain, and objects that hold nothing else, which most do. Of an object, the number
    of its fields, their names, what they are, and the types of that.
    """
    found: list[Any] = []
    for value in values:
        kind = type(value)
        fields: Any = (value,)
        layout = layouts.get(id(kind))
        if layout is not None:
            named = bare_fields(value, kind, layout) if layout.bare else None
            if named is None or len(named) > ITEMS:
                return None
            found += (len(named), *named)
            fields = named.values()
        for field in fields:
            kind = type(field)
            if kind is float:
                if not field or field != field:  # zeros have signs, and no nan equals another
                    found.append(dumps(field, 2))
                    continue
            elif kind is str or kind is bytes:
                if len(field) > WORDS:
                    return None
            elif kind is not int and kind is not bool and field is not None:
                if id(kind) not in _CONTAINERS or not is_plain(field, DEPTH):
                    if layout is not None:
                        layout.bare = False  # others of its class will hold such, too
                    return None
                found.append(dumps(field, 2))
                continue
            found.append(field)
        found += map(type, fields)
    return found


def flattened(values: Sequence[Any], kinds: list[type], depth: int) -> list[Any] | None:
    """Return *values*, each as plain values, and add the classes that are met to *kinds*; or None.

    Classes may be compared and hashed: none of them has a metaclass with a word in that.
    """
    try:
        return [_flat(value, kinds, depth) for value in values]
    except (_NotFlat, UnhashableArgument):
        return None


def _flat(value: Any, kinds: list[type], depth: int) -> Any:
    kind = type(value)
    number = id(kind)  # a metaclass may answer anything to `in`
    if number in layouts:
        layout = layout_of(kind)
        if layout is not None and depth:
            return _object(value, kind, layout, kinds, depth)
    if number in _FIXED:
        return value
    if number in _SIZED:
        if len(value) > WORDS:
            raise _NotFlat
        return value
    if not depth:
        raise _NotFlat
    if number in _CONTAINERS:
        return value if is_plain(value, depth) else _container(value, kinds, depth - 1)
    _met(kind, kinds)
    hasher = brief_hasher(value, kind)
    if hasher is None:
        raise _NotFlat
    return (..., _ANSWER, _answer(hasher(value), kinds, depth - 1))


def _object(value: Any, kind: type, layout: Layout, kinds: list[type], depth: int) -> Any:
    """Return an object of the user's as the names of its fields, and then as many values."""
    _met(kind, kinds)
    fields = named_fields(value, kind, layout)
    if fields is None:
        raise _NotFlat
    names, values = fields
    if not is_plain(values, depth):
        values = [_flat(field, kinds, depth - 1) for field in values]
    if layout.entry is not None:  # and what it is besides
        if layout.entry.brief is None or not layout.entry.brief(value):
            raise _NotFlat
        values.append(_answer(content_of(layout.entry, value), kinds, depth - 1))
    return (..., _OBJECT, *names, *values)


def _container(value: Any, kinds: list[type], depth: int) -> Any:
    """Return a container of the exact builtin types that holds what is not plain."""
    if len(value) > ITEMS:
        raise _NotFlat
    kind = type(value)
    if kind is dict:
        items = [*value, *value.values()]
        return (..., _DICT, *[_flat(item, kinds, depth) for item in items])
    items = [_flat(item, kinds, depth) for item in value]
    if kind is list:
        return items
    if kind is not tuple:  # the order of a set's elements says nothing
        raise _NotFlat
    return tuple(items)


def _answer(answer: Any, kinds: list[type], depth: int) -> Any:
    """Return what a hasher said, or one of the children that it named."""
    kind = type(answer)
    if kind is Node:
        if answer.unordered or len(answer.children) > ITEMS:
            raise _NotFlat
        children = [_answer(child, kinds, depth) for child in answer.children]
        return (..., _CHILDREN, answer.name, *children)
    if kind is Root:
        _met(answer.code, kinds)
        return (..., _CLASS)
    if kind is Token:
        return (..., _TOKEN, bytes(answer))
    return _flat(answer, kinds, depth)


def _met(code: object, kinds: list[type]) -> None:
    """Put down a class, for it can be compared; a function may be another one in each call."""
    meta = type(code)
    if meta is not type:
        if not derives(meta, type):
            raise _NotFlat
        for cls in mro_of(meta):
            if cls is type:
                break
            space = namespace_of(cls)
            if "__eq__" in space or "__hash__" in space:
                raise _NotFlat
    if len(kinds) >= _KINDS:
        raise _NotFlat
    kinds.append(code)  # type: ignore[arg-type]
