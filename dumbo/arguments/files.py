"""What lies at a path, as a digest: a file, a folder or a glob pattern as a tree.

    ``absent``   nothing is there
    ``file``     its content, or its size and time of last change
    ``tree``     what is below, by relative names, in order; links are followed

With it comes what tells later, at the price of one look at each file, whether any has changed
meanwhile.

Knows the file system; must not know arguments or keys.
"""

from __future__ import annotations

import os
import stat

import xxhash

from dumbo.errors import UnhashableArgument

_CHUNK = 1 << 20
_MAGIC = frozenset("*?[")


class Seen:
    """What lay at a path when it was read.

    Attributes:
        path: absolute.
        digest: 16 bytes over it.
        looks: name, identity, size and times of each file, to be compared with later ones.
    """

    __slots__ = ("digest", "how", "looks", "path")

    def __init__(self, path: str, how: str, digest: bytes, looks: tuple[object, ...]) -> None:
        self.path = path
        self.how = how
        self.digest = digest
        self.looks = looks

    def changed(self) -> bool:
        """Whether what lies there may be something else by now."""
        try:
            return _Reader("", self.path).read()[1] != self.looks
        except (OSError, UnhashableArgument):
            return True


def see(path: str | bytes, how: str = "content") -> Seen:
    """Return what lies at *path*.

    Args:
        how: ``"content"``, or ``"mtime"`` for sizes and times.

    Raises:
        UnhashableArgument: if it is neither file nor folder, or cannot be read.
    """
    name = os.path.abspath(os.fsdecode(path))
    try:
        digest, looks = _Reader(how, name).read()
    except OSError as error:
        raise UnhashableArgument(f"{name} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the path
        raise UnhashableArgument(f"{name!r} is no path: {error}") from error
    return Seen(name, how, digest, looks)


class _Reader:
    """Reads one tree; an empty *how* only looks."""

    def __init__(self, how: str, path: str) -> None:
        self.how = how
        self.path = path
        self.state = xxhash.xxh3_128()
        self.looks: list[object] = []
        self.above: list[tuple[int, int]] = []  # folders that are being read

    def read(self) -> tuple[bytes, tuple[object, ...]]:
        """Return the digest and the looks."""
        path = self.path
        status = _status(path)
        if status is None and not _MAGIC.isdisjoint(path):
            self._glob(path)
        elif status is None:
            self._say(b"absent", "")
        else:
            self._any(path, "", status)
        return self.state.digest(), tuple(self.looks)

    def _glob(self, pattern: str) -> None:
        import glob  # it imports `re`: only for patterns

        self._say(b"tree", "")
        base = pattern
        while not _MAGIC.isdisjoint(base):
            base = os.path.dirname(base)
        for path in sorted(glob.glob(pattern, recursive=True, include_hidden=False)):
            status = _status(path)
            name = os.path.relpath(path, base)
            if status is None:
                self._say(b"absent", name)
            elif stat.S_ISDIR(status.st_mode) and "**" in pattern:
                self._say(b"folder", name)  # what is in it matches by itself
            else:
                self._any(path, name, status)

    def _any(self, path: str, name: str, status: os.stat_result) -> None:
        if stat.S_ISREG(status.st_mode):
            self._file(path, name, status)
        elif stat.S_ISDIR(status.st_mode):
            self._folder(path, name, status)
        else:
            raise UnhashableArgument(f"{path} is neither a file nor a folder")

    def _folder(self, path: str, name: str, status: os.stat_result) -> None:
        place = (status.st_dev, status.st_ino)
        if place in self.above:
            raise UnhashableArgument(f"{path} is a link to a folder that it lies in")
        self.above.append(place)
        self._say(b"tree", name)
        for inner in sorted(os.listdir(path)):
            below = os.path.join(path, inner)
            found = _status(below)
            relative = f"{name}/{inner}"
            if found is None:
                self._say(b"absent", relative)  # a link to nothing
            else:
                self._any(below, relative, found)
        self._say(b"end", name)
        self.above.pop()

    def _file(self, path: str, name: str, status: os.stat_result) -> None:
        self._say(b"file", name)
        if self.how == "content":
            status = self._content(path)
        elif self.how:
            self.state.update(b"%d,%d;" % (status.st_size, status.st_mtime_ns))
        self.looks.append(_look(status))

    def _content(self, path: str) -> os.stat_result:
        """Add the content; return what the file was while it was read."""
        buffer = bytearray(_CHUNK)
        view = memoryview(buffer)
        state = xxhash.xxh3_128()
        # Not blocking: what was a file a moment ago may be a pipe by now.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(fd, "rb", buffering=0) as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise UnhashableArgument(f"{path} is neither a file nor a folder")
            size = 0
            while count := file.readinto(buffer):
                state.update(view[:count])
                size += count
            if _look(os.fstat(fd)) != _look(status):
                raise UnhashableArgument(f"{path} changed while it was read")
        self.state.update(b"%d;" % size + state.digest())
        return status

    def _say(self, kind: bytes, name: str) -> None:
        data = os.fsencode(name)
        self.state.update(b"%b:%d:%b;" % (kind, len(data), data))
        self.looks.append((kind, name))


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _look(status: os.stat_result) -> tuple[int, ...]:
    return (
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns,
    )  # fmt: skip
