"""What a piece of code reads from outside, and what it leaves behind."""

from __future__ import annotations

import ast

import pytest

from dumbo.notebook.flow import Flow, flow_of


def flow(text: str) -> Flow:
    return flow_of(compile(text, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))


@pytest.mark.parametrize(
    ("text", "read", "maybe"),
    [
        ("b = a + 1", {"a"}, set()),
        ("a = 1\nb = a", set(), set()),
        ("a += 1", {"a"}, set()),
        ("if c:\n    x = 1\nprint(x)", {"c", "x", "print"}, set()),
        ("if c:\n    x = 1\nelse:\n    x = 2\nx", {"c"}, set()),
        ("for i in xs:\n    last = i\nlast", {"xs"}, {"last"}),
        ("for x in xs:\n    total = total + x", {"xs", "total"}, set()),
        ("for x in xs:\n    if x:\n        break\nx", {"xs"}, {"x"}),
        ("while True:\n    x = 1\n    break\nx", set(), set()),
        ("with m as f:\n    data = f\ndata", {"m"}, {"data"}),
        ("try:\n    x = f()\nexcept E:\n    x = 0\nx", {"f", "E"}, set()),
        ("try:\n    x = f()\nexcept E:\n    pass\nx", {"f", "E"}, {"x"}),
        ("try:\n    x = f()\nexcept E:\n    y = q\nx", {"f", "E", "q"}, {"x"}),
        ("del a", {"a"}, set()),
        ("a = 1\ndel a\na", {"a"}, set()),
        ("b = [v + k for v in a]", {"a", "k"}, set()),
        ("class A:\n    x = k\n    y = x", {"k", "__name__"}, set()),
        ("x, *y = z\n(w := x)\nw", {"z"}, set()),
        ("import a.b\na", set(), set()),
        ("async for x in it:\n    y = x\ny", {"it"}, {"y"}),
        ("y = await x", {"x"}, set()),
    ],
)
def test_what_is_read_before_it_is_stored(text: str, read: set[str], maybe: set[str]) -> None:
    found = flow(text)
    assert (set(found.read), set(found.maybe)) == (read, maybe)


def test_what_only_functions_read_is_told_apart() -> None:
    found = flow("def f(x):\n    return x + k + m\nm = 1\ng = lambda: n")
    assert set(found.later) == {"k", "m", "n"}
    assert set(found.read) == set()


@pytest.mark.parametrize(
    ("text", "stored", "certain"),
    [
        ("a = b = 1", {"a", "b"}, {"a", "b"}),
        ("if c:\n    x = 1", {"x"}, set()),
        ("for i in xs:\n    y = i", {"i", "y"}, set()),
        ("x = 1\ndel x", {"x"}, set()),
        ("try:\n    x = 1\nfinally:\n    y = 2", {"x", "y"}, {"x", "y"}),
        ("x = 1\nif x:\n    raise E", {"x"}, {"x"}),
        ("def f():\n    global g\n    g = 1", {"f"}, {"f"}),
        ("match v:\n    case [a, b]:\n        pass", {"a", "b"}, set()),
        ("import a.b, c as d\nfrom e import f", {"a", "d", "f"}, {"a", "d", "f"}),
    ],
)
def test_what_is_left_behind(text: str, stored: set[str], certain: set[str]) -> None:
    found = flow(text)
    assert (set(found.stored), set(found.certain)) == (stored, certain)


def test_the_line_is_the_first_on_which_it_is_so() -> None:
    found = flow("x = 1\ny = a\nz = a + b\n")
    assert found.read == {"a": 2, "b": 3}
    assert found.stored == {"x": 1, "y": 2, "z": 3}
