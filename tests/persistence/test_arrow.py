"""Tables and columns of pyarrow and polars: the same again, mapped, and slices alone."""

from __future__ import annotations

import datetime
import decimal
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_codecs import Sheet, through, written

from dumbo.errors import UnstorableResult
from dumbo.persistence import assembly, codecs
from dumbo.persistence.store import Store

pa = pytest.importorskip("pyarrow")

UTC = datetime.UTC
EARLY = datetime.datetime(1980, 1, 1)  # noqa: DTZ001 - the zone is drawn beside it


def size_of(value: object) -> int:
    sheet = Sheet()
    codecs.encode(value, sheet)
    return sheet.size


def same(a: Any, b: Any) -> bool:
    """Equal in type, values, nulls, metadata, dictionaries and chunks."""
    if type(a) is not type(b):
        return False
    if isinstance(a, pa.Table | pa.RecordBatch):
        return a.schema.equals(b.schema, check_metadata=True) and all(
            map(same, a.columns, b.columns)
        )
    if isinstance(a, pa.ChunkedArray):
        return (
            a.type == b.type
            and len(a.chunks) == len(b.chunks)
            and all(map(same, a.chunks, b.chunks))
        )
    if a.type != b.type or a.null_count != b.null_count or a.to_pylist() != b.to_pylist():
        return str(a) == str(b) and "nan" in str(a)
    if pa.types.is_dictionary(a.type):
        return same(a.dictionary, b.dictionary) and a.indices.equals(b.indices)
    return True


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "s")


def put(store: Store, value: object, number: int = 0) -> Any:
    return store.save(bytes(16), number.to_bytes(16, "big"), value, function="m:f", compute=1.0)


# -- pyarrow -------------------------------------------------------------------------------------

NUMBERS = st.none() | st.integers(-100, 100)
COLUMNS = st.one_of(
    st.tuples(
        st.sampled_from([pa.int8(), pa.int64(), pa.float64(), pa.duration("ms")]), st.just(NUMBERS)
    ),
    st.tuples(st.just(pa.float32()), st.just(st.none() | st.floats(width=32))),
    st.tuples(st.just(pa.bool_()), st.just(st.none() | st.booleans())),
    st.tuples(st.sampled_from([pa.string(), pa.large_string()]), st.just(st.none() | st.text())),
    st.tuples(st.just(pa.binary()), st.just(st.none() | st.binary())),
    st.tuples(st.just(pa.null()), st.just(st.none())),
    st.tuples(
        st.just(pa.timestamp("us", "Europe/Berlin")),
        st.just(st.none() | st.datetimes(EARLY, timezones=st.just(UTC))),
    ),
    st.tuples(st.just(pa.list_(pa.int16())), st.just(st.none() | st.lists(NUMBERS, max_size=4))),
    st.tuples(
        st.just(pa.struct([pa.field("x", pa.int8()), pa.field("y", pa.string())])),
        st.just(st.none() | st.fixed_dictionaries({"x": NUMBERS, "y": st.text(max_size=3)})),
    ),
    st.tuples(
        st.just(pa.list_(pa.int16(), 2)),
        st.just(st.none() | st.lists(NUMBERS, min_size=2, max_size=2)),
    ),
    st.tuples(
        st.just(pa.list_(pa.struct([pa.field("x", pa.list_(pa.int8(), 1))]))),
        st.just(st.none() | st.lists(st.none() | st.just({"x": None}) | st.just({"x": [4]}))),
    ),
    st.tuples(
        st.just(pa.map_(pa.string(), pa.int8())),
        st.just(st.none() | st.lists(st.tuples(st.text(max_size=3), NUMBERS), max_size=3)),
    ),
    st.tuples(
        st.just(pa.dictionary(pa.int8(), pa.string())),
        st.just(st.none() | st.sampled_from(["a", "b", "a longer word"])),
    ),
)


@st.composite
def tables(draw: Any) -> Any:
    """Tables of one to three columns in up to three chunks, some of them slices."""
    lengths = draw(st.lists(st.integers(0, 6), max_size=3))
    names, columns, fields = [], [], []
    for _ in range(draw(st.integers(1, 3))):
        kind, items = draw(COLUMNS)
        chunks = []
        for length in lengths:
            before, behind = draw(st.tuples(st.integers(0, 9), st.integers(0, 9)))
            values = draw(st.lists(items, min_size=length, max_size=length))
            around = draw(items)
            whole = pa.array([around] * before + values + [around] * behind, kind)
            chunks.append(whole.slice(before, length))
        names.append(draw(st.sampled_from(["a", "b", "ä"])))
        columns.append(pa.chunked_array(chunks, kind))
        about = draw(st.none() | st.just({"unit": "m"}))
        fields.append(pa.field(names[-1], kind, metadata=about))
    about = draw(st.none() | st.just({}) | st.just({"k": "v", "pandas": "{}"}))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=about))


