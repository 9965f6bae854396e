"""One result on its way into one file: written under another name, put in place at once.

A draft that is small has no file, so that it may go into the index instead.

Knows files and bytes; must not know values, rows or which results there ought to be.
"""

from __future__ import annotations

import mmap
import os

import xxhash

from dumbo.errors import CorruptBlob
from dumbo.persistence import folder, shelves
from dumbo.persistence.headers import FIXED, LONGEST, Header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO, Self, TypeAlias

    Buffer: TypeAlias = bytes | bytearray | memoryview

__all__ = ["Draft", "receive"]

_CHUNK = 1 << 22  # hashed and then written while it is in the processor's cache
_PAGE = 1 << 12
_LARGE = 1 << 22  # bytes for which room is taken before they are written
_HELD = 1 << 16  # a draft smaller than this has no file


class Draft:
    """A payload on its way: held while it is small, else in a temporary file beside its place.

    Use as a context manager: what was not placed is removed.
    """

    def __init__(self, path: str, header: Header) -> None:
        self.path = path
        self.header = header
        self.size = 0
        self.error: OSError | None = None
        self.before: Callable[[int], object] | None = None  # is told of bytes for the disk
        self._held: list[Buffer] = []
        self._fd = -1
        self._temporary = ""
        self._hash = xxhash.xxh3_64()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        if self._temporary:
            shelves.unlink(self._temporary)

    def write(self, data: Buffer) -> None:
        """Take *data*, which must stay as it is until the draft is placed.

        Raises:
            OSError: if it cannot be written; `error` remembers that it came from here.
        """
        self.size += len(data) if type(data) is bytes else memoryview(data).nbytes
        if self._fd < 0 and self.size < _HELD:
            self._held.append(data)
            return
        try:
            self._spill()
            self._tell(data)
            self._write(data)
        except OSError as error:
            self.error = error
            raise

    def reset(self) -> None:
        """Forget what was written."""
        self._held.clear()
        self.size = 0
        self._hash.reset()
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            self._start()

    def held(self) -> bytes | None:
        """The whole payload, if it is so small that it has no file yet."""
        return b"".join(self._held) if self._fd < 0 else None

    def view(self) -> memoryview:
        """The payload for a trial load, which may keep it."""
        if self._fd < 0:
            return memoryview(bytearray(b"".join(self._held)))
        whole = mmap.mmap(self._fd, self.header.size + self.size, access=mmap.ACCESS_COPY)
        return memoryview(whole)[self.header.size :]

    def place(self, *, durable: bool = False) -> None:
        """Give the file its header and its place; *durable*: and wait until the disk has both.

        Raises:
            OSError: if that fails; the temporary is removed on leaving the draft.
        """
        self._spill()
        header = self.header
        header.length = self.size
        header.checksum = self._hash.intdigest()
        os.lseek(self._fd, 0, os.SEEK_SET)
        _write_all(self._fd, header.pack())
        if durable:
            os.fsync(self._fd)
        self._close()
        shelf = os.path.dirname(self.path)
        try:
            folder.trust(shelf)
            os.replace(self._temporary, self.path)
        except FileNotFoundError:  # it was begun under another path than it is to have
            _make_shelf(shelf)
            os.replace(self._temporary, self.path)
        except (IsADirectoryError, NotADirectoryError):
            shelves.set_aside(self.path)
            os.replace(self._temporary, self.path)
        self._temporary = ""
        if durable:
            _sync_folder(os.path.dirname(self.path))

    def _spill(self) -> None:
        if self._fd < 0:
            self._open()
            self._start()
            for data in self._held:
                self._tell(data)
                self._write(data)
            self._held.clear()

    def _tell(self, data: Buffer) -> None:
        if self.before is not None:
            self.before(memoryview(data).nbytes)

    def _open(self) -> None:
        temporary = f"{self.path}.{os.getpid()}.{os.urandom(8).hex()}{shelves.SUFFIX}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        shelf = os.path.dirname(self.path)
        try:
            folder.trust(shelf)
            self._fd = os.open(temporary, flags, 0o600)
        except (FileNotFoundError, NotADirectoryError):
            _make_shelf(shelf)
            self._fd = os.open(temporary, flags, 0o600)
        self._temporary = temporary
        os.fchmod(self._fd, 0o600)  # the umask may have taken more than it should

    def _start(self) -> None:
        os.lseek(self._fd, 0, os.SEEK_SET)
        _write_all(self._fd, bytes(len(self.header.pack())))  # the real one comes last

    def _write(self, data: Buffer) -> None:
        view = memoryview(data)
        if view.ndim != 1 or view.format != "B":
            view = view.cast("B")
        start, end = 0, _CHUNK
        if len(view) >= _LARGE:
            place = os.lseek(self._fd, 0, os.SEEK_CUR)
            _reserve(self._fd, place, len(view))
            end -= place % _PAGE  # so that but the first begins with a page of the file
        while start < len(view):
            chunk = view[start:end]
            self._hash.update(chunk)
            _write_all(self._fd, chunk)
            start, end = end, end + _CHUNK

    def _close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


def _sync_folder(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _reserve(fd: int, place: int, size: int) -> None:
    """Take room for *size* bytes from there on: a file that grows as it is written costs more."""
    reserve = getattr(os, "posix_fallocate", None)  # macOS has none
    if reserve is None:
        return
    try:
        reserve(fd, place, size)
    except OSError:
        pass  # there is too little, which writing tells, or this file system knows nothing of it


def _write_all(fd: int, data: Buffer) -> None:
    written = os.write(fd, data)
    if written < len(data):
        view = memoryview(data)
        while written < len(data):
            written += os.write(fd, view[written:])


def _make_shelf(path: str) -> None:
    """Make the folder that blobs of one prefix lie in, and the one above it."""
    above = os.path.dirname(path)
    for each in (above, path):
        folder.trusted.discard(each)  # whatever was there is so no more
        try:
            folder.subfolder(each)
        except (FileExistsError, NotADirectoryError):  # a file or a link is in its place
            shelves.set_aside(each)
            folder.subfolder(each)
    folder.trust(path)


def receive(file: IO[bytes], draft_of: Callable[[Header], Draft | None]) -> Draft | None:
    """Read a blob from a stream into the draft that *draft_of* makes for its header, and check it.

    Raises:
        CorruptBlob: if it is not what was written.
        OSError: if the draft cannot be written.
    """
    start = file.read(FIXED)
    size = int.from_bytes(start[4:8], "big")
    if len(start) == FIXED <= size <= LONGEST:
        start += file.read(size - len(start))
    header = Header.unpack(start)
    draft = draft_of(header)
    if draft is None:
        return None
    left, hasher = header.length, xxhash.xxh3_64()
    try:
        while left and (chunk := file.read(min(left, _CHUNK))):
            left -= len(chunk)
            hasher.update(chunk)
            draft.write(chunk)
        if left or hasher.intdigest() != header.checksum:
            raise CorruptBlob("the payload is cut off" if left else "the payload was altered")
    except BaseException:
        draft.__exit__()
        raise
    return draft
