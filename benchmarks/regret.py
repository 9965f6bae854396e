"""How much time is lost against somebody who knows the future, when space is short?

    python benchmarks/regret.py [--seeds 7] [--shares 1] [--variants] [--plot docs/regret.svg]

Each trace of `regret_traces`, or of `regret_variants`, is played against dumbo's rules (the
functions of `dumbo.decision` that live calls are judged by, too), against those of others, and
against a schedule that knows all calls in advance: a feasible one, whose stores and loads are paid
like everybody's. No result is really computed or stored; what that costs is by the same prices for
all.
"""

from __future__ import annotations

import argparse
import heapq
import math
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator
from zlib import crc32

import numpy as np
from regret_traces import Request, Trace, traces
from regret_variants import variants

from dumbo.decision.costs import Costs, Machine
from dumbo.decision.eviction import HIGH, LOW, lowest, rank_of, rent
from dumbo.decision.reuse import Reuse, Trail
from dumbo.decision.worth import asks, judge

LOOK = 30e-6


def store_time(size: int) -> float:
    return 150e-6 + 4e-9 * size


def load_time(size: int) -> float:
    return 30e-6 + 1e-9 * size


Key = tuple[str, int]


class Rule:
    """What a rule holds, and what it has cost. Without more, everything is stored for ever."""

    name = ""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held: dict[Key, Request] = {}
        self.used = 0
        self.cost = 0.0

    def call(self, request: Request) -> None:
        key = (request.function, request.key)
        self.cost += LOOK
        if key in self.held:
            self.cost += min(load_time(request.size), request.compute)
            self.hit(key, request)
            return
        self.cost += request.compute
        if request.size <= self.limit and self.admits(key, request):
            self.make_room(request.size)
            self.held[key] = request
            self.used += request.size
            self.cost += store_time(request.size)
            self.stored(key, request)

    def make_room(self, size: int) -> None:
        while self.used + size > self.limit:
            self.drop(self.lowest())

    def drop(self, key: Key) -> None:
        self.used -= self.held.pop(key).size
        self.gone(key)

    def admits(self, key: Key, request: Request) -> bool:
        return True

    def hit(self, key: Key, request: Request) -> None: ...
    def stored(self, key: Key, request: Request) -> None: ...
    def gone(self, key: Key) -> None: ...
    def lowest(self) -> Key:
        raise NotImplementedError


class Never(Rule):
    name = "never"

    def call(self, request: Request) -> None:
        self.cost += request.compute


class LeastRecent(Rule):
    name = "LRU"

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.order: OrderedDict[Key, None] = OrderedDict()

    def hit(self, key: Key, request: Request) -> None:
        self.order.move_to_end(key)

    def stored(self, key: Key, request: Request) -> None:
        self.order[key] = None

    def gone(self, key: Key) -> None:
        del self.order[key]

    def lowest(self) -> Key:
        return next(iter(self.order))


class Graphchain(LeastRecent):
    """Stored if computing takes longer than reading; else as above."""

    name = "graphchain"

    def admits(self, key: Key, request: Request) -> bool:
        return request.compute > load_time(request.size)


class IncPy(LeastRecent):
    """Stored if computing takes a second."""

    name = "IncPy"

    def admits(self, key: Key, request: Request) -> bool:
        return request.compute >= 1


