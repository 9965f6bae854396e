"""The command lock: write what memoized functions depend on, or compare it with the code.

Knows click, and how the command ends: 0, 1 for a lock that does not hold, 2 for what cannot be
done. What a lock is, and what differs, is `lockfile`'s.
"""

from __future__ import annotations

import contextlib
import os
import sys

import click

from dumbo.cli.text import printable

__all__ = ["lock"]

_BAD = 1


@click.command()
@click.argument("packages", nargs=-1)
@click.option("--check", "checks", is_flag=True, help="Write nothing; status 1 if it differs.")
@click.option(
    "-o",
    "output",
    metavar="FILE",
    help="The lock. [default: dumbo.lock beside the project's pyproject.toml]",
)
@click.option("--traceback", "whole", is_flag=True, help="Show the whole traceback of a failure.")
def lock(packages: tuple[str, ...], checks: bool, output: str | None, whole: bool) -> None:
    """Write to dumbo.lock what the memoized functions of PACKAGES depend on.

    PACKAGES are imported, with all modules in them. Without any, those that
    lock-packages in [tool.dumbo] of pyproject.toml names.
    """
    from dumbo.cli.commands import failures  # which imports this module

    sys.path.insert(0, os.getcwd())
    with failures(whole):
        # Imported here: other commands need no analyser.
        from dumbo.lockfile import project, report

        file = project.place(output)
        # What the user's modules print while they are imported is not our output.
        with contextlib.redirect_stdout(sys.stderr):
            found = project.collect(packages)
        for failure in found.failed:
            click.echo(f"dumbo: left out: {printable(failure)}", err=True)
        name = os.path.relpath(file)
        if not checks:
            known = len(found.lock.closures)
            wrote = project.save(found, file)
            functions = "1 memoized function" if known == 1 else f"{known} memoized functions"
            done = f"{functions} written to" if wrote else f"{functions}, unchanged in"
            click.echo(f"{done} {printable(name)}")
            return
        checked = project.check(found, file)
        labels = [one.label for one in checked.outcomes if one.state == "invalidated"]
        stored = project.stored(found, labels)
        for line in report.lines(checked.outcomes, stored, checked.old, checked.new, name=name):
            click.echo(printable(line))
    if not checked.holds:
        sys.exit(_BAD)
