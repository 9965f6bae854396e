"""Does a cache stay small, and fast, when a helper is edited again and again?

    python benchmarks/edits.py [--edits 1000] [--limit 100000000] [--result 300000]

A function whose helper is edited 1,000 times stores a result of its own for each version, far more
in all than the cache may hold. Printed are the largest size that the directory had, and how much
longer the first call of a fresh process takes to hit in it than in a cache with one version alone:
the median over some turns. The status is 0 only if the directory stayed within 1.1 times its limit,
the ratio is below 2, and each result was that of its own version.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = """
from dumbo import memo

def helper(n):
    return n * {version}

@memo(keep="always")
def f(n):
    return [helper(n), str(helper(n)).zfill({size})]
"""
CALL = """
import time
import edited
begun = time.process_time()
edited.f(7)
print(time.process_time() - begun, edited.f.cache_info().hits)
"""
TURNS = 15


def size_of(directory: Path) -> int:
    total = 0
    for folder, _, files in os.walk(directory):
        for name in files:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:  # it was evicted meanwhile
                pass
    return total


def edit(folder: Path, version: int, size: int) -> None:
    (folder / "edited.py").write_text(SOURCE.format(version=version, size=size))
    sys.modules.pop("edited", None)
    importlib.invalidate_caches()


def use(folder: Path, cache: Path, versions: range, size: int) -> tuple[int, int]:
    """Edit and call for each version; return the largest size, and how many results were wrong."""
    os.environ["DUMBO_DIR"] = str(cache)
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True  # two edits in one second are told apart by their source
    largest = wrong = 0
    for version in versions:
        edit(folder, version, size)
        module = importlib.import_module("edited")
        for _ in range(2):
            wrong += module.f(7)[0] != 7 * version
        if version % 10 == 0:
            largest = max(largest, size_of(cache))
    sys.path.remove(str(folder))
    return max(largest, size_of(cache)), wrong


def hit(folder: Path, cache: Path) -> float:
    """Seconds of the first call of a fresh process, which must be a hit."""
    done = subprocess.run(
        [sys.executable, "-c", CALL],
        cwd=folder,
        env={**os.environ, "DUMBO_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, hits = done.stdout.split()
    assert hits == "1", "the last version was not found"
    return float(seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edits", type=int, default=1000)
    parser.add_argument("--limit", type=int, default=100_000_000)
    parser.add_argument("--result", type=int, default=300_000)
    options = parser.parse_args()
    os.environ["DUMBO_SIZE_LIMIT"] = str(options.limit)
    with tempfile.TemporaryDirectory() as temporary:
        folder, many, one = (Path(temporary) / name for name in ("project", "many", "one"))
        folder.mkdir()
        last = options.edits
        largest, wrong = use(folder, many, range(1, last + 1), options.result)
        use(folder, one, range(last, last + 1), options.result)
        ratios = [hit(folder, many) / hit(folder, one) for _ in range(TURNS)]
    ratio = statistics.median(ratios)
    print(f"edits     {options.edits}, {wrong} wrong results")
    print(f"largest   {largest} bytes, the limit is {options.limit}")
    print(f"cold hit  {ratio:.2f} times that of a cache with one version")
    return 1 if wrong or largest > options.limit * 1.1 or ratio >= 2 else 0


if __name__ == "__main__":
    sys.exit(main())
