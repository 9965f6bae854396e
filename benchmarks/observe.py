"""What does it cost to observe what runs, and what do observed functions cost a hit?

    python benchmarks/observe.py [--turns 9]

Ratios of the time with observation to the time without, the two in turns in one process, the best
of each: while functions run (the function's own time, as its recorder is open), for a whole miss,
and for a hit whose entry has no extras, one, or ten. CPython 3.12+.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WORK = """
import pkgutil

def reach(name):
    return pkgutil.resolve_name(name)

{helpers}

def leaf(x):
    return x + 1

def calls(n):
    total = 0
    for i in range(n):
        total = leaf(total)
    return total

def recursion(n):
    return n if n < 2 else recursion(n - 1) + recursion(n - 2)

def generators(n):
    return sum(leaf(x) for x in (y for y in range(n)))

def wide(n):
    total = 0
    for _ in range(n):
        for helper in HELPERS:
            total += helper(n)
    return total

HELPERS = [{names}]

def none(x):
    return leaf(x)

def one(x):
    return reach("observed_work:helper0")(x)

def ten(x):
    return sum([reach(f"observed_work:helper{{i}}")(x) for i in range(10)])
"""
COUNT = 200


def project(folder: Path) -> Any:
    helpers = "\n".join(f"def helper{i}(x):\n    return x + {i}\n" for i in range(COUNT))
    names = ", ".join(f"helper{i}" for i in range(COUNT))
    (folder / "observed_work.py").write_text(WORK.format(helpers=helpers, names=names))
    sys.path.insert(0, str(folder))
    import observed_work  # type: ignore[import-not-found]

    return observed_work


def best(run: Callable[[], object]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def ratio(plain: Callable[[], object], observed: Callable[[], object], turns: int) -> float:
    times = [(best(plain), best(observed)) for _ in range(turns)]
    return min(two for _, two in times) / min(one for one, _ in times)


def recorded(run: Callable[[], object]) -> Callable[[], None]:
    from dumbo.tracing.observer import Recorder

    def under_a_recorder() -> None:
        recorder = Recorder()
        recorder.start()
        try:
            run()
        finally:
            recorder.stop()
        assert recorder.active

    return under_a_recorder


def many(call: Callable[[Any], object], argument: object) -> Callable[[], None]:
    def loop() -> None:
        for _ in range(300):
            call(argument)

    return loop


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=9)
    options = parser.parse_args()
    if sys.version_info < (3, 12):
        print("CPython 3.12 is the first that can observe")
        return 1
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        work = project(folder)
        import dumbo

        cache = dumbo.Cache(folder / "cache")
        cases = [
            ("one small function, 1e6 calls", lambda: work.calls(1_000_000)),
            ("recursion, 1e6 calls", lambda: work.recursion(29)),
            ("generators, 1e6 items", lambda: work.generators(1_000_000)),
            (f"{COUNT} functions, 2,000 calls of each", lambda: work.wide(2_000)),
            (f"{COUNT} functions, once each", lambda: work.wide(1)),
        ]
        print("running, with a recorder open / without:")
        for name, run in cases:
            print(f"  {ratio(run, recorded(run), options.turns):5.2f}  {name}")
        print("a miss of 10 ms, observed / not:")
        seen = cache.memo(keep="always", observe=True)(work.calls)
        unseen = cache.memo(keep="always", observe=False)(work.calls)
        plain, observed = [lambda f=f: f.recompute(300_000) for f in (unseen, seen)]
        print(f"  {ratio(plain, observed, options.turns):5.2f}")
        print("a hit, to the hit of a function that is not observed:")
        for name in ("none", "one", "ten"):
            function = getattr(work, name)
            seen = cache.memo(keep="always", observe=True)(function)
            unseen = cache.memo(keep="always", observe=False, version="unseen")(function)
            found = [f(1) == f(1) for f in (seen, unseen)]
            assert all(found)
            extras = len(seen.get_entry(1).observed)
            print(f"  {ratio(many(unseen, 1), many(seen, 1), options.turns):5.2f}  {extras} extras")
        cache.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
