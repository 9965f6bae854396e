"""Arrays that share memory share it after loading: who writes to one sees it in the others."""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any

import pytest

import dumbo
from dumbo.errors import UnstorableResult
from dumbo.persistence import codecs
from tests.persistence.desk import Desk

np = pytest.importorskip("numpy")


class Sink:
    """A sink in memory."""

    def __init__(self) -> None:
        self.reset()
        self.error: OSError | None = None

    def write(self, data: Any) -> None:
        self.data += memoryview(data).cast("B")

    def reset(self) -> None:
        self.data = bytearray()

    @property
    def size(self) -> int:
        return len(self.data)


def again(value: Any, frozen: bool = False) -> tuple[Any, int]:
    """Return what comes back, and how many bytes it took."""
    sink = Sink()
    written = codecs.encode(value, sink)
    return codecs.decode(written.codec, bytes(sink.data), frozen), sink.size


class Holder:
    def __init__(self, array: Any) -> None:
        self.array = array


VIEWS: dict[str, Callable[[Any], Any]] = {
    "part": lambda w: w[100:200],
    "every other": lambda w: w[::2],
    "reversed": lambda w: w[::-1],
    "reversed part": lambda w: w[300:100:-3],
    "matrix": lambda w: w.reshape(20, -1),
    "transposed": lambda w: w.reshape(20, -1).T,
    "bits": lambda w: w.view("i8"),
    "bytes": lambda w: w.view("u1")[3:],
    "real": lambda w: w.view("c16").imag,
    "broadcast": lambda w: np.broadcast_to(w[:5], (7, 5)),
    "number": lambda w: w[7:8].reshape(()),
}


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("size", [1000, 100_000])
def test_a_view_is_a_view_again(name: str, size: int) -> None:
    whole = np.arange(float(size))
    view = VIEWS[name](whole)
    for value in ([whole, view], [view, whole], {"a": view, "b": [Holder(whole)]}):
        back, size = again(value)
        assert size < whole.nbytes + 2000
        if type(back) is dict:
            one, other = back["b"][0].array, back["a"]
        else:
            one, other = back if value[0] is whole else back[::-1]
        for before, after in ((whole, one), (view, other)):
            assert (before == after).all() or np.isnan(before).any()
            assert (before.dtype, before.shape) == (after.dtype, after.shape)
            assert before.strides == after.strides
            assert before.flags.writeable == after.flags.writeable
        assert np.shares_memory(one, other)
        mine, theirs = whole.copy(), one
        VIEWS[name](mine)  # the same place in a copy changes in the same way
        place = np.shares_memory(whole[150:151], view)
        mine[150], theirs[150] = -7.0, -7.0
        assert (VIEWS[name](mine)[...] == other[...]).all() or not place


def test_what_does_not_share_is_stored_alone() -> None:
    matrix = np.arange(1_000_000.0).reshape(1000, 1000)
    back, size = again([matrix[:, 0], matrix[:, 1], matrix[:10, 500]])
    assert size < 25_000
    assert not np.shares_memory(back[0], back[1])
    back, size = again([matrix[0], matrix[1], matrix[999]])
    assert size < 30_000
    separate = [np.arange(1000.0), np.arange(1000.0)[::2]]
    back, size = again(separate)
    assert not np.shares_memory(*back)


def test_halves_that_overlap_through_a_third_lie_in_one_piece() -> None:
    whole = np.arange(3000.0)
    back, size = again((whole[:2000], whole[2000:], whole[1000:2500]))
    assert size < whole.nbytes + 2000
    assert not np.shares_memory(back[0], back[1])
    back[2][:] = 0
    assert back[0][1000:].max() == back[1][:500].max() == 0


def test_what_is_frozen_is_read_only_and_shares() -> None:
    whole = np.arange(3000.0)
    back, _ = again([whole, whole[::2]], frozen=True)
    assert np.shares_memory(*back)
    assert not back[0].flags.writeable
    assert not back[1].flags.writeable


def test_a_read_only_view_of_what_may_be_written_to_stays_so() -> None:
    whole = np.arange(3000.0)
    view = whole[:10].view()
    view.flags.writeable = False
    (one, other), _ = again([whole, view])
    assert one.flags.writeable
    assert not other.flags.writeable
    one[3] = -1
    assert other[3] == -1


