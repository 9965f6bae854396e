"""Values of a module that each call changes, such as a counter: no two calls are alike."""

from __future__ import annotations

import functools
import itertools
import random
import struct
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import dumbo

numbers = itertools.count()
letters = iter("abcdef")
held = {"numbers": itertools.count()}
later = functools.partial(next, itertools.count())
step = itertools.count().__next__
draw = random.Random(1).random
take = deque(range(9)).popleft
pop = [1, 2, 3, 4].pop
pack = struct.Struct("<I").pack
get = {"a": len}.get


def squares() -> Iterator[int]:
    yield from (n * n for n in range(9))


running = squares()


class Numbered:
    numbers = itertools.count()

    def __init__(self) -> None:
        self.number = next(self.numbers)


def name(x: int) -> str:
    return f"{x}-{next(numbers)}"


FUNCTIONS: dict[str, Callable[[int], Any]] = {
    "a counter": lambda x: next(numbers),
    "an iterator": lambda x: next(letters, None),
    "a generator": lambda x: next(running),
    "one in a table": lambda x: next(held["numbers"]),
    "one in a class": lambda x: Numbered().number,
    "in a helper": name,
    "a partial of next": lambda x: later(),
    "its method": lambda x: step(),
    "a method of a generator of random numbers": lambda x: draw(),
    "a method of a queue": lambda x: take(),
    "a method of a list": lambda x: pop(),
}


@pytest.mark.parametrize("what", FUNCTIONS)
def test_what_a_call_takes_is_not_there_for_the_next(what: str, cache: dumbo.Cache) -> None:
    f = cache.memo(FUNCTIONS[what], keep="always")
    assert f(1) != f(1)


class Base:
    rate = 1

    def rated(self) -> int:
        return 1


class Derived(Base):
    pass


class Box:
    def __init__(self) -> None:
        self.size = 1


box = Box()
steps = [1, 2, 3]
WHOLES: dict[str, Callable[[int], Any]] = {
    "how many": lambda x: len(box.__dict__),
    "all of them, compared": lambda x: vars(box) == {"size": 1},
    "all of them, as a text": lambda x: str(vars(box)),
    "all of them, in a text": lambda x: f"{box.__dict__}",
    "the names of a class": lambda x: len(vars(Box)),
    "a base by its place": lambda x: Derived.__mro__[1].rate,
    "a base by its place, and a method of it": lambda x: Derived.__bases__[0].rated(box),
    "the base": lambda x: Derived.__base__.rate,
    "bases one by one": lambda x: [vars(cls).get("rate") for cls in Derived.__mro__],
    "an order, unpacked": lambda x: slice(*steps).start,
    "items, unpacked": lambda x: list(itertools.chain(*[steps])),
    "bases, unpacked": lambda x: (lambda *classes: classes[1].rate)(*Derived.__mro__),
}


@pytest.mark.parametrize("what", WHOLES)
def test_what_is_in_a_namespace_and_what_a_class_is_made_of_counts(
    what: str, cache: dumbo.Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    f = cache.memo(WHOLES[what], keep="always")
    before = f(1), f(1)
    assert f.cache_info().hits == 1
    monkeypatch.setattr(box, "shape", "round", raising=False)
    monkeypatch.setattr(Box, "shape", "square", raising=False)
    monkeypatch.setattr(Base, "rate", 2)
    monkeypatch.setattr(Base, "rated", lambda self: 2)
    steps.reverse()
    assert f(1) == WHOLES[what](1) != before[0]


@pytest.mark.parametrize("function", [lambda x: pack(x), lambda x: get("a")("bcd")])
def test_methods_of_what_does_not_change_are_no_hindrance(
    function: Callable[[int], Any], cache: dumbo.Cache
) -> None:
    f = cache.memo(function, keep="always")
    assert f(1) == f(1)
    assert f.why(1).code == "hit"
