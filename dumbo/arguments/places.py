"""Where the data of a table lies in memory, and how the table looks, told without reading it.

Tables of pyarrow have no look that could change. Frames of polars can be changed in place: a look
names the columns, their types, and where each chunk of each has its buffers.

Knows pyarrow and polars, which are there if there is a value of them; must not know digests.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Spans = list[tuple[int, int]]

__all__ = ["looks"]

_NOWHERE = (-1, 1)  # no map reaches there
_NOTHING = (0, 0)  # no nulls, say: that there is nothing belongs to the look


def looks(value: Any) -> tuple[object, Spans]:
    """Return the look of a table, column, frame or series, and the places of all its buffers."""
    if type(value).__module__.partition(".")[0] == "polars":
        return _of_polars(value)
    return None, _spans(_columns(value))


def _columns(value: Any) -> list[Any]:
    pa: Any = sys.modules["pyarrow"]
    if isinstance(value, (pa.Table, pa.RecordBatch)):
        return list(value.columns)
    return [value]


def _of_polars(value: Any) -> tuple[object, Spans]:
    pl: Any = sys.modules["polars"]
    frame = value if type(value) is pl.DataFrame else value.to_frame()
    table = frame.to_arrow(compat_level=pl.CompatLevel.newest())
    spans = _spans(table.columns)
    shapes = [[(len(chunk), chunk.offset) for chunk in one.chunks] for one in table.columns]
    return (frame.columns, [*map(repr, frame.dtypes)], shapes, spans), spans


def _spans(columns: list[Any]) -> Spans:
    spans = []
    for column in columns:
        if "dictionary" in str(column.type):  # its words are no buffers of the column
            return [_NOWHERE]
        chunks = column.chunks if hasattr(column, "chunks") else [column]
        for chunk in chunks:
            buffers = chunk.buffers()
            spans += [_NOTHING if one is None else (one.address, one.size) for one in buffers]
    return spans
