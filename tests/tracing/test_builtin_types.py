"""What operators, functions and methods of builtin types give, compared with what they do give.

No test that holds of the value itself may be taken for one that fails: a branch that is wrongly
left out is a result that is stale.
"""

from __future__ import annotations

import copy
import itertools
import math
import operator
import types
from typing import Any

import pytest

from dumbo.tracing.interpreter import trace
from dumbo.tracing.shapes import shape_of

VALUES: dict[str, Any] = {
    "s": "ab c",
    "b": b"ab c",
    "i": 3,
    "f": 2.5,
    "l": [1, 2.5, "x"],
    "d": {"a": 1, "b": 2.5},
    "t": (1, "x", 2.5),
    "u": {1, 2},
    "c": 2j,
    "o": True,
}
ARGUMENTS = ("", "s", "b", "i", "l", "t", "i, i", "s, s")
LEFT_OUT = {"__class__", "__init_subclass__", "__subclasshook__", "__new__", "__init__", "__doc__"}
BUILTINS = (
    "abs ascii bin bool bytearray bytes complex dict divmod enumerate float format frozenset hash "
    "hex int iter len list max min next oct ord pow range repr reversed round set sorted str sum "
    "tuple zip any all"
)
OPERATORS = "+ - * / // % ** & | ^ << >> == < in and or"
FORMS = ("{}[0]", "{}[:1]", "-{}", "~{}", "+{}", "not {}", "'%s' % {}", "f'{{{}}}'", "({},)[0]",
         "[x for x in {}][0]", "[*{}][0]", "sum([{}])")  # fmt: skip
NAMED = {int, float, complex, bool, str, bytes, list, dict, tuple, set, frozenset}


def expressions() -> dict[str, Any]:
    """Those that raise nothing, with what they give."""
    found = []
    for name, value in VALUES.items():
        for method in dir(type(value)):
            if method not in LEFT_OUT:
                found += [f"{name}.{method}({given})" for given in ARGUMENTS]
        found += [form.format(name) for form in FORMS]
        found += [f"{builtin}({name})" for builtin in BUILTINS.split()]
        found += [f"{builtin}({name}, i)" for builtin in BUILTINS.split()]
        found += [f"math.{function}({name})" for function in dir(math)]
        found += [f"math.{function}({name}, {name})" for function in dir(math)]
        found += [f"operator.index({name})"]
    for left, right in itertools.product(VALUES, VALUES):
        found += [f"{left} {operator} {right}" for operator in OPERATORS.split()]
    given = {}
    for expression in dict.fromkeys(found):
        try:
            value = eval(expression, {**copy.deepcopy(VALUES), "math": math, "operator": operator})
        except Exception:  # whatever does not work is of no interest
            continue
        if value is not NotImplemented:  # which is neither true nor false
            given[expression] = value
    return given


def checks(value: Any) -> dict[str, str]:
    """Tests of `x` that hold where it is *value*."""
    kind = type(value)
    found = {"truth": "x" if value else "not x"}
    found["none"] = "x is None" if value is None else "x is not None"
    if kind in NAMED:
        found["instance"] = f"isinstance(x, {kind.__name__})"
        found["type"] = f"type(x) is {kind.__name__}"
    return found


def source_of(place: str, expression: str, value: Any, number: int) -> str:
    held = "; ".join(f"{name} = {item!r}" for name, item in VALUES.items())
    lines = [f"def f{number}({', '.join(VALUES) if place == 'arguments' else ''}):"]
    lines += [f"    {held}"] if place == "made" else []
    lines += [f"    x = {expression}"]
    for name, check in checks(value).items():
        lines += [f"    if {check}: {name}()"]
    return "\n".join(lines)


@pytest.mark.parametrize("place", ["arguments", "made", "globals"])
def test_no_branch_is_ruled_out_that_the_value_itself_takes(place: str) -> None:
    given = expressions()
    lines = ["import math, operator"]
    lines += [f"def {name}(): pass" for name in ("truth", "none", "instance", "type_")]
    lines += [f"{name} = {value!r}" for name, value in VALUES.items() if place == "globals"]
    for number, (expression, value) in enumerate(given.items()):
        lines.append(source_of(place, expression, value, number).replace(": type()", ": type_()"))
    module = types.ModuleType("builtin_types_target")
    exec(compile("\n".join(lines), "builtin_types_target.py", "exec"), vars(module))
    shape, names = shape_of(tuple(VALUES.values()), ()), tuple(VALUES)
    wrong = []
    for number, (expression, value) in enumerate(given.items()):
        function = getattr(module, f"f{number}")
        bound = (shape, names) if place == "arguments" else ((), ())
        found = trace(function, (), *bound, observed=False)
        reached = {node.name.partition(":")[2].rstrip("_") for node in found.nodes.values()}
        wrong += [(expression, check) for check in checks(value) if check not in reached]
    assert wrong == []
