"""Methods of containers, made or live, and of strings.

Knows what such a method does to its receiver; must not know other objects.
"""

from __future__ import annotations

from _string import (  # type: ignore[import-not-found, unused-ignore]
    formatter_field_name_split,
    formatter_parser,
)
from typing import Any

from dumbo.tracing import folding, given, keyed, known_methods, sure
from dumbo.tracing.attributes import attribute
from dumbo.tracing.calls import Arguments, escape_all
from dumbo.tracing.containers import (
    add,
    hashed,
    instance_of,
    make_heap,
    make_tuple,
    measure,
    put,
    string_at,
    text_like,
    text_of,
)
from dumbo.tracing.escapes import consume, escape
from dumbo.tracing.filling import shift
from dumbo.tracing.formatting import stringify
from dumbo.tracing.frame import Frame
from dumbo.tracing.functional import key_function, merge_any
from dumbo.tracing.items import live_item, read_item, shrinks, subscript
from dumbo.tracing.iteration import items_of, next_by_hand, note_order
from dumbo.tracing.operators import compare, inside
from dumbo.tracing.rows import iterator_over, pairs_of, rows_of, values_of
from dumbo.tracing.uses import SPECIAL
from dumbo.tracing.values import UNKNOWN, Const, Heap, Known, Text, Value, each
from dumbo.tracing.words import MAKING

_TEXT_METHODS = frozenset(
    "capitalize casefold center expandtabs format format_map join ljust lower lstrip removeprefix "
    "removesuffix replace rjust rstrip strip swapcase title translate upper zfill".split()
)
_SHRINKING = frozenset({"clear", "pop", "popleft", "popitem"})
_COMPARING = frozenset(
    "count index remove discard __contains__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ issubset "
    "issuperset isdisjoint difference intersection symmetric_difference".split()
)
_COUNTING = frozenset({"count", "index"})
# After these, items of a list stand at other places; after `pop(index)`, too.
_SHIFTING = frozenset("appendleft extendleft insert popleft remove reverse rotate sort".split())


def call_on_text(frame: Frame, name: str, receiver: Value, args: Arguments) -> Value:
    known = _folded(frame, name, receiver, args)
    if known is not None:
        return known
    if name == "format" and text_of(receiver) is not None:
        return _format(frame, text_of(receiver) or "", args)
    for value in args.all():
        if name == "join":
            note_order(frame, value)
            measure(frame, value)
            items_of(frame, value)
        consume(frame, value)
    if name in ("lower", "upper", "title", "capitalize") and isinstance(receiver, Text):
        change = getattr(str, name) if name != "title" and name != "capitalize" else None
        if change is not None:
            ends = (change(receiver.prefix), change(receiver.suffix))
            places = given.made(receiver, name, ())
            made: Value = frame.pool.make(Text, *ends, *([places] if places else []))
            return made
    like = text_like(frame, receiver)
    if name in _TEXT_METHODS and like is not None:
        return like
    if name in ("split", "rsplit", "splitlines", "partition", "rpartition") and like is not None:
        made = make_heap(frame, "list", ())
        add(frame, made, like)
        return made
    return frame.unknown_value(f"the result of {name}")


def _folded(frame: Frame, name: str, receiver: Value, args: Arguments) -> Value | None:
    """What the method gives, if it is known of what."""
    text = text_of(receiver)
    known = known_arguments(args)
    if known is None:
        return None
    if text is None:
        if name not in MAKING or isinstance(receiver, Text):
            return None
        places = given.made(receiver, name, known)
        return string_at(frame, places) if places else None
    found = folding.folded(name, text, known)
    if isinstance(found, list):
        items = tuple(map(frame.pool.const, found))
        made = make_heap(frame, "list", items)
        if isinstance(made, Heap) and items:
            frame.analysis.fixed.add(made.site)
            sure.begins(frame, made, items)
        return made
    if isinstance(found, tuple):
        return make_tuple(frame, tuple(map(frame.pool.const, found)))
    return None if found is None else frame.pool.const(found)


def known_arguments(args: Arguments) -> tuple[Any, ...] | None:
    """The strings and numbers that a method is given, if it is known which."""
    known = [arg.obj for arg in args.positional if isinstance(arg, Const | Known)]
    others = args.named or args.rest is not None or args.named_rest is not None
    if others or len(known) < len(args.positional) or not all(map(folding.is_plain, known)):
        return None
    return tuple(known)


def _format(frame: Frame, template: str, args: Arguments) -> Value:
    for value in (*args.all(), *_fields(frame, template, args)):
        stringify(frame, value, ("__format__", "__str__", "__repr__"))
    prefix, _, rest = template.partition("{")
    suffix = rest.rpartition("}")[2]
    if not prefix and not suffix:
        return instance_of(frame, str)
    made: Value = frame.pool.make(Text, prefix, suffix)
    return made


