"""Classes and a function that generated values are made of: other processes import them, too."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = 0


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: Any


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a: Any) -> None:
        self.a = a  # b stays unset


class Listed(list[Any]):
    pass


class Mapped(dict[Any, Any]):
    pass


class Numbered(int):
    pass


class Named(str):
    pass


def helper(x: Any) -> Any:
    return x
