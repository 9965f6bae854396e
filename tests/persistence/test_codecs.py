"""Values as bytes and back: equal and of the same types, or refused."""

from __future__ import annotations

import collections
import datetime
import decimal
import functools
import io
import math
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dumbo.errors import UnstorableResult
from dumbo.persistence import codecs


class Sheet:
    """A sink in memory."""

    error = None

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0

    def write(self, data: Any) -> None:
        self.parts.append(bytes(data))
        self.size += memoryview(data).nbytes

    def reset(self) -> None:
        self.__init__()  # type: ignore[misc]


def through(value: object) -> Any:
    sheet = Sheet()
    written = codecs.encode(value, sheet)
    payload = b"".join(sheet.parts)
    if written.doubtful or written.by_value:
        codecs.prove(value, written, bytearray(payload))
    return codecs.decode(written.codec, payload)


def written(value: object) -> str:
    return codecs.NAMES[codecs.encode(value, Sheet()).codec]


def alike(a: object, b: object) -> bool:
    """Equal, of the same types all the way down, and nan is nan."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float) and isinstance(b, float):
        return math.copysign(1, a) == math.copysign(1, b) and (a == b or (a != a and b != b))
    if isinstance(a, complex) and isinstance(b, complex):
        return alike(a.real, b.real) and alike(a.imag, b.imag)
    if isinstance(a, dict) and isinstance(b, dict):
        return all(map(alike, a, b)) and all(map(alike, a.values(), b.values()))
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(alike, a, b))
    return a == b


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.dates()
    | st.datetimes(timezones=st.just(datetime.UTC) | st.none())
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.uuids()
)
KEYS = st.text() | st.integers() | st.booleans() | st.none()
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(KEYS, inner)
        | st.frozensets(KEYS)
        | st.sets(KEYS)
        | inner.map(lambda value: Point(value, value))
        | st.binary(min_size=2000, max_size=3000).map(bytearray)
    ),
    max_leaves=20,
)


class Point:
    def __init__(self, x: object, y: object) -> None:
        self.x = x
        self.y = y

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and alike((self.x, self.y), (other.x, other.y))

    __hash__ = None  # type: ignore[assignment]


class Slots:
    __slots__ = ("empty", "inner")

    def __init__(self, inner: object) -> None:
        self.inner = inner


@settings(deadline=None, max_examples=200)
@given(VALUES)
def test_what_comes_back_is_what_went_in(value: object) -> None:
    assert alike(through(value), value)


def test_codecs_are_chosen_by_exact_type() -> None:
    class Mine(bytes):
        pass

    assert [written(value) for value in (b"x", bytearray(b"x"), "x", [b"x"])] == [
        "raw",
        "pickle",
        "pickle",
        "pickle",
    ]
    back = through(Mine(b"x"))
    assert type(back).__name__ == "Mine"


def test_shared_and_circular_references_survive() -> None:
    shared = [1]
    circle: list[object] = [shared, shared]
    circle.append(circle)
    back = through(circle)
    assert back[0] is back[1]
    assert back[2] is back


def test_singletons_come_back_as_themselves() -> None:
    for value in (None, NotImplemented, ..., True, len, Point, datetime.datetime):
        assert through(value) is value


def test_functions_without_a_name_are_stored_as_code() -> None:
    three = 3
    back = through({"f": lambda x: x + three, "p": functools.partial(lambda x, y: x * y, 7)})
    assert (back["f"](4), back["p"](6)) == (7, 42)


def test_instances_of_local_classes_are_stored_with_their_class() -> None:
    class Local:
        value = 5

    assert through([Local()])[0].value == 5


def test_a_class_that_can_be_imported_goes_by_name_even_beside_code() -> None:
    back = through([lambda: 1, Point(1, 2)])
    assert type(back[1]) is Point


# -- refused -------------------------------------------------------------------------


class Silly:
    def __reduce__(self) -> tuple[Any, ...]:
        return dict, ()


class Loud:
    def __reduce__(self) -> tuple[Any, ...]:
        raise SystemExit(3)


class Louder:
    def __reduce__(self) -> tuple[Any, ...]:
        raise GeneratorExit


class Loudest:
    def __reduce__(self) -> tuple[Any, ...]:
        raise BaseException("loud")


class Late:
    def __getstate__(self) -> Any:
        return 1

    def __setstate__(self, state: Any) -> None:
        raise BaseException("late")


class Interrupted(Late):
    def __setstate__(self, state: Any) -> None:
        raise KeyboardInterrupt


class Unsaid:
    def __reduce__(self) -> tuple[Any, ...]:
        raise Wordless


class Wordless(BaseException):
    def __str__(self) -> str:
        raise GeneratorExit


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("not a number",)


class NoWords(Exception):
    def __str__(self) -> str:
        raise ValueError


class Mute:
    def __reduce__(self) -> tuple[Any, ...]:
        raise NoWords


def _generator() -> Any:
    yield 1


async def _coroutine() -> None:
    pass


def _raised() -> ValueError:
    try:
        raise ValueError("x")
    except ValueError as error:
        return error


@pytest.mark.parametrize(
    ("make", "part", "reason"),
    [
        (_generator, "", "iterator (generator)"),
        (lambda: iter([1]), "", "iterator (list_iterator)"),
        (lambda: map(str, [1]), "", "iterator (map)"),
        (lambda: {"a": [0, enumerate([1])]}, '["a"][1]', "iterator (enumerate)"),
        (lambda: Point(1, {"k": [object()]}), '.y["k"][0]', "bare object()"),
        (lambda: Slots([threading.Lock()]), ".inner[0]", "lock"),
        (lambda: sys.__stderr__, "", "open file"),
        (lambda: [lambda: 1, sys.__stderr__], "[1]", "open file"),
        (lambda: collections, "", "module"),
        (lambda: ValueError("x"), "", "exception"),
        (lambda: [_raised()], "[0]", "exception"),
        (Silly, "", "comes back"),
        (lambda: [Silly()], "", "is lost"),
        (Bomb, "", "not loaded again"),
        (lambda: (1, Loud()), "[1]", "SystemExit"),
        (lambda: (1, Louder()), "[1]", "GeneratorExit"),
        (lambda: [lambda: 1, Loudest()], "[1]", "loud"),
        (lambda: [Late()], "", "BaseException: late"),
        (lambda: [Unsaid()], "[0]", "Wordless"),
        (lambda: {1: Mute()}, "[1]", "NoWords"),
        (lambda: {(1, 2): threading.Lock()}, "[<tuple>]", "lock"),
    ],
)
def test_what_would_not_come_back_is_refused_by_part_and_reason(
    make: Any, part: str, reason: str
) -> None:
    value = make()
    with pytest.raises(UnstorableResult) as caught:
        through(value)
    assert caught.value.part == part
    assert reason in caught.value.reason


def test_a_coroutine_is_refused_and_left_alone() -> None:
    value = _coroutine()
    with pytest.raises(UnstorableResult, match="awaited only once"):
        through(value)
    value.close()


def test_refusing_an_iterator_consumes_nothing() -> None:
    value = iter([1, 2])
    with pytest.raises(UnstorableResult):
        through([value])
    assert list(value) == [1, 2]


def test_an_exception_that_was_never_raised_may_be_part_of_a_result() -> None:
    assert through([ValueError("x", 1)])[0].args == ("x", 1)


def test_streams_in_memory_keep_their_position() -> None:
    stream = io.BytesIO(b"abc")
    stream.read(1)
    assert through(stream).read() == b"bc"


def test_values_nested_too_deeply_are_refused() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(UnstorableResult, match="nested too deeply"):
        through(value)


def test_an_interrupt_is_nobodys_reason() -> None:
    class Interrupting:
        def __reduce__(self) -> Any:
            raise KeyboardInterrupt

    for value in (Interrupting(), Interrupted()):
        with pytest.raises(KeyboardInterrupt):
            through(value)


def test_paths_numbers_and_collections_need_no_trial() -> None:
    value = [
        Path("a/b"),
        decimal.Decimal("1.10"),
        collections.OrderedDict(a=1),
        collections.Counter("abc"),
        collections.deque([1], maxlen=3),
        collections.defaultdict(list, a=[1]),
        datetime.timedelta(3),
    ]
    assert not codecs.encode(value, Sheet()).doubtful
    assert alike(through(value), value)
    assert codecs.encode([Point(1, 2)], Sheet()).doubtful == {Point}


def plainly(value: object) -> Any:
    sheet = Sheet()
    written = codecs.encode_plainly(value, sheet)
    return codecs.decode(written.codec, b"".join(sheet.parts))


def test_what_is_in_a_result_twice_is_not_written_as_a_literal() -> None:
    row = [0]
    for value in ([row, row], {1: row, 2: (row,)}, ((row,), [row]), [{1: {2}}, *[{3}] * 2]):
        with pytest.raises(UnstorableResult, match="is in it twice"):
            plainly(value)
    row.append(row)  # type: ignore[arg-type]
    with pytest.raises(UnstorableResult, match="is in it twice"):
        plainly(row)


def test_what_does_not_change_may_be_in_a_literal_twice() -> None:
    pair = ("a" * 2000, 1.5)
    for value in ([pair, pair, pair[0]], {1: [0], 2: [0]}, [(), (), [], []]):
        assert plainly(value) == value


# -- arrays --------------------------------------------------------------------------


def test_arrays_come_back_in_shape_order_and_type() -> None:
    np = pytest.importorskip("numpy")
    square = np.arange(12.0).reshape(3, 4)
    moments = np.arange(5000).astype("M8[25s]")
    for array in (
        square,
        np.asfortranarray(square),
        square.T,
        square[::-1, ::2],
        np.arange(10**6)[::-3],
        np.array(3.5),
        np.zeros((0, 3)),
        np.array(["a", "bcd"]),
        np.array([b"a", b"bcd"]),
        np.array([1, 2], dtype=">i4"),
        np.array([True, False]),
        np.arange(4, dtype="c16"),
        moments,
        moments.astype("m8[s]")[::2],
        np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array([1, "a", None, [2]], dtype=object),
        np.zeros(2, dtype=np.dtype("f8", metadata={"unit": "m"})),
        np.ma.masked_array([1.0, 2.0], [0, 1]),
        np.float32(1.5),
        np.random.default_rng(1).random((300, 300)),
    ):
        for value in (array, {"nested": [array]}):
            back = through(value)
            back = back if value is array else back["nested"][0]
            assert type(back) is type(array)
            assert back.dtype == array.dtype
            assert back.dtype.metadata == array.dtype.metadata
            assert back.shape == array.shape
            assert np.array_equal(back, array) or array.dtype == object or np.ma.isMA(array)
            assert repr(back) == repr(array)
            if type(array) is np.ndarray:
                assert back.flags.writeable
                assert back.flags.aligned
                contiguous = array.flags.c_contiguous or array.flags.f_contiguous
                assert back.flags.f_contiguous == array.flags.f_contiguous or not contiguous


def test_only_who_asks_pays_for_the_digest_of_an_array(monkeypatch: pytest.MonkeyPatch) -> None:
    np = pytest.importorskip("numpy")
    from dumbo.arguments import hashing

    asked: list[object] = []
    token_of = hashing.token_of
    monkeypatch.setattr(hashing, "token_of", lambda value: asked.append(value) or token_of(value))
    array = np.arange(200_000.0)
    sheet = Sheet()
    codecs.encode(array, sheet)
    assert not asked
    sheet.reset()
    codecs.encode(array, sheet, known=True)
    assert len(asked) == 1
    assert np.array_equal(codecs.decode(codecs.ARRAY, b"".join(sheet.parts)), array)


def test_arrays_that_cannot_be_written_to_stay_so() -> None:
    np = pytest.importorskip("numpy")
    array = np.arange(5000)
    array.flags.writeable = False
    moments = array.astype("M8[s]")
    moments.flags.writeable = False
    for value in (array, moments):
        assert not through(value).flags.writeable
        assert not through([value])[0].flags.writeable


def test_large_arrays_lie_beside_the_stream_and_aligned() -> None:
    np = pytest.importorskip("numpy")
    value = {"a": np.arange(1000), "b": [np.arange(999)[::2], np.arange(3)]}
    sheet = Sheet()
    assert codecs.NAMES[codecs.encode(value, sheet).codec] == "buffers"
    back = codecs.decode(codecs.BUFFERS, b"".join(sheet.parts))
    assert np.array_equal(back["a"], value["a"])
    starts = [back["a"].ctypes.data, back["b"][0].ctypes.data]
    assert (starts[1] - starts[0]) % 64 == 0


def test_frames_come_back_with_their_types() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "a": pd.Categorical(["x", "y", "x"] * 500),
            "t": pd.date_range("2024-01-01", periods=1500, tz="UTC"),
            "n": [1.5, None, 2] * 500,
            "s": ["row", "other", None] * 500,
        }
    )
    frame.attrs["unit"] = "m"
    back = through({"frame": frame, "series": frame["n"], "index": frame.index})
    pd.testing.assert_frame_equal(back["frame"], frame)
    assert back["frame"].attrs == {"unit": "m"}
    back["frame"].loc[0, "n"] = 7.0
    assert frame.loc[0, "n"] == 1.5


def test_a_mapped_array_is_an_open_file(tmp_path: Path) -> None:
    np = pytest.importorskip("numpy")
    array = np.memmap(tmp_path / "a", dtype="f8", mode="w+", shape=3)
    with pytest.raises(UnstorableResult, match="mapped"):
        through(array)
