"""The items of a container, one by one, where they are known that way.

    for name in ("x", "y"): setattr(self, name, ...)
    for name, default in TABLE.items(): options[name] = given.get(name, default)

Who iterates gets an iterator with a slot for each row, beside the one that holds all of them; a
loop whose rows make a difference for what runs is then looked at row by row: see `rounds`.

Knows containers as things that are gone through; must not know loops.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from dumbo.tracing import fingerprint
from dumbo.tracing.containers import SCALARS, make_tuple
from dumbo.tracing.escapes import consume
from dumbo.tracing.frame import Frame
from dumbo.tracing.items import is_plain_item, live_item, tells_apart
from dumbo.tracing.lookup import is_class
from dumbo.tracing.rounds import MOST
from dumbo.tracing.values import (
    ENTRY_POINT,
    PLAIN,
    POINTS,
    UNKNOWN,
    Bound,
    Const,
    Heap,
    Instance,
    Known,
    Local,
    LocalClass,
    Partial,
    Tuple,
    Value,
    each,
)

_KEYS = (*SCALARS, type(None))


class Rows(NamedTuple):
    """`items` are known one by one, `more` is what else may come."""

    items: tuple[Value, ...]
    more: Value | None = None


def iterator_over(frame: Frame, item: Value | None, source: Any, rows: Rows | None = None) -> Value:
    """An iterator that gives *item*, or *rows* of *source*."""
    analysis = frame.analysis
    site: Any
    if rows is None:
        site = ("iterator", frame.site, frame.index, source if isinstance(source, str) else "")
        analysis.write(site, "elem", item)
    else:
        # Iterators know nothing of where they are: all those over one thing are one.
        site = ("iterator", "over", source)
        for number, row in enumerate(rows.items):
            analysis.write(site, ("row", number), row)
        analysis.write(site, "elem", rows.more)
    made: Value = frame.pool.make(Heap, "iterator", site)
    return made


def rows_of(frame: Frame, source: Value) -> Rows | None:
    """What iterating *source* gives one by one; None if that is not known."""
    found: Rows | None = None
    if isinstance(source, Tuple):
        found = Rows(source.items)
    elif isinstance(source, Const) and type(source.obj) in (tuple, frozenset):
        found = Rows(tuple(map(frame.pool.const, _in_order(source.obj))))
    elif isinstance(source, Heap):
        found = _rows_of_heap(frame, source)
    elif isinstance(source, Known):
        found = _rows_of_live(frame, source)
    return found if found is not None and 0 < len(found.items) <= MOST else None


def _in_order(items: Any) -> list[Any]:
    """In an order that is the same in each process."""
    return list(items) if type(items) is tuple else sorted(items, key=repr)


def _rows_of_heap(frame: Frame, source: Heap) -> Rows | None:
    analysis = frame.analysis
    if source.kind == "iterator":
        return rows_in(frame, source)
    slots = analysis.slots(source.site, frame, frame.index)
    keys = [slot[1] for slot in slots if isinstance(slot, tuple) and slot[0] == "item"]
    if not keys or source.kind not in ("dict", "list", "tuple", POINTS):
        return None
    more = analysis.read(source.site, "elem", frame, frame.index)
    if source.kind == "dict":
        if more is not None:
            more = analysis.read(source.site, "key", frame, frame.index) or UNKNOWN
        keyed = tuple(map(frame.pool.const, keys))
    if source.site in analysis.escaped:
        more = frame.pool.join(more, frame.unknown_value("an item from out of sight"))
    if source.kind == "dict":
        return Rows(keyed, more)
    items = [analysis.read(source.site, ("item", key), frame, frame.index) for key in keys]
    return Rows(tuple([item for item in items if item is not None]), more)


def _rows_of_live(frame: Frame, source: Known) -> Rows | None:
    obj, kind = source.obj, type(source.obj)
    if kind not in (list, tuple, dict, set, frozenset) or not 0 < len(obj) <= MOST:
        return None
    site = ("object", id(obj))
    more = frame.analysis.read(site, "elem", frame, frame.index)
    if kind is dict:
        key = frame.analysis.read(site, "key", frame, frame.index)
        more = key or (None if more is None else UNKNOWN)
    if frame.analysis.read(("changed", id(obj)), "elem", frame, frame.index) is not None:
        more = frame.pool.join(more, UNKNOWN)
    if kind in (list, tuple):
        consume(frame, source)
        apart = tells_apart(obj)
        items = [_live(frame, source, index, apart) for index in range(len(obj))]
        return Rows(tuple(items), more)
    if not all(type(key) in _KEYS for key in obj):
        return None
    consume(frame, source)
    ordered = list(obj) if kind is dict else _in_order(frozenset(obj))
    return Rows(tuple(map(frame.pool.const, ordered)), more)


def _live(frame: Frame, source: Known, key: Any, apart: bool) -> Value:
    """An item of a live container whose content counts as a whole."""
    item = source.obj[key]
    if type(item) in _KEYS:
        return frame.pool.const(item)
    if is_plain_item(frame, item, apart):
        return PLAIN
    return live_item(frame, source, key) or UNKNOWN


def pairs_of(frame: Frame, source: Value) -> Rows | None:
    """Keys and values of a dict: what `items` gives."""
    keys = rows_of(frame, source)
    if keys is None:
        return None
    analysis = frame.analysis
    more = keys.more
    values: list[Value | None] = []
    if isinstance(source, Heap) and source.kind == "dict":
        rest = analysis.read(source.site, "elem", frame, frame.index)
        if more is not None:
            more = make_tuple(frame, (more, rest or UNKNOWN))
        for key in keys.items:
            assert isinstance(key, Const)
            slot = ("item", key.obj)
            own = analysis.read(source.site, slot, frame, frame.index)
            values.append(frame.pool.join(own, rest))
    elif isinstance(source, Known) and type(source.obj) is dict:
        rest = analysis.read(("object", id(source.obj)), "elem", frame, frame.index)
        if more is not None:
            more = make_tuple(frame, (more, rest or UNKNOWN))
        apart = tells_apart(source.obj)
        for key in keys.items:
            assert isinstance(key, Const)
            values.append(frame.pool.join(_live(frame, source, key.obj, apart), rest))
    else:
        return None
    rows = zip(keys.items, values, strict=True)
    return Rows(tuple([make_tuple(frame, (key, value or UNKNOWN)) for key, value in rows]), more)


def values_of(frame: Frame, source: Value) -> Rows | None:
    """What `values` of a dict gives."""
    pairs = pairs_of(frame, source)
    if pairs is None or not all(isinstance(row, Tuple) for row in pairs.items):
        return None
    second = [row.items[1] for row in (*pairs.items, *each(pairs.more)) if isinstance(row, Tuple)]
    count = len(pairs.items)
    return Rows(tuple(second[:count]), frame.pool.join(*second[count:]))


def rows_in(frame: Frame, iterator: Value | None) -> Rows | None:
    """What an iterator gives one by one; None if that is not known."""
    items: list[Value] = []
    more: Value | None = None
    for member in each(iterator):
        if not (isinstance(member, Heap) and member.kind == "iterator"):
            return None
        own = slots_of(frame, member)
        if not own:
            return None
        for slot in own:
            item = frame.analysis.read(member.site, slot, frame, frame.index)
            items += [] if item is None else [item]
        left = frame.analysis.read(member.site, "elem", frame, frame.index)
        more = frame.pool.join(more, left)
    return Rows(tuple(items), more) if items else None


def slots_of(frame: Frame, iterator: Heap) -> list[Any]:
    """The slots of an iterator in which its rows lie."""
    slots = frame.analysis.slots(iterator.site, frame, frame.index)
    return [slot for slot in slots if isinstance(slot, tuple) and slot[0] == "row"]


def differ(rows: Rows) -> bool:
    """Whether it makes a difference for what runs which of the rows it is."""
    return len(set(rows.items)) > 1 and any(_picks(item) for item in rows.items)


def hold_code(rows: Rows) -> bool:
    """Whether each of *rows* is, or goes with, a piece of code or an object of its own."""
    return all(map(_holds_code, rows.items))


def _holds_code(value: Value) -> bool:
    if isinstance(value, Tuple):
        return any(map(_holds_code, value.items))
    if isinstance(value, Const | Known):
        return is_class(value.obj) or type(value.obj) not in (*fingerprint.ATOMS, *_DATA)
    if isinstance(value, Instance):
        return bool(value.site[0] == ENTRY_POINT)
    return isinstance(value, Local | LocalClass | Bound | Partial)


_DATA = (dict, list, tuple, set, frozenset)


def _picks(value: Value) -> bool:
    """Whether *value* is a name, or code."""
    if isinstance(value, Tuple):
        return any(map(_picks, value.items))
    if isinstance(value, Const | Known):
        obj = value.obj
        return type(obj) is str or is_class(obj) or type(obj) not in fingerprint.ATOMS
    return isinstance(value, Local | LocalClass | Bound | Partial | Instance)
