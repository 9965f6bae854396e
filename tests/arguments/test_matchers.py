"""What counts of an argument is what its matcher says: not more, not less, by no other way."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest

import dumbo
from dumbo import InvalidUse, by, memo

Ran = list[object]


class Model:
    """With a version of its data, and a lot that does not count."""

    def __init__(self, revision: int = 1, rest: object = None) -> None:
        self.revision = revision
        self.rest = rest

    def predict(self) -> int:
        return self.revision


class Lonely:
    __slots__ = ("x",)  # no weak references


def look(x: Any) -> int:
    sys.audit("ran", "look")
    return len(repr(type(x)))


def memoized(cache: dumbo.Cache, matcher: Any) -> Callable[[Any], Any]:
    return memo(look, cache=cache, keep="always", key={"x": matcher})  # type: ignore[return-value]


def distinct(cache: dumbo.Cache, ran: Ran, matcher: Any, *values: Any) -> list[int]:
    """For each of *values*, the number of the first that it shares an entry with."""
    f = memoized(cache, matcher)
    found: list[int] = []
    for number, value in enumerate(values):
        before = len(ran)
        f(value)
        if len(ran) > before:
            found.append(number)
            f.insert(number, value)  # type: ignore[attr-defined]
        else:
            found.append(f(value))
    return found


# -- words -------------------------------------------------------------------------------------


def test_content_counts_where_nothing_is_said(cache: dumbo.Cache, ran: Ran) -> None:
    assert distinct(cache, ran, by.content, [1], [1.0], [1], [2]) == [0, 1, 0, 3]


def test_what_is_ignored_counts_neither_by_data_nor_by_code(cache: dumbo.Cache, ran: Ran) -> None:
    values = (1, "a", Model(), look, iter([1]), object())
    assert distinct(cache, ran, by.ignore, *values) == [0] * 6


def test_a_function_says_what_counts(cache: dumbo.Cache, ran: Ran) -> None:
    assert distinct(cache, ran, by.value(len), "ab", [1, 2], "abc") == [0, 0, 2]


def test_a_version_counts_in_place_of_the_rest(cache: dumbo.Cache, ran: Ran) -> None:
    values = (Model(1, [1]), Model(1, object()), Model(2, [1]))
    assert distinct(cache, ran, by.version("revision"), *values) == [0, 0, 2]
    values = (Model(1, Model(7)), Model(2, Model(7)), Model(1, Model(8)))
    assert distinct(cache, ran, by.version("rest.revision"), *values) == [0, 0, 2]


def test_a_subset_of_the_items_of_a_dict(cache: dumbo.Cache, ran: Ran) -> None:
    values = ({"a": 1, "b": 2}, {"a": 1, "b": object()}, {"a": 1}, {"a": 2}, {"b": 1})
    assert distinct(cache, ran, by.subset("a"), *values) == [0, 0, 0, 3, 4]
    assert distinct(cache, ran, by.subset(["a", "c"]), *values[:2]) == [0, 0]


def test_a_sample_has_its_size_its_ends_and_what_lies_between(cache: dumbo.Cache, ran: Ran) -> None:
    long = list(range(1000))
    middle, last, longer = long[:], long[:], [*long, 1000]
    middle[500] = last[-1] = -1
    assert distinct(cache, ran, by.sample(10), long, middle, last, longer) == [0, 0, 2, 3]
    assert distinct(cache, ran, by.sample(2000), long, middle) == [0, 1]
    assert distinct(cache, ran, by.sample(1), "ab", "ac", "bb") == [0, 0, 2]
    assert distinct(cache, ran, by.sample(2), {1: 1, 2: 2, 3: 3}, {1: 1, 2: 0, 3: 3}) == [0, 0]


def test_a_shape_is_type_and_size(cache: dumbo.Cache, ran: Ran) -> None:
    assert distinct(cache, ran, by.shape, [1], [2], [1, 2], (1,), {1}, 5, 6) == [
        0,
        0,
        2,
        3,
        4,
        5,
        5,
    ]


def test_a_schema_is_types_and_names(cache: dumbo.Cache, ran: Ran) -> None:
    values = ({"a": 1}, {"a": 2}, {"b": 1}, {"a": 1.0}, [1, 2], [3], [1, "x"], ["x", 1])
    assert distinct(cache, ran, by.schema, *values) == [0, 0, 2, 3, 4, 4, 6, 6]


def test_unordered_counts_each_element_as_often_as_it_is_there(
    cache: dumbo.Cache, ran: Ran
) -> None:
    values = ([1, 2, 2], [2, 1, 2], [1, 1, 2], (1, 2, 2), [1, 2, 2.0])
    assert distinct(cache, ran, by.unordered, *values) == [0, 0, 2, 3, 4]
    values = ([[1], {}], [{}, [1]], [look, Model], [Model, look])
    assert distinct(cache, ran, by.unordered, *values) == [0, 0, 2, 2]
    values = ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 2, "b": 1})
    assert distinct(cache, ran, by.unordered, *values) == [0, 0, 2]


def test_rounding(cache: dumbo.Cache, ran: Ran) -> None:
    values = (1.001, 1.0049, 1.01, 1, {"a": [1.001]}, {"a": [1.002]}, -0.001, 0.0)
    assert distinct(cache, ran, by.rounded(2), *values) == [0, 0, 2, 3, 4, 4, 6, 6]
    assert distinct(cache, ran, by.rounded(-1), 101, 99, 110) == [0, 0, 2]


def test_two_matchers_do_not_share_entries(cache: dumbo.Cache, ran: Ran) -> None:
    for matcher in (by.content, by.sample(1), by.sample(2), by.shape, by.schema, by.rounded(1)):
        memoized(cache, matcher)([1])
    assert len(ran) == 6


# -- identity ----------------------------------------------------------------------------------


def test_identity_is_one_object_whatever_is_in_it(cache: dumbo.Cache, ran: Ran) -> None:
    a, b = Model(), Model()
    c, d = Lonely(), Lonely()
    values = (a, b, a, c, d, c, [1], [1])
    assert distinct(cache, ran, by.identity, *values) == [0, 1, 0, 3, 4, 3, 6, 7]
    a.revision = 9
    before = len(ran)
    memoized(cache, by.identity)  # another function: it has its own results
    assert len(ran) == before


def test_an_id_that_is_used_again_is_another_object(cache: dumbo.Cache, ran: Ran) -> None:
    f = memoized(cache, by.identity)
    for _ in range(20):
        f(Model())  # mostly at the address of the one before
    assert len(ran) == 20


def test_a_text_by_identity_is_found_again_and_never_written(cache: dumbo.Cache, ran: Ran) -> None:
    @memo(cache=cache, keep="always", key={"x": by.identity})
    def f(x: object) -> str:
        sys.audit("ran")
        return "a text that would be found"

    model = Model()
    for _ in range(3):
        assert f(model) == "a text that would be found"
    assert len(ran) == 1
    f(Model())
    assert len(ran) == 2
    cache.close()
    for folder, _, names in os.walk(cache.directory):
        for name in names:
            assert b"a text that would be found" not in Path(folder, name).read_bytes()


def test_a_result_by_identity_is_never_written(cache: dumbo.Cache, ran: Ran) -> None:
    @memo(cache=cache, keep="always", key={"x": by.identity})
    def f(x: Model) -> list[str]:
        sys.audit("ran")
        return ["a text that would be found"]

    model = Model()
    first = f(model)
    first.append("changed by the caller")
    assert f(model) == ["a text that would be found"]
    assert len(ran) == 1
    assert "hit" in f.why(model)
    cache.close() if hasattr(cache, "close") else None
    for folder, _, names in os.walk(cache.directory):
        for name in names:
            assert b"a text that would be found" not in Path(folder, name).read_bytes()
    assert f.clear() == 1
    f(model)
    assert len(ran) == 2


# -- near numbers ------------------------------------------------------------------------------


def test_the_nearest_stored_call_is_served(cache: dumbo.Cache, ran: Ran) -> None:
    f = memo(lambda x: x, cache=cache, keep="always", key={"x": by.approx(abs=1.0)})
    for x in (0.0, 1.5, 3.0):
        f.insert(x, x)
    assert [f(x) for x in (0.6, 0.7, 0.8, 2.2, 2.3, 4.0)] == [0.0, 0.0, 1.5, 1.5, 3.0, 3.0]
    assert f(4.1) == 4.1


def test_a_chain_of_small_steps_does_not_drift(cache: dumbo.Cache, ran: Ran) -> None:
    @memo(cache=cache, keep="always")
    def f(x: Annotated[float, by.approx(abs=0.01)]) -> float:
        return x

    for step in range(200):
        x = step * 0.004
        assert abs(f(x) - x) <= 0.01 + 1e-12


def test_relative_and_absolute_whichever_allows_more(cache: dumbo.Cache, ran: Ran) -> None:
    near = by.approx(rel=0.1, abs=0.5)
    assert distinct(cache, ran, near, 0.0, 0.5, 0.6, 100.0, 109.0, 112.0) == [0, 0, 2, 3, 3, 5]
    assert distinct(cache, ran, by.approx(rel=0.1), 0.0, 1e-300, -0.0) == [0, 1, 0]


def test_what_is_no_number_has_to_be_equal(cache: dumbo.Cache, ran: Ran) -> None:
    near = by.approx(abs=0.1)
    values = ([1.0, "a"], [1.05, "a"], [1.0, "b"], (1.0, "a"), [1, "a"], [1.0], 1.0, 1, True)
    assert distinct(cache, ran, near, *values) == [0, 0, 2, 3, 4, 5, 6, 7, 8]
    values = ({"a": 1.0}, {"a": 1.01}, {"b": 1.0}, 1 + 1j, 1.05 + 0.95j, None)
    assert distinct(cache, ran, near, *values) == [0, 0, 2, 3, 3, 5]
    inf, nan = float("inf"), float("nan")
    assert distinct(cache, ran, by.approx(rel=0.5), inf, 1e308, -inf, nan, inf, nan) == [
        0, 1, 2, 3, 0, 3,
    ]  # fmt: skip
    assert distinct(cache, ran, by.approx(rel=1e-3), 2**60, 2**60 + 1, 10**400) == [0, 1, 2]


def test_what_is_near_has_the_same_code_and_other_arguments(cache: dumbo.Cache, ran: Ran) -> None:
    @memo(cache=cache, keep="always")
    def f(x: Annotated[float, by.approx(abs=0.1)], y: int) -> float:
        sys.audit("ran")
        return x

    f(1.0, 1)
    f(1.01, 1)
    f(1.01, 2)
    assert len(ran) == 2


def test_a_near_result_that_is_gone_is_computed_from_the_arguments_at_hand(
    cache: dumbo.Cache, ran: Ran
) -> None:
    f = memo(lambda x: x, cache=cache, keep="always", key={"x": by.approx(abs=0.1)})
    f(1.0)
    f.forget(1.0)
    assert f(1.05) == 1.05
    assert f(1.0) == 1.05
    cache.clear()
    assert list(Path(cache.directory, "near").iterdir()) == []
    assert f(1.0) == 1.0


def test_recompute_stores_under_its_own_numbers(cache: dumbo.Cache, ran: Ran) -> None:
    f = memo(lambda x: x, cache=cache, keep="always", key={"x": by.approx(abs=0.1)})
    f(1.0)
    assert f.recompute(1.05) == 1.05
    assert [f(x) for x in (1.0, 1.02, 1.03, 1.05)] == [1.0, 1.0, 1.05, 1.05]


def test_damaged_neighbours_cost_a_recomputation(cache: dumbo.Cache, ran: Ran) -> None:
    f = memo(lambda x: x, cache=cache, keep="always", key={"x": by.approx(abs=0.1)})
    f(1.0)
    (path,) = Path(cache.directory, "near").iterdir()
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], bytes(len(whole)), whole[:20] + b"x" + whole[21:], b"x"):
        path.write_bytes(damaged)
        assert f(1.05) == 1.05
        assert f(1.051) == 1.05
        f.forget(1.05)


def test_arrays_within_tolerance(cache: dumbo.Cache, ran: Ran) -> None:
    np = pytest.importorskip("numpy")
    ones = np.ones(100)
    off = ones.copy()
    off[50] = 1.5
    values = (ones, ones + 0.01, off, ones.astype("f4"), ones.reshape(10, 10), ones[::-1])
    assert distinct(cache, ran, by.approx(abs=0.1), *values) == [0, 0, 2, 3, 4, 0]
    values = (np.float64(1), np.float64(1.05), 1.0, np.array(["a"]), np.array(["b"]))
    assert distinct(cache, ran, by.approx(abs=0.1), *values) == [0, 0, 2, 3, 4]
    big = np.array([2**62])
    assert distinct(cache, ran, by.approx(rel=0.1), big, big + 1) == [0, 1]
    nan = np.full(100, np.nan)
    assert distinct(cache, ran, by.approx(abs=0.1), nan, nan.copy(), ones * 9) == [0, 0, 2]


def test_frames_and_arrays_by_each_matcher(cache: dumbo.Cache, ran: Ran) -> None:
    np = pytest.importorskip("numpy")
    pd = pytest.importorskip("pandas")
    a = pd.DataFrame({"x": [1.0, 2.0, 3.0], "s": ["a", "b", "c"]})
    near, other, renamed = a.copy(), a.copy(), a.rename(columns={"x": "y"})
    near["x"] += 0.001
    other["s"] = ["a", "b", "d"]
    values = (a, near, other, renamed, a.iloc[:2])
    assert distinct(cache, ran, by.approx(abs=0.01), *values) == [0, 0, 2, 3, 4]
    assert distinct(cache, ran, by.rounded(1), *values) == [0, 0, 2, 3, 4]
    assert distinct(cache, ran, by.subset("x"), *values) == [0, 1, 0, 3, 4]
    assert distinct(cache, ran, by.shape, *values) == [0, 0, 0, 3, 4]
    assert distinct(cache, ran, by.schema, *values) == [0, 0, 0, 3, 0]
    assert distinct(cache, ran, by.sample(2), *values) == [0, 1, 2, 3, 4]
    array = np.arange(12.0).reshape(4, 3)
    values = (array, array[::-1], array + 1, array[:2], array.astype("f4"))
    assert distinct(cache, ran, by.unordered, *values) == [0, 0, 2, 3, 4]
    assert distinct(cache, ran, by.shape, *values) == [0, 0, 0, 3, 4]
    assert distinct(cache, ran, by.schema, *values) == [0, 0, 0, 0, 4]
    assert distinct(cache, ran, by.rounded(0), array, array + 0.1, array + 1) == [0, 0, 2]
    middle = array.copy()
    middle[1, 1] = -1
    assert distinct(cache, ran, by.sample(2), array, middle) == [0, 0]


def test_by_whatever_order_calls_come_the_nearest_within_tolerance_is_served(
    tmp_path: Path,
) -> None:
    pytest.importorskip("hypothesis")
    from hypothesis import given, settings
    from hypothesis import strategies as st

    @memo(cache=tmp_path / "c", keep="always", key={"x": by.approx(rel=0.1, abs=0.01)})
    def f(x: float) -> float:
        return x

    def is_near(a: float, b: float) -> bool:
        return a == b or abs(a - b) <= max(0.01, 0.1 * max(abs(a), abs(b)))

    def apart(a: float, b: float) -> float:
        return 0.0 if a == b else abs(a - b) / max(0.01, 0.1 * max(abs(a), abs(b)))

    @given(st.lists(st.floats(-2, 2), max_size=12))
    @settings(deadline=None, max_examples=25)
    def check(calls: list[float]) -> None:
        f.clear()
        computed: list[float] = []
        for x in calls:
            near = [other for other in computed if is_near(x, other)]
            served = f(x)
            if near:
                assert apart(x, served) == min(apart(x, other) for other in near)
            else:
                assert served == x
                computed.append(x)

    check()


# -- files -------------------------------------------------------------------------------------


def test_a_path_counts_by_what_lies_there(cache: dumbo.Cache, ran: Ran, tmp_path: Path) -> None:
    a, b, c = (tmp_path / name for name in "abc")
    a.write_text("1")
    b.write_text("1")
    c.write_text("2")
    values = (a, str(b), c, tmp_path / "missing", None, [a, b], [a, c])
    assert distinct(cache, ran, by.file(), *values) == [0, 0, 2, 3, 4, 5, 6]
    before = len(ran)
    f = memoized(cache, by.file())
    a.write_text("3")
    f(a)
    assert len(ran) == before + 1


def test_a_folder_and_a_glob_are_trees(cache: dumbo.Cache, ran: Ran, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "inner").mkdir(parents=True)
    (folder / "one.csv").write_text("1")
    (folder / "inner" / "two.csv").write_text("2")
    (folder / "notes.txt").write_text("n")
    f = memoized(cache, by.file())
    tree, flat, deep = str(folder), str(folder / "*.csv"), str(folder / "**" / "*.csv")

    def computed(*paths: str) -> list[str]:
        found = []
        for path in paths:
            before = len(ran)
            f(path)
            found += [path] if len(ran) > before else []
        return found

    every = (tree, flat, deep)
    assert computed(*every) == [tree, flat, deep]
    assert computed(*every) == []
    (folder / "notes.txt").write_text("m")
    assert computed(*every) == [tree]
    (folder / "inner" / "two.csv").write_text("3")
    assert computed(*every) == [tree, deep]
    (folder / "one.csv").rename(folder / "uno.csv")
    assert computed(*every) == [tree, flat, deep]
    (folder / "inner" / "empty").mkdir()
    assert computed(*every) == [tree]


def test_size_and_time_of_change_on_request(cache: dumbo.Cache, ran: Ran, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("1")
    os.utime(path, ns=(1, 1))
    f = memoized(cache, by.file("mtime"))
    f(path)
    path.write_text("2")
    os.utime(path, ns=(1, 1))
    f(path)
    assert len(ran) == 1
    os.utime(path, ns=(1, 2))
    f(path)
    assert len(ran) == 2


def test_a_file_that_changes_while_it_is_used_stores_nothing(
    cache: dumbo.Cache, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.write_text("1")

    @memo(cache=cache, keep="always", key={"x": by.file()})
    def f(x: Path) -> str:
        x.write_text("2")
        return x.read_text()

    assert f(path) == "2"
    path.write_text("1")
    assert f.get_entry(path) is None
    assert "changed while the function ran" in f.why(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_what_is_no_file_and_no_folder_is_not_read(
    cache: dumbo.Cache, ran: Ran, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop" / "again").symlink_to(tmp_path / "loop")
    f = memoized(cache, by.file())
    for value, why in (
        (tmp_path / "pipe", "neither a file nor a folder"),
        (tmp_path / "loop", "a link to a folder that it lies in"),
        (3, "takes paths"),
        ("a\0b", "no path"),
    ):
        f(value)
        assert why in f.why(value)  # type: ignore[attr-defined]


# -- what is left out must not come back -------------------------------------------------------


def test_code_in_what_is_left_out_does_not_count(cache: dumbo.Cache, ran: Ran) -> None:
    class A:
        pass

    class B:
        def __call__(self) -> int:
            return 1

    assert distinct(cache, ran, by.subset("a"), {"a": 1, "b": A()}, {"a": 1, "b": B()}) == [0, 0]
    assert distinct(cache, ran, by.version("revision"), Model(1, A()), Model(1, B())) == [0, 0]
    assert distinct(cache, ran, by.shape, [A()], [B()]) == [0, 0]
    assert distinct(cache, ran, by.value(len), [A()], [look]) == [0, 0]
    big = [A(), *range(98), A()]
    assert distinct(cache, ran, by.sample(2), big, [*big[:50], B(), *big[51:]]) == [0, 0]


def test_the_function_of_a_value_counts_as_code(cache: dumbo.Cache, ran: Ran) -> None:
    def counting(step: int) -> Callable[[Any], int]:
        return lambda x: len(x) + step

    for step in (1, 2, 1):
        memoized(cache, by.value(counting(step)))([1])
    assert len(ran) == 2


def test_the_methods_of_an_object_with_a_version_count(cache: dumbo.Cache, ran: Ran) -> None:
    @memo(cache=cache, keep="always", key={"model": by.version("revision")})
    def f(model: Any) -> Any:
        sys.audit("ran")
        return model.predict()

    def one(self: Model) -> int:
        return 1

    def two(self: Model) -> int:
        return 2

    class Changing(Model):
        predict = one

    assert f(Changing()) == 1
    Changing.predict = two  # type: ignore[assignment]
    assert f(Changing()) == 2
    Changing.predict = one
    assert f(Changing()) == 1
    assert len(ran) == 2


def test_a_matcher_that_cannot_read_its_argument_costs_the_entry(
    cache: dumbo.Cache, ran: Ran
) -> None:
    def raises(x: object) -> object:
        raise LookupError("no")

    for matcher, value, why in (
        (by.value(raises), 1, "LookupError"),
        (by.version("nothing"), Model(), "AttributeError"),
        (by.unordered, "text", "not a str"),
        (by.subset("a"), [1], "not a list"),
        (by.sample(3), Model(), "say by.value"),
    ):
        f = memoized(cache, matcher)
        f(value)
        f(value)
        assert why in f.why(value)  # type: ignore[attr-defined]
        assert "argument x" in f.why(value)  # type: ignore[attr-defined]
    assert len(ran) == 10


def run(source: str, namespace: dict[str, Any]) -> None:
    exec(compile(source, "source", "exec", dont_inherit=True), namespace)


# -- in signatures -----------------------------------------------------------------------------

Small = Annotated[float, "a remark", by.rounded(1)]


def test_an_annotation_says_how_an_argument_counts(cache: dumbo.Cache, ran: Ran) -> None:
    @memo(cache=cache, keep="always")
    def strings(x: Annotated[float, by.rounded(1)], y: Small, z: undefined.Name = 0) -> None:  # type: ignore  # noqa: F821, PGH003
        sys.audit("ran")

    def values(x, y):  # type: ignore[no-untyped-def]
        sys.audit("ran")

    values.__annotations__ = {"x": Annotated[float, by.rounded(1)], "y": Small}
    for f in (strings, memo(values, cache=cache, keep="always")):
        before = len(ran)
        f(1.01, 2.01)
        f(1.02, y=2.02)
        f(1.02, 2.2)
        assert len(ran) == before + 2


def test_names_in_an_annotation_are_those_where_it_stands(cache: dumbo.Cache, ran: Ran) -> None:
    digits = 1

    def length(x: Any) -> int:
        return len(x)

    @memo(cache=cache, keep="always")
    def f(x: Annotated[float, by.rounded(digits)], y: Annotated[str, by.value(length)]) -> None:
        sys.audit("ran")

    f(1.01, "a")
    f(1.02, "b")
    assert len(ran) == 1


def test_no_more_of_an_annotation_is_evaluated_than_is_needed(cache: dumbo.Cache) -> None:
    namespace: dict[str, Any] = {"memo": memo, "by": by, "Annotated": Annotated, "cache": cache}
    run(
        "def boom(): raise RuntimeError('evaluated')\n"
        "@memo(cache=cache, keep='always')\n"
        "def f(a: 'boom()', b: 'Annotated[boom(), boom(), by.rounded(1)]') -> 'boom()': ...\n",
        namespace,
    )
    f = namespace["f"]
    f(1, 1.01)
    assert "hit" in f.why(1, 1.02)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are evaluated at once")
def test_annotations_in_code_are_run_only_where_they_may_say_something(cache: dumbo.Cache) -> None:
    namespace: dict[str, Any] = {"memo": memo, "by": by, "Annotated": Annotated, "cache": cache}
    run(
        "def boom(): raise RuntimeError('evaluated')\n"
        "@memo(cache=cache, keep='always')\n"
        "def quiet(a: boom()): ...\n"
        "@memo(cache=cache, keep='always')\n"
        "def f(a: Later, b: Annotated[Later, by.rounded(1)]): ...\n",
        namespace,
    )
    f = namespace["f"]
    f(1, 1.01)
    assert "hit" in f.why(1, 1.02)


# -- what cannot be meant ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: by.approx(), "needs a tolerance"),
        (lambda: by.approx(rel=-1), "not negative"),
        (lambda: by.approx(abs=float("nan")), "not negative"),
        (lambda: by.approx(abs=True), "not negative"),
        (lambda: by.rounded(1.5), "decimal places"),  # type: ignore[arg-type]
        (lambda: by.sample(0), "1 or more"),
        (lambda: by.file("stat"), "'content' or 'mtime'"),  # type: ignore[arg-type]
        (lambda: by.version("a b"), "name of an attribute"),
        (lambda: by.value(3), "give a function"),  # type: ignore[arg-type]
        (lambda: by.subset(), "needs columns"),
        (lambda: by.subset([], {}), "hashable"),
    ],
)
def test_matchers_refuse_what_they_cannot_mean(make: Callable[[], object], why: str) -> None:
    with pytest.raises(InvalidUse, match=why):
        make()


def test_impossible_combinations_are_errors_at_decoration() -> None:
    near: Any = by.approx(rel=0.1)

    def f(x: Any, *args: Any, y: Any = 0, **kwargs: Any) -> None: ...

    def said(x: Annotated[float, by.approx(rel=0.1)]) -> None: ...
    def twice(x: Annotated[float, by.rounded(1), by.approx(rel=0.1)]) -> None: ...
    def later(x: Annotated[float, by.value(not_yet)]) -> None: ...  # type: ignore  # noqa: F821, PGH003

    def many(x: Any) -> Any:
        yield x

    cases: list[tuple[Any, dict[str, Any], str]] = [
        (many, {"key": {"x": by.identity}}, "a generator yields is recorded on disk"),
        (f, {"key": {"z": near}}, "no parameter; there are: x, args, y, kwargs"),
        (f, {"key": {"args": near}}, r"\*args"),
        (f, {"key": {"kwargs": near}}, r"\*\*kwargs"),
        (f, {"key": {"x": near}, "ignore": ["x"]}, "is ignored, and has"),
        (f, {"key": {"x": near, "y": by.identity}}, "cannot have both"),
        (f, {"key": {"x": by.approx}}, "needs a tolerance"),
        (f, {"key": {"x": by.value}}, "needs to know more"),
        (f, {"key": {"x": 3}}, "says nothing"),
        (f, {"key": [near]}, "give a dict"),
        (f, {"key": {1: near}}, "give a dict"),
        (said, {"key": {"x": by.rounded(1)}}, "two matchers"),
        (twice, {}, "two matchers in its annotation"),
        (later, {}, "uses 'not_yet', which has no value yet"),
    ]
    for function, keywords, why in cases:
        with pytest.raises(InvalidUse, match=why) as error:
            memo(**keywords)(function)
        assert __file__ in str(error.value)


def test_a_matcher_behind_a_wrapper_is_an_error() -> None:
    import functools

    def inner(path: Annotated[str, by.file()]) -> None: ...

    @functools.wraps(inner)
    def wrapper(*args: Any) -> None: ...

    with pytest.raises(InvalidUse, match="below the other decorator"):
        memo(wrapper)


def test_one_decorator_for_several_functions(cache: dumbo.Cache, ran: Ran) -> None:
    decorate = memo(cache=cache, keep="always", key={"x": by.ignore})

    @decorate
    def f(x: int, y: int) -> None:
        sys.audit("ran")

    @decorate
    def g(y: int, x: int) -> None:
        sys.audit("ran")

    f(1, 2), f(2, 2), g(1, 2), g(1, 3)
    assert len(ran) == 2
    assert "hit" in g.why(x=5, y=1)


def test_the_rest_of_the_arguments_as_one(cache: dumbo.Cache, ran: Ran) -> None:
    @memo(cache=cache, keep="always", key={"args": by.unordered, "kwargs": by.subset("a")})
    def f(*args: int, **kwargs: int) -> None:
        sys.audit("ran")

    f(1, 2, a=1, b=2)
    f(2, 1, a=1, b=3)
    f(2, 2, a=1)
    assert len(ran) == 2


def test_methods_may_ignore_or_version_their_object(cache: dumbo.Cache, ran: Ran) -> None:
    class Service:
        def __init__(self) -> None:
            self.revision = 1
            self.socket = iter([1])

        @memo(cache=cache, keep="always", key={"self": by.version("revision")})
        def ask(self, x: int) -> int:
            sys.audit("ran")
            return x

    Service().ask(1)
    Service().ask(1)
    assert len(ran) == 1
