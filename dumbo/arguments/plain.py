"""The fast road: plain scalars in plain containers, hashed in bulk by `marshal`.

`marshal.dumps(x, 2)` is canonical for exact int, float, bool, str, bytes, None, complex
in exact list, tuple, dict, set, frozenset, on every supported CPython and under every
hash seed; but it takes anything with a buffer for bytes, and expands what is shared. So
the types are looked at first, level by level, and nests are bounded. Whether a value is
plain depends on its content only, never on identity or on what holds it: equal values
must take the same road. For the same reason no bound here may change without a new
version of the digest.

Knows exact builtin types; must not know the walk or any other type.
"""

from __future__ import annotations

import marshal
from itertools import chain

import xxhash

from dumbo.arguments.registry import FLAT, LONG, NEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    Container = list[Any] | tuple[Any, ...] | dict[Any, Any] | set[Any] | frozenset[Any]

_NUMBERS = frozenset({int, float, bool, type(None), complex})
_SCALARS = _NUMBERS | {str, bytes}
_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})
_PLAIN = _SCALARS | _CONTAINERS
_STR = frozenset({str})
_BYTES = frozenset({bytes})
_CHUNK = 2048  # elements written at once: the copy stays in the cache

# What may be one nest. The walk takes bigger and deeper ones apart.
_DEPTH = 16
_ELEMENTS = 1 << 22
_TEXT = 1 << 22  # characters and bytes in all strings of a nest: marshal copies them
_SET = 256  # marshal sorts sets by bytes, at a price

_LONG_TEXT = 4096
_PIECE = 1 << 22
_SAMPLED = 32

SCALAR_IDS = frozenset(map(id, _SCALARS))
CONTAINER_IDS = frozenset(map(id, _CONTAINERS))
_NUMBER_IDS = frozenset(map(id, _NUMBERS))
_TEXT_IDS = frozenset({id(str), id(bytes)})


def is_short(values: tuple[object, ...]) -> bool:
    """Whether all *values* are scalars, and none a long string: the hot road's question."""
    for value in values:
        kind = id(type(value))
        if kind in _NUMBER_IDS:
            continue
        if kind not in _TEXT_IDS or len(value) > _LONG_TEXT:  # type: ignore[arg-type]
            return False
    return True


def scalar(value: Any) -> bytes:
    """Return the token of a value whose exact type is a scalar's."""
    kind = type(value)
    if kind is str:
        if len(value) > _LONG_TEXT:
            digest = xxhash.xxh3_128()
            for start in range(0, len(value), _PIECE):
                digest.update(value[start : start + _PIECE].encode("utf-8", "surrogatepass"))
            return LONG + b"u" + len(value).to_bytes(8, "big") + digest.digest()
    elif kind is bytes and len(value) > _LONG_TEXT:
        return LONG + b"s" + len(value).to_bytes(8, "big") + xxhash.xxh3_128_digest(value)
    return marshal.dumps(value, 2)


def container(value: Container) -> bytes | None:
    """Return the token of a container of exact builtin type, or None if it isn't plain."""
    kind = type(value)
    if len(value) > _CHUNK:
        token = _flat(value)
        if token is not None:
            return token
    elif (kind is set or kind is frozenset) and len(value) > _SET:
        return _flat(value)
    if not _is_nest(value):
        return None
    try:
        return NEST + xxhash.xxh3_128_digest(marshal.dumps(value, 2))
    except (TypeError, ValueError):
        # A set of several complex nan has no order, and a metaclass may lie to the
        # census: the walk looks at each one.
        return None


def _is_nest(value: Container) -> bool:
    """Whether everything in *value* is plain, and it is small enough for one `marshal`."""
    if _is_deep(value):
        return False
    sequences: list[Any] = []
    dicts: list[Any] = []
    kind = type(value)
    (dicts if kind is dict else sequences).append(value)
    if (kind is set or kind is frozenset) and len(value) > _SET:
        return False
    count = text = 0
    for _ in range(_DEPTH):
        count += sum(map(len, sequences)) + 2 * sum(map(len, dicts))
        if count > _ELEMENTS:
            return False
        elements = _elements_of(sequences, dicts)
        kinds = set(map(type, elements()))
        if not kinds <= _PLAIN:
            return False
        if str in kinds or bytes in kinds:
            text += sum([len(x) for x in elements() if type(x) is str or type(x) is bytes])
            if text > _TEXT:
                return False
        if kinds <= _SCALARS:
            return True
        below_sequences: list[Any] = []
        below_dicts: list[Any] = []
        if list in kinds:
            below_sequences += [x for x in elements() if type(x) is list]
        if tuple in kinds:
            below_sequences += [x for x in elements() if type(x) is tuple]
        if dict in kinds:
            below_dicts = [x for x in elements() if type(x) is dict]
        if set in kinds or frozenset in kinds:
            sets = [x for x in elements() if type(x) is set or type(x) is frozenset]
            if max(map(len, sets)) > _SET:
                return False
            below_sequences += sets
        sequences, dicts = below_sequences, below_dicts
    return False


