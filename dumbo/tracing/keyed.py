"""Live tables whose keys are classes: converters, encoders, handlers by type.

    CONVERTERS[type(value)](value)          only what stands there under that very class
    for cls in type(value).__mro__:         and the same of all the classes above it
        CONVERTERS.get(cls)

A class has no name that a lookup could go by: what stands under it is found by the place of the
key, and that the key there is this class is looked up, too.

Knows live dicts and classes; must not know who asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dumbo.tracing.escapes import consume
from dumbo.tracing.fingerprint import ATOMS
from dumbo.tracing.lookup import is_class, mro, namespace
from dumbo.tracing.values import Known, Value

if TYPE_CHECKING:
    from dumbo.tracing.frame import Frame

__all__ = ["is_told", "item_at", "item_of"]

MOST = 512  # keys of a table that are looked at


def is_told(frame: Frame, table: Known, key: Value) -> bool:
    """Whether it is known what *table* has under the class *key*."""
    if not isinstance(key, Known) or not is_class(key.obj) or type(table.obj) is not dict:
        return False
    if not _is_equal_to_itself_only(key.obj):
        return False
    tables = frame.analysis.keyed
    if id(table.obj) not in tables:
        tables[id(table.obj)] = _is_plain(table.obj)
    return tables[id(table.obj)]


def item_of(frame: Frame, table: Known, key: Value) -> Value | None:
    """What stands in *table* under the class *key*; None if nothing does."""
    assert isinstance(key, Known)
    for place, one in enumerate(table.obj):
        if one is key.obj:
            frame.touch(key, "key")
            frame.touch(frame.analysis.get("key", table.ref, place), f"key {place}")
            return item_at(frame, table, place)
    consume(frame, table)  # of which the keys are a part
    return None


def item_at(frame: Frame, table: Known, place: int) -> Value | None:
    """The value of a live table at *place*, in the order of its keys."""
    found = frame.analysis.get("value", table.ref, place)
    return frame.touch(found, f"value {place}")


def _is_plain(table: dict[Any, Any]) -> bool:
    """Whether no key of *table* may say that it is equal to a class which it is not."""
    if len(table) > MOST:
        return False
    for key in table:
        if is_class(key):
            if not _is_equal_to_itself_only(key):
                return False
        elif type(key) not in ATOMS:
            return False
    return True


def _is_equal_to_itself_only(cls: type) -> bool:
    metas = [meta for meta in mro(type(cls)) if meta is not type and meta is not object]
    return not any("__eq__" in namespace(meta) or "__hash__" in namespace(meta) for meta in metas)
