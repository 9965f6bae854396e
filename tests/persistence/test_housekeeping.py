"""Size limit, old versions, and what nothing refers to any more."""

from __future__ import annotations

import itertools
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from desk import Desk, digest

from dumbo.decision.reuse import HALF_LIVES, Reuse
from dumbo.persistence import housekeeping, ranking, saving, statistics
from dumbo.persistence.ground import function_id
from dumbo.persistence.housekeeping import evict, prune, stale, sweep, usage
from dumbo.persistence.locks import KEPT, Claim
from dumbo.persistence.store import Store

BIG = 20_000


def size_of(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def used(desk: Desk, number: int, seconds_ago: float) -> None:
    """Let it look as if an entry had been used last so long ago."""
    desk.store.run(
        lambda sql, known: sql.execute(
            "UPDATE entries SET used = ? WHERE key = ?",
            (int(time.time() - seconds_ago), digest(number)),
        )
    )


def age(desk: Desk, table: str) -> None:
    desk.store.run(lambda sql, known: sql.execute(f"UPDATE {table} SET used = 0"))


def count(desk: Desk, table: str) -> int:
    return desk.store.run(
        lambda sql, known: sql.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
    )


def test_usage_is_about_what_the_directory_takes(desk: Desk) -> None:
    for number in range(20):
        desk.save(number, os.urandom(BIG if number % 2 else 100))
    measured = usage(desk.store)
    assert measured.entries == 20
    assert measured.total == pytest.approx(size_of(desk.directory), rel=0.1)


def test_within_the_limit_nothing_goes(desk: Desk) -> None:
    for number in range(10):
        desk.save(number, os.urandom(BIG))
    assert evict(desk.store, 10 * BIG * 2) == (0, 0)
    assert len(desk.blobs()) == 10


def test_what_was_not_used_for_the_longest_time_goes_first(desk: Desk) -> None:
    for number in range(10):
        desk.save(number, os.urandom(BIG))
        used(desk, number, seconds_ago=1000 * (number if number != 9 else 0))
    gone, freed = evict(desk.store, 6 * BIG + 100_000)
    assert gone > 0
    assert freed == gone * BIG
    left = [number for number in range(10) if desk.find(number) is not None]
    assert left == [*range(10 - gone - 1), 9]
    assert len(desk.blobs()) == len(left)


def test_what_took_longer_stays_longer(desk: Desk) -> None:
    for number in range(10):
        desk.save(number, os.urandom(BIG), compute=100.0 if number == 3 else 0.5)
    used(desk, 3, seconds_ago=5000)
    evict(desk.store, 5 * BIG + 100_000)
    assert desk.find(3) is not None
    assert desk.find(0) is None


def test_what_was_used_more_often_stays_longer(desk: Desk) -> None:
    for number in range(10):
        desk.save(number, os.urandom(BIG))
        used(desk, number, seconds_ago=-1000)
    desk.store.run(
        lambda sql, known: sql.execute("UPDATE entries SET uses = 5 WHERE key = ?", (digest(3),))
    )
    used(desk, 3, seconds_ago=0)
    evict(desk.store, 5 * BIG + 100_000)
    assert desk.find(3) is not None


def test_the_decision_engine_is_asked_for_the_order(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "rank_of", lambda saving, size, *habits: -size)
    for number in range(6):
        desk.save(number, os.urandom(BIG * (1 + number)))
    evict(desk.store, 15 * BIG + 100_000)
    assert desk.find(5) is None
    assert desk.find(0) is not None


def test_a_store_keeps_within_its_limit_while_it_is_written_to(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "cache")
    desk.store.size_limit = limit = 1_000_000
    for number in range(300):
        desk.save(number, os.urandom(BIG if number % 3 else 1000))
        if number % 20 == 0:
            assert size_of(desk.directory) <= limit
    assert size_of(desk.directory) <= limit
    assert desk.find(299) is not None
    assert desk.find(1) is None
    assert desk.find(0) is not None  # a twentieth of the size, for the same time
    desk.store.close()


def test_who_stores_while_somebody_evicts_waits_a_moment_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path / "cache")
    desk.store.size_limit = 1_000_000
    looked: list[int] = []
    monkeypatch.setattr(housekeeping, "evict", lambda store, limit, coming: looked.append(limit))
    claim = desk.store.locks().claim(saving._HOUSEKEEPER, None)
    assert isinstance(claim, Claim)
    desk.save(1, os.urandom(BIG))
    assert looked == []
    assert desk.find(1) is not None
    claim.end(KEPT)
    desk.save(2, b"of no size")
    assert looked == [1_000_000]
    desk.store.close()


