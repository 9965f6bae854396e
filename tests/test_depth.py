"""Memoized recursion under the default recursion limit."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

import dumbo
from dumbo import depth

PROGRAM = """
import sys, threading
sys.path.insert(0, {root!r})
import dumbo

@dumbo.Cache(sys.argv[1]).memo(keep="always")
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

def total():
    return str(fib(450))

before = sys.getrecursionlimit()
assert before == 1000
print(total())
assert sys.getrecursionlimit() == before
"""


def test_memoized_recursion_is_450_deep_under_the_default_limit(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(root=str(Path(dumbo.__file__).parent.parent)))
    command = [sys.executable, str(program), str(tmp_path / "cache")]
    a, b = 0, 1
    for _ in range(450):
        a, b = b, a + b
    for _ in range(2):
        ran = subprocess.run(command, capture_output=True, text=True)
        assert (ran.returncode, ran.stdout) == (0, f"{a}\n"), ran.stderr


def test_endless_recursion_still_ends(cache: dumbo.Cache) -> None:
    @cache.memo(keep="always")
    def f(n):
        return f(n + 1)

    before = sys.getrecursionlimit()
    with pytest.raises(RecursionError):
        f(0)
    assert sys.getrecursionlimit() == before


@pytest.fixture
def limit():
    before = sys.getrecursionlimit()
    yield before
    sys.setrecursionlimit(before)


def test_the_limit_is_lifted_for_deep_levels_only_and_comes_back(limit: int) -> None:
    told = [depth.enter() for _ in range(depth._FREE)]
    assert not any(told)
    assert sys.getrecursionlimit() == limit
    told += [depth.enter(), depth.enter()]
    assert sys.getrecursionlimit() == limit + 2 * depth._EACH
    while told:
        depth.leave(told.pop())
    assert sys.getrecursionlimit() == limit


def test_a_limit_that_the_program_sets_meanwhile_stays(limit: int) -> None:
    told = [depth.enter() for _ in range(depth._FREE + 5)]
    sys.setrecursionlimit(limit + 777)
    while told:
        depth.leave(told.pop())
    assert sys.getrecursionlimit() == limit + 777


def test_no_more_is_lifted_than_there_is_stack_for(limit: int) -> None:
    told = [depth.enter() for _ in range(depth._FREE + depth._MOST)]
    assert sys.getrecursionlimit() == limit + depth._MOST
    while told:
        depth.leave(told.pop())
    assert sys.getrecursionlimit() == limit


def test_levels_are_counted_by_thread(limit: int) -> None:
    told = [depth.enter() for _ in range(depth._FREE)]
    other: list[bool] = []
    thread = threading.Thread(target=lambda: other.append(depth.enter()))
    thread.start()
    thread.join()
    assert other == [False]
    while told:
        depth.leave(told.pop())
