"""What one function's calls cost, as measured so far.

    look    everything before the function runs: key, closure, index
    compute the function itself
    store   writing a result, by its size
    load    reading one back, by its size

An average forgets: each new measurement weighs a quarter, so a function that changes is
judged anew after a few calls. Store and load start from a guess for the machine and learn by
what factor this function's results differ from it.

Knows seconds and bytes; must not know a clock, a store or a value's meaning.
"""

from __future__ import annotations

__all__ = ["Average", "Costs", "Price", "rough_size"]

_WEIGHT = 0.25


class Average:
    """A mean in which older measurements weigh less and less."""

    __slots__ = ("count", "value")

    def __init__(self) -> None:
        self.count = 0
        self.value = 0.0

    def add(self, measured: float) -> None:
        self.count += 1
        # The first few count alike: the very first is often an outlier (imports, cold caches).
        self.value += (measured - self.value) * max(_WEIGHT, 1 / self.count)


class Price:
    """What an operation costs by size: a guess, scaled by what was measured."""

    __slots__ = ("_base", "_per_byte", "scale")

    def __init__(self, base: float, per_byte: float) -> None:
        self._base = base
        self._per_byte = per_byte
        self.scale = Average()

    def of(self, size: float) -> float:
        guess = self._base + self._per_byte * size
        return guess * self.scale.value if self.scale.count else guess

    def learn(self, size: float, seconds: float) -> None:
        self.scale.add(seconds / (self._base + self._per_byte * size))


class Costs:
    """The measurements of one function."""

    __slots__ = ("compute", "load", "look", "size", "store")

    def __init__(self) -> None:
        self.look = Average()
        self.compute = Average()
        # SQLite row 30 - 100 us, file 80 us and 4 us/KB with fresh pages; reading 10 us and
        # 0.4 us/KB. Encoding comes on top, which is what the scale learns.
        self.store = Price(150e-6, 4e-9)
        self.load = Price(30e-6, 1e-9)
        self.size = Price(1.0, 1.0)  # stored bytes over the rough size: 1 until measured


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
