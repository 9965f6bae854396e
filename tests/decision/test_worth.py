"""Whether a result is stored: pure functions, with their reasons."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dumbo.decision.averages import Price
from dumbo.decision.eviction import rank
from dumbo.decision.worth import KEEP, asks, judge

seconds = st.floats(0, 1e6, allow_nan=False)
sizes = st.integers(0, 10**12)


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
    assert asks(keep, compute=1e-9, look=1.0, load=1.0, hits=0.0, miss=1.0) == 1


shares = st.floats(0, 1)
circumstances = st.fixed_dictionaries(
    {"look": st.floats(0, 1), "chance": shares, "lot": st.floats(0, 1, exclude_max=True)}
)


@given(seconds, seconds, seconds, seconds, circumstances, st.floats(0, 1), st.floats(0, 1))
def test_more_computing_never_speaks_against_storing_whatever_the_circumstances(
    compute, more, store, load, given_, rank, rent
) -> None:
    before = judge("auto", compute, store, load, rank=rank, rent=rent, **given_)
    after = judge("auto", compute + more, store, load, rank=rank, rent=rent, **given_)
    assert after.store >= before.store


@given(seconds, seconds, seconds, seconds, circumstances, shares)
def test_a_call_that_is_likelier_to_come_again_is_never_less_worth_storing(
    compute, store, load, rent, given_, more
) -> None:
    before = judge("auto", compute, store, load, **given_)
    given_["chance"] = min(1.0, given_["chance"] + more)
    assert judge("auto", compute, store, load, **given_).store >= before.store


def test_what_is_worth_less_than_what_would_go_for_it_is_not_stored() -> None:
    assert judge("auto", 1.0, 0.1, 0.1, rank=1.0, rent=2.0).code == "no room"
    assert judge("always", 1.0, 0.1, 0.1, rank=1.0, rent=2.0).store


def test_calls_that_never_come_again_are_stored_for_a_share_of_their_time() -> None:
    lots = [number / 1000 for number in range(1000)]
    found = [judge("auto", 1e-3, 2e-4, 5e-5, chance=0.01, lot=lot) for lot in lots]
    assert {one.code for one in found} == {"trial", "never again"}
    spent = sum(2e-4 for one in found if one.store)
    assert 0.005 * 1.0 < spent <= 0.011 * 1.0


def test_what_costs_nearly_nothing_to_store_is_stored_though_it_never_came_again() -> None:
    assert judge("auto", 1.0, 1e-3, 1e-4, chance=0.0001, lot=0.999).store


def test_a_function_that_is_slower_than_its_key_is_always_looked_up() -> None:
    assert asks("auto", compute=1e-2, look=4e-5, load=3e-5, hits=0.5, miss=1e-4) == 1
    assert asks("auto", compute=1e-2, look=4e-5, load=3e-5, hits=0.0, miss=1e-4) == 1  # by budget


def test_a_function_whose_key_costs_more_is_looked_up_for_a_share_of_its_time() -> None:
    calls = asks("auto", compute=1e-3, look=1e-2, load=1e-4, hits=1.0, miss=1e-2)
    assert calls == pytest.approx(1_000)
    assert 1e-2 / (calls * 1e-3) == pytest.approx(0.01)


def test_a_function_that_is_never_found_is_looked_up_for_a_share_of_its_time() -> None:
    assert asks("auto", compute=2e-4, look=4e-5, load=3e-5, hits=0.5, miss=4e-5) == 1
    assert asks("auto", 2e-4, 4e-5, 3e-5, 0.01, 4e-5, seen=64) == pytest.approx(20)
    assert asks("auto", 2e-4, 4e-5, 3e-5, 0.01, 4e-5, seen=10) == 1  # it may come to be found


def test_what_a_look_costs_is_measured_three_times_before_a_function_is_left_alone() -> None:
    dear = {"compute": 5e-5, "look": 2e-2, "load": 3e-5, "hits": 0.5, "miss": 2e-2}
    assert [asks("auto", **dear, looks=looks) for looks in range(3)] == [16] * 3
    assert asks("auto", **dear, looks=3) > 10_000


def test_what_takes_far_longer_than_its_store_waits_for_another_run() -> None:
    assert judge("auto", 1.0, 0.014, 1e-4, chance=0.0, lot=0.999).store
    assert not judge("auto", 1.0, 0.016, 1e-4, chance=0.0, lot=0.999).store


def test_in_a_full_store_the_rent_until_a_call_comes_again_is_paid_for() -> None:
    room = {"load": 0.0, "rent": 1.0}
    assert judge("auto", 1.0, 0.3, rank=2.0, **room).code == "worth it"  # 1 - 1 / 2 > 0.3
    assert judge("auto", 1.0, 0.6, rank=2.0, **room).code == "no room"
    assert judge("auto", 1.0, 0.6, rank=2.0, uses=3, **room).code == "worth it"


@given(seconds, seconds, seconds, seconds, seconds, shares)
def test_a_slower_function_is_never_looked_up_less(compute, more, look, load, miss, hits) -> None:
    before = asks("auto", compute, look, load, hits, miss)
    assert asks("auto", compute + more, look, load, hits, miss) <= before


@given(
    seconds, seconds, seconds, sizes, sizes, st.integers(1, 50), st.floats(0, 1), st.floats(0, 1)
)
def test_more_bytes_never_make_a_result_more_worth_keeping(
    compute, look, age, size, more, uses, chance, rent
) -> None:
    store, load = Price(150e-6, 4e-9), Price(30e-6, 1e-9)

    def stores(size: float) -> bool:
        saving = compute - load.of(size) - look
        worth = rank(saving, size, uses, 0.0, 1.0, 1.0 + age, chance=chance)
        return judge(
            "auto", compute, store.of(size), load.of(size),
            look=look, chance=chance, uses=uses, rank=worth, rent=rent, lot=0.5,
        ).store  # fmt: skip

    assert stores(size) or not stores(size + more)


@given(seconds, seconds, seconds, seconds, sizes, st.integers(1, 50), st.floats(0, 1))
def test_more_computing_never_makes_a_result_less_worth_keeping_in_a_full_store(
    compute, more, look, age, size, uses, rent
) -> None:
    store, load = Price(150e-6, 4e-9), Price(30e-6, 1e-9)

    def stores(compute: float) -> bool:
        worth = rank(compute - load.of(size) - look, size, uses, 0.0, 1.0, 1.0 + age)
        return judge(
            "auto", compute, store.of(size), load.of(size),
            look=look, uses=uses, rank=worth, rent=rent,
        ).store  # fmt: skip

    assert stores(compute + more) or not stores(compute)
