"""Hashers of polars: names, types, nulls and content; not chunks, nor what is known to be sorted.

Imported when the first value of polars is met, so polars is loaded already.
"""

from __future__ import annotations

import sys

import xxhash

from dumbo.arguments.registry import Entry, Node, Token, foreign, leaf, refuse, register
from dumbo.arguments.typed import node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

pl: Any = sys.modules["polars"]

_ROWS = 1 << 16  # texts that are joined at once


def _frame(value: Any) -> Node:
    columns = [Node(b"column", _column(column)) for column in value.get_columns()]
    return node("polars", value, value.columns, value.height, *columns, internal=_INTERNAL)


def _series(value: Any) -> Node:
    return node("polars", value, value.name, *_column(value), internal=_INTERNAL)


_INTERNAL = frozenset({"_df", "_s", "_accessors"})


def _column(series: Any) -> tuple[object, ...]:
    nulls = None
    size = series.len()
    if series.null_count():
        nulls = Token(leaf(b"nulls", _digest(series.is_null())))
        series = series.drop_nulls()
    return (series.dtype, size, nulls, _content(series))


def _content(series: Any) -> object:
    """Return what counts of a series without nulls."""
    dtype = series.dtype
    if isinstance(dtype, (pl.Categorical, pl.Enum)):
        return _texts(series.cast(pl.String))  # their numbers differ from process to process
    if dtype == pl.String:
        return _texts(series)
    if dtype == pl.Boolean or (dtype.is_numeric() and not dtype.is_decimal()):
        if str(dtype) in _NUMBERS:
            return Token(leaf(b"buffer", _digest(series)))
    if dtype.is_temporal():
        return Token(leaf(b"buffer", _digest(series.to_physical())))
    if isinstance(dtype, pl.Struct):
        fields = series.struct.fields
        return [Node(b"field", _column(series.struct.field(name))) for name in fields]
    return series.to_list()


_NUMBERS = frozenset(
    {"Boolean", "Float32", "Float64"}
    | {f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)}
)


def _digest(series: Any) -> bytes:
    state = xxhash.xxh3_128()
    for chunk in series.get_chunks():
        if chunk.len():
            state.update(chunk.to_numpy())
    return state.digest()


def _texts(series: Any) -> Token:
    """Return the token of the lengths and the joined content."""
    content = xxhash.xxh3_128()
    for start in range(0, series.len(), _ROWS):
        joined = series.slice(start, _ROWS).str.join("")
        content.update(joined.item().encode())
    return Token(leaf(b"texts", _digest(series.str.len_bytes()) + content.digest()))


def _type(value: Any) -> Node:
    categories = list(value.categories) if isinstance(value, pl.Enum) else None
    return node("polars", value, repr(value), categories)


def _register() -> None:
    register(pl.DataFrame, Entry(foreign(_frame), "whole"))
    register(pl.Series, Entry(foreign(_series), "whole"))
    register(pl.DataType, Entry(foreign(_type), "whole"))
    plan = "a plan of polars, which may hold any code: collect() it"
    for kind in (pl.LazyFrame, pl.Expr):
        register(kind, Entry(refuse(plan), "whole"))


_register()
