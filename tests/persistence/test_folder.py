"""A directory is used only if nobody else can write to it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from dumbo.errors import InvalidUse, UnusableDirectory
from dumbo.persistence import folder
from dumbo.persistence.store import Store

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277])
def test_a_new_directory_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        directory = tmp_path / "a" / "b" / "cache"
        folder.prepare(str(directory))
    finally:
        os.umask(before)
    assert [mode(path) for path in (directory, *list(directory.parents)[:2])] == [0o700] * 3
    assert (directory / ".gitignore").read_text() == "*\n"
    assert (directory / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172")


def test_a_store_makes_nothing_until_it_is_used(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    assert store.directory == str(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    store.prepare()
    assert (tmp_path / "cache").is_dir()


def test_an_own_directory_that_others_may_read_is_fine(tmp_path: Path) -> None:
    directory = tmp_path / "cache"
    directory.mkdir(0o755)
    assert folder.prepare(str(directory)) == str(directory)
    assert not (directory / ".gitignore").exists()


def test_a_link_is_followed_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(0o700)
    (tmp_path / "link").symlink_to("real")
    assert folder.prepare(str(tmp_path / "link")) == str(tmp_path / "real")


@pytest.mark.parametrize("others", [0o770, 0o707, 0o777])
def test_a_directory_that_others_can_write_to_is_refused_with_the_way_out(
    tmp_path: Path, others: int
) -> None:
    directory = tmp_path / "cache"
    directory.mkdir()
    directory.chmod(others)
    with pytest.raises(UnusableDirectory, match=f"chmod go-w .*{directory}") as caught:
        Store(directory).prepare()
    assert "DUMBO_DIR" in str(caught.value)
    assert isinstance(caught.value, InvalidUse)


@root_only
def test_a_directory_of_somebody_else_is_refused_also_for_root(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(0o700)
    os.chown(tmp_path / "theirs", 65534, 65534)
    (tmp_path / "link").symlink_to("theirs")
    with pytest.raises(UnusableDirectory, match="belongs to user 65534"):
        Store(tmp_path / "link").prepare()
    assert list((tmp_path / "theirs").iterdir()) == []


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnusableDirectory, match="not a directory"):
        Store(tmp_path / "file").prepare()
    with pytest.raises(UnusableDirectory, match=r"cannot be made .*Not a directory"):
        Store(tmp_path / "file" / "sub" / "cache").prepare()


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(0o500)
    if os.access(tmp_path / "closed", os.W_OK):
        pytest.skip("root may write anywhere")
    with pytest.raises(UnusableDirectory, match="Permission denied"):
        Store(tmp_path / "closed" / "cache").prepare()


def test_reading_from_an_unusable_directory_finds_nothing_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file")
    assert store.find(bytes(16), bytes(16)) is None
    assert "not a directory" in store.trouble
    assert store.traces(b"root", b"shape") == []
    with pytest.raises(UnusableDirectory):
        store.save(bytes(16), bytes(16), 1, function="f", compute=1.0)
