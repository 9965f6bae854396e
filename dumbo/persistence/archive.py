"""Results in one file, to move them between caches and machines.

An archive is a tar file; each member is one result, laid out as a blob is in a cache (see
`blobs`), header and checksums included, under a name that says nothing. So each member can be
checked alone, and of an archive that is damaged or cut all members that are whole are good. Parts
come before the results that have them.

    results/..   a result
    end          the last: 16 digits of xxh3-64 of what follows, a line break, and in JSON how many
                 results of which function there are

    version  change
    1        names without a folder, and no end: whether all is there cannot be told
    2        as above

What proves closures does not travel: the first call on the other side finds them out.

Knows blobs and tar; must not know values, nor functions beyond their names.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections import Counter
from io import BytesIO

import xxhash

from dumbo.errors import CorruptBlob, StorageError
from dumbo.persistence import blobs, codecs, headers, rows
from dumbo.persistence.ground import CODEC, PARTS
from dumbo.persistence.verify import parts_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _sqlite3 as sqlite
    from collections.abc import Callable, Collection
    from typing import IO, Any

    from dumbo.persistence.store import Store

__all__ = ["Taken", "export", "take"]


class Taken:
    """What came of an import.

    Attributes:
        new: results that were not here.
        known: results that were.
        bad: members that are damaged or not to be trusted, and why.
        cut: why reading ended before the end of the archive; empty if it did not.
        missing: how many results of which function the archive had once, and has no more.
        is_old: whether it was written so long ago that nobody can tell what is missing.
    """

    __slots__ = ("bad", "cut", "is_old", "known", "missing", "new")

    def __init__(self) -> None:
        self.new = 0
        self.known = 0
        self.bad: list[str] = []
        self.cut = ""
        self.missing: Counter[str] = Counter()
        self.is_old = False


_FOLDER = "results/"
_END = "end"
_LARGEST = 1 << 26  # bytes of an end


def export(store: Store, path: str, wanted: Callable[[str], bool] = lambda name: True) -> int:
    """Write the results of the functions that are *wanted* by name, with their parts; say how many.

    Raises:
        OSError: if the archive cannot be written; there is none then.
    """

    done: Counter[str] = Counter()
    temporary = f"{path}.{os.urandom(8).hex()}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(temporary, flags, 0o600)
    try:
        with (
            os.fdopen(fd, "wb") as file,
            tarfile.open(fileobj=file, mode=_mode(path), format=tarfile.PAX_FORMAT) as archive,
        ):
            _write(store, archive, wanted, done)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return done.total()


def _write(
    store: Store, archive: tarfile.TarFile, wanted: Callable[[str], bool], done: Counter[str]
) -> None:
    there: set[tuple[int, bytes]] = set()  # parts that are in the archive
    for row, name, parts in _chosen(store, wanted):
        if there.issuperset([(row[3], part) for part in parts]) and _add(store, archive, row, name):
            done[name] += 1
            if row[1] == PARTS:
                there.add((row[3], row[2]))
    body = json.dumps(done).encode()
    body = b"%016x\n" % xxhash.xxh3_64_intdigest(body) + body
    member = tarfile.TarInfo(_END)
    member.mode, member.size = 0o600, len(body)
    archive.addfile(member, BytesIO(body))


def _chosen(
    store: Store, wanted: Callable[[str], bool]
) -> list[tuple[rows.Row, str, Collection[bytes]]]:
    """The rows to write, with names of functions and keys of parts: first what is a part."""

    def look(sql: sqlite.Connection, known: set[object]) -> list[rows.Row]:
        return sql.execute(rows.ALL).fetchall()

    pieces, chosen = [], []
    needed: set[tuple[int, bytes]] = set()
    for row in store.run(look):
        if not rows.is_whole(row):
            continue
        name = store.name_of(row[5])
        if row[1] == PARTS:
            pieces.append((row, name, ()))
        elif wanted(name):
            parts: Collection[bytes] = ()
            if row[11] & CODEC == codecs.PARTS:
                try:
                    parts = parts_of(store, row)
                except (OSError, StorageError):  # evicted, or damaged
                    continue
            needed.update((row[3], part) for part in parts)
            chosen.append((row, name, parts))
    pieces = [one for one in pieces if (one[0][3], one[0][2]) in needed or wanted(one[1])]
    return [*pieces, *chosen]


def _mode(path: str) -> Any:  # one of so many literals
    for suffix, kind in ((".gz", "gz"), (".tgz", "gz"), (".bz2", "bz2"), (".xz", "xz")):
        if path.endswith(suffix):
            return f"w|{kind}"
    return "w|"


def _add(store: Store, archive: tarfile.TarFile, row: rows.Row, name: str) -> int:
    where = store.path_of(row[3], row[1], row[2], row[4])
    member = tarfile.TarInfo(_FOLDER + os.path.basename(where))
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
    here: Counter[str] = Counter()
    end: Counter[str] | None = None
    members = 0
    try:
        # Where a header is damaged, or a stretch is zero, the next member is looked for.
        with tarfile.open(path, mode="r|*", ignore_zeros=True) as archive:
            for member in archive:
                members += 1
                if not member.isfile() or member.issparse():
                    taken.bad.append("a member that is no file")
                    continue
                file = archive.extractfile(member)
                assert file is not None
                if member.name == _END:
                    end = _end_of(file.read(_LARGEST))
                    if end is None:
                        taken.bad.append("the list of what there is, which was altered")
                    continue
                taken.is_old = taken.is_old or not member.name.startswith(_FOLDER)
                name = _take(store, file, taken)
                if name is not None:
                    here[name] += 1
    except (tarfile.TarError, EOFError, _zlib_error(), ValueError, OverflowError) as error:
        # The last two come from numbers that `tarfile` reads and does not check.
        taken.cut = str(error) or type(error).__name__
    if end is not None:
        taken.missing = end - here
        taken.is_old = False
    elif not members and not taken.cut:
        taken.cut = "there is nothing in it that `dumbo export` wrote"
    elif not taken.is_old and not taken.cut:
        taken.cut = "what `dumbo export` writes last is not there"
    return taken


def _take(store: Store, file: IO[bytes], taken: Taken) -> str | None:
    """Store one member; return the name of its function, if it is good."""
    found: list[headers.Header] = []
    try:
        new = store.adopt(file, found.append)
    except CorruptBlob as error:
        taken.bad.append(str(error))
        return None
    taken.new += new
    taken.known += not new
    return found[0].function


def _end_of(body: bytes) -> Counter[str] | None:
    """What an archive says that it has; None if that is not what was written."""
    check, _, said = body.partition(b"\n")
    if check != b"%016x" % xxhash.xxh3_64_intdigest(said):
        return None
    try:
        return Counter({str(name): int(count) for name, count in json.loads(said).items()})
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _zlib_error() -> type[Exception]:
    import zlib

    return zlib.error
