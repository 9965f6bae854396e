"""What one function's calls cost and gained, as counted in this process.

Seconds are those that are measured anyway. Of hits from memory, which no clock sees, only the
number is known: the ledger has it. All of it adds up, so that differences can be written beside
those of other processes (see `bookkeeping`).

Knows sums; must not know what is decided by them, nor where they are kept.
"""

from __future__ import annotations

import os
from _thread import allocate_lock  # `threading` itself imports more
from time import monotonic

from dumbo.explain import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.ledger import Ledger
    from dumbo.persistence.store import Record
    from dumbo.shelf import Shelf

    Facts = dict[str, Any]
    # Of a call on a short road: its key, when that was, the seconds of the function (now, or when
    # its result was stored), those before it (or in its place), bytes of the result, and seconds
    # that storing (or loading) it took.
    Receipt = tuple[bytes, float, float, float, int, float]

__all__ = ["COUNTS", "RECEIPTS", "Tally", "added"]

RECEIPTS = 64  # that wait at most

COUNTS: dict[str, Any] = {
    "hits": 0,  # results that were handed out: from memory, from disk, and stale ones
    "loads": 0,  # of these, from disk
    "reused": 0,  # of these, stale ones
    "computed": 0,  # calls whose function ran to its end
    "straight": 0,  # of these, such as were not looked up
    "looks": 0,  # calls that were looked up
    "stores": 0,
    "saved": 0.0,  # seconds that computing took what was loaded from disk
    "spent": 0.0,  # seconds that the function took
    "ran": 0.0,  # of these, CPU time of calls that were looked up
    "looking": 0.0,  # seconds before it, or in its place; loading included
    "setup": 0.0,  # of these, in the first call of each process, which imports and traces
    "loading": 0.0,
    "storing": 0.0,  # seconds behind it
    "loaded_bytes": 0,
    "stored_bytes": 0,
}
_KNOWN = 64  # loads from which on what they take is known well
_DUE = 4096  # looks, of which a computation counts as many, after which all is written
_COMPUTATION = 64
_PAUSE = 1.0  # seconds between two times that it is written, at least
_WORTH_GHOSTS = 1e-3  # seconds that calls take, from which on they are remembered one by one
_REASONS = 16  # kinds of verdicts, with the last sentence of each
_SENTENCE = 300  # characters


