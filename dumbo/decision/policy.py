"""What may be said about keeping results: thresholds, or rules of one's own.

    @memo(keep=Policy(min_compute=0.1, max_result=50_000_000))

    class Nightly(Policy):
        def stores(self, offer):
            return offer.worth and offer.function.startswith("reports")

Any other object with a method `stores`, of an `Offer`, will do. Explicit acts (`insert`,
`recompute`, samples, lazy results) store whatever it says.

Knows offers and verdicts; must not know who makes them.
"""

from __future__ import annotations

from dumbo.decision.worth import BUDGET, Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Rule(Protocol):
        """What `keep=` takes besides words."""

        def stores(self, offer: Offer, /) -> object: ...


__all__ = ["Offer", "Policy", "decide"]


class Offer:
    """A result that may be stored.

    Attributes:
        function: the name that the function's results are listed under.
        worth: what `keep="auto"` would do.
        compute: seconds that computing it again will take.
        store, load: seconds that storing and loading it are expected to take.
        look: seconds that looking it up takes.
        size: bytes that it is expected to take.
        chance: how likely the call is to come again, by what the function's calls did so far.
        uses: how often it came, with this time.
    """

    __slots__ = ("chance", "compute", "function", "load", "look", "size", "store", "uses", "worth")

    def __init__(
        self,
        function: str,
        compute: float,
        size: float,
        *,
        worth: bool = True,
        store: float = 0.0,
        load: float = 0.0,
        look: float = 0.0,
        chance: float = 1.0,
        uses: int = 1,
    ) -> None:
        self.function = function
        self.compute = compute
        self.size = size
        self.worth = worth
        self.store = store
        self.load = load
        self.look = look
        self.chance = chance
        self.uses = uses

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"Offer({inner})"


class Policy:
    """`keep="auto"`, with thresholds; or, in a subclass, with a rule in its place.

    Attributes:
        budget: of a function's own time, the share that may go into finding out whether caching
            has come to pay.
        min_compute: seconds; what took less is not stored.
        max_result: bytes; what takes more is not stored. 0: any number.
    """

    __slots__ = ("budget", "max_result", "min_compute")

    def __init__(
        self, *, budget: float = BUDGET, min_compute: float = 0.0, max_result: float = 0
    ) -> None:
        for name, value in (
            ("budget", budget), ("min_compute", min_compute), ("max_result", max_result)
        ):  # fmt: skip
            if type(value) not in (int, float) or not value >= 0:
                raise ValueError(f"Policy({name}={value!r}): give a number from 0 on")
        self.budget = budget
        self.min_compute = min_compute
        self.max_result = max_result

    def stores(self, offer: Offer, /) -> object:
        """Return whether the result that is offered is stored; any true value will do."""
        return offer.worth

    def __repr__(self) -> str:
        given = f"budget={self.budget!r}, min_compute={self.min_compute!r}"
        return f"{type(self).__name__}({given}, max_result={self.max_result!r})"


def decide(rule: Rule, offer: Offer, verdict: Verdict) -> Verdict:
    """Return what *rule* makes of the verdict of ``"auto"``."""
    compute, price = verdict.compute, verdict.price
    if isinstance(rule, Policy):
        if offer.compute < rule.min_compute:
            return Verdict(False, "below the threshold", compute, price)
        if rule.max_result and offer.size > rule.max_result:
            return Verdict(False, "too large", compute, price)
        if type(rule) is Policy:
            return verdict
    stores = bool(rule.stores(offer))
    if stores == verdict.store:
        return verdict
    return Verdict(stores, "by its policy", compute, price)
