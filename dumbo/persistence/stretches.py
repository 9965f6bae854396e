"""A stretch of a file that is read on as it is needed, and looked at before each step.

Whoever replays a long recording has it open for as long as the program likes. Were it only mapped,
and cut off by somebody meanwhile, the next look at it would kill the process; a read says how much
there is. What is large is copied from the map nevertheless, once the file has been seen to be as
long as that takes: reading it costs three times as much.

Knows descriptors and maps; must not know what is read.
"""

from __future__ import annotations

import os

from dumbo.errors import CorruptBlob

__all__ = ["Stretch"]

MOST = 128  # that are open at once; each has a descriptor
_AHEAD = 1 << 17  # bytes that are read at once, if less is asked for
_LITTLE = 1 << 9  # the same where little more is likely to be of use

_open = 0


class Stretch:
    """What *mapped* holds of an open file, from *start* on; safe under threads."""

    __slots__ = ("_fd", "_mapped", "_start", "size")

    def __init__(self, fd: int, start: int, mapped: memoryview) -> None:
        global _open
        self._fd = os.dup(fd)
        self._mapped = mapped
        self._start = start
        self.size = len(mapped)
        _open += 1

    def __del__(self) -> None:
        global _open
        fd = getattr(self, "_fd", -1)  # there were no more descriptors
        if fd >= 0:
            os.close(fd)
            _open -= 1

    def window(self, at: int, size: int, before: int = 0) -> memoryview:
        """Return *size* bytes from there on, and more, unless what came *before* was large.

        Raises:
            CorruptBlob: if there are not so many, or the file cannot be read.
        """
        ahead = _AHEAD if before < _AHEAD else _LITTLE
        return memoryview(self.take(at, max(size, min(ahead, self.size - at))))

    def take(self, at: int, size: int) -> bytearray:
        """Return *size* bytes from there on, which are the caller's own.

        Raises:
            CorruptBlob: if there are not so many, or the file cannot be read.
        """
        if at + size > self.size:
            raise CorruptBlob("is shorter than it says")
        if size >= _AHEAD and os.fstat(self._fd).st_size >= self._start + at + size:
            return bytearray(self._mapped[at : at + size])
        space = bytearray(size)
        view = memoryview(space)
        filled = 0
        while filled < size:
            try:
                count = os.preadv(self._fd, [view[filled:]], self._start + at + filled)
            except OSError as error:
                raise CorruptBlob(f"cannot be read on: {error.strerror}") from error
            if not count:
                raise CorruptBlob("was cut off while it was read")
            filled += count
        return space


def is_room() -> bool:
    """Whether one more may be open."""
    return _open < MOST
