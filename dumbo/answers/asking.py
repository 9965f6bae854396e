"""What a user may ask about one function: why, what is stored, what it depends on.

Answers change nothing and compute nothing. Imported when somebody asks.

Knows which parts have the answer; must not know how a verdict came about, nor words for it.
"""

from __future__ import annotations

from dumbo import inputs
from dumbo.answers.why import Why
from dumbo.call import Call
from dumbo.errors import Bypass, StorageError, UnusableDirectory
from dumbo.explain import Reason, human_time
from dumbo.info import CacheInfo
from dumbo.keeping import identity, serving, weighing
from dumbo.net import let_through
from dumbo.versions.kin import read_note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import networkx as nx

    from dumbo.accounts.stats import Stats
    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Record

__all__ = ["graph", "info", "next_call", "stats", "verdict_of", "why", "why_missing"]

_KEYED = frozenset(  # arguments had a key
    {
        "hit",
        "new",
        "new sample",
        "code changed",
        "value changed",
        "library changed",
        "too fast",
        "stored",
        "reused",
        "not reused",
    }
)
_NEVER = Reason("never")
_WORTH_A_WORD = 1e-3  # seconds that computing takes


def why(keeper: Keeper, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Why:
    """Return what a call with these arguments would meet now, as a sentence."""
    verdict = verdict_of(keeper, args, kwargs)
    said = str(verdict)
    if verdict.code in _KEYED:
        said += _remarks(keeper, args, kwargs) + _dear(keeper, args, kwargs)
        said += _economics(keeper, verdict)
    return Why(said, verdict.code, verdict.changes, str(verdict))


def verdict_of(keeper: Keeper, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Reason:
    """Return what a call with these arguments would meet now."""
    off = keeper.switched_off()
    if off is not None:
        return off
    call = next_call(keeper)
    try:
        identity.locate(keeper, call, args, kwargs)
        assert call.key is not None
        record = serving.search(keeper, call)
    except Exception as error:  # noqa: BLE001 - __reduce__ and the like of arguments
        let_through(error)
        return keeper.reason_of(error)
    remembered = keeper.ledger.of(call.identity)
    if record is not None:
        if remembered is not None and remembered.code == "unreadable":
            return remembered
        from dumbo.versions.older import remark

        beside = "; ".join(filter(None, (_beside(record), remark(call, record))))
        return Reason("hit", size=record.size, compute=record.compute, beside=beside)
    if call.reason is not None:
        return call.reason
    stale = _stale(keeper, call)
    if stale is not None:
        return stale
    if remembered is not None and remembered.code not in ("reused", "not reused"):
        return remembered
    if keeper.options.keep == "never":
        return _NEVER
    return _too_fast_so_far(keeper) or why_missing(keeper, call)


def _stale(keeper: Keeper, call: Call) -> Reason | None:
    """Return what becomes of a stale result, where one might be handed out."""
    if not serving.reuses_stale(keeper):
        return None
    from dumbo.versions import stale  # few programs allow it

    found = stale.expected(keeper, call)
    return None if found is None else found[1]


def next_call(keeper: Keeper) -> Call:
    """Return the call that comes next, without drawing what it would draw."""
    call = Call()
    if keeper.options.samples is not None:
        from dumbo.randomness.chance import PEEK, Draw  # only for functions that draw

        call.draw = Draw(PEEK)
    return call


def why_missing(keeper: Keeper, call: Call) -> Reason:
    """Return why *call* has no entry; never fails, since it only informs."""
    from dumbo.answers import reasons  # only who asks why needs it

    try:
        return reasons.of_missing(keeper, call, _stored(keeper)[0])
    except (Bypass, StorageError, OSError) as error:
        return Reason("unknown", why=str(error))


def _too_fast_so_far(keeper: Keeper) -> Reason | None:
    """Return what the function's other calls let expect of one that never ran."""
    keeper.tally.settle()
    costs = keeper.ledger.costs
    if keeper.options.keep != "auto" or not costs.compute.count:
        return None
    if keeper.options.samples is not None:  # those are kept whatever they took
        return None
    if not keeper.ledger.misses and not keeper.ledger.bypassed:  # of this run nothing is known
        return None
    price = costs.store.of(0) + costs.load.of(0)
    if costs.expected > price:
        return None
    return Reason("too fast", compute=costs.compute.value, price=price)


def _remarks(keeper: Keeper, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return what else there is to be said of a call that has a key."""
    from dumbo.randomness import hidden  # only who asks why needs it

    call = next_call(keeper)
    try:
        identity.locate(keeper, call, args, kwargs)
        return _sample(keeper, call) + hidden.remark(keeper, call) + _opened(keeper, call)
    except Exception as error:  # noqa: BLE001 - __reduce__ and the like of arguments
        let_through(error)
        return ""


def _sample(keeper: Keeper, call: Call) -> str:
    """Return a remark on which sample it is, if calls draw one of several."""
    if keeper.options.samples is None:
        return ""
    assert call.draw is not None
    return f"; this is sample {call.draw.number} of {keeper.options.samples}, counted from 0"


def _opened(keeper: Keeper, call: Call) -> str:
    """Return a remark on the files that the call was seen to open, as far as that is known."""
    names = keeper.ledger.opened_by(call.identity)
    if not names:
        return ""
    reads = keeper.options.reads
    how = "which counts" if reads is not None and reads.observed else (
        "which does not count by itself (reads='observed' makes it)"
    )  # fmt: skip
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"; it opened {', '.join(names[:3])}{more} for reading, {how}"


def _dear(keeper: Keeper, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return a remark on the argument that is dear to hash, if one is."""
    from dumbo.answers.dear import remark  # only for who asks why

    if keeper.binder is None:
        return ""
    by_content = [name for name in keeper.binder.names if name not in keeper.options.key]
    values = keeper.binder.bind(*identity.completed(keeper, args, kwargs))
    named = dict(zip(keeper.binder.names, values, strict=True))
    return remark(by_content, [named[name] for name in by_content])


def info(keeper: Keeper) -> CacheInfo:
    """Return the counts of this process, and those of the store."""
    weighing.catch_up(keeper)
    entries = size = 0
    try:
        entries, size = _stored(keeper)
    except (StorageError, UnusableDirectory, OSError) as error:
        keeper.ledger.note(keeper.reason_of(error))
    keeper.tally.settle()
    ledger = keeper.ledger
    reasons = tuple(str(reason) for reason in ledger.last.copy())  # another thread may add to it
    return CacheInfo(ledger.hits, ledger.misses, ledger.bypassed, entries, size, reasons)


def stats(keeper: Keeper) -> Stats:
    """Return what calls have cost and gained, in this run and those before."""
    from dumbo.accounts import bookkeeping
    from dumbo.accounts.stats import Stats

    weighing.catch_up(keeper)
    try:
        entries, size = _stored(keeper)
    except (StorageError, UnusableDirectory, OSError) as error:
        keeper.ledger.note(keeper.reason_of(error))
        entries = size = 0
    return Stats(keeper.label, bookkeeping.up_to_now(keeper.shelf, keeper.label), entries, size)


def _economics(keeper: Keeper, verdict: Reason) -> str:
    """Return a remark on what the call is expected to cost, and what the cache has saved."""
    known = stats(keeper)
    if known.compute < _WORTH_A_WORD or verdict.code == "too fast":
        return ""
    said = f"; computing takes about {human_time(known.compute)}"
    if known.load:
        said += f", loading about {human_time(known.load)}"
    if known.hits:
        hits = "1 hit has" if known.hits == 1 else f"{known.hits} hits have"
        said += f"; {hits} saved {human_time(known.saved)} so far"
    return said


def _stored(keeper: Keeper) -> tuple[int, int]:
    """Return how many results of this function are stored, and their bytes."""
    mine = [line for line in keeper.shelf.open().summary() if line.function == keeper.label]
    return sum(line.entries for line in mine), sum(line.bytes for line in mine)


def graph(
    keeper: Keeper, args: tuple[Any, ...] | None, kwargs: dict[str, Any] | None
) -> nx.DiGraph:
    """Return what this function depends on, for these arguments if they are given."""
    if args is not None or kwargs is not None:
        args, kwargs = identity.completed(keeper, args or (), kwargs or {})
    from dumbo.pictured import DependencyGraph  # networkx is for those who want a graph

    return DependencyGraph(keeper.track().graph(args, kwargs))


def _beside(record: Record) -> str:
    """Return what nobody can say of a stored result, in words."""
    extras, _ = inputs.divide(record.extras)
    if extras == b"?":
        return "what ran for it was not observed"
    if "other processes" in read_note(record.note)[0].split("; "):
        return "what ran for it in other processes was not observed"
    return ""
