"""Several processes on one cache, some of them killed: does anything break, grow or lie?

    python benchmarks/soak.py [--seconds 600] [--processes 8] [--limit 50000000] [--dir DIRECTORY]

Each process calls memoized functions with arguments at random: results of some bytes, of
kilobytes and of a megabyte, generators, calls that are forgotten, a function that is cleared now
and then. The limit is far less than what they store, so that somebody evicts all the time. Every
second one process is ended by `kill -9`, and another one started.

Printed are counts; the status is 0 only if every result was right, no call raised, no process
ended by itself, the directory never grew beyond its limit, and `verify` finds it clean.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time

import dumbo
from dumbo.persistence import verify as verification

SMALLEST = 25_000_000  # bytes: a limit that leaves room for what all processes write at a time;
ALLOWED, HEADROOM = 1.05, 4_000_000  # of smaller ones, so much, and bytes, may be on disk


def small(n: int) -> list[int]:
    return [n, n * n]


def text(n: int) -> dict[str, str]:
    return {"text": f"{n:08d}" * 1000}


def large(n: int) -> bytes:
    return n.to_bytes(8, "big") * 125_000


def items(n: int):
    for i in range(n % 50):
        yield [n, i]


def work(directory: str, limit: int, seed: int, report: int) -> None:
    """Call at random until killed; a line for what goes wrong, a dot for every ten calls."""
    chosen = random.Random(seed)
    with dumbo.Cache(directory, size_limit=limit) as cache:
        functions = {f: cache.memo(keep="always")(f) for f in (small, text, large, items)}
        calls = 0
        while True:
            plain = chosen.choices((small, text, large, items), (60, 25, 10, 5))[0]
            n = chosen.randrange(400)
            memoized = functions[plain]
            try:
                if chosen.random() < 0.01:
                    memoized.forget(n)
                elif chosen.random() < 0.0005:
                    memoized.clear()
                else:
                    got, right = memoized(n), plain(n)
                    if plain is items:
                        got, right = list(got), list(right)
                    if got != right:
                        os.write(report, f"WRONG {plain.__name__}({n})\n".encode())
            except Exception as error:  # noqa: BLE001 - whatever is raised is what we look for
                os.write(report, f"RAISED {type(error).__name__}: {error}\n".encode())
            calls += 1
            if calls % 10 == 0:
                os.write(report, b".\n")


def start(directory: str, limit: int, seed: int, report: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        work(directory, limit, seed, report)
    except BaseException as error:  # noqa: BLE001 - of a child: nothing may go up from here
        os.write(report, f"ENDED {type(error).__name__}: {error}\n".encode())
    os._exit(1)


def size_of(directory: str) -> int:
    total = 0
    for folder, _, files in os.walk(directory):
        for name in files:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                pass
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--limit", type=int, default=50_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dir", dest="directory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        return soak(options, options.directory or os.path.join(temporary, "cache"))


def soak(options: argparse.Namespace, directory: str) -> int:
    chosen = random.Random(options.seed)
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    seed = options.seed * 1000
    running = [
        start(directory, options.limit, seed + number, writing)
        for number in range(options.processes)
    ]
    seed += options.processes
    heard = b""
    most = kills = 0
    end = time.monotonic() + options.seconds
    try:
        while time.monotonic() < end:
            time.sleep(1)
            victim = running.pop(chosen.randrange(len(running)))
            os.kill(victim, signal.SIGKILL)
            os.waitpid(victim, 0)
            kills += 1
            running.append(start(directory, options.limit, seed, writing))
            seed += 1
            most = max(most, size_of(directory))
            heard += _read(reading)
    finally:
        for pid in running:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    heard += _read(reading)
    lines = heard.decode(errors="replace").splitlines()
    troubles = [line for line in lines if line != "."]
    with dumbo.Cache(directory, size_limit=options.limit) as cache:
        report = verification.verify(cache.open())
    print(f"calls     about {10 * lines.count('.')}")
    print(f"killed    {kills} processes")
    print(f"largest   {most} bytes, the limit is {options.limit}")
    print(f"verified  {report.whole} whole, {len(report.bad)} bad")
    for line in [*troubles, *(f"BAD {name}: {wrong}" for name, wrong in report.bad)][:20]:
        print(line)
    allowed = options.limit
    if allowed < SMALLEST:
        allowed = allowed * ALLOWED + HEADROOM
    grown = most > allowed
    return 1 if troubles or report.bad or grown or not lines else 0


def _read(reading: int) -> bytes:
    heard = b""
    try:
        while data := os.read(reading, 1 << 16):
            heard += data
    except BlockingIOError:
        pass
    return heard


if __name__ == "__main__":
    sys.exit(main())