def test_functions_beside_them_change_nothing() -> None:
    pytest.importorskip("cloudpickle")
    whole = np.arange(3000.0)
    (one, function, other), _ = again([whole, lambda x: x + 1, whole[::2]])
    assert function(1) == 2
    assert np.shares_memory(one, other)


def test_columns_of_a_frame_are_the_frames() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": np.arange(1000.0), "b": np.arange(1000.0)})
    column = frame["a"].to_numpy()
    value = {"frame": frame, "column": column}
    back, _ = again(value)
    pd.testing.assert_frame_equal(back["frame"], frame)
    shared = np.shares_memory(column, frame["a"].to_numpy())
    assert np.shares_memory(back["column"], back["frame"]["a"].to_numpy()) == shared
    back["frame"].loc[0, "a"] = 5.0
    assert back["frame"]["a"][0] == 5.0


@pytest.mark.parametrize("n", [100, 300_000])
def test_a_result_from_disk_shares_what_it_shared(cache: dumbo.Cache, n: int) -> None:
    @cache.memo(keep="always")
    def make(n: int) -> dict[str, Any]:
        weights = np.arange(float(n))
        return {"weights": weights, "first": weights[:10], "half": weights[::2], "alone": [n]}

    make(n)
    back = make(n)
    back["weights"][4] = -1
    assert back["first"][4] == back["half"][2] == -1
    assert make(n)["weights"][4] == 4


def test_fields_of_a_structured_array_are_views_of_it() -> None:
    rows = np.zeros(50, dtype=[("x", "f8"), ("y", "i4")])
    back, _ = again({"rows": rows, "x": rows["x"], "y": rows[10:]["y"]})
    back["x"][0], back["y"][0] = 7.0, 5
    assert (back["rows"]["x"][0], back["rows"]["y"][10]) == (7.0, 5)
    assert back["rows"].dtype == rows.dtype


def test_slices_of_an_array_of_objects_are_views_of_it() -> None:
    whole = np.array(["a", (1,), None, Holder(1), 5.0, "f"], dtype=object)
    for view in (whole[2:], whole[::-2], whole.reshape(2, 3).T, whole[3:4].reshape(())):
        (one, other), _ = again([whole, view])
        assert (other.shape, other.strides) == (view.shape, view.strides)
        assert other.ravel()[0] is one[0 if view.ndim == 2 else list(whole).index(view.ravel()[0])]
        one[3] = "new"
        assert "new" in [*other.ravel()]
    (head, tail), _ = again([whole[:4], whole[2:]])
    assert head[2] is tail[0]
    head[3] = "new"
    assert tail[1] == "new"


def test_a_matrix_of_an_array_is_one_of_it_again() -> None:
    whole = np.arange(6.0).reshape(2, 3)
    (one, other), _ = again((whole, whole.view(np.matrix)))
    one[0, 0] = 7.0
    assert (type(other), other[0, 0]) == (np.matrix, 7.0)


def shared_and_lost() -> dict[str, Any]:
    numbers = np.zeros(5)
    mask = np.zeros(5, bool)
    rows = np.zeros(5, dtype=[("x", "f8"), ("y", "i4")])
    raw, row = bytearray(50), array.array("d", [0.0] * 5)
    pairs = np.empty(5, dtype=[("o", object), ("n", "i8")])
    words = np.array(["a"] * 5, dtype=np.dtypes.StringDType()) if hasattr(np, "dtypes") else None
    found: dict[str, Any] = {
        "masked": [numbers, OwnMasked(numbers, mask=mask, copy=False)],
        "its mask": [mask, OwnMasked(numbers, mask=mask, copy=False)],
        "a class of the user's": [numbers, numbers.view(Own)],
        "objects between numbers": [pairs, pairs["o"]],
        "a row": [rows, rows[1]],
        "a record": [rows.view(np.recarray), rows.view(np.recarray)[1]],
        "a row of objects": [pairs, [pairs[1]]],
        "a buffer": [raw, np.frombuffer(raw, "u1")],
        "a part of a buffer": {"a": [np.frombuffer(memoryview(raw)[5:], "u1")[3:]], "b": raw},
        "an array of Python": (row, np.frombuffer(row)),
    }
    if words is not None:
        found["texts"] = [words, words[:2]]
    return found


class Own(np.ndarray):  # type: ignore[misc]
    pass


class OwnMasked(np.ma.MaskedArray):  # type: ignore[misc]
    pass


