"""The commands that keep a cache in order."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dumbo import Cache
from dumbo.cli.commands import dumbo


def small(x):
    return [x]


def large(x):
    return os.urandom(20_000)


def run(cache: Cache | Path, *words: str, answer: str | None = None) -> Result:
    directory = cache.directory if isinstance(cache, Cache) else str(cache)
    return CliRunner().invoke(dumbo, [*words, "--dir", directory], input=answer)


@pytest.fixture
def filled(cache: Cache) -> Cache:
    for function in (small, large):
        memoized = cache.memo(keep="always", name=function.__name__)(function)
        for number in range(5):
            memoized(number)
    return cache


def entries(cache: Cache) -> int:
    return sum(line.entries for line in cache.open().summary())


def blobs(cache: Cache) -> list[Path]:
    return [path for path in Path(cache.directory).glob("blobs/*/*") if len(path.name) == 32]


def test_a_cache_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    for command in ("gc", "verify", "clear", "show x", "export x.tar"):
        ended = run(tmp_path / "missing", *command.split())
        assert ended.exit_code == 2
        assert "there is no cache in" in ended.output
    assert not (tmp_path / "missing").exists()


def test_gc_removes_what_was_not_used_for_long(filled: Cache) -> None:
    store = filled.open()
    old = int(time.time()) - 40 * 86_400
    store.run(
        lambda sql, known: sql.execute(
            "UPDATE entries SET used = ? WHERE payload IS NOT NULL", (old,)
        )
    )
    ended = run(filled, "gc", "--older-than", "30d")
    assert ended.exit_code == 0
    assert ended.output.startswith("Removed 5 results")
    assert entries(filled) == 5


def test_gc_evicts_down_to_a_size(filled: Cache) -> None:
    ended = run(filled, "gc", "--size-limit", "150 kB")
    assert ended.exit_code == 0
    assert 0 < entries(filled) < 10


def test_gc_refuses_an_age_that_is_none(filled: Cache) -> None:
    ended = run(filled, "gc", "--older-than", "soon")
    assert ended.exit_code == 2
    assert "such as 30d" in ended.output
    assert entries(filled) == 10


def test_verify_finds_nothing_wrong_where_nothing_is(filled: Cache) -> None:
    ended = run(filled, "verify")
    assert ended.exit_code == 0
    assert "10 whole, 0 bad, 0 not listed" in ended.output


def test_verify_finds_and_repairs_damage(filled: Cache) -> None:
    altered, missing, *_ = blobs(filled)
    altered.write_bytes(altered.read_bytes()[:-1] + b"?")
    missing.unlink()
    filled.close()
    ended = run(filled, "verify")
    assert ended.exit_code == 1
    assert "large: the payload was altered" in ended.output
    assert "large: its file is missing" in ended.output
    assert "8 whole, 2 bad, 0 not listed" in ended.output
    assert run(filled, "verify", "--repair").exit_code == 0
    again = run(filled, "verify")
    assert again.exit_code == 0
    assert "8 whole, 0 bad" in again.output


def test_verify_lists_whole_files_that_no_row_finds(filled: Cache) -> None:
    store = filled.open()
    store.run(lambda sql, known: sql.execute("DELETE FROM entries WHERE payload IS NULL"))
    ended = run(filled, "verify")
    assert ended.exit_code == 1
    assert "5 whole, 0 bad, 5 not listed" in ended.output
    assert run(filled, "verify", "--repair").exit_code == 0
    assert entries(filled) == 10


def test_clear_asks(filled: Cache) -> None:
    assert run(filled, "clear", answer="n\n").exit_code == 1
    assert entries(filled) == 10
    ended = run(filled, "clear", "small", answer="y\n")
    assert "Remove 5 results" in ended.output
    assert entries(filled) == 5
    assert run(filled, "clear", "--yes").exit_code == 0
    assert entries(filled) == 0


def test_clear_knows_names(filled: Cache) -> None:
    ended = run(filled, "clear", "smal", "--yes")
    assert ended.exit_code == 2
    assert "nothing is stored of 'smal'" in ended.output
    assert entries(filled) == 10


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.xz"])
def test_what_was_exported_can_be_imported(filled: Cache, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"results{suffix}"
    assert "10 results written" in run(filled, "export", str(file)).output
    assert file.stat().st_mode & 0o777 == 0o600
    other = Cache(tmp_path / "other")
    ended = run(other, "import", str(file), "--yes")
    assert (ended.exit_code, ended.output) == (0, "10 results imported, 0 were here.\n")
    assert run(other, "import", str(file), "--yes").output == "0 results imported, 10 were here.\n"
    with other:
        memoized = other.memo(keep="always", name="small")(small)
        assert [memoized(number) for number in range(5)] == [[number] for number in range(5)]
        assert memoized.cache_info().misses == 0
    assert run(other, "verify").exit_code == 0


def test_an_export_of_one_function(filled: Cache, tmp_path: Path) -> None:
    file = str(tmp_path / "results.tar")
    assert "5 results written" in run(filled, "export", file, "--function", "large").output


def test_of_an_interrupted_copy_the_beginning_is_good(filled: Cache, tmp_path: Path) -> None:
    file = tmp_path / "results.tar"
    run(filled, "export", str(file))
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 2 // 3])
    other = Cache(tmp_path / "other")
    ended = run(other, "import", str(file), "--yes")
    assert ended.exit_code == 1
    assert 0 < entries(other) < 10
    assert run(other, "verify").exit_code == 0


def test_a_damaged_member_is_left_out(filled: Cache, tmp_path: Path) -> None:
    file = tmp_path / "results.tar"
    run(filled, "export", str(file), "--function", "large")
    whole = bytearray(file.read_bytes())
    whole[5000] ^= 1  # within the payload of the first
    file.write_bytes(whole)
    other = Cache(tmp_path / "other")
    ended = run(other, "import", str(file), "--yes")
    assert ended.exit_code == 1
    assert "4 results imported" in ended.output
    assert "left out: the payload was altered" in ended.output
    assert run(other, "verify").exit_code == 0


def test_import_asks_since_results_are_run(filled: Cache, tmp_path: Path) -> None:
    file = tmp_path / "results.tar"
    run(filled, "export", str(file))
    ended = run(tmp_path / "other", "import", str(file), answer="n\n")
    assert ended.exit_code == 1
    assert "run when they are loaded" in ended.output


def test_show_lists_the_entries_of_a_function_and_describes_one(filled: Cache) -> None:
    lines = run(filled, "show", "small").output.splitlines()
    assert len(lines) == 5
    number = lines[0].split()[0]
    shown = run(filled, "show", number, "--value").output
    assert "function  small" in shown
    assert "codec     pickle" in shown
    assert shown.splitlines()[-1].startswith("[")


def test_show_escapes_what_comes_from_users(cache: Cache) -> None:
    evil = "evil\x1b[31m\u202ename"
    memoized = cache.memo(keep="always", name=evil)(small)
    memoized("\x1b[2J")
    shown = run(cache, "show", evil, "--value").output
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "evil\\x1b[31m\\u202ename" in shown
