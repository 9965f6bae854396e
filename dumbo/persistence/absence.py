"""What is certainly not in the index: for who stores again and again what nobody asked for before.

A new function's calls are all misses, and to find nothing takes a SELECT as long as to find a row.
So of a closure that is looked for in vain it is read once, under the lock, which ids there are, and
marked by a byte for each, found by some bits of it. Where there is no mark, there is no row: as
long as the file has the version under which that was read, or all that changed since then is what
this process has merged, which is marked, too. A mark that is some other row's costs a SELECT.

Reading the ids is paid for by what was looked for in vain before: see `is_time`.

Knows ids and versions of the file; must not know SQLite, nor what a row is.
"""

from __future__ import annotations

from itertools import islice
from os import pread

from dumbo.persistence.peeks import VERSION, VERSION_AT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import TypeAlias

    from dumbo.persistence.peeks import Eye

    Known: TypeAlias = tuple[frozenset[int], bytearray, Eye, bytes]

__all__ = ["Absence"]

_SMALLEST, _LARGEST = 1 << 16, 1 << 22  # bytes of marks
_ROOM, _LEAST = 16, 4  # bytes for each id, when they are read, and at least
_MOST = 1 << 18  # ids of one closure that are read
_FEWEST = 16  # calls looked for in vain before ids are read;
_SHARE = 16  # and as many as one of so many ids that were read the last time


class Absence:
    """The closures of which all ids are marked, and for which version of the file that holds."""

    __slots__ = ("_count", "_known", "_owned", "_vain", "_wanted")

    def __init__(self) -> None:
        # The closures, the marks, what sees the version, and the version: replaced as one, so that
        # another thread sees what belongs together. Marks are only ever added.
        self._known: Known | None = None
        self._count = 0  # of the marks that were made
        self._owned = False  # whether nobody else has changed the file, as this process writes
        self._vain = 0
        self._wanted = _FEWEST

    def lacks(self, closure: int, first: int, stamp: tuple[int, int] | None) -> bool:
        """Whether there is no row of a call, by where it and its closure begin.

        Parameters:
            stamp: of the file that is open now.
        """
        if self._known is None:
            return False
        closures, marks, eye, version = self._known
        return (
            closure in closures
            and not marks[first >> 4 & len(marks) - 1]
            and eye.stamp is stamp
            and pread(eye.fd, VERSION, VERSION_AT) == version
        )

    def is_time(self) -> bool:
        """A call was looked for in vain; is it time to read ids?"""
        self._vain += 1
        return self._vain >= self._wanted

    def learn(self, closure: int, ids: Iterable[tuple[int]], eye: Eye) -> None:
        """Take in all ids of a closure, under a lock that keeps others from changing them."""
        found = [where for (where,) in islice(ids, _MOST + 1)]
        count, version = len(found), eye.version()
        closures, marks = frozenset[int](), bytearray()
        if self._known is not None and self._known[2:] == (eye, version):
            closures, marks, *_ = self._known
        if _is_full(marks, self._count + count):
            closures, marks, self._count = frozenset(), bytearray(_size_for(count)), 0
        _mark(marks, found)
        self._count += count
        self._vain, self._wanted = 0, max(_FEWEST, count // _SHARE)
        if count <= _MOST:
            closures |= {closure}
        self._known = closures, marks, eye, version

    def begin(self, eye: Eye | None) -> None:
        """This process has the lock, and is going to write."""
        known = self._known
        self._owned = known is not None and eye is known[2] and eye.version() == known[3]

    def end(self, ids: Collection[int]) -> None:
        """It has written rows with these ids, and nothing else that matters here."""
        if not self._owned or self._known is None:
            return
        closures, marks, eye, before = self._known
        _mark(marks, ids)
        self._count += len(ids)
        now = eye.version()
        if _is_full(marks, self._count):
            self._known = None  # they are read again when it is time
        elif _count(now) == _count(before) + 1:  # else somebody has written since
            self._known = closures, marks, eye, now


def _mark(marks: bytearray, ids: Collection[int]) -> None:
    mask = len(marks) - 1
    for where in ids:
        marks[where >> 4 & mask] = 1


def _is_full(marks: bytearray, count: int) -> bool:
    return not marks or (len(marks) < _LARGEST and count * _LEAST > len(marks))


def _size_for(count: int) -> int:
    """Room for so many marks, and for those that will come."""
    size = _SMALLEST
    while size < _LARGEST and size < count * _ROOM:
        size *= 2
    return size


def _count(version: bytes) -> int:
    """How often the file was changed: the first number of its version."""
    return int.from_bytes(version[:4], "big")
