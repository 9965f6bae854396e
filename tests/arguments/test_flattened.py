"""Calls that are told apart without a digest: never two of them that have different keys."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import pathlib
import sys
import uuid
import zoneinfo
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dumbo.arguments.flattened import flattened
from dumbo.arguments.hashing import digest
from dumbo.arguments.registry import register_hasher
from dumbo.memory import plain_key


@dataclass
class Point:
    x: Any
    y: Any = 0


@dataclass(frozen=True)
class Frozen:
    x: Any


class Slotted:
    __slots__ = ("x",)

    def __init__(self, x: Any) -> None:
        self.x = x


class Pair(NamedTuple):
    x: Any
    y: Any


class Named(Pair):
    """With a `__dict__`."""


class Number(int):
    pass


class Text(str):
    __slots__ = ()


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    RED = 1
    LOW = 2


class Flags(enum.Flag):
    A = 1
    B = 2


UTC = datetime.UTC
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")

# Grouped by what a sloppy comparison would take for the same.
VALUES: list[Any] = [
    *[1, True, 1.0, 1 + 0j, "1", b"1", decimal.Decimal(1), fractions.Fraction(1), Number(1)],
    *[0.0, -0.0, 0j, -0j, complex(0, -0.0), decimal.Decimal("-0"), decimal.Decimal("0.0")],
    *[None, ...],
    *[[1], (1,), {1}, frozenset({1}), {1: 1}, range(1), range(0, 1, 2), slice(1), bytearray(b"1")],
    *[Point(1), Point(1, 1), Point(True), Frozen(1), Slotted(1), Point([1]), Point((1,))],
    *[Point(Point(1)), Point(Frozen(1)), [Point(1)], (Point(1),), {"x": Point(1)}, [Point(1)] * 2],
    *[Point(Slotted(1)), Point([Slotted(1), 1]), Point([1, Slotted(1)])],
    *[Pair(1, 2), (1, 2), Named(1, 2), [Pair(1, 2)], Pair(Pair(1, 2), 2)],
    *[Text("1"), Text("x"), "x", "y", b"x"],
    *[Colour.RED, Colour.BLUE, Level.RED, Level.LOW, Flags.A, Flags.B, Flags.A | Flags.B],
    *[Colour, Level, Point, int, True],
    datetime.date(2020, 1, 1),
    datetime.datetime(2020, 1, 1),  # noqa: DTZ001 - naive ones are called with, too
    datetime.datetime(2020, 1, 2),  # noqa: DTZ001
    datetime.datetime(2020, 1, 1, tzinfo=UTC),
    datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
    datetime.datetime(2020, 10, 25, 2, tzinfo=BERLIN),
    datetime.datetime(2020, 10, 25, 2, fold=1, tzinfo=BERLIN),
    *[datetime.timedelta(1), datetime.timedelta(0, 1), datetime.time(1), UTC, BERLIN],
    *[pathlib.Path("a"), pathlib.Path("b"), pathlib.PurePath("a"), pathlib.PureWindowsPath("a")],
    *[uuid.UUID(int=1), uuid.UUID(int=2)],
    collections.OrderedDict(a=1, b=2),
    collections.OrderedDict(b=2, a=1),
    *[{"a": 1, "b": 2}, {"b": 2, "a": 1}, collections.Counter("ab"), collections.deque([1])],
    *[collections.deque([1], 3), collections.defaultdict(int), collections.defaultdict(list)],
]


def known(value: object) -> object:
    """Return what *value* is compared by; its classes have been hashed, as by a first call."""
    digest(value)
    return plain_key((value,), {})


def key(value: object) -> tuple[bytes, tuple[int, ...]]:
    data, roots = digest(value)
    return data, tuple(map(id, roots))


def test_everyday_values_are_compared_without_a_digest() -> None:
    for value in VALUES:
        assert known(value) is not None, value
        assert known(value) == known(value), value
        assert known([value, "more"]) is not None, value


def test_calls_with_different_keys_are_different_calls() -> None:
    found: dict[object, object] = {}
    for value in VALUES:
        for form in (value, [value], (value,), Point(value), {"k": value}, (value, value)):
            flat = known(form)
            if flat is not None:
                assert found.setdefault(flat, key(form)) == key(form), form


_leaves = st.sampled_from([value for value in VALUES if type(value) not in (list, dict, set)])
_nested = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.builds(Point, inner, inner),
        st.builds(Pair, inner, inner),
        st.tuples(inner, inner),
        st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(_nested, _nested)
def test_whatever_they_are_nested_in(one: Any, other: Any) -> None:
    if known(one) == known(other) is not None:
        assert key(one) == key(other)


def test_arrays_count_by_type_shape_and_content() -> None:
    np = pytest.importorskip("numpy")
    values = [
        np.arange(4),
        np.arange(4).reshape(2, 2),
        np.arange(4, dtype="i4"),
        np.arange(4.0),
        np.int64(1),
        np.int32(1),
        np.bool_(True),
        np.str_("a"),
        np.dtype("i4"),
        np.array(1),
    ]
    keys = [known(value) for value in values]
    assert None not in keys
    assert len(set(keys)) == len(keys)
    assert known(np.arange(4)) == known(np.arange(4).copy())


def test_a_large_array_is_not_read_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    np = pytest.importorskip("numpy")
    from dumbo.arguments import arrays

    class Mine(np.ndarray):
        pass

    large, mine = np.zeros(10_000), np.zeros(10_000).view(Mine)
    digest([large, mine])
    read: list[object] = []
    monkeypatch.setattr(arrays, "_content", lambda array: read.append(array) or ())
    assert known_only(large) is known_only([large]) is known_only(mine) is None
    assert known_only(Point(large)) is None
    assert read == []


def known_only(value: object) -> object:
    return plain_key((value,), {})


def test_what_is_large_or_deep_or_a_ring_is_not_compared_so() -> None:
    ring: list[Any] = [Point(1)]
    ring.append(ring)
    deep: Any = Point(1)
    for _ in range(10):
        deep = Point(deep)
    for value in (ring, deep, [Point(n) for n in range(100)], Point("x" * 2000)):
        assert known(value) is None


def test_functions_go_the_long_way_for_there_is_a_new_one_in_each_call() -> None:
    for value in (len, known, lambda: 1, [known], Point(known)):
        assert known(value) is None


def test_a_class_that_is_compared_in_a_way_of_its_own_goes_the_long_way() -> None:
    asked: list[object] = []

    class Meta(type):
        def __eq__(cls, other: object) -> bool:
            asked.append(other)
            return True

        def __hash__(cls) -> int:
            asked.append(cls)
            return 1

    class One(metaclass=Meta):
        pass

    class Other(metaclass=Meta):
        pass

    digest([One(), Other()])
    asked.clear()
    assert [flattened([value], [], 4) for value in (One(), Other(), One)] == [None] * 3
    assert asked == []


def test_no_method_of_the_users_is_asked() -> None:
    class Asked:
        def __init__(self) -> None:
            self.x = 1

        def __getattribute__(self, name: str) -> Any:
            sys.audit("ran", name)
            raise AssertionError(name)

        __len__ = __eq__ = __hash__ = __reduce__ = __getattribute__  # type: ignore[assignment]

    class Long(collections.OrderedDict):  # type: ignore[type-arg]
        def __len__(self) -> int:
            raise AssertionError

        __iter__ = items = keys = values = __len__  # type: ignore[assignment]

    value = [Asked(), Long(a=1)]
    digest(value)
    assert plain_key((value,), {}) is not None


def test_a_hasher_of_ones_own_is_heeded_from_then_on() -> None:
    class Late:
        def __init__(self, x: int, note: str) -> None:
            self.x, self.note = x, note

    assert known(Late(1, "a")) != known(Late(1, "b"))

    @register_hasher(Late, name="test.Late")
    def late(value: Late) -> object:
        return value.x

    assert plain_key((Late(1, "a"),), {}) is None


def test_an_enumeration_that_changes_its_values_is_seen() -> None:
    class Mutable(enum.Enum):
        A = [1]

    before = known(Mutable.A)
    Mutable.A.value.append(2)
    assert known(Mutable.A) != before
    before = known(Mutable.A)
    Mutable.A.note = "more"  # type: ignore[attr-defined]
    assert known(Mutable.A) != before


class Bag:
    """Fields as they come, all of them plain: what is met most, and compared in the least time."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class OtherBag:
    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


