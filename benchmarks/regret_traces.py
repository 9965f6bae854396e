"""Traces of calls for `regret.py`: which call comes when, what it costs, how large its result is.

Each is a list of `Request`s: made from a seeded generator, the same on every machine, or recorded
from programs by `record.py`. What one call costs, and how large its result is, is the same whenever
it comes.

Knows patterns of use; must not know a policy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Request(NamedTuple):
    """One call: of which function, with which key; seconds to compute, and bytes of its result."""

    function: str
    key: int
    compute: float
    size: int


class Trace(NamedTuple):
    """A list of calls, and how many bytes there are room for."""

    name: str
    requests: list[Request]
    limit: int


KB, MB = 1_000, 1_000_000
SHARE = 0.1  # of all results that there is room for


def lognormal(chance: np.random.Generator, median: float, sigma: float, n: int) -> np.ndarray:
    return median * np.exp(chance.normal(0.0, sigma, n))


def ranks(chance: np.random.Generator, keys: int, n: int, power: float = 0.9) -> np.ndarray:
    """Draw *n* of so many keys, some far more often than others."""
    weights = np.arange(1, keys + 1, dtype=float) ** -power
    return chance.permutation(keys)[chance.choice(keys, size=n, p=weights / weights.sum())]


def calls(keys: np.ndarray, compute: np.ndarray, size: np.ndarray, f: str = "f") -> list[Request]:
    return [Request(f, int(k), float(compute[k]), int(size[k])) for k in keys]


def zipf(chance: np.random.Generator) -> list[Request]:
    n = 2_000
    return calls(ranks(chance, n, 10_000), lognormal(chance, 0.1, 1, n), sizes(chance, n))


def sizes(chance: np.random.Generator, n: int, median: float = 100 * KB) -> np.ndarray:
    return lognormal(chance, median, 1.0, n).astype(int) + 100


def scans(chance: np.random.Generator) -> list[Request]:
    """Favourites, and every now and then a walk over many others, once each."""
    n, favourites = 10_000, 800
    compute, size = lognormal(chance, 0.1, 0.7, n), sizes(chance, n)
    keys: list[int] = []
    fresh = iter(range(favourites, n))
    for _ in range(10):
        keys += ranks(np.random.default_rng(1), favourites, 500).tolist()
        keys += chance.integers(0, favourites, 100).tolist()
        keys += [next(fresh) for _ in range(400)]
    return calls(np.array(keys), compute, size)


def loops(chance: np.random.Generator) -> list[Request]:
    """The same calls in the same order, again and again; more than there is room for."""
    n = 600
    return calls(np.tile(np.arange(n), 16), lognormal(chance, 0.1, 0.5, n), sizes(chance, n))


def shifting(chance: np.random.Generator) -> list[Request]:
    """A working set that is another one every thousand calls."""
    n, moves = 3_000, 10
    keys = [part * 300 + ranks(chance, 300, 1_000, 0.7) for part in range(moves)]
    return calls(np.concatenate(keys), lognormal(chance, 0.1, 0.7, n), sizes(chance, n))


def bimodal(chance: np.random.Generator) -> list[Request]:
    """Nine of ten calls take a millisecond, one takes seconds; the results are alike."""
    n = 2_000
    dear = chance.random(n) < 0.1
    compute = np.where(dear, lognormal(chance, 2.0, 0.3, n), lognormal(chance, 2e-3, 0.3, n))
    return calls(ranks(chance, n, 10_000, 0.7), compute, sizes(chance, n))


def with_size(chance: np.random.Generator) -> list[Request]:
    n = 2_000
    size = sizes(chance, n, 300 * KB)
    return calls(ranks(chance, n, 10_000), size * lognormal(chance, 3e-7, 0.3, n), size)


def against_size(chance: np.random.Generator) -> list[Request]:
    n = 2_000
    size = sizes(chance, n, 300 * KB)
    return calls(ranks(chance, n, 10_000), 3e4 / size * lognormal(chance, 1, 0.3, n), size)


def one_hit_wonders(chance: np.random.Generator) -> list[Request]:
    """Two of three calls are never made again."""
    n = 12_000
    compute, size = lognormal(chance, 0.05, 1, n), sizes(chance, n)
    known = ranks(chance, 800, 10_000)
    keys = np.where(chance.random(10_000) < 0.67, 800 + np.arange(10_000), known)
    return calls(keys, compute, size)


def bursts(chance: np.random.Generator) -> list[Request]:
    """Each call is made several times within a short while, and then hardly ever again."""
    n, found = 1_500, []
    for key in range(n):
        begin = chance.uniform(0, 100)
        found += [(begin + gap, key) for gap in chance.exponential(0.8, chance.integers(2, 12))]
        if chance.random() < 0.05:
            found.append((chance.uniform(0, 100), key))
    keys = np.array([key for _, key in sorted(found)])
    return calls(keys, lognormal(chance, 0.1, 0.7, n), sizes(chance, n))


def mixed(chance: np.random.Generator) -> list[Request]:
    """Functions side by side: dear and small, cheap and large, never again, in a loop."""
    kinds = {  # keys, share of the calls, seconds, bytes
        "model": (60, 0.05, 5.0, 500 * KB),
        "parse": (400, 0.35, 0.02, 1 * MB),
        "score": (1_000, 0.3, 0.05, 10 * KB),
        "random": (1_000_000, 0.2, 0.1, 200 * KB),
        "frame": (80, 0.1, 0.5, 5 * MB),
    }
    names = list(kinds)
    shares = [kinds[name][1] for name in names]
    costs = {name: lognormal(chance, k[2], 0.5, 1_000) for name, k in kinds.items()}
    bytes_ = {name: sizes(chance, 1_000, k[3]) for name, k in kinds.items()}
    drawn = {name: ranks(chance, min(k[0], 1_000), 10_000) for name, k in kinds.items()}
    found = []
    for i, which in enumerate(chance.choice(len(names), 10_000, p=shares)):
        name = names[which]
        key = i if kinds[name][0] > 100_000 else int(drawn[name][i])
        found.append(
            Request(name, key, float(costs[name][key % 1_000]), int(bytes_[name][key % 1_000]))
        )
    return found


def grid(chance: np.random.Generator) -> list[Request]:
    """An experiment: prepared data, features, models and scores; run, extended and run again."""
    costs = lognormal(chance, 1, 0.6, 200_000)

    def request(name: str, key: int, seconds: float, size: float) -> Request:
        factor = float(costs[(key * 31 + len(name)) % 200_000])
        return Request(name, key, seconds * factor, int(size * factor))

    def run(datasets: int, features: int, models: int, seeds: int) -> Iterator[Request]:
        for d in range(datasets):
            for f in range(features):
                for m in range(models):
                    for s in range(seeds):
                        yield request("load", d, 0.4, 4 * MB)
                        yield request("features", d * 100 + f, 0.8, 2 * MB)
                        trained = ((d * 100 + f) * 100 + m) * 100 + s
                        yield request("train", trained, 1.5, 300 * KB)
                        yield request("score", trained, 0.02, 1 * KB)

    sweeps = [(3, 3, 3, 2), (6, 4, 4, 2), (6, 4, 4, 3), (8, 4, 5, 3), (8, 5, 5, 3)]
    return [one for sweep in sweeps for one in run(*sweep)]


def notebook(chance: np.random.Generator) -> list[Request]:
    """Cells that are run in order; one is edited, and all from there on are run again."""
    cells = 40
    seconds, size = lognormal(chance, 0.3, 1.6, 4_000), sizes(chance, 4_000, 500 * KB)
    versions = [0] * cells
    keys = [list(range(i * 100, i * 100 + 4)) for i in range(cells)]
    found = []
    for _ in range(60):
        begin = int(chance.beta(3, 1) * cells)  # mostly near the end
        if chance.random() < 0.25:
            begin = 0  # the kernel was restarted: all of it is run again
        else:
            for cell in range(begin, min(cells, begin + int(chance.integers(1, 5)))):
                versions[cell] += 1  # an edit that reaches this cell's results
                keys[cell] = [cell * 100 + (versions[cell] % 20) * 4 + i for i in range(4)]
        for cell in range(begin, cells):
            name = f"cell{cell}"
            found += [Request(name, k, float(seconds[k]), int(size[k])) for k in keys[cell]]
    return found


SHARES = {
    "loops": 0.4, "grid": 0.3, "notebook": 0.3, "bursts": 0.03, "recorded grid": 0.3,
    "recorded atlas": 0.3, "recorded notebook": 0.3,
}  # fmt: skip
RECORDED = Path(__file__).resolve().parent / "recorded"
MAKERS: dict[str, Callable[[np.random.Generator], list[Request]]] = {
    "Zipf": zipf,
    "scans": scans,
    "loops": loops,
    "shifting": shifting,
    "bimodal": bimodal,
    "with size": with_size,
    "against size": against_size,
    "one-hit wonders": one_hit_wonders,
    "bursts": bursts,
    "mixed worth": mixed,
    "grid": grid,
    "notebook": notebook,
}


def traces(seed: int = 7) -> Iterator[Trace]:
    """All traces, each with a limit that holds a part of what it makes."""
    for number, (name, make) in enumerate(MAKERS.items()):
        requests = make(np.random.default_rng([seed, number]))
        yield limited(name, requests)
    for path in sorted(RECORDED.glob("*.json")):
        yield limited(f"recorded {path.stem}", recorded(path))


def recorded(path: Path) -> list[Request]:
    """What `record.py` has recorded of a program."""
    found = json.loads(path.read_text(encoding="utf-8"))
    known = [
        Request(function, number, micros / 1e6, size)
        for number, (function, micros, size) in enumerate(found["calls"])
    ]
    return [known[number] for number in found["order"]]


def limited(name: str, requests: list[Request]) -> Trace:
    distinct = {(r.function, r.key): r.size for r in requests}
    return Trace(name, requests, int(sum(distinct.values()) * SHARES.get(name, SHARE)))
