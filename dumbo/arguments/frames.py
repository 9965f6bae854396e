"""Hashers of pandas: frames, series, indexes, extension arrays, their scalars and dtypes.

Columns are hashed one by one, whatever blocks pandas keeps them in; what lies under a
mask, in front of a slice or behind a null does not count, nor do caches. pandas is loaded
when this module is: it is imported only when such a value is met.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from dumbo.arguments.instances import dict_of, extras
from dumbo.arguments.plain import container
from dumbo.arguments.registry import (
    Entry,
    Node,
    Root,
    Token,
    belongs_to,
    foreign,
    leaf,
    qualname_of,
    register,
)
from dumbo.arguments.texts import of_arrow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from dumbo.arguments.registry import Answer

_types: dict[type, object] = {}

# What pandas keeps on its objects beside what a subclass of the user's puts there.
_INTERNAL = frozenset(
    {
        "_attrs",
        "_cache",
        "_data",
        "_flags",
        "_hidden_attrs",
        "_id",
        "_index",
        "_is_copy",
        "_item_cache",
        "_mgr",
        "_name",
        "_names",
        "_no_setting_name",
        "_references",
        "_typ",
    }
)


def _type(value: Any) -> object:
    """Return what stands for the type: a name for pandas' own, a root for a subclass."""
    kind = type(value)
    known = _types.get(kind)
    if known is None:
        if not belongs_to(kind, "pandas"):
            return Root(kind)
        known = _types[kind] = Token(leaf(b"type", f"pandas.{qualname_of(kind)}".encode()))
    return known


def _node(name: bytes, value: Any, *children: object) -> Node:
    """Return the node of *value*, with the fields that a subclass added."""
    first = _type(value)
    if type(first) is Root:
        children += tuple(extras(value, None, _INTERNAL))
    return Node(name, (first, *children))


def _frame(value: Any) -> Node:
    columns = value.columns
    names = columns.tolist()

    def label(children: Sequence[object], index: int) -> str:
        at = index - _COLUMNS
        known = 0 <= at < len(names) and type(names[at]) in (str, int)
        return f"[{names[at]!r}]" if known else ""

    node = _node(
        b"pandas.DataFrame",
        value,
        columns,
        value.index,
        value.attrs,
        value.flags.allows_duplicate_labels,
        *_columns(value),
    )
    node.label = label
    return node


_COLUMNS = 5  # children of a frame's node before the first column


def _columns(value: Any) -> Iterable[Any]:
    arrays = getattr(value, "_iter_column_arrays", None)  # no Series is made for each
    if arrays is not None:
        return list(arrays())
    return [value.iloc[:, at]._values for at in range(value.shape[1])]


def _series(value: Any) -> Node:
    parts = (value.index, value.name, value.attrs, value.flags.allows_duplicate_labels)
    return _node(b"pandas.Series", value, *parts, value._values)


def _index(value: Any) -> Node:
    return _node(b"pandas.Index", value, list(value.names), _freq(value), value._values)


def _range_index(value: Any) -> Node:
    return _node(b"pandas.RangeIndex", value, value.name, value.start, value.stop, value.step)


def _multi_index(value: Any) -> Node:
    codes = [np.asarray(code) for code in value.codes]
    return _node(
        b"pandas.MultiIndex", value, list(value.names), list(value.levels), codes, value.sortorder
    )


# Extension arrays


def _categorical(value: Any) -> Node:
    return _node(b"pandas.Categorical", value, value.dtype, np.asarray(value.codes))


def _datetimes(value: Any) -> Node:
    return _node(b"pandas datetimes", value, value.dtype, _freq(value), np.asarray(value.asi8))


def _freq(value: Any) -> object:
    # Kept by the array before pandas 3.1, by its index since.
    freq = getattr(value, "freq", None)
    return freq.freqstr if freq is not None else None


def _masked(value: Any) -> Node:
    data, mask = value._data, value._mask
    if mask.any():
        data = np.where(mask, data.dtype.type(0), data)
    return _node(b"pandas masked", value, value.dtype, mask, data)


def _numpy_backed(value: Any) -> Node:
    return _node(b"pandas numpy", value, value.dtype, value.to_numpy())


