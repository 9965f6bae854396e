"""What differs between a lock and the code, in words.

Pure: knows outcomes and what is stored; must not know where either comes from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dumbo.explain import human_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dumbo.lockfile.compare import Cause, Outcome
    from dumbo.lockfile.form import Lock
    from dumbo.lockfile.project import Stored

__all__ = ["lines"]

_CAUSES = 5  # of one function; more say no more


def lines(
    outcomes: Sequence[Outcome],
    stored: Mapping[str, Stored],
    old: Lock,
    new: Lock,
    *,
    name: str = "dumbo.lock",
) -> Iterator[str]:
    """Yield what there is to say: what would be computed again first, and how to go on last."""
    states: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        states.setdefault(outcome.state, []).append(outcome)
    invalidated = states.get("invalidated", [])
    total = len(new.closures)
    if states.keys() <= {"same"}:
        yield f"{name} holds: {_functions(total)}, nothing has changed."
        return
    if invalidated:
        many = "1 of them" if len(invalidated) == 1 else f"{len(invalidated)} of them"
        yield f"{name}: of {_functions(total)}, {many} would be computed again."
    elif "unseen" in states:
        yield f"{name} cannot be compared as a whole."
    else:
        yield f"{name} is out of date, but no result is lost."
    for outcome in invalidated:
        yield ""
        yield f"  {outcome.label}: {_worth(stored.get(outcome.label))}"
        for cause in outcome.causes[:_CAUSES]:
            yield from _cause(cause)
        if len(outcome.causes) > _CAUSES:
            yield f"    and {len(outcome.causes) - _CAUSES} more"
        if not outcome.causes:
            yield "    what it leads to was put together in another way"
    yield from _others(states)
    yield ""
    yield from _sum(invalidated, stored)
    if old.python and old.python != new.python:
        yield (
            f"{name} was written by Python {old.python}, and this is {new.python}: a branch that "
            "depends on the version counts as a change."
        )
    if invalidated:
        yield "What is as good as before can be kept: dumbo accept FUNCTION"
    yield "If that is meant, write it again: dumbo lock, or pytest --dumbo-update"


def _cause(cause: Cause) -> Iterator[str]:
    if cause.how == "version":
        yield f"    {cause.name} {cause.before[0]} -> {cause.after[0]}"
    elif cause.how == "refers":
        yield f"    {cause.name} {_leads(cause)}"
    else:
        yield f"    {cause.name} changed"
    if len(cause.path) > 1:
        yield f"      by way of {' > '.join(cause.path)}"


def _leads(cause: Cause) -> str:
    gone, come = ", ".join(cause.before), ", ".join(cause.after)
    if gone and come:
        return f"leads to {come} instead of {gone}"
    if come:
        return f"leads to {come} too"
    if gone:
        return f"no longer leads to {gone}"
    return "leads to the same things in another order"


def _worth(stored: Stored | None) -> str:
    if stored is None or not stored.entries:
        return "nothing of it is stored here"
    return f"{_results(stored.entries)} here that took {human_time(stored.seconds)}"


def _others(states: Mapping[str, list[Outcome]]) -> Iterator[str]:
    for state, what in (
        ("renamed", "Renamed, or what it uses is; its results stay:"),
        ("added", "New, not in the lock:"),
        ("removed", "No longer in the code:"),
        ("unseen", "Nobody knows, for their modules cannot be imported here:"),
    ):
        if state in states:
            yield ""
            yield f"  {what}"
            for outcome in states[state]:
                yield f"    {outcome.label}{f' (was {outcome.was})' if outcome.was else ''}"


def _sum(invalidated: Sequence[Outcome], stored: Mapping[str, Stored]) -> Iterator[str]:
    held = [stored[o.label] for o in invalidated if o.label in stored]
    entries = sum(one.entries for one in held)
    if entries:
        spent = human_time(sum(one.seconds for one in held))
        yield f"In all, {_results(entries)} on this machine, {spent} of computing."
    elif invalidated:
        yield "Nothing of it is stored on this machine."


def _functions(count: int) -> str:
    return "1 memoized function" if count == 1 else f"{count} memoized functions"


def _results(count: int) -> str:
    return "1 result" if count == 1 else f"{count} results"
