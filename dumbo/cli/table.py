"""What is stored, by function, as rows and as lines.

Knows what a store tells of itself; must not know how it keeps anything.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from dumbo.cli.text import printable
from dumbo.explain import human_size, human_time

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["is_cache", "lines", "rows", "traced"]

_MARKS = frozenset(("index.sqlite", "blobs", "tail"))  # of which every cache that was used has one
_HEADER = ("function", "entries", "size", "time saved")


def rows(directory: str) -> tuple[list[dict[str, Any]], str]:
    """Return a row for each function that has something stored in *directory*, dearest first.

    The text says what is wrong with the directory, if anything is.
    """
    if not os.path.lexists(directory):
        return [], ""  # looking shall not create anything
    if os.path.isdir(directory) and not is_cache(directory):
        return [], _trouble_with(directory)
    from dumbo.persistence.store import Store

    store = Store(directory)
    try:
        summaries = store.summary()
        trouble = store.trouble
    finally:
        store.close()
    found = [
        {
            "function": summary.function,
            "entries": summary.entries,
            "bytes": summary.bytes,
            "seconds": summary.compute,
            "used": summary.used,
        }
        for summary in summaries
    ]
    return sorted(found, key=lambda row: (-row["seconds"], row["function"])), trouble


def traced(directory: str) -> Iterator[tuple[dict[str, Any], set[str], set[str]]]:
    """Yield a row for each function, with the labels and libraries that its last traces held."""
    from dumbo.persistence.store import Store
    from dumbo.tracing import DIGEST_VERSION, account

    found, _ = rows(directory)
    store = Store(directory, digest_version=DIGEST_VERSION)
    try:
        for row in found:
            traces = store.traces_of(row["function"])
            known = [one for trace in traces if (one := account.decode(trace.details))]
            labels = {label for one in known for label in one.labels}
            libraries = {library for one in known for library in one.libraries}
            yield row, labels, libraries
    finally:
        store.close()


def lines(rows: list[dict[str, Any]], directory: str) -> Iterator[str]:
    """Yield *rows* as a table for people."""
    if not rows:
        yield f"Nothing is stored in {printable(directory)}"
        return
    cells = [_HEADER]
    cells += [_cells(row["function"], row) for row in rows]
    if len(rows) > 1:
        total = {name: sum(row[name] for row in rows) for name in ("entries", "bytes", "seconds")}
        cells.append(_cells("all", total))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for name, *numbers in cells:
        padded = (number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True))
        yield "  ".join([name.ljust(widths[0]), *padded])
    yield ""
    yield f"In {printable(directory)}; loading each entry once saves the time that it took."


def is_cache(directory: str) -> bool:
    """Return whether there is a directory in which dumbo has left anything."""
    try:
        names = os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # what is wrong with it is for the store to say
        return True
    return not _MARKS.isdisjoint(names) or ("CACHEDIR.TAG" in names and _has_our_tag(directory))


def _trouble_with(directory: str) -> str:
    """Say why no cache could be in a directory that is there; empty: one could."""
    from dumbo.errors import UnusableDirectory
    from dumbo.persistence import folder

    try:
        folder.prepare(directory)
    except UnusableDirectory as error:
        return str(error)
    return ""


def _has_our_tag(directory: str) -> bool:
    try:
        fd = os.open(os.path.join(directory, "CACHEDIR.TAG"), os.O_RDONLY | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            return b"made by dumbo" in file.read(200)
    except OSError:
        return False


def _cells(name: str, row: dict[str, Any]) -> tuple[str, str, str, str]:
    size, seconds = human_size(row["bytes"]), human_time(row["seconds"])
    return printable(name), str(row["entries"]), size, seconds
