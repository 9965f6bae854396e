"""What is kept beside results for people."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from dumbo.persistence import housekeeping, recipes
from dumbo.persistence.recipes import Recipes
from dumbo.persistence.store import Store


@pytest.fixture
def kept(tmp_path: Path) -> Recipes:
    return Store(tmp_path / "cache").recipes()


def again(tmp_path: Path) -> Recipes:
    return Store(tmp_path / "cache").recipes()


def test_a_source_is_found_by_its_digest(kept: Recipes, tmp_path: Path) -> None:
    kept.add_texts({b"12345678": "def f(): ...\n"})
    assert again(tmp_path).text(b"12345678") == "def f(): ...\n"
    assert kept.text(b"87654321") == ""


def test_calls_of_a_function_are_listed_the_newest_first(kept: Recipes, tmp_path: Path) -> None:
    for number in (1, 2):
        kept.add_call("m:f", b"%d" % number, b"looks %d" % number, 1.0)
        time.sleep(0.001)
    kept.add_call("m:g", b"3", b"looks 3", 1.0)
    assert again(tmp_path).calls_of("m:f") == [(b"2", b"looks 2"), (b"1", b"looks 1")]
    assert again(tmp_path).call("m:f", b"1") == b"looks 1"
    assert again(tmp_path).call("m:f", b"3") == b""


def test_calls_that_were_fast_are_written_together(kept: Recipes, tmp_path: Path) -> None:
    kept.add_call("m:f", b"1", b"looks", 1e-6)
    assert again(tmp_path).call("m:f", b"1") == b""
    kept.flush()
    assert again(tmp_path).call("m:f", b"1") == b"looks"


def test_what_is_damaged_says_nothing(kept: Recipes, tmp_path: Path) -> None:
    kept.add_texts({b"12345678": "text"})
    kept.add_call("m:f", b"1", b"looks", 1.0)
    kept.close()
    (tmp_path / "cache" / "recipes.sqlite").write_bytes(b"nonsense" * 500)
    assert again(tmp_path).text(b"12345678") == ""
    assert again(tmp_path).call("m:f", b"1") == b""


def test_a_directory_that_takes_nothing_is_no_error(
    kept: Recipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(work: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(kept._index, "write", refuse)
    kept.add_texts({b"12345678": "text"})
    kept.add_call("m:f", b"1", b"looks", 1.0)
    assert kept.text(b"12345678") == ""


def test_sources_go_with_the_traces_that_refer_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dumbo.tracing.tracker import Tracker

    def f(x: int) -> int:
        return x + 1

    store = Store(tmp_path / "cache")
    tracker = Tracker(f)
    snapshot = tracker.look((1,), (), store, ("x",))
    tracker.settle(snapshot, store)
    assert snapshot.account is not None
    (text,) = [part.text for part in snapshot.account.parts if part.text]
    assert "return x + 1" in store.recipes().text(text)
    housekeeping.sweep(store)
    assert store.recipes().text(text)
    monkeypatch.setattr(housekeeping, "_GRACE", -10)
    housekeeping.sweep(store)
    assert store.recipes().text(text) == ""


def test_old_calls_without_a_result_go(kept: Recipes, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in (b"1", b"2"):
        kept.add_call("m:f", key, b"looks", 1.0)
    kept.sweep((), {b"1"})
    assert len(kept.calls_of("m:f")) == 2
    monkeypatch.setattr(recipes, "_DAYS", -10)
    kept.sweep((), {b"1"})
    assert [key for key, _ in kept.calls_of("m:f")] == [b"1"]


def test_no_more_calls_are_kept_than_there_is_room_for(
    kept: Recipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipes, "_MOST", 2)
    for number in range(5):
        kept.add_call("m:f", b"%d" % number, b"looks", 1.0)
        time.sleep(0.001)
    kept.sweep((), {b"%d" % number for number in range(5)})
    assert [key for key, _ in kept.calls_of("m:f")] == [b"4", b"3"]


def test_a_process_that_never_evicts_keeps_no_more_calls_either(
    kept: Recipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipes, "_MOST", 300)
    monkeypatch.setattr(recipes, "_LOOKED_AT", 100)
    for number in range(2000):
        kept.add_call("m:f", b"%d" % number, b"x" * 100, 0.0)
    kept.flush()
    found = kept.calls_of("m:f", 5000)
    assert len(found) < 700
    assert found[0][0] == b"1999"


def test_what_is_kept_for_people_counts_and_leaves_room_for_results(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache", size_limit=1_000_000)
    before = housekeeping.usage(store).total
    for number in range(3000):
        store.recipes().add_call("m:f", number.to_bytes(16, "big"), b"x" * 200, 0.0)
    store.recipes().flush()
    assert housekeeping.usage(store).total > before + 600_000
    store.save(bytes(16), bytes(16), bytes(100_000), function="m:f", compute=1.0)
    housekeeping.evict(store, 1_000_000)
    assert housekeeping.usage(store).recipes < 130_000
    assert store.find(bytes(16), bytes(16)) is not None
    assert store.recipes().calls_of("m:f", 1)[0][0] == (2999).to_bytes(16, "big")


def test_a_call_that_came_again_says_how_it_looked_the_last_time(
    kept: Recipes, tmp_path: Path
) -> None:
    for looks in (b"before", b"behind"):
        kept.add_call("m:f", b"1", looks, 1e-6)
    kept.flush()
    kept.add_call("m:f", b"2", b"other", 1.0)
    assert again(tmp_path).call("m:f", b"1") == b"behind"
    assert again(tmp_path).calls_of("m:f") == [(b"2", b"other"), (b"1", b"behind")]


def test_a_key_is_found_whatever_the_others_look_like(kept: Recipes, tmp_path: Path) -> None:
    kept.add_call("m:f", b"key", b"its own", 1.0)
    kept.add_call("m:f", b"one", b"says key, too", 1.0)
    assert again(tmp_path).call("m:f", b"key") == b"its own"


def test_calls_of_several_functions_that_wait_are_told_apart(kept: Recipes, tmp_path: Path) -> None:
    for name in ("m:f", "m:g", "m:f"):
        kept.add_call(name, name.encode(), b"looks", 1e-6)
    kept.flush()
    assert again(tmp_path).calls_of("m:f") == [(b"m:f", b"looks")]
    assert again(tmp_path).calls_of("m:g") == [(b"m:g", b"looks")]


def test_of_a_batch_only_what_is_old_and_without_a_result_goes(
    kept: Recipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        kept.add_call("m:f", b"%d" % number, b"looks", 1e-6)
    monkeypatch.setattr(recipes, "_DAYS", -10)
    kept.sweep((), {b"1", b"3"})
    assert [key for key, _ in kept.calls_of("m:f")] == [b"3", b"1"]
    kept.sweep((), ())
    assert kept.calls_of("m:f") == []


def test_what_an_older_version_kept_is_set_aside(kept: Recipes, tmp_path: Path) -> None:
    kept.add_texts({b"12345678": "text"})
    kept.close()
    path = tmp_path / "cache" / "recipes.sqlite"
    with sqlite3.connect(path) as sql:
        sql.execute("PRAGMA user_version=4")
    sql.close()
    kept.add_call("m:f", b"1", b"looks", 1.0)
    assert again(tmp_path).call("m:f", b"1") == b"looks"
    assert kept.text(b"12345678") == ""
