"""How a memoized function stands to what is stored of it: fresh, stale since when, or unknown.

For each kind of arguments that the function has stored results of, its closure is found out as it
is now, and compared with those that the results have. Computes and changes nothing.

    fresh    the latest results are of the code and data as they are now
    stale    they are of others: the changes say what
    unknown  that cannot be found out, and `why` says what is in the way
    empty    nothing is stored

Knows traces and entries; must not know how to show any of it.
"""

from __future__ import annotations

from dumbo.answers.reasons import account_in, changes_beside, changes_between
from dumbo.answers.why import Change
from dumbo.errors import Bypass, DumboError
from dumbo.failures import text_of
from dumbo.keeping import identity
from dumbo.target import label_of
from dumbo.tracing.shapes import shape_of
from dumbo.tracing.words import without_words
from dumbo.versions.older import is_accepted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Store
    from dumbo.tracing.account import Account
    from dumbo.tracing.snapshots import Snapshot

__all__ = ["Standing", "Version", "now", "of", "versions"]

_TRACES = 256  # of one function that are looked at
_ENTRIES = 2000  # of one closure whose extras are looked at
RANKS = ("stale", "unknown", "fresh", "empty")


class Version:
    """One closure of a function: one state of its code and data, for one kind of arguments.

    Attributes:
        closure: its digest.
        account: what it held; None if that was not written down.
        created: unix time at which it was first seen.
        entries, seconds: how many results are stored under it, and what computing them took.
    """

    __slots__ = ("account", "closure", "created", "entries", "seconds", "shape")

    def __init__(
        self,
        closure: bytes,
        shape: bytes,
        account: Account | None,
        created: float,
        entries: int,
        seconds: float,
    ) -> None:
        self.closure = closure
        self.shape = shape
        self.account = account
        self.created = created
        self.entries = entries
        self.seconds = seconds

    @property
    def name(self) -> str:
        """What people call it by."""
        return self.closure.hex()[:10]

    @property
    def arguments(self) -> str:
        """The types of the arguments that it is for."""
        if self.account is None or self.account.shape is None:
            return "(...)"
        shown = [
            _type_in_words(part, self.account.roots)
            for part in self.account.shape
            if part[0] not in ("kinds", "words")
        ]
        return f"({', '.join(shown)})"


class Standing:
    """How one function stands; see the module's docstring.

    Attributes:
        function: its label.
        state: fresh, stale, unknown or empty.
        changes: what changed since the latest results that are stale.
        why: what is in the way of knowing.
        fresh, stale: entries, and the seconds that computing them took.
        since: unix time of the latest result that is stale; 0 if none is.
    """

    __slots__ = ("changes", "fresh", "function", "since", "stale", "state", "why")

    def __init__(self, function: str) -> None:
        self.function = function
        self.state = "empty"
        self.changes: list[Change] = []
        self.why = ""
        self.fresh = (0, 0.0)
        self.stale = (0, 0.0)
        self.since = 0.0


def of(keeper: Keeper) -> Standing:
    """Return how the function of *keeper* stands."""
    found = Standing(keeper.label)
    try:
        store = keeper.shelf.open()
        known = [version for version in versions(keeper, store) if version.entries]
        if known:
            _compare(found, keeper, store, known)
    except (DumboError, OSError) as error:
        found.state, found.why = "unknown", text_of(error)
    return found


def versions(keeper: Keeper, store: Store) -> list[Version]:
    """Return the closures that are known of the function, the one last used first."""
    from dumbo.tracing.account import decode

    found: dict[bytes, Version] = {}
    for trace in store.traces_of(keeper.track().label, limit=_TRACES):
        if trace.closure in found:
            continue
        entries, seconds = store.sums_of(trace.closure)
        account = decode(trace.details)
        found[trace.closure] = Version(
            trace.closure, _kind(trace.shape, account), account, trace.created, entries, seconds
        )
    return list(found.values())


def _kind(shape: bytes, account: Account | None) -> bytes:
    """Return what stands for the arguments of a version: their shape, and which strings count."""
    _, asked = without_words(None if account is None else account.shape)
    return shape + repr([(place, held) for place, held, _ in asked]).encode() if asked else shape


def now(keeper: Keeper, store: Store, account: Account | None) -> Snapshot | None:
    """Return what a call with such arguments depends on now; None if they cannot be told.

    Raises:
        Bypass: if what it depends on cannot be known.
    """
    roots = None if account is None else account.code_roots()
    if account is None or roots is None:
        return None
    names = _names(keeper)
    shape = account.shape
    if shape is not None and names != tuple(account.names):
        shape = _with_new(keeper, account, names)
        if shape is None:
            return None
    return keeper.track().look_at(shape, roots, store, names)


