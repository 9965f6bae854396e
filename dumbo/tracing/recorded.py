"""What a store holds of the traces of a function, and how they are put there.

Knows stores and programs; must not know how a closure is traced.
"""

from __future__ import annotations

import xxhash

from dumbo import config
from dumbo.errors import StorageError, UnhashableArgument
from dumbo.tracing import replay, unloaded
from dumbo.tracing.words import Told, fits, without_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.persistence.store import Store
    from dumbo.tracing.account import Account
    from dumbo.tracing.snapshots import Snapshot
    from dumbo.tracing.tracker import Tracker

GIVEN_UP = bytes(16)  # in place of a closure digest
PROGRAMS = 32  # that are tried, the latest first
_OTHERS = 4  # closures of one function that hold beside the first


def record(tracker: Tracker, snapshot: Snapshot, store: Store) -> None:
    """Put the trace into *store*, once."""
    if store.directory in snapshot.recorded:
        return
    program = replay.encode(snapshot.program)
    shape = shape_digest(snapshot.shape)
    details = b"" if snapshot.account is None else _written_down(snapshot.account, store)
    for state in (snapshot.state, snapshot.cold):
        if state is not None:
            store.add_trace(
                tracker.label,
                tracker.root(),
                shape,
                program,
                state,
                snapshot.digest,
                details,
            )
    snapshot.recorded.add(store.directory)


def record_given_up(tracker: Tracker, shape: Any, store: Store) -> None:
    """Tell later processes not to try, as long as the function's own code is what it is."""
    program = replay.Program([("root", -1, 0)], False)
    state = replay.run(program, (tracker.function,)).state
    payload, shape = replay.encode(program), shape_digest(shape)
    try:  # not `suppress`, whose module a cold hit would pay for
        store.add_trace(tracker.label, tracker.root(), shape, payload, state, GIVEN_UP, b"")
    except (OSError, StorageError):  # then they try
        pass


def others(tracker: Tracker, snapshot: Snapshot, store: Store) -> list[bytes]:
    found: list[bytes] = []
    if not any(op in ("module", "submodule") for op, _, _ in snapshot.program):
        return found
    everything = (tracker.function, *snapshot.roots)
    programs: dict[bytes, Any] = {}
    ran: dict[bytes, tuple[bytes, bytes]] = {}
    told = Told(snapshot.program.asked)
    for trace in store.traces(tracker.root(), shape_digest(snapshot.shape)):
        if trace.closure in (snapshot.digest, GIVEN_UP, *found):
            continue
        if trace.program not in programs:
            if len(programs) >= PROGRAMS:
                continue
            payload = store.program(trace.program)
            programs[trace.program] = program = replay.decode(payload) if payload else None
            if program is None or not fits(program.asked, told):
                continue
            try:
                now = replay.run(program, everything)
                idle = unloaded.not_looked_into(program, None)
                less = replay.run(program, everything, unloaded=idle)
            except UnhashableArgument:
                continue
            ran[trace.program] = (now.state, less.state)
        if trace.state in ran.get(trace.program, ()):
            found.append(trace.closure)
            if len(found) >= _OTHERS:
                break
    return found


def _written_down(account: Account, store: Store) -> bytes:
    """*account* for *store*, which gets the sources too, if they may be kept."""
    if config.keeps_details():
        # Imported here: only what is stored for the first time has sources to keep.
        from dumbo.tracing.texts import source_of

        store.recipes().add_texts(account.texts(source_of))
    return account.encode()


def salted(digest: bytes, version: str | None) -> bytes:
    if not version:
        return digest
    return xxhash.xxh3_128_digest(digest + version.encode("utf-8", "surrogatepass"))


def shape_digest(shape: Any) -> bytes:
    """A shape as 16 bytes: types by name, as a hint to find traces by."""
    plain, _ = without_words(shape)
    return xxhash.xxh3_128_digest(_written(plain).encode("utf-8", "surrogatepass"))


def _written(shape: Any) -> str:
    if type(shape) is tuple:
        return f"({','.join([_written(part) for part in shape])})"
    return shape.__qualname__ if isinstance(shape, type) else repr(shape)
