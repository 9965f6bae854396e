"""Whether calls are looked up and results are stored, as programs meet it."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable

import pytest

from dumbo import Cache, InvalidUse, Policy
from dumbo.accounts import bookkeeping


def work(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@pytest.mark.usefixtures("steady")
def test_a_fast_function_is_looked_up_once_and_then_runs(cache: Cache) -> None:
    @cache.memo(observe=False)
    def f(x):
        return x + 1

    f(0)
    for x in range(500):
        assert f(x) == x + 1
    info = f.cache_info()
    assert info.misses < 20
    assert info.bypassed > 450
    assert info.entries == 0


@pytest.mark.usefixtures("steady")
def test_a_function_that_becomes_slow_is_stored_within_twenty_calls(cache: Cache) -> None:
    @cache.memo
    def f(x):
        if x < 0:
            sys.audit("spent", 0.02)
        return x

    for x in range(300):
        f(x)
    for _ in range(20):
        f(-1)
    assert f.get_entry(-1) is not None
    bypassed = f.cache_info().bypassed
    f(-1)
    assert f.cache_info().bypassed == bypassed


@pytest.mark.usefixtures("steady")
def test_a_slow_function_is_never_called_past_its_cache(cache: Cache, ran: list[object]) -> None:
    @cache.memo
    def f(x):
        sys.audit("ran", x)
        sys.audit("spent", 0.005)
        return x

    for _ in range(3):
        for x in range(20):
            f(x)
    assert sorted(ran) == list(range(20))


def test_one_fast_call_does_not_make_the_next_ones_run_unclocked(
    cache: Cache, ran: list[object]
) -> None:
    @cache.memo
    def f(x):
        sys.audit("ran", x)
        if x:
            work(0.02)
        return x

    f(0)
    for _ in range(6):
        f(1)
    assert ran.count(1) <= 3


def test_recursion_computes_each_call_few_times(cache: Cache, ran: list[object]) -> None:
    @cache.memo
    def fib(n):
        sys.audit("ran", n)
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert fib(24) == 46368
    assert len(ran) < 46368 / 5
    ran.clear()
    assert fib(24) == 46368
    assert len(ran) <= 100


def test_a_memoized_call_within_counts_by_what_it_takes_next_time(cache: Cache) -> None:
    @cache.memo
    def inner(x):
        work(0.05)
        return x

    @cache.memo
    def outer(x):
        return inner(x) + 1

    inner(0)  # imports and traces, as does the next
    outer(0)
    for x in range(1, 4):
        assert outer(x) == x + 1
    assert inner.cache_info().entries == 4
    costs = outer._keeper.ledger.costs
    assert costs.own.value < 0.5 * costs.compute.value


def test_what_an_earlier_run_found_is_known_at_the_first_call(cache: Cache, tmp_path) -> None:
    def f(x):
        return x + 1

    first = cache.memo(name="mod:f", observe=False)(f)
    for x in range(200):
        first(x)
    bookkeeping.flush()
    again = Cache(tmp_path / "cache").memo(name="mod:f", observe=False)(f)
    for x in range(5):
        assert again(x) == x + 1
    assert again.cache_info().misses == 0
    assert again.cache_info().bypassed == 5
    assert again._keeper.tracker is None  # nothing was traced


def test_thresholds_by_argument(cache: Cache) -> None:
    slow = cache.memo(keep=Policy(min_compute=10))(lambda x: work(0.02))
    slow(1)
    assert slow.cache_info().entries == 0
    assert "min-compute" in slow.why(1)
    large = cache.memo(keep=Policy(max_result=1000))(lambda n: work(0.02) or bytes(n))
    large(10)
    large(10_000)
    assert large.get_entry(10) is not None
    assert large.get_entry(10_000) is None
    assert "max-result" in large.why(10_000)


def test_thresholds_by_setting(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUMBO_MIN_COMPUTE", "10")
    f = cache.memo(lambda x: work(0.02))
    f(1)
    assert f.cache_info().entries == 0


def test_a_rule_of_ones_own_is_asked_and_told(cache: Cache) -> None:
    offers = []

    class Even:
        def stores(self, offer):
            offers.append(offer)
            return len(offers) % 2 == 0

    @cache.memo(keep=Even(), name="mod:f")
    def f(x):
        work(0.02)
        return x

    for x in range(4):
        f(x)
    assert [f.get_entry(x) is not None for x in range(4)] == [False, True, False, True]
    assert offers[0].function == "mod:f"
    assert offers[0].compute >= 0.02
    assert offers[0].worth
    assert "policy" in f.why(0)


def test_a_rule_that_fails_costs_a_result(cache: Cache, ran: list[object]) -> None:
    class Broken:
        def stores(self, offer):
            raise LookupError("no such rule")

    @cache.memo(keep=Broken())
    def f(x):
        sys.audit("ran", x)
        work(0.02)
        return x

    assert [f(1), f(1)] == [1, 1]
    assert ran == [1, 1]
    said = " ".join(f.cache_info().reasons)
    assert "policy" in said
    assert "no such rule" in said
    assert "bug" not in said


def test_what_is_inserted_is_stored_whatever_the_rule_says(cache: Cache) -> None:
    f = cache.memo(keep=Policy(min_compute=1e6))(lambda x: x)
    f.insert(5, 1)
    assert f(1) == 5


def test_a_word_that_is_no_rule_is_refused(cache: Cache) -> None:
    with pytest.raises(InvalidUse, match="Policy"):
        cache.memo(keep="sometimes")(lambda x: x)


def test_an_audit_hook_sees_straight_calls_as_plain_ones(cache: Cache) -> None:
    seen = []

    @cache.memo(observe=False)
    def f(x):
        frame = sys._getframe(1)
        seen.append(frame.f_code.co_name)
        return x

    for x in range(100):
        f(x)
    assert set(seen) == {"__call__"}


def test_an_argument_that_is_dearer_to_hash_than_the_body_is_hashed_a_few_times(
    cache: Cache,
) -> None:
    hashed = []

    class Slow:
        def __init__(self):
            self.values = list(range(10))

        def __dask_tokenize__(self):
            hashed.append(1)
            work(0.02)
            return "slow"

    @cache.memo(observe=False)
    def f(x):
        work(0.0005)
        return 1

    given = Slow()
    for _ in range(200):
        f(given)
    assert len(hashed) < 20


@pytest.mark.usefixtures("steady")
def test_calls_that_come_all_the_time_are_kept_in_memory_alone(
    cache: Cache, ran: list[object]
) -> None:
    @cache.memo
    def f(x):
        sys.audit("ran", x)
        sys.audit("spent", 5e-5)
        return [x]

    for _ in range(400):
        for x in range(3):
            assert f(x) == [x]
    assert len(ran) < 150
    info = f.cache_info()
    assert info.hits > 1050
    assert info.hits + info.misses + info.bypassed == 1200
    f(1).append(2)
    assert f(1) == [1]


@pytest.mark.usefixtures("steady")
def test_what_is_kept_in_memory_alone_goes_with_what_the_function_depends_on(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    @cache.memo
    def f(x):
        sys.audit("spent", 5e-5)
        return x + SHIFT

    for _ in range(400):
        assert f(1) == 1
    assert f.cache_info().hits > 350
    monkeypatch.setitem(globals(), "SHIFT", 10)
    assert f(1) == 11
    for _ in range(400):
        assert f(1) == 11
    f.clear()
    assert f(1) == 11


@pytest.mark.parametrize("looks", range(40))
def test_an_interruption_makes_nobody_give_up_a_function_for_long(
    cache: Cache, interrupt: Callable[[int, float], None], looks: int
) -> None:
    @cache.memo
    def f(x):
        sys.audit("spent", 5e-5)
        return x

    interrupt(looks, 0.02)
    for _ in range(100):
        f(1)
    assert f.cache_info().hits > 40


@pytest.mark.usefixtures("steady")
def test_what_cannot_be_kept_is_looked_up_less_and_less(cache: Cache) -> None:
    @cache.memo
    def f(x):
        sys.audit("spent", 5e-5)
        return object()  # of which there is no copy

    for _ in range(2_000):
        f(1)
    info = f.cache_info()
    assert info.hits == 0
    assert info.misses < 150


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    from dumbo.persistence.store import Store

    disk, save = Disk(), Store.save

    def slowly(self, closure, key, value, **more):
        sys.audit("spent", disk.each + disk.byte * len(value))
        return save(self, closure, key, value, **more)

    monkeypatch.setattr(Store, "save", slowly)
    return disk


class Disk:
    """Seconds that storing takes longer: each time, and for each byte."""

    each = byte = 0.0


@pytest.mark.usefixtures("steady")
def test_results_that_grow_are_no_longer_stored_within_twenty_calls(
    cache: Cache, disk: Disk
) -> None:
    disk.byte = 1e-7

    @cache.memo(name="mod:grows")
    def f(x, size=5_000):
        sys.audit("spent", 0.02)
        return bytes(size)

    for x in range(8):
        f(x)
    assert f.cache_info().entries == 8
    stores = []
    for x in range(100, 130):
        f(x, 1_000_000)
        stores.append(f._keeper.tally.sums["stores"])
    assert stores[-1] == stores[19]
    assert stores[-1] < 8 + 20


@pytest.mark.usefixtures("steady")
def test_a_disk_that_becomes_slow_is_noticed_within_twenty_calls(cache: Cache, disk: Disk) -> None:
    @cache.memo(name="mod:slow_disk")
    def f(x):
        sys.audit("spent", 0.01)
        return bytes(100_000)

    for x in range(8):
        f(x)
    assert f.cache_info().entries == 8
    disk.each = 0.2
    stores = []
    for x in range(100, 130):
        f(x)
        stores.append(f._keeper.tally.sums["stores"])
    assert stores[-1] == stores[19]
    assert stores[-1] < 8 + 20


@pytest.mark.usefixtures("steady")
def test_a_disk_that_was_slow_for_a_while_is_found_to_be_fast_again(
    cache: Cache, disk: Disk
) -> None:
    @cache.memo(name="mod:slow_for_a_while")
    def f(x):
        sys.audit("spent", 0.03)
        return bytes(100_000)

    for x in range(8):
        f(x)
    disk.each = 0.1
    for x in range(100, 130):
        f(x)
    disk.each = 0.0
    for x in range(1_000, 2_000):
        f(x)
    assert f.get_entry(1_999) is not None


@pytest.mark.usefixtures("steady")
def test_dear_results_are_kept_for_the_next_run_though_no_call_has_come_again(
    cache: Cache, disk: Disk
) -> None:
    disk.each = 4e-4

    @cache.memo(name="mod:once")
    def f(x):
        sys.audit("spent", 0.035)
        return bytes(10_000)

    for x in range(400):
        f(x)
    assert f.cache_info().entries == 400


@pytest.mark.usefixtures("steady")
def test_what_never_comes_again_is_hardly_looked_up_seen_or_stored(
    cache: Cache, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dumbo.keeping import express
    from dumbo.persistence.store import Store

    disk.each = 3e-4
    variants, fetched = Store.variants, express.rows.slot_after

    def looked(*args):
        sys.audit("spent", 1e-4)
        return variants(*args)

    def looked_shortly(*args):
        sys.audit("spent", 1e-4)
        return fetched(*args)

    monkeypatch.setattr(Store, "variants", looked)
    monkeypatch.setattr(express.rows, "slot_after", looked_shortly)

    @cache.memo
    def f(x):
        sys.audit("spent", 0.001)
        return bytes(10_000)

    for x in range(100):
        f(x)
    sums = dict(f._keeper.tally.sums)
    for x in range(1_000, 5_000):
        f(x)
    now = f._keeper.tally.sums
    assert now["looks"] - sums["looks"] < 200
    assert now["stores"] - sums["stores"] < 20
    assert len(f._keeper.glimpses._seen) < 700


@pytest.mark.usefixtures("steady")
def test_what_cannot_be_seen_in_passing_is_clocked_once_in_eight_calls(cache: Cache) -> None:
    class Slow:
        def __dask_tokenize__(self):
            sys.audit("spent", 0.02)
            return "slow"

    @cache.memo(observe=False)
    def f(x):
        sys.audit("spent", 1e-4)
        return 1

    given = Slow()
    for _ in range(100):
        f(given)
    road = f._keeper.road
    clocked = 0
    for _ in range(800):
        clocked += not road.left
        f(given)
    assert clocked <= 102


@pytest.mark.usefixtures("steady")
def test_calls_that_are_made_of_two_hits_are_found_in_memory(cache: Cache) -> None:
    @cache.memo
    def fib(n):
        sys.audit("spent", 1e-6)
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    for turn in range(300):
        fib(10 + turn % 9)
    looks, hits = fib._keeper.tally.sums["looks"], fib.cache_info().hits
    for turn in range(90):
        fib(10 + turn % 9)
    assert fib._keeper.tally.sums["looks"] == looks
    assert fib.cache_info().hits >= hits + 80


@pytest.mark.usefixtures("steady")
def test_what_memory_has_no_place_for_is_not_looked_up_for_it(cache: Cache) -> None:
    @cache.memo
    def f(x):
        sys.audit("spent", 2.5e-5)
        return bytes(1_000_000)

    for turn in range(2_000):
        f(turn % 20)
    glimpses = f._keeper.glimpses
    assert (glimpses.vain, glimpses.bought) == (0, 0)


@pytest.mark.usefixtures("steady")
def test_of_calls_of_which_some_come_far_more_often_few_are_computed(
    cache: Cache, ran: list[object]
) -> None:
    @cache.memo
    def f(x):
        sys.audit("ran", x)
        sys.audit("spent", 1e-4)
        return x

    weights = [1 / rank for rank in range(1, 101)]
    calls = random.Random(1).choices(range(100), weights, k=4_000)
    for x in calls:
        f(x)
    assert len(ran) < 600


SHIFT = 0
