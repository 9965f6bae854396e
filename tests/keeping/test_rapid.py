"""The short road of a miss: what it stores is what the general road would have stored."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

import pytest

import dumbo
from dumbo import Cache, nesting
from dumbo.keeping import rapid, storing

FACTOR = 2


def scaled(a, b="b"):
    if len(b) == 5:
        raise ValueError(b)
    return [a, b] if len(b) == 4 else a * FACTOR


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The calls that took the short road; nearly all misses may, from the fifth on."""
    monkeypatch.setattr("dumbo.keeping.weighing._LESSONS", 4)
    monkeypatch.setattr("dumbo.keeping.rapid._LESSONS", 4)
    monkeypatch.setattr("dumbo.keeping.rapid.NOT_SHARED", 1e9)  # however busy the machine is
    monkeypatch.setattr("dumbo.keeping.waiting.NOT_SHARED", 1e9)
    # Where functions reuse stale results, which other tests try, nobody takes it.
    monkeypatch.delitem(sys.modules, "dumbo.versions.stale", raising=False)
    found: list[Any] = []
    finish = rapid.finish

    def finished(keeper: Any, errand: Any, value: Any, compute: float) -> bool:
        done = finish(keeper, errand, value, compute)
        if done:
            found.append(errand.args)
        return done

    monkeypatch.setattr(rapid, "finish", finished)
    return found


@pytest.fixture
def f(cache: Cache, short: list[Any]):
    f = cache.memo(keep="always")(scaled)
    for number in range(-6, 0):
        f(number, "b")
    assert short  # some of these have
    short.clear()
    return f


def forgotten(f: Any) -> Any:
    f._keeper.memory.clear()
    return f


def test_what_it_stores_is_found_by_both_roads(f, short: list[Any]) -> None:
    assert f(3, "b") == 6
    assert short == [(3, "b")]
    assert forgotten(f)(3, "b") == 6
    assert forgotten(f)(a=3) == 6
    assert short == [(3, "b")]
    assert f.get_entry(3, "b").load() == 6