def _fields(frame: Frame, template: str, args: Arguments) -> list[Value]:
    """What ``"{0.name[key]}"`` shows of what it is given."""
    found: list[Value] = []
    try:
        fields = [field for _, field, _, _ in formatter_parser(template) if field]
        split = [(first, list(rest)) for first, rest in map(formatter_field_name_split, fields)]
    except ValueError:  # it raises
        return found
    for first, rest in split:
        if first == "":
            start: Value | None = frame.pool.join(*args.positional)
        elif isinstance(first, int):
            start = args.positional[first] if first < len(args.positional) else args.rest
        else:
            start = args.named.get(first, args.named_rest)
        for is_attribute, key in rest:
            if start is not None and is_attribute:
                start = attribute(frame, start, key)
            elif start is not None:
                start = subscript(frame, start, frame.pool.const(key))
        if start is not None and rest:
            found.append(start)
    return found


def compare_with(frame: Frame, name: str, receiver: Value, args: Arguments) -> None:
    """A method of a container that compares what is in it with what it is given."""
    if name in _COMPARING:
        _compare_items(frame, receiver, args)


def _compare_items(frame: Frame, receiver: Value, args: Arguments) -> None:
    for value in args.positional[:1]:
        if (held := inside(frame, receiver)) is not None:
            compare(frame, "==", held, value, 1)  # an item
        for symbol in ("==", "<"):
            compare(frame, symbol, receiver, value, 1)  # or another container


def call_on_heap(frame: Frame, name: str, receiver: Heap, args: Arguments) -> Value | None:
    held = sure.contents_of(frame, receiver)
    change = None
    if held is not None and frame.is_direct:
        given = known_methods.found_by(frame, name, held, args)
        if given is not None:
            return given
    if name not in known_methods.READING:
        if held is not None and frame.is_direct and sure.to_change(frame, receiver) is not None:
            change = known_methods.changed_by(frame, name, held, args)
        sure.changes(frame, receiver)
        if name in _SHRINKING:
            shrinks(frame, receiver)
    found = _call_on_heap(frame, name, receiver, args)
    if change is not None:
        contents, taken = change
        sure.becomes(frame, receiver, contents)
        found = taken or found
    return found


def _call_on_heap(frame: Frame, name: str, receiver: Heap, args: Arguments) -> Value | None:
    positional = args.positional
    if name in _SHIFTING or (name == "pop" and positional):
        shift(frame, receiver)
    if name in ("append", "add", "appendleft", "put", "remove", "discard", "count", "index"):
        if name in ("add", "remove", "discard", "count", "index"):
            hashed(frame, *positional)
        if name in _COMPARING:
            _compare_items(frame, receiver, args)
        if name in ("append", "add", "appendleft", "put"):
            for value in (*positional, *([args.rest] if args.rest else [])):
                add(frame, receiver, value)
        return instance_of(frame, int) if name in _COUNTING else frame.pool.const(None)
    if name == "insert" and len(positional) == 2:
        add(frame, receiver, positional[1])
        return frame.pool.const(None)
    if name in ("extend", "extendleft") or (name == "update" and receiver.kind == "set"):
        for source in positional:
            measure(frame, source)
            add(frame, receiver, items_of(frame, source))
        return frame.pool.const(None)
    if name == "update":
        for source in positional:
            merge_any(frame, receiver, source)
        for key, value in args.named.items():
            put(frame, receiver, frame.pool.const(key), value)
        put(frame, receiver, UNKNOWN, args.named_rest)
        return frame.pool.const(None)
    if name in ("get", "pop", "setdefault") and receiver.kind == "dict" and positional:
        hashed(frame, positional[0])
        if name == "setdefault" and len(positional) > 1:
            put(frame, receiver, positional[0], positional[1])
        constant = positional[0].obj if isinstance(positional[0], Const) else None
        held = _quiet_item(frame, receiver, constant)
        default = positional[1:] or ((frame.pool.const(None),) if name == "get" else ())
        return frame.pool.join(held, *default) or UNKNOWN
    if name in ("pop", "popleft", "popitem", "get", "__getitem__"):
        return read_item(frame, receiver, None)
    return _more_on_heap(frame, name, receiver, args)


def _quiet_item(frame: Frame, receiver: Heap, constant: Any) -> Value | None:
    analysis = frame.analysis
    held = analysis.read(receiver.site, "elem", frame, frame.index)
    slots = analysis.slots(receiver.site, frame, frame.index)
    wanted = [s for s in slots if isinstance(s, tuple) and s[0] == "item"]
    if constant is not None:
        wanted = [("item", constant)]
    found = [analysis.read(receiver.site, slot, frame, frame.index) for slot in wanted]
    return frame.pool.join(held, *found)


