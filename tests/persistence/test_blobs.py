"""Blobs: what was altered, cut off, moved or planted is never believed."""

from __future__ import annotations

import os
import random
import re
import time
from pathlib import Path
from typing import Any

import pytest
from desk import Desk, digest

from dumbo.errors import CorruptBlob, MissingBlob, UnusableDirectory
from dumbo.persistence import folder, headers
from dumbo.persistence.verify import verify

VALUE = list(range(2000))
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def is_gone(desk: Desk, number: int, path: Path) -> bool:
    """Loading fails as it should, and the next call finds nothing in the way."""
    with pytest.raises(CorruptBlob):
        desk.load(number)
    assert desk.store.corrupt == 1
    assert desk.store.trouble
    assert desk.find(number) is None
    desk.save(number, VALUE)
    assert desk.load(number) == VALUE
    return True


def test_every_flipped_bit_is_seen(desk: Desk) -> None:
    path = desk.blob(1, VALUE)
    record = desk.find(1)
    whole = path.read_bytes()
    header = int.from_bytes(whole[4:8], "big")
    chosen = random.Random(1)
    places = [*range(header), *(chosen.randrange(header, len(whole)) for _ in range(300))]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << chosen.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(CorruptBlob):
            desk.store.load(record)
        assert not path.exists()
    assert desk.store.corrupt == len(places)


def test_damage_after_the_first_reading_is_seen(desk: Desk) -> None:
    path = desk.blob(1, VALUE)
    assert desk.load(1) == VALUE
    damaged = bytearray(path.read_bytes())
    damaged[-100] ^= 1
    path.write_bytes(damaged)
    assert is_gone(desk, 1, path)


@pytest.mark.parametrize("length", [0, 1, 63, 64, 100, 128, 200, 5000, -1])
def test_a_blob_that_was_cut_off_is_no_hit(desk: Desk, length: int) -> None:
    path = desk.blob(1, VALUE)
    os.truncate(path, length if length >= 0 else path.stat().st_size - 1)
    assert is_gone(desk, 1, path)


def test_a_large_blob_cut_off_between_two_hits_is_no_hit(desk: Desk) -> None:
    np = pytest.importorskip("numpy")
    path = desk.blob(1, np.arange(10**6))
    kept = desk.load(1)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(CorruptBlob, match="bytes long"):
        desk.load(1)
    assert kept[7] == 7


def test_a_blob_with_something_added_is_no_hit(desk: Desk) -> None:
    path = desk.blob(1, VALUE)
    with path.open("ab") as file:
        file.write(b"more")
    assert is_gone(desk, 1, path)


def test_a_missing_blob_is_no_hit(desk: Desk) -> None:
    path = desk.blob(1, VALUE)
    path.unlink()
    with pytest.raises(MissingBlob):
        desk.load(1)
    assert desk.find(1) is None
    assert desk.store.corrupt == 0  # somebody removed it, and may do so


def test_two_blobs_that_changed_places_are_no_hits(desk: Desk) -> None:
    one, two = desk.blob(1, VALUE), desk.blob(2, VALUE[::-1])
    one.rename(desk.directory / "x")
    two.rename(one)
    (desk.directory / "x").rename(two)
    for number in (1, 2):
        with pytest.raises(CorruptBlob, match="belongs elsewhere"):
            desk.load(number)
        assert desk.find(number) is None


def test_what_is_no_file_is_no_hit_and_in_nobodys_way(desk: Desk) -> None:
    victim = desk.directory.parent / "victim"
    victim.write_bytes(b"precious")

    def full_directory(path: Path) -> None:
        path.mkdir()
        (path / "something").write_text("kept")

    for number, put in enumerate(
        [
            full_directory,
            lambda path: path.symlink_to(victim),
            lambda path: path.symlink_to("nowhere"),
            os.mkfifo,
        ]
    ):
        path = desk.blob(number, VALUE)
        path.unlink()
        put(path)
        with pytest.raises(CorruptBlob):
            desk.load(number)
        desk.save(number, VALUE)
        assert desk.load(number) == VALUE
    assert victim.read_bytes() == b"precious"
    assert len(list(desk.directory.rglob("*.aside"))) == 1


def test_a_file_or_a_link_where_a_folder_should_be_is_set_aside(desk: Desk) -> None:
    path = desk.blob(1, VALUE)
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("")
    desk.save(1, VALUE)
    assert desk.load(1) == VALUE
    path.unlink()
    path.parent.rmdir()
    (desk.directory / "elsewhere").mkdir()
    path.parent.symlink_to("../elsewhere")
    desk.save(1, VALUE)
    assert desk.load(1) == VALUE


def _shelf(path: Path) -> Path:
    return path.parent


def _all_shelves(path: Path) -> Path:
    return path.parent.parent


def _open_to_others(path: Path) -> None:
    path.chmod(0o777)


def _link(path: Path) -> None:
    elsewhere = path.parent.parent / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def _give_away(path: Path) -> None:
    os.chown(path, 65534, 65534)


