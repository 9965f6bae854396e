"""Directories of results as objects: opened late, shared, closed, cleared."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import dumbo
from dumbo import Cache, InvalidUse


def quick(x):
    sys.audit("ran", x)
    return [x]


def test_its_directory_is_absolute_and_need_not_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cache = Cache("results")
    assert cache.directory == str(tmp_path / "results")
    assert repr(cache) == f"dumbo.Cache({cache.directory!r})"
    assert os.listdir(tmp_path) == []


def test_two_caches_of_one_directory_are_one_store(tmp_path: Path, ran: list[object]) -> None:
    one, two = Cache(tmp_path / "c"), Cache(tmp_path / "c")
    assert one.memo(keep="always")(quick)(1) == two.memo(keep="always")(quick)(1)
    assert one.open() is two.open()
    assert ran == [1]


def test_a_closed_cache_opens_again_when_it_is_needed(cache: Cache, ran: list[object]) -> None:
    with cache as same:
        assert same is cache
        f = cache.memo(keep="always")(quick)
        f(1)
    cache.close()
    assert f(1) == [1]
    assert f.get_entry(1).load() == [1]
    assert ran == [1]


def test_an_entry_outlives_the_closing_of_its_cache(cache: Cache) -> None:
    f = cache.memo(keep="always")(quick)
    f(1)
    entry = f.get_entry(1)
    cache.close()
    assert entry.load() == [1]


def test_clear_removes_the_results_of_all_functions(cache: Cache, ran: list[object]) -> None:
    f = cache.memo(keep="always")(quick)
    g = cache.memo(keep="always")(lambda x: x)
    f(1), f(2), g(1)
    assert cache.clear() == 3
    assert cache.clear() == 0
    f(1)
    assert ran == [1, 2, 1]


def test_the_default_cache_is_that_of_plain_memo(ran: list[object]) -> None:
    f = dumbo.memo(keep="always")(quick)
    f(1)
    assert dumbo.default_cache().directory == os.environ["DUMBO_DIR"]
    assert dumbo.clear() == 1
    f(1)
    assert ran == [1, 1]


def test_a_cache_decorates_like_memo_but_has_its_own_directory(cache: Cache) -> None:
    with pytest.raises(InvalidUse, match=r"test_cache\.py:\d+: there is no such keyword"):
        cache.memo(kep="always")
    with pytest.raises(InvalidUse, match="no such keyword"):
        Cache(cache.directory).memo(directory="x")
