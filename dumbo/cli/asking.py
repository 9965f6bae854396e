"""The commands that explain: status, why, diff.

Knows click and what stands how; what is printed goes through `text`, for names may hold anything.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from dumbo.cli import explaining, targets
from dumbo.cli.arguments import evaluate
from dumbo.cli.text import printable
from dumbo.errors import DumboError, InvalidUse
from dumbo.explain import human_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from dumbo.answers.standing import Standing, Version
    from dumbo.answers.why import Change
    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Store

__all__ = ["add_to", "imported", "keeper_of"]

_STALE = 1  # the status of `status --check` where something is stale

_directory = click.option(
    "--dir", "directory", help="The cache directory. [default: that of the function]"
)
_whole = click.option(
    "--traceback", "whole", is_flag=True, help="Show the whole traceback of a failure."
)


def add_to(group: click.Group) -> None:
    """Give *group* the commands of this module."""
    for command in (status, why, diff):
        group.add_command(command)


def _failures(whole: bool) -> AbstractContextManager[None]:
    from dumbo.cli.commands import failures  # which imports this module

    return failures(whole)


@contextlib.contextmanager
def imported() -> Iterator[None]:
    """The user's modules may be imported: from here, and what they print is not our output."""
    sys.path.insert(0, os.getcwd())
    with contextlib.redirect_stdout(sys.stderr):
        yield


def keeper_of(function: str, directory: str | None) -> Keeper:
    """Return the keeper of the memoized function that is named.

    Raises:
        InvalidUse: if there is none.
    """
    from dumbo.shelf import Shelf

    found = targets.find(function)
    if not hasattr(type(found), "__dumbo_memo__"):
        raise InvalidUse(f"{function} is not memoized: its results are not stored anywhere")
    keeper: Keeper = getattr(found, "__func__", found)._keeper
    if directory is not None:
        keeper.shelf = Shelf(os.path.abspath(directory))
    return keeper


# -- status ----------------------------------------------------------------------------


