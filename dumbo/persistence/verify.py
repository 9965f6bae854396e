"""Looking at everything that is stored: is it what was written?

What no call would be served is bad, whatever the reason: that it was altered, lies where another
result should, lacks a part, is not signed as it should be, or is of a kind that is not known here.

Others may store and remove results meanwhile. Rows are read first, then files; so what does not
fit is looked at once more: whose row is another by now, or has gone, is not bad, and a young file
without a row has a moment to get one.

Knows files and rows; must not know values, which are not decoded.
"""

from __future__ import annotations

import os
import struct
import time
from concurrent.futures import ThreadPoolExecutor

from dumbo.errors import CorruptBlob, MissingBlob, StorageError
from dumbo.persistence import blobs, codecs, recovery, rows, shelves
from dumbo.persistence.ground import CODEC, PARTS
from dumbo.persistence.seal import SIGNED

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _sqlite3 as sqlite
    from collections.abc import Callable, Iterator

    from dumbo.persistence.headers import Header
    from dumbo.persistence.store import Store

__all__ = ["Report", "parts_of", "verify"]


_PATIENCE, _NAP = 1.0, 0.02  # seconds for files to get their rows, and between two looks
_YOUNG = 5.0  # seconds after which a file has got its row, or will get none


class Report:
    """What `verify` found.

    Attributes:
        whole: results that are what was written.
        bad: what is wrong, and with what: a name of a function or of a file.
        unlisted: files that are whole, and that no row finds.
        repaired: how many of `bad` and `unlisted` were put right.
    """

    __slots__ = ("bad", "repaired", "unlisted", "whole")

    def __init__(self) -> None:
        self.whole = 0
        self.bad: list[tuple[str, str]] = []
        self.unlisted: list[str] = []
        self.repaired = 0


class _Wrong:
    """What is wrong with a result.

    Attributes:
        why: in words; empty if it only went meanwhile.
        theirs: whether others may have good use of it: who has another key, or a newer dumbo.
    """

    __slots__ = ("theirs", "why")

    def __init__(self, why: str, theirs: bool = False) -> None:
        self.why = why
        self.theirs = theirs


def verify(
    store: Store,
    *,
    repair: bool = False,
    started: Callable[[int], object] = lambda count: None,
    step: Callable[[], object] = lambda: None,
) -> Report:
    """Check every result of *store*, the large ones several at a time.

    Parameters:
        repair: remove what is bad, and list what is not.
        started, step: told how many there are, and of each that is done.
    """
    report = Report()
    listed, inline, bad = _listed(store, report)
    files = list(shelves.walk(os.path.join(store.root, "blobs")))
    started(len(files) + len(inline))
    for _ in inline:
        step()
    here = set(files)
    for path, (name, row) in listed.items():
        if path in here:
            continue
        wrong = _wrong_with(store, path, row)
        if wrong is not None and not wrong.why and _still(store, row):
            report.bad.append((name, "its file is missing"))
            bad.append(row)
        elif wrong is not None and wrong.why:  # the folder is none to be followed
            report.bad.append((name, wrong.why))
    whole = [(name, row, "") for name, row in inline]
    beside = []  # rows of files that are set aside
    alone = []  # files that are whole, without a row
    damaged = {(row[3], row[2]) for row in bad if row[1] == PARTS}
    with ThreadPoolExecutor(min(8, (os.cpu_count() or 1) + 2)) as pool:

        def look(path: str) -> _Wrong | None:
            return _wrong_with(store, path, listed[path][1] if path in listed else None)

        for path, wrong in zip(files, pool.map(look, files), strict=True):
            step()
            name, row = listed.get(path) or (os.path.basename(path), ())
            if wrong is not None and wrong.why and row and not _still(store, row):
                wrong = _wrong_with(store, path, None)  # it is another one by now
                if wrong is None:
                    continue
            if wrong is not None:
                if wrong.why:
                    report.bad.append((name, wrong.why))
                    damaged |= {(row[3], row[2])} if row and row[1] == PARTS else set()
                if wrong.why and repair and not wrong.theirs and shelves.set_aside(path):
                    report.repaired += 1
                    beside += [listed[path][1]] if path in listed else []
            elif path in listed:
                whole.append((*listed[path], path))
            else:
                alone.append(path)
    for path, found in _rows_for(store, alone).items():
        if found is not None:
            whole.append((store.name_of(found[5]), found, path))
            continue
        report.unlisted.append(os.path.basename(path))
        if repair and recovery.list_file(store, path):
            report.repaired += 1
    for name, row, path in _without_parts(store, whole, damaged):
        report.whole -= 1
        report.bad.append((name, "a part of it is gone"))
        if path and repair and shelves.set_aside(path):
            report.repaired += 1
            beside.append(row)
        elif not path:
            bad.append(row)
    report.whole += len(whole)
    if repair:
        report.repaired += _drop(store, bad)
        _drop(store, beside)
    return report


def _rows_for(store: Store, files: list[str]) -> dict[str, rows.Row | None]:
    """Return the rows that find *files* by now, if there are any; without files that have gone."""
    found: dict[str, rows.Row | None] = {}
    patience = time.monotonic() + _PATIENCE
    left = list(files)
    while left:
        again = []
        for path in left:
            try:
                header = blobs.peek(path)
                age = time.time() - os.lstat(path).st_mtime
            except (OSError, StorageError):  # it has gone, or is another by now
                found.pop(path, None)
                continue
            found[path] = _row_of(store, header)
            if found[path] is None and age < _YOUNG:
                again.append(path)
        left = again if time.monotonic() < patience else []
        if left:
            time.sleep(_NAP)
    return found


