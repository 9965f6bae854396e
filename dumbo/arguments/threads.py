"""What a `threading.local` holds for the thread that asks.

CPython keeps a `__dict__` for each thread and shows it by `__getattribute__` alone. In a thread
that has not touched it yet, a subclass runs its `__init__` for that: code of the program's, which
nobody may run who only looks.

Knows the layout of `threading.local`; must not know who looks, or why.
"""

from __future__ import annotations

from _thread import _local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["fields_of", "is_thread_local", "may_be_read"]

_mro_of = type.__dict__["__mro__"].__get__
_dict_of = type.__dict__["__dict__"].__get__


def is_thread_local(kind: type) -> bool:
    """Whether instances of *kind* are `threading.local` objects."""
    return any(base is _local for base in _mro_of(kind))


def may_be_read(kind: type) -> bool:
    """Whether reading an instance of *kind* runs nothing."""
    for base in _mro_of(kind):
        if base is _local:
            return True
        if "__init__" in _dict_of(base):
            return False
    return False


def fields_of(value: object) -> dict[str, Any] | None:
    """Return this thread's fields of a `threading.local`, or None if they may not be read."""
    if not may_be_read(type(value)):
        return None
    found: dict[str, Any] = _local.__getattribute__(value, "__dict__")  # type: ignore[arg-type]
    return found
