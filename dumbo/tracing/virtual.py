"""Who may be an instance of a class without deriving from it, and whether that is still so.

A metaclass may say so, an abstract class by its hook or by those registered with it, and each of
them for whatever the class derives from. All that is read here is what stands in the classes: no
hook is asked.

Knows classes; must not know lookups, nor what they are good for.
"""

from __future__ import annotations

from _abc import _get_dump, get_cache_token  # type: ignore[import-not-found, unused-ignore]

# `abc` is imported when Python starts.
from abc import ABCMeta

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

__all__ = ["DESCENDANTS", "Watch", "has_virtual_instances", "registered_with"]

DESCENDANTS = 32  # classes that derive from one: more are not looked at, for each hit looks again
_HOOK = "__subclasshook__"
_CHECKS = ("__instancecheck__", "__subclasscheck__", "__getattribute__")

_mro_of = type.__dict__["__mro__"].__get__
_namespace_of = type.__dict__["__dict__"].__get__
_derived_from = type.__subclasses__


def registered_with(cls: type) -> list[type] | None:
    """The classes that are registered with *cls*, in no order; None if it is no abstract class."""
    if "_abc_impl" not in _namespace_of(cls):
        return None
    try:
        references = _get_dump(cls)[0]
    except TypeError:  # it is something else of that name
        return None
    return [found for reference in references if (found := reference()) is not None]


def has_virtual_instances(cls: type) -> bool:
    """Whether more may be instances of *cls* than what derives from it, as far as is looked."""
    tree = _tree(cls)
    return (
        tree is None
        or any(name in names for names, name in _silent(cls, tree))
        or any(type(one) is not type and registered_with(one) for one, _ in tree)
    )


class Watch:
    """Sees to it that a class which has no virtual instances still has none.

    Looks again from the start only if a class was registered somewhere, or derived from these.
    """

    __slots__ = ("_cls", "_silent", "_token", "_tree")

    def __init__(self, cls: type) -> None:
        self._cls = cls
        self._look()

    def _look(self) -> None:
        self._token = get_cache_token()
        self._tree = _tree(self._cls) or []
        self._silent = [*_silent(self._cls, self._tree)]

    def holds(self) -> bool:
        """Whether *cls* has none still."""
        for names, name in self._silent:
            if name in names:
                return False
        if self._token == get_cache_token() and self._is_same():
            return True
        if has_virtual_instances(self._cls):
            return False
        self._look()
        return True

    def _is_same(self) -> bool:
        for cls, before in self._tree:
            now: list[type] = _derived_from(cls)
            if len(now) != len(before) or any(a is not b for a, b in zip(now, before, strict=True)):
                return False
        return True


def _tree(cls: type) -> list[tuple[type, list[type]]] | None:
    """*cls* and all that derive from it, each with those that do directly; None if too many."""
    found: list[tuple[type, list[type]]] = []
    seen: set[int] = set()
    todo = [cls]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if len(seen) > DESCENDANTS:
            return None
        derived: list[type] = _derived_from(one)
        found.append((one, derived))
        todo += derived
    return found


def _silent(
    cls: type, tree: list[tuple[type, list[type]]]
) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The names that would have a say, and where; all of them are missing if nobody has one."""
    for one in (*_mro_of(cls)[:-1], *[derived for derived, _ in tree[1:]]):
        yield _namespace_of(one), _HOOK
    metas = {id(meta): meta for derived, _ in tree for meta in _mro_of(type(derived))}
    for meta in metas.values():
        if meta is not type and meta is not object and meta is not ABCMeta:
            for name in _CHECKS:
                yield _namespace_of(meta), name
