"""The short road gives what the general one would: hits that are right, and misses that compute."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import dumbo
from dumbo import Cache
from dumbo.keeping import identity
from dumbo.tracing import guards

Ran = list[object]
FACTOR = 2


def helper(x):
    return x * FACTOR


@pytest.fixture
def f(cache: Cache):
    @cache.memo(keep="always")
    def f(a, b="b", c=2.5):
        sys.audit("ran", (a, b, c))
        return helper(a)

    f(-1, "b", 2.5)  # the first call of a function takes the general road
    f(-2, "b", 2.5)
    return f


@pytest.fixture
def located(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The arguments of calls that take the general road."""
    found: list[object] = []
    general = identity.locate

    def locate(keeper: Any, call: Any, args: Any, kwargs: Any) -> None:
        found.append(args)
        general(keeper, call, args, kwargs)

    monkeypatch.setattr(identity, "locate", locate)
    return found


def forgotten(f: Any) -> Any:
    """The function, with nothing held in memory."""
    f._keeper.memory.clear()
    return f


def test_a_hit_from_disk_and_a_miss_need_the_general_road_no_more(
    f, ran: Ran, located: list[object]
) -> None:
    assert f(3, "b", 2.5) == 6
    assert forgotten(f)(3, "b", 2.5) == 6
    assert forgotten(f)(-1, "b", 2.5) == -2
    assert located == []
    assert ran[-1] == ((3, "b", 2.5),)[0]
    assert ran.count((3, "b", 2.5)) == 1


def test_it_finds_what_the_general_road_has_stored_and_the_other_way_round(
    f, ran: Ran, located: list[object]
) -> None:
    f(3, "b", 2.5)
    assert forgotten(f)(a=3, b="b", c=2.5) == 6
    assert forgotten(f)(3) == 6
    assert len(located) == 2
    f(a=4)
    assert forgotten(f)(4, "b", 2.5) == 8
    assert ran.count((3, "b", 2.5)) == ran.count((4, "b", 2.5)) == 1


def test_types_that_are_equal_are_told_apart(f, ran: Ran) -> None:
    for value in (1, True, 1.0, 0.0, -0.0, 0, False, "1", b"1", None):
        f(3, value, 2.5)
    assert len({type(entry[1]) for entry in ran}) == 6
    assert len(ran) == 10


def test_code_that_changes_recomputes(f, ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f(3, "b", 2.5) == 6
    forgotten(f)
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 5)
    assert f(3, "b", 2.5) == 15
    monkeypatch.undo()
    assert forgotten(f)(3, "b", 2.5) == 6
    assert ran.count((3, "b", 2.5)) == 2


def test_defaults_that_change_count(f, ran: Ran) -> None:
    f(3, "b", 2.5)
    f.__wrapped__.__defaults__ = ("b", 7.5)
    assert forgotten(f)(3, "b") == 6
    assert ran[-1] == (3, "b", 7.5)


def test_a_result_that_can_change_is_a_new_one_each_time(cache: Cache) -> None:
    @cache.memo(keep="always")
    def made(x):
        return [x]

    for number in (1, 2, 3):
        made(number)
    first = forgotten(made)(3)
    first.append("changed")
    assert made(3) == forgotten(made)(3) == [3]


def test_an_ignored_argument_is_not_taken_for_one_that_counts(cache: Cache) -> None:
    @cache.memo(keep="always", ignore=["a"])
    def g(a, b=5, c=5):
        return (b, c)

    g(0, 0, 0), g(1, 1, 1)
    assert g(5, 5) == (5, 5)
    assert g(6, 5) == (5, 5)
    assert g(5, 6) == (6, 5)
    assert g(7, 5, 6) == (5, 6)


def test_switches_are_obeyed(f, ran: Ran) -> None:
    f(3, "b", 2.5)
    with dumbo.disabled():
        assert forgotten(f)(3, "b", 2.5) == 6
    assert ran.count((3, "b", 2.5)) == 2
    with dumbo.read_only():
        f(9, "b", 2.5)
    assert f.get_entry(9, "b", 2.5) is None


def test_what_is_forgotten_is_computed_again(f, ran: Ran) -> None:
    f(3, "b", 2.5)
    assert f.forget(3, "b", 2.5) == 1
    assert forgotten(f)(3, "b", 2.5) == 6
    f.clear()
    assert forgotten(f)(3, "b", 2.5) == 6
    assert ran.count((3, "b", 2.5)) == 3


def test_a_damaged_row_is_computed_again(f, cache: Cache, ran: Ran) -> None:
    f(3, "b", 2.5)
    assert f.cache_info().entries == 3  # and so it is in the index
    with closing(sqlite3.connect(Path(cache.directory) / "index.sqlite")) as sql:
        sql.execute("UPDATE entries SET payload = X'80054B2A2E'")
        sql.commit()
    assert forgotten(f)(3, "b", 2.5) == 6
    assert ran.count((3, "b", 2.5)) == 2