def test_who_stores_little_while_somebody_evicts_goes_on_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path / "cache")
    desk.store.size_limit = 10_000_000
    waited: list[float] = []
    monkeypatch.setattr(saving.time, "sleep", waited.append)

    def evict(store: Store, limit: int, coming: int) -> None:
        claim = store.locks().claim(saving._HOUSEKEEPER, None)
        assert not isinstance(claim, Claim)
        desk.save(2, os.urandom(BIG))

    monkeypatch.setattr(housekeeping, "evict", evict)
    desk.save(1, os.urandom(10 * BIG))
    assert desk.find(2) is not None
    assert waited == []
    desk.store.close()


def test_who_is_killed_while_he_evicts_has_a_successor_at_once(child: Any, tmp_path: Path) -> None:
    program = """
import signal
from dumbo.persistence import housekeeping
store.size_limit = 1_000_000
housekeeping.evict = lambda store, limit, coming: os.kill(os.getpid(), signal.SIGKILL)
for n in range(100):
    desk.save(n, os.urandom(20_000))
"""
    killed = child(program)
    assert killed.wait() == -signal.SIGKILL
    desk = Desk(tmp_path / "cache")
    desk.store.size_limit = 1_000_000
    looked: list[int] = []
    evict = housekeeping.evict

    def look(store: Store, limit: int, coming: int) -> None:
        looked.append(coming)
        evict(store, limit, coming=coming)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(housekeeping, "evict", look)
        desk.save(1000, os.urandom(1500))
        assert len(looked) == 1
        desk.save(1001, os.urandom(1500))  # it has been looked at: a hundredth may be written
        assert len(looked) == 1
    assert looked[0] >= 10_000  # what was on its way when he was killed, too
    desk.store.close()


