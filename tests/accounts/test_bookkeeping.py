"""What calls cost and gained is kept across runs, whoever counts and however processes end."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dumbo
from dumbo.accounts import bookkeeping, tally
from dumbo.persistence import statistics
from dumbo.shelf import Shelf

ROOT = Path(__file__).parents[2]

SCRIPT = """
import multiprocessing, os, sys, time
from dumbo import memo

@memo(keep="always")
def f(x):
    return [x]

def work(x):
    f(x)
"""


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Run a script that has `f`, in a process of its own; return what is known of `f` then."""

    def start(code: str, *, status: int = 0) -> dict[str, Any]:
        path = tmp_path / "script.py"
        path.write_text(SCRIPT + "\nif __name__ == '__main__':\n" + "\n".join(
            f"    {line}" for line in code.splitlines()
        ))  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "DUMBO_DIR": str(tmp_path / "kept")}
        done = subprocess.run([sys.executable, path], env=environment, timeout=120)
        assert done.returncode == status
        return bookkeeping.known(Shelf(str(tmp_path / "kept")), "script:f")

    return start


def kept(cache: dumbo.Cache, function: Any) -> dict[str, Any]:
    bookkeeping.flush()
    found = statistics.read(function._keeper.shelf.open(), function._keeper.label)
    return found["sums"]


def test_calls_of_several_runs_add_up(run: Any) -> None:
    first = run("f(1), f(1), f(2)")["sums"]
    assert (first["computed"], first["hits"], first["stores"], first["looks"]) == (2, 1, 2, 3)
    assert 0 < first["setup"] <= first["looking"]
    second = run("f(1), f(1), f(1), f(3)")["sums"]
    assert (second["computed"], second["hits"], second["stores"]) == (3, 4, 3)
    assert second["saved"] > 0
    assert second["stored_bytes"] > first["stored_bytes"] > 0


def test_what_was_learned_of_costs_is_there_in_the_next_run(run: Any) -> None:
    learned = run("f(1), f(2), f(3)")["learned"]["costs"]
    assert learned["compute"][0] == 3
    assert learned["store"][0] == 2  # the first opens things, and counts for nothing
    again = run("f(4)\nassert f._keeper.ledger.costs.compute.count == 4")["learned"]["costs"]
    assert again["compute"][0] == 4


def test_reasons_are_counted_with_the_last_sentence_of_each(run: Any) -> None:
    reasons = run("f(1), f(2), f(iter(''))")["reasons"]
    assert reasons["stored"][0] == 2
    assert reasons["unhashable"][0] == 1
    assert "iterator" in reasons["unhashable"][1]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_count_for_themselves(run: Any, method: str) -> None:
    found = run(f"""
f(0)
multiprocessing.set_start_method({method!r})
children = [multiprocessing.Process(target=work, args=(x,)) for x in (1, 2)]
for child in children: child.start()
for child in children: child.join()
f(0)
""")
    assert (found["sums"]["computed"], found["sums"]["hits"]) == (3, 1)


def test_a_pool_counts(run: Any) -> None:
    found = run("""
import concurrent.futures
with concurrent.futures.ProcessPoolExecutor(2) as pool:
    list(pool.map(work, range(6)))
""")
    assert found["sums"]["computed"] == 6


def test_a_forked_child_leaves_to_its_parent_what_that_has_counted(run: Any) -> None:
    found = run("""
f(0)
if os.fork() == 0:
    f(1)
    sys.exit(0)
os.wait()
""")
    assert found["sums"]["computed"] == 2


def test_a_killed_process_loses_its_sums_only(run: Any) -> None:
    run("f(1)")
    found = run("f(2)\nos.kill(os.getpid(), 9)", status=-9)
    assert found["sums"]["computed"] == 1


