"""What a digest tells apart, what it does not, and what has none."""

from __future__ import annotations

import array
import asyncio
import collections
import contextlib
import copy
import ctypes
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import ipaddress
import itertools
import logging
import math
import mmap
import operator
import os
import pathlib
import pickle
import random
import re
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
import types
import typing
import uuid
import weakref
import zoneinfo
from typing import Any

import pytest
from same import same

from dumbo.arguments import hashing
from dumbo.arguments.hashing import code_roots, digest, digest_call
from dumbo.arguments.registry import register_hasher
from dumbo.errors import UnhashableArgument


def shown(value: object) -> str:
    """A value as the name of its case: without its address, which each process has another of."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def key(value: object) -> tuple[bytes, list[int]]:
    data, roots = digest(value)
    return data, [id(root) for root in roots]


def reason(value: object) -> UnhashableArgument:
    with pytest.raises(UnhashableArgument) as caught:
        digest(value)
    return caught.value


class Thing:
    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def method(self) -> None: ...

    def other(self) -> None: ...


class Other(Thing): ...


@dataclasses.dataclass
class Point:
    x: int = 1
    y: int = dataclasses.field(default=2, compare=False, repr=False)


class Pair(typing.NamedTuple):
    x: int
    y: int


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Base:
    __slots__ = ("a",)


class Derived(Base):
    __slots__ = ("__dict__", "b")


def helper(x: object = None) -> object:
    return x


def made(k: object) -> Any:
    def function() -> object:
        return k

    return function


# One digest for all Pythons, hash seeds and days. If a change of the hasher moves one of
# these, every cache is emptied: raise `hashing.VERSION` and say so in the changelog.
GOLDEN = {
    "nothing": (None, "accf64ef918554ce463c160efe6be17f"),
    "an int": (1, "46fc058f6b10e95a2b985f8fccfede37"),
    "a big int": (10**40, "d3f78f2ac3585c5f1af5176a3d1eb38d"),
    "a float": (-0.0, "2994ca53f070628599aef5096895fea2"),
    "text": ("naïve \ud800", "edd945a76d1b6b0399702905eca97a82"),
    "long text": ("é" * 10_000, "afd4d47be89e7986498ab6b31868db2a"),
    "a plain nest": (
        {"a": [1, 2.5, (None, True)], "b": {"x", "y", "z"}, 3: b"c"},
        "220dbe54778d110b145f27fb34a26cc1",
    ),
    "many ints": (list(range(5000)), "68993c6ead06155ce3a9d64997bdffe0"),
    "many numbers": (
        [x for n in range(900) for x in (n, n / 3, -n << 40, n << 90, n % 2 == 0, None, -0.0)],
        "f97c13fec357b95bd4a0b2118cfb8a5f",
    ),
    "a long tuple": (tuple([n * 0.1 for n in range(5000)]), "a5c8f40ac7882cb5e3de1923dde147bc"),
    "many strings": ([str(n) for n in range(5000)], "be5e4e2e69bb4a482db9b9aaf951ff75"),
    "a long dict": ({str(n): n / 2 for n in range(5000)}, "fe5267d6c71a0ac9a3d7b26c5f970f21"),
    "a long set": ({f"{n}" for n in range(5000)}, "be832ab21465687a87919bd82a35c5dd"),
    "records": (
        [{"id": n, "tags": ("a", n % 7)} for n in range(2000)],
        "8d1502c795e8d05be62246f05b04fad4",
    ),
    "many records": (
        [{"id": n, "pos": {"x": n / 2, "tags": ["a", None, n % 7]}, "é": b"1"} for n in range(900)],
        "e4bcde7392e5765bb895691874292b47",
    ),
    "many rows": (
        [(n, [n] * (n % 3), "x") for n in range(900)],
        "c8d46e9cb427fa1f4dd19a36e53f8075",
    ),
    "many of all kinds": (
        [x for n in range(900) for x in (n, f"{n}é", b"", -1.5, None, "\ud800", 2**70, {}, set())],
        "422f72adb918965d80405cccf26f5f67",
    ),
    "a wide record": (
        {f"k{n}": [n / 3, {"x": (n,)}] for n in range(300)},
        "6e7ddd4cffd85bad2566d68d689288fe",
    ),
    "a record with a dict of a thousand": (
        {"a": {n: {n: n} for n in range(1000)}, "b": 1},
        "d3da50c4806a2dd1dede08e8ee818e2e",
    ),
    "many dicts of a thousand": (
        [dict.fromkeys(range(1000), n) for n in range(600)],
        "1d27f816b0b6f009e8968ac21c82df11",
    ),
    "long rows": ([[n / 7] * 300 for n in range(700)], "ddc4628e3b0f639cadd8f5d8deaf0d0c"),
    "records of much text": (
        [{"text": f"{n}é" * 300, "n": n} for n in range(600)],
        "28cadf4c748acbcc9e917d3f3a591181",
    ),
    "records of sets": (
        [{"n": n, "of": {"a", n}, "no": frozenset()} for n in range(600)],
        "e8af13370204508c0803b77c4b3ee23f",
    ),
    "many frozensets": (
        [{"n": n, "no": frozenset()} for n in range(600)],
        "ad6fb1ace6d9e4a1fcaff6163141d6d6",
    ),
    "complex records": (
        [{"n": n, "z": n * 1j} for n in range(600)],
        "7dfd92b72f8c78c23cf5733ac67b8409",
    ),
    "an instance": (Thing(b=[1], a=Point(3, 4)), "458015ad0e51a6eda62b7cf23ee4dd7f"),
    "a set of instances": ({Pair(1, 2), Pair(2, 1), helper}, "03c83fb7becd529fb1791e451a4fd6c9"),
    "slots": (Derived(), "e1bb95f1d9db691d82b15b88682c6f3c"),
    "a member": ([Colour.RED, Right.READ | Right.WRITE], "3124b78e9f8b8baeb6c06c241c94e075"),
    "numbers": (
        [decimal.Decimal("1.50"), fractions.Fraction(1, 3)],
        "dd77ed30cfc5bd24ca1329cd2de59293",
    ),
    "times": (
        [
            datetime.datetime(2024, 1, 1, 2, 3, 4, 5, tzinfo=zoneinfo.ZoneInfo("UTC"), fold=1),
            datetime.date(2024, 1, 1),
            datetime.time(1, tzinfo=datetime.timezone(datetime.timedelta(hours=1), "x")),
            datetime.timedelta(days=-1, microseconds=1),
        ],
        "138ccd16909aabd4fc06f178e1c897f1",
    ),
    "collections": (
        [
            collections.OrderedDict(a=1),
            collections.Counter("aab"),
            collections.deque([1], 3),
            collections.defaultdict(list, {1: []}),
        ],
        "a02e8cfa88ee63c4947e6bd320dd27c1",
    ),
    "names": (
        [
            pathlib.PurePosixPath("a/b"),
            uuid.UUID(int=7),
            re.compile("a+", re.IGNORECASE),
            ipaddress.ip_network("10.0.0.0/8"),
        ],
        "41dc4c89c114c50b40fdd7325c6c8926",
    ),
    "formats": ([struct.Struct("<I")], "6b3b4ebe67231b4079ca9aea8dbf79cf"),
    "code": (
        [len, helper, functools.partial(helper, 1), Thing().method, int, math],
        "a34c5143a20c89d80d841dea24f6fc85",
    ),
    "buffers": (
        [bytearray(b"ab"), memoryview(b"ab"), array.array("i", [1, 2])],
        "2d03e47236ca2ed60eea0759b80d0913",
    ),
    "the rest": (
        [range(3), slice(1, None), ..., NotImplemented, types.SimpleNamespace(a=1)],
        "c30d436d7d35cf693a8eedb637d8dc03",
    ),
    "an error": (OSError(2, "No such file", "name"), "47020e3d99d60651ffe9f61be05f9772"),
}


def test_a_weak_reference_as_an_argument_has_no_key() -> None:
    thing = Thing()
    for value in (
        weakref.ref(thing),
        weakref.proxy(thing),
        weakref.WeakSet([thing]),
        weakref.WeakKeyDictionary({thing: 1}),
        weakref.WeakValueDictionary({1: thing}),
    ):
        with pytest.raises(UnhashableArgument, match="weak"):
            digest_call((value,), ("x",))


@pytest.mark.parametrize("name", GOLDEN)
def test_digests_are_the_same_everywhere_and_forever(name: str) -> None:
    value, expected = GOLDEN[name]
    assert digest(value)[0].hex() == expected


def test_the_hash_seed_and_the_start_of_the_process_change_nothing(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from test_hashing import GOLDEN\n"
        "from dumbo.arguments.hashing import digest\n"
        "for value, _ in GOLDEN.values(): print(digest(value)[0].hex())\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])}
    for seed in ("0", "1", "2024"):
        run = subprocess.run(
            [sys.executable, str(program)],
            env={**env, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.split() == [expected for _, expected in GOLDEN.values()]


# Data apart from code


def test_a_renamed_class_has_the_same_data_and_is_the_first_root() -> None:
    renamed = type("Renamed", (), {})()
    again = type("Again", (), {})()
    renamed.__dict__.update(a=1)
    again.__dict__.update(a=1)
    assert digest(renamed)[0] == digest(again)[0]
    assert digest(renamed)[1] == (type(renamed),)


def test_roots_come_in_the_order_in_which_they_are_met_and_once() -> None:
    value = [Thing(f=helper), helper, Point(), Thing()]
    assert digest(value)[1] == (Thing, helper, Point)


def test_which_root_stands_where_is_data() -> None:
    assert digest([len, abs, len])[0] != digest([len, abs, abs])[0]
    assert digest([len, abs, len])[0] == digest([abs, len, abs])[0]


def test_types_with_a_hasher_of_their_own_add_no_root() -> None:
    value = [decimal.Decimal(1), datetime.date(2024, 1, 1), collections.Counter("a"), range(3)]
    assert digest([*value, pathlib.Path("a"), OSError(1)])[1] == ()


def test_attributes_of_a_function_are_data() -> None:
    def function() -> None: ...

    function.k = 1  # type: ignore[attr-defined]
    first = digest(function)
    function.k = 2  # type: ignore[attr-defined]
    assert digest(function)[0] != first[0]
    assert digest(function)[1] == first[1] == (function,)


def test_what_wraps_copies_is_not_an_attribute() -> None:
    @functools.wraps(helper)
    def wrapper() -> None: ...

    assert digest(wrapper)[0] == digest(helper)[0]
    assert digest(functools.lru_cache(helper))[1][0].__wrapped__ is helper  # type: ignore[attr-defined]


def test_a_function_that_refers_to_itself_ends() -> None:
    def function() -> None: ...

    function.me = [function]  # type: ignore[attr-defined]
    assert digest(function)[1] == (function,)


def test_bound_methods_are_their_function_and_their_object() -> None:
    a, b = Thing(a=1), Thing(a=2)
    keys = [digest(x)[0] for x in (a.method, b.method)]
    assert keys[0] != keys[1]
    assert digest(a.method)[1] == (Thing.method, Thing)
    assert digest(a.method) != digest(a.other)
    assert key([1].append) != key([2].append) != key([2].extend)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (functools.partial(pow, 2), functools.partial(pow, 3)),
        (functools.partial(helper, x=1), functools.partial(helper, x=2)),
        (staticmethod(helper), classmethod(helper)),
        (property(helper), property(None, helper)),
        (operator.itemgetter(1), operator.itemgetter(2)),
        (operator.itemgetter(1), operator.attrgetter("a")),
        (operator.methodcaller("a", 1), operator.methodcaller("a", k=1)),
        (int.__add__, int.__sub__),
        ((1).__add__, (2).__add__),
        (list[int], list[str]),
        (typing.List[int], typing.List[str]),  # noqa: UP006 - a case
        (int | str, int | bytes),
        (typing.Literal[1], typing.Literal[True]),
        (typing.Annotated[int, 1], typing.Annotated[int, 2]),
        (typing.Callable[[int], str], typing.Callable[[str], str]),
    ],
    ids=shown,
)
def test_callables_and_types_made_of_parts_are_their_parts(a: object, b: object) -> None:
    assert key(a) != key(b)
    with contextlib.suppress(TypeError):  # not everything can be copied
        assert key(a) == key(copy.copy(a))


def test_super_is_its_class_and_its_object() -> None:
    value = Other(a=1)
    assert key(super(Other, value)) == key(super(Other, value)) != key(super(Thing, value))
    assert digest(super(Other, value))[0] != digest(super(Other, Other(a=2)))[0]


# Instances


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Thing(a=1), Thing(a=True)),
        (Thing(a=1), Thing(b=1)),
        (Thing(a=1), Other(a=1)),
        (Thing(a=None), Thing()),
        (Thing(), Thing),
        (Point(1, 2), Point(1, 3)),
        (Pair(1, 2), (1, 2)),
        (Colour.RED, Colour.BLUE),
        (Colour.RED, 1),
        (Right.READ, Right.READ | Right.WRITE),
        (collections.UserDict(a=1), collections.UserDict(a=2)),
        (ValueError(1), ValueError(2)),
        (ValueError(1), TypeError(1)),
        (OSError(1, "a"), OSError(1, "b")),
        (StopIteration(1), StopIteration(2)),
        (ExceptionGroup("a", [ValueError(1)]), ExceptionGroup("a", [ValueError(2)])),
        (time.gmtime(0), time.gmtime(1)),
    ],
    ids=shown,
)
def test_instances_differ_by_class_and_fields(a: object, b: object) -> None:
    assert key(a) != key(b)
    assert key(a) == key(copy.copy(a))


def test_the_order_of_fields_does_not_count() -> None:
    assert key(Thing(a=1, b=2)) == key(Thing(b=2, a=1))


def test_slots_count_set_or_not_in_every_class_of_the_line() -> None:
    values = []
    for a, b, c in itertools.product((None, 1), repeat=3):
        value = Derived()
        if a:
            value.a = a  # type: ignore[attr-defined]
        if b:
            value.b = b  # type: ignore[attr-defined]
        if c:
            value.c = c  # type: ignore[attr-defined]
        values.append(value)
    assert len({digest(value)[0] for value in values}) == 8


@pytest.mark.parametrize("base", [int, str, bytes, float, list, tuple, dict, set, frozenset])
def test_a_subclass_of_a_builtin_is_its_content_its_class_and_its_fields(base: type) -> None:
    content: dict[type, Any] = {int: 5, float: 2.5, str: "ab", bytes: b"ab", dict: {"k": [1]}}
    value = content.get(base, [1, 2])
    kind = type("Kind", (base,), {})
    a, b, empty = kind(value), kind(value), kind()
    assert key(a) == key(b)
    assert key(a) != key(base(value))
    assert key(a) != key(empty)
    b.field = 1
    assert key(a) != key(b)


def test_the_content_of_a_subclass_is_read_past_its_own_methods() -> None:
    class Evil(dict[str, int]):
        def __iter__(self) -> Any:
            raise RuntimeError

        keys = values = items = __getitem__ = __len__ = __iter__  # type: ignore[assignment]

    assert digest(Evil(a=1))[0] != digest(Evil(a=2))[0]
    kind = type("Text", (str,), {"__str__": lambda self: "same", "__len__": lambda self: 1})
    assert digest(kind("a"))[0] != digest(kind("b"))[0]


def test_what_is_computed_from_the_rest_does_not_count() -> None:
    class Cached:
        def __init__(self) -> None:
            self.x = 1

        @functools.cached_property
        def double(self) -> int:
            return self.x * 2

    a, b = Cached(), Cached()
    assert a.double == 2
    assert key(a) == key(b)
    b.x = 2
    assert key(a) != key(b)


def test_attributes_that_the_class_ignores_do_not_count() -> None:
    class Ignoring:
        __slots__ = ("slot", "other", "__dict__")
        __dumbo_ignore__ = ("progress", "slot")

    a, b = Ignoring(), Ignoring()
    a.progress, b.progress = 1, 2  # type: ignore[attr-defined]
    a.slot = 5
    assert key(a) == key(b)
    a.other = 1
    assert key(a) != key(b)


def test_a_class_that_changes_is_looked_at_again() -> None:
    class Changing:
        pass

    a, b = Changing(), Changing()
    a.x, b.x = 1, 2  # type: ignore[attr-defined]
    assert key(a) != key(b)
    Changing.__dumbo_ignore__ = ("x",)  # type: ignore[attr-defined]
    assert key(a) == key(b)
    Changing.__dumbo_ignore__ = ()  # type: ignore[attr-defined]
    assert key(a) != key(b)


def test_a_class_that_is_gone_is_not_held() -> None:
    gone = weakref.ref(type("Short", (), {}))
    digest(gone()())  # type: ignore[misc]
    import gc

    gc.collect()
    assert gone() is None


def test_state_that_the_author_hides_from_pickle_counts() -> None:
    class Hiding:
        def __init__(self, v: int) -> None:
            self.v = v

        def __getstate__(self) -> dict[str, int]:
            return {}

        def __reduce__(self) -> Any:
            return Hiding, (0,)

        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    assert key(Hiding(1)) != key(Hiding(2))


@pytest.mark.parametrize(
    "make",
    [
        threading.Lock,
        threading.RLock,
        threading.Condition,
        threading.Event,
        threading.Semaphore,
        threading.local,
        weakref.WeakValueDictionary,
        weakref.WeakKeyDictionary,
        weakref.WeakSet,
        lambda: weakref.ref(type("Fresh", (), {})),
    ],
)
def test_locks_and_weak_things_count_by_their_type(make: Any) -> None:
    assert key(Thing(x=make())) == key(Thing(x=make()))
    assert key(Thing(x=make())) != key(Thing(x=None))


def test_loggers_count_by_their_name() -> None:
    assert key(logging.getLogger("a")) == key(logging.getLogger("a"))
    assert key(logging.getLogger("a")) != key(logging.getLogger("b"))


# Plain values and the roads they take


def near(value: Any) -> list[Any]:
    """Return long or nested values, each with one thing in it that is a little different."""
    items = list(value)
    out = []
    for at in (0, len(items) // 2, len(items) - 1):
        for other in (None, "1", "1\0", 1.5, True, [1], {"a": 1}, Point(), 2**40, bytearray(b"1")):
            changed = items[:]
            changed[at] = other
            out.append(changed)
    return out


@pytest.mark.parametrize("size", [3, 511, 512, 513, 1025])
@pytest.mark.parametrize(
    "make",
    [
        *(int, float, str, lambda n: f"{n}\0", lambda n: b"%d" % n, lambda n: (n, {"a": n}), bool),
        lambda n: {"a": n, "b": [n, "x"], "c": {"d": None}},
        lambda n: [n] * (n % 3),
        lambda n: ("x", n) * 20,
        lambda n: {},
    ],
    ids=[
        *("int", "float", "str", "nul", "bytes", "nest", "bool", "records", "lists", "rows"),
        "nothing",
    ],
)
def test_an_element_of_any_other_kind_is_seen_at_any_place(size: int, make: Any) -> None:
    items = [make(n) for n in range(size)]
    variants = [items, *near(items)]
    keys = [key(variant) for variant in variants]
    for (i, a), (j, b) in itertools.combinations(enumerate(variants), 2):
        assert (keys[i] == keys[j]) == same(a, b), (a[:3], b[:3])


def test_what_stands_among_many_numbers_counts_by_content_and_not_by_identity() -> None:
    class Odd(int):
        def __reduce_ex__(self, protocol: object) -> str:
            raise AssertionError("asked")

    for make in (
        lambda: "".join(["a", "b"]),
        lambda: [1],
        lambda: {"a": 1},
        lambda: 1j,
        lambda: Odd(1),
        lambda: frozenset([1]),
        lambda: range(3),
    ):
        shared = make()
        one, two = list(range(2000)), list(range(2000))
        one[601] = one[1203] = shared
        two[601], two[1203] = make(), make()
        assert digest(one)[0] == digest(two)[0]
        two[1203] = 1
        assert digest(one)[0] != digest(two)[0]
    deep: list[Any] = []
    for _ in range(40):  # as a tree it would have 2 ** 40 leaves
        deep = [deep, deep]
    assert digest([*range(2000), deep])[0] != digest([*range(2000), [deep]])[0]


@pytest.mark.parametrize("size", [3, 600])
def test_long_containers_of_each_kind_differ(size: int) -> None:
    items = [str(n) for n in range(size)]
    values = [items, tuple(items), set(items), frozenset(items), dict.fromkeys(items)]
    values += [collections.deque(items), dict.fromkeys(items, 1), items[::-1]]
    assert len({digest(value)[0] for value in values}) == len(values)
    assert len({digest([value, Point])[0] for value in values}) == len(values)


def test_where_strings_end_counts() -> None:
    for size in (2, 600):
        tail = ["x"] * size
        values = [
            ["ab", "c"],
            ["a", "bc"],
            ["abc", ""],
            ["a\0b", "c"],
            ["a", "b\0c"],
            ["a\0", "bc"],
        ]
        assert len({digest(value + tail)[0] for value in values}) == len(values)


def test_a_buffer_is_not_taken_for_bytes() -> None:
    values = [b"a", bytearray(b"a"), memoryview(b"a"), array.array("b", b"a")]
    for size in (1, 600):
        assert len({digest([value] * size)[0] for value in values}) == len(values)
        assert len({digest([{"a": value}] * size)[0] for value in values}) == len(values)
        assert len({digest([(1, value)] * size)[0] for value in values}) == len(values)


def test_records_whose_names_only_pass_for_each_other_differ() -> None:
    class Name(str):
        def __eq__(self, other: object) -> bool:
            raise AssertionError("asked")

        __hash__ = str.__hash__

    plain = [{"a": 1, "b": 2} for _ in range(600)]
    others: list[Any] = [
        {"b": 2, "a": 1},
        {Name("x"): 1, "b": 2},
        {"a": 1},
        {"a": 1, "b": 2, "c": None},
        {"a": 1, b"b": 2},
        {"a": 1, "b": 2.0},
        {"a": True, "b": 2},
        collections.OrderedDict(a=1, b=2),
        ("a", 1, "b", 2),
    ]
    keys = {digest(plain)[0], digest([list(record.values()) for record in plain])[0]}
    for other in others:
        keys.add(digest([*plain[:-1], other])[0])
        keys.add(digest([other] * 600)[0])
    assert len(keys) == 2 + 2 * len(others)


def test_how_rows_are_cut_counts() -> None:
    def rows(*sizes: int) -> list[list[int]]:
        numbers = iter(range(100_000))
        return [[next(numbers) for _ in range(size)] for size in sizes * 300]

    variants: list[Any] = [rows(1, 3), rows(3, 1), rows(2, 2), rows(4), rows(0, 4), rows(4, 0)]
    variants += [[tuple(row) for row in rows] for rows in variants]
    assert len({digest(variant)[0] for variant in variants}) == len(variants)


def test_what_rows_share_is_not_written_without_end() -> None:
    deep: list[Any] = [1]
    for _ in range(40):  # as a tree it would have 2 ** 40 leaves
        deep = [deep, deep]
    assert digest([{"a": deep}] * 600) == digest([{"a": deep} for _ in range(600)])
    assert digest([(deep,)] * 600) != digest([(deep, 1)] * 600)


def test_sets_of_nan_have_a_digest_on_every_python() -> None:
    nan = {complex("nan"), complex("nan")}
    assert key([nan, 1]) == key([{complex("nan"), complex("nan")}, 1])
    assert key(nan) != key({complex("nan")})


@pytest.mark.parametrize("size", [2, 300, 600])
def test_sets_are_the_same_in_any_order(size: int) -> None:
    for make in (
        int,
        str,
        float,
        lambda n: (n, "a"),
        lambda n: frozenset([n]),
        lambda n: Pair(n, 1),
    ):
        items = [make(n) for n in range(size)]
        assert key(set(items)) == key(set(reversed(items)))
        assert key(set(items)) != key({*items[:-1], "other"})


def test_elements_of_a_set_that_share_code_do_not_lend_it_to_each_other() -> None:
    @dataclasses.dataclass(frozen=True)
    class A:
        x: Any

    @dataclasses.dataclass(frozen=True)
    class B:
        x: Any

    assert key({A(1), B(2)}) != key({A(2), B(1)})
    assert key({A(1), A(2)}) == key({A(2), A(1)})
    assert key({A(A), B(B)}) != key({A(B), B(A)})


def test_deep_nesting_ends_and_counts() -> None:
    def deep(depth: int, leaf: object) -> object:
        value = leaf
        for _ in range(depth):
            value = [value]
        return value

    assert key(deep(10_000, 1)) == key(deep(10_000, 1))
    assert key(deep(10_000, 1)) != key(deep(10_000, True))
    assert key(deep(10_000, 1)) != key(deep(9_999, 1))
    assert key(deep(10_000, Point())) == key(deep(10_000, Point()))
    for depth in range(12, 40):
        assert key(deep(depth, 1)) != key(deep(depth + 1, 1))
    mixed: Any = None
    for _ in range(10_000):
        mixed = {"k": (mixed,)}
    assert key(mixed) != key({"k": mixed})


def test_what_is_shared_many_times_over_is_walked_once() -> None:
    value: Any = [Point(), {"a": 1}]
    plain: Any = [1]
    for _ in range(200):
        value = [value, value]
        plain = (plain, plain)
    digest(value)
    digest(plain)


def test_huge_numbers_and_long_text() -> None:
    assert key(3**40_000) == key(3**40_000)
    assert key(3**40_000) != key(3**40_000 + 1)
    text = "x" * 3_000_000
    assert key([text]) != key([text[:-1] + "y"])
    assert key(text) != key(text.encode())
    assert key([text] * 600) == key([text[:1] + text[1:]] * 600)


# Rings


def test_rings_end_and_keep_their_digest_when_copied() -> None:
    ring: list[Any] = [1]
    ring.append(ring)
    table: dict[str, Any] = {"k": 1}
    table["me"] = {"again": table}
    thing = Thing(name="a")
    thing.me = thing
    thing.friends = [Thing(of=thing), Thing(of=thing)]
    for value in (ring, table, thing):
        assert key(value) == key(copy.deepcopy(value)) == key(pickle.loads(pickle.dumps(value)))
    assert len({digest(value)[0] for value in (ring, [ring], [1, [1, ring]], table, thing)}) == 5


def test_what_hangs_on_a_ring_is_told_apart() -> None:
    def doubly_linked(values: list[int]) -> list[Thing]:
        nodes = [Thing(v=v, previous=None, next=None) for v in values]
        for a, b in itertools.pairwise(nodes):
            a.next, b.previous = b, a
        return nodes

    nodes = doubly_linked(list(range(3000)))
    assert key(nodes) == key(copy.copy(nodes))
    assert key(nodes) == key(doubly_linked(list(range(3000))))
    assert key(nodes) != key(doubly_linked([*range(2999), 1]))
    assert key([nodes[0], nodes[5]]) != key([nodes[0], nodes[6]])


def test_a_ring_means_the_same_wherever_it_hangs() -> None:
    def ring() -> list[Any]:
        value: list[Any] = [Thing(), 5]
        value.append(value)
        return value

    a = ring()
    assert key([a, a]) == key([ring(), ring()])
    assert key(Thing(x=[1, ring()]))[0] != key(Thing(x=[ring(), 1]))[0]


def test_a_dense_graph_of_objects_takes_no_exponential_time() -> None:
    def graph(size: int) -> list[Thing]:
        nodes = [Thing(id=n) for n in range(size)]
        for node in nodes:
            node.links = nodes[:]
        return nodes

    assert key(graph(60)) == key(graph(60))
    assert key(graph(60)) != key(graph(61))


def test_a_tree_with_sets_of_children_that_know_their_parent() -> None:
    def tree(depth: int, parent: Any = None) -> Thing:
        node = Thing(depth=depth, parent=parent)
        node.children = {tree(depth - 1, node) for _ in range(2 if depth else 0)}
        return node

    assert key(tree(5)) == key(tree(5))
    assert key(tree(5)) != key(tree(4))


def test_sets_that_are_too_entangled_are_refused_and_not_walked_forever() -> None:
    nodes = [Thing(id=n) for n in range(12)]
    for node in nodes:
        node.links = set(nodes)
    assert "entangled" in str(reason(nodes))


# Types of the standard library

UTC = datetime.UTC


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (decimal.Decimal("1.0"), decimal.Decimal("1.00")),
        (decimal.Decimal("0"), decimal.Decimal("-0")),
        (decimal.Decimal("NaN"), decimal.Decimal("sNaN")),
        (decimal.Context(prec=5), decimal.Context(prec=6)),
        (fractions.Fraction(1, 2), fractions.Fraction(1, 3)),
        (datetime.datetime(2024, 1, 1), datetime.datetime(2024, 1, 1, tzinfo=UTC)),  # noqa: DTZ001
        (datetime.datetime(2024, 1, 1), datetime.datetime(2024, 1, 1, fold=1)),  # noqa: DTZ001
        (datetime.time(1), datetime.time(1, fold=1)),
        (zoneinfo.ZoneInfo("UTC"), zoneinfo.ZoneInfo("Europe/Paris")),
        (zoneinfo.ZoneInfo("UTC"), UTC),
        (UTC, datetime.timezone(datetime.timedelta(0), "Zero")),
        (datetime.date(2024, 1, 1), datetime.datetime(2024, 1, 1)),  # noqa: DTZ001
        (pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a")),
        (pathlib.Path("a"), pathlib.PurePath("a")),
        (pathlib.Path("a"), "a"),
        (uuid.UUID(int=1), uuid.UUID(int=2)),
        (struct.Struct("<I"), struct.Struct(">I")),
        (re.compile("a"), re.compile("a", re.IGNORECASE)),
        (re.compile("a"), re.compile(b"a")),
        (ipaddress.ip_address("::1"), ipaddress.ip_address("::2")),
        (range(0, 10, 3), range(0, 9, 3)),
        (slice(1, 2), slice(1, 2.0)),
        (memoryview(b"abcd"), memoryview(b"abcd").cast("H")),
        (array.array("i", [1]), array.array("I", [1])),
        (collections.deque([1], 1), collections.deque([1], 2)),
        (collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1)),
        (collections.defaultdict(list), collections.defaultdict(dict)),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        ({"a": 1}.keys(), {"a": 1}.values()),
        ({"a": 1}.items(), {"a": 2}.items()),
        (types.SimpleNamespace(a=1), types.SimpleNamespace(a=2)),
        (random.Random(1), random.Random(2)),
        (ctypes.c_int(1), ctypes.c_int(2)),
        (ctypes.c_int(1), ctypes.c_long(1)),
        (b"ab", bytearray(b"ab")),
    ],
    ids=shown,
)
def test_types_of_the_standard_library_are_told_apart(a: object, b: object) -> None:
    assert key(a) != key(b)
    assert key([a, helper]) != key([b, helper])


def test_an_ordered_dict_counts_in_its_own_order() -> None:
    a = collections.OrderedDict(a=1, b=2)
    b = collections.OrderedDict(b=2, a=1)
    b.move_to_end("b")
    assert key(a) == key(b)


def test_random_numbers_are_their_state() -> None:
    a, b = random.Random(1), random.Random(1)
    assert key(a) == key(b)
    a.random()
    assert key(a) != key(b)


def test_memory_is_its_content_in_order() -> None:
    assert key(memoryview(b"abcdef")[::2]) == key(memoryview(b"ace"))
    released = memoryview(b"a")
    released.release()
    reason(released)


# What has no key


@pytest.fixture
def resources() -> Any:
    with contextlib.ExitStack() as stack:
        coroutine = asyncio.sleep(0)
        stack.callback(coroutine.close)
        yield {
            "a file": stack.enter_context(open(os.devnull)),
            "a stream": io.BytesIO(b"a"),
            "a socket": stack.enter_context(socket.socket()),
            "a connection": stack.enter_context(contextlib.closing(sqlite3.connect(":memory:"))),
            "a map": stack.enter_context(mmap.mmap(-1, 10)),
            "a thread": threading.Thread(),
            "a generator": (x for x in ()),
            "a coroutine": coroutine,
            "a frame": sys._getframe(),
            "a pointer": ctypes.pointer(ctypes.c_int(1)),
            "an object": object(),
            "true randomness": random.SystemRandom(),
        }


def test_live_things_have_no_key(resources: dict[str, object]) -> None:
    for name, value in resources.items():
        error = reason({"k": [Thing(x=value)]})
        assert error.path == "['k'][0].x", name


def test_iterators_are_not_used_up() -> None:
    items = iter([1, 2, 3])
    for value in (items, zip(items, items, strict=True), map(helper, items), enumerate(items)):
        reason(value)
    assert list(items) == [1, 2, 3]


def test_the_path_names_the_parameter() -> None:
    with pytest.raises(UnhashableArgument) as caught:
        digest_call((1, {"k": (2, [object()])}), ("first", "second"))
    assert caught.value.path == "second['k'][1][0]"
    assert "identity" in caught.value.reason


class Raising:
    def __init__(self, *names: str) -> None:
        self.field = 1


def raising(*names: str, error: type[BaseException] = RuntimeError) -> Any:
    def bad(*args: object, **kwargs: object) -> Any:
        raise error("hostile")

    return type("Hostile", (), {**dict.fromkeys(names, bad), "field": 1})()


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, GeneratorExit, MemoryError])
@pytest.mark.parametrize(
    "name",
    [
        "__reduce__",
        "__reduce_ex__",
        "__getstate__",
        "__eq__",
        "__hash__",
        "__getattr__",
        "__getattribute__",
        "__repr__",
        "__len__",
        "__bool__",
        "__iter__",
        "__sizeof__",
        "__buffer__",
        "__index__",
        "__set_name__",
    ],
)
def test_hostile_methods_are_never_asked(name: str, error: type[BaseException]) -> None:
    value = raising(name, error=error)
    assert digest(value)[1] == (type(value),)
    digest({"k": [value] * 3})


def test_hostile_attributes_are_refused_and_raise_nothing_else() -> None:
    class NoDict:
        @property
        def __dict__(self) -> Any:
            raise SystemExit

    class NoClass:
        @property
        def __class__(self) -> Any:
            raise SystemExit

    class Liar:
        __class__ = int

    assert "hides" in str(reason(NoDict()))
    digest([NoClass(), Liar()])


def test_a_hostile_metaclass_costs_the_key_and_nothing_else() -> None:
    def bad(*args: object) -> Any:
        raise RuntimeError("hostile")

    names = ("__hash__", "__eq__", "__getattribute__", "__instancecheck__", "__subclasscheck__")
    for name in names:
        meta = type("Meta", (type,), {name: bad})
        value = type.__call__(meta("Hostile", (), {}))
        for wrapped in (value, [value], {"k": value}, (1, {2: [value]})):
            with contextlib.suppress(UnhashableArgument):
                digest(wrapped)


def test_hostile_keys_of_a_dict_are_not_compared() -> None:
    class Key:
        armed = False

        def __hash__(self) -> int:
            assert not Key.armed
            return 1

        def __eq__(self, other: object) -> bool:
            assert not Key.armed
            return False

    values = [{Key(): 1, Key(): 2}, {Key(), Key()}, collections.defaultdict(int, {Key(): 1})]
    Key.armed = True
    try:
        for value in values:
            digest(value)
    finally:
        Key.armed = False


def test_an_interrupt_is_not_swallowed() -> None:
    class Kind:
        pass

    @register_hasher(Kind)
    def _(value: Kind) -> object:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        digest(Kind())


def test_a_dict_that_changes_while_it_is_read_is_refused() -> None:
    stop = threading.Event()
    value: dict[Any, Any] = {n: Point() for n in range(500)}

    def change() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            value[-n] = Point()
            del value[-n]

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(10):
            with contextlib.suppress(UnhashableArgument):
                digest(value)
    finally:
        stop.set()
        thread.join()


def test_a_user_may_register_what_counts() -> None:
    class Kind:
        def __init__(self, a: int, b: int) -> None:
            self.a, self.b = a, b

    @register_hasher(Kind)
    def what_counts(value: Kind) -> object:
        return 1 // value.a and value.a

    assert key(Kind(1, 2)) == key(Kind(1, 3)) != key(Kind(-1, 2))
    # The function is code: what it returned would mean something else were it another one.
    assert digest(Kind(1, 2))[1] == (Kind, what_counts)
    with pytest.raises(UnhashableArgument, match="cannot be read"):
        digest(Kind(0, 1))

    register_hasher(Kind, name="kinds of the tests")(what_counts)
    assert digest(Kind(1, 2))[1] == ()


def test_the_code_in_what_has_no_key_is_met(tmp_path: pathlib.Path) -> None:
    class Held: ...

    class Holder:
        def __init__(self) -> None:
            self.lock, self.held = threading.Lock(), [Held()]

    with (tmp_path / "file").open("w") as file:
        found = code_roots((file, Holder(), {"a": len}))
    assert {Held, Holder} <= set(found)


def test_of_the_types_of_a_library_that_is_the_users_own_code_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = """if True:
        from fractions import Fraction
        from dumbo.arguments.hashing import digest
        print(digest(Fraction(1, 3))[1] == ((Fraction,) if OWN else ()))
    """
    for own in ("", "fractions"):
        monkeypatch.setenv("DUMBO_USER_PACKAGES", own)
        ran = subprocess.run(
            [sys.executable, "-c", script.replace("OWN", repr(own))],
            capture_output=True,
            text=True,
        )
        assert ran.stdout == "True\n", ran.stderr


def test_the_version_is_mixed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for prefix, value in (("SHORT", (1,)), ("_MARSHAL", ([1],)), ("_WALK", (Point(),))):
        before = digest_call(value, ("x",))[0]
        assert str(hashing.VERSION).encode() in getattr(hashing, prefix)
        monkeypatch.setattr(hashing, prefix, b"another")
        assert digest_call(value, ("x",))[0] != before


def test_a_call_is_the_values_of_its_parameters() -> None:
    names = ("a", "b")
    keys = [
        digest_call(values, names)[0]
        for values in ((1, 2), (2, 1), ([1], 2), (1, [2]), ([1, 2], None), ((1, 2), None))
    ]
    assert len(set(keys)) == len(keys)
    assert digest_call((1, [2]), names) == digest_call((1, [2]), ("x", "y"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: list(range(300, 500_300)),
        lambda: [n / 3 for n in range(500_000)],
        lambda: [f"{n}" for n in range(300_000)],
        lambda: {n: n / 3 for n in range(300_000)},
        lambda: "é" * 10_000_000,
        lambda: bytes(20_000_000),
        lambda: bytearray(20_000_000),
        lambda: [{"id": n, "name": f"{n}", "tags": (n, n / 2)} for n in range(100_000)],
    ],
)
def test_a_large_argument_is_never_copied(make: Any) -> None:
    value = make()
    tracemalloc.start()
    try:
        digest(value)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # A dict's keys and values are listed: 8 bytes for each.
    assert peak < 8_000_000
