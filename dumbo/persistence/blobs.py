"""One result in one file: written once (`drafts`), checked before it is believed.

The header (`headers`) says whose result this is, so a blob in the wrong place is no hit, and the
index can be made anew from the blobs. A blob is written under a temporary name and
put in place by one `os.replace`; it is never written to again, which is why it may be
mapped: whoever has mapped the old file keeps it.

Knows files and bytes; must not know values, rows or which results there ought to be.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
import sys
import weakref

import xxhash

from dumbo.errors import CorruptBlob, MissingBlob
from dumbo.persistence import folder
from dumbo.persistence.ground import CODEC, COMPRESSED
from dumbo.persistence.headers import LONGEST, Header
from dumbo.persistence.seal import SIGNED, SIZE, bare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from dumbo.persistence.seal import Seal
    from dumbo.persistence.stretches import Stretch

    Buffer: TypeAlias = bytes | bytearray | memoryview
    Stamp: TypeAlias = tuple[int, int, int, int, int]

_CHUNK = 1 << 20
_MAPPED = 1 << 20  # smaller payloads are read: a map costs more than the copy
_MAPS = 128  # how many with a descriptor each, at most; beyond, results are read
# Trouble of the machine, not of the file: nothing is to be set aside for it.
_PASSING = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.EACCES))


class Reader:
    """Reads blobs, and remembers which files this process has verified."""

    def __init__(self, seal: Seal | None = None) -> None:
        self._seal = seal
        self._verified: dict[str, Stamp] = {}

    def read(
        self,
        path: str,
        closure: bytes,
        key: bytes,
        extras: bytes,
        python: int,
        *,
        mapped: bool,
        frozen: bool = False,
        gradual: int | None = None,
    ) -> tuple[Header, Any]:
        """Return the header and the payload of the blob at *path*, checked.

        The payload may be kept and changed: it is a copy, or mapped copy-on-write where
        *mapped* says that this is of use and it is large; read-only where it shall be *frozen*.
        A large one of the codec *gradual* comes as a `Stretch`.

        Raises:
            CorruptBlob: if the file is not the blob of this identity, whole and unaltered.
            OSError: if it cannot be read, for reasons that may lie elsewhere.
        """
        shelf = os.path.dirname(path)
        if shelf not in folder.trusted:
            _trust(shelf)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError as error:
            raise MissingBlob("was evicted") from error
        except OSError as error:
            if error.errno in _PASSING:
                raise
            raise CorruptBlob(f"cannot be opened: {error.strerror}") from error
        try:
            status = os.fstat(fd)
            header = _header_of(fd, status)
            if (header.closure, header.key) != (closure, key) or (
                (header.extras, header.python) != (extras, python)
            ):
                raise CorruptBlob(f"holds a result of {header.function!r} that belongs elsewhere")
            payload = _payload_of(fd, header, mapped, frozen)
            gradually = header.codec & CODEC == gradual
            stretch = _stretch_of(fd, status, header, payload) if gradually else None
        finally:
            os.close(fd)
        stamp = (
            status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        )  # fmt: skip
        if self._verified.get(path) != stamp:
            self._verify(path, stamp, header, payload)
        if stretch is not None:
            return header, stretch
        return header, bare(header.codec, payload)

    def _verify(self, path: str, stamp: Stamp, header: Header, payload: Buffer) -> None:
        if xxhash.xxh3_64_intdigest(payload) != header.checksum:
            raise CorruptBlob("the payload was altered")
        if self._seal is not None:
            whose = (header.closure, header.key, header.extras, header.python)
            self._seal.check(*whose, header.codec, header.created, payload)
        if len(self._verified) >= 100_000:  # bounded: the oldest are verified once more
            self._verified.pop(next(iter(self._verified)), None)
        self._verified[path] = stamp


def opening(path: str, size: int) -> bytes:
    """Return what the payload of a blob begins with, as it stands there.

    Raises:
        CorruptBlob: if there is no blob.
        OSError: if it cannot be read.
    """
    _trust(os.path.dirname(path))
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in _PASSING:
            raise
        raise CorruptBlob(f"cannot be opened: {error.strerror}") from error
    try:
        return os.pread(fd, size, _header_of(fd, os.fstat(fd)).size)
    finally:
        os.close(fd)


def _trust(shelf: str) -> None:
    """Check the folder of a blob.

    Raises:
        UnusableDirectory: if others can change what is in there.
    """
    try:
        folder.trust(shelf)
    except (FileNotFoundError, NotADirectoryError):  # who opens the blob says what that means
        pass


def _header_of(fd: int, status: os.stat_result) -> Header:
    if not stat.S_ISREG(status.st_mode):
        raise CorruptBlob("is not a regular file")
    if not folder.ours(status):
        raise CorruptBlob(
            f"belongs to user {status.st_uid} or can be written to by others "
            f"(mode {stat.S_IMODE(status.st_mode):04o}), so it is not loaded"
        )
    start = os.read(fd, 512)
    size = int.from_bytes(start[4:8], "big")
    if len(start) < size <= LONGEST:
        start += os.read(fd, size - len(start))
    header = Header.unpack(start)
    if header.size + header.length != status.st_size:
        raise CorruptBlob(
            f"is {status.st_size} bytes long, not the {header.size + header.length} it was"
        )
    return header


def _stretch_of(fd: int, status: os.stat_result, header: Header, payload: Buffer) -> Stretch | None:
    """What reads a payload on that is mapped, if it stands in the file as it is."""
    if type(payload) is not memoryview or header.codec & COMPRESSED:
        return None
    from dumbo.persistence import stretches  # few results are recordings

    if not stretches.is_room():
        return None
    size = header.length - (SIZE if header.codec & SIGNED else 0)
    try:
        return stretches.Stretch(fd, header.size, size, status)
    except OSError:  # no descriptor is left
        return None


def _payload_of(fd: int, header: Header, mapped: bool, frozen: bool) -> Buffer:
    if mapped and header.length >= _MAPPED:
        access = mmap.ACCESS_READ if frozen else mmap.ACCESS_COPY
        whole = _map(fd, header.size + header.length, access)
        if whole is not None:
            return memoryview(whole)[header.size :]
    os.lseek(fd, header.size, os.SEEK_SET)
    if not mapped:
        # Into bytes at once: for them this is the value, or as good as any for `pickle`.
        data = os.read(fd, header.length)
        if len(data) == header.length:
            return data
        os.lseek(fd, header.size, os.SEEK_SET)  # more than one read can give
    space = bytearray(header.length)
    view = memoryview(space)
    filled = 0
    while filled < header.length:
        count = os.readv(fd, [view[filled : filled + (1 << 30)]])
        if not count:
            raise CorruptBlob("was cut off while it was read")
        filled += count
    return space


_maps: set[weakref.ref[mmap.mmap]] = set()


def _most_maps() -> int:
    """Return how many descriptors maps may take: the program needs some, too."""
    import resource  # only before 3.13, and where something is mapped

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MAPS if soft == resource.RLIM_INFINITY else min(_MAPS, soft // 4)


def _map(fd: int, length: int, access: int) -> mmap.mmap | None:
    """Map a file, never to write to it, or not, where the process has no room for one more."""
    try:
        if sys.version_info >= (3, 13):  # no descriptor is kept
            return mmap.mmap(fd, length, access=access, trackfd=False)
        if len(_maps) >= _most_maps():
            return None
        whole = mmap.mmap(fd, length, access=access)
        _maps.add(weakref.ref(whole, _maps.discard))
        return whole
    except (OSError, ValueError):  # too many maps or descriptors; or shorter than a moment ago
        return None


def check(path: str) -> Header:
    """Read a whole blob and check it; return its header.

    Raises:
        CorruptBlob: if it is not what was written.
        OSError: if it cannot be read.
    """
    _trust(os.path.dirname(path))
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        header = _header_of(fd, os.fstat(fd))
        checksum = _checksum_of(fd, header.size)
    finally:
        os.close(fd)
    if checksum != header.checksum:
        raise CorruptBlob("the payload was altered")
    return header


def _checksum_of(fd: int, start: int) -> int:
    # No loop lies within a `finally`: see `_without` in `tracing.observer`.
    os.lseek(fd, start, os.SEEK_SET)
    hasher = xxhash.xxh3_64()
    while chunk := os.read(fd, _CHUNK):
        hasher.update(chunk)
    return int(hasher.intdigest())


def peek(path: str) -> Header:
    """Read the header of a blob alone.

    Raises:
        CorruptBlob: if there is none.
        OSError: if it cannot be read.
    """
    _trust(os.path.dirname(path))
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        return _header_of(fd, os.fstat(fd))
    finally:
        os.close(fd)
