"""The tail: rows of small results that are not in the index yet, in one file beside it.

    offset  size  field
    0       4     magic and format, b"dmt1"
    4       4     length of the record
    8       8     xxh3-64 of the record
    16      ..    marshal of (row, name of the function): the row as `rows.entry` makes it

A transaction of SQLite takes some forty microseconds and keeps all others waiting; appending a
record is one system call, which needs no lock and which `kill -9` does not undo. Every process
reads on from where it was, so that a row is found by all from the moment that it is written. Who
finds the file long, or wants to list, change or remove entries, *merges* it into the index first:

    under the index's write lock, the file is renamed, and a record of no length says so in it; its
    rows are put into the index; then another such record says that, and the file goes

Who has appended sees whether its record stands right behind what it knew of the file. If so, none
of these records stood there before it, and who merges reads it. If not, it looks whether the path
leads to another file now, and appends again: a row that comes twice is one row. What a killed
process has renamed and not removed is merged by the next one. Who reads sees at each look how long
the file is: so it goes on to the next one as soon as there is any, and holds what it knows of the
last one until that is in the index.

Knows the file and its records; must not know values, nor what a row says.
"""

from __future__ import annotations

import errno
import marshal
import os
import stat
import struct
from _thread import RLock  # `threading` itself imports more
from _weakrefset import WeakSet
from os import SEEK_CUR, SEEK_END, lseek, write
from time import perf_counter

from xxhash import xxh3_64_intdigest

from dumbo.persistence import folder, rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _sqlite3 as sqlite
    from collections.abc import Callable, Iterator

    from dumbo.persistence.index import Index
    from dumbo.persistence.rows import Row

__all__ = ["Tail"]

_MAGIC = b"dmt1"
_HEAD = struct.Struct("<4sIQ")
_HEAD_SIZE = _HEAD.size
_NAME = "tail"
_OLD = ".old"  # ends the name of one that is being merged
_LARGEST = 1 << 14  # bytes of a record
_FULL = 1 << 17  # bytes of the file, from which on it is merged
_MOST = 1 << 26  # bytes that are ever read; longer ones are not ours
_LOOK = 0.05  # seconds after which a reader looks whether the file is still the one at its path
# Marks, which are no records: a file is being merged, and was.
_MOVED = _HEAD.pack(_MAGIC, 0, xxh3_64_intdigest(b""))
_MERGED = _HEAD.pack(_MAGIC, 0, xxh3_64_intdigest(b"") ^ 1)


class _File:
    """A tail that is open, and what was read in it."""

    __slots__ = ("fd", "merged", "names", "rows", "seen", "size", "stamp")

    def __init__(self, fd: int, stamp: tuple[int, int]) -> None:
        self.fd = fd
        self.stamp = stamp
        self.merged = False  # whether all of it is in the index
        self.size = 0  # of the file, when it was last read
        self.seen = 0  # bytes of it that were understood
        self.rows: dict[int, Row] = {}
        self.names: dict[int, bytes] = {}  # of the functions in it, by their numbers

    def __del__(self) -> None:
        os.close(self.fd)

    def has_changed(self) -> bool:
        return lseek(self.fd, 0, SEEK_END) != self.size

    def read_on(self) -> bool:
        """Take in what was added; say whether another file may have taken its place."""
        size = min(os.fstat(self.fd).st_size, _MOST)
        if size < self.seen:  # somebody has cut it off
            return True
        data = os.pread(self.fd, size - self.seen, self.seen)
        at = 0
        for (row, name), end in _rows_in(data):
            self.rows[row[0]] = row
            self.names[row[5]] = name
            at = end
        self.size = size
        self.seen += at
        self.merged = self.merged or _MERGED in data
        return _MOVED in data


