"""What is typed behind --args, as the arguments of a call."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from dumbo.cli.arguments import evaluate
from dumbo.errors import InvalidUse


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("home_of_f")
    vars(module).update(RATE=3, Path=str, _="mine", fails=lambda: 1 / 0, leaves=lambda: sys.exit(4))
    monkeypatch.setitem(sys.modules, "home_of_f", module)
    return module


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ((), {})),
        ("3", ((3,), {})),
        ("3, x=Path('a')", ((3,), {"x": "a"})),
        ("RATE, len", ((3, len), {})),
        ("*[1, 2], **{'k': 3}", ((1, 2), {"k": 3})),
        ("[n for n in range(RATE)],", (([0, 1, 2],), {})),
        ("(1, 2)", (((1, 2),), {})),
        ("1  # one", ((1,), {})),
        ("1,\n2", ((1, 2), {})),
        ("n for n in ()", None),
    ],
)
def test_it_is_what_stands_between_the_parentheses_of_a_call(text: str, expected: object) -> None:
    found = evaluate(text, "home_of_f")
    assert expected is None or found == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("3)", "is no list of arguments: write what stands between"),
        ("x=", "is no list of arguments: write"),
        ("x=1, 2", "is no list of arguments: write"),
        ("1) + _(2", "it closes a parenthesis"),
        ("1)(2", "it closes a parenthesis"),
        ("nothing", r"NameError: name 'nothing' is not defined.* \(its names are those of home_of"),
        ("fails()", "failed with ZeroDivisionError: division by zero"),
        ("leaves()", "failed with SystemExit: 4"),
        ("\0", "is no list of arguments"),
    ],
)
def test_what_it_cannot_be_is_said_in_a_line(text: str, complaint: str) -> None:
    with pytest.raises(InvalidUse, match=complaint) as caught:
        evaluate(text, "home_of_f")
    assert "\n" not in str(caught.value)


def test_the_module_is_left_as_it_was(home: ModuleType) -> None:
    before = dict(vars(home))
    evaluate("(y := 4)", "home_of_f")
    assert {name: vars(home)[name] for name in before} == before
    assert "y" not in vars(home)


def test_a_module_that_is_not_loaded_lends_no_names() -> None:
    assert evaluate("len('a')", "there_is_none") == ((1,), {})
