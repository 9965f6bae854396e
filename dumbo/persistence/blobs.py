"""One result in one file: written once, checked before it is believed.

A *blob* is a header, then the payload that a codec wrote. All numbers are big-endian:

    offset  size  field
    0       4     magic and format, b"dmb1"
    4       4     length of the header, a multiple of 64: a mapped payload lies aligned
    8       8     xxh3-64 of the header from offset 16 to its end
    16      8     length of the payload
    24      8     xxh3-64 of the payload
    32      16    closure digest
    48      16    key digest
    64      8     nanoseconds that computing took
    72      8     nanoseconds that storing took
    80      8     microseconds since 1970 when it was stored
    88      2     Python, as 311 for 3.11
    90      2     number of the codec
    92      2     length of the extras
    94      2     length of the function's name
    96      2     length of the note
    98      ..    extras, name, note (both UTF-8), zeros

    format  change
    dmb1    the first

The header says whose result this is, so a blob in the wrong place is no hit, and the
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
import struct
import sys
import time
import weakref
from itertools import accumulate

import xxhash

from dumbo.errors import CorruptBlob, MissingBlob
from dumbo.persistence import folder
from dumbo.persistence.seal import bare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO, Self, TypeAlias

    from dumbo.persistence.seal import Seal

    Buffer: TypeAlias = bytes | bytearray | memoryview
    Stamp: TypeAlias = tuple[int, int, int, int, int]

_MAGIC = b"dmb1"
_FIXED = struct.Struct(">4sIQQQ16s16sqqqHHHHH")
_CHECKED_FROM = 16
_ALIGN = 64
_LONGEST = 1 << 18  # no header that was written is longer

_CHUNK = 1 << 20  # hashed and then written while it is in the processor's cache
_HELD = 1 << 16  # a draft smaller than this has no file
_MAPPED = 1 << 20  # smaller payloads are read: a map costs more than the copy
_STALE = 3600.0  # seconds after which the temporary of a killed process is swept
_SUFFIX = ".part"

_MAPS = 128  # how many with a descriptor each; beyond, results are read
# Trouble of the machine, not of the file: nothing is to be set aside for it.
_PASSING = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.EACCES))


class Header:
    """What a blob says about itself."""

    __slots__ = (
        "checksum",
        "closure",
        "codec",
        "compute",
        "created",
        "extras",
        "function",
        "key",
        "length",
        "note",
        "python",
        "reserved",
        "size",
        "store",
    )

    def __init__(
        self,
        function: str,
        closure: bytes,
        key: bytes,
        extras: bytes,
        python: int,
        compute: int,
        created: int,
        note: str = "",
        codec: int = 0,
        store: int = 0,
        length: int = 0,
        checksum: int = 0,
        size: int = 0,
    ) -> None:
        self.function = function
        self.closure = closure
        self.key = key
        self.extras = extras
        self.python = python
        self.compute = compute
        self.created = created
        self.note = note
        self.codec = codec
        self.store = store
        self.length = length
        self.checksum = checksum
        self.size = size  # of the header itself
        self.reserved = 0  # its least size, where it is not yet known what it will say

    def pack(self) -> bytes:
        name = self.function.encode("utf-8", "surrogatepass")
        note = self.note.encode("utf-8", "surrogatepass")
        text = self.extras + name + note
        size = max(_FIXED.size + len(text), self.reserved)
        size += -size % _ALIGN
        self.size = size
        fields = (self.length, self.checksum, self.closure, self.key, self.compute, self.store)
        tail = (self.created, self.python, self.codec, len(self.extras), len(name), len(note))
        packed = bytearray(size)
        _FIXED.pack_into(packed, 0, _MAGIC, size, 0, *fields, *tail)
        packed[_FIXED.size : _FIXED.size + len(text)] = text
        check = xxhash.xxh3_64_intdigest(memoryview(packed)[_CHECKED_FROM:])
        packed[8:16] = check.to_bytes(8, "big")
        return bytes(packed)

    @classmethod
    def unpack(cls, packed: bytes) -> Header:
        """Read a header.

        Raises:
            CorruptBlob: if it is truncated, altered or of another format.
        """
        if len(packed) < _FIXED.size:
            raise CorruptBlob(f"{len(packed)} bytes are less than a header has")
        magic, size, check, length, checksum, closure, key, *rest = _FIXED.unpack_from(packed)
        compute, store, created, python, codec, *lengths = rest
        if magic != _MAGIC:
            raise CorruptBlob(f"starts with {magic!r}, not with {_MAGIC!r}")
        if len(packed) < size:
            raise CorruptBlob(f"the header of {size} bytes is cut off after {len(packed)}")
        if xxhash.xxh3_64_intdigest(packed[_CHECKED_FROM:size]) != check:
            raise CorruptBlob("the header was altered")
        texts = []
        start = _FIXED.size
        for end in accumulate(lengths, initial=start):
            texts.append(packed[start:end])
            start = end
        _, extras, name, note = texts
        return cls(
            name.decode("utf-8", "surrogatepass"), closure, key, extras, python, compute, created,
            note.decode("utf-8", "surrogatepass"), codec, store, length, checksum, size,
        )  # fmt: skip


# -- writing -------------------------------------------------------------------------


class Draft:
    """A payload on its way: held while it is small, else in a temporary file beside its place.

    Use as a context manager: what was not placed is removed.
    """

    def __init__(self, path: str, header: Header) -> None:
        self.path = path
        self.header = header
        self.size = 0
        self.error: OSError | None = None
        self._held: list[Buffer] = []
        self._fd = -1
        self._temporary = ""
        self._hash = xxhash.xxh3_64()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        if self._temporary:
            _remove(self._temporary)

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
        try:
            os.replace(self._temporary, self.path)
        except FileNotFoundError:  # it was begun under another path than it is to have
            _make_shelf(os.path.dirname(self.path))
            os.replace(self._temporary, self.path)
        except (IsADirectoryError, NotADirectoryError):
            set_aside(self.path)
            os.replace(self._temporary, self.path)
        self._temporary = ""
        if durable:
            _sync_folder(os.path.dirname(self.path))

    def _spill(self) -> None:
        if self._fd < 0:
            self._open()
            self._start()
            for data in self._held:
                self._write(data)
            self._held.clear()

    def _open(self) -> None:
        temporary = f"{self.path}.{os.getpid()}.{os.urandom(8).hex()}{_SUFFIX}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._fd = os.open(temporary, flags, 0o600)
        except (FileNotFoundError, NotADirectoryError):
            _make_shelf(os.path.dirname(self.path))
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
        for start in range(0, len(view), _CHUNK):
            chunk = view[start : start + _CHUNK]
            self._hash.update(chunk)
            _write_all(self._fd, chunk)

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
        try:
            folder.subfolder(each)
        except (FileExistsError, NotADirectoryError):  # a file or a link is in its place
            set_aside(each)
            folder.subfolder(each)


# -- reading -------------------------------------------------------------------------


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
    ) -> tuple[Header, Buffer]:
        """Return the header and the payload of the blob at *path*, checked.

        The payload may be kept and changed: it is a copy, or mapped copy-on-write where
        *mapped* says that this is of use and it is large; read-only where it shall be *frozen*.

        Raises:
            CorruptBlob: if the file is not the blob of this identity, whole and unaltered.
            OSError: if it cannot be read, for reasons that may lie elsewhere.
        """
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
        finally:
            os.close(fd)
        stamp = (
            status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        )  # fmt: skip
        if self._verified.get(path) != stamp:
            self._verify(path, stamp, header, payload)
        return header, bare(header.codec, payload)

    def _verify(self, path: str, stamp: Stamp, header: Header, payload: Buffer) -> None:
        if xxhash.xxh3_64_intdigest(payload) != header.checksum:
            raise CorruptBlob("the payload was altered")
        if self._seal is not None:
            whose = (header.closure, header.key, header.extras, header.python)
            self._seal.check(*whose, header.codec, payload)
        if len(self._verified) >= 100_000:  # bounded: the oldest are verified once more
            self._verified.pop(next(iter(self._verified)), None)
        self._verified[path] = stamp


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
    if len(start) < size <= _LONGEST:
        start += os.read(fd, size - len(start))
    header = Header.unpack(start)
    if header.size + header.length != status.st_size:
        raise CorruptBlob(
            f"is {status.st_size} bytes long, not the {header.size + header.length} it was"
        )
    return header


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


def _map(fd: int, length: int, access: int) -> mmap.mmap | None:
    """Map a file, never to write to it, or not, where the process has no room for one more."""
    try:
        if sys.version_info >= (3, 13):  # no descriptor is kept
            return mmap.mmap(fd, length, access=access, trackfd=False)
        if len(_maps) >= _MAPS:
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
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        header = _header_of(fd, os.fstat(fd))
        os.lseek(fd, header.size, os.SEEK_SET)
        hasher = xxhash.xxh3_64()
        while chunk := os.read(fd, _CHUNK):
            hasher.update(chunk)
    finally:
        os.close(fd)
    if hasher.intdigest() != header.checksum:
        raise CorruptBlob("the payload was altered")
    return header


def receive(file: IO[bytes], draft_of: Callable[[Header], Draft | None]) -> Draft | None:
    """Read a blob from a stream into the draft that *draft_of* makes for its header, and check it.

    Raises:
        CorruptBlob: if it is not what was written.
        OSError: if the draft cannot be written.
    """
    start = file.read(_FIXED.size)
    size = int.from_bytes(start[4:8], "big")
    if len(start) == _FIXED.size <= size <= _LONGEST:
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


def peek(path: str) -> Header:
    """Read the header of a blob alone.

    Raises:
        CorruptBlob: if there is none.
        OSError: if it cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        return _header_of(fd, os.fstat(fd))
    finally:
        os.close(fd)


