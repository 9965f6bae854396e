"""The closure by types and names, for call graphs that are too large to follow."""

from __future__ import annotations

import types
from typing import Any

import pytest

from dumbo.errors import ClosureTooLarge
from dumbo.tracing import callgraph
from dumbo.tracing.digest import closure_digest
from dumbo.tracing.interpreter import trace
from dumbo.tracing.rapid import trace_rapidly

SOURCE = """
import functools

RATE = 3

def helper(x):
    return x * RATE

def unused(x):
    return x

class Base:
    def named(self):
        return helper(1)

    def __len__(self):
        return lengthen()

    def silent(self):
        return unused(1)

class Made(Base):
    pass

def lengthen():
    return 1

def computed():
    return 2

class Computed:
    def visit_one(self):
        return computed()

def entry(x):
    def inner(value):
        return value.named()
    from functools import partial
    getattr(Computed(), "visit_one")()
    return inner(Made()), partial(helper, 1)
"""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = types.ModuleType("rapid_target")
    exec(compile(SOURCE, "rapid_target.py", "exec"), vars(made))
    monkeypatch.setitem(__import__("sys").modules, "rapid_target", made)
    return made


def names(analysis: callgraph.Analysis) -> set[str]:
    return {node.name.partition(":")[2] for node in analysis.nodes.values()}


def test_it_reaches_what_code_names_and_methods_of_classes_in_reach(module: Any) -> None:
    found = names(trace_rapidly(module.entry, (), None))
    assert {"entry", "helper", "Base.named", "Base.__len__", "lengthen", "Made"} <= found
    assert {"Computed.visit_one", "computed", "entry.<locals>.inner"} <= found


def test_it_leaves_out_methods_that_nobody_names(module: Any) -> None:
    assert not {"unused", "Base.silent"} & names(trace_rapidly(module.entry, (), None))


def test_the_digest_follows_what_is_reached_and_nothing_else(module: Any) -> None:
    before = closure_digest(trace_rapidly(module.entry, (), None))
    module.unused.__code__ = module.computed.__code__.replace(co_argcount=0)
    assert closure_digest(trace_rapidly(module.entry, (), None)) == before
    module.helper.__code__ = (lambda x: x + 1).__code__
    assert closure_digest(trace_rapidly(module.entry, (), None)) != before


def test_an_override_that_is_added_changes_the_closure(module: Any) -> None:
    before = closure_digest(trace_rapidly(module.entry, (), None))
    module.Made.named = lambda self: 5
    assert closure_digest(trace_rapidly(module.entry, (), None)) != before


def test_it_stands_in_only_where_the_call_is_observed(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callgraph, "STEPS", (1, 1))
    monkeypatch.setattr(callgraph, "MORE", 0)
    assert "helper" in names(trace(module.entry, observed=True))
    with pytest.raises(ClosureTooLarge):
        trace(module.entry, observed=False)
