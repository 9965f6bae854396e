"""Putting a small plain result into a store: encoded, checked and appended in one go.

Most results are numbers and short texts. They need no draft, no trial load and no parts; what is
left is a row, and the tail takes it.

Knows which values are that simple; must not know how others are stored.
"""

from __future__ import annotations

import time

from dumbo.persistence import room, rows
from dumbo.persistence.codecs import ATOMS, PICKLE, encode_atom
from dumbo.persistence.ground import PYTHON, as_bytes, function_id
from dumbo.persistence.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dumbo.persistence.store import Store

__all__ = ["save"]

_INLINE = 4096  # bytes, as in `saving`
_ROW = 200
_COUNTED = 4096  # bytes of such results that are told to `room` at once
_LITTLE = 1000 * _COUNTED  # bytes; in a store with less room each of them is told
_BEGINS = rows.usual(PYTHON, PICKLE)
_USUAL = 10_000  # nanoseconds that this takes, which clocking would make more


def save(
    store: Store,
    closure: bytes,
    key: bytes,
    value: object,
    function: str,
    compute: float,
    note: str,
) -> Record | None:
    """Store *value* as a result without extras; None if that takes more than is done here."""
    started = time.perf_counter_ns()
    size = put(store, closure, key, value, function, compute, note)
    if not size:
        return None
    took = (time.perf_counter_ns() - started) / 1e9
    return Record(
        function, closure, key, b"", PYTHON, size, compute, took, time.time(), "pickle", None, note
    )  # fmt: skip


def put(
    store: Store,
    closure: bytes,
    key: bytes,
    value: object,
    function: str,
    compute: float,
    note: str,
) -> int:
    """Do what `save` does, and return how many bytes that took; 0: nothing was done."""
    payload = encoded(store, value)
    if payload is None:
        return 0
    size = len(payload)
    where = rows.first_slot(PYTHON, closure, key)
    created = time.time_ns() // 1000
    if not append(store, where, closure, key, payload, function, compute, created, as_bytes(note)):
        return 0
    return size


def encoded(store: Store, value: object) -> bytes | None:
    """Return what `append` takes; None: more than this has to be done."""
    if type(value) not in ATOMS or store.tail is None or store.compress or not store.allow_pickle:
        return None
    payload = encode_atom(value)
    return payload if len(payload) <= _INLINE else None


def append(
    store: Store,
    where: int,
    closure: bytes,
    key: bytes,
    payload: bytes,
    function: str,
    compute: float,
    created: int,
    note: bytes,
) -> bool:
    """Put a small result into the tail, as of when it was *created*; say whether that is done."""
    number, size = function_id(function), len(payload)
    row = rows.plain(
        where, _BEGINS, closure, key, PYTHON, number, size,
        int(compute * 1e9 + 0.5) if compute > 0 else 0, _USUAL, created, PICKLE, payload, note,
    )  # fmt: skip
    try:
        full = store.tail.put(row, as_bytes(function))  # type: ignore[union-attr]
    except OSError as error:  # the index says what is wrong, or takes it
        store._trouble(error)
        return False
    names = store._names
    if number not in names:
        names[number] = function
    store.uncounted += size + _ROW
    if full:
        store._shorten()
    limit = store.size_limit
    if store.uncounted >= _COUNTED or (limit is not None and limit < _LITTLE):
        more, store.uncounted = store.uncounted, 0
        if room.count(store, more):
            from dumbo.persistence.saving import keep_within  # few results are the last that fit

            keep_within(store)
    return True
