"""Making an index: in one piece, under another name, and then put in its place at once.

So nobody ever sees half an index. What was in its place is set aside, with its journal, which
SQLite would take for the next one's.

Knows files of SQLite, and their names; must not know what is in them.
"""

from __future__ import annotations

import _sqlite3 as sqlite  # `sqlite3` itself imports datetime and more, for adapters
import os
import time

from dumbo.persistence.sqlite_errors import ERRORS, as_oserror

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

__all__ = ["make", "set_aside"]

_STALE = 3600.0  # seconds after which a file that somebody was making is nobody's
_ASIDES = 2  # files that were set aside and are kept
_JOURNAL = "-journal"


def set_aside(path: str) -> str:
    """Rename the file at *path*, and its journal; return its name now.

    Raises:
        OSError: if it stays in the way.
    """
    aside = f"{path}.{time.time_ns():x}.aside"
    for end in (_JOURNAL, ""):
        try:
            os.rename(path + end, aside + end)
        except FileNotFoundError:
            pass
    return os.path.basename(aside)


def make(
    path: str,
    application: int,
    schema: int,
    tables: str,
    refill: Callable[[str], Iterable[tuple[str, tuple[Any, ...]]]],
) -> None:
    """Make an index, with what *refill* can tell of its directory without one.

    Parameters:
        application, schema: numbers by which it is known.
        tables: statements that make them.

    Raises:
        OSError: if that cannot be done.
    """
    _sweep(path)
    temporary = f"{path}.{os.urandom(8).hex()}.part"
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(temporary, flags, 0o600)
    try:
        os.fchmod(fd, 0o600)
        os.close(fd)
        _fill(temporary, (application, schema), tables, refill(os.path.dirname(path)))
        # A journal without its index would be played into the new one.
        _unlink(path + _JOURNAL)
        try:
            os.link(temporary, path)
        except FileExistsError:  # another process was faster; its index is as good
            pass
        except OSError:  # a file system without hard links
            os.rename(temporary, path)
    except ERRORS as error:
        raise as_oserror(error, path) from error
    finally:
        _unlink(temporary)
        _unlink(temporary + _JOURNAL)


def _sweep(path: str) -> None:
    """Remove what killed processes left, and all but the last that were set aside."""
    directory, own = os.path.split(path)
    kept = _ASIDES
    for name in sorted(os.listdir(directory), reverse=True):  # aside: the newest first
        other = os.path.join(directory, name)
        if name.startswith(own + ".") and name.endswith((".aside", ".aside" + _JOURNAL)):
            kept -= name.endswith(".aside")
            if kept < 0:
                _unlink(other)
        elif name.startswith(own + ".") and ".part" in name and _age(other) > _STALE:
            _unlink(other)


def _fill(
    path: str,
    known_by: tuple[int, int],
    tables: str,
    rows: Iterable[tuple[str, tuple[Any, ...]]],
) -> None:
    application, schema = known_by
    sql = sqlite.connect(path, isolation_level=None)
    try:
        sql.execute("PRAGMA journal_mode=MEMORY").fetchall()  # nobody sees this file yet
        sql.execute("PRAGMA synchronous=OFF")
        sql.execute("PRAGMA auto_vacuum=INCREMENTAL")  # pages can be given back bit by bit
        sql.execute(f"PRAGMA application_id={application}")
        sql.execute(f"PRAGMA user_version={schema}")
        sql.execute("BEGIN IMMEDIATE")
        for statement in tables.split(";"):
            sql.execute(statement)
        for statement, row in rows:
            sql.execute(statement, row)
        sql.execute("COMMIT")
    finally:
        sql.close()


def _age(path: str) -> float:
    try:
        return time.time() - os.lstat(path).st_mtime
    except OSError:
        return 0.0


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
