"""One computation for all who ask at the same time: threads, tasks, processes."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import dumbo
from dumbo import Cache, turns
from dumbo.persistence.locks import AGAIN, Claim, Locks

ROOT = str(Path(dumbo.__file__).parent.parent)


def in_threads(count: int, call: Callable[[], object]) -> list[object]:
    with ThreadPoolExecutor(count) as pool:
        return [future.result(60) for future in [pool.submit(call) for _ in range(count)]]


# -- threads -------------------------------------------------------------------------------------


def test_threads_that_ask_for_one_key_share_one_computation(
    cache: Cache, ran: list[object]
) -> None:
    @cache.memo
    def f(x):
        sys.audit("ran", x)
        time.sleep(0.2)
        return [x]

    results = in_threads(8, lambda: f(1))
    assert results == [[1]] * 8
    assert ran == [1]
    assert len({id(result) for result in results}) == 8  # nobody sees what another changes


def test_a_result_that_somebody_waits_for_is_kept_even_if_it_was_fast(
    cache: Cache, ran: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, go = threading.Event(), threading.Event()

    def wait():
        inside.set()
        go.wait(30)

    hidden = [wait]

    @cache.memo(track_deps=False)
    def f(x):
        sys.audit("ran", x)
        hidden[0]()
        return x

    monkeypatch.setattr("dumbo.keeping.weighing.judge", _too_fast)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(f, 1)
        inside.wait(30)
        second = pool.submit(f, 1)
        time.sleep(0.2)
        go.set()
        assert (first.result(30), second.result(30)) == (1, 1)
    assert ran == [1]


def _too_fast(keep, compute, store, load, **circumstances):
    from dumbo.decision.worth import Verdict

    return Verdict(False, "too fast", 0.0, 1.0)


POOL = """
import os, sys, threading, time
sys.path.insert(0, {root!r})
import dumbo

done = []
heard, told = os.pipe()

@dumbo.Cache(sys.argv[1]).memo(keep="always")
def f(x):
    os.write(1, b"ran ")
    os.write(told, b"....")
    time.sleep(1)
    return [x]

def job(x):
    done.append(f(x))

def run(x):
    os.read(heard, 1)  # it is seen to call `job` while another thread computes
    job(x)

threads = [threading.Thread(target=run, args=(1,)) for _ in range(4)]
for thread in threads:
    thread.start()
f(1)
for thread in threads:
    thread.join()
