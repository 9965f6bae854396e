"""What is seen of a computation while it runs, and what of it the result depends on.

Knows who observes code, files and settings, and when; must not know how they do it.
"""

from __future__ import annotations

import sys

from dumbo import config, inputs
from dumbo.explain import Reason
from dumbo.net import let_through
from dumbo.randomness import drawn
from dumbo.switches import READ_ONLY, current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dumbo.call import Call
    from dumbo.inputs import Inputs
    from dumbo.keeper import Keeper
    from dumbo.tracing.snapshots import Snapshot

__all__ = ["begin_inputs", "extras_of", "inputs_of", "is_watching", "watch"]

# Before 3.12 nobody can see what runs, and no result says whether it was seen.
_UNSEEN = not hasattr(sys, "monitoring")


def begin_inputs(keeper: Keeper, call: Call) -> Inputs | None:
    """Return what will know what a computation that is about to run reads; None: nothing."""
    if _certainty(keeper, call) == 2:  # `closed.ALONE`: none of what it can call reads anything
        return None
    reads = keeper.options.reads
    return inputs.begin(reads is not None and reads.observed, noting=is_watching(keeper))


def is_watching(keeper: Keeper) -> bool:
    """Whether what the function runs is to be observed."""
    if keeper.watching is None:
        wanted = keeper.options.track_deps and config.is_observing(keeper.options.observe)
        keeper.watching = bool(wanted)
    return keeper.watching


def _certainty(keeper: Keeper, call: Call) -> int:
    """Return how certain it is that nothing but the closure of *call* runs: see `closed`."""
    snapshot = call.snapshot
    if call.taken is not None or keeper.chance is not None or keeper.streams:
        return 0  # the function gets other values than those that tracing has seen
    if snapshot.closed is None:
        from dumbo.tracing.closed import closed  # once for each closure; a hit observes nothing

        snapshot.closed = closed(snapshot)
    return snapshot.closed


def watch(keeper: Keeper, call: Call) -> None:
    """Make ready to observe what *call* runs, if its result may be stored."""
    if call.key is None or call.light or current() & READ_ONLY:
        return
    if keeper.options.keep == "never" and not call.explicit:
        return
    if _certainty(keeper, call):
        return
    if drawn.is_looking(keeper) and config.on_impure(keeper.options.on_impure) != "ignore":
        call.dice = drawn.states()
    if _UNSEEN or not is_watching(keeper):
        return
    # Imported here: a hit observes nothing.
    from dumbo.watch import Watcher

    if keeper.watcher is None:
        keeper.watcher = Watcher(keeper.label)
    try:
        call.watch = keeper.watcher.before(call.store)
    except Exception as error:  # noqa: BLE001 - __reduce__ and the like of live data
        let_through(error)
        keeper.ledger.note(keeper.reason_of(error))


def inputs_of(keeper: Keeper, call: Call, digest: bytes) -> bytes:
    """Return what the result of *call* depends on besides its arguments and code."""
    if call.inputs is None:
        return b""
    inputs.end(call.inputs)
    keeper.ledger.opened(call.identity, call.inputs.opened)
    own = [one for one, _ in call.taken.inputs] if call.taken is not None else []
    return call.inputs.settle(call.store, digest, own)


def extras_of(keeper: Keeper, call: Call, snapshot: Snapshot) -> bytes:
    """Return what the result of *call* depends on besides its closure."""
    if _UNSEEN:
        return b""
    watch = call.watch
    if watch is None:
        if is_watching(keeper) and _certainty(keeper, call):  # as if it had been observed
            return b""
        from dumbo.tracing.observed import UNOBSERVED

        return UNOBSERVED
    extras = watch.after(snapshot)
    if watch.missed:
        keeper.ledger.note(Reason("unobserved", why=watch.missed))
    return extras
