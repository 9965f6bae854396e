"""What is kept beside results for people: sources by their digest, and the arguments of calls.

    texts   the source of a function as it was, compressed, once for each digest
    calls   how the arguments of a stored call looked, by function and key

A file of its own beside the index: a result that is looked up never meets it, and whoever lists
results is not held up by it. Losing it costs words in an explanation. Calls are written in
batches, so that a function of a microsecond does not pay for a transaction each time.

Knows SQLite by way of `Index`; must not know what an explanation is made of.
"""

from __future__ import annotations

import atexit
import os
import time
import zlib
from _weakrefset import WeakSet

import xxhash

from dumbo.errors import StorageError
from dumbo.persistence.ground import function_id
from dumbo.persistence.index import Index, give_back
from dumbo.persistence.rows import guarded, unguarded

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _sqlite3 as sqlite
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any, TypeAlias

    Plain: TypeAlias = tuple[
        Callable[[Sequence[str], Sequence[Any]], bytes], Sequence[str], Sequence[Any]
    ]

__all__ = ["Recipes"]

_TABLES = """
CREATE TABLE texts(id INTEGER PRIMARY KEY, payload BLOB NOT NULL);
CREATE TABLE calls(
    id INTEGER PRIMARY KEY, function INTEGER NOT NULL, key BLOB NOT NULL,
    created INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE INDEX calls_by_function ON calls(function, created)
"""
_BATCH = 1024  # calls that wait to be written
_PATIENCE = 0.5  # seconds that the first of them waits at most, if another one comes
_SLOW = 0.02  # seconds of a computation, beside which a transaction is nothing
_MOST = 100_000  # calls that are kept
_CALL = 240  # bytes of the file that one takes, or so
_LOOKED_AT = 16_384  # calls that a process writes until it looks how many there are
_DAYS = 30 * 86_400  # for which a call is kept when its result is gone


