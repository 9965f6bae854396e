"""Which parts of a call's arguments are one object: for functions that can tell.

`x[0] is x[1]` tells two equal lists from one list seen twice, and so does a
function that changes its argument in place. For such functions (tracing says
which) the pattern of sharing is part of the key; for all others it is not, so
that equal arguments hit whatever objects they are made of.

Knows containers and fields; must not know digests of content.
"""

from __future__ import annotations

import xxhash

from dumbo.tracing.lookup import instance_dict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_IMMUTABLE = frozenset(
    {
        int,
        float,
        complex,
        bool,
        str,
        bytes,
        type(None),
        type(...),
        type(NotImplemented),
        range,
        type,
    }
)


def with_sharing(key: bytes, values: tuple[Any, ...]) -> bytes:
    """*key*, 16 bytes, made to tell which parts of *values* are one object."""
    shared = pattern(values)
    return xxhash.xxh3_128_digest(key + shared) if shared else key


def pattern(values: tuple[Any, ...]) -> bytes:
    """16 bytes over which mutable objects in *values* are met again, and where.

    Empty where nothing is met twice, so that most keys stay as they are.
    """
    met: dict[int, int] = {}
    again: list[tuple[int, int]] = []
    todo: list[Any] = [values]
    count = 0
    while todo:
        value = todo.pop()
        if type(value) in _IMMUTABLE:
            continue
        count += 1
        if type(value) not in (tuple, frozenset):
            first = met.setdefault(id(value), count)
            if first != count:
                again.append((count, first))
                continue
        todo += reversed(list(_parts(value)))
    return xxhash.xxh3_128_digest(repr(again).encode()) if again else b""


def _parts(value: Any) -> Iterable[Any]:
    kind = type(value)
    if issubclass(kind, dict):
        yield from dict.keys(value)
        yield from dict.values(value)
    elif issubclass(kind, list):
        yield from list.__iter__(value)
    elif issubclass(kind, tuple):
        yield from tuple.__iter__(value)
    held = instance_dict(value)
    if held:
        yield from [held[name] for name in sorted(held)]
