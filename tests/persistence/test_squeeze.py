"""Results that are stored compressed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dumbo import Cache, InvalidUse
from dumbo.memory import epoch
from dumbo.persistence import archive, blobs, squeeze, verify
from dumbo.persistence.ground import COMPRESSED

TEXT = {"text": "all work and no play " * 5000}
KEY = "a key of more than sixteen bytes"


def zstd() -> None:
    try:
        squeeze.zstd()
    except ImportError:
        pytest.skip("takes zstd")


def results(kind: str) -> object:
    sys.audit("ran", kind)
    if kind == "noise":
        return {"noise": os.urandom(50_000)}
    if kind == "mixed":  # beyond what a draft holds in memory, and no row
        return [str(n * 7919) for n in range(60_000)]
    if kind == "bytes":
        return b"0123456789" * 50_000
    if kind == "small":
        return [1, 2, 3]
    return TEXT


def use(cache: Cache, kind: str) -> object:
    """Call as a fresh process would."""
    cache.close()
    epoch.number += 1
    return cache.memo(keep="always", name="results")(results)(kind)


def files(cache: Cache) -> list[Path]:
    return [path for path in Path(cache.directory).glob("blobs/*/*") if path.is_file()]


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("kind", ["mixed", "bytes", "text", "small"])
def test_what_was_compressed_comes_back(
    tmp_path: Path, ran: list[object], kind: str, key: str | None
) -> None:
    zstd()
    cache = Cache(tmp_path / "c", compress=True, signing_key=key)
    first = use(cache, kind)
    for reader in (cache, Cache(tmp_path / "c", signing_key=key)):
        assert use(reader, kind) == first
        assert use(reader, kind) == first
    assert ran == [kind]
    assert verify.verify(cache.open()).bad == []


def test_it_takes_less_room(tmp_path: Path) -> None:
    zstd()
    large, small = Cache(tmp_path / "a"), Cache(tmp_path / "b", compress=True)
    for cache in (large, small):
        use(cache, "mixed")
    sizes = [path.stat().st_size for cache in (large, small) for path in files(cache)]
    assert sizes[1] < sizes[0] * 0.8


def test_what_becomes_small_lies_in_the_index(tmp_path: Path, ran: list[object]) -> None:
    zstd()
    cache = Cache(tmp_path / "c", compress=True)
    use(cache, "text")
    assert files(cache) == []
    assert use(cache, "text") == TEXT
    assert ran == ["text"]


def test_noise_is_stored_as_it_is(tmp_path: Path, ran: list[object]) -> None:
    zstd()
    cache = Cache(tmp_path / "c", compress=True)
    first = use(cache, "noise")
    (path,) = files(cache)
    assert blobs.peek(str(path)).codec & COMPRESSED == 0
    assert use(cache, "noise") == first
    assert ran == ["noise"]


@pytest.mark.parametrize("kind", ["mixed", "text"])
def test_who_has_no_zstd_computes_and_leaves_what_is_there(
    tmp_path: Path, ran: list[object], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    zstd()
    use(Cache(tmp_path / "c", compress=True), kind)
    with monkeypatch.context() as patch:

        def missing() -> object:
            raise ImportError("no zstd")

        patch.setattr(squeeze, "zstd", missing)
        plain = Cache(tmp_path / "c")
        plain.close()
        epoch.number += 1
        # Not to store over it, which is what a miss would do.
        assert plain.memo(keep="never", name="results")(results)(kind) == results(kind)
        with pytest.raises(InvalidUse, match="dumbo\\[zstd\\]"):
            Cache(tmp_path / "d", compress=True)
    ran.clear()
    use(Cache(tmp_path / "c"), kind)
    assert ran == []


def test_parts_are_compressed_and_have_the_size_that_they_take(tmp_path: Path) -> None:
    zstd()
    cache = Cache(tmp_path / "c", compress=True)

    @cache.memo(keep="always")
    def f(n: int) -> dict[str, object]:
        return {"zeros": bytes(300_000), "n": n}

    assert f(1) == f(1) == f(2) | {"n": 1}
    sizes = [entry.parts["zeros"] for n in (1, 2) if (entry := f.get_entry(n)) is not None]
    assert len(set(sizes)) == 1
    assert sizes[0] < 1000


def test_results_move_between_caches(tmp_path: Path, ran: list[object]) -> None:
    zstd()
    one, two = Cache(tmp_path / "one", compress=True), Cache(tmp_path / "two")
    use(one, "mixed")
    use(one, "text")
    archive.export(one.open(), str(tmp_path / "archive.tar"))
    archive.take(two.open(), str(tmp_path / "archive.tar"))
    use(two, "mixed")
    use(two, "text")
    assert ran == ["mixed", "text"]
