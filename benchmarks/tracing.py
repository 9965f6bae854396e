"""Does the time to trace grow with the number of functions, and what does replaying save?

    python benchmarks/tracing.py [--sizes 10 100 1000 5000] [--turns 5]

For each size, a synthetic package of so many functions is traced in a fresh process, and then, in
another one, its stored trace is replayed. Printed are the times of one function, their ratio to
the size before, and the ratio of replaying to tracing; the best of the turns counts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import synthetic

CALL = f"""
import gc, sys, time
from {synthetic.NAME}.m0 import f0
from dumbo.persistence.store import Store
from dumbo.tracing.tracker import Tracker
store, tracker = Store(sys.argv[1]), Tracker(f0)
store.traces(b"", b"")  # opens it: what SQLite takes is not asked about
if sys.argv[2] == "trace":
    import dumbo.tracing.interpreter, dumbo.tracing.digest, dumbo.tracing.summary
    import dumbo.tracing.account
begun = time.perf_counter()
snapshot = tracker.look((1,), (), store, ("x",))
taken = time.perf_counter() - begun
tracker.settle(snapshot, store)
print(taken, tracker.traced, len(snapshot.program), snapshot.digest.hex())
"""


def look(folder: Path, cache: Path, road: str) -> tuple[float, int, str]:
    """Seconds that proving the closure takes in a fresh process, its lookups, and its digest."""
    ran = subprocess.run(
        [sys.executable, "-c", CALL, str(cache), road],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
        text=True,
    )
    seconds, traced, lookups, digest = ran.stdout.split()
    assert int(traced) == (road == "trace"), "it took another road than it should"
    return float(seconds), int(lookups), digest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1_000, 5_000])
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    before = 0.0
    print("functions  lookups     trace  each µs  to the size before    replay  to tracing")
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            synthetic.write(folder, size)
            traces = [
                look(folder, folder / f"cache{turn}", "trace") for turn in range(options.turns)
            ]
            replays = [look(folder, folder / "cache0", "replay") for _ in range(options.turns)]
        assert len({digest for _, _, digest in [*traces, *replays]}) == 1, "one closure, one digest"
        traced, lookups, _ = min(traces)
        replayed = min(replays)[0]
        each = traced / size
        growth = f"{each / before:18.2f}" if before else " " * 18
        print(
            f"{size:9,} {lookups:8,} {traced * 1e3:6.0f} ms {each * 1e6:8.0f}  {growth}"
            f" {replayed * 1e3:6.1f} ms {replayed / traced:11.3f}"
        )
        before = each
    return 0


if __name__ == "__main__":
    sys.exit(main())
