"""The normal form: the same for every layout of lines, and for nothing else."""

from __future__ import annotations

import ast
import random
import sys
from collections.abc import Callable
from types import CodeType
from typing import Any

import pytest

from dumbo.tracing import normal
from dumbo.tracing.instructions import lower
from dumbo.tracing.normal import normalise
from dumbo.tracing.steps import Handler, Lowered, Step

Depths = Callable[[Lowered], "list[int | None]"]
TURNED = {"POP_JUMP_IF_TRUE": "POP_JUMP_IF_FALSE", "POP_JUMP_IF_NOT_NONE": "POP_JUMP_IF_NONE"}


def normal_form(source: str) -> Lowered:
    """Return the normal form of the first function in *source*."""
    module = compile(source, "<test>", "exec", dont_inherit=True)
    return normalise(lower(next(c for c in module.co_consts if isinstance(c, CodeType))))


def bare(lowered: Lowered) -> tuple[list[Any], list[Handler]]:
    """Return what is left without lines; constants with their types; nested code without bodies."""
    return [
        (step.name, type(step.arg), plain(step.arg), step.target) for step in lowered.steps
    ], lowered.handlers


def plain(arg: Any) -> str:
    if isinstance(arg, frozenset):
        return f"frozenset {sorted(map(repr, arg))}"
    return "" if isinstance(arg, CodeType) else repr(arg)


def where(code: CodeType) -> str:
    return f"{code.co_filename}:{code.co_firstlineno} {code.co_qualname}"


# ------------------------------------------------------------------ the standard library


def test_normalised_code_is_sound_and_all_of_it_is_reached(
    sample: list[CodeType], depths: Depths
) -> None:
    for code in sample:
        try:
            assert None not in depths(normalise(lower(code)))
        except AssertionError as cause:
            raise AssertionError(where(code)) from cause


def test_normalising_twice_changes_nothing(sample: list[CodeType]) -> None:
    for code in sample[::4]:
        once = normalise(lower(code))
        assert bare(normalise(once)) == bare(once), where(code)


def unparsed(tree: ast.Module) -> ast.Module:
    return ast.parse(ast.unparse(tree))


def in_one_line(tree: ast.Module) -> ast.Module:
    return relined(tree, lambda: 1)


def each_in_its_own(tree: ast.Module) -> ast.Module:
    numbers = iter(range(1, sys.maxsize))
    return relined(tree, lambda: next(numbers))


def at_random(tree: ast.Module) -> ast.Module:
    chance = random.Random(3)
    return relined(tree, lambda: chance.randint(1, 3))


def relined(tree: ast.Module, line: Callable[[], int]) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.expr | ast.stmt | ast.excepthandler | ast.pattern | ast.alias) or (
            isinstance(node, ast.arg | ast.keyword)
        ):
            node.lineno = node.end_lineno = line()
            node.col_offset, node.end_col_offset = 0, 1
    return tree


def compared(first: CodeType, second: CodeType, apart: list[str]) -> int:
    """Return how many functions were compared; add those whose normal forms differ to *apart*."""
    forms = normalise(lower(first)), normalise(lower(second))
    count = 0
    if first.co_flags & 1:  # a function: the bodies of classes name their first lines
        count = 1
        if bare(forms[0]) != bare(forms[1]):
            apart.append(where(first))
    inner, other = ([s.arg for s in f.steps if isinstance(s.arg, CodeType)] for f in forms)
    if [code.co_name for code in inner] == [code.co_name for code in other]:
        for one, its in zip(inner, other, strict=True):
            count += compared(one, its, apart)
    return count


@pytest.mark.parametrize("layout", [unparsed, in_one_line, each_in_its_own, at_random])
def test_functions_are_the_same_however_their_lines_are_laid_out(
    layout: Callable[[ast.Module], ast.Module], sources: dict[str, bytes]
) -> None:
    apart: list[str] = []
    count = 0
    for file, source in list(sources.items())[::6]:
        moved = layout(ast.parse(source))
        count += compared(
            compile(source, file, "exec", dont_inherit=True),
            compile(moved, file, "exec", dont_inherit=True),
            apart,
        )
    assert count > 300
    # Two equal functions of one function are one constant if they stand in one line.
    by_chance = count // 500 if layout in (in_one_line, at_random) else 0
    assert len(apart) <= by_chance, apart


