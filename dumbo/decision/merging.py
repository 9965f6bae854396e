"""What several processes learned at the same time about one thing, as one.

Each began with what was known, *base*, and went on by itself: *mine* and *theirs*. Of averages,
whoever measured more since then counts more; counts are those of both, and so are those of calls
that came, and came again. Everything else that is not alike is mine, for it is newer.

    average   (count, mean, spread)
    ghosts    ((key, uses, first, last), ...)
    price     (count, mean, spread, (bucket, count, mean, spread), ...)

Knows plain values; must not know what they measure, nor where they are kept.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["merged"]

_GHOSTS = "ghosts"
_FEW = 512  # trails that are kept at least, if there are as many
_LATELY = 8  # measurements, of which older ones hardly count
_SHARES = ("firsts", "again")
_CALLS = 1024.0  # beyond which those before count half


def merged(base: Any, mine: Any, theirs: Any) -> Any:
    """Return what is known now."""
    if theirs is None or theirs == base:
        return mine
    if type(mine) is dict and type(theirs) is dict:
        began = base if type(base) is dict else {}
        known = {name: merged(began.get(name), mine[name], theirs.get(name)) for name in mine}
        if _GHOSTS in mine:
            known[_GHOSTS] = _ghosts(mine[_GHOSTS], theirs.get(_GHOSTS))
        return {**theirs, **known, **_shares(began, mine, theirs)}
    if _is_price(mine) and _is_price(theirs):
        return _price(base if _is_price(base) else (0, 0.0, 0.0), mine, theirs)
    return mine


def _ghosts(mine: Any, theirs: Any) -> Any:
    """Return the trails of both; see `reuse`. Of those of one call, the longer one holds both."""
    if type(mine) is not tuple or type(theirs) is not tuple:
        return mine
    known = {key: (key, *trail) for key, *trail in theirs}
    for key, uses, first, last in mine:
        there = known.get(key, (key, uses, first, last))
        known[key] = (key, max(uses, there[1]), min(first, there[2]), max(last, there[3]))
    latest = sorted(known.values(), key=_when)
    return tuple(latest[-max(len(mine), len(theirs), _FEW) :])


def _when(ghost: tuple[Any, ...]) -> Any:
    return ghost[3]


def _shares(base: Any, mine: Any, theirs: Any) -> dict[str, float]:
    """Return how many calls came at all, and again, as all of them saw it; see `reuse`."""
    counts = [[known.get(name) for name in _SHARES] for known in (base, mine, theirs)]
    if not all(type(count) is float for three in counts for count in three):
        return {}
    both = [there + max(0.0, own - was) for was, own, there in zip(*counts, strict=True)]
    while both[0] > _CALLS:
        both = [count / 2 for count in both]
    return dict(zip(_SHARES, both, strict=True))


def _price(base: Any, mine: Any, theirs: Any) -> tuple[Any, ...]:
    buckets = _buckets(theirs)
    began = _buckets(base)
    for number, known in _buckets(mine).items():
        there = buckets.get(number)
        if there is not None:
            known = _average(began.get(number, (0, 0.0, 0.0)), known, there)
        buckets[number] = known
    whole = _average(base[:3], mine[:3], theirs[:3])
    return (*whole, *[(number, *known) for number, known in buckets.items()])


def _buckets(price: Any) -> dict[int, Any]:
    return {number: tuple(average) for number, *average in price[3:]}


def _average(base: Any, mine: Any, theirs: Any) -> tuple[int, float, float]:
    since, there = mine[0] - base[0], theirs[0] - base[0]
    if there <= 0:
        return tuple(mine)
    if since <= 0:
        return tuple(theirs)
    a, b = min(since, _LATELY), min(there, _LATELY)
    value, spread = [(m * a + t * b) / (a + b) for m, t in zip(mine[1:], theirs[1:], strict=True)]
    return (base[0] + since + there, value, spread)


def _is_price(plain: Any) -> bool:
    if type(plain) is not tuple or not _is_average(plain[:3]):
        return False
    return all(type(one) is tuple and len(one) == 4 and _is_average(one[1:]) for one in plain[3:])


def _is_average(plain: Any) -> bool:
    return (
        len(plain) == 3
        and type(plain[0]) is int
        and all(type(number) in (int, float) for number in plain[1:])
    )
