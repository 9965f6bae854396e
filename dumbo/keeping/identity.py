"""What tells one call from all others: its arguments' key, and the closure of its function.

Knows in which order arguments are fixed, bound, matched and digested; must not know what is stored.
"""

from __future__ import annotations

from dumbo.errors import Bypass
from dumbo.explain import Reason
from dumbo.failures import Misfit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.arguments.matching import Taken
    from dumbo.arguments.signature import Binder
    from dumbo.call import Call
    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Store
    from dumbo.tracing.tracker import Tracker

__all__ = ["completed", "key_of", "locate", "prepare"]


def locate(keeper: Keeper, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Fill in what identifies *call*.

    Raises:
        Bypass: if it cannot be identified, with the reason.
        TypeError: if the arguments do not fit.
    """
    binder, tracker, target = keeper.binder, keeper.tracker, keeper.target
    if binder is None or tracker is None or binder.stale(target.function):
        binder, tracker = prepare(keeper)
    if target.args or target.kwargs:
        args, kwargs = target.with_fixed(args, kwargs)
    drawn = keeper.chance is not None and keeper.chance.leaves_out(args, kwargs)
    if drawn:
        kwargs = keeper.chance.with_model(kwargs)  # type: ignore[union-attr]
    try:
        values = binder.bind(args, kwargs)
    except TypeError as error:
        raise Misfit(str(error)) from error
    store = keeper.shelf.open()
    matching = keeper.matching
    counted = _without_model(keeper, values) if drawn else values
    if matching is None:
        key, roots = keeper.digest(counted, binder.names)
        call.given = counted, key
    else:
        taken = call.taken = matching.take(counted)
        near = taken.near
        call.given = counted, taken.key if near is None else near.family
        key, roots = taken.key, taken.roots
        values = _with_model(keeper, taken.values, values) if drawn else taken.values
        if taken.private:
            store = _private(keeper, store)
    call.snapshot = tracker.look(values, roots, store, binder.names)
    call.store = store
    call.key = key
    if call.snapshot.identity:
        from dumbo.arguments.sharing import with_sharing  # only for functions that can tell

        call.key = with_sharing(key, values)
    if call.draw is not None or keeper.chance is not None:
        from dumbo.randomness.chance import settle  # only for functions that draw, and samples

        settle(keeper, call, key, drawn)
    if call.taken is not None:
        _match(keeper, call, call.taken)


def completed(
    keeper: Keeper, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what the function gets, with the like of a generator that the call leaves out."""
    args, kwargs = keeper.target.with_fixed(args, kwargs)
    if keeper.chance is not None and keeper.chance.leaves_out(args, kwargs):
        kwargs = keeper.chance.with_model(kwargs)
    return args, kwargs


def key_of(keeper: Keeper, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """Return the key of a call that gets a generator, without what it gets.

    Raises:
        Bypass: if it has none.
        TypeError: if the arguments do not fit.
    """
    binder = keeper.binder
    if binder is None or binder.stale(keeper.target.function):
        binder, _ = prepare(keeper)
    values = _without_model(keeper, binder.bind(*completed(keeper, args, kwargs)))
    if keeper.matching is not None:
        return keeper.matching.take(values).key
    key: bytes = keeper.digest(values, binder.names)[0]
    return key


def _without_model(keeper: Keeper, values: tuple[Any, ...]) -> tuple[Any, ...]:
    place = _model_at(keeper)
    return (*values[:place], None, *values[place + 1 :])


def _with_model(keeper: Keeper, values: tuple[Any, ...], bound: tuple[Any, ...]) -> tuple[Any, ...]:
    place = _model_at(keeper)
    return (*values[:place], bound[place], *values[place + 1 :])


def _model_at(keeper: Keeper) -> int:
    assert keeper.binder is not None
    assert keeper.chance is not None
    return keeper.binder.names.index(keeper.chance.parameter or "")


def _says_what_it_reads(keeper: Keeper) -> bool:
    reads = keeper.options.reads
    return reads is not None and not reads.observed


def _match(keeper: Keeper, call: Call, taken: Taken) -> None:
    """Let *call* be served what is stored of one that is near to it."""
    assert call.key is not None
    taken.key = call.key  # what its own result is stored under
    if call.draw is not None and taken.near is not None:
        taken.near.family = call.draw.among(taken.near.family)
    if taken.inputs or taken.settings:
        from dumbo import inputs  # few arguments are files

        unclear = f"{keeper.label}, which it calls, reads settings of its own"
        inputs.join(taken.inputs, unclear if taken.settings else "")
    if taken.near is not None:
        from dumbo.matched import nearest  # only for functions with such a matcher

        if call.snapshot.identity:
            from dumbo.arguments.sharing import with_sharing

            taken.near.family = with_sharing(taken.near.family, taken.values)
        call.key = nearest(call.store, call.snapshot.digest, taken.near, call.key)


def _private(keeper: Keeper, store: Store) -> Store:
    from dumbo.matched import private  # only for functions with such a matcher

    found: Store = private(keeper.in_memory, store)
    return found


def prepare(keeper: Keeper) -> tuple[Binder, Tracker]:
    """Make what the first call needs, or what a changed signature invalidates."""
    # Imported here: `import dumbo` must not pay for it.
    from dumbo.arguments.short import digest_call
    from dumbo.arguments.signature import Binder

    function = keeper.target.function
    try:
        binder = Binder(function, keeper.options.ignore)
    except (TypeError, ValueError) as error:  # what inspect.signature refuses with
        keeper.never = Reason("never cached", why=f"its parameters are not known: {error}")
        raise Bypass(str(keeper.never)) from error
    keeper.digest = digest_call
    if keeper.options.key or _says_what_it_reads(keeper):
        from dumbo.arguments.matching import Matching  # only for functions that have any

        keeper.matching = Matching(
            binder.names,
            dict(keeper.options.key),
            keeper.options.reads if _says_what_it_reads(keeper) else None,
        )
    if keeper.tally.began is None:
        from dumbo.accounts import (
            bookkeeping,  # what a program calls, and not what it only imports
        )

        bookkeeping.begin(keeper.tally)
    keeper.binder = binder
    return binder, keeper.track()
