"""Hits from memory: as right as those from disk."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import pytest

import dumbo
from dumbo import Cache, memory
from dumbo.arguments.hashing import digest
from dumbo.call import Call
from dumbo.memory import MISSING, is_unchanging, plain_key

Ran = list[object]


@pytest.fixture
def f(cache: Cache):
    @cache.memo(keep="always")
    def f(*args, **kwargs):
        sys.audit("ran", (args, kwargs))
        return [repr(args), repr(kwargs)]

    return f


def held(function, *args, **kwargs) -> bool:
    """Whether this call is in memory."""
    found = function._keeper.recall(args, kwargs)
    return found is not MISSING and type(found) is not Call  # one is to be gone on with


def warm(function, *args, **kwargs):
    """Compute, load from disk, and so hold in memory."""
    function(*args, **kwargs)
    return function(*args, **kwargs)


def test_a_result_that_was_loaded_is_in_memory(f, ran: Ran) -> None:
    warm(f, 1, "two", 2.5, None, b"x", k=True)
    assert held(f, 1, "two", 2.5, None, b"x", k=True)
    assert f.cache_info().hits == 2


def test_what_is_kept_in_memory_alone_comes_back_as_it_was_and_is_not_pickled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("_pickle.dumps", None)
    monkeypatch.setattr("_pickle.loads", None)
    shared = [1]
    value = [shared, {"a": (shared, -0.0, 1j, "\ud800")}, {1, 2}, frozenset((True,)), {b"x"}, None]
    payload = memory.plain_payload(value)
    assert payload is not None
    data, decode = payload
    back = decode(data)
    assert repr(back) == repr(value)
    assert back[0] is back[1]["a"][0] is not decode(data)[0]
    assert memory.plain_payload([bytearray(b"x")]) is None


def test_memory_needs_no_disk(f, cache: Cache, ran: Ran) -> None:
    warm(f, 1)
    (Path(cache.directory) / "index.sqlite").unlink()
    assert f(1) == ["(1,)", "{}"]
    assert len(ran) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        (0, 0.0),
        (False, 0),
        ("a", b"a"),
        ([1], [True]),
        ([0.0], [-0.0]),
        ((1, 2), [1, 2]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": [1, 2]}, {"a": (1, 2)}),
        ([b"ab"], [bytearray(b"ab")]),
        ([b"ab"], [memoryview(b"ab").cast("B")]),
        (float("nan"), -float("nan")),
        ({1: 2}, {True: 2}),
    ],
)
def test_what_differs_in_type_or_bits_is_another_call(f, one: object, other: object) -> None:
    assert plain_key((one,), {}) is None or plain_key((one,), {}) != plain_key((other,), {})
    assert warm(f, one) == [repr((one,)), "{}"]
    assert warm(f, other) == [repr((other,)), "{}"]
    assert warm(f, one) == [repr((one,)), "{}"]


def test_numbers_of_numpy_are_no_bytes(f) -> None:
    np = pytest.importorskip("numpy")
    values = [np.float64(1), np.float32(1), np.zeros(1), 1.0, np.float64(1).tobytes()]
    for value in values:
        digest(value)
    keys = [plain_key((value,), {}) for value in values]
    keys += [plain_key(([value],), {}) for value in values]
    assert None not in keys
    assert len(set(keys)) == len(keys)


def test_methods_of_the_users_are_never_asked() -> None:
    class Hostile:
        def __hash__(self):
            raise AssertionError

        __eq__ = __len__ = __bool__ = __hash__

    class Number(int):
        __hash__ = __eq__ = Hostile.__hash__

    for hostile in (Hostile(), Number(3), [Number(3)], {"k": Hostile()}):
        assert plain_key((hostile,), {}) is None
        assert plain_key((), {"k": hostile}) is None


def test_large_cyclic_and_deep_arguments_go_the_long_way() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    for value in ("x" * 2000, [["x" * 2000]], list(range(100)), cycle, [[[[[[1]]]]]]):
        assert plain_key((value,), {}) is None


def test_positional_and_keyword_arguments_are_told_apart() -> None:
    keys = [
        plain_key((1, 2), {}),
        plain_key((1,), {"a": 2}),
        plain_key((1,), {"b": 2}),
        plain_key((), {"a": 1, "b": 2}),
        plain_key((), {"a": 2, "b": 1}),
    ]
    assert len(set(keys)) == len(keys)


def test_every_hit_is_a_value_of_its_own(f, ran: Ran) -> None:
    warm(f, 1)
    for _ in range(3):
        assert held(f, 1)
        f(1).append("changed")
    assert f(1) == ["(1,)", "{}"]
    assert len(ran) == 1


def test_changing_an_argument_is_another_call(f, ran: Ran) -> None:
    words = ["a"]
    warm(f, words)
    words.append("b")
    assert f(words) == ["(['a', 'b'],)", "{}"]


def test_a_changed_helper_is_seen(cache: Cache, ran: Ran) -> None:
    scope: dict[str, object] = {"sys": sys}
    exec("def helper(): return 1", scope)
    exec("def f(x):\n    sys.audit('ran', x)\n    return helper() + x", scope)
    f = cache.memo(keep="always")(scope["f"])
    assert warm(f, 1) == 2
    exec("def helper(): return 10", scope)
    assert not held(f, 1)
    assert warm(f, 1) == 11
    assert ran == [1, 1]


def test_changed_globals_and_defaults_are_seen(cache: Cache, ran: Ran) -> None:
    scope: dict[str, object] = {"sys": sys, "RATES": [1]}
    exec("def f(x, *, k=1, m=2):\n    sys.audit('ran', x)\n    return RATES[0] + x + k", scope)
    plain = scope["f"]
    f = cache.memo(keep="always")(plain)
    assert warm(f, 1) == 3
    assert held(f, 1)
    scope["RATES"][0] = 5  # type: ignore[index]
    assert warm(f, 1) == 7
    plain.__kwdefaults__["k"] = 100  # type: ignore[attr-defined]
    assert warm(f, 1) == 106
    plain.__kwdefaults__ = {"k": 1, "m": 2}  # type: ignore[attr-defined]
    assert warm(f, 1) == 7


def test_a_default_that_can_change_in_place_is_read_at_each_call(cache: Cache, ran: Ran) -> None:
    def plain(x, seen=[]):  # noqa: B006
        sys.audit("ran", x)
        return [x, *seen]

    f = cache.memo(keep="always")(plain)
    assert warm(f, 1) == [1]
    plain.__defaults__[0].append(7)
    assert warm(f, 1) == [1, 7]


def test_what_is_removed_or_replaced_is_not_served_from_memory(f, cache: Cache, ran: Ran) -> None:
    warm(f, 1)
    f.forget(1)
    warm(f, 1)
    f.clear()
    warm(f, 1)
    cache.clear()
    warm(f, 1)
    assert len(ran) == 4
    f.insert("other", 1)
    assert f(1) == "other"
    assert f(1) == "other"
    f.recompute(1)
    assert f(1) == ["(1,)", "{}"]
    assert len(ran) == 5


def test_another_handle_that_clears_is_heard(f, cache: Cache, ran: Ran) -> None:
    warm(f, 1)
    Cache(cache.directory).clear()
    f(1)
    assert len(ran) == 2


def test_disabled_runs(f, ran: Ran) -> None:
    warm(f, 1)
    with dumbo.disabled():
        f(1)
    assert len(ran) == 2


def test_after_a_while_the_disk_is_asked_again(
    f, cache: Cache, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "FRESH", -1.0)
    warm(f, 1)
    assert not held(f, 1)
    f(1)
    assert len(ran) == 1


def test_what_is_held_is_bounded(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_RESULTS", 10)

    @cache.memo(keep="always")
    def f(x):
        return [x]

    for number in range(25):
        warm(f, number)
    kept = f._keeper.memory
    assert len(kept.by_identity) <= 10
    assert len(kept.by_call) <= 10
    before = memory._total
    kept.clear()
    assert memory._total <= before - 256
    assert kept._size == 0


def test_large_results_are_not_held(cache: Cache) -> None:
    @cache.memo(keep="always")
    def f(x):
        return "x" * 100_000

    warm(f, 1)
    assert not held(f, 1)


def test_methods_and_partials_are_right(cache: Cache, ran: Ran) -> None:
    from functools import partial

    class Model:
        rate = 1

        @cache.memo(keep="always")
        def method(self, x):
            sys.audit("ran", x)
            return self.rate * x

    model = Model()
    assert warm(model.method, 2) == 2
    model.rate = 5
    assert warm(model.method, 2) == 10

    def pair(box, x):
        return [*box, x]

    box = [1]
    f = cache.memo(keep="always")(partial(pair, box))
    assert warm(f, 2) == [1, 2]
    box.append(7)
    assert warm(f, 2) == [1, 7, 2]


def test_what_cannot_change() -> None:
    for value in (1, 1.5, 2j, "x", b"x", None, True, (1, ("x", frozenset((1, 2))))):
        assert is_unchanging(value)
    for value in ([1], {}, (1, [2]), {1}, object(), type("C", (int,), {})(3)):
        assert not is_unchanging(value)


# Objects


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = 2.5

    def scaled(self, by):
        return [self.x, by]


class Slotted:
    __slots__ = ("x",)

    def __init__(self, x: Any) -> None:
        self.x = x


class Partly:
    __dumbo_ignore__ = ("act",)

    def __init__(self, x: Any, act: Any) -> None:
        self.x = x
        self.act = act


def seen(value, *rest):
    sys.audit("ran", value.x)
    return [value.x, type(value).__name__]


@pytest.fixture
def g(cache: Cache):
    return cache.memo(keep="always", name="seen")(seen)


@pytest.mark.parametrize("make", [lambda: Point(1, "a"), lambda: Point([1, 2]), lambda: Slotted(1)])
def test_objects_of_plain_fields_are_found_in_memory(g, ran: Ran, make: Any) -> None:
    warm(g, make())
    assert held(g, make())
    assert g(make()) == [make().x, type(make()).__name__]
    assert len(ran) == 1


def test_their_fields_and_their_class_count() -> None:
    class Other(Point):
        pass

    values = [Point(1), Point(True), Point(1.0), Point(-0.0), Point(0.0), Point(1, [2.5]), Other(1)]
    values += [
        Point(None, 1),
        Slotted(1),
        Point([1]),
        Point((1,)),
        Point("a", "b"),
        Point("ab", ""),
    ]
    more = Point(1)
    more.z = None  # type: ignore[attr-defined]
    values.append(more)
    for value in values:
        digest(value)  # as the first call does, which makes the classes known
    keys = [plain_key((value,), {}) for value in values]
    assert None not in keys
    assert len(set(keys)) == len(keys)
    assert plain_key((Point(1), 2), {}) != plain_key((Point(2), 1), {})
    assert plain_key((1, Point(1)), {}) == plain_key((1, Point(1)), {})


def test_an_object_that_has_changed_is_another_call(g, ran: Ran) -> None:
    value = Point(1)
    warm(g, value)
    value.x = 2
    assert g(value) == [2, "Point"]
    assert len(ran) == 2


def test_objects_that_hold_more_than_plain_values_go_the_long_way() -> None:
    class Odd(int):
        pass

    class Unset:
        __slots__ = ("x",)

    for value in (Point(len), [Point(len)], Point({Odd(1)}), Unset(), Partly(1, None)):
        digest(value)
        assert plain_key((value,), {}) is None
    assert plain_key((object(),), {}) is None


def test_a_class_that_begins_to_leave_out_fields_is_seen(cache: Cache, ran: Ran) -> None:
    class Late:
        def __init__(self, x: Any) -> None:
            self.x = x

    f = cache.memo(keep="always")(seen)
    warm(f, Late(1))
    assert held(f, Late(1))
    Late.__dumbo_ignore__ = ("x",)  # type: ignore[attr-defined]
    assert not held(f, Late(1))


def test_a_changed_method_of_an_argument_is_seen(cache: Cache, ran: Ran) -> None:
    class Model:
        def __init__(self, x: Any) -> None:
            self.x = x

        def act(self):
            return self.x

    @cache.memo(keep="always")
    def f(model):
        return model.act()

    assert warm(f, Model(2)) == 2
    assert held(f, Model(2))
    Model.act = lambda self: self.x * 10  # type: ignore[method-assign]
    assert f(Model(2)) == 20


def test_methods_of_objects_with_plain_fields_are_found_in_memory(cache: Cache, ran: Ran) -> None:
    class Model:
        def __init__(self, rate: float) -> None:
            self.rate = rate

        @cache.memo(keep="always")
        def fit(self, n):
            sys.audit("ran", (self.rate, n))
            return [self.rate * n]

    for _ in range(3):
        assert Model(2.0).fit(3) == [6.0]
        assert Model(3.0).fit(3) == [9.0]
    assert ran == [(2.0, 3), (3.0, 3)]
    assert Model.__dict__["fit"]._keeper.recall((Model(2.0), 3), {}) == [6.0]


def test_no_code_of_the_users_runs_to_compare_objects(g, ran: Ran) -> None:
    class Guarded:
        def __init__(self, x: Any) -> None:
            self.x = x

        def __eq__(self, other: object) -> bool:
            raise AssertionError("asked")

        def __hash__(self) -> int:
            raise AssertionError("asked")

        def __getattribute__(self, name: str) -> Any:
            sys.audit("ran", name)
            return object.__getattribute__(self, name)

    value = Guarded(1)
    digest(value)
    ran.clear()
    assert plain_key((value,), {}) is not None
    assert ran == []


@pytest.mark.parametrize("readonly", [False, True])
def test_small_arrays_are_in_memory_and_each_hit_gives_a_new_one(
    cache: Cache, ran: Ran, *, readonly: bool
) -> None:
    np = pytest.importorskip("numpy")

    @cache.memo(keep="always")
    def f(n, order):
        sys.audit("ran", n)
        array = np.array([[n, 2.0], [3.0, 4.0]], order=order)
        array.flags.writeable = not readonly
        return array

    for order in "CF":
        first = warm(f, 1, order)
        assert held(f, 1, order)
        if not readonly:
            first[0, 0] = 77
        else:
            first.flags.writeable = True
            first[0, 0] = 77
        second = f(1, order)
        assert second.tolist() == [[1.0, 2.0], [3.0, 4.0]]
        assert (second.flags.writeable, second.flags.c_contiguous) == (not readonly, order == "C")
    assert len(ran) == 2


def test_small_tables_are_in_memory(cache: Cache, ran: Ran) -> None:
    pa = pytest.importorskip("pyarrow")

    @cache.memo(keep="always")
    def f(n):
        sys.audit("ran", n)
        return pa.table({"n": [n]})

    warm(f, 1)
    assert held(f, 1)
    assert f(1).to_pylist() == [{"n": 1}]
    assert len(ran) == 1


def test_each_form_of_one_call_is_found_in_memory(cache: Cache, ran: Ran) -> None:
    @cache.memo(keep="always")
    def f(x: int, flag: bool = False) -> list[int]:
        sys.audit("ran", x)
        return [x] if flag else []

    warm(f, 1, True)
    for _ in range(2):
        assert f(1, flag=True) == f(x=1, flag=True) == [1]
    assert f._keeper.recall((1,), {"flag": True}) == [1]
    assert f._keeper.recall((), {"x": 1, "flag": True}) == [1]
    assert len(ran) == 1


def test_what_is_defined_again_as_it_was_is_served_from_memory_again(
    cache: Cache, ran: Ran
) -> None:
    space: dict[str, Any] = {"cache": cache, "sys": sys, "__name__": __name__}
    helper = "def helper(x): return x + 1\n"
    exec(helper, space)
    exec("@cache.memo(keep='always')\ndef f(x): sys.audit('ran', x); return helper(x)", space)
    f = space["f"]
    warm(f, 1)
    exec(helper, space)
    assert f._keeper.recall((1,), {}) is MISSING
    assert f(1) == 2
    assert f._keeper.recall((1,), {}) == 2
    assert len(ran) == 1
