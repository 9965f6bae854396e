"""Unions of abstract values: what they say never swings back and forth."""

from __future__ import annotations

import random
from typing import Any

import pytest

import dumbo
from dumbo.tracing import values
from dumbo.tracing.values import Pool, Value


def alphabet(pool: Pool) -> list[Value]:
    """Values of all kinds of which some stand for others where they meet."""
    functions = [pool.known(make(), number) for number, make in enumerate([_function] * 3)]
    made: list[Any] = [pool.const(item) for item in (0, 1, 2, 3, 1.5, None, True, b"x")]
    made += [pool.const(f"text {number}") for number in range(10)]
    made += [values.UNKNOWN, values.PLAIN, values.MANY, values.PLAIN_MANY]
    made += [values.DATA, values.PLAIN_DATA, values.EVERYTHING, pool.make(values.Unknown, "other")]
    made += [pool.make(values.Given, ((place,),)) for place in range(2)]
    made += [pool.make(values.Text, "a", "", ()), pool.make(values.Test, "x", None, None)]
    made += [pool.make(values.Heap, "list", ("made", number)) for number in range(40)]
    some = made[:24]
    made += [pool.make(values.Tuple, (some[n], some[-n])) for n in range(8)]
    made += [pool.make(values.Bound, functions[n % 3], some[n]) for n in range(8)]
    return [*made, *functions]


def _function() -> Any:
    def function() -> None:
        """Never run."""

    return function


@pytest.mark.parametrize("seed", range(60))
def test_a_place_that_holds_all_that_is_written_stays_as_it_is(seed: int) -> None:
    chance = random.Random(seed)
    pool = Pool(lambda lost: None)
    known = alphabet(pool)
    for _ in range(40):
        written = [
            pool.join(*chance.choices(known, k=chance.choice([1, 2, 3, 40])))
            for _ in range(chance.randrange(2, 7))
        ]
        held: Value | None = None
        for value in written * 12:
            held = pool.join(held, value)
        assert [pool.join(held, value) for value in written] == [held] * len(written)


def test_no_number_is_told_apart_beside_something_unknown() -> None:
    pool = Pool(lambda lost: None)
    number = pool.const(3)
    assert pool.join(values.UNKNOWN, number) is values.UNKNOWN
    assert pool.join(number, values.PLAIN, values.UNKNOWN, number) is values.UNKNOWN


def test_of_a_hundred_methods_picked_by_a_computed_name_each_is_called() -> None:
    space: dict[str, Any] = {"__name__": __name__}
    methods = "\n".join(f"    def on_{n}(self): return rule_{n}()" for n in range(100))
    rules = "\n".join(f"def rule_{n}(): return {n}" for n in range(100))
    exec(f"{rules}\nclass Visitor:\n{methods}\n", space)
    visitor = space["Visitor"]

    def visit(name: str) -> Any:
        picked: dict[str, Any] = {}
        if name not in picked:
            picked[name] = getattr(visitor(), f"on_{name}")
        return picked[name]()

    names = {data["name"].partition(":")[2] for _, data in dumbo.deps(visit).nodes(data=True)}
    assert names >= {f"rule_{n}" for n in range(100)}
