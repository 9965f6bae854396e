"""What iterating gives: loops, unpacking, generators, awaiting.

Knows iterators; must not know where they are called.
"""

from __future__ import annotations

from dumbo.tracing import given, inherited, sure
from dumbo.tracing.attributes import MARKERS, call, special
from dumbo.tracing.calls import result
from dumbo.tracing.containers import instance_of, read_item_quietly
from dumbo.tracing.contents import is_resource
from dumbo.tracing.escapes import consume, escape
from dumbo.tracing.frame import Frame
from dumbo.tracing.impure import ORDER, STREAM
from dumbo.tracing.items import (
    all_live_items,
    in_places,
    item_of,
    item_of_tuple,
    keys_of_live,
    live_item,
    out_of_content,
    read_item,
)
from dumbo.tracing.lookup import is_class
from dumbo.tracing.rows import iterator_over, rows_of, slots_of
from dumbo.tracing.steps import Step
from dumbo.tracing.values import (
    UNKNOWN,
    Builtin,
    Const,
    Heap,
    Instance,
    Known,
    Tuple,
    Unknown,
    Value,
    each,
    is_plain,
)


def any_item(frame: Frame, source: Heap) -> Value | None:
    """What iterating a container gives: nothing, if nobody puts anything into it."""
    found = read_item_quietly(frame, source)
    if source.site in frame.analysis.escaped:
        found = frame.pool.join(found, frame.unknown_value("an item from out of sight"))
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
        return any_item(frame, source)
    if isinstance(source, Const):
        if type(source.obj) is tuple:
            return frame.pool.join(*[frame.pool.const(item) for item in source.obj[:64]])
        return instance_of(frame, str) if type(source.obj) is str else UNKNOWN
    if isinstance(source, Known) and type(source.obj) is dict:
        consume(frame, source)
        stored = frame.analysis.read(("object", id(source.obj)), "key", frame, frame.index)
        return frame.pool.join(keys_of_live(frame, source), stored)
    if isinstance(source, Known) and type(source.obj) in (list, tuple):
        stored = frame.analysis.read(("object", id(source.obj)), "elem", frame, frame.index)
        return frame.pool.join(all_live_items(frame, source), stored)
    if isinstance(source, Known) and type(source.obj) in (set, frozenset):
        consume(frame, source)
        return out_of_content(frame, source)
    return next_of(frame, iterator_of(frame, source))


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
        return _over(frame, source)
    if isinstance(source, Builtin) and source.name in MARKERS:
        from dumbo.tracing import namespaces  # a cycle: it follows attributes

        return namespaces.keys(frame, source)
    if isinstance(source, Known) and type(source.obj) in (list, tuple, dict, set, frozenset):
        return _over(frame, source)
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
        held = inherited.given_by(frame, source)
        if held is not None:
            return iterator_over(frame, held, source)
    if isinstance(source, Known):
        _advance(frame, source)
        return iterator_over(frame, out_of_content(frame, source), source)
    return source if isinstance(source, Unknown) else frame.unknown_value("an iterator")


def _over(frame: Frame, source: Value) -> Value:
    rows = rows_of(frame, source)
    return iterator_over(frame, items_of(frame, source) if rows is None else None, source, rows)


def next_of(frame: Frame, iterator: Value | None) -> Value | None:
    """What the next step of *iterator* gives; None while it gives nothing."""
    found: Value | None = None
    for member in each(iterator):
        if isinstance(member, Heap) and member.site in frame.analysis.generators:
            inner = frame.analysis.generators[member.site]
            inner.callers[frame, frame.index] = None
            found = frame.pool.join(found, inner.yielded)
        elif isinstance(member, Heap):
            slots = ["elem", *slots_of(frame, member)]
            for slot in slots:
                item = frame.analysis.read(member.site, slot, frame, frame.index)
                found = frame.pool.join(found, item)
        elif isinstance(member, Instance | Known):
            methods = [*special(frame, member, "__next__"), *special(frame, member, "__anext__")]
            for method in methods:
                found = frame.pool.join(found, call(frame, method, ()))
            if not methods:
                _advance(frame, member)
                found = frame.pool.join(found, frame.unknown_value("the next item"))
        elif is_plain(member):
            found = frame.pool.join(found, given.item(frame, member))
        else:
            found = frame.pool.join(found, frame.unknown_value("the next item"))
    return found


def _advance(frame: Frame, value: Value) -> None:
    """Where a live iterator stands is its content; where a stream does, nobody knows."""
    consume(frame, value)
    if isinstance(value, Known) and is_resource(value.obj):
        frame.remark(STREAM, "iteration over it")


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


def next_by_hand(frame: Frame, iterator: Value | None) -> Value | None:
    """What the next step gives to who advances by hand; the end comes to it as an exception,
    which holds what a generator or coroutine returns."""
    for member in each(iterator):
        if isinstance(member, Heap) and member.site in frame.analysis.generators:
            escape(frame, frame.analysis.generators[member.site].result)
    return next_of(frame, iterator)


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
        parts.append(_starred(frame, source, before, after))
        parts += [_part(frame, source, index - after) for index in range(after)]
    for value in reversed(parts):
        frame.push(value)


def _starred(frame: Frame, source: Value, before: int, after: int) -> Value:
    """The list of what stands between."""
    site = (frame.site, frame.index, "starred")
    made: Value = frame.pool.make(Heap, "list", site)
    placed = in_places(frame, source)
    if placed is not None:
        sure.begins(frame, made, placed[before : len(placed) - after])
    elif not after:
        placed = in_places(frame, source, all_there=False)
    if placed is None:
        frame.write(site, "elem", items_of(frame, source))
        return made
    for index, item in enumerate(placed[before : len(placed) - after]):
        frame.write(site, ("item", index), item)
    return made


def _part(frame: Frame, source: Value, index: int) -> Value:
    found: Value | None = None
    for member in each(source):
        if isinstance(member, Tuple):
            found = frame.pool.join(found, item_of_tuple(frame, member, (index,)))
        elif isinstance(member, Heap) and member.kind in ("list", "tuple"):
            found = frame.pool.join(found, read_item(frame, member, (index,)))
        elif isinstance(member, Const) and type(member.obj) is tuple:
            found = frame.pool.join(found, item_of(frame, member, frame.pool.const(index)))
        elif isinstance(member, Known) and type(member.obj) in (list, tuple):
            found = frame.pool.join(found, live_item(frame, member, index))
        else:
            found = frame.pool.join(found, items_of(frame, member))
    return found or UNKNOWN


HANDLERS = {
    "END_ASYNC_FOR": end_async_for,
    "GET_AITER": get_aiter,
    "GET_ANEXT": get_anext,
    "GET_ITER": get_iter,
    "GET_LEN": get_len,
    "GET_YIELD_FROM_ITER": get_iter,
    "UNPACK_EX": unpack_ex,
    "UNPACK_SEQUENCE": unpack_sequence,
}
