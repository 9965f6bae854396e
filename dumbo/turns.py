"""One computation for all who ask at the same time.

Who misses claims the key. Who finds it claimed waits, looks again when that claim ends, and
gets what was stored. The steps are one generator, which threads drive by sleeping and tasks
by awaiting, so that an event loop is never blocked:

    the claim ended, and                                    then
    its result was kept                                     load it
    there is nothing to load: too fast, unstorable, raised  compute, side by side
    its owner was cancelled or killed                       claim again: one of us computes
    it is not kept, but the next one is                     the same, the first time

No wait is for ever: it ends in computing after twice the time that this key is expected to
take. Of a key about which nothing is known, that is long; save where its owner may itself be
waiting for us, as a parent for its child. A lock on a key that is being computed further up,
by the same thread or task, is no reason to wait at all.

Knows claims and patience; must not know how results are found, computed or stored.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import get_ident  # `threading` itself imports more

from dumbo.persistence.locks import AGAIN, KEPT, UNKEPT, Claim, Flight

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from typing import Any

    from dumbo.persistence.locks import Locks

__all__ = ["Turn"]

_FLOOR = 1.0  # seconds that anything may take, with the machine busy
_UNKNOWN = 600.0  # seconds, for what was never computed before
_SUSPECT = 1.0  # seconds, where the owner may wait for us
_SHORTEST, _LONGEST = 0.0005, 0.05  # seconds between two tries where nobody wakes us
_STANDARD = os.path.dirname(os.__file__) + os.sep


class Turn:
    """How one call comes to its turn.

    Attributes:
        claim: the right to compute, once it is ours; None: compute without.
        found: whether waiting ended with a result that was loaded.
    """

    __slots__ = ("_expected", "_locks", "_look", "_number", "claim", "found")

    def __init__(
        self,
        locks: Locks,
        identity: bytes,
        look: Callable[[], bool],
        expected: Callable[[], float],
    ) -> None:
        self._locks = locks
        self._number = int.from_bytes(identity[-8:], "big") ^ int.from_bytes(identity[:8], "big")
        self._look = look
        self._expected = expected
        self.claim: Claim | None = None
        self.found = False

    def wait_in_thread(self) -> None:
        """Come to our turn in this thread, sleeping."""
        for flight, seconds in self._steps(get_ident()):
            if flight.owner is None:
                time.sleep(seconds)
            else:
                flight.wait(seconds)

    async def wait_in_task(self) -> None:
        """Come to our turn in this task of asyncio, awaiting."""
        asyncio = sys.modules.get("asyncio")  # whoever runs tasks of it has it
        if asyncio is None:
            return
        try:
            loop = asyncio.get_running_loop()
            task = asyncio.current_task()
        except RuntimeError:  # another kind of event loop: its tasks cannot wait for each other
            return
        for flight, seconds in self._steps(task, loop):
            await _until(asyncio, flight, seconds, loop)

    def _steps(self, owner: object, loop: object = None) -> Iterator[tuple[Flight, float]]:
        """Yield what to wait for, and how long at most, until it is our turn."""
        started = patience = 0.0
        again = False
        while True:
            got = self._locks.claim(self._number, owner, loop)
            if got is None:
                return
            if type(got) is Claim:
                self._claimed(got)
                return
            assert type(got) is Flight
            if got.owner == owner:  # further up in this very call
                return
            if not started:
                started = time.monotonic()
                patience = self._patience()
            waited = time.monotonic() - started
            limit = patience
            if waited > _SUSPECT and self._may_wait_for_us(got):
                limit = 0.0
            if waited >= limit:
                return
            pause = min(max(_SHORTEST, waited / 8), _LONGEST) if got.owner is None else _SUSPECT
            got.waiters += 1
            yield got, min(pause, limit - waited)
            if got.outcome == KEPT and self._look():
                self.found = True
                return
            if got.outcome == UNKEPT or (got.outcome == AGAIN and again):
                return
            if got.outcome == AGAIN:
                again = True
                started = 0.0  # one more computation takes as long once more

    def _claimed(self, claim: Claim) -> None:
        # Somebody may have stored it between our look and our claim.
        self.claim = claim
        if self._look():
            self.found = True
            self.claim = None
            claim.end(KEPT)

    def _patience(self) -> float:
        expected = self._expected()
        return max(_FLOOR, 2 * expected) if expected > 0 else _UNKNOWN

    def _may_wait_for_us(self, flight: Flight) -> bool:
        if flight.owner is None:
            return self._locks.holder(self._number) in _ancestors()
        return _waits_for_a_thread(flight.thread)


def _until(asyncio: Any, flight: Flight, seconds: float, loop: Any) -> Awaitable[object]:
    if flight.loop is not loop:  # futures never cross event loops
        pause: Awaitable[object] = asyncio.sleep(min(seconds, _LONGEST))
        return pause
    ended = loop.create_future()
    flight.futures.append(ended)
    waiting: Awaitable[object] = asyncio.wait([ended], timeout=seconds)
    return waiting


def _ancestors() -> set[int]:
    """The processes that this one descends from, as far as the system tells."""
    found: set[int] = set()
    pid = os.getppid()
    while pid > 1 and pid not in found:
        found.add(pid)
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                pid = int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):  # not Linux
            break
    return found


def _waits_for_a_thread(thread: int) -> bool:
    """Whether a thread sits in a wait of the standard library's: a join, a queue, a future."""
    frame = sys._current_frames().get(thread)
    if frame is None:
        return False
    name = frame.f_code.co_filename
    return name.startswith(_STANDARD) and name.removeprefix(_STANDARD) in _WAITS


_WAITS = frozenset(
    "threading.py queue.py selectors.py subprocess.py concurrent/futures/_base.py "
    "multiprocessing/connection.py multiprocessing/popen_fork.py".split()
)
