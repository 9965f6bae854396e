"""The types of arguments, as far as a closure may depend on them."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from dumbo.arguments.hashing import digest_call
from dumbo.tracing.shapes import shape_of
from dumbo.tracing.tracker import Tracker


class Point:
    def __init__(self, x: object = 0) -> None:
        self.x = x

    def move(self) -> object:
        return self.x


class Other:
    def run(self) -> int:
        return 1


class Slotted:
    __slots__ = ("x",)


def helper(x: int) -> int:
    return x


def shape(*values: Any) -> tuple[Any, ...]:
    names = tuple(f"a{n}" for n in range(len(values)))
    _, roots = digest_call(list(values), names)
    return shape_of(list(values), roots)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        ("a", "b" * 1000),
        ([1, 2], [3]),
        ({"a": 1}, {"b": 2}),
        (Point(1), Point(2)),
        ([Point(1)] * 20, [Point(2)] * 30),
        ((1, "a"), (2, "b")),
    ],
)
def test_data_is_no_part_of_a_shape(one: object, other: object) -> None:
    assert shape(one) == shape(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, "1"),
        ((1, 2), (1, "2")),
        ((1,), (1, 1)),
        (Point(1), Point("a")),
        (Point(1), Point(Point(1))),
        (Point(1), Other()),
        ([Point(1)], [Point(1), Other()]),
        ({"a": helper}, {"b": helper}),
    ],
)
def test_types_are(one: object, other: object) -> None:
    assert shape(one) != shape(other)


def test_shapes_can_be_keys() -> None:
    values = (1, [Point([1, {"a": helper}])], {"k": Other()}, helper, Point, {1, 2}, Slotted())
    assert hash(shape(*values)) == hash(shape(*values))


def test_a_value_that_holds_itself_has_a_shape() -> None:
    point = Point()
    point.x = [point]
    assert shape(point)


def test_code_in_a_value_that_is_not_looked_into_is_left_over() -> None:
    assert shape(deque([Point()]))[-1][:2] == ("any", (0,))


def test_where_something_is_not_looked_into_all_code_is_left_over() -> None:
    # The class is known from the first argument, and may lie in the second all the same.
    assert shape(Point(), deque([Point()]))[-1][:2] == ("any", (0,))
    deep = Point(Point(Point(Point(Point(Point())))))
    assert shape(deep)[-1][:2] == ("any", (0,))


def test_values_that_hold_no_code_leave_nothing_over() -> None:
    from datetime import date
    from decimal import Decimal

    assert len(shape(Point(), date(2020, 1, 1), Decimal(1), bytearray(b"a"), range(3))) == 5


def test_the_field_of_any_item_counts() -> None:
    items: list[Any] = [Point(n) for n in range(1000)]
    assert shape(items) != shape([*items, Point(Other())])


def test_a_million_numbers_are_traced_once() -> None:
    tracker = Tracker(helper)
    for number in range(10**6):
        shape_of([number], ())
    tracker.look([1], (), None, ("x",))
    tracker.look([10**6], (), None, ("x",))
    tracker.look([list(range(10**6))], (), None, ("x",))
    tracker.look([list(range(5))], (), None, ("x",))
    assert tracker.traced == 2


def test_a_hundred_thousand_instances_are_read_once_each() -> None:
    items = [Point(n) for n in range(10**5)]
    found = shape_of([items], (Point,))
    assert found == shape_of([items[:20]], (Point,))


def test_instances_that_hold_instances_are_looked_into_up_to_a_limit() -> None:
    items = [Point(Point(n)) for n in range(10**4)]
    found = shape_of([items], (Point,))
    assert found[-1][0] == "any", "what is beyond the limit may hold anything"


def test_a_metaclass_that_takes_its_class_for_any_type_is_not_believed() -> None:
    class Anything(type):
        def __eq__(cls, other: object) -> bool:
            return True

        def __hash__(cls) -> int:
            return 1

    class Thing(metaclass=Anything):
        def __init__(self) -> None:
            self.a = 1

    assert shape_of((Thing(),), (Thing,))[0][:2] == ("object", 0)
    assert shape_of(([Thing()],), (Thing,)) != shape_of(([[]],), ())
