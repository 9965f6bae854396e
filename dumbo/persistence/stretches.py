"""A stretch of a file that is read on as it is needed, and looked at after each step.

Whoever replays a long recording has it open for as long as the program likes. Were it only mapped,
and cut off by somebody meanwhile, the next look at it would kill the process; a read says how much
there is. And what was written to it since it was verified is not what was recorded: after each read
the file is looked at, whether it is still the one that was verified.

Knows descriptors and what the system says of them; must not know what is read.
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
    """What an open file holds from *start* on; safe under threads.

    Parameters:
        status: what the system said of the file when it was opened, to be verified.
    """

    __slots__ = ("_fd", "_start", "_status", "size")

    def __init__(self, fd: int, start: int, size: int, status: os.stat_result) -> None:
        global _open
        self._fd = os.dup(fd)
        self._start = start
        self._status = status
        self.size = size
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
            CorruptBlob: if there are not so many, or they are not what was verified.
        """
        ahead = _AHEAD if before < _AHEAD else _LITTLE
        return memoryview(self.take(at, max(size, min(ahead, self.size - at))))

    def take(self, at: int, size: int) -> bytearray:
        """Return *size* bytes from there on, which are the caller's own.

        Raises:
            CorruptBlob: if there are not so many, or they are not what was verified.
        """
        if at + size > self.size:
            raise CorruptBlob("is shorter than it says")
        space = bytearray(size)
        view = memoryview(space)
        filled = 0
        try:
            while filled < size:
                count = os.preadv(self._fd, [view[filled:]], self._start + at + filled)
                if not count:
                    raise CorruptBlob("was cut off while it was read")
                filled += count
            now = os.fstat(self._fd)
        except OSError as error:
            raise CorruptBlob(f"cannot be read on: {error.strerror}") from error
        if _changed(self._status, now):
            raise CorruptBlob("was written to while it was read")
        return space


def _changed(before: os.stat_result, now: os.stat_result) -> bool:
    """Whether somebody wrote to an open file. That it is evicted changes its links alone."""
    if (before.st_mtime_ns, before.st_size) != (now.st_mtime_ns, now.st_size):
        return True
    return before.st_ctime_ns != now.st_ctime_ns and before.st_nlink == now.st_nlink


def is_room() -> bool:
    """Whether one more may be open."""
    return _open < MOST
