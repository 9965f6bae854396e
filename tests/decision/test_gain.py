"""What caching gained, from sums."""

from __future__ import annotations

from dumbo.accounts.tally import COUNTS
from dumbo.decision.gain import calls, loses, overhead, saved


def sums(**given: float) -> dict[str, float]:
    return {**COUNTS, **given}


def test_hits_from_memory_saved_what_the_others_did() -> None:
    assert saved(sums(hits=10, loads=2, saved=4.0)) == 20.0
    assert saved(sums(hits=3), compute=2.0) == 6.0
    assert saved(sums(hits=3)) == 0.0


def test_the_first_call_of_a_process_stands_apart() -> None:
    assert overhead(sums(looking=3.0, setup=2.0, storing=1.0)) == 2.0


def test_a_function_loses_if_more_is_spent_than_saved_and_that_is_to_be_noticed() -> None:
    seen = {"looks": 100, "computed": 100}
    assert loses(sums(**seen, looking=1.0, spent=10.0))
    assert not loses(sums(**seen, looking=1.0, spent=100.0))  # one per cent
    assert not loses(sums(**seen, looking=1.0, spent=10.0, hits=5, loads=5, saved=1.5))
    assert not loses(sums(looks=10, computed=10, looking=1.0, spent=1.0))  # too early to say


def test_a_function_that_is_called_straight_through_gains_nothing() -> None:
    given = {"computed": 5000, "straight": 4900, "looks": 100, "looking": 0.001, "spent": 1.0}
    assert loses(sums(**given))
    assert not loses(sums(**given, hits=10, loads=10, saved=1.0))


def test_calls_are_hits_and_computations() -> None:
    assert calls(sums(hits=3, computed=2)) == 5
