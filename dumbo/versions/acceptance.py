"""A person says that a change does not alter results: what is shown, and what is written down.

A *proposal* leads from one older closure of a function, for one kind of arguments, to the closure
as it is now, with all that changed between the two. Accepted, it holds for this pair of digests
and for nothing else: any later change of the code ends it, and so does going on from another
version than the one that was shown.

An outer function contains what an inner one uses. So with the inner function's change that of an
outer one is accepted too, if nothing of it changed but what was shown, and if that is reached
through the inner function alone.

Knows closures, old and new, and how to write statements; must not know how they are shown.
"""

from __future__ import annotations

import importlib

from dumbo import inputs
from dumbo.answers import standing
from dumbo.answers.reasons import changes_beside, changes_between
from dumbo.answers.why import Change
from dumbo.failures import text_of
from dumbo.memory import epoch
from dumbo.target import label_of
from dumbo.tracing.compare import differences, digest_below
from dumbo.tracing.observed import UNOBSERVED, outdated
from dumbo.versions.older import is_accepted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from dumbo.answers.standing import Version
    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Store
    from dumbo.tracing.account import Account
    from dumbo.tracing.compare import Difference

_ENTRIES = 2000  # of one version that are looked at

__all__ = ["Proposal", "propose", "record", "revoke", "when_it_is", "with_it"]


class Proposal:
    """One older version of a function, and the code as it is now.

    Attributes:
        function: its label.
        version: the older one.
        now: digests of the closure as it is; two, where a body imports modules.
        changes: what changed.
        account: what the closure holds as it is.
        seen: lists of what computations were seen to run, with what has changed of it as it is now.
        unimported: modules that a call would import and that could not be, with the reason.
    """

    __slots__ = ("account", "changes", "function", "now", "seen", "unimported", "version")

    def __init__(
        self,
        function: str,
        version: Version,
        now: list[bytes],
        account: Account,
        changes: list[Change],
    ) -> None:
        self.function = function
        self.version = version
        self.now = now
        self.account = account
        self.changes = changes
        self.seen: dict[bytes, dict[str, bytes]] = {}
        self.unimported: dict[str, str] = {}


def propose(keeper: Keeper, store: Store, chosen: Version | None = None) -> list[Proposal]:
    """Return what there is to accept: for each kind of arguments the last version with results.

    The code as it is now may have results already, such as a test's: then it is the last before.

    Args:
        chosen: the version to go on from, and no other.

    Raises:
        Bypass: if what the function depends on cannot be known.
    """
    found: dict[bytes, Proposal] = {}
    candidates = standing.versions(keeper, store) if chosen is None else [chosen]
    current: set[bytes] = set()
    for version in candidates:
        if version.shape in current or version.account is None:
            continue
        if chosen is None and not version.entries:
            continue
        proposal = _proposal(keeper, store, version)
        if proposal is None and chosen is None and _is_current(keeper, store, version):
            continue  # a call after the edit, such as a test's, hides no version before it
        current.add(version.shape)
        if proposal is not None:
            found[version.shape] = proposal
    return list(found.values())


def _is_current(keeper: Keeper, store: Store, version: Version) -> bool:
    snapshot = standing.now(keeper, store, version.account)
    return snapshot is not None and snapshot.digest == version.closure


def _proposal(keeper: Keeper, store: Store, version: Version) -> Proposal | None:
    """Return what leads from *version* to now; None if nothing has to."""
    assert version.account is not None
    snapshot = standing.now(keeper, store, version.account)
    if snapshot is None:
        return None
    digests = [snapshot.digest]
    unimported: dict[str, str] = {}
    for name in snapshot.unloaded:
        # A call would load them, and then the closure holds what is in them.
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - the user's module
            unimported[name] = text_of(error)
    if snapshot.unloaded:
        loaded = standing.now(keeper, store, version.account)
        digests += [loaded.digest] if loaded is not None else []
    account = keeper.track().account_of(snapshot, store)
    if account is None:
        return None
    old = version.closure
    if old in digests or set(digests) <= _newer(store, old):
        found = Proposal(keeper.label, version, [], account, [])
    else:
        changes = changes_between(version.account, account, store)
        if not changes:
            changes = [Change("other", keeper.label, (keeper.label,))]
        found = Proposal(keeper.label, version, digests, account, changes)
    found.unimported = unimported
    _add_seen(found, keeper, store)
    return found if found.now or found.seen else None


def _add_seen(proposal: Proposal, keeper: Keeper, store: Store) -> None:
    """Add what changed of what the computations of results were seen to run."""
    inner = label_of(keeper.target.function)
    changes: dict[str, Change] = {}
    for record in store.entries_under(proposal.version.closure, _ENTRIES):
        code, _ = inputs.divide(record.extras)
        if not code or code == UNOBSERVED or code in proposal.seen or is_accepted(record, store):
            continue
        now: dict[str, bytes] = {}
        for extra, snapshot, _ in outdated(code, store):
            if snapshot is None:  # it is gone: nobody can say what it is now
                now.clear()
                break
            now[extra.name] = snapshot.digest
        if now:
            proposal.seen[code] = now
            account = proposal.version.account
            found = changes_beside(inner, account, record, store)
            changes.update({str(change): change for change in found})
    proposal.changes = [*proposal.changes, *changes.values()]


