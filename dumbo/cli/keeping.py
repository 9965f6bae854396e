"""The commands that keep a cache in order: gc, verify, clear, export, import, show.

Knows click and `persistence`; what is printed goes through `text`, for names may hold anything.
"""

from __future__ import annotations

import math
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from dumbo import config
from dumbo.cli.table import is_cache
from dumbo.cli.text import printable
from dumbo.errors import InvalidUse, StorageError
from dumbo.explain import human_size, human_time
from dumbo.versions.kin import read_note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dumbo.persistence.records import Record
    from dumbo.persistence.store import Store

__all__ = ["add_to"]

_BAD = 1  # the status of a verification that found something
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_557_600}

_directory = click.option(
    "--dir", "directory", help="The cache directory. [default: that of the settings]"
)
_whole = click.option(
    "--traceback", "whole", is_flag=True, help="Show the whole traceback of a failure."
)


def add_to(group: click.Group) -> None:
    """Give *group* the commands of this module."""
    for command in (gc, verify, clear, export, take, show):
        group.add_command(command)


def _store(directory: str | None) -> Store:
    """The store of a directory that is there; looking shall not create one.

    Raises:
        InvalidUse: if it is not there.
    """
    from dumbo.shelf import Shelf

    path = config.cache_directory(directory)
    if not is_cache(path):
        raise InvalidUse(f"there is no cache in {path!r}: name one with --dir, or DUMBO_DIR")
    store = Shelf(path).open()
    store.size_limit = None  # what a command does is what it says
    return store


@contextmanager
def _failures(whole: bool) -> Iterator[None]:
    from dumbo.cli.commands import failures  # which imports this module

    with failures(whole):
        try:
            yield
        except InvalidUse:  # of which some are errors of the system, too
            raise
        except OSError as error:  # nothing of the user's runs here: it is the disk's
            where = f" ({error.filename!r})" if error.filename else ""
            raise InvalidUse(f"{error.strerror or error}{where}") from error


