"""The index: which results there are, in one SQLite file that may be lost at any time.

    schema  change
    1       the first
    2       entries.uses
    3       statistics
    4       entries.told

`entries.id` says where to look: 16 bits of the closure digest, 44 of the key, 4 for a
slot, so that what belongs to one closure lies together and one range holds all variants
of a call (those with other extras). Two calls with one id push each other out, which
costs a recomputation: every row has the whole identity, and a checksum over all of it.
An integer key instead of the digests themselves (`WITHOUT ROWID`) keeps rows with a
payload of some kilobytes in one page: measured, a quarter of the size and half the time.

The journal is `TRUNCATE` and synchronous is off: a reader finds no journal with one
`stat`, `kill -9` loses nothing (the system has what was written), a power failure may
cost the index, never a wrong result. WAL is out: its `-shm` is memory-mapped, and once
truncated it kills the process. Nothing here is mapped.

What is no index, or no longer whole, is set aside and made anew from what the owner can
still tell (`refill`), under a temporary name, so that nobody ever sees half an index.

Knows SQLite; must not know files of results, nor what a digest is made of.
"""

from __future__ import annotations

import _sqlite3 as sqlite  # `sqlite3` itself imports datetime and more, for adapters
import atexit
import os
import stat
import time
from _thread import RLock  # `threading` itself imports more
from _weakrefset import WeakSet

from dumbo.errors import StorageError
from dumbo.persistence import folder
from dumbo.persistence.sqlite_errors import DAMAGED, ERRORS, PASSING, TAKEN, as_oserror, primary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias, TypeVar

    from dumbo.persistence.absence import Absence
    from dumbo.persistence.peeks import Eye, Patience, Peek

    T = TypeVar("T")
    Row: TypeAlias = tuple[Any, ...]

_APPLICATION = 0x646D6231  # "dmb1", which `file` can show
_SCHEMA = 4
_TABLES = """
CREATE TABLE entries(
    id INTEGER PRIMARY KEY, closure BLOB NOT NULL, key BLOB NOT NULL, python INTEGER NOT NULL,
    extras BLOB NOT NULL, function INTEGER NOT NULL, size INTEGER NOT NULL,
    compute INTEGER NOT NULL, store INTEGER NOT NULL, created INTEGER NOT NULL,
    used INTEGER NOT NULL, codec INTEGER NOT NULL, checksum INTEGER NOT NULL, payload BLOB,
    note BLOB NOT NULL, told INTEGER NOT NULL, uses INTEGER NOT NULL DEFAULT 1);
CREATE TABLE functions(id INTEGER PRIMARY KEY, name BLOB NOT NULL);
CREATE TABLE closures(
    function INTEGER NOT NULL, closure BLOB NOT NULL, python INTEGER NOT NULL,
    PRIMARY KEY(function, closure, python)) WITHOUT ROWID;
CREATE TABLE traces(
    id INTEGER PRIMARY KEY, place INTEGER NOT NULL, python INTEGER NOT NULL,
    version INTEGER NOT NULL, root BLOB NOT NULL, shape BLOB NOT NULL, program BLOB NOT NULL,
    state BLOB NOT NULL, closure BLOB NOT NULL, function INTEGER NOT NULL, details BLOB NOT NULL,
    created INTEGER NOT NULL, used INTEGER NOT NULL, checksum INTEGER NOT NULL);
CREATE INDEX traces_by_place ON traces(place);
CREATE INDEX traces_by_function ON traces(function);
CREATE TABLE programs(id INTEGER PRIMARY KEY, payload BLOB NOT NULL);
CREATE TABLE statistics(id INTEGER PRIMARY KEY, used INTEGER NOT NULL, payload BLOB NOT NULL);
"""

_CHECKED = "PRAGMA cell_size_check=ON"
_PRAGMAS = (
    "PRAGMA journal_mode=TRUNCATE",
    "PRAGMA synchronous=OFF",
    _CHECKED,
    "PRAGMA user_version",
)
_SQLITE_LIMIT_LENGTH = 0

_PATIENCE = 4.0  # seconds that a statement waits for other processes
# Seconds of these that SQLite waits by itself: it naps for 1 ms, 2 ms, then ever longer, up to
# 100 ms, while others hold the lock for 0.05 ms. Asking anew every 2 ms makes the longest wait
# among four busy processes 0.08 s, which was 0.2 to 1 s.
_NAP = 0.005
_LOOK = 0.05  # seconds after which a read looks whether the file is still the one that is open
_FORK = 1.0  # seconds that a fork waits for statements of other threads
_REBUILDS = 3  # in a row within a minute; then something else is wrong
_LARGEST = 1 << 26  # bytes of any one value: a damaged length is no reason to take the memory


