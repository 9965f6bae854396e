"""Values that earlier runs have left under names which a cell makes by itself.

Whether a loop runs, or an `if` holds, is not known beforehand. A cell that prints the variable of
its loop behind it would depend on what the last run left there. So these values are put aside
while the cell runs; where it does read one, it gets it all the same, and that is noted.

Knows namespaces; must not know cells or results.
"""

from __future__ import annotations

import builtins
from types import FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import CodeType
    from typing import Any

__all__ = ["Leftovers"]


class _Behind(dict[str, object]):
    """What a function looks up that its globals do not have, in the place of its builtins."""

    __slots__ = ("aside", "read")

    def __init__(self) -> None:
        self.aside: dict[str, object] = {}
        self.read: list[str] = []

    def __missing__(self, name: str) -> object:
        if name in self.aside:
            self.read.append(name)
            return self.aside[name]
        return vars(builtins)[name]


class Leftovers:
    """The values that are put aside for one cell.

    Attributes:
        function: the cell's function, in the notebook's namespace.
    """

    def __init__(self, code: CodeType, names: dict[str, Any], *, watched: bool) -> None:
        self._names = names
        self._behind = _Behind()
        own = names.get("__builtins__", builtins)
        if watched:  # a function takes its builtins from its globals, when it is made
            names["__builtins__"] = self._behind
        try:
            self.function = FunctionType(code, names)
        finally:
            names["__builtins__"] = own

    def put_aside(self, which: Iterable[str]) -> None:
        names = self._names
        self._behind.read.clear()
        self._behind.aside = {name: names.pop(name) for name in which if name in names}

    def put_back(self, without: Iterable[str] = ()) -> None:
        """Put back what nothing has taken the place of, save for the names in *without*."""
        for name, value in self._behind.aside.items():
            if name not in without:
                self._names.setdefault(name, value)
        self._behind.aside = {}

    def read(self) -> str:
        """Return the first name whose old value was read; empty if none was."""
        return self._behind.read[0] if self._behind.read else ""
