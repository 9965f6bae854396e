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
    tail = store.tail
    if type(value) not in ATOMS or tail is None or store.compress or not store.allow_pickle:
        return 0
    payload = encode_atom(value)
    size = len(payload)
    if size > _INLINE:
        return 0
    number = function_id(function)
    spent = max(0, round(compute * 1e9))
    row = rows.entry(
        closure, key, PYTHON, b"", number, size, spent, _USUAL, time.time_ns() // 1000, PICKLE,
        payload, as_bytes(note),
    )  # fmt: skip
    try:
        full = tail.put(row, as_bytes(function))
    except OSError as error:  # the index says what is wrong, or takes it
        store._trouble(error)
        return 0
    store._names[number] = function
    if full:
        store._shorten()
    if room.count(store, size + _ROW):
        from dumbo.persistence.saving import keep_within  # few results are the last that fit

        keep_within(store)
    return size
