"""The rows that `zip` gives, one by one.

    for name, value in zip(self.fields, values): setattr(self, name, value)

Where the items of some source are known by their places, the first row holds its first item, and
so on; of any other source each row holds whatever it may give.

Knows containers whose items have places; must not know loops.
"""

from __future__ import annotations

from itertools import zip_longest

from dumbo.tracing.containers import make_tuple
from dumbo.tracing.frame import Frame
from dumbo.tracing.items import ever_in_places
from dumbo.tracing.iteration import items_of
from dumbo.tracing.rounds import MOST
from dumbo.tracing.rows import Rows, rows_of
from dumbo.tracing.values import UNKNOWN, Const, Heap, Known, Tuple, Value, each


def zipped(frame: Frame, sources: tuple[Value, ...]) -> Rows | None:
    """What ``zip(*sources)`` gives; None if no more is known of it than of its items."""
    columns = [_column(frame, source) for source in sources]
    count = min([len(column) for column in columns if column is not None], default=MOST + 1)
    if not 0 < count <= MOST:
        return None
    parts: list[tuple[Value, ...]] = []
    for source, column in zip(sources, columns, strict=True):
        item = items_of(frame, source) if column is None else None
        parts.append(column[:count] if column is not None else (item or UNKNOWN,) * count)
    return Rows(tuple([make_tuple(frame, row) for row in zip(*parts, strict=True)]))


def _column(frame: Frame, source: Value) -> tuple[Value, ...] | None:
    """The items of a source by their places, of which the last may be missing."""
    found: tuple[Value | None, ...] = ()
    for member in each(source):
        placed = _items_in(frame, member)
        if placed is None:
            return None
        found = tuple([frame.pool.join(*pair) for pair in zip_longest(found, placed)])
    return tuple([item or UNKNOWN for item in found])


def _items_in(frame: Frame, source: Value) -> tuple[Value, ...] | None:
    """The same for one member of a union. A list may change while it is gone through."""
    if isinstance(source, Tuple):
        return source.items
    if isinstance(source, Heap):
        return ever_in_places(frame, source)
    if isinstance(source, Const | Known) and type(source.obj) in (tuple, list):
        rows = rows_of(frame, source)
        return rows.items if rows is not None and rows.more is None else None
    return None


__all__ = ["zipped"]
