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


def test_it_is_believed_of_few_calls_that_they_come_again_and_of_many_only_if_some_did() -> None:
    reuse, other = Reuse(), Reuse()
    chances = []
    for number in range(200):
        reuse.note(key(number), float(number))
        chances.append(reuse.chance(1))
        other.note(key(number - number % 4), float(number))
    assert chances[4] > 0.6
    assert chances[100] < 0.035
    assert chances[199] < 0.01
    assert other.chance(1) > 0.8


def test_how_far_it_is_believed_is_kept() -> None:
    reuse, other = Reuse(), Reuse()
    for number in range(20):
        reuse.note(key(number), float(number))
    other.take(reuse.plain())
    assert other.plain() == reuse.plain()
    for number in range(20, 120):
        reuse.note(key(number), float(number))
        other.note(key(number), float(number))
    assert other.chance(1) == reuse.chance(1)


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
    assert 4096 - 256 <= len(reuse.trails) <= 4096
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


def test_calls_of_earlier_runs_are_remembered() -> None:
    before, after, fresh = Reuse(), Reuse(), Reuse()
    for turn in range(6):
        before.note(b"a", 100.0 + turn)
    before.note(b"b", 106.0)
    after.take(before.plain())
    after.haunt(before.ghosts())
    assert after.ghosts() == before.ghosts()
    trail = after.note(b"a", 200.0)
    assert (trail.uses, trail.first, trail.last) == (7, 100.0, 200.0)
    assert after.chance(trail.uses) == 1.0
    assert fresh.note(b"a", 200.0).uses == 1
    known = after.trail(b"b")
    assert known is not None
    assert known.last == 106.0


def test_what_was_found_before_anything_was_missed_is_remembered_too() -> None:
    before, after = Reuse(), Reuse()
    before.note(b"a", 100.0)
    after.haunt(before.ghosts())
    after.found(b"a", 150.0)
    assert dict((key, (uses, last)) for key, uses, _, last in after.ghosts())[b"a"] == (2, 150.0)


def test_no_more_than_so_many_are_kept_and_those_that_came_last() -> None:
    reuse = Reuse()
    for number in range(3_000):
        reuse.note(number.to_bytes(4, "big"), float(number))
    ghosts = reuse.ghosts()
    assert len(ghosts) < 1_000
    assert ghosts[-1][0] == (2_999).to_bytes(4, "big")


@pytest.mark.parametrize(
    "plain",
    [
        None,
        5,
        (1, 2),
        ((b"a", 1, 2.0),),
        ((b"a", 0, 1.0, 2.0),),
        ((b"a", 1, 3.0, 2.0),),
        ((b"a", 1, 0.0, float("nan")),),
    ],
)
def test_ghosts_that_make_no_sense_are_none(plain) -> None:
    reuse = Reuse()
    reuse.haunt(plain)
    assert reuse.trail(b"a") is None
    reuse.note(b"b", 1.0)


def test_lessons_of_calls_that_are_found_take_one_per_cent_of_the_time_at_most() -> None:
    taught: list[float] = []

    class Pupil(Reuse):
        def _learn(self, trail, now):
            taught.append(now)
            super()._learn(trail, now)

    reuse = Pupil()
    reuse.note(b"a", 1.0)
    for turn in range(10_000):
        reuse.found(b"a", 1.0 + turn * 20e-6)
    assert 50 < len(taught) < 150


def test_a_lesson_that_another_thread_disturbs_is_a_lesson_nevertheless(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reuse = Reuse()
    reuse.note(b"a", 0.0)

    class Score(list[float]):
        def __iter__(self):  # each look finds other scores
            self[:] = [one - 1.0 for one in list.__iter__(self)]
            return super().__iter__()

    reuse._score = Score(reuse._score)
    for now in range(1, 200):
        reuse.note(b"a", float(now))
    assert reuse.half_life in HALF_LIVES
