"""The order in which local classes look attributes up is that of CPython."""

from __future__ import annotations

import itertools

import pytest

from dumbo.tracing.local_classes import after, linearised
from dumbo.tracing.tracker import Tracker
from dumbo.tracing.values import LocalClass, Value
from tests.tracing.test_tracker import module
from tests.tracing.test_words import held


def made(*bases: Value) -> LocalClass:
    return LocalClass(Value(), bases, object())


def shapes() -> list[tuple[tuple[int, ...], ...]]:
    """All ways in which four classes may have some of those before them as bases, in any order."""
    choices = [
        [order for size in range(count + 1) for order in itertools.permutations(range(count), size)]
        for count in range(4)
    ]
    return list(itertools.product(*choices))


def test_every_order_of_four_classes_is_that_of_cpython() -> None:
    compared = 0
    for shape in shapes():
        live: list[type] = []
        try:
            for bases in shape:
                live.append(type("C", tuple(live[base] for base in bases), {}))
        except TypeError:  # CPython finds no order
            continue
        local: list[Value] = []
        for bases in shape:
            local.append(made(*[local[base] for base in bases]))
        for cls, abstract in zip(live, local, strict=True):
            assert isinstance(abstract, LocalClass)
            expected = [local[live.index(base)] for base in cls.__mro__[:-1]]
            assert linearised(abstract) == expected
        compared += 1
    assert compared == 96


def test_where_cpython_finds_no_order_each_class_has_its_place() -> None:
    a, b = made(), made()
    one, other = made(a, b), made(b, a)
    assert set(linearised(made(one, other))) >= {a, b, one, other}


@pytest.mark.parametrize("bound", [True, False])
def test_super_goes_on_where_the_receiver_says(bound: bool) -> None:
    a = made()
    b, c = made(a), made(a)
    d = made(b, c)
    assert after(b, d if bound else None) == ([c, a] if bound else [a])


DECORATED = """
    import dataclasses
    from dataclasses import dataclass, field
    def area(side): return side * side
    def name(side): return str(side)
    def other(side): return -side
    def called(x, how):
        @dataclass
        class Square:
            side: int
            function: object = None
            def size(self): return area(self.side)
            def label(self): return name(self.side)
        return Square(side=x, function=how).size()
    def through_a_field(x):
        @dataclass(frozen=True)
        class Square:
            function: object
            side: int = 3
            def label(self): return name(self.side)
        return Square(area).function(x)
    def after(x):
        @dataclass
        class Square:
            side: int
            def __post_init__(self): self.side = other(self.side)
        return Square(x).side
    def given_back(x):
        @dataclass
        class Square:
            side: int
            def size(self): return area(self.side)
        return Square
"""


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        ("called", (3, None), {"area"}),
        ("through_a_field", (3,), {"area"}),
        ("after", (3,), {"other"}),
        ("given_back", (3,), set()),
    ],
)
def test_a_class_that_a_decorator_completes_is_followed(
    function: str, args: tuple[object, ...], expected: set[str]
) -> None:
    made = module(DECORATED)
    found = held(Tracker(getattr(made, function)), *args)
    assert {name for name in found if "." not in name} == expected
