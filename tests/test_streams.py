"""Memoized generator functions: what is recorded, what is replayed, what is left alone."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import subprocess
import sys
from pathlib import Path
from types import AsyncGeneratorType, GeneratorType
from typing import Any

import pytest

import dumbo
from dumbo import Cache
from dumbo.persistence import stretches

Ran = list[object]


def count(n):
    for i in range(n):
        sys.audit("ran", i)
        yield [i]
    return "end"


async def acount(n):
    for i in range(n):
        sys.audit("ran", i)
        await asyncio.sleep(0)
        yield [i]


def everything(generator):
    """The items, and what is returned."""
    items = []
    while True:
        try:
            items.append(next(generator))
        except StopIteration as end:
            return items, end.value


def collect(generator):
    async def run():
        return [item async for item in generator]

    return asyncio.run(run())


def blobs(cache: Cache) -> list[Path]:
    return [path for path in Path(cache.directory).glob("blobs/*/*") if path.is_file()]


@pytest.fixture
def f(cache: Cache):
    return cache.memo(keep="always")(count)


@pytest.fixture
def af(cache: Cache):
    return cache.memo(keep="always")(acount)


def test_a_generator_is_recorded_and_replayed_with_its_end(f, ran: Ran) -> None:
    assert everything(f(3)) == ([[0], [1], [2]], "end")
    assert everything(f(3)) == ([[0], [1], [2]], "end")
    assert ran == [0, 1, 2]
    assert (f.cache_info().hits, f.cache_info().misses) == (1, 1)


def test_another_process_replays(tmp_path: Path) -> None:
    # As good as another: a store that has nothing open and nothing in memory.
    for computed in (2, 0):
        with Cache(tmp_path / "c") as cache:
            f = cache.memo(keep="always")(count)
            assert everything(f(2)) == ([[0], [1]], "end")
            assert f.cache_info().misses == bool(computed)


def test_it_is_a_generator_for_everybody(f, af) -> None:
    assert type(f(1)) is GeneratorType
    assert inspect.isgeneratorfunction(f)
    assert type(af(1)) is AsyncGeneratorType
    assert inspect.isasyncgenfunction(af)


def test_arguments_that_do_not_fit_are_refused_by_the_call_itself(f) -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'n'"):
        f()


def test_nothing_runs_before_the_first_next(f, ran: Ran) -> None:
    generator = f(2)
    assert ran == []
    next(generator)
    assert ran == [0]


def test_items_are_handed_on_one_by_one(f, ran: Ran) -> None:
    for item in f(3):
        assert ran == list(range(item[0] + 1))


def test_changing_an_item_reaches_neither_the_store_nor_another_replay(f, ran: Ran) -> None:
    for item in f(3):
        item.append("changed")
    for item in f(3):
        item.append("changed")
    assert everything(f(3))[0] == [[0], [1], [2]]
    assert ran == [0, 1, 2]


def test_two_replays_are_independent(f, ran: Ran) -> None:
    everything(f(3))
    one, two = f(3), f(3)
    assert [next(one), next(one), next(two), next(one), next(two)] == [[0], [1], [0], [2], [1]]
    assert ran == [0, 1, 2]


def test_a_replay_goes_on_when_its_entry_is_forgotten(f, ran: Ran) -> None:
    everything(f(3))
    replay = f(3)
    next(replay)
    assert f.forget(3) == 1
    assert everything(replay) == ([[1], [2]], "end")
    assert ran == [0, 1, 2]


def test_an_abandoned_iteration_stores_nothing(f, cache: Cache, ran: Ran) -> None:
    generator = f(3)
    next(generator)
    generator.close()
    generator = f(3)
    next(generator)
    del generator
    gc.collect()
    assert f.cache_info().entries == 0
    assert blobs(cache) == []
    assert everything(f(3)) == ([[0], [1], [2]], "end")


def test_closing_runs_the_cleanup_of_the_real_generator(cache: Cache, ran: Ran) -> None:
    @cache.memo(keep="always")
    def f():
        try:
            yield 1
            yield 2
        finally:
            sys.audit("ran", "cleanup")

    generator = f()
    next(generator)
    generator.close()
    assert ran == ["cleanup"]


def test_an_exception_passes_unchanged_and_nothing_is_stored(cache: Cache, ran: Ran) -> None:
    @cache.memo(keep="always")
    def f():
        sys.audit("ran", 1)
        yield 1
        raise KeyError("mine")

    for _ in range(2):
        generator = f()
        assert next(generator) == 1
        with pytest.raises(KeyError, match="mine"):
            next(generator)
    assert ran == [1, 1]
    assert f.cache_info().entries == 0


def echo(n):
    got = []
    for i in range(n):
        sys.audit("ran", i)
        try:
            got.append((yield i))
        except ValueError as error:
            got.append(str(error))
    return got


def test_send_and_throw_store_nothing_and_work(cache: Cache, ran: Ran) -> None:
    f = cache.memo(keep="always")(echo)
    generator = f(3)
    assert next(generator) == 0
    assert generator.send("hello") == 1
    assert generator.throw(ValueError("thrown")) == 2
    assert everything(generator) == ([], ["hello", "thrown", None])
    assert f.cache_info().entries == 0


def test_the_first_send_to_a_replay_goes_on_with_the_real_generator(cache: Cache, ran: Ran) -> None:
    f = cache.memo(keep="always")(echo)
    everything(f(4))
    ran.clear()
    replay = f(4)
    assert [next(replay), next(replay)] == [0, 1]
    assert ran == []
    assert replay.send("here") == 2
    assert ran == [0, 1, 2]
    assert everything(replay) == ([3], [None, "here", None, None])
    assert everything(f(4)) == ([0, 1, 2, 3], [None] * 4)


def test_the_first_throw_into_a_replay_goes_on_with_the_real_generator(
    cache: Cache, ran: Ran
) -> None:
    f = cache.memo(keep="always")(echo)
    everything(f(3))
    replay = f(3)
    next(replay)
    assert replay.throw(ValueError("thrown")) == 1
    assert everything(replay) == ([2], ["thrown", None, None])
    replay = f(3)
    next(replay)
    with pytest.raises(KeyError):
        replay.throw(KeyError("not caught"))


def test_many_items_are_recorded_in_bounded_memory(cache: Cache, ran: Ran) -> None:
    @cache.memo(keep="always")
    def f(n):
        for i in range(n):
            yield bytes([i % 251]) * 100_000

    generator = f(40)
    next(generator)
    for _ in range(20):
        next(generator)
    (part,) = blobs(cache)
    assert part.name.endswith(".part")
    assert part.stat().st_size > 20 * 100_000  # on disk already
    for _ in generator:
        pass
    assert [item[0] for item in f(40)] == list(range(40))
    assert f.cache_info().hits == 1


def test_arrays_come_back_as_they_were_yielded(cache: Cache) -> None:
    np = pytest.importorskip("numpy")

    @cache.memo(keep="always")
    def f():
        for i in range(3):
            yield np.full(50_000 if i else 3, i, "f4")

    for array in f():
        array += 1
    for _ in range(2):
        for i, array in enumerate(f()):
            assert (array.dtype, set(array.tolist())) == (np.dtype("f4"), {i})
            array += 1
    assert f.cache_info().hits == 2


def test_a_generator_that_yields_one_changing_object_is_not_stored(cache: Cache, ran: Ran) -> None:
    @cache.memo(keep="always")
    def f():
        buffer = []
        for i in range(3):
            buffer.append(i)
            yield buffer

    assert list(f()) == list(f()) == [[0, 1, 2]] * 3
    assert f.cache_info().entries == 0
    assert "yields the same list again and again" in f.why()


def test_a_generator_that_changes_what_it_has_yielded_is_not_stored(cache: Cache) -> None:
    @cache.memo(keep="always")
    def late(steps: int):
        first = [0]
        yield first
        yield from range(steps)
        first.append(1)
        yield "end"

    @cache.memo(keep="always")
    def at_the_end():
        table = {"a": [1]}
        yield table
        table["a"].append(2)

    assert list(late(3)) == list(late(3)) == [[0, 1], 0, 1, 2, "end"]
    assert list(at_the_end()) == list(at_the_end()) == [{"a": [1, 2]}]
    for function, args in ((late, (3,)), (at_the_end, ())):
        assert function.cache_info().entries == 0
        assert "after it has yielded it" in function.why(*args)


def test_what_is_done_to_items_while_the_generator_waits_is_none_of_its_doing(
    cache: Cache, ran: Ran
) -> None:
    @cache.memo(keep="always")
    def rows():
        sys.audit("ran", 1)
        held = [[i] for i in range(20)]
        yield from held

    for _ in range(2):
        kept = []
        for row in rows():
            assert len(row) == 1
            for other in [*kept, row]:
                other.append("mine")
            row.append(Strange())
            kept.append(row)
    assert ran == [1]
    assert rows.cache_info().hits == 1


class Strange:
    def __reduce__(self):
        raise AssertionError("nobody stores this")


def test_an_item_that_cannot_be_stored_ends_the_recording_only(cache: Cache, ran: Ran) -> None:
    @cache.memo(keep="always")
    def f():
        yield 1
        yield (x for x in ())
        yield 3

    for _ in range(2):
        first, _generator, third = f()
        assert (first, third) == (1, 3)
    assert f.cache_info().entries == 0
    assert "can be read only once" in f.why()
    assert blobs(cache) == []


def test_recompute_and_insert_and_get_entry(f, ran: Ran) -> None:
    everything(f(2))
    assert everything(f.recompute(2)) == ([[0], [1]], "end")
    assert ran == [0, 1, 0, 1]
    assert list(f.get_entry(2).load()) == [[0], [1]]
    f.insert([["a"], ["b"]], 5)
    assert list(f(5)) == [["a"], ["b"]]
    assert ran == [0, 1, 0, 1]


def test_a_changed_helper_records_anew(cache: Cache, ran: Ran) -> None:
    scope: dict[str, object] = {"sys": sys}
    exec("def helper(x): return x", scope)
    exec(
        "def f(n):\n    for i in range(n):\n        sys.audit('ran', i)\n        yield helper(i)",
        scope,
    )
    f = cache.memo(keep="always")(scope["f"])
    assert list(f(2)) == [0, 1]
    exec("def helper(x): return x + 10", scope)
    assert list(f(2)) == [10, 11]
    assert ran == [0, 1, 0, 1]


def test_disabled_and_read_only(f, ran: Ran) -> None:
    with dumbo.disabled():
        assert len(everything(f(2))[0]) == 2
    with dumbo.read_only():
        assert len(everything(f(2))[0]) == 2
    assert f.cache_info().entries == 0
    everything(f(2))
    with dumbo.read_only():
        everything(f(2))
    assert ran == [0, 1] * 3


def test_methods(cache: Cache, ran: Ran) -> None:
    class Model:
        def __init__(self, rate):
            self.rate = rate

        @cache.memo(keep="always")
        def items(self, n):
            for i in range(n):
                sys.audit("ran", i)
                yield i * self.rate

    assert list(Model(3).items(2)) == list(Model(3).items(2)) == [0, 3]
    assert list(Model(5).items(2)) == [0, 5]
    assert ran == [0, 1, 0, 1]


# -- asynchronous ones ---------------------------------------------------------------------------


def test_an_asynchronous_generator_is_recorded_and_replayed(af, ran: Ran) -> None:
    assert collect(af(3)) == collect(af(3)) == [[0], [1], [2]]
    assert ran == [0, 1, 2]


def test_an_abandoned_asynchronous_iteration_stores_nothing(af, cache: Cache, ran: Ran) -> None:
    async def run() -> None:
        generator = af(3)
        async for _ in generator:
            break
        await generator.aclose()

    asyncio.run(run())
    assert af.cache_info().entries == 0
    assert blobs(cache) == []


async def aecho(n):
    got = []
    for i in range(n):
        sys.audit("ran", i)
        try:
            got.append((yield (i, tuple(got))))
        except ValueError as error:
            got.append(str(error))


def test_asend_and_athrow_to_a_replay_go_on_with_the_real_generator(cache: Cache, ran: Ran) -> None:
    f = cache.memo(keep="always")(aecho)

    async def run() -> None:
        assert [item[0] async for item in f(4)] == [0, 1, 2, 3]
        ran.clear()
        replay = f(4)
        assert await anext(replay) == (0, ())
        assert ran == []
        assert await replay.asend("here") == (1, ("here",))
        assert ran == [0, 1]
        assert await replay.athrow(ValueError("thrown")) == (2, ("here", "thrown"))
        assert [item async for item in replay] == [(3, ("here", "thrown", None))]
        assert [item[0] async for item in f(4)] == [0, 1, 2, 3]

    asyncio.run(run())
    assert f.cache_info().hits == 2


def test_a_damaged_recording_is_recorded_anew(f, cache: Cache, ran: Ran) -> None:
    long = "x" * 10_000
    g = cache.memo(keep="always")(_words)
    assert list(g(long)) == [long, long + "!"]
    (blob,) = blobs(cache)
    blob.write_bytes(blob.read_bytes()[:-7])
    with Cache(cache.directory) as again:
        assert list(again.memo(keep="always")(_words)(long)) == [long, long + "!"]
    assert ran == [0, 0]


LARGE = """
import os, sys
from pathlib import Path
import dumbo

