"""What `cache_info()` returns. Imported when it is asked for: `typing` takes 4 ms."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CacheInfo"]


class CacheInfo(NamedTuple):
    """The counts of one memoized function: the first three of this process, then of its store."""

    hits: int
    misses: int
    bypassed: int
    entries: int
    bytes: int
    reasons: tuple[str, ...]  # why the last ones were not loaded, or not stored; newest last
