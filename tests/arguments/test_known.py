"""Read-only results are not hashed again; one that could have been changed always is."""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import xxhash

import dumbo
from dumbo.arguments import arrays, known
from dumbo.arguments.hashing import digest, token_of

np = pytest.importorskip("numpy")

Ran = list[object]
LARGE = 1 << 20


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes of each array were hashed."""
    counts: list[int] = []
    real = arrays.digest_of
    monkeypatch.setattr(
        arrays, "digest_of", lambda array: counts.append(array.nbytes) or real(array)
    )
    return counts


def on_bytes(n: int = 1000) -> Any:
    return np.frombuffer(np.arange(float(n)).tobytes())


def pipeline(cache: dumbo.Cache, size: int) -> Any:
    @cache.memo(keep="always", readonly=True)
    def make(n: int) -> Any:
        sys.audit("ran", "make")
        return np.arange(n, dtype="f8")

    @cache.memo(keep="always", readonly=True)
    def scale(x: Any) -> Any:
        sys.audit("ran", "scale")
        return {"scaled": x * 2, "first": x[0]}

    @cache.memo(keep="always")
    def total(x: Any) -> float:
        sys.audit("ran", "total")
        return float(x.sum())

    def run() -> float:
        return total(scale(make(size))["scaled"])

    return run


@pytest.mark.parametrize("megabytes", [4, pytest.param(500, marks=pytest.mark.slow)])
def test_the_second_run_of_a_pipeline_hashes_nothing_large(
    cache: dumbo.Cache, ran: Ran, hashed: list[int], megabytes: int
) -> None:
    size = megabytes * 125_000
    first = pipeline(cache, size)()
    assert first == float(np.arange(size, dtype="f8").sum() * 2)
    assert ran == ["make", "scale", "total"]
    # Once each, for what is written beside them.
    assert sum(hashed) == 2 * megabytes * 1_000_000
    hashed.clear()
    known.KNOWN.clear()  # as in a new process
    assert pipeline(cache, size)() == first
    assert ran == ["make", "scale", "total"]
    assert [count for count in hashed if count >= LARGE] == []


def test_a_known_array_has_the_key_of_its_content(cache: dumbo.Cache, ran: Ran) -> None:
    @cache.memo(keep="always", readonly=True)
    def make() -> Any:
        return np.arange(200_000.0)

    make()
    array = make()
    assert known.recall(array) is not None
    for holder in (lambda x: x, lambda x: [x], lambda x: {"a": (x, x)}):
        assert digest(holder(array)) == digest(holder(np.arange(200_000.0)))
    assert digest(array[:10]) == digest(np.arange(10.0))


def test_nothing_can_write_to_what_is_handed_out(cache: dumbo.Cache) -> None:
    @cache.memo(keep="always", readonly=True)
    def make(n: int) -> Any:
        return [np.arange(float(n)), np.arange(float(n)), n]

    for n in (10, 300_000):
        for result in (make(n), make(n)):
            for array in result[:2]:
                with pytest.raises(ValueError, match="read-only"):
                    array[0] = 1
                if n == 10:
                    continue  # small ones lie in the pickle: that guards against mistakes
                with pytest.raises(ValueError, match="WRITEABLE"):
                    array.flags.writeable = True
                with pytest.raises(ValueError, match="WRITEABLE"):
                    array.view().flags.writeable = True


def test_what_was_not_stored_is_handed_out_read_only_too(cache: dumbo.Cache) -> None:
    buffer = np.zeros(5)

    @cache.memo(keep="never", readonly=True)
    def make() -> Any:
        return {"a": buffer, "b": buffer, "c": 1}

    result = make()
    assert not result["a"].flags.writeable
    assert result["a"] is result["b"]
    buffer[0] = 1  # the function's own stays as it was
    assert known.recall(result["a"]) is None


@pytest.fixture
def digested(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of all large things that went into a key or a token."""
    sizes: list[int] = []

    def noted(data: Any) -> Any:
        size = memoryview(data).nbytes
        if size >= LARGE:
            sizes.append(size)
        return data

    class Noting:
        def __init__(self, data: Any = b"") -> None:
            self.state = state(noted(data))
            self.digest = self.state.digest

        def update(self, data: Any) -> None:
            self.state.update(noted(data))

    at_once, state = xxhash.xxh3_128_digest, xxhash.xxh3_128
    monkeypatch.setattr(xxhash, "xxh3_128_digest", lambda data: at_once(noted(data)))
    monkeypatch.setattr(xxhash, "xxh3_128", Noting)
    return sizes


