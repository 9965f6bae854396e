"""A result has been computed: is it kept, and what is written beside it.

Imported by the first miss of a process; a hit stores nothing.

Knows what belongs to an entry; must not know how it is laid out on disk, nor what it is worth.
"""

from __future__ import annotations

import sys
from time import perf_counter
from types import AsyncGeneratorType, CoroutineType, GeneratorType

from dumbo import clocks, config, nesting
from dumbo.answers.recipe import Looks
from dumbo.errors import StorageError, UnstorableResult
from dumbo.explain import Reason
from dumbo.keeping import observing, passing, serving, weighing
from dumbo.net import let_through
from dumbo.persistence import small
from dumbo.randomness import drawn
from dumbo.switches import READ_ONLY, current
from dumbo.versions.kin import Again, kin_of, noted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.call import Call
    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Record, Store

__all__ = ["handed_out", "keep", "looks_of", "settle", "write"]

_LOOKED = 4096  # closures of which it is remembered whether they hold chance

# A value of these is a running computation, not a result.
_RUNNING = (GeneratorType, CoroutineType, AsyncGeneratorType)

_READ_ONLY = Reason("read only")
_NEVER = Reason("never")


def keep(keeper: Keeper, call: Call, value: object, compute: float) -> Reason | None:
    """Store *value* if that is worth it; return what became of it, if the cache has a say."""
    ledger = keeper.ledger
    costs = ledger.costs
    if call.seen:  # what calls take is known, and this one was made with more ado
        compute = min(compute, costs.expected)
    else:
        costs.computed(compute)
    if call.key is None:
        ledger.bypassed += 1
        return None
    ledger.misses += 1
    if current() & READ_ONLY:
        return _READ_ONLY
    if call.inputs is not None and call.inputs.stale:
        return Reason("made of stale", of=call.inputs.stale)
    again = compute if call.around is None else max(0.0, compute - nesting.within())
    verdict = weighing.verdict_on(keeper, call, value, again)
    if call.seen and not verdict.store and passing.hold_only(keeper, call, value):
        return Reason("in memory", compute=again)
    if call.light:  # what it would take to store it was not done
        code = "too fast" if verdict.store else verdict.code
        return Reason(code, compute=again, price=verdict.price)
    # That it is of use to somebody is certain if somebody waits for it.
    wanted = call.claim is not None and call.claim.flight.waiters > 0
    retried = call.retried and verdict.code == "too fast"
    if not (verdict.store or call.explicit or wanted or retried):
        if verdict.code == "never":
            return _NEVER
        return Reason(verdict.code, compute=again, price=verdict.price)
    record = write(keeper, call, value, compute)
    if call.seen:
        serving.hold(keeper, call, value, call.plain)
    return Reason("stored", size=record.size)


def write(
    keeper: Keeper, call: Call, value: object, compute: float, *, given: bool = False
) -> Record:
    """Store *value*; *given* if somebody says that it is the result, and nothing ran."""
    assert call.key is not None
    if issubclass(type(value), _RUNNING):  # without asking its `__class__`
        raise UnstorableResult(f"a {type(value).__name__} is a running computation")
    lazy = getattr(sys.modules.get("dumbo.lazy"), "Lazy", None)
    if lazy is not None and issubclass(type(value), lazy):
        value = value.__wrapped__  # type: ignore[attr-defined]
    costs = keeper.ledger.costs
    lesson = call.retried or weighing.is_lesson(keeper, keeper.tally.sums["stores"])
    before = clocks.reading() if lesson else None
    entered = perf_counter() if before is None else before.wall
    taken = call.taken
    digest, extras = settle(keeper, call, given=given)
    note = _note(keeper, call)
    # A near call's entry stays that call's.
    key = call.key if taken is None else taken.key
    record: Record | None = None
    if call.recording is None:
        private = taken is not None and taken.private
        plain = not (given or extras or call.explicit or call.reason is not None or private)
        if plain:  # and it replaces nothing
            record = small.save(call.store, digest, key, value, keeper.label, compute, note)
        record = record or call.store.save(
            digest, key, value,
            function=keeper.label, compute=compute, extras=extras, note=note,
            known=keeper.options.readonly,
        )  # fmt: skip
    else:
        record = call.store.save_recorded(
            call.recording, digest, key,
            function=keeper.label, compute=compute, extras=extras, note=note,
        )  # fmt: skip
    call.record = record
    if taken is None or not taken.private:
        looks = call.looks or looks_of(keeper, call)
        call.store.recipes().add_call(keeper.label, key, looks.encode(), compute)
    ended = perf_counter()
    call.writing = ended - entered
    if keeper.has_stored and before is not None:  # the first imports and opens what others find
        costs.store.learn(record.size, clocks.needed(before))
    keeper.has_stored = True
    keeper.tally.stored(record.size, ended - entered)
    if keeper.options.keep_versions is not None:
        _drop_versions(keeper, call.store, digest)
    if lesson:
        costs.size.learn(weighing.rough_size_of(call, value), record.size)
    if taken is not None and taken.near is not None:
        from dumbo.matched import remember

        remember(call.store, digest, taken.near, key)
    return record


