"""The tail: what was stored lately is found by all, survives, and comes into the index."""

from __future__ import annotations

import marshal
import os
import signal
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import perf_counter

import pytest
import xxhash
from desk import Desk, digest

from dumbo.persistence import small
from dumbo.persistence import tail as tails
from dumbo.persistence.ground import PYTHON
from dumbo.persistence.rows import first_slot

LARGE = list(range(20_000))


def put(desk: Desk, number: int, value: object = 1) -> None:
    """Store *value* on the short road."""
    if desk.store._index is None:
        desk.find(number)
    key = digest(number)
    record = small.save(desk.store, desk.closure, key, value, "mod:func", 1.5, "noted")
    assert record is not None


def rows(desk: Desk) -> int:
    """How many entries the index itself has."""
    with closing(sqlite3.connect(desk.index)) as sql:
        return int(sql.execute("SELECT COUNT(*) FROM entries").fetchone()[0])


def tail(desk: Desk) -> Path:
    return desk.directory / "tail"


def where(number: int) -> int:
    return first_slot(PYTHON, Desk.closure, digest(number))


def waiting(desk: Desk) -> int:
    """The bytes that nobody has merged."""
    return sum(path.stat().st_size for path in desk.directory.glob("tail*"))


def test_what_is_in_the_tail_is_found_with_all_that_is_known_of_it(desk: Desk) -> None:
    put(desk, 1, "text")
    assert tail(desk).stat().st_size > 0
    record = desk.find(1)
    assert (record.function, record.compute, record.note) == ("mod:func", 1.5, "noted")
    assert desk.store.load(record) == "text"
    assert rows(desk) == 0


def test_another_store_finds_it_at_once(desk: Desk) -> None:
    other = Desk(desk.directory)
    assert other.find(1) is None
    put(desk, 1)
    assert other.load(1) == 1
    put(desk, 2)
    assert other.load(2) == 1
    assert rows(desk) == 0
    assert other.find(2).function == "mod:func"


def test_what_another_store_has_merged_stays_in_sight(desk: Desk) -> None:
    other = Desk(desk.directory)
    put(desk, 1)
    assert other.load(1) == 1
    for number in range(2, 20):
        desk.store._settle()
        assert other.load(number - 1) == 1  # from the index
        put(desk, number, 1)
        assert other.load(number) == 1  # from a tail that is new


def test_what_is_being_merged_is_in_sight_until_it_is_in_the_index(desk: Desk) -> None:
    other = Desk(desk.directory)
    put(desk, 1)
    assert other.load(1) == 1
    merge = desk.store._index.write

    def write(work: Callable) -> object:
        def slowly(sql: sqlite3.Connection, known: set[object]) -> None:
            work(Slow(sql), known)

        return merge(slowly)

    class Slow:
        def __init__(self, sql: sqlite3.Connection) -> None:
            self.sql = sql

        def __getattr__(self, name: str) -> object:
            return getattr(self.sql, name)

        def execute(self, statement: str, *values: object) -> object:
            if statement == "COMMIT":
                put(other, 2, "meanwhile")
                seen.append(other.store.tail.find(where(1), perf_counter()) is not None)
                seen.append(other.store.tail.find(where(2), perf_counter()) is not None)
            return self.sql.execute(statement, *values)

    seen: list[bool] = []
    desk.store._index.write = write
    desk.store._settle()
    assert seen == [True] * 2
    assert other.store.tail.find(where(1), perf_counter()) is None
    assert other.store.tail.find(where(2), perf_counter()) is not None
    assert (other.load(1), other.load(2)) == (1, "meanwhile")


def test_what_was_cleared_is_in_no_tail_that_somebody_has_open(desk: Desk) -> None:
    other = Desk(desk.directory)
    put(desk, 1)
    assert other.load(1) == 1
    desk.store.clear()
    assert other.find(1) is None


def test_who_lists_entries_finds_them_in_the_index(desk: Desk) -> None:
    put(desk, 1)
    desk.save(2, LARGE)
    put(desk, 3)
    assert len(list(desk.store.everything())) == 3
    assert desk.store.summary()[0].entries == 3
    assert rows(desk) == 3
    assert not waiting(desk)
    assert desk.load(1) == desk.load(3) == 1


def test_what_is_forgotten_is_gone_from_the_tail_too(desk: Desk) -> None:
    put(desk, 1)
    put(desk, 2)
    assert desk.store.forget(desk.closure, digest(1)) == 1
    assert desk.find(1) is None
    assert desk.load(2) == 1
    assert desk.store.clear() == 1
    assert desk.find(2) is None


