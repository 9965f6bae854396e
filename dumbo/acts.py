"""What a user does to the results of one function by hand: find, insert, forget, clear.

Knows what an act promises and raises; must not know how a call is identified or stored.
"""

from __future__ import annotations

from dumbo.call import Call
from dumbo.errors import Bypass, StorageError, UnusableDirectory
from dumbo.failures import Misfit
from dumbo.keeping import identity, serving, storing
from dumbo.memory import epoch
from dumbo.switches import READ_ONLY, current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Record, Store
    from dumbo.randomness.sampling import Family

__all__ = ["clear", "extras", "find", "find_stale", "forget", "insert", "is_call", "samples"]


def find(
    keeper: Keeper, args: tuple[Any, ...], kwargs: dict[str, Any], number: int = 0
) -> tuple[Store, Record] | None:
    """Return the store and the record of this call, if it has one; computes nothing.

    Args:
        number: which sample of it.
    """
    call = _sample(number)
    try:
        identity.locate(keeper, call, args, kwargs)
    except Misfit as error:
        raise TypeError(str(error)) from None
    except Bypass:
        return None
    assert call.key is not None
    record = serving.search(keeper, call)
    return None if record is None else (call.store, record)


def _sample(number: int) -> Call:
    call = Call()
    if number:
        from dumbo.randomness.chance import Draw  # only for samples

        call.draw = Draw(number)
    return call


def samples(keeper: Keeper, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[int]:
    """Return which samples of this call may be stored: the first, and those that are."""
    from dumbo.randomness.chance import Draw  # only for samples

    call = Call()
    draw = call.draw = Draw(0)
    try:
        identity.locate(keeper, call, args, kwargs)
    except Misfit as error:
        raise TypeError(str(error)) from None
    except (Bypass, UnusableDirectory):
        return []
    assert draw.family is not None
    return sorted({0, *_numbers(keeper, call, draw.family)})


def _numbers(keeper: Keeper, call: Call, family: Family) -> list[int]:
    closure = call.snapshot.digest
    return family.numbers(call.store.keys_with(keeper.label, closure, family.prefix))


def find_stale(
    keeper: Keeper, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Store, Record] | None:
    """Return the store and the record of older code that this call gets, with a warning."""
    if not serving.reuses_stale(keeper):
        return None
    from dumbo.versions import stale  # few programs allow it

    call = Call()
    try:
        identity.locate(keeper, call, args, kwargs)
        record = stale.offer(keeper, call)
    except (Bypass, StorageError, OSError):
        return None
    if record is None or call.stale is None:
        return None
    stale.warn(keeper.label, call.stale)
    return call.store, record


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
        identity.locate(keeper, call, args, kwargs)
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
        identity.locate(keeper, call, args, kwargs)
        if keeper.streams:
            _record_all(keeper, call, value)
        # Nobody measured it. Zero would make it the first to go when space is short.
        keeper.tally.settle()
        compute = keeper.ledger.costs.compute.value
        record = storing.write(keeper, call, value, compute, given=True)
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
        identity.locate(keeper, call, args, kwargs)
    except Misfit as error:
        raise TypeError(str(error)) from None
    except (Bypass, UnusableDirectory):
        return 0
    assert call.key is not None
    keeper.ledger.forget(call.identity)
    if keeper.chance is not None:
        keeper.chance.begin_anew()
    return call.store.forget_call(keeper.label, call.key) + _forget_samples(keeper, call)


def _forget_samples(keeper: Keeper, call: Call) -> int:
    """Remove the further samples of *call*; return how many there were."""
    from dumbo.randomness.sampling import family_of_runs

    assert call.key is not None
    draw, store = call.draw, call.store
    family = draw.family if draw is not None else None
    family = family or family_of_runs(call.key)
    if keeper.options.samples is not None:
        numbers = [number for number in _numbers(keeper, call, family) if number]
        return sum([store.forget_call(keeper.label, family.key(number)) for number in numbers])
    # Of a function that says nothing of samples, looking for all of them would take as long as it
    # has results: those that come one after the other will do.
    gone, number = 0, 1
    while more := store.forget_call(keeper.label, family.key(number)):
        gone += more
        number += 1
    return gone


def clear(keeper: Keeper) -> int:
    """Remove all results of this function; return how many there were."""
    keeper.ledger.clear()
    if keeper.chance is not None:
        keeper.chance.begin_anew()
    gone: int = sum([store.forget_all() for store in keeper.in_memory.values()])
    return gone + keeper.shelf.open().clear(keeper.label)
