"""Keeping a store within its limits: what goes, in which order, and what goes with it.

    evict   results, the lowest rank first, until what remains fits, and what is left of such
    prune   results of old versions, or that were not used for long
    sweep   what nothing refers to: traces and programs, files without a row, temporaries

A result goes as its row, then its file: whoever is killed in between leaves a file that nothing
finds, and the next one sweeps it. Who reads meanwhile has the file open, or finds none and
computes; who writes anew has a row and a file of its own, which stay. All of it runs in small
transactions, so that nobody waits for long.

Knows rows, files and sizes; must not know values, nor when it is time.
"""

from __future__ import annotations

import os
import time

from dumbo.decision.eviction import HIGH, LOW, lowest
from dumbo.decision.reuse import FOR_EVER
from dumbo.errors import StorageError
from dumbo.persistence import blobs, remains, rows, shelves, statistics
from dumbo.persistence.ground import PARTS
from dumbo.persistence.index import give_back

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _sqlite3 as sqlite
    from collections.abc import Iterable

    from dumbo.persistence.store import Store

__all__ = ["Usage", "evict", "prune", "stale", "sweep", "usage"]

_HEADER = 256  # bytes of a file beside its payload: the header, half a block
_BATCH = 512  # results that go in one transaction
_FOR_PEOPLE = 0.1  # of the limit, that what is kept beside results may take
_GRACE = 3600  # seconds for which a trace without results is kept: they may be on their way
_ASIDE = 86_400.0  # seconds for which what was set aside is kept
_ROUNDS = 8  # of eviction: less goes than was meant to where results have parts in common
_MANY = 2000  # traces that are too many to be looked at while a program runs
_YOUNG = 5.0  # seconds that a file may be without its row, or a temporary without its process


class Usage:
    """How much a store takes.

    Attributes:
        entries: how many results.
        files: bytes of the results that are files.
        index: bytes of the index that are in use.
        room: bytes of the index's file that are not.
        recipes: bytes of what is kept beside results for people.
    """

    __slots__ = ("entries", "files", "index", "recipes", "room")

    def __init__(self, entries: int, files: int, index: int, room: int, recipes: int) -> None:
        self.entries = entries
        self.files = files
        self.index = index
        self.room = room
        self.recipes = recipes

    @property
    def total(self) -> int:
        return self.files + self.index + self.recipes


def usage(store: Store) -> Usage:
    """Measure *store*."""

    def look(sql: sqlite.Connection, known: set[object]) -> Usage:
        def one(statement: str) -> int:
            return int(sql.execute(statement).fetchone()[0] or 0)

        count, entries = one("SELECT COUNT(*) FROM entries WHERE payload IS NULL"), 0
        entries = one("SELECT COUNT(*) FROM entries")
        size = one("SELECT SUM(size) FROM entries WHERE payload IS NULL")
        page, pages = one("PRAGMA page_size"), one("PRAGMA page_count")
        free = one("PRAGMA freelist_count")
        index, room = (pages - free) * page, free * page
        return Usage(entries, size + count * _HEADER, index, room, recipes)

    recipes = store.recipes().size()
    return store.run(look)


def evict(store: Store, limit: int, *, down_to: float = LOW, coming: int = 0) -> tuple[int, int]:
    """Remove results until *store* is well within *limit* bytes; say how many, and bytes.

    Args:
        coming: bytes that may be on their way to the disk.

    Raises:
        OSError, StorageError: if the index cannot be read or written.
    """
    _, left = _sweep_files(store, grace=_YOUNG)
    store.recipes().shrink(int(limit * _FOR_PEOPLE))
    store.used = left + _on_disk(store, limit)
    if store.used + coming <= limit * HIGH:
        return 0, 0
    sweep_rows(store)
    _shrink(store, limit)
    gone, before = remains.settle(store, remove, young=remains.YOUNG)
    used = left + _on_disk(store, limit)
    count, freed = _make_room(store, used + coming - int(limit * down_to))
    gone += count
    store.used = used - freed
    statistics.keep_room(store)
    sweep_rows(store)
    _shrink(store, limit)
    return gone, before + freed


def _make_room(store: Store, excess: int) -> tuple[int, int]:
    """Remove results until so many bytes are free; say how many, and bytes."""
    gone = freed = 0
    for _ in range(_ROUNDS):
        if freed >= excess:
            break
        chosen = _lowest(store, excess - freed)
        if not chosen:
            break
        orphans = remains.parts_of(store, chosen)
        for some in (
            remove(store, chosen),
            remains.settle(store, remove, young=remains.YOUNG, orphans=orphans),
        ):
            gone, freed = gone + some[0], freed + some[1]
    return gone, freed