def settle(keeper: Keeper, call: Call, *, given: bool = False) -> tuple[bytes, bytes]:
    """Return the closure of *call*, as the run has shown it, and its extras."""
    taken = call.taken
    changed = taken.changed() if taken is not None else ""
    if changed:
        raise StorageError(f"{changed} changed while the function ran")
    settled = keeper.track().settle(call.snapshot, call.store)
    digest = settled.digest
    if given:
        return digest, b""
    check_caches = getattr(sys.modules.get("dumbo.versions.stale"), "check_caches", None)
    if check_caches is not None:
        check_caches(settled)
    seen = observing.extras_of(keeper, call, settled)
    if call.dice is not None:
        call.drew = drawn.since(call.dice)
    if call.drew or digest + seen not in keeper.looked:
        from dumbo.randomness import hidden  # once for each closure, and for what draws

        hidden.check(keeper, call, settled, seen)
        if len(keeper.looked) >= _LOOKED:
            keeper.looked.clear()
        keeper.looked.add(digest + seen)
    return digest, seen + observing.inputs_of(keeper, call, digest)


def _note(keeper: Keeper, call: Call) -> str:
    """Return what an entry says beside its result: who saw it, what it drew, and whose it is."""
    said = "other processes" if call.watch is not None and call.watch.elsewhere else ""
    said = drawn.noted(said, call.drew)
    function, roots = keeper.target.function, call.snapshot.roots
    if roots:
        return noted(said, kin_of(function, keeper.number, roots))
    again: Again | None = keeper.kin
    if again is None or not again.holds(function):
        again = keeper.kin = Again(function, keeper.number)
    return noted(said, again.kin)


def _drop_versions(keeper: Keeper, store: Store, digest: bytes) -> None:
    """Remove the results of versions beyond those to be kept, when a new one has come."""
    keep = keeper.options.keep_versions
    if keep is None or keeper.latest == digest:
        return
    keeper.latest = digest
    # Imported here: few functions say how many versions they keep.
    from dumbo.persistence.housekeeping import stale

    stale(store, keep, keeper.label)


def handed_out(keeper: Keeper, call: Call, value: Any) -> Any:
    """Return what the program gets for the computed *value*, where it shall be read-only."""
    # Imported here: few functions ask for it.
    from dumbo.frozen import frozen

    record = call.record
    if record is not None and not call.straight:
        try:
            return serving.value_of(keeper, call, record)
        except (StorageError, OSError) as error:
            let_through(error)
    return frozen(value)


def looks_of(keeper: Keeper, call: Call) -> Looks:
    """Return how the arguments of *call* look, before it runs."""
    assert keeper.binder is not None
    if keeper.telling is None:
        keeper.telling = config.keeps_details()
    names = keeper.binder.names
    return Looks(names, *call.given, keeper.options.key, telling=keeper.telling)