def test_the_last_result_of_a_call_is_the_one_that_is_found(desk: Desk) -> None:
    desk.save(1, LARGE)
    put(desk, 1, "later")
    assert desk.load(1) == "later"
    desk.save(1, [1, 2])
    assert desk.load(1) == [1, 2]
    put(desk, 1, "last")
    assert desk.again().load(1) == "last"


def test_closing_leaves_nothing_in_the_tail(desk: Desk) -> None:
    put(desk, 1)
    desk.store.close()
    assert rows(desk) == 1
    assert not waiting(desk)


def test_a_process_that_ends_leaves_nothing_in_the_tail(desk: Desk, child: Callable) -> None:
    process = child(
        "from dumbo.persistence import small\n"
        "desk.find(1)\n"
        "assert small.save(store, desk.closure, digest(1), 7, 'mod:func', 1.0, '')\n"
    )
    assert process.wait() == 0
    assert rows(desk) == 1
    assert desk.load(1) == 7


def test_a_kill_loses_nothing(desk: Desk, child: Callable) -> None:
    process = child(
        "from dumbo.persistence import small\n"
        "desk.find(1)\n"
        "for n in range(50):\n"
        "    small.save(store, desk.closure, digest(n), n, 'mod:func', 1.0, '')\n"
        "print('stored', flush=True); time.sleep(60)\n"
    )
    assert process.stdout.readline() == "stored\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [desk.load(n) for n in range(50)] == list(range(50))


def test_many_processes_append_and_merge_at_once(desk: Desk, child: Callable) -> None:
    program = (
        "from dumbo.persistence import small\n"
        "desk.find(1)\n"
        "for n in range({0}, {0} + 300):\n"
        "    assert small.save(store, desk.closure, digest(n), n, 'mod:func', 1.0, '')\n"
        "    if n % 50 == 0: store.summary()\n"
    )
    workers = [child(program.format(start)) for start in (0, 1000, 2000)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    expected = [n for start in (0, 1000, 2000) for n in range(start, start + 300)]
    assert [desk.load(n) for n in expected] == expected
    assert desk.store.summary()[0].entries == 900


def test_what_a_killed_process_was_merging_is_merged(desk: Desk) -> None:
    put(desk, 1)
    put(desk, 2)
    os.rename(tail(desk), desk.directory / "tail.0123.old")
    again = Desk(desk.directory)
    assert again.store.summary()[0].entries == 2
    assert again.load(1) == 1
    assert not waiting(desk)


@pytest.mark.parametrize("at", [0, 3, 10, 40, 150])
def test_a_damaged_record_is_no_result_and_hides_no_other(desk: Desk, at: int) -> None:
    put(desk, 1)
    put(desk, 2, "two")
    size = tail(desk).stat().st_size
    put(desk, 3, "three")
    data = bytearray(tail(desk).read_bytes())
    data[at] ^= 0x55
    tail(desk).write_bytes(data)
    assert at < size
    again = Desk(desk.directory)
    assert again.find(1) is None
    assert (again.load(2), again.load(3)) == ("two", "three")
    assert again.store.summary()[0].entries == 2


@pytest.mark.parametrize(
    "body",
    [
        (5, b"mod:func"),
        ((), b"mod:func"),
        (("x",) * 15, b"mod:func"),
        ((1, [2], *(b"",) * 13), b"mod:func"),
        ((1, *(b"",) * 14), "mod:func"),
    ],
)
def test_a_record_that_nobody_can_have_written_stops_no_merge(desk: Desk, body: object) -> None:
    put(desk, 1)
    data = marshal.dumps(body, 2)
    with tail(desk).open("ab") as file:
        file.write(struct.pack("<4sIQ", b"dmt1", len(data), xxhash.xxh3_64_intdigest(data)) + data)
    put(desk, 2)
    other = Desk(desk.directory)
    assert (other.load(1), other.load(2)) == (1, 1)
    assert len(list(other.store.summary())) == 1
    assert rows(desk) == 2


def test_a_tail_that_was_cut_off_has_what_is_left(desk: Desk) -> None:
    put(desk, 1)
    put(desk, 2)
    with open(tail(desk), "r+b") as file:
        file.truncate(tail(desk).stat().st_size - 7)
    assert desk.load(1) == 1
    assert desk.find(2) is None
    put(desk, 3, "behind what is torn")
    assert desk.load(3) == "behind what is torn"
    assert Desk(desk.directory).load(3) == "behind what is torn"


def test_what_was_cut_off_is_not_brought_back_by_who_has_it_open(desk: Desk) -> None:
    put(desk, 1)
    other = Desk(desk.directory)
    assert other.load(1) == 1
    old = desk.directory / "tail.0123.old"  # of one who was killed before it was removed
    os.rename(tail(desk), old)
    os.truncate(old, 0)
    other.store._settle()
    assert other.find(1) is None
    assert not old.exists()


def test_what_is_known_of_a_tail_is_merged_without_reading_it_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Desk(desk.directory)
    put(other, 1)
    put(desk, 2)
    put(other, 3)
    assert [desk.load(n) for n in (1, 2, 3)] == [1, 1, 1]
    monkeypatch.setattr(tails, "_content", lambda path: b"")
    desk.store._settle()
    assert rows(desk) == 3
    assert [Desk(desk.directory).load(n) for n in (1, 2, 3)] == [1, 1, 1]


@pytest.mark.parametrize("what", ["folder", "link", "pipe"])
def test_what_is_no_tail_is_not_used(desk: Desk, what: str, tmp_path: Path) -> None:
    desk.find(1)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"")
    tail(desk).unlink()
    if what == "folder":
        tail(desk).mkdir()
    elif what == "link":
        tail(desk).symlink_to(elsewhere)
    else:
        os.mkfifo(tail(desk), 0o600)
    key = digest(1)
    desk.store.tail.look()  # as who asks does some milliseconds later
    assert desk.find(1) is None
    assert small.save(desk.store, desk.closure, key, 1, "mod:func", 1.0, "") is None
    desk.save(1, 5)
    assert desk.again().load(1) == 5
    assert elsewhere.read_bytes() == b""


