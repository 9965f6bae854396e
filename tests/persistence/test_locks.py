"""Claims: one holder per key in all threads and processes, and none that outlives its process."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from dumbo.persistence.locks import KEPT, LEFT, Claim, Flight, Locks, locks_of


@pytest.fixture
def locks(tmp_path: Path) -> Locks:
    return locks_of(str(tmp_path))


PRELUDE = """
from dumbo.persistence.locks import Claim, Flight, locks_of
import signal
locks = locks_of(sys.argv[-1] if len(sys.argv) > 1 else DIRECTORY)
"""


def other(child: Any, directory: Path, program: str) -> Any:
    return child(f"DIRECTORY = {str(directory)!r}\n" + PRELUDE + program)


def test_a_claimed_number_is_refused_to_other_threads_until_it_ends(locks: Locks) -> None:
    mine = locks.claim(7, "me")
    assert type(mine) is Claim
    there = locks.claim(7, "you")
    assert there is mine.flight
    mine.end(KEPT)
    assert (mine.flight.outcome, there.outcome) == (KEPT, KEPT)
    again = locks.claim(7, "you")
    assert type(again) is Claim
    again.end(KEPT)


def test_different_numbers_are_claimed_side_by_side(locks: Locks) -> None:
    claims = [locks.claim(number, "me") for number in (1, 2, 3, 2**62 + 5, 2**64 - 1)]
    assert {type(claim) for claim in claims} == {Claim}


def test_a_claim_that_nobody_holds_any_more_is_free(locks: Locks) -> None:
    mine = locks.claim(7, "me")
    assert type(mine) is Claim
    flight = mine.flight
    del mine
    assert flight.outcome == LEFT
    assert type(locks.claim(7, "you")) is Claim


def test_who_waits_for_a_flight_goes_on_when_it_ends(locks: Locks) -> None:
    mine = locks.claim(7, "me")
    assert type(mine) is Claim
    seen: list[str] = []

    def wait() -> None:
        mine.flight.wait(30)
        seen.append(mine.flight.outcome)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    mine.end(KEPT)
    for thread in threads:
        thread.join(30)
    assert seen == [KEPT] * 3


def test_another_process_is_refused_and_told_who_holds_it(
    locks: Locks, child: Any, tmp_path: Path
) -> None:
    mine = locks.claim(7, "me")
    program = "got = locks.claim(7, 'you'); print(type(got).__name__, got.owner, locks.holder(7))"
    told = other(child, tmp_path, program).stdout.read().split()
    assert told == ["Flight", "None", str(os.getpid())]
    assert type(mine) is Claim
    mine.end(KEPT)
    told = other(child, tmp_path, "print(type(locks.claim(7, 'you')).__name__)").stdout.read()
    assert told == "Claim\n"


def test_a_killed_owner_that_forked_a_sleeping_child_holds_nothing(
    locks: Locks, child: Any, tmp_path: Path
) -> None:
    program = """
claim = locks.claim(7, "me")
child = os.fork()
if not child:
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
time.sleep(60)
"""
    owner = other(child, tmp_path, program)
    orphan = int(owner.stdout.readline())
    try:
        assert type(locks.claim(7, "you")) is Flight
        owner.kill()
        owner.wait()
        assert type(locks.claim(7, "you")) is Claim
    finally:
        os.kill(orphan, signal.SIGKILL)


def test_a_forked_child_neither_has_nor_drops_the_claims_of_its_parent(locks: Locks) -> None:
    mine = locks.claim(7, "me")
    assert type(mine) is Claim
    pid = os.fork()
    if not pid:
        refused = type(locks.claim(7, "you")) is Flight
        mine.end(KEPT)
        still = type(locks.claim(7, "you")) is Flight
        free = type(locks.claim(8, "you")) is Claim
        os._exit(0 if refused and still and free else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert locks.claim(7, "you") is mine.flight


def test_the_lock_file_may_vanish(locks: Locks, monkeypatch: pytest.MonkeyPatch) -> None:
    first = locks.claim(1, "me")
    os.unlink(locks.path)
    monkeypatch.setattr("dumbo.persistence.locks._LOOK", 0.0)
    locks._look_at = 0.0
    assert type(locks.claim(2, "me")) is Claim
    assert os.path.exists(locks.path)
    assert type(first) is Claim
    first.end(KEPT)


def test_without_a_place_for_the_lock_file_there_are_no_claims(tmp_path: Path) -> None:
    assert locks_of(str(tmp_path / "missing")).claim(1, "me") is None


def test_a_lock_file_of_others_or_a_link_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / "locks").symlink_to(tmp_path / "target")
    assert Locks(str(tmp_path)).claim(1, "me") is None
    (tmp_path / "locks").unlink()
    (tmp_path / "locks").touch()
    (tmp_path / "locks").chmod(0o666)
    assert Locks(str(tmp_path)).claim(1, "me") is None
    assert (tmp_path / "target").read_text() == "precious"


def test_the_lock_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o277)
    try:
        assert type(locks_of(str(tmp_path)).claim(1, "me")) is Claim
    finally:
        os.umask(before)
    assert (tmp_path / "locks").stat().st_mode & 0o777 == 0o600


def test_two_processes_never_hold_one_number(child: Any, tmp_path: Path) -> None:
    program = """
import random
counter = os.path.join(DIRECTORY, "counter")
for _ in range(300):
    got = locks.claim(7, "me")
    if type(got) is Claim:
        before = os.open(counter, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        os.close(before)
        os.unlink(counter)
        got.end("kept")
print("fine")
"""
    running = [other(child, tmp_path, program) for _ in range(3)]
    assert [process.stdout.read() for process in running] == ["fine\n"] * 3
