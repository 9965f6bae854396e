"""Assertions for tests, edits in memory, and caches of their own."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import dumbo
from dumbo.errors import InvalidUse
from dumbo.testing import (
    assert_depends_on,
    assert_hit,
    assert_independent,
    assert_recomputes,
    edited,
    isolated,
)

SHOP = """
import enum
import functools
import sys

from dumbo import memo

RATE = 3

class Colour(enum.Enum):
    RED = 1

def helper(x):
    return x * RATE

def plus(function):
    @functools.wraps(function)
    def wrapper(x):
        return function(x) + 0
    return wrapper

@plus
def dressed(x):
    return x + 1

@functools.lru_cache
def remembered(x):
    return x - 1

class Base:
    def base(self):
        return 1

class Model(Base):
    scale = 2

    def fit(self, x):
        return helper(x) * self.scale + self.base()

    @property
    def size(self):
        return 10

    @staticmethod
    def zero():
        return 0

@memo
def price(x):
    sys.audit("ran", "price")
    return helper(x) + dressed(x) + remembered(x)

@memo(keep="never")
def total(model, x):
    sys.audit("ran", "total")
    return model.fit(x)

def unused():
    return Colour.RED
"""

USER = """
from .tools import RATE as rate, helper, price

def use(x):
    return rate + helper(x)
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module of a shop, and one that imports from it, which nobody else has."""
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "tools.py").write_text(SHOP)
    (package / "user.py").write_text(USER)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield importlib.import_module("shop.tools")
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


@pytest.fixture
def user(shop: ModuleType) -> Any:
    return importlib.import_module("shop.user")


@pytest.fixture(autouse=True)
def _own_cache() -> Iterator[None]:
    with isolated():
        yield


# -- a cache of their own --------------------------------------------------------------


def test_every_function_starts_from_nothing_and_keeps_everything(
    shop: Any, ran: list[object]
) -> None:
    model = shop.Model()
    for _ in range(2):
        shop.price(2)
        shop.total(model, 2)  # memo(keep="never")
    assert ran == ["price", "total"]
    with isolated():
        shop.price(2)
    assert ran == ["price", "total", "price"]
    shop.price(2)
    assert ran == ["price", "total", "price"], "the first cache is back, with what it had"


def test_functions_that_are_decorated_inside_use_it_too(tmp_path: Path) -> None:
    with isolated() as cache:

        @dumbo.memo(cache=tmp_path / "elsewhere", keep="never")
        def f(x: int) -> int:
            return x

        @cache.memo
        def g(x: int) -> int:
            return -x

        assert f(1) == f(1) == -g(1)
        assert_hit(f, 1)
        assert_hit(g, 1)
    assert not (tmp_path / "elsewhere").exists()
    assert f(1) == 1
    assert f.get_entry(1) is None, "keep='never' is in force again"


def test_nothing_is_left_behind(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUMBO_DIR", "before")
    with isolated() as cache:
        shop.price(2)
        assert os.environ["DUMBO_DIR"] == cache.directory
        assert os.listdir(cache.directory)
    assert not os.path.exists(cache.directory)
    assert os.environ["DUMBO_DIR"] == "before"


def test_counts_are_those_of_the_block(shop: Any) -> None:
    shop.price(1)
    with isolated():
        assert shop.price.cache_info().misses == 0
        shop.price(1)
        assert shop.price.cache_info().entries == 1
    assert shop.price.cache_info().misses == 1


# -- edits -----------------------------------------------------------------------------

EDITS = [
    ("a helper", "x * RATE", "x * RATE * 10", "shop.tools:helper"),
    ("a value", "RATE = 3", "RATE = 5", "shop.tools:RATE"),
    ("what is decorated", "return x + 1", "return x + 100", "shop.tools:dressed"),
    ("its decorator", "function(x) + 0", "function(x) + 1", "shop.tools:dressed"),
    ("what is remembered", "x - 1", "x - 2", "shop.tools:remembered"),
    ("the function itself", "dressed(x) +", "dressed(x) -", "shop.tools:price"),
]


@pytest.mark.parametrize(("what", "old", "new", "because"), EDITS, ids=[e[0] for e in EDITS])
def test_an_edit_is_seen_by_all_who_imported_the_function(
    shop: Any, ran: list[object], what: str, old: str, new: str, because: str
) -> None:
    from shop.tools import price  # type: ignore[import-not-found]

    before = price(2)
    with edited("shop.tools", old, new):
        assert_recomputes(price, 2, because=because)
        assert price(2) != before
        assert shop.price is price
    assert_hit(price, 2)
    assert price(2) == before
    assert ran == ["price", "price"]


METHODS = [
    ("a method", "helper(x) * self", "helper(x) + self"),
    ("an attribute", "scale = 2", "scale = 7"),
    ("a method of a base", "        return 1\n", "        return 1000\n"),
    ("a method that begins to ask its base", "        return 1\n",
     "        return super().__sizeof__() * 0 + 9\n"),
    ("a method that is new", "    def fit(self, x):",
     "    def base(self):\n        return 5\n\n    def fit(self, x):"),
    ("another base", "class Model(Base):\n",
     "class Other:\n    def base(self): return 7\n\nclass Model(Other, Base):\n"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "old", "new"), METHODS, ids=[e[0] for e in METHODS])
def test_an_edit_of_a_class_is_seen_by_its_instances(
    shop: Any, what: str, old: str, new: str
) -> None:
    model = shop.Model()
    before = shop.total(model, 2)
    held = dict(vars(shop.Model))
    with edited(shop, old, new):
        assert_recomputes(shop.total, model, 2)
        assert shop.total(model, 2) != before
        assert isinstance(model, shop.Model)
    assert_hit(shop.total, model, 2)
    assert shop.total(model, 2) == before
    assert {k: v for k, v in vars(shop.Model).items() if k in held} == held
    assert shop.Model.__mro__ == (shop.Model, shop.Base, object)


def test_properties_and_static_methods_of_instances_are_edited(shop: Any) -> None:
    model = shop.Model()
    with edited(shop, "return 10", "return 11"), edited(shop, "return 0\n", "return 5\n"):
        assert (model.size, model.zero()) == (11, 5)
    assert (model.size, model.zero()) == (10, 0)


def test_values_are_rebound_where_they_were_imported(shop: Any, user: Any) -> None:
    assert user.use(2) == 9
    with edited("shop.tools", "RATE = 3", "RATE = 5"):
        assert user.rate == shop.RATE == 5
        assert user.use(2) == 15
    assert user.rate == shop.RATE == 3
    assert user.use(2) == 9


def test_what_is_not_edited_stays_the_same_object(shop: Any, user: Any) -> None:
    red, model, helper = shop.Colour.RED, shop.Model, shop.helper
    with edited("shop.tools", "return x + 1", "return x + 2"):
        assert shop.unused() is red
        assert (shop.Model, shop.helper, user.helper) == (model, helper, helper)
        assert user.price is shop.price


def test_annotations_are_edited(shop: Any) -> None:
    shop.total(shop.Model(), 2)
    with edited(shop, "def total(model, x)", "def total(model: Model, x: int)"):
        assert shop.total.__wrapped__.__annotations__ == {"model": shop.Model, "x": int}
        assert_depends_on(shop.total, shop.helper)
    with edited(shop, "def helper(x)", "def helper(x: int)"):
        assert shop.helper.__annotations__ == {"x": int}
    assert shop.helper.__annotations__ == {}
    assert_independent(shop.total, shop.helper)


def test_decorations_are_edited(shop: Any) -> None:
    shop.price(2)
    with edited("shop.tools", "@memo\ndef price", "@memo(version='2')\ndef price"):
        assert shop.price.version == "2"
        assert_recomputes(shop.price, 2)
    assert shop.price.version == ""
    assert_hit(shop.price, 2)


def test_names_that_come_with_an_edit_go_with_it(shop: Any) -> None:
    with edited(shop, "RATE = 3", "RATE = 3\nEXTRA = 1\ndef more(): return EXTRA"):
        assert shop.more() == 1
    assert not hasattr(shop, "EXTRA") and not hasattr(shop, "more")


def test_edits_may_be_nested_and_end_in_any_way(shop: Any) -> None:
    before = dict(vars(shop))
    seen = []

    def work() -> None:
        with edited(shop, "RATE = 3", "RATE = 4"):
            with edited(shop, "x * RATE", "x * RATE * 2"):
                seen.append(shop.helper(1))
            seen.append(shop.helper(1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert seen == [8, 4]
    assert shop.helper(1) == 3
    assert dict(vars(shop)) == before


@pytest.mark.parametrize(
    ("new", "error"),
    [("x * (", SyntaxError), ("x\n1 / 0", ZeroDivisionError), ("x\nraise SystemExit", SystemExit)],
)
def test_an_edit_that_fails_changes_nothing(
    shop: Any, new: str, error: type[BaseException]
) -> None:
    before = dict(vars(shop))
    with pytest.raises(error), edited(shop, "x * RATE", new):
        raise AssertionError("not reached")
    assert dict(vars(shop)) == before
    assert shop.helper(2) == 6


@pytest.mark.parametrize(
    ("old", "said"),
    [("nowhere", "is not in the source"), ("def ", "stands 12 times"), ("", "is not in")],
)
def test_what_cannot_be_meant_is_said(shop: Any, old: str, said: str) -> None:
    with pytest.raises(InvalidUse, match=said), edited(shop, old, "x"):
        pass
    with pytest.raises(InvalidUse, match="no Python source"), edited("math", "a", "b"):
        pass


def test_the_file_is_not_touched_and_the_source_is_shown(shop: Any) -> None:
    file = Path(shop.__file__)
    before = file.read_bytes(), file.stat().st_mtime_ns
    shop.price(2)
    with edited(shop, "x * RATE", "x * RATE * 10"):
        assert (file.read_bytes(), file.stat().st_mtime_ns) == before
        assert "x * RATE * 10" in inspect.getsource(shop.helper)
        diff = shop.price.why(2).diff()
        assert "-    return x * RATE\n" in diff and "+    return x * RATE * 10\n" in diff
    assert "x * RATE * 10" not in inspect.getsource(shop.helper)


# -- assertions ------------------------------------------------------------------------


def failure(assertion: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        assertion(*args, **kwargs)
    return str(caught.value)


def test_assertions_compute_and_store_nothing(shop: Any, ran: list[object]) -> None:
    failure(assert_hit, shop.price, 2)
    assert_recomputes(shop.price, 2)
    assert_depends_on(shop.price, shop.helper)
    assert_independent(shop.price, shop.Model)
    assert ran == []
    assert shop.price.cache_info().entries == 0


def test_a_miss_that_should_be_a_hit_says_why_it_is_none(shop: Any) -> None:
    shop.price(2)
    said = failure(assert_hit, shop.price, 3)
    assert said.startswith("price(3) would compute: no entry: new arguments: x is 3, and was 2")
    with edited(shop, "x * RATE", "x * RATE * 10"):
        said = failure(assert_hit, shop.price, x=2)
    assert said.startswith("price(x=2) would compute: no entry: shop.tools:helper")
    assert "+    return x * RATE * 10" in said


def test_a_hit_that_should_be_none_says_whether_it_could_be_one(shop: Any) -> None:
    shop.price(2)
    said = failure(assert_recomputes, shop.price, 2)
    assert said.startswith("price(2) would not compute: hit")
    said = failure(assert_recomputes, shop.price, 2, because=shop.helper)
    assert "shop.tools:helper is as it was, though the function depends on it" in said
    said = failure(assert_recomputes, shop.price, 2, because=shop.Model)
    assert "shop.tools:price does not depend on shop.tools:Model" in said


def test_another_reason_is_not_enough(shop: Any) -> None:
    shop.price(2)
    with edited(shop, "RATE = 3", "RATE = 4"):
        assert_recomputes(shop.price, 2, because="shop.tools:RATE")
        said = failure(assert_recomputes, shop.price, 2, because=shop.helper)
    assert "would compute, but not because of shop.tools:helper: no entry: shop.tools:RATE" in said
    assert_recomputes(shop.price, 5, because="x")


def test_dependencies_are_functions_classes_values_modules_and_labels(shop: Any) -> None:
    for thing in (shop.helper, "shop.tools:helper", "shop.tools:RATE", shop, "shop.tools"):
        assert_depends_on(shop.price, thing)
    for thing in (shop.Model, "shop.tools:Model", "numpy", shop.total):
        assert_independent(shop.price, thing)
    assert_depends_on(shop.total, shop.Base, args=(shop.Model(), 2))
    assert_depends_on(shop.Model.fit, shop.helper)


def test_a_dependency_that_is_missing_is_told_with_those_that_are_there(shop: Any) -> None:
    said = failure(assert_depends_on, shop.price, shop.Model)
    assert said.startswith("shop.tools:price does not depend on shop.tools:Model. It depends on:\n")
    assert "\n  shop.tools:helper" in said and "\n  shop.tools:RATE" in said
    said = failure(assert_depends_on, shop.total, shop.helper)
    assert "could not be followed" in said and "tools.py" in said


def test_a_dependency_that_is_unwanted_is_told_with_the_way_to_it(shop: Any) -> None:
    said = failure(assert_independent, shop.price, "shop.tools:RATE")
    assert said == textwrap.dedent(
        """\
        shop.tools:price depends on shop.tools:RATE:
          shop.tools:price
          > shop.tools:helper (tools.py:13), by global helper
          > shop.tools:RATE (tools.py:8), by global RATE"""
    )


def test_what_is_not_memoized_is_refused(shop: Any) -> None:
    with pytest.raises(InvalidUse, match="not memoized"):
        assert_hit(shop.helper, 2)
