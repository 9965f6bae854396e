"""What the steps that build, index, iterate, compare and format do to a frame.

Containers are places on the heap, by the step that made them: constant keys
have slots of their own, all else shares one. Live tables are looked up item by
item where the key is known, else their content counts and any item may come.

Knows containers and operators; must not know names or control flow.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, TypeGuard

from dumbo.tracing import fingerprint, truth
from dumbo.tracing.attributes import MARKERS, attribute, call, delete_attribute, special
from dumbo.tracing.boundary import owner_of
from dumbo.tracing.calls import Arguments, invoke, result
from dumbo.tracing.escapes import consume, escape
from dumbo.tracing.frame import Frame
from dumbo.tracing.impure import ORDER
from dumbo.tracing.lookup import is_class, mro
from dumbo.tracing.steps import Step
from dumbo.tracing.uses import SHOWN
from dumbo.tracing.values import (
    NULL,
    PLAIN,
    UNKNOWN,
    Builtin,
    Const,
    Heap,
    Instance,
    Known,
    Local,
    LocalClass,
    Text,
    Tuple,
    Unknown,
    Value,
    each,
    is_plain,
)

TABLE = 512  # items of a live table that are looked at one by one

_BINARY = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "truediv",
    "//": "floordiv",
    "%": "mod",
    "**": "pow",
    "@": "matmul",
    "&": "and",
    "|": "or",
    "^": "xor",
    "<<": "lshift",
    ">>": "rshift",
}
_COMPARE = {
    "<": ("__lt__", "__gt__"),
    "<=": ("__le__", "__ge__"),
    "==": ("__eq__", "__eq__"),
    "!=": ("__ne__", "__ne__"),
    ">": ("__gt__", "__lt__"),
    ">=": ("__ge__", "__le__"),
}
_UNARY = {"-": "__neg__", "+": "__pos__", "~": "__invert__", "not": "__bool__"}
_SCALARS = (int, float, complex, bool, str, bytes)


def instance_of(frame: Frame, kind: type) -> Value:
    """Some value of a builtin type."""
    home = frame.analysis.look("module", -1, "builtins")
    ref = frame.analysis.look("attr", home, kind.__name__)
    known = frame.pool.known(kind, ref)
    made: Value = frame.pool.make(Instance, known, ("builtin", kind.__name__))
    return made


# --- building ------------------------------------------------------------------------------


def build_tuple(frame: Frame, step: Step) -> None:
    frame.push(make_tuple(frame, frame.take(step.arg)))


def make_tuple(frame: Frame, items: tuple[Value, ...]) -> Value:
    if len(items) <= 16:
        made: Value = frame.pool.make(Tuple, items)
        if isinstance(made, Tuple):
            return made
    return make_heap(frame, "tuple", items)


def make_heap(frame: Frame, kind: str, items: tuple[Value, ...]) -> Value:
    """A container made by this step; items have slots by their index while they are few."""
    site = (frame.site, frame.index, kind)
    for index, item in enumerate(items):
        slot: Any = ("item", index) if kind in ("list", "tuple") and len(items) <= 32 else "elem"
        frame.write(site, slot, item)
    made: Value = frame.pool.make(Heap, kind, site)
    return made


def build_list(frame: Frame, step: Step) -> None:
    frame.push(make_heap(frame, "list", frame.take(step.arg)))


def build_set(frame: Frame, step: Step) -> None:
    items = frame.take(step.arg)
    hashed(frame, *items)
    frame.push(make_heap(frame, "set", items))


def build_map(frame: Frame, step: Step) -> None:
    flat = frame.take(2 * step.arg)
    made = make_heap(frame, "dict", ())
    for key, value in zip(flat[::2], flat[1::2], strict=True):
        put(frame, made, key, value)
    frame.push(made)


def build_const_key_map(frame: Frame, step: Step) -> None:
    *values, keys = frame.take(step.arg + 1)
    made = make_heap(frame, "dict", ())
    names = keys.obj if isinstance(keys, Const) else ()
    for key, value in zip(names, values, strict=False):
        put(frame, made, frame.pool.const(key), value)
    frame.push(made)


def build_string(frame: Frame, step: Step) -> None:
    frame.push(concatenate(frame, frame.take(step.arg)))


def concatenate(frame: Frame, parts: tuple[Value, ...]) -> Value:
    """A string of which the known ends are kept."""
    if all(_text(part) is not None for part in parts):
        return frame.pool.const("".join(_text(part) or "" for part in parts))
    prefix = suffix = ""
    for part in parts:
        text = _text(part)
        prefix += (part.prefix if isinstance(part, Text) else "") if text is None else text
        if text is None:
            break
    for part in reversed(parts):
        text = _text(part)
        suffix = (
            (part.suffix if isinstance(part, Text) else "") if text is None else text
        ) + suffix
        if text is None:
            break
    if not prefix and not suffix:
        return instance_of(frame, str)
    made: Value = frame.pool.make(Text, prefix, suffix)
    return made


def _text(value: Value) -> str | None:
    if isinstance(value, Const | Known) and type(value.obj) is str:
        return value.obj
    return None


def build_slice(frame: Frame, step: Step) -> None:
    ends = frame.take(step.arg)
    _index(frame, *ends)
    known = [end.obj for end in ends if isinstance(end, Const)]
    whole = len(known) == step.arg
    frame.push(frame.pool.const(slice(*known)) if whole else instance_of(frame, slice))


def build_interpolation(frame: Frame, step: Step) -> None:
    for value in frame.take(2 + (step.arg & 1)):
        escape(frame, value)
    frame.push(frame.unknown_value("an interpolation"))


def build_template(frame: Frame, step: Step) -> None:
    for value in frame.take(2):
        escape(frame, value)
    frame.push(frame.unknown_value("a template"))


def list_append(frame: Frame, step: Step) -> None:
    item = frame.pop()
    add(frame, frame.stack[-step.arg], item)


def set_add(frame: Frame, step: Step) -> None:
    item = frame.pop()
    hashed(frame, item)
    add(frame, frame.stack[-step.arg], item)


def map_add(frame: Frame, step: Step) -> None:
    key, value = frame.take(2)
    put(frame, frame.stack[-step.arg], key, value)


def extend(frame: Frame, step: Step) -> None:
    source = frame.pop()
    add_all(frame, frame.stack[-step.arg], source)


def merge(frame: Frame, step: Step) -> None:
    source = frame.pop()
    merge_into(frame, frame.stack[-step.arg], source)


def merge_into(frame: Frame, target: Value, source: Value) -> None:
    for member in each(source):
        if isinstance(member, Heap) and isinstance(target, Heap):
            for slot in frame.analysis.slots(member.site, frame, frame.index):
                held = frame.analysis.read(member.site, slot, frame, frame.index)
                frame.write(target.site, slot, held)
        elif isinstance(member, Known) and type(member.obj) is dict and len(member.obj) <= TABLE:
            for key in member.obj:
                if type(key) in _SCALARS:
                    put(frame, target, frame.pool.const(key), live_item(frame, member, key))
            consume(frame, member)
        else:
            escape(frame, member)
            if isinstance(target, Heap):
                frame.write(target.site, "elem", frame.unknown_value("merged"))


def list_to_tuple(frame: Frame, step: Step) -> None:
    source = frame.pop()
    made = make_heap(frame, "tuple", ())
    assert isinstance(made, Heap)
    if isinstance(source, Heap):
        for slot in frame.analysis.slots(source.site, frame, frame.index):
            frame.write(made.site, slot, frame.analysis.read(source.site, slot, frame, frame.index))
    else:
        add_all(frame, made, source)
    frame.push(made)


# --- writing and reading items ---------------------------------------------------------------


def add(frame: Frame, target: Value, item: Value | None) -> None:
    """Put an item somewhere into each container that *target* may be."""
    if item is None:
        return
    frame.analysis.changes(target)
    for member in each(target):
        if isinstance(member, Heap | Instance):
            frame.write(member.site, "elem", item)
        elif isinstance(member, Known):
            frame.write(("object", id(member.obj)), "elem", item)
        else:
            escape(frame, item)


def measure(frame: Frame, source: Value) -> None:
    """Who makes a list of something asks it first how long it is."""
    for member in each(source):
        for name in ("__len__", "__length_hint__"):
            for method in special(frame, member, name):
                call(frame, method, ())


def add_all(frame: Frame, target: Value, source: Value) -> None:
    measure(frame, source)
    if isinstance(source, Heap) and isinstance(target, Heap) and source.kind in ("list", "tuple"):
        held_slots = frame.analysis.slots(source.site, frame, frame.index)
        if not frame.analysis.slots(target.site, frame, frame.index):
            for slot in held_slots:
                held = frame.analysis.read(source.site, slot, frame, frame.index)
                frame.write(target.site, slot, held)
            return
    if isinstance(source, Const) and type(source.obj) is tuple and isinstance(target, Heap):
        for index, item in enumerate(source.obj):
            frame.write(target.site, ("item", index), frame.pool.const(item))
        return
    add(frame, target, items_of(frame, source))


def put(frame: Frame, target: Value, key: Value, value: Value | None) -> None:
    """``target[key] = value`` on each container that *target* may be."""
    if value is None:
        return
    hashed(frame, key)
    constant = _key(key)
    frame.analysis.changes(target)
    for member in each(target):
        if isinstance(member, Heap):
            slot = ("item", constant[0]) if constant else "elem"
            frame.write(member.site, slot, value)
            if member.kind == "dict":
                frame.write(member.site, "key", key)
        elif isinstance(member, Known):
            frame.write(("object", id(member.obj)), "elem", value)
            frame.write(("object", id(member.obj)), "key", key)
            methods = special(frame, member, "__setitem__")
            for method in methods:
                call(frame, method, (key, value))
        elif isinstance(member, Instance):
            methods = special(frame, member, "__setitem__")
            for method in methods:
                call(frame, method, (key, value))
            if not methods:
                frame.write(member.site, "elem", value)
                frame.write(member.site, "key", key)
        else:
            escape(frame, key)
            escape(frame, value)


def _key(key: Value) -> tuple[Any] | None:
    if isinstance(key, Const | Known) and type(key.obj) in (*_SCALARS, type(None)):
        return (key.obj,)
    return None


def hashed(frame: Frame, *values: Value) -> None:
    """Values used as keys: their hash and their equality are called."""
    for value in values:
        if isinstance(value, Const | Text):
            continue
        for name in ("__hash__", "__eq__"):
            for method in special(frame, value, name):
                other = () if name == "__hash__" else (value,)
                call(frame, method, other)


def store_subscr(frame: Frame, step: Step) -> None:
    value, target, key = frame.take(3)
    for member in each(target):
        if isinstance(member, Builtin) and member.name in MARKERS:
            from dumbo.tracing import namespaces  # a cycle: it follows attributes

            namespaces.put(frame, member, key, value)
        else:
            put(frame, member, key, value)


def delete_subscr(frame: Frame, step: Step) -> None:
    target, key = frame.take(2)
    hashed(frame, key)
    _index(frame, key)
    frame.analysis.changes(target)
    for method in special(frame, target, "__delitem__"):
        call(frame, method, (key,))
    shift(frame, target)


def shift(frame: Frame, target: Value) -> None:
    """From here on, the items of a list may stand at other places."""
    for member in each(target):
        if isinstance(member, Heap) and member.kind != "dict":
            frame.write(member.site, "elem", _held(frame, member))
        elif isinstance(member, Known) and type(member.obj) is list:
            moved = all_live_items(frame, member)
            frame.write(("object", id(member.obj)), "elem", moved)


def _held(frame: Frame, source: Heap) -> Value | None:
    """What was put into a container so far."""
    slots = frame.analysis.slots(source.site, frame, frame.index)
    items = [slot for slot in slots if isinstance(slot, tuple) and slot[0] == "item"]
    found = [frame.analysis.read(source.site, slot, frame, frame.index) for slot in items]
    return frame.pool.join(*found)


def delete_attr(frame: Frame, step: Step) -> None:
    (target,) = frame.take(1)
    delete_attribute(frame, target, step.arg)


def store_slice(frame: Frame, step: Step) -> None:
    value, target, *ends = frame.take(4)
    _index(frame, *ends)
    for method in special(frame, target, "__setitem__"):
        call(frame, method, (instance_of(frame, slice), value))
    add(frame, target, items_of(frame, value))
    shift(frame, target)


def binary_slice(frame: Frame, step: Step) -> None:
    source, *ends = frame.take(3)
    _index(frame, *ends)
    bounds = [end.obj for end in ends if isinstance(end, Const)]
    result(frame, sliced(frame, source, slice(*bounds) if len(bounds) == 2 else None))


def sliced(frame: Frame, source: Value, bounds: slice | None = None) -> Value | None:
    """A part of a sequence: any of its items may be in it, unless *bounds* are known."""
    found: Value | None = None
    for member in each(source):
        methods = special(frame, member, "__getitem__")
        if methods:
            for method in methods:
                found = frame.pool.join(found, call(frame, method, (instance_of(frame, slice),)))
        elif isinstance(member, Const | Text) or _is_text(member):
            found = frame.pool.join(found, instance_of(frame, str))
        elif isinstance(member, Tuple) and bounds is not None:
            found = frame.pool.join(found, make_tuple(frame, member.items[bounds]))
        else:
            kind = member.kind if isinstance(member, Heap) else "list"
            site = (frame.site, frame.index, "slice")
            between = _between(frame, member, bounds)
            if between is None:
                frame.write(site, "elem", items_of(frame, member))
            for index, item in enumerate(between or ()):
                frame.write(site, ("item", index), item)
            found = frame.pool.join(found, frame.pool.make(Heap, kind, site))
    return found


def _between(frame: Frame, source: Value, bounds: slice | None) -> list[Value | None] | None:
    """The items of a list between *bounds*, where the place of each is known."""
    if bounds is None or not isinstance(source, Heap) or source.kind not in ("list", "tuple"):
        return None
    analysis = frame.analysis
    slots = analysis.slots(source.site, frame, frame.index)
    wanted = [("item", index) for index in range(len(slots))]
    if not slots or source.site in analysis.escaped or set(slots) != set(wanted):
        return None
    return [analysis.read(source.site, slot, frame, frame.index) for slot in wanted][bounds]


def _is_text(value: Value) -> bool:
    if isinstance(value, Instance) and isinstance(value.cls, Known):
        return value.cls.obj in (str, bytes)
    return isinstance(value, Known) and type(value.obj) in (str, bytes)


def subscript(frame: Frame, source: Value, key: Value) -> Value | None:
    """``source[key]``; None while nothing is known to be there."""
    hashed(frame, key)
    _index(frame, key)
    return frame.pool.join(*[_item_of(frame, member, key) for member in each(source)])


def _index(frame: Frame, *keys: Value) -> None:
    """Instances used as an index, or as an end of a slice."""
    for key in keys:
        for method in special(frame, key, "__index__"):
            call(frame, method, ())


def _item_of(frame: Frame, source: Value, key: Value) -> Value | None:
    constant = _key(key)
    analysis = frame.analysis
    if isinstance(key, Const) and type(key.obj) is slice:  # a constant since 3.14
        return sliced(frame, source, key.obj)
    if isinstance(source, Tuple):
        return _item_of_tuple(frame, source, constant)
    if isinstance(source, Heap):
        return read_item(frame, source, constant)
    if isinstance(source, Known):
        return _item_of_live(frame, source, key, constant)
    if isinstance(source, Const):
        if constant and isinstance(source.obj, tuple | str) and isinstance(constant[0], int):
            try:
                return frame.pool.const(source.obj[constant[0]])
            except IndexError:
                return frame.unknown_value("an index out of range")
        return frame.unknown_value("an item of a constant")
    if isinstance(source, Builtin) and source.name in MARKERS:
        from dumbo.tracing import namespaces  # a cycle: it follows attributes

        return namespaces.item(frame, source, key)
    methods = [
        *special(frame, source, "__getitem__"),
        *special(frame, source, "__missing__"),
    ]
    if methods:
        return frame.pool.join(*[call(frame, method, (key,)) for method in methods])
    if isinstance(source, Instance):
        held = analysis.read(source.site, "elem", frame, frame.index)
        return held or frame.unknown_value("an item")
    if isinstance(source, Builtin):
        escape(frame, source.receiver)
    return PLAIN if is_plain(source) else frame.unknown_value("an item")


def _item_of_tuple(frame: Frame, source: Tuple, constant: tuple[Any] | None) -> Value | None:
    if constant and isinstance(constant[0], int) and -len(source.items) <= constant[0]:
        if constant[0] < len(source.items):
            return source.items[constant[0]]
    return frame.pool.join(*source.items) or frame.unknown_value("an item of an empty tuple")


def read_item(frame: Frame, source: Heap, constant: tuple[Any] | None) -> Value | None:
    """An item of a container that the program made."""
    analysis = frame.analysis
    held = analysis.read(source.site, "elem", frame, frame.index)
    slots = analysis.slots(source.site, frame, frame.index)
    if constant and not (isinstance(constant[0], int) and constant[0] < 0):
        own = analysis.read(source.site, ("item", constant[0]), frame, frame.index)
        found = frame.pool.join(held, own)
    else:
        items = [slot for slot in slots if isinstance(slot, tuple) and slot[0] == "item"]
        read = [analysis.read(source.site, slot, frame, frame.index) for slot in items]
        found = frame.pool.join(held, *read)
    found = frame.pool.join(found, analysis.read(source.site, "factory result", frame, frame.index))
    if source.site in analysis.escaped:
        found = frame.pool.join(found, frame.unknown_value("an item from out of sight"))
    return found or frame.await_or(lambda: frame.unknown_value("an item that nobody puts"))


def _any_item(frame: Frame, source: Heap) -> Value | None:
    """What iterating a container gives: nothing, if nobody puts anything into it."""
    found = read_item_quietly(frame, source)
    if source.site in frame.analysis.escaped:
        found = frame.pool.join(found, frame.unknown_value("an item from out of sight"))
    return found


def _item_of_live(
    frame: Frame, source: Known, key: Value, constant: tuple[Any] | None
) -> Value | None:
    obj, analysis = source.obj, frame.analysis
    if is_class(obj):
        return _item_of_class(frame, source, key, constant)
    if type(obj) in (dict, list, tuple):
        stored = analysis.read(("object", id(obj)), "elem", frame, frame.index)
        if constant:
            found = live_item(frame, source, constant[0])
            return frame.pool.join(found, stored) or frame.unknown_value(
                "an item that is not there"
            )
        return frame.pool.join(all_live_items(frame, source), stored)
    methods = special(frame, source, "__getitem__")
    if methods:
        return frame.pool.join(*[call(frame, method, (key,)) for method in methods])
    missing = [call(frame, method, (key,)) for method in special(frame, source, "__missing__")]
    if isinstance(obj, dict | list | tuple):
        # defaultdict, OrderedDict and the like: their content counts, any value may come.
        return frame.pool.join(out_of_content(frame, source), *missing)
    escape(frame, source)
    return frame.unknown_value("an item of live data")


def _item_of_class(
    frame: Frame, source: Known, key: Value, constant: tuple[Any] | None
) -> Value | None:
    analysis = frame.analysis
    if any(fingerprint.qualified_name(base) == b"enum:Enum" for base in mro(source.obj)):
        members = analysis.get("mro", source.ref, "_member_map_")
        if isinstance(members, Known) and constant:
            return live_item(frame, members, constant[0])
        escape(frame, source)
        return frame.unknown_value("a member of an enum")
    method = analysis.get("mro", source.ref, "__class_getitem__")
    if method is not None and owner_of(source.obj) is None:
        from dumbo.tracing.attributes import bind

        bound = bind(frame, method, None, source)
        return call(frame, bound, (key,)) if bound is not None else source
    return source  # a generic alias: calling it makes an instance of the class


def live_item(frame: Frame, source: Known, key: Any) -> Value | None:
    found = frame.analysis.get("item", source.ref, key)
    if found is None:
        frame.depend(frame.analysis.absent(), f"item {key!r}")
    return frame.touch(found, f"item {key!r}")


def all_live_items(frame: Frame, source: Known) -> Value | None:
    """Any item of a live table, whose content then counts as a whole."""
    consume(frame, source)
    obj = source.obj
    keys = list(obj) if type(obj) is dict else range(len(obj))
    if len(keys) > TABLE or frame.analysis.depth(source.ref) > 6:
        return out_of_content(frame, source)
    found: Value | None = None
    plain = False
    for key in keys:
        if type(key) not in (*_SCALARS, type(None)):
            return out_of_content(frame, source)
        if type(obj[key]) in fingerprint.ATOMS:
            plain = True
        else:
            found = frame.pool.join(found, live_item(frame, source, key))
    return frame.pool.join(found, UNKNOWN if plain or found is None else None)


def out_of_content(frame: Frame, source: Known) -> Value:
    """Something from inside of hashed content: a function or class in it, an instance, or data."""
    found: Value = UNKNOWN
    for root in frame.analysis.take_whole(source):
        frame.touch(root, "content")
        made: Value = root
        if is_class(root.obj):
            made = frame.pool.make(Instance, root, ("found", id(root.obj)))
        found = frame.pool.join(found, root, made) or found
    return found


def items_of(frame: Frame, source: Value) -> Value | None:
    """Any item that iterating *source* may give; None while there is none."""
    return frame.pool.join(*[_items_of_member(frame, member) for member in each(source)])


def _items_of_member(frame: Frame, source: Value) -> Value | None:
    if isinstance(source, Tuple):
        return frame.pool.join(*source.items)
    if isinstance(source, Heap):
        if source.kind in ("generator", "coroutine", "iterator"):
            return next_of(frame, source)
        if source.kind == "dict":
            return frame.analysis.read(source.site, "key", frame, frame.index)
        return _any_item(frame, source)
    if isinstance(source, Const):
        if type(source.obj) is tuple:
            return frame.pool.join(*[frame.pool.const(item) for item in source.obj[:64]])
        return instance_of(frame, str) if type(source.obj) is str else UNKNOWN
    if isinstance(source, Known) and type(source.obj) is dict:
        consume(frame, source)
        stored = frame.analysis.read(("object", id(source.obj)), "key", frame, frame.index)
        return frame.pool.join(_keys_of_live(frame, source), stored)
    if isinstance(source, Known) and type(source.obj) in (list, tuple):
        stored = frame.analysis.read(("object", id(source.obj)), "elem", frame, frame.index)
        return frame.pool.join(all_live_items(frame, source), stored)
    if isinstance(source, Known) and type(source.obj) in (set, frozenset):
        consume(frame, source)
        return out_of_content(frame, source)
    return next_of(frame, iterator_of(frame, source))


def _keys_of_live(frame: Frame, source: Known) -> Value:
    if all(type(key) in _SCALARS for key in source.obj) and len(source.obj) <= 12:
        return frame.pool.join(*map(frame.pool.const, source.obj)) or UNKNOWN
    if all(type(key) in fingerprint.ATOMS for key in source.obj):
        return UNKNOWN
    return out_of_content(frame, source)


# --- iterating -----------------------------------------------------------------------------


def get_iter(frame: Frame, step: Step) -> None:
    source = frame.pop()
    note_order(frame, source)
    result(frame, iterator_of(frame, source))


def note_order(frame: Frame, source: Value) -> None:
    """Remark that *source* is gone through in an order that another process does not have."""
    for member in each(source):
        if isinstance(member, Heap) and member.kind == "set":
            told = any(map(_has_no_order, each(read_item(frame, member, None))))
        elif isinstance(member, Known | Const) and type(member.obj) in (set, frozenset):
            told = any(type(item) not in _NUMBERS for item in member.obj)
        else:
            continue
        if told:
            frame.remark(ORDER, "iteration over a set")


def _has_no_order(item: Value) -> bool:
    """Whether sets of such items are ordered by something that differs among processes."""
    if isinstance(item, Const):
        return type(item.obj) not in _NUMBERS
    return not (isinstance(item, Instance) and getattr(item.cls, "obj", None) in _NUMBERS)


_NUMBERS = (int, float, complex, bool)  # hashed alike everywhere


def iterator_of(frame: Frame, source: Value) -> Value | None:
    return frame.pool.join(*[_iterator_of_member(frame, member) for member in each(source)])


def _iterator_of_member(frame: Frame, source: Value) -> Value | None:
    if isinstance(source, Heap) and source.kind in ("generator", "coroutine", "iterator"):
        return source
    if isinstance(source, Tuple | Heap | Const):
        return iterator_over(frame, items_of(frame, source), source)
    if isinstance(source, Builtin) and source.name in MARKERS:
        from dumbo.tracing import namespaces  # a cycle: it follows attributes

        return namespaces.keys(frame, source)
    if isinstance(source, Known) and type(source.obj) in (list, tuple, dict, set, frozenset):
        return iterator_over(frame, items_of(frame, source), source)
    if isinstance(source, Known) and is_class(source.obj):
        meta = [*special(frame, source, "__iter__")]
        if meta:
            return frame.pool.join(*[call(frame, method, ()) for method in meta])
        escape(frame, source)
        return frame.unknown_value("an iterator over a class")
    methods = special(frame, source, "__iter__")
    if methods:
        return frame.pool.join(*[call(frame, method, ()) for method in methods])
    by_index = special(frame, source, "__getitem__")
    if by_index:
        item = frame.pool.join(
            *[call(frame, method, (instance_of(frame, int),)) for method in by_index]
        )
        return iterator_over(frame, item, source)
    if isinstance(source, Instance):
        held = frame.analysis.read(source.site, "elem", frame, frame.index)
        if held is not None:
            return iterator_over(frame, held, source)
    if isinstance(source, Known):
        consume(frame, source)
        return iterator_over(frame, out_of_content(frame, source), source)
    return source if isinstance(source, Unknown) else frame.unknown_value("an iterator")


def iterator_over(frame: Frame, item: Value | None, source: Any) -> Value:
    site = ("iterator", frame.site, frame.index, source if isinstance(source, str) else "")
    frame.analysis.write(site, "elem", item)
    made: Value = frame.pool.make(Heap, "iterator", site)
    return made


def next_of(frame: Frame, iterator: Value | None) -> Value | None:
    """What the next step of *iterator* gives; None while it gives nothing."""
    found: Value | None = None
    for member in each(iterator):
        if isinstance(member, Heap) and member.site in frame.analysis.generators:
            inner = frame.analysis.generators[member.site]
            inner.callers[frame, frame.index] = None
            found = frame.pool.join(found, inner.yielded)
        elif isinstance(member, Heap):
            found = frame.pool.join(
                found, frame.analysis.read(member.site, "elem", frame, frame.index)
            )
        elif isinstance(member, Instance | Known):
            methods = [*special(frame, member, "__next__"), *special(frame, member, "__anext__")]
            for method in methods:
                found = frame.pool.join(found, call(frame, method, ()))
            if not methods:
                found = frame.pool.join(found, frame.unknown_value("the next item"))
        elif is_plain(member):
            found = frame.pool.join(found, PLAIN)
        else:
            found = frame.pool.join(found, frame.unknown_value("the next item"))
    return found


def await_result(frame: Frame, awaited: Value) -> Value | None:
    """What a generator or coroutine returns in the end."""
    found: Value | None = None
    for member in each(awaited):
        if isinstance(member, Heap) and member.site in frame.analysis.generators:
            inner = frame.analysis.generators[member.site]
            inner.callers[frame, frame.index] = None
            found = frame.pool.join(found, inner.result)
        else:
            found = frame.pool.join(found, frame.unknown_value("what is awaited"))
    return found


def finish_generator(frame: Frame, value: Heap) -> None:
    """A generator out of sight is run to its end: what it yields goes out of sight too."""
    inner = frame.analysis.generators.get(value.site)
    if inner is not None:
        inner.callers[frame, frame.index] = None
        escape(frame, inner.yielded)
        escape(frame, inner.result)


def get_aiter(frame: Frame, step: Step) -> None:
    source = frame.pop()
    methods = special(frame, source, "__aiter__")
    if methods:
        result(frame, frame.pool.join(*[call(frame, method, ()) for method in methods]))
    else:
        frame.push(source)


def get_anext(frame: Frame, step: Step) -> None:
    # An async generator gives its items without more ado; other iterators an awaitable.
    result(frame, next_of(frame, frame.stack[-1]))


def end_async_for(frame: Frame, step: Step) -> None:
    frame.take(2)


def get_len(frame: Frame, step: Step) -> None:
    for method in special(frame, frame.stack[-1], "__len__"):
        call(frame, method, ())
    consume(frame, frame.stack[-1])
    frame.push(instance_of(frame, int))


def unpack_sequence(frame: Frame, step: Step) -> None:
    source = frame.pop()
    _unpack(frame, source, step.arg, 0, starred=False)


def unpack_ex(frame: Frame, step: Step) -> None:
    before, after = step.arg
    _unpack(frame, frame.pop(), before, after, starred=True)


def _unpack(frame: Frame, source: Value, before: int, after: int, *, starred: bool) -> None:
    parts = [_part(frame, source, index) for index in range(before)]
    if starred:
        site = (frame.site, frame.index, "starred")
        frame.write(site, "elem", items_of(frame, source))
        parts.append(frame.pool.make(Heap, "list", site))
        parts += [_part(frame, source, index - after) for index in range(after)]
    for value in reversed(parts):
        frame.push(value)


def _part(frame: Frame, source: Value, index: int) -> Value:
    found: Value | None = None
    for member in each(source):
        if isinstance(member, Tuple):
            found = frame.pool.join(found, _item_of_tuple(frame, member, (index,)))
        elif isinstance(member, Heap) and member.kind in ("list", "tuple"):
            found = frame.pool.join(found, read_item(frame, member, (index,)))
        elif isinstance(member, Const) and type(member.obj) is tuple:
            found = frame.pool.join(found, _item_of(frame, member, frame.pool.const(index)))
        elif isinstance(member, Known) and type(member.obj) in (list, tuple):
            found = frame.pool.join(found, live_item(frame, member, index))
        else:
            found = frame.pool.join(found, items_of(frame, member))
    return found or UNKNOWN


# --- operators -----------------------------------------------------------------------------


def binary_op(frame: Frame, step: Step) -> None:
    left, right = frame.take(2)
    result(frame, operate(frame, step.arg, left, right))


def operate(frame: Frame, symbol: str, left: Value, right: Value) -> Value | None:
    """``left <symbol> right``, through the special methods of both sides."""
    if symbol == "[]":
        if isinstance(right, Instance) and isinstance(right.cls, Known) and right.cls.obj is slice:
            return sliced(frame, left)
        return subscript(frame, left, right)
    if symbol == "+" and (_text(left) is not None or isinstance(left, Text)):
        return concatenate(frame, (left, right))
    if symbol == "+" and (_text(right) is not None or isinstance(right, Text)) and _is_text(left):
        return concatenate(frame, (left, right))
    if symbol in ("%", "%=") and _text(left) is not None:
        return _formatted(frame, _text(left) or "", right)
    name = _BINARY[symbol.removesuffix("=")]
    names = [f"__{name}__"] if not symbol.endswith("=") else [f"__i{name}__", f"__{name}__"]
    found: Value | None = None
    called = False
    for method in [m for special_name in names for m in special(frame, left, special_name)]:
        called = True
        found = frame.pool.join(found, invoke(frame, method, (right,)))
    for method in special(frame, right, f"__r{name}__"):
        called = True
        found = frame.pool.join(found, invoke(frame, method, (left,)))
    if called:
        # NotImplemented is no result: the other side is asked.
        members = [m for m in each(found) if not (_is_not_implemented(m))]
        return frame.pool.join(*members)
    return _without_methods(frame, symbol, left, right)


def _is_not_implemented(value: Value) -> bool:
    return isinstance(value, Known | Const) and value.obj is NotImplemented


def _without_methods(frame: Frame, symbol: str, left: Value, right: Value) -> Value:
    for value in (left, right):
        consume(frame, value)
    if symbol.endswith("="):
        for member in each(left):
            if isinstance(member, Known):
                frame.analysis.changes(member)
    sequences = [m for m in (*each(left), *each(right)) if isinstance(m, Heap | Tuple)]
    if sequences and symbol.removesuffix("=") in ("+", "*", "|", "&", "-", "^"):
        kind = sequences[0].kind if isinstance(sequences[0], Heap) else "tuple"
        if symbol.endswith("=") and isinstance(left, Heap):
            add_all(frame, left, right)
            return left
        made = make_heap(frame, kind, ())
        for value in (left, right):
            if kind == "dict":
                merge_into(frame, made, value)
            elif any(isinstance(m, Heap | Tuple | Known | Const) for m in each(value)):
                if not (isinstance(value, Const) and type(value.obj) is int):
                    add(frame, made, items_of(frame, value))
        return made
    kinds = {_scalar(member) for value in (left, right) for member in each(value)}
    if None not in kinds and len(kinds) == 1:
        return instance_of(frame, next(iter(kinds)))  # type: ignore[arg-type]
    return frame.unknown_value("the result of an operator")


def _scalar(value: Value) -> type | None:
    if isinstance(value, Const | Known):
        return type(value.obj) if type(value.obj) in _SCALARS else None
    if isinstance(value, Text):
        return str
    if isinstance(value, Instance) and isinstance(value.cls, Known):
        return value.cls.obj if value.cls.obj in _SCALARS else None
    return None


def _formatted(frame: Frame, template: str, values: Value) -> Value:
    for member in each(values):
        stringify(frame, member, ("__str__", "__repr__", "__format__"))
    prefix, _, tail = template.partition("%")
    suffix = tail[1:] if tail[:1] in "sd" and "%" not in tail else ""
    if not prefix and not suffix:
        return instance_of(frame, str)
    made: Value = frame.pool.make(Text, prefix, suffix)
    return made


def compare_op(frame: Frame, step: Step) -> None:
    left, right = frame.take(2)
    compare(frame, step.arg, left, right)
    if step.arg in ("==", "!=") and _is_plain_constant(left) and _is_plain_constant(right):
        frame.push(frame.pool.const((left.obj == right.obj) == (step.arg == "==")))
    else:
        frame.push(frame.unknown_value("a comparison"))


def _is_plain_constant(value: Value) -> TypeGuard[Const | Known]:
    return isinstance(value, Const | Known) and type(value.obj) in (*_SCALARS, type(None))


def compare(frame: Frame, symbol: str, left: Value, right: Value) -> None:
    name, swapped = _COMPARE[symbol]
    names = (name, "__eq__") if symbol == "!=" else (name,)
    for special_name in names:
        for method in special(frame, left, special_name):
            call(frame, method, (right,))
    for method in special(frame, right, swapped):
        call(frame, method, (left,))
    for value in (left, right):
        consume(frame, value)


def contains_op(frame: Frame, step: Step) -> None:
    item, container = frame.take(2)
    contains(frame, item, container)
    frame.push(frame.unknown_value("a membership test"))


def contains(frame: Frame, item: Value, container: Value) -> None:
    hashed(frame, item)
    for member in each(container):
        methods = special(frame, member, "__contains__")
        for method in methods:
            call(frame, method, (item,))
        if isinstance(member, Known) and is_class(member.obj):
            escape(frame, member)
        elif isinstance(member, Builtin):
            iterator_of(frame, member)
        elif not methods and isinstance(member, Instance | Known):
            consume(frame, member)
            if special(frame, member, "__iter__") or special(frame, member, "__getitem__"):
                items_of(frame, member)
        elif isinstance(member, Heap) and member.kind in ("list", "tuple", "set"):
            for method in special(frame, read_item_quietly(frame, member) or UNKNOWN, "__eq__"):
                call(frame, method, (item,))
        elif isinstance(member, Tuple):
            for value in member.items:
                for method in special(frame, value, "__eq__"):
                    call(frame, method, (item,))
    consume(frame, item)


def read_item_quietly(frame: Frame, source: Heap) -> Value | None:
    """Any item that is in a container so far."""
    analysis = frame.analysis
    slots = analysis.slots(source.site, frame, frame.index)
    wanted = ["elem", *[slot for slot in slots if isinstance(slot, tuple) and slot[0] == "item"]]
    return frame.pool.join(*[analysis.read(source.site, s, frame, frame.index) for s in wanted])


def is_op(frame: Frame, step: Step) -> None:
    left, right = frame.take(2)
    if not any(_is_unique(value) for value in (left, right)):
        frame.analysis.identity = True
    for operand, value, other in ((1, left, right), (0, right, left)):
        if isinstance(other, Const) and other.obj is None:
            judge = _is_not_none if step.arg else truth.is_none
            frame.push(truth.test(frame, operand, value, judge))
            return
    frame.push(frame.unknown_value("an identity test"))


def _is_not_none(value: Value) -> bool | None:
    answer = truth.is_none(value)
    return None if answer is None else not answer


def _is_unique(value: Value) -> bool:
    """Whether only one object is what *value* is: None, a class, a function, a global's value."""
    return all(
        isinstance(member, Known | Local | LocalClass)
        or (isinstance(member, Const) and type(member.obj) in (type(None), bool, type(...)))
        for member in each(value)
    )