# -- keeping house -------------------------------------------------------------------


def walk(directory: str) -> Iterator[str]:
    """The paths of all blobs under *directory*, its `blobs` folder; sweeps old temporaries."""
    for shelf in _names(directory):
        if len(shelf) == 2:
            yield from shelved(os.path.join(directory, shelf))


def shelves(directory: str) -> list[str]:
    """The folders under *directory*, its `blobs` folder, that blobs lie in."""
    return [os.path.join(directory, name) for name in _names(directory) if len(name) == 2]


def is_written(name: str) -> bool:
    """Whether a temporary of that name belongs to a process that is there, as far as we see."""
    parts = name.split(".")
    if len(parts) != 4 or not name.endswith(_SUFFIX) or not parts[1].isdigit():
        return False
    try:
        os.kill(int(parts[1]), 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def is_file(status: os.stat_result) -> bool:
    """Whether what was looked at is a regular file."""
    return stat.S_ISREG(status.st_mode)


def shelved(shelf: str) -> Iterator[str]:
    """The paths of the blobs in one folder; sweeps old temporaries on the way."""
    for name in _names(shelf):
        path = os.path.join(shelf, name)
        if name.endswith(_SUFFIX):
            _sweep(path)
        elif len(name) == 32:
            yield path


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _sweep(path: str) -> None:
    try:
        if os.lstat(path).st_mtime < time.time() - _STALE:
            os.unlink(path)
    except OSError:  # its owner was faster
        pass


def remove(path: str) -> bool:
    """Remove a blob, whatever is in its place; say whether there was one that went."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError:
        # A directory, which may hold anything: out of the way, but not lost.
        return set_aside(path)
    return True


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def set_aside(path: str) -> bool:
    """Give what is at *path* a name where it is in nobody's way; say whether that was done."""
    try:
        os.rename(path, f"{path}.{os.urandom(4).hex()}.aside")
    except OSError:
        return False
    return True
