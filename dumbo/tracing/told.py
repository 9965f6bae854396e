"""What traces in a store tell people: what differs, what a closure held, who is as it was.

Knows stored traces and accounts; must not know what a verdict says to people.
"""

from __future__ import annotations

from types import FunctionType

from dumbo.errors import UnhashableArgument
from dumbo.names import named
from dumbo.tracing import replay, unloaded
from dumbo.tracing.lookup import path_of
from dumbo.tracing.recorded import GIVEN_UP, shape_digest
from dumbo.tracing.words import Told, fits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from dumbo.persistence.store import Store
    from dumbo.tracing.account import Account
    from dumbo.tracing.callgraph import Chance
    from dumbo.tracing.snapshots import Snapshot
    from dumbo.tracing.tracker import Tracker


def explain(tracker: Tracker, snapshot: Snapshot, store: Store) -> str:
    """Which node differs from the latest known version; empty if none is known."""
    told = Told(snapshot.program.asked)
    for trace in store.traces_of(tracker.label):
        if trace.closure == snapshot.digest:
            return ""
        if trace.closure == GIVEN_UP:
            continue
        payload = store.program(trace.program)
        program = replay.decode(payload) if payload else None
        if program is None or not fits(program.asked, told):
            continue
        try:
            ran = replay.run(program, (tracker.function, *snapshot.roots))
        except UnhashableArgument as cause:
            return str(cause)
        changed = replay.differing(program, trace.state, ran.state)
        if changed:
            return _changed(tracker, program, ran, changed[0])
        return tracker.label  # the version salt, or what only tracing sees
    return ""


def account_of(tracker: Tracker, snapshot: Snapshot, store: Store) -> Account | None:
    """What the closure of *snapshot* holds, for people; None if nobody wrote it down."""
    if snapshot.account is None:
        from dumbo.tracing.account import decode  # for those who look, not for a hit

        for trace in store.traces_with(snapshot.digest):
            snapshot.account = decode(trace.details)
            if snapshot.account is not None:
                break
    return snapshot.account


def chance_of(tracker: Tracker, snapshot: Snapshot, store: Store) -> list[Chance]:
    """What may make results of *snapshot* differ; where nobody wrote that down, find it."""
    if snapshot.chance is None:
        account = account_of(tracker, snapshot, store)
        if account is not None:
            snapshot.chance = account.chance
        elif not tracker.track_deps:
            snapshot.chance = []
        else:
            seen = snapshot.before or unloaded.seen(snapshot)
            analysis = tracker.analyse(snapshot.shape, snapshot.roots, snapshot.names, seen)
            snapshot.chance = list(analysis.chance)
    return snapshot.chance


def kindred(tracker: Tracker, snapshot: Snapshot, store: Store) -> list[bytes]:
    """Other closures of the function, or of one of the same code, for such arguments."""
    shape = shape_digest(snapshot.shape)
    mine = [trace for trace in store.traces_of(tracker.label, limit=64) if trace.shape == shape]
    found = [trace.closure for trace in (*mine, *store.traces(tracker.root(), shape))]
    return [one for one in dict.fromkeys(found) if one not in (snapshot.digest, GIVEN_UP)]


def standing(tracker: Tracker, store: Store, roots: tuple[Any, ...] = ()) -> list[str] | None:
    """What is not as the last traces found it, by label; None if there are none.

    For each shape of call one trace that holds is enough. What hangs on an argument that
    is not among *roots* says nothing.
    """
    changed: dict[bytes, dict[str, None]] = {}
    for trace in store.traces_of(tracker.label):
        payload = store.program(trace.program)
        program = replay.decode(payload) if payload else None
        if program is None or trace.closure == GIVEN_UP:
            continue
        differs = _differing(tracker, program, trace.state, (tracker.function, *roots))
        if not differs:
            changed[trace.shape] = {}
        changed.setdefault(trace.shape, dict.fromkeys(differs))
    if not changed:
        return None
    return list({label: None for labels in changed.values() for label in labels})


def _differing(
    tracker: Tracker, program: replay.Program, state: bytes, roots: tuple[Any, ...]
) -> list[str]:
    """The labels of what another state found first; what hangs on it differs with it."""
    from dumbo.tracing.labels import label_of  # for those who look, not for a hit

    try:
        ran = replay.run(program, roots)
    except UnhashableArgument as cause:
        return [str(cause)]
    differs = set(replay.differing(program, state, ran.state))
    labels: dict[str, None] = {}
    for index, (op, base, arg) in enumerate(program):
        unknown = op == "root" and arg >= len(roots)
        if unknown or (base in differs):
            differs.add(index)  # and so is what hangs on this
        elif index in differs:
            labels[label_of(program, ran.found, index)] = None
    return list(labels)


def _changed(
    tracker: Tracker, program: Sequence[replay.Lookup], ran: replay.Replay, index: int
) -> str:
    obj = ran.found[index]
    if program[index][0] == "root":
        return tracker.label
    path = path_of(program, index)
    if type(obj) is FunctionType:
        return f"{named(obj)} ({path})"
    return path or tracker.label