def _is_deep(value: Any) -> bool:
    """Whether one way down is longer than a nest may be: the cheap question, asked first."""
    for _ in range(_DEPTH):
        kind = type(value)
        if not (kind is list or kind is tuple or kind is dict) or not value:
            return False
        value = next(iter(value.values())) if kind is dict else value[0]
    return True


def _elements_of(sequences: list[Any], dicts: list[Any]) -> Callable[[], Iterable[Any]]:
    if not dicts:
        return lambda: chain.from_iterable(sequences)
    return lambda: chain(
        chain.from_iterable(sequences),
        chain.from_iterable(dicts),
        chain.from_iterable(map(dict.values, dicts)),
    )


# Long and flat: in chunks, so that nothing as large as the argument is copied.


def _flat(value: Container) -> bytes | None:
    """Return the token of a long container of scalars, or None if it holds something else."""
    kind = type(value)
    parts: list[bytes | None]
    if kind is dict:
        code = b"{"
        parts = [_sequence(list(value)), _sequence(list(dict.values(value)))]  # type: ignore[arg-type]
    elif kind is set or kind is frozenset:
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
    first = type(values[0])
    if first is int or first is float:
        digest = _uniform_numbers(values, *((b"i", 5) if first is int else (b"g", 9)))
        if digest is not None:
            return digest
    kinds = set(map(type, values))
    if not kinds <= _SCALARS:
        return None
    if kinds == _STR:
        return _joined(values, "\0")
    if kinds == _BYTES:
        return _joined(values, b"\0")
    if str in kinds or bytes in kinds:
        text = sum([len(x) for x in values if type(x) is str or type(x) is bytes])
        if text > _LONG_TEXT * len(values):
            return None
    digest = xxhash.xxh3_128(b"scalars")
    for start in range(0, len(values), _CHUNK):
        digest.update(marshal.dumps(values[start : start + _CHUNK], 2))
    return digest.digest()


def _uniform_numbers(values: Sequence[Any], code: bytes, width: int) -> bytes | None:
    """Digest small ints only, or floats only, without a look at each type.

    The dump of such a chunk is five bytes, then *width* bytes an element, each begun by
    *code*. If the first element begins with *code*, the next begins *width* further on,
    so that counting the codes there proves the type of every one.
    """
    digest = xxhash.xxh3_128(code)
    for start in range(0, len(values), _CHUNK):
        piece = values[start : start + _CHUNK]
        try:
            dump = marshal.dumps(piece, 2)
        except ValueError:
            return None
        size = len(piece)
        if len(dump) != 5 + width * size or dump[5::width].count(code) != size:
            return None
        digest.update(dump)
    return digest.digest()


def _joined(values: Sequence[Any], separator: Any) -> bytes | None:
    """Digest strings through one buffer a chunk, told apart by a separator none contains."""
    digest = xxhash.xxh3_128(b"strings" if type(separator) is str else b"bytes")
    for start in range(0, len(values), _CHUNK):
        piece = values[start : start + _CHUNK]
        if sum(map(len, piece[::_SAMPLED])) > _PIECE // _SAMPLED:
            return None  # long strings: the walk copies one at a time
        joined = separator.join(piece)
        if joined.count(separator) == len(piece) - 1:
            data = joined if type(joined) is bytes else joined.encode("utf-8", "surrogatepass")
            digest.update(b"\0" + len(data).to_bytes(8, "big"))
        else:
            data = marshal.dumps(piece, 2)
            digest.update(b"\1" + len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.digest()


def _sorted_set(values: Any) -> bytes | None:
    kinds = set(map(type, values))
    if not kinds <= _SCALARS:
        return None
    if len(kinds) == 1 and not kinds & {float, complex}:
        return _sequence(sorted(values))
    # nan has no place in an order of values; bytes always have.
    tokens = sorted([marshal.dumps(x, 2) for x in values])
    digest = xxhash.xxh3_128(b"set")
    for start in range(0, len(tokens), _CHUNK):
        digest.update(b"".join(tokens[start : start + _CHUNK]))
    return digest.digest()
