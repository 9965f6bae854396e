"""The life of a call: what runs, what is served, what is kept, and what is said about it."""

from __future__ import annotations

import asyncio
import itertools
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import dumbo
from dumbo import Cache, StorageError, by
from dumbo.explain import Reason


def slow(x):
    """Take longer than storing a small result would."""
    sys.audit("ran", x)
    sys.audit("spent", 0.03)  # by the clocks of `steady`
    time.sleep(0.03)
    return [x]


def quick(x):
    sys.audit("ran", x)
    return x + 1


# -- what runs ---------------------------------------------------------------------------------


def test_the_second_call_does_not_run_the_function(cache: Cache, ran: list[object]) -> None:
    f = cache.memo(keep="always")(quick)
    assert [f(1), f(1), f(2), f(1)] == [2, 2, 3, 2]
    assert ran == [1, 2]


def test_another_memoized_function_of_the_same_code_shares_the_results(
    cache: Cache, ran: list[object]
) -> None:
    assert cache.memo(keep="always")(quick)(1) == 2
    assert cache.memo(keep="always")(quick)(1) == 2
    assert ran == [1]


def test_results_survive_the_cache_object(tmp_path: Path, ran: list[object]) -> None:
    for _ in range(2):
        with Cache(tmp_path / "c") as cache:
            assert cache.memo(keep="always")(quick)(1) == 2
    assert ran == [1]


def test_a_function_works_on_after_its_cache_was_closed(cache: Cache, ran: list[object]) -> None:
    f = cache.memo(keep="always")(quick)
    f(1)
    cache.close()
    assert f(1) == 2
    assert ran == [1]


def test_positional_keyword_and_default_are_one_call(cache: Cache, ran: list[object]) -> None:
    @cache.memo(keep="always")
    def f(a, b=2, *, c=3):
        sys.audit("ran", (a, b, c))
        return (a, b, c)

    assert f(1) == f(a=1) == f(1, 2) == f(1, b=2, c=3) == (1, 2, 3)
    assert ran == [(1, 2, 3)]