def unary_op(frame: Frame, step: Step) -> None:
    value = frame.pop()
    names = ("__bool__", "__len__") if step.arg == "not" else (_UNARY[step.arg],)
    found: Value | None = None
    for name in names:
        for method in special(frame, value, name):
            found = frame.pool.join(found, call(frame, method, ()))
    consume(frame, value)
    frame.push(found if found is not None and step.arg != "not" else frame.unknown_value("a sign"))


# --- formatting and matching -----------------------------------------------------------------


def stringify(frame: Frame, value: Value, names: tuple[str, ...]) -> None:
    """The first of the special methods *names* that user code defines is called."""
    for member in each(value):
        for name in names:
            methods = special(frame, member, name)
            for method in methods:
                given = (frame.pool.const(""),) if name == "__format__" else ()
                call(frame, method, given)
        if isinstance(member, Heap | Tuple | Known):
            escape(frame, member, SHOWN)
        elif isinstance(member, Instance):
            if isinstance(member.cls, Known) and owner_of(member.cls.obj) is not None:
                escape(frame, member, SHOWN)
            else:
                frame.analysis.names_read.add("__qualname__")


def convert(frame: Frame, step: Step) -> None:
    value = frame.pop()
    if _text(value) is not None and step.arg == "str":
        frame.push(value)
        return
    names = ("__str__", "__repr__") if step.arg == "str" else ("__repr__",)
    stringify(frame, value, names)
    frame.push(instance_of(frame, str))


