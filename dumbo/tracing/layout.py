"""What instances hold, read without any code of theirs: fields, slots, items.

Knows the layout of values; must not know what is made of it.
"""

from __future__ import annotations

from collections import deque
from types import MemberDescriptorType

from dumbo.tracing.fingerprint import ATOMS
from dumbo.tracing.lookup import fields_of_tuples, home_of, mro, namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_LEAVES = frozenset(
    "_random _thread array datetime decimal fractions ipaddress pathlib random re uuid".split()
)
CONTAINERS = (dict, list, tuple, set, frozenset, deque)


def slots_of(value: Any) -> Iterator[tuple[str, Any]]:
    """The slots of an instance that are set, and the fields of a named tuple, by name."""
    for cls in mro(type(value)):
        for name, slot in namespace(cls).items():
            if type(slot) is MemberDescriptorType:
                try:
                    yield name, slot.__get__(value)
                except AttributeError:
                    continue
    for name, place in fields_of_tuples(type(value)).items():
        if place < tuple.__len__(value):
            yield name, tuple.__getitem__(value, place)


def is_leaf(value: Any, kind: type) -> bool:
    """Whether a value of a library's or builtin type surely holds no code."""
    home = home_of(kind).partition(".")[0]
    if home == "numpy":
        return not getattr(getattr(value, "dtype", None), "hasobject", True)
    if home == "builtins":
        return kind in (bytearray, range, slice, memoryview) or kind in ATOMS
    return home in _LEAVES


def items_of(value: Any) -> list[list[Any]]:
    """The items of an instance that is a container by its class; of a dict its keys behind them,
    of a named tuple those that no field names.

    Not by its own methods, which are the program's.
    """
    for base in mro(type(value)):
        if base is dict:
            return [list(dict.values(value)), list(dict.keys(value))]
        if base is tuple:
            named = set(fields_of_tuples(type(value)).values())
            return [[item for at, item in enumerate(tuple.__iter__(value)) if at not in named]]
        for kind in CONTAINERS:
            if base is kind:
                return [list(kind.__iter__(value))]
    return []
