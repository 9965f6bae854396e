"""Files and variables that a function reads besides its arguments count where it says so."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import dumbo
from dumbo import InvalidUse, by, memo

Ran = list[object]


def test_what_a_function_says_that_it_reads_counts_by_content(
    cache: dumbo.Cache, ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.txt"
    path.write_text("1")
    monkeypatch.setenv("MODE", "a")

    @cache.memo(keep="always", reads=[path, by.env("MODE"), by.env("NOT_SET")])
    def f(x: int) -> str:
        sys.audit("ran")
        return path.read_text() + os.environ["MODE"]

    assert [f(1), f(1)] == ["1a", "1a"]
    assert len(ran) == 1
    path.write_text("2")
    assert f(1) == "2a"
    monkeypatch.setenv("MODE", "b")
    assert f(1) == "2b"
    monkeypatch.setenv("NOT_SET", "")
    f(1)
    assert len(ran) == 4
    monkeypatch.delenv("NOT_SET")
    monkeypatch.setenv("MODE", "a")
    path.write_text("1")
    assert f(1) == "1a"
    assert len(ran) == 4


def test_a_setting_is_a_function(cache: dumbo.Cache, ran: Ran) -> None:
    held = {"level": 1}

    @cache.memo(keep="always", reads=[lambda: held["level"]], track_deps=False)
    def f() -> None:
        sys.audit("ran")

    f(), f()
    held["level"] = 2
    f()
    assert len(ran) == 2
    del held["level"]
    f()
    assert "a setting cannot be read: KeyError" in f.why()


def test_folders_and_patterns_are_trees(cache: dumbo.Cache, ran: Ran, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")

    @cache.memo(keep="always", reads=[str(tmp_path / "*.csv")])
    def f() -> None:
        sys.audit("ran")

    f(), f()
    (tmp_path / "b.csv").write_text("2")
    f(), f()
    assert len(ran) == 2


def test_a_file_that_changes_while_the_function_runs_stores_nothing(
    cache: dumbo.Cache, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.write_text("1")

    @cache.memo(keep="always", reads=[path])
    def f() -> None:
        path.write_text("2")

    f()
    path.write_text("1")
    assert f.get_entry() is None


def test_what_a_memoized_function_reads_is_read_by_those_that_call_it(
    cache: dumbo.Cache, ran: Ran, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.write_text("1")

    @cache.memo(keep="always", reads=[path])
    def inner() -> str:
        return path.read_text()

    @cache.memo(keep="always")
    def middle() -> str:
        return inner()

    @cache.memo(keep="always")
    def outer() -> str:
        sys.audit("ran")
        return middle() + "!"

    assert [outer(), outer()] == ["1!", "1!"]
    assert len(ran) == 1
    path.write_text("2")
    assert "f changed" in outer.why()
    assert [outer(), outer()] == ["2!", "2!"]
    path.write_text("1")
    assert outer() == "1!"
    assert len(ran) == 2
    outer.clear()
    assert outer() == "1!"  # now what it calls are hits
    path.write_text("2")
    assert outer() == "2!"


def test_by_file_of_an_inner_call_counts_for_the_outer_one(
    cache: dumbo.Cache, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.write_text("1")

    @cache.memo(keep="always", key={"p": by.file()})
    def inner(p: str) -> str:
        return Path(p).read_text()

    @cache.memo(keep="always")
    def outer(p: str) -> str:
        return inner(p)

    assert outer(str(path)) == "1"
    path.write_text("2")
    assert outer(str(path)) == "2"


def test_settings_of_an_inner_function_keep_the_outer_from_being_stored(
    cache: dumbo.Cache, ran: Ran
) -> None:
    @cache.memo(keep="always", reads=[lambda: 1])
    def inner() -> int:
        return 1

    @cache.memo(keep="always")
    def outer() -> int:
        sys.audit("ran")
        return inner()

    outer(), outer()
    assert len(ran) == 2
    assert "reads settings of its own" in outer.why()


def test_files_that_are_opened_count_where_that_is_asked_for(
    cache: dumbo.Cache, ran: Ran, tmp_path: Path
) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text(str(second))
    second.write_text("1")
    absent = tmp_path / "c"

    @cache.memo(keep="always", reads="observed")
    def f(start: str) -> str:
        sys.audit("ran")
        try:
            absent.open().close()
        except FileNotFoundError:
            pass
        with open(start) as file:
            return Path(file.read()).read_text()

    @cache.memo(keep="always")
    def outer() -> str:
        return f(str(first))

    assert [f(str(first)), f(str(first)), outer()] == ["1", "1", "1"]
    assert len(ran) == 1
    second.write_text("2")
    assert [f(str(first)), outer()] == ["2", "2"]
    assert len(ran) == 2
    absent.write_text("")
    assert f(str(first)) == "2"
    assert len(ran) == 3
    (tmp_path / "a").write_text(str(absent))
    assert f(str(first)) == ""
    why = f.why(str(first))
    assert str(absent) in why
    assert "which counts" in why


def test_files_that_are_written_too_are_no_inputs_to_rely_on(
    cache: dumbo.Cache, ran: Ran, tmp_path: Path
) -> None:
    path = tmp_path / "counter"
    path.write_text("0")

    @cache.memo(keep="always", reads="observed")
    def f() -> None:
        sys.audit("ran")
        with path.open("r+") as file:
            file.read()

    @cache.memo(keep="always", reads="observed")
    def g() -> None:
        sys.audit("ran")
        path.read_text()
        path.write_text("1")

    @cache.memo(keep="always", reads="observed")
    def h() -> None:
        sys.audit("ran")
        path.write_text("2")

    path.write_text("0")
    f(), f()
    assert len(ran) == 2
    g()
    path.write_text("0")
    g()
    assert len(ran) == 4
    h(), h()
    assert len(ran) == 5


def test_what_cannot_be_looked_at_is_opened_all_the_same_and_nothing_is_stored(
    cache: dumbo.Cache, ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dumbo.arguments import files

    path = tmp_path / "f"
    path.write_text("1")

    def broken(*args: object) -> object:
        raise RecursionError("deep")

    @cache.memo(keep="always", reads="observed")
    def f() -> str:
        sys.audit("ran")
        return path.read_text()

    monkeypatch.setattr(files, "see", broken)
    assert [f(), f()] == ["1", "1"]
    assert len(ran) == 2
    assert "cannot be looked at" in f.why()


def test_a_thread_that_reads_belongs_to_the_computation(
    cache: dumbo.Cache, ran: Ran, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.write_text("1")

    @cache.memo(keep="always", reads="observed")
    def f() -> str:
        found: list[str] = []
        thread = threading.Thread(target=lambda: found.append(path.read_text()))
        thread.start()
        thread.join()
        return found[0]

    assert f() == "1"
    path.write_text("2")
    assert f() == "2"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="nothing is observed here")
def test_why_names_files_that_were_opened(cache: dumbo.Cache, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("1")

    @cache.memo(keep="always")
    def f() -> str:
        return path.read_text()

    f()
    assert f"it opened {path} for reading" in f.why()
    assert "reads='observed'" in f.why()


@pytest.mark.parametrize("given", ["a.csv", b"a.csv", 3, [3], [""], ["observed", int], [None]])
def test_what_cannot_be_meant_is_an_error_at_decoration(given: Any) -> None:
    with pytest.raises(InvalidUse, match="reads=") as error:
        memo(reads=given)
    assert __file__ in str(error.value)
    with pytest.raises(InvalidUse, match="name of a variable"):
        by.env("A=B")
