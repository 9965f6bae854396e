"""What generators yield, on its way into the store.

Knows when items are recorded, and what a recording that fails means; must not know who iterates.
"""

from __future__ import annotations

from dumbo.errors import StorageError
from dumbo.explain import Reason
from dumbo.failures import not_stored, text_of
from dumbo.keeping import observing, telling, weighing
from dumbo.net import let_through
from dumbo.switches import READ_ONLY, current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.call import Call
    from dumbo.keeper import Keeper
    from dumbo.persistence.recordings import Recording

__all__ = ["add", "begin", "finish", "recorder", "unreadable"]


def begin(
    keeper: Keeper,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    act: str,
    call: Call | None = None,
) -> Call:
    """Return the call of a generator that is about to be iterated."""
    if act:
        return keeper.begin_explicit(args, kwargs, act, call)
    return keeper.look(args, kwargs, call)


def recorder(keeper: Keeper, call: Call) -> Recording | None:
    """Return what the items of *call* are recorded with; None if nothing shall be stored."""
    private = call.taken is not None and call.taken.private
    if call.key is None or call.straight or call.light or private or current() & READ_ONLY:
        return None
    if keeper.options.keep == "never" and not call.explicit:
        return None
    observing.watch(keeper, call)
    try:
        call.recording = call.store.record(keeper.label)
    except (StorageError, OSError) as error:
        keeper.ledger.note(not_stored(error), call.identity)
    return call.recording


def add(
    keeper: Keeper, call: Call, recording: Recording, item: object, *, last: bool = False
) -> bool:
    """Record *item*, or what the generator returned; say whether that could be done."""
    try:
        if last:
            recording.end(item)
        else:
            recording.add(item)
    except Exception as error:  # noqa: BLE001 - __reduce__ and the like of items
        let_through(error)
        keeper.ledger.note(not_stored(error), call.identity)
        recording.drop()
        call.recording = None
        return False
    return True


def finish(
    keeper: Keeper, call: Call, recording: Recording | None, value: object, compute: float
) -> None:
    """Keep what was recorded, and *value*, which the generator returned, if it is worth it."""
    if recording is not None and add(keeper, call, recording, value, last=True):
        keeper.finish(call, None, compute)
        recording.drop()
        return
    if call.straight:
        weighing.went_straight(keeper, compute, sure=True)
    else:
        keeper.ledger.bypassed += call.key is None
        keeper.ledger.misses += call.key is not None
        keeper.tally.computed(compute)
        keeper.ledger.costs.computed(compute)
        weighing.learn(keeper, call, compute)
    if keeper.options.verbose or telling.is_logged():
        telling.say_computed(keeper, call, None, compute)


def unreadable(keeper: Keeper, call: Call, error: StorageError) -> None:
    """Note that the rest of a recording cannot be loaded."""
    keeper.ledger.note(Reason("unreadable", why=text_of(error)), call.identity)
