"""Strings in the arguments that decide which code runs, and how many closures they make."""

from __future__ import annotations

import sys
import types
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dumbo import Cache
from dumbo.persistence.store import Store
from dumbo.tracing.callgraph import Analysis
from dumbo.tracing.tracker import WORDINGS, Tracker
from dumbo.tracing.words import PART, Told, Words, fits, with_words, without_words, words_in
from tests.tracing.test_tracker import module

TABLE = """
    def fast(x): return x + 1
    def slow(x): return x + 2
    TABLE = {"fast": fast, "slow": slow}
    def f(mode, x): return TABLE[mode](x)
    def each(data): return [TABLE[key](x) for key, x in data.items() if key in TABLE]
    def compared(mode):
        if mode == "fast":
            return fast(1)
        return slow(1)
    def plain(data): return data.get("fast"), "slow" in data
    def test_only(data):
        if "slow" in data["inner"]:
            return slow(1)
        return TABLE[data["mode"]](1)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def held(tracker: Tracker, *values: Any) -> set[str]:
    """The functions in the closure of a call, without the one that is called."""
    kinds = ("function", "method")
    found = tracker.graph(values, {}).nodes(data=True)
    names = {data["name"].rpartition(":")[2] for _, data in found if data["kind"] in kinds}
    # Before 3.12 comprehensions are functions.
    return {name for name in names if "comp>" not in name} - {tracker.function.__qualname__}


def test_a_key_that_is_an_argument_picks_one_function() -> None:
    tracker = Tracker(module(TABLE).f)
    assert held(tracker, "fast", 1) == {"fast"}
    assert held(tracker, "slow", 1) == {"slow"}
    assert held(tracker, "none of them", 1) == set()


def test_keys_within_an_argument_pick_their_functions() -> None:
    tracker = Tracker(module(TABLE).each)
    assert held(tracker, {"fast": 1, "other": 2}) == {"fast"}
    assert held(tracker, {"fast": 1, "slow": 2}) == {"fast", "slow"}


def test_a_comparison_takes_one_branch() -> None:
    tracker = Tracker(module(TABLE).compared)
    assert held(tracker, "fast") == {"fast"}
    assert held(tracker, "slow") == {"slow"}


def test_a_test_for_a_key_is_decided_where_a_table_is_asked_as_well() -> None:
    tracker = Tracker(module(TABLE).test_only)
    assert held(tracker, {"mode": "fast", "inner": {}}) == {"fast"}
    assert held(tracker, {"mode": "fast", "inner": {"slow": 1}}) == {"fast", "slow"}


def test_who_asks_too_late_does_not_trace_to_the_end_first(monkeypatch: pytest.MonkeyPatch) -> None:
    more = "".join(f"    def g{n}(x): return g{n + 1}(x)\n" for n in range(50))
    late = """
    def late(data):
        if "slow" in data["inner"]:
            return slow(1)
        return g0(TABLE[data["mode"]](1))
    """
    begun: list[Analysis] = []
    begin = Analysis.__init__

    def noted(self: Analysis, *args: Any, **bounds: Any) -> None:
        begun.append(self)
        begin(self, *args, **bounds)

    monkeypatch.setattr(Analysis, "__init__", noted)
    made = module(TABLE + more + "    def g50(x): return x\n" + late)
    names = held(Tracker(made.late), {"mode": "fast", "inner": {}})
    assert {"fast", "g0", "g50"} <= names
    assert "slow" not in names
    *before, last = [analysis.work for analysis in begun]
    assert before
    assert sum(before) < last / 4


def test_arguments_that_pick_the_same_share_a_closure(store: Store) -> None:
    tracker = Tracker(module(TABLE).each)
    first = tracker.look(({"fast": 1, "a": 2},), (), store, ("data",))
    assert tracker.look(({"fast": 1, "b": 3, "c": 4},), (), store, ("data",)) is first
    assert tracker.traced == 1


def test_what_only_reads_keys_asks_for_nothing(store: Store) -> None:
    tracker = Tracker(module(TABLE).plain)
    found = tracker.look(({"fast": 1},), (), store, ("data",))
    assert found.program.asked == ()
    assert tracker.look(({"x": 1},), (), store, ("data",)) is found


def test_a_million_keys_that_pick_nothing_are_traced_once(store: Store) -> None:
    tracker = Tracker(module(TABLE).each)
    for n in range(0, 10**6, 9973):
        tracker.look(({f"key {n}": 1},), (), store, ("data",))
    assert tracker.traced == 1


def test_many_different_choices_end_in_one_closure_for_all(store: Store) -> None:
    names = [f"name_{n}" for n in range(40)]
    lines = [f"    def {name}(): return {name!r}" for name in names]
    table = ", ".join(f"{name!r}: {name}" for name in names)
    made = module("\n".join([*lines, f"    T = {{{table}}}", "    def f(name): return T[name]()"]))
    tracker = Tracker(made.f)
    digests = [tracker.look((name,), (), store, ("name",)).digest for name in names]
    assert tracker.traced == WORDINGS + 1
    assert len(set(digests)) == WORDINGS + 1


def test_modules_that_arguments_name_have_closures_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sources = {"words_one": "def run(): return 1", "words_two": "def run(): return one() + 1"}
    for name, source in sources.items():
        made = module(source)
        made.__name__ = name
        monkeypatch.setitem(sys.modules, name, made)
    source = "import importlib\ndef f(name): return importlib.import_module(name).run()"
    tracker = Tracker(module(source).f)
    digests = [tracker.look((name,), (), None, ("name",)).digest for name in sources]
    assert digests[0] != digests[1]


def test_another_process_proves_it_by_a_replay(store: Store) -> None:
    made = module(TABLE)
    first, second = Tracker(made.f), Tracker(made.f)
    for mode in ("fast", "slow"):
        first.settle(first.look((mode, 1), (), store, ("mode", "x")), store)
    for mode in ("slow", "fast"):
        known = first.look((mode, 1), (), store, ("mode", "x"))
        assert second.look((mode, 1), (), store, ("mode", "x")).digest == known.digest
    assert second.traced == 0


def test_a_shape_that_was_written_down_gives_the_same_closure(store: Store) -> None:
    made = module(TABLE)
    found = Tracker(made.f).look(("fast", 1), (), store, ("mode", "x"))
    again = Tracker(made.f).look_at(found.shape, (), store, ("mode", "x"))
    assert again.digest == found.digest


def test_a_key_that_the_table_gets_is_asked_for(store: Store) -> None:
    made = module(TABLE)
    tracker = Tracker(made.each)
    before = tracker.look(({"fast": 1, "new": 2},), (), store, ("data",)).digest
    made.TABLE["new"] = made.slow
    after = tracker.look(({"fast": 1, "new": 2},), (), store, ("data",)).digest
    assert before != after


def test_a_key_that_no_argument_has_changes_nothing(store: Store) -> None:
    made = module(TABLE)
    tracker = Tracker(made.each)
    before = tracker.look(({"fast": 1},), (), store, ("data",)).digest
    made.TABLE["new"] = made.slow
    assert tracker.look(({"fast": 1},), (), store, ("data",)).digest == before


class Held:
    __slots__ = ("inside",)

    def __init__(self, inside: Any) -> None:
        self.inside = inside


def test_words_are_found_wherever_they_lie() -> None:
    found = words_in([{"a": ("bc", {"d"})}, Held({"e": frozenset({"f"})}), 5, None])
    assert found is not None
    assert {"a", "bc", "b", "c", "d", "e", "f"} == found


def test_a_string_that_is_an_argument_is_one_word() -> None:
    assert words_in("abc") == {"abc"}


def test_of_too_many_values_nothing_is_known() -> None:
    assert words_in([[n] for n in range(20_000)]) is None
    assert Words(([str(n) for n in range(10**5)],)).has((0,), "1") is None


def test_words_at_a_place_are_those_behind_its_steps() -> None:
    words = Words((Held({"a": "x"}), {"k": ["y"]}))
    assert words.has((0, "inside"), "x") is True
    assert words.has((1, ("item", "k")), "x") is False
    assert words.has((1, ("item", "missing")), "y") is False


def test_a_part_of_a_string_can_be_asked_for() -> None:
    words = Words((["abc"],))
    assert words.has((0,), PART + "bc") is True
    assert words.has((0,), "bc") is False


def test_what_was_told_fits_who_tells_the_same() -> None:
    asked = (((0,), ("a",), ("b",)),)
    assert fits(asked, Words((["a"],)))
    assert not fits(asked, Words((["a", "b"],)))
    assert fits(asked, Told(asked))
    assert not fits(asked, Told(()))


def test_what_was_asked_goes_with_a_shape() -> None:
    asked = (((0,), ("a",), ()),)
    shape = (("atom", str),)
    assert without_words(with_words(shape, asked)) == (shape, asked)
    assert without_words(shape) == (shape, ())
    assert without_words(None) == (None, ())


def test_the_short_road_is_not_taken_where_strings_decide(cache: Cache) -> None:
    made = module(TABLE)
    f = cache.memo(made.f, keep="always")
    for _ in range(2):
        assert [f("fast", 1), f("slow", 1)] == [2, 3]
    express = f._keeper.express
    assert express is None or not express.snapshots


WITHIN = """
    def fast(): return 1
    def slow(): return 2
    TABLE = {"fast": fast, "slow": slow}
    def f(rows): return [TABLE[name]() for name in rows]
    def within(rows): return [TABLE[name]() for row in rows for name in row]
