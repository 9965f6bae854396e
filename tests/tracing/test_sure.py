"""What is sure of containers and variables, against what really runs."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dumbo

FUNCTIONS = "".join(f"def f{number}(*_): pass\n" for number in range(5))
FILE = "made_for_sure.py"


def closure(function: Any) -> set[str]:
    """The made functions in the closure of *function*."""
    nodes = dumbo.deps(function).nodes(data="code")
    return {
        code.co_qualname.rpartition(".")[2]
        for _, code in nodes
        if code is not None and code.co_filename == FILE
    } - {function.__code__.co_name}


def ran(function: Any, *args: Any) -> set[str]:
    """The made functions that run when *function* does, which may raise."""
    seen: set[str] = set()

    def note(frame: types.FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename == FILE:
            seen.add(frame.f_code.co_name)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        function(*args)
    except (IndexError, KeyError, ValueError, TypeError, AttributeError):
        pass
    finally:
        sys.setprofile(before)
    return seen - {function.__code__.co_name}


def body(text: str) -> types.FunctionType:
    """*text* as the body of a module, which is a function."""
    module = types.ModuleType("made_for_sure")
    sys.modules[module.__name__] = module
    return types.FunctionType(compile(FUNCTIONS + text, FILE, "exec"), vars(module))


def wrapped(text: str) -> Any:
    """*text* as the body of a function, beside the functions that it calls."""
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    module = types.ModuleType("made_for_sure")
    sys.modules[module.__name__] = module
    exec(compile(f"{FUNCTIONS}def main(flag=True):\n{lines}", FILE, "exec"), vars(module))
    return module.main


EXACT = {
    "a key is set again": 'd = {"a": f0}\nd["a"] = f1\nd["a"]()',
    "by another name": 'd = {"a": f0}\ne = d\ne["a"] = f1\nd["a"]()',
    "after a deletion": 'd = {"a": f0, "b": f1}\ndel d["a"]\nd["a"] = f2\nd["a"]()',
    "update": 'd = {"a": f0}\nd.update({"a": f1})\nd["a"]()',
    "update by keyword": 'd = {"a": f0}\nd.update(a=f1)\nd["a"]()',
    "merging in place": 'd = {"a": f0}\nd |= {"a": f1}\nd["a"]()',
    "unpacking into a dict": 'd = {"a": f0}\ne = {**d, "a": f1}\ne["a"]()',
    "a table in a table": 'd = {"a": {"b": f0}}\nd["a"]["b"] = f1\nd["a"]["b"]()',
    "what is not there": 'd = {"a": f0}\nd.get("b", f1)()',
    "what is there": 'd = {"a": f0}\nd["a"] = f2\nd.get("a", f1)()\nd.setdefault("a", f3)()',
    "popping from a dict": 'd = {"a": f0, "b": f1}\nd["a"] = f2\nd.pop("a")()',
    "an item is set again": "x = [f0, f1]\nx[0] = f2\nx[0]()",
    "from the end": "x = [f0, f1]\nx[-1] = f2\nx[1]()\nx[-1]()",
    "popping": "x = [f0, f1]\nx.pop(0)\nx[0]()",
    "popping the last": "x = [f0]\nx.append(f1)\nx.append(f2)\nx.pop()()",
    "inserting": "x = [f0]\nx.insert(0, f1)\nx[0]()",
    "reversing": "x = [f0, f1]\nx.reverse()\nx[0]()",
    "deleting": "x = [f0, f1]\ndel x[0]\nx[0]()",
    "clearing": "x = [f0]\ny = x\ny.clear()\ny.append(f1)\nx[0]()",
    "assigning to a slice": "x = [f0, f1]\nx[0:1] = [f2, f3]\nx[1]()",
    "swapping": "x = [f0, f1]\nx[0], x[1] = x[1], x[0]\nx[0]()",
    "extending": "x = [f0]\nx += [f1]\nx.extend([f2])\nx[2]()",
    "adding": "x = [f0] + [f1]\nx[1]()",
    "the rest": "a, *b = f0, f1, f2\nb[0]()",
    "the rest before": "*a, b = [f0, f1, f2]\nb()",
    "the rest between": "a, *b, c = [f0, f1, f2]\nb[0]()",
    "a slice": "x = [f0, f1, f2]\nx[-2:][0]()",
    "a callee reads": 'def g(d): d["a"]()\nd = {"a": f0}\nd["a"] = f1\ng(d)',
}
OF_MODULES = {
    "a name is bound again": "x = f0\nx = f1\nx()",
    "before a callee reads it": "def g(): x()\nx = f0\nx = f1\ng()",
    "after a callee has read it": "def g(): x()\nx = f0\ng()\nx = f1",
    "a function is defined again": "def h(): f0()\nh = f1\nh()",
    "a table is bound again": 'd = {"a": f0}\nd = {"a": f1}\nd["a"]()',
}


@pytest.mark.parametrize("text", EXACT.values(), ids=EXACT)
def test_only_what_is_there_is_called(text: str) -> None:
    for function in (body(text), wrapped(text)):
        assert closure(function) - {"g"} == ran(function) - {"g"}


@pytest.mark.parametrize("text", OF_MODULES.values(), ids=OF_MODULES)
def test_only_what_a_name_is_bound_to_is_called(text: str) -> None:
    function = body(text)
    assert closure(function) == ran(function)


def test_where_two_ways_meet_what_either_has_put_there_counts() -> None:
    text = 'd = {"a": f0}\nif flag:\n    d["a"] = f1\nelse:\n    d["a"] = f2\nd["a"]()'
    assert closure(wrapped(text)) == {"f1", "f2"}


BOTH = {
    "a callee writes": 'def g(d): d["a"] = f1\nd = {"a": f0}\nd["a"] = f2\ng(d)\nd["a"]()',
    "what was captured is written": (
        'd = {"a": f0}\ndef g(): d["a"] = f1\nd["a"] = f2\ng()\nd["a"]()'
    ),
    "a callee of a callee": (
        "def h(d): d.pop(0)\ndef g(d): h(d)\nx = [f0, f1]\nx[0] = f2\ng(x)\nx[0]()"
    ),
    "in a loop": 'd = {"a": f0}\nfor _ in range(2):\n    d["a"]()\n    d["a"] = f1',
    "in a loop that is left": (
        'd = {"a": f0}\nwhile True:\n    if d["a"] is f1: break\n    d["a"] = f1\nd["a"]()'
    ),
    "an older one of the same place": (
        'kept = []\nfor f in (f0, f1):\n    d = {"a": f}\n    d["a"] = f\n    kept.append(d)\n'
        'kept[0]["a"]()'
    ),
    "an exception before": (
        'd = {"a": f0}\ntry:\n    d["a"] = len(5)\nexcept TypeError: pass\nd["a"]()'
    ),
    "an exception after": (
        'd = {"a": f0}\ntry:\n    d["a"] = f1\n    len(5)\nexcept TypeError: pass\nd["a"]()'
    ),
    "lazily": "x = [f0, f1]\nm = map(x.pop, [0])\nx[0] = f2\nlist(m)\nx[0]()",
    "a generator": (
        'def g(d):\n    yield\n    d["a"]()\nd = {"a": f0}\nd["a"] = f1\ni = g(d)\nnext(i)\n'
        'd["a"] = f2\nlist(i)'
    ),
    "a library": "import random\nx = [f0, f1]\nx[0] = f2\nrandom.Random(1).shuffle(x)\nx[0]()",
    "a heap": "import heapq\nx = [2, 1]\nx[0] = 3\nheapq.heapify(x)\n[f0, f1, f2, f3][x[0]]()",
    "recursion": (
        'def g(n, d):\n    e = {"a": f0}\n    if n: g(n - 1, e)\n    else: d["a"] = f1\n'
        '    e["a"]()\ng(1, {})'
    ),
    "a copy": 'd = {"a": f0}\ne = d.copy()\ne["a"] = f1\nd["a"]()\ne["a"]()',
    "a deep copy": (
        'import copy\nd = {"a": {"b": f0}}\ne = copy.deepcopy(d)\ne["a"]["b"] = f1\n'
        'd["a"]["b"]()\ne["a"]["b"]()'
    ),
    "unbound methods": "x = [f0, f1]\nx[1] = f2\nlist.pop(x, 0)\nx[0]()",
    "operators": ("import operator\nx = [f0, f1]\nx[1] = f2\noperator.delitem(x, 0)\nx[0]()"),
    "bounds that raise": 'x = [f0]\ntry:\n    x["a":]\nexcept TypeError: x[0]()',
    "a step that raises": "x = [f0]\ntry:\n    x[::0]\nexcept ValueError: x[0]()",
    "while it is gone through": "x = [f0]\nfor f in x:\n    f()\n    if len(x) < 2: x.append(f1)",
}


@pytest.mark.parametrize("text", BOTH.values(), ids=BOTH)
def test_what_others_do_counts(text: str) -> None:
    for function in (body(text), wrapped(text)):
        assert ran(function) <= closure(function)


NAMES = st.sampled_from(["f0", "f1", "f2", "f3"])
KEYS = st.sampled_from(["'a'", "'b'", "'c'"])
PLACES = st.sampled_from(["0", "1", "-1", "-2", "2"])
DICTS = st.sampled_from(["d", "e"])
LISTS = st.sampled_from(["x", "y"])


def lines(*parts: Any) -> Any:
    return st.tuples(*[st.just(part) if isinstance(part, str) else part for part in parts]).map(
        "".join
    )


ON_DICTS = st.one_of(
    lines(DICTS, "[", KEYS, "] = ", NAMES),
    lines(DICTS, "[", KEYS, "]()"),
    lines("del ", DICTS, "[", KEYS, "]"),
    lines(DICTS, ".update({", KEYS, ": ", NAMES, "})"),
    lines(DICTS, ".pop(", KEYS, ", ", NAMES, ")()"),
    lines(DICTS, ".get(", KEYS, ", ", NAMES, ")()"),
    lines(DICTS, ".setdefault(", KEYS, ", ", NAMES, ")()"),
    lines(DICTS, ".popitem()[1]()"),
    lines(DICTS, ".clear()"),
    lines(DICTS, " |= {", KEYS, ": ", NAMES, "}"),
    lines(DICTS, " = ", DICTS),
    lines(DICTS, " = {", KEYS, ": ", NAMES, ", ", KEYS, ": ", NAMES, "}"),
    lines(DICTS, " = {**", DICTS, ", ", KEYS, ": ", NAMES, "}"),
)
ON_LISTS = st.one_of(
    lines(LISTS, "[", PLACES, "] = ", NAMES),
    lines(LISTS, "[", PLACES, "]()"),
    lines("del ", LISTS, "[", PLACES, "]"),
    lines(LISTS, ".append(", NAMES, ")"),
    lines(LISTS, ".insert(", PLACES, ", ", NAMES, ")"),
    lines(LISTS, ".pop()()"),
    lines(LISTS, ".pop(", PLACES, ")()"),
    lines(LISTS, ".reverse()"),
    lines(LISTS, " += [", NAMES, "]"),
    lines(LISTS, " *= 2"),
    lines(LISTS, ".extend(", LISTS, ")"),
    lines(LISTS, "[0:1] = [", NAMES, "]"),
    lines(LISTS, " = ", LISTS),
    lines(LISTS, " = ", LISTS, " + [", NAMES, "]"),
    lines(LISTS, " = ", LISTS, "[1:]"),
    lines(LISTS, " = ", LISTS, "[-2:]"),
    lines(LISTS, " = [", NAMES, ", ", NAMES, "]"),
    lines("f, *", LISTS, " = ", LISTS),
    lines("*", LISTS, ", f = ", LISTS),
)
ONE = st.one_of(ON_DICTS, ON_LISTS)
STARTS = "d = {'a': f0}\ne = {'b': f1}\nx = [f0, f1]\ny = [f2]\n"
PUT = "def put(t, k, f):\n    t[k] = f\ndef read(t, k):\n    t[k]()\n"


def inside(line: str, head: str) -> str:
    return f"{head}\n    {line}"


COMPOUND = st.one_of(
    ONE,
    ONE.map(lambda line: inside(line, "if flag:")),
    ONE.map(lambda line: inside(line, "for _ in range(2):")),
    ONE.map(lambda line: f"try:\n    {line}\nexcept Exception:\n    pass"),
    lines("put(", DICTS, ", ", KEYS, ", ", NAMES, ")"),
    lines("read(", DICTS, ", ", KEYS, ")"),
    lines("put(", LISTS, ", ", PLACES, ", ", NAMES, ")"),
    lines("keep = lambda: ", DICTS, ".update({", KEYS, ": ", NAMES, "})"),
    st.just("keep()"),
    lines("d, e = e, d"),
    lines("d['a'], d['b'] = d['b'], d['a']"),
    lines("for f in ", LISTS, ": f()"),
    lines("for f in ", DICTS, ".values(): f()"),
)
QUIETLY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUIETLY
@given(st.lists(ONE, min_size=2, max_size=9))
def test_straight_programs_hold_what_runs_and_nothing_else(program: list[str]) -> None:
    text = STARTS + "\n".join(program)
    for function in (body(text), wrapped(text)):
        seen = ran(function)
        assert seen <= closure(function)


@QUIETLY
@given(st.lists(COMPOUND, min_size=2, max_size=9))
def test_programs_with_branches_and_callees_hold_what_runs(program: list[str]) -> None:
    text = PUT + "flag = True\nkeep = lambda: None\n" + STARTS + "\n".join(program)
    function = body(text)
    assert ran(function) <= closure(function)
    main = wrapped(text.replace("flag = True\n", ""))
    held = closure(main)
    assert ran(main, True) | ran(main, False) <= held