def _strings(value: Any) -> Node:
    texts = value._ndarray.tolist()
    known = container(texts)
    if known is not None:  # no null, or a plain one
        return _node(b"pandas strings", value, value.dtype, Token(known[0]))
    mask = np.asarray(value.isna())
    rest = value._ndarray[~mask].tolist()
    return _node(b"pandas strings", value, value.dtype, mask, rest)


def _intervals(value: Any) -> Node:
    return _node(b"pandas intervals", value, value.dtype, value.left, value.right)


def _sparse(value: Any) -> Node:
    places = np.asarray(value.sp_index.indices)
    return _node(b"pandas sparse", value, value.dtype, len(value), places, value.sp_values)


def _arrow(value: Any) -> Node:
    data = value._pa_array
    kind = str(data.type)
    mask = np.asarray(value.isna())
    if kind in ("string", "large_string", "binary", "large_binary"):
        content: object = Token(of_arrow(data, "large" in kind))
    elif kind in _ARROW_NUMBERS:
        content = data.drop_null().to_numpy()
    else:
        content = data.to_pylist()
    return _node(b"pandas arrow", value, value.dtype, mask, content)


_ARROW_NUMBERS = frozenset(
    {*(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), "float", "double"}
)


# Scalars and dtypes


def _timestamp(value: Any) -> Node:
    return _node(b"pandas.Timestamp", value, value.asm8, value.tzinfo, value.fold)


def _timedelta(value: Any) -> Node:
    return _node(b"pandas.Timedelta", value, value.asm8)


def _period(value: Any) -> Node:
    return _node(b"pandas.Period", value, value.ordinal, value.freqstr)


def _interval(value: Any) -> Node:
    return _node(b"pandas.Interval", value, value.left, value.right, value.closed)


def _missing(name: bytes) -> Callable[[Any], Answer]:
    token = leaf(name, b"")
    return lambda value: token


def _dtype(value: Any) -> Node:
    return _node(b"pandas dtype", value, str(value))


def _string_dtype(value: Any) -> Node:
    return _node(b"pandas dtype", value, value.storage, value.na_value)


def _categorical_dtype(value: Any) -> Node:
    return _node(b"pandas dtype", value, value.categories, value.ordered)


def _sparse_dtype(value: Any) -> Node:
    return _node(b"pandas dtype", value, value.subtype, value.fill_value)


def _zoned_dtype(value: Any) -> Node:
    return _node(b"pandas dtype", value, value.unit, value.tz)


def _offset(value: Any) -> Node:
    fields = dict_of(value) if hasattr(value, "__dict__") else None
    known = {key: held for key, held in (fields or {}).items() if key not in _DERIVED}
    rest = [list(known), list(known.values())]
    return _node(b"pandas offset", value, value.n, value.normalize, value.freqstr, *rest)


_DERIVED = frozenset({"_cache", "_offset"})


def _register() -> None:
    arrays, kinds = pd.arrays, pd.api.types
    for kind, hasher in (
        (pd.DataFrame, _frame),
        (pd.Series, _series),
        (pd.Index, _index),
        (pd.RangeIndex, _range_index),
        (pd.MultiIndex, _multi_index),
        (pd.Categorical, _categorical),
        (arrays.DatetimeArray, _datetimes),
        (arrays.TimedeltaArray, _datetimes),
        (arrays.PeriodArray, _datetimes),
        (arrays.IntegerArray, _masked),
        (arrays.FloatingArray, _masked),
        (arrays.BooleanArray, _masked),
        (arrays.NumpyExtensionArray, _numpy_backed),
        (arrays.StringArray, _strings),
        (arrays.IntervalArray, _intervals),
        (arrays.SparseArray, _sparse),
        (arrays.ArrowExtensionArray, _arrow),
        (pd.Timestamp, _timestamp),
        (pd.Timedelta, _timedelta),
        (pd.Period, _period),
        (pd.Interval, _interval),
        (type(pd.NaT), _missing(b"pandas.NaT")),
        (type(pd.NA), _missing(b"pandas.NA")),
        (pd.api.extensions.ExtensionDtype, _dtype),
        (pd.StringDtype, _string_dtype),
        (kinds.CategoricalDtype, _categorical_dtype),
        (pd.SparseDtype, _sparse_dtype),
        (kinds.DatetimeTZDtype, _zoned_dtype),
        (pd.offsets.BaseOffset, _offset),
    ):
        register(kind, Entry(foreign(hasher), "whole"))


_register()
