"""How much dearer is a cold hit when the store holds many versions of the code?

    python benchmarks/versions.py [--versions 200] [--references 100]

A function with 100 helpers is computed once for each of 200 versions of one helper, each in its
own process, into one cache; into another cache, once. Then fresh processes hit both, in turns,
and the ratio of the times that the call takes in them is printed: the median over the turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

CALL = """
import sys, time
import project
begun = time.perf_counter()
project.f(1)
print(time.perf_counter() - begun, project.f.cache_info().hits)
"""


def source(references: int, version: int) -> str:
    helpers = [f"def g{i}(x):\n    return x + {i}\n" for i in range(1, references)]
    helpers.append(f"def g0(x):\n    return x * {version}\n")
    total = " + ".join(f"g{i}(x)" for i in range(references))
    body = f"from dumbo import memo\n\n@memo(keep='always')\ndef f(x):\n    return {total}\n"
    return "\n".join(helpers) + "\n" + body


def call(folder: Path, cache: Path) -> tuple[float, int]:
    """Seconds of the first call in a fresh process, and whether it was a hit."""
    environment = {**os.environ, "DUMBO_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CALL], cwd=folder, env=environment, capture_output=True, check=True
    )
    seconds, hits = done.stdout.split()
    return float(seconds), int(hits)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--versions", type=int, default=200)
    parser.add_argument("--references", type=int, default=100)
    parser.add_argument("--turns", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        project = folder / "project.py"
        many, one = folder / "many", folder / "one"
        for version in range(options.versions):
            project.write_text(source(options.references, version))
            call(folder, many)
        # An old version, the middle one: neither the first nor the last that is looked at.
        project.write_text(source(options.references, options.versions // 2))
        call(folder, one)
        ratios = []
        for _ in range(options.turns):
            with_many, hit = call(folder, many)
            with_one, hit_one = call(folder, one)
            assert hit == hit_one == 1, "both must be hits"
            ratios.append(with_many / with_one)
    print(f"{options.versions} versions, {options.references} references:", end=" ")
    print(f"a cold hit costs {statistics.median(ratios):.2f} times one with a single version")
    return 0


if __name__ == "__main__":
    sys.exit(main())
