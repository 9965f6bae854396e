"""What the commands say about functions, entries and versions, line by line.

Knows stores and standings; must not know click.
"""

from __future__ import annotations

import os
import string
import time
from typing import TYPE_CHECKING, Any

from dumbo import config
from dumbo.answers import standing
from dumbo.answers.reasons import account_in, changes_between
from dumbo.cli import targets
from dumbo.errors import DumboError, InvalidUse
from dumbo.explain import human_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dumbo.answers.standing import Standing, Version
    from dumbo.answers.why import Change
    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Record, Store
    from dumbo.tracing.account import Account

__all__ = [
    "difference", "is_entry", "keepers_of", "of_entry", "of_function", "shown", "standings_of",
    "store_in", "version_named",
]  # fmt: skip


def keepers_of(
    modules: Sequence[str], directory: str | None
) -> tuple[dict[str, Keeper], list[str]]:
    """Return the memoized functions of *modules*, and what failed; else those that are stored."""
    from dumbo.cli import reverse
    from dumbo.shelf import Shelf

    failures: list[str] = []
    functions: dict[str, Any] = {}
    if modules:
        loaded = []
        for name in modules:
            more, failed = targets.modules_below(name)
            loaded += more
            failures += failed
        functions = reverse.memoized_in(loaded)
    else:
        for line in store_in(directory).summary():
            try:
                functions[line.function] = targets.find(line.function)
            except DumboError as error:
                failures.append(f"{line.function}: {error}")
    keepers: dict[str, Keeper] = {}
    for label, found in functions.items():
        if hasattr(type(found), "__dumbo_memo__"):
            keepers[label] = getattr(found, "__func__", found)._keeper
            if directory is not None:
                keepers[label].shelf = Shelf(os.path.abspath(directory))
    return keepers, failures


def standings_of(keepers: dict[str, Keeper]) -> list[Standing]:
    """Return how functions stand: first what is stale and took longest, last what is empty."""
    found = [standing.of(keeper) for keeper in keepers.values()]
    found.sort(key=lambda one: (standing.RANKS.index(one.state), -one.stale[1], one.function))
    return found


def store_in(directory: str | None) -> Store:
    """Return the store of a directory that is there.

    Raises:
        InvalidUse: if it is not there.
    """
    from dumbo.shelf import Shelf

    path = config.cache_directory(directory)
    if not os.path.isdir(path):
        raise InvalidUse(f"there is no cache in {path!r}: name one with --dir, or DUMBO_DIR")
    return Shelf(path).open()


# -- functions -------------------------------------------------------------------------


def of_function(keeper: Keeper) -> Iterator[str]:
    """Say how a function stands, with what differs."""
    one = standing.of(keeper)
    spent = human_time(one.stale[1])
    if one.state == "empty":
        yield f"{one.function}: nothing is stored of it"
    elif one.state == "unknown":
        yield f"{one.function}: cannot be told: {one.why}"
    elif one.state == "fresh":
        yield f"{one.function}: stored results are of the code as it is"
        yield f"    {one.fresh[0]} to load, which took {human_time(one.fresh[1])} to compute"
    else:
        yield f"{one.function}: stored results are of older code ({one.stale[0]}, {spent})"
    yield from shown(one.changes)


def shown(changes: Sequence[Change]) -> Iterator[str]:
    """Say what changed, and show it."""
    for change in changes:
        yield f"  - {change}"
    for change in changes:
        text = change.diff()
        if text:
            yield ""
            yield text.rstrip()


# -- entries ---------------------------------------------------------------------------


def is_entry(target: str) -> bool:
    """Whether *target* looks like the beginning of an entry's id."""
    return len(target) >= 4 and set(target.lower()) <= set(string.hexdigits.lower())