def test_a_tail_that_others_can_write_to_is_not_read(desk: Desk) -> None:
    put(desk, 1)
    tail(desk).chmod(0o666)
    again = Desk(desk.directory)
    assert again.find(1) is None
    assert list(again.store.everything()) == []


def test_a_long_tail_is_merged_by_who_makes_it_long(desk: Desk) -> None:
    for number in range(1000):
        put(desk, number, "x" * 200)
    assert rows(desk) > 0
    assert tail(desk).stat().st_size < 1 << 18
    assert [desk.load(number) for number in (0, 500, 999)] == ["x" * 200] * 3


def test_signed_and_durable_stores_have_no_tail(tmp_path: Path) -> None:
    from dumbo.persistence.store import Store

    for options in ({"signing_key": "k" * 32}, {"durable": True}):
        store = Store(tmp_path / next(iter(options)), **options)  # type: ignore[arg-type]
        store.find(digest(1), digest(2))
        assert store.tail is None
        assert small.save(store, digest(1), digest(2), 1, "mod:func", 1.0, "") is None
        store.close()


def test_a_forked_child_and_its_parent_append_to_one_tail(desk: Desk) -> None:
    put(desk, 1)
    pid = os.fork()
    if not pid:
        put(desk, 2, "child")
        os._exit(0)
    os.waitpid(pid, 0)
    put(desk, 3, "parent")
    assert (desk.load(1), desk.load(2), desk.load(3)) == (1, "child", "parent")


def renamed(desk: Desk) -> Path:
    """What a killed process leaves that had just begun to merge."""
    path = tail(desk).with_name("tail.0123.old")
    tail(desk).rename(path)
    return path


def test_what_is_written_to_a_tail_whose_merging_was_killed_is_not_lost(desk: Desk) -> None:
    other = Desk(desk.directory)
    put(desk, 1)
    assert other.load(1) == 1
    renamed(desk)
    put(desk, 2)  # who has it open cannot know yet
    assert rows(desk) == 0
    other.store._settle()
    assert rows(other) == 2
    put(desk, 3)  # and now it can
    other.store.tail.look()
    assert [other.load(number) for number in (1, 2, 3)] == [1, 1, 1]
    assert desk.load(2) == 1


def test_what_is_written_behind_the_mark_of_who_merges_is_written_again(desk: Desk) -> None:
    put(desk, 1)
    path = renamed(desk)
    with path.open("ab") as file:
        file.write(tails._MOVED)
    content = path.read_bytes()
    put(desk, 2)
    assert path.read_bytes()[: len(content)] == content
    path.unlink()  # by who merged what stood before the mark
    assert Desk(desk.directory).load(2) == 1


def test_who_opened_a_tail_before_anything_was_in_it_notices_that_it_was_merged(desk: Desk) -> None:
    other = Desk(desk.directory)
    assert other.find(1) is None  # so it has it open, and has read nothing
    put(desk, 1)
    desk.store._settle()
    put(other, 2)
    assert Desk(desk.directory).load(2) == 1


def test_where_the_disk_is_full_what_was_merged_is_cut_off(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Desk(desk.directory)
    put(desk, 1)
    assert other.load(1) == 1
    write = tails._write

    def full(path: str, mark: bytes) -> None:
        if mark == tails._MERGED:
            raise OSError(28, "No space left on device")
        write(path, mark)

    monkeypatch.setattr(tails, "_write", full)
    desk.store.clear()
    assert other.find(1) is None