@dumbo.Cache(sys.argv[1]).memo(keep="always")
def f(n):
    for i in range(n):
        yield bytes(1000) + bytes([i % 256])

list(f(4000))
replay = f(4000)
first = next(replay)
for path in Path(sys.argv[1]).glob("blobs/*/*"):
    os.truncate(path, 4096)
rest = list(replay)
assert [first, *rest] == [bytes(1000) + bytes([i % 256]) for i in range(4000)]
print(f.cache_info().hits, *f.cache_info().reasons)
"""


def test_a_large_recording_that_is_cut_off_while_it_is_replayed_ends_no_process(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", LARGE, str(tmp_path / "cache")]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "was cut off while it was read" in ran.stdout


def edited(cache: Cache, f: Any, change: Any, n: int, size: int = 1000) -> str:
    """Do *change* to the recording of *f* while it is replayed; return the reasons left."""
    items = [bytes(size) + bytes([i % 256]) for i in range(n)]
    assert list(f(n, size)) == items
    replay = f(n, size)
    first = next(replay)
    (blob,) = blobs(cache)
    change(blob)
    assert [first, *replay] == items
    return "".join(f.cache_info().reasons)


def _overwrite(blob: Path) -> None:
    with open(blob, "r+b") as file:
        file.seek(blob.stat().st_size // 2)
        file.write(b"\xff" * 100)


@pytest.mark.parametrize("size", [1000, 400_000])
def test_a_large_recording_that_is_overwritten_while_it_is_replayed_gives_no_wrong_item(
    cache: Cache, ran: Ran, size: int
) -> None:
    f = cache.memo(keep="always")(_zeros)
    reasons = edited(cache, f, _overwrite, 4_000_000 // size, size)
    assert "was written to while it was read" in reasons
    assert ran == [0, 0]


def test_that_it_was_overwritten_shows_if_somebody_sets_the_time_back(
    cache: Cache, ran: Ran
) -> None:
    def change(blob: Path) -> None:
        before = blob.stat()
        _overwrite(blob)
        os.utime(blob, ns=(before.st_atime_ns, before.st_mtime_ns))

    f = cache.memo(keep="always")(_zeros)
    assert "was written to while it was read" in edited(cache, f, change, 4000)


def test_a_large_recording_that_is_evicted_while_it_is_replayed_is_replayed_to_its_end(
    cache: Cache, ran: Ran
) -> None:
    f = cache.memo(keep="always")(_zeros)
    assert edited(cache, f, Path.unlink, 4000) == ""
    assert ran == [0]


def _zeros(n, size=1000):
    sys.audit("ran", 0)
    for i in range(n):
        yield bytes(size) + bytes([i % 256])


def test_replays_of_large_recordings_keep_no_more_open_than_they_may(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    @cache.memo(keep="always")
    def g(n):
        for number in range(n):
            yield bytes([number % 256]) * 100_000
        return "end"

    everything = [bytes([number % 256]) * 100_000 for number in range(20)]
    assert list(g(20)) == everything
    monkeypatch.setattr("dumbo.persistence.stretches.MOST", 3)
    replays = [g(20) for _ in range(6)]
    assert [next(replay) for replay in replays] == everything[:1] * 6
    assert not stretches.is_room()
    assert [list(replay) for replay in replays] == [everything[1:]] * 6
    del replays
    gc.collect()
    assert stretches.is_room()


def _words(long):
    sys.audit("ran", 0)
    yield long
    yield long + "!"


def test_a_long_recording_that_is_signed_is_served(tmp_path: Path) -> None:
    cache = dumbo.Cache(tmp_path / "signed", signing_key=b"0123456789abcdef0123")

    @cache.memo(keep="always")
    def rows(n: int) -> Any:
        for _ in range(n):
            yield bytes(1000)

    for n in (3, 100, 4000):
        assert [len(list(rows(n))) for _ in range(2)] == [n, n]
    info = rows.cache_info()
    assert (info.hits, info.misses) == (3, 3)
