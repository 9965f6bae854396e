"""Lazy results: where they lie is known at once, what they are when they are touched."""

from __future__ import annotations

import asyncio
import copy
import pickle
import sys
from pathlib import Path

import pytest

import dumbo
from dumbo import Cache, InvalidUse, StorageError
from dumbo.memory import epoch

pytest.importorskip("wrapt", minversion="2.0")

Ran = list[object]


def numbers(n):
    sys.audit("ran", n)
    return list(range(n))


@pytest.fixture
def f(cache: Cache):
    return cache.memo(keep="always", name="numbers")(numbers)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The functions whose results were loaded."""
    from dumbo.persistence.store import Store

    real, done = Store.load, []

    def load(self, record, **rest):
        done.append(record.function)
        return real(self, record, **rest)

    monkeypatch.setattr(Store, "load", load)
    return done


def test_nothing_is_loaded_before_it_is_touched(f, ran: Ran, loads: list[str]) -> None:
    f(3)
    result = f.lazy(3)
    assert repr(result).startswith("<lazy result of numbers: ")
    assert repr(result).endswith(" bytes, not loaded>")
    assert loads == []
    assert len(result) == 3
    assert loads == ["numbers"]
    assert result == [0, 1, 2]
    assert repr(result) == "[0, 1, 2]"
    assert loads == ["numbers"]
    assert ran == [3]


def test_what_is_not_stored_is_computed_and_stored(f, ran: Ran) -> None:
    assert list(f.lazy(3)) == [0, 1, 2]
    assert f(3) == [0, 1, 2]
    assert ran == [3]


def test_calls_are_lazy_if_the_decorator_says_so(cache: Cache, ran: Ran, loads: list[str]) -> None:
    f = cache.memo(lazy=True)(numbers)
    for _ in range(2):
        assert "not loaded" in repr(f(3))
    assert loads == []
    assert f(3) == [0, 1, 2]
    assert ran == [3]


def test_it_passes_for_the_value(f) -> None:
    result = f.lazy(3)
    assert isinstance(result, list)
    assert not isinstance(result, tuple)
    assert result + [3] == [0, 1, 2, 3]  # noqa: RUF005 - the operator is the case
    assert result[1:] == [1, 2]
    result.append("changed")
    assert result[-1] == "changed"
    assert f(3) == [0, 1, 2]


def test_copies_and_pickles_are_the_value(f) -> None:
    result = f.lazy(3)
    for made in (copy.copy(result), copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        assert type(made) is list
        assert made == [0, 1, 2]
    assert copy.deepcopy({"deep": [f.lazy(2)]}) == {"deep": [[0, 1]]}


def test_it_is_computed_again_if_it_has_gone(f, ran: Ran) -> None:
    large = f.lazy(100_000)
    for path in Path(f._keeper.shelf.directory).glob("blobs/*/*"):
        path.unlink()
    assert len(large) == 100_000
    assert ran == [100_000] * 2


def test_it_is_not_computed_with_other_arguments_than_it_was(cache: Cache, ran: Ran) -> None:
    @cache.memo(keep="always")
    def g(words):
        return [*words, "x" * 5000]

    words = ["a"]
    result = g.lazy(words)
    for path in Path(cache.directory).glob("blobs/*/*"):
        path.unlink()
    epoch.number += 1
    words.append("b")
    with pytest.raises(StorageError, match="arguments have changed"):
        len(result)


def test_an_array_counts_by_what_is_stored_unloaded(
    cache: Cache, ran: Ran, loads: list[str]
) -> None:
    np = pytest.importorskip("numpy")

    @cache.memo(keep="always", name="array")
    def array(n):
        sys.audit("ran", "array")
        return np.arange(n)

    @cache.memo(keep="always", name="total")
    def total(values):
        sys.audit("ran", "total")
        return int(values.sum())

    array(300_000)
    assert total(array.lazy(300_000)) == total(array.lazy(300_000)) == 299_999 * 150_000
    assert ran == ["array", "total"]
    assert loads.count("array") == 1  # when the total was computed
    assert total(array.lazy(300_001)) == 300_000 * 300_001 // 2
    touched = array.lazy(300_000)
    touched[0] = 7  # what was touched may have been changed: it counts by what it is
    assert total(touched) == 299_999 * 150_000 + 7


def test_what_may_hold_code_counts_by_itself(cache: Cache, f, ran: Ran, loads: list[str]) -> None:
    @cache.memo(keep="always", name="total")
    def total(values):
        sys.audit("ran", "total")
        return sum(values)

    f(4)
    assert total(f.lazy(4)) == total(f.lazy(4)) == 6
    assert ran == [4, "total"]
    assert loads.count("numbers") == 2


def test_a_lazy_result_in_an_exception_is_stored_as_the_value(cache: Cache) -> None:
    @cache.memo(lazy=True, keep="always")
    def numbers(n):
        return [n]

    @cache.memo(keep="always")
    def found():
        return [OSError(2, numbers(3)), ValueError(numbers(3)), KeyError({"x": [numbers(4)]})]

    found()
    assert [error.args for error in found()] == [(2, [3]), ([3],), ({"x": [[4]]},)]
    assert found.cache_info().hits == 1


def test_a_lazy_result_that_is_returned_is_stored_as_the_value(cache: Cache, f, ran: Ran) -> None:
    @cache.memo(keep="always", track_deps=False)
    def outer(n):
        sys.audit("ran", "outer")
        return f.lazy(n)

    assert outer(3) == outer(3) == [0, 1, 2]
    assert ran == ["outer", 3]


def test_disabled_runs_plainly(f, ran: Ran) -> None:
    f(3)
    with dumbo.disabled():
        assert type(f.lazy(3)) is list
    assert ran == [3, 3]


def test_methods(cache: Cache) -> None:
    class Model:
        rate = 2

        @cache.memo(keep="always")
        def scaled(self, n):
            return [self.rate * i for i in range(n)]

    assert Model().scaled.lazy(3) == [0, 2, 4]


def test_coroutines_and_generators_cannot_be_lazy(cache: Cache) -> None:
    async def coroutine():
        return 1

    def generator():
        yield 1

    for function in (coroutine, generator):
        with pytest.raises(InvalidUse, match="cannot be lazy"):
            cache.memo(lazy=True)(function)
        with pytest.raises(InvalidUse, match="cannot be lazy"):
            cache.memo(function).lazy()
    assert asyncio.run(cache.memo(coroutine)()) == 1


# Parts


def model(n):
    sys.audit("ran", n)
    text = "w" * 200_000
    return {"weights": text, "again": text, "words": words_of(n), "epochs": n}


def words_of(n):
    return [*(f"{number:015d}" for number in range(11_000)), n]


def test_each_part_of_a_result_is_lazy_by_itself(cache: Cache, ran: Ran, loads: list[str]) -> None:
    f = cache.memo(keep="always", name="model")(model)
    f(3)
    result = f.lazy(3)
    assert repr(result) == "<lazy result of model: 398 kB, not loaded>"
    assert isinstance(result, dict)
    assert result["epochs"] == 3
    assert loads == []
    assert repr(result["words"]) == "<lazy part 'words' of model: 198 kB, not loaded>"
    assert repr(dict(result)).count("not loaded") == 3
    assert result["words"][-1] == 3
    assert loads == ["dumbo:parts"]
    assert result["weights"] is result["again"]
    assert result == model(3)
    assert loads == ["dumbo:parts"] * 2
    assert result["weights"].upper() == "W" * 200_000
    assert ran == [3, 3]


def test_copies_and_pickles_of_it_hold_values(cache: Cache) -> None:
    f = cache.memo(keep="always", name="model")(model)
    f(3)
    for made in (copy.deepcopy(f.lazy(3)), pickle.loads(pickle.dumps(f.lazy(3)))):
        assert type(made) is dict
        assert [type(value) for value in made.values()] == [str, str, list, int]
        assert made["weights"] is made["again"]
        assert made == model(3)


def test_a_part_that_has_gone_is_computed_again(cache: Cache, ran: Ran) -> None:
    f = cache.memo(keep="always", name="model")(model)
    for lazily in (f, cache.memo(keep="always", lazy=True, name="model")(model)):
        f(3)
        result = lazily.lazy(3)
        assert result["epochs"] == 3
        for path in Path(cache.directory).glob("blobs/*/*"):
            path.unlink()
        epoch.number += 1
        ran.clear()
        assert result["words"][-1] == 3
        assert ran == [3]


def test_a_part_counts_by_what_is_stored_unloaded(cache: Cache, ran: Ran, loads: list[str]) -> None:
    np = pytest.importorskip("numpy")

    @cache.memo(keep="always", name="both")
    def both(n):
        return {"a": np.arange(n), "b": np.arange(n), "c": [object.__name__] * 100_000}

    @cache.memo(keep="always", name="total")
    def total(values):
        sys.audit("ran", "total")
        return len(values)

    both(100_000)
    for _ in range(2):
        assert total(both.lazy(100_000)["a"]) == 100_000
    assert ran == ["total"]
    assert loads.count("dumbo:parts") == 1  # when it was computed
    assert total(both.lazy(100_000)["b"]) == 100_000  # the same bytes
    assert ran == ["total"]
    assert total(both.lazy(100_000)["c"]) == 100_000  # loaded, for it might hold code
    touched = both.lazy(100_000)["a"]
    touched[0] = 7
    assert total(touched) == 100_000
    assert ran == ["total"] * 3


def test_a_part_that_is_returned_is_stored_as_its_value(cache: Cache, ran: Ran) -> None:
    f = cache.memo(keep="always", name="model")(model)

    @cache.memo(keep="always", name="words")
    def words(n):
        sys.audit("ran", "words")
        return f.lazy(n)["words"]

    assert words(2)[-1] == 2
    epoch.number += 1
    found = words(2)
    assert type(found) is list
    assert found == words_of(2)
    assert ran == ["words", 2]


def test_parts_of_parts_are_lazy_too(cache: Cache, loads: list[str]) -> None:
    def make(n):
        return {"model": {"weights": "w" * n, "n": n}}

    f = cache.memo(keep="always", name="made")(make)
    f(200_000)
    result = f.lazy(200_000)
    assert result["model"]["n"] == 200_000
    said = "<lazy part 'model', 'weights' of made: 200 kB, not loaded>"
    assert repr(result["model"]["weights"]) == said
    assert loads == []
    for path in Path(cache.directory).glob("blobs/*/*"):
        path.unlink()
    epoch.number += 1
    assert result["model"]["weights"].upper() == "W" * 200_000


def test_a_result_that_holds_a_lazy_one_is_stored_with_its_value(cache: dumbo.Cache) -> None:
    runs = []

    @cache.memo(keep="always", ignore=("log",))
    def inner(n: int, log: list[int] = runs) -> list[int]:
        log.append(n)
        return [n] * 3

    @cache.memo(keep="always")
    def outer(n: int) -> dict[str, object]:
        return {"lazy": inner.lazy(n), "same": 1}

    @cache.memo(keep="always")
    def itself(n: int) -> object:
        return inner.lazy(n)

    assert inner(1) == [1] * 3
    assert outer(1)["lazy"] == [1] * 3
    assert outer.cache_info().reasons == ()
    hit = outer(1)
    assert outer.cache_info().hits == 1
    assert type(hit["lazy"]) is list
    assert hit == {"lazy": [1] * 3, "same": 1}
    assert itself(1) == [1] * 3
    assert type(itself(1)) is list
    assert itself.cache_info().hits == 1
    assert runs == [1]
