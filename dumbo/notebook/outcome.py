"""How a run of a cell ended, and what its keeper knows of that.

Knows calls and reasons; must not know notebooks.
"""

from __future__ import annotations

from dumbo.answers.asking import why_missing
from dumbo.explain import Reason
from dumbo.keeper import Keeper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.call import Call
    from dumbo.options import Options
    from dumbo.shelf import Shelf

__all__ = ["CellKeeper", "Outcome", "Unkept"]

_NO_ENTRY = "no entry: "


class Outcome:
    """How one run of a cell ended.

    Attributes:
        loaded: whether its result was there.
        value: of the last expression.
        shown: what is still to be shown again, of a result that was loaded.
        took: seconds that it took, now or when it was stored.
        at: the unix time of that.
        size: bytes stored or loaded; None if that is not known, or nothing is stored.
        because: why it was computed although results of such a cell are stored; empty if none are.
        sample: which it is, from 0 on, and of how many; None if there is one.
        why: why nothing was stored; empty if it was.
    """

    __slots__ = ("at", "because", "loaded", "sample", "shown", "size", "took", "value", "why")

    def __init__(self, result: dict[str, Any], value: Any, *, loaded: bool) -> None:
        self.loaded = loaded
        self.value = value
        self.shown = result["%shown"] if loaded else []
        self.took: float = result["%took"]
        self.at: float = result["%at"]
        self.size: int | None = None
        self.sample: tuple[int, int] | None = None
        self.why = ""
        self.because = ""


class Unkept(Exception):
    """Carries a result past those who would store it."""

    def __init__(self, result: dict[str, Any], why: str) -> None:
        super().__init__(why)
        self.result = result
        self.why = why


class CellKeeper(Keeper):
    """A keeper that can be asked what became of its last call.

    Attributes:
        call: the last one; None if it was served from memory.
        because: why it had no result.
    """

    __slots__ = ("because", "call")

    def __init__(self, function: Any, shelf: Shelf, options: Options) -> None:
        super().__init__(function, shelf, options)
        self.call: Call | None = None
        self.because: Reason | None = None

    def begin(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], call: Call | None = None
    ) -> Call:
        return self._noted(super().begin(args, kwargs, call))

    async def begin_in_task(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], call: Call | None = None
    ) -> Call:
        return self._noted(await super().begin_in_task(args, kwargs, call))

    def begin_explicit(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], act: str, call: Call | None = None
    ) -> Call:
        self.because = None
        self.call = super().begin_explicit(args, kwargs, act, call)
        return self.call

    def _noted(self, call: Call) -> Call:
        self.call = call
        self.because = call.reason
        if call.key is not None and not call.done and call.reason is None:
            self.because = why_missing(self, call)  # asked now: running may change what counts
        return call

    def recall(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.call = None
        return super().recall(args, kwargs)

    def why_computed(self) -> str:
        """Return why the last call had no result although others are stored; else nothing."""
        because = self.because
        if because is None or not str(because).startswith(_NO_ENTRY):
            return ""
        first = because.code == "new" and not because.facts.get("others")
        return "" if first else str(because).removeprefix(_NO_ENTRY)

    def why_not_stored(self) -> str:
        """Return why nothing was stored of the last call; empty if something was."""
        call = self.call
        if call is None or call.record is not None:
            return ""
        reason = call.reason
        if call.straight:
            reason = Reason("not asked", compute=self.ledger.costs.compute.value)
        elif call.key is not None:
            reason = self.ledger.of(call.identity) or reason
        elif reason is None and self.ledger.last:
            reason = self.ledger.last[-1]
        return "" if reason is None else str(reason)