def test_a_masked_array_shares_data_and_mask_as_before() -> None:
    numbers, mask = np.arange(5.0), np.array([0, 1, 0, 0, 0], bool)
    masked = np.ma.masked_array(numbers, mask=mask, copy=False)
    (one, its, other), _ = again([numbers, mask, masked])
    assert type(other) is np.ma.MaskedArray
    one[0] = 7.0
    its[4] = True
    assert (other[0], other[1], other[4]) == (7.0, np.ma.masked, np.ma.masked)


@pytest.mark.parametrize("code", [False, True])
def test_masked_arrays_share_a_mask_as_before(code: bool) -> None:
    whole = np.ma.masked_array(np.arange(6.0).reshape(2, 3), [[0, 1, 0], [0, 0, 1]])
    value = {"m": whole, "root": -whole, "row": whole[1], "more": (lambda: 1) if code else 1}
    before = [np.shares_memory(whole.mask, value[name].mask) for name in ("root", "row")]
    back, _ = again(value)
    assert [np.shares_memory(back["m"].mask, back[name].mask) for name in ("root", "row")] == before
    back["m"][1, 0] = np.ma.masked
    whole[1, 0] = np.ma.masked
    for name in ("m", "root", "row"):
        assert back[name].tolist() == value[name].tolist()
        assert back[name].data.tolist() == value[name].data.tolist()


def test_hundreds_of_columns_of_a_masked_array_are_views_of_it() -> None:
    whole = np.ma.masked_array(np.zeros((20, 300)), np.zeros((20, 300), bool))
    back, size = again([whole[:, number] for number in range(300)])
    assert size < 2 * (whole.nbytes + whole.mask.nbytes) + 300 * 300
    assert np.shares_memory(back[0].data.base, back[299].data.base)
    assert [column.shape for column in back] == [(20,)] * 300


def test_a_masked_array_keeps_how_it_is_masked() -> None:
    hard = np.ma.masked_array([1, 2], [0, 1], fill_value=9)
    hard.harden_mask()
    none = np.ma.masked_array(["2020", "2021"], dtype="M8[D]")
    rows = np.ma.masked_array(np.zeros(3, dtype=[("a", "i4"), ("b", "f8")]), [(0, 1)] * 3)
    things = np.ma.masked_array(np.array([[1], None, "x"], object), [0, 0, 1])
    for value in (hard, none, rows, things, rows["b"], np.ma.masked_array(3), hard[:0]):
        (back, _), _ = again([value, 1])
        assert (back.dtype, back.shape, back.tolist()) == (value.dtype, value.shape, value.tolist())
        assert (back.hardmask, back.sharedmask) == (value.hardmask, value.sharedmask)
        assert repr(back.fill_value) == repr(value.fill_value)
        assert (back.mask is np.ma.nomask) == (value.mask is np.ma.nomask)
    assert again([np.ma.masked, 1])[0][0] is np.ma.masked


def test_a_masked_array_that_numpy_wrote_is_loaded() -> None:
    import pickle

    value = np.ma.masked_array([1.0, 2.0], [0, 1])
    assert codecs.decode(codecs.PICKLE, pickle.dumps(value, 5)).tolist() == [1.0, None]


@pytest.mark.parametrize("what", shared_and_lost())
@pytest.mark.parametrize("code", [False, True])
def test_what_cannot_come_back_as_shared_is_refused(what: str, code: bool) -> None:
    value = shared_and_lost()[what]
    with pytest.raises(UnstorableResult, match=r"shares? memory"):
        again([value, (lambda: 1) if code else 1])


def test_what_only_might_share_is_stored() -> None:
    numbers = np.zeros(10)
    rows = np.zeros(5, dtype=[("x", "f8"), ("y", "i4")])
    pairs = np.empty(5, dtype=[("o", object), ("n", "i8")])
    raw = bytearray(80)
    for value in (
        [np.ma.masked_array(numbers[:5]), numbers[5:]],
        [pairs, pairs.copy()["o"]],
        [np.frombuffer(raw, "u1"), bytearray(80)],
        [np.frombuffer(bytes(raw)), bytes(raw)],
        [np.zeros(5).view(Own), numbers],
        [rows[0], rows[1:], rows[0].copy(), np.void(b"abc")],
        [pairs[0], pairs[1], pairs[2:]],
        [np.empty(3, dtype=[("o", object)]).view(np.recarray)[0]],
    ):
        back, _ = again(value)
        assert [type(part) for part in back] == [type(part) for part in value]


