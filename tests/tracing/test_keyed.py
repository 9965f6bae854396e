"""Live tables whose keys are classes: which code stands under the class of a value."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from dumbo import Cache
from dumbo.tracing.tracker import Tracker

SOURCE = """
import inspect

class A: pass
class B(A): pass
class C: pass

class Meta(type):
    def __eq__(cls, other): return True
    def __hash__(cls): return hash(A)
class Equal(metaclass=Meta): pass

def of_a(x): return by_a()
def of_c(x): return by_c()
def of_int(x): return by_int()
def by_a(): return "a"
def by_c(): return "c"
def by_int(): return "int"

TABLE = {A: of_a, C: of_c, int: of_int, "name": 1}
PAIRS = {(A, A): of_a, (A, C): of_c, (int, int): of_int}
PECULIAR = {Equal: of_c, int: of_int}
CHANGED = {A: of_a, C: of_c}

def exact(x): return TABLE[type(x)](x)
def given(x): return TABLE.get(type(x), of_int)(x)
def maybe(x):
    found = TABLE.get(type(x))
    return found(x) if found is not None else None
def above(x):
    for cls in type(x).__mro__:
        if cls in TABLE:
            return TABLE[cls](x)
def asked(x):
    for cls in inspect.getmro(type(x)):
        found = TABLE.get(cls)
        if found is not None:
            return found(x)
def by_two(x): return PAIRS[type(x), type(x)](x)
def equal(x): return PECULIAR[type(x)](x)
def put(x):
    CHANGED[type(x)] = of_int
    return CHANGED[type(x)](x)
def values(x): return [f(x) for f in PAIRS.values()]
"""
ALL = {"by_a", "by_c", "by_int"}
EXPECTED = [
    ("exact", "A", {"by_a"}),
    ("exact", "C", {"by_c"}),
    ("exact", "int", {"by_int"}),
    ("exact", "B", set()),
    ("given", "A", {"by_a"}),
    ("given", "B", {"by_int"}),
    ("maybe", "A", {"by_a"}),
    ("maybe", "B", set()),
    ("above", "B", {"by_a"}),
    ("above", "C", {"by_c"}),
    ("asked", "B", {"by_a"}),
    ("asked", "int", {"by_int"}),
    ("by_two", "A", ALL),
    ("equal", "A", {"by_c", "by_int"}),
    ("put", "A", {"by_a", "by_int"}),
    ("values", "A", ALL),
]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = types.ModuleType("of_tables")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    exec(compile(SOURCE, "/src/of_tables.py", "exec"), made.__dict__)
    return made


@pytest.mark.parametrize("observed", [False, True])
@pytest.mark.parametrize(("name", "kind", "expected"), EXPECTED)
def test_what_a_class_picks_from_a_table_is_followed_and_nothing_else(
    module: Any, name: str, kind: str, expected: set[str], observed: bool
) -> None:
    value = 1 if kind == "int" else getattr(module, kind)()
    graph = Tracker(getattr(module, name), observed=observed).graph((value,), {})
    reached = {node["name"].partition(":")[2] for node in graph.nodes.values()} & ALL
    assert reached == expected


def edit_value(module: Any) -> None:
    module.TABLE[module.A] = module.of_c


def edit_key(module: Any) -> None:
    module.TABLE = {module.C: module.of_a, module.A: module.of_c}


def edit_code(module: Any) -> None:
    module.by_a.__code__ = (lambda: 9).__code__


def add_key(module: Any) -> None:
    module.TABLE[module.B] = module.of_c


@pytest.mark.parametrize(
    ("kind", "edit"),
    [("A", edit_value), ("A", edit_key), ("A", edit_code), ("B", add_key), ("B", edit_code)],
)
def test_a_result_is_computed_again_when_another_function_stands_under_the_class(
    module: Any, kind: str, edit: Any, tmp_path: Path
) -> None:
    memoized = Cache(tmp_path).memo(keep="always", observe=False)(module.above)
    value = getattr(module, kind)()
    assert memoized(value) == module.above(value) == "a"
    edit(module)
    assert memoized(value) == module.above(value) != "a"


def test_a_result_stays_when_another_class_gets_another_function(
    module: Any, tmp_path: Path
) -> None:
    memoized = Cache(tmp_path).memo(keep="always", observe=False)(module.exact)
    memoized(module.A())
    module.TABLE[module.C] = module.of_int
    assert "hit" in memoized.why(module.A())
