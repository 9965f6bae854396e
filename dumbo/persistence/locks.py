"""Who computes which key: one at a time, in all threads of all processes.

A *claim* is held by who computes. It is a byte of one file, locked by the kernel, with a
*flight* in a table of this process on top:

    kind of lock    inherited by forked children   knows threads   dropped by
    flock, OFD      yes: outlives its owner        by descriptor   the last close
    POSIX (here)    no                             no              any close in the process

So a POSIX lock dies with its owner, whatever that has forked. What it doesn't know, threads,
the table does; and the file is opened here only, and closed by nobody, since closing any
descriptor of it would drop every lock of the process. No flag on disk outlives anybody.

Nothing here waits: `claim` says who is in the way, and `dumbo.turns` decides what that means.

Knows bytes of a file and threads; must not know keys, stores or how long anybody waits.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import time
from _thread import RLock, allocate_lock, get_ident  # `threading` itself imports more

from dumbo.persistence import folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["AGAIN", "KEPT", "LEFT", "UNKEPT", "Claim", "Flight", "Locks", "locks_of"]

# How a flight ended: the result can be loaded; there is none to load; its owner was stopped;
# there is none to load, but the next one is kept.
KEPT, UNKEPT, LEFT, AGAIN = "kept", "unkept", "left", "again"

_RANGE = (1 << 62) - 1  # bytes that can be locked: file offsets are signed
_LOOK = 0.05  # seconds after which a claim looks whether the lock file is still in its place


class Flight:
    """A computation that others may wait for.

    Attributes:
        owner: what tells the thread or task that computes; None for another process.
        thread, loop: its thread, and its event loop if it has one.
        outcome: how it ended; empty as long as it goes on.
        waiters: how many wait for it, in this process.
        gate: locked until it ends.
        futures: what tasks of the owner's event loop wait for.
    """

    __slots__ = ("futures", "gate", "loop", "outcome", "owner", "thread", "waiters")

    loop: Any

    def __init__(self, owner: object, thread: int = 0, loop: Any = None) -> None:
        self.owner = owner
        self.thread = thread
        self.loop = loop
        self.outcome = ""
        self.waiters = 0
        self.gate = allocate_lock()
        self.futures: list[Any] = []

    def end(self, outcome: str) -> None:
        """Let those go on who wait for it."""
        self.outcome = outcome
        self.gate.release()
        if self.futures:
            try:
                self.loop.call_soon_threadsafe(_resolve, self.futures)
            except RuntimeError:  # the loop is closed, and its tasks with it
                pass

    def wait(self, seconds: float) -> None:
        """Wait until it ends, and no longer than *seconds*."""
        if self.gate.acquire(timeout=seconds):
            self.gate.release()  # a turnstile: the next one passes too


def _resolve(futures: list[Any]) -> None:
    for ended in futures:
        if not ended.done():
            ended.set_result(None)


class Claim:
    """The right to compute a key; given back by `end`, or when nobody holds it any more."""

    __slots__ = ("_fd", "_locks", "_number", "_pid", "flight")

    def __init__(self, locks: Locks, number: int, flight: Flight, fd: int) -> None:
        self._locks = locks
        self._number = number
        self._fd = fd
        self._pid = os.getpid()
        self.flight = flight

    def end(self, outcome: str) -> None:
        """Let the next one in; what comes after the first time does nothing."""
        if self.flight.outcome:
            return
        if self._pid == os.getpid():  # a forked child has inherited the object, not the lock
            self._locks._free(self._number, self.flight, self._fd)
        self.flight.end(outcome)

    def __del__(self) -> None:
        # An interrupt between claiming and computing, a coroutine that is never resumed.
        self.end(LEFT)


class Locks:
    """The lock file of one directory; one object for each in a process."""

    def __init__(self, directory: str) -> None:
        self.path = os.path.join(directory, "locks")
        # Of the kind that lets a signal handler in which calls memoized functions, too.
        self._mutex = RLock()
        self._flights: dict[int, Flight] = {}
        self._fd = -1
        self._stamp = (0, 0)
        self._look_at = 0.0

    def claim(self, number: int, owner: object, loop: object = None) -> Claim | Flight | None:
        """Claim *number*: a claim; or who has it; or None, where nothing can be locked."""
        number &= _RANGE
        with self._mutex:
            there = self._flights.get(number)
            if there is not None:
                return there
            fd = self._open()
            if fd < 0:
                return None
            try:
                fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
            except (BlockingIOError, PermissionError):  # POSIX lets systems choose which
                return Flight(None)
            except OSError:  # a file system without locks
                return None
            flight = Flight(owner, get_ident(), loop)
            flight.gate.acquire()
            self._flights[number] = flight
        return Claim(self, number, flight, fd)

    def holder(self, number: int) -> int:
        """The process that holds *number*; 0 if that is nobody, or cannot be told."""
        number &= _RANGE
        if self._fd < 0:
            return 0
        query = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, number, 1, 0)
        try:
            answer = _FLOCK.unpack(fcntl.fcntl(self._fd, fcntl.F_GETLK, query))
        except (OSError, struct.error):
            return 0
        return 0 if answer[0] == fcntl.F_UNLCK else int(answer[4])

    def _free(self, number: int, flight: Flight, fd: int) -> None:
        # First the kernel's lock, then the table: who finds no flight may ask the kernel.
        try:
            fcntl.lockf(fd, fcntl.LOCK_UN, 1, number)
        except OSError:
            pass
        if self._flights.get(number) is flight:
            del self._flights[number]

    def _open(self) -> int:
        """The descriptor of the file at our path; -1 if there can be none."""
        now = time.monotonic()
        if now < self._look_at:
            return self._fd
        self._look_at = now + _LOOK
        try:
            status = os.lstat(self.path)
            if self._fd >= 0 and (status.st_dev, status.st_ino) == self._stamp:
                return self._fd
        except OSError:
            pass
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        # What was open until now stays open: claims on it may be held.
        self._fd = -1
        try:
            fd = os.open(self.path, flags, 0o600)
        except OSError:
            return -1
        status = os.fstat(fd)
        if not folder.ours(status):  # left open as well: it may be a file that we have locks on
            return -1
        if status.st_mode & 0o777 != 0o600:
            os.fchmod(fd, 0o600)  # the umask may have taken more than it should
        self._fd = fd
        self._stamp = (status.st_dev, status.st_ino)
        return fd


# `struct flock`, which Python passes through as it is.
if sys.platform == "darwin":

    class _Flock:
        """macOS has its fields in another order."""

        _own = struct.Struct("qqihh")

        def pack(self, kind: int, whence: int, start: int, length: int, pid: int) -> bytes:
            return self._own.pack(start, length, pid, kind, whence)

        def unpack(self, data: bytes) -> tuple[int, int, int, int, int]:
            start, length, pid, kind, whence = self._own.unpack(data)
            return kind, whence, start, length, pid

    _FLOCK: Any = _Flock()
else:
    _FLOCK = struct.Struct("hhqqi4x")

# For the life of the process, as their descriptors are.
_all: dict[str, Locks] = {}


def locks_of(directory: str) -> Locks:
    """The locks of a prepared directory: the same object for all in this process."""
    found = _all.get(directory)
    # Two threads may both get here; setdefault lets only one of the two objects live, and
    # neither has opened its file yet.
    return found if found is not None else _all.setdefault(directory, Locks(directory))


def _after_fork_in_child() -> None:
    # What other threads computed goes on in the parent; here nobody does.
    for locks in _all.values():
        locks._mutex = RLock()
        locks._flights = {}


os.register_at_fork(after_in_child=_after_fork_in_child)
