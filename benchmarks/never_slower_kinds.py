"""The functions of `never_slower.py`, and how they are called.

Knows programs as people write them; must not know how caching is measured.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["KINDS", "Kind"]


class Kind(NamedTuple):
    """A function, and the calls that are made of it.

    Attributes:
        make: returns the function; called for each way of running it.
        calls: what it is called with, each with a name that is the same for equal arguments.
        waits: whether what it takes is not CPU time.
        dear: whether what a call takes is measured once for each name, and then known.
    """

    name: str
    make: Callable[[], Callable[[Any], Any]]
    calls: Callable[[float], list[tuple[object, Any]]]
    waits: bool = False
    dear: bool = False

    @property
    def clock(self) -> Callable[[], float]:
        return time.perf_counter if self.waits else time.process_time


# -- functions ---------------------------------------------------------------------------


def add_one() -> Callable[[Any], Any]:
    def f(x: int) -> int:
        return x + 1

    return f


def busy(rounds: int, size: int = 0) -> Callable[[], Callable[[Any], Any]]:
    """A function that hashes so often (about 0.4 µs each); its result has *size* more bytes."""

    def make() -> Callable[[Any], Any]:
        def f(x: Any) -> Any:
            word = repr(x if type(x) is int else len(x)).encode()
            for _ in range(rounds):
                word = hashlib.md5(word).digest()
            return (word * (size // 16)) if size else word

        return f

    return make


def cheap_megabyte() -> Callable[[Any], Any]:
    def f(x: int) -> bytes:
        return bytes((x,)) * 1_000_000

    return f


def strided_sum() -> Callable[[Any], Any]:
    def f(array: Any) -> Any:
        return array[::512].sum()

    return f


def whole_sum() -> Callable[[Any], Any]:
    def f(array: Any) -> Any:
        return np.sort(array[:4_000_000]).sum() + array.sum()

    return f


def gigabyte() -> Callable[[Any], Any]:
    def f(x: int) -> Any:
        return np.sqrt(np.arange(x, x + 125_000_000, dtype=np.float64))

    return f


def asks_somebody() -> Callable[[Any], Any]:
    def f(x: int) -> int:
        time.sleep(0.01)
        return x

    return f


def length() -> Callable[[Any], Any]:
    def f(values: Any) -> int:
        return len(values)

    return f


def becomes_slow() -> Callable[[Any], Any]:
    def f(x: int) -> bytes:
        word = b""
        for _ in range(5 if x < 0 else 5_000):
            word = hashlib.md5(word).digest()
        return word

    return f


def fib() -> Callable[[Any], Any]:
    def f(n: int) -> int:
        return n if n < 2 else this(n - 1) + this(n - 2)

    this: Callable[[Any], Any] = f

    def rebind(other: Callable[[Any], Any]) -> None:
        nonlocal this
        this = other

    f.rebind = rebind  # type: ignore[attr-defined]
    return f


# -- calls -------------------------------------------------------------------------------


def named(values: Iterable[Any]) -> list[tuple[object, Any]]:
    return [(value, value) for value in values]


def never_again(n: int) -> Callable[[float], list[tuple[object, Any]]]:
    return lambda scale: named(range(int(n * scale)))


def loop(n: int, keys: int) -> Callable[[float], list[tuple[object, Any]]]:
    return lambda scale: named(i % keys for i in range(int(n * scale)))


def zipf(n: int, keys: int) -> Callable[[float], list[tuple[object, Any]]]:
    def make(scale: float) -> list[tuple[object, Any]]:
        weights = [1 / rank for rank in range(1, keys + 1)]
        return named(random.Random(1).choices(range(keys), weights, k=int(n * scale)))

    return make


def scan(n: int, favourites: int) -> Callable[[float], list[tuple[object, Any]]]:
    """Favourites half of the time, and walks over a hundred others that never come again."""

    def make(scale: float) -> list[tuple[object, Any]]:
        chance, fresh, found = random.Random(2), itertools.count(favourites), []
        while len(found) < n * scale:
            found += [chance.randrange(favourites) for _ in range(100)]
            found += [next(fresh) for _ in range(100)]
        return named(found)

    return make


def shifting(n: int, keys: int, moves: int) -> Callable[[float], list[tuple[object, Any]]]:
    def make(scale: float) -> list[tuple[object, Any]]:
        chance, total = random.Random(3), int(n * scale)
        return named(keys * (i * moves // total) + chance.randrange(keys) for i in range(total))

    return make


def arrays(n: int, size: int, *, change: bool) -> Callable[[float], list[tuple[object, Any]]]:
    """An array, the same each time, or one that is another each time (a slice moves on)."""

    def make(scale: float) -> list[tuple[object, Any]]:
        count = int(n * scale)
        whole = np.arange(size + count, dtype=np.float64)
        if change:
            return [(i, whole[i : i + size]) for i in range(count)]
        return [(0, whole[:size])] * count

    return make


def lists(n: int, size: int, keys: int) -> Callable[[float], list[tuple[object, Any]]]:
    def make(scale: float) -> list[tuple[object, Any]]:
        made = [[float(i + j) for j in range(size + i)] for i in range(keys)]
        return [(i % keys, made[i % keys]) for i in range(int(n * scale))]

    return make


def texts(n: int, size: int, keys: int) -> Callable[[float], list[tuple[object, Any]]]:
    def make(scale: float) -> list[tuple[object, Any]]:
        made = [bytes((i,)) * (size + i) for i in range(keys)]
        return [(i % keys, made[i % keys]) for i in range(int(n * scale))]

    return make


def frames(n: int) -> Callable[[float], list[tuple[object, Any]]]:
    def make(scale: float) -> list[tuple[object, Any]]:
        import pandas

        frame = pandas.DataFrame({"a": np.arange(2_000_000), "b": np.arange(2_000_000) / 3})
        return [(0, frame)] * int(n * scale)

    return make


def slow_after(n: int) -> Callable[[float], list[tuple[object, Any]]]:
    def make(scale: float) -> list[tuple[object, Any]]:
        half = int(n * scale) // 2
        return named([-1 - i for i in range(half)] + [i % 10 for i in range(half)])

    return make


def fibs(n: int) -> Callable[[float], list[tuple[object, Any]]]:
    return lambda scale: named(10 + i % 9 for i in range(int(n * scale)))


MB = 1_000_000
KINDS = [
    Kind("x + 1, never again", add_one, never_again(300_000)),
    Kind("x + 1, ten keys", add_one, loop(300_000, 10)),
    Kind("10 µs, never again", busy(20), never_again(30_000)),
    Kind("10 µs, twenty keys", busy(20), loop(30_000, 20)),
    Kind("100 µs, never again", busy(250), never_again(8_000)),
    Kind("100 µs, Zipf", busy(250), zipf(8_000, 300)),
    Kind("1 ms, never again", busy(2_500), never_again(2_000)),
    Kind("1 ms, Zipf", busy(2_500), zipf(2_000, 200)),
    Kind("1 ms, scans", busy(2_500), scan(2_000, 20)),
    Kind("2 ms, a loop", busy(5_000), loop(1_500, 150)),
    Kind("2 ms, shifting sets", busy(5_000), shifting(1_500, 30, 5)),
    Kind("30 ms, Zipf", busy(75_000), zipf(400, 30)),
    Kind("30 ms, never again", busy(75_000), never_again(400)),
    Kind("100 MB argument, the same", strided_sum, arrays(4_000, 12_500_000, change=False)),
    Kind("100 MB argument, others", strided_sum, arrays(4_000, 12_500_000, change=True)),
    Kind("len of a large list", length, lists(200_000, 300_000, 1)),
    Kind("len of a frame", length, frames(100_000)),
    Kind("1 MB results, cheap", cheap_megabyte, loop(8_000, 20)),
    Kind("1 MB results, 5 ms", busy(12_000, MB), loop(500, 20)),
    Kind("1 MB arguments, 20 ms", busy(50_000), texts(300, MB, 10)),
    Kind("lists of a thousand, 300 µs", busy(750), lists(4_000, 1_000, 20)),
    Kind("becomes slow", becomes_slow, slow_after(2_000)),
    Kind("fib", fib, fibs(900)),
    Kind("waits 10 ms, Zipf", asks_somebody, zipf(600, 60), waits=True),
    Kind("waits 10 ms, never again", asks_somebody, never_again(400), waits=True),
    Kind("1 s, Zipf", busy(2_000_000), zipf(160, 12), dear=True),
    Kind("1 GB argument", whole_sum, arrays(130, 125_000_000, change=False), dear=True),
    Kind("1 GB results", gigabyte, loop(110, 2), dear=True),
]
