"""A directory of its own for all memoized functions at once, for the length of a block.

Tests want every function of a program, however it was decorated, to start from nothing, to keep
everything, and to leave no trace. So every keeper of the process gets another shelf and other
options, and its own back in the end; one that is made in between gets them, too.

Knows keepers; must not know tests. Imported by every decoration: nothing here may be heavy.
"""

from __future__ import annotations

from _weakrefset import WeakSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Self

    from dumbo.keeper import Keeper
    from dumbo.options import Options
    from dumbo.shelf import Shelf

__all__ = ["Isolated", "admit"]

_keepers: WeakSet[Keeper] = WeakSet()
_blocks: list[Isolated] = []


def admit(keeper: Keeper) -> None:
    """Remember *keeper*, which has just been made."""
    _keepers.add(keeper)
    if _blocks:
        _blocks[-1].take(keeper)


class Isolated:
    """All memoized functions use *shelf* in this block, and start from nothing.

    Parameters:
        keep: how results are kept; None: as each function says.
    """

    def __init__(self, shelf: Shelf, *, keep: str | None = "always") -> None:
        self._shelf = shelf
        self._keep = keep
        self._before: list[tuple[Keeper, dict[str, Any]]] = []

    def take(self, keeper: Keeper) -> None:
        """Give *keeper* what holds in this block."""
        self._before.append((keeper, keeper.set_apart(self._shelf, self._options(keeper.options))))

    def _options(self, options: Options) -> Options:
        if self._keep is None:
            return options
        make: Callable[..., Options] = type(options)
        return make(**{**options.as_dict(), "keep": self._keep})

    def __enter__(self) -> Self:
        for keeper in list(_keepers):
            self.take(keeper)
        _blocks.append(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _blocks.remove(self)
        while self._before:
            keeper, before = self._before.pop()
            keeper.come_back(before)
        self._shelf.release()
