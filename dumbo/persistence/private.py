"""Results that never reach the disk: of calls whose key means something in one process only.

Encoded as for the disk, so that each hit gives a value of its own, and kept in memory: the
last ones, up to some size. What proves closures still goes to the store beside.

Knows values and bytes; must not know why a key is private.
"""

from __future__ import annotations

import time
from collections import OrderedDict

from dumbo.errors import CorruptBlob, UnstorableResult
from dumbo.persistence import codecs
from dumbo.persistence.records import Record
from dumbo.persistence.store import PYTHON

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.persistence.store import Store

_ENTRIES = 256
_BYTES = 1 << 28


class PrivateStore:
    """The part of a store that a function's calls use, without the disk for results."""

    def __init__(self, beside: Store) -> None:
        self._beside = beside
        self._records: OrderedDict[tuple[bytes, bytes, bytes], Record] = OrderedDict()
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._beside, name)

    def variants(self, closure: bytes, key: bytes) -> list[Record]:
        """The results of a call, the newest first."""
        found = [r for r in list(self._records.values()) if (r.closure, r.key) == (closure, key)]
        return found[::-1]

    def find(self, closure: bytes, key: bytes) -> Record | None:
        """The newest result of a call, or None."""
        return next(iter(self.variants(closure, key)), None)

    def keys_with(self, function: str, closure: bytes, prefix: bytes) -> list[bytes]:
        """The keys of results that begin with *prefix*."""
        return [where[1] for where in list(self._records) if where[1].startswith(prefix)]

    def load(self, record: Record, *, frozen: bool = False) -> Any:
        """The value of a result; the caller may change it, or nobody may, if it is *frozen*."""
        assert record.payload is not None
        try:  # what is kept here was encoded by this process, under the rules of `save`
            return codecs.decode(_NUMBERS[record.codec], record.payload, frozen)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # classes of the user, and their imports
            raise CorruptBlob(f"cannot be loaded: {type(error).__name__}") from error

    def save(
        self,
        closure: bytes,
        key: bytes,
        value: object,
        *,
        function: str,
        compute: float,
        extras: bytes = b"",
        note: str = "",
        known: bool = False,
    ) -> Record:
        """Keep *value* as the result of a call.

        Raises:
            UnstorableResult: if it, or a part of it, would not come back as it is.
        """
        begun = time.perf_counter()
        sink = _Memory()
        plainly = not self._beside.allow_pickle
        written = (codecs.encode_plainly if plainly else codecs.encode)(value, sink, known)
        payload = b"".join(sink.parts)
        if written.doubtful or written.by_value:
            codecs.prove(value, written, payload)
        spent = time.perf_counter() - begun
        record = Record(
            function, closure, key, extras, PYTHON, len(payload), compute, spent,
            time.time(), codecs.NAMES[written.codec], payload, note,
        )  # fmt: skip
        self._put((closure, key, extras), record)
        return record

    def record(self, function: str) -> Any:
        """Refuse: what is recorded goes to a file sooner or later."""
        raise UnstorableResult("what a generator yields is not kept in memory alone")

    def forget_call(self, function: str, key: bytes) -> int:
        """Remove what is kept of one call, under whatever code."""
        return self._drop([where for where in self._records if where[1] == key])

    def forget_all(self) -> int:
        """Remove everything."""
        return self._drop(list(self._records))

    def _put(self, where: tuple[bytes, bytes, bytes], record: Record) -> None:
        self._drop([where])
        self._records[where] = record
        self._size += record.size
        while len(self._records) > _ENTRIES or (self._size > _BYTES and len(self._records) > 1):
            self._drop([next(iter(self._records))])

    def _drop(self, places: list[tuple[bytes, bytes, bytes]]) -> int:
        gone = [self._records.pop(where, None) for where in places]
        sizes = [record.size for record in gone if record is not None]
        self._size -= sum(sizes)
        return len(sizes)


_NUMBERS = {name: number for number, name in codecs.NAMES.items()}


class _Memory:
    """A sink that copies: what is written may change later."""

    def __init__(self) -> None:
        self.size = 0
        self.error: OSError | None = None
        self.parts: list[bytes] = []

    def write(self, data: codecs.Buffer) -> None:
        self.parts.append(bytes(data))
        self.size += len(self.parts[-1])

    def reset(self) -> None:
        self.parts.clear()
        self.size = 0
