"""What dumbo keeps on disk: results and traces, found by digests.

    entry    one result, by (Python, closure digest, key, extras)
    trace    what proves a closure digest, by (Python, digest version, root, shape)
    program  the references of traces, by the digest of what they are

Reading never raises for trouble with the disk: it finds nothing, and `Store.trouble`
says why. Writing raises, and the caller makes a reason of it. A result's file is in
place before the row that finds it, and goes before it.

Knows identities and the order of things; must not know what a digest is made of, nor
when a result is worth keeping.
"""

from __future__ import annotations

from time import perf_counter

import xxhash

from dumbo.errors import CorruptBlob, MissingBlob, OutOfReach, StorageError
from dumbo.persistence import rows
from dumbo.persistence.ground import CODEC, COMPRESSED, PYTHON
from dumbo.persistence.proofs import Proofs
from dumbo.persistence.records import Record, Summary, Trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO, Any

    from dumbo.persistence import codecs, parts
    from dumbo.persistence.headers import Header
    from dumbo.persistence.recordings import Recording

__all__ = ["PYTHON", "Record", "Store", "Summary", "Trace"]

_ITEMS = 5  # the codec of what generators yield, which is loaded item by item
_PARTS = 6  # the codec of results in parts
_ARROW = 8  # of tables, which see to it themselves that nobody writes to them, or are copied


