"""Methods that are picked by the name of a class, as visitors do."""

from __future__ import annotations

import types
from typing import Any

import pytest

from dumbo.tracing.digest import closure_digest
from dumbo.tracing.interpreter import trace
from dumbo.tracing.tracker import Tracker

SOURCE = """
class Leaf:
    pass

class Fork:
    def __init__(self, *parts):
        self.parts = parts

class Other(Leaf):
    pass

class Wrong(Exception):
    pass

class VeryWrong(Wrong):
    pass

class Visitor:
    def visit(self, node):
        return getattr(self, f"visit_{type(node).__name__}", self.generic)(node)
    def generic(self, node): return generic()
    def visit_Leaf(self, node): return leaf()
    def visit_Other(self, node): return other()
    def visit_Fork(self, node): return [self.visit(part) for part in node.parts]

def generic(): return 0
def leaf(): return 1
def other(): return 2

def one():
    return Visitor().visit(Leaf())

def within():
    return Visitor().visit(Fork(Leaf()))

def of_two(which):
    return Visitor().visit(Leaf() if which else Other())

def joined(which):
    name = "visit_" + type(Leaf() if which else Other()).__name__
    return getattr(Visitor(), name)(None)

def given(node):
    return Visitor().visit(node)

def without():
    return Visitor().visit(3)

def swapped():
    node = Leaf()
    node.__class__ = Other
    return Visitor().visit(node)

class Base:
    pass

def of_first(): return leaf()
def of_last(): return other()
READERS = {"Kind0": of_first, "Kind19": of_last}

class Reader:
    def read(self, node):
        if not isinstance(node, Base):
            return 0
        return READERS[type(node).__name__]()

class Small:
    pass

class Smaller(Small):
    pass

class Writer:
    def write(self, node):
        if not isinstance(node, Small):
            return 0
        return getattr(self, f"write_{type(node).__name__}")()
    def write_Small(self): return leaf()
    def write_Smaller(self): return other()
    def write_Leaf(self): return generic()

{kinds}

def asked(node):
    return Reader().read(node)

def asked_of_few(node):
    return Writer().write(node)

def caught():
    try:
        raise VeryWrong
    except Wrong as error:
        return leaf() if type(error).__name__ == "VeryWrong" else other()

def renamed():
    Leaf.__name__ = "Other"
    return Visitor().visit(Leaf())

class Large:
    def run(self, name):
        return getattr(self, "do_" + name)()
{many}

def called(i):
    return i

def large(name):
    return Large().run(name)
"""

KINDS = "\n".join(f"class Kind{i}(Base): pass" for i in range(20))
MANY = "\n".join(f"    def do_{i}(self): return called({i})" for i in range(45))


@pytest.fixture
def names() -> dict[str, Any]:
    made = types.ModuleType("of_dispatch")
    source = SOURCE.replace("{many}", MANY).replace("{kinds}", KINDS)
    exec(compile(source, "/src/of_dispatch.py", "exec"), made.__dict__)
    return made.__dict__


def reached(function: Any, *args: Any) -> set[str]:
    nodes = Tracker(function, observed=False).graph(args, {}).nodes.values()
    return {n["name"].partition(":")[2] for n in nodes} & {"generic", "leaf", "other"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("one", {"leaf"}), ("within", {"leaf"}), ("without", {"generic", "leaf", "other"})],
)
def test_the_class_of_an_object_picks_its_visitor(
    names: dict[str, Any], name: str, expected: set[str]
) -> None:
    assert reached(names[name]) - {"generic"} == expected - {"generic"}


@pytest.mark.parametrize("name", ["of_two", "joined"])
def test_each_of_a_few_classes_does(names: dict[str, Any], name: str) -> None:
    assert {"leaf", "other"} <= reached(names[name], 1)  # which may be true, or not


def test_the_class_of_an_argument_does(names: dict[str, Any]) -> None:
    assert "other" not in reached(names["given"], names["Leaf"]())
    assert "leaf" not in reached(names["given"], names["Other"]())


@pytest.mark.parametrize("name", ["swapped", "caught", "renamed"])
def test_what_may_have_another_name_is_not_told_by_its_class(
    names: dict[str, Any], name: str
) -> None:
    assert {"leaf", "other"} <= reached(names[name])


def test_what_is_an_instance_may_be_of_any_class_that_derives_from_it(
    names: dict[str, Any],
) -> None:
    few = {node.name.partition(":")[2] for node in trace(names["asked_of_few"]).by_node}
    assert {"leaf", "other"} <= few
    assert "generic" not in few
    many = {node.name.partition(":")[2] for node in trace(names["asked"]).by_node}
    assert {"leaf", "other"} <= many


def test_the_name_of_the_class_counts(names: dict[str, Any]) -> None:
    before = closure_digest(trace(names["one"]))
    names["Leaf"].__name__ = "Leaves"
    assert closure_digest(trace(names["one"])) != before


def test_one_of_many_methods_may_be_called(names: dict[str, Any]) -> None:
    analysis = trace(names["large"])
    found = {node.name.rpartition(".")[2] for node in analysis.by_node}
    assert {f"do_{i}" for i in range(45)} <= found


def test_who_is_asked_for_its_instances_does_not_go_out_of_sight() -> None:
    made = types.ModuleType("of_kinds")
    source = """
class Meta(type): pass
class Kind(metaclass=Meta):
    def __len__(self): return 3
def asks(value): return isinstance(value, Kind)
"""
    exec(compile(source, "/src/of_kinds.py", "exec"), made.__dict__)
    analysis = trace(made.__dict__["asks"])
    assert {node.name for node in analysis.by_node} == {"of_kinds:asks"}
    assert not analysis.unresolved
