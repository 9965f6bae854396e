"""numpy: what an array contains counts, how it lies in memory does not."""

from __future__ import annotations

import copy
import datetime
import itertools
import pickle
import random
import re
import tracemalloc
import warnings
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("hypothesis")

from hypothesis import given, settings
from hypothesis import strategies as st

from dumbo.arguments import arrays
from dumbo.arguments.hashing import digest
from dumbo.errors import UnhashableArgument


def key(value: object) -> tuple[bytes, list[int]]:
    data, roots = digest(value)
    return data, [id(root) for root in roots]


def shown(value: object) -> str:
    """A value as the name of its case: without its address, which each process has another of."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value), flags=re.IGNORECASE)


class Sub(np.ndarray):  # type: ignore[misc]
    pass


RECORD = [("i", "i4"), ("x", "f8"), ("s", "U3")]
PADDED = np.dtype({"names": ["a", "b"], "formats": ["i1", "f8"], "offsets": [0, 8], "itemsize": 16})


def matrix() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy would rather have us do without
        return np.asmatrix([[1, 2]])


DISTINCT = [
    np.array([1, 2], "i4"),
    np.array([1, 2], "i8"),
    np.array([1, 2], "u8"),
    np.array([1, 2], ">i8"),
    np.array([1, 2], "f8"),
    np.array([1, 2], "c16"),
    np.array([1, 2], "g"),
    np.array([1, 2], object),
    np.array([1, True], object),
    np.array([1, 2.0], object),
    np.array([[1, 2]], "i8"),
    np.array([[1], [2]], "i8"),
    np.array([1, 2], "M8[s]"),
    np.array([1, 2], "M8[ms]"),
    np.array([1, 2], "m8[s]"),
    np.array([0.0, -0.0]),
    np.array([0.0, 0.0]),
    np.array([True, False]),
    np.array(["a"], "U1"),
    np.array(["a"], "U5"),
    np.array([b"a"], "S1"),
    np.array(["a"], object),
    np.array(1.5),
    np.array([1.5]),
    np.float64(1.5),
    np.float32(1.5),
    1.5,
    np.longdouble(1.5),
    np.int64(3),
    np.int32(3),
    3,
    np.bool_(True),
    True,
    np.str_("a"),
    "a",
    np.bytes_(b"a"),
    np.datetime64("2024-01-01"),
    np.datetime64("2024-01-01", "s"),
    np.timedelta64(1, "s"),
    np.zeros((0, 3)),
    np.zeros((3, 0)),
    np.zeros(0),
    np.zeros(1, RECORD),
    np.zeros(1, [("j", "i4"), *RECORD[1:]]),
    np.zeros(1, PADDED),
    np.zeros(1, np.dtype((np.void, 16))),
    np.zeros(1, RECORD).view(np.recarray),
    np.zeros(1, RECORD)[0],
    matrix(),
    np.array([1, 2]).view(Sub),
    np.ma.array([1, 2], mask=[0, 1]),
    np.ma.array([1, 2], mask=[1, 0]),
    np.ma.array([1, 2], mask=[0, 1], fill_value=7),
    np.dtype("i4"),
    np.dtype(">i4"),
    np.dtype(RECORD),
    np.dtype("i4, f4"),
    np.dtype(("i4", (2,))),
    np.sin,
    np.cos,
    np.float64,
    np.sum,
    np.random.default_rng(1),
    np.random.default_rng(2),
    np.random.RandomState(1),
    np.random.PCG64(1),
    np.random.MT19937(1),
    np.random.SeedSequence(1),
]


def test_each_of_these_is_told_apart_from_all_others() -> None:
    keys = [digest(value) for value in DISTINCT]
    for (i, a), (j, b) in itertools.combinations(enumerate(keys), 2):
        same_roots = [id(x) for x in a[1]] == [id(x) for x in b[1]]
        assert not (a[0] == b[0] and same_roots), (DISTINCT[i], DISTINCT[j])


@pytest.mark.parametrize("value", DISTINCT, ids=shown)
def test_copies_and_pickles_keep_the_digest(value: Any) -> None:
    expected = key(value)
    assert key(copy.deepcopy(value)) == expected
    assert key([value, Sub])[0] == key([copy.deepcopy(value), Sub])[0]
    if type(value) is not Sub and getattr(value, "dtype", None) != ">i8":  # pickled as native
        assert key(pickle.loads(pickle.dumps(value))) == expected


def test_types_of_numpy_add_no_root_and_those_of_a_user_do() -> None:
    roots = [digest(value)[1] for value in DISTINCT if not callable(value)]
    assert [found for found in roots if found] == [(Sub,)]


ARRAYS = st.sampled_from(["i4", ">i2", "f8", "c8", "?", "U2", "M8[D]", "i1, f4", object])


@given(st.data(), ARRAYS, st.lists(st.integers(0, 5), max_size=3), st.randoms())
@settings(deadline=None, max_examples=150)
def test_layout_does_not_count(data: Any, dtype: Any, shape: list[int], rnd: random.Random) -> None:
    array = np.empty(shape, dtype)
    for index in np.ndindex(*shape):
        array[index] = rnd.randrange(100) if array.dtype.names is None else (rnd.randrange(9), 1.5)
    expected = key(array)
    axes = data.draw(st.permutations(range(len(shape))))
    back = np.argsort(axes) if axes else None
    moved = array.transpose(axes).copy().transpose(back)
    wide = np.zeros([2 * n + 1 for n in shape], array.dtype)
    strided = wide[(*[slice(1, None, 2)] * len(shape), ...)]
    strided[...] = array
    reverse = (*[slice(None, None, -1)] * len(shape), ...)
    readonly = array.copy()
    readonly.setflags(write=False)
    unaligned = np.zeros(array.nbytes + 1, "u1")[1:] if not array.dtype.hasobject else None
    for other in (
        moved,
        strided,
        array[reverse].copy()[reverse],
        readonly,
        array.copy("F"),
    ):
        assert other.shape == array.shape
        assert key(other) == expected
    if unaligned is not None:
        unaligned = unaligned.view(array.dtype).reshape(shape) if array.size else array
        unaligned[...] = array
        assert key(unaligned) == expected


def test_large_arrays_that_are_not_contiguous_are_the_same_as_their_copies() -> None:
    base = np.arange(3_000_000).reshape(300, 100, 100)
    for view in (base.T, base[:, ::2], base[::-1], base.transpose(1, 0, 2), base[:, :, 1]):
        assert key(view) == key(view.copy())
    flat = np.arange(2_000_000)
    assert key(flat[::2].reshape(1, -1)) == key(flat[::2].copy().reshape(1, -1))


def test_one_element_of_a_large_array_counts() -> None:
    a = np.arange(1_000_000.0)
    for at in (0, 500_000, 999_999):
        b = a.copy()
        b[at] = np.nextafter(b[at], -1)
        assert key(a) != key(b)


def test_a_large_array_is_not_copied() -> None:
    array = np.ones((3000, 3000))
    digest(array)
    for value in (array, array.T, array[::2], {"k": [array]}):
        tracemalloc.start()
        try:
            digest(value)
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()


def test_an_array_that_is_shared_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    array, calls = np.ones(3), []
    real = arrays.digest_of
    monkeypatch.setattr(arrays, "digest_of", lambda array: calls.append(1) or real(array))
    shared = key([array] * 100)
    assert len(calls) == 1
    assert shared == key([array.copy() for _ in range(100)])


def test_padding_does_not_count() -> None:
    a, b = np.zeros(3, PADDED), np.zeros(3, PADDED)
    b.view("u1").reshape(3, 16)[:, 1:8] = 7
    assert key(a) == key(b)
    b["a"] = 1
    assert key(a) != key(b)


def test_what_a_long_double_does_not_use_does_not_count() -> None:
    a = np.ones(3, "g")
    if a.dtype.itemsize != 16 or np.finfo("g").nmant != 63:
        pytest.skip("another long double")
    b = a.copy()
    b.view("u1").reshape(3, 16)[:, 10:] = 9
    assert key(a) == key(b)
    assert key(a) != key(-a)


def test_objects_in_arrays_are_walked() -> None:
    def make(x: object) -> Any:
        array = np.empty(2, object)
        array[:] = [[1], {"a": x}]
        return array

    assert key(make(1)) == key(make(1)) != key(make(True))
    records = np.zeros(2, [("a", "i4"), ("b", object)])
    other = records.copy()
    other["b"][1] = 5
    assert key(records) != key(other)
    ring = np.empty(1, object)
    ring[0] = ring
    digest(ring)
    with pytest.raises(UnhashableArgument, match="identity"):
        digest(make(object()))


def test_no_mask_is_a_mask_of_nothing() -> None:
    assert key(np.ma.array([1, 2])) == key(np.ma.array([1, 2], mask=[0, 0]))


def test_generators_are_their_state() -> None:
    for make in (np.random.default_rng, np.random.RandomState, random.Random):
        a, b = make(1), make(1)
        assert key(a) == key(b)
        b.random()
        assert key(a) != key(b)
    spawned, kept = np.random.default_rng(1), np.random.default_rng(1)
    spawned.spawn(1)
    assert key(spawned) != key(kept)


def test_units_with_multiples() -> None:
    assert key(np.zeros(1, "M8[25s]")) != key(np.zeros(1, "M8[s]"))
    assert key(np.datetime64("NaT", "s")) == key(np.datetime64("NaT", "s"))
    assert key(datetime.timedelta(1)) != key(np.timedelta64(1, "D"))


def test_strings_of_any_length() -> None:
    kind = getattr(getattr(np, "dtypes", None), "StringDType", None)
    if kind is None:
        pytest.skip("numpy before 2")
    a = np.array(["a", "b" * 100], kind())
    assert key(a) == key(a.copy()) == key(np.array(["x", "a", "b" * 100], kind())[1:])
    assert key(a) != key(np.array(["a", "b" * 99], kind()))
    assert key(a) != key(a.astype(object))
    assert key(kind()) != key(kind(na_object=None))


def test_a_ufunc_made_by_hand_has_no_key() -> None:
    with pytest.raises(UnhashableArgument):
        digest(np.frompyfunc(lambda x: x, 1, 1))


def test_subclasses_add_their_fields() -> None:
    a, b = np.ones(2).view(Sub), np.ones(2).view(Sub)
    assert key(a) == key(b)
    b.unit = "m"
    assert key(a) != key(b)
