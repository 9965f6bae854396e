"""pandas: what a frame shows counts, how pandas keeps it does not."""

from __future__ import annotations

import copy
import itertools
import pickle
from typing import Any

import pytest

pd = pytest.importorskip("pandas")
np = pytest.importorskip("numpy")

from dumbo.arguments.hashing import digest


def key(value: object) -> tuple[bytes, list[int]]:
    data, roots = digest(value)
    return data, [id(root) for root in roots]


class Special(pd.DataFrame):  # type: ignore[misc]
    _metadata = ["unit"]
    unit = None

    @property
    def _constructor(self) -> Any:
        return Special


def with_attrs(**attrs: object) -> Any:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs.update(attrs)
    return frame


def no_duplicates() -> Any:
    return pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False)


def special() -> Any:
    frame = Special({"a": [1, 2]})
    frame.unit = None
    return frame


DISTINCT = [
    pd.DataFrame({"a": [1, 2]}),
    pd.DataFrame({"a": [1, 3]}),
    pd.DataFrame({"b": [1, 2]}),
    pd.DataFrame({"a": [1, 2]}, index=[1, 2]),
    pd.DataFrame({"a": [1, 2]}, index=pd.Index([0, 1])),
    pd.DataFrame({"a": [1, 2]}, dtype="i4"),
    pd.DataFrame({"a": [1.0, 2]}),
    pd.DataFrame({"a": [1, 2], "b": [3, 4]}),
    pd.DataFrame({"b": [3, 4], "a": [1, 2]}),
    pd.DataFrame({"a": [1, 3], "b": [2, 4]}),
    pd.DataFrame({"a": [1]}),
    with_attrs(unit="m"),
    with_attrs(unit="s"),
    no_duplicates(),
    special(),
    pd.DataFrame(),
    pd.Series([1, 2]),
    pd.Series([1, 2], name="a"),
    pd.Series([1, 2], dtype="Int64"),
    pd.Series([1, None], dtype="Int64"),
    pd.Series([1, 2], dtype=object),
    pd.Series([1, True], dtype=object),
    pd.Series(["1", "2"], dtype=object),
    pd.Series(["1", "2"], dtype="string"),
    pd.Series(["1", None], dtype="string"),
    pd.Series(["1", np.nan], dtype=object),
    pd.Series(["1", None], dtype=object),
    pd.Series([True, None], dtype="boolean"),
    pd.Series([1.5, None], dtype="Float64"),
    pd.Series(["a", "b"], dtype="category"),
    pd.Series(pd.Categorical(["a"], ["a", "b"])),
    pd.Series(pd.Categorical(["a"], ["b", "a"])),
    pd.Series(pd.Categorical(["a"], ["a"])),
    pd.Series(pd.Categorical(["a"], ["a"], ordered=True)),
    pd.Series(pd.date_range("2024", periods=2)),
    pd.Series(pd.date_range("2024", periods=2, tz="UTC")),
    pd.Series(pd.date_range("2024", periods=2, tz="Europe/Paris")),
    pd.Series(pd.date_range("2024", periods=2)).astype("M8[s]"),
    pd.Series(pd.timedelta_range("1D", periods=2)),
    pd.Series(pd.period_range("2024", periods=2, freq="D")),
    pd.Series(pd.period_range("2024", periods=2, freq="M")),
    pd.Series(pd.arrays.SparseArray([0, 1, 0])),
    pd.Series(pd.arrays.SparseArray([0, 0, 1])),
    pd.Series(pd.IntervalIndex.from_breaks([0, 1, 2])),
    pd.Series(pd.IntervalIndex.from_breaks([0, 1, 2], closed="left")),
    pd.Index([1, 2]),
    pd.Index([1, 2], name="a"),
    pd.RangeIndex(1, 3),
    pd.RangeIndex(1, 3, name="a"),
    pd.date_range("2024", periods=3),
    pd.DatetimeIndex(list(pd.date_range("2024", periods=3))),
    pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]),
    pd.MultiIndex.from_tuples([("a", 2), ("a", 1)]),
    pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["x", None]),
    pd.Categorical(["a"]),
    pd.array([1, 2]),
    pd.Timestamp("2024-01-01"),
    pd.Timestamp("2024-01-02"),
    pd.Timestamp("2024-01-01").as_unit("s"),
    pd.Timestamp("2024-01-01", tz="UTC"),
    pd.Timestamp("2024-10-27 01:00", tz="UTC").tz_convert("Europe/Paris"),
    pd.Timedelta("1D"),
    pd.Period("2024", "Y"),
    pd.Period("2024-01", "M"),
    pd.Interval(1, 2),
    pd.Interval(1, 2, closed="left"),
    pd.NaT,
    pd.NA,
    None,
    float("nan"),
    pd.CategoricalDtype(["a"]),
    pd.CategoricalDtype(["a"], ordered=True),
    pd.DatetimeTZDtype(tz="UTC"),
    pd.Int64Dtype(),
    pd.Int32Dtype(),
    pd.StringDtype("python"),
    pd.offsets.Day(1),
    pd.offsets.Day(2),
    pd.offsets.BusinessDay(1),
    pd.DateOffset(months=1),
    pd.DateOffset(months=2),
]


