"""Reading without a lock finds what was committed, or nothing; and never what is gone."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pickle import loads
from time import perf_counter

import pytest
from desk import Desk, digest

from dumbo.persistence import rows
from dumbo.persistence.codecs import PICKLE
from dumbo.persistence.ground import PYTHON
from dumbo.persistence.index import Index

USUAL = rows.usual(PYTHON, PICKLE)


def slots(number: int) -> tuple[int, int]:
    return rows.slots(PYTHON, Desk.closure, digest(number))


@pytest.fixture
def index(desk: Desk) -> Index:
    """An index with ten results, which has a peek open."""
    for number in range(10):
        desk.save(number, number)
    desk.store._settle()
    found = desk.store._index
    assert found is not None
    look(found)
    return found


def look(index: Index) -> None:
    """Read until a peek is open."""
    for _ in range(2000):
        index.find(rows.SERVE, slots(0), perf_counter())
        if index._peeks:
            return
    raise AssertionError("no peek was opened")


def found(index: Index, number: int) -> bool:
    return bool(index.find(rows.SERVE, slots(number), perf_counter()))


def by_peek(index: Index, number: int) -> bool | None:
    """What the peek that is open says by itself."""
    (peek,) = index._peeks
    answer = peek.read(rows.SERVE, slots(number))
    return None if answer is None else bool(answer)


def elsewhere(index: Index, *statements: str) -> None:
    """Run statements in one transaction, as another process would."""
    script = (
        "import sqlite3, sys\n"
        "sql = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "for statement in sys.argv[2:]: sql.execute(statement)\n"
    )
    arguments = [index.path, "BEGIN IMMEDIATE", *statements, "COMMIT"]
    subprocess.run([sys.executable, "-c", script, *arguments], check=True)


def test_a_peek_finds_what_is_there_and_not_what_is_not(index: Index) -> None:
    assert [by_peek(index, number) for number in (0, 9, 10)] == [True, True, False]


def test_what_another_process_removed_is_seen_no_more(index: Index) -> None:
    assert by_peek(index, 3)
    elsewhere(index, f"DELETE FROM entries WHERE id = {slots(3)[0]}")
    assert by_peek(index, 3) is None
    assert not found(index, 3)
    assert found(index, 4)
    look(index)
    assert by_peek(index, 3) is False


def test_what_another_process_replaced_is_seen_anew(index: Index) -> None:
    (before,) = index.find(rows.SERVE, slots(3), perf_counter())
    elsewhere(index, f"UPDATE entries SET payload = x'00' WHERE id = {slots(3)[0]}")
    (after,) = index.find(rows.SERVE, slots(3), perf_counter())
    assert (before[0] != b"\0", after[0]) == (True, b"\0")


def test_a_transaction_that_is_not_committed_hides_nothing(index: Index) -> None:
    with closing(sqlite3.connect(index.path, isolation_level=None)) as sql:
        sql.execute("BEGIN IMMEDIATE")
        sql.execute("DELETE FROM entries")
        assert all(found(index, number) for number in range(10))
        sql.execute("ROLLBACK")
    assert all(found(index, number) for number in range(10))


def test_no_peek_is_opened_in_the_middle_of_a_transaction(index: Index) -> None:
    index._drop_idle()
    with closing(sqlite3.connect(index.path, isolation_level=None)) as sql:
        sql.execute("BEGIN EXCLUSIVE")
        thread = threading.Thread(target=index._peek)
        thread.start()
        thread.join(0.2)
        assert not index._peeks
        sql.execute("DELETE FROM entries")
        sql.execute("COMMIT")
    thread.join()
    assert by_peek(index, 0) is False


def served(index: Index, number: int) -> object:
    """What a hit would be served; None: nothing."""
    try:
        listed = index.find(rows.SERVE, slots(number), perf_counter())
    except OSError:
        return None
    for payload, checksum, *_ in listed:
        if rows.is_served(checksum, USUAL, Desk.closure, digest(number), payload):
            return loads(payload)
    return None


@pytest.mark.parametrize("size", [0, 100, 4096, 5000])
def test_an_index_that_is_cut_off_under_a_peek_serves_nothing_else(index: Index, size: int) -> None:
    assert served(index, 3) == 3
    index._peeks[0].sql.execute("PRAGMA shrink_memory")  # so that pages are read again
    os.truncate(index.path, size)
    assert {served(index, number) in (number, None) for number in range(10)} == {True}


def test_an_index_that_is_overwritten_under_a_peek_serves_nothing_else(index: Index) -> None:
    index._peeks[0].sql.execute("PRAGMA shrink_memory")
    size = os.path.getsize(index.path)
    with open(index.path, "r+b") as file:
        file.seek(100)
        file.write(b"\xa5" * (size - 100))
    assert {served(index, number) in (number, None) for number in range(10)} == {True}


def test_another_index_at_the_path_is_noticed(index: Index, desk: Desk) -> None:
    os.unlink(index.path)
    index._look_at = 0.0
    assert not found(index, 3)
    desk.save(3, 3)
    desk.store._settle()
    assert found(index, 3)


def test_an_index_that_changes_all_the_time_is_peeked_at_less_and_less(index: Index) -> None:
    opened = []
    for _ in range(4):
        elsewhere(index, "UPDATE entries SET used = used + 1")
        count = 0
        while index._peeks:
            found(index, 0)
        while not index._peeks:
            found(index, 0)
            count += 1
        opened.append(count)
    assert opened == sorted(opened)
    assert opened[-1] >= 2 * opened[0]


def test_a_descriptor_is_not_closed_while_sqlite_has_the_file(index: Index) -> None:
    fd = index._peeks[0].eye.fd
    taken = index._take()
    index.close()
    os.fstat(fd)  # closing it would drop the locks of this process
    index._give_back(taken)
    del taken
    index.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_locks_hold_whatever_becomes_of_peeks(index: Index) -> None:
    taken = index._take()
    taken.sql.execute("BEGIN IMMEDIATE")
    index.close()
    look(index)
    index.close()
    script = (
        "import sqlite3, sys\n"
        "sql = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)\n"
        "try: sql.execute('BEGIN IMMEDIATE')\n"
        "except sqlite3.OperationalError: print('locked')\n"
    )
    command = [sys.executable, "-c", script, index.path]
    assert subprocess.check_output(command).strip() == b"locked"
    index._give_back(taken)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="takes fork")
def test_a_forked_child_has_peeks_of_its_own(index: Index) -> None:
    before = index._peeks[0].version
    child = os.fork()
    if not child:
        right = index._peeks == [] and all(found(index, number) for number in range(10))
        os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert index._peeks == []
    assert all(found(index, number) for number in range(10))
    look(index)
    assert index._peeks[0].version == before


def test_threads_that_read_at_once_find_all(index: Index) -> None:
    missed = []

    def read() -> None:
        for turn in range(300):
            if not found(index, turn % 10):
                missed.append(turn)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not missed
    assert len(index._peeks) <= 4