def has_room(store: Store, limit: int) -> bool:
    """Whether some may write on before all that lies in the directory was looked at."""
    return _sweep_files(store, grace=_YOUNG)[1] + _on_disk(store, limit) < limit * HIGH


def _on_disk(store: Store, limit: int) -> int:
    """The bytes of all that lies in the directory, but files of results that no row finds."""
    measured = usage(store)
    beside = 0
    for path, folders, names in os.walk(store.root):
        if path == store.root:
            folders[:] = [name for name in folders if name != "blobs"]
        for name in names:
            try:
                beside += os.lstat(os.path.join(path, name)).st_size
            except OSError:  # on its way to somewhere else
                pass
    # What cannot be given back is no reason to remove results, which would not help.
    return measured.files + beside - max(0, measured.room - _worth_giving_back(limit))


def _worth_giving_back(limit: int) -> int:
    return max(limit // 50, 1 << 16)


def _lowest(store: Store, excess: int) -> list[rows.Row]:
    """The results that go first, and no more of them than it takes."""
    if excess <= 0:
        return []
    from dumbo.persistence import ranking  # here: only what evicts asks what results are worth

    found = list(ranking.ranked(store, remains.sizes(store)))
    ranked = [(value, size + _HEADER, where) for value, size, where, _ in found]
    gone, store.last_rank = lowest(ranked, excess)
    last = gone[-1] if gone else None
    store.last_gone = time.time()
    store.last_half_life = next((life for *_, where, life in found if where == last), FOR_EVER)

    def look(sql: sqlite.Connection, known: set[object]) -> list[rows.Row]:
        found = [
            sql.execute(f"{rows.REMOVABLE} WHERE id = ?", (where,)).fetchone() for where in gone
        ]
        return [row for row in found if row is not None]

    return store.run(look)


def remove(store: Store, chosen: Iterable[rows.Row]) -> tuple[int, int]:
    """Remove results, given as rows of `rows.REMOVABLE`; say how many, and their bytes."""
    chosen = list(chosen)
    gone = freed = 0
    for start in range(0, len(chosen), _BATCH):
        batch = chosen[start : start + _BATCH]

        def drop(
            sql: sqlite.Connection, known: set[object], batch: list[rows.Row] = batch
        ) -> list[rows.Row]:
            sql.execute("BEGIN IMMEDIATE")
            dropped = [row for row in batch if sql.execute(rows.DROP, (row[0], row[6])).rowcount]
            sql.execute("COMMIT")
            return dropped

        for row in store.run(drop):
            gone += 1
            freed += row[5]
            if row[7]:
                _unlink(store.path_of(row[3], row[1], row[2], row[4]), row[8])
    return gone, freed


def _unlink(path: str, created: int) -> None:
    """Remove the file of a result, unless it has been stored anew since."""
    try:
        if blobs.peek(path).created == created:
            os.unlink(path)
    except (OSError, StorageError):  # gone already, or damaged: `sweep` will find it
        pass


def _shrink(store: Store, limit: int) -> None:
    """Give pages back that the index no longer uses, if they are worth it."""
    room = usage(store).room
    if room > _worth_giving_back(limit):
        # A new index is made so that this can be done bit by bit; an older one stays large.
        store.run(lambda sql, known: give_back(sql))


# -- what is old ---------------------------------------------------------------------


def prune(store: Store, *, unused_since: float, function: str | None = None) -> tuple[int, int]:
    """Remove results that were not used since a unix time; say how many, and bytes."""
    condition = " WHERE used < ? AND closure != ?"  # a part goes when no result has it any more
    values: tuple[object, ...] = (int(unused_since), PARTS)
    if function is not None:
        condition += " AND function = ?"
        values = (*values, rows.name_id(function.encode("utf-8", "surrogatepass")))
    gone = freed = 0
    while True:
        chosen = _rows(store, f"{rows.REMOVABLE}{condition} LIMIT {_BATCH}", values)
        if not chosen:
            return gone, freed
        count, size = remove(store, chosen)
        gone += count
        freed += size
        if not count:  # others are at it, or it cannot be written
            return gone, freed


def stale(store: Store, keep: int = 1, function: str | None = None) -> tuple[int, int]:
    """Remove results of all but the *keep* latest versions of each function; say how many.

    A version is a closure; versions are counted for each kind of arguments that a function was
    traced with, for these have closures of their own at any time.
    """
    condition = ""
    values: tuple[object, ...] = ()
    if function is not None:
        condition = "WHERE closure IN (SELECT closure FROM closures WHERE function = ?)"
        values = (rows.name_id(function.encode("utf-8", "surrogatepass")),)
    statement = (
        "SELECT function, python, version, shape, closure, MAX(used) FROM traces "
        f"{condition} GROUP BY function, python, version, shape, closure"
    )
    found = _rows(store, statement, values)
    # A trace is written once; that an old version is used again shows in its results.
    used: dict[bytes, int] = dict(
        _rows(store, "SELECT closure, MAX(used) FROM entries GROUP BY closure", ())
    )
    versions: dict[object, list[tuple[int, bytes]]] = {}
    for number, python, version, shape, closure, traced in found:
        last = max(traced, used.get(closure, 0) * 1_000_000)
        versions.setdefault((number, python, version, shape), []).append((last, closure))
    kept = {
        closure for known in versions.values() for _, closure in sorted(known, reverse=True)[:keep]
    }
    gone = freed = 0
    for closure in {closure for *_, closure, _ in found} - kept:
        where = (*rows.closure_range(closure), closure)
        chosen = _rows(store, f"{rows.REMOVABLE} WHERE id BETWEEN ? AND ? AND closure = ?", where)
        count, size = remove(store, chosen)
        gone += count
        freed += size
    return gone, freed


def _rows(store: Store, statement: str, values: tuple[object, ...]) -> list[rows.Row]:
    def look(sql: sqlite.Connection, known: set[object]) -> list[rows.Row]:
        return sql.execute(statement, values).fetchall()

    return store.run(look)


# -- what nothing refers to ------------------------------------------------------------


def sweep(store: Store) -> int:
    """Remove what nothing refers to any more; say how many bytes that were."""
    freed = remains.settle(store, remove)[1] + sweep_rows(store) + _sweep_files(store)[0]
    _sweep_recipes(store)
    return freed


def sweep_rows(store: Store) -> int:
    """Remove traces whose closures have no results, and programs without traces; say bytes."""

    gone = 0

    def drop(sql: sqlite.Connection, known: set[object]) -> int:
        nonlocal gone
        sql.create_function("place", 1, _program_place, deterministic=True)
        free = sql.execute("PRAGMA freelist_count").fetchone()[0]
        sql.execute("BEGIN IMMEDIATE")
        gone = sql.execute(
            "DELETE FROM traces WHERE used < ? AND closure NOT IN (SELECT closure FROM entries)",
            ((int(time.time()) - _GRACE) * 1_000_000,),
        ).rowcount
        sql.execute("DELETE FROM programs WHERE id NOT IN (SELECT place(program) FROM traces)")
        sql.execute("COMMIT")
        page = sql.execute("PRAGMA page_size").fetchone()[0]
        return int((sql.execute("PRAGMA freelist_count").fetchone()[0] - free) * page)

    freed = store.run(drop)
    if gone and len(_rows(store, "SELECT id FROM traces", ())) < _MANY:
        _sweep_recipes(store)  # else `sweep` does
    return freed


def _sweep_recipes(store: Store) -> None:
    """Remove sources that no trace refers to, and old records of calls without a result."""
    # Imported here: what evicts results knows nothing else of traces.
    from dumbo.tracing.account import decode

    texts: set[bytes] = set()
    for (payload,) in _rows(store, "SELECT details FROM traces", ()):
        account = decode(rows.unguarded(payload))
        texts.update(part.text for part in account.parts if part.text) if account else None
    keys = {key for (key,) in _rows(store, "SELECT key FROM entries", ())}
    store.recipes().sweep(texts, keys)


def _program_place(digest: object) -> int:
    return rows.signed(int.from_bytes(bytes(digest)[:8], "big"))  # type: ignore[call-overload]


def _sweep_files(store: Store, grace: float = _GRACE) -> tuple[int, int]:
    """Remove files that no row finds, and temporaries of processes that are no more.

    Return how many bytes went, and how many of the kind are left.
    """
    now = time.time()
    freed = left = 0
    statement = "SELECT python, closure, key, extras FROM entries WHERE payload IS NULL"
    there = _rows(store, statement, ())
    known = {store.path_of(*row) for row in there}
    folder = os.path.join(store.root, "blobs")
    for shelf in shelves.shelves(folder):
        for name in os.listdir(shelf):
            path = os.path.join(shelf, name)
            if path in known:
                continue
            age = _ASIDE if name.endswith(".aside") else grace
            if name.endswith(".part"):
                age = _GRACE if shelves.is_written(name) else min(age, 1.0)
            try:
                status = os.lstat(path)
                if not shelves.is_file(status):
                    continue
                if status.st_mtime < now - age:
                    os.unlink(path)
                    freed += status.st_size
                else:
                    left += status.st_size
            except OSError:  # somebody was faster
                pass
    return freed, left
