"""The commands, their options, and how they end: 0, or 2 for what cannot be done.

Knows click; what is printed is made by `tree`, `drawing`, `page`, `table` and `text`, what is
named is found by `targets`.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from typing import TYPE_CHECKING

import click

import dumbo as package
from dumbo import config
from dumbo.cli import (
    accepting,
    asking,
    drawing,
    graphs,
    keeping,
    locking,
    page,
    statistics,
    table,
    targets,
    tree,
)
from dumbo.cli.arguments import evaluate
from dumbo.cli.text import printable
from dumbo.errors import DumboError, InvalidUse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    import networkx

_CANNOT = 2
FORMATS = ["tree", "json", "dot", "mermaid", "html"]
ENDINGS = {
    ".dot": "dot",
    ".gv": "dot",
    ".htm": "html",
    ".html": "html",
    ".json": "json",
    ".mermaid": "mermaid",
    ".mmd": "mermaid",
}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package.__version__, prog_name="dumbo", message="%(prog)s %(version)s")
def dumbo() -> None:
    """Look into dumbo's caches, and at what functions depend on."""
    for stream in (sys.stdout, sys.stderr):
        # A name that this terminal's encoding lacks is no reason to fail.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


@dumbo.command()
@click.argument("function")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="[default: by the ending of FILE, else tree]",
)
@click.option("--depth", type=click.IntRange(min=0), help="Show so many steps from FUNCTION only.")
@click.option(
    "--only",
    "groups",
    type=click.Choice(list(graphs.GROUPS)),
    multiple=True,
    help="Show nodes of this group only; may be given more than once.",
)
@click.option(
    "--args",
    "arguments",
    metavar="EXPRESSION",
    help="For this call, such as \"3, x='a'\"; evaluated in the module of FUNCTION.",
)
@click.option(
    "--reverse",
    is_flag=True,
    help="Show which memoized functions depend on FUNCTION, which may be any class, value, "
    "module or library too: what would be computed again if it were touched.",
)
@click.option(
    "--in",
    "places",
    metavar="MODULE",
    multiple=True,
    help="With --reverse: look through this module or package, which is imported with all that "
    "is in it; may be given more than once. [default: the top-level package of FUNCTION]",
)
@click.option("--dir", "directory", help="The cache directory. [default: that of the settings]")
@click.option("-o", "output", metavar="FILE", help="Write to FILE.")
@click.option("--traceback", "whole", is_flag=True, help="Show the whole traceback of a failure.")
def deps(
    function: str,
    form: str | None,
    depth: int | None,
    groups: tuple[str, ...],
    arguments: str | None,
    reverse: bool,
    places: tuple[str, ...],
    directory: str | None,
    output: str | None,
    whole: bool,
) -> None:
    """Show what FUNCTION depends on: what a change of would recompute its results.

    FUNCTION is module:name, module.name or path/to/file.py:name; methods are Class.name.
    Its module is imported, with the current directory on the path.
    """
    sys.path.insert(0, os.getcwd())
    with failures(whole):
        if reverse and arguments is not None:
            raise InvalidUse("--args is for what a call depends on, and --reverse for the opposite")
        if places and not reverse:
            raise InvalidUse("--in says where to look for dependents: it goes with --reverse")
        # What the user's modules print while they are imported is not our output.
        with contextlib.redirect_stdout(sys.stderr):
            if reverse:
                graph = _dependents(function, places, config.cache_directory(directory))
            else:
                graph = _dependencies(function, arguments, directory)
        if depth is not None:
            graph = graphs.within(graph, depth)
        if groups:
            graph = graphs.only(graph, groups)
        _write(output, _shown(graph, form or _format_of(output), output))