def format_value(frame: Frame, step: Step) -> None:
    if step.arg:
        escape(frame, frame.pop())
    value = frame.pop()
    if _text(value) is not None or isinstance(value, Text):
        frame.push(value)
        return
    stringify(frame, value, ("__format__", "__str__", "__repr__"))
    frame.push(instance_of(frame, str))


def match_class(frame: Frame, step: Step) -> None:
    subject, kinds, keywords = frame.take(3)
    names = list(keywords.obj) if isinstance(keywords, Const) else []
    columns: list[Value | None] = [None] * (step.arg + len(names))
    for kind in each(kinds):
        frame.touch(kind, "match")
        if isinstance(kind, Known) and is_class(kind.obj):
            wanted = [*_match_args(frame, kind, step.arg), *names]
            narrowed = frame.pool.make(Instance, kind, ("found", id(kind.obj)))
            for member in (narrowed, *each(subject)):
                if _is_plain(kind):
                    found: list[Value | None] = [narrowed if member is narrowed else member]
                else:
                    found = [attribute(frame, member, name) for name in wanted]
                columns = [frame.pool.join(*pair) for pair in zip_longest(columns, found)]
    consume(frame, subject)
    row = tuple(value or UNKNOWN for value in columns)
    frame.push(frame.pool.join(make_tuple(frame, row), frame.pool.const(None)))