def test_of_objects_with_plain_fields_all_fields_count_and_what_types_they_have() -> None:
    ones = [1, True, 1.0, "1", b"1", None, 0, False, 0.0, -0.0, float("nan"), 1e300, "", b""]
    ones += [[1], (1,), {1}, {1: 1}, [1.0], [True], [-0.0], [0.0], [[]], [()]]
    calls: list[tuple[Any, ...]] = [(Bag(a=one),) for one in ones]
    calls += [(OtherBag(a=1),), (Bag(b=1),), (Bag(a=1, b=1),), (Bag(b=1, a=1),), (Bag(),)]
    calls += [(Bag(a=1), Bag()), (Bag(), Bag(a=1)), (Bag(a=1, b=2), Bag()), (Bag(a=1), Bag(b=2))]
    calls += [(Bag(a="b"), "b"), (Bag(a="b", b="b"), 1), (1, Bag(a="b")), ("b", Bag(a="b"))]
    keys = []
    for call in calls:
        digest(call)
        keys.append(plain_key(call, {}))
        assert keys[-1] == plain_key(call, {}) is not None
    assert len(set(keys)) == len(keys)


_plain = st.one_of(
    *[st.integers(-2, 2), st.booleans(), st.none(), st.sampled_from(["", "a", "b", b"a"])],
    st.floats(width=16, allow_nan=False),
    st.lists(st.sampled_from([0, 0.0, -0.0, False]), max_size=2),
)
_bags = st.builds(
    lambda kind, fields: kind(**fields),
    st.sampled_from([Bag, OtherBag]),
    st.dictionaries(st.sampled_from("ab"), _plain, max_size=2),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(_plain, _bags), max_size=3), st.lists(_bags, max_size=3))
def test_however_many_of_them_stand_in_a_call(one: list[Any], other: list[Any]) -> None:
    flat = [(digest(call), plain_key(tuple(call), {}))[1] for call in (one, other)]
    if flat[0] == flat[1] is not None:
        assert key(one) == key(other)


def test_a_class_whose_objects_hold_more_is_still_compared() -> None:
    class Holder(Bag):
        pass

    for kind in (Holder, type("Bare", (), {})):
        digest([kind()])
        first, more = kind(), kind()
        first.a, more.a = 1, [Frozen(1)]
        digest([first, more])
        assert known_only(first) == known_only(first) is not None
        keys = [known_only(value) for value in (more, first, kind())]
        assert None not in keys
        assert len({*keys}) == 3
        assert known_only(first) == keys[1]


@pytest.mark.parametrize("name", ["__dumbo_ignore__", "__reduce__", "__getstate__"])
def test_what_is_said_of_a_class_later_counts_at_once(name: str) -> None:
    kind = type("Late", (), {})
    value = kind()
    value.a = 1
    digest([value])
    assert known_only(value) is not None
    setattr(kind, name, ("a",))
    assert known_only(value) is None
