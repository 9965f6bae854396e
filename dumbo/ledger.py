"""What happened to one function's calls: counts, the last reasons, and who was warned.

Knows counts and reasons, in bounded memory; must not know stores or functions.
"""

from __future__ import annotations

# `collections` itself imports four more modules
from _collections import deque  # type: ignore[import-not-found, unused-ignore]

from dumbo.decision.costs import Costs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from dumbo.explain import Reason

__all__ = ["Ledger"]

_LAST = 32
_REMEMBERED = 256


class Ledger:
    """The record of one memoized function in this process.

    Attributes:
        hits, misses: calls that were loaded, and calls that were computed though they had a key.
        far: of the hits those that had to be looked up, for what stood in the call did not do.
        bypassed: calls that ran without the cache having a say.
        costs: what its calls cost, and how they come again.
        last: the last reasons why a call was not loaded, or its result not stored.
    """

    __slots__ = (
        "bypassed",
        "costs",
        "far",
        "hits",
        "last",
        "misses",
        "_by_call",
        "_opened",
        "_taken",
    )

    def __init__(self) -> None:
        self.hits = 0
        self.far = 0
        self.misses = 0
        self.bypassed = 0
        self.costs = Costs()
        self.last: deque[Reason] = deque(maxlen=_LAST)
        self._by_call: dict[bytes, Reason] = {}
        self._taken = 0  # far hits that costs have taken in
        self._opened: dict[bytes, tuple[str, ...]] = {}

    def missed(self, calls: int = 1) -> None:
        """Count calls that were looked up and not found; hits are counted where they are made."""
        far = self.far
        self.costs.asked(far - self._taken, calls)
        self._taken = far

    def note(self, reason: Reason, call: bytes | None = None) -> None:
        """Keep *reason*; *call* is what tells this call from others, if that is known."""
        self.last.append(reason)
        if call is not None:
            by_call = self._by_call
            by_call.pop(call, None)
            while len(by_call) >= _REMEMBERED:
                # Another thread may have taken the same, oldest one.
                by_call.pop(next(iter(by_call)), None)
            by_call[call] = reason

    def opened(self, call: bytes, names: Iterable[str]) -> None:
        """Keep which files a computation opened for reading."""
        found = tuple(names)
        self._opened.pop(call, None)
        if found:
            while len(self._opened) >= _REMEMBERED:
                self._opened.pop(next(iter(self._opened)), None)
            self._opened[call] = found

    def opened_by(self, call: bytes) -> tuple[str, ...]:
        """Return the files that were kept for *call*."""
        return self._opened.get(call, ())

    def of(self, call: bytes) -> Reason | None:
        """Return the last reason that was kept about *call*."""
        return self._by_call.get(call)

    def forget(self, call: bytes) -> None:
        if self._by_call:
            self._by_call.pop(call, None)

    def clear(self) -> None:
        self._by_call.clear()