def _row_of(store: Store, header: Header) -> rows.Row | None:
    """Return the row of a result as it is now."""
    whose = (header.closure, header.key, header.python, header.extras)
    where = rows.slots(header.python, header.closure, header.key)
    for row in store._read(rows.FIND, where):
        if row[1:5] == whose and rows.is_whole(row):
            return row
    return None


def _without_parts(
    store: Store, whole: list[tuple[str, rows.Row, str]], damaged: set[tuple[int, bytes]]
) -> Iterator[tuple[str, rows.Row, str]]:
    """Of the results that are whole, those in parts of which one is not."""
    there = {(row[3], row[2]) for _, row, _ in whole if row[1] == PARTS}
    for name, row, path in whole:
        if row[11] & CODEC != codecs.PARTS or row[1] == PARTS:
            continue
        try:
            for digest in parts_of(store, row):
                if (row[3], digest) in there:
                    continue
                stored = (row[3], digest) not in damaged and _has_part(store, row[3], digest)
                if not stored and _still(store, row):
                    yield name, row, path
                    break
        except (StorageError, OSError):  # it went since it was looked at
            continue


def _has_part(store: Store, python: int, digest: bytes) -> bool:
    """Whether a part has been stored meanwhile."""
    if not os.path.exists(store.path_of(python, PARTS, digest, b"")):
        return False
    found = store._read(rows.FIND, rows.slots(python, PARTS, digest))
    return any(row[1:4] == (PARTS, digest, python) for row in found)


def parts_of(store: Store, row: rows.Row) -> list[bytes]:
    """The keys of the parts that a result has, which is in parts.

    Raises:
        CorruptBlob: if that cannot be read.
    """
    # Imported here: most results are in one piece.
    from dumbo.persistence.parts import units_of

    record = store._record(row)
    if record is None:
        raise CorruptBlob("the row was altered")
    try:
        return [digest for digest, _ in units_of(store.payload(record))]
    except struct.error as error:
        raise CorruptBlob(f"its parts cannot be read: {error}") from error


def _still(store: Store, row: rows.Row) -> bool:
    """Whether a row is there yet: what was evicted since it was read is no damage."""

    def look(sql: sqlite.Connection, known: set[object]) -> bool:
        return bool(sql.execute(rows.HAS, (row[0], row[15])).fetchone()[0])

    return store.run(look)


def _drop(store: Store, bad: list[rows.Row]) -> int:
    def drop(sql: sqlite.Connection, known: set[object]) -> int:
        sql.execute("BEGIN IMMEDIATE")
        gone = sum([sql.execute(rows.DROP, (row[0], row[15])).rowcount for row in bad])
        sql.execute("COMMIT")
        return gone

    return store.run(drop)


def _listed(
    store: Store, report: Report
) -> tuple[dict[str, tuple[str, rows.Row]], list[tuple[str, rows.Row]], list[rows.Row]]:
    """The files that rows find, the results that lie in rows, and the rows that are bad."""

    def look(sql: sqlite.Connection, known: set[object]) -> list[rows.Row]:
        return sql.execute(rows.ALL).fetchall()

    files: dict[str, tuple[str, rows.Row]] = {}
    inline = []
    bad = []
    for row in store.run(look):
        if not rows.is_whole(row):
            report.bad.append(("a row of the index", "it was altered"))
            bad.append(row)
        elif row[13] is None:
            path = store.path_of(row[3], row[1], row[2], row[4])
            files[path] = (store.name_of(row[5]), row)
        else:
            wrong = _refusal(store, row)
            if wrong is None:
                inline.append((store.name_of(row[5]), row))
            else:
                report.bad.append((store.name_of(row[5]), wrong.why))
                bad += [] if wrong.theirs else [row]
    return files, inline, bad


def _refusal(store: Store, row: rows.Row) -> _Wrong | None:
    """Why no call would be served the payload of a row that is whole."""
    try:
        store._unsealed(row)
    except CorruptBlob as error:
        return _Wrong(str(error), theirs=True)
    return _unknown(row[11])


def _unknown(codec: int) -> _Wrong | None:
    if codec & CODEC in codecs.NAMES:
        return None
    return _Wrong(f"codec {codec & CODEC} is none that this version of dumbo has", theirs=True)


def _wrong_with(store: Store, path: str, row: rows.Row | None) -> _Wrong | None:
    """Why no call would be served what is in a file; None if nothing is wrong."""
    try:
        header = blobs.check(path)
        if path != store.path_of(header.python, header.closure, header.key, header.extras):
            return _Wrong(f"holds a result of {header.function!r} that belongs elsewhere")
        if store.seal is not None:
            return _unsigned(store, path, header, row) or _unknown(header.codec)
    except (FileNotFoundError, MissingBlob):
        return _Wrong("")
    except (OSError, CorruptBlob) as error:
        return _Wrong(str(error))
    return _unknown(header.codec)


def _unsigned(store: Store, path: str, header: Header, row: rows.Row | None) -> _Wrong | None:
    """What is wrong with the signature of a file that is whole."""
    whose = (header.closure, header.key, header.extras, header.python)
    try:
        blobs.Reader(store.seal).read(path, *whose, mapped=True, frozen=True)
    except CorruptBlob as error:
        return _Wrong(str(error), theirs=True)
    if row is not None and (row[9] != header.created or not row[11] & SIGNED):
        return _Wrong("its row does not say what the file does")
    return None