def looks_of(desk: Desk, count: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many results of 20 kB were stored when somebody looked."""
    looks: list[int] = []
    evict = housekeeping.evict

    def look(store: Store, limit: int, coming: int) -> None:
        looks.append(number)
        evict(store, limit, coming=coming)

    with monkeypatch.context() as patched:
        patched.setattr(housekeeping, "evict", look)
        for number in range(count):
            desk.save(number, os.urandom(BIG))
    return looks


def test_the_further_the_limit_is_away_the_rarer_somebody_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path / "cache")
    desk.store.size_limit = 100 * BIG
    looks = looks_of(desk, 85, monkeypatch)
    between = [after - before for before, after in itertools.pairwise(looks)]
    assert between[0] >= 9
    assert between[-1] == 1
    assert between == sorted(between, reverse=True)
    desk.store.close()


def test_how_far_another_limit_is_away_tells_nothing_of_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path / "cache")
    desk.store.size_limit = 1000 * BIG
    looks_of(desk, 20, monkeypatch)
    desk.store.size_limit = 10 * BIG
    assert looks_of(desk, 1, monkeypatch)
    assert size_of(desk.directory) <= 10 * BIG
    desk.store.close()


def test_small_results_count_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "cache")
    desk.store.size_limit = limit = 400_000
    for number in range(3000):
        desk.save(number, os.urandom(300))
    assert size_of(desk.directory) <= limit * 1.1
    desk.store.close()


def test_a_reader_keeps_what_it_has_open_while_it_is_evicted(desk: Desk) -> None:
    import numpy as np

    value = np.arange(500_000)
    desk.save(1, value)
    back = desk.load(1)
    evict(desk.store, 1000)
    assert desk.find(1) is None
    assert (back == value).all()


def test_a_row_without_its_file_is_a_quiet_miss(desk: Desk) -> None:
    desk.save(1, os.urandom(BIG))
    record = desk.find(1)
    desk.blobs()[0].unlink()  # evicted between looking and loading
    with pytest.raises(Exception, match="evicted"):
        desk.store.load(record)
    assert desk.store.corrupt == 0
    assert desk.find(1) is None


def test_pruning_removes_what_was_not_used_since(desk: Desk) -> None:
    for number in range(4):
        desk.save(number, os.urandom(BIG))
        used(desk, number, seconds_ago=86_400 * number)
    assert prune(desk.store, unused_since=time.time() - 1.5 * 86_400)[0] == 2
    assert [desk.find(number) is not None for number in range(4)] == [True, True, False, False]
    assert prune(desk.store, unused_since=time.time() + 10, function="mod:other") == (0, 0)
    assert prune(desk.store, unused_since=time.time() + 10, function="mod:func")[0] == 2


def version(desk: Desk, number: int, shape: bytes = b"shape", key: int = 1) -> None:
    closure = digest(1000 + number)
    desk.store.add_trace("mod:func", b"root", shape, b"p%d" % number, b"state", closure, b"")
    desk.store.save(closure, digest(key), number, function="mod:func", compute=1.0)


def test_of_each_function_and_shape_the_latest_versions_stay(desk: Desk) -> None:
    for number in range(5):
        version(desk, number)
        version(desk, 10 + number, shape=b"another")
    for offset in (0, 10):
        for number in range(5):
            desk.store.run(
                lambda sql, known, at=offset + number: sql.execute(
                    "UPDATE entries SET used = ? WHERE closure = ?",
                    (2_000_000_000 + at, digest(1000 + at)),
                )
            )
    assert stale(desk.store, 2)[0] == 6
    left = [n for n in range(15) if desk.store.find(digest(1000 + n), digest(1)) is not None]
    assert left == [3, 4, 13, 14]


def test_an_old_version_that_is_in_use_again_is_a_late_one(desk: Desk) -> None:
    for number in range(3):
        version(desk, number)
    desk.store.run(
        lambda sql, known: sql.execute(
            "UPDATE entries SET used = 2000000000 WHERE closure = ?", (digest(1000),)
        )
    )
    stale(desk.store, 1)
    left = [n for n in range(3) if desk.store.find(digest(1000 + n), digest(1)) is not None]
    assert left == [0]


def test_traces_without_results_and_programs_without_traces_are_swept(desk: Desk) -> None:
    version(desk, 1)
    version(desk, 2)
    desk.store.forget(digest(1001), digest(1))
    sweep(desk.store)
    assert (count(desk, "traces"), count(desk, "programs")) == (2, 2)  # may be on their way
    age(desk, "traces")
    sweep(desk.store)
    assert (count(desk, "traces"), count(desk, "programs")) == (1, 1)
    assert desk.store.find(digest(1002), digest(1)) is not None


def test_parts_that_no_result_has_are_swept(desk: Desk) -> None:
    np = pytest.importorskip("numpy")
    desk.save(1, {"a": np.zeros(400_000), "b": np.ones(400_000)})
    desk.save(2, {"a": np.zeros(400_000), "c": np.full(400_000, 2.0)})
    assert usage(desk.store).entries == 5  # two results, and three parts
    prune(desk.store, unused_since=time.time() + 10, function="mod:func")
    desk.save(2, {"a": np.zeros(400_000), "c": np.full(400_000, 2.0)})
    assert sweep(desk.store) > 3_000_000
    assert usage(desk.store).entries == 3
    assert desk.load(2)["c"][7] == 2.0


def test_files_that_no_row_finds_are_swept_when_they_are_old(desk: Desk) -> None:
    path = desk.blob(1, os.urandom(BIG))
    orphan = path.with_name("ab" * 16)
    young = path.with_name("cd" * 16)
    aside = path.with_name("ef" * 16 + ".0123.aside")
    for other in (orphan, young, aside):
        other.write_bytes(b"x" * 1000)
    hours_ago = time.time() - 7200
    for other in (orphan, aside, path):
        os.utime(other, (hours_ago, hours_ago))
    assert sweep(desk.store) >= 1000
    assert [p.exists() for p in (path, orphan, young, aside)] == [True, False, True, True]


def test_processes_that_evict_at_once_stay_within_the_limit(child: Any, tmp_path: Path) -> None:
    program = """
store.size_limit = 1_000_000
for n in range(150):
    desk.save(os.getpid() * 1000 + n, os.urandom(15_000))
print(store.corrupt, store.trouble)
"""
    processes = [child(program) for _ in range(3)]
    assert [process.stdout.read() for process in processes] == ["0 \n"] * 3
    assert size_of(tmp_path / "cache") <= 1_000_000


def stored_long_ago(desk: Desk, number: int, *, seconds: float, uses: int = 1) -> None:
    """Make an entry look as if it had been stored some time ago, and used evenly since."""
    now = time.time()
    desk.store.run(
        lambda sql, known: sql.execute(
            "UPDATE entries SET created = ?, used = ?, uses = ? WHERE key = ?",
            (int((now - seconds) * 1e6), int(now - seconds / uses), uses, digest(number)),
        )
    )


def test_results_go_by_the_half_life_that_this_process_has_learned(desk: Desk) -> None:
    for number in range(10):
        desk.save(number, os.urandom(BIG))
        stored_long_ago(desk, number, seconds=10_000)
    stored_long_ago(desk, 3, seconds=100)
    stored_long_ago(desk, 5, seconds=10_000, uses=3)
    reuse = Reuse()
    reuse.since = time.time() - 10_000
    desk.store.reuses[function_id("mod:func")] = reuse
    last = [(value, where) for value, _, where, _ in ranking.ranked(desk.store)]
    reuse.half_life = HALF_LIVES[4]  # seconds: what came last is all that counts
    soon = [(value, where) for value, _, where, _ in ranking.ranked(desk.store)]
    five, three = place(desk, 5), place(desk, 3)
    assert max(last)[1] == five
    assert max(soon)[1] == three


def test_results_go_by_what_earlier_processes_have_learned(desk: Desk) -> None:
    for number in range(4):
        desk.save(number, os.urandom(BIG))
        stored_long_ago(desk, number, seconds=10_000)
    reuse = Reuse()
    began = time.time() - 10_000
    for time_ in range(9):
        reuse.note(digest(2), began + 1_000 * time_)
    learned = {"costs": {"reuse": reuse.plain()}, "ghosts": reuse.ghosts()}
    statistics.change(desk.store, {"mod:func": lambda facts: {"learned": learned}})
    favourite = place(desk, 2)
    assert max((value, where) for value, _, where, _ in ranking.ranked(desk.store))[1] == favourite
    gone, _ = evict(desk.store, int(usage(desk.store).total * 0.7))
    assert gone > 1
    assert place(desk, 2) == favourite


def test_what_a_byte_costs_is_known_to_the_next_process(desk: Desk) -> None:
    for number in range(10):
        desk.save(number, os.urandom(BIG), compute=1.0 + number)
    desk.store.size_limit = limit = 6 * BIG
    evict(desk.store, limit)
    assert desk.store.last_rank > 0
    other = Store(desk.directory, size_limit=limit)
    statistics.know_room(other)
    for name in ("used", "last_rank", "last_gone", "last_half_life"):
        assert getattr(other, name) == getattr(desk.store, name), name
    other.written = limit - other.used
    assert other.rent == pytest.approx(other.last_rank)
    other.written = limit // 2 - other.used
    assert other.rent == 0.0
    other.close()


def place(desk: Desk, number: int) -> int:
    return desk.store.run(
        lambda sql, known: sql.execute(
            "SELECT id FROM entries WHERE key = ?", (digest(number),)
        ).fetchone()[0]
    )
