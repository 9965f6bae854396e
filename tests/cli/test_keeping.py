"""The commands that keep a cache in order."""

from __future__ import annotations

import errno
import io
import os
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
import xxhash
from click.testing import CliRunner, Result

from dumbo import Cache
from dumbo.cli.commands import dumbo
from dumbo.persistence.headers import Header


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


def test_a_folder_that_is_no_cache_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n")
    for command in ("gc", "verify", "clear --yes", "show x", "export x.tar"):
        ended = run(tmp_path, *command.split())
        assert ended.exit_code == 2
        assert "there is no cache in" in ended.output
    assert "Nothing is stored" in run(tmp_path, "ls").output
    assert sorted(os.listdir(tmp_path)) == ["CACHEDIR.TAG", "notes.txt"]


@pytest.mark.parametrize(
    "words", ["clear --yes", "clear small --yes", "gc", "gc --older-than 0s", "verify --repair"]
)
def test_what_cannot_be_written_to_is_said_in_one_line(
    filled: Cache, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    filled.close()
    blobs(filled)[0].unlink()

    def readonly(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "the index: attempt to write a readonly database", "index")

    monkeypatch.setattr("dumbo.persistence.store.Store._write", readonly)
    ended = run(filled, *words.split())
    assert ended.exit_code == 2
    assert "dumbo: the index: attempt to write a readonly database ('index')\n" in ended.output
    assert isinstance(ended.exception, SystemExit)


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
    for age in ("nand", "infd", "1e400d", "-5d", "5", "d", ""):
        refused = run(filled, "gc", f"--older-than={age}")
        assert refused.exit_code == 2
        assert "give a number and a unit" in refused.output
    assert entries(filled) == 10
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


def test_verify_finds_results_that_changed_places(filled: Cache) -> None:
    one, two, *_ = blobs(filled)
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(content)
    ended = run(filled, "verify")
    assert ended.exit_code == 1
    assert "belongs elsewhere" in ended.output
    assert "8 whole, 2 bad, 0 not listed" in ended.output
    assert run(filled, "verify", "--repair").exit_code == 0
    assert run(filled, "verify").exit_code == 0


def divided(x):
    return {"a": bytes([x]) * 200_000, "b": bytes([x + 1]) * 200_000}


@pytest.fixture
def in_parts(cache: Cache) -> Cache:
    memoized = cache.memo(keep="always", name="divided")(divided)
    for number in (1, 2, 5):
        memoized(number)
    return cache


def test_verify_finds_results_that_lack_a_part(in_parts: Cache) -> None:
    assert "8 whole, 0 bad, 0 not listed" in run(in_parts, "verify").output
    shared = next(path for path in blobs(in_parts) if b"\2" * 1000 in path.read_bytes())
    shared.unlink()
    ended = run(in_parts, "verify")
    assert ended.exit_code == 1
    assert ended.output.count("divided: a part of it is gone") == 2
    assert "5 whole, 3 bad, 0 not listed" in ended.output
    assert run(in_parts, "verify", "--repair").exit_code == 0
    again = run(in_parts, "verify")
    assert again.exit_code == 0
    assert "5 whole" in again.output


def test_verify_knows_signatures_and_removes_nothing_of_others(
    filled: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.close()
    monkeypatch.setenv("DUMBO_SIGNING_KEY", "a key of more than sixteen bytes")
    for words in (["verify"], ["verify", "--repair"]):
        ended = run(filled, *words)
        assert ended.exit_code == 1
        assert ended.output.count("is not signed") == 10
        assert "0 whole, 10 bad" in ended.output
    monkeypatch.delenv("DUMBO_SIGNING_KEY")
    filled.close()
    assert "10 whole, 0 bad" in run(filled, "verify").output


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


def test_an_export_of_one_function_has_the_parts_of_its_results(
    in_parts: Cache, tmp_path: Path
) -> None:
    other = in_parts.memo(keep="always", name="other")(lambda: {"a": b"x" * 300_000})
    other()
    file = str(tmp_path / "results.tar")
    assert "8 results written" in run(in_parts, "export", file, "--function", "divided").output
    with Cache(tmp_path / "other") as there:
        assert run(there, "import", file, "--yes").exit_code == 0
        memoized = there.memo(keep="always", name="divided")(divided)
        assert [memoized(number) for number in (1, 2, 5)] == [divided(n) for n in (1, 2, 5)]
        assert memoized.cache_info().misses == 0
    assert run(there, "verify").exit_code == 0


def _cut_at_a_boundary(data: bytearray, at: list[int]) -> None:
    del data[at[6] :]


def _cut_in_a_header(data: bytearray, at: list[int]) -> None:
    del data[at[6] + 100 :]


def _cut_in_a_payload(data: bytearray, at: list[int]) -> None:
    del data[at[6] + 600 :]


def _cut_before_the_end(data: bytearray, at: list[int]) -> None:
    del data[at[-1] :]


def _flip_a_bit_of_a_header(data: bytearray, at: list[int]) -> None:
    data[at[6] + 10] ^= 1


def _flip_a_bit_of_the_first_header(data: bytearray, at: list[int]) -> None:
    data[10] ^= 1


def _flip_a_bit_of_a_result(data: bytearray, at: list[int]) -> None:
    data[at[6] + 700] ^= 1


def _zero_a_member(data: bytearray, at: list[int]) -> None:
    data[at[6] : at[7]] = bytes(at[7] - at[6])


def _flip_a_bit_of_the_end(data: bytearray, at: list[int]) -> None:
    data[at[-1] + 520] ^= 1


@pytest.mark.parametrize(
    ("damage", "left", "said"),
    [
        (_cut_at_a_boundary, 6, "ends early"),
        (_cut_in_a_header, 6, "ends early"),
        (_cut_in_a_payload, 6, "ends early"),
        (_cut_before_the_end, 10, "ends early"),
        (_flip_a_bit_of_a_header, 9, "missing: 1 result of"),
        (_flip_a_bit_of_the_first_header, 9, "missing: 1 result of"),
        (_flip_a_bit_of_a_result, 9, "missing: 1 result of"),
        (_zero_a_member, 9, "missing: 1 result of"),
        (_flip_a_bit_of_the_end, 10, "the list of what there is, which was altered"),
    ],
)
def test_of_a_damaged_archive_what_is_good_is_kept_and_what_is_missing_is_said(
    filled: Cache, tmp_path: Path, damage: Any, left: int, said: str
) -> None:
    file = tmp_path / "results.tar"
    run(filled, "export", str(file))
    with tarfile.open(file) as archive:
        at = [member.offset for member in archive]
    data = bytearray(file.read_bytes())
    damage(data, at)
    file.write_bytes(data)
    other = Cache(tmp_path / "other")
    ended = run(other, "import", str(file), "--yes")
    assert ended.exit_code == 1
    assert said in ended.output
    assert f"{left} results imported" in ended.output
    assert run(other, "verify").exit_code == 0


@pytest.mark.parametrize("content", [b"hello" * 500, b""])
def test_what_is_no_archive_is_none(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "results.tar"
    file.write_bytes(content)
    ended = run(tmp_path / "other", "import", str(file), "--yes")
    assert ended.exit_code == 1
    assert "the archive ends early" in ended.output


def test_an_archive_of_an_older_dumbo_may_have_been_longer(filled: Cache, tmp_path: Path) -> None:
    new, old = tmp_path / "new.tar", tmp_path / "old.tar"
    run(filled, "export", str(new))
    with tarfile.open(new) as archive, tarfile.open(old, "w") as before:
        for member in list(archive)[:-1]:
            content = archive.extractfile(member)
            member.name = os.path.basename(member.name)
            before.addfile(member, content)
    ended = run(tmp_path / "other", "import", str(old), "--yes")
    assert ended.exit_code == 0
    assert "10 results imported" in ended.output
    assert "whether that is all cannot be told" in ended.output


def test_hostile_members_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "results.tar"

    def blob(codec: int, key: bytes, name: bytes = b"evil") -> bytes:
        payload = b"I1\n."
        check = xxhash.xxh3_64_intdigest(payload)
        header = Header("x" * len(name), b"c" * 16, key, b"", 313, 1, 1, "", codec, 1, 4, check)
        packed = bytearray(header.pack())
        packed[98 : 98 + len(name)] = name
        packed[8:16] = xxhash.xxh3_64_intdigest(packed[16:]).to_bytes(8, "big")
        return bytes(packed) + payload

    members = [blob(0xFFFF, b"1" * 16), blob(77, b"2" * 16), blob(3, b"3" * 16, b"\xff\xfe")]
    with tarfile.open(file, "w") as archive:
        for number, content in enumerate([*members, blob(3, b"4" * 16)]):
            member = tarfile.TarInfo(str(number))
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    whole = file.read_bytes()
    ended = run(tmp_path / "other", "import", str(file), "--yes")
    assert ended.exit_code == 1
    assert "1 results imported" in ended.output
    assert ended.output.count("is none that this version of dumbo has") == 2
    assert "holds what is no text" in ended.output
    for said in (b"26 GNU.sparse.map=a,b,c,d\n", b"99 size=notanumber\n"):
        extended = tarfile.TarInfo("pax")
        extended.type, extended.size = tarfile.XHDTYPE, len(said)
        file.write_bytes(extended.tobuf() + said.ljust(512, b"\0") + whole)
        ended = run(tmp_path / "other", "import", str(file), "--yes")
        assert ended.exit_code == 1
        assert "Traceback" not in ended.output
        assert isinstance(ended.exception, SystemExit)


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