def test_arguments_that_do_not_fit_get_the_functions_own_error(cache: Cache) -> None:
    @cache.memo
    def f(a, b):
        return a

    with pytest.raises(TypeError, match=r"f\(\) missing 1 required positional argument: 'b'"):
        f(1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'zz'"):
        f(1, 2, zz=3)


def test_exceptions_pass_unchanged_and_are_not_stored(cache: Cache, ran: list[object]) -> None:
    @cache.memo(keep="always")
    def f(x):
        sys.audit("ran", x)
        raise KeyError(x) from ZeroDivisionError()

    for _ in range(2):
        with pytest.raises(KeyError) as caught:
            f(1)
        assert caught.value.args == (1,)
        assert type(caught.value.__cause__) is ZeroDivisionError
        assert caught.value.__context__ is None
    assert ran == [1, 1]


def test_a_traceback_shows_one_frame_of_dumbos(cache: Cache) -> None:
    class Model:
        @cache.memo
        def method(self):
            raise LookupError

    @cache.memo
    def function():
        raise LookupError

    for call in (function, Model().method):
        with pytest.raises(LookupError) as caught:
            call()
        names = [entry.name for entry in caught.traceback]
        assert names[1:] in (["__call__", "function"], ["__call__", "method"])


def test_every_hit_is_a_new_object_and_none_reaches_the_store(cache: Cache) -> None:
    f = cache.memo(keep="always")(lambda: {"a": [1]})
    first = f()
    first["a"].append("spoiled by the caller")
    second = f()
    assert second == {"a": [1]}
    second["a"].append("spoiled again")
    assert f() == {"a": [1]}


def test_a_miss_returns_the_functions_own_object(cache: Cache) -> None:
    made = []

    def f(x):
        made.append([x])
        return made[-1]

    result = cache.memo(keep="always", ignore=[])(f)(1)
    assert result is made[-1]


def test_none_is_a_result_like_any_other(cache: Cache, ran: list[object]) -> None:
    @cache.memo(keep="always")
    def f():
        sys.audit("ran")

    assert f() is f() is None
    assert len(ran) == 1


def test_the_key_is_taken_before_the_function_changes_its_argument(
    cache: Cache, ran: list[object]
) -> None:
    @cache.memo(keep="always")
    def f(xs):
        sys.audit("ran", len(xs))
        xs.append(0)
        return len(xs)

    assert [f([]), f([]), f([0])] == [1, 1, 2]
    assert ran == [0, 1]


def test_a_recursive_function_is_memoized_at_each_level(cache: Cache, ran: list[object]) -> None:
    @cache.memo(keep="always")
    def fib(n):
        sys.audit("ran", n)
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert fib(30) == 832040
    assert sorted(ran) == list(range(31))


def test_a_coroutine_function_keeps_what_it_is_awaited_for(cache: Cache, ran: list[object]) -> None:
    @cache.memo(keep="always")
    async def f(x):
        sys.audit("ran", x)
        await asyncio.sleep(0)
        return [x]

    async def main():
        return [await f(1), await f(1), await asyncio.create_task(f(2))]

    assert asyncio.run(main()) == [[1], [1], [2]]
    assert ran == [1, 2]
    assert f.get_entry(1).load() == [1]


def test_threads_get_right_results(cache: Cache) -> None:
    f = cache.memo(keep="always")(quick)
    wrong = []

    def work(start):
        for i in range(60):
            x = (start + i) % 20
            if f(x) != x + 1:
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(n * 5,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_partials_methods_and_callable_objects_count_with_what_they_hold(
    cache: Cache, ran: list[object]
) -> None:
    from functools import partial

    class Adder:
        def __init__(self, k):
            self.k = k

        def __call__(self, x):
            sys.audit("ran", (self.k, x))
            return self.k + x

        def method(self, x):
            sys.audit("ran", (self.k, x))
            return self.k * x

    def both(k, x):
        sys.audit("ran", (k, x))
        return k - x

    always = cache.memo(keep="always")
    for make, results in (
        (Adder, [6, 7, 6]),
        (lambda k: Adder(k).method, [5, 10, 5]),
        (lambda k: partial(both, k), [-4, -3, -4]),
        (lambda k: partial(partial(both, x=5), k), [-4, -3, -4]),
    ):
        ran.clear()
        one, two = always(make(1)), always(make(2))
        if type(make(1)) is partial and make(1).keywords:
            assert [one(), two(), one()] == results
        else:
            assert [one(5), two(5), one(5)] == results
            assert ran == [(1, 5), (2, 5)]


def test_builtins_are_memoized(cache: Cache) -> None:
    f = cache.memo(keep="always")(len)
    assert [f([1, 2]), f([1, 2]), f("abc")] == [2, 2, 3]
    assert f.__name__ == "len"


def test_ignored_arguments_do_not_count(cache: Cache, ran: list[object]) -> None:
    @cache.memo(keep="always", ignore=["progress"])
    def f(x, progress=None):
        sys.audit("ran", x)
        return x

    assert [f(1), f(1, progress=print), f(1, open)] == [1, 1, 1]
    assert ran == [1]


def test_another_version_makes_results_stale(cache: Cache, ran: list[object]) -> None:
    for version, runs in (("1", 1), ("1", 1), ("2", 2), ("1", 2), (None, 3)):
        assert cache.memo(keep="always", version=version)(quick)(1) == 2
        assert len(ran) == runs


# -- what is kept ------------------------------------------------------------------------------


def test_auto_keeps_what_took_longer_than_storing_it(cache: Cache, ran: list[object]) -> None:
    f = cache.memo(slow)
    assert [f(1), f(1)] == [[1], [1]]
    assert ran == [1]


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which each look at the clock is a microsecond after the last one."""
    ticks = itertools.count()
    for module in ("keeper", "keeping.serving", "keeping.storing", "keeping.weighing"):
        monkeypatch.setattr(f"dumbo.{module}.perf_counter", lambda: next(ticks) * 1e-6)


@pytest.mark.usefixtures("idle")
def test_auto_does_not_keep_what_is_computed_faster(cache: Cache, ran: list[object]) -> None:
    f = cache.memo(observe=False)(quick)
    assert [f(1), f(1)] == [2, 2]
    assert ran == [1, 1]
    assert f.get_entry(1) is None
    assert f.cache_info()[:3] == (0, 1, 1)


@pytest.mark.usefixtures("idle")
def test_auto_does_not_touch_the_disk_for_fast_calls(cache: Cache) -> None:
    f = cache.memo(observe=False)(quick)
    for x in range(5):
        f(x)
    assert f.cache_info().entries == 0


@pytest.mark.usefixtures("idle")
def test_a_fast_function_is_soon_called_straight_through(cache: Cache) -> None:
    f = cache.memo(observe=False)(quick)
    for _ in range(200):
        f(1)
    info = f.cache_info()
    assert info.bypassed > info.misses


def test_a_function_that_becomes_slow_is_kept_from_then_on(cache: Cache, ran: list[object]) -> None:
    @cache.memo
    def f(x):
        sys.audit("ran", x)
        if x == "slow":
            time.sleep(0.02)
        return x

    for x in range(100):
        f(x)
    for _ in range(20):
        f("slow")
    ran.clear()
    f("slow")
    f("slow")
    assert ran == []


def test_never_keeps_nothing_but_serves_what_was_inserted(cache: Cache, ran: list[object]) -> None:
    f = cache.memo(keep="never")(slow)
    assert f(1) == [1]
    assert f.get_entry(1) is None
    assert f.why(1).startswith("not kept: keep='never'")
    f.insert("by hand", 1)
    assert f(1) == "by hand"
    assert ran == [1]


# -- acts --------------------------------------------------------------------------------------


def test_get_entry_computes_nothing(cache: Cache, ran: list[object]) -> None:
    f = cache.memo(slow)
    assert f.get_entry(1) is None
    assert ran == []
    f(1)
    entry = f.get_entry(1)
    assert entry.load() == [1]
    assert entry.load() is not entry.load()
    assert entry.size > 0
    assert entry.compute >= 0.03
    assert abs(entry.created.timestamp() - time.time()) < 60
    assert entry.function == f"{__name__}:slow"
    assert "computed in" in repr(entry)
    assert ran == [1]


def test_recompute_runs_the_function_and_replaces_what_is_stored(
    cache: Cache, ran: list[object]
) -> None:
    f = cache.memo(quick)
    f.insert("old", 1)
    assert f(1) == "old"
    assert f.recompute(1) == 2
    assert f(1) == 2
    assert ran == [1]


def test_insert_stores_whatever_the_rule_says(cache: Cache, ran: list[object]) -> None:
    f = cache.memo(quick)
    entry = f.insert("by hand", x=1)
    assert entry.load() == "by hand"
    assert f(1) == "by hand"
    assert ran == []


def test_insert_says_why_it_cannot_store(cache: Cache) -> None:
    f = cache.memo(quick)
    with pytest.raises(StorageError):
        f.insert(threading.Lock(), 1)
    with pytest.raises(StorageError, match="argument x"):
        f.insert(1, sys.stdin)
    with pytest.raises(TypeError):
        f.insert(1)


def test_forget_removes_one_call(cache: Cache, ran: list[object]) -> None:
    f = cache.memo(keep="always")(quick)
    f(1), f(2)
    assert f.forget(1) == 1
    assert f.forget(1) == 0
    f(1), f(2)
    assert ran == [1, 2, 1]


def test_clear_removes_all_calls_of_one_function(cache: Cache, ran: list[object]) -> None:
    f, g = cache.memo(keep="always")(quick), cache.memo(keep="always")(slow)
    f(1), f(2), g(1)
    assert f.clear() == 2
    assert f.get_entry(1) is None
    assert g.get_entry(1) is not None


def test_cache_info_counts_calls_and_entries(cache: Cache) -> None:
    f = cache.memo(keep="always")(quick)
    f(1), f(1), f(2)
    f(sys.maxsize)
    info = f.cache_info()
    assert (info.hits, info.misses, info.bypassed, info.entries) == (1, 3, 0, 3)
    assert info.bytes > 0
    assert info.reasons == ()


# -- what cannot be kept -----------------------------------------------------------------------


def test_an_argument_without_a_key_costs_a_computation_and_leaves_a_reason(
    cache: Cache, ran: list[object]
) -> None:
    @cache.memo(keep="always")
    def f(options):
        sys.audit("ran")
        return 1

    bad = {"log": [open("/dev/null")]}
    try:
        assert f(bad) == f(bad) == 1
        why = f.why(bad)
    finally:
        bad["log"][0].close()
    assert len(ran) == 2
    assert why.startswith("not cached: argument options[")
    assert "log" in why
    assert f.cache_info().bypassed == 2
    assert f.cache_info().reasons[-1] == why


def test_a_result_that_cannot_be_written_costs_a_computation_and_leaves_a_reason(
    cache: Cache, ran: list[object]
) -> None:
    @cache.memo(keep="always")
    def f(x):
        sys.audit("ran")
        return {"locks": [threading.Lock()]}

    f(1)
    f(1)
    assert len(ran) == 2
    assert f.why(1).startswith("not stored: the result cannot be written: ")
    assert "lock" in f.why(1)


def test_running_computations_are_not_results(cache: Cache, ran: list[object]) -> None:
    @cache.memo(keep="always")
    def f(x):
        sys.audit("ran")
        return (i * x for i in range(3))

    assert list(f(2)) == list(f(2)) == [0, 2, 4]
    assert len(ran) == 2
    assert "a generator is a running computation" in f.why(2)


@pytest.mark.parametrize("error", [ValueError("mine"), MemoryError(), RecursionError("deep")])
def test_results_whose_pickling_raises_are_returned_all_the_same(
    cache: Cache, error: Exception
) -> None:
    class Bomb:
        def __reduce__(self):
            raise error

    bomb = Bomb()
    f = cache.memo(keep="always")(lambda: bomb)
    assert f() is bomb
    assert f() is bomb


def test_context_managers_are_never_kept(cache: Cache, ran: list[object]) -> None:
    from contextlib import contextmanager

    @contextmanager
    def inside(x):
        sys.audit("ran")
        yield x

    @contextmanager
    @cache.memo(keep="always")
    def outside(x):
        sys.audit("ran")
        yield x

    for f in (cache.memo(keep="always")(inside), outside):
        ran.clear()
        for _ in range(2):
            with f(7) as value:
                assert value == 7
        assert len(ran) == 2


def test_what_a_signal_handler_raises_reaches_the_program(cache: Cache) -> None:
    class Timeout(Exception):
        pass

    class Slow:
        def __reduce__(self):
            time.sleep(5)
            return (Slow, ())

    def give_up(*_):
        raise Timeout

    f = cache.memo(keep="always")(lambda: Slow())
    before = signal.signal(signal.SIGALRM, give_up)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(Timeout):
            f()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_exits_pass_and_store_nothing(cache: Cache, kind: type[BaseException]) -> None:
    @cache.memo(keep="always")
    def f(x):
        sys.audit("ran", x)
        raise kind

    with pytest.raises(kind):
        f(1)
    assert f.get_entry(1) is None


def test_a_directory_that_cannot_be_used_costs_a_computation_and_one_warning(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ran: list[object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DUMBO_DIR", str(tmp_path / "file" / "below"))
    f = dumbo.memo(keep="always")(quick)
    assert [f(1), f(1)] == [2, 2]
    assert ran == [1, 1]
    assert f.why(1).startswith("not cached: ")
    assert len(caplog.records) == 1


# -- why ---------------------------------------------------------------------------------------


def test_why_says_that_a_call_would_be_a_hit(cache: Cache) -> None:
    f = cache.memo(slow)
    f(1)
    assert f.why(1).startswith("hit: ")
    assert re.search(r"computed in \d+ m?s", f.why(1))


@pytest.mark.usefixtures("steady")
def test_why_says_that_nothing_is_stored_yet(cache: Cache, ran: list[object]) -> None:
    f = cache.memo(slow)
    assert f.why(1) == "no entry: nothing of this function is stored"
    f(1)
    assert f.why(2).startswith(
        "no entry: new arguments: x is 2, and was 1 in the nearest stored call "
        "(1 result of this function stored); computing takes about 30 ms, loading about "
    )
    assert ran == [1]


@pytest.mark.usefixtures("idle")
def test_why_says_that_a_fast_result_was_not_kept(cache: Cache) -> None:
    f = cache.memo(observe=False)(quick)
    f(1)
    for x in (1, 2):
        assert f.why(x).startswith("not kept: took ")
        assert "storing and loading would take" in f.why(x)


def test_why_of_arguments_that_do_not_fit_says_so(cache: Cache) -> None:
    f = cache.memo(quick)
    assert f.why(1, 2, 3).startswith("not cached: the arguments do not fit: ")
    with pytest.raises(TypeError):
        f.get_entry(1, 2, 3)


def test_verbose_writes_one_line_per_computation(
    cache: Cache, capsys: pytest.CaptureFixture[str]
) -> None:
    f = cache.memo(slow, verbose=True)
    f(1), f(1), f(2)
    out, err = capsys.readouterr()
    first, second = err.splitlines()
    assert out == ""
    assert re.match(rf"dumbo: {__name__}:slow computed in \d+ ms; ", first)
    assert "no entry: nothing of this function is stored; stored: " in first
    assert "new arguments" in second


# -- switches ----------------------------------------------------------------------------------


def test_disabled_neither_looks_nor_stores(cache: Cache, ran: list[object]) -> None:
    f = cache.memo(keep="always")(quick)
    f(1)
    with dumbo.disabled():
        assert [f(1), f(2)] == [2, 3]
        assert f.why(1) == "not cached: switched off by dumbo.disabled()"
    assert ran == [1, 1, 2]
    assert f.get_entry(2) is None
    f(1)
    assert ran == [1, 1, 2]


def test_read_only_serves_and_does_not_store(cache: Cache, ran: list[object]) -> None:
    f = cache.memo(keep="always")(quick)
    f(1)
    with dumbo.read_only():
        assert [f(1), f(2)] == [2, 3]
        with pytest.raises(StorageError, match="read_only"):
            f.insert(0, 5)
    assert f.get_entry(2) is None
    assert f.why(2) == "not stored: inside dumbo.read_only()"
    assert ran == [1, 2]


def test_the_environment_disables(
    monkeypatch: pytest.MonkeyPatch, cache: Cache, ran: list[object]
) -> None:
    monkeypatch.setenv("DUMBO_DISABLE", "1")
    f = cache.memo(keep="always")(quick)
    assert [f(1), f(1)] == [2, 2]
    assert ran == [1, 1]
    assert "DUMBO_DISABLE" in f.why(1)
    assert not Path(cache.directory).exists()


# -- code that changes -------------------------------------------------------------------------

BEFORE = """
import sys
import dumbo

RATE = 2

def helper(x):
    return x * RATE

def unrelated(x):
    return x

@dumbo.memo(keep="always")
def f(x):
    sys.audit("ran", x)
    return [helper(x)]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Write a module, and import it anew, as another process would."""
    monkeypatch.syspath_prepend(tmp_path)
    # Two versions of one file may have the same size, and be written in the same second.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def load(source: str):
        import importlib

        (tmp_path / "project.py").write_text(source)
        sys.modules.pop("project", None)
        importlib.invalidate_caches()
        return importlib.import_module("project")

    yield load
    sys.modules.pop("project", None)


def test_an_edited_helper_makes_results_stale_and_why_names_it(project, ran: list[object]) -> None:
    assert project(BEFORE).f(3) == [6]
    module = project(BEFORE.replace("x * RATE", "x + RATE"))
    assert "helper" in module.f.why(3)
    assert module.f.why(3).startswith("no entry: ")
    assert module.f(3) == [5]
    assert ran == [3, 3]


def test_an_edited_global_makes_results_stale_and_why_names_it(project, ran: list[object]) -> None:
    assert project(BEFORE).f(3) == [6]
    module = project(BEFORE.replace("RATE = 2", "RATE = 5"))
    assert "RATE" in module.f.why(3)
    assert module.f(3) == [15]
    assert ran == [3, 3]


def test_edits_that_do_not_matter_and_edits_that_are_taken_back_are_hits(
    project, ran: list[object]
) -> None:
    for source in (
        BEFORE,
        BEFORE.replace("    return x\n", "    return -x\n"),
        "# moved\n\n" + BEFORE,
        BEFORE.replace("helper", "renamed"),
        BEFORE,
    ):
        assert project(source).f(3) == [6]
    assert ran == [3]


def test_changes_in_a_running_process_are_seen_at_the_next_call(
    project, ran: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = project(BEFORE)
    assert module.f(3) == [6]
    monkeypatch.setattr(module, "helper", lambda x: -x)
    assert module.f(3) == [-3]
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "project", module)
    assert module.f(3) == [6]
    module.RATE = 7
    assert module.f(3) == [21]
    assert ran == [3, 3, 3]


def test_without_track_deps_only_the_functions_own_code_counts(project, ran: list[object]) -> None:
    source = BEFORE.replace('keep="always"', 'keep="always", track_deps=False')
    assert project(source).f(3) == [6]
    assert project(source.replace("x * RATE", "x + RATE")).f(3) == [6]
    assert project(source.replace("[helper(x)]", "[helper(x), 1]")).f(3) == [6, 1]
    assert ran == [3, 3]


def test_a_nested_memoized_function_counts_with_its_version(project, ran: list[object]) -> None:
    source = BEFORE.replace("def helper", '@dumbo.memo(version="1")\ndef helper')
    assert project(source).f(3) == [6]
    assert project(source).f(3) == [6]
    assert project(source.replace('version="1"', 'version="2"')).f(3) == [6]
    assert project(source.replace("x * RATE", "x + RATE")).f(3) == [5]
    assert ran == [3, 3, 3]


def test_why_names_an_argument_that_is_dear_to_hash(cache: dumbo.Cache) -> None:
    class Holder:
        def __init__(self, size: int) -> None:
            self.held = list(map(str, range(size)))

        @cache.memo(keep="always")
        def count(self, x: int) -> int:
            return x

        @cache.memo(keep="always", key={"self": by.version("held.__class__")})
        def cheap(self, x: int) -> int:
            return x

    large, small = Holder(500_000), Holder(1)
    large.count(1), small.count(1), large.cheap(1)
    assert "hashing self takes" in large.count.why(1)
    assert "__dumbo_ignore__" in large.count.why(2)
    assert "hashing" not in small.count.why(1)
    assert "hashing" not in large.cheap.why(1)


def test_what_is_said_of_a_function_bears_calls_that_come_meanwhile(cache: Cache) -> None:
    f = cache.memo(keep="never")(quick)
    f(1)

    class Told(Reason):
        def __str__(self) -> str:
            f(2)  # as from another thread
            return super().__str__()

    f._keeper.ledger.last.extend([Told("never"), Told("never")])
    assert f.cache_info().reasons


# -- what breaks -------------------------------------------------------------------------------


def broken(*args: object, **kwargs: object) -> None:
    raise ValueError("max() iterable argument is empty")


@pytest.mark.parametrize(
    "part",
    [
        "keeper.Keeper.recall",
        "keeper.Keeper.begin",
        "keeper.Keeper.finish",
        "keeping.weighing.learn",
        "accounts.tally.Tally.settle",
        "accounts.tally.Tally.looked",
        "accounts.tally.Tally.computed",
        "memory.Memory.hold",
    ],
)
def test_a_part_that_breaks_costs_a_computation_and_leaves_a_reason(
    cache: Cache, ran: list[object], net: None, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    f = cache.memo(keep="always")(quick)
    assert [f(n) for n in range(40)] == list(range(1, 41))
    f._keeper.memory.clear()
    ran.clear()
    monkeypatch.setattr(f"dumbo.{part}", broken)
    assert [f(n) for n in range(80)] == list(range(1, 81))
    assert ran[-40:] == list(range(40, 80))  # each of these once
    assert len(ran) == len(set(ran))
    assert "max() iterable argument is empty" in " ".join(map(str, f._keeper.ledger.last))


@pytest.mark.parametrize(
    "name", ["tracing.observer", "lazy", "versions.stale", "arguments.matchers"]
)
def test_a_module_that_another_thread_is_about_to_import_is_as_good_as_none(
    cache: Cache, ran: list[object], net: None, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    f = cache.memo(keep="always")(slow)
    assert f(1) == [1]
    monkeypatch.setitem(sys.modules, f"dumbo.{name}", ModuleType(f"dumbo.{name}"))
    assert [f(1), f(1)] == [[1], [1]]  # from memory
    f._keeper.memory.clear()
    assert [f(1), f(1)] == [[1], [1]]  # from disk
    g = cache.memo(keep="always")(quick)
    assert [g(2), g(2)] == [3, 3]
    assert ran == [1, 2]
    assert f.cache_info().reasons == g.cache_info().reasons == ()


@pytest.mark.parametrize("part", ["begin_in_task", "finish"])
def test_a_part_that_breaks_breaks_no_coroutine(
    cache: Cache, ran: list[object], net: None, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    @cache.memo(keep="always")
    async def f(x: int) -> int:
        sys.audit("ran", x)
        return x + 1

    monkeypatch.setattr(f"dumbo.keeper.Keeper.{part}", broken)
    assert asyncio.run(f(1)) == 2
    assert ran == [1]


@pytest.mark.parametrize("part", ["begin", "add", "finish"])
def test_a_part_that_breaks_breaks_no_generator(
    cache: Cache, ran: list[object], net: None, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    @cache.memo(keep="always")
    def f(x: int):
        sys.audit("ran", x)
        yield from range(x)

    monkeypatch.setattr(f"dumbo.keeping.yielding.{part}", broken)
    assert list(f(3)) == [0, 1, 2]
    assert ran == [3]


def test_a_warning_that_the_program_makes_an_error_reaches_it(
    cache: Cache, net: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def warned(*args: object) -> None:
        raise dumbo.DumboWarning("as the program's filters will have it")

    f = cache.memo(keep="always")(quick)
    monkeypatch.setattr("dumbo.keeper.Keeper.begin", warned)
    with pytest.raises(dumbo.DumboWarning):
        f(1)


class NotEvenAClass:
    @property
    def __class__(self):
        raise RuntimeError("none of your business")


class Closed:
    def __getattribute__(self, name):
        raise RuntimeError("closed")


class Nowhere:
    __module__ = property(lambda self: "nowhere")


class Odd(type):
    def __getattribute__(cls, name):
        raise RuntimeError("odd")


class OfOdd(metaclass=Odd):
    pass


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("allow_pickle", [True, False])
@pytest.mark.parametrize("make", [NotEvenAClass, Closed, Nowhere, lambda: type.__call__(OfOdd)])
def test_what_classes_of_results_raise_is_not_taken_for_a_failure_of_ours(
    tmp_path: Path, make: Callable[[], object], allow_pickle: bool, large: bool
) -> None:
    cache = Cache(tmp_path / "c", allow_pickle=allow_pickle)

    @cache.memo(keep="always", observe=False)
    def f():
        return {"a": make(), "b": "x" * 300_000} if large else make()

    f()
    assert not any(
        "bug" in reason or "property object" in reason for reason in f.cache_info().reasons
    )
    cache.close()
