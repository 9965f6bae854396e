"""One computation for all who ask at once, as far as a keeper has a say in it.

Imported by the first miss of a process; a hit needs no locks.

Knows which calls take their turn, and what they find then; must not know how turns are taken.
"""

from __future__ import annotations

from time import perf_counter

from dumbo.errors import StorageError
from dumbo.keeping.serving import join, search, value_of
from dumbo.keeping.weighing import KNOWN
from dumbo.net import let_through
from dumbo.switches import READ_ONLY, current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dumbo.call import Call
    from dumbo.keeper import Keeper
    from dumbo.turns import Turn

__all__ = ["NOT_SHARED", "came", "turn_of"]

# A function that is known to take less than this is not worth a lock.
NOT_SHARED = 1e-4
_OTHERS = 8  # results of other arguments that tell what to expect


def turn_of(keeper: Keeper, call: Call, *, task: bool) -> Turn | None:
    """Return what *call* may have to wait for before it computes."""
    if call.done or call.key is None or call.light or call.seen:
        return None
    if keeper.options.keep == "never" and not call.explicit:
        return None
    computes = keeper.ledger.costs.compute
    if not task and not call.explicit and computes.count >= KNOWN and computes.value < NOT_SHARED:
        return None
    if keeper.alone or current() & READ_ONLY:
        return None
    try:
        # Imported here: a hit needs no locks.
        from dumbo.turns import Turn

        locks = call.store.locks()
    except (ImportError, StorageError, OSError):
        return None
    return Turn(
        locks, call.identity, lambda: _look_again(keeper, call), lambda: _expected(keeper, call)
    )


def came(keeper: Keeper, call: Call, turn: Turn) -> None:
    """Take in that it is the turn of *call*, or that its result has come."""
    call.claim = turn.claim
    if turn.found:
        call.done = True
        keeper.ledger.hits += 1
        keeper.ledger.far += 1
    call.started = perf_counter()


def _look_again(keeper: Keeper, call: Call) -> bool:
    """Load what another thread or process may have stored since the last look."""
    assert call.key is not None
    try:
        if call.store.tail is not None:
            call.store.tail.look()
        record = search(keeper, call)
        if record is None:
            return False
        call.value = value_of(keeper, call, record)
        join(call, record.extras)
    except (StorageError, OSError) as error:
        let_through(error)
        return False
    return True


def _expected(keeper: Keeper, call: Call) -> float:
    """Return the seconds that computing *call* may take, by what is known; 0: nothing is."""
    assert call.key is not None
    before = call.store.entries_of(keeper.label, call.key, limit=1)
    if before:  # of another version
        return before[0].compute
    others = call.store.entries_of(keeper.label, limit=_OTHERS)
    longest = max([record.compute for record in others], default=0.0)
    return max(longest, keeper.ledger.costs.compute.value)