def test_arrays_on_one_buffer_stay_together_in_parts(cache: dumbo.Cache) -> None:
    @cache.memo(keep="always")
    def make(n: int) -> dict[str, Any]:
        raw = bytearray(n)
        return {"a": np.frombuffer(raw, "u1"), "b": np.frombuffer(memoryview(raw)[n // 2 :], "u1")}

    @cache.memo(keep="always")
    def with_buffer(n: int) -> dict[str, Any]:
        raw = bytearray(n)
        return {"a": np.frombuffer(raw, "u1"), "b": [raw], "c": np.zeros(n)}

    @cache.memo(keep="always")
    def strided(n: int) -> dict[str, Any]:
        whole = np.zeros(n)
        window = np.lib.stride_tricks.as_strided
        return {"a": window(whole, (n // 2,), (8,)), "b": window(whole, (n // 3,), (16,))}

    for function in (make, strided):
        function(300_000)
        back = function(300_000)
        assert function.cache_info().hits == 1
        back["a"][200_000 if function is make else 2] = 7
        assert back["b"][50_000 if function is make else 1] == 7
    with_buffer(300_000)
    (reason,) = with_buffer.cache_info().reasons
    assert "share memory" in reason


def test_a_row_of_what_is_in_a_part_is_seen(desk: Desk) -> None:
    rows = np.zeros(30_000, dtype=[("x", "f8"), ("y", "i4")])
    with pytest.raises(UnstorableResult, match="share memory"):
        desk.save(1, {"rows": [rows, "x" * 200_000], "first": rows[0]})
    value = {"rows": [rows, "x" * 200_000], "first": rows[0].copy()}
    assert desk.save(2, value).codec == "parts"


def test_arrays_that_lie_in_one_payload_are_parts_of_their_own(desk: Desk) -> None:
    desk.save(1, (Holder(np.zeros(40_000)), Holder(np.ones(40_000))))
    one, other = desk.load(1)
    assert desk.save(2, [one.array, other.array]).codec == "parts"
    assert len(desk.store.entries_of("dumbo:parts")) == 2


FRAMES: dict[str, Callable[[Any], Any]] = {
    "column": lambda frame: frame["a"],
    "rows": lambda frame: frame.head(50),
    "shallow": lambda frame: frame.copy(deep=False),
}


@pytest.mark.parametrize("kind", [float, object])
@pytest.mark.parametrize("name", FRAMES)
def test_writing_to_one_frame_changes_another_as_it_did_before(name: str, kind: Any) -> None:
    pd = pytest.importorskip("pandas")

    def changed(frame: Any, other: Any) -> bool:
        if name == "column":
            other.iloc[0] = 99.0
        else:
            other.iloc[0, 0] = 99.0
        return bool(frame.iloc[0, 0] == 99.0)

    frame = pd.DataFrame({"a": np.arange(1000.0).astype(kind), "b": np.arange(1000.0)})
    (one, other), _ = again([frame, FRAMES[name](frame)])
    assert changed(one, other) == changed(frame, FRAMES[name](frame))


def test_frames_that_share_with_an_array_are_refused() -> None:
    pd = pytest.importorskip("pandas")
    if int(pd.__version__.partition(".")[0]) < 3:
        pytest.skip("frames share for all to see")
    numbers = np.zeros((50, 2))
    frame = pd.DataFrame(numbers, copy=False)
    (one, other), _ = again([numbers, frame])
    assert np.shares_memory(one, other.to_numpy())
    with pytest.raises(UnstorableResult, match="share memory"):
        again([numbers, frame, frame.copy(deep=False)])


def test_what_only_shows_the_memory_of_several_frames_comes_back_apart_from_them() -> None:
    pd = pytest.importorskip("pandas")
    if int(pd.__version__.partition(".")[0]) < 3:
        pytest.skip("frames share for all to see")
    frame = pd.DataFrame({"a": np.arange(50), "b": np.arange(50.0)})
    shown = frame["b"].to_numpy()
    (head, tail, one, two), _ = again([frame.iloc[:25], frame.iloc[25:], shown, shown[30:]])
    assert (one.flags.writeable, one.tolist()) == (False, shown.tolist())
    assert np.shares_memory(one, two)  # among themselves as before
    head.iloc[0, 1] = 99.0
    assert (head.iloc[0, 1], one[0], tail.iloc[0, 1]) == (99.0, 0.0, 25.0)
