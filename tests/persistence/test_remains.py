"""Results in parts of which something has gone: what is left of them goes too."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import pytest
from desk import Desk

import dumbo
from dumbo.errors import CorruptBlob, MissingBlob, OutOfReach, StorageError
from dumbo.persistence import assembly, housekeeping, parts, remains
from dumbo.persistence.housekeeping import evict, prune, remove, sweep, usage
from dumbo.persistence.verify import verify

np = pytest.importorskip("numpy")

PART = 400_000


def large(number: int) -> Any:
    return np.full(PART // 8, float(number))


def save(desk: Desk, *numbers: int, **more: Any) -> None:
    for number in numbers:
        value = {"own": large(number), "other": large(-number), "common": large(0)}
        assert desk.save(number, value | more).codec == "parts"


def there(desk: Desk, numbers: Iterable[int]) -> list[int]:
    return [number for number in numbers if desk.find(number) is not None]


def parts_of(desk: Desk) -> int:
    return len(desk.store.entries_of(assembly.LABEL, limit=1000))


def drop_part(desk: Desk, value: object) -> None:
    """Remove the part that *value* is, as older evictions did."""
    for record in desk.store.entries_of(assembly.LABEL, limit=1000):
        if np.array_equal(desk.store.load(record), value):
            assert desk.store.forget(record.closure, record.key) == 1


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_after_an_eviction_every_result_has_its_parts_and_every_part_a_result(
    desk: Desk, share: float
) -> None:
    save(desk, *range(1, 9))
    evict(desk.store, int(usage(desk.store).total * share))
    report = verify(desk.store)
    assert report.bad == []
    left = there(desk, range(1, 9))
    assert 0 < len(left) < 8
    assert parts_of(desk) == 2 * len(left) + 1
    for number in left:
        assert desk.load(number)["own"][0] == number


def test_results_go_whole_and_no_more_of_them_than_it_takes(desk: Desk) -> None:
    save(desk, *range(1, 9))
    total = usage(desk.store).total
    gone, freed = evict(desk.store, total, down_to=1 - 3 * PART / total, coming=total // 5)
    assert freed < 7 * PART + total // 5
    assert len(there(desk, range(1, 9))) >= 4
    assert gone == 3 * (8 - len(there(desk, range(1, 9))))


def test_what_an_earlier_eviction_left_goes_with_the_next(desk: Desk) -> None:
    save(desk, 1, 2)
    drop_part(desk, large(1))
    assert len(verify(desk.store).bad) == 1
    evict(desk.store, usage(desk.store).total)
    assert verify(desk.store).bad == []
    assert there(desk, (1, 2)) == [2]
    assert parts_of(desk) == 3


def test_a_part_that_is_stored_right_now_is_left_by_who_evicts(desk: Desk) -> None:
    save(desk, 1)
    (record,) = [one for one in desk.store.entries_of("mod:func")]
    desk.store._execute("DELETE FROM entries WHERE key = ?", record.key)  # as if not there yet
    assert remains.settle(desk.store, remove, young=remains.YOUNG) == (0, 0)
    assert parts_of(desk) == 3
    sweep(desk.store)
    assert parts_of(desk) == 0


def test_a_result_that_loses_a_part_while_it_is_stored_is_not_stored(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = parts.tail

    def tail(codec: int) -> bytes:
        drop_part(desk, large(1))
        return real(codec)

    monkeypatch.setattr(parts, "tail", tail)
    with pytest.raises(StorageError, match="a part of it was evicted while it was stored"):
        save(desk, 1)
    assert desk.find(1) is None
    assert verify(desk.store).bad == []


def test_a_result_that_was_stored_with_a_part_that_just_goes_goes_with_it(desk: Desk) -> None:
    save(desk, 1)
    desk.store.forget(desk.closure, desk.find(1).key)  # its parts are there yet
    asked = []

    def meanwhile(store: Any, chosen: Iterable[Any]) -> tuple[int, int]:
        if not asked:
            save(desk, 1)  # finds all of its parts
        asked.append(chosen)
        return remove(store, chosen)

    remains.settle(desk.store, meanwhile)
    assert len(asked) == 2
    assert desk.find(1) is None
    assert verify(desk.store).bad == []


def test_parts_of_a_file_that_cannot_be_read_now_are_left(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(desk, 1)

    def opening(path: str, size: int) -> bytes:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(remains.blobs, "opening", opening)
    assert remains.settle(desk.store, remove) == (0, 0)
    assert parts_of(desk) == 3


def test_the_parts_of_what_is_used_are_not_too_old(desk: Desk) -> None:
    save(desk, 1)
    ago = int(time.time()) - 1000
    desk.store._execute("UPDATE entries SET used = ? WHERE codec != 6", ago)
    assert prune(desk.store, unused_since=time.time() - 500) == (0, 0)
    sweep(desk.store)
    assert desk.load(1)["own"][0] == 1


def test_a_part_that_has_gone_is_said_to_have_gone(cache: dumbo.Cache, ran: list[object]) -> None:
    @cache.memo(keep="always")
    def f(x):
        import sys

        sys.audit("ran", x)
        return {"a": large(x), "b": large(x + 1)}

    f(1)
    store = cache.open()
    record = store.entries_of(assembly.LABEL)[0]
    store.forget(record.closure, record.key)
    f(1)
    assert ran == [1, 1]
    assert "a part of it was evicted, or removed" in "".join(f.cache_info().reasons)
    assert "CorruptBlob" not in "".join(f.cache_info().reasons)
    assert store.corrupt == 0


def test_a_damaged_part_is_told_from_one_that_has_gone(desk: Desk) -> None:
    save(desk, 1)
    for path in desk.blobs():
        if path.stat().st_size > PART:
            data = bytearray(path.read_bytes())
            data[-9] ^= 1
            path.write_bytes(data)
    with pytest.raises(CorruptBlob, match="a part of it: the payload was altered"):
        desk.load(1)
    assert desk.find(1) is None
    assert desk.store.corrupt == 1


def test_a_result_stays_where_there_is_no_memory_for_a_part(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(desk, 1)
    record = desk.find(1)
    real = desk.store._decode

    def decode(codec: int, *more: Any) -> Any:
        if codec != 6 and real(codec, *more) is not None:
            raise MemoryError
        return real(codec, *more)

    with monkeypatch.context() as patched:
        patched.setattr(desk.store, "_decode", decode)
        with pytest.raises(OutOfReach, match="a part of it cannot be loaded now: MemoryError"):
            desk.store.load(record)
    assert desk.load(1)["own"][0] == 1
    assert not issubclass(OutOfReach, MissingBlob)
    assert housekeeping.usage(desk.store).entries == 4
