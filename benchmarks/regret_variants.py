"""More traces for `regret.py`, on which no rule was tuned: the same patterns with other parameters.

Knows patterns of use; must not know a policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from regret_traces import KB, MB, Request, Trace, calls, lognormal, ranks, sizes

__all__ = ["variants"]

Make = Callable[[np.random.Generator], list[Request]]


def steep(chance: np.random.Generator) -> list[Request]:
    n = 3_000
    return calls(ranks(chance, n, 10_000, 1.2), lognormal(chance, 0.02, 1, n), sizes(chance, n))


def hardly_worth(chance: np.random.Generator) -> list[Request]:
    """Storing takes half as long as computing, and results are a few bytes."""
    n = 1_500
    compute, size = lognormal(chance, 4e-4, 0.4, n), sizes(chance, n, 30) - 70
    return calls(ranks(chance, n, 8_000, 0.8), compute, np.maximum(size, 10))


def walks(chance: np.random.Generator) -> list[Request]:
    """A few favourites between long walks over what never comes again."""
    favourites, keys = 300, []
    fresh = iter(range(favourites, 20_000))
    for _ in range(5):
        keys += ranks(np.random.default_rng(2), favourites, 700, 0.5).tolist()
        keys += [next(fresh) for _ in range(1_500)]
    n = max(keys) + 1
    return calls(np.array(keys), lognormal(chance, 0.05, 0.7, n), sizes(chance, n))


def two_loops(chance: np.random.Generator) -> list[Request]:
    """Two functions, one within the other's loop; the inner one is cheap and large."""
    outer, inner = 120, 10
    dear, cheap = lognormal(chance, 0.3, 0.5, outer), lognormal(chance, 0.02, 0.5, inner * 40)
    large = sizes(chance, inner * 40, 400 * KB)
    small = sizes(chance, outer, 50 * KB)
    found = []
    for _ in range(9):
        for i in range(outer):
            found.append(Request("outer", i, float(dear[i]), int(small[i])))
            for j in range(inner):
                k = (i % 40) * inner + j
                found.append(Request("inner", k, float(cheap[k]), int(large[k])))
    return found


def drifting(chance: np.random.Generator) -> list[Request]:
    """A working set that moves on a little with each call."""
    total = 10_000
    keys = np.arange(total) // 5 + chance.integers(0, 250, total)
    n = int(keys.max()) + 1
    return calls(keys, lognormal(chance, 0.1, 0.7, n), sizes(chance, n))


def rarely_dear(chance: np.random.Generator) -> list[Request]:
    n = 1_500
    dear = chance.random(n) < 0.03
    compute = np.where(dear, lognormal(chance, 8.0, 0.3, n), lognormal(chance, 4e-3, 0.5, n))
    return calls(ranks(chance, n, 8_000, 0.5), compute, sizes(chance, n))


def cheap_large(chance: np.random.Generator) -> list[Request]:
    n = 1_000
    size = sizes(chance, n, 2 * MB)
    return calls(ranks(chance, n, 8_000, 0.8), 1e5 / size * lognormal(chance, 1, 0.6, n), size)


def mostly_once(chance: np.random.Generator) -> list[Request]:
    """Nine of ten calls are never made again."""
    n = 12_000
    compute, size = lognormal(chance, 0.03, 1, n), sizes(chance, n)
    known = ranks(chance, 500, 10_000)
    return calls(
        np.where(chance.random(10_000) < 0.9, 500 + np.arange(10_000), known), compute, size
    )


def long_bursts(chance: np.random.Generator) -> list[Request]:
    n, found = 600, []
    for key in range(n):
        begin = chance.uniform(0, 300)
        found += [(begin + gap, key) for gap in chance.exponential(4.0, chance.integers(3, 25))]
        if chance.random() < 0.2:  # and once more, much later
            begin = chance.uniform(0, 300)
            found += [(begin + gap, key) for gap in chance.exponential(4.0, chance.integers(3, 25))]
    keys = np.array([key for _, key in sorted(found)])
    return calls(keys, lognormal(chance, 0.05, 0.7, n), sizes(chance, n))


def sweeps(chance: np.random.Generator) -> list[Request]:
    """A grid of few, large results, each wanted several times in a row and in the next sweep."""
    costs = lognormal(chance, 1.0, 0.2, 10_000)

    def run(seeds: int, windows: tuple[int, ...], penalties: int) -> Iterator[Request]:
        for seed in range(seeds):
            for window in windows:
                for penalty in range(penalties):
                    k = seed * 50 + window
                    fit = k * 20 + penalty
                    yield Request("load", seed, 2e-3 * float(costs[seed]), 500 * KB)
                    yield Request("features", k, 2e-2 * float(costs[k]), 2 * MB)
                    yield Request("fit", fit, 1e-2 * float(costs[fit]), 300)

    grids = [
        (2, (1, 2), 3), (4, (1, 2, 3), 3), (4, (1, 2, 3), 5), (4, (1, 3, 5), 5), (7, (1, 3, 5), 4),
        (7, (1, 3, 5, 7), 4),
    ]  # fmt: skip
    return [one for grid in grids for one in run(*grid)]


def growing(chance: np.random.Generator) -> list[Request]:
    """A script that is run each day, over all files up to then."""
    n = 400
    compute, size = lognormal(chance, 0.2, 0.8, n), sizes(chance, n)
    keys = [np.arange(40 + 18 * day) for day in range(20)]
    return calls(np.concatenate(keys), compute, size)


def few_cells(chance: np.random.Generator) -> list[Request]:
    """A notebook of few, dear cells; edits go back half of the time."""
    cells = 12
    seconds, size = lognormal(chance, 2.0, 1.2, 2_000), sizes(chance, 2_000, 5 * MB)
    versions, latest, found = [0] * cells, [0] * cells, []
    for _ in range(50):
        begin = 0 if chance.random() < 0.2 else int(chance.integers(0, cells))
        if begin:
            back = chance.random() < 0.5 and versions[begin] > 0
            latest[begin] += not back
            versions[begin] = versions[begin] - 1 if back else latest[begin]
        above = 0
        for cell in range(cells):
            above = (above * 31 + versions[cell]) % 100
            if cell >= begin:
                key = cell * 100 + above
                found.append(Request(f"cell{cell}", key, float(seconds[key]), int(size[key])))
    return found


_VARIANTS: dict[str, tuple[Make, float]] = {
    "steep": (steep, 0.05),
    "hardly worth": (hardly_worth, 0.1),
    "walks": (walks, 0.02),
    "two loops": (two_loops, 0.5),
    "drifting": (drifting, 0.08),
    "rarely dear": (rarely_dear, 0.2),
    "cheap and large": (cheap_large, 0.1),
    "mostly once": (mostly_once, 0.05),
    "long bursts": (long_bursts, 0.05),
    "sweeps": (sweeps, 0.35),
    "growing": (growing, 0.3),
    "few cells": (few_cells, 0.3),
}


def variants(seed: int) -> Iterator[Trace]:
    """All of them, each with a limit that holds a part of what it makes."""
    for number, (name, (make, share)) in enumerate(_VARIANTS.items()):
        requests = make(np.random.default_rng([seed, 100 + number]))
        distinct = {(r.function, r.key): r.size for r in requests}
        yield Trace(name, requests, int(sum(distinct.values()) * share))
