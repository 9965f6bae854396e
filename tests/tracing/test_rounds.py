"""Loops that are looked at one item at a time: what a round finds is not mixed with others."""

from __future__ import annotations

import types
from typing import Any

import pytest

from dumbo.tracing.frame import plan_of
from dumbo.tracing.interpreter import trace
from dumbo.tracing.rounds import Rounds

SOURCE = """
import os

def a(): return 1
def b(): return 2
def c(): return 3

class Both:
    def first(self): return a()
    def second(self): return b()

TABLE = {"first": True, "second": False}
NAMES = ["first", "second"]
PAIRS = (("x", a), ("y", b))
LEAVES = {"x": a, "y": b}

def by_name(both):
    for name in ("first",):
        getattr(both, name)()
    for name in ("first", "third"):
        if name == "second":
            b()

def options():
    found = {}
    for name, default in TABLE.items():
        found[name] = default
    if found["second"]:
        return b()
    return a() if found["first"] else c()

def fields():
    class Holder: pass
    held = Holder()
    for name, function in PAIRS:
        setattr(held, name, function)
    return held.x()

def returns():
    for name, function in LEAVES.items():
        if name == "x":
            return function()
    return None

def after():
    for name, function in PAIRS:
        pass
    return function()

def breaks():
    function = c
    for name, function in PAIRS:
        if name == "x":
            break
    return function()

def caught():
    for name in NAMES:
        try:
            if name == "second":
                raise KeyError(name)
        except KeyError:
            b()

def nested():
    for outer in ("p", "q"):
        for inner in ("first", "second"):
            if outer + inner == "qsecond":
                b()
            if outer == inner:
                c()

def grown():
    names = ["first"]
    for name in names:
        names.append(os.environ.get("X"))
        if name == "second":
            b()

def changed():
    NAMES.append("third")
    for name in NAMES:
        if name == "third":
            c()

def updated(more):
    TABLE.update(more)
    for name in TABLE:
        if name == "third":
            c()

def many():
    for name in ("1", "2", "3", "4", "5", "6", "7", "8", "9") * 9:
        if name == "10":
            c()

def numbered():
    for place, (name, function) in enumerate(PAIRS):
        if name == "y":
            function()

def written():
    held = dict(first=a)
    held.update(os.environ)
    for name in held:
        if name == "third":
            c()

def passed(**more):
    for name in more:
        if name == "third":
            c()

def passes(unknown):
    return passed(first=1, **unknown)
"""


@pytest.fixture
def names() -> dict[str, Any]:
    made = types.ModuleType("of_rounds")
    exec(compile(SOURCE, "/src/of_rounds.py", "exec"), made.__dict__)
    return made.__dict__


def reached(function: Any) -> set[str]:
    analysis = trace(function)
    return {
        node.name.partition(":")[2]
        for node in analysis.by_node
        if node.name.partition(":")[2] in ("a", "b", "c")
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("by_name", set()),
        ("options", {"a"}),
        ("fields", {"a"}),
        ("returns", {"a"}),
        ("after", {"a", "b"}),
        ("breaks", {"a", "b", "c"}),
        ("caught", {"b"}),
        ("nested", {"b"}),
        ("numbered", {"b"}),
    ],
)
def test_a_round_calls_what_its_item_leads_to(
    names: dict[str, Any], name: str, expected: set[str]
) -> None:
    assert reached(names[name]) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("grown", {"b"}),
        ("changed", {"c"}),
        ("updated", {"c"}),
        ("many", {"c"}),
        ("written", {"c"}),
        ("passes", {"c"}),
    ],
)
def test_what_is_not_known_item_by_item_may_be_anything(
    names: dict[str, Any], name: str, expected: set[str]
) -> None:
    assert reached(names[name]) == expected


def test_the_body_ends_where_the_loop_is_left() -> None:
    def loop(items: Any) -> Any:
        for item in items:
            if item:
                continue
            if not items:
                break
            return item
        return items

    plan = plan_of(loop.__code__)
    head = next(index for index, step in enumerate(plan.steps) if step.name == "FOR_ITER")
    body = plan.body(head)
    loads = [index for index, step in enumerate(plan.steps) if step.name.startswith("LOAD_FAST")]
    used = [index for index in loads if plan.steps[index].arg == "item"]
    last = max(index for index in loads if plan.steps[index].arg == "items")
    assert head + 1 in body
    assert head not in body
    assert plan.steps[head].target not in body
    assert len(used) == 2
    assert body.issuperset(used)
    assert last not in body


def test_rounds_within_rounds_end_one_by_one() -> None:
    rounds = Rounds({3: frozenset({4, 5, 6, 7}), 5: frozenset({6})})
    outer = rounds.enter(0, 3, 0, 2)
    inner = rounds.enter(outer, 5, 1, 2)
    assert rounds.enter(0, 3, 0, 2) == outer
    assert len({0, outer, inner}) == 3
    assert rounds.at(inner, 6) == inner
    assert rounds.at(inner, 7) == outer
    assert rounds.at(inner, 8) == 0


def test_a_loop_of_too_many_or_too_long_rounds_has_none() -> None:
    rounds = Rounds({})
    assert rounds.allows(0, range(10), 20)
    assert not rounds.allows(0, range(10), 1)
    assert not rounds.allows(0, range(10), 100)
    assert not rounds.allows(0, range(200), 20)


def test_steps_are_doomed_where_nothing_is_given_back_any_more() -> None:
    def checked(value: Any) -> Any:
        try:
            if value is None:
                raise KeyError(value)
        except KeyError:
            return 1
        if value < 0:
            raise ValueError("negative", value)
        return value

    plan = plan_of(checked.__code__)
    names = {plan.steps[index].arg for index in plan.doomed if plan.steps[index].arg}
    assert "ValueError" in names
    assert "KeyError" not in names


def test_a_generator_that_ends_in_an_error_has_given_something() -> None:
    def items() -> Any:
        yield len([1])
        raise ValueError(str(2))

    plan = plan_of(items.__code__)
    names = {plan.steps[index].arg for index in plan.doomed}
    assert "str" in names
    assert "len" not in names


def test_a_loop_that_ends_by_an_error_is_not_doomed() -> None:
    def serve(items: Any) -> None:
        while True:
            print(next(items))

    assert not plan_of(serve.__code__).doomed
