"""Tuples of known items and of others in a number that nobody knows, as calls and displays make."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from dumbo.tracing.frame import plan_of
from dumbo.tracing.spreads import becomes_tuple
from dumbo.tracing.tracker import Tracker

SOURCE = """
def a():
    return by_a()

def b():
    return by_b()

def by_a():
    return 1

def by_b():
    return 2

def first(f, *rest):
    return f()

def rest_of(f, *rest):
    return [g() for g in rest]

def wrapped(*args, **named):
    return first(*args, **named)

def twice(f, *args):
    return wrapped(f, *args)

def second_of(*args):
    return args[1]()

def grown(n, *args):
    return grown(n - 1, b, *args) if n else args[-1]()

def some():
    xs = []
    xs.append(b)
    return xs
"""
ONLY_A = {
    "before a spread": "return first(a, *some())",
    "before a spread, by name, too": "return first(a, *some(), **{})",
    "through a wrapper": "return wrapped(a, *some())",
    "through two": "return twice(a, *some())",
    "in a display": "return (a, *some())[0]()",
    "of a known tuple": "t = (a, b); return wrapped(*t)",
    "behind a known tuple": "t = (1, 2); return (*t, a, *some())[2]()",
    "behind a choice": "return (a, *(some() if flag else ()))[0]()",
    "second of many": "return second_of(1, a, *some())",
    "of spreads of several lengths": "t = (a,) if flag else (a, b); return wrapped(*t)",
    "of many": "return first(a, b, b, b, b, b, b, b, b, *some())",
}
BOTH = {
    "behind a spread": "a(); return first(*some(), a)",
    "of a spread": "a(); return first(*some())",
    "of the rest": "a(); return rest_of(a, *some())",
    "of the last": "a(); return (a, *some())[-1]()",
    "of any": "return [f() for f in (a, *some())]",
    "of the second": "a(); return second_of(a, *some())",
    "of what grows": "a(); return grown(9, a)",
    "of a tuple that grows": """t = ()
 for n in range(9): t = (*t, b) if n else (a, *t)
 return [f() for f in t]""",
    "of the first of a tuple that grows": """t = ()
 for n in range(9): t = (b, *t) if n else (a, *t)
 a()
 return t[0]()""",
    "of a list": "xs = [a, *some()]; return [f() for f in xs]",
    "of a sum of lists": "return rest_of(1, a, *([a] + some()))",
    "of several lengths": "a(); t = (a,) if flag else (b, a); return wrapped(*t)",
    "of nothing, or of something": "a(); t = () if flag else (b,); return first(*t, a)",
}


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = types.ModuleType("of_tuples")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    exec(compile(SOURCE, "/src/of_tuples.py", "exec"), made.__dict__)
    return made


def reached(module: Any, body: str, *, observed: bool) -> set[str]:
    exec(compile(f"def call(flag):\n {body}", "/src/of_tuples.py", "exec"), vars(module))
    nodes = Tracker(module.call, observed=observed).graph((1,), {}).nodes.values()
    return {node["name"].partition(":")[2] for node in nodes} & {"by_a", "by_b"}


@pytest.mark.parametrize("observed", [False, True])
@pytest.mark.parametrize("name", ONLY_A)
def test_what_stands_before_a_spread_stays_in_its_place(
    module: Any, name: str, observed: bool
) -> None:
    assert reached(module, ONLY_A[name], observed=observed) == {"by_a"}


@pytest.mark.parametrize("observed", [False, True])
@pytest.mark.parametrize("name", BOTH)
def test_what_a_spread_may_put_in_a_place_is_followed(
    module: Any, name: str, observed: bool
) -> None:
    assert reached(module, BOTH[name], observed=observed) == {"by_a", "by_b"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("f(x, *y)", True),
        ("f(x, *y, z, **k)", True),
        ("(x, *(y if z else k))", True),
        ("[x, *y]", False),
        ("[x] + y", False),
        ("f([x], y)", False),
        ("x[[y]]", False),
        ("[z for z in y]", False),
    ],
)
def test_a_list_is_a_tuple_in_the_making_only_where_nobody_else_sees_it(
    code: str, expected: bool
) -> None:
    steps = plan_of(compile(code, "<code>", "eval")).steps
    made = [index for index, step in enumerate(steps) if step.name == "BUILD_LIST"]
    assert [becomes_tuple(steps, index) for index in made] == [expected] * len(made)