class Tail:
    """The tail of one directory, for all threads of this process."""

    def __init__(self, root: str) -> None:
        self.path = os.path.join(root, _NAME)
        self._root = root
        # Guards the descriptors too: one that is closed may be another file's a moment later.
        self._mutex = RLock()
        self._file: _File | None = None
        self._last: _File | None = None  # which is being merged, perhaps
        self._look_at = 0.0
        self.grown = False  # whether this process has put anything there that nobody has merged
        self._looked = False  # whether this process has looked for what others left
        _tails.add(self)

    def find(self, where: int, now: float) -> Row | None:
        """Return the row with that id, if it is in the tail; *now* is the time."""
        file = self._file  # which stays open as long as it is held here
        if (
            file is not None
            and now < self._look_at
            and self._last is None
            and lseek(file.fd, 0, SEEK_END) == file.size  # as `has_changed` does
        ):
            return file.rows.get(where)
        with self._mutex:
            file = self._file
            if file is None or file.has_changed() or now >= self._look_at:
                file = self._read_on()
            row = file.rows.get(where) if file is not None else None
            if row is None and self._last is not None:
                return self._merging(where)
            return row

    def _merging(self, where: int) -> Row | None:
        """What was in the file before this one, as long as it may not be in the index."""
        last = self._last
        assert last is not None
        if last.has_changed():
            last.read_on()
            if os.fstat(last.fd).st_size < last.seen:
                last.merged = True
        if last.merged:
            self._last = None
            return None
        return last.rows.get(where)

    def look(self) -> None:
        """See to it that the next `find` looks at the path, whatever it knows."""
        self._look_at = 0.0

    def name_of(self, number: int) -> bytes | None:
        """The name of the function with that number, if it was in the tail."""
        for file in (self._file, self._last):
            if file is not None and number in file.names:
                return file.names[number]
        return None

    def put(self, row: Row, name: bytes) -> bool:
        """Append a row; return whether it is time to merge.

        Raises:
            OSError: if it cannot be written.
        """
        data = marshal.dumps((row, name), 2)
        size = len(data)
        record = _HEAD.pack(_MAGIC, size, xxh3_64_intdigest(data)) + data
        size += _HEAD_SIZE
        with self._mutex:
            file = self._file or self._open()
            if write(file.fd, record) != size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)
            end = file.seen + size
            if lseek(file.fd, 0, SEEK_CUR) != end:
                return self._put_beside_others(file, record)
            file.rows[row[0]] = row
            file.names[row[5]] = name
            file.seen = file.size = end
            self.grown = True
            return end >= _FULL

    def _put_beside_others(self, file: _File, record: bytes) -> bool:
        """The same where others have written what is not known yet: perhaps that it is merged."""
        for _ in range(8):
            try:
                status = os.stat(self.path)
            except FileNotFoundError:
                status = None
            renamed = status is None or (status.st_dev, status.st_ino) != file.stamp
            if not renamed and not file.read_on():
                self.grown = True
                return status.st_size >= _FULL  # type: ignore[union-attr]
            self._turn()  # somebody merges it, perhaps without this row
            file = self._open()
            if write(file.fd, record) != len(record):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), self.path)

    def waits(self) -> bool:
        """Whether there is anything to merge."""
        first, self._looked = not self._looked, True
        if first and self._olds():  # of a process that was killed
            return True
        try:
            return os.stat(self.path).st_size > 0
        except OSError:
            return False

    def merge(
        self,
        index: Index,
        named: Callable[[sqlite.Connection, set[object], bytes, bytes, int], object],
    ) -> None:
        """Put all rows into *index*; *named* sees to it that their functions are known there.

        Raises:
            OSError, StorageError: if that cannot be done; then nothing is lost.
        """
        done: list[str] = []

        def work(sql: sqlite.Connection, known: set[object]) -> None:
            done.clear()
            sql.execute("BEGIN IMMEDIATE")
            if os.path.lexists(self.path):
                path = f"{self.path}.{os.urandom(8).hex()}{_OLD}"
                os.rename(self.path, path)
            absence = index.begin_rows()
            found: dict[int, Row] = {}
            for path in self._olds():
                _write(path, _MOVED)  # before it is read, by whomever it was renamed
                read, names = self._rows_of(path)
                for number, closure, python in {(row[5], row[1], row[3]) for row in read.values()}:
                    named(sql, known, names[number], closure, python)
                found.update(read)
                done.append(path)
            sql.executemany(rows.PUT, [found[where] for where in sorted(found)])
            sql.execute("COMMIT")
            if absence is not None:
                absence.end(found)

        with self._mutex:
            index.write(work)
            self.grown = False
            self._file = self._last = None
            self._look_at = 0.0
            for path in done:
                try:
                    _write(path, _MERGED)
                except OSError:  # the disk is full: cut off it has no rows, either
                    _cut_off(path)
                try:
                    os.unlink(path)
                except OSError:
                    pass

    # -- the file --------------------------------------------------------------------

    def _rows_of(self, path: str) -> tuple[dict[int, Row], dict[int, bytes]]:
        """What is in a file that is being merged: of one that is open, as it is known."""
        try:
            status = os.lstat(path)
        except OSError:
            return {}, {}
        for file in (self._file, self._last):
            if file is not None and file.stamp == (status.st_dev, status.st_ino):
                if status.st_size >= file.seen:  # else somebody has cut it off
                    file.read_on()
                    return file.rows, file.names
        rows: dict[int, Row] = {}
        names: dict[int, bytes] = {}
        for (row, name), _ in _rows_in(_content(path)):
            rows[row[0]] = row
            names[row[5]] = name
        return rows, names

    def _olds(self) -> list[str]:
        try:
            names = sorted(os.listdir(self._root))
        except OSError:
            return []
        begins = f"{_NAME}."
        return [
            os.path.join(self._root, name)
            for name in names
            if name.startswith(begins) and name.endswith(_OLD)
        ]

    def _read_on(self) -> _File | None:
        """Take in what was appended, and whether the file is still the one at its path."""
        file = self._file
        moved = file is not None and file.has_changed() and file.read_on()
        now = perf_counter()
        if not moved and now < self._look_at:
            return file
        self._look_at = now + _LOOK
        if self._last is not None and not os.fstat(self._last.fd).st_nlink:
            self._last = None
        try:
            status = os.lstat(self.path)
        except OSError:
            status = None
        if file is not None and status and (status.st_dev, status.st_ino) == file.stamp:
            if os.fstat(file.fd).st_size < file.seen:  # by whom ever: what is left is good
                self._file = None
        elif file is not None:
            self._turn()
        try:
            file = self._file or self._open()
            if file.has_changed():
                file.read_on()
        except OSError:  # there is none that may be read
            self._file = None
        return self._file

    def _turn(self) -> None:
        """Another file takes the place of this one."""
        self._last, self._file = self._file, None

    def _open(self) -> _File:
        # Made by who reads, too: so it sees at once what others write there.
        flags = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_CREAT
        fd = os.open(self.path, flags, 0o600)
        status = os.fstat(fd)
        file = _File(fd, (status.st_dev, status.st_ino))
        if not _is_usable(status):
            raise PermissionError(errno.EPERM, "no file of this user's alone", self.path)
        if status.st_mode & 0o777 != 0o600:
            os.fchmod(fd, 0o600)  # the umask may have taken more than it should
        self._file = file
        return file