def test_ways_through_the_code_are_kept(
    sample: list[CodeType], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What `_settle` does is tested below and by running it; all else only moves steps.
    monkeypatch.setattr(normal, "_settle", lambda nodes: None)
    for code in sample[::4]:
        lowered = lower(code)
        assert_same_ways(lowered, normalise(lowered), where(code))


def assert_same_ways(before: Lowered, after: Lowered, name: str) -> None:
    caught = [{}, {}]  # type: list[dict[int, Handler]]
    for catching, lowered in zip(caught, (before, after), strict=True):
        for handler in lowered.handlers:
            catching.update(dict.fromkeys(range(handler.start, handler.stop), handler))
    todo, seen = [(0, 0)], set()
    while todo:
        pair = todo.pop()
        first, second = past_jumps(before.steps, pair[0]), past_jumps(after.steps, pair[1])
        if (first, second) in seen:
            continue
        seen.add((first, second))
        one, other = before.steps[first], after.steps[second]
        assert TURNED.get(one.name, one.name) == other.name, name
        assert one.arg is other.arg or one.arg == other.arg, name
        assert one.effect == other.effect, name
        ways = [(one.target, other.target), (first + 1, second + 1)]
        if one.name in TURNED:
            ways = [(one.target, second + 1), (first + 1, other.target)]
        if one.name in normal.FINAL:
            ways = []
        todo += [(a, b) for a, b in ways if a is not None and b is not None]
        old, new = caught[0].get(first), caught[1].get(second)
        if normal.raises(other):  # else a handler may lie around it, or not
            assert (old and old[3:]) == (new and new[3:]), name
            if old is not None and new is not None:
                todo.append((old.target, new.target))


def past_jumps(steps: list[Step], index: int) -> int:
    passed: set[int] = set()
    while steps[index].name == "JUMP" and index not in passed:
        passed.add(index)
        target = steps[index].target
        assert target is not None
        index = target
    return min(passed) if index in passed else index


# ------------------------------------------------------------------ what is one form


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("with a: pass", "with a:\n        pass"),
        ("if a and b or c: g()", "if (a and\n        b or\n        c): g()"),
        ("x = a and b or c; g(x)", "x = (a and\n        b\n        or c)\n    g(x)"),
        ("a, b, c = c, a, b; g(a)", "(a,\n     b,\n     c) = (c,\n     a,\n     b)\n    g(a)"),
        ("_, _, c = a; g(c)", "(_,\n     _,\n     c) = a\n    g(c)"),
        (
            "return [g(b) for b in a if b]",
            "return [\n        g(b)\n        for b in a\n        if b]",
        ),
        ("assert a and b, c", "assert (a\n        and b), (\n        c)"),
        ("while a: a = g(a) or b", "while a:\n        a = (g(a) or\n        b)"),
        (
            "try: return g(a)\n    finally: g(b)",
            "try:\n        return g(\n            a)\n    finally:\n        g(b)",
        ),
        ("'documented'\n    return a", "return a"),
        ("if a:\n        while True: pass", "if a:\n        while 1:\n            pass"),
    ],
)
def test_lines_do_not_count(first: str, second: str) -> None:
    forms = [bare(normal_form(f"def f(a, b, c):\n    {body}")) for body in (first, second)]
    assert forms[0] == forms[1]


@pytest.mark.parametrize(
    "bodies",
    [
        ("return a and b", "return a or b", "return b and a", "return (a, b)[0]"),
        ("return 1", "return True", "return 1.0", "return -1", "return '1'"),
        ("return 0.0", "return -0.0"),
        ("return (1, 2)", "return (1, True)", "return [1, 2]"),
        ("if a: g()\n    else: h()", "if a: h()\n    else: g()", "if a: g()\n    h()"),
        ("a, b = b, a; return a", "a, b = a, b; return a", "b, a = b, a; return b"),
        ("while a: g()", "if a: g()", "while not a: g()", "while True: g()"),
        ("for x in a: g(x)", "for x in a:\n        g(x)\n        break", "g(a)"),
        (
            "try: g()\n    except ValueError: h()",
            "try: g()\n    except TypeError: h()",
            "try: g()\n    except ValueError: pass",
            "try:\n        g()\n        h()\n    except ValueError: pass",
            "try: g()\n    except ValueError: pass\n    h()",
            "try: g()\n    finally: h()",
        ),
        (
            "try:\n        g()\n    except ValueError: pass\n    h()",
            "try:\n        g()\n        h()\n    except ValueError: pass",
        ),
        ("with a: g()", "a; g()", "with a as x: g()"),
        ("_, _, x = a; return x", "_, x, _ = a; return x", "x, _, _ = a; return x"),
        ("x, _, x = a; return x", "x, _, _ = a; return x"),
    ],
)
def test_what_does_another_thing_has_another_form(bodies: tuple[str, ...]) -> None:
    forms = [bare(normal_form(f"def f(a, b):\n    {body}")) for body in bodies]
    assert [forms.index(form) for form in forms] == list(range(len(bodies)))


def test_a_handler_of_steps_that_may_raise_stays() -> None:
    form = normal_form(
        "def f(a):\n    if a: x = 1\n    try:\n        x\n        return 1\n"
        "    except UnboundLocalError:\n        return helper()"
    )
    assert "helper" in [step.arg for step in form.steps]


def test_an_endless_loop_that_a_signal_ends_keeps_its_handler() -> None:
    form = normal_form(
        "def f():\n    try:\n        while True: pass\n"
        "    except KeyboardInterrupt:\n        return helper()"
    )
    assert "helper" in [step.arg for step in form.steps]


def test_a_jump_stands_only_where_the_next_step_has_its_place(sample: list[CodeType]) -> None:
    for code in sample[::4]:
        for index, step in enumerate(normalise(lower(code)).steps):
            if step.name == "JUMP":
                assert step.target is not None
                assert step.target <= index, where(code)


def test_all_conditions_jump_where_they_fail(sample: list[CodeType]) -> None:
    names = {step.name for code in sample[::4] for step in normalise(lower(code)).steps}
    assert not names & set(TURNED)
