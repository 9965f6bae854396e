"""Memoized functions under `%autoreload`.

Autoreload gives the names that were imported from a module the new functions, by changing the old
ones in place; it knows functions, classes and properties. Here it learns of memoized functions.

Knows autoreload's rules; must not know what a memoized function does.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["install", "remove"]


def _is_memoized(old: Any, new: Any) -> bool:
    from dumbo.memoized import Memoized

    return isinstance(old, Memoized) and isinstance(new, Memoized)


def _update(old: Any, new: Any) -> None:
    old.become(new)


_RULE = (_is_memoized, _update)


def install() -> None:
    from IPython.extensions import autoreload  # part of IPython, and not yet loaded by it

    if _RULE not in autoreload.UPDATE_RULES:
        autoreload.UPDATE_RULES.insert(0, _RULE)


def remove() -> None:
    from IPython.extensions import autoreload

    if _RULE in autoreload.UPDATE_RULES:
        autoreload.UPDATE_RULES.remove(_RULE)
