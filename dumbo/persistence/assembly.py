"""Results in parts, put into a store and together again.

A part is an entry of its own, under its digest and a closure that no function has: so it is
found, verified, listed and used as any other. What stores it twice stores it once. A result one of
whose parts is gone is as good as none.

Knows parts and the store; must not know calls, nor why something is stored.
"""

from __future__ import annotations

import os
import time
from functools import partial

import xxhash

from dumbo.errors import CorruptBlob, MissingBlob, OutOfReach, StorageError, UnstorableResult
from dumbo.persistence import codecs, parts, rows, saving
from dumbo.persistence.drafts import Draft
from dumbo.persistence.ground import PARTS
from dumbo.persistence.headers import Header
from dumbo.persistence.store import PYTHON

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _sqlite3 as sqlite
    from collections.abc import Callable
    from typing import Any

    from dumbo.persistence.records import Record
    from dumbo.persistence.store import Store

CLOSURE = PARTS
LABEL = "dumbo:parts"


def save(
    store: Store, header: Header, value: object, compute: float, known: bool = False
) -> Record | None:
    """Store *value* in parts as the result that *header* describes; None if it has none.

    Raises:
        OSError, StorageError: if it cannot be written.
    """
    divided = parts.split(value)
    if divided is None:
        return None
    frame, units = divided
    started = time.perf_counter_ns()
    try:
        table = [_put(store, header.function, unit, compute, known) for unit in units]
        path = store._path(header.python, header.closure, header.key, header.extras)
        with Draft(path, header) as draft:
            draft.before = saving.ahead(store)
            draft.write(parts.head(table))
            behind: Any = _Behind(draft)
            written = codecs.encode(frame, behind)
            if written.doubtful or written.by_value:
                start = draft.size - behind.size
                saving.prove(store, frame, header.function, written, lambda: draft.view()[start:])
            draft.write(parts.tail(written.codec))
            header.codec = codecs.PARTS
            record = saving.finish(store, store._index or store._open(), draft, compute, started)
    except UnstorableResult:
        return None  # of the whole, it will be said better where what is
    if any(store.find(CLOSURE, digest) is None for digest, _ in table):
        store.lost(record)
        raise StorageError("a part of it was evicted while it was stored")
    return record


def frame(payload: Any, frozen: bool = False) -> parts.Frame:
    """Return the frame of an entry; may raise whatever loading raises."""
    codec, data = parts.frame_of(payload)
    found: parts.Frame = codecs.decode(codec, data, frozen)
    return found


def loader(store: Store, payload: Any, frozen: bool = False) -> Callable[[int], Any]:
    """Return what loads a part of an entry by its number."""
    table = parts.units_of(payload)

    def load(unit: int) -> Any:
        digest, _ = table[unit]
        record = store.find(CLOSURE, digest)
        if record is None:
            raise MissingBlob("a part of it was evicted, or removed")
        try:
            return store.load(record, frozen=frozen)
        except MissingBlob as error:
            raise MissingBlob("a part of it was evicted, or removed") from error
        except OutOfReach as error:
            raise OutOfReach(f"a part of it {error}") from error
        except CorruptBlob as error:
            raise CorruptBlob(f"a part of it: {error}") from error

    return load


class Unit:
    """A part where it lies.

    Attributes:
        size: its bytes.
        digest: of its bytes; None where these do not say all that it is, since code is in them.
        load: loads it; raises CorruptBlob if it has gone.
    """

    __slots__ = ("digest", "load", "size")

    def __init__(self, load: Callable[[], Any], size: int, digest: bytes | None) -> None:
        self.load = load
        self.size = size
        self.digest = digest


def units(store: Store, payload: Any) -> list[Unit]:
    """Return the parts of an entry, none of them loaded."""
    load = loader(store, payload)
    found = []
    for number, (digest, size) in enumerate(parts.units_of(payload)):
        record = store.find(CLOSURE, digest)
        plain = record is not None and record.codec in _WITHOUT_CODE
        found.append(Unit(partial(load, number), size, digest if plain else None))
    return found


_WITHOUT_CODE = ("array", "raw")  # these codecs know no classes


def sizes(payload: Any, whole: parts.Frame) -> dict[Any, int]:
    """Return the bytes of each child that is a part, or lies in one with others."""
    table = parts.units_of(payload)
    found: dict[Any, int] = {}
    for name, child in zip(whole.names, whole.children, strict=True):
        if type(child) is parts.Part:
            found[name] = table[child.unit][1]
        elif type(child) is parts.Frame:
            found[name] = sum([table[unit][1] for unit in child.units()])
    return found


def _put(
    store: Store, function: str, unit: object, compute: float, frozen: bool
) -> tuple[bytes, int]:
    """Store one part, unless it is there; return its digest and size."""
    index = store._index or store._open()
    number = os.urandom(16).hex()
    created = time.time_ns() // 1000
    spent = max(0, round(compute * 1e9))
    header = Header(LABEL, CLOSURE, bytes(16), b"", PYTHON, spent, created)
    with Draft(f"{store._root}/blobs/{number[:2]}/{number}", header) as draft:
        draft.before = saving.ahead(store)
        sink: Any = _Hashed(draft)
        written = codecs.encode(unit, sink, frozen)
        if written.doubtful or written.by_value:
            saving.prove(store, unit, function, written, draft.view)
        header.codec = written.codec
        header.key = digest = sink.digest(written.codec)
        known = store.find(CLOSURE, digest)
        if known is not None and _is_whole(store, known):
            _touch(store, digest)
            return digest, known.size
        draft.path = store._path(PYTHON, CLOSURE, digest, b"")
        record = saving.finish(store, index, draft, compute, time.perf_counter_ns())
        return digest, record.size


def _is_whole(store: Store, record: Record) -> bool:
    try:
        store.payload(record)  # which verifies it
    except CorruptBlob:
        return False
    return True


def _touch(store: Store, digest: bytes) -> None:
    """Let a part that is used again be as young as its last use."""
    where = rows.slots(PYTHON, CLOSURE, digest)

    def touch(sql: sqlite.Connection, known: set[object]) -> None:
        sql.execute(
            "UPDATE entries SET used = ? WHERE id BETWEEN ? AND ?", (int(time.time()), *where)
        )

    store._write(touch)


class _Behind:
    """A sink that begins behind what a draft has already."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._start = draft.size
        self._head = bytes(draft.held() or b"")

    @property
    def size(self) -> int:
        return self._draft.size - self._start

    @property
    def error(self) -> OSError | None:
        return self._draft.error

    def write(self, data: codecs.Buffer) -> None:
        self._draft.write(data)

    def reset(self) -> None:
        self._draft.reset()
        self._draft.write(self._head)


class _Hashed:
    """A sink that digests what goes through it."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._state = xxhash.xxh3_128()

    def digest(self, codec: int) -> bytes:
        self._state.update(b"%d" % codec)
        return self._state.digest()

    @property
    def size(self) -> int:
        return self._draft.size

    @property
    def error(self) -> OSError | None:
        return self._draft.error

    def write(self, data: Any) -> None:
        view = memoryview(data)
        self._state.update(view if view.format == "B" else view.cast("B"))
        self._draft.write(data)

    def reset(self) -> None:
        self._state.reset()
        self._draft.reset()


def child_of(value: Any, path: tuple[Any, ...]) -> Any:
    """Return a child, or a child of a child, of a value that is stored whole.

    Raises:
        KeyError: if there is none of that name.
    """
    taken = parts.take_apart(value)
    if taken is None:
        raise KeyError(path[0])
    return taken.child(path, lambda unit: None)
