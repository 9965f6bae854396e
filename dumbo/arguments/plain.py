"""The fast road: plain scalars in plain containers, hashed in bulk by `marshal`.

`marshal.dumps(x, 2)` is canonical for exact int, float, bool, str, bytes, None, complex
in exact list, tuple, dict, set, frozenset, on every supported CPython and under every
hash seed; but it takes anything with a buffer for bytes, and expands what is shared. So
the types are looked at first, level by level (the *census*), and nests are bounded; a
long container goes in pieces, which stay in the processor's cache and are never copied
as a whole. Whether and how a value is plain depends on its content only, never on
identity or on what holds it: equal values must take the same road. For the same reason
no bound here may change without a new version of the digest.

Long sequences of nothing but numbers, truth values and None go through the C pickler, which
is as fast as anything can look at them: it looks at each type first, hands what it writes to
the hash in frames of 64 KB, and what is no number leaves a trace (it is remembered in the memo,
or asks `reducer_override`). Its bytes for these four types are canonical, and the same on
every supported CPython.

Long sequences of containers of one form (records: dicts with the same keys; rows of one
length) go by columns: what they have in common is looked at and written once for hundreds.

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
_TEXTS = frozenset({str, bytes})
_SCALARS = _NUMBERS | _TEXTS
_SIMPLE = _SCALARS - {complex}
_REAL = _NUMBERS - {complex}
_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})
_SETS = frozenset({set, frozenset})
_STR: set[type] = {str}

# What may be one nest. The walk takes bigger and deeper ones apart.
_PIECE = 512  # elements of a long container that are written at once
_DEPTH = 16
_WIDTH = 2048  # elements of a container inside of a nest
_SET = 256  # elements of a set: marshal sorts them by bytes, at a price
_ELEMENTS = 1 << 20
_TEXT = 1 << 22  # characters and bytes in the strings of a nest, as far as they are counted
_COUNTED = 16  # of every so many containers of a level, one has its strings counted

_WIDE = 16  # elements of rows that go by columns; those of longer ones go one behind the other

_LONG_TEXT = 4096
_SLICE = 1 << 20
_WORTH = 512  # bytes
_SMALL = 64  # elements that are looked at one by one
_LOOKS = 16  # elements of a long sequence whose types are looked at first

SCALAR_IDS = frozenset(map(id, _SCALARS))
CONTAINER_IDS = frozenset(map(id, _CONTAINERS))
_NUMBER_IDS = frozenset(map(id, _NUMBERS))
_TEXT_IDS = frozenset(map(id, _TEXTS))

# Wider than the stubs, which know no container of anything.
dumps: Callable[[Any, int], bytes] = marshal.dumps


def is_short(values: Sequence[object]) -> bool:
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
            for start in range(0, len(value), _SLICE):
                digest.update(value[start : start + _SLICE].encode("utf-8", "surrogatepass"))
            return LONG + b"u" + len(value).to_bytes(8, "big") + digest.digest()
    elif kind is bytes and len(value) > _LONG_TEXT:
        return LONG + b"s" + len(value).to_bytes(8, "big") + xxhash.xxh3_128_digest(value)
    return dumps(value, 2)


def container(value: Container) -> tuple[bytes, bool] | None:
    """Return the token of a container of exact builtin type, or None if it isn't plain.

    With it comes whether it is worth to be remembered: small ones are hashed as fast.
    """
    if len(value) > (_SET if type(value) in _SETS else _PIECE):
        token = _long(value)
        return None if token is None else (token, True)
    if not _is_nest((value,)):
        return None
    data = _dump(value)
    return None if data is None else (NEST + xxhash.xxh3_128_digest(data), len(data) > _WORTH)


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
    if found != _UNKNOWN:
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


_OTHER, _UNKNOWN = -1, -2


def _look(values: Any, left: int, depth: int) -> int:
    """Return how many of *left* elements remain, if all are plain, or one of the two above.

    Answers for small values what the census does for all, at a quarter of the price.
    """
    left -= len(values)
    if left < 0 or not depth:
        return _UNKNOWN
    for value in values:
        kind = type(value)
        if kind in _NUMBERS:
            continue
        if kind in _TEXTS:
            if len(value) > _LONG_TEXT:
                return _UNKNOWN
            continue
        if kind not in _CONTAINERS:
            return _OTHER
        if kind in _SETS:
            return _UNKNOWN
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
    return sum([len(x) for part in parts for x in part if type(x) in _TEXTS])


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
    # A few types first, for pickling what is no number would be in vain.
    if _REAL.issuperset(map(type, values[:: len(values) // _LOOKS or 1])):
        digest = _numbers(values)
        if digest is not None:
            return digest
    state = xxhash.xxh3_128()
    for start in range(0, len(values), _PIECE):
        data = _piece(values[start : start + _PIECE])
        if data is None:
            return None
        state.update(len(data).to_bytes(8, "big"))
        state.update(data)
    return state.digest()


def _piece(values: Sequence[Any]) -> bytes | None:
    """Return the content of a piece, begun by how it is written; None if it isn't plain."""
    return _column(values, _DEPTH, [_ELEMENTS])


# Columns


