"""Many plain values at once, by the C pickler: nothing in Python touches each of them.

A pickler in fast mode writes what is shared each time it is met, so that its bytes follow from
content alone. It looks at each type itself, before any code of the value's: None, bool, int, float,
str, bytes, list, tuple, dict and sets of exactly these types it writes, for anything else it asks
`reducer_override`, which refuses. What it writes can be read back, so that no two values have one
form; and it writes the same on every supported CPython, with these exceptions, which are refused:

    sets that hold something   in an order that follows the hash seed
    frozensets                 each is counted as one more level, by some Pythons
    1000 elements and more     some Pythons end the batches of a dict in another way
    deep nesting               each Python has another end to it

Whether a value is refused depends on its content only, for equal values must take one road; so no
bound here may change without a new version of the digest. What is written is bounded, too: sharing
may stand for more than any memory holds. Text beyond ASCII keeps a copy of itself, as encoded, from
then on: hence no pieces of long texts.

Long sequences of nothing but numbers, truth values and None are written as one, without fast mode:
there what is no number leaves a trace, for it is remembered in the memo.

Knows exact builtin types and bytes; must not know digests of anything else.
"""

from __future__ import annotations

import gc

import xxhash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any

__all__ = ["TOO_MUCH", "Writer", "numbers"]

DEPTH = 16  # how deep what is written may be
WIDTH = 1000  # elements that no container in it may have
BYTES = 1 << 16  # what may be written: the pickler hands it over when there is as much

_SETS: frozenset[type] = frozenset({set, frozenset})
_NO_ELEMENTS = b"(\x91"  # an empty frozenset, as it is written; it may be part of something else
_CONTAINERS = _SETS | {list, tuple, dict}


TOO_MUCH = b""


class _Refused(Exception):
    """Something is not of the types that count here."""


class _TooMuch(Exception):
    """More than may be written."""


class Writer:
    """Writes one container after the other.

    Attributes:
        is_flat: whether the last one held no containers that hold anything.
    """

    __slots__ = ("_frames", "_pickler", "_refused", "_size", "is_flat")

    def __init__(self) -> None:
        kind, self._refused = _pickler()
        self._pickler = kind(self, 4)
        self._pickler.fast = True
        self.is_flat = True

    def written(self, values: Collection[Any]) -> bytes | None:
        """Return *values* as bytes; `TOO_MUCH`, or None if something in there has another road.

        After either of these it is of no use any more.
        """
        self._frames: list[bytes] = []
        self._size = 0
        try:
            self._pickler.dump(values)
        except _TooMuch:
            return TOO_MUCH
        except (_Refused, self._refused, RecursionError, ValueError, KeyError):
            return None  # the last two for rings, and for what many frozensets do to fast mode
        data = b"".join(self._frames)
        depth = _depth((values,), _NO_ELEMENTS in data)
        self.is_flat = depth <= 1
        return data if depth >= 0 else None

    def write(self, frame: bytes) -> None:
        """Take what the pickler hands over."""
        self._size += len(frame)
        if self._size > BYTES:
            raise _TooMuch
        self._frames.append(frame)


def _depth(level: Sequence[Any], may_hold_sets: bool) -> int:
    """Return how deep plain values go; -1 where some Python would write them in another way.

    Goes down level by level: what containers hold, the collector lists, and of the rest nothing.
    Call it only where there is no more than `BYTES` of them.

    Args:
        may_hold_sets: whether frozensets may be among what holds nothing.
    """
    for depth in range(DEPTH):
        below = gc.get_referents(*level)
        if not below and not may_hold_sets:
            return depth
        if not _SETS.isdisjoint(map(type, level)):
            return -1
        if not below:
            return depth
        if len(below) >= WIDTH and _widest(level) >= WIDTH:
            return -1
        level = below
    return -1


def _widest(level: Sequence[Any]) -> int:
    return max([len(value) for value in level if type(value) in _CONTAINERS])


def numbers(values: Sequence[Any]) -> bytes | None:
    """Return the digest of a sequence of ints, floats, bools and None only; else None."""
    state = xxhash.xxh3_128(b"n")
    digested = _Digested(state)
    kind, refused = _pickler()
    pickler = digested.pickler = kind(digested, 4)
    try:
        pickler.dump(values)
    except (_Refused, refused, RecursionError):
        return None
    return None if digested.is_mixed() else state.digest()


class _Digested:
    """Digests what the pickler writes, as long as that is numbers."""

    __slots__ = ("pickler", "update")

    pickler: Any

    def __init__(self, state: xxhash.xxh3_128) -> None:
        self.update = state.update

    def write(self, frame: bytes) -> None:
        if self.is_mixed():
            raise _Refused
        self.update(frame)

    def is_mixed(self) -> bool:
        # The memo holds the sequence itself, and all that is neither number nor None.
        return len(self.pickler.memo.copy()) > 1


_picklers: list[tuple[Any, type[Exception]]] = []


def _pickler() -> tuple[Any, type[Exception]]:
    """Return the class of picklers, and what it raises itself."""
    if not _picklers:
        # Imported here: who only reads the names above does without.
        from _pickle import Pickler, PicklingError

        class PlainOnly(Pickler):
            def reducer_override(self, value: object) -> Any:
                # Asked for whatever isn't of an exact builtin type, before any code of its own.
                raise _Refused

        _picklers.append((PlainOnly, PicklingError))
    return _picklers[0]
