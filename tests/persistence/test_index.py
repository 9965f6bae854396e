"""The index may be lost, damaged or replaced at any time: what is found then is still right."""

from __future__ import annotations

import gc
import os
import random
import shutil
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desk import Desk, digest

from dumbo.errors import CorruptBlob
from dumbo.persistence import index as module
from dumbo.persistence import rows
from dumbo.persistence.store import Store

LARGE = list(range(20_000))
SMALL = {"a": [1, 2.5], "b": "text"}


def fill(desk: Desk) -> None:
    for number in range(10):
        desk.save(number, LARGE if number % 2 else SMALL, note="kept")


def check(desk: Desk) -> int:
    """Whatever is found is right; what isn't can be stored again. Returns how many were found."""
    hits = 0
    for number in range(10):
        value = LARGE if number % 2 else SMALL
        record = desk.find(number)
        try:
            if record is not None:
                assert desk.store.load(record) == value
                hits += 1
                continue
        except CorruptBlob:
            pass
        desk.save(number, value)
        assert desk.load(number) == value
    return hits


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(50_000))


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "something").write_text("")


def missing(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    os.truncate(path, 0)


def half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def newer(path: Path) -> None:
    sql = sqlite3.connect(path)
    sql.execute("PRAGMA user_version = 99")
    sql.execute("DROP TABLE entries")
    sql.commit()
    sql.close()


def without_table(path: Path) -> None:
    sql = sqlite3.connect(path)
    sql.execute("DROP TABLE entries")
    sql.commit()
    sql.close()


def in_wal_mode(path: Path) -> None:
    sql = sqlite3.connect(path)
    sql.execute("PRAGMA journal_mode = WAL")
    sql.close()


def open_to_others(path: Path) -> None:
    path.chmod(0o666)


DAMAGES = [
    garbage,
    directory,
    missing,
    empty,
    half,
    dangling,
    newer,
    without_table,
    in_wal_mode,
    open_to_others,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_lost_index_is_made_anew_from_the_blobs(
    desk: Desk, damage: Callable[[Path], None]
) -> None:
    fill(desk)
    record = desk.find(1)
    desk.store.close()
    damage(desk.index)
    again = desk.again()
    found = again.find(1)
    assert found is not None
    for name in ("function", "closure", "key", "compute", "created", "codec", "size", "note"):
        assert getattr(found, name) == getattr(record, name)
    assert [len(again.store.entries_of("mod:func")), check(again)] == [5, 5]
    assert check(again.again()) == 10
    assert bool(again.store.trouble) == (damage is not missing)


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_index_that_is_lost_while_it_is_open_does_no_harm(
    desk: Desk, damage: Callable[[Path], None]
) -> None:
    fill(desk)
    damage(desk.index)
    check(desk)  # what is open may serve a moment longer
    time.sleep(0.06)
    for _ in range(3):
        check(desk)
    again = desk.again()
    assert check(again) >= 5  # some damages are seen only when the file is opened
    assert check(again) == 10


def test_all_files_truncated_while_open(desk: Desk) -> None:
    fill(desk)
    for path in desk.directory.rglob("*"):
        if path.is_file():
            os.truncate(path, 0)
    check(desk)
    assert check(desk) == 10
    assert check(desk.again()) == 10


def test_the_directory_removed_while_open(desk: Desk) -> None:
    fill(desk)
    shutil.rmtree(desk.directory)
    check(desk)
    time.sleep(0.06)
    check(desk)
    assert check(desk) == 10
    assert check(desk.again()) == 10


def test_the_directory_replaced_by_a_file_while_open(desk: Desk) -> None:
    fill(desk)
    shutil.rmtree(desk.directory)
    desk.directory.write_text("")
    for number in range(4):
        record = desk.find(number)
        if record is not None and record.inline:
            assert desk.store.load(record) == SMALL  # the file is gone, but not yet for us
        with pytest.raises(OSError, match=r"[Nn]ot a directory"):
            desk.save(number, LARGE)
    desk.directory.unlink()
    time.sleep(0.06)
    check(desk)
    assert check(desk) == 10


def test_every_kind_of_damage_to_the_index_is_survived(desk: Desk) -> None:
    fill(desk)
    desk.store.add_trace("f", b"root", b"shape", b"program", b"state", digest(1), b"details")
    desk.store.close()
    whole = desk.index.read_bytes()
    chosen = random.Random(7)
    for _ in range(80):
        damaged = bytearray(whole)
        start = chosen.randrange(len(whole))
        if chosen.random() < 0.7:
            damaged[start] ^= 1 << chosen.randrange(8)
        else:
            damaged[start : start + 64] = chosen.randbytes(64)[: len(whole) - start]
        desk.index.unlink(missing_ok=True)
        desk.index.write_bytes(damaged)
        desk.index.chmod(0o600)
        other = Desk(desk.directory)
        check(other)
        for trace in other.store.traces(b"root", b"shape"):
            assert (trace.state, trace.closure) == (b"state", digest(1))
            assert other.store.program(trace.program) in (b"program", None)
        for trace in other.store.traces_of("f"):
            assert trace.details in (b"details", b"")
        other.store.summary()
        check(other)  # damage may come to light late, and cost what lay in the index
        assert check(other) == 10
        other.store.clear()
        fill(other)
        other.store.close()


def test_a_damaged_row_is_dropped_alone(desk: Desk) -> None:
    fill(desk)
    desk.store.close()
    sql = sqlite3.connect(desk.index)
    sql.execute("UPDATE entries SET payload = x'80054b2a2e' WHERE payload IS NOT NULL AND id IN "
                "(SELECT id FROM entries WHERE payload IS NOT NULL LIMIT 1)")  # fmt: skip
    sql.execute("UPDATE entries SET compute = 'x' WHERE payload IS NULL AND id IN "
                "(SELECT id FROM entries WHERE payload IS NULL LIMIT 1)")  # fmt: skip
    sql.commit()
    sql.close()
    again = Desk(desk.directory)
    assert [again.find(number) is None for number in range(10)].count(True) == 2
    assert again.store.corrupt == 2
    assert len(again.store.summary()) == 1
    again.store.close()


def test_a_damaged_program_is_nothing(desk: Desk) -> None:
    desk.store.add_trace("f", b"root", b"shape", b"program", b"state", digest(1), b"")
    (trace,) = desk.store.traces(b"root", b"shape")
    desk.store.close()
    sql = sqlite3.connect(desk.index)
    sql.execute("UPDATE programs SET payload = x'00'")
    sql.execute("UPDATE traces SET details = x'00'")
    sql.commit()
    sql.close()
    again = Desk(desk.directory)
    assert again.store.program(trace.program) is None
    assert again.store.traces_of("f")[0].details == b""
    again.store.add_trace("f", b"root", b"shape", b"program", b"state", digest(1), b"")
    assert again.store.program(trace.program) == b"program"
    again.store.close()


def test_an_old_journal_is_not_played_into_a_new_index(desk: Desk) -> None:
    fill(desk)
    desk.store.close()
    desk.index.unlink()
    desk.index.with_name("index.sqlite-journal").write_bytes(
        b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(10_000)
    )
    assert check(desk.again()) == 5


def test_what_was_set_aside_does_not_pile_up(desk: Desk) -> None:
    for number in range(3):
        garbage_or_new = desk.index
        desk.store.prepare()
        garbage_or_new.write_bytes(b"%d" % number)
        desk = desk.again()
        desk.save(1, SMALL)
    assert len(list(desk.directory.glob("*.aside"))) <= 3


def test_an_index_that_breaks_again_and_again_is_given_up(desk: Desk) -> None:
    for _ in range(4):
        desk.save(1, SMALL)
        garbage(desk.index)
        desk.store._index._look()  # type: ignore[union-attr]
        desk.find(1)
    assert "3 times in a minute" in desk.store.trouble
    with pytest.raises(Exception, match="3 times in a minute"):
        desk.save(1, SMALL)


def test_a_locked_index_is_waited_for_in_bounds(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dumbo.persistence.index._PATIENCE", 0.1)
    desk.save(1, SMALL)
    other = sqlite3.connect(desk.index, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert desk.find(1) is None
    assert "locked" in desk.store.trouble
    with pytest.raises(OSError, match="locked"):
        desk.save(2, LARGE)
    other.execute("ROLLBACK")
    other.close()
    assert desk.load(1) == SMALL
    assert desk.blobs() == []


def test_a_read_only_directory_can_be_read(desk: Desk) -> None:
    fill(desk)
    desk.store.close()
    for path in (*desk.directory.rglob("*"), desk.directory):
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        if os.access(desk.directory, os.W_OK):
            pytest.skip("root may write anywhere")
        again = desk.again()
        assert check(again) == 10
        for value in (SMALL, LARGE):
            with pytest.raises(OSError, match=r"readonly|denied"):
                again.save(11, value)
        assert check(again) == 10
    finally:
        for path in (desk.directory, *desk.directory.rglob("*")):
            path.chmod(0o700)


def test_threads_share_a_store(desk: Desk) -> None:
    wrong: list[object] = []

    def work(start: int) -> None:
        for number in range(start, start + 30):
            value = [number] * (5000 if number % 5 == 0 else 5)
            desk.save(number, value)
            if desk.load(number) != value:
                wrong.append(number)
            desk.store.entries_of("mod:func", digest(number))

    threads = [threading.Thread(target=work, args=(100 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert desk.store.summary()[0].entries == 240
    assert desk.store.trouble == ""


def peek_into(desk: Desk) -> None:
    """Read until the index is read without a lock."""
    index = desk.store._index
    assert index is not None
    for _ in range(100):
        index.find(rows.FIND, (0, 1), time.perf_counter())
    assert index._peeks


@pytest.mark.parametrize("peeking", [False, True])
def test_an_index_that_is_garbage_closes_what_is_older_than_itself(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peeking: bool
) -> None:
    """Garbage is finalized in any order: here, connections would come first."""
    unraisable: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    younger = Desk(desk.directory)
    for one in (desk, younger):
        one.save(1, SMALL)
        peek_into(one)
    old, new = desk.store._index, younger.store._index
    assert old is not None
    assert new is not None
    taken = (old._peeks if peeking else old._idle).pop()
    (new._peeks if peeking else new._idle).append(taken)  # type: ignore[arg-type]
    closed = taken.sql
    del younger, new, old, one, taken
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        closed.execute("SELECT 1")
    assert unraisable == []


@pytest.mark.parametrize("where", ["read", "peek", "open"])
def test_what_a_signal_handler_raises_leaves_no_connection_open(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    class Timeout(Exception):
        pass

    class Raising:
        """A connection in whose middle a signal comes."""

        def __init__(self, sql: Any) -> None:
            self.sql = sql
            opened.append(sql)

        def execute(self, *more: object) -> Any:
            raise Timeout

        def __getattr__(self, name: str) -> Any:
            return getattr(self.sql, name)

    opened: list[Any] = []
    desk.save(1, SMALL)
    peek_into(desk)
    index = desk.store._index
    assert index is not None
    if where == "read":
        index._idle[-1].sql = Raising(index._idle[-1].sql)
    elif where == "peek":
        index._peeks[-1].execute = Raising(index._peeks[-1].sql).execute
    else:
        index.close()
        real = module._connect
        monkeypatch.setattr(module, "_connect", lambda *how: Raising(real(*how)))
    more = (time.perf_counter(),) if where == "peek" else ()
    with pytest.raises(Timeout):
        getattr(index, "find" if where == "peek" else "read")(rows.FIND, (0, 1), *more)
    monkeypatch.undo()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")
    assert desk.load(1) == SMALL


def test_two_stores_of_one_directory_in_one_process(desk: Desk) -> None:
    other = Store(desk.directory)
    for number in range(50):
        desk.save(number, number)
        record = other.find(desk.closure, digest(number))
        assert record is not None
        assert other.load(record) == number
        other.close()
    assert other.summary()[0].entries == 50
    other.close()
