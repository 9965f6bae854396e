"""What does it cost to store a large result, beside writing it by hand?

    python benchmarks/storing.py [--bytes 100000000] [--turns 9] [--dir DIRECTORY]

By hand is `numpy.save` for an array, and `pickle.dump` with protocol 5 for all else. Printed is the
CPU time of both, the best of several turns, and their ratio. In each turn the same value is written
by hand and then stored, and both files are removed again: memory that no file has used before costs
both of them many times as much.
"""

from __future__ import annotations

import argparse
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dumbo import Cache


def numbers(size: int, turn: int) -> list[int]:
    return list(
        range(turn, turn + size // 50)
    )  # of each, five bytes are stored, and 32 are in memory


def text(size: int, turn: int) -> bytes:
    return turn.to_bytes(8, "big") * (size // 8)


def array(size: int, turn: int) -> Any:
    import numpy as np

    return np.full(size // 8, turn, dtype="f8")


def frame(size: int, turn: int) -> Any:
    import numpy as np
    import pandas as pd

    return pd.DataFrame({name: np.full(size // 40, turn, dtype="f8") for name in "abcde"})


def by_hand(path: str, value: Any) -> None:
    with open(path, "wb") as file:
        if type(value).__module__ == "numpy":
            import numpy as np

            np.save(file, value)
        else:
            pickle.dump(value, file, 5)


def measure(
    make: Callable[[int, int], Any], size: int, turns: int, root: Path
) -> tuple[float, ...]:
    """Seconds of CPU that storing takes, and that it takes by hand: the best of each."""
    ours, theirs = [], []
    path, code = str(root / "by hand"), os.urandom(16)
    with Cache(root / "cache", size_limit=None) as cache:
        store = cache.open()
        for turn in range(turns + 1):
            value = make(size, turn)
            begun = time.process_time()
            by_hand(path, value)
            between = time.process_time()
            os.unlink(path)
            again = time.process_time()
            store.save(code, os.urandom(16), value, function="a:function", compute=1.0)
            ended = time.process_time()
            for blob in root.glob("cache/blobs/*/*"):
                blob.unlink()
            if turn:  # the first one imports
                theirs.append(between - begun)
                ours.append(ended - again)
    return min(ours), min(theirs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bytes", dest="size", type=int, default=100_000_000)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--dir", dest="directory")
    options = parser.parse_args()
    kinds: list[tuple[Callable[[int, int], Any], str]] = [(numbers, "list"), (text, "bytes")]
    for make, module in ((array, "numpy"), (frame, "pandas")):
        try:
            __import__(module)
        except ImportError:
            continue
        kinds.append((make, module))
    for make, _ in kinds:
        with tempfile.TemporaryDirectory(dir=options.directory) as root:
            ours, theirs = measure(make, options.size, options.turns, Path(root))
        print(
            f"{make.__name__:10} stored in {ours * 1e3:7.1f} ms, by hand in {theirs * 1e3:7.1f} ms:"
            f" {ours / theirs:.2f} times"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
