"""What happened to one function's calls: counts, the last reasons, and who was warned.

Knows counts and reasons, in bounded memory; must not know stores or functions.
"""

from __future__ import annotations

from collections import deque

from dumbo.decision.costs import Costs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from dumbo.decision.worth import Verdict
    from dumbo.explain import Reason

__all__ = ["Ledger"]

_LAST = 32
_REMEMBERED = 256


class Ledger:
    """The record of one memoized function in this process.

    Attributes:
        hits, misses: calls that were loaded, and calls that were computed though they had a key.
        bypassed: calls that ran without the cache having a say.
        fast_in_a_row: calls since the last that was found, or was worth storing.
        last: the last reasons why a call was not loaded, or its result not stored.
    """

    __slots__ = (
        "bypassed",
        "costs",
        "fast_in_a_row",
        "hits",
        "last",
        "misses",
        "_by_call",
        "_opened",
        "_price",
    )

    def __init__(self) -> None:
        self.hits = 0
        self.misses = 0
        self.bypassed = 0
        self.fast_in_a_row = 0
        self.costs = Costs()
        self.last: deque[Reason] = deque(maxlen=_LAST)
        self._by_call: dict[bytes, Reason] = {}
        self._price = 0.0
        self._opened: dict[bytes, tuple[str, ...]] = {}

    def judged(self, verdict: Verdict) -> None:
        """Count a computation that was judged."""
        if verdict.code == "too fast":
            self.fast_in_a_row += 1
            self._price = verdict.price
        else:
            self.fast_in_a_row = 0

    def went_straight(self, compute: float) -> None:
        """Count a call that was not looked up; one that was slow makes the next be looked up."""
        self.bypassed += 1
        self.fast_in_a_row = self.fast_in_a_row + 1 if compute <= self._price else 0

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
        self._by_call.pop(call, None)

    def clear(self) -> None:
        self._by_call.clear()
