"""What is kept beside results for people: sources by their digest, and the arguments of calls.

    texts    the source of a function as it was, compressed, once for each digest
    batches  how the arguments of stored calls looked: those of one function that were written
             together in one row, with the key of each, the last call last

A file of its own beside the index: a result that is looked up never meets it, and whoever lists
results is not held up by it. Losing it costs words in an explanation. A row for each call would
take a function of a microsecond as long as storing its result; who wants one call looks through
all batches of its function, which takes a person no time.

Knows SQLite by way of `Index`; must not know what an explanation is made of.
"""

from __future__ import annotations

import atexit
import marshal
import os
import time
import zlib
from _weakrefset import WeakSet

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
    Kept: TypeAlias = tuple[bytes, int, bytes]  # of a call: its key, when it came, how it looked

__all__ = ["Recipes"]

_TABLES = """
CREATE TABLE texts(id INTEGER PRIMARY KEY, payload BLOB NOT NULL);
CREATE TABLE batches(
    id INTEGER PRIMARY KEY, function INTEGER NOT NULL, created INTEGER NOT NULL,
    count INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE INDEX batches_by_function ON batches(function, created)
"""
# version  change
# 4        the first, with a row for each call
# 5        calls of a function that are written together are one row
_SCHEMA = 5
_BATCH = 1024  # calls that wait to be written
_PATIENCE = 0.5  # seconds that the first of them waits at most, if another one comes
_SLOW = 0.02  # seconds of a computation, beside which a transaction is nothing
_MOST = 100_000  # calls that are kept
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
            directory, _nothing, tell, durable=durable,
            name="recipes.sqlite", tables=_TABLES, schema=_SCHEMA,
        )  # fmt: skip
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
        batches: dict[int, list[Kept]] = {}
        last = self._last
        for number, key, when, looks in waiting:
            created = last = max(when, last + 1)  # two may come within a microsecond, in order
            payload = looks if type(looks) is bytes else looks[0](looks[1], looks[2])
            batches.setdefault(number, []).append((key, created, payload))
        self._last = last
        rows = [(number, *_row(calls)) for number, calls in batches.items()]

        def put(sql: sqlite.Connection, known: set[object]) -> None:
            sql.execute("BEGIN IMMEDIATE")
            sql.executemany(
                "INSERT INTO batches(function, created, count, payload) VALUES(?,?,?,?)", rows
            )
            sql.execute("COMMIT")

        self._try(put)
        self._written += len(waiting)
        if self._written > _LOOKED_AT:
            self._written = 0
            self._try(lambda sql, known: _forget_oldest(sql, _MOST))

    def close(self) -> None:
        self.flush()
        self._index.close()

    def clear(self) -> None:
        """Forget everything."""
        self._waiting = []
        self._texts.clear()

        def empty(sql: sqlite.Connection, known: set[object]) -> None:
            sql.execute("DELETE FROM texts")
            sql.execute("DELETE FROM batches")

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
            sql.execute("BEGIN IMMEDIATE")
            sql.executemany("DELETE FROM texts WHERE id = ?", gone)
            for one, payload in sql.execute(
                "SELECT id, payload FROM batches WHERE created < ?", (old,)
            ).fetchall():
                _put_back(sql, one, [call for call in _calls(payload) if call[0] in keys])
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
                (count,) = sql.execute("SELECT COALESCE(SUM(count), 0) FROM batches").fetchone()
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
        found = self._read(
            "SELECT payload FROM batches WHERE function = ? AND instr(payload, ?) "
            "ORDER BY created DESC",
            (function_id(function), key),
        )
        for (payload,) in found:
            for other, _, looks in reversed(_calls(payload)):
                if other == key:
                    return looks
        return b""

    def calls_of(self, function: str, limit: int = 500) -> list[tuple[bytes, bytes]]:
        """The keys of a function's last calls, and what was kept of them; the newest first."""
        found: dict[bytes, bytes] = {}

        def read(sql: sqlite.Connection, known: set[object]) -> None:
            found.clear()
            for (payload,) in sql.execute(
                "SELECT payload FROM batches WHERE function = ? ORDER BY created DESC",
                (function_id(function),),
            ):
                for key, _, looks in reversed(_calls(payload)):
                    found.setdefault(key, looks)
                if len(found) >= limit:
                    break

        self.flush()
        self._try(read)
        return list(found.items())[:limit]

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


def _forget_oldest(sql: sqlite.Connection, keep: int) -> None:
    """Forget all calls but the latest *keep*, and give the room back."""
    gone: list[tuple[int]] = []
    cut: tuple[int, int] | None = None
    sql.execute("BEGIN IMMEDIATE")
    for one, count in sql.execute("SELECT id, count FROM batches ORDER BY created DESC").fetchall():
        if keep <= 0:
            gone.append((one,))
        elif count > keep:
            cut = one, keep
        keep -= count
    if cut:
        one, left = cut
        for (payload,) in sql.execute(
            "SELECT payload FROM batches WHERE id = ?", (one,)
        ).fetchall():
            _put_back(sql, one, _calls(payload)[-left:])
    sql.executemany("DELETE FROM batches WHERE id = ?", gone)
    sql.execute("COMMIT")
    if gone or cut:
        give_back(sql)


def _row(calls: list[Kept]) -> tuple[int, int, bytes]:
    """What a batch says: when its last call came, how many they are, and all of them."""
    return calls[-1][1], len(calls), guarded(marshal.dumps(calls, 2))


def _calls(payload: object) -> list[Kept]:
    """The calls of a batch, the last one last; none, if it is not what it was."""
    data = unguarded(payload)
    calls: list[Kept] = marshal.loads(data) if data else []
    return calls


def _put_back(sql: sqlite.Connection, one: int, calls: list[Kept]) -> None:
    """Leave no more than *calls* of a batch."""
    if calls:
        change = "UPDATE batches SET created = ?, count = ?, payload = ? WHERE id = ?"
        sql.execute(change, (*_row(calls), one))
    else:
        sql.execute("DELETE FROM batches WHERE id = ?", (one,))


def _nothing(root: str) -> list[tuple[str, tuple[Any, ...]]]:
    """What a new file begins with."""
    return []


def _place(digest: bytes) -> int:
    return int.from_bytes(digest[:8], "big", signed=True)