"""


class Name(str):
    pass


def test_names_in_a_queue_pick_what_they_name() -> None:
    assert "fast" in held(Tracker(module(WITHIN).f), deque(["fast"]))
    assert held(Tracker(module(WITHIN).within), [deque(["fast"])]) == {"fast"}


@pytest.mark.parametrize(
    "row",
    [np.array(["fast"]), {"fast": 1}.keys(), types.MappingProxyType({"fast": 1})],
    ids=lambda row: type(row).__name__,
)
def test_what_cannot_be_looked_into_may_give_any_name(row: Any) -> None:
    assert "fast" in held(Tracker(module(WITHIN).within), [row])


def test_names_of_a_library_s_type_pick_what_they_name() -> None:
    assert "fast" in held(Tracker(module(WITHIN).f), [np.str_("fast")])


@pytest.mark.parametrize(
    "value",
    [np.array([1.5]), b"ab", range(3), [bytearray(b"ab")]],
    ids=lambda value: type(value).__name__,
)
def test_numbers_have_no_names_in_them(value: Any) -> None:
    assert words_in(value) == frozenset()


def test_strings_of_a_class_are_strings() -> None:
    assert words_in([Name("ab")]) == frozenset(("ab", "a", "b"))
    assert words_in(np.array(["ab"])) is None