def _names(keeper: Keeper) -> tuple[str, ...]:
    if keeper.binder is None:
        identity.prepare(keeper)
    assert keeper.binder is not None
    return tuple(keeper.binder.names)


def _with_new(keeper: Keeper, account: Account, names: tuple[str, ...]) -> tuple[Any, ...] | None:
    """Return the shape of the arguments with those that were not there; None if that is unclear."""
    known = dict(zip(account.names, account.shape, strict=False))
    said = keeper.options.new_parameters
    more = account.shape[len(account.names) :]
    if not all(name in known or name in said for name in names) or set(known) - set(names):
        return None
    new = {name: shape_of((value,), ())[0] for name, value in said.items()}
    return (*[known.get(name) or new[name] for name in names], *more)


def _compare(found: Standing, keeper: Keeper, store: Store, known: list[Version]) -> None:
    """Fill in what of *known* is fresh; of each kind of arguments the latest decides."""
    current: dict[bytes, Snapshot | None] = {}
    states: list[str] = []
    for version in known:
        latest = version.shape not in current
        if latest:
            try:
                current[version.shape] = now(keeper, store, version.account)
            except Bypass as error:
                current[version.shape] = None
                found.why = text_of(error)
        snapshot = current[version.shape]
        was = None if version.account is None else list(version.account.names)
        if snapshot is None and not found.why and was not in (None, list(_names(keeper))):
            names = ", ".join(was or ()), ", ".join(_names(keeper))
            found.changes = [Change("parameters", keeper.label, (keeper.label,), *names)]
            found.stale = _plus(found.stale, version.entries, version.seconds)
            states.append("stale")
            continue
        if snapshot is None:
            found.why = found.why or "what it was called with cannot be told any more"
            states.append("unknown")
            continue
        holds = _holds(keeper, store, snapshot, version)
        if holds:
            gone, seconds, changes = _beside(label_of(keeper.target.function), store, version)
            found.fresh = _plus(found.fresh, version.entries - gone, version.seconds - seconds)
            found.stale = _plus(found.stale, gone, seconds)
            states.append("stale" if gone == version.entries else "fresh")
        else:
            found.stale = _plus(found.stale, version.entries, version.seconds)
            changes = _changes(keeper, store, version, snapshot) if latest else []
            states += ["stale"] * latest
        if changes and not found.changes:
            found.changes, found.since = changes, version.created
    found.state = min(states, key=RANKS.index) if states else "unknown"


def _holds(keeper: Keeper, store: Store, snapshot: Snapshot, version: Version) -> bool:
    if version.closure == snapshot.digest:
        return True
    if version.closure in store.statements().older(snapshot.digest):
        return True
    return version.closure in keeper.track().others(snapshot, store)


def _changes(keeper: Keeper, store: Store, version: Version, snapshot: Snapshot) -> list[Change]:
    old = version.account or account_in(store, version.closure)
    new = keeper.track().account_of(snapshot, store)
    found = [] if old is None or new is None else changes_between(old, new, store)
    return found or [Change("other", keeper.label, (keeper.label,))]


def _beside(label: str, store: Store, version: Version) -> tuple[int, float, list[Change]]:
    """Return how many results are of other files, or other code that was seen to run."""
    gone, seconds = 0, 0.0
    changes: list[Change] = []
    known: dict[bytes, list[Change]] = {b"": []}
    for record in store.entries_under(version.closure, _ENTRIES):
        if record.extras not in known:
            changed = changes_beside(label, version.account, record, store)
            known[record.extras] = [] if changed and is_accepted(record, store) else changed
        if known[record.extras]:
            gone += 1
            seconds += record.compute
            changes = changes or known[record.extras]
    return gone, seconds, changes


def _plus(sums: tuple[int, float], entries: int, seconds: float) -> tuple[int, float]:
    return sums[0] + entries, sums[1] + seconds


def _type_in_words(shape: tuple[object, ...], roots: list[str]) -> str:
    kind = shape[0]
    if kind == "atom":
        return str(getattr(shape[1], "__name__", shape[1])).replace("NoneType", "None")
    if kind in ("code", "object") and isinstance(shape[1], int) and shape[1] < len(roots):
        return roots[shape[1]].partition(":")[2] or roots[shape[1]]
    if kind == "any":
        return str(shape[2])
    return "..." if kind == "unknown" else str(kind)
