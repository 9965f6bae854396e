"""The types of arguments, as far as a closure may depend on them."""

from __future__ import annotations

import copy
from collections import OrderedDict, defaultdict, deque
from functools import lru_cache, partial
from operator import methodcaller
from types import SimpleNamespace
from typing import Any, NamedTuple
from weakref import WeakValueDictionary, ref

import numpy as np
import pytest

from dumbo import deps
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


class Pair(NamedTuple):
    one: Any
    other: Any


class Slotted:
    __slots__ = ("x",)


def helper(x: int) -> int:
    return x


def unknown(caller: Any) -> Any:
    return copy.copy(caller)(1)


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
    assert shape(np.array([Point()], dtype=object))[-1][:2] == ("any", (0,))


def test_where_something_is_not_looked_into_all_code_is_left_over() -> None:
    # The class is known from the first argument, and may lie in the second all the same.
    assert shape(Point(), np.array([Point()], dtype=object))[-1][:2] == ("any", (0,))


def test_of_a_value_that_is_not_looked_into_only_the_code_that_its_hasher_finds_is_left_over() -> (
    None
):
    values = (Point(), methodcaller("run", Other()))
    other = digest_call(list(values), ("a", "b"))[1].index(Other)
    assert shape(*values)[-1][:2] == ("any", (other,))
    assert len(shape(Point(), methodcaller("run", 1))) == 2, "no code lies in it"
    assert len(shape(Point(), SimpleNamespace(a=[1]), methodcaller("run"))) == 3


def test_code_that_lies_in_such_a_value_is_left_over_where_it_is_known_from_elsewhere_too() -> None:
    assert shape(Point(), methodcaller("run", [Point()]))[-1][:2] == ("any", (0,))
    assert shape(helper, methodcaller("run", {"a": helper}))[-1][:2] == ("any", (0,))
    assert shape(Point(methodcaller("run", Point())))[-1][:2] == ("any", (0,))
    assert shape(Point(SimpleNamespace(a={"b": helper})))[-1][:2] == ("any", (1,))
    pair = methodcaller("run", Pair(helper, 1))
    assert shape_of((helper, Point(), pair), (helper, Point, Pair))[-1][1] == (0, 2)


def test_a_value_that_holds_what_it_lies_in_leaves_that_over() -> None:
    point = Point()
    point.x = methodcaller("run", point)
    assert shape(point)[-1][:2] == ("any", (0,))


@pytest.mark.parametrize(
    "closed", [WeakValueDictionary(), np.array([1, None], dtype=object), iter([1]), {}.items()]
)
def test_beside_a_value_of_which_nobody_tells_all_code_is_left_over(closed: object) -> None:
    roots = (Point, Other)
    values = (Point(), Other(), methodcaller("run", 1))
    assert len(shape_of(values, roots)) == 3
    assert shape_of((*values, closed), roots)[-1][1] == (0, 1)
    assert shape_of((*values, methodcaller("run", [closed])), roots)[-1][1] == (0, 1)
    assert shape_of((*values, methodcaller("run", Point(closed))), roots)[-1][1] == (0, 1)


class Weak(ref):  # type: ignore[type-arg]
    pass


class Failure(Exception):
    pass


class Later(partial):  # type: ignore[type-arg]
    pass


class Number(int):
    pass


def test_what_a_base_keeps_in_its_own_way_may_be_any_code() -> None:
    point = Point()
    for hiding in (Weak(point), Failure(point), Later(helper, point)):
        roots = (Point, type(hiding))
        found = shape_of((point, methodcaller("run", hiding)), roots)
        assert found[-1][1] == (0, 1)
    assert shape_of((point, methodcaller("run", Number(1))), (Point, Number))[-1][1] == (1,)


def test_what_is_too_much_to_go_through_leaves_all_code_over() -> None:
    values = (Point(), methodcaller("run", [(n,) for n in range(100_000)]))
    assert shape_of(values, (Point,))[-1][1] == (0,)


def test_what_an_object_out_of_sight_has_is_found_in_values_that_are_not_looked_into() -> None:
    """It is followed as what is unknown, and what does not lie there is not."""
    caller = methodcaller("go", Other())

    def f(point: Point, other: Any) -> Any:
        point.move()
        return unknown(other).run()

    def g(point: Point, other: Any) -> Any:
        point.x = 1
        return unknown(other).move()

    def names(function: Any) -> set[str]:
        graph = deps(function, args=(Point(), caller))
        return {str(node).rpartition(":")[2] for node in graph}

    assert "Other.run" in names(f)
    assert "Point.move" not in names(g)


