"""What is left of results in parts when some of them has gone.

Such a result is served from its frame and all of its parts. A frame that lacks one, and a part that
no frame has, are of use to nobody, and go together. No lock is held meanwhile, so the order counts:

    frames are listed, then parts     whose frame is listed was there before it, or has gone
    parts go, then frames once more   what was stored meanwhile with a part that went goes, too

and who stores looks for the parts once more when the frame is listed (`assembly.save`).

Knows rows and the heads of files; must not know values, nor why results go.
"""

from __future__ import annotations

import struct
import time

from dumbo.errors import CorruptBlob
from dumbo.persistence import blobs, rows
from dumbo.persistence.ground import PARTS
from dumbo.persistence.seal import SIGNED

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _sqlite3 as sqlite
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeAlias

    from dumbo.persistence.store import Store

    Part: TypeAlias = tuple[int, bytes]  # Python and digest

__all__ = ["YOUNG", "parts_of", "settle", "sizes"]

YOUNG = 60.0  # seconds for which a part is kept without a frame: that may be on its way
_CODEC = 6  # of frames
_HEAD = 4096  # bytes that hold the digests of most frames


def parts_of(store: Store, chosen: Iterable[rows.Row]) -> set[Part]:
    """Return the parts of the results in *chosen*, rows of `rows.REMOVABLE`."""
    found: set[Part] = set()
    for row in chosen:
        if row[9] & ~SIGNED == _CODEC:
            found.update(_needed(store, row) or ())
    return found


def sizes(store: Store) -> dict[int, int]:
    """Return the bytes of all parts of each frame, by its place."""
    if not _ever(store):
        return {}
    return {row[0]: sum((_needed(store, row) or {}).values()) for row in _frames(store)}


def settle(
    store: Store,
    remove: Callable[[Store, Iterable[rows.Row]], tuple[int, int]],
    *,
    young: float = 0.0,
    orphans: Iterable[Part] = (),
) -> tuple[int, int]:
    """Remove frames that lack a part, and parts without a frame; say how many, and bytes.

    Parameters:
        remove: removes results, given as rows.
        young: seconds for which a part is kept that was stored, or used, so late.
        orphans: parts of results that have just gone, which are no longer needed however young.

    Raises:
        OSError, StorageError: if the index cannot be read or written.
    """
    if not _ever(store):
        return 0, 0
    frames = {(row[0], row[6]): (row, _needed(store, row)) for row in _frames(store)}
    there = _parts(store)
    gone: list[rows.Row] = []
    used: set[Part] = set()
    idle = set(orphans)
    for row, needed in frames.values():
        if needed is None:
            used |= there.keys()  # nobody knows which
        elif needed.keys() <= there.keys():
            used |= needed.keys()
        else:
            gone.append(row)
            idle |= needed.keys()
    since = time.time() - young
    left = [
        row
        for whose, row in there.items()
        if whose not in used and (whose in idle or row[10] <= since)
    ]
    count, freed = remove(store, [*gone, *left])
    if left:
        late = [row for row in _frames(store) if (row[0], row[6]) not in frames]
        there = _parts(store) if late else there
        lacking = [row for row in late if not (_needed(store, row) or {}).keys() <= there.keys()]
        more = remove(store, lacking)
        count, freed = count + more[0], freed + more[1]
    return count, freed


def _ever(store: Store) -> bool:
    """Whether there ever was a part."""
    found = store.run(lambda sql, known: sql.execute(rows.PYTHONS, (PARTS,)).fetchone())
    return found is not None


def _frames(store: Store) -> Iterator[rows.Row]:
    found = store.run(
        _listing(f"{rows.REMOVABLE} WHERE codec IN (?, ?)", (_CODEC, _CODEC | SIGNED))
    )
    return (row for row in found if row[1] != PARTS)


def _parts(store: Store) -> dict[Part, rows.Row]:
    where = (*rows.closure_range(PARTS), PARTS)
    found = store.run(_listing(f"{rows.REMOVABLE} WHERE id BETWEEN ? AND ? AND closure = ?", where))
    return {(row[3], row[2]): row for row in found}


def _listing(
    statement: str, values: tuple[object, ...]
) -> Callable[[sqlite.Connection, set[object]], list[rows.Row]]:
    return lambda sql, known: sql.execute(statement, values).fetchall()


def _needed(store: Store, row: rows.Row) -> dict[Part, int] | None:
    """Return the parts of a frame, and their bytes; None if that cannot be told now.

    A damaged one has none. What the file says of them is not verified: who loads it does that.
    """
    # Imported here: most caches have no results in parts.
    from dumbo.persistence.parts import span_of, units_of

    path = store.path_of(row[3], row[1], row[2], row[4])
    try:
        head = blobs.opening(path, _HEAD)
        if span_of(head) > len(head):
            head = blobs.opening(path, span_of(head))
        return {(row[3], digest): size for digest, size in units_of(head)}
    except (CorruptBlob, struct.error):
        return {}
    except OSError:
        return None
