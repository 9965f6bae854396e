"""What caching a function has cost and gained, of this run and all before: for people, and as JSON.

    calls    hits and computations; of the hits some from memory, which nobody clocks
    saved    what computing took of what was loaded; of hits from memory as much, in the mean
    spent    what computing took
    overhead what dumbo itself took: looking up, loading and storing

Imported when somebody asks.

Knows sums and words; must not know how anything was counted.
"""

from __future__ import annotations

from dumbo.accounts.tally import added
from dumbo.decision import gain
from dumbo.decision.costs import Costs
from dumbo.explain import human_size, human_time, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from dumbo.accounts.tally import Facts

__all__ = ["Stats", "Verdict"]

_ENOUGH = 8  # calls from which on a verdict is worth a word
_NOTHING: Facts = {"sums": {}, "reasons": {}}


class Verdict:
    """How often results met one end, and the last reason in words.

    Attributes:
        code: such as ``stored`` or ``too fast``.
        count: how often.
        reason: the last of them, as a sentence.
    """

    __slots__ = ("code", "count", "reason")

    def __init__(self, code: str, count: int, reason: str) -> None:
        self.code = code
        self.count = count
        self.reason = reason

    def __repr__(self) -> str:
        return f"<{self.count} × {self.code}: {printable(self.reason)}>"


class Stats:
    """What is known of one function's calls, in all runs; `print` shows all of it.

    Attributes:
        function: the name that its results are listed under.
        calls, hits, computed: calls, of which some were loaded and the rest computed.
        memory_hits: of the hits, those from memory.
        reused: of the hits, stale results.
        straight: of what was computed, calls that were not even looked up.
        saved, spent: seconds that were not, and that were, spent on computing.
        looking, loading, storing: seconds that dumbo itself took.
        overhead: all of these; not what the first call of each process took, which is `setup`.
        compute, load: seconds that computing a call is expected to take, and finding and loading
            its result; 0 if nobody knows.
        entries, bytes: what is stored.
        verdicts: what became of results, most frequent first.
        verdict: in a word: pays, loses, or that it is too early to say.
    """

    __slots__ = (
        "bytes",
        "calls",
        "compute",
        "computed",
        "entries",
        "function",
        "hits",
        "load",
        "loading",
        "looking",
        "memory_hits",
        "overhead",
        "reused",
        "saved",
        "setup",
        "spent",
        "storing",
        "straight",
        "verdict",
        "verdicts",
    )

    def __init__(self, function: str, facts: Facts, entries: int = 0, size: int = 0) -> None:
        whole = added(facts, _NOTHING)  # so that it has all sums, and they are sums
        sums: dict[str, Any] = whole["sums"]
        costs = Costs()
        learned = facts.get("learned")
        costs.take(learned.get("costs") if type(learned) is dict else None)
        self.function = function
        self.entries = entries
        self.bytes = size
        self.calls = gain.calls(sums)
        self.hits: int = sums["hits"]
        self.memory_hits = max(0, self.hits - sums["loads"])
        self.reused: int = sums["reused"]
        self.computed: int = sums["computed"]
        self.straight: int = sums["straight"]
        self.compute = costs.compute.value
        self.saved = gain.saved(sums, self.compute)
        self.spent: float = sums["spent"]
        self.setup: float = sums["setup"]
        self.loading: float = sums["loading"]
        self.looking = max(0.0, sums["looking"] - self.loading - self.setup)
        self.storing: float = sums["storing"]
        self.overhead = gain.overhead(sums)
        self.load = self._expected_load(costs, sums, self.looking)
        self.verdict = self._in_a_word(sums)
        verdicts = [Verdict(code, *one) for code, one in whole["reasons"].items()]
        self.verdicts = tuple(sorted(verdicts, key=lambda one: (-one.count, one.code)))

    @staticmethod
    def _expected_load(costs: Costs, sums: dict[str, Any], looking: float) -> float:
        count = sums["loads"] or sums["stores"]
        if not count:
            return 0.0
        size = sums["loaded_bytes" if sums["loads"] else "stored_bytes"] / count
        each: float = looking / max(1, sums["looks"])
        return costs.load.of(size) + each

    def _in_a_word(self, sums: dict[str, Any]) -> str:
        if not self.calls:
            return "no calls"
        if gain.loses(sums, self.compute):
            return "loses"
        if self.saved > self.overhead:
            return "pays"
        return "too early to say" if self.calls < _ENOUGH else "neither pays nor loses"

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, for JSON."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "verdicts"}
        plain["verdicts"] = [
            {"code": one.code, "count": one.count, "reason": one.reason} for one in self.verdicts
        ]
        return plain

    def lines(self) -> Iterator[str]:
        """Yield it for people; names are safe to show."""
        yield printable(self.function)
        yield f"  calls      {self._calls()}"
        if self.reused:
            yield f"  stale      {_times(self.reused)} a result of older code was handed out"
        yield f"  saved      {human_time(self.saved)}"
        yield f"  computing  took {human_time(self.spent)}{self._each()}"
        yield f"  caching    took {human_time(self.overhead)}{self._taken()}"
        yield f"  stored     {_count(self.entries, 'result')}, {human_size(self.bytes)}"
        yield f"  verdict    {self.verdict}"
        for number, one in enumerate(self.verdicts):
            name = "reasons" if number == 0 else ""
            yield f"  {name:<9}  {_times(one.count)} {printable(one.reason)}"

    def _calls(self) -> str:
        if not self.calls:
            return "none so far"
        share = f"{100 * self.hits / self.calls:.0f} %"
        said = f"{self.calls}: {self.hits} loaded ({share}), {self.computed} computed"
        if self.straight:
            said += f", of which {self.straight} were not looked up"
        return said

    def _each(self) -> str:
        return f", about {human_time(self.compute)} a call" if self.compute else ""

    def _taken(self) -> str:
        parts = [("looking up", self.looking), ("loading", self.loading), ("storing", self.storing)]
        said = ", ".join(f"{name} {human_time(spent)}" for name, spent in parts if spent)
        begun = f"; first calls {human_time(self.setup)} besides" if self.setup else ""
        return f": {said}{begun}" if said else begun

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        share = f" ({100 * self.hits / self.calls:.0f} %)" if self.calls else ""
        return (
            f"<Stats of {printable(self.function)}: {_count(self.calls, 'call')}, {self.hits} "
            f"loaded{share}; saved {human_time(self.saved)}, caching took "
            f"{human_time(self.overhead)}; {_count(self.entries, 'result')}, "
            f"{human_size(self.bytes)}; {self.verdict}>"
        )


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"


def _times(number: int) -> str:
    return f"{number} ×"
