"""Calls that go straight through, seen in passing: which of them come again, and how often.

A call that is not looked up has no digest: taking one may cost more than the call. What stands in
it, if that is plain, is had for less than a microsecond, and is enough to see that the same few
calls come all the time. `worth.is_hot` says when one of them has come often enough to be looked up,
computed under observation and stored: when what it took so far is more than that costs.

    glimpsed   the hash of what stands in the call -> how often that came

Two calls of the same hash count as one: at worst, one is looked up too early.

Knows hashes and counts; must not know calls, nor what any of them costs.
"""

from __future__ import annotations

__all__ = ["Glimpses"]

_MOST = 8192  # calls that are remembered
_MOST_VAIN = 30  # doublings of the price
_BLIND = 8  # calls in a row that are not plain, after which nobody looks at them any more


class Glimpses:
    """How often the calls of one function came, of those that were seen.

    Attributes:
        left: calls that may still turn out not to be plain before nobody looks at them any more.
        vain: how many calls lately were looked up since they came all the time, and not kept.
        bought: how many were kept.
        fresh: how many calls in a row came for the first time.
    """

    __slots__ = ("bought", "fresh", "left", "vain", "_seen")

    def __init__(self) -> None:
        self.left = _BLIND
        self.vain = 0
        self.bought = 0
        self.fresh = 0
        self._seen: dict[int, int] = {}

    def note(self, call: object) -> int:
        """Take in that *call*, which is hashable, came; return how often it did."""
        self.left = _BLIND
        seen = self._seen
        number = hash(call)
        times = seen.get(number, 0) + 1
        if times > 1:
            self.fresh = 0
        else:
            self.fresh += 1
            if len(seen) >= _MOST:
                self._make_room()
        seen[number] = times
        return times

    def drop(self, call: object) -> None:
        """Forget how often *call* came."""
        self._seen.pop(hash(call), None)

    def kept(self, is_kept: bool) -> None:
        """Take in what came of a call that was looked up for it came all the time."""
        self.bought += is_kept
        self.vain = 0 if is_kept else min(self.vain + 1, _MOST_VAIN)

    def blind(self) -> None:
        """Take in that a call came that is not plain."""
        self.left -= 1

    def _make_room(self) -> None:
        """Forget what came once; and all, if that is not enough."""
        # A copy at once: another thread may add to it.
        often = {number: times for number, times in self._seen.copy().items() if times > 1}
        self._seen = often if len(often) < _MOST // 2 else {}
