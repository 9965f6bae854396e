"""In which order results go, against the definition; and what a byte costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dumbo.decision.eviction import lowest, rank, rent

seconds = st.floats(0, 1e6, allow_nan=False)
sizes = st.integers(0, 10**12)
uses = st.integers(1, 1_000)
entries = st.lists(st.tuples(st.floats(0, 100), st.integers(0, 1_000)), max_size=60)


def naive(ranked: list[tuple[float, int, int]], excess: float) -> list[int]:
    """The definition: while there is too much, the lowest goes; of equals, the first."""
    left, gone = list(ranked), []
    while excess > 0 and left:
        first = left[0]
        for one in left:
            if one[0] < first[0]:
                first = one
        left.remove(first)
        gone.append(first[2])
        excess -= first[1]
    return gone


@given(entries, st.floats(-10, 20_000))
def test_results_go_in_the_order_of_the_definition(given_, excess) -> None:
    ranked = [(value, size, number) for number, (value, size) in enumerate(given_)]
    gone, last = lowest(ranked, excess)
    assert gone == naive(ranked, excess)
    assert last == (ranked[gone[-1]][0] if gone else 0.0)


@given(seconds, seconds, sizes, uses, seconds, seconds, seconds)
def test_more_computing_never_makes_a_result_go_earlier(
    saving, more, size, n, first, span, age
) -> None:
    last = first + span
    assert rank(saving + more, size, n, first, last, last + age) >= rank(
        saving, size, n, first, last, last + age
    )


@given(seconds, sizes, sizes, uses, seconds, seconds, seconds)
def test_more_bytes_never_make_a_result_go_later(saving, size, more, n, first, span, age) -> None:
    last = first + span
    assert rank(saving, size + more, n, first, last, last + age) <= rank(
        saving, size, n, first, last, last + age
    )


def test_what_loads_no_faster_than_it_computes_goes_first() -> None:
    assert rank(0.0, 10, 100, 0.0, 1.0, 2.0) == rank(-1.0, 10, 100, 0.0, 1.0, 2.0) == 0.0


def test_what_is_dear_by_the_byte_stays() -> None:
    results = {
        "dear and small": rank(10.0, 10**4, 3, 0.0, 100.0, 200.0),
        "dear and large": rank(10.0, 10**8, 3, 0.0, 100.0, 200.0),
        "cheap and small": rank(0.01, 10**4, 3, 0.0, 100.0, 200.0),
    }
    assert max(results, key=results.__getitem__) == "dear and small"


def test_how_long_an_old_favourite_stays_is_a_matter_of_its_function() -> None:
    favourite = (1.0, 1_000, 50, 0.0, 1_000.0, 10_000.0)
    fresh = (1.0, 1_000, 2, 9_900.0, 10_000.0, 10_000.0)
    assert rank(*favourite) > rank(*fresh)
    assert rank(*favourite, half_life=256.0) < rank(*fresh, half_life=256.0)


@given(st.floats(0, 1e3), st.floats(0, 200))
def test_a_byte_costs_nothing_in_a_store_with_room_and_the_full_rent_in_a_full_one(
    last, used
) -> None:
    found = rent(last, used, 100)
    assert 0 <= found <= last
    assert found == (0 if used <= 65 else last if used >= 83 else pytest.approx(found))
    assert rent(last, used + 5, 100) >= found


@given(st.floats(0, 1e3), st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1e-2, 1e7))
def test_the_rent_falls_as_the_rank_of_what_went_would_have(last, age, more, half_life) -> None:
    found = rent(last, 95, 100, age=age, half_life=half_life)
    assert rent(last, 95, 100, age=age + more, half_life=half_life) <= found <= last
    assert rent(last, 95, 100, age=half_life, half_life=half_life) == pytest.approx(last / 2)