def _match_args(frame: Frame, kind: Known, count: int) -> list[str]:
    """The attributes that positional patterns stand for."""
    if not count or owner_of(kind.obj) is not None:
        return []
    found = frame.touch(frame.analysis.get("mro", kind.ref, "__match_args__"), "__match_args__")
    if not isinstance(found, Known) or type(found.obj) is not tuple:
        return []
    consume(frame, found)
    return [str(name) for name in found.obj[:count]]


def _is_plain(kind: Value) -> bool:
    return isinstance(kind, Known) and kind.obj in (*_SCALARS, list, dict, tuple, set, frozenset)


def match_keys(frame: Frame, step: Step) -> None:
    subject, keys = frame.stack[-2:]
    found = [
        subscript(frame, subject, frame.pool.const(key))
        for key in (keys.obj if isinstance(keys, Const) else ())
    ]
    frame.push(make_tuple(frame, tuple(value or UNKNOWN for value in found)))


def match_kind(frame: Frame, step: Step) -> None:
    frame.push(frame.unknown_value("a match"))


def call_intrinsic_1(frame: Frame, step: Step) -> None:
    value = frame.pop()
    if step.arg == "ASYNC_GEN_WRAP":
        frame.push(value)
    elif step.arg == "IMPORT_STAR":
        frame.push(UNKNOWN)
    else:
        escape(frame, value)
        frame.push(frame.unknown_value(step.arg.lower()))


