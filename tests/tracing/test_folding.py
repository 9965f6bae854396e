"""Methods of strings that are known give strings that are known."""

from __future__ import annotations

import types
from typing import Any

import pytest

from dumbo.tracing.folding import folded
from dumbo.tracing.interpreter import trace
from dumbo.tracing.words import LONGEST

SOURCE = """
import importlib

def a(): return 1
def b(): return 2
def c(): return 3

NAME = "First"
TABLE = {"first": a, "second": b}
KINDS = {"third": "first"}

class Both:
    def run_a(self): return a()
    def run_b(self): return b()

def lower():
    return TABLE[NAME.lower()]()

def in_turn():
    return TABLE["The-Second".lower().replace("-", "_").removeprefix("the_")]()

def parts():
    kind, _, name = "x:first".partition(":")
    return TABLE[name]()

def split():
    for name in "first first".split():
        TABLE[name]()

def by_default():
    return of_kind("THIRD")

def of_kind(name):
    name = name.lower()
    return TABLE[KINDS.get(name, name)]()

def by_changed():
    KINDS["third"] = "second"
    return of_kind("Third")

def begins():
    return a() if NAME.startswith("F") else b()

def of_two(which):
    return TABLE[("FIRST" if which else "SECOND").lower()]()

def attribute():
    return getattr(Both(), "run_" + "A".lower())()

def padded():
    return getattr(Both(), f"run_{'a':>1}")()

def aligned():
    name = f"{'first':>6}"
    return a() if name == "first" else b()

def module():
    return importlib.import_module("JSON".lower() + ".decoder").JSONDecoder

def grown(more):
    name = "x"
    for one in more:
        name = name.replace("x", "xx")
    return TABLE[name]()
"""


@pytest.fixture
def names() -> dict[str, Any]:
    made = types.ModuleType("of_folding")
    exec(compile(SOURCE, "/src/of_folding.py", "exec"), made.__dict__)
    return made.__dict__


def reached(function: Any) -> set[str]:
    found = {node.name.partition(":")[2] for node in trace(function).by_node}
    return found & {"a", "b", "c"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lower", {"a"}),
        ("in_turn", {"b"}),
        ("parts", {"a"}),
        ("split", {"a"}),
        ("by_default", {"a"}),
        ("by_changed", {"a", "b"}),
        ("begins", {"a"}),
        ("of_two", {"a", "b"}),
        ("attribute", {"a"}),
        ("padded", {"a", "b"}),
        ("aligned", {"a", "b"}),
        ("grown", {"a", "b"}),
    ],
)
def test_what_is_made_of_known_strings_picks_what_it_names(
    names: dict[str, Any], name: str, expected: set[str]
) -> None:
    assert reached(names[name]) == expected


def test_a_module_of_such_a_name_is_no_computed_one(names: dict[str, Any]) -> None:
    assert not trace(names["module"]).untraceable


@pytest.mark.parametrize(
    ("name", "text", "args", "expected"),
    [
        ("lower", "Ab", [], "ab"),
        ("startswith", "ab", [("x", "a")], True),
        ("count", "aa", ["a", 1], 1),
        ("rsplit", "a b c", [None, 1], ["a b", "c"]),
        ("partition", "a", ["="], ("a", "", "")),
    ],
)
def test_a_method_without_effect_is_called(
    name: str, text: str, args: list[Any], expected: Any
) -> None:
    assert folded(name, text, args) == expected


def test_what_raises_or_is_long_or_shows_an_object_is_not() -> None:
    assert folded("index", "a", ["b"]) is None
    assert folded("lower", "a", ["b"]) is None
    assert folded("replace", "a" * LONGEST, ["a", "bb"]) is None
    assert folded("lower", "A" * (LONGEST + 1), []) is None
    assert folded("format", "{}", [1]) is None
    assert folded("count", "a", [object()]) is None
