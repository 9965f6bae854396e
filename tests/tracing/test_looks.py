"""What code that reads functions and classes makes of a closure."""

from __future__ import annotations

import inspect
import string
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

import dumbo
from dumbo import Cache


def helper(a: int, b: str = "x") -> int:
    """Say something."""
    return a


def names_of(function: Callable[..., Any]) -> set[str]:
    return set(dumbo.deps(function, (3,)).nodes)


def test_a_signature_shows_defaults_and_annotations() -> None:
    def f(x):
        return str(inspect.signature(helper))

    found = {name.rpartition(".")[2] for name in names_of(f) if ":helper" in name}
    annotations = "__annotate__" if sys.version_info >= (3, 14) else "__annotations__"
    assert {"__defaults__", annotations} <= found


def test_who_calls_a_function_reads_nothing_of_it() -> None:
    def f(x):
        return helper(x)

    assert not [name for name in names_of(f) if "__annotat" in name or "__doc__" in name]


def test_the_text_of_code_is_not_cached(cache: Cache, ran: list[object]) -> None:
    @cache.memo(keep="always")
    def f(x):
        sys.audit("ran", x)
        return inspect.getsource(helper)

    assert f(1) == f(1) == inspect.getsource(helper)
    assert ran == [1, 1]
    assert "reads the text of code by inspect" in f.why(1)


def test_each_thread_has_its_own_fields(cache: Cache, ran: list[object]) -> None:
    here.rate = 2

    @cache.memo(keep="always")
    def f(x):
        sys.audit("ran", x)
        return here.rate * x

    def elsewhere() -> None:
        here.rate = 5
        found.append(f(10))

    found = [f(10), f(10)]
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert [*found, f(10)] == [20, 20, 50, 20]
    assert ran == [10, 10]


def test_fields_that_each_thread_makes_anew_are_not_cached(cache: Cache) -> None:
    @cache.memo(keep="always")
    def f(x):
        return made.rate * x

    assert f(10) == 10
    assert "makes its fields in each thread" in f.why(10)


def test_a_library_reads_attributes_of_classes_that_derive_from_its_own() -> None:
    def f(x):
        return Page("$ab").safe_substitute(a=x, ab=5)

    assert {name.rpartition(".")[2] for name in names_of(f)} >= {"idpattern", "pattern"}


here = threading.local()


class Made(threading.local):
    def __init__(self) -> None:
        self.rate = 1


made = Made()


class Page(string.Template):
    idpattern = "[a-z]"


@pytest.mark.parametrize("kind", [Made, threading.local])
def test_looking_at_a_thread_local_runs_nothing(kind: type) -> None:
    from dumbo.arguments.threads import fields_of, is_thread_local

    held = kind()
    assert is_thread_local(kind)
    assert fields_of(held) == ({} if kind is threading.local else None)