def of_entry(target: str, directory: str | None) -> Iterator[str]:
    """Say what call an entry is of, and whether it would be loaded now."""
    store = store_in(directory)
    number, record = _entry(store, target)
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
    took = human_time(record.compute)
    yield f"{number[:12]}: of {record.function}, stored {when}, computed in {took}"
    from dumbo.answers import recipe

    looks = recipe.read(store.recipes().call(record.function, record.key)) or []
    if looks:
        given = ", ".join([f"{name}={said or '?'}" for name, _, said in looks])
        yield f"  call: {given}"
    yield from _now(store, record)


def _entry(store: Store, target: str) -> tuple[str, Record]:
    found: dict[str, Record] = {}
    for record in store.everything():
        path = store.path_of(record.python, record.closure, record.key, record.extras)
        number = os.path.basename(path)
        if number.startswith(target.lower()):
            found[number] = record
    if len(found) != 1:
        raise InvalidUse(
            f"{len(found) or 'no'} entries have an id that begins with {target!r}: "
            "`dumbo show FUNCTION` lists them"
        )
    ((number, record),) = found.items()
    return number, record


def _now(store: Store, record: Record) -> Iterator[str]:
    """Say whether *record* is of the code as it is now."""
    try:
        found = targets.find(record.function)
        if not hasattr(type(found), "__dumbo_memo__"):
            raise InvalidUse(f"{record.function} is not memoized any more")
        keeper: Keeper = getattr(found, "__func__", found)._keeper
        account = account_in(store, record.closure)
        snapshot = standing.now(keeper, store, account)
    except DumboError as error:
        yield f"  whether it is still good cannot be told: {error}"
        return
    if snapshot is None or account is None:
        yield "  whether it is still good cannot be told: what it depended on was not written down"
        return
    if snapshot.digest == record.closure:
        yield "  hit: this call would be loaded"
        return
    yield "  no hit: this call would be computed again"
    new = keeper.track().account_of(snapshot, store)
    if new is not None:
        yield from shown(changes_between(account, new, store))


# -- versions --------------------------------------------------------------------------


def difference(keeper: Keeper, store: Store, names: Sequence[str]) -> Iterator[str]:
    """Say what differs between two versions of a function, or between one and now."""
    known = standing.versions(keeper, store)
    if names:
        old = version_named(known, names[0])
    else:
        with_results = [version for version in known if version.entries]
        stale = [one for one in with_results if not _is_now(keeper, store, one)]
        if not with_results:
            raise InvalidUse(f"nothing is stored of {keeper.label}")
        if not stale:
            yield f"{keeper.label}: stored results are of the code as it is"
            return
        old = stale[0]
    before = _account(old)
    if len(names) == 2:
        new = version_named(known, names[1])
        after, to = _account(new), new.name
    else:
        snapshot = standing.now(keeper, store, before)
        found = None if snapshot is None else keeper.track().account_of(snapshot, store)
        if found is None:
            raise InvalidUse(f"what {old.name} was called with cannot be told any more")
        after, to = found, "now"
    changes = changes_between(before, after, store)
    yield f"{keeper.label}{old.arguments}, {old.name} -> {to}: {_count(len(changes))}"
    yield from shown(changes)


def version_named(known: Sequence[Version], name: str) -> Version:
    """Return the version that a name begins.

    Raises:
        InvalidUse: if there is none, or several.
    """
    found = [version for version in known if version.closure.hex().startswith(name.lower())]
    if len(found) != 1:
        names = ", ".join(version.name for version in known) or "none"
        raise InvalidUse(f"{len(found) or 'no'} versions are called {name!r}; known are {names}")
    return found[0]


def _is_now(keeper: Keeper, store: Store, version: Version) -> bool:
    try:
        snapshot = standing.now(keeper, store, version.account)
    except DumboError:
        return False
    return snapshot is not None and snapshot.digest == version.closure


def _account(version: Version) -> Account:
    if version.account is None:
        raise InvalidUse(f"what {version.name} depended on was not written down")
    return version.account


def _count(number: int) -> str:
    return "1 change" if number == 1 else f"{number or 'no'} changes"
