"""What caching has cost and gained: of this run and those before, per function."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

import dumbo
from dumbo import Cache
from dumbo.accounts import bookkeeping
from dumbo.accounts.stats import Stats
from dumbo.persistence import statistics


def known(**sums: Any) -> Stats:
    return Stats("m:f", {"sums": sums, "reasons": {}})


def test_a_function_that_was_never_called_has_nothing_to_show(cache: Cache) -> None:
    @cache.memo
    def f(x: int) -> int:
        return x

    found = f.stats()
    assert (found.calls, found.hits, found.saved, found.overhead) == (0, 0, 0.0, 0.0)
    assert found.verdict == "no calls"
    assert found.verdicts == ()
    assert "none so far" in str(found)


def test_calls_are_counted_as_they_end(cache: Cache) -> None:
    @cache.memo(keep="always")
    def f(x: object) -> list[object]:
        return [x]

    f(1), f(1), f(1), f(2), f(iter(""))
    found = f.stats()
    assert (found.calls, found.hits, found.computed) == (5, 2, 3)
    assert (found.entries, found.bytes > 0) == (2, True)
    assert {one.code: one.count for one in found.verdicts} == {"stored": 2, "unhashable": 1}
    assert found.spent > 0
    assert found.storing > 0
    assert found.overhead == pytest.approx(found.looking + found.loading + found.storing)


def test_what_was_saved_is_what_computing_took(cache: Cache) -> None:
    @cache.memo(keep="always")
    def f(x: int) -> list[int]:
        return [x]

    f(1)
    entry = f.get_entry(1)
    assert entry is not None
    for _ in range(10):
        f(1)
    found = f.stats()
    assert found.memory_hits > 0
    assert found.saved == pytest.approx(10 * entry.compute)


def test_runs_add_up(tmp_path: Path) -> None:
    for run in range(3):
        with Cache(tmp_path / "c") as cache:

            @cache.memo(keep="always", name="f")
            def f(x: int) -> int:
                return x

            f(run), f(0)
            assert f.stats().calls == 2 * (run + 1)
    found = f.stats()
    assert (found.calls, found.hits, found.computed) == (6, 3, 3)


def test_methods_coroutines_and_generators_have_stats(cache: Cache) -> None:
    class Model:
        @cache.memo(keep="always")
        def method(self, x: int) -> int:
            return x

        @cache.memo(keep="always")
        @classmethod
        def named(cls, x: int) -> int:
            return x

    @cache.memo(keep="always")
    async def later(x: int) -> int:
        return x

    @cache.memo(keep="always")
    def steps(x: int) -> Any:
        yield x

    model = Model()
    for _ in range(2):
        model.method(1), Model.named(1), asyncio.run(later(1)), list(steps(1))
    for function in (model.method, Model.method, Model.named, later, steps):
        found = function.stats()
        assert (found.calls, found.hits, found.computed) == (2, 1, 1)


def test_calls_that_are_not_looked_up_are_calls(cache: Cache) -> None:
    @cache.memo
    def f(x: int) -> int:
        return x

    for x in range(500):
        f(x)
    found = f.stats()
    assert found.calls == 500
    assert 0 < found.straight < 500


def test_the_record_is_short_and_printing_it_shows_all(cache: Cache) -> None:
    @cache.memo(keep="always", name="shop:rank")
    def f(x: int) -> list[int]:
        return [x]

    f(1), f(1)
    assert re.fullmatch(
        r"<Stats of shop:rank: 2 calls, 1 loaded \(50 %\); saved .*, caching took .*; 1 result, "
        r"17 bytes; .*>",
        repr(f.stats()),
    )
    lines = str(f.stats()).splitlines()
    assert lines[0] == "shop:rank"
    assert [line.split()[0] for line in lines[1:]] == [
        "calls", "saved", "computing", "caching", "stored", "verdict", "reasons",
    ]  # fmt: skip
    assert "1 × stored: 17 bytes" in lines[-1]


def test_control_characters_are_shown_as_escapes(cache: Cache) -> None:
    @cache.memo(keep="always", name="bad\x1b[31m")
    def f(x: object) -> int:
        return 1

    f(1)
    assert "\x1b" not in f"{f.stats()}{f.stats()!r}"


def test_all_of_it_goes_into_json(cache: Cache) -> None:
    @cache.memo(keep="always")
    def f(x: int) -> int:
        return x

    f(1)
    plain = json.loads(json.dumps(f.stats().as_dict()))
    assert plain["calls"] == 1
    assert plain["verdicts"][0]["code"] == "stored"


def test_the_verdict_is_a_word() -> None:
    assert known(looks=4, computed=4, looking=1.0).verdict == "too early to say"
    assert known(looks=100, computed=100, looking=1.0, spent=1.0).verdict == "loses"
    assert known(looks=100, hits=10, loads=10, saved=2.0, looking=1.0).verdict == "pays"
    assert (
        known(looks=10, computed=10, looking=1.0, spent=100.0).verdict == "neither pays nor loses"
    )


def test_kept_numbers_that_make_no_sense_count_as_nothing() -> None:
    for sums in ({"hits": "x", "spent": float("nan")}, 5, None):
        found = Stats("m:f", {"sums": sums, "reasons": [1], "learned": 3})
        assert (found.hits, found.spent, found.verdicts) == (0, 0.0, ())


def test_a_store_that_cannot_be_read_still_has_the_counts_of_this_run(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    @cache.memo(keep="always")
    def f(x: int) -> int:
        return x

    f(1), f(1)

    def refuse(*args: object) -> None:
        raise OSError("gone")

    monkeypatch.setattr(statistics, "read", refuse)
    assert f.stats().calls == 2


def test_why_tells_what_computing_costs_and_what_hits_have_saved(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    @cache.memo(keep="always")
    def f(x: int) -> list[int]:
        return [x]

    f(1), f(1)
    assert "so far" not in f.why(1)  # not worth a word
    bookkeeping.flush()
    ledger = f._keeper.ledger
    ledger.costs.compute.value = 2.0
    assert re.search(r"; computing takes about 2 s, loading about .*; 1 hit has saved ", f.why(1))
    assert re.search(r"no entry: .*; computing takes about 2 s, loading about ", f.why(2))
    assert f.why(1).code == "hit"
    assert isinstance(dumbo.memo(f.__wrapped__).stats(), Stats)
