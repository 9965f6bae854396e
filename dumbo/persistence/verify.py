"""Looking at everything that is stored: is it what was written?

Knows files and rows; must not know values, which are not decoded.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from dumbo.errors import CorruptBlob, MissingBlob
from dumbo.persistence import blobs, recovery, rows, shelves

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _sqlite3 as sqlite
    from collections.abc import Callable

    from dumbo.persistence.store import Store

__all__ = ["Report", "verify"]


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
    started(len(files) + inline)
    for _ in range(inline):
        step()
    here = set(files)
    for path, (name, row) in listed.items():
        if path in here:
            continue
        wrong = _wrong_with(path)
        if wrong is None and _still(store, row):
            report.bad.append((name, "its file is missing"))
            bad.append(row)
        elif wrong:  # where nobody looked: the folder is none to be followed
            report.bad.append((name, wrong))
    with ThreadPoolExecutor(min(8, (os.cpu_count() or 1) + 2)) as pool:
        for path, wrong in zip(files, pool.map(_wrong_with, files), strict=True):
            step()
            name = listed[path][0] if path in listed else os.path.basename(path)
            if wrong is None:
                continue
            if wrong:
                report.bad.append((name, wrong))
                if repair and shelves.set_aside(path):
                    report.repaired += 1
                    bad += [listed[path][1]] if path in listed else []
            elif path in listed:
                report.whole += 1
            else:
                report.unlisted.append(name)
                if repair and recovery.list_file(store, path):
                    report.repaired += 1
    if repair and bad:
        missing = _drop(store, bad)
        report.repaired = max(report.repaired, missing)
    return report


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
) -> tuple[dict[str, tuple[str, rows.Row]], int, list[rows.Row]]:
    """The files that rows find, how many results lie in rows, and the rows that are bad."""

    def look(sql: sqlite.Connection, known: set[object]) -> list[rows.Row]:
        return sql.execute(rows.ALL).fetchall()

    files: dict[str, tuple[str, rows.Row]] = {}
    bad = []
    inline = 0
    for row in store.run(look):
        if not rows.is_whole(row):
            report.bad.append(("a row of the index", "it was altered"))
            bad.append(row)
        elif row[13] is None:
            path = store.path_of(row[3], row[1], row[2], row[4])
            files[path] = (store.name_of(row[5]), row)
        else:
            inline += 1
            report.whole += 1
    return files, inline, bad


def _wrong_with(path: str) -> str | None:
    """What is wrong with a file; empty: nothing, None: it went meanwhile."""
    try:
        blobs.check(path)
    except (FileNotFoundError, MissingBlob):
        return None
    except (OSError, CorruptBlob) as error:
        return str(error)
    return ""
