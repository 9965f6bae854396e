"""What a user does to the results of one function by hand: find, insert, forget, clear.

Knows what an act promises and raises; must not know how a call is identified or stored.
"""

from __future__ import annotations

from dumbo.call import Call
from dumbo.errors import Bypass, StorageError, UnusableDirectory
from dumbo.failures import Misfit
from dumbo.memory import epoch
from dumbo.switches import READ_ONLY, current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Record, Store

__all__ = ["clear", "extras", "find", "forget", "insert", "is_call"]


def find(
    keeper: Keeper, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Store, Record] | None:
    """Return the store and the record of this call, if it has one; computes nothing."""
    call = Call()
    try:
        keeper.locate(call, args, kwargs)
    except Misfit as error:
        raise TypeError(str(error)) from None
    except Bypass:
        return None
    assert call.key is not None
    record = keeper.search(call)
    return None if record is None else (call.store, record)


def extras(
    keeper: Keeper, given: tuple[tuple[Any, ...], dict[str, Any]] | None
) -> tuple[Store, list[bytes]]:
    """Return the extras of the entry of this call, or, without one, of all entries."""
    store = keeper.shelf.open()
    if given is None:
        records = store.entries_of(keeper.label)
    else:
        found = find(keeper, *given)
        records = [] if found is None else [found[1]]
    return store, list(dict.fromkeys([record.extras for record in records]))


def is_call(keeper: Keeper, record: Record, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether *record* is of a call with these arguments, as they are now."""
    call = Call()
    try:
        keeper.locate(call, args, kwargs)
    except (Bypass, StorageError, OSError):
        return False
    return call.key == record.key


def insert(
    keeper: Keeper, value: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Store, Record]:
    """Store *value* as the result of this call.

    Raises:
        StorageError: if it cannot be stored, or the call cannot be identified.
    """
    call = Call()
    if current() & READ_ONLY:
        raise StorageError(f"{keeper.label}: nothing is inserted inside dumbo.read_only()")
    if keeper.never is not None:
        raise StorageError(f"{keeper.label}: {keeper.never}")
    try:
        keeper.locate(call, args, kwargs)
        if keeper.streams:
            _record_all(keeper, call, value)
        # Nobody measured it. Zero would make it the first to go when space is short.
        compute = keeper.ledger.costs.compute.value
        record = keeper.write(call, value, compute, given=True)
    except Misfit as error:
        raise TypeError(str(error)) from None
    except (Bypass, UnusableDirectory, OSError) as error:
        raise StorageError(f"{keeper.label}: {keeper.reason_of(error)}") from error
    keeper.ledger.forget(call.identity)
    epoch.number += 1
    return call.store, record


def _record_all(keeper: Keeper, call: Call, items: Any) -> None:
    """Record *items*, for a generator function's result is what it yields."""
    call.recording = call.store.record(keeper.label)
    try:
        for item in items:
            call.recording.add(item)
        call.recording.end(None)
    except BaseException:
        call.recording.drop()
        raise


def forget(keeper: Keeper, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Remove the results of this call, under whatever code; return how many there were."""
    call = Call()
    try:
        keeper.locate(call, args, kwargs)
    except Misfit as error:
        raise TypeError(str(error)) from None
    except (Bypass, UnusableDirectory):
        return 0
    assert call.key is not None
    keeper.ledger.forget(call.identity)
    return call.store.forget_call(keeper.label, call.key)


def clear(keeper: Keeper) -> int:
    """Remove all results of this function; return how many there were."""
    keeper.ledger.clear()
    gone: int = sum([store.forget_all() for store in keeper.in_memory.values()])
    return gone + keeper.shelf.open().clear(keeper.label)