class Store(Proofs):
    """A directory of results; safe under several threads and processes."""

    def find(self, closure: bytes, key: bytes) -> Record | None:
        """The newest entry of a call, or None."""
        variants = self.variants(closure, key)
        return variants[0] if variants else None

    def variants(self, closure: bytes, key: bytes) -> list[Record]:
        """The entries of a call, one for each extras that it was stored with; the newest first."""
        where = rows.slots(PYTHON, closure, key)
        try:
            found = (self._index or self._open()).read(rows.FIND, where)
            late = self.tail.find(where[0], perf_counter()) if self.tail is not None else None
            if late is not None:
                found = [late, *[row for row in found if row[0] != late[0]]]
        except (OSError, StorageError) as error:
            self._trouble(error)
            return []
        records = []
        for row in found:
            # Ids are not unique: what else stands here belongs to another call.
            if row[1] == closure and row[2] == key and row[3] == PYTHON:
                record = self._record(row)
                if record:
                    records.append(record)
        if len(records) > 1:
            records.sort(key=_created, reverse=True)
        return records

    def load(self, record: Record, *, frozen: bool = False) -> Any:
        """The value of an entry; the caller may change it, or nobody may, if it shall be *frozen*.

        Raises:
            CorruptBlob: if it cannot be had; then the entry has been set aside, unless the
                reason may pass.
        """
        if self._index is None:  # a record of another store of this directory
            try:
                self._open()
            except (OSError, StorageError) as error:
                raise CorruptBlob(f"cannot be read: {error}") from error
        payload: codecs.Buffer | None = record.payload
        codec = self._numbers.get(record.codec, 0)
        if payload is None:
            path = self._path(record.python, record.closure, record.key, record.extras)
            try:
                header, payload = self._reader.read(
                    path, record.closure, record.key, record.extras, record.python,
                    mapped=codec in self._mapped, frozen=frozen and codec != _ARROW,
                    gradual=_ITEMS,
                )  # fmt: skip
            except OSError as error:
                raise OutOfReach(f"cannot be read: {error.strerror or error}") from error
            except MissingBlob:
                # As it should be, if it was evicted meanwhile; what is stored anew stays.
                whose = (record.closure, record.key, record.python, record.extras)
                where = rows.slots(record.python, record.closure, record.key)
                self._drop(rows.DROP_OLD, *where, *whose, round(record.created * 1e6))
                raise
            except CorruptBlob as error:
                self._set_aside(record, str(error))
                raise
            if self._seal is not None and header.created != round(record.created * 1e6):
                # By its age it may have expired; a row says what it likes, the file is signed.
                raise CorruptBlob("is not as old as it was said to be")
            if header.codec & COMPRESSED:
                payload = self._bare(COMPRESSED, payload)
            codec = header.codec & CODEC
        if not self.allow_pickle and codec not in self._unpickled:
            raise CorruptBlob("was pickled, and allow_pickle=False")
        return self._made(record, lambda: self._value(codec, payload, frozen))

    def payload(self, record: Record) -> codecs.Buffer:
        """The bytes of an entry that is stored in parts, without its parts.

        Raises:
            CorruptBlob: if they cannot be had.
        """
        if record.payload is not None:
            return record.payload
        path = self._path(record.python, record.closure, record.key, record.extras)
        identity = (record.closure, record.key, record.extras, record.python)
        try:
            payload: codecs.Buffer = self._reader.read(path, *identity, mapped=True)[1]
            return payload
        except OSError as error:
            raise CorruptBlob(f"cannot be read: {error.strerror or error}") from error

    def load_part(self, record: Record, path: tuple[object, ...]) -> Any:
        """A child, or a child of a child, of an entry in parts; no other part is loaded.

        Raises:
            KeyError: if it has none of that name.
            CorruptBlob: if it cannot be had.
        """
        from dumbo.persistence import assembly

        payload, frame = self.frame(record)
        missing: list[object] = []

        def load() -> Any:
            try:
                return frame.child(path, assembly.loader(self, payload))
            except KeyError as error:  # the name is wrong, and not the entry
                missing.append(error.args[0])

        value = self._made(record, load)
        if missing:
            raise KeyError(missing[0])
        return value

    def part_sizes(self, record: Record) -> dict[Any, int]:
        """The bytes of each child of a value that is a part, or lies in one with others.

        Raises:
            CorruptBlob: if that cannot be read.
        """
        from dumbo.persistence import assembly

        return assembly.sizes(*self.frame(record))

    def frame(self, record: Record) -> tuple[codecs.Buffer, parts.Frame]:
        """What an entry that is stored in parts is without them; first its bytes.

        Raises:
            CorruptBlob: if that cannot be read.
        """
        from dumbo.persistence import assembly

        if not self.allow_pickle:
            raise CorruptBlob("was pickled, and allow_pickle=False")
        payload = self.payload(record)
        return payload, self._made(record, lambda: assembly.frame(payload))

    def _value(self, codec: int, payload: Any, frozen: bool) -> Any:
        if codec != _PARTS:
            return self._decode(codec, payload, frozen)
        from dumbo.persistence import assembly  # only results with large parts need it

        return assembly.frame(payload, frozen).whole(assembly.loader(self, payload, frozen))

    def _made(self, record: Record, make: Callable[[], Any]) -> Any:
        """What *make* makes of an entry; one that makes trouble is set aside."""
        try:
            return make()
        except (MemoryError, RecursionError) as error:  # the fault of where we are, not of it
            raise OutOfReach(f"cannot be loaded now: {type(error).__name__}") from error
        except OutOfReach:  # a part of it
            raise
        except MissingBlob:
            self.lost(record)
            raise
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # classes of the user, and their imports
            of_a_part = isinstance(error, CorruptBlob)  # where it is counted
            why = str(error) if of_a_part else f"cannot be loaded: {type(error).__name__}"
            if record.python == PYTHON:  # that of another Python may be good for that one
                self._set_aside(record, why, corrupt=not of_a_part)
            raise CorruptBlob(why if of_a_part else f"intact, but {why}") from error

    def digest_of(self, record: Record) -> bytes | None:
        """What tells the bytes of an entry from others; None if they are gone."""
        if record.payload is not None:
            return xxhash.xxh3_128_digest(record.payload)
        from dumbo.persistence import blobs

        path = self._path(record.python, record.closure, record.key, record.extras)
        try:
            header = blobs.peek(path)
        except (OSError, CorruptBlob):
            return None
        return b"%d.%d.%d" % (header.checksum, header.length, header.created)

    def decoder(self, record: Record) -> Callable[[Any], Any] | None:
        """What makes a value of the payload in *record*, again and again; None: only `load`."""
        if record.payload is None:
            return None
        return self._decoder(self._numbers.get(record.codec, 0), record.payload)

    # -- storing ---------------------------------------------------------------------

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
        """Store *value* as the result of a call that took *compute* seconds.

        Parameters:
            known: it will be loaded frozen, so write what is then known of it.

        Raises:
            UnstorableResult: if it, or a part of it, would not come back as it is.
            OSError, StorageError: if it cannot be written.
        """
        from dumbo.persistence import saving  # here and below: a hit saves nothing

        return saving.save(
            self, closure, key, value,
            function=function, compute=compute, extras=extras, note=note, known=known,
        )  # fmt: skip

    def record(self, function: str) -> Recording:
        """Begin to record what a generator of *function* yields, for `save_recorded`.

        Raises:
            OSError, StorageError: if nothing can be stored here.
        """
        from dumbo.persistence import saving

        return saving.record(self, function)

    def save_recorded(
        self,
        recording: Recording,
        closure: bytes,
        key: bytes,
        *,
        function: str,
        compute: float,
        extras: bytes = b"",
        note: str = "",
    ) -> Record:
        """Store what was recorded as the result of a call; the recording is ended before.

        Raises:
            OSError, StorageError: if it cannot be written.
        """
        from dumbo.persistence import saving

        return saving.save_recorded(
            self, recording, closure, key,
            function=function, compute=compute, extras=extras, note=note,
        )  # fmt: skip

    def adopt(
        self, file: IO[bytes], told: Callable[[Header], object] = lambda header: None
    ) -> bool:
        """Store a result that is laid out as a blob, unless it is here; say whether it was new.

        Parameters:
            told: takes what it says of itself.

        Raises:
            CorruptBlob: if it is not what was written.
            OSError, StorageError: if it cannot be stored.
        """
        from dumbo.persistence import saving

        return saving.adopt(self, file, told)

    def lost(self, record: Record) -> None:
        """Forget an entry a part of which has gone."""
        self._set_aside(record, "a part of it is gone", corrupt=False)

    def _set_aside(self, record: Record, reason: str, *, corrupt: bool = True) -> None:
        """Take an entry that cannot be loaded, or has no room, out of the way."""
        self.corrupt += corrupt
        self._trouble(f"a result of {record.function} was set aside: {reason}")
        if record.payload is None:
            from dumbo.persistence import shelves

            shelves.remove(self._path(record.python, record.closure, record.key, record.extras))
        whose = (record.closure, record.key, record.python, record.extras)
        where = rows.slots(record.python, record.closure, record.key)
        self._drop(rows.DROP_VARIANT, *where, *whose)

    # -- by word of the user ----------------------------------------------------------

    def forget(self, closure: bytes, key: bytes) -> int:
        """Remove what is stored of one call, of all Pythons; say how many entries that were."""
        from dumbo.persistence import removal  # here and below: a hit removes nothing

        return removal.forget(self, closure, key)

    def forget_call(self, function: str, key: bytes) -> int:
        """Remove what is stored of one call, of all versions of its function."""
        from dumbo.persistence import removal

        return removal.forget_call(self, function, key)

    def clear(self, function: str | None = None) -> int:
        """Remove all entries, or those that a function may be served; say how many."""
        from dumbo.persistence import removal

        return removal.clear(self, function)

    def has_closure(self, closure: bytes) -> bool:
        """Whether any call has a result of this closure."""
        where = (*rows.closure_range(closure), closure, 1)
        return bool(self._read(rows.OF_CLOSURE, where))

    def sums_of(self, closure: bytes) -> tuple[int, float]:
        """How many results there are under a closure, and the seconds that they took."""
        from dumbo.persistence import listing  # here and below: a hit lists nothing

        return listing.sums_of(self, closure)

    def entries_under(self, closure: bytes, limit: int) -> list[Record]:
        """The results under a closure, the newest first."""
        from dumbo.persistence import listing

        return listing.entries_under(self, closure, limit)

    # -- what there is ----------------------------------------------------------------

    def entries_of(self, function: str, key: bytes | None = None, limit: int = 100) -> list[Record]:
        """What is stored of a function, or of one call in all its versions; newest first."""
        from dumbo.persistence import listing  # here and below: a hit lists nothing

        return listing.entries_of(self, function, key, limit)

    def keys_with(self, function: str, closure: bytes, prefix: bytes) -> list[bytes]:
        """The keys that begin with *prefix*, of a closure's entries and of a function's."""
        from dumbo.persistence import listing

        return listing.keys_with(self, function, closure, prefix)

    def everything(self) -> Iterator[Record]:
        """All that is stored, of all functions and Pythons."""
        from dumbo.persistence import listing

        return listing.everything(self)

    def summary(self) -> list[Summary]:
        """What is stored, by function."""
        from dumbo.persistence import listing

        return listing.summary(self)


def _created(record: Record) -> float:
    return record.created
