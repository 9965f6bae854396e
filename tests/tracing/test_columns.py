"""The rows of `zip`: the item of one source goes with that of the other which has its place."""

from __future__ import annotations

import types
from typing import Any

import pytest

from dumbo.tracing.interpreter import trace

SOURCE = """
def a(): return 1
def b(): return 2
def c(): return 3

class Node:
    fields = ()
    def __init__(self, *values):
        for name, value in zip(self.fields, values):
            setattr(self, name, value)

class Pair(Node):
    fields = ("left", "right")

class Five(Node):
    fields = ("one", "two", "three", "four", "five")

NAMES = ("left", "right")

def fields():
    return Pair(a, b).left()

def shorter():
    for name, function in zip(NAMES, [a]):
        function()
        if name == "right":
            c()

def three():
    for name, first, second in zip(NAMES, (a, b), (b, c)):
        if name == "left":
            first()
            second()

def beside_many(functions=(a, b)):
    for name, function in zip(NAMES, set(functions)):
        if name == "middle":
            c()
        if name == "left":
            function()

def more_than_are_told_apart():
    return Five(a, a, b, c, a).three()

def grown():
    names = ["left"]
    for name, function in zip(names, [a, b]):
        names.append("right")
        function()
        if name == "right":
            c()

def shifted():
    functions = [a, b, c]
    functions.pop(0)
    for name, function in zip(NAMES, functions):
        if name == "left":
            function()

def longest():
    from itertools import zip_longest
    for name, function in zip_longest(NAMES, [a, b, c]):
        if name is None:
            function()

def either(which):
    for name, function in zip(("left", "other") if which else ("middle",), (a, b)):
        if name == "middle":
            function()

def none():
    for name, function in zip((), (a, b)):
        function()
"""


@pytest.fixture
def names() -> dict[str, Any]:
    made = types.ModuleType("of_columns")
    exec(compile(SOURCE, "/src/of_columns.py", "exec"), made.__dict__)
    return made.__dict__


def reached(function: Any) -> set[str]:
    found = {node.name.partition(":")[2] for node in trace(function).by_node}
    return found & {"a", "b", "c"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fields", {"a"}),
        ("shorter", {"a"}),
        ("three", {"a", "b"}),
        ("beside_many", {"a", "b"}),
        ("either", {"a"}),
    ],
)
def test_items_of_one_place_go_together(
    names: dict[str, Any], name: str, expected: set[str]
) -> None:
    assert reached(names[name]) == expected


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("more_than_are_told_apart", {"b"}),
        ("grown", {"a", "b", "c"}),
        ("shifted", {"b"}),
        ("longest", {"c"}),
    ],
)
def test_what_has_no_place_of_its_own_may_stand_in_any(
    names: dict[str, Any], name: str, needed: set[str]
) -> None:
    assert needed <= reached(names[name])
