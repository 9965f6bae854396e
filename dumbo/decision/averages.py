"""Averages that forget, and prices that learn: what measurements become.

    Average   a mean with its spread, in which older measurements weigh less
    Price     what an operation costs by size: a guess, scaled by what was measured

Both become plain tuples and come back from them, so that they can be kept across runs. What
comes back is not trusted: whatever is not as it should be counts as never measured.

Knows numbers; must not know what they measure.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["Average", "Price", "bucket"]

_WEIGHT = 0.25
_SOME = 12  # of many measurements, those that count where each weighs `_WEIGHT`
_OUTLIER = 4.0  # times the mean
_MOST = 1 << 40  # no count is larger, no measurement longer or larger than this
_BUCKETS = 24


class Average:
    """A mean in which older measurements weigh less and less.

    Attributes:
        count: how many measurements.
        value: their mean.
        spread: how far from it they are, in the mean.
    """

    __slots__ = ("count", "spread", "value", "_weight")

    def __init__(self, weight: float = _WEIGHT) -> None:
        self.count = 0
        self._weight = weight
        self.value = 0.0
        self.spread = 0.0

    def add(self, measured: float, times: int = 1) -> None:
        count = self.count = self.count + times
        weight = self._weight * times
        off = measured - self.value
        # The first few count alike: the very first is often an outlier (imports, cold caches).
        if weight > 0.5 or weight * count < times:
            weight = max(min(0.5, weight), times / count)
        self.value += off * weight
        if count > 1:
            self.spread += ((off if off > 0 else -off) - self.spread) * weight

    def add_each(self, measured: Sequence[float]) -> None:
        """Do nearly what `add` does with each of these, in less time.

        Where older ones weigh less by much, only the last of these are looked at; where they do
        not, all count alike.
        """
        many = len(measured)
        if many <= _SOME or self._weight * self.count < 1:
            for one in measured:
                self.add(one)
        elif self._weight * _SOME > 1:
            self.count += many - _SOME
            for one in measured[-_SOME:]:
                self.add(one)
        else:
            mean, value = sum(measured) / many, self.value
            off = sum([abs(one - value) for one in measured]) / many
            weight = 1 - (1 - self._weight) ** many
            self.count += many
            self.value += (mean - value) * weight
            self.spread += (off - self.spread) * weight

    def follow(self, measured: float) -> None:
        """As `add`, but one measurement that is out of all proportion does not count in full.

        Tracing another kind of arguments takes a thousand looks, and somebody else may have had
        the processor; that happens once. Of two that are far apart, the lower is believed.
        """
        if self.count == 1:
            self.value = min(self.value, measured * _OUTLIER)
        self.add(min(measured, self.value * _OUTLIER) if self.count else measured)

    def plain(self) -> tuple[int, float, float]:
        return (self.count, self.value, self.spread)

    @classmethod
    def of(cls, plain: Any, weight: float = _WEIGHT) -> Average:
        self = cls(weight)
        if type(plain) in (tuple, list) and len(plain) == 3:
            count, value, spread = plain
            if type(count) is int and 0 < count <= _MOST and _fit(value) and _fit(spread):
                self.count, self.value, self.spread = count, float(value), float(spread)
        return self


class Price:
    """What an operation costs by size: a guess, scaled by what was measured.

    By how much the guess is wrong is learned for each bucket of sizes, and for all of them
    together, which stands in for buckets without a measurement. Without any, *elsewhere* is
    asked: the price of the same operation as the machine has it, which learns along.
    """

    __slots__ = ("_base", "_elsewhere", "_far", "_per_byte", "buckets", "scale")

    def __init__(self, base: float, per_byte: float, elsewhere: Price | None = None) -> None:
        self._base = base
        self._per_byte = per_byte
        self._elsewhere = elsewhere
        self._far = False  # whether the last one was out of all proportion
        self.scale = Average()
        self.buckets: dict[int, Average] = {}

    def guess(self, size: float) -> float:
        """Return what is expected without any measurement."""
        return self._base + self._per_byte * size

    def of(self, size: float) -> float:
        guess = self.guess(size)
        scale = self.buckets.get(bucket(size), self.scale)
        if scale.count:
            return guess * scale.value
        return guess if self._elsewhere is None else self._elsewhere.of(size)

    def learn(self, size: float, measured: float) -> None:
        """Take in that the operation took so long.

        The first store of a process imports and opens what the others find open, so that one
        alone counts for no more than some times of what was expected. The second in a row is
        believed. What takes far less than expected counts double: nothing is faster by accident.
        """
        usual = self.of(size)
        most, times = _OUTLIER * usual, 2 if measured * _OUTLIER < usual else 1
        far, self._far = self._far, measured > most
        factor = (measured if far else min(measured, most)) / self.guess(size)
        self.scale.add(factor, times)
        number = bucket(size)
        known = self.buckets.get(number)
        if known is None:
            known = self.buckets[number] = Average()
        known.add(factor, times)
        if self._elsewhere is not None:
            self._elsewhere.learn(size, measured)

    def plain(self) -> tuple[Any, ...]:
        buckets = tuple((number, *known.plain()) for number, known in self.buckets.items())
        return (*self.scale.plain(), *buckets)

    def take(self, plain: Any) -> None:
        """Learn at once what another process had learned."""
        if type(plain) not in (tuple, list):
            return
        self.scale = Average.of(plain[:3])
        for one in plain[3:]:
            if type(one) in (tuple, list) and len(one) == 4 and one[0] in range(_BUCKETS):
                self.buckets[one[0]] = Average.of(one[1:])


def bucket(size: float) -> int:
    """The bucket of sizes that *size* is in: up to 1 kB, 8 kB, 64 kB, ..."""
    if size < 1024:
        return 0
    return min(_BUCKETS - 1, max(0, (int(size) >> 10).bit_length() + 2) // 3)


def _fit(number: Any) -> bool:
    return type(number) in (int, float) and 0 <= number <= _MOST  # nan is not