def test_what_it_stores_says_the_same_as_what_the_general_road_stores(
    f, short: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    f(3, "b")
    quick = f.get_entry(3, "b")
    f.forget(3, "b")
    monkeypatch.setattr(f._keeper.express, "begin", None)
    f(3, "b")
    usual = f.get_entry(3, "b")
    assert short == [(3, "b")]
    for name in ("function", "closure", "key", "extras", "python", "size", "codec", "note"):
        assert getattr(quick._record, name) == getattr(usual._record, name), name


def test_calls_are_counted_as_on_the_general_road(f) -> None:
    before = f.stats()
    f(3, "b")
    after = f.stats()
    assert after.computed == before.computed + 1
    assert after.calls == before.calls + 1
    assert after.entries == before.entries + 1
    assert f.cache_info().misses == 7
    stored = {one.code: one.count for one in after.verdicts}["stored"]
    assert stored == 7


def test_why_knows_how_its_arguments_looked(f) -> None:
    f(3, "before")
    assert "'before'" in f.why(3, "behind")


def test_an_exception_passes_and_leaves_nothing(f, short: list[Any]) -> None:
    around = nesting.within()
    with pytest.raises(ValueError, match="wrong"):
        f(3, "wrong")
    with pytest.raises(ValueError, match="wrong"):
        f(3, "wrong")
    assert nesting.within() == around
    assert f.get_entry(3, "wrong") is None
    assert short == []


def test_a_result_that_is_not_that_plain_goes_the_general_road(f, short: list[Any]) -> None:
    f("v", "b"), f("w", "b")  # of another type, of which the first takes the general road
    before = f.stats()
    short.clear()
    f("x", "b")
    assert f("y", "list") == ["y", "list"]
    assert forgotten(f)("y", "list") == ["y", "list"]
    assert short == [("x", "b")]
    after = f.stats()
    assert after.computed == before.computed + 2
    assert after.hits == before.hits + 1


def test_code_that_changes_counts(f, short: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    f(3, "b")
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 5)
    assert f(3, "b") == 15
    assert f(4, "b") == 20
    monkeypatch.undo()
    assert forgotten(f)(3, "b") == 6


def test_switches_are_obeyed(f, short: list[Any]) -> None:
    with dumbo.read_only():
        assert f(3, "b") == 6
    with dumbo.disabled():
        assert f(4, "b") == 8
    assert short == []
    assert f.get_entry(3, "b") is None
    assert f.get_entry(4, "b") is None


def test_who_listens_is_told_of_each_computation(
    f, short: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "dumbo"):
        f(3, "b")
    assert short == []
    assert "scaled computed in" in caplog.text


def test_one_miss_in_sixteen_takes_the_general_road(
    f, short: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    general: list[object] = []
    write = storing.write
    monkeypatch.setattr(
        storing, "write", lambda *args, **more: (general.append(1), write(*args, **more))[1]
    )
    for number in range(160):
        f(number, "b")
    assert len(general) == 10
    assert len(short) == 150


def test_of_many_misses_one_in_sixty_four_takes_the_general_road(
    f, short: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rapid, "_FEW", 0)
    for number in range(640):
        f(number, "b")
    assert len(short) == 630


def test_what_many_calls_cost_is_taken_in_at_once_and_by_who_asks(f, short: list[Any]) -> None:
    ledger, tally = f._keeper.ledger, f._keeper.tally
    for number in range(30):
        f(number, "b")
    assert tally.misses
    before = f.cache_info()
    assert (before.misses, tally.misses) == (36, [])
    assert f.stats().computed == 36
    for number in range(30):
        f._keeper.memory.clear()
        f(number, "b")
    assert len(tally.hits) == 30
    assert f.cache_info().hits == before.hits + 30
    assert (tally.hits, ledger.far) == ([], 30)
    assert ledger.costs.reuse.trail(f.get_entry(3, "b")._record.key).uses == 2


def test_a_computation_around_is_told_how_much_faster_it_will_be(f, short: list[Any]) -> None:
    around = nesting.enter()
    f._keeper.ledger.costs.look.value = -1.0  # as if a hit gave seconds away
    f(3, "b")
    less = nesting.within()
    nesting.leave(around, 0.0)
    assert short == [(3, "b")]
    assert less > 0.5


def test_where_the_disk_is_full_the_call_goes_on(
    f, short: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Any, row: Any, name: Any) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dumbo.persistence.tail.Tail.put", full)
    assert f(3, "b") == 6
    assert short == []
    assert f.get_entry(3, "b").load() == 6


@pytest.mark.parametrize("options", [{"keep": "auto"}, {"verbose": True}, {"keep_versions": 1}])
def test_other_options_take_the_general_road(
    cache: Cache, short: list[Any], options: dict[str, Any]
) -> None:
    f = cache.memo(**{"keep": "always", **options})(scaled)
    for number in range(12):
        assert f(number, "b") == number * 2
    assert short == []


def test_threads_that_all_take_it_lose_nothing_and_count_everything(f, short: list[Any]) -> None:
    def work(begin: int) -> None:
        try:
            for number in range(begin, begin + 200):
                assert f(number, "b") == 2 * number
                assert forgotten(f)(number, "b") == 2 * number
                f._keeper.tally.learned()
        except BaseException as error:
            failed.append(error)
            raise

    failed: list[BaseException] = []
    f._keeper.ledger.costs.mean.value = 1.0  # so that what is learned has the latest calls in it
    threads = [threading.Thread(target=work, args=(begin,)) for begin in range(0, 800, 200)]
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
    assert failed == []
    assert [f.get_entry(number, "b") is not None for number in range(800)] == [True] * 800
    reuse = f._keeper.ledger.costs.reuse
    assert len(reuse.trails) == 806


def test_what_it_stores_is_served_from_memory(f, monkeypatch: pytest.MonkeyPatch) -> None:
    f(3, "b")
    store = f._keeper.express.store
    monkeypatch.setattr(type(store.tail), "find", None)  # which the look on disk would begin with
    assert f(3, "b") == 6


def test_what_it_stored_is_computed_anew_when_it_was_removed(f, short: list[Any]) -> None:
    f(3, "b")
    f.forget(3, "b")
    short.clear()
    assert f(3, "b") == 6
    assert short == [(3, "b")]
