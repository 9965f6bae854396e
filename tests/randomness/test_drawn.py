"""What a library draws is noticed by the generators that it moves on."""

from __future__ import annotations

import logging
import os
import random
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dumbo
from dumbo.randomness import drawn

numpy = pytest.importorskip("numpy")
pytest.importorskip("numpy.random")  # it is loaded when it is first used
NORMAL = statistics.NormalDist()

PROGRAM = """
import statistics
from dumbo import memo

@memo(keep="always")
def f(x):
    return statistics.NormalDist().samples(x)

if __name__ == "__main__":
    f(3)
    print(f.why(3))
"""


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.WARNING, logger="dumbo")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "dumbo"]


def test_which_generators_moved_is_told() -> None:
    before = drawn.states()
    assert drawn.since(before) == []
    random.random()
    assert drawn.since(before) == ["random"]
    before = drawn.states()
    numpy.random.normal()
    assert drawn.since(before) == ["numpy.random"]
    before = drawn.states()
    random.Random(1).random()
    numpy.random.default_rng(1).normal()
    assert drawn.since(before) == []


def test_a_normal_number_that_was_drawn_ahead_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    numpy.random.seed(3)
    numpy.random.standard_cauchy()
    before = drawn.states()
    numpy.random.randn()  # draws two, and keeps the second
    moved = drawn.states()
    numpy.random.randn()
    assert drawn.since(before) == drawn.since(moved) == ["numpy.random"]


def test_a_generator_that_the_program_replaced_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random, "_inst", object())
    assert "random" not in drawn.states()


def test_what_a_library_draws_is_spoken_of_once_and_kept(cache: dumbo.Cache, said: Any) -> None:
    @cache.memo(keep="always")
    def f(x: int) -> list[float]:
        return NORMAL.samples(x)

    assert f(3) == f(3)
    f(4)
    (message,) = said()
    assert "random numbers (random, drawn in a library)" in message
    assert "drawn in a library" in str(f.why(3))


def test_what_a_library_draws_from_a_seed_of_its_own_is_not(cache: dumbo.Cache, said: Any) -> None:
    @cache.memo(keep="always")
    def f(x: int) -> list[float]:
        return NORMAL.samples(x, seed=1)

    f(3)
    assert said() == []
    assert "random numbers" not in str(f.why(3))


def test_refused_results_are_not_stored(cache: dumbo.Cache) -> None:
    @cache.memo(keep="always", on_impure="refuse")
    def f(x: int) -> list[float]:
        return NORMAL.samples(x)

    assert f(3) != f(3)
    assert f.cache_info().entries == 0


def test_samples_admit_it(cache: dumbo.Cache, said: Any) -> None:
    @cache.memo(samples=2, on_impure="refuse")
    def f(x: int) -> list[float]:
        return NORMAL.samples(x)

    first, second = f(3), f(3)
    assert (f(3), f(3)) == (first, second)
    assert said() == []


def test_only_the_first_computations_of_a_fast_function_are_looked_at(
    cache: dumbo.Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    monkeypatch.setattr(drawn, "states", lambda: looked.append(1) or {})

    @cache.memo(keep="always")
    def f(x: int) -> int:
        return len(NORMAL.samples(x, seed=1))

    for number in range(20):
        f(number)
    assert len(looked) == 2 * 3, "before and after each of three"
    looked.clear()
    monkeypatch.setenv("DUMBO_ON_IMPURE", "ignore")
    cache.memo(lambda x: x, keep="always")(1)
    assert looked == []


def test_another_process_knows_what_was_drawn(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    root = str(Path(__file__).parent.parent.parent)
    known = {**os.environ, "PYTHONPATH": root, "DUMBO_DIR": str(tmp_path / "cache")}
    for _ in range(2):
        ran = subprocess.run(
            [sys.executable, "program.py"], cwd=tmp_path, env=known, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr
        assert "hit:" in ran.stdout
        assert "random numbers (random, drawn in a library)" in ran.stdout