def _newer(store: Store, old: bytes) -> set[bytes]:
    """The closures for which *old* has been accepted."""
    statements = store.statements()
    return {
        bytes.fromhex(new)
        for statement in statements.every().values()
        if not statement.get("revoked")
        for _, new in statement["pairs"]
        if old in statements.older(bytes.fromhex(new))
    }


# -- outer functions -------------------------------------------------------------------


def with_it(
    keeper: Keeper, accepted: Sequence[Proposal], others: Iterable[Keeper], store: Store
) -> list[Proposal]:
    """Return what of other functions changed by nothing but what is *accepted* of this one."""
    inner = label_of(keeper.target.function)
    found: list[Proposal] = []
    for other in others:
        if other is keeper or other.shelf.directory != keeper.shelf.directory:
            continue
        for proposal in propose(other, store):
            if proposal.seen or not proposal.now:  # by which way it is reached is not known
                continue
            if any(_covers(one, proposal, inner) for one in accepted):
                found.append(proposal)
    return found


def _covers(shown: Proposal, outer: Proposal, inner: str) -> bool:
    """Whether all that changed for *outer* was shown, and is reached through *inner* alone."""
    assert shown.version.account is not None
    assert outer.version.account is not None
    known = (shown.version.account, shown.account)
    asked = (outer.version.account, outer.account)
    if not all(account.whole for account in (*known, *asked)):
        return False
    seen = differences(*known, every=True)
    outside = tuple(_without(account, inner) for account in asked)
    for one in differences(*asked, every=True):
        if any(n >= 0 and n in outside[side] for side, n in enumerate(one.places)):
            return False
        if not any(_is_same(one, asked, other, known) for other in seen):
            return False
    return True


def _without(account: Account, inner: str) -> set[int]:
    """The parts that are reached without going through *inner*."""
    found = {0}
    queue = [0]
    for number in queue:
        for _, _, _, end in account.parts[number].edges:
            if end not in found and account.parts[end].name != inner:
                found.add(end)
                queue.append(end)
    return found


def _is_same(
    one: Difference,
    asked: tuple[Account, Account],
    other: Difference,
    known: tuple[Account, Account],
) -> bool:
    """Whether two differences, of two functions, are the same change."""
    if one.kind != other.kind or one.kind in ("version", "other", "class"):
        return False
    for side in (0, 1):
        mine, theirs = one.places[side], other.places[side]
        if (mine < 0) != (theirs < 0):
            return False
        if mine < 0:
            continue
        if asked[side].parts[mine].own != known[side].parts[theirs].own:
            return False
        # What one of the two leads to and the other does not is in no other difference.
        below = {digest_below(known[side], n) for n in other.alone[side]}
        if not {digest_below(asked[side], n) for n in one.alone[side]} <= below:
            return False
        if one.kind in ("new", "gone"):
            if digest_below(asked[side], mine) != digest_below(known[side], theirs):
                return False
    return True


# -- writing ---------------------------------------------------------------------------


def record(
    proposals: Sequence[Proposal], more: Sequence[Proposal], store: Store, who: str, why: str = ""
) -> str:
    """Write down that *proposals* are accepted, and *more* with them; return the name of it.

    Raises:
        OSError: if it cannot be written.
    """
    first = proposals[0]
    changes = {str(change): change for one in proposals for change in one.changes}
    statement: dict[str, Any] = {
        "function": first.function,
        "who": who,
        "when": when_it_is(),
        "why": why,
        "changes": list(changes),
        "diff": "\n".join([text for change in changes.values() if (text := change.diff())]),
        "pairs": [
            [one.version.closure.hex(), digest.hex()]
            for one in (*proposals, *more)
            for digest in one.now
        ],
        "seen": [
            [
                one.version.closure.hex(),
                extras.hex(),
                {name: digest.hex() for name, digest in now.items()},
            ]
            for one in proposals
            for extras, now in one.seen.items()
        ],
        "with it": sorted({one.function for one in more}),
    }
    epoch.number += 1
    return store.statements().add(statement)


def revoke(store: Store, name: str, who: str) -> dict[str, Any]:
    """Take back what was accepted under *name*.

    Raises:
        StorageError: if nothing was.
        OSError: if that cannot be written.
    """
    epoch.number += 1
    return store.statements().revoke(name, who, when_it_is())


def when_it_is() -> str:
    """Return the time as statements have it."""
    # Imported here: a statement is made by hand, and seldom.
    from datetime import UTC, datetime

    return datetime.now(UTC).astimezone().isoformat(timespec="seconds")
