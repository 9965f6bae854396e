"""Entries and traces as rows: where they stand, and the checksum that they carry.

A row is believed only if its checksums fit: one covers what is served, the identity included,
the other what is told of it, so that a hit needs to read no more than it serves. Digests become
row ids by their first bits; a row tells whose it is, so ids need not be unique.

Knows columns; must not know connections, files or values.
"""

from __future__ import annotations

import struct

import xxhash

from dumbo.errors import CorruptBlob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from dumbo.persistence.seal import Seal

    Row: TypeAlias = tuple[Any, ...]

WHOLE = (1 << 48) - 1  # how far behind the first id of a closure the last one is
SLOTS = 16  # variants of one call that are kept, by their extras
_HALF = 1 << 63  # SQLite's integers are signed
_KEY = (1 << 44) - 1  # the bits of a key in an id
_SERVED = struct.Struct(">HHH")
_TOLD = struct.Struct(">qqqqqHq")
_TRACE = struct.Struct(">HIIIIIqq")
_TOLD_APART = 0x9E3779B97F5  # spreads Python versions, whose keys and closures may be the same
_IN_A_FILE = 0x8000  # a bit of the codec, in the checksum: there is no payload in the row

_COLUMNS = (
    "id, closure, key, python, extras, function, size, compute, store, created, used, codec, "
    "checksum, payload, note, told"
)
WIDTH = len(_COLUMNS.split(","))
HAS = "SELECT COUNT(*) FROM entries WHERE id = ? AND told = ?"
ALL = f"SELECT {_COLUMNS} FROM entries"
# Of these, what it takes to remove them.
REMOVABLE = (
    "SELECT id, closure, key, python, extras, size, told, payload IS NULL, created, codec, used "
    "FROM entries"
)
FIND = f"SELECT {_COLUMNS} FROM entries WHERE id BETWEEN ? AND ?"
# Of these, what a hit of the usual kind needs: each column costs as much as a system call.
SERVE = "SELECT payload, checksum, used, compute FROM entries WHERE id BETWEEN ? AND ?"
IDS = "SELECT id FROM entries WHERE id BETWEEN ? AND ?"
OF_CLOSURE = (
    f"SELECT {_COLUMNS} FROM entries WHERE id BETWEEN ? AND ? AND closure = ? "
    "ORDER BY created DESC LIMIT ?"
)
KEYS_WITH = (
    "SELECT DISTINCT key FROM entries WHERE id BETWEEN ? AND ? AND closure = ? AND python = ? "
    "AND key BETWEEN ? AND ?"
)
SUM_OF_CLOSURE = (
    "SELECT COUNT(*), SUM(compute) FROM entries WHERE id BETWEEN ? AND ? AND closure = ? "
    "AND python = ?"
)
PUT = f"INSERT OR REPLACE INTO entries({_COLUMNS}) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
# The row of a variant has the first id of its call in place of its own, which is chosen here: that
# of the same variant, else a free one, else that of the oldest. One statement, so that it is safe
# among processes; the checksum does not cover the id.
_VARIANTS = f"SELECT e.id FROM entries e WHERE e.id BETWEEN new.id + 1 AND new.id + {SLOTS - 1}"
_SAME = " AND ".join(f"e.{name} = new.{name}" for name in ("closure", "key", "python", "extras"))
_FREE = ", ".join(f"({number})" for number in range(1, SLOTS))
PUT_VARIANT = (
    f"WITH new({_COLUMNS}) AS (VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)) "
    f"INSERT OR REPLACE INTO entries({_COLUMNS}) SELECT COALESCE("
    f"({_VARIANTS} AND {_SAME}), "
    f"(SELECT new.id + column1 FROM (VALUES {_FREE}) "
    f"WHERE new.id + column1 NOT IN ({_VARIANTS}) LIMIT 1), "
    f"({_VARIANTS} ORDER BY e.created LIMIT 1)), "
    f"{_COLUMNS.partition(', ')[2]} FROM new"
)
DROP = "DELETE FROM entries WHERE id = ? AND told = ?"
DROP_VARIANT = (
    "DELETE FROM entries WHERE id BETWEEN ? AND ? "
    "AND closure = ? AND key = ? AND python = ? AND extras = ?"
)
DROP_OLD = f"{DROP_VARIANT} AND created <= ?"
DROP_CLOSURE = "DELETE FROM entries WHERE id BETWEEN ? AND ? AND closure = ?"
FILES_OF_CLOSURE = (
    "SELECT key, python, extras, created FROM entries "
    "WHERE id BETWEEN ? AND ? AND closure = ? AND payload IS NULL"
)
TOUCH = "UPDATE entries SET used = ?, uses = uses + 1 WHERE id = ?"
SUMMARY = (
    "SELECT function, COUNT(*), SUM(size), SUM(compute), MAX(used) FROM entries GROUP BY function"
)

