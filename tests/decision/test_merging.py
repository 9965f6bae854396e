"""Measurements of several processes become one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dumbo.decision.averages import Average, Price
from dumbo.decision.costs import Costs
from dumbo.decision.merging import merged

seconds = st.floats(1e-9, 1e3)


def average(*measured: float, base: tuple[int, float, float] = (0, 0.0, 0.0)) -> Average:
    found = Average.of(base)
    for one in measured:
        found.add(one)
    return found


def test_nothing_else_was_written_so_it_is_mine() -> None:
    assert merged(None, {"a": 1}, None) == {"a": 1}
    assert merged({"a": 1}, {"a": 2}, {"a": 1}) == {"a": 2}


def test_counts_of_both_count() -> None:
    base = average(1.0, 1.0).plain()
    mine, theirs = average(2.0, 2.0, base=base), average(4.0, base=base)
    assert merged(base, mine.plain(), theirs.plain())[0] == 5


def test_who_measured_nothing_has_no_say() -> None:
    base = average(1.0, 1.0).plain()
    theirs = average(4.0, base=base).plain()
    assert merged(base, base, theirs) == theirs


@given(st.lists(seconds, min_size=1, max_size=30), st.lists(seconds, min_size=1, max_size=30))
def test_what_is_merged_lies_between(mine: list[float], theirs: list[float]) -> None:
    a, b = average(*mine).plain(), average(*theirs).plain()
    count, value, _ = merged(None, a, b)
    if a != b:
        assert count == len(mine) + len(theirs)
        assert min(a[1], b[1]) * (1 - 1e-9) <= value <= max(a[1], b[1]) * (1 + 1e-9)
    assert Average.of(merged(None, a, b)).value == value  # and is an average again


def test_prices_are_merged_by_buckets() -> None:
    mine, theirs = Price(1.0, 0.0), Price(1.0, 0.0)
    mine.learn(10, 2.0)
    theirs.learn(10, 4.0)
    theirs.learn(1 << 20, 8.0)
    both = Price(1.0, 0.0)
    both.take(merged(None, mine.plain(), theirs.plain()))
    assert both.of(10) == 3.0
    assert both.of(1 << 20) == 8.0
    assert both.scale.count == 3


def test_names_that_only_others_know_stay() -> None:
    assert merged({}, {"a": 1}, {"b": 2}) == {"a": 1, "b": 2}


def test_what_makes_no_sense_gives_way() -> None:
    mine = average(1.0).plain()
    for theirs in ((1, "x", 2.0), "text", (1,), ((),), 5, (True, None, 2)):
        assert merged(None, mine, theirs) == mine
    assert merged((1, 2), mine, average(3.0).plain())[0] == 2


def test_calls_that_came_again_add_up() -> None:
    base = {"firsts": 10.0, "again": 5.0, "half_life": 1.0}
    mine = {"firsts": 14.0, "again": 5.0, "half_life": 4.0}
    theirs = {"firsts": 12.0, "again": 7.0, "half_life": 16.0}
    assert merged(base, mine, theirs) == {"firsts": 16.0, "again": 7.0, "half_life": 4.0}
    many = {**theirs, "firsts": 1500.0, "again": 1000.0}
    found = merged(base, mine, many)
    assert found["firsts"] <= 1024
    assert found["again"] / found["firsts"] == 1000 / 1504


def test_what_is_merged_is_what_costs_can_take() -> None:
    base, mine, theirs = Costs(), Costs(), Costs()
    for number in range(40):
        mine.reuse.note(b"%d" % (number % 7), float(number + 1))
        theirs.reuse.note(b"%d" % number, float(number + 1))
        mine.compute.add(1.0)
    taken = Costs()
    taken.take(merged(base.plain(), mine.plain(), theirs.plain()))
    assert mine.reuse.chance(1) > taken.reuse.chance(1) > theirs.reuse.chance(1)
    assert taken.compute.value == 1.0


def test_what_both_remember_of_calls_is_remembered_once() -> None:
    base = {"ghosts": ()}
    mine = {"ghosts": ((b"a", 3, 1.0, 9.0), (b"b", 1, 5.0, 5.0))}
    theirs = {"ghosts": ((b"a", 2, 0.5, 4.0), (b"c", 1, 7.0, 7.0))}
    both = merged(base, mine, theirs)["ghosts"]
    assert both == ((b"b", 1, 5.0, 5.0), (b"c", 1, 7.0, 7.0), (b"a", 3, 0.5, 9.0))
    assert merged(base, mine, {"ghosts": 5})["ghosts"] == mine["ghosts"]
