"""What operators make of numbers and texts, and which branches that rules out."""

from __future__ import annotations

import itertools
import operator
import types
from typing import Any

import pytest

from dumbo.tracing import arithmetic
from dumbo.tracing.interpreter import trace
from dumbo.tracing.shapes import shape_of

OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "@": operator.matmul,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": operator.lshift,
    ">>": operator.rshift,
}
VALUES = (True, False, 0, 2, 3, -2, 0.5, -1.5, 2.0, 1j, "", "a%s", b"", b"ab")


@pytest.mark.parametrize("symbol", OPERATORS)
def test_what_it_gives_is_of_one_of_the_types_that_are_told(symbol: str) -> None:
    for left, right in itertools.product(VALUES, VALUES):
        told = arithmetic.gives(symbol, type(left), type(right))
        try:
            found = OPERATORS[symbol](left, right)
        except (TypeError, ValueError, ArithmeticError):
            continue
        assert not told or type(found) in told, (left, right)


@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "//", "%", "**"])
def test_of_numbers_it_is_always_known(symbol: str) -> None:
    for left, right in itertools.product((bool, int, float, complex), repeat=2):
        assert arithmetic.gives(symbol, left, right)


BODIES = {
    "n / m": "float",
    "n ** m": "float",
    "float(n) ** float(m)": "complex",
    "bool(n) + bool(m)": "int",
    "n + float(m)": "float",
    "n // m": "int",
    "str(n) * m": "str",
}
SUMS = {"sum([n / m])": "float", "sum(i / 2 for i in range(n))": "int"}  # of nothing it is 0


def made(expression: str, kind: str, inplace: bool = False) -> Any:
    steps = f"x = {expression}"
    if inplace:
        left, symbol, right = expression.split(" ")
        steps = f"x = {left}; x {symbol}= {right}"
    source = f"""
def helper(x):
    return x

def entry(n, m):
    {steps}
    return helper(x) if isinstance(x, {kind}) else 0
"""
    module = types.ModuleType("arithmetic_target")
    exec(compile(source, "arithmetic_target.py", "exec"), vars(module))
    return module.entry


def reaches(entry: Any) -> bool:
    found = trace(entry, (), shape_of((3, 2), ()), ("n", "m"), observed=False)
    return any(node.name.endswith(":helper") for node in found.nodes.values())


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("expression", BODIES)
def test_the_branch_that_the_result_takes_is_followed(expression: str, inplace: bool) -> None:
    assert reaches(made(expression, BODIES[expression], inplace))


@pytest.mark.parametrize("expression", SUMS)
def test_a_sum_may_be_what_it_begins_with(expression: str) -> None:
    assert reaches(made(expression, SUMS[expression]))