class Scored(Rule):
    """Whatever has the lowest score goes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.scores: dict[Key, tuple[float, ...]] = {}
        self.heap: list[tuple[tuple[float, ...], Key]] = []

    def score(self, key: Key, *score: float) -> None:
        self.scores[key] = score
        heapq.heappush(self.heap, (score, key))

    def lowest(self) -> Key:
        while True:
            score, key = self.heap[0]
            if key in self.held and self.scores[key] == score:
                return key
            heapq.heappop(self.heap)


class LeastFrequent(Scored):
    name = "LFU"

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.turn = 0

    def hit(self, key: Key, request: Request) -> None:
        self.turn += 1
        self.score(key, self.scores[key][0] + 1, self.turn)

    def stored(self, key: Key, request: Request) -> None:
        self.turn += 1
        self.score(key, 1, self.turn)


class Cachey(Scored):
    """Seconds by the byte, summed over uses that count half after a thousand; ghosts for ever."""

    name = "cachey"

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.total: dict[Key, float] = {}
        self.weight = 1.0

    def touch(self, key: Key, request: Request) -> float:
        worth = request.compute / request.size * self.weight
        self.total[key] = self.total.get(key, 0.0) + worth
        self.weight *= 1 + math.log(2) / 1000
        return self.total[key]

    def hit(self, key: Key, request: Request) -> None:
        self.score(key, self.touch(key, request))

    def admits(self, key: Key, request: Request) -> bool:
        score = self.touch(key, request)
        return self.used + request.size <= self.limit or score > self.scores[self.lowest()][0]

    def stored(self, key: Key, request: Request) -> None:
        self.score(key, self.total[key])


class Dumbo(Rule):
    """The rules of `dumbo.decision`, by a clock that shows what the calls have taken so far.

    Evicts in batches, as the store does, from HIGH of the limit on, down to LOW of it, and learns
    of calls that are found as it does live: less often than of those that are not.
    """

    name = "dumbo"

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.functions: dict[str, Costs] = {}
        self.ahead: dict[str, int] = {}  # calls that go straight through
        self.found: dict[str, int] = {}  # since the last that was not
        self.trails: dict[Key, tuple[Reuse, Trail]] = {}
        self.last_rank = self.last_gone = 0.0
        self.last_half_life = 1.0

    def call(self, request: Request) -> None:
        costs = self.functions.setdefault(request.function, Costs(Machine()))
        if self.ahead.get(request.function, 0) > 0:  # goes straight through
            self.ahead[request.function] -= 1
            self.cost += request.compute
            costs.computed(request.compute)
            return
        name, key = (request.function, request.key), request.key.to_bytes(8, "big")
        if name in self.held:
            costs.reuse.found(key, self.cost)
            self.found[request.function] = self.found.get(request.function, 0) + 1
            super().call(request)
            return
        self.trails[name] = (costs.reuse, costs.reuse.note(key, self.cost))
        costs.computed(request.compute)
        costs.result.add(request.size)
        costs.miss.add(LOOK)
        costs.asked(self.found.pop(request.function, 0))
        super().call(request)
        self.ahead[request.function] = int(self.pace(costs)) - 1

    def pace(self, costs: Costs) -> float:
        size = int(costs.result.value)
        return asks(
            "auto", costs.expected, LOOK, load_time(size), costs.share, LOOK,
            worth=costs.reuse.chance(1) * (costs.expected - store_time(size)),
            seen=costs.miss.count,
        )  # fmt: skip

    def rank(self, key: Key) -> float:
        reuse, trail = self.trails[key]
        request = self.held.get(key) or self.asked
        saving = request.compute - load_time(request.size) - LOOK
        return rank_of(saving, request.size, trail, reuse, self.cost)

    def admits(self, key: Key, request: Request) -> bool:
        reuse, trail = self.trails[key]
        self.asked = request
        return judge(
            "auto", request.compute, store_time(request.size), load_time(request.size),
            look=LOOK, chance=reuse.chance(trail.uses), uses=trail.uses,
            lot=crc32(str(key).encode()) / 2**32, rank=self.rank(key),
            rent=rent(
                self.last_rank, self.used + request.size, self.limit,
                age=self.cost - self.last_gone, half_life=self.last_half_life,
            ),
        ).store  # fmt: skip

    def make_room(self, size: int) -> None:
        excess = self.used + size - HIGH * self.limit
        if excess <= 0:
            return
        ranked = [(self.rank(key), held.size, key) for key, held in self.held.items()]
        goes, self.last_rank = lowest(ranked, excess + (HIGH - LOW) * self.limit)
        if goes:
            self.last_gone, self.last_half_life = self.cost, self.trails[goes[-1]][0].half_life
        for key in goes:
            self.drop(key)


RULES: tuple[type[Rule], ...] = (LeastRecent, LeastFrequent, Cachey, Graphchain, IncPy, Never)


# -- who knows the future ----------------------------------------------------------------


def clairvoyant(trace: Trace) -> float:
    """Return what the best schedule takes that is found; it is feasible, and pays for its stores.

    What may be kept is the time between two calls of one key. These are chosen by what they save
    for each byte and call for which they are kept, as long as there is room; then those whose
    stores cost more than they save are left out. The best of several weightings counts.
    """
    last: dict[Hashable, int] = {}
    spans = []
    for now, request in enumerate(trace.requests):
        key = (request.function, request.key)
        saves = request.compute - load_time(request.size) - LOOK
        if key in last and saves > 0 and request.size <= trace.limit:
            spans.append((last[key], now, key, saves, request.size))
        last[key] = now
    total = sum(request.compute for request in trace.requests)
    saved = [_saved(spans, trace, *weights) for weights in _weightings()]
    return total - max([0.0, *saved])


def _weightings() -> Iterator[tuple[float, float]]:
    for by_length in (1.3, 1.0, 0.7, 0.4, 0.0):
        for by_size in (1.0, 0.5):
            yield by_length, by_size


Span = tuple[int, int, Key, float, int]


def _saved(spans: list[Span], trace: Trace, by_length: float, by_size: float) -> float:
    taken = np.zeros(len(trace.requests))

    def order(span: Span) -> tuple[float, Key, int]:
        begin, end, key, saves, size = span
        return (-saves / (size**by_size * (end - begin) ** by_length), key, begin)

    kept: dict[Key, list[Span]] = {}
    for span in sorted(spans, key=order):
        begin, end, key, _, size = span
        if taken[begin:end].max() + size <= trace.limit:
            taken[begin:end] += size
            kept.setdefault(key, []).append(span)
    saved = 0.0
    for chain in kept.values():
        run, until = 0.0, -1
        for begin, end, _, saves, size in sorted(chain):
            if begin != until:  # not kept up to here, so it is stored anew
                saved += max(run, 0.0)
                run = -store_time(size)
            run += saves
            until = end
        saved += max(run, 0.0)
    return saved


# -- playing -----------------------------------------------------------------------------


def played(trace: Trace, rule: type[Rule]) -> float:
    player = rule(trace.limit)
    for request in trace.requests:
        player.call(request)
    return player.cost


def mean(numbers: list[float]) -> float:
    """The geometric mean."""
    return math.exp(sum(map(math.log, numbers)) / len(numbers))


def compare(chosen: Iterable[Trace], share: float) -> dict[str, dict[str, float]]:
    """Play traces; return what each rule takes, over what the clairvoyant takes."""
    found = {}
    for trace in chosen:
        trace = trace._replace(limit=int(trace.limit * share))
        took = {rule.name: played(trace, rule) for rule in (Dumbo, *RULES)}
        best = min(clairvoyant(trace), *took.values())
        found[trace.name] = {name: seconds / best for name, seconds in took.items()}
    return found


def show(found: dict[str, dict[str, float]]) -> None:
    names = [rule.name for rule in (Dumbo, *RULES)]
    print("| trace | " + " | ".join(names) + " | dumbo over the best of these |")
    print("|---|" + "--:|" * (len(names) + 1))
    against = []
    for trace, row in found.items():
        best = min(row[rule.name] for rule in RULES)
        against.append(row["dumbo"] / best)
        cells = " | ".join(f"{row[name]:.2f}" for name in names)
        print(f"| {trace} | {cells} | {against[-1]:.2f} |")
    means = " | ".join(f"{mean([row[name] for row in found.values()]):.2f}" for name in names)
    worst = " | ".join(f"{max(row[name] for row in found.values()):.2f}" for name in names)
    print(f"| *geometric mean* | {means} | {mean(against):.3f} |")
    print(f"| *worst* | {worst} | {max(against):.2f} |")


def plot(found: dict[str, dict[str, float]], path: str) -> None:
    """Draw the table; the axis is cut where caching as others do costs several times as much."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "dumbo"  # the same picture for the same numbers
    from matplotlib import pyplot

    names = [rule.name for rule in (Dumbo, *RULES)]
    figure, axes = pyplot.subplots(figsize=(9, 4.2))
    for number, name in enumerate(names):
        across = [row[name] for row in found.values()]
        style = (
            {"marker": "o", "s": 60, "zorder": 3} if name == "dumbo" else {"marker": "_", "s": 90}
        )
        axes.scatter(range(len(found)), across, label=name, color=f"C{number}", **style)
    axes.axhline(1, color="black", linewidth=0.7)
    axes.set_yscale("log")
    axes.set_yticks([1, 1.2, 1.5, 2, 3, 5, 8], ["1", "1.2", "1.5", "2", "3", "5", "8"])
    axes.minorticks_off()
    axes.set_xticks(range(len(found)), list(found), rotation=30, ha="right")
    axes.set_ylabel("time, over the clairvoyant's")
    axes.legend(ncols=4, fontsize=8, loc="upper left", frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[7])
    parser.add_argument("--shares", type=float, nargs="+", default=[1.0], help="times the room")
    parser.add_argument("--variants", action="store_true", help="other traces, not tuned on")
    parser.add_argument("--plot", metavar="FILE")
    options = parser.parse_args()
    for seed in options.seeds:
        for share in options.shares:
            print(f"\nseed {seed}, {share:g} times the room\n")
            found = compare(variants(seed) if options.variants else traces(seed), share)
            show(found)
            if options.plot:
                plot(found, options.plot)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