PUT_FUNCTION = "INSERT OR IGNORE INTO functions(id, name) VALUES(?,?)"
NAME = "SELECT name FROM functions WHERE id = ?"
PUT_CLOSURE = "INSERT OR IGNORE INTO closures(function, closure, python) VALUES(?,?,?)"
# What a function stored, and what it was proved to be: it may be served what a twin stored.
CLOSURES = (
    "SELECT closure, python FROM closures WHERE function = ? "
    "UNION SELECT closure, python FROM traces WHERE function = ?"
)
PYTHONS = "SELECT DISTINCT python FROM closures WHERE closure = ?"

_TRACE_COLUMNS = (
    "id, place, python, version, root, shape, program, state, closure, function, created, checksum"
)
TRACES = f"SELECT {_TRACE_COLUMNS} FROM traces WHERE place = ? ORDER BY used DESC, id LIMIT ?"
TRACES_OF = (
    f"SELECT {_TRACE_COLUMNS}, details FROM traces WHERE function = ? "
    "ORDER BY used DESC, id LIMIT ?"
)
TRACES_WITH = (
    f"SELECT {_TRACE_COLUMNS}, details FROM traces WHERE closure = ? ORDER BY used DESC, id LIMIT ?"
)
PUT_TRACE = (
    f"INSERT INTO traces({_TRACE_COLUMNS}, details, used) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
    "ON CONFLICT(id) DO UPDATE SET place = excluded.place, python = excluded.python, "
    "version = excluded.version, root = excluded.root, shape = excluded.shape, "
    "program = excluded.program, state = excluded.state, closure = excluded.closure, "
    "function = excluded.function, created = excluded.created, checksum = excluded.checksum, "
    "details = excluded.details, used = excluded.used"
)
DROP_TRACE = "DELETE FROM traces WHERE id = ? AND checksum = ?"
PROGRAM = "SELECT payload FROM programs WHERE id = ?"
PUT_PROGRAM = "INSERT OR IGNORE INTO programs(id, payload) VALUES(?,?)"
DROP_PROGRAM = "DELETE FROM programs WHERE id = ?"


def signed(digest: int) -> int:
    return digest - _HALF


def name_id(name: bytes) -> int:
    return xxhash.xxh3_64_intdigest(name) - _HALF


# -- entries -------------------------------------------------------------------------


def first_slot(python: int, closure: bytes, key: bytes) -> int:
    """Where the variants of one call begin; they take `SLOTS` ids."""
    return slot_after(closure_range(closure)[0], python, key)


def slot_after(begins: int, python: int, key: bytes) -> int:
    """Where those of a call begin, if *begins* is where its closure does."""
    low = (xxhash.xxh3_64_intdigest(key) ^ python * _TOLD_APART) & _KEY
    return begins + (low << 4)


def slots(python: int, closure: bytes, key: bytes) -> tuple[int, int]:
    """The first and the last id of one call."""
    first = first_slot(python, closure, key)
    return first, first + SLOTS - 1


def closure_range(closure: bytes) -> tuple[int, int]:
    high = xxhash.xxh3_64_intdigest(closure) & 0xFFFF
    return (high << 48) - _HALF, (high << 48 | (1 << 48) - 1) - _HALF


def entry(
    closure: bytes,
    key: bytes,
    python: int,
    extras: bytes,
    function: int,
    size: int,
    compute: int,
    store: int,
    created: int,
    codec: int,
    payload: bytes | None,
    note: bytes,
) -> Row:
    """The row of an entry, its checksum included: for `PUT`, or `PUT_VARIANT` if it has extras."""
    where = first_slot(python, closure, key)
    used = created // 1_000_000
    served = _served(python, closure, key, extras, codec, payload)
    told = _told(served, (function, size, compute, store, created), note)
    return (
        where, closure, key, python, extras, function, size, compute, store, created, used, codec,
        served, payload, note, told,
    )  # fmt: skip


