"""`track_deps="names"`: methods of unknown objects, by name."""

from __future__ import annotations

import pickle
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

import dumbo
from dumbo import Cache

SOURCE = """
import json
class Cat:
    def speak(self):
        return "meow"
class Dog:
    class Puppy:
        def speak(self):
            return loud("yip")
    def other(self):
        return 1
def loud(text):
    return text.upper()
class Hidden:
    table = {}
def f(x):
    return json.loads('null', object_hook=x) or FIND(x).speak()
"""

CAT = b"canimals\nCat\n)R."  # a pickle


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    def make() -> Any:
        found = types.ModuleType("animals")
        monkeypatch.setitem(sys.modules, "animals", found)
        exec(compile(SOURCE, "/animals.py", "exec"), found.__dict__)
        found.FIND = pickle.loads  # of its result, nothing is known
        return found

    return make


def memoized(cache: Cache, function: Any, **options: Any) -> Any:
    return cache.memo(keep="always", observe=False, **options)(function)


def test_every_method_of_the_name_in_reach_counts(module: Callable[[], Any], cache: Cache) -> None:
    animals = module()
    names = set(dumbo.deps(memoized(cache, animals.f, track_deps="names")))
    assert {"animals:Cat.speak", "animals:Dog.Puppy.speak", "animals:loud"} <= names
    assert "animals:Dog.other" not in names
    plain = set(dumbo.deps(memoized(cache, animals.f)))
    assert not {"animals:Cat.speak", "animals:Dog.Puppy.speak"} & plain


def test_an_edit_of_any_of_them_recomputes_and_of_others_does_not(
    module: Callable[[], Any], cache: Cache
) -> None:
    animals = module()
    f = memoized(cache, animals.f, track_deps="names")
    assert [f(CAT), f(CAT)] == ["meow", "meow"]
    animals.Dog.other = lambda self: 2
    assert f(CAT) == "meow"
    assert f.cache_info()[:2] == (2, 1)
    animals.Dog.Puppy.speak = lambda self: "woof"
    assert f(CAT) == "meow"
    animals.Cat.speak = lambda self: "purr"
    assert f(CAT) == "purr"
    assert f.cache_info()[:2] == (2, 3)


def test_a_class_that_comes_later_is_noticed(module: Callable[[], Any], cache: Cache) -> None:
    animals = module()
    f = memoized(cache, animals.f, track_deps="names")
    f(CAT)
    exec("class Cow:\n    def speak(self):\n        return 'moo'\n", animals.__dict__)
    f(CAT)
    assert f.cache_info()[:2] == (0, 2)


def test_traces_with_and_without_names_do_not_mix(module: Callable[[], Any], cache: Cache) -> None:
    animals = module()
    plain, by_name = memoized(cache, animals.f), memoized(cache, animals.f, track_deps="names")
    assert [plain(CAT), by_name(CAT), plain(CAT), by_name(CAT)] == ["meow"] * 4
    assert plain.cache_info()[:2] == by_name.cache_info()[:2] == (1, 1)


def test_another_word_is_refused(cache: Cache) -> None:
    with pytest.raises(dumbo.InvalidUse, match="True, False or 'names'"):
        cache.memo(track_deps="name")  # type: ignore[call-overload]
