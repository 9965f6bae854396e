"""Files that have no row yet: those of a lost index, and those that come from elsewhere.

Knows headers of blobs and rows; must not know values.
"""

from __future__ import annotations

import os

from dumbo.errors import CorruptBlob
from dumbo.persistence import blobs, rows, shelves
from dumbo.persistence.ground import as_bytes, function_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _sqlite3 as sqlite
    from collections.abc import Iterator

    from dumbo.persistence.ground import Ground
    from dumbo.persistence.headers import Header


def survivors(store: Ground, root: str) -> Iterator[tuple[str, rows.Row]]:
    """The rows of a new index that can be told from the files alone."""
    named: set[tuple[str, bytes, int]] = set()
    for path in shelves.walk(os.path.join(root, "blobs")):
        try:
            header = blobs.peek(path)
        except (OSError, CorruptBlob):
            continue
        yield from _rows_of(store, path, header, named)


def _rows_of(
    store: Ground, path: str, header: Header, named: set[tuple[str, bytes, int]]
) -> Iterator[tuple[str, rows.Row]]:
    """The rows that find a file, if it lies where it should."""
    function, closure, python = header.function, header.closure, header.python
    if path != store._path(python, closure, header.key, header.extras):
        return
    number = function_id(function)
    if (function, closure, python) not in named:
        named.add((function, closure, python))
        yield rows.PUT_FUNCTION, (number, as_bytes(function))
        yield rows.PUT_CLOSURE, (number, closure, python)
    row = rows.entry(
        closure, header.key, python, header.extras, number, header.length,
        header.compute, header.store, header.created, header.codec, None,
        as_bytes(header.note),
    )  # fmt: skip
    yield rows.PUT_VARIANT if header.extras else rows.PUT, row


def list_file(store: Ground, path: str) -> bool:
    """Make the rows that find the blob at *path*; say whether it lies where it should."""
    found = list(_rows_of(store, path, blobs.peek(path), set()))

    def put(sql: sqlite.Connection, known: set[object]) -> None:
        for statement, row in found:
            sql.execute(statement, row)

    if found:
        store._write(put)
    return bool(found)
