"""The commands, their options, and how they end: 0, or 2 for what cannot be done.

Knows click; what is printed is made by `tree`, `table` and `text`, what is named is found by
`targets`.
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
from dumbo.cli import table, targets, tree
from dumbo.cli.text import printable
from dumbo.errors import DumboError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CANNOT = 2


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
    type=click.Choice(["tree", "json"]),
    default="tree",
    show_default=True,
    help="A tree to read, or networkx node-link data.",
)
@click.option("--depth", type=click.IntRange(min=0), help="Show so many steps from FUNCTION only.")
@click.option("--traceback", "whole", is_flag=True, help="Show the whole traceback of a failure.")
def deps(function: str, form: str, depth: int | None, whole: bool) -> None:
    """Show what FUNCTION depends on: what a change of would recompute its results.

    FUNCTION is module:name, module.name or path/to/file.py:name; methods are Class.name.
    Its module is imported, with the current directory on the path.
    """
    sys.path.insert(0, os.getcwd())
    with _failures(whole):
        # What the user's modules print while they are imported is not our output.
        with contextlib.redirect_stdout(sys.stderr):
            graph = package.deps(targets.find(function))
        if depth is not None:
            graph = tree.within(graph, depth)
        if form == "json":
            click.echo(json.dumps(tree.node_link_data(graph), indent=1))
        else:
            for line in tree.lines(graph, unicode=_has_lines()):
                click.echo(line)


@dumbo.command("ls")
@click.option("--dir", "directory", help="The cache directory. [default: that of the settings]")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
@click.option("--traceback", "whole", is_flag=True, help="Show the whole traceback of a failure.")
def ls(directory: str | None, as_json: bool, whole: bool) -> None:
    """List what is stored, by function: entries, size, and the time that loading them saves."""
    with _failures(whole):
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
def _failures(whole: bool) -> Iterator[None]:
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
