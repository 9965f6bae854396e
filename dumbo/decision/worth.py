"""Is it worth it? Verdicts as pure functions of measured costs, each with its reason.

    judge   is this result stored?
    asks    how many of a function's calls are looked up at all?

Costs come in seconds from outside; there is no clock here, and no I/O.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Keep = Literal["auto", "always", "never"]

__all__ = ["BUDGET", "KEEP", "Verdict", "asks", "judge"]

KEEP = ("auto", "always", "never")

# Of a function's own time, what may be spent on finding out whether caching has come to pay.
BUDGET = 0.01


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
    lot: float = 1.0,
    rank: float = 0.0,
    rent: float = 0.0,
    budget: float = BUDGET,
) -> Verdict:
    """Return whether a result that took *compute* seconds is stored.

    Parameters:
        store, load, look: seconds that storing, loading and looking it up take.
        chance: how likely the call is to come again.
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
    if compute <= price or saving <= 0:
        return Verdict(False, "too fast", compute, price)
    if rank < rent:
        return Verdict(False, "no room", compute, price)
    if chance * saving > store:
        return Verdict(True, "worth it", compute, price)
    if lot * store < budget * compute:
        return Verdict(True, "trial", compute, price)
    return Verdict(False, "never again", compute, price)


def asks(
    keep: Keep, compute: float, look: float, load: float, hits: float, *, budget: float = BUDGET
) -> float:
    """Return of how many calls one is to be looked up: 1 for each of them.

    Parameters:
        compute: seconds that a call takes.
        look, load: seconds that looking up and loading take.
        hits: the share of calls that were found, of those that were looked up.
    """
    if keep != "auto" or hits * (compute - load) > look:
        return 1.0
    return max(1.0, look / max(budget * compute, 1e-12))


_STRAIGHT_AFTER = 16
_LOOK_EVERY = 64


def worth_looking(keep: Keep, fast_in_a_row: int) -> bool:
    """Return whether the next call should be looked up at all.

    *fast_in_a_row* counts the calls since the last one that was found or was worth storing.
    """
    if keep != "auto" or fast_in_a_row < _STRAIGHT_AFTER:
        return True
    return (fast_in_a_row - _STRAIGHT_AFTER) % _LOOK_EVERY == _LOOK_EVERY - 1
