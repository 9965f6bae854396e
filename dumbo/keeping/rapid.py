"""The short road of a miss: what `express` has located and not found is computed and kept.

    function   is kept always, by nothing but what its calls cost; and takes less than a lock
    closure    runs nothing but its own code, and is in the store
    result     a number, a text or None

So nothing is observed, read or awaited, no verdict is needed, and the result goes into the tail,
and stays in memory.
One miss in sixty-four takes the general road (`storing`, `weighing`), and from these it is learned
what misses cost there. What turns out to be other than usual goes on there, too. What a call cost,
and how its arguments looked, is only noted here, and taken in with that of others: for each call by
itself it would take as long as all the rest.

Knows the whole way of such a call, which is why it is short; must not know any other.
"""

from __future__ import annotations

from sys import modules
from time import perf_counter, time_ns

from dumbo import nesting
from dumbo.accounts.tally import RECEIPTS
from dumbo.answers.recipe import Looks, plain_payload
from dumbo.keeping.serving import goes_across_pythons, reuses_stale
from dumbo.keeping.telling import is_logged
from dumbo.keeping.waiting import NOT_SHARED
from dumbo.keeping.weighing import KNOWN
from dumbo.memory import Held
from dumbo.persistence import small
from dumbo.persistence.ground import function_id
from dumbo.switches import current
from dumbo.tracing.closed import ALONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from dumbo.call import Errand
    from dumbo.keeper import Keeper
    from dumbo.versions.kin import Again

__all__ = ["begin", "finish", "is_usual"]

_LESSONS = 32  # misses of a function that all take the general road, which is known by then;
_FEW = 512  # up to so many one in sixteen does, then one in sixty-four


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


def begin(keeper: Keeper, errand: Errand) -> bool:
    """Make ready to compute what *errand* did not find; False: by the general road."""
    snapshot, store, ledger = errand.snapshot, errand.store, keeper.ledger
    computes = ledger.costs.compute
    statements = store._statements or store.statements()
    if (
        snapshot.closed != ALONE
        or snapshot.others  # closures that hold as well
        or store.directory not in snapshot.recorded
        or snapshot.digest not in keeper.looked
        or computes.count < KNOWN
        or computes.value >= NOT_SHARED
        or _is_lesson(keeper)
        or keeper.alone
        or keeper.telling is not True
        or "dumbo.versions.stale" in modules
        or current()
        or is_logged()
        or statements.exist_lately(errand.begun)
    ):
        return False
    errand.finish = finish
    errand.started = perf_counter()
    return True


def _is_lesson(keeper: Keeper) -> bool:
    """Whether this miss takes the general road, so that it is known what misses cost there."""
    misses = keeper.ledger.misses + len(keeper.tally.misses)
    return misses < _LESSONS or not misses & (15 if misses < _FEW else 63)


def finish(keeper: Keeper, errand: Errand, value: object, compute: float) -> bool:
    """Keep *value*, the result of *errand*; False: by the general road."""
    entered = errand.started + compute
    store, key, closure = errand.store, errand.key, errand.snapshot.digest
    kin: Again | None = keeper.kin
    payload = small.encoded(store, value)
    if kin is None or payload is None or not kin.holds(keeper.target.function):
        return False
    label, created = keeper.label, time_ns() // 1000
    if not small.append(
        store, errand.first, closure, key, payload, label, compute, created, kin.note
    ):
        return False
    recipes = store._recipes or store.recipes()
    looks = _looks, keeper.binder.names, errand.args  # type: ignore[union-attr]
    recipes.add_later(function_id(label), key, looks, created, entered)
    ledger, tally = keeper.ledger, keeper.tally
    identity = closure + key
    ledger.forget(identity)
    keeper.memory.hold(identity, Held(value, None, None, errand.snapshot.guard), errand.plain)
    ended = perf_counter()
    looking = errand.started - errand.begun
    size = len(payload)
    tally.misses.append((key, created / 1e6, compute, looking, size, ended - entered))
    if nesting.is_within():
        costs = ledger.costs
        less = ended - errand.started - costs.look.value - costs.load.of(size)
        nesting.add(max(0.0, less))
    if len(tally.misses) >= RECEIPTS:
        tally.settle()
    return True


def _looks(names: Sequence[str], values: Sequence[Any]) -> bytes:
    """How arguments looked that nobody can change."""
    return plain_payload(names, values) or Looks(names, values, b"").encode()
