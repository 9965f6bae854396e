"""What may be decorated, how, and what is said where it may not."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path

import pytest

import dumbo
from dumbo import Cache, InvalidUse, Memoized, UnusableDirectory, memo


def plain(x, log=None):
    sys.audit("ran", x)
    return [x]


# -- every way to decorate ---------------------------------------------------------------------


def test_bare_with_keywords_and_as_a_function() -> None:
    for decorated in (
        memo(plain),
        memo()(plain),
        memo(keep="always")(plain),
        memo(plain, name="n"),
    ):
        assert isinstance(decorated, Memoized)
        assert decorated.__wrapped__ is plain
        assert decorated(1) == [1]


def test_the_directory_is_that_of_the_environment_at_decoration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ran: list[object]
) -> None:
    made = []
    for name in ("a", "b"):
        monkeypatch.setenv("DUMBO_DIR", str(tmp_path / name))
        made.append(memo(keep="always")(plain))
    for f in (*made, *made):
        f(1)
    assert ran == [1, 1]
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_nothing_is_written_before_the_first_result(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "new")
    f = cache.memo(plain)
    memo(plain)
    assert f.get_entry.__self__ is f
    assert os.listdir(tmp_path) == []


def test_a_cache_is_given_as_an_object_or_as_a_directory(tmp_path: Path, ran: list[object]) -> None:
    directory = tmp_path / "c"
    for cache in (Cache(directory), directory, str(directory)):
        memo(keep="always", cache=cache)(plain)(1)
    assert ran == [1]


def test_methods_share_results_between_equal_objects(cache: Cache, ran: list[object]) -> None:
    class Model:
        def __init__(self, k):
            self.k = k

        @cache.memo(keep="always")
        def scale(self, x):
            """Multiply."""
            sys.audit("ran", (self.k, x))
            return self.k * x

    assert [Model(2).scale(5), Model(3).scale(5), Model(2).scale(5)] == [10, 15, 10]
    assert ran == [(2, 5), (3, 5)]


def test_the_acts_of_a_method_know_its_object(cache: Cache, ran: list[object]) -> None:
    class Model:
        def __init__(self, k):
            self.k = k

        @cache.memo(keep="always")
        def scale(self, x):
            sys.audit("ran", (self.k, x))
            return self.k * x

    two, three = Model(2), Model(3)
    two.scale(5)
    assert two.scale.get_entry(5).load() == 10
    assert three.scale.get_entry(5) is None
    assert two.scale.why(x=5).startswith("hit")
    three.scale.insert("three", 5)
    assert three.scale(5) == "three"
    assert three.scale.recompute(5) == 15
    assert two.scale.forget(5) == 1
    assert two.scale.cache_info().entries == 1
    assert Model.scale.get_entry(three, 5).load() == 15
    assert three.scale.clear() == 1
    assert ran == [(2, 5), (3, 5)]
    assert two.scale == two.scale != three.scale
    assert len({two.scale, two.scale, three.scale}) == 2


def test_classmethods_and_staticmethods_in_both_orders(cache: Cache, ran: list[object]) -> None:
    always = cache.memo(keep="always")

    class Base:
        tag = "base"

        @always
        @classmethod
        def outside(cls, x):
            sys.audit("ran", (cls.tag, x))
            return [cls.tag, x]

        @classmethod
        @always
        def inside(cls, x):
            sys.audit("ran", (cls.tag, x))
            return [cls.tag, x]

        @always
        @staticmethod
        def outer(x):
            sys.audit("ran", x)
            return [x]

        @staticmethod
        @always
        def inner(x):
            sys.audit("ran", x)
            return [x]

    class Derived(Base):
        tag = "derived"

    for name in ("outside", "inside"):
        ran.clear()
        base, derived = getattr(Base, name), getattr(Derived, name)
        assert [base(1), derived(1), base(1), getattr(Derived(), name)(1)] == [
            ["base", 1],
            ["derived", 1],
            ["base", 1],
            ["derived", 1],
        ]
        assert ran == [("base", 1), ("derived", 1)] or name == "inside"  # one body, one result
    assert Base.outside.get_entry(1).load() == ["base", 1]
    assert Derived.outside.get_entry(2) is None
    for name in ("outer", "inner"):
        ran.clear()
        f = getattr(Base, name)
        assert f(7) == f(7) == getattr(Derived(), name)(7) == [7]
        assert f.get_entry(7).load() == [7]


def test_property_getters_in_both_orders_keep_their_setter(cache: Cache, ran: list[object]) -> None:
    class Circle:
        def __init__(self, radius):
            self.radius = radius

        @property
        @cache.memo(keep="always")
        def area(self):
            """Of the disc."""
            sys.audit("ran", self.radius)
            return 3 * self.radius**2

        @cache.memo(keep="always")
        @property
        def length(self):
            """Of the line."""
            sys.audit("ran", -self.radius)
            return 6 * self.radius

        @length.setter
        def length(self, value):
            self.radius = value / 6

    circle = Circle(1)
    assert [circle.area, circle.area, circle.length, circle.length] == [3, 3, 6, 6]
    circle.length = 12
    assert [circle.area, circle.length] == [12, 12]
    assert ran == [1, -1, 2.0, -2.0]
    assert (Circle.area.__doc__, Circle.length.__doc__) == ("Of the disc.", "Of the line.")


def test_lambdas_and_nested_functions_count_by_what_they_close_over(
    cache: Cache, ran: list[object]
) -> None:
    def make(k):
        @cache.memo(keep="always")
        def f(x):
            sys.audit("ran", (k, x))
            return [k, x]

        return f

    one, two = make(1), make(2)
    assert [one(5), two(5), one(5)] == [[1, 5], [2, 5], [1, 5]]
    assert ran == [(1, 5), (2, 5)]
    plus_one, plus_two = cache.memo(lambda x: x + 1), cache.memo(lambda x: x + 2)
    assert [plus_one(5), plus_two(5), plus_one(5)] == [6, 7, 6]


def test_decorating_a_memoized_function_again_takes_the_new_settings(
    cache: Cache, ran: list[object]
) -> None:
    once = cache.memo(keep="never")(plain)
    twice = cache.memo(once, keep="always", name="again")
    assert twice(1) == twice(1) == [1]
    assert ran == [1]
    assert twice.get_entry(1).function == "again"


def test_a_name_is_what_results_are_listed_under_and_no_part_of_their_identity(
    cache: Cache, ran: list[object]
) -> None:
    for name in ("first", "second"):
        cache.memo(keep="always", name=name)(plain)(1)
    assert ran == [1]


# -- bad input ---------------------------------------------------------------------------------

HERE = os.path.basename(__file__)


@pytest.mark.parametrize(
    ("decorate", "words"),
    [
        (lambda: memo(5), ["5 of type int", "cannot be called", "decorate a function"]),
        (lambda: memo("name"), ["'name' of type str", "settings go by keyword"]),
        (lambda: memo(plain, plain), ["one function", "2 things", "by keyword"]),
        (lambda: memo(int), ["the class int", "methods"]),
        (lambda: memo(functools.cached_property(plain)), ["below the other decorator"]),
        (lambda: memo(property()), ["without a getter"]),
        (lambda: memo(kep="always"), ["memo(kep=...)", "no such keyword", "'keep'", "track_deps"]),
        (lambda: memo(zebra=1), ["zebra", "no such keyword", "verbose"]),
        (lambda: memo(keep="alway"), ["keep='alway'", "did you mean 'always'", "'never'"]),
        (lambda: memo(keep=True), ["keep=True", "'auto'"]),
        (lambda: memo(keep=[]), ["keep=[]", "'auto'"]),
        (lambda: memo(version=2), ["version=2", "int", "version='2'"]),
        (lambda: memo(name=b"f"), ["name=b'f'", "bytes", "a string"]),
        (lambda: memo(name=""), ["name=''", "leave it out"]),
        (lambda: memo(track_deps="yes"), ["track_deps='yes'", "True, False or 'names'"]),
        (lambda: memo(verbose=1), ["verbose=1", "True or False"]),
        (lambda: memo(ignore="log"), ["ignore='log'", "ignore=['log']"]),
        (lambda: memo(ignore=[1]), ["ignore=[1]", "names of parameters"]),
        (lambda: memo(ignore=3), ["ignore=3", "names of parameters"]),
        (lambda: memo(cache=3), ["cache=3", "int", "dumbo.Cache"]),
    ],
)
def test_wrong_use_is_an_error_at_decoration_that_says_where_and_the_way_out(
    decorate, words
) -> None:
    with pytest.raises(InvalidUse) as caught:
        decorate()
    message = str(caught.value)
    for word in words:
        assert word in message
    if "one function" not in message:
        assert f"{HERE}:" in message
    assert isinstance(caught.value, (TypeError, ValueError))


def test_an_ignored_name_must_be_a_parameter() -> None:
    with pytest.raises(InvalidUse) as caught:
        memo(ignore=["lgo"])(plain)
    message = str(caught.value)
    for word in ("lgo", "plain", "x, log", f"{HERE}:"):
        assert word in message
    memo(ignore=["log"])(plain)


@pytest.mark.parametrize("below", ["", "sub/cache"])
def test_a_directory_given_by_the_program_must_be_usable(tmp_path: Path, below: str) -> None:
    path = tmp_path / "file"
    path.write_text("")
    directory = path / below if below else path
    for make in (lambda: memo(cache=directory), lambda: Cache(directory)):
        with pytest.raises(UnusableDirectory) as caught:
            make()
        assert "file" in str(caught.value)
        assert "give another one" in str(caught.value)
        assert isinstance(caught.value, OSError)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_below_one_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UnusableDirectory, match="cannot be created"):
        Cache(tmp_path / "new")
    tmp_path.chmod(0o700)


# -- the public names --------------------------------------------------------------------------


def test_every_public_name_is_there() -> None:
    assert len(set(dumbo.__all__)) == len(dumbo.__all__)
    for name in dumbo.__all__:
        assert getattr(dumbo, name).__doc__
    assert callable(dumbo.memo)
    assert callable(dumbo.deps)


def test_deps_of_memoized_plain_and_bound(cache: Cache) -> None:
    def helper(x):
        return x

    def f(x):
        return helper(x)

    class Model:
        @cache.memo
        def method(self):
            return helper(1)

    for thing, args in (
        (f, None),
        (cache.memo(f), None),
        (cache.memo(f), (1,)),
        (Model().method, ()),
        (Model.method, None),
    ):
        names = {str(node).rpartition(".")[2] for node in dumbo.deps(thing, args)}
        assert "helper" in names
    assert "helper" in {str(n).rpartition(".")[2] for n in cache.memo(f).deps()}
    assert "helper" in {str(n).rpartition(".")[2] for n in Model().method.deps()}
    with pytest.raises(InvalidUse, match="cannot be called"):
        dumbo.deps(5)
