"""Averages that forget."""

from __future__ import annotations

import pytest

from dumbo.decision.averages import Average


@pytest.mark.parametrize("weight", [0.25, 1 / 256])
def test_many_measurements_at_once_count_nearly_as_each_of_them_does(weight: float) -> None:
    one, other = Average(weight), Average(weight)
    measured = [10.0 + number * 7 % 13 for number in range(2000)]
    for number in measured:
        one.add(number)
    for begin in range(0, 2000, 64):
        other.add_each(measured[begin : begin + 64])
    assert other.count == one.count
    assert other.value == pytest.approx(one.value, rel=0.05)
    assert other.spread == pytest.approx(one.spread, rel=0.2)


@pytest.mark.parametrize("weight", [0.25, 1 / 256])
def test_the_first_measurements_count_as_each_of_them_does(weight: float) -> None:
    one, other = Average(weight), Average(weight)
    for number in range(40):
        one.add(float(number))
    other.add_each([float(number) for number in range(40)])
    assert other.plain() == one.plain()


@pytest.mark.parametrize("weight", [0.25, 1 / 256])
def test_what_changes_is_noticed_as_fast(weight: float) -> None:
    one, other = Average(weight), Average(weight)
    for begin in (1.0, 5.0):
        for _ in range(20):
            for _ in range(64):
                one.add(begin)
            other.add_each([begin] * 64)
    assert other.value == pytest.approx(one.value, rel=0.02)
