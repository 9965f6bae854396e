"""Arguments that are true or false, and decide which code runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dumbo import Cache
from dumbo.persistence.store import Store
from dumbo.tracing.tracker import Tracker
from tests.tracing.test_tracker import module

FLAGS = """
    def loud(x): return x
    def calm(x): return x
    def f(x, shout=False):
        if shout:
            return loud(x)
        return calm(x)
    def passed_on(x, shout):
        return f(x, shout)
    def asked(x, shout):
        return loud(x) if shout is True else calm(x)
    def combined(x, shout, other=None):
        shout = shout or other
        return loud(x) if not shout else calm(x)
    def stored(x, shout):
        return shout, x
    def by_key(shout):
        return {True: loud, False: calm, "other": calm}[shout](1)
"""


NAMES = ("x", "shout")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def held(function: Any, *values: Any, observed: bool = True) -> set[str]:
    """The functions in the closure of a call, without the one that is called."""
    found = Tracker(function, observed=observed).graph(values, {}).nodes(data=True)
    kinds = ("function", "method")
    names = {data["name"].rpartition(":")[2] for _, data in found if data["kind"] in kinds}
    return names - {function.__qualname__}


@pytest.mark.parametrize("observed", [True, False])
def test_a_flag_takes_one_branch(observed: bool) -> None:
    made = module(FLAGS)
    assert held(made.f, 1, True, observed=observed) == {"loud"}
    assert held(made.f, 1, False, observed=observed) == {"calm"}
    assert held(made.f, 1, observed=observed) == {"calm"}  # as the default says


def test_a_flag_counts_where_it_is_passed_on_to() -> None:
    made = module(FLAGS)
    assert held(made.passed_on, 1, True) == {"f", "loud"}
    assert held(made.passed_on, 1, False) == {"f", "calm"}


def test_a_flag_is_told_from_the_other_by_identity() -> None:
    made = module(FLAGS)
    assert held(made.asked, 1, True) == {"loud"}
    assert held(made.asked, 1, False) == {"calm"}


def test_what_is_no_flag_may_be_either() -> None:
    made = module(FLAGS)
    assert held(made.f, 1, 2) == {"loud", "calm"}
    assert held(made.f, 1, [True]) == {"loud", "calm"}
    assert {"loud", "calm"} <= held(made.by_key, True)


def test_a_flag_is_one_as_long_as_it_is_not_set_anew() -> None:
    made = module(FLAGS)
    assert held(made.combined, 1, True) == {"calm"}
    assert held(made.combined, 1, False, "x") == {"loud", "calm"}


def test_each_value_of_a_flag_that_decides_has_a_closure_of_its_own(store: Store) -> None:
    made = module(FLAGS)
    tracker = Tracker(made.f)
    no = tracker.look((1, False), (), store, NAMES).digest
    assert tracker.look((1, True), (), store, NAMES).digest != no
    assert tracker.look((2, False), (), store, NAMES).digest == no
    assert tracker.traced == 2


def test_a_flag_that_decides_nothing_is_not_asked_for(store: Store) -> None:
    tracker = Tracker(module(FLAGS).stored)
    assert not tracker.look((1, False), (), store, NAMES).program.asked
    tracker.look((1, True), (), store, NAMES)
    assert tracker.traced == 1


def test_another_process_proves_it_by_a_replay(store: Store) -> None:
    made = module(FLAGS)
    first, second = Tracker(made.f), Tracker(made.f)
    for flag in (True, False):
        first.settle(first.look((1, flag), (), store, NAMES), store)
    for flag in (False, True):
        known = first.look((1, flag), (), store, NAMES)
        assert second.look((1, flag), (), store, NAMES).digest == known.digest
    assert second.traced == 0


def test_only_the_branch_that_was_taken_is_recomputed(tmp_path: Path) -> None:
    made = module(FLAGS)
    f = Cache(tmp_path).memo(keep="always")(made.f)
    assert [f(1, True), f(1, False)] == [1, 1]
    made.loud.__code__ = (lambda x: x + 10).__code__
    assert [f(1, True), f(1, False)] == [11, 1]
    assert f.cache_info().hits == 1
