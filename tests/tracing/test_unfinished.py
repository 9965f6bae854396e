"""Analyses that are cut: what of a large call graph is looked at, and what counts all the same."""

from __future__ import annotations

import types
from typing import Any

import pytest

from dumbo.errors import ClosureTooLarge
from dumbo.tracing import callgraph, schedule
from dumbo.tracing.digest import closure_digest
from dumbo.tracing.interpreter import trace

SOURCE = """
import functools
import json

RATE = 3
LIMITS = {"a": [1]}
OTHER = 4

class Table:
    size = 5
    other = 6

    def rows(self):
        return far_helper()

    def __len__(self):
        return 1

def far_helper():
    return 1

def near_helper(x):
    return last_helper(x)

def last_helper(x):
    return x

def not_called():
    return OTHER

def entry(x):
    json.dumps(x, default=Table().rows)
    return near_helper(x)

def slow(x):
    near_helper(x)
    near_helper(RATE)
    LIMITS["a"]
    return Table().size
"""


def made() -> Any:
    module = types.ModuleType("unfinished_target")
    exec(compile(SOURCE, "unfinished_target.py", "exec"), vars(module))
    return module


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    found = made()
    monkeypatch.setitem(__import__("sys").modules, "unfinished_target", found)
    monkeypatch.setattr(schedule, "MORE", 0)
    return found


def names(analysis: callgraph.Analysis) -> set[str]:
    return {node.name.partition(":")[2] for node in analysis.nodes.values()}


def reasons(analysis: callgraph.Analysis) -> list[str]:
    return [reason for _, _, reason in analysis.unresolved]


def test_nothing_is_cut_that_fits(module: Any) -> None:
    found = trace(module.entry)
    assert {"near_helper", "last_helper", "far_helper"} <= names(found)
    assert not found.cut


def test_what_is_near_is_looked_at_before_what_is_far(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "FAR", 0)
    found = trace(module.entry)
    assert {"near_helper", "last_helper"} <= names(found)
    assert "far_helper" not in names(found)


def test_what_is_cut_says_so(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "FAR", 0)
    found = trace(module.entry)
    assert found.cut
    assert any("too large" in reason for reason in reasons(found))


def test_nothing_is_cut_where_nobody_observes(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "FAR", 0)
    assert "far_helper" in names(trace(module.entry, observed=False))
    monkeypatch.setattr(schedule, "STEPS", (1, 1))
    with pytest.raises(ClosureTooLarge):
        trace(module.entry, observed=False)


CHANGES = {
    "a number": lambda module: setattr(module, "RATE", 4),
    "an item within data": lambda module: module.LIMITS["a"].append(2),
    "a class attribute": lambda module: setattr(module.Table, "size", 7),
    "a name that hides a builtin's place": lambda module: setattr(module.Table, "fresh", 1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_an_unfinished_function_reads_counts(
    change: str, module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "PARTIAL", 3)
    before = closure_digest(trace(module.slow))
    state = list(trace(module.slow).found)
    CHANGES[change](module)
    after = trace(module.slow)
    assert closure_digest(after) != before or list(after.found) != state


def test_what_nobody_reads_does_not_count(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "PARTIAL", 3)
    before = closure_digest(trace(module.slow))
    module.OTHER = 5
    module.Table.other = 7
    module.not_called.__code__ = module.far_helper.__code__
    assert closure_digest(trace(module.slow)) == before


NAMED = """
import functools

def plain(x):
    return x

@functools.lru_cache
def cached(x):
    return plain(x)

class Base:
    def start(self):
        return plain(2)

class Model(Base):
    def __init__(self):
        self.value = plain(1)

    def start(self):
        return super().start()

    def run(self):
        return self.finish()

    def finish(self):
        return 3

    def visit(self):
        return [run(lambda: self.finish()) for run in (plain,)]

    @property
    def unnamed(self):
        return 4

    @property
    def field(self):
        return late(1)

def slow(x):
    x.a; x.b; x.c; x.d; x.e; x.f
    cached(1)
    return Model()

def method_of(model):
    return model.run()

def typed(other, model: Model):
    other.run()
    return [model.field for _ in plain(())], model.run()

def outer(model):
    return typed(1, model)

def table(functions):
    return functions["typed"](1, 2)

def unused():
    return 5

def late(x):
    return x
"""


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Any:
    found = types.ModuleType("named_target")
    exec(compile(NAMED, "named_target.py", "exec"), vars(found))
    monkeypatch.setitem(__import__("sys").modules, "named_target", found)
    monkeypatch.setattr(schedule, "MORE", 0)
    return found


def test_what_an_unfinished_function_names_is_followed(
    named: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "PARTIAL", 3)
    found = trace(named.slow)
    assert found.cut
    entered = {node.name.partition(":")[2] for node in found.by_node}
    assert {"cached", "plain", "Model.__init__"} <= entered
    assert not {"unused", "Model.unnamed"} & names(found)


def test_methods_of_the_first_parameter_are_followed_on_its_class(
    named: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "PARTIAL", 3)
    found = trace(named.Model.run, (named.Model,), [("object", 0, (), ())], ("self",))
    assert found.cut
    assert "Model.finish" in {node.name.partition(":")[2] for node in found.by_node}
    found = trace(named.Model.start, (named.Model,), [("object", 0, (), ())], ("self",))
    assert "Base.start" in {node.name.partition(":")[2] for node in found.by_node}


def test_functions_within_one_use_its_first_parameter(
    named: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "PARTIAL", 3)
    found = trace(named.Model.visit, (named.Model,), [("object", 0, (), ())], ("self",))
    assert found.cut
    assert "Model.finish" in {node.name.partition(":")[2] for node in found.by_node}


def test_methods_and_properties_of_annotated_parameters_are_followed(
    named: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "PARTIAL", 1)
    found = trace(named.outer)
    assert found.cut
    entered = {node.name.partition(":")[2] for node in found.by_node}
    assert {"typed", "Model.run", "Model.finish", "Model.field", "late"} <= entered
    assert not {"unused", "Model.unnamed"} & names(found)


def test_functions_that_came_with_the_call_are_followed(
    named: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "PARTIAL", 1)
    shape = ("any", (0,), "a table that is not looked into")
    found = trace(named.table, (named.typed,), [shape], ("functions",))
    assert found.cut
    assert {"typed", "late"} <= {node.name.partition(":")[2] for node in found.by_node}


def test_what_a_followed_function_reads_counts(named: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "PARTIAL", 3)
    before = closure_digest(trace(named.slow))
    named.plain.__code__ = (lambda x: x + 1).__code__
    assert closure_digest(trace(named.slow)) != before
