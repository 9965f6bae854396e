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

import os
import sys
import time

import xxhash

from dumbo.errors import CorruptBlob, MissingBlob, StorageError, UnstorableResult
from dumbo.memory import epoch
from dumbo.persistence import rows
from dumbo.persistence.records import Record, Summary, Trace
from dumbo.persistence.seal import SIGNED as _SIGNED
from dumbo.persistence.seal import SIZE as _SIGNATURE
from dumbo.persistence.seal import bare

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _sqlite3 as sqlite
    from collections.abc import Callable, Iterator
    from typing import IO, Any, TypeVar

    from dumbo.persistence import blobs, codecs, parts
    from dumbo.persistence.index import Index
    from dumbo.persistence.locks import Locks
    from dumbo.persistence.recordings import Recording
    from dumbo.persistence.seal import Seal

    T = TypeVar("T")

__all__ = ["PYTHON", "Record", "Store", "Summary", "Trace"]

PYTHON = sys.version_info[0] * 100 + sys.version_info[1]

_CODEC = 0xFFF  # the bits of its number
_PARTS = 6  # the codec of results in parts
_INLINE = 4096  # bytes; larger payloads are faster as files
_COARSE = 3600  # seconds by which the time of last use may be behind
_ROW = 200  # bytes of the index that a result takes, beside its payload
_LOOKED_AT = 0.01  # of the limit: how much a process writes until it looks at all of it
_HOUSEKEEPER = 1  # a number to claim; those of calls are digests
_LISTED = 10_000  # things that are remembered at most, of each kind


