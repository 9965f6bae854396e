"""Thresholds, and rules of one's own: what becomes of a verdict."""

from __future__ import annotations

import pytest

from dumbo.decision.policy import Offer, Policy, decide
from dumbo.decision.worth import Verdict, judge

YES = Verdict(True, "worth it", 1.0, 0.1)
NO = Verdict(False, "too fast", 1.0, 0.1)


def offer(**given: object) -> Offer:
    return Offer("mod:f", **{"compute": 1.0, "size": 1000.0, **given})  # type: ignore[arg-type]


def test_without_thresholds_it_is_the_verdict_of_auto() -> None:
    assert decide(Policy(), offer(), YES) is YES
    assert decide(Policy(), offer(), NO) is NO


def test_what_took_less_than_the_threshold_is_not_stored() -> None:
    assert decide(Policy(min_compute=2), offer(), YES).code == "below the threshold"
    assert decide(Policy(min_compute=0.5), offer(), YES) is YES


def test_what_is_larger_than_the_threshold_is_not_stored() -> None:
    assert decide(Policy(max_result=10), offer(), YES).code == "too large"
    assert decide(Policy(max_result=10_000), offer(), YES) is YES


def test_a_rule_of_ones_own_decides() -> None:
    class Small(Policy):
        def stores(self, offer):
            return offer.size < 10

    assert decide(Small(), offer(size=5.0), NO).store
    assert not decide(Small(), offer(), YES).store
    assert decide(Small(min_compute=5), offer(size=5.0), NO).code == "below the threshold"


def test_any_object_with_the_method_will_do() -> None:
    class Rule:
        def stores(self, offer):
            return "yes"

    assert decide(Rule(), offer(), NO).store


@pytest.mark.parametrize("given", [{"budget": -1}, {"min_compute": "1"}, {"max_result": True}])
def test_thresholds_that_make_no_sense_are_refused(given) -> None:
    with pytest.raises(ValueError, match="give a number"):
        Policy(**given)


def test_the_budget_is_what_trials_may_cost() -> None:
    lots = [number / 1000 for number in range(1000)]

    def trials(budget: float) -> int:
        found = [judge("auto", 1e-3, 2e-4, 0, chance=0.01, lot=x, budget=budget) for x in lots]
        return sum(one.store for one in found)

    assert trials(0.0) == 0
    assert trials(0.02) == pytest.approx(2 * trials(0.01), abs=2)
