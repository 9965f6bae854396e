"""Tables and columns of pyarrow and polars, as Arrow lays them out: nothing is copied to load them.

    length of the head u32, little-endian | head, ASCII | zeros up to 64 | a stream of Arrow's IPC

    head     is
    table    a pyarrow.Table
    batch    a pyarrow.RecordBatch
    array    a pyarrow.Array, the one column of a batch
    chunked  a pyarrow.ChunkedArray, the one column of a table
    frame    a polars.DataFrame; behind a space, a letter per column: `a` or `d` if polars
             knows that it is sorted that way, else `-`
    series   a polars.Series, likewise, the one column of a table

Behind another space there may be what the hasher of arguments makes of it (`tokens`).

Taken is only what comes back exactly, by construction: with types, nulls, metadata, dictionaries
and chunks. Everything else is left to pickle. A slice is stored without what it is a slice of.

Neither library is imported for values of other libraries; pyarrow only, for large frames of polars.
Knows these libraries; must not know where the bytes go.
"""

from __future__ import annotations

import struct
import sys
from mmap import mmap

try:  # The C half alone, as in `codecs`.
    from _pickle import PickleBuffer
except ImportError:
    from pickle import PickleBuffer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from dumbo.persistence.codecs import Buffer, Sink

__all__ = ["decode", "encode", "is_large", "reduced", "restore"]

_LENGTH = struct.Struct("<I")
_ALIGN = 64
_LARGE = 1 << 20  # bytes of a polars frame; what is smaller is not mapped, and pickled as fast
_WORTH_IMPORTING = 1 << 24  # the same, if pyarrow is not there yet
_WASTE = 1 << 12  # bytes that a slice may hold in vain

_CHANGING = frozenset(["frame", "series"])