def _dependencies(
    function: str, arguments: str | None, directory: str | None
) -> networkx.DiGraph[str]:
    target = targets.find(function)
    if arguments is None:
        graph = package.deps(target)
    else:
        home = getattr(target, "__module__", "")
        args, kwargs = evaluate(arguments, home if isinstance(home, str) else "")
        try:
            graph = package.deps(target, args, kwargs)
        except TypeError as error:  # the arguments do not fit
            raise InvalidUse(f"--args {arguments!r}: {error}") from error
    # Imported here: it needs what --help and the like do not.
    from dumbo.graph import standing_of

    graph.graph["title"] = f"{function}({arguments})" if arguments else function
    where = None if directory is None else config.cache_directory(directory)
    graphs.mark(graph, standing_of(target, where))
    return graph


def _dependents(function: str, places: tuple[str, ...], directory: str) -> networkx.DiGraph[str]:
    # Imported here: most commands need neither networkx nor the analyser.
    from dumbo.cli import reverse
    from dumbo.tracing.boundary import owner_of

    found = targets.locate(function)
    modules: list[ModuleType] = [found.module]
    failures: list[str] = []
    if owner_of(found.module) is None:
        places = places or (found.module.__name__.partition(".")[0],)
    for place in places:
        more, failed = targets.modules_below(place)
        modules += more
        failures += failed
    thing = reverse.wanted(*found)  # who has it under another name is imported now
    memoized = reverse.memoized_in(modules)
    directories = reverse.directories_of(memoized.values(), directory)
    graph, unknown = reverse.dependents(thing, memoized, directories)
    graph.graph["title"] = f"what depends on {thing.name}"
    graph.graph["reverse"] = True
    for failure in [*failures, *unknown]:
        click.echo(f"dumbo: left out: {printable(failure)}", err=True)
    if not any(data.get("memoized") for _, data in graph.nodes(data=True)):
        click.echo("dumbo: nothing memoized that was looked through depends on it", err=True)
    return graph


def _format_of(output: str | None) -> str:
    return ENDINGS.get(os.path.splitext(output or "")[1].lower(), "tree")


def _shown(graph: networkx.DiGraph[str], form: str, output: str | None) -> Iterable[str]:
    if form == "json":
        return [json.dumps(graphs.node_link_data(graph), indent=1)]
    if form == "dot":
        return drawing.dot(graph)
    if form == "mermaid":
        return drawing.mermaid(graph)
    if form == "html":
        return [page.html(graph)]
    return tree.lines(graph, unicode=output is not None or _has_lines())


def _write(output: str | None, lines: Iterable[str]) -> None:
    if output is None or output == "-":
        for line in lines:
            click.echo(line)
        return
    text = "".join(f"{line}\n" for line in lines)
    try:
        with open(output, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise InvalidUse(f"{output!r} cannot be written: {error.strerror}") from error


@dumbo.command("ls")
@click.option("--dir", "directory", help="The cache directory. [default: that of the settings]")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
@click.option("--traceback", "whole", is_flag=True, help="Show the whole traceback of a failure.")
def ls(directory: str | None, as_json: bool, whole: bool) -> None:
    """List what is stored, by function: entries, size, and the time that loading them saves."""
    with failures(whole):
        path = config.cache_directory(directory)
        rows, trouble = table.rows(path)
        if trouble:
            click.echo(f"dumbo: {printable(trouble, lines=True)}", err=True)
            if not rows:
                sys.exit(_CANNOT)
        if as_json:
            click.echo(json.dumps(rows, indent=1))
        else:
            for line in table.lines(rows, path):
                click.echo(line)


@contextlib.contextmanager
def failures(whole: bool) -> Iterator[None]:
    """Turn what cannot be done into one line and status 2; *whole* shows where it came from."""
    try:
        yield
    except DumboError as error:
        if whole:
            click.echo(traceback.format_exc().rstrip(), err=True)
        click.echo(f"dumbo: {printable(str(error), lines=True)}", err=True)
        sys.exit(_CANNOT)


def _has_lines() -> bool:
    """Return whether the output can show the lines of a tree."""
    try:
        tree.UNICODE.branch.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True


keeping.add_to(dumbo)
dumbo.add_command(locking.lock)
asking.add_to(dumbo)
dumbo.add_command(accepting.accept)
dumbo.add_command(statistics.stats)
