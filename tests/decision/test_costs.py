"""Averages that forget, prices that learn, and sizes guessed without running user code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dumbo.decision.costs import Average, Costs, Machine, Price, rough_size


def test_the_first_measurements_count_alike() -> None:
    average = Average()
    for measured in (1, 2, 3):
        average.add(measured)
    assert average.value == pytest.approx(2)


def test_an_average_follows_a_change_within_twenty_measurements() -> None:
    average = Average()
    for _ in range(100):
        average.add(1)
    for _ in range(20):
        average.add(1000)
    assert average.value > 990


@pytest.mark.parametrize("place", range(4))
def test_one_measurement_out_of_all_proportion_hardly_counts_wherever_it_comes(place) -> None:
    average = Average()
    measured = [1.0] * 6
    measured[place] = 1_000.0
    for one in measured:
        average.follow(one)
    assert average.value < 2.5


def test_a_price_is_a_guess_until_it_learns() -> None:
    price = Price(1e-4, 1e-9)
    assert price.of(0) == 1e-4
    assert price.of(1e6) == pytest.approx(1.1e-3)
    price.learn(0, 3e-4)
    assert price.of(0) == pytest.approx(3e-4)
    assert price.of(1e6) == pytest.approx(3.3e-3)


def test_what_imports_and_opens_counts_for_no_more_than_some_times_of_what_was_expected() -> None:
    price = Price(1e-4, 1e-9)
    price.learn(0, 10.0)
    assert price.of(0) < 1e-3


def test_a_price_follows_a_machine_that_becomes_slow_within_twenty_measurements() -> None:
    price = Price(1e-4, 1e-9)
    for _ in range(100):
        price.learn(1_000, 1e-4)
    for _ in range(20):
        price.learn(1_000, 1e-2)
    assert price.of(1_000) > 0.9e-2


def test_a_price_believes_the_second_of_two_that_are_out_of_all_proportion() -> None:
    price = Price(1e-4, 1e-9)
    for _ in range(20):
        price.learn(0, 1e-4)
    price.learn(0, 1.0)
    assert price.of(0) < 2e-4
    price.learn(0, 1e-4)
    price.learn(0, 1.0)
    assert price.of(0) < 4e-4
    price.learn(0, 1.0)
    assert price.of(0) > 0.1


@given(st.floats(1e-3, 10), st.floats(1e-3, 0.1))
def test_what_is_denied_a_place_is_stored_for_a_share_of_its_time(compute, budget) -> None:
    costs = Costs(Machine())
    for _ in range(20):
        costs.store.learn(1_000, 20.0)  # the disk has become slow
    price = costs.store.of(1_000)
    count = 2_000
    stores = sum(costs.retries(compute, 1_000, budget) for _ in range(count))
    assert stores * price <= budget * compute * count * 1.01
    assert stores >= min(count, int(budget * compute * count / price) - 1) // 2


def test_what_never_paid_is_not_tried_again() -> None:
    costs = Costs(Machine())
    assert not any(costs.retries(1e-4, 1_000, 0.01) for _ in range(10_000))


def test_storing_costs_more_than_loading_at_first() -> None:
    costs = Costs(Machine())
    for size in (0, 10**3, 10**6, 10**9):
        assert costs.store.of(size) > costs.load.of(size) > 0


def test_sizes_grow_with_length() -> None:
    for make in (lambda n: "x" * n, bytes, lambda n: [0] * n, lambda n: dict.fromkeys(range(n))):
        assert rough_size(make(10)) < rough_size(make(10_000))


def test_arrays_are_as_large_as_their_data() -> None:
    numpy = pytest.importorskip("numpy")
    assert rough_size(numpy.zeros(1000)) == 8000


def test_no_method_of_the_users_is_called() -> None:
    class Nasty(list):
        def __len__(self):
            raise AssertionError

        def __getattr__(self, name):
            raise AssertionError

    assert rough_size(Nasty()) > 0


def test_what_was_learned_comes_back_from_plain_values() -> None:
    costs = Costs(Machine())
    for number in range(1, 9):
        costs.look.add(1e-5 * number)
        costs.compute.add(0.1 * number)
        costs.store.learn(10**number, 1e-3 * number)
    other = Costs(Machine())
    other.take(costs.plain())
    assert other.plain() == costs.plain()
    assert other.store.of(10**5) == costs.store.of(10**5)


@pytest.mark.parametrize(
    "plain",
    [
        None,
        1,
        {},
        {"look": 1},
        {"look": (-1, 0, 0)},
        {"look": (1, float("nan"), 0)},
        {"store": (1, "a", 0)},
        {"store": (1, 1.0, 0.0, (99, 1, 1.0, 0.0), 5)},
        {"other": 1},
    ],
)
def test_what_makes_no_sense_counts_as_never_measured(plain) -> None:
    costs = Costs(Machine())
    costs.take(plain)
    assert costs.look.count == 0
    assert costs.store.of(1000) > 0


def test_functions_without_measurements_ask_the_machine() -> None:
    machine = Machine()
    slow = Costs(machine)
    before = Costs(machine).store.of(10**6)
    for _ in range(30):
        slow.store.learn(10**6, before * 100)
    assert Costs(machine).store.of(10**6) == pytest.approx(before * 100, rel=0.05)


def test_sizes_are_judged_apart() -> None:
    costs = Costs(Machine())
    small = costs.store.of(10)
    for _ in range(30):
        costs.store.learn(10**8, 100.0)
    for _ in range(20):
        costs.store.learn(10, small)
    assert costs.store.of(10) == pytest.approx(small, rel=0.05)
    assert costs.store.of(10**8) > 90


def test_an_average_knows_its_spread() -> None:
    same, other = Average(), Average()
    for number in range(40):
        same.add(5.0)
        other.add(number % 2 * 10.0)
    assert same.spread == 0
    assert 3 < other.spread < 8