class Connection:
    """A connection, the file that it has open, and what is known to be in it."""

    __slots__ = ("__weakref__", "known", "sql", "stamp")

    def __init__(self, sql: sqlite.Connection, stamp: tuple[int, int], known: set[object]) -> None:
        self.sql = sql
        self.stamp = stamp
        self.known = known


class Index:
    """Rows on disk, for all threads of this process.

    A connection is used by one thread at a time and never inherited by a child: before a
    fork all of them are closed.
    """

    def __init__(
        self,
        directory: str,
        refill: Callable[[str], Iterable[tuple[str, Row]]],
        tell: Callable[[str], object],
        *,
        durable: bool = False,
        name: str = "index.sqlite",
        tables: str = _TABLES,
        schema: int = _SCHEMA,
    ) -> None:
        self._directory = directory
        self._name = name
        self._tables = tables
        self._schema = schema
        self._refill = refill  # statements and their rows that a new index begins with
        self._durable = durable  # wait for the disk at each write
        self._tell = tell  # takes a reason, when something was set aside
        self.path = ""  # of the file; empty until it is opened
        self._idle: list[Connection] = []
        self._peeks: list[Peek] = []
        self._patience: Patience | None = None
        self._eye: Eye | None = None
        self.absence: Absence | None = None
        self._live: WeakSet[Connection] = WeakSet()
        self._peeking: WeakSet[Peek] = WeakSet()
        self._known: set[object] = set()
        self._stamp: tuple[int, int] | None = None
        self._look_at = 0.0
        self._rebuilt: list[float] = []
        self._orphaned = False
        with _opening:
            _indexes.add(self)
            _unused[id(self)] = self._idle, self._peeks

    def __del__(self) -> None:
        self._drop_idle()
        _unused.pop(id(self), None)

    # -- the hot road ----------------------------------------------------------------

    def read(self, statement: str, values: Row) -> list[Row]:
        """Return the rows of a SELECT.

        Raises:
            OSError, StorageError: if there is no index that can be read.
        """
        if time.perf_counter() < self._look_at:
            connection = None
            try:
                connection = self._idle.pop()
                rows: list[Row] = connection.sql.execute(statement, values).fetchall()
            except IndexError:
                pass
            except ERRORS as error:
                if self._failed(connection, error) and primary(error) not in TAKEN:
                    raise as_oserror(error, self.path) from error
            except BaseException:  # what a signal handler raises; no memory
                if connection is not None:
                    self._close(connection)
                raise
            else:
                if connection.stamp is self._stamp:
                    self._idle.append(connection)
                else:
                    self._close(connection)
                return rows
        return self._patiently(lambda sql, known: sql.execute(statement, values).fetchall())

    def find(self, statement: str, values: Row, now: float) -> list[Row]:
        """Return what `read` does, for who believes no row without its checksum.

        While others write, a row may be missing: see `peeks`.

        Parameters:
            now: the time.

        Raises:
            OSError, StorageError: if there is no index that can be read.
        """
        if self._peeks and now < self._look_at:
            try:
                peek = self._peeks.pop()
            except IndexError:  # another thread has it
                return self.read(statement, values)
            rows = None
            try:
                if peek.stamp is self._stamp:
                    rows = peek.read(statement, values)
            except (*ERRORS, OSError):  # who reads under the lock will know what is wrong
                pass
            except BaseException:  # as in `read`
                self._close(peek)
                raise
            if rows is not None:
                self._peeks.append(peek)
                return rows
            assert self._patience is not None
            self._patience.lost(peek)
            self._close(peek)
        rows = self.read(statement, values)
        if self._patience is None:
            from dumbo.persistence.peeks import Patience  # here and below: not for one hit

            self._patience = Patience()
        if not self._peeks and self._patience.ends():
            self._peek()
        return rows

    def lacks(self, closure: int, first: int, now: float) -> bool:
        """Whether it is known that `find` would find no row of a call; see `absence`.

        Parameters:
            closure, first: where the ids of its closure begin, and its own.
            now: the time.
        """
        absence = self.absence
        return (
            absence is not None
            and now < self._look_at
            and absence.lacks(closure, first, self._stamp)
        )

    def missed(self, closure: int, last: int, statement: str) -> None:
        """A call was looked for in vain; *statement* tells the ids of its closure."""
        if self.absence is None:
            from dumbo.persistence.absence import Absence  # not for who finds what it looks for

            self.absence = Absence()
        absence = self.absence
        if not absence.is_time():
            return

        def learn(sql: sqlite.Connection, known: set[object]) -> None:
            eye = self._watch()
            if eye is not None:
                sql.execute("BEGIN")
                absence.learn(closure, sql.execute(statement, (closure, last)), eye)
                sql.execute("COMMIT")

        try:
            self._patiently(learn)
        except (*ERRORS, OSError, StorageError):  # the next call is looked for as this one was
            pass

    def begin_rows(self) -> Absence | None:
        """Rows are about to be added, under the lock; return what `Absence.end` is to be told."""
        if self.absence is not None:
            self.absence.begin(self._eye)
        return self.absence

    # -- the rest --------------------------------------------------------------------

    def write(self, work: Callable[[sqlite.Connection, set[object]], T]) -> T:
        """Run *work* with a connection and a set of what is known to be in its file.

        It is run again if the file turns out to be lost or damaged, so it must bear that.

        Raises:
            OSError, StorageError: if the index cannot be written to.
        """
        return self._patiently(work)

    def _patiently(self, work: Callable[[sqlite.Connection, set[object]], T]) -> T:
        deadline = time.monotonic() + _PATIENCE
        attempts = 3
        while True:
            connection = self._take()
            try:
                done = work(connection.sql, connection.known)
            except ERRORS as error:
                taken = primary(error) in TAKEN and time.monotonic() < deadline
                attempts -= not taken
                hopeless = self._failed(connection, error)
                if not taken and (hopeless or not attempts):
                    raise as_oserror(error, self.path) from error
            except BaseException:
                self._give_back(connection)
                raise
            else:
                self._give_back(connection)
                return done

    def close(self) -> None:
        """Close what is open; the next use opens it again."""
        with _opening:
            self._drop_idle()
            self._stamp = None
            self._look_at = 0.0

    # -- connections -----------------------------------------------------------------

    def _take(self) -> Connection:
        if self._orphaned:
            raise StorageError("forked while another thread was in the middle of a statement")
        if time.perf_counter() >= self._look_at:
            self._look()
        try:
            return self._idle.pop()
        except IndexError:
            return self._open()

    def _give_back(self, connection: Connection) -> None:
        if connection.sql.in_transaction:  # left in the middle, by an error or an interrupt
            connection.known.clear()  # what was written since it began is not
            try:
                connection.sql.execute("ROLLBACK")
            except sqlite.Error:
                self._close(connection)
                return
        if connection.stamp is self._stamp:
            self._idle.append(connection)
        else:
            self._close(connection)

    def _look(self) -> None:
        """Is the file at our path still the one that we have open?"""
        with _opening:
            if self._stamp is not None and _stamp(self.path) != self._stamp:
                self._drop_idle()
                self._stamp = None
            self._look_at = time.perf_counter() + _LOOK

    def _drop_idle(self) -> None:
        self.absence = None
        while self._peeks:
            try:
                peek = self._peeks.pop()
            except IndexError:
                break
            self._close(peek)
            del peek  # here, for its descriptor
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            self._close(connection)
        if self._patience is not None:
            self._eye = None
            if _opening.acquire(blocking=False):
                try:
                    self._patience.clear_up(_is_open)
                finally:
                    _opening.release()

    def _close(self, one: Connection | Peek) -> None:
        # Until SQLite is done with it, a fork waits; not until nobody holds it any more, who may
        # be waiting for the fork.
        one.sql.close()
        self._live.discard(one)  # type: ignore[arg-type]
        self._peeking.discard(one)  # type: ignore[arg-type]

    def _failed(
        self,
        connection: Connection | None,
        error: sqlite.Error | UnicodeDecodeError,
        *,
        opened: bool = True,
    ) -> bool:
        """Put away what an error came from; say whether another attempt is hopeless."""
        code = primary(error)
        if connection is None:
            self._stamp = None
            return code in PASSING
        if code in PASSING:
            if opened:
                self._give_back(connection)
            else:
                self._close(connection)
            return True
        with _opening:
            self._close(connection)
            if self._stamp is not None and connection.stamp == self._stamp:
                self._drop_idle()
                self._stamp = None
                # Set aside only what is broken beyond doubt, and still in its place: another
                # process may have put a new index there since.
                if code in DAMAGED and _stamp(self.path) == connection.stamp:
                    self._set_aside(f"the index is damaged ({error})")
        return False

    def _open(self) -> Connection:
        deadline = time.monotonic() + _PATIENCE
        attempts = 2
        with _opening:
            while True:
                if self._stamp is None:
                    self._find_or_make()
                connection = None
                try:
                    # Not `mode=rwc`: an index is made in one piece or not at all.
                    sql = _connect(self.path, "mode=rw")
                    connection = Connection(sql, self._stamp or (0, 0), self._known)
                    for pragma in _PRAGMAS:
                        sql.execute(pragma).fetchall()
                    if self._durable:
                        sql.execute("PRAGMA synchronous=FULL")
                except ERRORS as error:
                    taken = primary(error) in TAKEN and time.monotonic() < deadline
                    attempts -= not taken
                    hopeless = self._failed(connection, error, opened=False)
                    if not taken and (hopeless or not attempts):
                        raise as_oserror(error, self.path) from error
                except BaseException:  # as in `read`
                    if connection is not None:
                        self._close(connection)
                    raise
                else:
                    self._live.add(connection)
                    return connection

    def _peek(self) -> None:
        """Open the file for reading without a lock; if that cannot be, nothing is lost."""
        from dumbo.persistence.peeks import Peek

        stamp = self._stamp
        try:
            eye = self._watch()
            if eye is None or stamp is None:
                return
            # Under a lock: so all pages that are read from now on are of this version, or later.
            version = self._patiently(lambda sql, known: _version(sql, eye))
            with _opening:
                peek = Peek(_connect(self.path, "mode=ro&immutable=1"), eye, version)
                self._peeking.add(peek)
                good = False
                try:
                    peek.sql.execute(_CHECKED).fetchall()
                    good = stamp is self._stamp and _stamp(self.path) == stamp
                finally:
                    if good:
                        self._peeks.append(peek)
                    else:
                        self._close(peek)
        except (*ERRORS, OSError, StorageError):
            pass

    def _watch(self) -> Eye | None:
        """What sees the version of the file that is open; None if there is none."""
        from dumbo.persistence.peeks import Eye

        stamp, eye = self._stamp, self._eye
        if stamp is None:
            return None
        if eye is None or eye.stamp is not stamp:
            eye = self._eye = Eye(self.path, stamp)
        if not eye.is_of(stamp):
            eye = self._eye = None
        return eye

    # -- the file --------------------------------------------------------------------

    def _find_or_make(self) -> None:
        """See to it that there is an index at our path which can be believed."""
        directory = folder.prepare(self._directory)
        self.path = os.path.join(directory, self._name)
        wrong = self._what_is_wrong()
        if wrong:
            self._set_aside(wrong)
        if wrong is not None:
            from dumbo.persistence import making  # here and below: most find one that is good

            making.make(self.path, _APPLICATION, self._schema, self._tables, self._refill)
        self._stamp = _stamp(self.path)
        self._known = set()
        self._look_at = time.perf_counter() + _LOOK

    def _what_is_wrong(self) -> str | None:
        """Say what is wrong with the file at our path; None: nothing; empty: there is none."""
        try:
            status = os.lstat(self.path)
        except FileNotFoundError:
            return ""
        if not stat.S_ISREG(status.st_mode):
            return "the index is not a regular file"
        if not folder.ours(status):
            return "the index belongs to somebody else, or others can write to it"
        if _is_open((status.st_dev, status.st_ino)):
            # Closing any descriptor of it would drop the locks that they may hold.
            return None
        try:
            with open(self.path, "rb", buffering=0) as file:
                head = file.read(100)
        except PermissionError:
            return "the index cannot be read"
        if head[:16] != b"SQLite format 3\0" or len(head) < 100:
            return "the index is no SQLite file"
        if head[18:20] != b"\1\1":  # 2 is WAL, which would be mapped
            return "the index has another journal mode than it was made with"
        schema, mark = int.from_bytes(head[60:64], "big"), int.from_bytes(head[68:72], "big")
        if mark != _APPLICATION or schema != self._schema:
            return f"the index has schema {schema}, not {self._schema}"
        return None

    def _set_aside(self, reason: str) -> None:
        """Put the file at our path out of the way, and tell why.

        Raises:
            OSError: if it stays in the way.
        """
        from dumbo.persistence import making

        now = time.monotonic()
        self._rebuilt = [then for then in self._rebuilt if then > now - 60.0]
        if len(self._rebuilt) >= _REBUILDS:
            raise StorageError(f"{reason}, and it was made anew {_REBUILDS} times in a minute")
        self._rebuilt.append(now)
        name = making.set_aside(self.path)
        self._tell(f"{reason}: set aside as {name!r} and made anew")

    # -- forks -----------------------------------------------------------------------

    def _drain(self, deadline: float) -> None:
        """Close all connections, waiting a moment for those that are in use."""
        while True:
            self._drop_idle()
            if not (self._live or self._peeking) or time.monotonic() > deadline:
                return
            time.sleep(0.001)

    def _inherited(self) -> None:
        """Start anew in a child; what the parent's threads were in the middle of is lost."""
        _left_open.extend(self._live)  # closing them would undo what the parent is doing
        _left_open.extend(self._peeking)
        self._orphaned = bool(self._live or self._peeking)
        self._live, self._peeking = WeakSet(), WeakSet()
        self._idle, self._peeks, self._eye, self.absence = [], [], None, None
        _unused[id(self)] = self._idle, self._peeks
        self._stamp = None
        self._look_at = 0.0


