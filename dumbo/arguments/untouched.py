"""Whether the pages of a private map of a file are still the file's: the kernel's account of them.

A process that writes to a page of such a map gets a page of its own in its place, whoever writes,
and by whatever view. On Linux `/proc/self/pagemap` tells the two apart; elsewhere, and where that
cannot be read, the answer is no.

Knows addresses; must not know whose they are, nor whether they are those of such a map.
"""

from __future__ import annotations

import os
from mmap import PAGESIZE

__all__ = ["is_untouched"]

_ENTRY = 8  # bytes for each page, little-endian
_READ = 1 << 20  # bytes of entries at a time: for half a gigabyte of memory, mostly
# In the highest byte of an entry: there is a page (0x80), swapped out (0x40), of a file (0x20).
_OF_THE_FILE = bytes([top for top in range(256) if not top & 0x40 and top & 0xA0 != 0x80])


def is_untouched(address: int, size: int) -> bool:
    """Whether nothing was written to *size* bytes at *address*, in a private map of a file."""
    if size <= 0:
        return True
    place = address // PAGESIZE * _ENTRY
    end = ((address + size - 1) // PAGESIZE + 1) * _ENTRY
    try:
        fd = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return _are_of_the_file(fd, place, end)
    except (OSError, OverflowError):
        return False
    finally:
        os.close(fd)


def _are_of_the_file(fd: int, place: int, end: int) -> bool:
    # No loop lies within a `finally`: see `_without` in `tracing.observer`.
    while place < end:
        entries = os.pread(fd, min(_READ, end - place), place)
        if not entries or len(entries) % _ENTRY:
            return False
        if entries[_ENTRY - 1 :: _ENTRY].translate(None, _OF_THE_FILE):
            return False
        place += len(entries)
    return True
