"""What is stored, for who wants to see it.

Knows rows; must not know values.
"""

from __future__ import annotations

from dumbo.persistence import rows
from dumbo.persistence.ground import PYTHON
from dumbo.persistence.records import Record, Summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from dumbo.persistence.store import Store


def entries_of(store: Store, function: str, key: bytes | None, limit: int) -> list[Record]:
    """What is stored of a function, or of one call in all its versions; newest first."""
    found: list[rows.Row] = []
    for closure, python in store._closures(function):
        if key is None:
            where = (*rows.closure_range(closure), closure, limit)
            found += (r for r in store._read(rows.OF_CLOSURE, where) if r[3] == python)
        else:
            there = store._read(rows.FIND, rows.slots(python, closure, key))
            found += (r for r in there if (r[1], r[2], r[3]) == (closure, key, python))
    records = [record for record in map(store._record, found) if record]
    records.sort(key=lambda record: record.created, reverse=True)
    return records[:limit]


def keys_with(store: Store, function: str, closure: bytes, prefix: bytes) -> list[bytes]:
    """The keys that begin with *prefix*, of a closure's entries and of a function's."""
    ends = (prefix.ljust(16, b"\0"), prefix.ljust(16, b"\xff"))
    found: list[bytes] = []
    for one, python in {(closure, PYTHON), *store._closures(function)}:
        where = (*rows.closure_range(one), one, python, *ends)
        found += [key for (key,) in store._read(rows.KEYS_WITH, where)]
    return found


def sums_of(store: Store, closure: bytes) -> tuple[int, float]:
    """How many results of this Python there are under a closure, and the seconds that they took."""
    where = (*rows.closure_range(closure), closure, PYTHON)
    for count, compute in store._read(rows.SUM_OF_CLOSURE, where):
        return _number(count), _number(compute) / 1e9
    return 0, 0.0


def entries_under(store: Store, closure: bytes, limit: int) -> list[Record]:
    """The results of this Python under a closure, the newest first."""
    where = (*rows.closure_range(closure), closure, limit)
    found = [row for row in store._read(rows.OF_CLOSURE, where) if row[3] == PYTHON]
    return [record for record in map(store._record, found) if record]


def everything(store: Store) -> Iterator[Record]:
    """All that is stored, of all functions and Pythons."""
    for row in store._read(rows.ALL, ()):
        record = store._record(row)
        if record:
            yield record


def summary(store: Store) -> list[Summary]:
    """What is stored, by function."""
    if store._index is not None and store._touched:
        store._flush(store._index)
    return [
        Summary(
            store._names.get(function) or store._name_of(function),
            entries,
            _number(size),
            _number(compute) / 1e9,
            _number(used),
        )
        for function, entries, size, compute, used in store._read(rows.SUMMARY, ())
    ]


def _number(value: object) -> Any:
    """A sum, which a damaged row may have made anything else of."""
    return value if isinstance(value, int | float) else 0
