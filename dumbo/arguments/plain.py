"""The fast road: plain scalars in plain containers, hashed in bulk by `marshal`.

`marshal.dumps(x, 2)` is canonical for exact int, float, bool, str, bytes, None, complex
in exact list, tuple, dict, set, frozenset, on every supported CPython and under every
hash seed; but it takes anything with a buffer for bytes, and expands what is shared. So
the types are looked at first, level by level (the *census*), and nests are bounded; a
long container goes in pieces, which stay in the processor's cache and are never copied
as a whole. Whether and how a value is plain depends on its content only, never on
identity or on what holds it: equal values must take the same road. For the same reason
no bound here may change without a new version of the digest.

What is larger goes through the C pickler (`bulk`), which is faster than anything that looks at
each element, where that may be.

Knows exact builtin types; must not know the walk or any other type.
"""

from __future__ import annotations

import marshal
from itertools import chain

import xxhash

from dumbo.arguments.known import token_of_bytes
from dumbo.arguments.registry import FLAT, LONG, NEST
from dumbo.arguments.short import LONG_TEXT, NUMBERS, TEXTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Container = list[Any] | tuple[Any, ...] | dict[Any, Any] | set[Any] | frozenset[Any]

_SCALARS = NUMBERS | TEXTS
_SIMPLE = _SCALARS - {complex}
_REAL = NUMBERS - {complex}
_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})
_SETS = frozenset({set, frozenset})

# What may be one nest. The walk takes bigger and deeper ones apart.
_PIECE = 512  # elements of a long container that are written at once, ...
_FIRST = 64  # ... for a start, and if they hold containers, ...
_LEAST = 16  # ... and large ones
_DEPTH = 16
_WIDTH = 2048  # elements of a container inside of a nest
_SET = 256  # elements of a set: marshal sorts them by bytes, at a price
_ELEMENTS = 1 << 20
_TEXT = 1 << 20  # characters and bytes in the strings of a nest, as far as they are counted
_JOINED = 1 << 22  # the same in strings that are joined
_COUNTED = 16  # of every so many containers of a level, one has its strings counted

_LARGE = 1 << 20  # bytes of which the digest may be known
_SLICE = 1 << 20
_WORTH = 512  # bytes
_SMALL = 64  # elements that are looked at one by one
_LOOKS = 16  # elements of a long sequence whose types are looked at first

SCALAR_IDS = frozenset(map(id, _SCALARS))
CONTAINER_IDS = frozenset(map(id, _CONTAINERS))

# Wider than the stubs, which know no container of anything.
dumps: Callable[[Any, int], bytes] = marshal.dumps


def scalar(value: Any) -> bytes:
    """Return the token of a value whose exact type is a scalar's."""
    kind = type(value)
    if kind is str:
        if len(value) > LONG_TEXT:
            digest = xxhash.xxh3_128()
            for start in range(0, len(value), _SLICE):
                digest.update(value[start : start + _SLICE].encode("utf-8", "surrogatepass"))
            return LONG + b"u" + len(value).to_bytes(8, "big") + digest.digest()
    elif kind is bytes and len(value) > LONG_TEXT:
        return _long_bytes(value) if len(value) < _LARGE else token_of_bytes(value, _long_bytes)
    return dumps(value, 2)


def _long_bytes(value: bytes) -> bytes:
    return LONG + b"s" + len(value).to_bytes(8, "big") + xxhash.xxh3_128_digest(value)


def container(value: Container) -> tuple[bytes, bool] | None:
    """Return the token of a container of exact builtin type, or None if it isn't plain.

    With it comes whether it is worth to be remembered: small ones are hashed as fast.
    """
    if len(value) > (_SET if type(value) in _SETS else _PIECE):
        token = _long(value)
        return None if token is None else (token, True)
    found = _look((value,), _SMALL, _DEPTH)
    if found == _OTHER or (found < 0 and (_is_deep(value, 0) or _is_deep(value, -1))):
        return None
    data = _written(value) if found == _MANY else None
    if not data and (found >= 0 or _census((value,))):
        data = _dump(value)
    return None if not data else (NEST + xxhash.xxh3_128_digest(data), len(data) > _WORTH)


def _written(value: Container) -> bytes | None:
    from dumbo.arguments import bulk  # short arguments do without

    return bulk.Writer().written(value)


def _dump(value: Container) -> bytes | None:
    try:
        return dumps(value, 2)
    except ValueError:
        # A metaclass may lie to the census: the walk looks at each one.
        return None


# Nests


def _is_nest(values: Sequence[Any]) -> bool:
    """Whether everything in *values* is plain, and small enough for one `marshal`."""
    found = _look(values, _SMALL, _DEPTH)
    if found >= _OTHER:
        return found >= 0
    return not (_is_deep(values, 0) or _is_deep(values, -1)) and _census(values)


def _is_deep(value: Any, at: int) -> bool:
    """Whether one way down is longer than a nest may be: so a long chain costs little."""
    for _ in range(_DEPTH + 1):
        kind = type(value)
        if kind is dict and value:
            value = next(iter(value.values()))
        elif (kind is list or kind is tuple) and value:
            value = value[at]
        else:
            return False
    return True


_OTHER, _MANY, _SPECIAL = -1, -2, -3


