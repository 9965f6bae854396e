"""Which code lies in a value of a type that shapes do not look into.

A value of a library's own type is unknown to an analysis: whatever comes out of it may be any
of the code that came with the call. Where its hasher tells all that it holds, such as of a map
that cannot be changed in place, that is gone through, and only the code met there counts.

Knows the layout of values; must not know shapes or the analysis.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from functools import lru_cache, partial
from types import FunctionType, MethodType, SimpleNamespace

from dumbo.tracing.fingerprint import ATOMS
from dumbo.tracing.layout import CONTAINERS, is_leaf, items_of, slots_of
from dumbo.tracing.lookup import instance_dict, is_class, is_module, mro

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_LOOKED_INTO = 20_000  # values, beyond which anything may be in there
_CACHED = type(lru_cache(lambda: None))
_SEQUENCES = (list, tuple, set, frozenset, deque)
_DICTS = (dict, OrderedDict, Counter, defaultdict)


def code_in(value: Any, numbers: Mapping[int, int]) -> set[int] | None:
    """Which of the code roots, whose *numbers* are given by id, lie in *value*; None if something
    does of which nobody tells what it holds, or there is too much of it."""
    todo = [value]
    met: dict[int, Any] = {}  # kept, for some are made only to be looked at
    found: set[int] = set()
    while todo:
        one = todo.pop()
        kind = type(one)
        if kind in ATOMS or id(one) in met:
            continue
        if len(met) >= _LOOKED_INTO:
            return None
        met[id(one)] = one
        if kind is FunctionType or kind is _CACHED or is_class(one) or is_module(one):
            number = numbers.get(id(one))
            parts: list[Any] | None = []
        else:
            number = numbers.get(id(kind))
            parts = _parts_of(one, kind, known=number is not None)
        if parts is None:
            return None
        if number is not None:
            found.add(number)
        todo += parts
    return found


def _parts_of(value: Any, kind: type, *, known: bool) -> list[Any] | None:
    """What *value* holds, whose class is *known* as code that came with the call, or not."""
    # By identity: a metaclass may take itself for any type.
    if any(kind is one for one in _SEQUENCES):
        return list(value)
    if any(kind is one for one in _DICTS):
        made = [value.default_factory] if kind is defaultdict else []
        return [*dict.keys(value), *dict.values(value), *made]
    if kind is SimpleNamespace:
        return list((instance_dict(value) or {}).values())
    if kind is MethodType:
        return [value.__func__, value.__self__]
    if kind is partial:
        held = (instance_dict(value) or {}).values()
        return [value.func, *value.args, *value.keywords.values(), *held]
    if known:
        if _hides(kind):
            return None
        fields = [*(instance_dict(value) or {}).values(), *[item for _, item in slots_of(value)]]
        return [*fields, *[item for part in items_of(value) for item in part]]
    if is_leaf(value, kind):
        return []
    # Imported here: most arguments hold nothing of the kind.
    from dumbo.arguments.registry import find

    entry = find(kind)
    if entry is None or not entry.tells:
        return None
    answer = entry.hasher(value)
    return None if isinstance(answer, bytes) else list(answer.children)


def _hides(kind: type) -> bool:
    """Whether a class of the interpreter's that keeps something in its own way is a base of *kind*:
    exceptions do, weak references, properties."""
    return any(
        base is partial or (_size_of(base) > _size_of(object) and not _flags_of(base) & _MADE)
        for base in mro(kind)
        if not any(base is one for one in _PLAIN_BASES)
    )


_PLAIN_BASES = (*CONTAINERS, *ATOMS)
_MADE = 1 << 9  # of the flags of a class: it was made by a program, or by a library
_size_of = type.__dict__["__basicsize__"].__get__
_flags_of = type.__dict__["__flags__"].__get__