# As types are written; times and what nests are looked into.
_FLAT = frozenset(
    [
        *("null", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("halffloat", "float", "double", "string", "binary", "large_string", "large_binary"),
        *("date32[day]", "date64[ms]", "month_day_nano_interval"),
    ]
)
_VIEWS = frozenset(["string_view", "binary_view"])  # a slice of them holds everything
# These of polars, too, if what they nest is of these. Categories go by numbers that the process
# gave them, objects are anything, and what has 128 bits has no type in Arrow.
_POLARS = frozenset(
    [
        *("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32"),
        *("Float64", "Boolean", "String", "Binary", "Date", "Time", "Datetime", "Duration"),
        *("Decimal", "Enum", "Null"),
    ]
)
_NESTING = frozenset(["List", "Array", "Struct"])


def encode(value: object, sink: Sink, *, always: bool = False, known: bool = False) -> bool:
    """Write *value*, of pyarrow or polars, to *sink*, which is empty; say whether that was done.

    Parameters:
        always: also where pickle would be as fast.
        known: write what the hasher of arguments will make of it, too.

    Raises:
        OSError: what the sink raises.
    """
    library = type(value).__module__.partition(".")[0]
    if library not in sys.modules:  # then only the name is of it
        return False
    found = _of_polars(value, always) if library == "polars" else _of_arrow(value)
    if found is None:
        return False
    head, schema, batches = found
    data = (f"{head} {_token(value)}" if known else head).encode("ascii")
    start = _LENGTH.pack(len(data)) + data
    sink.write(start + bytes(-len(start) % _ALIGN))
    return _write(sink, schema, batches)


def decode(payload: Buffer) -> Any:
    """Return what `encode` wrote; it holds *payload*, which is its own if it can be written to."""
    import pyarrow as pa  # only who gets a table needs it

    view = memoryview(payload)
    (length,) = _LENGTH.unpack_from(view)
    start = _LENGTH.size + length
    kind, marks, *known = bytes(view[_LENGTH.size : start]).decode("ascii").split(" ")
    start += -start % _ALIGN
    if kind in _CHANGING and view.readonly:
        view = memoryview(bytearray(view))  # some versions of polars write to what they are given
    buffer = pa.py_buffer(view[start:])
    value = _read(buffer, kind, marks)
    if type(view.obj) is mmap:
        from dumbo.persistence import tokens  # what is small does without

        tokens.believe_table(value, known[0] if known else "", buffer)
    return value


def _read(buffer: Any, kind: str, marks: str) -> Any:
    pa: Any = sys.modules["pyarrow"]
    with pa.ipc.open_stream(buffer) as reader:
        schema, batches = reader.schema, list(reader)
    if kind not in _CHANGING:  # their views of text would be looked at one by one
        for batch in batches:
            batch.validate()
    if kind == "batch":
        return batches[0]
    if kind == "array":
        return batches[0].column(0)
    table = pa.Table.from_batches(batches, schema)
    if kind == "table":
        return table
    if kind == "chunked":
        return table.column(0)
    return _to_polars(table, kind, marks)


def _token(value: Any) -> str:
    if not is_large(value, _LARGE):
        return ""
    from dumbo.persistence import tokens

    return tokens.token(value)


# -- pyarrow -------------------------------------------------------------------------------------


def _of_arrow(value: Any) -> tuple[str, Any, list[Any]] | None:
    """Return the head, the schema and the batches of a value; None if it is not taken."""
    pa: Any = sys.modules["pyarrow"]
    kind = type(value)
    if kind is pa.Table:
        batches = _batches(value) if _is_exact_schema(pa, value.schema) else None
        return None if batches is None else ("table ", value.schema, batches)
    if kind is pa.RecordBatch:
        taken = _is_exact_schema(pa, value.schema)
        return ("batch ", value.schema, [value]) if taken else None
    if kind is pa.ChunkedArray:
        chunks, head = value.chunks, "chunked "
    elif isinstance(value, pa.Array) and kind.__module__ == "pyarrow.lib":
        chunks, head = [value], "array "
    else:
        return None
    if not _is_exact(pa, value.type):
        return None
    schema = pa.schema([pa.field("", value.type)])
    return head, schema, [pa.RecordBatch.from_arrays([chunk], schema=schema) for chunk in chunks]


def _batches(table: Any) -> list[Any] | None:
    """Return the chunks of a table, if all columns have the same."""
    pa: Any = sys.modules["pyarrow"]
    columns = table.columns
    if not columns:
        return None  # the length of nothing is not kept
    lengths = [len(chunk) for chunk in columns[0].chunks]
    for column in columns[1:]:
        if [len(chunk) for chunk in column.chunks] != lengths:
            return None
    by_column = [column.chunks for column in columns]
    return [
        pa.RecordBatch.from_arrays(list(chunks), schema=table.schema)
        for chunks in zip(*by_column, strict=True)
    ]


def _is_exact_schema(pa: Any, schema: Any) -> bool:
    return bool(len(schema)) and all(_is_exact(pa, field.type) for field in schema)


def _is_exact(pa: Any, kind: Any, flat: frozenset[str] = _FLAT) -> bool:
    """Whether columns of a type come back as they are: extensions need not be known elsewhere."""
    if isinstance(kind, pa.BaseExtensionType):
        return False
    if str(kind) in flat:
        return True
    types = pa.types
    if types.is_timestamp(kind) or types.is_duration(kind) or types.is_time(kind):
        return True
    if types.is_decimal(kind) or types.is_fixed_size_binary(kind):
        return True
    if types.is_dictionary(kind):
        return _is_exact(pa, kind.value_type, flat)
    if types.is_map(kind):
        return _is_exact(pa, kind.key_type, flat) and _is_exact(pa, kind.item_type, flat)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _is_exact(pa, kind.value_type, flat)
    if types.is_struct(kind):
        return all(_is_exact(pa, kind.field(i).type, flat) for i in range(kind.num_fields))
    return False


# -- polars --------------------------------------------------------------------------------------


def _of_polars(value: Any, always: bool) -> tuple[str, Any, list[Any]] | None:
    """Return the head, the schema and the batches of a value of polars; None if it is not taken."""
    pl: Any = sys.modules["polars"]
    kind = type(value)
    if kind is pl.DataFrame:
        frame, head = value, "frame "
    elif kind is pl.Series:
        frame, head = value.to_frame(), "series "
    else:
        return None
    if not frame.width or not all(map(_is_exact_in_polars, frame.dtypes)):
        return None
    size = frame.estimated_size()
    if not always and size < (_LARGE if "pyarrow" in sys.modules else _WORTH_IMPORTING):
        return None
    try:
        import pyarrow as pa  # polars takes it for this, too
    except ImportError:
        return None
    if not hasattr(pl, "CompatLevel"):  # texts of polars before 1.1 would be copied
        return None
    table = frame.to_arrow(compat_level=pl.CompatLevel.newest())
    if not all(_is_exact(pa, kind, _FLAT | _VIEWS) for kind in table.schema.types):
        return None
    if not always and table.get_total_buffer_size() > 2 * size + _LARGE:
        return None  # little is left of much text, all of which its columns still hold
    batches = _batches(table)
    if batches is None:
        return None
    marks = "".join([_mark(frame.to_series(place)) for place in range(frame.width)])
    return head + marks, table.schema, batches


def _is_exact_in_polars(kind: Any) -> bool:
    name = kind.base_type().__name__
    if name in _POLARS:
        return True
    # Before version 2, slices of what nests were handed out with the wrong offsets.
    if name not in _NESTING or sys.modules["polars"].__version__.startswith(("0.", "1.")):
        return False
    inner = getattr(kind, "inner", None)
    if inner is not None:
        return _is_exact_in_polars(inner)
    return all(_is_exact_in_polars(field.dtype) for field in getattr(kind, "fields", ()))


def _mark(series: Any) -> str:
    flags = series.flags
    return "a" if flags.get("SORTED_ASC") else "d" if flags.get("SORTED_DESC") else "-"


def _to_polars(table: Any, kind: str, marks: str) -> Any:
    import polars as pl  # only who gets a frame needs it

    frame: Any = pl.from_arrow(table, rechunk=False)
    for place, mark in enumerate(marks):
        column = frame.to_series(place)
        if _mark(column) != mark != "-":
            frame.replace_column(place, column.set_sorted(descending=mark == "d"))
    return frame.to_series(0) if kind == "series" else frame


# -- the stream ----------------------------------------------------------------------------------


class _Port:
    """A sink as a file of Arrow's, which hands on its buffers without a copy."""

    closed = False

    def __init__(self, write: Callable[[Any], object]) -> None:
        self._write = write

    def write(self, data: Any) -> int:
        size = len(data) if type(data) is bytes else data.size
        if size:
            self._write(data if type(data) is bytes else memoryview(data))
        return int(size)

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def writable(self) -> bool:
        return True


def _write(sink: Sink, schema: Any, batches: Iterable[Any]) -> bool:
    """Write a stream; say whether Arrow can. What it cannot, nobody has seen."""
    pa: Any = sys.modules["pyarrow"]
    try:
        with (
            pa.PythonFile(_Port(sink.write), mode="w") as file,
            pa.ipc.new_stream(file, schema) as writer,
        ):
            for batch in batches:
                writer.write_batch(batch)
    except (pa.ArrowException, OSError) as cause:
        if sink.error is not None:
            raise sink.error from cause
        sink.reset()
        return False
    return True


# -- slices inside of what is pickled --------------------------------------------------------------


def reduced(array: Any) -> Any:
    """Return how to pickle a slice of an array without the rest of it; NotImplemented: as it is."""
    pa = sys.modules.get("pyarrow")
    if pa is None or not isinstance(array, pa.Array) or not _is_exact(pa, array.type):
        return NotImplemented
    if array.get_total_buffer_size() <= 2 * array.nbytes + _WASTE:
        return NotImplemented
    pieces = _Pieces()
    if not encode(array, pieces):
        return NotImplemented
    return restore, (PickleBuffer(b"".join(pieces.all)),)


class _Pieces:
    """A sink in memory."""

    def __init__(self) -> None:
        self.size = 0
        self.error: OSError | None = None
        self.all: list[Buffer] = []

    def write(self, data: Buffer) -> None:
        self.size += len(data)
        self.all.append(data)

    def reset(self) -> None:
        self.size = 0
        self.all.clear()


def is_large(value: Any, least: int) -> bool:
    """Whether *value* is a table or column of *least* bytes or more."""
    pyarrow, polars = sys.modules.get("pyarrow"), sys.modules.get("polars")
    kind = type(value)
    if pyarrow is not None and kind in (pyarrow.Table, pyarrow.RecordBatch, pyarrow.ChunkedArray):
        try:
            return bool(value.nbytes >= least)
        except TypeError:  # of views of text, not all versions know it
            return False
    if polars is not None and kind in (polars.DataFrame, polars.Series):
        return bool(value.estimated_size() >= least)
    return False


def restore(buffer: Any) -> Any:
    """Make an array of what was pickled. Stored results name this function: it stays here."""
    return decode(buffer)
