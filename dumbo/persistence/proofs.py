"""What proves closure digests, on disk: traces, and the programs that they share.

Knows rows and signatures; must not know what a program says.
"""

from __future__ import annotations

import time

import xxhash

from dumbo.errors import CorruptBlob, StorageError
from dumbo.persistence import rows
from dumbo.persistence.ground import PYTHON, Ground, function_id, named
from dumbo.persistence.records import Trace
from dumbo.persistence.seal import SIGNED, SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _sqlite3 as sqlite

_SIGNED = 1 << 16  # a bit of a trace's version


class Proofs(Ground):
    """The part of a store that traces lie in.

    Traces that are signed, and those that are not, are two kinds: neither counts where the other
    does, and no process takes those of another for damaged.
    """

    def _kind(self) -> int:
        """The version that traces must have to count here."""
        if self._index is None:
            try:
                self._open()  # which reads the key
            except (OSError, StorageError) as error:
                self._trouble(error)
        return self._version if self._seal is None else self._version | _SIGNED

    def traces(self, root: bytes, shape: bytes, limit: int = 256) -> list[Trace]:
        """What proves a closure digest of *root*, last written first; without details."""
        mine = (PYTHON, self._kind(), root, shape)
        place = rows.place(*mine)
        found = self._read(rows.TRACES, (place, limit), entries=False)
        traces = [self._trace(row) for row in found if row[2:6] == mine]
        return [trace for trace in traces if trace]

    def traces_of(self, function: str, limit: int = 8) -> list[Trace]:
        """The last traces of a function, under any root and shape, for explanations."""
        found = self._read(rows.TRACES_OF, (function_id(function), limit), entries=False)
        traces = [self._trace(row) for row in found if row[2:4] == (PYTHON, self._kind())]
        return [trace for trace in traces if trace]

    def traces_with(self, closure: bytes, limit: int = 8, *, python: int = PYTHON) -> list[Trace]:
        """The last traces that prove *closure*, of whatever function, for explanations."""
        found = self._read(rows.TRACES_WITH, (closure, limit), entries=False)
        traces = [self._trace(row) for row in found if row[2:4] == (python, self._kind())]
        return [trace for trace in traces if trace]

    def program(self, digest: bytes) -> bytes | None:
        """The program of that digest, or None."""
        where = rows.signed(int.from_bytes(digest[:8], "big"))
        for (payload,) in self._read(rows.PROGRAM, (where,), entries=False):
            if isinstance(payload, bytes):
                program = self._checked_program(payload, digest)
                if program is not None:
                    return program
            self._drop_row(rows.DROP_PROGRAM, where)
        return None

    def _checked_program(self, payload: bytes, digest: bytes) -> bytes | None:
        signed = xxhash.xxh3_128_digest(payload) != digest
        program = payload[:-SIZE] if signed else payload
        if signed and xxhash.xxh3_128_digest(program) != digest:
            return None
        if self._seal is not None:
            try:
                self._seal.check(b"", digest, b"", 0, SIGNED if signed else 0, 0, payload)
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
            program += self._seal.sign(b"", digest, b"", 0, SIGNED, 0, program)
        row = rows.trace(
            PYTHON, self._kind(), root, shape, digest, state, closure,
            function_id(function), time.time_ns() // 1000, details, self._seal,
        )  # fmt: skip

        def put(sql: sqlite.Connection, known: set[object]) -> None:
            sql.execute("BEGIN IMMEDIATE")
            named(sql, known, function, closure)
            sql.execute(rows.PUT_PROGRAM, (where, program))
            sql.execute(rows.PUT_TRACE, row)
            sql.execute("COMMIT")

        self._write(put, entries=False)

    def _trace(self, row: rows.Row) -> Trace | None:
        try:
            whole = rows.trace_checksum(row, self._seal) == row[11]
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
