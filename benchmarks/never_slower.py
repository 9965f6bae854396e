"""Is a program ever slower for its cache, and does the cache save what could be saved?

    python benchmarks/never_slower.py [--kinds fib ...] [--scale 1.0] [--repeats 3] [--json FILE]
    python benchmarks/never_slower.py --shown FILE [--plot docs/never_slower.svg]

Each kind of function is called as programs call such functions: without a cache, and with dumbo's
default, in turns of fifty calls, so that a busy machine is as busy for both. Compared is the CPU
time of all calls but the first hundred (of functions that wait, that of the wall); dumbo decides by
its own clocks. Each turn runs without a cache once before and once after; by how much these two
differ is shown, and is the noise. All is done several times, and the median counts. Allowed are 2 %
more and 5 µs a call.

What a clairvoyant would save is reckoned from what each call takes, and what storing and loading it
takes (`keep="always"`, measured as well): who knows all calls in advance stores a result only if
that pays. Where that is a fifth of the time or more, dumbo is to save four fifths of it.

With --json, what is measured is put into a file, kind by kind, so that it can be done in parts;
--shown makes the table of such a file, and with --plot a picture.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from never_slower_kinds import KINDS, Kind

from dumbo import Cache

UNTIL = 100  # calls that do not count
TURN = 50


# -- measuring ---------------------------------------------------------------------------


class Found(NamedTuple):
    """Seconds of CPU for all calls but the first hundred."""

    calls: int
    plain: float
    noise: float  # what the same calls took without a cache once more, over that
    kept: float
    foreseen: float  # what a clairvoyant takes
    repeats: int = 1

    @property
    def allowed(self) -> float:
        return 1.02 * self.plain + 5e-6 * self.calls

    @property
    def more(self) -> float:
        """Seconds that a call takes longer."""
        return (self.kept - self.plain) / self.calls

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
    return middle._replace(foreseen=could * middle.plain, repeats=len(found))


# -- showing -----------------------------------------------------------------------------


def head() -> None:
    titles = "kind", "calls", "µs a call", "noise", "with dumbo", "µs more", "could save"
    print("| " + " | ".join((*titles, "of that saved", "repeats", "")) + " |")
    print("|---|" + "--:|" * 8 + "---|", flush=True)


def show(name: str, found: Found) -> None:
    usual, ratio = found.plain / found.calls * 1e6, found.kept / found.plain
    could = f"{found.could_save:.0%}" if found.could_save >= 0.2 else ""
    cells = (
        name,
        f"{found.calls:,}",
        f"{usual:,.0f}" if usual >= 10 else f"{usual:.2f}",
        f"{found.noise:+.1%}",
        f"{ratio:.3f} ×" if ratio < 2 else f"{ratio:.1f} ×",
        f"{found.more * 1e6:+,.1f}",
        could,
        f"{found.saved:.0%}" if could else "",
        str(found.repeats),
        "" if found.is_fine else "missed",
    )
    print("| " + " | ".join(cells) + " |", flush=True)


def shown(path: str) -> dict[str, Found]:
    """Return what a file says that was measured."""
    try:
        known = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = {}
    return {kind.name: Found(*known[kind.name]) for kind in KINDS if kind.name in known}


def plot(found: dict[str, Found], path: str) -> None:
    """Draw what calls take, of what is allowed, and how much of what could be saved is."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "dumbo"  # the same picture for the same numbers
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(
        1, 2, figsize=(9, 0.27 * len(found) + 1), sharey=True, width_ratios=(3, 2)
    )
    rows = range(len(found))
    for row, one in zip(rows, found.values(), strict=True):
        fine = one.kept <= one.allowed
        colour = "C0" if fine else "C3"
        left.scatter(one.kept / one.allowed, row, color=colour, s=40, zorder=3)
        left.hlines(row, 1, one.kept / one.allowed, color=colour, linewidth=1)
        if one.could_save >= 0.2:
            right.barh(row, one.saved, color="C0" if one.saved >= 0.8 else "C3", height=0.5)
    left.axvline(1, color="black", linewidth=0.8)
    left.set_xscale("log")
    left.set_xticks([0.0001, 0.001, 0.01, 0.1, 1], ["0.01 %", "0.1 %", "1 %", "10 %", "100 %"])
    left.minorticks_off()
    left.set_xlabel("time, of what is allowed (1.02 × and 5 µs a call)")
    left.set_yticks(rows, list(found))
    left.invert_yaxis()
    left.grid(axis="y", linewidth=0.3)
    right.axvline(0.8, color="black", linewidth=0.8)
    right.set_xlim(0, 1.1)
    right.set_xticks([0, 0.4, 0.8, 1], ["0", "40 %", "80 %", "100 %"])
    right.set_xlabel("of what a clairvoyant would save")
    right.grid(axis="y", linewidth=0.3)
    for axes in (left, right):
        axes.set_axisbelow(True)
        axes.tick_params(labelsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kinds", nargs="+", help="those whose names begin so")
    parser.add_argument("--scale", type=float, default=1.0, help="times the number of calls")
    parser.add_argument("--repeats", type=int, default=3, help="of which the median counts")
    parser.add_argument("--json", metavar="FILE", help="put what is measured into it")
    parser.add_argument(
        "--shown", metavar="FILE", help="show what such a file has; measure nothing"
    )
    parser.add_argument("--plot", metavar="FILE")
    options = parser.parse_args()
    found = shown(options.shown or options.json) if options.shown or options.json else {}
    head()
    if options.shown:
        for name, one in found.items():
            show(name, one)
    else:
        for kind in KINDS:
            if options.kinds and not kind.name.startswith(tuple(options.kinds)):
                continue
            if len(kind.calls(options.scale)) <= UNTIL:
                print(f"| {kind.name} | too few calls at this scale | | | | | | | | |")
                continue
            found[kind.name] = median(kind, options.scale, options.repeats)
            show(kind.name, found[kind.name])
            if options.json:
                Path(options.json).write_text(json.dumps(found, ensure_ascii=False, indent=0))
    if options.plot:
        plot(found, options.plot)
    bad = sum(not one.is_fine for one in found.values())
    print(f"\n{bad} missed", file=sys.stderr)
    return bad > 0


if __name__ == "__main__":
    raise SystemExit(main())
