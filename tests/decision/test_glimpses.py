"""How often calls came that are only seen in passing, and when one of them is looked up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dumbo.decision.glimpses import Glimpses
from dumbo.decision.worth import HIT, is_hot, patience, stride

seconds = st.floats(0, 100)


def test_each_call_is_counted() -> None:
    glimpses = Glimpses()
    assert [glimpses.note(call) for call in (1, 2, 1, 1)] == [1, 1, 2, 3]
    glimpses.drop(1)
    glimpses.drop(5)
    assert glimpses.note(1) == 1


def test_of_too_many_calls_those_that_came_once_are_forgotten() -> None:
    glimpses = Glimpses()
    glimpses.note("often")
    glimpses.note("often")
    for call in range(10_000):
        glimpses.note(call)
    assert glimpses.note("often") == 3
    assert glimpses.note(0) == 1


def test_no_more_than_so_many_calls_are_remembered_however_often_they_come() -> None:
    glimpses = Glimpses()
    for call in range(20_000):
        glimpses.note(call)
        glimpses.note(call)
    assert len(glimpses._seen) <= 8192


def test_calls_that_are_not_plain_are_not_looked_at_for_long() -> None:
    glimpses = Glimpses()
    for _ in range(7):
        glimpses.blind()
    assert glimpses.left > 0
    glimpses.note(1)
    assert glimpses.left > 1
    for _ in range(8):
        glimpses.blind()
    assert glimpses.left == 0


@given(st.integers(1, 10_000), st.integers(1, 8), seconds, seconds, seconds)
def test_a_call_that_came_more_often_or_takes_longer_is_never_less_hot(
    seen, steps, compute, more, price
) -> None:
    if is_hot(seen, steps, compute, price):
        assert is_hot(seen + 1, steps, compute, price)
        assert is_hot(seen, steps, compute + more, price)


def test_a_call_is_hot_when_what_it_took_is_more_than_looking_it_up_costs() -> None:
    assert not is_hot(1, 1, 1.0, 0.001)
    assert not is_hot(2, 1, HIT, 0.001)
    assert is_hot(2, 1, 0.002, 0.001)
    assert not is_hot(11, 1, 1e-4 + HIT, 0.001)
    assert is_hot(12, 1, 1e-4 + HIT, 0.001)


def test_what_could_not_be_kept_makes_the_next_one_dearer() -> None:
    assert is_hot(5, 1, 0.001, 0.001)
    assert not is_hot(5, 1, 0.001, 0.001, vain=2)


@given(seconds, seconds)
def test_a_slower_function_is_never_seen_less(compute, more) -> None:
    steps = stride(compute)
    assert 0 <= steps <= 8
    if steps:
        assert 0 < stride(compute + more) <= steps


def test_a_function_that_is_as_fast_as_memory_is_not_seen() -> None:
    assert stride(HIT) == 0
    assert stride(1e-5) == 8
    assert stride(1e-4) == 1
    assert stride(1e-3) == 1


@given(seconds, st.integers(0, 1_000), st.integers(0, 1_000))
def test_the_fewer_calls_come_again_the_fewer_are_seen(compute, fresh, more) -> None:
    assert stride(compute, fresh=fresh) <= stride(compute, fresh=fresh + more) <= 8


def test_calls_in_a_row_that_came_for_the_first_time_are_counted() -> None:
    glimpses = Glimpses()
    for call in range(40):
        glimpses.note(call)
    assert glimpses.fresh == 40
    assert stride(1e-3, fresh=glimpses.fresh) == 2
    glimpses.note(3)
    assert glimpses.fresh == 0


@given(
    st.integers(0, 1_000),
    st.integers(0, 1_000),
    st.integers(0, 10_000),
    seconds,
    st.floats(1e-9, 1),
)
def test_the_more_it_has_paid_the_sooner_the_next_one_is_kept(
    kept, more, hits, compute, price
) -> None:
    usual = patience(kept, hits, compute, price)
    assert patience(0, 0, compute, price) == 1
    assert patience(kept + more, hits, compute, price) >= usual
    assert 0.25 <= patience(kept, hits + more, compute, price) <= usual


def test_what_is_kept_and_never_asked_for_again_makes_the_next_one_dearer() -> None:
    assert patience(9, 0, 1e-4, 3e-4) == 10
    assert patience(9, 10_000, 1e-4, 3e-4) == 0.25
