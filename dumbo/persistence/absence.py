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

from os import pread

from dumbo.persistence.peeks import VERSION, VERSION_AT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from dumbo.persistence.peeks import Eye

__all__ = ["Absence"]

_MARKS = 1 << 22  # bytes, of which the system gives those that are written to
_MOST = 1 << 18  # ids of one closure that are read
_FEWEST = 16  # calls looked for in vain before ids are read;
_SHARE = 16  # and as many as one of so many ids that were read the last time


class Absence:
    """The closures of which all ids are marked, and for which version of the file that holds."""

    __slots__ = ("closures", "eye", "version", "_marks", "_owned", "_vain", "_wanted")

    def __init__(self) -> None:
        self.closures: set[int] = set()
        self.eye: Eye | None = None
        self.version = b""
        self._marks = bytearray(_MARKS)
        self._owned = False  # whether nobody else has changed the file, as this process writes
        self._vain = 0
        self._wanted = _FEWEST

    def lacks(self, closure: int, first: int, stamp: tuple[int, int] | None) -> bool:
        """Whether there is no row of a call, by where it and its closure begin.

        Parameters:
            stamp: of the file that is open now.
        """
        eye = self.eye
        return (
            closure in self.closures
            and not self._marks[first >> 4 & _MARKS - 1]
            and eye is not None
            and eye.stamp is stamp
            and pread(eye.fd, VERSION, VERSION_AT) == self.version
        )

    def is_time(self) -> bool:
        """A call was looked for in vain; is it time to read ids?"""
        self._vain += 1
        return self._vain >= self._wanted

    def learn(self, closure: int, ids: Iterable[tuple[int]], eye: Eye) -> None:
        """Take in all ids of a closure, under a lock that keeps others from changing them."""
        count = self.mark(ids)
        version = eye.version()
        if eye is not self.eye or version != self.version:
            self.closures = set()
        self.eye, self.version = eye, version
        self._vain, self._wanted = 0, max(_FEWEST, count // _SHARE)
        if count <= _MOST:
            self.closures.add(closure)

    def mark(self, ids: Iterable[tuple[int]]) -> int:
        marks, count = self._marks, 0
        for (where,) in ids:
            marks[where >> 4 & _MARKS - 1] = 1
            count += 1
            if count > _MOST:
                break
        return count

    def begin(self, eye: Eye | None) -> None:
        """This process has the lock, and is going to write."""
        self._owned = eye is not None and eye is self.eye and eye.version() == self.version

    def end(self, ids: Iterable[int]) -> None:
        """It has written rows with these ids, and nothing else that matters here."""
        if not self._owned or self.eye is None:
            return
        marks = self._marks
        for where in ids:
            marks[where >> 4 & _MARKS - 1] = 1
        before, now = self.version, self.eye.version()
        if _count(now) == _count(before) + 1:  # else somebody has written since
            self.version = now


def _count(version: bytes) -> int:
    """How often the file was changed: the first number of its version."""
    return int.from_bytes(version[:4], "big")
