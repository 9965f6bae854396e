"""Runs all stages, and prints the table: ``python -m atlas``."""

from __future__ import annotations

import argparse
import hashlib
import json
import time

from atlas.measure import measure
from atlas.outline import outline
from atlas.rank import rank
from atlas.relate import relate, twins
from atlas.sources import is_test, read_all

STAGES = {"outline": outline, "measure": measure, "relate": relate, "twins": twins, "rank": rank}
COLUMNS = ("lines", "effort", "tangle", "users", "reach", "tests", "bridge", "copies", "risk")
DIGITS = {"bridge": 4, "effort": 1, "risk": 1}


def main() -> None:
    options = _options()
    began = time.perf_counter()
    took: dict[str, float] = {}
    results: dict[str, object] = {}

    def stage(name, compute):
        start = time.perf_counter()
        results[name] = compute()
        took[name] = time.perf_counter() - start
        return results[name]

    sources = stage("sources", lambda: read_all(options.limit))
    outlines = stage("outline", lambda: {name: outline(text) for name, text in sources.items()})
    library = {name: text for name, text in sources.items() if not is_test(name)}
    measures = stage("measure", lambda: {name: measure(text) for name, text in library.items()})
    relations = stage("relate", lambda: relate({n: o.imports for n, o in outlines.items()}))
    pairs = stage("twins", lambda: twins({n: o.sketches for n, o in outlines.items()}))
    tangles = {name: o.tangle for name, o in outlines.items()}
    rows = stage("rank", lambda: rank(tangles, measures, relations, pairs))

    if not options.quiet:
        _print_table(rows, pairs, options.rows)
    if options.report:
        report = {"took": took, "total": time.perf_counter() - began, "calls": _calls()}
        if options.digests:
            report["digests"] = {name: _digest(results[name]) for name in STAGES}
        with open(options.report, "w", encoding="utf-8") as file:
            json.dump(report, file)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="atlas", description=__doc__)
    parser.add_argument("--rows", type=int, default=15, help="how many modules to print")
    parser.add_argument("--limit", type=int, help="read only so many files")
    parser.add_argument("--quiet", action="store_true", help="print no table")
    parser.add_argument("--report", help="write times and calls to this file, as JSON")
    parser.add_argument("--digests", action="store_true", help="add a digest of each result")
    return parser.parse_args()


def _calls() -> dict[str, dict[str, object]]:
    """Return for each stage how many calls were computed and loaded, and why the last one ran."""
    calls = {}
    for name, function in STAGES.items():
        info = function.cache_info()
        calls[name] = {
            "computed": info.misses + info.bypassed,
            "loaded": info.hits,
            "reason": info.reasons[-1] if info.reasons else "",
        }
    return calls


def _digest(result: object) -> str:
    # All results are tuples, lists, dicts and dataclasses of strings and numbers: their repr
    # says everything, floats to the last bit included.
    return hashlib.sha256(repr(result).encode("utf-8", "surrogatepass")).hexdigest()


def _print_table(rows, pairs, count: int) -> None:
    print(f"{len(rows)} modules of the standard library, the riskiest to touch first\n")
    print(f"{'module':32}" + "".join(f"{column:>9}" for column in COLUMNS))
    for row in rows[:count]:
        cells = (f"{row[column]:9.{DIGITS.get(column, 0)}f}" for column in COLUMNS)
        print(f"{row['module']:32}" + "".join(cells))
    print(f"\n{len(pairs)} pairs of functions are near copies; the largest:")
    for cost, left, right in pairs[: min(5, count)]:
        print(f"  {left}  ~  {right}  ({cost:.0f} nodes)")


if __name__ == "__main__":
    main()