@click.command()
@click.option("--older-than", metavar="AGE", help="Remove what was not used for so long: 30d, 12h.")
@click.option("--stale", is_flag=True, help="Remove results of all but the latest versions.")
@click.option("--keep-versions", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--size-limit", help="Evict down to this size. [default: that of the settings]")
@_directory
@_whole
def gc(
    older_than: str | None,
    stale: bool,
    keep_versions: int,
    size_limit: str | None,
    directory: str | None,
    whole: bool,
) -> None:
    """Remove what is too old, too much, or no longer referred to."""
    with _failures(whole):
        from dumbo.persistence import housekeeping

        store = _store(directory)
        before = housekeeping.usage(store)
        gone = 0
        if older_than is not None:
            since = time.time() - _age(older_than)
            gone += housekeeping.prune(store, unused_since=since)[0]
        if stale:
            gone += housekeeping.stale(store, keep_versions)[0]
        limit = config.size_limit(size_limit)
        if limit:
            gone += housekeeping.evict(store, limit)[0]
        freed = housekeeping.sweep(store)
        after = housekeeping.usage(store)
        freed = max(freed, before.total - after.total)
        results = "1 result" if gone == 1 else f"{gone} results"
        click.echo(
            f"Removed {results}, {human_size(freed)} in all; "
            f"{after.entries} are left, {human_size(after.total)}."
        )


def _age(text: str) -> float:
    unit = text[-1:].lower()
    try:
        age = float(text[:-1]) * _UNITS.get(unit, math.nan)
    except ValueError:
        age = math.nan
    if 0 <= age < math.inf:  # which nan is not
        return age
    raise InvalidUse(f"--older-than {text!r}: give a number and a unit, such as 30d, 12h or 90m")


@click.command()
@click.option("--repair", is_flag=True, help="Set aside what is bad, and list what is not listed.")
@_directory
@_whole
def verify(repair: bool, directory: str | None, whole: bool) -> None:
    """Check every stored result against its checksum; status 1 if something is wrong."""
    with _failures(whole):
        from dumbo.persistence.verify import verify as check

        store = _store(directory)
        with click.progressbar(length=0, label="Verifying", file=sys.stderr) as bar:

            def started(count: int) -> None:
                bar.length = count

            report = check(store, repair=repair, started=started, step=lambda: bar.update(1))
        for name, wrong in report.bad:
            click.echo(f"{printable(name)}: {printable(wrong)}")
        for name in report.unlisted:
            click.echo(f"{printable(name)}: whole, but no row of the index finds it")
        found = len(report.bad) + len(report.unlisted)
        click.echo(
            f"{report.whole} whole, {len(report.bad)} bad, {len(report.unlisted)} not listed"
            + (f", {report.repaired} repaired" if repair else "")
        )
    if found > (report.repaired if repair else 0):
        sys.exit(_BAD)


@click.command()
@click.argument("function", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@_directory
@_whole
def clear(function: str | None, yes: bool, directory: str | None, whole: bool) -> None:
    """Remove all results, or those of FUNCTION, by the name that `dumbo ls` shows."""
    with _failures(whole):
        store = _store(directory)
        summary = store.summary()
        if function is not None:
            summary = [line for line in summary if line.function == function]
            if not summary:
                raise InvalidUse(f"nothing is stored of {function!r} in {store.directory!r}")
        entries = sum(line.entries for line in summary)
        size = human_size(sum(line.bytes for line in summary))
        results = "1 result" if entries == 1 else f"{entries} results"
        what = f"{results} ({size})" + (f" of {printable(function)}" if function else "")
        if not yes and not click.confirm(f"Remove {what} from {printable(store.directory)}?"):
            sys.exit(_BAD)
        store.clear(function)
        click.echo(f"Removed {what}.")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--function", "functions", multiple=True, help="Only of this one; may be repeated.")
@_directory
@_whole
def export(file: str, functions: tuple[str, ...], directory: str | None, whole: bool) -> None:
    """Write results to FILE, a tar archive (.tar, .tar.gz, .tar.xz), for `dumbo import`."""
    with _failures(whole):
        from dumbo.persistence import archive

        wanted: Callable[[str], bool] = set(functions).__contains__ if functions else _all
        try:
            count = archive.export(_store(directory), file, wanted)
        except OSError as error:
            raise InvalidUse(f"{file!r} cannot be written: {error.strerror}") from error
        click.echo(f"{count} results written to {printable(file)}.")


def _all(name: str) -> bool:
    return True


@click.command("import")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask.")
@_directory
@_whole
def take(file: str, yes: bool, directory: str | None, whole: bool) -> None:
    """Store the results of FILE, which `dumbo export` wrote, unless they are here.

    Results are run when they are loaded: import only what you would run.
    """
    with _failures(whole):
        from dumbo.persistence import archive
        from dumbo.shelf import Shelf

        store = Shelf(config.cache_directory(directory)).open()
        question = f"Results are run when they are loaded. Do you trust {printable(file)}?"
        if not yes and not click.confirm(question):
            sys.exit(_BAD)
        try:
            taken = archive.take(store, file)
        except OSError as error:
            raise InvalidUse(f"{file!r} cannot be imported: {error.strerror or error}") from error
        click.echo(f"{taken.new} results imported, {taken.known} were here.")
        for wrong in taken.bad:
            click.echo(f"left out: {printable(wrong)}", err=True)
        for name, count in taken.missing.items():
            results = "1 result" if count == 1 else f"{count} results"
            click.echo(f"missing: {results} of {printable(name)}", err=True)
        if taken.cut:
            click.echo(f"the archive ends early: {printable(taken.cut)}", err=True)
        elif taken.is_old:
            click.echo("whether that is all cannot be told: an older dumbo wrote it", err=True)
    if taken.bad or taken.cut or taken.missing:
        sys.exit(_BAD)


@click.command()
@click.argument("entry")
@click.option("--value", is_flag=True, help="Load the result, and show it.")
@_directory
@_whole
def show(entry: str, value: bool, directory: str | None, whole: bool) -> None:
    """Show what is stored under ENTRY: the beginning of an entry's id, or a function's name.

    Of a function all entries are listed, with their ids.
    """
    with _failures(whole):
        store = _store(directory)
        found = list(_records(store, entry))
        if not found:
            raise InvalidUse(
                f"nothing in {store.directory!r} has the id or the name {entry!r}: "
                "`dumbo ls` lists the names"
            )
        if len(found) > 1:
            for number, record in found:
                when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
                size, spent = human_size(record.size), human_time(record.compute)
                click.echo(f"{number[:12]}  {when}  {size:>9}  computed in {spent}")
            return
        ((number, record),) = found
        for line in _described(number, record):
            click.echo(line)
        if value:
            click.echo(printable(repr(_loaded(store, record)), lines=True))


def _records(store: Store, entry: str) -> Iterator[tuple[str, Record]]:
    for record in store.entries_of(entry, limit=1000) or store.everything():
        path = store.path_of(record.python, record.closure, record.key, record.extras)
        number = os.path.basename(path)
        if record.function == entry or (len(entry) >= 4 and number.startswith(entry.lower())):
            yield number, record


def _described(number: str, record: Record) -> Iterator[str]:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
    python = f"{record.python // 100}.{record.python % 100}"
    yield f"id        {number}"
    yield f"function  {printable(record.function)}"
    yield f"stored    {when}, by Python {python}"
    yield f"size      {human_size(record.size)}, {'in the index' if record.inline else 'a file'}"
    yield f"codec     {record.codec}"
    yield f"computed  in {human_time(record.compute)}, stored in {human_time(record.store)}"
    yield f"closure   {record.closure.hex()}"
    yield f"key       {record.key.hex()}"
    if record.extras:
        yield f"extras    {record.extras.hex()}"
    note, _ = read_note(record.note)
    if note:
        yield f"note      {printable(note)}"


def _loaded(store: Store, record: Record) -> object:
    try:
        return store.load(record)
    except StorageError as error:
        raise InvalidUse(f"it cannot be loaded here: {error}") from error
