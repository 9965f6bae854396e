"""What does a hit from memory cost, by what stands in the call?

    python benchmarks/hits.py [--turns 7]

Printed is the time of a hit for each kind of argument, as a multiple of that for a number, the best
of several turns in which all kinds are measured one after the other.
"""

from __future__ import annotations

import argparse
import collections
import datetime
import decimal
import enum
import pathlib
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from typing import Any, NamedTuple

from dumbo import Cache

CALLS = 500


@dataclass
class Point:
    x: float
    y: float
    name: str


@dataclass
class Line:
    start: Point
    end: Point


class Pair(NamedTuple):
    x: int
    y: int


class Colour(enum.Enum):
    RED = 1


POINT = Point(1.0, 2.0, "a")
KINDS: dict[str, Any] = {
    "a number": 3,
    "a text": "abc",
    "a list of three": [1, 2, 3],
    "a set": {1, 2, 3},
    "an object": POINT,
    "an object of two others": Line(POINT, POINT),
    "a list of three objects": [POINT] * 3,
    "a named tuple": Pair(1, 2),
    "a member of an enumeration": Colour.RED,
    "a date": datetime.date(2020, 1, 1),
    "a path": pathlib.Path("a/b"),
    "a Decimal": decimal.Decimal("1.5"),
    "a UUID": uuid.UUID(int=1),
    "an OrderedDict": collections.OrderedDict(a=1),
    "a class": Point,
    "a hundred numbers": list(range(100)),
    "a function": len,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args()
    try:
        import numpy as np
    except ImportError:
        pass
    else:
        KINDS.update({"a number of numpy": np.float64(1), "a small array": np.arange(10)})
    best = dict.fromkeys(KINDS, float("inf"))
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(folder)

        @cache.memo(keep="always")
        def f(x: object) -> int:
            return 1

        for _ in range(options.turns):
            for kind, value in KINDS.items():
                f(value)
                f(value)
                begun = time.perf_counter()
                for _ in range(CALLS):
                    f(value)
                best[kind] = min(best[kind], (time.perf_counter() - begun) / CALLS)
        cache.close()
    unit = best["a number"]
    for kind, seconds in best.items():
        print(f"{kind:28} {seconds / unit:5.1f} times, {seconds * 1e6:6.1f} µs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
