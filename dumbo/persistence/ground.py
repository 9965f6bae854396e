"""What a store stands on: a directory that is ours, its index, its locks, and names of functions.

Reading never raises for trouble with the disk: it finds nothing, and `trouble` says why.

Knows how things are opened, looked up and let go; must not know values or traces.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from _weakrefset import WeakSet  # `weakref` itself imports more
from functools import lru_cache

import xxhash

from dumbo import logs
from dumbo.errors import CorruptBlob, StorageError
from dumbo.persistence import rows
from dumbo.persistence.records import Record
from dumbo.persistence.seal import SIGNED, bare

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _sqlite3 as sqlite
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from dumbo.decision.reuse import Reuse
    from dumbo.persistence.blobs import Reader
    from dumbo.persistence.index import Index
    from dumbo.persistence.locks import Locks
    from dumbo.persistence.recipes import Recipes
    from dumbo.persistence.seal import Buffer, Seal, Withheld
    from dumbo.persistence.statements import Statements
    from dumbo.persistence.tail import Tail

    T = TypeVar("T")

__all__ = ["COMMON", "PARTS", "PYTHON", "Ground", "as_bytes", "function_id", "named"]

PYTHON = sys.version_info[0] * 100 + sys.version_info[1]
CODEC = 0xFFF  # the bits of its number
PARTS = b"dumbo: the parts"  # stands for a closure, of the large parts of results: see `assembly`
COMMON = ""  # stands for a function in the statistics of what all of them share
COMPRESSED = 0x2000  # a bit beside it: see `squeeze`
LISTED = 10_000  # things that are remembered at most, of each kind

_MERGER = 2  # a number to claim; those of calls are digests
COARSE = 60  # seconds by which the time of last use may be behind; within, uses count once


class Ground:
    """The directory of a store, opened when it is first used."""

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        digest_version: int = 1,
        size_limit: int | None = None,
        signing_key: bytes | str | Withheld | None = None,
        allow_pickle: bool = True,
        durable: bool = False,
        compress: bool = False,
    ) -> None:
        self.durable = durable
        self.compress = compress
        self.signing_key = signing_key
        self.allow_pickle = allow_pickle
        self._seal: Seal | None = None
        self.directory = os.path.abspath(os.fsdecode(directory))
        self.trouble = ""
        self.corrupt = 0  # entries that this process set aside
        self.size_limit = size_limit  # bytes, as well as can be; None: there is none
        self.written = 0  # bytes that this process has, since it last looked at all of it
        self.uncounted = 0  # and bytes of small results, which are counted in `written` together
        self.untold = 0.0  # of these, what is not counted for all processes yet: see `room`
        self._version = digest_version
        self._index: Index | None = None
        self._blobs: Reader | None = None
        self._locks: Locks | None = None
        self._recipes: Recipes | None = None
        self.tail: Tail | None = None  # there once it is open, if results may wait in one
        self._statements: Statements | None = None
        self._root = ""  # the real path of the directory, once it is prepared
        self._names: dict[int, str] = {}
        self._touched: dict[int, int] = {}
        self.used = 0  # bytes, as of the last look at all of it
        self.reuses: dict[int, Reuse] = {}  # how calls of functions of this process come again
        self.last_rank = 0.0  # of the last result that went,
        self.last_gone = 0.0  # when that was,
        self.last_half_life = 1.0  # and after how long it would have been half of it
        self._proved: set[object] = set()
        self._swept: set[str] = set()
        self._told: set[str] = set()

    # -- opening and closing ---------------------------------------------------------

    @property
    def rent(self) -> float:
        """What a byte costs now: see `decision.eviction`."""
        limit = self.size_limit
        if limit is None or not self.last_rank:
            return 0.0
        from dumbo.decision.eviction import rent  # here: few processes ever evict

        age, half_life = time.time() - self.last_gone, self.last_half_life
        used = self.used + self.written
        return rent(self.last_rank, used, limit, age=age, half_life=half_life)

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
            from dumbo.persistence import codecs, folder, seal
            from dumbo.persistence.index import Index
            from dumbo.persistence.tail import Tail
        except ImportError as error:  # a Python without SQLite still runs, uncached
            raise StorageError(f"{error}, so nothing can be stored") from error

        self._root = folder.prepare(self.directory)
        self._decode = codecs.decode
        self._unpickled = codecs.UNPICKLED
        self._decoder = codecs.decoder
        self._mapped = codecs.MAPPED
        self._codec_names = codecs.NAMES
        self._numbers = {name: number for number, name in codecs.NAMES.items()}
        key = seal.read_key(self.signing_key)
        self._seal = seal.Seal(key) if key is not None else None
        self._blobs = None
        if self._seal is None and not self.durable:
            self.tail = Tail(self._root)
            _leave_no_tail(self)
        self._index = Index(self._root, self._survivors, self._trouble, durable=self.durable)
        return self._index

    def _settle(self) -> None:
        """Bring what waits in the tail into the index, for who looks at all entries."""
        tail, index = self.tail, self._index
        if tail is None or index is None or not tail.waits():
            return
        try:
            tail.merge(index, _named)
        except (OSError, StorageError) as error:
            self._trouble(error)

    def _shorten(self) -> None:
        """The tail has become long: settle it, unless another process is at it."""
        from dumbo.persistence.locks import KEPT, Claim  # who stores little needs none of it

        try:
            claim = self.locks().claim(_MERGER, None)
        except (OSError, StorageError) as error:
            self._trouble(error)
            return
        if type(claim) is Claim:
            self._settle()
            claim.end(KEPT)

    def _survivors(self, root: str) -> Iterator[tuple[str, rows.Row]]:
        from dumbo.persistence import recovery  # few indexes are ever made

        return recovery.survivors(self, root)

    def run(
        self, work: Callable[[sqlite.Connection, set[object]], T], *, entries: bool = True
    ) -> T:
        """Run *work* on the index, for `housekeeping`; or for who changes no *entries*.

        Raises:
            OSError, StorageError: if that cannot be done.
        """
        if self._touched and self._index is not None:
            self._flush(self._index)
        return self._write(work, entries=entries)

    @property
    def seal(self) -> Seal | None:
        """What signs, and checks, in this store; None if nothing does.

        Raises:
            UnusableDirectory, StorageError: if it cannot be opened.
        """
        self._index or self._open()
        return self._seal

    @property
    def root(self) -> str:
        """The real path of the directory, once it is prepared."""
        self._index or self._open()
        return self._root

    @property
    def _reader(self) -> Reader:
        """What reads files, and knows which it has verified."""
        if self._blobs is None:
            from dumbo.persistence.blobs import Reader  # small results lie in rows

            self._blobs = Reader(self._seal)
        return self._blobs

    def path_of(self, python: int, closure: bytes, key: bytes, extras: bytes) -> str:
        """Where the file of an entry is, if it has one."""
        self._index or self._open()
        return self._path(python, closure, key, extras)

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

    def statements(self) -> Statements:
        """What people have said of versions.

        Raises:
            OSError, StorageError: if the directory cannot be used.
        """
        if self._statements is None:
            from dumbo.persistence.statements import Statements  # a hit needs none of it

            self._statements = Statements(self.root, self._seal)
        return self._statements

    def recipes(self) -> Recipes:
        """What is kept for people beside results.

        Raises:
            OSError, StorageError: if the directory cannot be used.
        """
        if self._recipes is None:
            from dumbo.persistence.recipes import Recipes  # a hit needs none of it

            self._recipes = Recipes(self.root, self._trouble, durable=self.durable)
        return self._recipes

    def close(self) -> None:
        """Write down what is still to be written, and close the files; a later use opens them."""
        if self._recipes is not None:
            self._recipes.close()
        if self._index is not None:
            self._settle()
            self._flush(self._index)
            self._index.close()

    # -- small steps -----------------------------------------------------------------

    def _path(self, python: int, closure: bytes, key: bytes, extras: bytes) -> str:
        name = xxhash.xxh3_128_hexdigest(b"%d." % python + closure + key + extras)
        return f"{self._root}/blobs/{name[:2]}/{name}"

    def _read(self, statement: str, values: rows.Row, *, entries: bool = True) -> list[rows.Row]:
        """The rows of a SELECT; unless it is about *entries*, what waits in the tail may wait."""
        try:
            index = self._index or self._open()
            if entries:
                self._settle()
            return index.read(statement, values)
        except (OSError, StorageError) as error:
            self._trouble(error)
            return []

    def _write(
        self, work: Callable[[sqlite.Connection, set[object]], T], *, entries: bool = True
    ) -> T:
        index = self._index or self._open()
        if entries:
            self._settle()
        return index.write(work)

    def _execute(self, statement: str, *values: object) -> int:
        """Run one statement that writes; say how many rows it changed."""

        def run(sql: sqlite.Connection, known: set[object]) -> int:
            changed: int = sql.execute(statement, values).rowcount
            return changed

        return self._write(run)

    def _closures(self, function: str) -> list[rows.Row]:
        number = function_id(function)
        return self._read(rows.CLOSURES, (number, number))

    def name_of(self, number: int) -> str:
        """The name of a function by its number in the index."""
        return self._names.get(number) or self._name_of(number)

    def _name_of(self, number: int) -> str:
        late = self.tail.name_of(number) if self.tail is not None else None
        found = [(late,)] if late is not None else self._read(rows.NAME, (number,))
        for (name,) in found:
            if isinstance(name, bytes) and rows.name_id(name) == number:
                if len(self._names) >= LISTED:
                    self._names.clear()
                self._names[number] = as_text(name)
                return self._names[number]
        return "?"

    def _touch(self, where: int, used: int) -> None:
        now = int(time.time())
        if used + COARSE < now and len(self._touched) < LISTED:
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

    # -- what was not believed -------------------------------------------------------

    def _record(self, row: rows.Row) -> Record | None:
        """The record of a row, if the row is whole; else it is dropped."""
        if not rows.is_whole(row):
            self._drop_row(rows.DROP, row[0], row[15])
            return None
        function, size, compute, store, created, used, codec, _, payload, note, _ = row[5:]
        if self._seal is not None or codec > CODEC:
            try:
                payload = self._unsealed(row)
            except CorruptBlob as error:  # somebody else's, perhaps: it stays, and is a miss
                self._trouble(f"a result {error}")
                return None
            codec &= CODEC
        self._touch(row[0], used)
        return Record(
            self._names.get(function) or self._name_of(function),
            row[1], row[2], row[4], row[3], size, compute / 1e9, store / 1e9, created / 1e6,
            self._codec_names.get(codec, "?"), payload, as_text(note),
        )  # fmt: skip

    def _unsealed(self, row: rows.Row) -> bytes | None:
        """The payload of a row as it was encoded; None if it is in a file.

        Raises:
            CorruptBlob: if it is not signed as it should be, or cannot be expanded here.
        """
        codec, payload = row[11], row[13]
        if payload is None:
            if self._seal is not None and not codec & SIGNED:
                raise CorruptBlob("is not signed")
            return None
        if self._seal is not None:
            self._seal.check(row[1], row[2], row[4], row[3], codec, row[9], payload)
        return self._bare(codec, payload)

    def _bare(self, codec: int, payload: Buffer) -> bytes:
        """What was encoded, without its signature and expanded.

        Raises:
            CorruptBlob: if it cannot be expanded here.
        """
        data = bare(codec, payload)
        if codec & COMPRESSED:
            # Imported here: few results are compressed.
            from dumbo.persistence import squeeze

            return squeeze.expanded(data)
        return bytes(data)

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
        if self.trouble in self._told or len(self._told) >= LISTED:
            return
        self._told.add(self.trouble)
        logs.log(logs.INFO, f"{self.directory}: {self.trouble}")


def named(sql: sqlite.Connection, known: set[object], function: str, closure: bytes) -> None:
    """See to it that the index knows a function by name, and as one that has this closure."""
    _named(sql, known, as_bytes(function), closure, PYTHON)


def _named(
    sql: sqlite.Connection, known: set[object], name: bytes, closure: bytes, python: int
) -> None:
    if (name, closure, python) in known:
        return
    number = rows.name_id(name)
    sql.execute(rows.PUT_FUNCTION, (number, name))
    sql.execute(rows.PUT_CLOSURE, (number, closure, python))
    known.add((name, closure, python))


_tailed: WeakSet[Ground] = WeakSet()


def _leave_no_tail(ground: Ground) -> None:
    """See to it that what this process has put into a tail is in the index when it ends."""
    if not _tailed:
        atexit.register(_at_exit)
    _tailed.add(ground)


def _at_exit() -> None:
    for ground in list(_tailed):
        # A directory that is gone, such as a test's, is not made again for that.
        if ground.tail is not None and ground.tail.grown and os.path.exists(ground.tail.path):
            ground._settle()


@lru_cache(maxsize=1024)
def function_id(function: str) -> int:
    """The number that a function has in the index."""
    return rows.name_id(as_bytes(function))


def as_bytes(text: str) -> bytes:
    # Names may hold anything that a string can, lone surrogates too.
    return text.encode("utf-8", "surrogatepass")


def as_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")
