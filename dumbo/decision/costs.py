"""What one function's calls cost, as measured so far.

    look    finding a result: key, closure, index
    cpu     of what the function takes, the time that it has the processor
    near    finding and giving out one that is in memory
    miss    everything beside the function where none is found, but for storing what it returns
    compute the function itself
    store   writing a result, by its size
    load    reading one back, by its size

An average forgets: each new measurement weighs a quarter, so a function that changes is
judged anew after a few calls. Store and load start from what all functions of this process
have measured, and from a guess before that, and learn by what factor this function's results
differ from it, for each bucket of sizes.

All of it goes into a plain dict and comes back (`plain`, `take`), to be kept across runs.

Knows seconds and bytes; must not know a clock, a store or a value's meaning.
"""

from __future__ import annotations

from dumbo.decision.averages import Average, Price
from dumbo.decision.reuse import Reuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_LONG = 1 / 256
_TRUST = 2.0  # as if so many calls had been found, when nothing is known yet
_LATELY = 256.0  # calls that were looked up, after which what was found before counts half
_LEARN = (
    "compute", "cpu", "load", "look", "mean", "miss", "near", "own", "result", "reuse", "size",
    "store",
)  # fmt: skip

__all__ = ["MACHINE", "Average", "Costs", "Machine", "Price", "rough_size"]


class Machine:
    """What storing and loading cost on this machine, as all functions together measured it."""

    __slots__ = ("load", "store")

    def __init__(self) -> None:
        # SQLite row 30 - 100 us, file 80 us and 4 us/KB with fresh pages; reading 10 us and
        # 0.4 us/KB. Encoding comes on top, which is what the scale learns.
        self.store = Price(150e-6, 4e-9)
        self.load = Price(30e-6, 1e-9)

    def plain(self) -> dict[str, Any]:
        return {"load": self.load.plain(), "store": self.store.plain()}

    def take(self, plain: Any) -> None:
        """Learn at once what another process had learned, as far as *plain* makes sense."""
        if type(plain) is dict:
            self.store.take(plain.get("store"))
            self.load.take(plain.get("load"))


MACHINE = Machine()


class Costs:
    """The measurements of one function.

    Attributes:
        look: seconds that finding a result takes.
        near: seconds that a hit from memory takes.
        miss: seconds that finding none takes, and all else but computing and storing.
        compute: seconds of the function, memoized calls within included.
        cpu: of these, such that it had the processor; of calls that were looked up.
        mean: the same over more calls, which remembers a dear one among many that are not.
        own: the same with memoized calls within as dear as they will be next time.
        result: bytes of a result.
        store, load: seconds by bytes.
        size: stored bytes by the rough size of the result.
        found, looks: calls that were found, of those that were looked up; lately.
        reuse: how its calls come again.
        denied: seconds that may go into storing what is denied a place; see `retries`.
    """

    __slots__ = (
        "compute",
        "cpu",
        "denied",
        "found",
        "load",
        "look",
        "looks",
        "mean",
        "miss",
        "near",
        "own",
        "result",
        "reuse",
        "size",
        "store",
    )

    def __init__(self, machine: Machine | None = None) -> None:
        machine = MACHINE if machine is None else machine
        self.look = Average()
        self.near = Average()
        self.cpu = Average()
        self.miss = Average()
        self.compute = Average()
        self.mean = Average(_LONG)
        self.own = Average()
        self.result = Average()
        self.found = self.looks = _TRUST
        self.reuse = Reuse()
        self.denied = 0.0
        self.store = Price(150e-6, 4e-9, machine.store)
        self.load = Price(30e-6, 1e-9, machine.load)
        self.size = Price(1.0, 1.0)  # stored bytes over the rough size: 1 until measured

    @property
    def share(self) -> float:
        """The share of calls that were found, of those that were looked up."""
        return self.found / self.looks

    def asked(self, found: int, missed: int = 1) -> None:
        """A call, or some, were not found, after so many that were."""
        self.found += found
        self.looks += found + missed
        if self.looks > _LATELY:
            self.found *= 0.5
            self.looks *= 0.5

    def computed(self, seconds: float, calls: int = 1) -> None:
        """The function has run; so many *calls* took as long, as far as that is known."""
        self.compute.add(seconds)
        # The first call may import what the others use.
        if self.compute.count > 1:
            self.mean.add(seconds, calls)

    def computed_each(self, seconds: Sequence[float]) -> None:
        """Functions ran of which nothing else is to be taken off: `computed`, and `own` with it."""
        known = self.compute.count
        self.compute.add_each(seconds)
        self.own.add_each(seconds)
        self.mean.add_each(seconds if known else seconds[1:])

    def retries(self, compute: float, size: float, budget: float) -> bool:
        """Whether a result that storing is too dear for is stored, to see if it still is.

        That is so if it would not be, had nothing been measured; and for *budget* of the time that
        computing such results takes.
        """
        if compute <= self.store.guess(size) + self.load.of(size) + self.look.value:
            return False
        price = self.store.of(size)
        self.denied = min(price, self.denied + budget * compute)
        if self.denied < price:
            return False
        self.denied = 0.0
        return True

    @property
    def expected(self) -> float:
        """What a call is expected to take: as the last ones, or as dear ones among them."""
        lately, mean = self.compute.value, self.mean.value
        return max(mean, lately)

    def plain(self) -> dict[str, Any]:
        """Return what was learned as numbers, strings, tuples and dicts, to be kept."""
        known: dict[str, Any] = {name: getattr(self, name).plain() for name in _LEARN}
        known["found"] = (self.found, self.looks)
        return known

    def take(self, plain: Any) -> None:
        """Learn at once what another process had learned, as far as *plain* makes sense.

        Names that are not known, and values that cannot be, count as never measured, so that
        other versions of dumbo may say more or less.
        """
        if type(plain) is not dict:
            return
        for name in ("look", "near", "miss", "compute", "cpu", "own", "result"):
            setattr(self, name, Average.of(plain.get(name)))
        self.mean = Average.of(plain.get("mean"), _LONG)
        for name in ("store", "load", "size", "reuse"):
            getattr(self, name).take(plain.get(name))
        share: Any = plain.get("found")
        if type(share) in (tuple, list) and len(share) == 2:
            found, looks = share
            if type(found) is type(looks) is float and 0 < found <= looks <= 2 * _LATELY:
                self.found, self.looks = found, looks


def rough_size(value: object) -> int:
    """Return about how many bytes *value* takes, at a cost of microseconds.

    Only the type and the length are looked at; a method of the user's is never called.
    """
    kind = type(value)
    if kind in (str, bytes, bytearray):
        return len(value)  # type: ignore[arg-type]
    if kind in (list, tuple, set, frozenset):
        return 16 + 24 * len(value)  # type: ignore[arg-type]
    if kind is dict:
        return 16 + 48 * len(value)  # type: ignore[arg-type]
    if kind.__module__ == "numpy":
        nbytes = getattr(value, "nbytes", 0)
        return nbytes if type(nbytes) is int else 0
    return 64
