"""A function's matchers and its store: where near and private results are found.

Knows what `arguments.matching` made of a call, and the store; must not know how either works.
Loaded only for functions that have matchers.
"""

from __future__ import annotations

from dumbo.persistence.neighbours import Family
from dumbo.persistence.private import PrivateStore
from dumbo.persistence.store import PYTHON

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.arguments.matching import Near
    from dumbo.persistence.store import Store

__all__ = ["nearest", "private", "remember"]


def nearest(store: Store, closure: bytes, near: Near, key: bytes) -> bytes:
    """Return the key of the nearest stored call, or *key*, the call's own, if none is near."""
    if store.find(closure, key) is not None:
        return key
    family = _family(store, closure, near)
    gone: set[bytes] = set()
    found = key
    for other in family.near(near.numbers, near.tolerances):
        if store.find(closure, other) is not None:
            found = other
            break
        gone.add(other)
    if gone:
        family.drop(gone, len(near.numbers))
    return found


def remember(store: Store, closure: bytes, near: Near, key: bytes) -> None:
    """Let calls near to this one find its result."""
    _family(store, closure, near).add(key, near.numbers)


def _family(store: Store, closure: bytes, near: Near) -> Family:
    return Family(store.directory, PYTHON, closure, near.family, store.seal)


def private(stores: dict[str, Any], beside: Store) -> Any:
    """Return the store in memory for results that must not be written."""
    return stores.setdefault(beside.directory, PrivateStore(beside))
