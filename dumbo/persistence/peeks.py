"""Reading the index without its lock, for who believes nothing but rows whose checksum fits.

A SELECT of SQLite takes and gives back its lock, looks for a journal and reads what version the
file has: ten system calls, which cost more than finding a row. A *peek* opens the file as if it
never changed, keeps pages, and asks one thing before and after it reads: whether the file's own
number of its version, which each transaction counts up, is the one under which it was opened.

What may be wrong about what it reads meanwhile is bounded by that: while a transaction is being
written, pages of it may be seen before others. A row is then missing, or is one of two that are
both whole; what was committed before is never seen in an older state, for the version was read
under a lock. What is missing costs a look under the lock, or a computation, as its caller likes.

Descriptors of the index must not be closed while SQLite holds a lock on the same file, which the
system would drop with them. They wait in `_abandoned` until no connection is left.

Knows the head of SQLite's files; must not know rows.
"""

from __future__ import annotations

import _sqlite3 as sqlite
import os
from os import pread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["VERSION", "VERSION_AT", "Eye", "Patience", "Peek"]

VERSION_AT, VERSION = 24, 16  # where SQLite's pager looks, too
_FEWEST = 16  # reads under the lock before a peek is opened, which costs as much as some of these
_MOST = 1024  # as many, if peeks have not lasted
_LASTING = 64  # reads that make a peek worth its opening


class Eye:
    """A descriptor of the file, by which its version is seen."""

    __slots__ = ("fd", "stamp")

    def __init__(self, path: str, stamp: tuple[int, int]) -> None:
        self.stamp = stamp
        self.fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)

    def __del__(self) -> None:
        fd = getattr(self, "fd", -1)
        if fd >= 0:
            _abandoned.append((fd, self.stamp))

    def is_of(self, stamp: tuple[int, int]) -> bool:
        status = os.fstat(self.fd)
        return (status.st_dev, status.st_ino) == stamp

    def version(self) -> bytes:
        return pread(self.fd, VERSION, VERSION_AT)


class Peek:
    """A connection that takes no locks, good as long as the file has this version."""

    __slots__ = ("__weakref__", "execute", "eye", "reads", "sql", "stamp", "version")

    def __init__(self, sql: sqlite.Connection, eye: Eye, version: bytes) -> None:
        self.sql = sql
        self.execute = sql.cursor().execute  # made once, not at each read
        self.eye = eye
        self.stamp = eye.stamp
        self.version = version
        self.reads = 0

    def read(self, statement: str, values: tuple[Any, ...]) -> list[Any] | None:
        """Return the rows of a SELECT; None: the file has changed, or cannot be read so.

        Then, this peek is good for nothing any more.
        """
        eye = self.eye
        if pread(eye.fd, VERSION, VERSION_AT) != self.version:
            return None
        rows: list[Any] = self.execute(statement, values).fetchall()
        self.reads += 1
        if not rows and pread(eye.fd, VERSION, VERSION_AT) != self.version:
            return None
        return rows


class Patience:
    """When it is worth opening a peek: the oftener the file changes, the later."""

    __slots__ = ("reads", "wanted")

    def __init__(self) -> None:
        self.reads = 0
        self.wanted = _FEWEST

    def ends(self) -> bool:
        """One more read under the lock; is it time?"""
        self.reads += 1
        if self.reads < self.wanted:
            return False
        self.reads = 0
        return True

    def clear_up(self, is_open: Callable[[tuple[int, int]], bool]) -> None:
        """Do what `close_abandoned` does, also while the interpreter ends and imports nothing."""
        close_abandoned(is_open)

    def lost(self, peek: Peek) -> None:
        self.wanted = _FEWEST if peek.reads >= _LASTING else min(2 * self.wanted, _MOST)


_abandoned: list[tuple[int, tuple[int, int]]] = []


def close_abandoned(is_open: Callable[[tuple[int, int]], bool]) -> None:
    """Close descriptors that nobody uses, but those of files of which SQLite has another one."""
    waiting = _abandoned[:]
    del _abandoned[: len(waiting)]
    for fd, stamp in waiting:
        if is_open(stamp):
            _abandoned.append((fd, stamp))
        else:
            os.close(fd)
