"""The command accept: a person says that a change does not alter results.

Knows click; what is proposed and written is for `acceptance`, and printed text goes through `text`.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from dumbo.cli import explaining, targets
from dumbo.cli.asking import imported, keeper_of
from dumbo.cli.text import printable
from dumbo.errors import DumboError, InvalidUse
from dumbo.target import label_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Store
    from dumbo.versions.acceptance import Proposal

__all__ = ["accept"]

_REFUSED = 1


@click.command()
@click.argument("function", required=False)
@click.option(
    "--from",
    "version",
    metavar="VERSION",
    help="Go on from this version, as `dumbo diff --list` names it. [default: the last "
    "other one with results, for each kind of arguments]",
)
@click.option("--why", "reason", default="", help="A remark that is kept with it.")
@click.option("--who", help="Your name. [default: that of the user]")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--list", "listing", is_flag=True, help="List what was accepted.")
@click.option("--revoke", metavar="NAME", help="Take back what was accepted under NAME.")
@click.option("--dir", "directory", help="The cache directory. [default: that of the function]")
@click.option("--traceback", "whole", is_flag=True, help="Show the whole traceback of a failure.")
def accept(
    function: str | None,
    version: str | None,
    reason: str,
    who: str | None,
    yes: bool,
    listing: bool,
    revoke: str | None,
    directory: str | None,
    whole: bool,
) -> None:
    """Say that what changed of FUNCTION does not alter its results, so that they are served again.

    The change is shown first. It is accepted for what is shown and for nothing else: whatever
    changes later ends it. Functions that call FUNCTION, and of which nothing else changed, keep
    their results, too.
    """
    from dumbo.cli.commands import failures  # which imports this module

    with failures(whole):
        who = who or _user()
        if revoke is not None:
            _revoke(_store(function, directory), revoke, who)
        elif listing:
            for line in _listed(_store(function, directory), function):
                click.echo(printable(line))
        elif function is None:
            raise InvalidUse("name a function, or say --list or --revoke")
        else:
            _accept(function, version, directory, who, reason, yes)


def _accept(
    function: str, version: str | None, directory: str | None, who: str, reason: str, yes: bool
) -> None:
    from dumbo.answers import standing
    from dumbo.versions import acceptance

    with imported():
        keeper = keeper_of(function, directory)
        store = keeper.shelf.open()
        chosen = None
        if version is not None:
            chosen = explaining.version_named(standing.versions(keeper, store), version)
        proposals = acceptance.propose(keeper, store, chosen)
        others = _users(keeper, store, directory) if proposals else []
        more = acceptance.with_it(keeper, proposals, others, store)
    if not proposals:
        click.echo(f"{printable(keeper.label)}: there is nothing to accept")
        return
    for line in _shown(proposals, more):
        click.echo(printable(line, lines=True))
    question = "Do these changes leave all results as they are?"
    if not yes and not click.confirm(question):
        sys.exit(_REFUSED)
    try:
        name = acceptance.record(proposals, more, store, who, reason)
    except OSError as error:
        raise InvalidUse(f"it cannot be written down: {error.strerror or error}") from error
    click.echo(f"Accepted as {name}; `dumbo accept --revoke {name}` takes it back.")


def _shown(proposals: Sequence[Proposal], more: Sequence[Proposal]) -> Iterator[str]:
    every = {str(change): change for one in proposals for change in one.changes}
    for one in proposals:
        results = _results(one.version.entries)
        yield f"{one.function}{one.version.arguments}, from {one.version.name} ({results}) to now:"
    yield from explaining.shown(list(every.values()))
    for name, why in {
        name: why for one in proposals for name, why in one.unimported.items()
    }.items():
        yield f"Not accepted is what {name} does, which a call imports: importing it failed ({why})"
    if more:
        yield ""
        yield "With it, since nothing else of them changed:"
    for one in more:
        yield f"  {one.function}{one.version.arguments}, {_results(one.version.entries)}"
    yield ""


def _users(keeper: Keeper, store: Store, directory: str | None) -> list[Keeper]:
    """Return the memoized functions that used *keeper*'s when their results were stored."""
    from dumbo.shelf import Shelf
    from dumbo.tracing import account

    inner = label_of(keeper.target.function)
    found: list[Keeper] = []
    for line in store.summary():
        known = [account.decode(trace.details) for trace in store.traces_of(line.function)]
        if not any(one is not None and inner in one.labels for one in known):
            continue
        try:
            function = targets.find(line.function)
        except DumboError as error:
            click.echo(f"dumbo: left out: {printable(f'{line.function}: {error}')}", err=True)
            continue
        if hasattr(type(function), "__dumbo_memo__"):
            other: Keeper = getattr(function, "__func__", function)._keeper
            if directory is not None:
                other.shelf = Shelf(os.path.abspath(directory))
            found.append(other)
    return found


# -- what was accepted -----------------------------------------------------------------


def _store(function: str | None, directory: str | None) -> Store:
    if function is None:
        return explaining.store_in(directory)
    with imported():
        return keeper_of(function, directory).shelf.open()


def _revoke(store: Store, name: str, who: str) -> None:
    from dumbo.versions import acceptance

    full = [known for known in store.statements().every() if known.startswith(name)]
    if len(full) != 1:
        raise InvalidUse(
            f"{len(full) or 'nothing'} was accepted under the name {name!r}: "
            "`dumbo accept --list` shows the names"
        )
    statement = acceptance.revoke(store, full[0], who)
    click.echo(f"Taken back: {printable(str(statement.get('function')))}, {full[0]}.")


def _listed(store: Store, function: str | None) -> Iterator[str]:
    found = store.statements().every()
    if not found:
        yield "nothing was accepted"
    for name, one in found.items():
        when, who = str(one.get("when"))[:16].replace("T", " "), one.get("who")
        yield f"{name}  {one.get('function')}  {when}  by {who}{_remarks(one)}"
        for change in one.get("changes", ()):
            yield f"    {change}"
        for other in one.get("with it", ()):
            yield f"    with it: {other}"


def _remarks(one: dict[str, Any]) -> str:
    said = f": {one['why']}" if one.get("why") else ""
    revoked = one.get("revoked")
    if revoked:
        when = str(revoked.get("when"))[:16].replace("T", " ")
        said += f"  (taken back by {revoked.get('who')}, {when})"
    return said


def _results(count: int) -> str:
    return "1 result" if count == 1 else f"{count} results"


def _user() -> str:
    # Imported here: only who accepts something signs with a name.
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user without a name
        return "somebody"
