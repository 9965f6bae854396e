"""The command `dumbo stats`: what caching has cost and gained, by function and in all.

Knows click and tables; what is in them is made by `stats`.
"""

from __future__ import annotations

import difflib
import json
import os
from typing import TYPE_CHECKING, Any

import click

from dumbo import config
from dumbo.cli.text import printable
from dumbo.errors import InvalidUse
from dumbo.explain import human_size, human_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dumbo.accounts.stats import Stats

__all__ = ["stats", "table"]

_HEADER = ("function", "calls", "loaded", "computing", "saved", "caching", "stored", "verdict")
_SUMS = ("calls", "hits", "computed", "spent", "saved", "overhead", "entries", "bytes")


@click.command()
@click.argument("functions", nargs=-1)
@click.option("--dir", "directory", help="The cache directory. [default: that of the settings]")
@click.option("--json", "as_json", is_flag=True, help="Print objects.")
@click.option("--traceback", "whole", is_flag=True, help="Show the whole traceback of a failure.")
def stats(functions: tuple[str, ...], directory: str | None, as_json: bool, whole: bool) -> None:
    """Show what caching has cost and gained so far, by function and in all.

    FUNCTIONS are names that `dumbo ls` shows, or modules and packages. Of one function, all that
    is known is shown. Nothing is imported.
    """
    from dumbo.cli.commands import failures  # which imports this module

    with failures(whole):
        path = config.cache_directory(directory)
        known = _known(path)
        chosen = _chosen(known, functions, path)
        if as_json:
            rows = [one.as_dict() for one in chosen]
            click.echo(json.dumps({"functions": rows, "all": _total(chosen)}, indent=1))
        elif len(functions) == 1 and len(chosen) == 1:
            for line in chosen[0].lines():
                click.echo(line)
        else:
            for line in table(chosen, path):
                click.echo(line)


def _known(path: str) -> list[Stats]:
    """What is known of each function, the one that gained most first."""
    if not os.path.exists(os.path.join(path, "index.sqlite")):
        return []  # looking shall not create anything
    from dumbo.accounts.stats import Stats
    from dumbo.persistence import statistics
    from dumbo.shelf import Shelf

    shelf = Shelf(path)
    store = shelf.open()
    try:
        facts = {name: known for name, _, known in statistics.read_all(store) if name}
        stored = {line.function: line for line in store.summary()}
    finally:
        shelf.release()
    found = []
    for name in {**facts, **stored}:
        line = stored.get(name)
        size = (line.entries, line.bytes) if line is not None else (0, 0)
        found.append(Stats(name, facts.get(name, {}), *size))
    return sorted(found, key=lambda one: (one.overhead - one.saved, one.function))


def _chosen(known: list[Stats], names: Sequence[str], path: str) -> list[Stats]:
    """Those of *known* that are named.

    Raises:
        InvalidUse: if one of *names* names none.
    """
    if not names:
        return known
    found: dict[str, Stats] = {}
    for name in names:
        named = [one for one in known if _is_named(one.function, name)]
        if not named:
            close = difflib.get_close_matches(name, [one.function for one in known], 1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise InvalidUse(f"nothing is known of {name!r} in {path!r}{hint}: `dumbo stats` lists")
        found.update({one.function: one for one in named})
    return list(found.values())


def _is_named(function: str, name: str) -> bool:
    module, _, qualname = function.partition(":")
    if name in (function, module, f"{module}.{qualname}"):
        return True
    return module.startswith(f"{name}.") or function.startswith((f"{name}.", f"{name}:"))


def _total(chosen: Sequence[Stats]) -> dict[str, Any]:
    return {name: sum(getattr(one, name) for one in chosen) for name in _SUMS}


def table(chosen: Sequence[Stats], path: str) -> Iterator[str]:
    """Yield the lines that `dumbo stats` shows of several functions."""
    if not chosen:
        yield f"Nothing is known of calls in {printable(path)}"
        return
    cells: list[tuple[str, ...]] = [_HEADER]
    cells += [_cells(one.function, one.as_dict(), one.verdict) for one in chosen]
    if len(chosen) > 1:
        cells.append(_cells("all", _total(chosen), ""))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for name, *numbers, verdict in cells:
        padded = (number.rjust(width) for number, width in zip(numbers, widths[1:-1], strict=True))
        yield "  ".join([name.ljust(widths[0]), *padded, verdict]).rstrip()
    yield ""
    yield f"In {printable(path)}; caching is the time that looking up, loading and storing took."


def _cells(name: str, row: dict[str, Any], verdict: str) -> tuple[str, ...]:
    share = f"{100 * row['hits'] / row['calls']:.0f} %" if row["calls"] else "-"
    return (
        printable(name), str(row["calls"]), share, human_time(row["spent"]),
        human_time(row["saved"]), human_time(row["overhead"]), human_size(row["bytes"]), verdict,
    )  # fmt: skip
