"""How long results are kept: expiry, versions, and the size limit of a cache."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

import dumbo
from dumbo import Cache, InvalidUse, config

Ran = list[object]


def backdate(cache: Cache, seconds: float) -> None:
    """Let everything stored be that much older, and forget what is in memory."""
    from dumbo.memory import epoch
    from dumbo.persistence import rows

    store = cache.open()

    def shift(sql, known):
        for row in sql.execute(rows.ALL).fetchall():
            older = list(row)
            older[9] -= int(seconds * 1e6)
            sql.execute(rows.PUT, rows.checked(tuple(older)))

    store.run(shift)
    epoch.number += 1


@pytest.mark.parametrize("age", [60, 60.0, timedelta(minutes=1)])
def test_a_result_expires(cache: Cache, ran: Ran, age: object) -> None:
    @cache.memo(keep="always", expires_after=age)
    def f(x):
        sys.audit("ran", x)
        return x

    f(1)
    backdate(cache, 30)
    assert f(1) == 1
    assert ran == [1]
    backdate(cache, 31)
    assert "expired, being 1 min 1 s old" in f.why(1)
    assert f.get_entry(1) is None
    assert f(1) == 1
    assert ran == [1, 1]
    assert f(1) == 1
    assert ran == [1, 1]


def test_a_result_that_was_stored_while_the_clock_was_ahead_has_expired(
    cache: Cache, ran: Ran
) -> None:
    @cache.memo(keep="always", expires_after=60)
    def f(x):
        sys.audit("ran", x)
        return x

    f(1)
    backdate(cache, -3600)
    assert "expired, being of unknown age" in f.why(1)
    assert f(1) == 1
    assert f(1) == 1
    assert ran == [1, 1]


def test_a_result_in_memory_expires_too(
    cache: Cache, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    @cache.memo(keep="always", expires_after=5)
    def f(x):
        sys.audit("ran", x)
        return x

    f(1)
    f(1)
    later = time.monotonic() + 6
    monkeypatch.setattr("dumbo.keeper.monotonic", lambda: later)
    monkeypatch.setattr("dumbo.memory.monotonic", lambda: later)
    then = time.time() + 6
    monkeypatch.setattr("dumbo.keeping.serving.time", lambda: then)
    f(1)
    assert ran == [1, 1]


def test_only_the_latest_versions_are_kept(cache: Cache, ran: Ran) -> None:
    scope: dict[str, object] = {"sys": sys}
    source = "def f(x):\n    sys.audit('ran', x)\n    return x + {}"

    def version(number: int):
        exec(source.format(number), scope)
        return cache.memo(keep="always", keep_versions=2, name="f")(scope["f"])

    for number in range(4):
        assert version(number)(1) == 1 + number
    assert version(3).cache_info().entries == 2
    ran.clear()
    assert [version(number)(1) for number in (3, 2, 0)] == [4, 3, 1]
    assert ran == [1]


@pytest.mark.parametrize(
    ("given", "limit"),
    [
        (5000, 5000),
        ("5000", 5000),
        ("2 kB", 2000),
        ("1.5MB", 1_500_000),
        ("3 GiB", 3_000_000_000),
        ("1 T", 10**12),
        (0, 0),
        ("none", 0),
    ],
)
def test_sizes_are_written_as_people_do(given: int | str, limit: int) -> None:
    assert config.size_limit(given) == limit


@pytest.mark.parametrize("given", [-1, "many", "5 XB", "", True, 1.5])
def test_other_sizes_are_refused(given: object) -> None:
    with pytest.raises(InvalidUse, match="give a number of bytes"):
        config.size_limit(given)  # type: ignore[arg-type]


def test_the_limit_comes_from_argument_environment_or_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Cache(tmp_path / "a").open().size_limit == config.SIZE_LIMIT
    (tmp_path / "pyproject.toml").write_text('[tool.dumbo]\nsize-limit = "3 GB"\n')
    monkeypatch.setattr(config, "_settings", {})
    assert Cache(tmp_path / "b").open().size_limit == 3_000_000_000
    monkeypatch.setenv("DUMBO_SIZE_LIMIT", "2 GB")
    assert Cache(tmp_path / "c").open().size_limit == 2_000_000_000
    assert Cache(tmp_path / "d", size_limit="1 GB").open().size_limit == 1_000_000_000
    assert Cache(tmp_path / "e", size_limit=0).open().size_limit is None


def test_a_cache_with_a_limit_stays_below_it(tmp_path: Path, ran: Ran) -> None:
    with Cache(tmp_path / "c", size_limit="1 MB") as cache:

        @cache.memo(keep="always")
        def f(x):
            sys.audit("ran", x)
            return bytes([x]) * 30_000

        for number in range(100):
            assert f(number) == bytes([number]) * 30_000
        files = (path for path in Path(cache.directory).rglob("*") if path.is_file())
        assert sum(path.stat().st_size for path in files) <= 1_000_000
        gone = [number for number in range(100) if f.get_entry(number) is None]
        assert len(gone) > 60
        ran.clear()
        f(gone[0])
        assert ran == [gone[0]]


@pytest.mark.parametrize(
    "keywords",
    [
        {"expires_after": 0},
        {"expires_after": -3},
        {"expires_after": "1h"},
        {"expires_after": True},
        {"expires_after": float("nan")},
        {"keep_versions": 0},
        {"keep_versions": 1.5},
        {"keep_versions": True},
    ],
)
def test_what_cannot_be_meant_is_refused_at_decoration(keywords: dict[str, object]) -> None:
    with pytest.raises(InvalidUse, match=r"test_limits\.py"):
        dumbo.memo(**keywords)(len)  # type: ignore[call-overload]


def test_durable_stores_wait_for_the_disk(
    tmp_path: Path, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    for durable in (False, True):
        with Cache(tmp_path / str(durable), durable=durable) as cache:
            cache.memo(keep="always")(lambda x: bytes(x))(50_000)
            assert len(synced) == 2 * durable  # the file, and its folder
            level = cache.open().run(
                lambda sql, known: sql.execute("PRAGMA synchronous").fetchone()[0]
            )
            assert level == 2 * durable
