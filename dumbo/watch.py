"""One computation under observation: from before its function runs to the extras of its result.

    before   is anybody to observe it, and what is likely to run?
    start    right before the function; stop right behind it, however it ends
    after    what ran outside of the closure, as extras

Knows the order of these; must not know how code is observed, found or proven.
"""

from __future__ import annotations

import sys
from time import perf_counter

from dumbo.tracing import observer
from dumbo.tracing.observed import UNOBSERVED, Extras, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.persistence.store import Store
    from dumbo.tracing.observed import Reference
    from dumbo.tracing.snapshots import Snapshot

__all__ = ["Watch", "Watcher"]

# What of the standard library hands work to other processes, by file and name.
_HANDS_OVER = {
    "concurrent/futures/process.py": {"submit"},
    "multiprocessing/process.py": {"start"},
    "multiprocessing/pool.py": {"_map_async", "apply_async", "imap", "imap_unordered"},
}
_TAILS = tuple(_HANDS_OVER)
ELSEWHERE = "other processes"  # the note of an entry that some of whose work nobody saw


class Watcher:
    """Watches the computations of one memoized function."""

    __slots__ = ("extras",)

    def __init__(self, label: str) -> None:
        self.extras = Extras(label)

    def before(self, store: Store) -> Watch:
        """Return a watch over the next computation; it still has to be started."""
        return Watch(self.extras, store)


class Watch:
    """See the module's docstring.

    Attributes:
        compute: seconds between start and stop.
        elsewhere: whether the function handed work to other processes, which nobody saw.
        missed: why nothing was observed; empty if it was.
    """

    __slots__ = (
        "compute",
        "elsewhere",
        "missed",
        "_before",
        "_extras",
        "_loaded",
        "_recorder",
        "_started",
        "_store",
    )

    def __init__(self, extras: Extras, store: Store) -> None:
        self.compute = 0.0
        self.elsewhere = False
        self.missed = ""
        self._extras = extras
        self._store = store
        self._before = extras.before(store)
        self._loaded = frozenset(sys.modules)
        self._recorder = observer.Recorder()
        self._started = 0.0

    def start(self, *, task: bool = False) -> None:
        """Observe from now on; *task* if what is observed may be suspended on the way."""
        self._recorder.start(task=task)
        self._started = perf_counter()

    def stop(self) -> None:
        if self._started:
            self.compute += perf_counter() - self._started
            self._started = 0.0
        self._recorder.stop()

    def after(self, snapshot: Snapshot) -> bytes:
        """Return the extras of a result whose closure is *snapshot*.

        Raises:
            Bypass: if what ran cannot be known; the message says why.
            OSError, StorageError: if it cannot be written.
        """
        recorder = self._recorder
        if not recorder.active:
            self.missed = observer.unavailable() or "its tool was taken away"
            return UNOBSERVED
        codes = dict(recorder.codes)
        references: dict[Reference, None] = {}
        for used, extras in recorder.joined.values():
            codes.update(used.covered())
            for extra in read(extras, self._store) or ():
                references[extra.reference] = None
        self.elsewhere = any(_hands_over(code) for code, _ in codes.values())
        near = frozenset(recorder.near)
        return self._extras.settle(
            snapshot, codes, near, references, self._before, self._loaded, self._store
        )


def _hands_over(code: Any) -> bool:
    name = code.co_filename
    if not name.endswith(_TAILS):
        return False
    return any(name.endswith(tail) and code.co_name in _HANDS_OVER[tail] for tail in _TAILS)
