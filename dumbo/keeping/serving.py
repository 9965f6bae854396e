"""Which stored result a call may be served, and loading it.

    memory      what this process has loaded lately, by its identity
    variants    the entries of the call, of which one is good if its extras hold
    elsewhere   entries under other closures that hold now, too
    older       entries of older code that somebody said is as good

Knows where results are looked for, and when one is too old; must not know how any is stored.
"""

from __future__ import annotations

import sys
from time import monotonic, perf_counter, time
from types import FunctionType

from dumbo import config
from dumbo.errors import InvalidUse, StorageError
from dumbo.explain import Reason
from dumbo.failures import text_of
from dumbo.keeping.telling import warn
from dumbo.memory import Held, has_plain_defaults, is_unchanging, plain_key
from dumbo.net import let_through

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dumbo.call import Call
    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Record, Store
    from dumbo.tracing.guards import Guard

__all__ = [
    "expires_at", "goes_across_pythons", "held", "hold", "join", "load", "put", "reuses_stale",
    "search", "value_of",
]  # fmt: skip

_NEVER_EXPIRES = float("inf")


def load(keeper: Keeper, call: Call, begun: float) -> None:
    """Load the value of *call*, if there is one."""
    assert call.key is not None
    held = keeper.memory.find(call.identity)
    if held is not None and (not held.extras or held.guard.holds()):  # type: ignore[union-attr]
        call.value = held.value if held.decode is None else held.decode(held.payload)  # type: ignore[arg-type]
        call.done = True
        if keeper.ledger.hits & 7 == 2:
            keeper.ledger.costs.look.follow(perf_counter() - begun)
        keeper.ledger.hits += 1
        join(call, held.extras)
        return
    record = search(keeper, call)
    if record is None:
        return
    ledger = keeper.ledger
    found = perf_counter()
    try:
        call.value = value_of(keeper, call, record)
    except (StorageError, OSError) as error:
        let_through(error)
        call.reason = Reason("unreadable", why=text_of(error))
        ledger.note(call.reason, call.identity)
        return
    loading = perf_counter() - found
    # Of hits, one in eight is enough to learn from; not the first, which opens things.
    if ledger.hits & 7 == 2:
        ledger.costs.load.learn(record.size, loading)
        ledger.costs.look.follow(found - begun)
    keeper.tally.loaded(record, loading)
    ledger.costs.reuse.found(call.key, time())
    ledger.hits += 1
    call.record = record
    call.done = True
    join(call, record.extras)


def search(keeper: Keeper, call: Call) -> Record | None:
    """Return the newest entry of *call* that may be served."""
    record = None if call.searched else held(keeper, call, call.snapshot.digest)
    call.searched = False  # who waits for somebody else looks again
    return record or _elsewhere(keeper, call) or _of_older(keeper, call)


def _of_older(keeper: Keeper, call: Call) -> Record | None:
    """Return what is stored of *call* under older code that somebody said is as good."""
    said = call.store.statements().exist() or keeper.options.new_parameters
    if not said and not goes_across_pythons(keeper):
        return None
    from dumbo.versions import older  # most caches have nothing of the kind

    return older.find(keeper, call)


def held(keeper: Keeper, call: Call, closure: bytes) -> Record | None:
    """Return the newest entry of *call* under *closure* that is good."""
    assert call.key is not None
    for record in call.store.variants(closure, call.key):
        if record.extras and not _accepts(keeper, record.extras, call.store):
            continue
        if expires_at(keeper, record) > time():
            return record
        call.reason = Reason("expired", age=time() - record.created)
    return None


def _accepts(keeper: Keeper, extras: bytes, store: Store) -> bool:
    from dumbo import inputs  # most results have no extras

    extras, read = inputs.divide(extras)
    if read and not inputs.hold(read, store):
        return False
    if not extras:
        return True
    # Imported here: most results have none.
    from dumbo.keeping.observing import is_watching
    from dumbo.tracing import observed, observer

    if extras == observed.UNOBSERVED:
        return not is_watching(keeper) or bool(observer.unavailable())
    return observed.hold(extras, store)


def _elsewhere(keeper: Keeper, call: Call) -> Record | None:
    """Return what is stored of *call* under another closure that holds now, too."""
    assert keeper.tracker is not None
    for digest in keeper.tracker.others(call.snapshot, call.store):
        record = held(keeper, call, digest)
        if record is not None:
            return record
    return None


def join(call: Call, extras: bytes) -> None:
    """Tell those who observe a computation further up what this result stands for."""
    # Here and where else a module counts as long as it is loaded: another thread may be at it.
    tell = getattr(sys.modules.get("dumbo.tracing.observer"), "join", None)
    if tell is not None:
        if extras:
            from dumbo import inputs

            extras, _ = inputs.divide(extras)  # those were joined when they were found to hold
        tell((id(call.snapshot), extras), (call.snapshot, extras))