@pytest.mark.parametrize("which", [_shelf, _all_shelves])
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_open_to_others, "can be written to by other users .*chmod go-w"),
        (_link, "is a link.* Remove the link"),
        pytest.param(_give_away, "belongs to user 65534", marks=root_only),
    ],
)
def test_a_folder_inside_that_others_may_have_changed_is_neither_followed_nor_written_to(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, which: Any, change: Any, why: str
) -> None:
    path = desk.blob(1, VALUE)
    change(which(path))
    real = path.resolve()
    before = os.listdir(real.parent)
    monkeypatch.setattr("dumbo.persistence.folder.trusted", set())  # as in a new process
    with pytest.raises(CorruptBlob, match=why):
        desk.load(1)
    with pytest.raises(UnusableDirectory, match=why):
        desk.save(1, VALUE)
    report = verify(desk.store)
    assert len(report.bad) == 1
    assert re.search(why, report.bad[0][1])
    assert desk.find(1) is not None
    desk.store.clear("mod:func")
    assert os.listdir(real.parent) == before
    desk.save(1, [1])  # what is small lies in the index
    assert desk.load(1) == [1]


def test_a_folder_is_looked_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = desk.blob(1, VALUE)
    monkeypatch.setattr("dumbo.persistence.folder._check", None)
    desk.load(1)
    desk.save(1, VALUE)
    assert str(path.parent) in folder.trusted


def test_a_blob_that_others_can_write_to_is_not_loaded(desk: Desk) -> None:
    path = desk.blob(1, VALUE)
    path.chmod(0o666)
    with pytest.raises(CorruptBlob, match="written to by others"):
        desk.load(1)


@root_only
def test_a_blob_of_somebody_else_is_not_loaded(desk: Desk) -> None:
    path = desk.blob(1, VALUE)
    os.chown(path, 65534, 65534)
    with pytest.raises(CorruptBlob, match="user 65534"):
        desk.load(1)


def test_trouble_of_the_machine_sets_nothing_aside(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.blob(1, VALUE)
    record = desk.find(1)

    def no_more(*args: object, **kwargs: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "open", no_more)
    with pytest.raises(CorruptBlob, match="Too many open files"):
        desk.store.load(record)
    monkeypatch.undo()
    assert path.exists()
    assert desk.load(1) == VALUE


def test_a_payload_is_read_where_it_cannot_be_mapped(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    np = pytest.importorskip("numpy")
    desk.save(1, np.arange(10**6))

    def no_more(*args: object, **kwargs: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("mmap.mmap", no_more)
    value = desk.load(1)
    value[0] = 5
    assert (value[0], value.sum()) == (5, 499_999_500_005)


def test_an_interrupted_store_leaves_no_temporary(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late:
        def __reduce__(self) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.save(1, [bytes(10**6), Late()])

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        desk.save(1, [bytes(10**6)])
    monkeypatch.undo()
    assert list(desk.directory.rglob("*.part")) == []
    assert desk.find(1) is None


def test_what_killed_processes_left_is_swept_by_age(desk: Desk) -> None:
    shelf = desk.blob(1, VALUE).parent
    old, new = shelf / ("0" * 32 + ".aa.part"), shelf / ("0" * 32 + ".bb.part")
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 10_000,) * 2)
    desk.again().save(1, VALUE)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_header_tells_all_that_a_row_does() -> None:
    header = headers.Header(
        "mod:fünc\ud800", digest(1), digest(2), b"extras", 311, 5, 7, "note", 3, 11, 13, 17
    )
    back = headers.Header.unpack(header.pack())
    assert header.size == back.size == 128
    for name in headers.Header.__slots__:
        assert getattr(back, name) == getattr(header, name)


def test_more_results_live_than_files_may_be_open(child: Any) -> None:
    pytest.importorskip("numpy")
    lived = child(
        """
import resource
import numpy
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
for number in range(3):
    desk.save(number, numpy.full(140_000, number, dtype="f8"))
live = [desk.load(number % 3) for number in range(300)]
live[3][0] = 77
print(all(each[-1] == number % 3 for number, each in enumerate(live)), desk.load(0)[0])
print(len([open("/dev/null") for _ in range(30)]), "others")
"""
    )
    assert lived.communicate(timeout=60)[0].split() == ["True", "0.0", "30", "others"]
    assert lived.returncode == 0


def test_a_large_payload_has_its_room_before_it_is_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserved: list[tuple[int, int]] = []
    monkeypatch.setattr(
        os, "posix_fallocate", lambda fd, at, size: reserved.append((at, size)), raising=False
    )
    value = random.Random(1).randbytes(1 << 23)
    path = desk.blob(1, value)
    assert sum(size for _, size in reserved) >= len(value)
    assert max(at + size for at, size in reserved) <= path.stat().st_size
    desk.save(2, value[: 1 << 20])
    assert desk.load(1) == value
    assert len(reserved) == 1


def test_where_no_room_can_be_taken_before_it_is_written_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int, at: int, size: int) -> None:
        raise OSError(95, "not supported")

    value = random.Random(1).randbytes(1 << 23)
    monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
    desk.save(1, value)
    monkeypatch.delattr(os, "posix_fallocate")
    desk.save(2, value[1:])
    assert desk.again().load(1) == value
    assert desk.load(2) == value[1:]