class Tally:
    """The sums of one memoized function, and which of them are written down already.

    Attributes:
        label, shelf: which function, and which directory.
        draws: whether it is a function that draws: that is kept for its own sake.
        ledger: which has the hits.
        sums: see `COUNTS`.
        hits, misses: what calls on the short roads cost, which `settle` takes in.
        reasons: how often each kind of verdict was given, and the last of each.
        began: what was known of costs when this process began; None before that was asked.
    """

    __slots__ = (
        "began",
        "draws",
        "hits",
        "label",
        "ledger",
        "misses",
        "reasons",
        "shelf",
        "sums",
        "_due",
        "_not_before",
        "_written",
        "_written_reasons",
    )

    def __init__(self, label: str, shelf: Shelf, ledger: Ledger, *, draws: bool = False) -> None:
        self.draws = draws
        self.label = label
        self.shelf = shelf
        self.ledger = ledger
        self.sums = dict(COUNTS)
        self.hits: list[Receipt] = []
        self.misses: list[Receipt] = []
        self.reasons: dict[str, list[Any]] = {}
        self.began: Facts | None = None
        self._due = 0
        self._not_before = 0.0  # when it may be written again
        self._written = dict(COUNTS)
        self._written_reasons: dict[str, int] = {}

    def looked(self, seconds: float, *, first: bool) -> None:
        """A call was looked up, and perhaps loaded."""
        sums = self.sums
        sums["looks"] += 1
        sums["looking"] += seconds
        if first:
            sums["setup"] += seconds
        self._due += 1

    def loaded(self, record: Record, seconds: float, *, stale: bool = False) -> None:
        """A result came from disk."""
        sums = self.sums
        sums["loads"] += 1
        sums["reused"] += stale
        sums["saved"] += record.compute
        sums["loading"] += seconds
        sums["loaded_bytes"] += record.size

    def settle(self) -> None:
        """Take in what waits: sums, costs, how calls come again, all in one go.

        The short roads only note it, for taking it in costs as much as they do. Who wants to know
        any of it settles first.
        """
        if self.misses and (batch := _taken(self.misses)):
            self._settle_misses(batch)
        if self.hits and (batch := _taken(self.hits)):
            self._settle_hits(batch)

    def _settle_misses(self, batch: list[Receipt]) -> None:
        ledger, sums, count = self.ledger, self.sums, len(batch)
        costs = ledger.costs
        keys, times, computes, looking, sizes, storing = zip(*batch, strict=True)
        for trail, compute in zip(costs.reuse.came_each(keys, times), computes, strict=True):
            trail.cost = compute
        costs.computed_each(computes)
        ledger.misses += count
        ledger.missed(count)
        sums["looks"] += count
        sums["stores"] += count
        sums["looking"] += sum(looking)
        sums["storing"] += sum(storing)
        sums["stored_bytes"] += sum(sizes)
        self.said(Reason("stored", size=sizes[-1]), count)
        self._due += count
        self.computed(sum(computes) / count, calls=count)

    def _settle_hits(self, batch: list[Receipt]) -> None:
        ledger, sums, count = self.ledger, self.sums, len(batch)
        costs = ledger.costs
        keys, times, computes, looking, sizes, loading = zip(*batch, strict=True)
        costs.reuse.found_each(keys, times)
        step = 8 if costs.load.scale.count < _KNOWN else 32  # enough to learn from
        for size, took in zip(sizes[::step], loading[::step], strict=True):
            costs.load.learn(size, took)
        ledger.far += count
        sums["looks"] += count
        sums["loads"] += count
        sums["saved"] += sum(computes)
        sums["looking"] += sum(looking)
        sums["loading"] += sum(loading)
        sums["loaded_bytes"] += sum(sizes)
        self._due += count

    def computed(
        self, seconds: float, *, ran: float = 0.0, calls: int = 1, straight: bool = False
    ) -> None:
        """The function ran; where it was not even looked up, nothing else is done.

        Parameters:
            ran: of these, how long it had the processor.
            calls: how many took as long, as far as that is known.
        """
        sums = self.sums
        sums["computed"] += calls
        sums["spent"] += seconds * calls
        sums["ran"] += ran
        if straight:
            sums["straight"] += calls
            return
        self._due += _COMPUTATION * calls
        if self._due >= _DUE and monotonic() >= self._not_before:
            self._due = 0
            # Imported here: most processes come to it once, when they end.
            from dumbo.accounts import bookkeeping

            bookkeeping.flush([self])
            self._not_before = monotonic() + _PAUSE

    def stored(self, size: int, seconds: float) -> None:
        """A result was written."""
        sums = self.sums
        sums["stores"] += 1
        sums["stored_bytes"] += size
        sums["storing"] += seconds

    def said(self, reason: Reason, times: int = 1) -> None:
        """A verdict was given."""
        known = self.reasons.get(reason.code)
        if known is not None:
            known[0] += times
            known[1] = reason
        elif len(self.reasons) < _REASONS:
            self.reasons[reason.code] = [times, reason]

    def since(self) -> Facts:
        """Return what was counted and is not written yet; empty if that is nothing."""
        self.settle()
        now = {**self.sums, "hits": self.ledger.hits}
        if now == self._written:
            return {}
        reasons = {
            code: (count - self._written_reasons.get(code, 0), str(last)[:_SENTENCE])
            for code, (count, last) in list(self.reasons.items())
            if count > self._written_reasons.get(code, 0)
        }
        return {
            "sums": {name: now[name] - self._written[name] for name in now},
            "reasons": reasons,
        }

    def mark(self, written: Facts) -> None:
        """Take note that this is written, or somebody else's to write."""
        for name, number in written["sums"].items():
            self._written[name] += number
        for code, (count, _) in written["reasons"].items():
            self._written_reasons[code] = self._written_reasons.get(code, 0) + count

    def learned(self) -> Facts:
        """Return what decisions are made by, as plain values."""
        self.settle()
        costs = self.ledger.costs
        learned: Facts = {"costs": costs.plain()}
        if costs.expected >= _WORTH_GHOSTS:
            learned["ghosts"] = costs.reuse.ghosts()
        return learned

    def learn(self, known: object) -> None:
        """Go on from what others have learned."""
        self.began = known if type(known) is dict else {}
        self.ledger.costs.take(self.began.get("costs"))
        self.ledger.costs.reuse.haunt(self.began.get("ghosts"))


def added(known: Facts, new: Facts) -> Facts:
    """Return *known*, which was kept, with what was counted since.

    What is kept may be of another version of dumbo: names that are not known stay as they are,
    and what is no sum counts as nothing.
    """
    sums, verdicts = known.get("sums"), known.get("reasons")
    both = dict(sums) if type(sums) is dict else {}
    for name, nothing in COUNTS.items():
        before = both.get(name)
        good = type(before) is type(nothing) and before == before
        both[name] = (before if good else nothing) + new["sums"].get(name, nothing)
    reasons = {
        code: one
        for code, one in (verdicts.items() if type(verdicts) is dict else ())
        if type(one) is tuple and list(map(type, one)) == [int, str]
    }
    for code, (count, last) in new["reasons"].items():
        reasons[code] = (reasons.get(code, (0, ""))[0] + count, last)
    return {**known, "sums": both, "reasons": reasons}


_taking = allocate_lock()


def _taken(waiting: list[Any]) -> list[Any]:
    """Return what waits, which nobody else takes in then; others may add to it meanwhile."""
    with _taking:
        batch = waiting[:]
        del waiting[: len(batch)]
    return batch


def _after_fork_in_child() -> None:
    global _taking
    _taking = allocate_lock()


os.register_at_fork(after_in_child=_after_fork_in_child)
