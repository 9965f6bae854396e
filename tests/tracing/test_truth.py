"""What decides a test beforehand, and what the program itself may have changed by then."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from dumbo.tracing.interpreter import trace

SOURCE = """
OFF, ON = False, True

class Base:
    flag = False

class C(Base):
    pass

def helper():
    return 1

def off():
    return helper() if OFF else 0

def on():
    return helper() if ON else 0

def through_an_instance():
    Base.flag = True
    made = C()
    return helper() if made.flag else 0

def through_a_subclass():
    Base.flag = True
    return helper() if C.flag else 0

def by_a_computed_name(name):
    setattr(Base, name, True)
    return helper() if C().flag else 0

def by_a_computed_global(name):
    globals()[name] = True
    return helper() if OFF else 0

class Holder:
    def __init__(self):
        self.part = None

    def close(self):
        if self.part.open:
            return helper()

def of_a_part(holder):
    return Holder.close(holder)
"""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = types.ModuleType("truth_target")
    exec(compile(SOURCE, "truth_target.py", "exec"), vars(made))
    monkeypatch.setitem(sys.modules, "truth_target", made)
    return made


def reaches(function: Any) -> bool:
    return any(node.name.endswith(":helper") for node in trace(function).nodes.values())


def test_a_branch_that_a_constant_rules_out_is_not_followed(module: Any) -> None:
    assert not reaches(module.off)
    assert reaches(module.on)


@pytest.mark.parametrize(
    "name",
    ["through_an_instance", "through_a_subclass", "by_a_computed_name", "by_a_computed_global"],
)
def test_what_the_program_sets_itself_rules_out_nothing(module: Any, name: str) -> None:
    assert reaches(getattr(module, name))


def test_a_test_of_an_attribute_says_nothing_of_its_object(module: Any) -> None:
    assert reaches(module.of_a_part)
