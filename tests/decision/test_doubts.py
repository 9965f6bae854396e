"""How long a call took, where others may have had the processor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dumbo.decision.doubts import Doubts

USUAL = 1e-5
seconds = st.floats(0, 100)


def quick() -> float:
    return 0.0


def close() -> complex:
    return 0j


@pytest.fixture(params=[True, False], ids=["waits are told", "waits are not told"])
def doubts(request: pytest.FixtureRequest) -> Doubts:
    return Doubts(quick, close, tells_waits=request.param)


def test_what_took_as_long_as_expected_is_believed(doubts: Doubts) -> None:
    assert doubts.believed(2 * USUAL, USUAL, 100) == 2 * USUAL
    assert not doubts.any
    assert doubts.clock is quick


def test_what_took_far_too_long_is_not_believed_at_once(doubts: Doubts) -> None:
    assert doubts.believed(0.01, USUAL, 100) == 4 * USUAL
    assert doubts.any
    assert doubts.clock is close


def test_an_interruption_is_none_of_the_functions_time(doubts: Doubts) -> None:
    doubts.believed(0.01, USUAL, 100)
    assert doubts.believed(complex(0.01, USUAL), USUAL, 100) == USUAL
    assert doubts.believed(complex(USUAL, USUAL), USUAL, 100) == USUAL
    assert doubts.believed(complex(0.01, USUAL), USUAL, 100) == USUAL


def test_a_function_that_becomes_dear_is_believed_at_the_second_call(doubts: Doubts) -> None:
    doubts.believed(0.01, USUAL, 100)
    assert doubts.believed(complex(0.011, 0.011), USUAL, 100) == 0.011


def test_where_waits_are_not_told_a_function_that_waits_is_believed_at_the_third_call() -> None:
    doubts = Doubts(quick, close, tells_waits=False)
    doubts.believed(0.01, USUAL, 100)
    doubts.believed(complex(0.01, USUAL), USUAL, 100)
    assert doubts.believed(complex(0.01, USUAL), USUAL, 100) == 0.01


def test_few_calls_are_measured_closely(doubts: Doubts) -> None:
    doubts.believed(0.01, USUAL, 100)
    for _ in range(8):
        assert doubts.any
        doubts.believed(complex(USUAL, USUAL), USUAL, 100)
    assert not doubts.any
    assert doubts.clock is quick


def test_where_it_costs_nothing_all_are(doubts: Doubts) -> None:
    doubts.believed(0.001, 0.001, 100)
    assert doubts.clock is close
    for _ in range(20):
        doubts.believed(complex(0.001, 0.001), 0.001, 100)
    assert doubts.clock is close


@given(seconds, st.integers(0, 3))
def test_of_a_function_that_is_hardly_known_all_is_believed(took, count) -> None:
    assert Doubts(quick, close).believed(took, USUAL, count) == took


@given(st.lists(st.tuples(seconds, st.floats(0, 1)), max_size=30), seconds, st.booleans())
def test_nothing_is_taken_to_be_longer_than_it_took_and_expected(calls, expected, told) -> None:
    doubts = Doubts(quick, close, tells_waits=told)
    for wall, share in calls:
        took = complex(wall, wall * share) if doubts.clock is close else wall
        believed = doubts.believed(took, expected, 100)
        assert 0 <= believed <= max(wall, expected)
