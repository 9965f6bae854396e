"""Is it worth it? Verdicts as pure functions of costs, each with its reason.

The plain rule of "auto": a result is stored when computing it took longer than storing and
loading it would. Costs come in seconds from outside; there is no clock here, and no I/O.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Keep = Literal["auto", "always", "never"]

__all__ = ["KEEP", "Verdict", "judge", "worth_looking"]

KEEP = ("auto", "always", "never")

# Going straight through must never hide a function that became slow for long.
_STRAIGHT_AFTER = 16
_LOOK_EVERY = 64


class Verdict:
    """Whether to store, why, and the seconds that decided.

    Attributes:
        store: the decision.
        code: ``"worth it"``, ``"always"``, ``"never"`` or ``"too fast"``.
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


def judge(keep: Keep, compute: float, store: float, load: float) -> Verdict:
    """Return whether a result that took *compute* seconds is stored automatically."""
    price = store + load
    if keep == "always":
        return Verdict(True, "always", compute, price)
    if keep == "never":
        return Verdict(False, "never", compute, price)
    if compute > price:
        return Verdict(True, "worth it", compute, price)
    return Verdict(False, "too fast", compute, price)


def worth_looking(keep: Keep, fast_in_a_row: int) -> bool:
    """Return whether the next call should be looked up at all.

    *fast_in_a_row* counts the calls since the last one that was found or was worth storing.
    A function that is always faster than its own storage is called straight through, but for
    one call in 64, which is measured to see whether that still holds.
    """
    if keep != "auto" or fast_in_a_row < _STRAIGHT_AFTER:
        return True
    return (fast_in_a_row - _STRAIGHT_AFTER) % _LOOK_EVERY == _LOOK_EVERY - 1
