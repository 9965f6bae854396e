"""Ghosts, the second slots of pairs, go without a trace."""

from __future__ import annotations

from itertools import product

import pytest

from dumbo.tracing.pairs import GHOST, single
from dumbo.tracing.steps import Handler, Lowered, Shape, Step, step

CONST, END = step("LOAD_CONST"), step("RETURN_VALUE")


def ghost(below: int = 0) -> Step:
    return Step(GHOST, below, 1)


def shuffled(steps: list[Step]) -> list[int]:
    """Return the stack that constants, COPYs, SWAPs and POP_TOPs leave; ghosts are negative."""
    stack: list[int] = []
    for number, one in enumerate(steps, start=1):
        if one.name == "LOAD_CONST":
            stack.append(one.arg)
        elif one.name == GHOST:
            stack.append(-number)
        elif one.name == "COPY":
            stack.append(stack[-one.arg])
        elif one.name == "SWAP":
            stack[-1], stack[-one.arg] = stack[-one.arg], stack[-1]
        else:
            stack.pop()
    return stack


@pytest.mark.parametrize("size", [2, 3, 4, 5])
@pytest.mark.parametrize("name", ["SWAP", "COPY", "POP_TOP"])
def test_real_values_end_where_they_would_beside_ghosts(name: str, size: int) -> None:
    for kinds in product((True, False), repeat=size):
        for depth in range(2 if name == "SWAP" else 1, size + 1):
            filled = [step("LOAD_CONST", i) if real else ghost() for i, real in enumerate(kinds)]
            steps = [*filled, step(name, depth)]
            found = single(Lowered([*steps, CONST, END], []))
            expected = [value for value in shuffled(steps) if value >= 0]
            assert shuffled(found.steps[:-2]) == expected, (kinds, depth)


def test_what_reaches_below_counts_no_ghosts() -> None:
    steps = [
        step("BUILD_LIST", 0),
        step("LOAD_FAST", "xs"),
        step("GET_ITER"),
        ghost(),
        step("FOR_ITER", 0, 7),
        step("LIST_APPEND", 3),
        step("JUMP", 0, 4),
        END,
    ]
    lowered = single(Lowered(steps, []))
    assert [(one.name, one.arg, one.target) for one in lowered.steps] == [
        ("BUILD_LIST", 0, None),
        ("LOAD_FAST", "xs", None),
        ("GET_ITER", 0, None),
        ("FOR_ITER", 0, 6),
        ("LIST_APPEND", 2, None),
        ("JUMP", 0, 3),
        ("RETURN_VALUE", 0, None),
    ]


def test_a_handler_keeps_no_ghosts() -> None:
    steps = [CONST, ghost(), CONST, step("GET_LEN"), END, step("RERAISE", 0)]
    lowered = single(Lowered(steps, [Handler(3, 4, 5, 4, True)]))
    assert lowered.handlers == [Handler(2, 3, 4, 3, True)]


def test_a_handler_leaves_out_steps_that_have_less_than_it_keeps() -> None:
    steps = [
        CONST,
        ghost(),
        step("GET_LEN"),
        step("POP_TOP"),
        step("POP_TOP"),
        END,
        step("RERAISE"),
    ]
    lowered = single(Lowered(steps, [Handler(2, 6, 6, 2, False)]))
    assert [(one.start, one.stop) for one in lowered.handlers] == [(1, 3)]


def test_the_receiver_of_exit_is_no_argument() -> None:
    steps = [
        step("LOAD_FAST", "manager"),
        step("WITH_ENTER", False),
        ghost(below=1),
        step("POP_TOP"),
        *[step("LOAD_CONST", None)] * 3,
        step("CALL", Shape(3)),
        END,
    ]
    call = single(Lowered(steps, [])).steps[-2]
    assert call == step("CALL", Shape(2)), "`exit` is called as a method of the first None"


def test_steps_that_nothing_reaches_are_left_out() -> None:
    lowered = single(Lowered([CONST, ghost(), step("POP_TOP"), END, CONST, END], []))
    assert [one.name for one in lowered.steps] == ["LOAD_CONST", "RETURN_VALUE"]