class Store:
    """A directory of results; safe under several threads and processes."""

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        digest_version: int = 1,
        size_limit: int | None = None,
        signing_key: bytes | str | None = None,
        allow_pickle: bool = True,
        durable: bool = False,
    ) -> None:
        self.durable = durable
        self.signing_key = signing_key
        self.allow_pickle = allow_pickle
        self._seal: Seal | None = None
        self.directory = os.path.abspath(os.fsdecode(directory))
        self.trouble = ""
        self.corrupt = 0  # entries that this process set aside
        self.size_limit = size_limit  # bytes, as well as can be; None: there is none
        self._written = 0  # bytes since the last look at all of it
        self._version = digest_version
        self._index: Index | None = None
        self._locks: Locks | None = None
        self._root = ""  # the real path of the directory, once it is prepared
        self._names: dict[int, str] = {}
        self._touched: dict[int, int] = {}
        self._proved: set[object] = set()
        self._swept: set[str] = set()
        self._told: set[str] = set()

    # -- entries ---------------------------------------------------------------------

    def find(self, closure: bytes, key: bytes) -> Record | None:
        """The newest entry of a call, or None."""
        variants = self.variants(closure, key)
        return variants[0] if variants else None

    def variants(self, closure: bytes, key: bytes) -> list[Record]:
        """The entries of a call, one for each extras that it was stored with; the newest first."""
        where = rows.slots(PYTHON, closure, key)
        try:
            found = (self._index or self._open()).read(rows.FIND, where)
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
                    mapped=codec in self._mapped, frozen=frozen,
                )  # fmt: skip
            except OSError as error:
                raise CorruptBlob(f"cannot be read: {error.strerror}") from error
            except MissingBlob:
                # As it should be, if it was evicted meanwhile; what is stored anew stays.
                whose = (record.closure, record.key, record.python, record.extras)
                where = rows.slots(record.python, record.closure, record.key)
                self._drop(rows.DROP_OLD, *where, *whose, round(record.created * 1e6))
                raise
            except CorruptBlob as error:
                self._set_aside(record, str(error))
                raise
            codec = header.codec & _CODEC
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
            return self._reader.read(path, *identity, mapped=True)[1]
        except OSError as error:
            raise CorruptBlob(f"cannot be read: {error.strerror}") from error

    def load_part(self, record: Record, name: object) -> Any:
        """One child of the value of an entry that is stored in parts; no other part is loaded.

        Raises:
            KeyError: if it has none of that name.
            CorruptBlob: if it cannot be had.
        """
        from dumbo.persistence import assembly

        payload, frame = self._frame(record)
        if not frame.has(name):
            raise KeyError(name)
        return self._made(record, lambda: frame.child(name, assembly.loader(self, payload)))

    def part_sizes(self, record: Record) -> dict[Any, int]:
        """The bytes of each child of a value that is a part, or lies in one with others.

        Raises:
            CorruptBlob: if that cannot be read.
        """
        from dumbo.persistence import assembly

        return assembly.sizes(*self._frame(record))

    def _frame(self, record: Record) -> tuple[codecs.Buffer, parts.Frame]:
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
            raise CorruptBlob(f"cannot be loaded now: {type(error).__name__}") from error
        except (Exception, SystemExit) as error:  # classes of the user, and their imports
            self._set_aside(record, f"cannot be loaded: {type(error).__name__}")
            raise CorruptBlob(f"intact, but cannot be loaded: {type(error).__name__}") from error

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
    ) -> Record:
        """Store *value* as the result of a call that took *compute* seconds.

        Raises:
            UnstorableResult: if it, or a part of it, would not come back as it is.
            OSError, StorageError: if it cannot be written.
        """
        started = time.perf_counter_ns()
        if len(closure) != 16 or len(key) != 16:
            raise ValueError("closure and key are digests of 16 bytes")
        index = self._index or self._open()
        # Imported by the opening; here they only get their names.
        from dumbo.persistence import assembly, blobs, codecs

        header = _header(function, closure, key, extras, compute, note)
        record = assembly.save(self, header, value, compute) if self.allow_pickle else None
        if record is not None:
            return record
        with blobs.Draft(self._path(PYTHON, closure, key, extras), header) as draft:
            encode = codecs.encode if self.allow_pickle else codecs.encode_plainly
            written = encode(value, draft)
            header.codec = written.codec
            if written.doubtful or written.by_value:
                self._prove(value, function, written, draft.view)
            return self._finish(index, draft, compute, started)

    def record(self, function: str) -> Recording:
        """Begin to record what a generator of *function* yields, for `save_recorded`.

        Raises:
            OSError, StorageError: if nothing can be stored here.
        """
        self._index or self._open()
        if not self.allow_pickle:
            raise UnstorableResult("what a generator yields is pickled, and allow_pickle=False")
        from dumbo.persistence.recordings import Recording

        number = os.urandom(16).hex()
        return Recording(
            f"{self._root}/blobs/{number[:2]}/{number}",
            lambda item, written, data: self._prove(item, function, written, lambda: data),
        )

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
        started = time.perf_counter_ns()
        index = self._index or self._open()
        header = _header(function, closure, key, extras, compute, note)
        with recording.draft as draft:
            recording.becomes(self._path(PYTHON, closure, key, extras), header)
            return self._finish(index, draft, compute, started)

    def _finish(self, index: Index, draft: blobs.Draft, compute: float, started: int) -> Record:
        """Put a payload that is written in its place, and then the row that finds it."""
        from dumbo.persistence import blobs, codecs

        header, path = draft.header, draft.path
        if self._seal is not None and not header.codec & _SIGNED:
            whose = (header.closure, header.key, header.extras, header.python)
            header.codec |= _SIGNED
            draft.write(self._seal.sign(*whose, header.codec, draft.view()))
        size = draft.size
        payload = draft.held() if size <= _INLINE else None
        header.store = time.perf_counter_ns() - started
        if payload is None:
            draft.place(durable=self.durable)
        try:
            store = time.perf_counter_ns() - started
            self._put(index, header.function, header, size, store, payload)
        except BaseException:
            if payload is None:
                blobs.remove(path)  # nothing would find it, and nothing would count it
            raise
        if payload is None:
            self._sweep(os.path.dirname(path))
        else:
            blobs.remove(path)  # of an earlier, larger result of this call
        self._written += size + _ROW
        if self.size_limit is not None and self._written > self.size_limit * _LOOKED_AT:
            self._keep_within()
        return Record(
            header.function, header.closure, header.key, header.extras, PYTHON, size, compute,
            (time.perf_counter_ns() - started) / 1e9, header.created / 1e6,
            codecs.NAMES[header.codec & _CODEC],
            payload if payload is None else bytes(bare(header.codec, payload)), header.note,
        )  # fmt: skip

    def _prove(
        self,
        value: object,
        function: str,
        written: codecs.Written,
        view: Callable[[], codecs.Buffer],
    ) -> None:
        """Load on trial, the first time that a function stores these types."""
        from dumbo.persistence import codecs

        what = (function, written.doubtful, written.by_value)
        if what not in self._proved:
            codecs.prove(value, written, view())
            if len(self._proved) >= _LISTED:
                self._proved.clear()
            self._proved.add(what)

    def _put(
        self,
        index: Index,
        function: str,
        header: blobs.Header,
        size: int,
        store: int,
        payload: bytes | None,
    ) -> None:
        row = rows.entry(
            header.closure, header.key, header.python, header.extras, _function_id(function),
            size, header.compute, store, header.created, header.codec, payload, _bytes(header.note),
        )  # fmt: skip

        statement = rows.PUT_VARIANT if header.extras else rows.PUT

        def put(sql: sqlite.Connection, known: set[object]) -> None:
            _name(sql, known, function, header.closure)
            sql.execute(statement, row)

        if header.extras:
            self._make_room(header)
        index.write(put)
        if self._touched:
            self._flush(index)

    def _make_room(self, header: blobs.Header) -> None:
        """Remove the file of the variant that another one is about to push out, if any is."""
        known = self.variants(header.closure, header.key)
        known = [record for record in known if record.extras]
        if len(known) < rows.SLOTS - 1 or header.extras in [record.extras for record in known]:
            return
        self._set_aside(known[-1], "there are too many variants of one call", corrupt=False)

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
        number = self._numbers.get(record.codec, 0)
        return self._repeatable.get(number)

    def forget(self, closure: bytes, key: bytes) -> int:
        """Remove what is stored of one call, of all Pythons; say how many entries that were."""
        pythons = {PYTHON, *(python for (python,) in self._read(rows.PYTHONS, (closure,)))}
        return sum(self._forget(python, closure, key) for python in pythons)

    def forget_call(self, function: str, key: bytes) -> int:
        """Remove what is stored of one call, of all versions of its function."""
        closures = self._closures(function)
        gone = sum(self._forget(python, closure, key) for closure, python in closures)
        self._collect(gone)
        return gone

    def _forget(self, python: int, closure: bytes, key: bytes) -> int:
        from dumbo.persistence import blobs

        gone = 0
        epoch.number += 1
        for row in self._read(rows.FIND, rows.slots(python, closure, key)):
            if row[1] == closure and row[2] == key and row[3] == python:
                if row[13] is None:
                    blobs.remove(self._path(python, closure, key, row[4]))
                gone += self._execute(rows.DROP, row[0], row[12])
        return gone

    def clear(self, function: str | None = None) -> int:
        """Remove all entries, or those that a function may be served; say how many."""
        epoch.number += 1
        if function is None:
            return self._clear()
        from dumbo.persistence import blobs

        gone = 0
        for closure in {closure for closure, _ in self._closures(function)}:
            where = (*rows.closure_range(closure), closure)
            for key, python, extras in self._read(rows.FILES_OF_CLOSURE, where):
                blobs.remove(self._path(python, closure, key, extras))
            gone += self._execute(rows.DROP_CLOSURE, *where)
        self._collect(gone)
        return gone

    def _clear(self) -> int:
        def empty(sql: sqlite.Connection, known: set[object]) -> int:
            known.clear()
            gone: int = sql.execute("DELETE FROM entries").rowcount
            for table in ("traces", "programs", "closures", "functions"):
                sql.execute(f"DELETE FROM {table}")
            return gone

        self._index or self._open()
        from dumbo.persistence import blobs, neighbours

        for path in blobs.walk(os.path.join(self._root, "blobs")):
            blobs.remove(path)
        neighbours.clear(self._root)
        return self._write(empty)

    def entries_of(self, function: str, key: bytes | None = None, limit: int = 100) -> list[Record]:
        """What is stored of a function, or of one call in all its versions; newest first."""
        found: list[rows.Row] = []
        for closure, python in self._closures(function):
            if key is None:
                where = (*rows.closure_range(closure), closure, limit)
                found += (r for r in self._read(rows.OF_CLOSURE, where) if r[3] == python)
            else:
                there = self._read(rows.FIND, rows.slots(python, closure, key))
                found += (r for r in there if (r[1], r[2], r[3]) == (closure, key, python))
        records = [record for record in map(self._record, found) if record]
        records.sort(key=lambda record: record.created, reverse=True)
        return records[:limit]

    def all_of_codec(self, codec: int) -> list[Record]:
        """All entries that a codec wrote, by its number."""
        return [
            record
            for number in (codec, codec | _SIGNED)
            for row in self._read(rows.OF_CODEC, (number,))
            if (record := self._record(row))
        ]

    def _collect(self, gone: int) -> None:
        """Remove the large parts that no result has any more, once some results are gone."""
        if gone:
            from dumbo.persistence import assembly

            assembly.collect(self)

    def everything(self) -> Iterator[Record]:
        """All that is stored, of all functions and Pythons."""
        for row in self._read(rows.ALL, ()):
            record = self._record(row)
            if record:
                yield record

    def summary(self) -> list[Summary]:
        """What is stored, by function."""
        if self._index is not None and self._touched:
            self._flush(self._index)
        return [
            Summary(
                self._names.get(function) or self._name_of(function),
                entries,
                _number(size),
                _number(compute) / 1e9,
                _number(used),
            )
            for function, entries, size, compute, used in self._read(rows.SUMMARY, ())
        ]

    # -- traces ----------------------------------------------------------------------

    def traces(self, root: bytes, shape: bytes, limit: int = 256) -> list[Trace]:
        """What proves a closure digest of *root*, last written first; without details."""
        place = rows.place(PYTHON, self._version, root, shape)
        mine = (PYTHON, self._version, root, shape)
        found = self._read(rows.TRACES, (place, limit))
        traces = [self._trace(row) for row in found if row[2:6] == mine]
        return [trace for trace in traces if trace]

    def traces_of(self, function: str, limit: int = 8) -> list[Trace]:
        """The last traces of a function, under any root and shape, for explanations."""
        found = self._read(rows.TRACES_OF, (_function_id(function), limit))
        traces = [self._trace(row) for row in found if row[2:4] == (PYTHON, self._version)]
        return [trace for trace in traces if trace]

    def program(self, digest: bytes) -> bytes | None:
        """The program of that digest, or None."""
        where = rows.signed(int.from_bytes(digest[:8], "big"))
        for (payload,) in self._read(rows.PROGRAM, (where,)):
            if isinstance(payload, bytes):
                program = self._checked_program(payload, digest)
                if program is not None:
                    return program
            self._drop_row(rows.DROP_PROGRAM, where)
        return None

    def _checked_program(self, payload: bytes, digest: bytes) -> bytes | None:
        signed = xxhash.xxh3_128_digest(payload) != digest
        program = payload[:-_SIGNATURE] if signed else payload
        if signed and xxhash.xxh3_128_digest(program) != digest:
            return None
        if self._seal is not None:
            try:
                self._seal.check(b"", digest, b"", 0, _SIGNED if signed else 0, payload)
            except CorruptBlob:
                return None
        return program

    def add_trace(
        self,
        function: str,
        root: bytes,
        shape: bytes,
        program: bytes,
        state: bytes,
        closure: bytes,
        details: bytes,
    ) -> None:
        """Store what proves *closure*; the same again counts as used last.

        Raises:
            OSError, StorageError: if it cannot be written.
        """
        digest = xxhash.xxh3_128_digest(program)
        where = rows.signed(int.from_bytes(digest[:8], "big"))
        self._index or self._open()
        if self._seal is not None:
            program += self._seal.sign(b"", digest, b"", 0, _SIGNED, program)
        row = rows.trace(
            PYTHON, self._version, root, shape, digest, state, closure,
            _function_id(function), time.time_ns() // 1000, details,
        )  # fmt: skip

        def put(sql: sqlite.Connection, known: set[object]) -> None:
            sql.execute("BEGIN IMMEDIATE")
            _name(sql, known, function, closure)
            sql.execute(rows.PUT_PROGRAM, (where, program))
            sql.execute(rows.PUT_TRACE, row)
            sql.execute("COMMIT")

        self._write(put)

    def _trace(self, row: rows.Row) -> Trace | None:
        try:
            whole = rows.trace_checksum(row) == row[11]
        except CorruptBlob:
            whole = False
        if not whole:
            self._drop_row(rows.DROP_TRACE, row[0], row[11])
            return None
        root, shape, program, state, closure, function, created = row[4:11]
        return Trace(
            self._names.get(function) or self._name_of(function),
            root, shape, program, state, closure,
            rows.unguarded(row[12]) if len(row) > 12 else b"", created / 1e6,
        )  # fmt: skip

    # -- opening and closing ---------------------------------------------------------

    def prepare(self) -> None:
        """Create the directory where it is missing, and check it.

        Raises:
            UnusableDirectory: what is wrong with it, and the way out.
        """
        from dumbo.persistence import folder

        folder.prepare(self.directory)

    def _open(self) -> Index:
        """Prepare the directory; the files are opened by the first statement.

        Raises:
            UnusableDirectory, StorageError: why nothing can be stored here.
        """
        # Here and not at the top: a program that calls nothing twice needs no SQLite.
        try:
            from dumbo.persistence import blobs, codecs, folder, seal
            from dumbo.persistence.index import Index
        except ImportError as error:  # a Python without SQLite still runs, uncached
            raise StorageError(f"{error}, so nothing can be stored") from error

        self._root = folder.prepare(self.directory)
        self._decode = codecs.decode
        self._unpickled = codecs.UNPICKLED
        self._repeatable = codecs.REPEATABLE
        self._mapped = codecs.MAPPED
        self._codec_names = codecs.NAMES
        self._numbers = {name: number for number, name in codecs.NAMES.items()}
        key = seal.read_key(self.signing_key)
        self._seal = seal.Seal(key) if key is not None else None
        self._reader = blobs.Reader(self._seal)
        self._index = Index(self._root, self._survivors, self._trouble, durable=self.durable)
        return self._index

    def run(self, work: Callable[[sqlite.Connection, set[object]], T]) -> T:
        """Run *work* on the index, for `housekeeping`.

        Raises:
            OSError, StorageError: if that cannot be done.
        """
        if self._touched and self._index is not None:
            self._flush(self._index)
        return self._write(work)

    @property
    def root(self) -> str:
        """The real path of the directory, once it is prepared."""
        self._index or self._open()
        return self._root

    def path_of(self, python: int, closure: bytes, key: bytes, extras: bytes) -> str:
        """Where the file of an entry is, if it has one."""
        self._index or self._open()
        return self._path(python, closure, key, extras)

    def _keep_within(self) -> None:
        """Evict what is too much, once enough was written since the last look."""
        limit = self.size_limit
        self._written = 0
        if limit is None:
            return
        # Imported here: a process that stores little never keeps house.
        from dumbo.persistence import housekeeping
        from dumbo.persistence.locks import KEPT, Claim

        try:
            claim = self.locks().claim(_HOUSEKEEPER, None)
            if type(claim) is Claim:  # else somebody is at it
                housekeeping.evict(self, limit)
                claim.end(KEPT)
        except (OSError, StorageError) as error:
            self._trouble(error)

    def locks(self) -> Locks:
        """The locks of who computes what, for all processes that use this directory.

        Raises:
            OSError, StorageError: if the directory cannot be used.
        """
        if self._locks is None:
            if self._index is None:
                self._open()
            from dumbo.persistence.locks import locks_of

            self._locks = locks_of(self._root)
        return self._locks

    def close(self) -> None:
        """Write down what is still to be written, and close the files; a later use opens them."""
        if self._index is not None:
            self._flush(self._index)
            self._index.close()

    def _survivors(self, root: str) -> Iterator[tuple[str, rows.Row]]:
        """The rows of a new index that can be told from the files alone."""
        from dumbo.persistence import blobs

        named: set[tuple[str, bytes, int]] = set()
        for path in blobs.walk(os.path.join(root, "blobs")):
            try:
                header = blobs.peek(path)
            except (OSError, CorruptBlob):
                continue
            yield from self._rows_of(path, header, named)

    def _rows_of(
        self, path: str, header: blobs.Header, named: set[tuple[str, bytes, int]]
    ) -> Iterator[tuple[str, rows.Row]]:
        """The rows that find a file, if it lies where it should."""
        function, closure, python = header.function, header.closure, header.python
        if path != self._path(python, closure, header.key, header.extras):
            return
        number = _function_id(function)
        if (function, closure, python) not in named:
            named.add((function, closure, python))
            yield rows.PUT_FUNCTION, (number, _bytes(function))
            yield rows.PUT_CLOSURE, (number, closure, python)
        row = rows.entry(
            closure, header.key, python, header.extras, number, header.length,
            header.compute, header.store, header.created, header.codec, None,
            _bytes(header.note),
        )  # fmt: skip
        yield rows.PUT_VARIANT if header.extras else rows.PUT, row

    def list_file(self, path: str) -> bool:
        """Make the rows that find the blob at *path*; say whether it lies where it should."""
        from dumbo.persistence import blobs

        found = list(self._rows_of(path, blobs.peek(path), set()))

        def put(sql: sqlite.Connection, known: set[object]) -> None:
            for statement, row in found:
                sql.execute(statement, row)

        if found:
            self._write(put)
        return bool(found)

    def adopt(self, file: IO[bytes]) -> bool:
        """Store a result that is laid out as a blob, unless it is here; say whether it was new.

        Raises:
            CorruptBlob: if it is not what was written.
            OSError, StorageError: if it cannot be stored.
        """
        started = time.perf_counter_ns()
        index = self._index or self._open()
        from dumbo.persistence import blobs

        def draft_of(header: blobs.Header) -> blobs.Draft | None:
            whose = (header.closure, header.key, header.python)
            there = self._read(rows.FIND, rows.slots(header.python, header.closure, header.key))
            if any((row[1], row[2], row[3]) == whose and row[4] == header.extras for row in there):
                return None
            return blobs.Draft(self._path(header.python, *whose[:2], header.extras), header)

        draft = blobs.receive(file, draft_of)
        if draft is None:
            return False
        with draft:
            self._finish(index, draft, draft.header.compute / 1e9, started)
        return True

    def name_of(self, number: int) -> str:
        """The name of a function by its number in the index."""
        return self._names.get(number) or self._name_of(number)

    # -- small steps -----------------------------------------------------------------

    def _path(self, python: int, closure: bytes, key: bytes, extras: bytes) -> str:
        name = xxhash.xxh3_128_hexdigest(b"%d." % python + closure + key + extras)
        return f"{self._root}/blobs/{name[:2]}/{name}"

    def _read(self, statement: str, values: rows.Row) -> list[rows.Row]:
        try:
            return (self._index or self._open()).read(statement, values)
        except (OSError, StorageError) as error:
            self._trouble(error)
            return []

    def _write(self, work: Callable[[sqlite.Connection, set[object]], T]) -> T:
        return (self._index or self._open()).write(work)

    def _execute(self, statement: str, *values: object) -> int:
        """Run one statement that writes; say how many rows it changed."""

        def run(sql: sqlite.Connection, known: set[object]) -> int:
            changed: int = sql.execute(statement, values).rowcount
            return changed

        return self._write(run)

    def _closures(self, function: str) -> list[rows.Row]:
        number = _function_id(function)
        return self._read(rows.CLOSURES, (number, number))

    def _name_of(self, number: int) -> str:
        for (name,) in self._read(rows.NAME, (number,)):
            if isinstance(name, bytes) and rows.name_id(name) == number:
                if len(self._names) >= _LISTED:
                    self._names.clear()
                self._names[number] = _text(name)
                return self._names[number]
        return "?"

    def _touch(self, where: int, used: int) -> None:
        now = int(time.time())
        if used + _COARSE < now and len(self._touched) < _LISTED:
            self._touched[where] = now

    def _flush(self, index: Index) -> None:
        """Write when entries were last used, which reading only notes."""
        touched, self._touched = self._touched, {}
        if not touched:
            return

        def touch(sql: sqlite.Connection, known: set[object]) -> None:
            sql.execute("BEGIN IMMEDIATE")
            sql.executemany(rows.TOUCH, [(now, where) for where, now in touched.items()])
            sql.execute("COMMIT")

        try:
            index.write(touch)
        except (OSError, StorageError):  # only an order of eviction is lost
            pass

    def _sweep(self, shelf: str) -> None:
        """Look once for temporaries that killed processes left beside what was just stored."""
        from dumbo.persistence import blobs

        if shelf not in self._swept:
            self._swept.add(shelf)
            for _ in blobs.shelved(shelf):
                pass

    # -- what was not believed -------------------------------------------------------

    def _record(self, row: rows.Row) -> Record | None:
        """The record of a row, if the row is whole; else it is dropped."""
        try:
            whole = rows.entry_checksum(row) == row[12]
        except CorruptBlob:
            whole = False
        if not whole:
            self._drop_row(rows.DROP, row[0], row[12])
            return None
        function, size, compute, store, created, used, codec, _, payload, note = row[5:]
        if self._seal is not None or codec & _SIGNED:
            try:
                payload = self._unsealed(row)
            except CorruptBlob as error:  # somebody else's, perhaps: it stays, and is a miss
                self._trouble(f"a result {error}")
                return None
            codec &= _CODEC
        self._touch(row[0], used)
        return Record(
            self._names.get(function) or self._name_of(function),
            row[1], row[2], row[4], row[3], size, compute / 1e9, store / 1e9, created / 1e6,
            self._codec_names.get(codec, "?"), payload, _text(note),
        )  # fmt: skip

    def _unsealed(self, row: rows.Row) -> bytes | None:
        """The payload of a row without its signature, which fits; None if it is in a file.

        Raises:
            CorruptBlob: if it is not signed as it should be.
        """
        codec, payload = row[11], row[13]
        if payload is None:
            if self._seal is not None and not codec & _SIGNED:
                raise CorruptBlob("is not signed")
            return None
        if self._seal is not None:
            self._seal.check(row[1], row[2], row[4], row[3], codec, payload)
        return bytes(bare(codec, payload))

    def _set_aside(self, record: Record, reason: str, *, corrupt: bool = True) -> None:
        """Take an entry that cannot be loaded, or has no room, out of the way."""
        self.corrupt += corrupt
        self._trouble(f"a result of {record.function} was set aside: {reason}")
        if record.payload is None:
            from dumbo.persistence import blobs

            blobs.remove(self._path(record.python, record.closure, record.key, record.extras))
        whose = (record.closure, record.key, record.python, record.extras)
        where = rows.slots(record.python, record.closure, record.key)
        self._drop(rows.DROP_VARIANT, *where, *whose)

    def _drop_row(self, statement: str, *values: object) -> None:
        self.corrupt += 1
        self._trouble("a row of the index was damaged, and dropped")
        self._drop(statement, *values)

    def _drop(self, statement: str, *values: object) -> None:
        """Delete rows where that is possible; a read-only cache stays as it is."""
        try:
            self._execute(statement, *values)
        except (OSError, StorageError):
            pass

    def _trouble(self, reason: object) -> None:
        """Remember why something could not be done, and log it once."""
        self.trouble = str(reason)
        if self.trouble in self._told or len(self._told) >= _LISTED:
            return
        self._told.add(self.trouble)
        logging = sys.modules.get("logging")  # where it isn't loaded, nobody listens
        if logging is not None:
            logging.getLogger("dumbo").info("%s: %s", self.directory, self.trouble)


def _name(sql: sqlite.Connection, known: set[object], function: str, closure: bytes) -> None:
    """See to it that the index knows a function by name, and as one that has this closure."""
    if (function, closure, PYTHON) in known:
        return
    number = _function_id(function)
    sql.execute(rows.PUT_FUNCTION, (number, _bytes(function)))
    sql.execute(rows.PUT_CLOSURE, (number, closure, PYTHON))
    known.add((function, closure, PYTHON))


def _created(record: Record) -> float:
    return record.created


def _header(
    function: str, closure: bytes, key: bytes, extras: bytes, compute: float, note: str
) -> blobs.Header:
    from dumbo.persistence.blobs import Header

    spent = max(0, round(compute * 1e9))
    created = time.time_ns() // 1000
    return Header(function, closure, key, extras, PYTHON, spent, created, note)


def _function_id(function: str) -> int:
    return rows.name_id(_bytes(function))


def _bytes(text: str) -> bytes:
    # Names may hold anything that a string can, lone surrogates too.
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _number(value: object) -> Any:
    """A sum, which a damaged row may have made anything else of."""
    return value if isinstance(value, int | float) else 0