def test_what_the_standard_library_holds_is_looked_into() -> None:
    held = ("object", 0, (("x", ("atom", int)),), ())
    assert shape(deque([Point()])) == (("list", (), ((), (held,))),)
    assert shape(OrderedDict(a=Point())) == shape({"a": Point()})
    assert shape(Point().move) == (("bound", ("code", 0), ("object", 1, held[2], ())),)
    assert shape(partial(helper, 1)) == (("partial", ("code", 0), (("atom", int),), ()),)
    assert shape(defaultdict(Point))[0][2] == ("code", 0)
    assert shape(lru_cache(helper)) == (("code", 0),)


def deep(*inside: Any) -> Point:
    return Point(Point(Point(Point([Point(item) for item in inside]))))


def test_of_instances_that_lie_deep_the_fields_count_by_class() -> None:
    assert shape(deep(1)) != shape(deep("a"))
    assert shape(deep(1)) != shape(deep(Other()))
    assert shape(deep(1, Other(), 2)) == shape(deep(Other(), 2))
    assert shape(deep(Other()))[-1][1] == (
        ((0, 0, "x"), (("x", (("kind", 1, 0, "x"),)),), ()),
        ((1, 0, "x"), (), ()),
    )


def test_a_class_with_one_instance_is_known_by_it() -> None:
    assert shape(deep(Other()))[-1][2] == (1,)
    assert shape(deep(deep(Other()), deep(1)))[-1][2] == (1,)
    assert shape(deep(Other(), deep(Point(Other()))))[-1][2] == ()


def test_a_long_chain_has_the_shape_of_a_longer_one() -> None:
    def chain(length: int) -> Point:
        made = Point()
        for _ in range(length):
            made = Point(made)
        return made

    assert shape(chain(100)) == shape(chain(1000))


def test_of_many_containers_that_differ_less_is_told() -> None:
    rows = [{"a" * n: Point(n)} for n in range(1, 40)]
    assert shape(rows) == shape([*rows, {"x": Point(1)}])
    assert shape(rows)[-1][0] == "kinds"


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


def test_a_dispatcher_that_an_argument_keeps_behind_lru_cache_is_followed() -> None:
    class Dispatcher:
        def __init__(self) -> None:
            self.table = [(int, of_int), (str, of_str)]
            self.pick = lru_cache(None)(self._pick)

        def _pick(self, kind: type) -> Any:
            return next(function for known, function in self.table if known is kind)

    def of_int(x: int) -> int:
        return x + 1

    def of_str(x: str) -> str:
        return x * 2

    class Converter:
        def __init__(self) -> None:
            self.dispatcher = Dispatcher()

        def convert(self, x: Any) -> Any:
            return self.dispatcher.pick(type(x))(x)

    found = deps(Converter.convert, args=(Converter(), 1))
    names = {str(node).rpartition(".<locals>.")[2] for node in found}
    assert {"Dispatcher._pick", "of_int", "of_str"} <= names
    assert not [node for node, data in found.nodes(data=True) if data["kind"] == "unresolved"]


def test_an_object_of_many_fields_is_looked_into() -> None:
    """What the last fields hold is known as what the first ones hold is."""
    point = Point()
    for number in range(100):
        setattr(point, f"field{number:03}", number)
    point.z = Other()  # type: ignore[attr-defined]

    def f(value: Any) -> Any:
        return value.z.run()

    graph = Tracker(f, observed=False).graph((point,), {})
    assert any(node["name"].endswith("Other.run") for node in graph.nodes.values())


class Rules:
    def __init__(self, functions: list[Any]) -> None:
        self.rules = [Point(function) for function in functions]

    def apply(self) -> list[Any]:
        return [rule.x(1) for rule in self.rules]  # type: ignore[operator]


def test_a_table_of_forty_rules_is_known_rule_by_rule() -> None:
    space: dict[str, Any] = {}
    exec("\n".join(f"def rule_{n}(x): return x + {n}" for n in range(40)), space)
    functions = [space[f"rule_{n}"] for n in range(40)]
    graph = deps(lambda rules: rules.apply(), args=(Rules(functions),))
    names = {data["name"].partition(":")[2] for _, data in graph.nodes(data=True)}
    assert names >= {f"rule_{n}" for n in range(40)}
    assert not [data for _, data in graph.nodes(data=True) if data["kind"] == "unresolved"]
