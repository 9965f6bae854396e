"""Values that are followed from where they are set to where they decide what runs."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from dumbo.tracing.tracker import Tracker

SOURCE = """
import typing

CACHED = False

def work(value):
    return value

def seldom():
    return 1

def build(value):
    if CACHED:
        try:
            if work(value):
                return
            work(3)
        except ValueError:
            seldom()
    work(2)

class Holder:
    def __init__(self):
        self.option = False

    def fill(self):
        if self.option:
            kept = self.option
            try:
                if work(1):
                    return
                work(3)
            except Exception:
                self.option = kept
        work(2)

def hold(value):
    made = Holder()
    made.fill()
    if made.option:
        return seldom()
    return value

class Shape:
    def area(self):
        return one(self)

    def __repr__(self):
        return seldom()

def one(shape):
    return 1

RULES = {str(number): ["a", "b"] for number in range(40)}

def words():
    found = [rule for rule in RULES.values()]
    found.append(Shape())
    return [one.area() for one in found if isinstance(one, Shape)]

class Box(typing.Generic[typing.TypeVar("T")]):
    def __init__(self):
        self.held = 1

    def show(self):
        return seldom()

    def __str__(self):
        return seldom()

class Word(str):
    def __len__(self):
        return seldom()

def ask(value):
    found = []
    for item in (Box(), Word("a"), Shape()):
        try:
            found.append(item.area())
        except AttributeError:
            pass
    return found
"""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = types.ModuleType("chains_target")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    exec(compile(SOURCE, "/src/chains_target.py", "exec"), vars(made))
    return made


def closure(function: Any, *args: Any, observed: bool = True, **kwargs: Any) -> set[str]:
    graph = Tracker(function, observed=observed).graph(args, kwargs)
    nodes = graph.nodes.values()
    return {n["name"].partition(":")[2] for n in nodes if n["kind"] in ("function", "method")}


@pytest.mark.parametrize("observed", [True, False])
def test_what_never_raises_leads_into_no_handler(module: Any, observed: bool) -> None:
    # The last `return` is that of the branch, too, around which there is a handler.
    assert closure(module.build, 1, observed=observed) == {"build", "work"}


@pytest.mark.parametrize("observed", [True, False])
def test_a_field_is_what_was_set_where_the_branch_that_sets_it_is_not_taken(
    module: Any, observed: bool
) -> None:
    found = closure(module.hold, 1, observed=observed)
    assert found == {"hold", "Holder.__init__", "Holder.fill", "work"}


def test_many_lists_of_plain_data_are_followed_as_plain_data(module: Any) -> None:
    found = closure(module.words, observed=False)
    assert {"Shape.area", "one"} <= found
    assert not {"Shape.__repr__", "seldom"} & found


def test_a_class_of_a_builtin_base_has_only_the_fields_that_it_sets(module: Any) -> None:
    found = closure(module.ask, 1)
    assert {"Shape.area", "one"} <= found
    assert not {"Box.show", "Box.__str__", "Word.__len__", "seldom"} & found