def test_each_of_these_is_told_apart_from_all_others() -> None:
    keys = [key(value) for value in DISTINCT]
    for (i, a), (j, b) in itertools.combinations(enumerate(keys), 2):
        assert a != b, (DISTINCT[i], DISTINCT[j])


@pytest.mark.parametrize("value", DISTINCT, ids=lambda value: type(value).__name__)
def test_copies_and_pickles_keep_the_digest(value: Any) -> None:
    expected = key(value)
    assert key(copy.deepcopy(value)) == expected
    assert key(pickle.loads(pickle.dumps(value))) == expected
    assert key([value, 1]) == key([copy.copy(value), 1])


def test_types_of_pandas_add_no_root_and_those_of_a_user_do() -> None:
    assert [roots for value in DISTINCT if (roots := digest(value)[1])] == [(Special,)]


def test_what_use_leaves_behind_does_not_count() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=pd.Index(["p", "q"]))
    before = key(frame)
    frame["a"].is_unique, frame.index.get_loc("p"), frame.columns.is_unique
    frame.index.is_monotonic_increasing, repr(frame), frame.describe()
    assert key(frame) == before


def test_how_columns_lie_in_blocks_does_not_count() -> None:
    one = pd.DataFrame(np.arange(6.0).reshape(3, 2), columns=["a", "b"])
    two = pd.DataFrame({"a": [0.0, 2, 4], "b": [1.0, 3, 5]})
    three = pd.DataFrame({"a": [0.0, 2, 4]})
    three["b"] = np.array([1.0, 3, 5])
    assert key(one) == key(two) == key(three)


def test_slices_are_what_they_show() -> None:
    frame = pd.DataFrame({"a": range(10), "s": list("abcdefghij"), "n": pd.array([1, None] * 5)})
    assert key(frame.iloc[:2]) == key(frame.head(2).copy())
    assert key(frame["s"][2:5]) == key(frame["s"][2:5].copy())
    assert key(frame[["a"]]) == key(pd.DataFrame({"a": range(10)}))


def test_what_lies_under_a_mask_does_not_count() -> None:
    mask = np.array([False, True])
    a = pd.arrays.IntegerArray(np.array([1, 2]), mask)
    b = pd.arrays.IntegerArray(np.array([1, 9]), mask.copy())
    assert key(a) == key(b)
    assert key(a) != key(pd.arrays.IntegerArray(np.array([2, 2]), mask))


def test_long_columns_of_strings() -> None:
    texts = [f"row{n}" for n in range(3000)]
    for dtype in ("str", "string", object):
        a, b = pd.Series(texts, dtype=dtype), pd.Series(texts, dtype=dtype)
        assert key(a) == key(b)
        b[1500] = "row"
        assert key(a) != key(b)
        b[1500] = None
        c = b.copy()
        c[1501] = None
        assert len({key(x)[0] for x in (a, b, c)}) == 3


def test_fields_of_a_subclass_count() -> None:
    a, b = Special({"a": [1]}), Special({"a": [1]})
    a.unit = b.unit = "m"
    assert key(a) == key(b)
    b.unit = "s"
    assert key(a) != key(b)


def test_arrow_is_its_content() -> None:
    pa = pytest.importorskip("pyarrow")
    texts = ["a", None, "bcd", ""] * 50
    whole = pd.Series(texts, dtype="string[pyarrow]")
    parts = pd.concat([whole[:3], whole[3:]])
    middle = pd.Series(["x", *texts, "y"], dtype="string[pyarrow]")[1:-1].reset_index(drop=True)
    assert key(whole) == key(parts) == key(middle.set_axis(whole.index))
    assert key(whole) != key(pd.Series(texts[::-1], dtype="string[pyarrow]"))
    assert key(whole) != key(pd.Series([*texts[:-1], "a"], dtype="string[pyarrow]"))
    ints = pd.Series([1, None, 3], dtype=pd.ArrowDtype(pa.int64()))
    assert key(ints) == key(ints.copy()) != key(ints.astype(pd.ArrowDtype(pa.int32())))
    lists = pd.Series([[1], None, [2, 3]], dtype=pd.ArrowDtype(pa.list_(pa.int64())))
    assert key(lists) == key(lists.copy()) != key(lists[::-1].reset_index(drop=True))
    dates = pd.Series([1000, 2000], dtype=pd.ArrowDtype(pa.timestamp("us")))
    assert key(dates) == key(dates.copy()) != key(dates.astype(pd.ArrowDtype(pa.timestamp("ms"))))


def test_the_path_names_the_column() -> None:
    from dumbo.errors import UnhashableArgument

    frame = pd.DataFrame({"a": [1], "b": [object()]})
    with pytest.raises(UnhashableArgument) as caught:
        digest({"k": frame})
    assert caught.value.path == "['k']['b'][0]"