assert done == [[1]] * 4, done
assert "was seen to run for the first time" in "".join(f.cache_info().reasons)
"""


@pytest.mark.skipif(not hasattr(sys, "monitoring"), reason="nobody sees what runs before 3.12")
def test_where_the_next_computation_is_kept_one_of_those_who_wait_makes_it(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(POOL.format(root=ROOT))
    command = [sys.executable, str(program), str(tmp_path / "cache")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert ran.stdout.split() == ["ran", "ran"]


def test_who_has_waited_for_two_results_that_are_not_kept_computes(tmp_path: Path) -> None:
    locks = Locks(str(tmp_path))
    turn = turns.Turn(locks, bytes(15) + b"\x07", lambda: False, lambda: 0.0)
    leads = [locks.claim(7, "first")]
    waits = turn._steps("waiter")
    assert next(waits)[0] is leads[0].flight
    leads[0].end(AGAIN)
    leads.append(locks.claim(7, "next"))
    assert next(waits)[0] is leads[1].flight
    leads[1].end(AGAIN)
    leads.append(locks.claim(7, "third"))
    assert list(waits) == []
    assert turn.claim is None


def test_an_exception_is_everybodys_own(cache: Cache, ran: list[object]) -> None:
    barrier = threading.Barrier(3)
    hidden = [barrier.wait]

    @cache.memo(track_deps=False)
    def f(x):
        sys.audit("ran", x)
        time.sleep(0.1)
        raise KeyError(x)

    def call() -> str:
        hidden[0](30)
        with pytest.raises(KeyError):
            f(1)
        return "raised"

    assert in_threads(3, call) == ["raised"] * 3
    assert ran == [1, 1, 1]


@pytest.mark.parametrize("raises", [False, True])
def test_who_is_done_holds_no_claim_though_somebody_holds_the_call(
    cache: Cache, raises: bool
) -> None:
    """Whatever a signal handler raises in the `__del__` of a claim, nobody would hear of."""
    frames = []

    @cache.memo(keep="always")
    def f(x):
        frames.append(sys._getframe(1))  # which holds the call
        if raises:
            raise KeyError(x)
        return [x]

    try:
        f(1)
    except KeyError as error:
        frames.append(error.__traceback__)
    assert [one for one in gc.get_objects() if type(one) is Claim] == []


def test_recursion_into_the_same_key_does_not_wait_for_itself(
    cache: Cache, ran: list[object]
) -> None:
    left = [3]

    @cache.memo(track_deps=False)
    def f(x):
        sys.audit("ran", x)
        left[0] -= 1
        return f(x) if left[0] else x

    assert f(1) == 1
    assert ran == [1, 1, 1]


def test_a_function_that_waits_for_a_thread_that_waits_for_it_goes_on(
    cache: Cache, ran: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_SUSPECT", 0.05)
    first = [True]

    @cache.memo(track_deps=False)
    def f(x):
        sys.audit("ran", x)
        if first:
            first.clear()
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(f, x).result()
        return x

    assert f(1) == 1
    assert ran == [1, 1]


def test_waiting_ends_in_computing_after_twice_the_expected_time(
    cache: Cache, ran: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_FLOOR", 0.1)
    go = threading.Event()
    hidden = [lambda x: x == "stuck" and go.wait(60)]

    @cache.memo(keep="always", track_deps=False)
    def f(x):
        sys.audit("ran", x)
        time.sleep(0.05)
        if threading.current_thread().name == "leader":
            hidden[0](x)
        return x

    f("known")
    leader = threading.Thread(target=f, args=("stuck",), name="leader")
    leader.start()
    try:
        while ran.count("stuck") < 1:
            time.sleep(0.01)
        assert f("stuck") == "stuck"
        assert leader.is_alive()
        assert ran.count("stuck") == 2
    finally:
        go.set()
        leader.join(60)


# -- tasks ---------------------------------------------------------------------------------------


def test_concurrent_awaits_of_one_key_share_one_computation(
    cache: Cache, ran: list[object]
) -> None:
    @cache.memo
    async def f(x):
        sys.audit("ran", x)
        await asyncio.sleep(0)
        return [x]

    async def main() -> list[list[int]]:
        return await asyncio.gather(*[f(1) for _ in range(10)])

    assert asyncio.run(main()) == [[1]] * 10
    assert ran == [1]


def test_a_cancelled_leader_does_not_cancel_its_waiters(cache: Cache, ran: list[object]) -> None:
    @cache.memo
    async def f(x):
        sys.audit("ran", x)
        await asyncio.sleep(0.1)
        return [x]

    async def main() -> list[object]:
        tasks = [asyncio.ensure_future(f(1)) for _ in range(4)]
        await asyncio.sleep(0)  # the first leads, the others wait for it
        assert ran == [1]
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = asyncio.run(main())
    assert isinstance(first, asyncio.CancelledError)
    assert others == [[1]] * 3
    assert ran == [1, 1]  # the next one led


def test_a_cancelled_waiter_cancels_nobody(cache: Cache, ran: list[object]) -> None:
    @cache.memo
    async def f(x):
        sys.audit("ran", x)
        await asyncio.sleep(0.1)
        return [x]

    async def main() -> list[object]:
        tasks = [asyncio.ensure_future(f(1)) for _ in range(3)]
        await asyncio.sleep(0)  # the first leads, the others wait for it
        assert ran == [1]
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second, third = asyncio.run(main())
    assert (first, third) == ([1], [1])
    assert isinstance(second, asyncio.CancelledError)
    assert ran == [1]


def test_waiting_in_a_task_leaves_the_loop_to_others(cache: Cache, ran: list[object]) -> None:
    @cache.memo
    async def f(x):
        sys.audit("ran", x)
        await asyncio.sleep(0.1)
        return x

    async def main() -> int:
        leader = asyncio.ensure_future(f(1))
        waiter = asyncio.ensure_future(f(1))
        steps = 0
        while not waiter.done():
            await asyncio.sleep(0)
            steps += 1
        await leader
        return steps

    assert asyncio.run(main()) > 3
    assert ran == [1]


def test_event_loops_of_several_threads_share_one_computation(
    cache: Cache, ran: list[object]
) -> None:
    @cache.memo
    async def f(x):
        sys.audit("ran", x)
        await asyncio.sleep(0.2)
        return [x]

    def loop() -> object:
        async def main() -> object:
            return await f(1)

        return asyncio.run(main())

    assert in_threads(4, loop) == [[1]] * 4
    assert ran == [1]


# -- processes -----------------------------------------------------------------------------------

PROGRAM = """
import os, sys, time
sys.path.insert(0, {root!r})
import dumbo
{after}

@dumbo.Cache(sys.argv[1]).memo
def slow(key):
    os.write(int(os.environ["COUNT"]), b"x")
    time.sleep(0.4)
    return ["slow", key]

if __name__ == "__main__":
    for key in range(3):
        assert slow(key) == ["slow", key]
"""


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], tuple[list[str], int]]:
    """A program as a command, and the descriptor that it counts its computations on."""
    count = os.open(tmp_path / "count", os.O_CREAT | os.O_RDWR | os.O_APPEND)

    def write(after: str = "") -> tuple[list[str], int]:
        path = tmp_path / "program.py"
        path.write_text(PROGRAM.format(root=ROOT, after=after))
        return [sys.executable, str(path), str(tmp_path / "cache")], count

    return write


def start(command: list[str], count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, env={**os.environ, "COUNT": str(count)}, pass_fds=(count,))


def test_eight_processes_on_three_keys_compute_three_times(
    program: Callable[..., tuple[list[str], int]],
) -> None:
    command, count = program()
    processes = [start(command, count) for _ in range(8)]
    assert [process.wait(120) for process in processes] == [0] * 8
    assert os.fstat(count).st_size == 3
    os.close(count)


def test_who_waits_for_a_killed_process_goes_on_though_its_child_lives(
    program: Callable[..., tuple[list[str], int]],
) -> None:
    # Before its first computation the owner forks a child, which inherits every descriptor.
    dies = """
real = time.sleep
def sleep(seconds):
    if os.environ.get("DIES") and os.fork() == 0:
        real(60)
        os._exit(0)
    real(60 if os.environ.get("DIES") else seconds)
time.sleep = sleep
"""
    command, count = program(dies)
    os.environ["DIES"] = "1"
    try:
        owner = subprocess.Popen(
            command,
            env={**os.environ, "COUNT": str(count)},
            pass_fds=(count,),
            start_new_session=True,
        )
    finally:
        del os.environ["DIES"]
    try:
        while os.fstat(count).st_size < 1:
            time.sleep(0.01)
        time.sleep(0.2)
        owner.kill()
        owner.wait()
        started = time.monotonic()
        assert start(command, count).wait(60) == 0
        assert time.monotonic() - started < 30  # the child sleeps for longer
        assert os.fstat(count).st_size == 4
    finally:
        os.killpg(owner.pid, signal.SIGKILL)
        os.close(count)
