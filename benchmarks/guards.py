"""What does it cost to prove, within one process, that nothing changed?

    python benchmarks/guards.py [--sizes 10 100 1000 5000]

For each size, a function that calls so many helpers of ten modules, each fifth with a default, is
traced; printed is the time of its guard for each of them, the best of many turns. Then everything
that a guard must see is changed, one at a time, and changed back.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from dumbo.tracing.tracker import Tracker

MODULES = 10

HELPER = "def h{i}(x): return x + {i}\n"
WITH_DEFAULT = "def h{i}(x, by=2): return x * by + {i}\n"  # each fifth

ROOT = """
class Base:
    def method(self, x): return x

class Model(Base):
    rate = 1
    def fit(self, x): return self.method(x) * self.rate

def make():
    count = 1
    def inner(x): return x + count
    def put(value):
        nonlocal count
        count = value
    return inner, put

inner, put = make()

def f(x):
    total = Model().fit(x) + inner(x) + len([x])
{calls}
    return total
"""

CHANGES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "a rebound name": (
        lambda m: setattr(m, "h5", lambda x: x),
        lambda m: setattr(m, "h5", m.helpers[5]),
    ),
    "__code__": (
        lambda m: setattr(m.h5, "__code__", (lambda x, by=2: x).__code__),
        lambda m: setattr(m.h5, "__code__", m.codes[5]),
    ),
    "a default": (
        lambda m: setattr(m.h5, "__defaults__", (3,)),
        lambda m: setattr(m.h5, "__defaults__", m.defaults[5]),
    ),
    "a cell": (lambda m: m.put(2), lambda m: m.put(1)),
    "a class attribute": (
        lambda m: setattr(m.Model, "rate", 2),
        lambda m: setattr(m.Model, "rate", 1),
    ),
    "an added override": (
        lambda m: setattr(m.Model, "method", lambda self, x: -x),
        lambda m: delattr(m.Model, "method"),
    ),
    "a shadowed builtin": (
        lambda m: setattr(m, "len", lambda x: 0),
        lambda m: delattr(m, "len"),
    ),
}


def project(helpers: int) -> ModuleType:
    """A module whose `f` calls so many helpers; those of other modules as attributes of them."""
    root = ModuleType("guarded")
    names: dict[str, Any] = vars(root)
    parts = [ModuleType(f"guarded_{number}") for number in range(1, MODULES)]
    names.update({part.__name__: part for part in parts})
    homes = [root, *parts]
    calls = []
    for i in range(helpers):
        home = homes[i % MODULES]
        exec((HELPER if i % 5 else WITH_DEFAULT).format(i=i), vars(home))
        calls.append(f"    total += {'' if home is root else home.__name__ + '.'}h{i}(x)")
    exec(ROOT.format(calls="\n".join(calls)), names)
    names["h5"] = vars(homes[5])["h5"]  # one that has a name in two modules
    exec("def g(x): return f(x) + h5(x)", names)
    names["helpers"] = {5: names["h5"]}
    names["codes"] = {5: names["h5"].__code__}
    names["defaults"] = {5: names["h5"].__defaults__}
    return root


def best(work: Callable[[], object], turns: int) -> float:
    """Seconds that *work* takes at best."""
    found = []
    for _ in range(turns):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return min(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1_000, 5_000])
    options = parser.parse_args()
    for size in options.sizes:
        made = project(size)
        snapshot = Tracker(vars(made)["g"]).look((1,), (), None, ("x",))
        guard = snapshot.guard
        assert guard.holds()
        seconds = best(guard.holds, max(50, 200_000 // size))
        print(f"{size:6,} functions: {seconds * 1e6:8.1f} µs, {seconds / size * 1e9:4.0f} ns each")
        for name, (change, back) in CHANGES.items():
            change(made)
            assert not guard.holds(), f"{name} was not seen"
            back(made)
            assert guard.holds(), f"{name}, changed back, was not believed"
    print("Each of these was seen:", ", ".join(CHANGES))
    return 0


if __name__ == "__main__":
    sys.exit(main())
