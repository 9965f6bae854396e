"""What moves items between containers: merging, extending, slices, deleting.

Knows containers as wholes; must not know operators.
"""

from __future__ import annotations

from dumbo.tracing import inherited, sure
from dumbo.tracing.attributes import MARKERS, call, special
from dumbo.tracing.calls import result
from dumbo.tracing.containers import (
    SCALARS,
    add,
    hashed,
    indexed,
    instance_of,
    key_of,
    make_heap,
    make_tuple,
    measure,
    put,
    text_like,
)
from dumbo.tracing.escapes import consume, escape
from dumbo.tracing.frame import Frame
from dumbo.tracing.items import TABLE, all_live_items, in_places, live_item, subscript
from dumbo.tracing.iteration import items_of
from dumbo.tracing.lookup import namespace
from dumbo.tracing.spreads import is_tuple, joined
from dumbo.tracing.steps import Step
from dumbo.tracing.storing import delete_attribute
from dumbo.tracing.values import (
    UNKNOWN,
    Builtin,
    Const,
    Heap,
    Instance,
    Known,
    Tuple,
    Value,
    each,
)


def build_slice(frame: Frame, step: Step) -> None:
    ends = frame.take(step.arg)
    indexed(frame, *ends)
    known = [end.obj for end in ends if isinstance(end, Const)]
    whole = len(known) == step.arg
    frame.push(frame.pool.const(slice(*known)) if whole else instance_of(frame, slice))


def extend(frame: Frame, step: Step) -> None:
    source = frame.pop()
    target = frame.stack[-step.arg]
    if is_tuple(target):
        measure(frame, source)
        frame.stack[-step.arg] = joined(frame, target, source)
        return
    steps, at = frame.plan.steps, frame.at
    # `[1, 2]` is made bare, and filled at once.
    bare = step.arg == 1 and at > 1 and steps[at - 2].name == "BUILD_LIST" and not steps[at - 2].arg
    add_all(frame, target, source, bare=bare)


def merge(frame: Frame, step: Step) -> None:
    source = frame.pop()
    merge_into(frame, frame.stack[-step.arg], source)


def merge_into(frame: Frame, target: Value, source: Value) -> None:
    held, more = sure.to_change(frame, target), sure.contents_of(frame, source)
    _merge(frame, target, source)
    if isinstance(held, dict):
        sure.becomes(frame, target, {**held, **more} if isinstance(more, dict) else None)


def _merge(frame: Frame, target: Value, source: Value) -> None:
    for member in each(source):
        if isinstance(member, Instance):
            merge_instance(frame, target, member)
            continue
        if isinstance(member, Heap) and isinstance(target, Heap):
            for slot in frame.analysis.slots(member.site, frame, frame.index):
                held = frame.analysis.read(member.site, slot, frame, frame.index)
                frame.write(target.site, slot, held)
        elif isinstance(member, Known) and type(member.obj) is dict and len(member.obj) <= TABLE:
            for key in member.obj:
                if type(key) in SCALARS:
                    put(frame, target, frame.pool.const(key), live_item(frame, member, key))
            consume(frame, member)
        else:
            escape(frame, member)
            if isinstance(target, Heap):
                frame.write(target.site, "elem", frame.unknown_value("merged"))
                if target.kind == "dict":
                    frame.write(target.site, "key", UNKNOWN)


def is_mapping(frame: Frame, source: Instance) -> bool:
    """Whether `dict` and `update` ask *source* for its keys, and not for pairs."""
    if any("keys" in namespace(base) for base in inherited.live_bases(source.cls)):
        return True
    return bool(special(frame, source, "keys"))


def merge_instance(frame: Frame, target: Value, source: Instance) -> None:
    """What a mapping has under its keys is put into *target*, by its own methods if it has any."""
    own = special(frame, source, "keys")
    keys = [items_of(frame, keys) for one in own if (keys := call(frame, one, ())) is not None]
    if inherited.base_of(source) is dict:
        keys.append(inherited.given_by(frame, source))
    elif not own:  # nobody sees what gives them
        keys.append(frame.unknown_value("a key"))
    key = frame.pool.join(*keys)
    if key is not None:
        hashed(frame, key)
        put(frame, target, key, subscript(frame, source, key))


def list_to_tuple(frame: Frame, step: Step) -> None:
    source = frame.pop()
    if is_tuple(source):
        frame.push(source)
        return
    made = make_heap(frame, "tuple", ())
    assert isinstance(made, Heap)
    if isinstance(source, Heap):
        for slot in frame.analysis.slots(source.site, frame, frame.index):
            frame.write(made.site, slot, frame.analysis.read(source.site, slot, frame, frame.index))
    else:
        add_all(frame, made, source)
    frame.push(made)


def add_all(frame: Frame, target: Value, source: Value, *, bare: bool = False) -> None:
    """Put the items of *source* at the end of *target*; *bare*: which is empty before."""
    held, more = sure.to_change(frame, target), in_places(frame, source)
    _add_all(frame, target, source, bare=bare)
    if isinstance(held, tuple):
        sure.becomes(frame, target, None if more is None else (*held, *more))


