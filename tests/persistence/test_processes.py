"""Several processes, some of them killed, one store."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from desk import Desk, digest

from dumbo.errors import CorruptBlob

VALUES = """
def value(n):
    return [n, "x" * 50] if n % 3 else list(range(n, n + 30_000))
"""
scope: dict[str, Any] = {}
exec(VALUES, scope)
value = scope["value"]


def test_a_killed_process_loses_nothing_that_was_stored(child: Any, tmp_path: Path) -> None:
    program = (
        VALUES
        + """
for n in range(int(sys.argv[1]) if len(sys.argv) > 1 else 0, 10**6):
    desk.save(n, value(n))
    print(n, flush=True)
"""
    )
    chosen = random.Random(3)
    last = -1
    for _ in range(8):
        process = child(
            program.replace("int(sys.argv[1]) if len(sys.argv) > 1 else 0", str(last + 1))
        )
        lines = [process.stdout.readline()]
        time.sleep(chosen.random() * 0.1)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
        stored = [int(line) for line in lines if line.endswith("\n")]
        process.wait()
        desk = Desk(tmp_path / "cache")
        for number in stored:
            assert desk.load(number) == value(number)
        unfinished = desk.find(stored[-1] + 1)
        if unfinished is not None:
            assert desk.store.load(unfinished) == value(stored[-1] + 1)
        assert (desk.store.corrupt, desk.store.trouble) == (0, "")
        last = stored[-1]
        desk.store.close()


def test_processes_write_and_read_at_once(child: Any, tmp_path: Path) -> None:
    program = (
        VALUES
        + """
import random
chosen = random.Random(os.getpid())
hits = 0
for _ in range(400):
    n = chosen.randrange(40)
    found = desk.find(n)
    if chosen.random() < 0.1:
        store.forget(desk.closure, digest(n))
    elif found is None:
        desk.save(n, value(n))
    else:
        try:
            assert store.load(found) == value(n), n
            hits += 1
        except Exception as error:
            assert "Blob" in repr(type(error)), error  # forgotten in between
print(hits, store.trouble if "cannot be opened" not in store.trouble else "")
"""
    )
    processes = [child(program) for _ in range(4)]
    for process in processes:
        out = process.communicate()[0]
        assert process.returncode == 0
        hits, _, trouble = out.strip().partition(" ")
        assert int(hits) > 50
        assert trouble == ""
    desk = Desk(tmp_path / "cache")
    for number in range(40):
        record = desk.find(number)
        if record is not None:
            try:
                assert desk.store.load(record) == value(number)
            except CorruptBlob:
                pass
    desk.store.close()


def test_processes_that_begin_at_once_make_one_index(child: Any, tmp_path: Path) -> None:
    program = """
while time.time() < {start}: pass
desk.save(os.getpid(), "mine")
print(desk.load(os.getpid()), store.trouble)
"""
    processes = [child(program.format(start=time.time() + 1.5)) for _ in range(6)]
    assert [process.communicate()[0].strip() for process in processes] == ["mine"] * 6
    desk = Desk(tmp_path / "cache")
    assert [desk.load(process.pid) for process in processes] == ["mine"] * 6
    desk.store.close()


def run_in_fork(work: Any) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]


def test_a_forked_child_has_connections_of_its_own(desk: Desk) -> None:
    desk.save(1, "before")

    def work() -> None:
        assert desk.load(1) == "before"
        desk.save(2, "of the child")

    for _ in range(3):
        assert run_in_fork(work) == 0
        assert (desk.load(1), desk.load(2)) == ("before", "of the child")
        desk.save(3, "after")


def test_forks_in_the_middle_of_other_threads_stores(desk: Desk) -> None:
    stop = threading.Event()
    errors: list[BaseException] = []

    def work(start: int) -> None:
        number = start
        while not stop.is_set():
            number += 1
            try:
                desk.save(number, value(number))
                assert desk.load(number) == value(number)
            except BaseException as error:
                errors.append(error)
                return

    threads = [threading.Thread(target=work, args=(10**6 * n,)) for n in range(1, 4)]
    for thread in threads:
        thread.start()
    try:
        for number in range(15):

            def in_child(number: int = number) -> None:
                desk.save(number, number)
                assert desk.load(number) == number

            assert run_in_fork(in_child) == 0
            assert desk.load(number) == number
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []


def test_a_connection_that_was_given_back_is_in_the_middle_of_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dumbo.persistence.index._FORK", 0.05)
    desk.save(1, "before")
    index = desk.store._index
    assert index is not None
    # As a thread holds it that was refused by another one's lock and now waits for the fork.
    held = index._take()
    index._give_back(held)

    def in_child() -> None:
        desk.save(2, "of the child")

    assert run_in_fork(in_child) == 0
    assert desk.load(2) == "of the child"


def test_a_child_forked_in_the_middle_of_a_statement_keeps_its_hands_off(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dumbo.persistence.index._FORK", 0.05)
    desk.save(1, "before")
    index = desk.store._index
    assert index is not None

    def fork_inside(sql: Any, known: Any) -> int:
        sql.execute("BEGIN IMMEDIATE")

        def work() -> None:
            assert desk.find(1) is None
            assert "middle of a statement" in desk.store.trouble

        return run_in_fork(work)

    assert index.write(fork_inside) == 0
    assert desk.load(1) == "before"


def test_mapped_results_stay_private_across_a_fork(desk: Desk) -> None:
    np = pytest.importorskip("numpy")
    desk.save(1, np.zeros(10**6))
    array = desk.load(1)
    array[0] = 1.0

    def work() -> None:
        assert array[0] == 1.0
        array[1] = 2.0

    assert run_in_fork(work) == 0
    assert (array[0], array[1], desk.load(1)[0]) == (1.0, 0.0, 0.0)
    assert desk.store.find(desk.closure, digest(1)) is not None