def give_back(sql: sqlite.Connection) -> None:
    """Give the pages back to the system that nothing uses any more.

    Of a statement without columns, Python 3.11 makes one step, which gives back one page.
    """
    before = -1
    while True:
        (free,) = sql.execute("PRAGMA freelist_count").fetchone()
        if free in (0, before):  # nothing left, or a file that gives nothing back
            return
        sql.execute("PRAGMA incremental_vacuum").fetchall()
        before = free


def _stamp(path: str) -> tuple[int, int] | None:
    """Which file is at *path*; None if none is, or an empty one."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status.st_size else None


def _is_open(stamp: tuple[int, int]) -> bool:
    """Whether SQLite may hold a lock on that file, in this process."""
    return any(c.stamp == stamp for i in list(_indexes) for c in list(i._live))


def _version(sql: sqlite.Connection, eye: Eye) -> bytes:
    sql.execute("BEGIN")
    sql.execute("PRAGMA schema_version").fetchall()  # which takes the lock
    version = eye.version()
    sql.execute("COMMIT")
    return version


def _connect(path: str, how: str) -> sqlite.Connection:
    sql = sqlite.connect(
        _uri(path, how), timeout=_NAP, isolation_level=None, check_same_thread=False, uri=True
    )
    sql.setlimit(_SQLITE_LIMIT_LENGTH, _LARGEST)
    sql.text_factory = bytes  # a damaged text must not fail before its checksum
    return sql


def _uri(path: str, how: str) -> str:
    plain = b"/-_.~abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    quoted = "".join(chr(c) if c in plain else f"%{c:02X}" for c in os.fsencode(path))
    return f"file:{quoted}?{how}"


# -- the process ---------------------------------------------------------------------

_opening = RLock()  # one thread at a time opens a file, in any index: see below
_indexes: WeakSet[Index] = WeakSet()
_left_open: list[Connection | Peek] = []
# What indexes have open and do not use, by their ids. It hangs on this, too: of what is garbage
# together, a connection may be finalized before the index that would close it, and then warns.
_unused: dict[int, tuple[list[Connection], list[Peek]]] = {}
_fork_waits = False
forking = False  # whether a fork has asked this module already: see `dumbo.forks`


def before_fork() -> None:
    """Close what is open, and keep others from opening anything until the fork is over."""
    # SQLite keeps a table of the locks that this process holds, by file. A child would
    # inherit the table, but not the locks: so no file is open while a process forks.
    global _fork_waits, forking
    forking = True
    _fork_waits = _opening.acquire(timeout=_FORK)
    deadline = time.monotonic() + _FORK
    for index in list(_indexes):
        index._drain(deadline)


def _after_fork_in_parent() -> None:
    global _fork_waits, forking
    if _fork_waits:
        _opening.release()
    _fork_waits = forking = False


def _after_fork_in_child() -> None:
    global _opening, _fork_waits, forking
    _opening = RLock()
    _fork_waits = forking = False
    for index in list(_indexes):
        index._inherited()


def _at_exit() -> None:
    for index in list(_indexes):
        index.close()


os.register_at_fork(
    before=before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
atexit.register(_at_exit)
