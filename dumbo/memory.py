"""Results that this process has loaded, kept in memory for a while: the hottest road of a hit.

A result is found by what stood in the call, if that is small and plain, or comes down to what is
(`arguments/flattened`), without bind, digest or lookup; else by closure and key. In both cases the
closure's guard is asked first. So a hit from memory is right whenever one from disk would be.

Every hit gives a value of its own: what cannot change is handed out as it is, everything else
is decoded anew from its bytes. What is large is not kept here: it is mapped from disk.

After a while a result is looked up on disk again, which tells the store that it is in use, and
this process what others have removed.

Knows values, bytes and guards; must not know stores or how a call gets its key.
"""

from __future__ import annotations

import sys
from marshal import dumps, loads
from time import monotonic

from dumbo.arguments.small import ATOMS, CONTAINERS, DEPTH, FIXED, ITEMS, SIZED, WORDS, is_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType
    from typing import Any

    from dumbo.tracing.guards import Guard

__all__ = ["LARGEST", "MISSING", "Held", "Memory", "is_unchanging", "plain_key", "plain_payload"]

FRESH = 60.0  # seconds after which the disk is asked again
LARGEST = 1 << 16  # bytes of one result
_BYTES = 1 << 26  # of all results, of all functions of this process
_RESULTS = 1 << 15  # of one function
_OVERHEAD = 768  # bytes of memory that one takes beside its value: keys, tables and itself


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()


class Epoch:
    """Counts what removes or replaces results in this process: what was held before is not used."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


epoch = Epoch()


class Held:
    """One result.

    Attributes:
        value: itself, if it cannot change.
        payload: else its bytes, for `decode`.
        until: when the disk is asked again.
        guard, defaults: what must hold for the closure, and the keyword defaults, to be the same.
        extras: those of the entry; the guard holds as long as they do.
        lone: whether no call of it was found to be told by what stands in it.
    """

    __slots__ = (
        "decode",
        "defaults",
        "epoch",
        "extras",
        "guard",
        "lone",
        "payload",
        "size",
        "until",
        "value",
    )

    def __init__(
        self,
        value: object,
        payload: bytes | None,
        decode: Callable[[bytes], Any] | None,
        guard: Guard | None,
    ) -> None:
        self.value = value
        self.payload = payload
        self.decode = decode
        self.size = _OVERHEAD + (len(payload) if payload is not None else sys.getsizeof(value))
        self.guard = guard
        self.extras = b""
        self.lone = False
        self.defaults: tuple[dict[str, Any], tuple[Any, ...]] | None = None
        self.until = monotonic() + FRESH
        self.epoch = epoch.number


_total = 0


class Memory:
    """The results of one function."""

    __slots__ = ("by_call", "by_identity", "_size")

    def __init__(self) -> None:
        self.by_call: dict[object, Held] = {}
        self.by_identity: dict[bytes, Held] = {}
        self._size = 0

    def hold(self, identity: bytes, held: Held, call: object) -> None:
        """Keep *held*; *call* is what its call is found by, None if only by its identity."""
        global _total
        size, by_identity = held.size, self.by_identity
        if size > LARGEST:
            return
        if len(by_identity) >= _RESULTS or _total + size > _BYTES:
            self.clear()
            if _total + size > _BYTES:  # others have it all
                return
        if call is not None:
            if len(self.by_call) >= _RESULTS:
                self.by_call.clear()
            self.by_call[call] = held
        before = by_identity.get(identity)
        if before is not None:
            size -= before.size
        by_identity[identity] = held
        self._size += size
        _total += size

    def find(self, identity: bytes) -> Held | None:
        """What is held of a closure and key that are known to be those of the call."""
        held = self.by_identity.get(identity)
        if held is None or held.epoch != epoch.number or monotonic() > held.until:
            return None
        return held

    def clear(self) -> None:
        """Forget everything."""
        global _total
        self.by_call.clear()
        self.by_identity.clear()
        _total -= self._size
        self._size = 0


def plain_key(args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    """What tells this call from all others, if everything in it is plain and small; else None.

    Equal keys are calls with the same types and values, bit by bit, written alike.
    """
    kinds: tuple[object, ...] = tuple(map(type, args))
    if kwargs:
        args = (*args, *kwargs.values())
        kinds = (*kinds, *kwargs, *map(type, kwargs.values()))
    written = False
    for value in args:
        kind = type(value)
        if kind is int:  # most are
            continue
        if kind in SIZED:
            if len(value) > WORDS:
                return None
        elif kind is float:
            if not value or value != value:  # zeros have signs, and no nan equals another
                written = True
        elif kind in CONTAINERS:
            written = True
        elif kind is complex:  # its parts are such numbers
            written = True
        elif kind not in FIXED:
            return _of_others(args, kinds)
    if not written:
        return args, kinds
    return (dumps(args, 2), kinds) if is_plain(args, DEPTH + 1) else _of_others(args, kinds)


_bared: Callable[[tuple[Any, ...]], list[Any] | None] | None = None
_flattened: Callable[[tuple[Any, ...], list[type], int], list[Any] | None]


def _of_others(args: tuple[Any, ...], kinds: object) -> object:
    """What tells a call with objects from all others, if these come down to plain values."""
    global _bared, _flattened
    if _bared is None:
        # Imported late, since whoever gets such arguments has hashed them before; and once, for
        # that takes a fifth of what follows.
        from dumbo.arguments.flattened import bared, flattened

        _bared, _flattened = bared, flattened
    bare = _bared(args)
    if bare is not None:
        return (*bare, kinds)
    classes: list[type] = []
    content = _flattened(args, classes, DEPTH + 1)
    return None if content is None else (dumps(content, 2), kinds, *classes)


def plain_payload(value: Any) -> tuple[bytes, Callable[[bytes], Any]] | None:
    """Return *value* as bytes, and what makes it of them again, if it is plain and small."""
    if type(value) not in CONTAINERS or not is_plain(value, DEPTH):
        return None
    # Not as pickle: a cache may be told never to use that. What is shared within stays so.
    return dumps(value), loads


def is_unchanging(value: object, depth: int = 3) -> bool:
    """Whether *value* can be handed out again and again, for nobody can change it."""
    kind = type(value)
    if kind in ATOMS:
        return True
    if kind is not tuple and kind is not frozenset:
        return False
    assert isinstance(value, (tuple, frozenset))
    return (
        depth > 0 and len(value) <= ITEMS and all(is_unchanging(item, depth - 1) for item in value)
    )


def has_plain_defaults(function: FunctionType) -> bool:
    """Whether the defaults, which count like arguments, can only change by being replaced."""
    defaults = function.__defaults__ or ()
    named = function.__kwdefaults__ or {}
    return all(map(is_unchanging, defaults)) and all(map(is_unchanging, named.values()))
