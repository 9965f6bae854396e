"""Is it worth it? Verdicts as pure functions of measured costs, each with its reason.

    judge   is this result stored?
    asks    how many of a function's calls are looked up at all?
    is_hot  is this one, which most others of its function are not?
    patience  how dear must such a one have been?
    stride  how many of those that are not looked up are seen at all?

Costs come in seconds from outside; there is no clock here, and no I/O.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Keep = Literal["auto", "always", "never"]

__all__ = [
    "ALIKE",
    "BUDGET",
    "HIT",
    "KEEP",
    "Verdict",
    "asks",
    "is_hot",
    "judge",
    "patience",
    "stride",
]

KEEP = ("auto", "always", "never")

# Of a function's own time, what may be spent on finding out whether caching has come to pay.
BUDGET = 0.01
# How likely a call is to be made again by another run, at least, whatever this one has seen. With
# what looking up takes, that is all that a function loses of which no call ever comes again.
_ANOTHER_RUN = 0.015
_FEW = 64  # calls to find out whether a function's calls come again
_SURE = 3  # looks that tell what one costs
_SOON = 16  # calls to the next, until then

HIT = 2e-6  # seconds that a hit from memory takes, beside what holds having to be checked
_GLIMPSE = 3e-6  # seconds that seeing a call in passing takes
_SHARE = 0.02  # of a function's own time, what seeing its calls may take
_STRIDE = 8  # one in so many calls is seen at least
_HASTE = 0.25  # of its price, what a call must have taken at least before it is kept in memory
ALIKE = 32  # calls in a row that came for the first time, after which half as many are seen


class Verdict:
    """Whether to store, why, and the seconds that decided.

    Attributes:
        store: the decision.
        code: ``"worth it"``, ``"always"``, ``"never"``, ``"too fast"``, ``"never again"``,
            ``"no room"`` or ``"trial"``.
        compute: what computing took.
        price: what storing and loading would take.
    """

    __slots__ = ("code", "compute", "price", "store")

    def __init__(self, store: bool, code: str, compute: float, price: float) -> None:
        self.store = store
        self.code = code
        self.compute = compute
        self.price = price

    def __repr__(self) -> str:
        return f"Verdict({self.store}, {self.code!r}, {self.compute:.3g}, {self.price:.3g})"


def judge(
    keep: Keep,
    compute: float,
    store: float,
    load: float,
    *,
    look: float = 0.0,
    chance: float = 1.0,
    uses: int = 1,
    lot: float = 1.0,
    rank: float = 0.0,
    rent: float = 0.0,
    budget: float = BUDGET,
) -> Verdict:
    """Return whether a result that took *compute* seconds is stored.

    Parameters:
        store, load, look: seconds that storing, loading and looking it up take.
        chance: how likely the call is to come again, as far as this run can tell.
        uses: how often it came so far. What came more than twice is expected to come as often
            again as it came again.
        lot: a number in [0, 1) that is the call's for ever. Where calls do not seem to come
            again, some are stored nevertheless, so that it is seen if they do in another run:
            those with the lowest lots, as many as cost *budget* of the function's time.
        rank: what a byte of it would save, and *rent*: what a byte costs (see `eviction`).
    """
    price = store + load
    if keep == "always":
        return Verdict(True, "always", compute, price)
    if keep == "never":
        return Verdict(False, "never", compute, price)
    saving = compute - load - look
    often = max(1, uses - 1)
    if saving <= 0 or often * saving <= store:
        return Verdict(False, "too fast", compute, price)
    likely = max(chance, _ANOTHER_RUN) * often
    if rent:
        # What it saves by the time that it comes again, less the rent for so long.
        pays = rank > rent and likely * saving * (1 - rent / rank) > store
        return Verdict(pays, "worth it" if pays else "no room", compute, price)
    if likely * saving > store:
        return Verdict(True, "worth it", compute, price)
    if lot * store < budget * compute:
        return Verdict(True, "trial", compute, price)
    return Verdict(False, "never again", compute, price)


def asks(
    keep: Keep,
    compute: float,
    look: float,
    load: float,
    hits: float,
    miss: float = 0.0,
    *,
    worth: float = 0.0,
    seen: int = 0,
    looks: int = _SURE,
    budget: float = BUDGET,
) -> float:
    """Return of how many calls one is to be looked up: 1 for each of them.

    Parameters:
        compute: seconds that a call takes.
        look, load: seconds that finding and loading a result take.
        miss: seconds that finding none takes.
        hits: the share of calls that were found, of those that were looked up; those that memory
            has are found on any road.
        worth: seconds that it is worth to have looked up a call that was not found, for its result
            can then be stored.
        seen: how many were looked up and not found; of too few, *hits* says nothing.
        looks: how often *look* was measured. A single one may have been interrupted, and would
            never be found out.
    """
    if seen < _FEW and compute > 2 * (look + load):
        return 1.0
    if keep != "auto" or hits * (compute - load - look) > (1 - hits) * (miss - max(0.0, worth)):
        return 1.0
    calls = max(1.0, max(look, miss) / max(budget * compute, 1e-12))
    return calls if looks >= _SURE else min(calls, _SOON)


def patience(kept: int, hits: int, compute: float, price: float, near: float = HIT) -> float:
    """Return by how much dearer than *price* the calls must have been that are kept in memory.

    At first, what is kept has come so often that it would have paid already. If what was kept came
    again and again, less will do; if it did not, it takes more.

    Parameters:
        kept: how many were, and *hits*: how often one of them was found there.
        compute, near: seconds that a call, and a hit from memory takes.
    """
    spent = kept * price
    saved = hits * max(0.0, compute - near)
    return max(_HASTE, (spent + price) / (saved + price)) if price else 1.0


def is_hot(
    seen: int, steps: int, compute: float, price: float, *, near: float = HIT, vain: int = 0
) -> bool:
    """Return whether a call that came so often is looked up, though most of its function are not.

    Parameters:
        seen: how often it was seen, and *steps*: how many calls there are to each that is seen.
        compute: seconds that it takes.
        near: seconds that a hit from memory takes.
        price: seconds that not finding, observing and keeping it will take.
        vain: how many calls lately were looked up for this, and not kept; each doubles the price.
    """
    return (seen - 1) * steps * (compute - near) > price * 2.0**vain


def stride(compute: float, near: float = HIT, fresh: int = 0) -> int:
    """Return how many calls that take *compute* seconds there are to one that is seen; 0: none is.

    *fresh* is how many in a row came for the first time: then fewer are seen.

    The faster the function, the fewer of its calls are looked at, so that it is not slowed down by
    more than a share of its time; and none where a hit from memory, at *near* seconds, would be
    hardly faster.
    """
    if compute < 2 * near:
        return 0
    steps = max(1, int(_GLIMPSE / (_SHARE * compute)))
    return min(_STRIDE, steps << min(3, fresh // ALIKE))
