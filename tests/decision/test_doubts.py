"""How long a call took, where others may have had the processor."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dumbo.decision.doubts import Doubts, both

USUAL = 1e-5
seconds = st.floats(0, 100)


def test_what_took_as_long_as_expected_is_believed() -> None:
    doubts = Doubts()
    assert doubts.believed(2 * USUAL, USUAL, 100) == 2 * USUAL
    assert not doubts.any


def test_what_took_far_too_long_is_not_believed_at_once() -> None:
    doubts = Doubts()
    assert doubts.believed(0.01, USUAL, 100) == 4 * USUAL
    assert doubts.any
    assert doubts.clock is both


def test_an_interruption_is_none_of_the_functions_time() -> None:
    doubts = Doubts()
    doubts.believed(0.01, USUAL, 100)
    assert doubts.believed(complex(0.01, USUAL), USUAL, 100) == USUAL
    assert doubts.believed(complex(USUAL, USUAL), USUAL, 100) == USUAL
    assert doubts.believed(complex(0.01, USUAL), USUAL, 100) == USUAL


def test_a_function_that_becomes_dear_is_believed_at_the_second_call() -> None:
    doubts = Doubts()
    doubts.believed(0.01, USUAL, 100)
    assert doubts.believed(complex(0.011, 0.01), USUAL, 100) == 0.011


def test_a_function_that_begins_to_wait_is_believed_at_the_third_call() -> None:
    doubts = Doubts()
    doubts.believed(0.01, USUAL, 100)
    doubts.believed(complex(0.01, USUAL), USUAL, 100)
    assert doubts.believed(complex(0.01, USUAL), USUAL, 100) == 0.01


def test_two_clocks_are_read_for_a_few_calls_only() -> None:
    doubts = Doubts()
    doubts.believed(0.01, USUAL, 100)
    for _ in range(8):
        assert doubts.any
        doubts.believed(complex(USUAL, USUAL), USUAL, 100)
    assert not doubts.any
    assert doubts.clock is not both


@given(seconds, st.integers(0, 3))
def test_of_a_function_that_is_hardly_known_all_is_believed(took, count) -> None:
    assert Doubts().believed(took, USUAL, count) == took


@given(st.lists(st.tuples(st.booleans(), seconds, st.floats(0, 1)), max_size=30), seconds)
def test_nothing_is_taken_to_be_longer_than_it_took_and_expected(calls, expected) -> None:
    doubts = Doubts()
    for _, wall, share in calls:
        took = complex(wall, wall * share) if doubts.any else wall
        believed = doubts.believed(took, expected, 100)
        assert 0 <= believed <= max(wall, expected)


def test_both_clocks_run() -> None:
    begun = both()
    sum(range(100_000))
    spent = both() - begun
    assert spent.real > 0
    assert spent.imag > 0
