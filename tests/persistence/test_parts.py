"""Results in parts: stored once, loaded alone, and the same again as a whole."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest

import dumbo
from dumbo.persistence import assembly, parts
from dumbo.persistence.store import Store

np = pytest.importorskip("numpy")

Old = namedtuple("Old", "x y")  # noqa: PYI024 - this form, too


class New(NamedTuple):
    x: Any
    y: Any = 0


@dataclasses.dataclass
class Data:
    x: Any
    y: Any = 0


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: Any
    y: Any = 0


@dataclasses.dataclass
class Peculiar:
    x: Any

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state, odd=True)


def large(n: int = 0) -> Any:
    return np.arange(40_000.0) + n


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "s")


def put(store: Store, value: object, name: str = "m:f") -> Any:
    return store.save(os.urandom(16), os.urandom(16), value, function=name, compute=1.0)


def again(store: Store, value: object) -> Any:
    record = put(store, value)
    assert record.codec == "parts"
    return store.load(record)


def stored(store: Store) -> int:
    return len(store.entries_of(assembly.LABEL))


@pytest.mark.parametrize(
    "make",
    [
        lambda a, b: {"x": a, "y": b, 3: "small"},
        lambda a, b: [a, b, None],
        lambda a, b: (a, b),
        lambda a, b: Old(a, b),
        lambda a, b: New(a, b),
        lambda a, b: Data(a, b),
        lambda a, b: Frozen(a, b),
    ],
)
def test_what_comes_back_has_the_shape_and_the_types_that_went_in(
    store: Store, make: Callable[..., Any]
) -> None:
    value = make(large(), "x" * 200_000)
    back = again(store, value)
    assert type(back) is type(value)
    assert stored(store) == 2
    pairs = zip(parts.take_apart(value).children, parts.take_apart(back).children, strict=True)  # type: ignore[union-attr]
    for mine, theirs in pairs:
        assert type(mine) is type(theirs)
        assert np.array_equal(mine, theirs)


def test_equal_parts_are_stored_once_across_results_and_functions(store: Store) -> None:
    put(store, {"w": large(), "b": large(1)}, "m:f")
    put(store, [large(), large(2)], "m:g")
    assert stored(store) == 3
    put(store, {"w": large().astype("f4")})
    put(store, {"w": np.asfortranarray(large().reshape(200, 200))})  # laid out otherwise
    assert stored(store) == 5


def test_an_object_that_is_there_twice_comes_back_as_one(store: Store) -> None:
    a = large()
    back = again(store, {"x": a, "y": a, "z": large(1)})
    assert back["x"] is back["y"]
    assert stored(store) == 2
    text = "x" * 200_000
    back = again(store, [text, text])
    assert back[0] is back[1]
    shared = [large(), "x"]
    back = again(store, {"x": [*range(20_000), shared], "y": [*range(20_000), shared]})
    assert back["x"][-1] is back["y"][-1]


def test_views_of_one_memory_stay_together(store: Store) -> None:
    a = large()
    before = stored(store)
    record = put(store, {"x": a, "y": a[::2], "z": large(5)})
    assert stored(store) == before + 2
    entry = dumbo.Entry(store, record)
    assert entry.parts["x"] == entry.parts["y"] != entry.parts["z"]
    assert np.array_equal(entry.part("y"), a[::2])


@pytest.mark.parametrize(
    "make",
    [
        lambda a, b: {"model": {"weights": a, "bias": b, "n": 1}, "loss": 0.5},
        lambda a, b: [{"layers": [{"w": a}, {"w": b}]}, "x"],
        lambda a, b: Data(New(a, 1), {"deep": (b,)}),
        lambda a, b: {"a": a, "rest": {"b": b, "words": ["w" * 200_000, 1]}},
    ],
)
def test_large_parts_of_parts_lie_by_themselves(store: Store, make: Any) -> None:
    value = make(large(1), large(2))
    back = again(store, value)
    assert shape(back) == shape(value)
    known = stored(store)
    assert known >= 2
    put(store, {"only": {"this": large(1)}})
    assert stored(store) == known


def shape(value: Any) -> Any:
    """What can be compared, with types."""
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if dataclasses.is_dataclass(value):
        return type(value), shape(vars(value))
    if isinstance(value, dict):
        return [(key, shape(held)) for key, held in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [shape(held) for held in value]
    return type(value), value


def test_what_is_shared_between_parts_of_parts_stays_shared(store: Store) -> None:
    both = large()
    words = ["a", "b" * 2000]
    value = {
        "x": {"a": both, "b": large(1)},
        "y": {"a": both},
        "z": {"c": large(2), "words": words},
        "words": words,
    }
    back = again(store, value)
    assert shape(back) == shape(value)
    assert back["x"]["a"] is back["y"]["a"]
    assert back["z"]["words"] is back["words"]


def test_what_leads_back_to_itself_stays_whole(store: Store) -> None:
    value: dict[str, Any] = {"x": large()}
    value["ring"] = [value, large(1)]
    back = store.load(put(store, value))
    assert back["ring"][0] is back
    inner: dict[str, Any] = {"w": large(2)}
    inner["ring"] = [inner]
    back = store.load(put(store, {"inner": inner, "y": large(3)}))
    assert back["inner"]["ring"][0] is back["inner"]
    assert np.array_equal(back["inner"]["w"], large(2))


def test_a_part_of_a_part_is_loaded_alone(
    cache: dumbo.Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    @cache.memo(keep="always")
    def fit(n: int) -> dict[Any, Any]:
        return {"model": {"weights": large(n), "bias": large(n + 1)}, "log": [[large(n + 2), 1]]}

    fit(0)
    entry = fit.get_entry(0)
    assert entry is not None
    assert list(entry.parts) == ["model", "log"]
    assert entry.parts["model"] > 640_000
    loaded: list[int] = []
    load = Store.load
    monkeypatch.setattr(Store, "load", lambda *args, **how: loaded.append(1) or load(*args, **how))
    assert np.array_equal(entry.part("model", "weights"), large())
    assert len(loaded) == 1
    assert entry.part("log", 0, 1) == 1
    assert len(loaded) == 1
    assert list(entry.part("model")) == ["weights", "bias"]
    assert len(loaded) == 3
    for path in (("model", "nothing"), ("log", 1), ("log", 0, 1, "x"), ("nothing", 0)):
        with pytest.raises(KeyError):
            entry.part(*path)
    assert fit.get_entry(0) is not None


def test_many_large_things_in_one_place_stay_together(store: Store) -> None:
    value = {"all": [large(n) for n in range(70)], "few": [large(n) for n in range(3)]}
    assert shape(again(store, value)) == shape(value)
    assert stored(store) == 1 + 3


def test_what_the_small_rest_refers_to_stays_in_it(store: Store) -> None:
    a = large()
    back = again(store, {"x": a, "rest": Data(a), "z": large(1)})
    assert back["rest"].x is back["x"]
    assert stored(store) == 1  # z


def test_what_is_not_seen_through_is_stored_whole(store: Store) -> None:
    for value in (
        {"x": [1, 2]},
        Peculiar(large()),
        [large()] * 2000,
        {"x": large(), "hidden": memoryview(bytearray(10))},
        large(),
    ):
        assert parts.split(value) is None or type(value) is dict
    record = put(store, Peculiar(large()))
    assert record.codec != "parts"
    assert store.load(record).odd


def test_what_comes_back_may_be_changed_and_stays_as_it_was(store: Store) -> None:
    frozen = large()
    frozen.flags.writeable = False
    record = put(store, {"x": large(), "frozen": frozen})
    back = store.load(record)
    back["x"][0] = -1
    assert store.load(record)["x"][0] == 0
    assert not back["frozen"].flags.writeable


def test_one_part_is_loaded_alone(cache: dumbo.Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    @cache.memo(keep="always")
    def fit(n: int) -> dict[Any, Any]:
        return {"weights": large(n), "bias": large(n + 1), "loss": 0.5, 1: "one"}

    fit(0)
    entry = fit.get_entry(0)
    assert entry is not None
    assert set(entry.parts) == {"weights", "bias"}
    assert entry.size > 2 * 320_000
    loaded: list[int] = []
    load = Store.load
    monkeypatch.setattr(Store, "load", lambda *args, **how: loaded.append(1) or load(*args, **how))
    assert np.array_equal(entry.part("weights"), large())
    assert len(loaded) == 1
    assert entry.part("loss") == 0.5
    assert entry.part(1) == "one"
    assert len(loaded) == 1
    for name in ("nothing", True, 1.0):
        with pytest.raises(KeyError):
            entry.part(name)


def test_a_part_of_what_is_stored_whole(cache: dumbo.Cache) -> None:
    @cache.memo(keep="always")
    def f(x: int) -> Any:
        return Data(x, [x])

    f(1)
    entry = f.get_entry(1)
    assert entry is not None
    assert entry.parts == {}
    assert entry.part("y") == [1]
    with pytest.raises(KeyError):
        entry.part("z")


def test_a_part_that_is_gone_or_damaged_costs_a_recomputation(
    cache: dumbo.Cache, ran: list[object]
) -> None:
    @cache.memo(keep="always")
    def f(x: int) -> dict[str, Any]:
        sys.audit("ran")
        return {"a": large(x), "b": large(x + 1)}

    def blobs() -> list[Path]:
        return [path for path in Path(cache.directory, "blobs").rglob("*") if path.is_file()]

    f(1)
    f(1)
    assert len(ran) == 1
    blobs()[0].unlink()
    assert np.array_equal(f(1)["a"], large(1))
    assert len(ran) == 2
    for path in blobs():
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    assert np.array_equal(f(1)["b"], large(2))
    assert np.array_equal(f(1)["b"], large(2))
    assert len(ran) == 3


@pytest.mark.parametrize("compress", [False, True])
def test_results_in_parts_outlive_the_index(tmp_path: Path, compress: bool) -> None:
    if compress and sys.version_info < (3, 14):
        pytest.importorskip("backports.zstd")
    store = Store(tmp_path / "c", compress=compress)
    value = {"a": large(1), "b": [0] * 200_000, "c": "small"}
    record = put(store, value)
    assert not any(one.inline for one in store.everything())
    store.close()
    for path in (tmp_path / "c").glob("index*"):
        path.unlink()
    fresh = Store(tmp_path / "c")
    found = fresh.find(record.closure, record.key)
    assert found is not None
    back = fresh.load(found)
    assert (back["a"] == value["a"]).all()
    assert (back["b"], back["c"]) == (value["b"], "small")
    fresh.close()


def test_parts_go_when_no_result_has_them(cache: dumbo.Cache) -> None:
    @cache.memo(keep="always")
    def f(x: int) -> dict[str, Any]:
        return {"a": large(), "b": large(x)}

    @cache.memo(keep="always")
    def g() -> list[Any]:
        return [large(), "x" * 300_000]

    f(1), f(2), g()
    store = cache.open()
    assert stored(store) == 4
    f.forget(1)
    assert stored(store) == 3
    f.clear()
    assert stored(store) == 2
    assert np.array_equal(g()[0], large())
    g.clear()
    assert stored(store) == 0


def test_frames_are_parts_too(store: Store) -> None:
    pd = pytest.importorskip("pandas")

    def frame(size: int) -> Any:
        return pd.DataFrame({"a": np.arange(size * 1.0), "b": np.arange(size)})

    back = again(store, {"train": frame(50_000), "test": frame(20_000), "n": 1})
    assert back["train"].equals(frame(50_000))
    assert stored(store) == 2
    whole = frame(50_000)
    back = again(store, {"train": whole, "test": whole.iloc[:20_000]})
    assert back["test"].equals(whole.iloc[:20_000])
    assert stored(store) == 3  # they share their columns, and stay together


def test_what_cannot_be_stored_is_said_of_the_result(cache: dumbo.Cache) -> None:
    @cache.memo(keep="always")
    def f() -> dict[str, Any]:
        return {"a": large(), "generator": (x for x in ())}

    f()
    assert '["generator"]' in f.why()


def test_what_is_pickled_is_not_loaded_where_that_is_not_allowed(store: Store) -> None:
    value = {"a": large(), "b": "x" * 200_000}
    record = put(store, value)
    store.close()
    careful = Store(store.directory, allow_pickle=False)
    (again,) = careful.entries_of("m:f")
    entry = dumbo.Entry(careful, again)
    for ask in (entry.load, lambda: entry.part("a"), lambda: entry.parts):
        with pytest.raises(dumbo.StorageError, match="allow_pickle=False"):
            ask()
    assert record.codec == again.codec == "parts"
    careful.clear("nothing")
    assert np.array_equal(store.load(record)["a"], large())


def test_what_has_too_many_children_is_not_even_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(parts, "take_apart", lambda value: taken.append(len(value)))
    for many in (list(range(2000)), tuple(range(2000)), dict.fromkeys(range(2000))):
        assert parts.split(many) is None
    assert taken == []
    parts.split([1, 2, 3])
    assert taken == [3]


class Node:
    """Equal to nothing but itself."""


def test_keys_that_values_hold_come_back_as_the_same_objects(store: Store) -> None:
    nodes = [Node() for _ in range(3)]
    for graph in (
        {node: nodes * 6000 for node in nodes},
        {"graph": {node: nodes * 6000 for node in nodes}},
        {(1, nodes[0]): [nodes[0]] * 20_000},
    ):
        back = store.load(put(store, graph))
        back = back.get("graph", back)
        keys = {id(key[1] if type(key) is tuple else key) for key in back if type(key) is not str}
        assert all(id(child) in keys for value in back.values() for child in value[:3])


def test_keys_that_nothing_else_holds_let_large_values_be_parts(store: Store) -> None:
    record = put(store, {("a", 1): large(), Path("a"): large(1), Node(): large(2)})
    assert record.codec == "parts"
    back = store.load(record)
    assert [float(array[0]) for array in back.values()] == [0, 1, 2]


def test_what_functions_and_classes_hold_is_shared_with_the_rest(store: Store) -> None:
    data = large()

    def change(value: float) -> None:
        data[0] = value

    class Table:
        rows = data

    for holder, reach in (
        (lambda default=data: default, lambda f: f()),
        (Table, lambda cls: cls.rows),
        (Table(), lambda table: table.rows),
        ([change], lambda held: held[0].__closure__[0].cell_contents),
    ):
        record = put(store, {"data": data, "holder": holder})
        assert record.codec != "parts"
        back = store.load(record)
        assert reach(back["holder"]) is back["data"]


class Scaled(tuple):  # type: ignore[type-arg]
    """Passes for a named tuple, but is not made of its fields."""

    __slots__ = ()
    _fields = ("x", "y")

    def __new__(cls, x: float, y: Any) -> Self:
        return tuple.__new__(cls, (x * 2, y))

    def __getnewargs__(self) -> Any:
        return self[0] / 2, self[1]


class Doubling(Old):
    __slots__ = ()

    def __new__(cls, x: float, y: Any) -> Self:
        return super().__new__(cls, x * 2, y)

    def __getnewargs__(self) -> Any:
        return self[0] / 2, self[1]


@pytest.mark.parametrize("kind", [Scaled, Doubling])
def test_a_tuple_with_fields_that_is_made_in_its_own_way_stays_whole(
    store: Store, kind: Any
) -> None:
    record = put(store, kind(1.0, large()))
    assert record.codec != "parts"
    back = store.load(record)
    assert (type(back), back[0]) == (kind, 2.0)


def test_a_named_tuple_whose_new_was_replaced_stays_whole(store: Store) -> None:
    plain: Any = New.__dict__["__new__"]
    New.__new__ = lambda cls, x, y=0: plain.__func__(cls, x, y)  # type: ignore[method-assign]
    try:
        assert put(store, New(large(), 1)).codec != "parts"
    finally:
        New.__new__ = plain  # type: ignore[method-assign]
    assert put(store, New(large(), 1)).codec == "parts"


def test_functions_and_classes_with_names_stay_beside_parts(store: Store) -> None:
    record = put(
        store, {"data": large(), "reduce": len, "kind": Data, "of": New(Data(1), os.path.join)}
    )
    assert record.codec == "parts"
    assert store.load(record)["kind"] is Data
