"""Why a call has no result: what is not as it was when the nearest one was stored.

    this call has a result      of other code, files or data: what of these changed
    others have, of this code   which argument differs from the call that is nearest
    none has, of this code      both

Knows where traces and records of calls are, and whom to ask; must not know words.
"""

from __future__ import annotations

from dumbo import inputs
from dumbo.answers import recipe
from dumbo.answers.why import Change, in_words, reason_for
from dumbo.explain import Reason
from dumbo.keeping import storing
from dumbo.target import label_of
from dumbo.tracing import account as accounts
from dumbo.tracing.compare import Difference, differences, is_inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from dumbo.call import Call
    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Record, Store
    from dumbo.tracing.account import Account

__all__ = ["account_in", "changes_beside", "changes_between", "of_missing", "since"]

_VERSIONS = 8  # of one call that are compared
_CALLS = 500  # that are looked through for the nearest


def of_missing(keeper: Keeper, call: Call, stored: int) -> Reason:
    """Return why *call* has no entry, while *stored* others of the function have one.

    Raises:
        Bypass, StorageError, OSError: if that cannot be found out.
    """
    changes = _beside(keeper, call) or _of_versions(keeper, call)
    if changes:
        return reason_for(changes)
    if not stored:
        return Reason("new", others=0)
    arguments = _of_arguments(keeper, call)
    if arguments is None:
        return Reason("gone")
    if not arguments and call.draw is not None:
        return Reason("new sample", others=stored)
    code = [] if _is_in_use(call) else _of_code(keeper, call)
    how = f"{in_words(arguments)} in the nearest stored call" if arguments else ""
    if code:
        how = f"{how}; and since then {in_words(code)}" if how else in_words(code)
    return Reason("new", [*arguments, *code], others=stored, how=how)


# -- beside the code -------------------------------------------------------------------


def _beside(keeper: Keeper, call: Call) -> list[Change]:
    """Return what of an entry changed that its computation was seen to run or to read."""
    assert call.key is not None
    label = label_of(keeper.target.function)
    account = keeper.track().account_of(call.snapshot, call.store)
    for record in call.store.variants(call.snapshot.digest, call.key):
        changes = changes_beside(label, account, record, call.store)
        if changes:
            return changes
    return []


def changes_beside(
    label: str, account: Account | None, record: Record, store: Store
) -> list[Change]:
    """Return what changed of the files and the other code that the result of *label* hangs on."""
    from dumbo.tracing import observed  # most calls have nothing of that kind

    extras, read = inputs.divide(record.extras)
    name = inputs.changed(read, store) if read else ""
    if name:
        return [Change("file", name)]
    if not extras or extras == observed.UNOBSERVED:
        return []
    found: dict[tuple[str, str], Change] = {}
    for extra, snapshot, tracker in observed.outdated(extras, store):
        old = account_in(store, extra.digest)
        new = None
        if snapshot is not None and tracker is not None:
            new = tracker.account_of(snapshot, store)
        changes = [] if old is None or new is None else changes_between(old, new, store)
        way = _way_to_user(account, extra.name, store) or (label,)
        for change in changes:
            change.path = (*way, *change.path)
        for change in changes or [Change("observed", extra.name, (*way, extra.name))]:
            known = found.get((change.kind, change.name))
            if known is None or len(change.path) < len(known.path):
                found[change.kind, change.name] = change
    return list(found.values())


def _way_to_user(account: Account | None, name: str, store: Store) -> tuple[str, ...]:
    """Return the way to the nearest function whose source has the *name* in it; () if none has."""
    if account is None or not account.parts:
        return ()
    import re  # for explanations alone

    from dumbo.tracing.texts import source_of

    texts = account.texts(source_of)
    bare = name.partition(":")[2].rpartition(".")[2]
    mentions = re.compile(rf"(?<!def )\b{re.escape(bare)}\b")
    ways: dict[int, tuple[str, ...]] = {0: ()}
    queue = [0]
    for number in queue:
        part = account.parts[number]
        way = ways[number]
        if not part.hidden and not is_inside(part.name) and way[-1:] != (part.name,):
            way = (*way, part.name)
        text = (texts.get(part.text) or store.recipes().text(part.text)) if part.text else ""
        if text and part.name != name and mentions.search(text):
            return way
        for _, _, _, end in part.edges:
            if end not in ways:
                ways[end] = way
                queue.append(end)
    return ()


