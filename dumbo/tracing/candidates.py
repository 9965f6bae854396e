"""Which classes of a package something may be of, by what is asked of it and by its name.

    for processor in self.parts:       the classes that have both `test` and `run`, if these
        if processor.test(block):      are few
            processor.run(block)

    self._type_checker.is_type(x)      the class `TypeChecker`, if it has `is_type`

The most general classes count, and those that share the code of all that is asked are one. What
any text or container has as well says nothing, unless the name is that of the class.

Knows live classes and names; must not know values, steps or analyses.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from dumbo.tracing.boundary import owner_of
from dumbo.tracing.lookup import is_class, is_module, module_namespace, mro, name_of, namespace

MOST = 4  # classes without a common base: with more, nothing is said
_LIVE = 4  # objects of one class
_COMMON = frozenset(
    name for kind in (dict, list, set, str, bytes, int, float, tuple) for name in dir(kind)
)
_DECLARED = ("__annotations__", "__dataclass_fields__", "__match_args__")


class Place(NamedTuple):
    """Where a module of the package holds something."""

    module: str
    name: str


class Candidates:
    """The classes that the loaded modules of *package* define."""

    def __init__(self, package: str, fields_set: Callable[[CodeType], Iterable[str]]) -> None:
        self._package = package
        self._fields_set = fields_set
        self._classes: dict[type, Place] | None = None
        self._attributes: dict[type, frozenset[str]] = {}
        self._found: dict[tuple[frozenset[str], str], list[type]] = {}

    def place(self, cls: type) -> Place:
        return self._all()[cls]

    def fitting(self, asked: frozenset[str], name: str) -> list[type]:
        """What something may be of which the attributes *asked* are asked, and that is *name*."""
        key = (asked, _plain(name))
        if key not in self._found:
            self._found[key] = self._fitting(*key)
        return self._found[key]

    def _fitting(self, asked: frozenset[str], name: str) -> list[type]:
        having = [cls for cls in self._all() if asked <= self._has(cls)]
        namesakes = [cls for cls in having if _plain(name_of(cls)) == name]
        if len(namesakes) == 1:
            return namesakes
        if not asked or asked <= _COMMON:
            return []
        general = _one_of_each(_general(having), asked)
        return general if len(general) <= MOST else []

    def live(self, cls: type) -> list[Place]:
        """Where modules of the package hold objects of exactly this class."""
        found: dict[int, Place] = {}
        for home, module in self._modules():
            for name, held in module_namespace(module).items():
                if type(held) is cls and len(found) < _LIVE:
                    found.setdefault(id(held), Place(home, name))
        return list(found.values())

    def _modules(self) -> list[tuple[str, ModuleType]]:
        within = f"{self._package}."
        return [
            (home, module)
            for home, module in sorted(sys.modules.items())
            if (home == self._package or home.startswith(within)) and is_module(module)
        ]

    def _all(self) -> dict[type, Place]:
        if self._classes is None:
            self._classes = {}
            for home, module in self._modules():
                for name, held in module_namespace(module).items():
                    if is_class(held) and namespace(held).get("__module__") == home:
                        if owner_of(held) is None:
                            self._classes.setdefault(held, Place(home, name))
        return self._classes

    def _has(self, cls: type) -> frozenset[str]:
        """The attributes along the MRO, and the fields that `__init__` sets."""
        if cls not in self._attributes:
            found: set[str] = set()
            for base in mro(cls):
                held = namespace(base)
                found.update(held)
                for table in _DECLARED:
                    declared = held.get(table)
                    if declared is not None and type(declared) in (dict, tuple):
                        found.update(declared)
                init = held.get("__init__")
                if type(init) is FunctionType and owner_of(base) is None:
                    found.update(self._fields_set(init.__code__))
            self._attributes[cls] = frozenset(found)
        return self._attributes[cls]


def _general(classes: list[type]) -> list[type]:
    """Those that derive from no other one."""
    among = set(classes)
    return [cls for cls in classes if among.isdisjoint(mro(cls)[1:])]


def _one_of_each(classes: list[type], asked: frozenset[str]) -> list[type]:
    """Of classes that were made by the same code, such as a factory's, the last."""
    found: dict[Any, type] = {}
    for cls in classes:
        found[tuple(_code_of(cls, name) for name in sorted(asked))] = cls
    return list(found.values())


def _code_of(cls: type, name: str) -> Any:
    for base in mro(cls):
        if name in namespace(base):
            held = namespace(base)[name]
            inner = held.__func__ if type(held) in (classmethod, staticmethod) else held
            return inner.__code__ if type(inner) is FunctionType else id(held)
    return cls  # a field: whose it is counts


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


__all__ = ["MOST", "Candidates", "Place"]
