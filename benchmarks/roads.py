"""What a call costs on each road, beside a cache that is written by hand in a few lines.

    python benchmarks/roads.py [--entries 20000] [--rounds 8]

The floor pickles the arguments, hashes them, and asks one table of SQLite: no code is tracked, no
checksum verified, nothing counted. Both run in turns in one process, and what is compared is CPU
time, the least of some rounds: machines are busy. Beside it stand the frames of Python that one
call takes, which do not depend on the machine.

With many --entries the roads are measured among that many, and the bytes of the index are shown.
"""

from __future__ import annotations

import argparse
import os
import pickle
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import xxhash

import dumbo

BATCH = 1000  # calls, of which all that is done now and then is part
LITTLE = 50  # calls whose frames are counted


def first(a: int, b: str, c: float) -> int:
    """What is memoized: it takes nothing, so that what is measured is the cache."""
    return a


class Floor:
    """The least that a cache on disk can do."""

    def __init__(self, directory: Path) -> None:
        self.sql = sqlite3.connect(directory / "floor.sqlite", isolation_level=None)
        self.sql.execute("PRAGMA journal_mode=WAL")
        self.sql.execute("PRAGMA synchronous=NORMAL")
        self.sql.execute("CREATE TABLE entries(key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")

    def __call__(self, *args: Any) -> Any:
        key = xxhash.xxh3_128_digest(pickle.dumps(("first", args), 5))
        row = self.sql.execute("SELECT value FROM entries WHERE key = ?", (key,)).fetchone()
        if row is not None:
            return pickle.loads(row[0])
        value = first(*args)
        self.sql.execute("INSERT INTO entries VALUES(?,?)", (key, pickle.dumps(value, 5)))
        return value


def spent(function: Callable[..., Any], keys: Iterable[int]) -> float:
    """Return the microseconds of CPU time of a call, in the mean."""
    listed = list(keys)
    begun = time.process_time()
    for key in listed:
        function(key, "text", 0.5)
    return (time.process_time() - begun) / len(listed) * 1e6


def frames(function: Callable[..., Any], keys: Iterable[int]) -> float:
    """Return how many functions written in Python a call runs, in the mean."""
    count = 0

    def seen(frame: object, event: str, arg: object) -> None:
        nonlocal count
        count += event == "call"

    listed = list(keys)
    sys.setprofile(seen)
    for key in listed:
        function(key, "text", 0.5)
    sys.setprofile(None)
    return count / len(listed)


def forgetful(memoized: Any) -> Callable[..., Any]:
    """Return the function, which finds nothing in memory."""

    def call(*args: Any) -> Any:
        memoized._keeper.memory.by_call.clear()
        return memoized(*args)

    return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--entries", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.entries, options.rounds)


def measure(folder: Path, entries: int, rounds: int) -> None:
    cache = dumbo.Cache(folder / "dumbo")
    memoized: Any = cache.memo(keep="always")(first)
    floor = Floor(folder)
    for key in range(entries):
        memoized(key, "text", 0.5)
        floor(key, "text", 0.5)
    found: dict[str, list[tuple[float, float]]] = {"miss": [], "hit from disk": [], "memory": []}
    start, some = entries, random.Random(1)
    for _ in range(rounds):
        new = range(start, start + BATCH)
        start += BATCH
        found["miss"].append((spent(memoized, new), spent(floor, new)))
        old = [some.randrange(entries) for _ in range(BATCH)]
        memoized._keeper.memory.clear()
        found["hit from disk"].append((spent(memoized, old), spent(floor, old)))
        found["memory"].append((spent(memoized, old), spent(floor, old)))
    counted = {
        "miss": frames(memoized, range(-LITTLE, 0)),
        "hit from disk": frames(forgetful(memoized), range(LITTLE)) - 1,  # of `forgetful` itself
        "memory": frames(memoized, [0] * LITTLE),
    }
    print(f"Python {sys.version.split()[0]}, {entries} entries\n")
    print("| road | µs | floor | ratio | frames |\n|---|--:|--:|--:|--:|")
    for road, pairs in found.items():
        own, least = (min(column) for column in zip(*pairs, strict=True))
        ratio = own / least
        print(f"| {road} | {own:.1f} | {least:.1f} | {ratio:.2f} | {counted[road]:.0f} |")
    cache.close()
    index = os.path.getsize(folder / "dumbo" / "index.sqlite")
    beside = os.path.getsize(folder / "dumbo" / "recipes.sqlite")
    print(f"\nof the index {index / start:.0f} bytes an entry, beside it {beside / start:.0f}")


if __name__ == "__main__":
    main()
