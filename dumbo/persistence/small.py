"""Putting a small plain result into a store: encoded, checked and appended in one go.

Most results are numbers and short texts. They need no draft, no trial load and no parts; what is
left is a row, and the tail takes it.

Knows which values are that simple; must not know how others are stored.
"""

from __future__ import annotations

import time

from dumbo.persistence import rows
from dumbo.persistence.codecs import ATOMS, PICKLE, encode_atom
from dumbo.persistence.ground import PYTHON, as_bytes, function_id
from dumbo.persistence.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dumbo.persistence.store import Store

__all__ = ["save"]

_INLINE = 4096  # bytes, as in `saving`
_ROW = 200
_LOOKED_AT = 0.01


def save(
    store: Store,
    closure: bytes,
    key: bytes,
    value: object,
    function: str,
    compute: float,
    note: str,
) -> Record | None:
    """Store *value* as a result without extras; None if that takes more than is done here.

    Raises:
        OSError, StorageError: if it cannot be written.
    """
    started = time.perf_counter_ns()
    tail = store.tail
    if type(value) not in ATOMS or tail is None or store.compress or not store.allow_pickle:
        return None
    payload = encode_atom(value)
    size = len(payload)
    if size > _INLINE:
        return None
    limit = store.size_limit
    if limit is not None and store._written + size + _ROW > limit * _LOOKED_AT:
        return None  # time to look at all that there is, which `saving` does
    number = function_id(function)
    created = time.time_ns() // 1000
    spent = max(0, round(compute * 1e9))
    took = time.perf_counter_ns() - started
    row = rows.entry(
        closure, key, PYTHON, b"", number, size, spent, took, created, PICKLE, payload,
        as_bytes(note),
    )  # fmt: skip
    try:
        full = tail.put(row, as_bytes(function))
    except OSError as error:
        store._trouble(error)
        return None  # the index says what is wrong, or takes it
    store._names[number] = function
    store._written += size + _ROW
    if full:
        store._settle()
    return Record(
        function, closure, key, b"", PYTHON, size, compute, took / 1e9, created / 1e6, "pickle",
        payload, note,
    )  # fmt: skip