def test_a_long_run_writes_on_the_way(cache: dumbo.Cache) -> None:
    @cache.memo(keep="always")
    def f(x: int) -> int:
        return x

    for x in range(2 * tally._DUE // tally._COMPUTATION):
        f(x)
    found = statistics.read(f._keeper.shelf.open(), f._keeper.label)
    assert found["sums"]["computed"] >= tally._DUE // tally._COMPUTATION


def test_hits_from_memory_are_counted(cache: dumbo.Cache) -> None:
    @cache.memo(keep="always")
    def f(x: int) -> int:
        return x

    for _ in range(100):
        f(1)
    sums = kept(cache, f)
    assert sums["hits"] == 99
    assert sums["loads"] < 99
    assert sums["computed"] == 1


def test_closing_a_cache_writes(tmp_path: Path) -> None:
    with dumbo.Cache(tmp_path / "c") as cache:

        @cache.memo(keep="always")
        def f(x: int) -> int:
            return x

        f(1)
    assert bookkeeping.known(Shelf(str(tmp_path / "c")), f._keeper.label)["sums"]["computed"] == 1


def test_a_directory_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    cache = dumbo.Cache(tmp_path / "c")

    @cache.memo(keep="always")
    def f(x: int) -> int:
        return x

    f(1)
    shutil.rmtree(tmp_path / "c")
    bookkeeping.flush()
    assert not (tmp_path / "c").exists()


def test_two_functions_of_one_name_count_as_one(cache: dumbo.Cache) -> None:
    def made(factor: int) -> Any:
        @cache.memo(keep="always")
        def f(x: int) -> int:
            return x * factor

        return f

    one, two = made(1), made(2)
    one(1), two(1), two(2)
    assert kept(cache, one)["computed"] == 3


def test_functions_that_are_made_again_and_again_do_not_pile_up(
    cache: dumbo.Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bookkeeping, "_KEPT", 4)
    monkeypatch.setattr(bookkeeping, "_waiting", {})

    for number in range(10):

        @cache.memo(keep="always", name="again")
        def f(x: int) -> int:
            return x

        f(number)
    assert len(bookkeeping._waiting) <= 4
    assert kept(cache, f)["computed"] == 10


def test_a_store_that_cannot_be_written_costs_the_sums_and_nothing_else(
    cache: dumbo.Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    @cache.memo(keep="always")
    def f(x: int) -> int:
        return x

    f(1)

    def refuse(*args: object) -> None:
        raise OSError("full")

    with monkeypatch.context() as patched:
        patched.setattr(statistics, "change", refuse)
        bookkeeping.flush()
    assert f(1) == 1
    assert kept(cache, f)["computed"] == 1  # later


def test_sums_that_make_no_sense_count_as_nothing(cache: dumbo.Cache) -> None:
    @cache.memo(keep="always")
    def f(x: int) -> int:
        return x

    label = f._keeper.label
    for nonsense in (
        {"sums": {"hits": "many", "spent": float("nan"), "computed": 1.5}, "reasons": {"x": 1}},
        {"sums": 1, "reasons": 2, "learned": 3},
        {"learned": {"costs": {"compute": (1, -1.0, None), "load": "?"}}},
    ):
        statistics.change(f._keeper.shelf.open(), {label: lambda known, one=nonsense: one})
        f._keeper.tally.began = None
        f._keeper.binder = None
        f(1)
    sums = kept(cache, f)
    assert sums["computed"] == 1
    assert sums["hits"] == 2


def test_a_function_for_which_caching_loses_is_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dumbo")
    for run in range(3):
        with dumbo.Cache(tmp_path / "c") as cache:

            @cache.memo(keep="always", name="loser")
            def f(x: int) -> int:
                return x

            @cache.memo(keep="always", name="seldom")
            def g(x: int) -> int:
                return x

            for x in range(100):
                f(1000 * run + x)
            g(run)
    told = [record.getMessage() for record in caplog.records if "caching loses" in record.message]
    assert len(told) == 1
    assert told[0].startswith("loser: caching loses: it took ")


def test_control_characters_in_a_name_do_not_reach_the_log(
    cache: dumbo.Cache, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dumbo")

    @cache.memo(keep="always", name="bad\x1b[31m")
    def f(x: int) -> int:
        return x

    for x in range(100):
        f(x)
    bookkeeping.flush()
    (told,) = [
        record.getMessage() for record in caplog.records if "caching loses" in record.message
    ]
    assert told.startswith("bad\\x1b[31m: caching loses")
