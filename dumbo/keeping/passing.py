"""Calls that go straight through, seen in passing, and results that are kept in memory alone.

What a function of microseconds returns is not worth a place on disk, nor the look that finds it
there. But where the same calls come all the time, a hit from memory saves most of what they take:
such a call is computed under observation once, as if it were to be stored, and its result is held
by what stands in the call, under the closure's guard like any other.

Knows keepers and what stands in a call; must not know costs.
"""

from __future__ import annotations

from sys import getsizeof

from dumbo.call import Call
from dumbo.decision.worth import ALIKE
from dumbo.keeping import weighing
from dumbo.memory import LARGEST, MISSING, is_unchanging, plain_key, plain_payload
from dumbo.net import let_through
from dumbo.switches import READ_ONLY, current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.keeper import Keeper

__all__ = ["glimpse", "hold_only"]

_FOR_EVER = float("inf")


def glimpse(
    keeper: Keeper, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Call | None]:
    """See a call that would go straight through; return its result from memory, or MISSING.

    With that a call that is to be looked up nevertheless, since it comes all the time, or None.
    """
    try:
        value = keeper.recall(args, kwargs)
        if value is not MISSING:
            return value, None
        key, glimpses = plain_key(args, kwargs), keeper.glimpses
        if key is None:
            glimpses.blind()
            if glimpses.left <= 0:
                weighing.choose_stride(keeper)
            return MISSING, None
        fresh = glimpses.fresh
        seen = glimpses.note(key)
        if fresh >= ALIKE - 1 and not glimpses.fresh % ALIKE:
            weighing.choose_stride(keeper)
        if seen == 1 or not weighing.comes_all_the_time(keeper, seen):
            return MISSING, None
        glimpses.drop(key)
    except RecursionError:  # of ours; whether the function has room enough, it will say
        return MISSING, None
    except Exception as error:  # noqa: BLE001 - __hash__ of an argument's metaclass, and such
        let_through(error)
        return MISSING, None
    weighing.catch_up(keeper)
    call = Call()
    call.plain = key
    call.seen = seen * keeper.road.steps
    return MISSING, call


def hold_only(keeper: Keeper, call: Call, value: object) -> bool:
    """Keep *value*, the result of *call*, in memory alone, and say whether that could be done."""
    if call.key is None or current() & READ_ONLY:
        return False
    payload = None
    if is_unchanging(value):
        size = getsizeof(value)
    else:
        payload = plain_payload(value)
        if payload is None:
            return False
        size = len(payload[0])
    if size > LARGEST:
        return False
    from dumbo.keeping import serving, storing  # here: most calls are not kept like this

    digest, extras = storing.settle(keeper, call)
    from dumbo import inputs  # few calls are looked up in passing

    if digest != call.snapshot.digest or inputs.divide(extras)[1]:
        return False
    until = keeper.options.expires_after
    until = _FOR_EVER if until is None else until
    return serving.put(keeper, call, value, payload, call.plain, extras, until)
