"""Which stored calls have numbers near to those of another: one small file for each family.

A *family* is the calls of one closure that are equal save for such numbers; so all records of
one file have one size:

    key 16 bytes | numbers, 8 bytes each | checksum of both, 8 bytes (see `seal`)

Records are only appended. One that is torn, or lost to a race, costs a recomputation; one whose
entry is gone is left out when the file is written anew. As all of a cache, these files may be
removed at any time.

Knows numbers and keys; must not know what they are of.
"""

from __future__ import annotations

import os
import sys
from array import array
from contextlib import suppress

import xxhash

from dumbo.persistence import folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any

    from dumbo.persistence.seal import Seal

    Tolerances = Iterable[tuple[int, float, float]]

FOLDER = "near"
_WORTH = 64  # numbers, from which on numpy compares faster, if the program has loaded it
_LARGEST = 1 << 28  # bytes of a family that are compared


class Family:
    """The calls of one family in the store of *directory*."""

    def __init__(
        self,
        directory: str,
        python: int,
        closure: bytes,
        family: bytes,
        seal: Seal | None = None,
    ) -> None:
        name = xxhash.xxh3_128_hexdigest(b"%d." % python + closure + family)
        self._name = name.encode()
        self._seal = seal
        self.folder = os.path.join(directory, FOLDER)
        self.path = os.path.join(self.folder, name)

    def add(self, key: bytes, numbers: array[float]) -> None:
        """Remember that the call of *key* has these *numbers*; if that fails, it is not found."""
        record = self._record(key, numbers)
        with suppress(OSError):
            folder.subfolder(self.folder)
            fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _SAFE, 0o600)
            try:
                status = os.fstat(fd)
                if folder.ours(status) and status.st_size + len(record) <= _LARGEST:
                    # After a torn record the next begins where it would have ended.
                    os.write(fd, bytes(-status.st_size % len(record)) + record)
            finally:
                os.close(fd)

    def near(self, numbers: array[float], tolerances: Tolerances) -> list[bytes]:
        """Return the keys of the calls within the tolerances, the nearest first."""
        limits = list(tolerances)
        found: dict[bytes, float] = {}
        for key, held in self._records(len(numbers)):
            distance = _distance(numbers, held, limits)
            if distance <= 1 and distance < found.get(key, 2.0):
                found[key] = distance
        return sorted(found, key=found.__getitem__)

    def drop(self, keys: Collection[bytes], count: int) -> None:
        """Leave out calls that are no longer stored; *count* numbers are in each record."""
        rest = [self._record(key, held) for key, held in self._records(count) if key not in keys]
        temporary = f"{self.path}.{os.getpid()}"
        with suppress(OSError):
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE, 0o600)
            with open(fd, "wb") as file:
                file.write(b"".join(rest))
            os.replace(temporary, self.path)

    def _records(self, count: int) -> Iterable[tuple[bytes, array[float]]]:
        size = 16 + 8 * count + 8
        data = _read(self.path)
        for start in range(0, len(data) - size + 1, size):
            body = data[start : start + size - 8]
            if self._checksum(body) == data[start + size - 8 : start + size]:
                yield body[:16], _numbers(body[16:])

    def _record(self, key: bytes, numbers: array[float]) -> bytes:
        body = key + _bytes(numbers)
        return body + self._checksum(body)

    def _checksum(self, body: bytes) -> bytes:
        if self._seal is not None:
            return self._seal.mark(b"near", self._name + body)
        return xxhash.xxh3_64_digest(body)


_SAFE = os.O_CLOEXEC | os.O_NOFOLLOW


def clear(directory: str) -> None:
    """Forget all families of a store."""
    path = os.path.join(directory, FOLDER)
    with suppress(OSError):
        for name in os.listdir(path):
            with suppress(OSError):
                os.unlink(os.path.join(path, name))


def _read(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _SAFE)
    except OSError:
        return b""
    with open(fd, "rb") as file:
        status = os.fstat(fd)
        if not folder.ours(status) or status.st_size > _LARGEST:
            return b""
        try:
            return file.read()
        except OSError:
            return b""


def _bytes(numbers: array[float]) -> bytes:
    return _little(numbers).tobytes()


def _numbers(data: bytes) -> array[float]:
    numbers = array("d")
    numbers.frombytes(data)
    return _little(numbers)


def _little(numbers: array[float]) -> array[float]:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers


def _distance(
    mine: array[float], held: array[float], limits: list[tuple[int, float, float]]
) -> float:
    """Return the largest difference, as a part of what is allowed: 1 is just near enough."""
    numpy: Any = sys.modules.get("numpy") if len(mine) >= _WORTH else None
    worst = 0.0
    start = 0
    for count, rel, absolute in limits:
        ours, theirs = mine[start : start + count], held[start : start + count]
        start += count
        if numpy is not None:
            worst = max(worst, _many(numpy, ours, theirs, rel, absolute))
        else:
            for a, b in zip(ours, theirs, strict=True):
                worst = max(worst, _one(a, b, rel, absolute))
                if worst > 1:
                    return worst
    return worst


def _one(a: float, b: float, rel: float, absolute: float) -> float:
    if a == b or (a != a and b != b):
        return 0.0
    allowed = max(absolute, rel * max(abs(a), abs(b)))
    apart = abs(a - b)
    # Infinities and nan are near to themselves only.
    if not apart <= allowed or apart == _INFINITE:
        return 2.0
    return apart / allowed


_INFINITE = float("inf")


def _many(numpy: Any, ours: Any, theirs: Any, rel: float, absolute: float) -> float:
    if not len(ours):
        return 0.0
    a, b = numpy.frombuffer(ours), numpy.frombuffer(theirs)
    with numpy.errstate(all="ignore"):
        allowed = numpy.maximum(absolute, rel * numpy.maximum(abs(a), abs(b)))
        apart = abs(a - b)
        same = (a == b) | ((a != a) & (b != b))
        far = ~(apart <= allowed) | numpy.isinf(apart)
        if bool((far & ~same).any()):
            return 2.0
        parts = numpy.where(same, 0.0, apart / allowed)
    return float(parts.max())
