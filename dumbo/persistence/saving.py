"""Putting results into a store: a payload, its file if it is large, then the row that finds it.

Knows the order of things; must not know what a codec writes, nor when a result is worth keeping.
"""

from __future__ import annotations

import os
import time

from dumbo.errors import CorruptBlob, StorageError, UnstorableResult
from dumbo.persistence import codecs, drafts, room, rows, shelves
from dumbo.persistence.ground import (
    CODEC,
    COMPRESSED,
    LISTED,
    PARTS,
    PYTHON,
    as_bytes,
    function_id,
    named,
)
from dumbo.persistence.headers import Header
from dumbo.persistence.records import Record
from dumbo.persistence.seal import SIGNED

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _sqlite3 as sqlite
    from collections.abc import Callable
    from typing import IO

    from dumbo.persistence.index import Index
    from dumbo.persistence.recordings import Recording
    from dumbo.persistence.store import Store

_INLINE = 4096  # bytes; larger payloads are faster as files
_ROW = 200  # bytes of the index that a result takes, beside its payload
_HOUSEKEEPER = 1  # a number to claim; those of calls are digests
# Seconds to wait for who evicts, also if there is no room at all, and between two looks.
_MOMENT, _LONGER, _NAP = 0.2, 2.0, 0.005


def save(
    store: Store,
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

    Raises:
        UnstorableResult: if it, or a part of it, would not come back as it is.
        OSError, StorageError: if it cannot be written.
    """
    started = time.perf_counter_ns()
    if len(closure) != 16 or len(key) != 16:
        raise ValueError("closure and key are digests of 16 bytes")
    index = store._index or store._open()
    # Imported here: it takes this module.
    from dumbo.persistence import assembly

    header = _header(function, closure, key, extras, compute, note)
    record = assembly.save(store, header, value, compute, known) if store.allow_pickle else None
    if record is not None:
        return record
    with drafts.Draft(store._path(PYTHON, closure, key, extras), header) as draft:
        draft.before = ahead(store)
        encode = codecs.encode if store.allow_pickle else codecs.encode_plainly
        written = encode(value, draft, known)
        header.codec = written.codec
        if written.doubtful or written.by_value:
            prove(store, value, function, written, draft.view)
        return finish(store, index, draft, compute, started)


def record(store: Store, function: str) -> Recording:
    """Begin to record what a generator of *function* yields, for `save_recorded`.

    Raises:
        OSError, StorageError: if nothing can be stored here.
    """
    store._index or store._open()
    if not store.allow_pickle:
        raise UnstorableResult("what a generator yields is pickled, and allow_pickle=False")
    from dumbo.persistence.recordings import Recording  # few functions are generators

    number = os.urandom(16).hex()
    recording = Recording(
        f"{store._root}/blobs/{number[:2]}/{number}",
        lambda item, written, data: prove(store, item, function, written, lambda: data),
    )
    recording.draft.before = ahead(store)
    return recording


def save_recorded(
    store: Store,
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
    index = store._index or store._open()
    header = _header(function, closure, key, extras, compute, note)
    with recording.draft as draft:
        recording.becomes(store._path(PYTHON, closure, key, extras), header)
        return finish(store, index, draft, compute, started)


def finish(store: Store, index: Index, draft: drafts.Draft, compute: float, started: int) -> Record:
    """Put a payload that is written in its place, compressed if it shall be, and list it."""
    if store.compress and draft.header.codec in codecs.COMPRESSIBLE:
        # Imported here: few caches compress.
        from dumbo.persistence import squeeze

        smaller = squeeze.squeezed(draft)
        if smaller is not None:
            with smaller:
                draft.header.codec |= COMPRESSED
                return _finish(store, index, smaller, compute, started)
    return _finish(store, index, draft, compute, started)


def _finish(
    store: Store, index: Index, draft: drafts.Draft, compute: float, started: int
) -> Record:
    header, path = draft.header, draft.path
    if store._seal is not None and not header.codec & SIGNED:
        whose = (header.closure, header.key, header.extras, header.python)
        header.codec |= SIGNED
        draft.write(store._seal.sign(*whose, header.codec, header.created, draft.view()))
    size = draft.size
    payload = draft.held() if size <= _INLINE and not _is_divided(header) else None
    header.store = time.perf_counter_ns() - started
    # What went to the disk was counted before it did.
    if room.count(store, _ROW if payload is None else size + _ROW):
        keep_within(store)
    if payload is None:
        draft.place(durable=store.durable)
    try:
        _put(store, index, header, size, time.perf_counter_ns() - started, payload)
    except BaseException:
        if payload is None:
            shelves.remove(path)  # nothing would find it, and nothing would count it
        raise
    if payload is None:
        _sweep(store, os.path.dirname(path))
    else:
        shelves.remove(path)  # of an earlier, larger result of this call
    return Record(
        header.function, header.closure, header.key, header.extras, PYTHON, size, compute,
        (time.perf_counter_ns() - started) / 1e9, header.created / 1e6,
        codecs.NAMES[header.codec & CODEC],
        payload if payload is None else store._bare(header.codec, payload), header.note,
    )  # fmt: skip


def _is_divided(header: Header) -> bool:
    """Whether this is a result in parts, or one of them.

    All of it lies in files, however small: with the index the smallest piece would be lost, and the
    large ones be good for nothing.
    """
    return header.codec & CODEC == codecs.PARTS or header.closure == PARTS


def prove(
    store: Store,
    value: object,
    function: str,
    written: codecs.Written,
    view: Callable[[], codecs.Buffer],
) -> None:
    """Load on trial, the first time that a function stores these types, or if these say little."""
    what = (function, written.doubtful, written.by_value)
    if written.fields or what not in store._proved:
        codecs.prove(value, written, view())
        if len(store._proved) >= LISTED:
            store._proved.clear()
        store._proved.add(what)


def _put(
    store: Store,
    index: Index,
    header: Header,
    size: int,
    spent: int,
    payload: bytes | None,
) -> None:
    row = rows.entry(
        header.closure, header.key, header.python, header.extras, function_id(header.function),
        size, header.compute, spent, header.created, header.codec, payload, as_bytes(header.note),
    )  # fmt: skip
    statement = rows.PUT_VARIANT if header.extras else rows.PUT

    def put(sql: sqlite.Connection, known: set[object]) -> None:
        named(sql, known, header.function, header.closure)
        sql.execute(statement, row)

    if header.extras:
        _make_room(store, header)
    store._settle()  # what was stored of this call before counts as older
    index.write(put)
    if store._touched:
        store._flush(index)


def _make_room(store: Store, header: Header) -> None:
    """Remove the file of the variant that another one is about to push out, if any is."""
    known = store.variants(header.closure, header.key)
    known = [record for record in known if record.extras]
    if len(known) < rows.SLOTS - 1 or header.extras in [record.extras for record in known]:
        return
    store._set_aside(known[-1], "there are too many variants of one call", corrupt=False)


def adopt(
    store: Store, file: IO[bytes], told: Callable[[Header], object] = lambda header: None
) -> bool:
    """Store a result that is laid out as a blob, unless it is here; say whether it was new.

    Parameters:
        told: takes what it says of itself.

    Raises:
        CorruptBlob: if it is not what was written.
        OSError, StorageError: if it cannot be stored.
    """
    started = time.perf_counter_ns()
    index = store._index or store._open()

    def draft_of(header: Header) -> drafts.Draft | None:
        told(header)
        number = header.codec & CODEC
        if number not in codecs.NAMES or header.codec & ~(CODEC | COMPRESSED | SIGNED):
            raise CorruptBlob(f"codec {header.codec} is none that this version of dumbo has")
        whose = (header.closure, header.key, header.python)
        there = store._read(rows.FIND, rows.slots(header.python, header.closure, header.key))
        if any((row[1], row[2], row[3]) == whose and row[4] == header.extras for row in there):
            return None
        draft = drafts.Draft(store._path(header.python, *whose[:2], header.extras), header)
        draft.before = ahead(store)
        return draft

    draft = drafts.receive(file, draft_of)
    if draft is None:
        return False
    with draft:
        finish(store, index, draft, draft.header.compute / 1e9, started)
    return True


def ahead(store: Store) -> Callable[[int], object]:
    """What is told of bytes before they go to the disk, and sees to it that there is room."""

    def tell(size: int) -> None:
        if room.count(store, size):
            keep_within(store)

    return tell


def keep_within(store: Store) -> None:
    """Evict what is too much, now that enough was written since the last look.

    Whoever comes while somebody is at it, and again enough was written, waits for his turn: a
    moment, and longer if the limit is reached. Else those who write would outrun the one who
    removes, and the directory would grow beyond it. Who was killed at it has no turn any more.
    """
    limit = store.size_limit
    if limit is None:
        return
    # Imported here: a process that stores little never keeps house.
    from dumbo.persistence import housekeeping
    from dumbo.persistence.locks import KEPT, Claim

    try:
        begun, patience = time.monotonic(), _MOMENT
        while True:
            claim = store.locks().claim(_HOUSEKEEPER, None)
            if type(claim) is Claim:
                break
            if not room.is_pressing(store):  # he lives, and is ahead of those who write
                return
            if claim is None or time.monotonic() - begun >= patience:
                if claim is None or patience == _LONGER or housekeeping.has_room(store, limit):
                    room.look_again(store)
                    return
                patience = _LONGER
            time.sleep(_NAP)
        try:
            if room.is_due(store):
                housekeeping.evict(store, limit, coming=room.begin(store))
                room.done(store)
        finally:
            claim.end(KEPT)
    except (OSError, StorageError) as error:
        store._trouble(error)


def _sweep(store: Store, shelf: str) -> None:
    """Look once for temporaries that killed processes left beside what was just stored."""
    if shelf not in store._swept:
        store._swept.add(shelf)
        for _ in shelves.shelved(shelf):
            pass


def _header(
    function: str, closure: bytes, key: bytes, extras: bytes, compute: float, note: str
) -> Header:
    spent = max(0, round(compute * 1e9))
    created = time.time_ns() // 1000
    return Header(function, closure, key, extras, PYTHON, spent, created, note)
