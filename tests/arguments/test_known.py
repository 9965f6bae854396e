"""Read-only results are not hashed again; one that could have been changed always is."""

from __future__ import annotations

import gc
import mmap
import sys
from pathlib import Path
from typing import Any

import pytest

import dumbo
from dumbo.arguments import arrays, known
from dumbo.arguments.hashing import digest, token_of

np = pytest.importorskip("numpy")

Ran = list[object]
LARGE = 1 << 20


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes of each array were hashed."""
    counts: list[int] = []
    real = arrays.digest_of
    monkeypatch.setattr(
        arrays, "digest_of", lambda array: counts.append(array.nbytes) or real(array)
    )
    return counts


def on_bytes(n: int = 1000) -> Any:
    return np.frombuffer(np.arange(float(n)).tobytes())


def pipeline(cache: dumbo.Cache, size: int) -> Any:
    @cache.memo(keep="always", readonly=True)
    def make(n: int) -> Any:
        sys.audit("ran", "make")
        return np.arange(n, dtype="f8")

    @cache.memo(keep="always", readonly=True)
    def scale(x: Any) -> Any:
        sys.audit("ran", "scale")
        return {"scaled": x * 2, "first": x[0]}

    @cache.memo(keep="always")
    def total(x: Any) -> float:
        sys.audit("ran", "total")
        return float(x.sum())

    def run() -> float:
        return total(scale(make(size))["scaled"])

    return run


@pytest.mark.parametrize("megabytes", [4, pytest.param(500, marks=pytest.mark.slow)])
def test_the_second_run_of_a_pipeline_hashes_nothing_large(
    cache: dumbo.Cache, ran: Ran, hashed: list[int], megabytes: int
) -> None:
    size = megabytes * 125_000
    first = pipeline(cache, size)()
    assert first == float(np.arange(size, dtype="f8").sum() * 2)
    assert ran == ["make", "scale", "total"]
    # Once each, for what is written beside them.
    assert sum(hashed) == 2 * megabytes * 1_000_000
    hashed.clear()
    known.ARRAYS.clear()  # as in a new process
    assert pipeline(cache, size)() == first
    assert ran == ["make", "scale", "total"]
    assert [count for count in hashed if count >= LARGE] == []


def test_a_known_array_has_the_key_of_its_content(cache: dumbo.Cache, ran: Ran) -> None:
    @cache.memo(keep="always", readonly=True)
    def make() -> Any:
        return np.arange(200_000.0)

    make()
    array = make()
    assert known.recall(array) is not None
    for holder in (lambda x: x, lambda x: [x], lambda x: {"a": (x, x)}):
        assert digest(holder(array)) == digest(holder(np.arange(200_000.0)))
    assert digest(array[:10]) == digest(np.arange(10.0))


def test_nothing_can_write_to_what_is_handed_out(cache: dumbo.Cache) -> None:
    @cache.memo(keep="always", readonly=True)
    def make(n: int) -> Any:
        return [np.arange(float(n)), np.arange(float(n)), n]

    for n in (10, 300_000):
        for result in (make(n), make(n)):
            for array in result[:2]:
                with pytest.raises(ValueError, match="read-only"):
                    array[0] = 1
                if n == 10:
                    continue  # small ones lie in the pickle: that guards against mistakes
                with pytest.raises(ValueError, match="WRITEABLE"):
                    array.flags.writeable = True
                with pytest.raises(ValueError, match="WRITEABLE"):
                    array.view().flags.writeable = True


def test_what_was_not_stored_is_handed_out_read_only_too(cache: dumbo.Cache) -> None:
    buffer = np.zeros(5)

    @cache.memo(keep="never", readonly=True)
    def make() -> Any:
        return {"a": buffer, "b": buffer, "c": 1}

    result = make()
    assert not result["a"].flags.writeable
    assert result["a"] is result["b"]
    buffer[0] = 1  # the function's own stays as it was
    assert known.recall(result["a"]) is None


def test_without_readonly_results_stay_writable_and_are_hashed(
    cache: dumbo.Cache, hashed: list[int]
) -> None:
    @cache.memo(keep="always")
    def make() -> Any:
        return np.arange(200_000.0)

    make()
    array = make()
    assert known.recall(array) is None
    before = digest(array)
    array[0] = 7
    assert digest(array) != before


def test_what_may_be_written_to_is_never_known(tmp_path: Path) -> None:
    own = np.arange(10.0)
    flagged = own.copy()
    flagged.flags.writeable = False  # whoever owns it may take that back
    view = own.view()
    view.flags.writeable = False
    space = bytearray(80)
    hidden = np.frombuffer(memoryview(space).toreadonly())
    path = tmp_path / "f"
    path.write_bytes(bytes(80))
    with path.open("r+b") as file:
        shared = mmap.mmap(file.fileno(), 80)
        private = mmap.mmap(file.fileno(), 80, access=mmap.ACCESS_COPY)
    mapped = [np.frombuffer(memoryview(each).toreadonly()) for each in (shared, private)]
    objects = np.array([[1]], dtype=object)
    for array in (own, flagged, view, hidden, *mapped, objects):
        assert not known.remember(array, b"token")
        assert known.recall(array) is None
    assert known.remember(on_bytes(), b"token")


def test_an_array_that_was_changed_is_never_recognised() -> None:
    def reshaped(array: Any) -> None:
        array.shape = (10, 100)

    def cast(array: Any) -> None:
        array.dtype = "i8"

    def turned(array: Any) -> None:
        array.shape = (10, 100)
        array.strides = array.strides[::-1]

    for change in (reshaped, cast, turned):
        array = on_bytes()
        token = token_of(array)
        assert token is not None
        assert known.remember(array, token)
        before = digest(array)
        assert known.recall(array) == token
        try:
            change(array)
        except (AttributeError, DeprecationWarning, ValueError):
            continue  # newer versions of numpy refuse
        assert known.recall(array) is None
        assert digest(array) == digest(array.copy()) != before


def test_an_array_is_not_kept_alive_and_its_id_means_nothing_afterwards() -> None:
    seen = set()
    for n in range(50):
        array = on_bytes(n + 1)
        seen.add(id(array))
        assert known.recall(array) is None
        known.remember(array, b"%d" % n)
        assert known.recall(array) == b"%d" % n
        del array
    gc.collect()
    assert seen.isdisjoint(known.ARRAYS)
