"""Attributes of unknown values: found once, and part of whoever asks."""

from __future__ import annotations

import types
from typing import Any

import pytest

from dumbo.tracing import strangers
from dumbo.tracing.digest import closure_digest
from dumbo.tracing.interpreter import trace

SOURCE = """
import json

class Circle:
    def area(self):
        return round_off(3)

class Square:
    @property
    def area(self):
        return side_length()

def round_off(x):
    return x

def side_length():
    return 2

def first(x):
    return x.area

def second(x):
    return x.area

def entry(text):
    one = json.loads(text, object_hook=Circle)
    json.dumps([Circle(), Square()])
    return first(json.loads(text)), second(json.loads(text))
"""


def made(source: str = SOURCE) -> Any:
    module = types.ModuleType("strangers_target")
    exec(compile(source, "strangers_target.py", "exec"), vars(module))
    return module


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    found = made()
    monkeypatch.setitem(__import__("sys").modules, "strangers_target", found)
    return found


def targets(analysis: Any, name: str) -> set[str]:
    node = next(node for node in analysis.nodes.values() if node.name.endswith(f":{name}"))
    return {target.name.partition(":")[2] for edges in node.edges.values() for target in edges}


def test_each_who_asks_depends_on_all_that_it_may_be(module: Any) -> None:
    analysis = trace(module.entry)
    for name in ("first", "second"):
        assert {"Circle.area", "Square.area"} <= targets(analysis, name)


def test_what_a_property_of_it_calls_is_in_the_closure(module: Any) -> None:
    analysis = trace(module.entry)
    assert any(node.name.endswith(":side_length") for node in analysis.by_node)


def test_each_object_is_asked_once_for_all_steps(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Any]] = []
    put = strangers.Strangers._put

    def counted(self: Any, name: str, member: Any) -> None:
        before = len(self._by_number)
        put(self, name, member)
        if len(self._by_number) > before and member is not None:
            asked.append((name, member))

    monkeypatch.setattr(strangers.Strangers, "_put", counted)
    trace(module.entry)
    assert [name for name, _ in asked].count("area") >= 2
    assert len(asked) == len(set(asked))


def test_a_change_of_what_it_may_be_changes_the_closure(module: Any) -> None:
    before = closure_digest(trace(module.entry))
    module.side_length.__code__ = made(SOURCE.replace("return 2", "return 5")).side_length.__code__
    assert closure_digest(trace(module.entry)) != before


FIELDS = """
import json

class Holder:
    def __init__(self):
        self.run = held

    def method(self):
        return called()

def held():
    return 1

def called():
    return 2

def by_name(text):
    json.dumps([Holder()])
    return json.loads(text).__dict__["run"]()

def by_any_name(text, name):
    json.dumps([Holder()])
    return vars(json.loads(text))[name]()

def put(text):
    json.dumps([Holder()])
    json.loads(text).__dict__.update(run=called)
    return Holder().run()
"""


def test_fields_of_something_unknown_are_those_of_all_that_is_out_of_sight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = made(FIELDS)
    monkeypatch.setitem(__import__("sys").modules, "strangers_target", found)
    for name in ("by_name", "by_any_name"):
        assert "held" in names(trace(getattr(found, name), observed=False)), name
    assert {"held", "called"} <= names(trace(found.put, observed=False))


def names(analysis: Any) -> set[str]:
    return {node.name.partition(":")[2] for node in analysis.nodes.values()}


MERGED = """
import json

class Box:
    def __init__(self, held):
        self.held = held

class Bag:
    def __init__(self, held):
        self.held = held

def one():
    return deep()

def deep():
    return 1

def two():
    return 2

def copied():
    return 3

def entry(text):
    json.dumps([Box(one), Bag(two)])
    copied.__dict__.update(json.loads(text).__dict__)
    return copied.held()
"""


def test_the_fields_of_something_unknown_are_those_of_all_that_is_out_of_sight() -> None:
    analysis = trace(made(MERGED).entry, observed=False)
    assert {"one", "two"} <= targets(analysis, "entry")
    assert any(node.name.endswith(":deep") for node in analysis.by_node)


def test_the_fields_of_each_object_are_asked_for_once_for_all_who_merge_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []
    source = MERGED.replace(
        "    return copied.held()",
        "    two.__dict__.update(json.loads(text).__dict__)\n    return copied.held()",
    )
    module = made(source)
    put = strangers.Strangers._put

    def counted(self: Any, name: str, member: Any) -> None:
        if (name, member) not in self._questions and member is not None:
            asked.append((self.far, name, getattr(member.cls.obj, "__name__", "")))
        put(self, name, member)

    monkeypatch.setattr(strangers.Strangers, "_put", counted)
    trace(module.entry, observed=False)
    near = sorted(one[1:] for one in asked if not one[0] and one[1] == strangers.FIELDS)
    assert near == [("__dict__", "Bag"), ("__dict__", "Box")]


def test_where_calls_are_observed_the_fields_of_something_unknown_are_left_open() -> None:
    analysis = trace(made(MERGED).entry)
    assert any("fields of something unknown" in reason for _, _, reason in analysis.unresolved)