@settings(deadline=None, max_examples=60)
@given(tables())
def test_tables_come_back_as_they_are(table: Any) -> None:
    assert written(table) == "arrow"
    assert same(through(table), table)
    assert same(through({"in": [table]})["in"][0], table)
    for column in table.columns:
        assert same(through(column), column)
        for chunk in column.chunks:
            assert same(through(chunk), chunk)
    for batch in table.to_batches():
        assert same(through(batch), batch)


def test_each_chunk_keeps_its_own_dictionary() -> None:
    chunks = [pa.array(words).dictionary_encode() for words in (["a", "b"], ["c", None], ["a"])]
    column = pa.chunked_array(chunks)
    nested = pa.chunked_array(
        [pa.array([[word]], pa.list_(pa.dictionary(pa.int8(), pa.string()))) for word in "ab"]
    )
    ordered = pa.DictionaryArray.from_arrays(pa.array([1, 0]), pa.array(["x", "y"]), ordered=True)
    for value in (column, nested, ordered):
        back = through(value)
        assert same(back, value)
        assert back.type.equals(value.type)
    assert [chunk.dictionary.to_pylist() for chunk in through(column).chunks] == [
        ["a", "b"],
        ["c"],
        ["a"],
    ]


def test_numbers_of_every_width_keep_their_type() -> None:
    for value in (
        pa.array([decimal.Decimal("1.10"), None], pa.decimal128(20, 2)),
        pa.array([decimal.Decimal("1.10"), None], pa.decimal256(60, 2)),
        pa.array([b"ab", None], pa.binary(2)).view(pa.float16()),
        pa.array([datetime.date(2024, 1, 2), None], pa.date64()),
        pa.array([datetime.time(1, 2, 3), None], pa.time32("s")),
        pa.array([b"abc", None], pa.binary(3)),
        pa.array([[1, 2], None], pa.list_(pa.int8(), 2)),
        pa.array([[1, 2], None], pa.large_list(pa.int8())),
        pa.array([(1, 2, 3), None], pa.month_day_nano_interval()),
    ):
        assert written(value) == "arrow"
        assert through(value).type == value.type
        assert str(through(value)) == str(value)


class Meters(pa.ExtensionType):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(pa.int8(), "meters")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    def __reduce__(self) -> tuple[Any, ...]:
        return Meters, ()


def test_what_arrow_would_lose_is_pickled() -> None:
    length = pa.ExtensionArray.from_storage(Meters(), pa.array([1], pa.int8()))
    uneven = pa.table({"a": pa.chunked_array([[1], [2]]), "b": pa.chunked_array([[1, 2]])})
    for value in (uneven, pa.table({}), pa.array(["x"], pa.string_view())):
        assert written(value) in ("pickle", "buffers")
        assert same(through(value), value)
    assert written(length) == "pickle"
    assert through(length).type == Meters()


def test_a_slice_is_stored_without_the_rest() -> None:
    words = pa.array([f"word {number}" for number in range(50_000)])
    table = pa.table({"n": list(range(50_000)), "w": words, "d": words.dictionary_encode()})
    part = table.drop(["d"]).slice(1000, 5)
    for value in (part, part.to_batches()[0], words.slice(7, 3), [words.slice(7, 3)], {"x": part}):
        assert size_of(value) < 5000
    assert same(through([words.slice(7, 3)])[0], words.slice(7, 3))


def test_a_mapped_table_takes_no_memory_of_its_own(store: Store) -> None:
    table = pa.table({"n": list(range(500_000)), "w": [f"word {n % 77}" for n in range(500_000)]})
    record = put(store, table)
    assert record.codec == "arrow"
    before = pa.total_allocated_bytes()
    back = store.load(record)
    assert pa.total_allocated_bytes() - before < 10_000
    assert same(back, table)


def test_writing_a_table_copies_none_of_it(store: Store) -> None:
    table = pa.table({"n": list(range(500_000)), "w": [f"word {n % 77}" for n in range(500_000)]})
    before, peak = pa.total_allocated_bytes(), []

    class Looking(Sheet):
        def write(self, data: Any) -> None:
            self.size += memoryview(data).nbytes
            peak.append(pa.total_allocated_bytes() - before)

    codecs.encode(table, Looking())
    assert max(peak) < 10_000


