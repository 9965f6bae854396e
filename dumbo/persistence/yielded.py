"""Items that a generator has yielded and still changes.

What is recorded of an item is what it was when it was yielded. Its user may do with it what he
likes; but what the generator does to it later, he sees, and a replay could not show. So the last
few items are looked at before the generator goes on and again when it has stopped: what differs is
the generator's doing.

Only small items are looked at, of builtin types and arrays through and through, of a tuple its
parts, and only as long as somebody else holds them: looking runs no code of the user's. What is
larger, or further back, may change unseen.

Knows objects; must not know how they are recorded.
"""

from __future__ import annotations

import sys
from io import BytesIO

try:  # The C half alone, as in `codecs`.
    from _pickle import Pickler, loads
except ImportError:
    from pickle import Pickler, loads

from dumbo.net import let_through
from dumbo.persistence.fidelity import is_known, is_plain_array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Yielded"]

_LAST = 4  # items that are looked at
_LARGEST = 4096  # bytes of one
_CHANGING = ("list", "dict", "set", "bytearray", "ndarray", "deque", "array")


class Yielded:
    """The last items that may still change."""

    __slots__ = ("_items", "_look", "_looks")

    def __init__(self) -> None:
        self._items: list[Any] = []
        # Of all items at once, which takes little more than one; or else of each.
        self._look: bytes | None = None
        self._looks: list[bytes | None] = []

    def add(self, item: object, size: int, plain: bool) -> None:
        """Look at *item*, too, from now on.

        Parameters:
            size: of what was recorded of it, in bytes.
            plain: whether no code of the user's takes part in pickling it.
        """
        if not plain or size > _LARGEST:
            return
        # A tuple is taken apart by who gets it: `for i, total in f():`.
        parts = item if type(item) is tuple else (item,)
        for part in parts:
            if type(part).__name__ in _CHANGING and not any(one is part for one in self._items):
                self._items.append(part)
        del self._items[:-_LAST]

    def before(self) -> None:
        """The generator is about to go on."""
        held = _held(self._items)
        if not all(held):
            self._items = [item for item, held in zip(self._items, held, strict=True) if held]
        self._look = _look(self._items) if self._items else None
        alone = self._look is None and self._items
        self._looks = [_look(item) for item in self._items] if alone else []

    def changed(self) -> object:
        """Return an item that the generator has changed since, or None."""
        if self._look is not None and _look(self._items) != self._look:
            return _first_changed(self._items, self._look)
        for item, look in zip(self._items, self._looks, strict=False):
            if look is not None and _look(item) != look:
                return item
        return None


def _first_changed(items: list[Any], look: bytes) -> object:
    """Return the first of *items* that differs from what it was when all looked like that."""
    before = loads(look)
    for item, was in zip(items, before, strict=True):
        if _look(item) != _look(was):
            return item
    return items[0]  # something that they share


def _held(items: list[Any]) -> list[bool]:
    """Say of each item whether somebody else holds it."""
    return [sys.getrefcount(item) > _MINE for item in items]


def _references(items: list[Any]) -> list[int]:
    return [sys.getrefcount(item) for item in items]


_MINE = _references([[]])[0]  # of what lies in a list, and nowhere else


class _Looking(Pickler):
    def reducer_override(self, obj: Any) -> Any:
        if not is_known(type(obj)):
            raise TypeError  # its user has put it there, and its code is none of ours
        return NotImplemented


def _look(item: Any) -> bytes | None:
    """Return what tells whether *item* changes; None if that would run code of the user's."""
    if is_plain_array(item):
        return item.tobytes()  # type: ignore[no-any-return]
    file = BytesIO()
    try:
        _Looking(file, 5).dump(item)
    except Exception as error:  # noqa: BLE001 - what pickle cannot take, or what is above
        let_through(error)
        return None
    return file.getvalue()