@click.command()
@click.argument("modules", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
@click.option("--check", is_flag=True, help="End with status 1 if something is stale.")
@_directory
@_whole
def status(
    modules: tuple[str, ...], as_json: bool, check: bool, directory: str | None, whole: bool
) -> None:
    """Show how memoized functions stand to what is stored of them, before anything runs.

    MODULES, or the files of some, are imported, packages with all that is in them; without any, the
    functions that have something stored are looked up.
    """
    with _failures(whole):
        with imported():
            keepers, failures = explaining.keepers_of(modules, directory)
            standings = explaining.standings_of(keepers)
        for failure in failures:
            click.echo(f"dumbo: left out: {printable(failure)}", err=True)
        if as_json:
            click.echo(json.dumps([_as_json(one) for one in standings], indent=1))
        else:
            for line in table(standings):
                click.echo(line)
    if check and any(one.state == "stale" for one in standings):
        sys.exit(_STALE)


def _as_json(one: Standing) -> dict[str, Any]:
    return {
        "function": one.function,
        "state": one.state,
        "because": [_change_as_json(change) for change in one.changes],
        "since": one.since or None,
        "why": one.why,
        "fresh": {"entries": one.fresh[0], "seconds": one.fresh[1]},
        "stale": {"entries": one.stale[0], "seconds": one.stale[1]},
    }


def _change_as_json(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "name": change.name,
        "path": list(change.path),
        "before": change.before,
        "after": change.after,
        "sentence": str(change),
    }


def table(standings: Sequence[Standing]) -> Iterator[str]:
    """Yield the lines that `dumbo status` shows."""
    if not standings:
        yield "No memoized functions were found."
        return
    width = max(len(printable(one.function)) for one in standings)
    yield f"{'function'.ljust(width)}  state    results  time in them"
    for one in standings:
        count, seconds = one.fresh[0] + one.stale[0], one.fresh[1] + one.stale[1]
        spent = human_time(seconds) if count else ""
        name = printable(one.function).ljust(width)
        yield f"{name}  {one.state:7}  {count or '':>7}  {spent:>12}".rstrip()
        for line in _notes(one):
            yield f"    {printable(line)}"
    stale = [one for one in standings if one.state == "stale"]
    if stale:
        lost = human_time(sum(one.stale[1] for one in stale))
        yield ""
        yield f"{_count(len(stale), 'function')} would compute again what took {lost}."


def _notes(one: Standing) -> Iterator[str]:
    if one.why and one.state == "unknown":
        yield one.why
    for number, change in enumerate(one.changes):
        if number == 3:
            yield f"... and {len(one.changes) - number} more"
            return
        yield str(change)
    if one.state == "fresh" and one.stale[0]:
        yield f"{_count(one.stale[0], 'result')} of older code besides ({human_time(one.stale[1])})"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


# -- why -------------------------------------------------------------------------------


@click.command()
@click.argument("target")
@click.option(
    "--args",
    "arguments",
    metavar="EXPRESSION",
    help="For this call, such as \"3, x='a'\"; evaluated in the module of the function.",
)
@_directory
@_whole
def why(target: str, arguments: str | None, directory: str | None, whole: bool) -> None:
    """Say why a call of TARGET would be computed, or whether it would be loaded.

    TARGET is a function, or the beginning of an entry's id, as `dumbo show` lists them.
    """
    with _failures(whole):
        with imported():
            lines = list(_answer(target, arguments, directory))
        for line in lines:
            click.echo(printable(line, lines=True))


def _answer(target: str, arguments: str | None, directory: str | None) -> Iterator[str]:
    if arguments is None and explaining.is_entry(target):
        yield from explaining.of_entry(target, directory)
        return
    keeper = keeper_of(target, directory)
    if arguments is not None:
        from dumbo.answers import asking

        args, kwargs = evaluate(arguments, keeper.target.function.__module__)
        answer = asking.why(keeper, args, kwargs)
        yield f"{target}({arguments}): {answer}"
        if answer.diff():
            yield ""
            yield answer.diff().rstrip()
        return
    yield from explaining.of_function(keeper)


# -- diff ------------------------------------------------------------------------------


@click.command()
@click.argument("function")
@click.argument("versions", nargs=-1)
@click.option("--list", "listing", is_flag=True, help="List the versions that are known.")
@_directory
@_whole
def diff(
    function: str, versions: tuple[str, ...], listing: bool, directory: str | None, whole: bool
) -> None:
    """Show what differs between two VERSIONS of FUNCTION and of all that it uses.

    Without VERSIONS, between the last that has results and the code as it is now; with one, between
    that and the code as it is now. Versions are named as `--list` shows them.
    """
    with _failures(whole):
        if len(versions) > 2:
            raise InvalidUse("give two versions at most")
        with imported():
            keeper = keeper_of(function, directory)
            store = keeper.shelf.open()
            if listing:
                lines = list(_versions(keeper, store))
            else:
                lines = list(explaining.difference(keeper, store, versions))
        for line in lines:
            click.echo(printable(line, lines=True))


def _versions(keeper: Keeper, store: Store) -> Iterator[str]:
    from dumbo.answers import standing

    known = standing.versions(keeper, store)
    if not known:
        yield f"nothing is known of {keeper.label}"
    for version in known:
        yield _version_in_words(keeper, store, version)


def _version_in_words(keeper: Keeper, store: Store, version: Version) -> str:
    from dumbo.answers import standing

    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(version.created))
    results = _count(version.entries, "result")
    try:
        snapshot = standing.now(keeper, store, version.account)
    except DumboError:
        snapshot = None
    current = "  as it is now" if snapshot and snapshot.digest == version.closure else ""
    return f"{version.name}  {when}  {results:>11}  for {version.arguments}{current}"
