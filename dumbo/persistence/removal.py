"""Taking results out of a store because somebody said so.

Knows rows and files; must not know values, nor how much room there is.
"""

from __future__ import annotations

import os
import time

from dumbo.errors import StorageError
from dumbo.memory import epoch
from dumbo.persistence import blobs, neighbours, remains, rows, shelves
from dumbo.persistence.ground import PYTHON

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _sqlite3 as sqlite

    from dumbo.persistence.store import Store


def forget(store: Store, closure: bytes, key: bytes) -> int:
    """Remove what is stored of one call, of all Pythons; say how many entries that were."""
    pythons = {PYTHON, *(python for (python,) in store._read(rows.PYTHONS, (closure,)))}
    return sum(_forget(store, python, closure, key) for python in pythons)


def forget_call(store: Store, function: str, key: bytes) -> int:
    """Remove what is stored of one call, of all versions of its function."""
    closures = store._closures(function)
    gone = sum(_forget(store, python, closure, key) for closure, python in closures)
    _collect(store, gone)
    return gone


def _forget(store: Store, python: int, closure: bytes, key: bytes) -> int:
    gone = 0
    epoch.number += 1
    for row in store._read(rows.FIND, rows.slots(python, closure, key)):
        if row[1] == closure and row[2] == key and row[3] == python:
            gone += store._execute(rows.DROP, row[0], row[15])
            if row[13] is None:
                _remove_file(store._path(python, closure, key, row[4]), row[9])
    return gone


def _remove_file(path: str, created: int) -> None:
    """Remove the file of a result, unless it has been stored anew since its row went."""
    try:
        if blobs.peek(path).created != created:
            return
    except (OSError, StorageError):  # gone already, or damaged
        pass
    shelves.remove(path)


def clear(store: Store, function: str | None = None) -> int:
    """Remove all entries, or those that a function may be served; say how many."""
    epoch.number += 1
    if function is None:
        return _clear(store)
    gone = 0
    for closure in {closure for closure, _ in store._closures(function)}:
        where = (*rows.closure_range(closure), closure)
        # The rows first: a row whose file is missing, since this was killed, looks like a loss.
        files = list(store._read(rows.FILES_OF_CLOSURE, where))
        gone += store._execute(rows.DROP_CLOSURE, *where)
        for key, python, extras, created in files:
            _remove_file(store._path(python, closure, key, extras), created)
    _collect(store, gone)
    return gone


def _clear(store: Store) -> int:
    known: dict[str, int] = {}

    def empty(sql: sqlite.Connection, _: set[object]) -> int:
        known.clear()  # of an attempt before
        for python, closure, key, extras, created in sql.execute(_FILES):
            known[store._path(python, closure, key, extras)] = created
        gone: int = sql.execute("DELETE FROM entries").rowcount
        # Not the names of functions and their closures: running processes go on storing, and
        # write those which they know to be there no more.
        for table in ("traces", "programs", "statistics"):
            sql.execute(f"DELETE FROM {table}")
        return gone

    store._index or store._open()
    gone = store._write(empty)  # the rows first, as above
    for path, created in known.items():
        _remove_file(path, created)
    for path in shelves.walk(os.path.join(store._root, "blobs")):
        if path not in known and _is_old(path):  # the row of a young one may be on its way
            shelves.remove(path)
    neighbours.clear(store._root)
    store.recipes().clear()
    return gone


_FILES = "SELECT python, closure, key, extras, created FROM entries WHERE payload IS NULL"
_YOUNG = 5.0  # seconds after which a file has got its row, or will get none


def _is_old(path: str) -> bool:
    try:
        return os.lstat(path).st_mtime < time.time() - _YOUNG
    except OSError:
        return False


def _collect(store: Store, gone: int) -> None:
    """Remove the large parts that no result has any more, once some results are gone."""
    if gone:
        from dumbo.persistence import housekeeping  # takes locks and ranks, which a clear does not

        remains.settle(store, housekeeping.remove)