def _add_all(frame: Frame, target: Value, source: Value, *, bare: bool) -> None:
    measure(frame, source)
    if isinstance(source, Heap) and isinstance(target, Heap) and source.kind in ("list", "tuple"):
        held_slots = frame.analysis.slots(source.site, frame, frame.index)
        if not frame.analysis.slots(target.site, frame, frame.index):
            for slot in held_slots:
                held = frame.analysis.read(source.site, slot, frame, frame.index)
                frame.write(target.site, slot, held)
            return
    if bare and isinstance(source, Const) and type(source.obj) is tuple:
        assert isinstance(target, Heap)
        frame.analysis.fixed.add(target.site)
        for index, item in enumerate(source.obj):
            frame.write(target.site, ("item", index), frame.pool.const(item))
        return
    add(frame, target, items_of(frame, source))


def store_subscr(frame: Frame, step: Step) -> None:
    value, target, key = frame.take(3)
    if (bounds := _slice_of(key)) is not None:  # 3.11 has no step of its own for that
        put_between(frame, target, value, bounds[0])
        return
    for member in each(target):
        if isinstance(member, Builtin) and member.name in MARKERS:
            from dumbo.tracing import namespaces  # a cycle: it follows attributes

            namespaces.put(frame, member, key, value)
        else:
            put(frame, member, key, value)


def delete_subscr(frame: Frame, step: Step) -> None:
    target, key = frame.take(2)
    hashed(frame, key)
    indexed(frame, key)
    frame.analysis.changes(target)
    for method in special(frame, target, "__delitem__"):
        call(frame, method, (key,))
    held, constant = sure.to_change(frame, target), key_of(key)
    shift(frame, target)
    sure.changes(frame, target)
    if held is not None and constant:
        sure.becomes(frame, target, sure.without_item(held, constant[0]))


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
    indexed(frame, *ends)
    known = [end.obj for end in ends if isinstance(end, Const)]
    put_between(frame, target, value, slice(*known) if len(known) == 2 else None)


def _slice_of(key: Value) -> tuple[slice | None] | None:
    """The slice that a key is, in a tuple, as far as it is known; None if it is none."""
    if isinstance(key, Const) and type(key.obj) is slice:
        return (key.obj,)
    is_slice = isinstance(key, Instance) and getattr(key.cls, "obj", None) is slice
    return (None,) if is_slice else None


def put_between(frame: Frame, target: Value, value: Value, bounds: slice | None) -> None:
    """``target[bounds] = value``."""
    for method in special(frame, target, "__setitem__"):
        call(frame, method, (instance_of(frame, slice), value))
    held, more = sure.to_change(frame, target), in_places(frame, value)
    add(frame, target, items_of(frame, value))
    shift(frame, target)
    sure.changes(frame, target)
    bounds = _usable(bounds)
    if isinstance(held, tuple) and more is not None and bounds and bounds.step is None:
        left = list(held)
        left[bounds] = more
        sure.becomes(frame, target, tuple(left))


def binary_slice(frame: Frame, step: Step) -> None:
    source, *ends = frame.take(3)
    indexed(frame, *ends)
    bounds = [end.obj for end in ends if isinstance(end, Const)]
    result(frame, sliced(frame, source, slice(*bounds) if len(bounds) == 2 else None))


def sliced(frame: Frame, source: Value, bounds: slice | None = None) -> Value | None:
    """A part of a sequence: any of its items may be in it, unless *bounds* are known."""
    bounds = _usable(bounds)
    found: Value | None = None
    for member in each(source):
        methods = special(frame, member, "__getitem__")
        if methods:
            for method in methods:
                found = frame.pool.join(found, call(frame, method, (instance_of(frame, slice),)))
        elif (like := text_like(frame, member)) is not None:
            found = frame.pool.join(found, like)
        elif isinstance(member, Tuple) and bounds is not None:
            found = frame.pool.join(found, make_tuple(frame, member.items[bounds]))
        else:
            kind = member.kind if isinstance(member, Heap) else "list"
            site = (frame.site, frame.index, "slice")
            made = frame.pool.make(Heap, kind, site)
            placed = None if bounds is None else in_places(frame, member)
            if placed is not None and bounds is not None and source is member:
                sure.begins(frame, made, placed[bounds])
            if placed is None and bounds is not None and _from_the_front(bounds):
                placed = in_places(frame, member, all_there=False)
            if placed is None:
                frame.write(site, "elem", items_of(frame, member))
            for index, item in enumerate(placed[bounds] if placed and bounds is not None else ()):
                frame.write(site, ("item", index), item)
            found = frame.pool.join(found, made)
    return found


def _usable(bounds: slice | None) -> slice | None:
    """*bounds*, unless to use them raises."""
    if bounds is None or bounds.step == 0:
        return None
    ends = (bounds.start, bounds.stop, bounds.step)
    return bounds if all(end is None or isinstance(end, int) for end in ends) else None


def _from_the_front(bounds: slice) -> bool:
    """Whether a slice says where it begins and ends without saying it from the end."""
    ends = (bounds.start, bounds.stop, bounds.step)
    return all(end is None or (isinstance(end, int) and end >= 0) for end in ends)


HANDLERS = {
    "BINARY_SLICE": binary_slice,
    "BUILD_SLICE": build_slice,
    "DELETE_ATTR": delete_attr,
    "DELETE_SUBSCR": delete_subscr,
    "DICT_MERGE": merge,
    "DICT_UPDATE": merge,
    "LIST_EXTEND": extend,
    "LIST_TO_TUPLE": list_to_tuple,
    "SET_UPDATE": extend,
    "STORE_SLICE": store_slice,
    "STORE_SUBSCR": store_subscr,
}