def _write(path: str, mark: bytes) -> None:
    """Append a mark to a file that is being merged: for who has it open.

    Raises:
        OSError: if it is ours, and cannot be written to.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:  # something else, of which nothing is read
        return
    try:
        os.write(fd, mark)
    finally:
        os.close(fd)


def _cut_off(path: str) -> None:
    try:
        os.truncate(path, 0)
    except OSError:  # they will look in a moment anyway
        pass


def _content(path: str) -> bytes:
    """What is in a file that is ours, and no link; nothing, if it is something else."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        status = os.fstat(fd)
        if not _is_usable(status):
            return b""
        return os.pread(fd, min(status.st_size, _MOST), 0)
    finally:
        os.close(fd)


def _is_usable(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and folder.ours(status)


def _rows_in(data: bytes) -> Iterator[tuple[tuple[Row, bytes], int]]:
    """The whole records in *data*, each with the place where it ends; others are skipped."""
    at = 0
    while at + _HEAD.size <= len(data):
        magic, size, check = _HEAD.unpack_from(data, at)
        end = at + _HEAD.size + size
        if magic == _MAGIC and size <= _LARGEST and end <= len(data):
            body = data[at + _HEAD.size : end]
            record = _record(body) if xxh3_64_intdigest(body) == check else None
            if record is not None:
                yield record, end
                at = end
                continue
        at = data.find(_MAGIC, at + 1)
        if at < 0:
            return


def _record(body: bytes) -> tuple[Row, bytes] | None:
    """What a record says; None if nobody can have written it, for one such row stops a merge."""
    try:
        row, name = marshal.loads(body)
        whole = type(row) is tuple and len(row) == rows.WIDTH and type(row[0]) is int
        whole = whole and type(name) is bytes and rows.is_whole(row)
    except (ValueError, EOFError, TypeError):
        return None
    return (row, name) if whole else None


_tails: WeakSet[Tail] = WeakSet()


def _after_fork_in_child() -> None:
    for tail in list(_tails):
        tail._mutex = RLock()


os.register_at_fork(after_in_child=_after_fork_in_child)
