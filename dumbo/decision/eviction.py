"""Which results go when space is short: the order, and the price of space that follows from it.

The value of a result is what it is expected to save, in seconds for each second that it is kept:
how often its call comes, times what computing takes longer than loading. By the byte that is its
*rank*; the lowest go first. (Greedy-dual size-frequency ages its values by those of what it
evicts; here the half-life does, which each function learns from its own calls.)

The rank of the last that went is the *rent* of a byte. It falls as the ranks of what is left do,
and who stores pays it: what is worth less than what would go for it is not stored at all. The rent
is due in full from where evicting ends, not only where it begins: or the room between is filled
with what is worth little, and costs its stores.

Knows numbers; must not know a store.
"""

from __future__ import annotations

from dumbo.decision.reuse import FOR_EVER, rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeVar

    from dumbo.decision.reuse import Reuse, Trail

    T = TypeVar("T")

__all__ = ["HIGH", "LOW", "lowest", "rank", "rank_of", "rent"]

HIGH, LOW = 0.88, 0.83  # of the limit: above the first, results go until the second is reached
_FREE = 0.65  # of the limit: below that, room costs nothing
_OVERHEAD = 256  # bytes that a result takes beside its own


def rank(
    saving: float,
    size: int,
    uses: int,
    first: float,
    last: float,
    now: float,
    *,
    half_life: float = FOR_EVER,
    since: float = 0.0,
    chance: float = 1.0,
) -> float:
    """Return what a byte of a result is expected to save, in seconds a second.

    Parameters:
        saving: seconds that loading is faster than computing.
        size: bytes.
        uses, first, last: how often its call came, first and last when.
        now: the time.
        half_life, since: of its function's calls, see `reuse`.
        chance: how likely its call is to come again at all.
    """
    if saving <= 0:
        return 0.0
    expected = rate(uses, first, last, now, half_life, since)
    return expected * chance * saving / (size + _OVERHEAD)


def rank_of(saving: float, size: int, trail: Trail, reuse: Reuse, now: float) -> float:
    """Return the rank of a result by how its call came, and by how its function's calls do."""
    return rank(
        saving, size, trail.uses, trail.first, trail.last, now,
        half_life=reuse.half_life, since=reuse.since, chance=reuse.chance(trail.uses),
    )  # fmt: skip


def lowest(ranked: Iterable[tuple[float, int, T]], excess: float) -> tuple[list[T], float]:
    """Return what goes so that *excess* bytes get free, in that order, and the last one's rank.

    Parameters:
        ranked: rank, bytes and what is meant. Of equal ranks, the first that is given goes first.
    """
    from heapq import heapify, heappop  # only what evicts needs it

    heap = [(value, number, size, what) for number, (value, size, what) in enumerate(ranked)]
    heapify(heap)
    gone: list[T] = []
    value = 0.0
    while excess > 0 and heap:
        value, _, size, what = heappop(heap)
        gone.append(what)
        excess -= size
    return gone, value


def rent(
    last: float, used: float, limit: float, *, age: float = 0.0, half_life: float = FOR_EVER
) -> float:
    """Return what a byte costs, in seconds a second.

    Parameters:
        last: the rank of the last result that went, *age* seconds ago, and the *half_life* after
            which it would have been half of that.
        used: bytes that are taken, of a *limit*.
    """
    free = _FREE * limit
    if used <= free:
        return 0.0
    left = last * float(2.0 ** -(max(0.0, age) / half_life))
    return left * min(1.0, (used - free) / (LOW * limit - free))