def test_tables_in_a_result_are_parts_of_it(store: Store) -> None:
    table = pa.table({"n": list(range(50_000))})
    record = put(store, {"small": 1, "table": table, "again": table})
    assert record.codec == "parts"
    assert [part.codec for part in store.entries_of(assembly.LABEL)] == ["arrow"]
    back = store.load(record)
    assert same(back["table"], table)
    assert back["table"] is back["again"]
    assert same(store.load_part(record, ("table",)), table)


def test_tables_need_no_pickle(tmp_path: Path) -> None:
    store = Store(tmp_path / "s", allow_pickle=False)
    table = pa.table({"n": [1, None], "w": ["x", None]})
    assert same(store.load(put(store, table)), table)
    with pytest.raises(UnstorableResult, match="allow_pickle=False"):
        put(store, pa.array(["x"], pa.string_view()), 1)


def test_a_cut_stream_is_no_table() -> None:
    sheet = Sheet()
    codecs.encode(pa.table({"n": list(range(1000))}), sheet)
    payload = b"".join(sheet.parts)
    for end in (10, 70, len(payload) // 2):
        with pytest.raises((pa.ArrowException, ValueError, OSError, IndexError)):
            codecs.decode(codecs.ARROW, payload[:end])


def test_a_generator_may_yield_batches(store: Store) -> None:
    batches = pa.table({"n": list(range(50_000)), "w": ["x"] * 50_000}).to_batches(10_000)
    recording = store.record("m:f")
    for batch in batches:
        recording.add(batch)
    recording.end(None)
    record = store.save_recorded(recording, bytes(16), bytes(16), function="m:f", compute=1.0)
    for back, batch in zip(store.load(record), batches, strict=True):
        assert same(back, batch)


# -- polars --------------------------------------------------------------------------------------


@pytest.fixture
def pl() -> Any:
    return pytest.importorskip("polars")


def large(pl: Any, rows: int = 100_000) -> Any:
    numbers = pl.Series("n", range(rows), dtype=pl.Int64)
    return pl.DataFrame(
        [numbers, pl.Series("w", [f"a word that is long {n % 991}" for n in range(rows)])]
    )


def polars_columns(pl: Any) -> dict[str, Any]:
    moment = datetime.datetime(2024, 1, 2, 3, 4, 5)  # noqa: DTZ001 - of no zone
    return {
        "text": pl.Series(["a", None, "a word that does not fit into a view"]),
        "bytes": pl.Series([b"a", None, b""]),
        "flag": pl.Series([True, None, False]),
        "float": pl.Series([0.0, -0.0, float("nan")]),
        "null": pl.Series([None, None, None]),
        "small": pl.Series([1, None, 3], dtype=pl.UInt8),
        "enum": pl.Series(["b", None, "a"], dtype=pl.Enum(["a", "b", "unused"])),
        "money": pl.Series([decimal.Decimal("1.10"), None, None], dtype=pl.Decimal(20, 2)),
        "date": pl.Series([moment.date(), None, None]),
        "time": pl.Series([moment.time(), None, None]),
        "moment": pl.Series([moment, None, None], dtype=pl.Datetime("ms", "Europe/Berlin")),
        "span": pl.Series([datetime.timedelta(1), None, None], dtype=pl.Duration("ns")),
        "list": pl.Series([[1, None], None, []], dtype=pl.List(pl.Int16)),
        "array": pl.Series([[1, 2], None, [3, None]], dtype=pl.Array(pl.Int16, 2)),
        "struct": pl.Series([{"x": 1, "y": ["a"]}, None, {"x": None, "y": None}]),
        "enums": pl.Series([["a"], None, []], dtype=pl.List(pl.Enum(["a", "b"]))),
    }


def test_frames_of_polars_keep_types_nulls_and_values(pl: Any) -> None:
    sheet = Sheet()
    columns = polars_columns(pl)
    whole = pl.DataFrame(list(columns.values()), schema=list(columns))
    if pl.__version__.startswith("1."):
        whole = whole.drop("list", "array", "struct", "enums")
    chunks = pl.concat([whole, whole], rechunk=False)
    slices = [whole.slice(start, length) for start in range(3) for length in range(1, 4 - start)]
    for frame in (whole, whole.head(0), chunks, chunks.slice(1, 4), *slices):
        sheet.reset()
        assert codecs.encode_plainly(frame, sheet).codec == codecs.ARROW
        back = codecs.decode(codecs.ARROW, b"".join(sheet.parts))
        assert back.schema == frame.schema
        assert back.equals(frame, null_equal=True)
        assert back.rows().__repr__() == frame.rows().__repr__()
        assert back.n_chunks() == frame.n_chunks() or not frame.height
        assert back.flags == frame.flags or not frame.height


def test_what_polars_knows_of_order_is_kept(pl: Any) -> None:
    frame = large(pl).sort("n", descending=True)
    back = through(frame)
    assert back.flags == frame.flags
    assert back["n"].flags["SORTED_DESC"]
    assert through(frame["n"]).flags == frame["n"].flags


def test_large_frames_of_polars_go_through_arrow_and_small_ones_do_not(pl: Any) -> None:
    assert written(large(pl)) == "arrow"
    assert written(large(pl)["w"]) == "arrow"
    assert written(large(pl, 10)) == "pickle"
    assert through(large(pl)).equals(large(pl))
    assert through(large(pl)["w"]).equals(large(pl)["w"])
    assert through(large(pl)["w"]).name == "w"


def test_categories_and_objects_of_polars_do_not_go_through_arrow(pl: Any) -> None:
    frame = large(pl)
    words = frame.with_columns(frame["w"].cast(pl.Categorical).alias("c"))
    wide = frame.with_columns(frame["n"].cast(pl.Int128).alias("i"))
    for value in (words, wide):
        assert written(value) != "arrow"
        assert through(value).equals(value)
        assert through(value).schema == value.schema


def test_little_that_is_left_of_much_text_is_stored_alone(pl: Any) -> None:
    frame = large(pl, 300_000)
    assert size_of(frame.slice(10, 20)) < 5000
    few = frame.slice(0, 50_000)
    assert through(few).equals(few)
    assert size_of(few) < size_of(frame) / 3


def test_a_mapped_frame_takes_no_memory_and_changes_alone(pl: Any, store: Store) -> None:
    frame = large(pl, 200_000)
    record = put(store, frame)
    assert record.codec == "arrow"
    before = pa.total_allocated_bytes()
    for frozen in (False, True):
        back = store.load(record, frozen=frozen)
        assert back.equals(frame)
        back[0, "n"] = -1
        back.replace_column(1, pl.Series("w", ["x"]).new_from_index(0, 200_000))
        column = store.load(record, frozen=frozen)["n"]
        column[3] = 77
        assert column[3] == 77
        assert back[0, "n"] == -1
    assert pa.total_allocated_bytes() - before < 10_000
    assert store.load(record).equals(frame)


def test_frames_of_polars_in_a_result_are_parts_of_it(pl: Any, store: Store) -> None:
    frame = large(pl)
    record = put(store, {"frame": frame, "n": 1})
    assert record.codec == "parts"
    assert store.load(record)["frame"].equals(frame)


def test_frames_of_polars_need_no_pickle(pl: Any, tmp_path: Path) -> None:
    store = Store(tmp_path / "s", allow_pickle=False)
    frame = large(pl, 10)
    assert store.load(put(store, frame)).equals(frame)


class Impostor:
    """Of pyarrow by its name alone."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, (1,)


class ImpostorArray(Impostor):
    pass


@pytest.mark.parametrize("kind", [Impostor, ImpostorArray])
def test_a_name_alone_makes_no_table(monkeypatch: pytest.MonkeyPatch, kind: type) -> None:
    for library in ("pyarrow.lib", "polars"):
        monkeypatch.setattr(kind, "__module__", library)
        assert written([kind()]) == written(kind()) == "pickle"
        monkeypatch.delitem(sys.modules, library.partition(".")[0], raising=False)
        assert written([kind()]) == written(kind()) == "pickle"


# -- neither -------------------------------------------------------------------------------------


def test_neither_library_is_imported_for_values_of_others(tmp_path: Path) -> None:
    program = (
        "import sys; from dumbo.persistence.store import Store\n"
        f"store = Store({str(tmp_path / 's')!r})\n"
        "record = store.save(bytes(16), bytes(16), [{'x': 1}], function='m:f', compute=1.0)\n"
        "assert store.load(record) == [{'x': 1}]\n"
        "bad = {'pyarrow', 'polars', 'dumbo.persistence.arrow'} & set(sys.modules)\n"
        "assert not bad, bad\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_slices_stored_in_pickles_name_a_function_that_stays() -> None:
    from dumbo.persistence import arrow

    assert pickle.loads(pickle.dumps(arrow.restore)) is arrow.restore
    assert (arrow.restore.__module__, arrow.restore.__qualname__) == (
        "dumbo.persistence.arrow",
        "restore",
    )
