"""What is known of functions beside their results, kept across runs: one row for each.

    statistics.id       of the function, by its name
    statistics.used     unix time of the last change
    statistics.payload  checksum; marshal of (version, name, facts); in a signed store, a signature

    version  change
    1        the first

Facts are a dict of plain values, of which the caller knows what they mean. What is read is not
trusted beyond that: an unreadable row is none. Several processes change a row one after the
other, each by a function of what it finds there.

Knows rows; must not know what is measured, nor how two measurements become one.
"""

from __future__ import annotations

import marshal
import time

from dumbo.errors import CorruptBlob, StorageError
from dumbo.persistence.ground import COMMON, as_bytes, as_text, function_id
from dumbo.persistence.rows import guarded, unguarded
from dumbo.persistence.seal import SIGNED, SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _sqlite3 as sqlite
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, TypeAlias

    from dumbo.persistence.store import Store

    Facts: TypeAlias = dict[str, Any]

__all__ = ["change", "drop", "keep_room", "know_room", "read", "read_all"]

_VERSION = 1
_ROWS = 10_000  # functions of which something is known
_READ = "SELECT payload FROM statistics WHERE id = ?"
_READ_ALL = "SELECT id, used, payload FROM statistics"
_PUT = "INSERT OR REPLACE INTO statistics(id, used, payload) VALUES(?,?,?)"
_DROP = "DELETE FROM statistics WHERE id = ?"
_COUNT = "SELECT COUNT(*) FROM statistics"
_DROP_OLDEST = (
    "DELETE FROM statistics WHERE id IN (SELECT id FROM statistics ORDER BY used LIMIT ?)"
)
_KIND = b"statistics"
_MANGLED = (ValueError, EOFError, TypeError)


def read(store: Store, function: str) -> Facts:
    """Return what is known of *function*; nothing, if that is nothing, or cannot be read."""
    number = function_id(function)
    for (payload,) in store._read(_READ, (number,), entries=False):
        name, facts = _decoded(store, number, payload)
        if name == function:
            return facts
    return {}


def read_all(store: Store) -> Iterator[tuple[str, float, Facts]]:
    """Yield each function of which something is known, when that changed last, and what it is."""
    for number, used, payload in store._read(_READ_ALL, (), entries=False):
        name, facts = _decoded(store, number, payload)
        if name is not None and function_id(name) == number and isinstance(used, int):
            yield name, used, facts


def change(store: Store, changes: Mapping[str, Callable[[Facts], Facts]]) -> None:
    """Replace what is known of functions by what these make of it, all at once.

    They may be called again, with what is known then.

    Raises:
        OSError, StorageError: if that cannot be written.
    """
    now = int(time.time())

    def work(sql: sqlite.Connection, known: set[object]) -> None:
        sql.execute("BEGIN IMMEDIATE")
        for function, merged in changes.items():
            number = function_id(function)
            found = sql.execute(_READ, (number,)).fetchall()
            name, facts = _decoded(store, number, found[0][0]) if found else (None, {})
            payload = _encoded(store, number, function, merged(facts if name == function else {}))
            sql.execute(_PUT, (number, now, payload))
        too_many = sql.execute(_COUNT).fetchone()[0] - _ROWS
        if too_many > 0:
            sql.execute(_DROP_OLDEST, (too_many + _ROWS // 10,))
        sql.execute("COMMIT")

    store.run(work, entries=False)


def know_room(store: Store) -> None:
    """Learn how full a store was when somebody last evicted from it, and what a byte cost then."""
    room = read(store, COMMON).get("room")
    if type(room) is not tuple or [type(one) for one in room] != [int, float, float, float]:
        return
    if room[1] >= 0 and room[3] > 0:
        store.used, store.last_rank, store.last_gone, store.last_half_life = room


def keep_room(store: Store) -> None:
    """Keep for other processes what `know_room` tells.

    Raises:
        OSError, StorageError: if that cannot be written.
    """
    room = (store.used, store.last_rank, store.last_gone, store.last_half_life)
    change(store, {COMMON: lambda facts: {**facts, "room": room}})


def drop(store: Store, function: str) -> None:
    """Forget what is known of *function*.

    Raises:
        OSError, StorageError: if that cannot be written.
    """
    store._execute(_DROP, function_id(function))


def _encoded(store: Store, number: int, function: str, facts: Facts) -> bytes:
    try:
        payload = marshal.dumps((_VERSION, as_bytes(function), facts), 2)
    except ValueError as error:  # something in it is not plain
        raise StorageError(f"statistics of {function} cannot be written: {error}") from error
    if store._seal is not None:
        payload += store._seal.sign(_KIND, _whose(number), b"", 0, SIGNED, 0, payload)
    return guarded(payload)


def _decoded(store: Store, number: int, payload: object) -> tuple[str | None, Facts]:
    data = unguarded(payload)
    try:
        if store._seal is not None:
            store._seal.check(_KIND, _whose(number), b"", 0, SIGNED, 0, data)
            data = data[:-SIZE]
        version, name, facts = marshal.loads(data)
        if version == _VERSION and type(name) is bytes and type(facts) is dict:
            return as_text(name), facts
    except (*_MANGLED, CorruptBlob):
        pass
    return None, {}


def _whose(number: int) -> bytes:
    return number.to_bytes(8, "big", signed=True)
