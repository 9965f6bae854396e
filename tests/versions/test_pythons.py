"""Results of another minor version of Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dumbo.tracing.account import Account, Part
from dumbo.versions import pythons
from dumbo.versions.pythons import _syntax
from tests.pythons import others

PACKAGE = Path(__file__).parents[2]

PROGRAM = """
import sys
from dumbo import memo

RATES = [1, 2, 3]

class Model:
    power = 2

    def fit(self, x):
        return [rate * x ** self.power for rate in RATES]

def helper(x):
    def inner(y):
        return y + 1
    return sum(inner(y) for y in Model().fit(x))

@memo(keep="always", across_python=True)
def f(x, *, scale=1.0):
    print("computed")
    return {"sum": helper(x) * scale, "x": x}

print(f(3))
print(f.why(3))
"""


def run(python: str, program: Path, cache: Path, **more: str) -> str:
    ran = subprocess.run(
        [python, str(program)],
        env={"PYTHONPATH": str(PACKAGE), "DUMBO_DIR": str(cache), **more},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_results_go_from_python_to_python_where_that_is_allowed(tmp_path: Path) -> None:
    known = others()
    if not known:
        pytest.skip("needs another Python; DUMBO_TEST_PYTHONS names some")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    for number, other in enumerate(known):
        cache = tmp_path / f"cache{number}"
        assert "computed" in run(other, program, cache)
        there = run(sys.executable, program, cache)
        assert there.splitlines()[0] == "{'sum': 57.0, 'x': 3}"
        assert "of Python 3." in there
        changed = tmp_path / "changed" / "program.py"
        changed.parent.mkdir(exist_ok=True)
        changed.write_text(PROGRAM.replace("y + 1", "y - 1"))
        assert "computed" in run(sys.executable, changed, cache)
        strict = tmp_path / "strict" / "program.py"
        strict.parent.mkdir(exist_ok=True)
        strict.write_text(PROGRAM.replace(", across_python=True", ""))
        assert "computed" in run(sys.executable, strict, cache)


SAME = [
    (
        "def f(x):\n    return x + 1\n",
        "def f(x):\n    'doc'\n    # so\n    return (x\n        + 1)\n",
    ),
    ("def f(x: int) -> int:\n    y = x\n    return y\n", "def f(x):\n    z = x\n    return z\n"),
    ("g = lambda x: x + 1\n", "h = lambda x: (x + 1)\n"),
]
OTHER = [
    ("def f(x):\n    return x + 1\n", "def f(x):\n    return x - 1\n"),
    ("def f(x):\n    return g(x)\n", "def f(x):\n    return h(x)\n"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_code_is_the_same_by_its_syntax(one: str, other: str) -> None:
    assert _syntax(one) == _syntax(other) != ""


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_code_is_another_by_its_syntax(one: str, other: str) -> None:
    assert _syntax(one) != _syntax(other)


def test_what_is_no_single_function_is_like_nothing() -> None:
    assert _syntax("x = 1\n") == _syntax("def f(:\n") == _syntax("a = lambda: 1, lambda: 2\n") == ""


def test_comprehensions_belong_to_the_function_around_them() -> None:
    inner = Part("function", "m:f.<locals>.<listcomp>", b"2", "", b"", [(0, b"", "global g", 3)])
    old = [
        Part("root", "call", b"0", "", b"", [(0, b"", "function", 1)]),
        Part("function", "m:f", b"1", "", b"", [(4, b"", "call", 2)]),
        inner,
        Part("value", "m:g", b"3", "", b"", []),
    ]
    account = Account([], [], old, (), [], (), "")
    assert pythons._ends(account, 1) == {"global g": [3]}
