"""What `deps` shows of a function where nothing is known of its arguments."""

from __future__ import annotations

import types
from typing import Any

import pytest

from dumbo.tracing.interpreter import trace

SOURCE = """
class Graph:
    def __init__(self, data=None):
        self.store = Store()
        prepare()

    def nodes(self):
        return node_helper()

    def degree(self):
        return degree_helper()

class Directed(Graph):
    def degree(self):
        return directed_helper()

class Other:
    def nodes(self):
        return other_helper()

class Store:
    def load(self):
        return load_helper()

class Runner:
    def __init__(self, store):
        self.store = Store()
        prepare()

    def run(self, text):
        return self.store.load()

class Checker:
    __slots__ = ("checks",)

    def __init__(self, checks):
        self.checks = frozen(checks)

    def check(self, name):
        return self.checks[name]()

class OtherChecker:
    def check(self, name):
        return other_helper()

class Machine:
    def __init__(self):
        self.parts = []
        self._checker = None

    def work(self):
        for part in self.parts:
            if part.fits(self):
                part.turn()

class Wheel:
    def fits(self, machine): return True
    def turn(self): return turn_helper()

class Axle:
    def turn(self): return other_helper()

def make(helper):
    class Made:
        def give(self): return made_helper()
        def take(self): return helper()
    return Made

def frozen(checks):
    return FrozenTable(checks)

def made_helper(): return 6
def live_helper(): return 7
def turn_helper(): return 8
def first_helper(): return 9
def last_helper(): return 10

First, Second, Third = make(first_helper), make(first_helper), make(first_helper)
Fourth, Fifth, Last = make(first_helper), make(first_helper), make(last_helper)

def of_a_factory(thing):
    return thing.give(), thing.take()

def by_name(data):
    return data.checker.check("a")

def named_like_a_class(checker):
    return checker.check("a")

def prepare(): return 0
def node_helper(): return 1
def degree_helper(): return 2
def directed_helper(): return 3
def other_helper(): return 4
def load_helper(): return 5

def total(graph):
    return graph.nodes(), graph.degree()

def passed_on(graph):
    return total(graph)

def plain(text):
    return text.strip(), text.items()
"""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    found = types.ModuleType("guesses_target")
    vars(found)["FrozenTable"] = lambda checks: checks
    exec(compile(SOURCE, "guesses_target.py", "exec"), vars(found))
    for name in ("First", "Second", "Third", "Fourth", "Fifth", "Last"):
        vars(found)[name].__name__ = name
    vars(found)["CHECKER"] = found.Checker({"a": found.live_helper})
    monkeypatch.setitem(__import__("sys").modules, "guesses_target", found)
    return found


def reached(function: Any, *, guessing: bool = True) -> set[str]:
    from dumbo.tracing.callgraph import in_order

    analysis = trace(function, guessing=guessing)
    assert analysis.root is not None
    return {node.name.partition(":")[2] for node in in_order(analysis.root)}


@pytest.mark.parametrize("name", ["total", "passed_on"])
def test_a_parameter_may_be_of_the_classes_that_have_all_it_is_asked_for(
    name: str, module: Any
) -> None:
    found = reached(getattr(module, name))
    assert {"node_helper", "degree_helper", "directed_helper"} <= found
    assert "other_helper" not in found


def test_what_any_text_or_container_has_says_nothing(module: Any) -> None:
    assert not {name for name in reached(module.plain) if name.endswith("_helper")}


def test_self_has_the_fields_that_its_class_gives_it(module: Any) -> None:
    found = reached(module.Runner.run)
    assert "load_helper" in found
    assert not {"prepare", "Runner.__init__"} & found


def test_what_is_in_a_container_that_others_fill_is_told_by_what_is_asked_of_it(
    module: Any,
) -> None:
    found = reached(module.Machine.work)
    assert "turn_helper" in found
    assert not {"other_helper", "Axle.turn"} & found


def test_a_variable_and_a_field_are_of_the_class_of_their_name(module: Any) -> None:
    for function in (module.named_like_a_class, module.by_name):
        found = reached(function)
        assert "Checker.check" in found
        assert "OtherChecker.check" not in found


def test_objects_that_a_module_holds_say_what_is_in_the_fields_of_others(module: Any) -> None:
    assert "live_helper" in reached(module.Checker.check)


def test_of_many_classes_of_one_factory_the_last_is_meant(module: Any) -> None:
    found = reached(module.of_a_factory)
    assert {"made_helper", "last_helper"} <= found
    assert "first_helper" not in found


def test_nothing_is_guessed_of_a_call(module: Any) -> None:
    assert not reached(module.total, guessing=False) & {"node_helper", "degree_helper"}
