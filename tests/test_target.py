"""Callables taken apart: what runs, and what is fixed beforehand."""

from __future__ import annotations

import functools
import sys

import pytest

import dumbo
from dumbo.target import Target, label_of


def function(a, b=None, *, c=None):
    return a, b, c


class Callable:
    def __call__(self, x):
        return x

    def method(self, x):
        return x


def test_plain_functions_and_builtins_run_themselves() -> None:
    for plain in (function, len, functools.lru_cache(function)):
        target = Target(plain)
        assert target.function is plain
        assert target.with_fixed((1,), {"b": 2}) == ((1,), {"b": 2})


def test_methods_and_callable_objects_run_a_function_of_their_class() -> None:
    thing = Callable()
    assert Target(thing.method).function is Callable.method
    assert Target(thing).function is Callable.__call__
    for target in (Target(thing.method), Target(thing)):
        assert target.with_fixed((1,), {}) == ((thing, 1), {})


def test_partials_run_their_function_with_what_they_fix() -> None:
    inner = functools.partial(function, 1, c=3)
    outer = functools.partial(inner, 2, c=4)
    target = Target(outer)
    assert target.function is function
    assert target.with_fixed((), {}) == ((1, 2), {"c": 4})
    assert target.with_fixed((), {"c": 5}) == ((1, 2), {"c": 5})
    thing = Callable()
    assert Target(functools.partial(thing.method, 7)).with_fixed((), {}) == ((thing, 7), {})


@pytest.mark.skipif(sys.version_info < (3, 14), reason="partials have no gaps before 3.14")
def test_partials_with_gaps_are_left_alone() -> None:
    gap = functools.partial(function, functools.Placeholder, 2)
    assert Target(gap).function is gap


def test_a_memoized_function_stands_for_what_it_wraps() -> None:
    assert Target(dumbo.memo(function)).function is function


def test_labels_name_module_and_function() -> None:
    assert label_of(function) == f"{__name__}:function"
    assert label_of(Callable.method) == f"{__name__}:Callable.method"
    assert label_of(len) == "builtins:len"
    assert label_of(Callable()) == f"{__name__}:Callable"


def test_a_script_has_one_label_in_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def f():
        pass

    f.__module__ = "__mp_main__"
    assert label_of(f).startswith("__main__:")
