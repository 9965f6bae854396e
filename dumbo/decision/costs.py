"""What one function's calls cost, as measured so far.

    look    everything before the function runs: key, closure, index
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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
        look: seconds before the function runs: key, closure, index.
        compute: seconds of the function, memoized calls within included.
        own: the same without memoized calls within.
        store, load: seconds by bytes.
        size: stored bytes by the rough size of the result.
    """

    __slots__ = ("compute", "load", "look", "own", "size", "store")

    def __init__(self, machine: Machine | None = None) -> None:
        machine = MACHINE if machine is None else machine
        self.look = Average()
        self.compute = Average()
        self.own = Average()
        self.store = Price(150e-6, 4e-9, machine.store)
        self.load = Price(30e-6, 1e-9, machine.load)
        self.size = Price(1.0, 1.0)  # stored bytes over the rough size: 1 until measured

    def plain(self) -> dict[str, Any]:
        """Return what was learned as numbers, strings, tuples and dicts, to be kept."""
        return {name: getattr(self, name).plain() for name in self.__slots__}

    def take(self, plain: Any) -> None:
        """Learn at once what another process had learned, as far as *plain* makes sense.

        Names that are not known, and values that cannot be, count as never measured, so that
        other versions of dumbo may say more or less.
        """
        if type(plain) is not dict:
            return
        for name in ("look", "compute", "own"):
            setattr(self, name, Average.of(plain.get(name)))
        for name in ("store", "load", "size"):
            getattr(self, name).take(plain.get(name))


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
