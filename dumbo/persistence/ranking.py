"""What each stored result is expected to save by the byte, as its function's calls come again.

How a function's calls come again is what this process has learned of it, if it calls it, and else
what the last one that did has left in the statistics: its half-life, and the trails of its calls.
Of a call without a trail, its entry says when it was stored and last used, and how often.

Knows entries and where is written how calls come; must not know what a rank is made of.
"""

from __future__ import annotations

import time

from dumbo.decision.costs import MACHINE
from dumbo.decision.eviction import rank_of
from dumbo.decision.reuse import Reuse, Trail
from dumbo.persistence import statistics
from dumbo.persistence.ground import PARTS, function_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _sqlite3 as sqlite
    from collections.abc import Iterator, Mapping

    from dumbo.persistence.store import Store

    Row = tuple[int, int, int, int, int, int, int, bytes]

__all__ = ["ranked"]

_RANKED = (
    "SELECT id, size, compute, function, created, used, uses, key FROM entries"
    " WHERE closure != ? ORDER BY used, created"
)


_NOTHING: Mapping[int, int] = {}


def ranked(
    store: Store, beside: Mapping[int, int] = _NOTHING
) -> Iterator[tuple[float, int, int, float]]:
    """Yield the rank of each result, its bytes, its place, and the half-life that it is ranked by.

    The least lately used come first. Parts are none; a result counts with all that it has, which
    go with it: *beside* says how many bytes these are, by its place.
    """

    def look(sql: sqlite.Connection, known: set[object]) -> list[Row]:
        return sql.execute(_RANKED, (PARTS,)).fetchall()

    now, load = time.time(), MACHINE.load
    functions = {**_kept(store), **store.reuses}
    found = store.run(look)
    for row in found:
        reuse, created = functions.setdefault(row[3], Reuse()), row[4] / 1e6
        if not 0 <= reuse.since <= created:  # it was known before
            reuse.since = created
    for where, size, compute, function, created, used, uses, key in found:
        reuse = functions[function]
        size += beside.get(where, 0)
        trail = _with(reuse.trail(key), uses, created / 1e6, float(used))
        rank = rank_of(compute / 1e9 - load.of(size), size, trail, reuse, now)
        yield rank, size, where, reuse.half_life


def _with(known: Trail | None, uses: int, first: float, used: float) -> Trail:
    """Return the trail of a call that is *known*, with what its entry says of it."""
    trail = Trail(first if known is None else min(first, known.first))
    trail.uses = uses if known is None else max(uses, known.uses)
    trail.last = used if known is None else max(used, known.last)
    return trail


def _kept(store: Store) -> dict[int, Reuse]:
    """What earlier processes, and others, have learned of how calls come."""
    found: dict[int, Reuse] = {}
    for function, _, facts in statistics.read_all(store):
        learned = facts.get("learned")
        if type(learned) is not dict or type(costs := learned.get("costs")) is not dict:
            continue
        reuse = found[function_id(function)] = Reuse()
        reuse.take(costs.get("reuse"))
        reuse.haunt(learned.get("ghosts"))
    return found
