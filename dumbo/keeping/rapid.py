"""The short road of a miss: what `express` has located and not found is computed and kept.

    function   is kept always, by nothing but what its calls cost; and takes less than a lock
    closure    runs nothing but its own code, and is in the store
    result     a number, a text or None

So nothing is observed, read or awaited, no verdict is needed, and the result goes into the tail.
One miss in sixteen takes the general road (`storing`, `weighing`), and from these it is learned
what misses cost. What turns out to be other than usual goes on there, too.

Knows the whole way of such a call, which is why it is short; must not know any other.
"""

from __future__ import annotations

import sys
from time import perf_counter, time

from dumbo import nesting
from dumbo.answers.recipe import plain_payload
from dumbo.explain import Reason
from dumbo.keeping.serving import goes_across_pythons, reuses_stale
from dumbo.keeping.telling import is_logged
from dumbo.keeping.waiting import NOT_SHARED
from dumbo.keeping.weighing import KNOWN, is_lesson
from dumbo.persistence import small
from dumbo.switches import current
from dumbo.tracing.closed import ALONE
from dumbo.versions.kin import Again, noted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dumbo.call import Call
    from dumbo.keeper import Keeper

__all__ = ["begin", "finish", "is_usual"]


def is_usual(keeper: Keeper) -> bool:
    """Whether the misses of a function may take this road, as far as its options tell."""
    options = keeper.options
    return (
        options.keep == "always"
        and options.rule is None
        and not options.verbose
        and not options.new_parameters
        and options.keep_versions is None
        and not reuses_stale(keeper)
        and not goes_across_pythons(keeper)
    )


def begin(keeper: Keeper, call: Call) -> bool:
    """Make ready to compute *call*; False: by the general road."""
    snapshot, store = call.snapshot, call.store
    computes = keeper.ledger.costs.compute
    if (
        snapshot.closed != ALONE
        or snapshot.others  # closures that hold as well
        or store.directory not in snapshot.recorded
        or snapshot.digest not in keeper.looked
        or computes.count < KNOWN
        or computes.value >= NOT_SHARED
        or is_lesson(keeper)
        or keeper.alone
        or keeper.telling is not True
        or "dumbo.versions.stale" in sys.modules
        or current()
        or is_logged()
        or store.statements().exist()
    ):
        return False
    call.rapid = True
    call.around = nesting.enter()
    call.started = perf_counter()
    return True


def finish(keeper: Keeper, call: Call, value: object, compute: float) -> bool:
    """Keep *value*, the result of *call*; False: by the general road."""
    entered = perf_counter()
    tally, ledger, store = keeper.tally, keeper.ledger, call.store
    tally.looked(call.started - call.begun, first=False)
    call.rapid = False
    again: Again | None = keeper.kin
    assert keeper.binder is not None
    payload = plain_payload(keeper.binder.names, call.given[0])
    if again is None or not again.holds(keeper.target.function) or payload is None:
        return False
    assert call.key is not None
    closure, key, note = call.snapshot.digest, call.key, noted("", again.kin)
    size = small.put(store, closure, key, value, keeper.label, compute, note)
    if not size:
        return False
    store.recipes().add_call(keeper.label, key, payload, compute)
    costs = ledger.costs
    costs.computed(compute)
    costs.own.add(compute)
    costs.reuse.note(key, time()).cost = compute
    ledger.misses += 1
    ledger.missed()
    ledger.forget(closure + key)
    ended = perf_counter()
    tally.stored(size, ended - entered)
    tally.computed(compute)
    said = tally.reasons.get("stored")
    if said is None:
        tally.said(Reason("stored", size=size))
    else:
        said[0] += 1
    less = ended - call.started - costs.look.value - costs.load.of(size)
    nesting.leave(call.around or 0.0, max(0.0, less))
    return True
