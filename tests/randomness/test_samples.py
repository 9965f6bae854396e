"""Functions that draw: what they are given, which of their samples a call is, and what is kept."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import pickle
import random
import subprocess
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dumbo
from dumbo import memo
from dumbo.by import approx
from tests.pythons import others

Ran = list[object]


# -- a generator that the caller leaves out ------------------------------------------------


def test_what_is_left_out_is_filled_in_and_the_same_each_time(cache: dumbo.Cache, ran: Ran) -> None:
    @cache.memo(seed="rng", keep="always")
    def walk(steps: int, rng: random.Random) -> list[float]:
        sys.audit("ran", steps)
        return [rng.random() for _ in range(steps)]

    first = walk(3)  # type: ignore[call-arg]
    assert walk(3) == walk(steps=3) == first  # type: ignore[call-arg]
    assert ran == [3]
    walk.forget(3)  # type: ignore[call-arg]
    assert walk(3) == first  # type: ignore[call-arg]
    assert ran == [3, 3]


def test_other_arguments_other_functions_and_other_root_seeds_draw_otherwise(
    cache: dumbo.Cache,
) -> None:
    def body(x: int, rng: random.Random = random.Random()) -> float:  # noqa: B008
        return rng.random()

    f = cache.memo(body, seed="rng", name="f")
    g = cache.memo(body, seed="rng", name="g")
    with dumbo.seeded(1):
        other = f(1)
    drawn = [f(1), f(2), g(1), other, *f.samples(1, n=4)[1:]]
    assert len(set(drawn)) == len(drawn)


def test_an_edit_keeps_the_draws(cache: dumbo.Cache) -> None:
    before: dict[str, Any] = {"random": random, "__name__": "m"}
    after = dict(before)
    exec("def f(x, rng: random.Random): return rng.random()", before)
    exec("def f(x, rng: random.Random): y = rng.random(); return -y", after)
    old, new = cache.memo(before["f"], seed="rng"), cache.memo(after["f"], seed="rng")
    assert new(1) == -old(1)


def test_the_order_of_calls_does_not_count(cache: dumbo.Cache) -> None:
    @cache.memo(seed="rng", keep="never")
    def f(x: int, rng: random.Random) -> float:
        return rng.random()

    there = {x: f(x) for x in range(9)}  # type: ignore[call-arg]
    assert {x: f(x) for x in reversed(range(9))} == there  # type: ignore[call-arg]


def test_who_gives_a_generator_is_an_ordinary_caller(cache: dumbo.Cache, ran: Ran) -> None:
    @cache.memo(seed="rng", samples=3, keep="always")
    def f(x: int, rng: random.Random) -> float:
        sys.audit("ran", x)
        return rng.random()

    assert f(1, random.Random(7)) == f(1, rng=random.Random(7)) == random.Random(7).random()
    assert ran == [1]
    used = random.Random(7)
    assert f(1, used) == random.Random(7).random()
    assert used.random() == random.Random(7).random(), "a hit does not advance it"
    assert f(1, used) != f(1, random.Random(7)), "by its state, which has gone on"
    assert len(ran) == 2


def test_none_that_is_given_is_given(cache: dumbo.Cache) -> None:
    @cache.memo(seed="rng")
    def f(rng: random.Random | None = None) -> object:
        return rng is None

    assert (f(), f(None), f(rng=None)) == (False, True, True)


def test_nothing_is_drawn_from_the_global_generators(cache: dumbo.Cache) -> None:
    @cache.memo(seed="rng", samples=3, draw="random")
    def f(x: int, rng: random.Random) -> float:
        return rng.random()

    random.seed(5)
    for _ in range(4):
        f(1)  # type: ignore[call-arg]
    assert random.random() == random.Random(5).random()


def test_the_signature_stays_as_it_is(cache: dumbo.Cache) -> None:
    def f(x: int, rng: random.Random) -> float:
        return rng.random()

    assert inspect.signature(cache.memo(f, seed="rng", samples=2)) == inspect.signature(f)


def test_methods_class_methods_static_methods_and_properties_draw(cache: dumbo.Cache) -> None:
    class Model:
        def __init__(self, rate: int) -> None:
            self.rate = rate

        @cache.memo(seed="rng")
        def noise(self, x: int, rng: random.Random) -> float:
            return rng.random()

        @cache.memo(seed="rng")
        @classmethod
        def of_class(cls, rng: random.Random) -> float:
            return rng.random()

        @cache.memo(seed="rng")
        @staticmethod
        def static(rng: random.Random) -> float:
            return rng.random()

        @property
        @cache.memo(seed="rng")
        def prop(self, rng: random.Random = random.Random()) -> float:  # noqa: B008
            return rng.random()

    def drawn(model: Any) -> list[float]:
        return [model.noise(1), model.of_class(), model.static(), model.prop]

    assert drawn(Model(1)) == drawn(Model(1))
    one, other = drawn(Model(1)), drawn(Model(2))
    assert (one[0] != other[0], one[1:3] == other[1:3], one[3] != other[3]) == (True, True, True)
    assert Model(1).noise.samples(1, n=2)[0] == one[0]


def test_partials_draw_too(cache: dumbo.Cache) -> None:
    from functools import partial

    def f(x: int, y: int, rng: random.Random) -> float:
        return rng.random()

    g = cache.memo(partial(f, 1), seed="rng", name="g")
    assert g(2) == g(y=2)
    fixed = cache.memo(partial(f, rng=random.Random(3)), seed="rng", name="h")
    assert fixed(1, 2) == random.Random(3).random()


def test_a_coroutine_function_draws(cache: dumbo.Cache, ran: Ran) -> None:
    @cache.memo(seed="rng", samples=2)
    async def f(x: int, rng: random.Random) -> float:
        sys.audit("ran", x)
        await asyncio.sleep(0)
        return rng.random()

    async def main() -> None:
        calls = [await f(1) for _ in range(3)]  # type: ignore[call-arg]
        assert calls[0] == calls[2] != calls[1]
        assert await f.samples(1) == calls[:2]
        assert (await f.samples(1, n=3))[:2] == calls[:2]
        assert len(ran) == 3

    asyncio.run(main())


def test_tasks_that_ask_at_once_draw_one_after_the_other(cache: dumbo.Cache, ran: Ran) -> None:
    @cache.memo(samples=3)
    async def f(x: int) -> str:
        sys.audit("ran", x)
        await asyncio.sleep(0.01)
        return uuid.uuid4().hex

    async def main() -> list[str]:
        return await asyncio.gather(*[f(1) for _ in range(6)])

    drawn = asyncio.run(main())
    assert len(set(drawn)) == len(ran) == 3
    assert drawn[3:] == drawn[:3]


def test_recursion_that_draws(cache: dumbo.Cache) -> None:
    @cache.memo(seed="rng", keep="always")
    def tree(depth: int, rng: random.Random) -> int:
        return rng.randrange(10) + (tree(depth - 1) if depth else 0)  # type: ignore[call-arg]

    whole = tree(60)  # type: ignore[call-arg]
    tree.clear()
    with dumbo.disabled():
        assert tree(60) == whole  # type: ignore[call-arg]


def test_a_generator_function_draws(cache: dumbo.Cache, ran: Ran) -> None:
    @cache.memo(seed="rng", samples=2)
    def f(n: int, rng: random.Random) -> Iterator[float]:
        sys.audit("ran", n)
        for _ in range(n):
            yield rng.random()

    with pytest.raises(TypeError, match="argument"):
        f()  # type: ignore[call-arg]
    one, other = list(f(3)), list(f(3))  # type: ignore[call-arg]
    assert one != other
    assert [list(f(3)), list(f(3))] == [one, other]  # type: ignore[call-arg]
    assert f.samples(3) == [one, other]
    assert ran == [3, 3]


def test_an_asynchronous_generator_function_draws(cache: dumbo.Cache) -> None:
    @cache.memo(seed="rng")
    async def f(n: int, rng: random.Random) -> AsyncIterator[float]:
        for _ in range(n):
            yield rng.random()

    async def main() -> None:
        one = [x async for x in f(3)]  # type: ignore[call-arg]
        assert [x async for x in f(3)] == one  # type: ignore[call-arg]
        assert len(set(one)) == 3

    asyncio.run(main())


def test_a_memoized_function_that_draws_survives_pickling() -> None:
    cloudpickle = pytest.importorskip("cloudpickle")

    @memo(seed="rng", samples=3, name="pickled")
    def f(x: int, rng: random.Random) -> float:
        return rng.random()

    again = pickle.loads(cloudpickle.dumps(f))
    assert again.samples(1, n=3) == f.samples(1, n=3)


def test_switched_off_it_draws_the_same(cache: dumbo.Cache, ran: Ran) -> None:
    @cache.memo(seed="rng", keep="always")
    def f(x: int, rng: random.Random) -> float:
        sys.audit("ran", x)
        return rng.random()

    drawn = f(1)  # type: ignore[call-arg]
    with dumbo.disabled():
        assert f(1) == drawn  # type: ignore[call-arg]
    with dumbo.read_only():
        assert f(2) == f(2)  # type: ignore[call-arg]
    assert ran == [1, 1, 2, 2]


def test_without_a_usable_cache_it_draws_the_same(tmp_path: Path) -> None:
    def body(x: int, rng: random.Random) -> float:
        return rng.random()

    f = dumbo.Cache(tmp_path / "one").memo(body, seed="rng")
    (tmp_path / "file").touch()
    g = memo(body, seed="rng")
    g._keeper.shelf.directory = str(tmp_path / "file")
    assert g(1) == f(1)  # type: ignore[call-arg]


def test_an_argument_without_a_key_draws_what_nobody_knows(cache: dumbo.Cache) -> None:
    @cache.memo(seed="rng")
    def f(x: object, rng: random.Random) -> float:
        return rng.random()

    items = iter([1])
    assert f(items) != f(items)  # type: ignore[call-arg]
    assert "not cached" in f.why(items)  # type: ignore[call-arg]


def test_what_hangs_on_inner_draws_hangs_on_the_root_seed(cache: dumbo.Cache, ran: Ran) -> None:
    @cache.memo(seed="rng", keep="always")
    def inner(x: int, rng: random.Random) -> float:
        return rng.random()

    @cache.memo(keep="always")
    def outer(x: int) -> float:
        sys.audit("ran", "outer")
        return inner(x) + 1  # type: ignore[call-arg]

    plain = outer(1)
    with dumbo.seeded(1):
        assert outer(1) == inner(1) + 1 != plain  # type: ignore[call-arg]
        assert outer(1) != plain
    assert outer(1) == plain
    assert ran == ["outer", "outer"]
    with dumbo.seeded(2):
        assert outer.why(1).startswith("no entry: the root seed changed")


def test_a_new_name_of_an_inner_function_that_draws_makes_outer_results_stale(
    cache: dumbo.Cache,
) -> None:
    space: dict[str, Any] = {"__name__": "m", "random": random}
    exec("def inner(x, rng: random.Random): return rng.random()\n"
         "def outer(x): return inner(x)", space)  # fmt: skip
    plain = space["inner"]
    space["inner"] = cache.memo(plain, seed="rng", name="one")
    outer = cache.memo(space["outer"], keep="always")
    before = outer(1)
    space["inner"] = cache.memo(plain, seed="rng", name="two")
    assert outer(1) == space["inner"](1) != before


def helper(rng: random.Random) -> float:
    return rng.random()


def test_tracing_does_not_take_the_default_for_what_is_filled_in(cache: dumbo.Cache) -> None:
    @cache.memo(seed="rng")
    def inner(rng: random.Random | None = None) -> float:
        if rng is None:
            return 0.0
        return helper(rng)

    def outer() -> float:
        return inner()

    graph = dumbo.deps(outer)
    assert any(str(node).endswith(":helper") for node in graph)


# -- kinds of generators -------------------------------------------------------------------


def test_each_kind_is_made_anew_and_alike() -> None:
    np = pytest.importorskip("numpy")

    def numpys(rng: np.random.Generator) -> Any:
        return rng.normal(size=3).tolist()

    def legacy(rng: np.random.RandomState) -> Any:
        return rng.normal(size=3).tolist()

    def seeds(rng: np.random.SeedSequence) -> Any:
        return rng.generate_state(3).tolist()

    def plain(rng: random.Random) -> Any:
        return [rng.random() for _ in range(3)]

    def number(seed: int) -> Any:
        return [seed]

    def default(rng=np.random.default_rng(0)):  # type: ignore[no-untyped-def]  # noqa: B008
        return rng.normal(size=3).tolist()

    for function in (numpys, legacy, seeds, plain, number, default):
        f = memo(function, seed=next(iter(inspect.signature(function).parameters)))
        g = memo(function, seed=True) if function is not default else f
        drawn = f.samples(n=3)
        assert drawn == f.samples(n=3) == g.samples(n=3), function
        assert len({str(one) for one in drawn}) == 3, function


def test_kinds_are_read_from_text_and_unions_and_what_type_checkers_see() -> None:
    pytest.importorskip("numpy")
    space: dict[str, Any] = {"__name__": "m"}
    exec(
        "import random, typing\nfrom random import Random as R\n"
        "def a(rng: 'R'): return type(rng)\n"
        "def b(rng: 'np.random.Generator | None' = None): return type(rng)\n"
        "def c(rng: typing.Optional[random.Random] = None): return type(rng)\n"
        "def d(rng: random.Random | int): return type(rng)\n"
        "def e(rng: 'typing.Annotated[int, 3]'): return type(rng)\n"
        "def f(rng: 'Generator'): return type(rng)\n"
        "def g(rng): return type(rng)\n",
        space,
    )
    names = [memo(space[name], seed="rng")().__name__ for name in "abcdefg"]  # type: ignore[call-arg]
    assert names == ["Random", "Generator", "Random", "Random", "int", "Generator", "Generator"]


def test_torch_gets_a_generator_of_its_own() -> None:
    torch = pytest.importorskip("torch")

    def f(rng: torch.Generator) -> Any:
        return torch.rand(3, generator=rng).tolist()

    drawn = memo(f, seed="rng").samples(n=3)
    assert len({str(one) for one in drawn}) == 3
    assert memo(f, seed="rng").samples(n=3) == drawn


def test_jax_gets_a_key() -> None:
    jax = pytest.importorskip("jax")

    def f(key: jax.Array) -> Any:
        return jax.random.normal(key, (3,)).tolist()

    drawn = memo(f, seed="key").samples(n=3)
    assert len({str(one) for one in drawn}) == 3
    assert memo(f, seed="key").samples(n=3) == drawn


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"seed": "rgn"}, "no such parameter"),
        ({"seed": "x"}, "is str, which is no generator"),
        ({"seed": 42}, "the root seed is set by"),
        ({"seed": float}, "give the name of a parameter, True"),
        ({"seed": random.Random}, "no parameter with such an annotation"),
        ({"seed": "rng", "ignore": ["rng"]}, "remove it from ignore"),
        ({"seed": "rng", "key": {"rng": approx(abs=1)}}, "remove that rule"),
        ({"samples": 0}, "a number from 1 on"),
        ({"samples": 2, "draw": "nxt"}, "did you mean 'next'"),
        ({"draw": "first"}, "say how many"),
        ({"samples": 2, "lazy": True}, "choose one of the two"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_decoration(keywords: dict[str, Any], said: str) -> None:
    def f(x: str, rng: int = 0) -> None: ...

    with pytest.raises(dumbo.InvalidUse, match=said):
        memo(f, **keywords)


def test_a_parameter_behind_another_decorator_is_not_looked_for() -> None:
    def f(x: int, rng: random.Random) -> None: ...

    @functools.wraps(f)
    def wrapper(*args: Any, **kwargs: Any) -> None: ...

    with pytest.raises(dumbo.InvalidUse, match="put @memo below the other decorator"):
        memo(wrapper, seed="rng")


def test_a_seed_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    @memo(seed="rng")
    def f(rng: random.Random) -> float:
        return rng.random()

    with pytest.raises(dumbo.InvalidUse, match="whole number"):
        dumbo.seeded("42")  # type: ignore[arg-type]
    monkeypatch.setenv("DUMBO_SEED", "many")
    with pytest.raises(dumbo.InvalidUse, match="DUMBO_SEED='many'"):
        f()  # type: ignore[call-arg]


def test_the_root_seed_comes_from_context_environment_and_project(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @memo(seed="seed")
    def f(seed: int) -> int:
        return seed

    def drawn() -> int:
        return f()  # type: ignore[call-arg]

    with dumbo.seeded(4):
        four = drawn()
        with dumbo.seeded(0):
            none = drawn()
    assert drawn() == none != four
    monkeypatch.setenv("DUMBO_SEED", "4")
    assert drawn() == four
    with dumbo.seeded(0):
        assert drawn() == none
    monkeypatch.delenv("DUMBO_SEED")
    (tmp_path / "pyproject.toml").write_text("[tool.dumbo]\nseed = 4\n")
    monkeypatch.chdir(tmp_path)
    assert drawn() == four


# -- samples -------------------------------------------------------------------------------


def test_with_five_samples_the_sixth_call_returns_the_first(cache: dumbo.Cache, ran: Ran) -> None:
    @cache.memo(samples=5)
    def f(x: int) -> str:
        sys.audit("ran", x)
        return uuid.uuid4().hex

    drawn = [f(1) for _ in range(11)]
    assert len(set(drawn[:5])) == 5
    assert drawn[5:] == [*drawn[:5], drawn[0]]
    assert ran == [1] * 5
    assert f.samples(1) == drawn[:5]
    assert f.samples(2) == []


def test_samples_are_asked_for_by_count_and_by_number(cache: dumbo.Cache, ran: Ran) -> None:
    @cache.memo(samples=2)
    def f(x: int) -> str:
        sys.audit("ran", x)
        return uuid.uuid4().hex

    first = f(1)
    four = f.samples(1, n=4)
    assert four[0] == first
    assert len(ran) == 4
    assert [f.samples(1, index=number) for number in range(4)] == four
    eighth = f.samples(1, index=7)
    assert len(ran) == 5
    assert f.samples(1) == [*four, eighth]
    assert f.samples(1, n=2) == four[:2]
    assert [f(1), f(1)] == [four[1], four[0]], "calls draw among two"


def test_any_function_has_samples_and_its_result_is_the_first(cache: dumbo.Cache, ran: Ran) -> None:
    @cache.memo(keep="always")
    def f(x: int) -> str:
        sys.audit("ran", x)
        return uuid.uuid4().hex

    only = f(1)
    three = f.samples(1, n=3)
    assert three[0] == only
    assert len(set(three)) == 3
    assert [f(1), f(1)] == [only, only]
    assert len(ran) == 3
    assert f.forget(1) == 3
    assert f.samples(1) == []


def test_more_samples_of_a_function_keep_those_that_are_there(cache: dumbo.Cache) -> None:
    def body(x: int) -> str:
        return uuid.uuid4().hex

    only = cache.memo(body, keep="always")(1)
    three = [cache.memo(body, samples=3)(1) for _ in range(3)]
    assert only not in three[:2], "the first sample is there: those that follow come first"
    assert cache.memo(body, samples=9).samples(1) == [only, *three[:2]]


def test_drawing_goes_on_where_it_was_interrupted(cache: dumbo.Cache, ran: Ran) -> None:
    def body(x: int) -> str:
        sys.audit("ran", x)
        return uuid.uuid4().hex

    def of_a_new_process() -> Any:
        return cache.memo(body, samples=4, name="f")

    f = of_a_new_process()
    begun = [f(1), f(1)]
    g = of_a_new_process()
    rest = [g(1) for _ in range(4)]
    assert rest[2:] == begun
    assert len(ran) == 4
    assert [of_a_new_process()(1) for _ in range(3)] == [begun[0]] * 3


def test_a_cache_of_its_own_begins_anew(cache: dumbo.Cache, tmp_path: Path) -> None:
    @cache.memo(samples=3)
    def f(x: int) -> str:
        return uuid.uuid4().hex

    f(1)
    before = f._keeper.set_apart(dumbo.Cache(tmp_path / "apart"), f._keeper.options)
    assert "sample 0 of 3" in f.why(1)
    f._keeper.come_back(before)
    assert "sample 1 of 3" in f.why(1)


def test_a_sample_that_fails_is_drawn_again_later(cache: dumbo.Cache) -> None:
    fails = ["once"]

    @cache.memo(samples=2, ignore=["how"])
    def f(x: int, how: Any) -> str:
        if how:
            raise ValueError(how.pop())
        return uuid.uuid4().hex

    with pytest.raises(ValueError, match="once"):
        f(1, fails)
    assert len({f(1, fails), f(1, fails)}) == 2
    assert len(f.samples(1, fails)) == 2


def test_the_first_and_any_can_be_drawn(cache: dumbo.Cache) -> None:
    @cache.memo(samples=3, draw="first")
    def first(x: int) -> str:
        return uuid.uuid4().hex

    assert first(1) == first(1) == first.samples(1, n=3)[0] == first(1)

    @cache.memo(samples=3, draw="random")
    def anyone(x: int) -> str:
        return uuid.uuid4().hex

    drawn = {anyone(1) for _ in range(60)}
    assert drawn == set(anyone.samples(1))
    assert len(drawn) == 3


def test_samples_come_as_one_array(cache: dumbo.Cache) -> None:
    np = pytest.importorskip("numpy")

    @cache.memo(seed="rng")
    def f(n: int, rng: np.random.Generator) -> Any:
        return rng.normal(size=n)

    assert f.samples(4, stacked=True).shape == (0,)
    assert f.samples(4, n=3, stacked=True).shape == (3, 4)


def test_a_word_that_the_function_has_too_is_not_guessed_at(cache: dumbo.Cache) -> None:
    @cache.memo
    def f(n: int = 1, *, index: int = 0) -> str:
        return uuid.uuid4().hex

    with pytest.raises(dumbo.InvalidUse, match=r"of its own; give that one by position$"):
        f.samples(n=3)
    with pytest.raises(dumbo.InvalidUse, match="must not be keyword-only"):
        f.samples(1, index=3)
    assert len(f.samples(1, n=3)) == 3


def test_samples_of_what_is_given_a_generator_are_refused(cache: dumbo.Cache) -> None:
    @cache.memo(seed="rng")
    def f(x: int, rng: random.Random) -> float:
        return rng.random()

    with pytest.raises(dumbo.InvalidUse, match="every sample would be the same"):
        f.samples(1, random.Random(1), n=3)
    with pytest.raises(dumbo.InvalidUse, match="one of the two"):
        f.samples(1, n=3, index=1)
    with pytest.raises(dumbo.InvalidUse, match="whole number"):
        f.samples(1, index=-1)


def test_samples_are_stored_whatever_the_rule_but_not_when_nothing_may_be(
    cache: dumbo.Cache, ran: Ran
) -> None:
    @cache.memo(keep="never")
    def f(x: int) -> str:
        sys.audit("ran", x)
        return uuid.uuid4().hex

    with dumbo.disabled():
        two = f.samples(1, n=2)
    assert f.samples(1, n=2) == two
    with dumbo.read_only():
        assert len(f.samples(1, n=3)) == 3
    assert f.samples(1) == two


def test_why_says_which_sample_comes_next_and_draws_none(cache: dumbo.Cache) -> None:
    @cache.memo(samples=2)
    def f(x: int) -> str:
        return uuid.uuid4().hex

    first = f(1)
    for _ in range(3):
        assert "no entry" in f.why(1)
        assert "sample 1 of 2" in f.why(1)
    assert f(1) != first
    assert "hit" in f.why(1)
    assert "sample 0 of 2" in f.why(1)


def test_near_calls_share_samples_number_by_number(cache: dumbo.Cache) -> None:
    @cache.memo(samples=2, key={"x": approx(abs=0.1)})
    def f(x: float) -> str:
        return uuid.uuid4().hex

    one = [f(1.0), f(1.0)]
    assert [f(1.01), f(1.01)] == one
    assert len(set(one)) == 2


def test_threads_compute_each_sample_once(cache: dumbo.Cache, ran: Ran) -> None:
    @cache.memo(samples=6)
    def f(x: int) -> str:
        sys.audit("ran", x)
        return uuid.uuid4().hex

    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(f, [1] * 24))
        asked = list(pool.map(lambda _: f.samples(2, index=0), range(8)))
    assert ran.count(1) == 6
    assert {drawn.count(one) for one in drawn} == {4}
    assert len(set(asked)) == 1
    assert ran.count(2) == 1


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    calls=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=2, max_size=12, unique=True
    ),
    threads=st.integers(1, 4),
)
def test_samples_are_the_same_in_any_order_and_in_threads(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[int, int]], threads: int
) -> None:
    def body(x: int, rng: random.Random) -> float:
        return rng.random()

    def drawn(order: list[tuple[int, int]], workers: int) -> dict[tuple[int, int], float]:
        f = dumbo.Cache(tmp_path_factory.mktemp("c")).memo(body, seed="rng", name="any order")
        with ThreadPoolExecutor(workers) as pool:
            found = pool.map(lambda call: f.samples(call[0], index=call[1]), order)
            return dict(zip(order, found, strict=True))

    one = drawn(calls, 1)
    assert drawn(calls[::-1], threads) == one
    assert len(set(one.values())) == len(calls)


PROGRAM = """
import random, sys
import dumbo

