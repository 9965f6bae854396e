"""Is a program ever slower for its cache, and does the cache save what could be saved?

    python benchmarks/never_slower.py [--kinds fib ...] [--scale 1.0] [--repeats 3]

Each kind of function is called as programs call such functions: without a cache, and with dumbo's
default, in turns of fifty calls, so that a busy machine is as busy for both. Compared is the CPU
time of all calls but the first hundred (of functions that wait, that of the wall); dumbo decides by
its own clocks. Each turn runs without a cache once before and once after; by how much these two
differ is shown, and is the noise. All is done several times, and the median counts. Allowed are 2 %
more and 5 µs a call.

What a clairvoyant would save is reckoned from what each call takes, and what storing and loading it
takes (`keep="always"`, measured as well): who knows all calls in advance stores a result only if
that pays. Where that is a fifth of the time or more, dumbo is to save four fifths of it.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from dumbo import Cache

UNTIL = 100  # calls that do not count
TURN = 50


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


# -- measuring ---------------------------------------------------------------------------


class Found(NamedTuple):
    """Seconds of CPU for all calls but the first hundred."""

    calls: int
    plain: float
    noise: float  # what the same calls took without a cache once more, over that
    kept: float
    foreseen: float  # what a clairvoyant takes

    @property
    def allowed(self) -> float:
        return 1.02 * self.plain + 5e-6 * self.calls

    @property
    def could_save(self) -> float:
        return 1 - self.foreseen / self.plain

    @property
    def saved(self) -> float:
        """Of what could be saved, how much was."""
        return (self.plain - self.kept) / max(self.plain - self.foreseen, 1e-12)

    @property
    def is_fine(self) -> bool:
        return self.kept <= self.allowed and (self.could_save < 0.2 or self.saved >= 0.8)


def memoized(cache: Cache, kind: Kind, **settings: Any) -> Callable[[Any], Any]:
    function = kind.make()
    kept = cache.memo(name=kind.name, **settings)(function)
    rebind = getattr(function, "rebind", None)
    if rebind is not None:
        rebind(kept)
    return kept


def turns(calls: list[tuple[object, Any]]) -> Iterator[list[tuple[object, Any]]]:
    for start in range(0, len(calls), TURN):
        yield calls[start : start + TURN]


def run(
    function: Callable[[Any], Any],
    calls: list[tuple[object, Any]],
    clock: Callable[[], float] = time.process_time,
) -> float:
    begun = clock()
    for _, value in calls:
        function(value)
    return clock() - begun


def each(
    function: Callable[[Any], Any],
    calls: list[tuple[object, Any]],
    times: int,
    clock: Callable[[], float],
) -> float:
    """What each of some calls takes, at best of several times."""
    return min([run(function, calls, clock) for _ in range(times)]) / len(calls)


def prices(kind: Kind, calls: list[tuple[object, Any]]) -> tuple[float, float]:
    """Return what storing a result, and what finding and loading it takes."""
    some = list({name: (name, value) for name, value in calls[:400]}.values())[:20]
    clock = kind.clock
    with tempfile.TemporaryDirectory() as directory:
        plain = kind.make()
        kept = memoized(Cache(directory), kind, keep="always")
        run(kept, some[:1])  # traces
        again = some[1:] or some
        computing = each(plain, again, 1 if kind.dear else 3, clock)
        storing = max(0.0, run(kept, again, clock) / len(again) - computing) if some[1:] else 5e-4
        if kind.name == "fib":  # it has stored those within already
            storing = 5e-4
        loading = each(kept, again, 5, clock)
    return storing, loading


def measured(kind: Kind, scale: float) -> Found:
    calls = kind.calls(scale)
    plain_function, clock = kind.make(), kind.clock
    run(plain_function, calls[:2])
    storing, loading = prices(kind, calls)
    plain = again = kept = 0.0
    by_name: dict[object, list[float]] = defaultdict(list)
    known: dict[object, float] = {}
    made = 0

    def without(turn: list[tuple[object, Any]]) -> float:
        if not kind.dear:
            return run(plain_function, turn, clock)
        for name, value in turn:
            if name not in known:
                known[name] = run(plain_function, [(name, value)], clock)
        return sum(known[name] for name, _ in turn)

    with tempfile.TemporaryDirectory() as directory:
        kept_function = memoized(Cache(directory), kind)
        for turn in turns(calls):
            before = without(turn)
            with_it = run(kept_function, turn, clock)
            after = without(turn)
            made += len(turn)
            if made <= UNTIL:
                for name, _ in turn:
                    by_name[name].append(-1.0)  # came, and does not count
                continue
            plain += (before + after) / 2
            again += after - before
            kept += with_it
            for name, _ in turn:
                by_name[name].append(known.get(name, (before + after) / 2 / len(turn)))
    foreseen = 0.0
    for costs in by_name.values():
        counted = [cost for cost in costs if cost >= 0]
        if not counted:
            continue
        there = len(counted) < len(costs)  # it can have been stored before
        stored = loading * (len(counted) - (not there))
        stored += 0.0 if there else counted[0] + storing
        foreseen += min(sum(counted), stored)
    noise = again / plain if plain else 0.0
    return Found(max(0, len(calls) - UNTIL), plain, noise, kept, foreseen)


def median(kind: Kind, scale: float, repeats: int) -> Found:
    """Measure several times; the one in the middle, by what it takes with dumbo."""
    found = [measured(kind, scale) for _ in range(1 if kind.dear else repeats)]
    found.sort(key=lambda one: one.kept / one.plain if one.plain else 0.0)
    middle = found[len(found) // 2]
    could = statistics.median(one.foreseen / one.plain for one in found if one.plain)
    return middle._replace(foreseen=could * middle.plain)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kinds", nargs="+", help="those whose names begin so")
    parser.add_argument("--scale", type=float, default=1.0, help="times the number of calls")
    parser.add_argument("--repeats", type=int, default=3, help="of which the median counts")
    options = parser.parse_args()
    print("| kind | calls | plain | noise | with dumbo | µs more | could save | of that saved | |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|---|")
    bad = 0
    for kind in KINDS:
        if options.kinds and not kind.name.startswith(tuple(options.kinds)):
            continue
        if len(kind.calls(options.scale)) <= UNTIL:
            print(f"| {kind.name} | too few calls at this scale | | | | | | | |")
            continue
        found = median(kind, options.scale, options.repeats)
        more = (found.kept - found.plain) / found.calls * 1e6
        saves = f"{found.saved:.0%}" if found.could_save >= 0.2 else ""
        print(
            f"| {kind.name} | {found.calls:,} | {found.plain:.3f} s "
            f"| {found.noise:+.1%} | {found.kept / found.plain:.3f} × "
            f"| {more:+.2f} | {max(0.0, found.could_save):.0%} | {saves} "
            f"| {'' if found.is_fine else 'missed'} |",
            flush=True,
        )
        bad += not found.is_fine
    print(f"\n{bad} missed", file=sys.stderr)
    return bad > 0


if __name__ == "__main__":
    raise SystemExit(main())