class Recipes:
    """The file beside the index; trouble with it is told, and never raised."""

    def __init__(
        self, directory: str, tell: Callable[[object], object], *, durable: bool = False
    ) -> None:
        self._tell = tell
        _open.add(self)
        self._index = Index(
            directory, _nothing, tell, durable=durable, name="recipes.sqlite", tables=_TABLES
        )
        self._path = os.path.join(directory, "recipes.sqlite")
        self._waiting: list[tuple[int, bytes, int, Any]] = []  # the last: see `add_later`
        self._since = 0.0
        self._last = 0  # when the last call that was written came, in microseconds
        self._texts: set[bytes] = set()  # that this process has put there
        self._written = _LOOKED_AT  # calls, since the last look at all of them: so the first looks

    # -- writing -------------------------------------------------------------------------

    def add_texts(self, texts: Mapping[bytes, str]) -> None:
        """Keep sources, each under its digest of 8 bytes."""
        news = {digest: text for digest, text in texts.items() if digest not in self._texts}
        if not news:
            return
        rows = [
            (_place(digest), guarded(zlib.compress(text.encode("utf-8", "surrogatepass"))))
            for digest, text in news.items()
        ]

        def put(sql: sqlite.Connection, known: set[object]) -> None:
            sql.execute("BEGIN IMMEDIATE")
            sql.executemany("INSERT OR IGNORE INTO texts VALUES(?,?)", rows)
            sql.execute("COMMIT")

        if self._try(put):
            self._texts.update(news)

    def add_call(self, function: str, key: bytes, payload: bytes, compute: float) -> None:
        """Keep how the arguments of a call looked that took *compute* seconds."""
        self.add_later(
            function_id(function), key, payload, time.time_ns() // 1000, time.perf_counter()
        )
        if compute > _SLOW:
            self.flush()

    def add_later(
        self, number: int, key: bytes, payload: bytes | Plain, created: int, now: float
    ) -> None:
        """Keep how the arguments of a call looked, or what makes that of what cannot change.

        Parameters:
            number: of the function.
            created: when that was, in microseconds.
            now: the time, by the clock that says how long it may wait.
        """
        waiting = self._waiting
        if not waiting:
            self._since = now
        waiting.append((number, key, created, payload))
        if now - self._since > _PATIENCE or len(waiting) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write the calls that wait."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        rows, last = [], self._last
        for number, key, when, looks in waiting:
            created = last = max(when, last + 1)  # two may come within a microsecond, in order
            payload = looks if type(looks) is bytes else looks[0](looks[1], looks[2])
            rows.append((_call_id(number, key), number, key, created, guarded(payload)))
        self._last = last

        def put(sql: sqlite.Connection, known: set[object]) -> None:
            sql.execute("BEGIN IMMEDIATE")
            sql.executemany("INSERT OR REPLACE INTO calls VALUES(?,?,?,?,?)", sorted(rows))
            sql.execute("COMMIT")

        self._try(put)
        self._written += len(rows)
        if self._written > _LOOKED_AT:
            self._written = 0
            self._try(_forget_what_is_too_much)

    def close(self) -> None:
        self.flush()
        self._index.close()

    def clear(self) -> None:
        """Forget everything."""
        self._waiting = []
        self._texts.clear()

        def empty(sql: sqlite.Connection, known: set[object]) -> None:
            sql.execute("DELETE FROM texts")
            sql.execute("DELETE FROM calls")

        self._try(empty)

    def sweep(self, texts: Collection[bytes], keys: Collection[bytes]) -> None:
        """Forget sources that are not among *texts*, and old calls without a result.

        Args:
            texts: the digests that are still referred to.
            keys: those of the calls that have a result.
        """
        self.flush()
        self._texts.clear()
        old = (int(time.time()) - _DAYS) * 1_000_000
        there = {_place(digest) for digest in texts}

        def drop(sql: sqlite.Connection, known: set[object]) -> None:
            gone = [(i,) for (i,) in sql.execute("SELECT id FROM texts") if i not in there]
            found = sql.execute("SELECT id, key FROM calls WHERE created < ?", (old,))
            lost = [(i,) for i, key in found if key not in keys]
            sql.execute("BEGIN IMMEDIATE")
            sql.executemany("DELETE FROM texts WHERE id = ?", gone)
            sql.executemany("DELETE FROM calls WHERE id = ?", lost)
            sql.execute("COMMIT")
            _forget_oldest(sql, _MOST)

        self._try(drop)

    def shrink(self, most: int) -> None:
        """Forget the oldest calls until the rest takes no more than *most* bytes."""
        if not os.path.exists(self._path):
            return
        self.flush()

        def drop(sql: sqlite.Connection, known: set[object]) -> None:
            used = _size(sql)
            if used > most:
                (count,) = sql.execute("SELECT COUNT(*) FROM calls").fetchone()
                _forget_oldest(sql, count * most * 9 // (10 * used))

        self._try(drop)

    def size(self) -> int:
        """Return how many bytes of the file are in use."""
        sizes: list[int] = []
        if not os.path.exists(self._path):
            return 0
        self._try(lambda sql, known: sizes.append(_size(sql)))
        return sizes[0] if sizes else 0

    # -- reading -------------------------------------------------------------------------

    def text(self, digest: bytes) -> str:
        """The source that was kept under *digest*; empty if there is none."""
        for (payload,) in self._read("SELECT payload FROM texts WHERE id = ?", (_place(digest),)):
            try:
                return zlib.decompress(unguarded(payload)).decode("utf-8", "surrogatepass")
            except (zlib.error, UnicodeDecodeError):
                return ""
        return ""

    def call(self, function: str, key: bytes) -> bytes:
        """What was kept of a call; nothing if it was not."""
        where = (_call_id(function_id(function), key),)
        for found, payload in self._read("SELECT key, payload FROM calls WHERE id = ?", where):
            return unguarded(payload) if found == key else b""
        return b""

    def calls_of(self, function: str, limit: int = 500) -> list[tuple[bytes, bytes]]:
        """The keys of a function's last calls, and what was kept of them; the newest first."""
        found = self._read(
            "SELECT key, payload FROM calls WHERE function = ? ORDER BY created DESC LIMIT ?",
            (function_id(function), limit),
        )
        return [(bytes(key), unguarded(payload)) for key, payload in found]

    # -- small steps ---------------------------------------------------------------------

    def _read(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        self.flush()
        try:
            return self._index.read(statement, values)
        except (OSError, StorageError) as error:
            self._tell(error)
            return []

    def _try(self, work: Callable[[sqlite.Connection, set[object]], object]) -> bool:
        try:
            self._index.write(work)
        except (OSError, StorageError) as error:
            self._tell(error)
            return False
        return True


_open: WeakSet[Recipes] = WeakSet()


def _at_exit() -> None:
    for recipes in list(_open):
        recipes.flush()


atexit.register(_at_exit)  # runs before what the index has registered, which closes files


def _size(sql: sqlite.Connection) -> int:
    page, pages, free = (
        sql.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_size", "page_count", "freelist_count")
    )
    return int(page * (pages - free))


def _forget_what_is_too_much(sql: sqlite.Connection, known: set[object]) -> None:
    if _size(sql) > _MOST * _CALL:  # else counting them would be dearer than they are
        _forget_oldest(sql, _MOST)


def _forget_oldest(sql: sqlite.Connection, keep: int) -> None:
    """Forget all calls but the latest *keep*, and give the room back."""
    gone = sql.execute(
        "DELETE FROM calls WHERE created <= "
        "(SELECT created FROM calls ORDER BY created DESC LIMIT 1 OFFSET ?)",
        (keep,),
    ).rowcount
    if gone:
        give_back(sql)


def _nothing(root: str) -> list[tuple[str, tuple[Any, ...]]]:
    """What a new file begins with."""
    return []


def _place(digest: bytes) -> int:
    return int.from_bytes(digest[:8], "big", signed=True)


def _call_id(function: int, key: bytes) -> int:
    own = function.to_bytes(8, "big", signed=True) + key
    return xxhash.xxh3_64_intdigest(own) - (1 << 63)