def value_of(keeper: Keeper, call: Call, record: Record) -> Any:
    """Return the value of *record*, as the program shall get it."""
    if not keeper.options.readonly:
        return call.store.load(record)
    from dumbo.frozen import frozen  # few functions ask for it

    return frozen(call.store.load(record, frozen=True))


def hold(keeper: Keeper, call: Call, value: object, key: object) -> None:
    """Keep what was loaded or stored just now in memory, if its key and closure decide on it alone.

    What stands in the call, *key*, is what it is found by; None if that is not plain.
    """
    record = call.record
    if record is None:
        return
    payload = None
    if not is_unchanging(value):
        decode = call.store.decoder(record)
        if record.payload is None or decode is None:
            return
        payload = record.payload, decode
    until = expires_at(keeper, record) - time()
    put(keeper, call, value, payload, key, record.extras, until)


def put(
    keeper: Keeper,
    call: Call,
    value: object,
    payload: tuple[bytes, Callable[[bytes], Any]] | None,
    key: object,
    extras: bytes,
    until: float,
) -> bool:
    """Hold a result in memory; say whether it will be found by what stands in the call.

    Args:
        payload: its bytes, and what decodes them, if it can change.
        until: seconds for which it is good at most.
    """
    if (
        call.taken is not None
        or keeper.target.args
        or (payload is not None and keeper.options.readonly)
    ):
        return False
    guard = _guard(keeper, call, extras) if extras else call.snapshot.guard
    if guard is None:
        return False
    if payload is None:
        held = Held(value, None, None, guard)
    else:
        held = Held(None, *payload, guard)
    held.until = min(held.until, monotonic() + until)
    held.extras = extras
    plain = _decides(keeper, call)
    if plain and key is not None:
        _with_defaults(keeper, held)
    keeper.memory.hold(call.identity, held, key if plain else None)
    return plain


def hold_again(keeper: Keeper, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Let what was found in memory by closure and key be found by what stood in this call, too."""
    held = keeper.memory.by_identity.get(call.identity)
    if held is None or held.lone or call.taken is not None or not _decides(keeper, call):
        return
    key = call.plain or plain_key(args, kwargs)
    if key is None:
        held.lone = True
        return
    if not held.extras:
        held.guard = call.snapshot.guard  # what it looked at before may be gone
    _with_defaults(keeper, held)
    keeper.memory.hold(call.identity, held, key)


def _decides(keeper: Keeper, call: Call) -> bool:
    """Whether what stands in *call*, and its closure, are all that its result hangs on."""
    function, snapshot, target = keeper.target.function, call.snapshot, keeper.target
    return (
        type(function) is FunctionType
        and not snapshot.identity
        and not snapshot.tables
        and call.draw is None  # which sample it is does not stand in the call
        and not target.args
        and not target.kwargs
        and has_plain_defaults(function)
    )


def _with_defaults(keeper: Keeper, held: Held) -> None:
    named = keeper.target.function.__kwdefaults__
    held.defaults = (named, tuple(named.values())) if named else None


def _guard(keeper: Keeper, call: Call, extras: bytes) -> Guard | None:
    """Return what must hold for an entry with *extras*; None if that is not to be kept."""
    from dumbo.keeping.observing import is_watching
    from dumbo.tracing import observed  # most results have no extras

    if extras == observed.UNOBSERVED:
        return None if is_watching(keeper) else call.snapshot.guard
    return observed.guarded(extras, call.store, call.snapshot.guard)


def expires_at(keeper: Keeper, record: Record) -> float:
    """Return the unix time from which *record* is too old to be served."""
    age = keeper.options.expires_after
    if age is None:
        return _NEVER_EXPIRES
    # What was stored while the clock was ahead may be of any age: it has expired, whatever it is.
    return record.created + age if record.created <= time() else 0.0


def reuses_stale(keeper: Keeper) -> bool:
    """Return whether results of older code may be handed out."""
    if keeper.on_stale is None:
        options = keeper.options
        try:
            keeper.on_stale = config.on_stale(options.on_stale, options.recompute_within)
        except InvalidUse as error:  # of the environment, set after the decoration
            keeper.on_stale = ("recompute", 0.0)
            warn(keeper, Reason("unknown", why=str(error)))
    return keeper.on_stale[0] != "recompute"


def goes_across_pythons(keeper: Keeper) -> bool:
    """Return whether results of another minor version of Python are served."""
    if keeper.across is None:
        keeper.across = config.goes_across_pythons(keeper.options.across_python)
    return keeper.across