def _more_on_heap(frame: Frame, name: str, receiver: Heap, args: Arguments) -> Value | None:
    if name in ("keys", "__iter__", "elements"):
        rows = rows_of(frame, receiver)
        found = items_of(frame, receiver) if rows is None else None
        return iterator_over(frame, found, (rows and receiver) or "keys", rows)
    if name == "values":
        rows = values_of(frame, receiver)
        values = _quiet_item(frame, receiver, None) if rows is None else None
        return iterator_over(frame, values, (rows and (name, receiver)) or name, rows)
    if name == "items":
        value = _quiet_item(frame, receiver, None)
        key = frame.analysis.read(receiver.site, "key", frame, frame.index)
        row = make_tuple(frame, (key or UNKNOWN, value or UNKNOWN))
        rows = pairs_of(frame, receiver)
        item = row if value is not None and rows is None else None
        return iterator_over(frame, item, (rows and (name, receiver)) or name, rows)
    if name == "sort":
        key_function(frame, args, read_quietly(frame, receiver))
        return frame.pool.const(None)
    if name in ("copy", "union", "intersection", "difference", "symmetric_difference", "__enter__"):
        compare_with(frame, name, receiver, args)
        for source in args.positional:
            add(frame, receiver, items_of(frame, source))
        return _copied(frame, receiver) if name == "copy" else receiver
    if name in ("send", "throw", "__next__", "asend", "athrow", "__anext__"):
        return next_by_hand(frame, receiver) or frame.unknown_value("the next item")
    if name in ("clear", "reverse", "rotate", "close", "aclose", "move_to_end"):
        return frame.pool.const(None)
    compare_with(frame, name, receiver, args)
    if name.startswith("__"):  # such as `__repr__`: it looks at all that is in there
        escape(frame, receiver, SPECIAL)
    escape_all(frame, args)
    for value in args.all():
        add(frame, receiver, value)  # who knows what it does with them
    return frame.unknown_value(f"the result of {name}")


def _copied(frame: Frame, receiver: Heap) -> Value:
    """A container of its own, if it is sure what is in it; else one value stands for both."""
    held = sure.contents_of(frame, receiver)
    if held is None or not frame.is_direct:
        sure.stands_for_more(frame, receiver)
        return receiver
    made = make_heap(frame, receiver.kind, held if isinstance(held, tuple) else ())
    if isinstance(held, dict):
        for key, value in held.items():
            put(frame, made, frame.pool.const(key), value)
    sure.begins(frame, made, held)
    return made


def read_quietly(frame: Frame, receiver: Heap) -> Value | None:
    return _quiet_item(frame, receiver, None)


def _is_as_it_was(frame: Frame, receiver: Known) -> bool:
    """Whether nothing in a live container is changed by the program itself."""
    analysis, obj = frame.analysis, receiver.obj
    stored = analysis.read(("object", id(obj)), "elem", frame, frame.index)
    changed = analysis.read(("changed", id(obj)), "elem", frame, frame.index)
    return stored is None and changed is None


def call_on_live(frame: Frame, name: str, receiver: Known, args: Arguments) -> Value | None:
    """A method of a live list, dict, tuple or set."""
    positional = args.positional
    obj = receiver.obj
    if name in ("get", "__getitem__", "pop", "setdefault") and type(obj) is dict and positional:
        found = None
        is_sure = name == "get" and _is_as_it_was(frame, receiver)
        for key in each(positional[0]):
            if isinstance(key, Const | Known) and type(key.obj) in (str, int, bool, float, bytes):
                item = live_item(frame, receiver, key.obj)
                is_sure = is_sure and item is not None
                found = frame.pool.join(found, item)
            elif keyed.is_told(frame, receiver, key):
                item = keyed.item_of(frame, receiver, key)
                is_sure = is_sure and item is not None
                found = frame.pool.join(found, item)
            else:
                is_sure = False
                found = frame.pool.join(found, subscript(frame, receiver, key))
        if is_sure:
            return found  # and no default
        if name == "setdefault" and len(positional) > 1:
            put(frame, receiver, positional[0], positional[1])
        stored = frame.analysis.read(("object", id(obj)), "elem", frame, frame.index)
        default = positional[1:] or (frame.pool.const(None),)
        return frame.pool.join(found, stored, *default)
    consume(frame, receiver)
    if name in _COMPARING:
        _compare_items(frame, receiver, args)
    if name in _SHIFTING or (name == "pop" and positional):
        shift(frame, receiver)
    if name == "values" and type(obj) is dict:
        rows = values_of(frame, receiver)
        values = subscript(frame, receiver, UNKNOWN) if rows is None else None
        return iterator_over(frame, values, (rows and (name, receiver)) or name, rows)
    if name == "items" and type(obj) is dict:
        rows = pairs_of(frame, receiver)
        if rows is not None:
            return iterator_over(frame, None, (name, receiver), rows)
        pair = (items_of(frame, receiver), subscript(frame, receiver, UNKNOWN))
        row = make_tuple(frame, tuple(part or UNKNOWN for part in pair))
        return iterator_over(frame, row, "items")
    if name in ("keys", "__iter__", "copy") and type(obj) is dict:
        return receiver
    if name in ("append", "add", "insert", "appendleft"):
        for value in positional:
            add(frame, receiver, value)
        return frame.pool.const(None)
    if name in ("extend", "update"):
        for source in positional:
            measure(frame, source)
            add(frame, receiver, items_of(frame, source))
        return frame.pool.const(None)
    if name == "sort":
        key_function(frame, args, items_of(frame, receiver))
        return frame.pool.const(None)
    escape_all(frame, args)
    if name in ("pop", "popleft", "copy", "union", "__getitem__"):
        return frame.pool.join(items_of(frame, receiver), UNKNOWN)
    return frame.unknown_value(f"the result of {name}")