def _look(values: Any, left: int, depth: int) -> int:
    """Return how many of *left* elements remain, if all are plain, or what stands against it.

    Answers for small values what the census does for all, at a quarter of the price.
    """
    left -= len(values)
    if left < 0 or not depth:
        return _MANY
    for value in values:
        kind = type(value)
        if kind in NUMBERS:
            continue
        if kind in TEXTS:
            if len(value) > LONG_TEXT:
                return _SPECIAL
            continue
        if kind not in _CONTAINERS:
            return _OTHER
        if kind in _SETS:
            return _SPECIAL
        left = _look(value, left, depth - 1)
        if kind is dict and left >= 0:
            left = _look(value.values(), left, depth - 1)
        if left < 0:
            return left
    return left


def _census(values: Sequence[Any]) -> bool:
    level: list[Any] = [values]  # containers that are no dict, and the values of dicts
    keyed: list[Any] = []  # dicts
    count = text = 0
    step = _COUNTED
    # Older marshals cannot sort a set of several complex nan.
    has_set = has_complex = False
    for depth in range(_DEPTH):
        sizes = [*map(len, level)]
        count += sum(sizes) + len(keyed)
        if count > _ELEMENTS or (depth and sizes and max(sizes) > _WIDTH):
            return False
        below = [x for part in level for x in part if type(x) not in _SIMPLE]
        keys = set(map(type, chain.from_iterable(keyed)))
        if not keys <= _SIMPLE:
            below += [x for part in keyed for x in part if type(x) not in _SIMPLE]
        counted = [*level[::step], *keyed[::step]]
        if counted:
            text += _text_in(counted) * (len(level) + len(keyed)) // len(counted)
        if text > _TEXT:
            return False
        if not below:
            return True
        kinds = set(map(type, below))
        if complex in kinds:
            has_complex = True
            below = [x for x in below if type(x) is not complex]
            kinds.discard(complex)
            if not below:
                return not has_set
        if not kinds <= _CONTAINERS or (has_complex and (has_set or kinds & _SETS)):
            return False
        if kinds & _SETS:
            has_set = True
            step = 1  # their order follows the hash seed, so that a choice of some would
            if max([len(x) for x in below if type(x) in _SETS]) > _SET:
                return False
        keyed = [x for x in below if type(x) is dict] if dict in kinds else []
        level = [x for x in below if type(x) is not dict] if keyed else below
        level += map(dict.values, keyed)
    return False


def _text_in(parts: Sequence[Any]) -> int:
    return sum([len(x) for part in parts for x in part if type(x) in TEXTS])


# Long containers


def _long(value: Container) -> bytes | None:
    kind = type(value)
    parts: list[bytes | None]
    if kind is dict:
        code = b"{"
        parts = [_sequence(list(value)), _sequence(list(dict.values(value)))]  # type: ignore[arg-type]
    elif kind in _SETS:
        code = b"<" if kind is set else b">"
        parts = [_sorted_set(value)]
    else:
        code = b"[" if kind is list else b"("
        parts = [_sequence(value)]  # type: ignore[arg-type]
    if None in parts:
        return None
    head = code + len(value).to_bytes(8, "big")
    return FLAT + xxhash.xxh3_128_digest(head + b"".join(parts))  # type: ignore[arg-type]


def _sequence(values: Sequence[Any]) -> bytes | None:
    """Return the digest of a long sequence of plain values, or None."""
    from dumbo.arguments import bulk  # short arguments do without

    # A few types first, for pickling what is no number would be in vain.
    if _REAL.issuperset(map(type, values[:: len(values) // _LOOKS or 1])):
        digest = bulk.numbers(values)
        if digest is not None:
            return digest
    state = xxhash.xxh3_128()
    start, size = 0, _FIRST
    writer = bulk.Writer()
    while start < len(values):
        piece = values[start : start + (size or _PIECE)]
        # The first byte tells by whom it is written: t, b; \x80; [ or (.
        data = _joined(piece)
        if data is None and size:
            data = writer.written(piece)
            if data is None or data == bulk.TOO_MUCH:
                # Shorter pieces, and if that does not help, `marshal` for all that is left.
                size = size // 4 if data is not None and size > _LEAST else 0
                writer = bulk.Writer()
                continue
        if data is None:
            data = _nest(piece)
            if data is None:
                return None
        state.update(len(data).to_bytes(8, "big"))
        state.update(data)
        start += len(piece)
        if size >= _FIRST:
            size = _PIECE if writer.is_flat else _FIRST
    return state.digest()


def _nest(values: Sequence[Any]) -> bytes | None:
    """Return what `marshal` makes of *values*, or None if they aren't plain."""
    return _dump(values) if _is_nest(values) else None  # type: ignore[arg-type]


def _joined(values: Sequence[Any]) -> bytes | None:
    """Return the content of strings alone, or of bytes; None if these aren't such."""
    kind = type(values[0])
    if kind not in TEXTS or len(set(map(type, values))) > 1:
        return None
    if sum(map(len, values[::_COUNTED])) > _JOINED // _COUNTED:
        return None
    separator: Any = "\0" if kind is str else b"\0"
    joined = separator.join(values)
    if joined.count(separator) != len(values) - 1:
        return None
    # No element contains the separator, so that it tells them apart.
    if kind is bytes:
        return b"b" + joined  # type: ignore[no-any-return]
    return b"t" + joined.encode("utf-8", "surrogatepass")  # type: ignore[no-any-return]


def _sorted_set(values: Any) -> bytes | None:
    kinds = set(map(type, values))
    if not kinds <= _SCALARS:
        return None
    if len(kinds) == 1 and not kinds & {float, complex}:
        return _sequence(sorted(values))
    # nan has no place in an order of values; bytes always have.
    return _sequence(sorted([dumps(x, 2) for x in values]))
