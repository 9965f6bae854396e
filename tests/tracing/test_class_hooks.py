"""Classes that `type` makes while a program runs: what it calls of their bases and attributes."""

from __future__ import annotations

import types

import pytest

from dumbo.tracing.interpreter import trace

SOURCE = """
def helper():
    return 1

class Meta(type):
    def __new__(cls, name, bases=None, content=None):
        return super().__new__(cls, name, bases or (Base,), content or {})

class Base:
    def __init_subclass__(cls):
        helper()

class Named:
    def __set_name__(self, owner, name):
        helper()

def by_a_metaclass():
    return Meta("X", (Base,), {})

def by_a_metaclass_that_says_the_bases():
    return Meta("X")

def by_type():
    return type("X", (Base,), {})

def with_a_descriptor():
    return type("X", (), {"held": Named()})
"""


@pytest.mark.parametrize("observed", [True, False])
@pytest.mark.parametrize(
    "name",
    ["by_a_metaclass", "by_a_metaclass_that_says_the_bases", "by_type", "with_a_descriptor"],
)
def test_hooks_of_a_class_that_type_makes_are_called(name: str, observed: bool) -> None:
    module = types.ModuleType("class_hooks_target")
    exec(compile(SOURCE, "class_hooks_target.py", "exec"), vars(module))
    found = trace(getattr(module, name), observed=observed)
    assert any(node.name.endswith(":helper") for node in found.nodes.values())
