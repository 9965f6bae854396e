"""Which arguments are plain and small: calls of nothing else are told apart without a digest.

Imported with dumbo, for the hottest road of a hit; so it imports nothing.

Knows exact builtin types; must not know what plainness is good for.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ATOMS", "CONTAINERS", "DEPTH", "FIXED", "ITEMS", "SIZED", "WORDS", "is_plain"]

WORDS = 1024  # characters or bytes in one argument
ITEMS = 64  # in one container
DEPTH = 4  # containers in containers

SIZED = frozenset((str, bytes))
FIXED = frozenset((int, float, bool, complex, type(None)))
ATOMS = SIZED | FIXED
# What `marshal` writes in one way only: sets, too, in an order that their items alone decide.
CONTAINERS = frozenset((list, tuple, dict, set, frozenset))


def is_plain(items: Any, depth: int) -> bool:
    """Whether a container holds nothing but exact plain types, and few of them.

    `marshal` would take anything with a buffer for bytes, which is why types are looked at.
    """
    if len(items) > ITEMS or not depth:
        return False
    for item in items:
        kind = type(item)
        if kind in SIZED:
            if len(item) > WORDS:
                return False
        elif kind in CONTAINERS:
            if not is_plain(item, depth - 1):
                return False
        elif kind not in FIXED:
            return False
    return type(items) is not dict or is_plain(items.values(), depth)
