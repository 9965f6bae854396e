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


@pytest.mark.parametrize("function", [lambda x: pack(x), lambda x: get("a")("bcd")])
def test_methods_of_what_does_not_change_are_no_hindrance(
    function: Callable[[int], Any], cache: dumbo.Cache
) -> None:
    f = cache.memo(function, keep="always")
    assert f(1) == f(1)
    assert f.why(1).code == "hit"
