"""Strings that are made of those in the arguments decide which code runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from dumbo.persistence.store import Store
from dumbo.tracing.tracker import Tracker
from dumbo.tracing.words import ITEM, JOINED, LONGEST, MADE, PART, STEPS, Words
from tests.tracing.test_tracker import module
from tests.tracing.test_words import held

SOURCE = """
    import importlib
    def fast(x): return x + 1
    def slow(x): return x + 2
    TABLE = {"fast": fast, "slow": slow}
    ALIASES = {"quick": "fast", "lazy": "slow"}

    class Worker:
        def run_fast(self, x): return fast(x)
        def run_slow(self, x): return slow(x)

    def key(mode): return TABLE[mode.lower()](1)
    def within(data): return TABLE[data["mode"].strip(" ").replace("-", "")](1)
    def method(mode): return getattr(Worker(), "run_" + mode)(1)
    def formatted(mode): return getattr(Worker(), f"run_{mode.lower()}")(1)
    def lowered(mode): return getattr(Worker(), ("Run_" + mode).lower())(1)
    def aligned(mode): return getattr(Worker(), f"run_{mode:>4}")(1)
    def of_anything(mode): return getattr(Worker(), f"run_{mode}")(1)
    def alias(mode):
        mode = mode.lower()
        return TABLE[ALIASES.get(mode, mode)](1)
    def compared(mode):
        if mode.lower() == "fast":
            return fast(1)
        return slow(1)
    def changed(mode):
        ALIASES["quick"] = "slow"
        return TABLE[ALIASES[mode]](1)
    def by_alias(mode): return TABLE[ALIASES[mode]](1)
    def nested(data): return TABLE[ALIASES.get(data["mode"].lower(), "slow")](1)
    def loop(mode):
        while len(mode) < 4:
            mode = mode.replace("f", "fa")
        return TABLE[mode](1)
    def plugin(name): return importlib.import_module("json." + name.lower())
    def shown(mode): return "run_" + mode.lower()
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


@pytest.mark.parametrize("name", ["key", "compared", "method", "formatted", "lowered"])
def test_what_is_made_of_an_argument_picks_one_function(name: str) -> None:
    tracker = Tracker(getattr(module(SOURCE), name))
    assert held(tracker, "fast") & {"fast", "slow"} == {"fast"}
    assert held(tracker, "slow") & {"fast", "slow"} == {"slow"}


@pytest.mark.parametrize("name", ["key", "compared", "formatted"])
def test_it_is_what_the_methods_make_of_it(name: str) -> None:
    tracker = Tracker(getattr(module(SOURCE), name))
    assert held(tracker, "FAST") & {"fast", "slow"} == {"fast"}


def test_a_string_within_an_argument_does_so_too() -> None:
    tracker = Tracker(module(SOURCE).within)
    assert held(tracker, {"mode": " fa-st"}) == {"fast"}
    assert held(tracker, {"mode": "slow "}) == {"slow"}


def test_a_table_of_strings_says_what_a_string_stands_for() -> None:
    tracker = Tracker(module(SOURCE).by_alias)
    assert held(tracker, "quick") == {"fast"}
    assert held(tracker, "lazy") == {"slow"}
    tracker = Tracker(module(SOURCE).alias)
    assert held(tracker, "Lazy") & {"fast", "slow"} == {"slow"}
    assert held(tracker, "FAST") & {"fast", "slow"} == {"fast"}
    assert held(Tracker(module(SOURCE).nested), {"mode": "Quick"}) == {"fast", "slow"}


def test_a_table_that_is_changed_says_nothing() -> None:
    assert {"fast", "slow"} <= held(Tracker(module(SOURCE).changed), "quick")


def test_what_such_a_table_holds_counts(store: Store) -> None:
    made = module(SOURCE)
    tracker = Tracker(made.by_alias)
    before = tracker.look(("quick",), (), store, ("mode",)).digest
    made.ALIASES["quick"] = "slow"
    assert tracker.look(("quick",), (), store, ("mode",)).digest != before


def test_a_default_that_is_made_of_an_argument_counts() -> None:
    tracker = Tracker(module(SOURCE).alias)
    assert "slow" in held(tracker, "lazy")
    assert "fast" in held(tracker, "QUICK")


@pytest.mark.parametrize(("name", "value"), [("aligned", "fast"), ("of_anything", 1)])
def test_what_is_formatted_in_another_way_may_be_anything(name: str, value: object) -> None:
    tracker = Tracker(getattr(module(SOURCE), name))
    assert {"fast", "slow"} <= held(tracker, value)


def test_what_is_made_again_and_again_may_be_anything() -> None:
    assert {"fast", "slow"} <= held(Tracker(module(SOURCE).loop), "fst")


def test_a_module_that_an_argument_names_is_followed(store: Store) -> None:
    tracker = Tracker(module(SOURCE).plugin)
    assert tracker.look(("Decoder",), (), store, ("name",)).digest  # not refused


def test_arguments_of_which_the_same_is_made_share_a_closure(store: Store) -> None:
    tracker = Tracker(module(SOURCE).key)
    first = tracker.look(("fast",), (), store, ("mode",))
    assert tracker.look(("FAST",), (), store, ("mode",)) is first
    assert tracker.traced == 1


def test_who_only_makes_strings_asks_for_nothing(store: Store) -> None:
    found = Tracker(module(SOURCE).shown).look(("fast",), (), store, ("mode",))
    assert found.program.asked == ()


def test_another_process_proves_it_by_a_replay(store: Store) -> None:
    made = module(SOURCE)
    first, second = Tracker(made.method), Tracker(made.method)
    for mode in ("fast", "slow"):
        first.settle(first.look((mode,), (), store, ("mode",)), store)
    for mode in ("slow", "fast"):
        known = first.look((mode,), (), store, ("mode",))
        assert second.look((mode,), (), store, ("mode",)).digest == known.digest
    assert second.traced == 0


def test_words_in_such_a_place_are_made_of_those_before_it() -> None:
    words = Words(("A-b", ["X", "y", 3]))
    lower, joined = (MADE, "lower"), (MADE, JOINED, "<", ">")
    assert words.of((0, lower)) == {"a-b"}
    assert words.of((0, (MADE, "replace", "-", "_"), joined)) == {"<A_b>"}
    assert words.has((1, lower), "x") is True
    assert words.has((1, lower), "X") is False
    assert words.has((0, lower), PART + "-b") is True
    assert words.of((1, (MADE, ITEM, "X", "first", "z", "second"))) == {"first"}
    assert words.every((1, joined)) == words.every((1, joined))


def test_of_what_is_too_long_or_no_such_method_nothing_is_made() -> None:
    words = Words(("A" * (LONGEST + 1), "b"))
    assert words.of((0, (MADE, "lower"))) is None
    assert words.every((0, (MADE, "lower"))) is None
    assert words.of((1, (MADE, "replace", "b"))) == set()
    assert STEPS < 10
