"""With the magic, a cell does what it does without: when it is computed, and when it is loaded."""

from __future__ import annotations

import copy
from typing import Any

import pytest

BEFORE = """
import math, sys
n = 3
word = "hello"
items = [3, 1, 2]
table = {"a": 1}
def twice(x):
    return 2 * x
def reads_total():
    return total
class Point:
    def __init__(self, x):
        self.x = x
    def __eq__(self, other):
        return type(other).__name__ == "Point" and self.x == other.x
    def __repr__(self):
        return f"Point({self.x})"
"""

CELLS = {
    "assign": "a = n + 1\na",
    "augment": "n += 1\nn *= 2",
    "unpack": "a, *b = items\n[c, d], e = (1, 2), 3",
    "chain": "a = b = items + [4]\na is b",
    "annotate": "a: int = n\nb: str\nif n:\n    c: float = 1.5\nc",
    "walrus": "if (a := n) > 2:\n    b = [y := x for x in items]\ny",
    "loop": "for i in range(n):\n    s = i\nelse:\n    s = s + 10\ns, i",
    "while": "k = 0\nwhile k < n:\n    k += 1\n    if k == 2:\n        break\nelse:\n    k = -1\nk",
    "accumulate": "total = 0\nfor x in items:\n    total += twice(x)\ntotal",
    "a function sees the cell's own": "total = 5\na = reads_total()\ntotal = 6\nb = reads_total()",
    "with": (
        "import contextlib\nwith contextlib.suppress(KeyError):\n    a = 1\n    table['x']\n"
        "    a = 2\na"
    ),
    "try": (
        "try:\n    a = table['x']\nexcept KeyError as error:\n    a = str(error)\n"
        "else:\n    a = 0\nfinally:\n    b = 1"
    ),
    "try star": (
        "try:\n    raise ExceptionGroup('g', [ValueError(1)])\nexcept* ValueError as g:\n"
        "    a = len(g.exceptions)"
    ),
    "match": "match items:\n    case [a, *rest]:\n        b = rest\n    case _:\n        b = None",
    "comprehensions": (
        "a = [x * n for x in items]\nb = {x: word for x in items}\n"
        "c = [[y * x for y in items] for x in items]\nd = sum(x for x in items)"
    ),
    "nested functions": (
        "def adder(k):\n    def add(x):\n        return x + k + n\n    return add\na = adder(1)(2)"
    ),
    "lambda late": "f = sorted(items, key=lambda x: -x * k) if False else None\nk = 2\na = f",
    "recursion": "def fact(k):\n    return 1 if k < 2 else k * fact(k - 1)\na = fact(5)",
    "class in the cell": (
        "class Local(Point):\n    scale = n\n    def big(self):\n"
        "        return self.x * self.scale\n"
        "a = Local(2).big()"
    ),
    "class below": "a = 1\nclass Late:\n    y = n\nb = Late.y",
    "instances": "a = Point(n)\nb = [a, a]\nb[0] is b[1]",
    "delete": "a = 1\nb = 2\ndel a",
    "delete an input": "b = word\ndel word",
    "conditional": "if n > 5:\n    a = 1\nb = 2",
    "conditional import": "if n:\n    import json as j\na = j.dumps(items)",
    "import below": "a = 1\nimport os.path\nb = os.path.join('x', 'y')",
    "from import below": "a = 1\nfrom math import floor as fl, ceil\nb = fl(1.5) + ceil(1.5)",
    "star import": "from math import *\na = floor(2.5)",
    "future": "from __future__ import annotations\na: undefined = 1\na",
    "docstring": '"""What the cell is about."""\na = 1',
    "strings": "a = f'{word!r:>10}{n:03d}'\nb = 'x' 'y'\n\"\"\"last\"\"\"",
    "print": "print(word, file=sys.stderr)\nprint(*items, sep='-')\nprint()",
    "global in a function": "def put():\n    global put_here\n    put_here = n\nput()\nput_here",
    "semicolons": "a = 1; b = 2; a + b",
    "last is None": "print(n)",
    "only an expression": "n * 2",
    "nothing": "pass",
    "exec": "exec('a = n + 1')\na",
    "globals": "globals()['a'] = n\nb = a",
    "time": "%time a = twice(n)\na",
    "shadow a builtin": "len = 3\na = len\ndel len",
    "names of ours": "cell = 1\nargs = 2\ncell + args",
    "underscores": "_a = 1\nb = _a + 1",
    "await": (
        "import asyncio\nasync def g(x):\n    await asyncio.sleep(0)\n    return x\na = await g(n)"
    ),
    "async for": (
        "async def numbers():\n    for x in items:\n        yield x\na = []\n"
        "async for x in numbers():\n    a.append(x)\nb = [x async for x in numbers()]"
    ),
    "inner generators": "def g():\n    yield from items\na = list(g())\nb = {*g()}",
    "unicode": "ä = 'ü'\nµ = ä * 2",
}
# Run as they are, and not kept: what they depend on is all that the notebook has.
NOT_STORED = {CELLS["exec"], CELLS["globals"]}
TIMES = ("CPU times", "Wall time")


def state(notebook: Any, names: Any) -> dict[str, Any]:
    return {name: notebook.names.get(name, "missing") for name in names}


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith(TIMES)]


@pytest.mark.parametrize("body", CELLS.values(), ids=CELLS)
def test_a_cell_does_what_it_does_without_the_magic(body: str, notebook: Any) -> None:
    notebook(BEFORE)
    known = set(notebook.names)
    plain = notebook(body)
    made = {
        name
        for name in notebook.names
        if not name.startswith("_") and (name not in known or name in ("n", "word", "items"))
    }
    gone = known - set(notebook.names)
    expected = copy.copy(state(notebook, made | gone))
    for again in (False, True):
        for name in made:
            notebook.names.pop(name, None)
        notebook(BEFORE)
        shown = notebook(f"%%dumbo --keep always\n{body}")
        if again:
            assert "loaded" in shown.said or body in NOT_STORED, shown.said
        found = state(notebook, made | gone)
        for name, value in expected.items():
            if callable(value) or type(value).__name__ in ("module", "type"):
                assert type(found[name]).__name__ == type(value).__name__
            else:
                assert found[name] == value or value != value, name
        assert shown.value == plain.value
        assert lines(shown.stdout) == lines(plain.stdout)
        assert shown.stderr == plain.stderr
