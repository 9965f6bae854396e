"""Whether a result is stored: pure functions, with their reasons."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dumbo.decision.worth import KEEP, judge, worth_looking

seconds = st.floats(0, 1e6, allow_nan=False)


def test_auto_stores_what_took_longer_than_storing_and_loading() -> None:
    assert judge("auto", 1.0, 0.4, 0.5).store
    assert judge("auto", 1.0, 0.4, 0.5).code == "worth it"
    assert not judge("auto", 1.0, 0.6, 0.5).store
    assert judge("auto", 1.0, 0.6, 0.5).code == "too fast"


@given(seconds, seconds, seconds)
def test_always_and_never_do_not_look_at_costs(compute, store, load) -> None:
    assert judge("always", compute, store, load).store
    assert not judge("never", compute, store, load).store


@given(st.sampled_from(KEEP), seconds, seconds, seconds, seconds)
def test_more_computing_never_makes_a_result_less_worth_keeping(
    keep, compute, more, store, load
) -> None:
    if judge(keep, compute, store, load).store:
        assert judge(keep, compute + more, store, load).store


@given(st.sampled_from(KEEP), seconds, seconds, seconds, seconds)
def test_dearer_storing_never_makes_a_result_more_worth_keeping(
    keep, compute, more, store, load
) -> None:
    if judge(keep, compute, store + more, load).store:
        assert judge(keep, compute, store, load).store


@pytest.mark.parametrize("keep", ["always", "never"])
def test_only_auto_ever_goes_straight_through(keep) -> None:
    assert all(worth_looking(keep, n) for n in range(1000))


def test_a_fast_function_is_looked_at_now_and_then() -> None:
    looks = [n for n in range(1000) if worth_looking("auto", n)]
    assert looks[:16] == list(range(16))
    assert 10 <= len(looks[16:]) <= 20