def _column(values: Sequence[Any], depth: int, left: list[int]) -> bytes | None:
    """Return the content of *values*, begun by how it is written; None if they aren't plain.

    What is *left* is counted down by the elements that containers have, each time they stand
    somewhere: shared ones are written again and again.
    """
    kinds = set(map(type, values))
    if len(kinds) == 1:
        (kind,) = kinds
        data: bytes | None = b""
        if kind is str or kind is bytes:
            data = _texts(values, kind)
        elif kind is dict:
            data = _records(values, depth, left)
        elif kind is list or kind is tuple:
            data = _rows(values, depth, left)
        if data != b"":
            return data
    if not kinds <= _NUMBERS and not _is_nest(values):
        return None
    data = _dump(values)  # type: ignore[arg-type]
    return None if data is None else b"m" + data


def _texts(values: Sequence[Any], kind: type) -> bytes | None:
    """Return the content of strings alone, or of bytes; empty if they hold the separator."""
    if sum(map(len, values[::_COUNTED])) > _TEXT // _COUNTED:
        return None
    separator: Any = "\0" if kind is str else b"\0"
    joined = separator.join(values)
    if joined.count(separator) != len(values) - 1:
        return b""
    # No element contains the separator, so that it tells them apart.
    if kind is bytes:
        return b"b" + joined  # type: ignore[no-any-return]
    return b"t" + joined.encode("utf-8", "surrogatepass")  # type: ignore[no-any-return]


def _records(values: Sequence[dict[Any, Any]], depth: int, left: list[int]) -> bytes | None:
    """Return the content of dicts that have the same names in one order; empty if they don't."""
    names = tuple(values[0])
    if {*map(len, values)} != {len(names)}:
        return b""
    if len(names) * len(values) > left[0]:  # before as many names are looked at
        return None
    found = tuple(chain.from_iterable(values))
    # Types first: to compare anything else could run its code.
    if set(map(type, found)) != _STR or found != names * len(values):
        return b""
    return _by_columns(b"d", dumps(names, 2), values, map(dict.values, values), depth, left)


def _rows(values: Sequence[Sequence[Any]], depth: int, left: list[int]) -> bytes | None:
    """Return the content of lists, or tuples; empty if they are many things of any length."""
    lengths = set(map(len, values))
    kind = b"l" if type(values[0]) is list else b"u"
    if len(lengths) == 1 and max(lengths) <= _WIDE:
        return _by_columns(kind, b"%d" % max(lengths), values, values, depth, left)
    sizes = [*map(len, values)]
    left[0] -= sum(sizes)
    if left[0] < 0 or depth <= 1:
        return None
    content = _column([*chain.from_iterable(values)], depth - 1, left) if any(sizes) else b""
    if content is None:
        return None
    head = dumps(sizes, 2)
    return kind.upper() + len(head).to_bytes(8, "big") + head + content


def _by_columns(
    kind: bytes,
    head: bytes,
    values: Sequence[Any],
    rows: Iterable[Iterable[Any]],
    depth: int,
    left: list[int],
) -> bytes | None:
    left[0] -= len(values) * len(values[0])
    if left[0] < 0 or depth <= 1:
        return None
    parts = [kind, len(head).to_bytes(8, "big"), head]
    for values in zip(*rows, strict=True):
        content = _column(values, depth - 1, left)
        if content is None:
            return None
        parts += (len(content).to_bytes(8, "big"), content)
    return b"".join(parts)


class _NotNumbers(Exception):
    """Something in a sequence is no number."""


def _numbers(values: Sequence[Any]) -> bytes | None:
    """Return the digest of a sequence of ints, floats, bools and None only; else None."""
    state = xxhash.xxh3_128(b"n")
    frames = _Frames(state)
    pickler = frames.pickler = _pickler()(frames, 4)
    try:
        pickler.dump(values)
    except (_NotNumbers, RecursionError):
        return None
    return None if frames.is_mixed() else state.digest()


class _Frames:
    """Takes what the pickler writes, as long as that is numbers."""

    __slots__ = ("pickler", "update")

    pickler: Any

    def __init__(self, state: xxhash.xxh3_128) -> None:
        self.update = state.update

    def write(self, frame: bytes) -> None:
        if self.is_mixed():
            raise _NotNumbers
        self.update(frame)

    def is_mixed(self) -> bool:
        # The memo holds the sequence itself, and all that is neither number nor None.
        return len(self.pickler.memo.copy()) > 1


_picklers: list[Any] = []


def _pickler() -> Any:
    if not _picklers:
        # Imported here: short arguments do without.
        from _pickle import Pickler

        class NumbersOnly(Pickler):
            def reducer_override(self, value: object) -> Any:
                # Asked for whatever isn't of an exact builtin type, before any code of its own.
                raise _NotNumbers

        _picklers.append(NumbersOnly)
    return _picklers[0]


def _sorted_set(values: Any) -> bytes | None:
    kinds = set(map(type, values))
    if not kinds <= _SCALARS:
        return None
    if len(kinds) == 1 and not kinds & {float, complex}:
        return _sequence(sorted(values))
    # nan has no place in an order of values; bytes always have.
    return _sequence(sorted([dumps(x, 2) for x in values]))
