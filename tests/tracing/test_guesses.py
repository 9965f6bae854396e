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
    exec(compile(SOURCE, "guesses_target.py", "exec"), vars(found))
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


def test_nothing_is_guessed_of_a_call(module: Any) -> None:
    assert not reached(module.total, guessing=False) & {"node_helper", "degree_helper"}
