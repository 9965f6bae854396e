"""Lengths of time, as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dumbo.durations import seconds_of


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("10 min", 600),
        ("10min", 600),
        ("1.5h", 5400),
        ("2 hours 30 minutes", 9000),
        ("2h30m", 9000),
        ("90", 90),
        ("500 ms", 0.5),
        ("1 Day", 86_400),
        ("1w", 604_800),
        (90, 90),
        (0.5, 0.5),
        (0, 0),
        (timedelta(minutes=2), 120),
    ],
)
def test_is_so_many_seconds(given: object, seconds: float) -> None:
    assert seconds_of(given) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "given",
    ["", "soon", "10 parsecs", "min", "10 min 5", "-5 s", "1..5 s", "nan", "inf", -1, True, None,
     float("nan"), float("inf"), [1], timedelta(seconds=-1), "5 min;"],
)  # fmt: skip
def test_stands_for_none(given: object) -> None:
    assert seconds_of(given) is None
