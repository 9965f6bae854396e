"""The line of the cell magic."""

from __future__ import annotations

import pytest

from dumbo.notebook.errors import CellError
from dumbo.notebook.line import parse


@pytest.mark.parametrize(
    ("line", "inputs", "outputs"),
    [
        ("", None, None),
        ("(a, b) -> c, d", ("a", "b"), ("c", "d")),
        ("(a,b)->c,d", ("a", "b"), ("c", "d")),
        ("-> c", None, ("c",)),
        ("-> (c, d)", None, ("c", "d")),
        ("(a)", ("a",), None),
        ("() -> c", (), ("c",)),
        ("(a,) -> ()", ("a",), ()),
        ("  ( a , b )  ->  c  # why", ("a", "b"), ("c",)),
        ("--keep always (a) -> b --name x", ("a",), ("b",)),
    ],
)
def test_sides_are_read(
    line: str, inputs: tuple[str, ...] | None, outputs: tuple[str, ...] | None
) -> None:
    wanted = parse(line)
    assert (wanted.inputs, wanted.outputs) == (inputs, outputs)


def test_options_stand_anywhere() -> None:
    wanted = parse(
        "--name 'the big one' (a) --keep=never -> b --recompute --samples 3 --seed=rng --seed -4"
    )
    assert (wanted.name, wanted.keep, wanted.recompute) == ("the big one", "never", True)
    assert (wanted.samples, wanted.seed, wanted.root) == (3, "rng", -4)
    assert (wanted.inputs, wanted.outputs) == (("a",), ("b",))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("(a -> b", "not understood"),
        ("a -> b", "not understood"),
        ("(a) b", "not understood"),
        ("->", "write `-> ()` for none"),
        ("(1a) -> b", "'1a' among the inputs is not a name"),
        ("(a) -> b c", "'b c' among the outputs is not a name"),
        ("(class) -> b", "'class' among the inputs"),
        ("(a, a)", "'a' stands twice"),
        ("--keep sometimes", "auto, always, never"),
        ("--keep", "a value is missing"),
        ("--recompute=yes", "not an option as it stands"),
        ("--fast", "not an option"),
        ("'", "closing quotation"),
    ],
)
def test_what_cannot_be_meant_is_said(line: str, said: str) -> None:
    with pytest.raises(CellError, match=r"%%dumbo") as error:
        parse(line)
    assert said.lower() in str(error.value).lower()
