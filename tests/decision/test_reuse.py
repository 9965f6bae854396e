"""How likely calls are to come again: what follows from how they came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dumbo.decision.reuse import FOR_EVER, HALF_LIVES, Reuse, heat, rate

times = st.floats(0, 1e6, allow_nan=False)
uses = st.integers(1, 10_000)
half_lives = st.sampled_from(HALF_LIVES)


def key(number: int) -> bytes:
    return number.to_bytes(8, "big")


@given(uses, times, times, half_lives)
def test_heat_is_at_least_the_last_use_and_at_most_all_of_them(n, first, span, half_life) -> None:
    found = heat(n, first, first + span, half_life)
    assert 1 - 1e-9 <= found <= n * (1 + 1e-9)


@given(st.integers(2, 50), st.floats(0.1, 1e4), half_lives)
def test_heat_is_the_sum_of_uses_in_equal_steps(n, step, half_life) -> None:
    expected = sum(2.0 ** -(number * step / half_life) for number in range(n))
    assert heat(n, 0.0, step * (n - 1), half_life) == pytest.approx(expected, rel=1e-3)


@given(uses, times, times, times, times, half_lives)
def test_a_call_that_has_not_come_for_longer_comes_no_more_often(
    n, span, age, more, since, half_life
) -> None:
    last = since + span
    before = rate(n, since, last, last + age, half_life, since)
    assert rate(n, since, last, last + age + more, half_life, since) <= before


@given(uses, uses, times, half_lives)
def test_of_two_calls_of_the_same_time_the_more_frequent_one_comes_more_often(
    n, more, span, half_life
) -> None:
    now = span + 1
    less = rate(n, 0.0, span, now, half_life, 0.0)
    assert rate(n + more, 0.0, span, now, half_life, 0.0) >= less * (1 - 1e-9)


def test_favourites_are_believed_to_stay() -> None:
    reuse = Reuse()
    for now in range(2_000):
        reuse.note(key(now % 7), float(now))
    assert reuse.half_life >= 4**4


def test_bursts_are_believed_to_end() -> None:
    reuse = Reuse()
    for now in range(2_000):
        reuse.note(key(now // 10), now * 10.0)
    assert reuse.half_life < 1_000


def test_a_function_whose_calls_never_come_again_is_known_by_it() -> None:
    reuse = Reuse()
    assert reuse.chance(1) == 1
    for now in range(500):
        reuse.note(key(now), float(now))
    assert reuse.chance(1) < 0.02


def test_a_call_that_came_again_is_likelier_to_come_once_more() -> None:
    reuse = Reuse()
    for now in range(500):
        reuse.note(key(now), float(now))
    again = reuse.note(key(499), 500.0)
    once = reuse.note(key(1_000), 500.0)
    assert reuse.rate(again, 501.0) > 10 * reuse.rate(once, 501.0)


def test_calls_that_begin_to_come_again_are_noticed() -> None:
    reuse = Reuse()
    for now in range(20_000):
        reuse.note(key(now), float(now))
    for now in range(3_000):
        reuse.note(key(now % 1_500), 30_000.0 + now)
    assert reuse.chance(1) > 0.3


def test_no_more_than_so_many_calls_are_remembered() -> None:
    reuse = Reuse()
    for now in range(20_000):
        reuse.note(key(now), float(now))
    assert len(reuse.trails) == 4096
    assert key(19_999) in reuse.trails


def test_what_was_learned_comes_back_from_plain_values() -> None:
    reuse, other = Reuse(), Reuse()
    for now in range(1_000):
        reuse.note(key(now // 3), now * 10.0)
    other.take(reuse.plain())
    assert other.plain() == reuse.plain()
    assert other.half_life == reuse.half_life < FOR_EVER


@pytest.mark.parametrize(
    "plain",
    [
        None,
        {"half_life": 3.0, "since": 1.0},
        {"half_life": FOR_EVER, "since": float("nan")},
        {"firsts": -1.0, "again": 5.0},
        {"firsts": 5.0, "again": float("nan")},
        {"score": (1.0,) * len(HALF_LIVES)},
        {"score": "abc"},
    ],
)
def test_what_makes_no_sense_is_not_learned(plain) -> None:
    reuse = Reuse()
    reuse.take(plain)
    assert reuse.plain() == Reuse().plain()


def test_a_clock_that_is_set_back_does_no_harm() -> None:
    reuse = Reuse()
    for now in (100.0, 50.0, 10.0, 0.0, 10.0):
        trail = reuse.note(key(1), now)
        reuse.note(key(2), now)
    assert trail.first <= trail.last
    assert reuse.rate(trail, 0.0) >= 0
