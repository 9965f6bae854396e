"""Hashers of pyarrow: types, nulls and content; not chunks, offsets, nor what lies under nulls.

Imported when the first value of pyarrow is met, so pyarrow is loaded already.
"""

from __future__ import annotations

import sys

import xxhash

from dumbo.arguments.registry import Entry, Node, Token, foreign, leaf, register
from dumbo.arguments.texts import of_arrow
from dumbo.arguments.typed import node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

pa: Any = sys.modules["pyarrow"]
types: Any = pa.types


def _array(value: Any) -> Node:
    return node("pyarrow", value, value.type, *_column(pa.chunked_array([value])))


def _chunked(value: Any) -> Node:
    return node("pyarrow", value, value.type, *_column(value))


def _column(data: Any) -> tuple[object, ...]:
    """Return length, nulls and content of a chunked array, as children."""
    kind = data.type
    if types.is_null(kind):
        return (len(data),)
    nulls = None
    if data.null_count:
        nulls = Token(leaf(b"nulls", _updated(data.is_null())))
        data = data.drop_null()
    return (len(data), nulls, _content(data, kind))


def _content(data: Any, kind: Any) -> object:
    """Return what counts of a chunked array without nulls."""
    if isinstance(kind, pa.BaseExtensionType):
        storage = pa.chunked_array([chunk.storage for chunk in data.chunks], kind.storage_type)
        return Node(b"storage", _column(storage))
    if types.is_string(kind) or types.is_binary(kind):
        return Token(of_arrow(data, False))
    if types.is_large_string(kind) or types.is_large_binary(kind):
        return Token(of_arrow(data, True))
    if types.is_boolean(kind):
        return Token(leaf(b"bits", _updated(data)))
    if types.is_primitive(kind):
        return Token(leaf(b"buffer", _updated(data, pa.int64(), pa.int32(), pa.int16(), pa.int8())))
    if types.is_dictionary(kind):
        whole = data.unify_dictionaries()
        indices = pa.chunked_array([chunk.indices for chunk in whole.chunks], kind.index_type)
        words = whole.chunk(0).dictionary if whole.num_chunks else None
        return Node(b"dictionary", (words, *_column(indices)))
    if types.is_struct(kind):
        return Node(b"struct", [Node(b"field", _column(field)) for field in data.flatten()])
    if types.is_list(kind) or types.is_large_list(kind):
        parts = [chunk.flatten() for chunk in data.chunks]
        sizes = [chunk.value_lengths() for chunk in data.chunks]
        lengths = pa.chunked_array(sizes, pa.int64() if types.is_large_list(kind) else pa.int32())
        inner = _column(pa.chunked_array(parts, kind.value_type))
        return Node(b"list", (*_column(lengths), *inner))
    return data.to_pylist()


def _updated(data: Any, *views: Any) -> bytes:
    """Return the digest of the values of all chunks, seen as integers of the same width."""
    state = xxhash.xxh3_128()
    for chunk in data.chunks:
        if not len(chunk):
            continue
        if views:
            width = chunk.type.bit_width
            chunk = chunk.view(next(view for view in views if view.bit_width == width))
        state.update(chunk.to_numpy(zero_copy_only=False))
    return state.digest()


def _table(value: Any) -> Node:
    columns = [Node(b"column", _column(column)) for column in value.columns]
    return node("pyarrow", value, value.schema, value.num_rows, *columns)


def _batch(value: Any) -> Node:
    chunked = [pa.chunked_array([column]) for column in value.columns]
    columns = [Node(b"column", _column(column)) for column in chunked]
    return node("pyarrow", value, value.schema, value.num_rows, *columns)


def _schema(value: Any) -> Node:
    return node("pyarrow", value, value.metadata, *value)


def _field(value: Any) -> Node:
    return node("pyarrow", value, value.name, value.type, value.nullable, value.metadata)


def _type(value: Any) -> Node:
    if isinstance(value, pa.BaseExtensionType):
        return node("pyarrow", value, str(value), value.storage_type)
    return node("pyarrow", value, str(value))


def _scalar(value: Any) -> Node:
    return node("pyarrow", value, value.type, value.as_py())


def _buffer(value: Any) -> Node:
    return node("pyarrow", value, leaf(b"buffer", memoryview(value)))


def _register() -> None:
    for kind, hasher in (
        (pa.Array, _array),
        (pa.ChunkedArray, _chunked),
        (pa.Table, _table),
        (pa.RecordBatch, _batch),
        (pa.Schema, _schema),
        (pa.Field, _field),
        (pa.DataType, _type),
        (pa.Scalar, _scalar),
        (pa.Buffer, _buffer),
    ):
        register(kind, Entry(foreign(hasher), "whole"))


_register()
