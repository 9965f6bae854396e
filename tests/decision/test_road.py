"""Which calls are looked up, which are clocked, and which just run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dumbo.decision.road import STRIDE, Road


def drive(road: Road, calls: int, period: float, *, clocked: bool = False) -> list[str]:
    """Make so many calls, of which one in *period* shall be looked up."""
    made = []
    for _ in range(calls):
        if road.left:
            road.left -= 1
            made.append("plain")
        elif road.ahead:
            road.went(period, clocked=clocked)
            made.append("clocked")
        else:
            road.looked(period, clocked=clocked)
            made.append("looked up")
    return made


def test_where_looking_pays_each_call_is_looked_up() -> None:
    assert drive(Road(), 100, 1.0) == ["looked up"] * 100


@given(st.integers(1, 500))
def test_one_call_in_so_many_is_looked_up(period) -> None:
    made = drive(Road(), 2_000, period)
    places = [number for number, how in enumerate(made) if how == "looked up"]
    assert places == list(range(0, 2_000, period))


def test_of_the_others_one_in_eight_is_clocked() -> None:
    made = drive(Road(), 872, 10_000)
    assert made[0] == "looked up"
    assert made[1:4] == ["clocked"] * 2 + ["plain"]
    assert made[-800:] in [
        (["plain"] * (STRIDE - 1) + ["clocked"])[turn:]
        + (["plain"] * (STRIDE - 1) + ["clocked"]) * 99
        + (["plain"] * (STRIDE - 1) + ["clocked"])[:turn]
        for turn in range(STRIDE)
    ]


def test_each_call_is_clocked_where_that_is_asked_for() -> None:
    assert drive(Road(), 100, 1_000, clocked=True)[1:] == ["clocked"] * 99


def test_a_function_that_has_become_slow_is_looked_up_within_ten_calls() -> None:
    road = Road()
    drive(road, 100, 1e9)
    assert "looked up" in drive(road, STRIDE + 2, 1.0)


def test_the_calls_that_went_straight_through_are_counted() -> None:
    road = Road()
    road.looked(100)
    went = 0
    for _ in range(98):
        if road.left:
            road.left -= 1
        else:
            went += road.stretch
            road.went(100)
    assert went == pytest.approx(98, abs=STRIDE)


def test_a_number_beyond_all_bounds_is_one() -> None:
    road = Road()
    road.looked(float("inf"))
    assert road.ahead
    road.stop()
    assert not road.ahead
    assert road.left == 0