# -- code and data ---------------------------------------------------------------------


def _of_versions(keeper: Keeper, call: Call) -> list[Change]:
    """Return what changed since this very call was stored; of several versions, the nearest."""
    assert call.key is not None
    store, now = call.store, call.snapshot.digest
    records = store.entries_of(keeper.label, call.key, limit=_VERSIONS)
    closures = [record.closure for record in records if record.closure != now]
    closures += [
        closure
        for closure in keeper.track().kindred(call.snapshot, store)
        if store.variants(closure, call.key)
    ]
    return _nearest(keeper, call, dict.fromkeys(closures))


def since(keeper: Keeper, call: Call, closure: bytes) -> list[Change]:
    """Return what changed since *call* had that closure; never nothing."""
    return _nearest(keeper, call, [closure])


def _of_code(keeper: Keeper, call: Call) -> list[Change]:
    """Return what changed since any call with such arguments was stored."""
    return _nearest(keeper, call, keeper.track().kindred(call.snapshot, call.store)[:1])


def _nearest(keeper: Keeper, call: Call, closures: Iterable[bytes]) -> list[Change]:
    best: list[Change] = []
    found = False
    for closure in closures:
        found = True
        changes = _since(keeper, call, closure)
        if changes and (not best or len(changes) < len(best)):
            best = changes
    if found and not best:
        name = keeper.track().explain(call.snapshot, call.store) or keeper.label
        best = [Change("code", name, (), name, name)]
    return best


def _since(keeper: Keeper, call: Call, closure: bytes) -> list[Change]:
    old = account_in(call.store, closure)
    new = keeper.track().account_of(call.snapshot, call.store)
    return [] if old is None or new is None else changes_between(old, new, call.store)


def account_in(store: Store, closure: bytes) -> Account | None:
    """Return what was written down of a closure; None if nothing was."""
    for trace in store.traces_with(closure):
        found = accounts.decode(trace.details)
        if found is not None:
            return found
    return None


def changes_between(old: Account, new: Account, store: Store) -> list[Change]:
    """Return what changed from *old* to *new*, with the sources that are known."""
    from dumbo.tracing.texts import source_of

    now = new.texts(source_of)
    found = differences(old, new)

    def source(digest: bytes) -> str:
        return (now.get(digest) or store.recipes().text(digest)) if digest else ""

    def change(one: Difference) -> Change:
        sources = (source(one.texts[0]), source(one.texts[1]))
        return Change(one.kind, one.name, one.path, one.before, one.after, sources)

    return [change(one) for one in found]


# -- arguments -------------------------------------------------------------------------


def _is_in_use(call: Call) -> bool:
    """Whether other calls have a result of this very code."""
    return call.store.has_closure(call.snapshot.digest)


def _of_arguments(keeper: Keeper, call: Call) -> list[Change] | None:
    """Return which arguments differ from the nearest call's; None: none, it was stored itself."""
    assert call.key is not None
    looks = (call.looks or storing.looks_of(keeper, call)).each()
    recipes = call.store.recipes()
    if recipes.call(keeper.label, call.key):
        return None
    known = [recipe.read(payload) for _, payload in recipes.calls_of(keeper.label, _CALLS)]
    near = recipe.nearest([one for one in known if one is not None], looks)
    if near is None:
        return []
    return [
        Change("argument", name, (), was, now) for name, was, now in recipe.changed(near, looks)
    ]
