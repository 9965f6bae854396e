"""Arrays that share memory share it after loading: who writes to one sees it in the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import dumbo
from dumbo.persistence import codecs

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