def plain(
    where: int,
    begins: bytes,
    closure: bytes,
    key: bytes,
    python: int,
    function: int,
    size: int,
    compute: int,
    store: int,
    created: int,
    codec: int,
    payload: bytes,
    note: bytes,
) -> Row:
    """As `entry`, without extras, for who knows *where* it stands and what `usual` says."""
    hashed = xxhash.xxh3_64_intdigest
    served = hashed(begins + closure + key + payload) - _HALF
    told = hashed(_TOLD.pack(function, size, compute, store, created, len(note), served) + note)
    return (
        where, closure, key, python, b"", function, size, compute, store, created,
        created // 1_000_000, codec, served, payload, note, told - _HALF,
    )  # fmt: skip


def checked(row: Row) -> Row:
    """A row of `_COLUMNS` with the checksums that it should have."""
    served = _served(row[3], row[1], row[2], row[4], row[11], row[13])
    return (*row[:12], served, row[13], row[14], _told(served, row[5:10], row[14]))


def is_whole(row: Row) -> bool:
    """Whether a row of `_COLUMNS` is what was written."""
    try:
        served = _served(row[3], row[1], row[2], row[4], row[11], row[13])
        if served != row[12]:
            return False
        return bool(_told(served, row[5:10], row[14]) == row[15])
    except (TypeError, struct.error):
        return False


def usual(python: int, codec: int) -> bytes:
    """What `is_served` begins with, for entries without extras."""
    return _SERVED.pack(python, 0, codec)


def is_served(checksum: int, begins: bytes, closure: bytes, key: bytes, payload: bytes) -> bool:
    """Whether a row with that checksum and payload is what was written of a call."""
    return xxhash.xxh3_64_intdigest(begins + closure + key + payload) - _HALF == checksum


def _served(
    python: int, closure: bytes, key: bytes, extras: bytes, codec: int, payload: bytes | None
) -> int:
    if payload is None:
        payload = b""
        codec |= _IN_A_FILE
    begins = _SERVED.pack(python, len(extras), codec)
    if extras:
        key += extras
    return xxhash.xxh3_64_intdigest(begins + closure + key + payload) - _HALF


def _told(served: int, told: Row, note: bytes) -> int:
    numbers = _TOLD.pack(*told, len(note), served)
    return xxhash.xxh3_64_intdigest(numbers + note) - _HALF


# -- traces --------------------------------------------------------------------------


def place(python: int, version: int, root: bytes, shape: bytes) -> int:
    whole = b"%d.%d.%d." % (python, version, len(root)) + root + shape
    return xxhash.xxh3_64_intdigest(whole) - _HALF


def trace(
    python: int,
    version: int,
    root: bytes,
    shape: bytes,
    program: bytes,
    state: bytes,
    closure: bytes,
    function: int,
    created: int,
    details: bytes,
    seal: Seal | None = None,
) -> Row:
    """The row of a trace, its id and its checksum included."""
    where = place(python, version, root, shape)
    own = where.to_bytes(8, "big", signed=True) + program + state
    row = (xxhash.xxh3_64_intdigest(own) - _HALF, where, python, version, root, shape, program)
    rest = (state, closure, function, created)
    checksum = trace_checksum((*row, *rest, 0), seal)
    return (*row, *rest, checksum, guarded(details), created)


def trace_checksum(row: Row, seal: Seal | None = None) -> int:
    """The checksum that a row of `_TRACE_COLUMNS` should have, which may take a key.

    Raises:
        CorruptBlob: if its columns are not even of the right types.
    """
    _, _, python, version, root, shape, program, state, closure, function, created, *_ = row
    try:
        numbers = _TRACE.pack(
            python, version, len(root), len(shape), len(program), len(state), function, created
        )  # fmt: skip
        whole = b"".join((numbers, root, shape, program, state, closure))
    except (TypeError, struct.error) as error:
        raise CorruptBlob(f"a trace in the index is damaged: {error}") from error
    if seal is not None:
        return int.from_bytes(seal.mark(b"trace", whole), "big") - _HALF
    return xxhash.xxh3_64_intdigest(whole) - _HALF


def guarded(data: bytes) -> bytes:
    """*data* behind a checksum of its own."""
    return xxhash.xxh3_64_digest(data) + data


def unguarded(data: object) -> bytes:
    """What was guarded; nothing, if it is not what it was."""
    if not isinstance(data, bytes) or xxhash.xxh3_64_digest(data[8:]) != data[:8]:
        return b""
    return data[8:]