def call_intrinsic_2(frame: Frame, step: Step) -> None:
    first, second = frame.take(2)
    if step.arg == "SET_FUNCTION_TYPE_PARAMS":
        frame.push(first)
        return
    escape(frame, second)
    frame.push(frame.unknown_value(step.arg.lower()))


def load_build_class(frame: Frame, step: Step) -> None:
    frame.push(frame.pool.make(Builtin, "__build_class__", UNKNOWN))


HANDLERS = {
    "BINARY_OP": binary_op,
    "BINARY_SLICE": binary_slice,
    "BUILD_CONST_KEY_MAP": build_const_key_map,
    "BUILD_INTERPOLATION": build_interpolation,
    "BUILD_LIST": build_list,
    "BUILD_MAP": build_map,
    "BUILD_SET": build_set,
    "BUILD_SLICE": build_slice,
    "BUILD_STRING": build_string,
    "BUILD_TEMPLATE": build_template,
    "BUILD_TUPLE": build_tuple,
    "CALL_INTRINSIC_1": call_intrinsic_1,
    "CALL_INTRINSIC_2": call_intrinsic_2,
    "COMPARE_OP": compare_op,
    "CONTAINS_OP": contains_op,
    "CONVERT": convert,
    "DELETE_ATTR": delete_attr,
    "DELETE_SUBSCR": delete_subscr,
    "DICT_MERGE": merge,
    "DICT_UPDATE": merge,
    "END_ASYNC_FOR": end_async_for,
    "FORMAT": format_value,
    "GET_AITER": get_aiter,
    "GET_ANEXT": get_anext,
    "GET_ITER": get_iter,
    "GET_LEN": get_len,
    "GET_YIELD_FROM_ITER": get_iter,
    "IS_OP": is_op,
    "LIST_APPEND": list_append,
    "LIST_EXTEND": extend,
    "LIST_TO_TUPLE": list_to_tuple,
    "LOAD_BUILD_CLASS": load_build_class,
    "MAP_ADD": map_add,
    "MATCH_CLASS": match_class,
    "MATCH_KEYS": match_keys,
    "MATCH_MAPPING": match_kind,
    "MATCH_SEQUENCE": match_kind,
    "SET_ADD": set_add,
    "SET_UPDATE": extend,
    "STORE_SLICE": store_slice,
    "STORE_SUBSCR": store_subscr,
    "UNARY_OP": unary_op,
    "UNPACK_EX": unpack_ex,
    "UNPACK_SEQUENCE": unpack_sequence,
}

__all__ = ["HANDLERS", "NULL", "Arguments", "items_of", "iterator_of", "next_of"]