@dumbo.memo(seed="rng", samples=4, name="everywhere")
def f(x, rng: random.Random):
    with open("ran", "a") as file:
        file.write(f"{x}\\n")
    return rng.random()

order = [int(word) for word in sys.argv[1:]]
print(repr([f.samples("a", index=number) for number in order]))
"""


def test_samples_are_the_same_in_processes_and_pythons(tmp_path: Path) -> None:
    @memo(seed="rng", samples=4, name="everywhere")
    def f(x: str, rng: random.Random) -> float:
        return rng.random()

    here = f.samples("a", n=4)
    (tmp_path / "program.py").write_text(PROGRAM)

    def drawn(python: str, hash_seed: str, order: list[int]) -> list[float]:
        ran = subprocess.run(
            [python, "program.py", *map(str, order)],
            cwd=tmp_path,
            env={
                "PYTHONPATH": str(Path(__file__).parents[2]),
                "PYTHONHASHSEED": hash_seed,
                "DUMBO_DIR": str(tmp_path / "theirs"),
            },
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stderr
        found: list[float] = eval(ran.stdout)
        return found

    assert drawn(sys.executable, "1", [3, 0]) == [here[3], here[0]]
    assert drawn(sys.executable, "2", [0, 1, 2, 3]) == here
    assert (tmp_path / "ran").read_text() == "a\n" * 4, "each was computed once"
    for python in others():
        assert drawn(python, "3", [2, 1, 3, 0]) == [here[2], here[1], here[3], here[0]]


def test_processes_compute_each_sample_once(tmp_path: Path) -> None:
    program = """
import os, time, uuid
import dumbo

@dumbo.memo(samples=3, name="together")
def f(x):
    with open("ran", "a") as file:
        file.write("x\\n")
    time.sleep(0.2)
    return uuid.uuid4().hex

print(f(1), f(1), f(1))
"""
    (tmp_path / "program.py").write_text(program)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    started = [
        subprocess.Popen(
            [sys.executable, "program.py"], cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    drawn = [process.communicate()[0].split() for process in started]
    assert {len(set(one)) for one in drawn} == {3}
    assert len({frozenset(one) for one in drawn}) == 1
    assert (tmp_path / "ran").read_text() == "x\n" * 3


def test_seeded_holds_for_its_context_alone() -> None:
    @memo(seed="seed")
    def f(seed: int) -> int:
        return seed

    inside: list[int] = []
    with dumbo.seeded(9):
        mine = f()  # type: ignore[call-arg]
        thread = threading.Thread(target=lambda: inside.append(f()))  # type: ignore[call-arg]
        thread.start()
        thread.join()
    if not getattr(sys.flags, "thread_inherit_context", False):
        assert inside == [f()] != [mine]  # type: ignore[call-arg]
