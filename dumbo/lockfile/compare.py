"""Two locks, and what became of each memoized function between them.

A closure is compared as what it is found by: a graph with a root and an order, in which names do
not count. Names are for people: what was renamed or moved is told as such, and invalidates nothing.

    same         nothing that matters has changed
    renamed      the same under other names: its own, or those of what it depends on
    invalidated  by what has changed: its results will be computed again
    added        new in the code
    removed      no longer in the code (or unseen, says who knows that it cannot be imported)

Pure: knows locks; must not know code, files or what is stored.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from dumbo.lockfile.form import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dumbo.lockfile.form import Closure, Lock, Part

__all__ = ["Cause", "Outcome", "compare", "holds"]


class Cause(NamedTuple):
    """One thing that differs in a closure.

    Attributes:
        name: what differs.
        how: ``changed``, ``refers``: what it leads to is another, or ``version``.
        path: from the memoized function to it, both included.
        before, after: versions; or names that it led to before, and does now.
    """

    name: str
    how: str
    path: tuple[str, ...]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class Outcome(NamedTuple):
    """What became of one memoized function.

    Attributes:
        label: its name now, or the last one.
        state: see the module.
        was: its name before, if it had another.
        causes: what invalidated it, the nearest first.
    """

    label: str
    state: str
    was: str = ""
    causes: tuple[Cause, ...] = ()


def compare(old: Lock, new: Lock) -> list[Outcome]:
    """Return the outcome of each memoized function of either lock, in the order of names."""
    across = old.python != new.python
    before = {label: _canonical(c, label, across) for label, c in old.closures.items()}
    after = {label: _canonical(c, label, across) for label, c in new.closures.items()}
    gone = [label for label in sorted(before) if label not in after]
    outcomes = []
    for label in sorted(after):
        if label in before:
            closures = old.closures[label], new.closures[label]
            equal = before[label] == after[label]
            outcomes.append(_outcome(label, *closures, equal=equal, across=across))
            continue
        was = next((name for name in gone if before[name] == after[label]), None)
        if was is None:
            outcomes.append(Outcome(label, "added"))
        else:
            gone.remove(was)
            outcomes.append(Outcome(label, "renamed", was))
    outcomes += [Outcome(label, "removed") for label in gone]
    return sorted(outcomes)


def holds(outcomes: list[Outcome]) -> bool:
    """Return whether the code is what the lock says, names included."""
    return all(outcome.state == "same" for outcome in outcomes)


def _outcome(label: str, old: Closure, new: Closure, *, equal: bool, across: bool) -> Outcome:
    if equal:
        names = [{name: part.to for name, part in c.parts.items()} for c in (old, new)]
        return Outcome(label, "same" if names[0] == names[1] else "renamed")
    return Outcome(label, "invalidated", causes=_causes(label, old.parts, new.parts, across))


def _canonical(closure: Closure, root: str, across: bool) -> tuple[object, ...]:
    """*closure* without the names of the user's things; equal if and only if it does the same."""
    parts = closure.parts
    order = {name: number for number, name in enumerate(_reached(parts, root))}
    return tuple(
        (_is(name, parts[name], across), *(order[to] for to in parts[name].to if to in order))
        for name in order
    )


def _is(name: str, part: Part, across: bool) -> str:
    """What a part is by itself, so far as two Pythons can agree."""
    if part.kind == "library":
        return f"{name} {part.digest}"
    if across and part.digest.startswith("py"):
        return "compiled"  # by either Python for itself: nobody can tell
    return f"{part.kind == UNKNOWN} {part.digest}"


def _reached(parts: Mapping[str, Part], root: str) -> dict[str, tuple[str, ...]]:
    """What is reached from *root*, breadth first, with a shortest path to each."""
    paths: dict[str, tuple[str, ...]] = {root: (root,)} if root in parts else {}
    todo = deque(paths)
    while todo:
        name = todo.popleft()
        for to in parts[name].to:
            if to in parts and to not in paths:
                paths[to] = (*paths[name], to)
                todo.append(to)
    return paths


def _causes(
    root: str, old: Mapping[str, Part], new: Mapping[str, Part], across: bool
) -> tuple[Cause, ...]:
    renamed = _renamed(old, new, across)
    causes = []
    for name, path in _reached(new, root).items():
        now, was_called = new[name], renamed.get(name, name)
        if was_called not in old:
            continue  # news: whoever leads to it is told of
        was = old[was_called]
        if now.kind == was.kind == "library":
            if now.digest != was.digest:
                causes.append(Cause(name, "version", path, (was.digest,), (now.digest,)))
        elif _is(name, was, across) != _is(name, now, across):
            causes.append(Cause(name, "changed", path))
        else:
            leads = tuple(renamed.get(to, to) for to in now.to)
            if leads != was.to:
                gone = tuple(to for to in was.to if to not in leads)
                come = tuple(to for to in now.to if renamed.get(to, to) not in was.to)
                causes.append(Cause(name, "refers", path, gone, come))
    return tuple(sorted(causes, key=lambda cause: (len(cause.path), cause.path)))


def _renamed(old: Mapping[str, Part], new: Mapping[str, Part], across: bool) -> dict[str, str]:
    """For names that are new, the name that the same thing had: it alone was like that."""
    gone: dict[str, list[str]] = {}
    for name in sorted(set(old) - set(new)):
        gone.setdefault(_is(name, old[name], across), []).append(name)
    renamed = {}
    for name in sorted(set(new) - set(old)):
        alike = gone.get(_is(name, new[name], across), [])
        if alike:
            renamed[name] = alike.pop(0)
    return renamed