def test_a_result_expires(cache: Cache, ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    @cache.memo(keep="always", expires_after=5)
    def g(x):
        sys.audit("ran", x)
        return x

    for number in (1, 2, 3):
        g(number)
    then = time.time() + 6
    monkeypatch.setattr("dumbo.keeping.serving.time", lambda: then)
    assert forgotten(g)(3) == 3
    assert ran == [1, 2, 3, 3]


def test_hits_and_seconds_are_counted(f) -> None:
    before = f.stats()
    f(3, "b", 2.5)
    forgotten(f)(3, "b", 2.5)
    after = f.stats()
    assert after.hits == before.hits + 1
    assert after.computed == before.computed + 1
    assert after.saved > before.saved
    assert after.looking > before.looking


def test_an_outer_function_is_told_of_hits_within(cache: Cache, f, ran: Ran) -> None:
    f(3, "b", 2.5)

    @cache.memo(keep="always")
    def outer(x):
        return [f(x, "b", 2.5)]

    forgotten(f)
    assert outer(3) == [6]
    assert outer(3) == [6]
    assert ran.count((3, "b", 2.5)) == 1
    assert outer.cache_info().hits == 1


def test_a_class_that_cannot_be_loaded_any_more_is_computed_again(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    @cache.memo(keep="always")
    def g(x):
        return Pair(x)

    for number in (1, 2, 3):
        g(number)
    monkeypatch.setattr(Pair, "__setstate__", Pair.fails, raising=False)
    assert forgotten(g)(3).x == 3


class Pair:
    def __init__(self, x):
        self.x = x

    def fails(self, state):
        raise RuntimeError("of the user's class")


def double(x):
    return x * 2


def square(x):
    return x * x


def test_texts_that_pick_what_is_called_are_told_apart(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    @cache.memo(keep="always")
    def g(how, x):
        return double(x) if how == "double" else square(x)

    for number in range(4):
        assert g("double", number) == number * 2
    for number in range(4):
        assert g("square", number) == number * number
    monkeypatch.setattr(sys.modules[__name__], "square", lambda x: -x)
    assert forgotten(g)("square", 3) == -3
    assert forgotten(g)("double", 3) == 6
    monkeypatch.setattr(sys.modules[__name__], "double", lambda x: x + 100)
    assert g("double", 3) == 103
    assert g("square", 3) == -3


def test_flags_that_pick_what_is_called_take_the_short_road_too(
    cache: Cache, located: list[object], ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    @cache.memo(keep="always")
    def g(x, doubled):
        sys.audit("ran", (x, doubled))
        return double(x) if doubled else square(x)

    for number in range(3):
        assert g(number, True) == number * 2
        assert g(number, False) == number * number
        assert g(number, 1) == number * 2
    located.clear()
    assert [g(3, True), g(3, False), g(3, 1)] == [6, 9, 6]
    assert [forgotten(g)(3, flag) for flag in (True, False, 1)] == [6, 9, 6]
    assert located == []
    monkeypatch.setattr(sys.modules[__name__], "square", lambda x: -x)
    ran.clear()
    assert [forgotten(g)(3, flag) for flag in (True, False)] == [6, -3]
    assert ran == [(3, False)]
    monkeypatch.setattr(sys.modules[__name__], "double", lambda x: x + 100)
    assert [forgotten(g)(3, flag) for flag in (True, False)] == [103, -3]


def test_a_flag_that_a_helper_begins_to_ask_for_is_heeded(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    @cache.memo(keep="always")
    def g(x, flag):
        return picked(x, flag)

    for number in range(3):
        assert g(number, True) == g(number, False) == number
    monkeypatch.setattr(
        sys.modules[__name__], "picked", lambda x, flag: double(x) if flag else square(x)
    )
    for number in range(5):
        assert g(number, True) == number * 2
        assert g(number, False) == number * number
    monkeypatch.setattr(sys.modules[__name__], "square", lambda x: -x)
    assert [forgotten(g)(4, flag) for flag in (True, False)] == [8, -4]


def picked(x, flag):
    return x


STATE = {"offset": [1, 2, 3]}


def test_what_lies_in_a_blob_goes_on_with_what_is_known(
    cache: Cache, ran: Ran, located: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    @cache.memo(keep="always")
    def large(n):
        sys.audit("ran", n)
        return bytes(STATE["offset"]) + os.urandom(1 << 20)

    values = [large(n) for n in range(3)]
    forgotten(large)
    large(0)
    forgotten(large)
    looked: list[object] = []
    content_of = guards.content_of

    def counted(obj: object) -> Any:
        looked.append(obj)
        return content_of(obj)

    monkeypatch.setattr(guards, "content_of", counted)
    located.clear()
    assert large(1) == values[1]
    assert (located, ran) == ([], [0, 1, 2])
    assert [obj is STATE["offset"] for obj in looked] == [True]  # once, and not by either road


def test_what_lies_in_a_blob_that_has_gone_is_computed_again(cache: Cache, ran: Ran) -> None:
    @cache.memo(keep="always")
    def large(n):
        sys.audit("ran", n)
        return [n] * 300_000

    for n in (0, 1, 2, 0):
        large(n)
    forgotten(large)
    for blob in Path(cache.directory).rglob("*"):
        if blob.is_file() and blob.stat().st_size > 100_000 and "index" not in blob.name:
            blob.unlink()
    assert large(1) == [1] * 300_000
    assert ran == [0, 1, 2, 1]