def array_of(n: int) -> Any:
    return np.arange(n, dtype="f8")


def table_of(n: int) -> Any:
    pa = pytest.importorskip("pyarrow")
    words = pa.array([f"word {i}" for i in range(1000)] * (n // 1000))
    return pa.table({"a": np.arange(n, dtype="f8"), "s": words, "n": [None, 1] * (n // 2)})


def column_of(n: int) -> Any:
    return table_of(n)["a"]


def frame_of(n: int) -> Any:
    pl = pytest.importorskip("polars")
    words = [f"a rather long word {i}" for i in range(1000)] * (n // 1000)
    return pl.DataFrame({"a": np.arange(n, dtype="f8"), "s": words, "b": [True, None] * (n // 2)})


def series_of(n: int) -> Any:
    return frame_of(n)["a"]


def tuple_of(n: int) -> Any:
    return (array_of(n), {"and": [array_of(n + 1)]}, "small")


def bytes_of(n: int) -> bytes:
    return b"12345678" * n


MAKERS = [array_of, table_of, column_of, frame_of, series_of, tuple_of]
on_linux = pytest.mark.skipif(
    not os.path.exists("/proc/self/pagemap"), reason="who wrote to a page, only Linux tells"
)


def ids(make: Any) -> str:
    return make.__name__ if callable(make) else str(make)


@on_linux
@pytest.mark.parametrize("make", MAKERS, ids=ids)
def test_no_stage_of_a_second_run_hashes_what_another_returned(
    cache: dumbo.Cache, ran: Ran, digested: list[int], make: Any
) -> None:
    @cache.memo(keep="always", readonly=True)
    def first(n: int) -> Any:
        sys.audit("ran", "first")
        return make(n)

    @cache.memo(keep="always", readonly=True)
    def second(x: Any) -> Any:
        sys.audit("ran", "second")
        return x

    @cache.memo(keep="always")
    def third(x: Any) -> str:
        sys.audit("ran", "third")
        return type(x).__name__

    name = third(second(first(200_000)))
    assert ran == ["first", "second", "third"]
    assert digested
    known.KNOWN.clear()  # as in a new process
    digested.clear()
    assert third(second(first(200_000))) == name
    assert ran == ["first", "second", "third"]
    assert digested == []


@on_linux
@pytest.mark.parametrize("make", [*MAKERS, bytes_of], ids=ids)
def test_without_readonly_it_is_hashed_once_however_many_take_it(
    cache: dumbo.Cache, digested: list[int], make: Any
) -> None:
    @cache.memo(keep="always")
    def first(n: int) -> Any:
        return make(n)

    @cache.memo(keep="always")
    def second(x: Any) -> str:
        return type(x).__name__

    @cache.memo(keep="always")
    def third(x: Any, i: int) -> str:
        return type(x[i]).__name__

    first(200_000)
    name = second(make(200_000))
    third([make(200_000)], 0)
    digested.clear()
    result = first(200_000)
    assert digested == []  # nothing for nothing
    assert second(result) == name
    once = digested[:]
    assert once
    for _ in range(3):
        assert second(result) == third([result], 0) == name
    assert digested == once


@pytest.mark.parametrize("make", [array_of, table_of, frame_of, bytes_of], ids=ids)
def test_no_stage_hashes_what_another_returned_lazily(
    cache: dumbo.Cache, ran: Ran, digested: list[int], make: Any
) -> None:
    pytest.importorskip("wrapt")

    @cache.memo(keep="always", lazy=True)
    def first(n: int) -> Any:
        return make(n)

    @cache.memo(keep="always", lazy=True)
    def second(x: Any) -> Any:
        sys.audit("ran", "second")
        return x

    @cache.memo(keep="always")
    def third(x: Any) -> str:
        sys.audit("ran", "third")
        return type(x).__name__

    for _ in range(2):
        first(200_000)  # computed, it is no proxy yet
        second(first(200_000))
        third(second(first(200_000)))
    ran.clear()
    digested.clear()
    third(second(first(200_000)))
    assert ran == []
    assert digested == []


def test_bytes_are_held_only_while_others_hold_them_and_within_bounds() -> None:
    known._held.clear()
    kept = bytes(2 << 20)
    known.hold(kept)
    known.hold(bytes(3 << 20))
    known.hold(bytes(1 << 20))
    assert [len(held) for held, _ in known._held.values()] == [2 << 20, 1 << 20]
    many = [bytes(20 << 20) for _ in range(5)]
    for each in many:
        known.hold(each)
    assert sum([len(held) for held, _ in known._held.values()]) <= 64 << 20
    assert id(many[-1]) in known._held
    known.hold(bytes(65 << 20))
    assert id(many[-1]) in known._held
    known._held.clear()


def test_other_bytes_at_the_same_place_are_hashed() -> None:
    known._held.clear()
    for n in range(30):
        value = bytes([n]) * (1 << 20)
        if n % 3:
            known.hold(value)
        assert digest(value) == digest(bytes([n]) * (1 << 20))
        del value
    known._held.clear()


def loaded(cache: dumbo.Cache, make: Any, n: int = 200_000, **options: Any) -> Any:
    """Return a result as it comes from disk."""

    @cache.memo(keep="always", **options)
    def result(n: int) -> Any:
        return make(n)

    result(n)
    return result(n)


@on_linux
def test_a_writable_array_is_known_until_somebody_writes_to_it(
    cache: dumbo.Cache, tmp_path: Path
) -> None:
    def by_itself(array: Any) -> None:
        array[70_000] = -1

    def by_a_view(array: Any) -> None:
        array.reshape(2, -1)[::-1, ::3][0, 5] = -1

    def by_the_same_number(array: Any) -> None:
        array[-1] = array[-1]

    def by_what_it_lies_on(array: Any) -> None:
        array.base[:8] = b"8 bytes!"

    def by_another_array_there(array: Any) -> None:
        np.frombuffer(array.base, "u1")[-1] ^= 1

    def by_the_system(array: Any) -> None:
        with (tmp_path / "data").open("w+b", buffering=0) as file:
            file.write(b"8 bytes!")
            file.seek(0)
            file.readinto(array[1000:1001])

    def by_sorting(array: Any) -> None:
        array[::-1].sort()

    for change in (
        *(by_itself, by_a_view, by_the_same_number, by_what_it_lies_on, by_another_array_there),
        *(by_the_system, by_sorting),
    ):
        array = loaded(cache, array_of)
        assert array.flags.writeable
        assert known.recall(array) is None
        before = token_of(array)
        assert before == token_of(array_of(200_000))
        assert float(array.sum()) == float(array_of(200_000).sum())  # reading is no writing
        assert known.recall(array) == before
        change(array)
        assert known.recall(array) is None
        assert digest(array) == digest(array.copy())
        assert known.recall(array) is None


@on_linux
def test_what_a_child_writes_is_the_childs(cache: dumbo.Cache) -> None:
    array = loaded(cache, array_of)
    token_of(array)
    child = os.fork()
    if not child:
        found = known.recall(array) is not None
        array[0] = 7
        os._exit(0 if found and known.recall(array) is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert known.recall(array) is not None


def test_nothing_is_known_of_private_memory_where_the_kernel_does_not_tell(
    cache: dumbo.Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "is_untouched", lambda address, size: False)
    array = loaded(cache, array_of)
    before = digest(array)
    assert known.recall(array) is None
    array[0] = 7
    assert digest(array) != before


@on_linux
@pytest.mark.parametrize("make", [table_of, column_of], ids=ids)
def test_a_table_is_known_until_somebody_writes_to_its_memory(
    cache: dumbo.Cache, make: Any
) -> None:
    table = loaded(cache, make, readonly=True)
    token = known.recall(table)
    assert token == token_of(make(200_000))
    assert digest([table]) == digest([make(200_000)])
    others = [table.slice(1), table.slice(0), table.combine_chunks()]
    assert [known.recall(other) for other in others] == [None] * 3
    column = table["a"] if make is table_of else table
    buffer = column.chunk(0).buffers()[1]
    memory = np.frombuffer(memoryview(buffer), "u1")
    if not memory.flags.writeable:
        return
    memory[9] ^= 1
    assert known.recall(table) is None
    assert digest(table) != digest(make(200_000))


def test_a_table_that_somebody_made_on_memory_of_his_own_is_not_known() -> None:
    pa = pytest.importorskip("pyarrow")
    space = np.arange(200_000.0)
    table = pa.table(
        {"a": pa.Array.from_buffers(pa.float64(), len(space), [None, pa.py_buffer(space)])}
    )
    before = digest(table)
    space[7] = -1
    assert digest(table) != before
    assert known.recall(table) is None


@on_linux
def test_a_frame_of_polars_is_known_until_it_is_changed(cache: dumbo.Cache) -> None:
    pl = pytest.importorskip("polars")

    def by_item(frame: Any) -> None:
        frame[5, "a"] = -1.0

    def by_text(frame: Any) -> None:
        frame[5, "s"] = "other"

    def by_a_new_column(frame: Any) -> None:
        frame.insert_column(1, pl.Series("c", [1] * len(frame)))

    def by_another_column(frame: Any) -> None:
        frame.replace_column(0, frame["a"] + 1)

    def by_name(frame: Any) -> None:
        frame.columns = ["x", "s", "b"]

    def by_more(frame: Any) -> None:
        frame.extend(frame[:1])

    def by_less(frame: Any) -> None:
        frame.drop_in_place("s")

    def by_its_memory(frame: Any) -> None:
        column = frame.to_arrow(compat_level=pl.CompatLevel.newest())["a"]
        np.frombuffer(memoryview(column.chunk(0).buffers()[1]), "u1")  # read-only, by Arrow
        address = column.chunk(0).buffers()[1].address
        ctypes.memset(address + 9, 7, 1)

    for change in (
        *(by_item, by_text, by_a_new_column, by_another_column, by_name, by_more, by_less),
        by_its_memory,
    ):
        frame = loaded(cache, frame_of, readonly=True)
        assert known.recall(frame) == token_of(frame_of(200_000)), change
        assert digest(frame) == digest(frame_of(200_000))
        change(frame)
        assert known.recall(frame) is None
        assert digest(frame) != digest(frame_of(200_000))
        assert digest(frame) == digest(frame.clone())


def test_a_column_taken_from_a_series_is_its_own(cache: dumbo.Cache) -> None:
    pytest.importorskip("polars")
    series = loaded(cache, series_of, readonly=True)
    before = digest(series)
    series[3] = -1.0
    assert known.recall(series) is None
    assert digest(series) != before


def test_what_may_be_written_to_is_never_known(tmp_path: Path) -> None:
    own = np.arange(10.0)
    flagged = own.copy()
    flagged.flags.writeable = False  # whoever owns it may take that back
    view = own.view()
    view.flags.writeable = False
    space = bytearray(80)
    hidden = np.frombuffer(memoryview(space).toreadonly())
    path = tmp_path / "f"
    path.write_bytes(bytes(80))
    with path.open("r+b") as file:
        shared = mmap.mmap(file.fileno(), 80)
        private = mmap.mmap(file.fileno(), 80, access=mmap.ACCESS_COPY)
    mapped = [np.frombuffer(memoryview(each).toreadonly()) for each in (shared, private)]
    objects = np.array([[1]], dtype=object)
    for array in (own, flagged, view, hidden, *mapped, objects):
        assert not known.remember(array, b"token")
        assert known.recall(array) is None
    assert known.remember(on_bytes(), b"token")


def test_an_array_that_was_changed_is_never_recognised() -> None:
    def reshaped(array: Any) -> None:
        array.shape = (10, 100)

    def cast(array: Any) -> None:
        array.dtype = "i8"

    def turned(array: Any) -> None:
        array.shape = (10, 100)
        array.strides = array.strides[::-1]

    for change in (reshaped, cast, turned):
        array = on_bytes()
        token = token_of(array)
        assert token is not None
        assert known.remember(array, token)
        before = digest(array)
        assert known.recall(array) == token
        try:
            change(array)
        except (AttributeError, DeprecationWarning, ValueError):
            continue  # newer versions of numpy refuse
        assert known.recall(array) is None
        assert digest(array) == digest(array.copy()) != before


@on_linux
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_was_changed_when_it_was_hashed_and_changed_back_is_not_known(
    cache: dumbo.Cache,
) -> None:
    array = loaded(cache, array_of)
    array.shape = (2, 100_000)
    digest(array)
    array.shape = (200_000,)
    assert digest(array) == digest(array_of(200_000))
    array = loaded(cache, array_of)
    array.dtype = np.dtype("f8", metadata={"unit": "m"})
    marked = digest(array)
    array.dtype = np.dtype("f8")
    assert digest(array) == digest(array_of(200_000)) != marked


def test_an_array_is_not_kept_alive_and_its_id_means_nothing_afterwards() -> None:
    seen = set()
    for n in range(50):
        array = on_bytes(n + 1)
        seen.add(id(array))
        assert known.recall(array) is None
        known.remember(array, b"%d" % n)
        assert known.recall(array) == b"%d" % n
        del array
    gc.collect()
    assert seen.isdisjoint(known.KNOWN)
