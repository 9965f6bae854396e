"""Averages that forget."""

from __future__ import annotations

from dumbo.decision.averages import Average


def test_many_measurements_count_as_each_of_them_does() -> None:
    for weight in (0.25, 1 / 256):
        one, other = Average(weight), Average(weight)
        measured = [float(number * 7 % 13) for number in range(300)]
        for number in measured:
            one.add(number)
        for begin in range(0, 300, 7):
            other.add_each(measured[begin : begin + 7])
        assert other.plain() == one.plain()
