"""Verifying beside others who store and remove: what only came or went meanwhile is not bad."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from desk import Desk

from dumbo.persistence import assembly, housekeeping, rows, shelves
from dumbo.persistence import verify as verifying
from dumbo.persistence.ground import PARTS
from dumbo.persistence.store import Store
from dumbo.persistence.verify import Report, verify

BIG = 20_000


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Do something once, when rows are read and files are not."""

    def do(work: Callable[[], object]) -> None:
        real = shelves.walk

        def walk(folder: str) -> Iterator[str]:
            monkeypatch.setattr(verifying.shelves, "walk", real)
            work()
            return real(folder)

        monkeypatch.setattr(verifying.shelves, "walk", walk)

    return do


def told(report: Report) -> tuple[int, list[tuple[str, str]], list[str]]:
    return report.whole, report.bad, report.unlisted


def test_what_is_stored_meanwhile_is_whole(desk: Desk, meanwhile: Any) -> None:
    desk.save(1, os.urandom(BIG))
    meanwhile(lambda: desk.save(2, os.urandom(BIG)))
    assert told(verify(desk.store)) == (2, [], [])


def test_what_is_removed_meanwhile_is_not_bad(desk: Desk, meanwhile: Any) -> None:
    desk.save(1, os.urandom(BIG))
    desk.save(2, os.urandom(BIG))
    meanwhile(lambda: housekeeping.evict(desk.store, 1))
    assert told(verify(desk.store)) == (0, [], [])


def test_a_file_has_a_moment_to_get_its_row(desk: Desk, meanwhile: Any) -> None:
    desk.save(1, os.urandom(BIG))
    (row,) = desk.store._read(rows.ALL, ())

    def later() -> None:
        time.sleep(0.2)
        store = Store(desk.directory)
        store._execute(rows.PUT, *row)
        store.close()

    def placed() -> None:
        desk.store._execute("DELETE FROM entries")
        thread.start()

    thread = threading.Thread(target=later)
    meanwhile(placed)
    report = verify(desk.store)
    thread.join()
    assert told(report) == (1, [], [])


@pytest.mark.parametrize("age", [0, 60])
def test_a_file_that_gets_no_row_is_not_listed(desk: Desk, age: float) -> None:
    path = desk.blob(1, os.urandom(BIG))
    desk.store._execute("DELETE FROM entries")
    os.utime(path, (time.time() - age, time.time() - age))
    begun = time.monotonic()
    assert told(verify(desk.store)) == (0, [], [path.name])
    assert (time.monotonic() - begun >= verifying._PATIENCE) == (age == 0)


def test_what_is_stored_anew_meanwhile_is_not_bad(tmp_path: Path, meanwhile: Any) -> None:
    store = Store(tmp_path / "signed", signing_key=b"0123456789abcdef0123")
    closure, key = os.urandom(16), os.urandom(16)

    def save() -> None:
        store.save(closure, key, os.urandom(BIG), function="m:f", compute=1.0)

    save()
    meanwhile(save)
    report = verify(store)
    assert report.bad == []
    assert verify(store).whole == 1
    store.close()


def test_results_whose_parts_go_with_them_meanwhile_are_not_bad(desk: Desk, meanwhile: Any) -> None:
    np = pytest.importorskip("numpy")

    def save(number: int) -> None:
        desk.save(number, {"a": np.full(40_000, 1.0), "b": np.full(40_000, 2.0 + number)})

    save(1)
    save(2)
    meanwhile(lambda: (desk.store.forget_call("mod:func", desk.find(1).key), save(3)))
    report = verify(desk.store)
    assert (report.bad, report.unlisted) == ([], [])
    assert told(verify(desk.store)) == (2 + 3, [], [])


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"damage")])
def test_a_result_whose_part_is_damaged_is_bad(desk: Desk, damage: Any) -> None:
    np = pytest.importorskip("numpy")
    desk.save(1, {"a": np.full(40_000, 1.0), "b": np.full(40_000, 2.0)})
    record = desk.store.entries_of(assembly.LABEL)[0]
    damage(Path(desk.store.path_of(record.python, PARTS, record.key, b"")))
    bad = verify(desk.store).bad
    assert len(bad) == 2
    assert ("mod:func", "a part of it is gone") in bad


def test_where_everything_is_removed_rows_go_before_files_and_what_is_stored_meanwhile_stays(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        desk.save(number, os.urandom(BIG))
    real, left = shelves.remove, []

    def remove(path: str) -> bool:
        left.append(len(desk.store._read(rows.ALL, ())))
        for number in range(2):
            desk.save(number, os.urandom(BIG))  # of which the one after this is not removed
        return real(path)

    with monkeypatch.context() as patched:
        patched.setattr("dumbo.persistence.removal.shelves.remove", remove)
        assert desk.store.clear() == 2
    assert left == [0]
    assert len(desk.blobs()) == 1


@pytest.mark.parametrize("age", [0, 60])
def test_a_young_file_whose_row_may_be_on_its_way_outlives_a_clear(desk: Desk, age: float) -> None:
    path = desk.blob(1, os.urandom(BIG))
    (row,) = desk.store._read(rows.ALL, ())
    os.utime(path, (time.time() - age, time.time() - age))
    desk.store._execute("DELETE FROM entries")
    desk.store.clear()
    desk.store._execute(rows.PUT, *row)
    assert len(verify(desk.store).bad) == (age > 0)


WRITER = """
import random
chosen = random.Random(os.getpid())
store.size_limit = 1_000_000
print("ready", flush=True)
while True:
    number = 2 * chosen.randrange(15) + OWN
    desk.save(number, os.urandom((100, 20_000, 60_000)[number % 3]))
    if chosen.random() < 0.1:
        store.forget(desk.closure, digest(number))
    if chosen.random() < 0.01:
        store.clear()
"""


def test_beside_processes_that_write_and_remove_nothing_is_bad(child: Any, desk: Desk) -> None:
    for process in [child(WRITER.replace("OWN", own)) for own in "01"]:
        process.stdout.readline()
    for _ in range(20):
        report = verify(desk.store)
        assert (report.bad, report.unlisted) == ([], [])
        time.sleep(0.05)
