"""Results in one file, to move them between caches and machines.

An archive is a tar file; each member is one result, laid out as a blob is in a cache (see
`blobs`), header and checksums included, under a name that says nothing. So each member can be
checked alone, and of an archive whose copying was interrupted everything up to there is good.
What proves closures does not travel: the first call on the other side finds them out.

Knows blobs and tar; must not know values, nor functions beyond their names.
"""

from __future__ import annotations

import os
import tarfile
from io import BytesIO

import xxhash

from dumbo.errors import CorruptBlob, StorageError
from dumbo.persistence import blobs, headers, rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _sqlite3 as sqlite
    from collections.abc import Callable
    from typing import Any

    from dumbo.persistence.store import Store

__all__ = ["Taken", "export", "take"]


class Taken:
    """What came of an import.

    Attributes:
        new: results that were not here.
        known: results that were.
        bad: members that are damaged or not to be trusted, and why.
        cut: why reading ended before the end of the archive; empty if it did not.
    """

    __slots__ = ("bad", "cut", "known", "new")

    def __init__(self) -> None:
        self.new = 0
        self.known = 0
        self.bad: list[str] = []
        self.cut = ""


def export(store: Store, path: str, wanted: Callable[[str], bool] = lambda name: True) -> int:
    """Write the results of the functions that are *wanted* by name; say how many.

    Raises:
        OSError: if the archive cannot be written; there is none then.
    """

    def look(sql: sqlite.Connection, known: set[object]) -> list[rows.Row]:
        return sql.execute(rows.ALL).fetchall()

    done = 0
    temporary = f"{path}.{os.urandom(8).hex()}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(temporary, flags, 0o600)
    try:
        with (
            os.fdopen(fd, "wb") as file,
            tarfile.open(fileobj=file, mode=_mode(path), format=tarfile.PAX_FORMAT) as archive,
        ):
            for row in store.run(look):
                name = store.name_of(row[5])
                if wanted(name) and rows.is_whole(row):
                    done += _add(store, archive, row, name)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return done


def _mode(path: str) -> Any:  # one of so many literals
    for suffix, kind in ((".gz", "gz"), (".tgz", "gz"), (".bz2", "bz2"), (".xz", "xz")):
        if path.endswith(suffix):
            return f"w|{kind}"
    return "w|"


def _add(store: Store, archive: tarfile.TarFile, row: rows.Row, name: str) -> int:
    where = store.path_of(row[3], row[1], row[2], row[4])
    member = tarfile.TarInfo(os.path.basename(where))
    member.mode = 0o600
    if row[13] is not None:
        whole = _as_blob(row, name)
        member.size = len(whole)
        archive.addfile(member, BytesIO(whole))
        return 1
    try:
        blobs.check(where)
        with open(where, "rb") as file:
            member.size = os.fstat(file.fileno()).st_size
            archive.addfile(member, file)
    except (OSError, StorageError):  # evicted, or damaged: the rest is good
        return 0
    return 1


def _as_blob(row: rows.Row, name: str) -> bytes:
    """A result that lies in the index, as a file of its own would be."""
    _, closure, key, python, extras, _, size, compute, stored, created, *rest = row
    _, codec, _, payload, note, _ = rest
    header = headers.Header(
        name, closure, key, extras, python, compute, created,
        note.decode("utf-8", "surrogatepass"), codec, stored, size,
        xxhash.xxh3_64_intdigest(payload),
    )  # fmt: skip
    whole: bytes = header.pack() + payload
    return whole


def take(store: Store, path: str) -> Taken:
    """Store what an archive has and *store* has not.

    Raises:
        OSError: if the archive cannot be read, or the store not be written.
    """
    taken = Taken()
    try:
        with tarfile.open(path, mode="r|*") as archive:
            for member in archive:
                if not member.isfile():
                    taken.bad.append("a member that is no file")
                    continue
                file = archive.extractfile(member)
                assert file is not None
                try:
                    new = store.adopt(file)
                except CorruptBlob as error:
                    taken.bad.append(str(error))
                    continue
                taken.new += new
                taken.known += not new
    except (tarfile.TarError, EOFError, _zlib_error()) as error:
        taken.cut = str(error) or type(error).__name__
    return taken


def _zlib_error() -> type[Exception]:
    import zlib

    return zlib.error
