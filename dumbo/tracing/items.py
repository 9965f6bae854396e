"""What ``source[key]`` may be.

Live tables are looked up item by item where the key is known, else their content
counts and any item may come.

Knows containers that are read by a key; must not know steps other than that.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from dumbo.tracing import fingerprint, given, inherited, keyed, sure
from dumbo.tracing.attributes import MARKERS, call, of_local_class, special
from dumbo.tracing.boundary import owner_of, wall_of
from dumbo.tracing.containers import SCALARS, hashed, indexed, key_of, string_at
from dumbo.tracing.escapes import consume, escape
from dumbo.tracing.frame import Frame
from dumbo.tracing.lookup import is_class, mro
from dumbo.tracing.spreads import front_of
from dumbo.tracing.values import (
    GROUPS,
    PLAIN,
    POINTS,
    UNKNOWN,
    Bound,
    Builtin,
    Const,
    Heap,
    Instance,
    Known,
    Local,
    LocalClass,
    Tuple,
    Value,
    each,
    is_plain,
)
from dumbo.tracing.words import ITEM

APART = 8  # containers in a live table, beyond which those of plain data are not told apart
NAMES = 64  # items of a live table of strings that are told apart by what picks them
LETTERS = 4_000  # in these
TABLE = 512  # items of a live table that are looked at one by one


def subscript(frame: Frame, source: Value, key: Value) -> Value | None:
    """``source[key]``; None while nothing is known to be there."""
    hashed(frame, key)
    indexed(frame, key)
    return frame.pool.join(*[item_of(frame, member, key) for member in each(source)])


def item_of(frame: Frame, source: Value, key: Value) -> Value | None:
    constant = key_of(key)
    if isinstance(key, Const) and type(key.obj) is slice:  # a constant since 3.14
        from dumbo.tracing.filling import sliced  # a cycle: a slice is a container of its own

        return sliced(frame, source, key.obj)
    if isinstance(source, Tuple):
        return item_of_tuple(frame, source, constant)
    if isinstance(source, Heap):
        if source.kind in (POINTS, GROUPS):
            from dumbo.tracing import plugins  # a cycle: loading one reads attributes

            return plugins.item(frame, source, key)
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
    if isinstance(source, LocalClass):
        return _item_of_local(frame, source, key)
    methods = [
        *special(frame, source, "__getitem__"),
        *special(frame, source, "__missing__"),
    ]
    if methods:
        return frame.pool.join(*[call(frame, method, (key,)) for method in methods])
    if isinstance(source, Instance):
        held = frame.pool.join(inherited.item_in(frame, source), made_by_factory(frame, source))
        return held or frame.unknown_value("an item")
    if isinstance(source, Builtin):
        escape(frame, source.receiver)
    if is_plain(source):
        return given.item(frame, source)
    consume(frame, key)  # such as a variable of a context
    return frame.unknown_value("an item")


def made_by_factory(frame: Frame, source: Instance) -> Value | None:
    """What a `defaultdict` puts where nothing is."""
    if not inherited.has_factory(source):
        return None
    slot = ("attr", "default_factory")
    factory = frame.analysis.read(source.site, slot, frame, frame.index)
    made = [call(frame, one, ()) for one in each(factory) if not _is_none(one)]
    for item in made:
        frame.write(source.site, "elem", item)
    return frame.pool.join(*made)


def _is_none(value: Value) -> bool:
    return isinstance(value, Const) and value.obj is None


def item_of_tuple(frame: Frame, source: Tuple, constant: tuple[Any] | None) -> Value | None:
    if constant and isinstance(constant[0], int) and -len(source.items) <= constant[0]:
        if constant[0] < len(source.items):
            return source.items[constant[0]]
    return frame.pool.join(*source.items) or frame.unknown_value("an item of an empty tuple")


def read_item(frame: Frame, source: Heap, constant: tuple[Any] | None) -> Value | None:
    """An item of a container that the program made."""
    analysis = frame.analysis
    known = sure.contents_of(frame, source)
    if known is not None:
        one = sure.holds(known, constant[0]) if constant else None
        one = one or (None if constant else frame.pool.join(*sure.values_in(known)))
        if one is not None:
            return one
    if constant and type(constant[0]) is int and 0 <= constant[0] < front_of(source):
        return analysis.read(source.site, ("item", constant[0]), frame, frame.index)
    held = analysis.read(source.site, "elem", frame, frame.index)
    slots = analysis.slots(source.site, frame, frame.index)
    if constant and not (isinstance(constant[0], int) and constant[0] < 0):
        own = analysis.read(source.site, ("item", constant[0]), frame, frame.index)
        found = frame.pool.join(held, own)
    else:
        items = [slot for slot in slots if isinstance(slot, tuple) and slot[0] == "item"]
        read = [analysis.read(source.site, slot, frame, frame.index) for slot in items]
        found = frame.pool.join(held, *read)
        placed = in_places(frame, source) if constant else None
        if placed is not None and constant and -constant[0] <= len(placed):
            last: Value = placed[constant[0]]
            return last
    found = frame.pool.join(found, analysis.read(source.site, "factory result", frame, frame.index))
    if source.site in analysis.escaped:
        found = frame.pool.join(found, frame.unknown_value("an item from out of sight"))
    return found or frame.await_or(lambda: frame.unknown_value("an item that nobody puts"))


def in_places(frame: Frame, source: Value, *, all_there: bool = True) -> tuple[Value, ...] | None:
    """The items of a sequence, in order, where the place of each is known.

    Without *all_there* it may end before some of them, so that places count from the front only.
    """
    known = sure.items_in(frame, source)
    if known is not None or isinstance(source, Tuple):
        return known if known is not None else source.items  # type: ignore[attr-defined]
    if isinstance(source, Const) and type(source.obj) is tuple and len(source.obj) <= TABLE:
        return tuple(map(frame.pool.const, source.obj))
    return ever_in_places(frame, source, all_there=all_there)


def ever_in_places(
    frame: Frame, source: Value, *, all_there: bool = True
) -> tuple[Value, ...] | None:
    """The same of a list, whatever is put into it later."""
    if not isinstance(source, Heap) or source.kind not in ("list", "tuple"):
        return None
    if all_there and source.site not in frame.analysis.fixed:
        return None
    slots = frame.analysis.slots(source.site, frame, frame.index)
    wanted = [("item", index) for index in range(len(slots))]
    if not slots or source.site in frame.analysis.escaped or set(slots) != set(wanted):
        return None
    read = [frame.analysis.read(source.site, slot, frame, frame.index) for slot in wanted]
    return tuple([UNKNOWN if item is None else item for item in read])


def shrinks(frame: Frame, source: Heap) -> None:
    """The last items of a container may be gone: how many there are is not known any more."""
    frame.analysis.write(source.site, "shrunk", frame.pool.const(True))


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
        return frame.pool.join(*[_any_of_live(frame, source, one) for one in each(key)], stored)
    methods = special(frame, source, "__getitem__")
    if methods:
        return frame.pool.join(*[call(frame, method, (key,)) for method in methods])
    missing = [call(frame, method, (key,)) for method in special(frame, source, "__missing__")]
    if issubclass(type(obj), (dict, list, tuple)):  # nobody is asked for its `__class__`
        # defaultdict, OrderedDict and the like: their content counts, any value may come.
        return frame.pool.join(out_of_content(frame, source), *missing)
    escape(frame, source)
    return frame.unknown_value("an item of live data")


def _item_of_class(
    frame: Frame, source: Known, key: Value, constant: tuple[Any] | None
) -> Value | None:
    analysis = frame.analysis
    methods = special(frame, source, "__getitem__")  # of its metaclass
    if methods:
        return frame.pool.join(*[call(frame, method, (key,)) for method in methods])
    if any(fingerprint.qualified_name(base) == b"enum:Enum" for base in mro(source.obj)):
        members = analysis.get("mro", source.ref, "_member_map_")
        if isinstance(members, Known) and constant:
            return live_item(frame, members, constant[0])
        escape(frame, source)
        return frame.unknown_value("a member of an enum")
    method = analysis.get("mro", source.ref, "__class_getitem__")
    if method is not None and owner_of(source.obj) is None and _is_own(method.obj):
        from dumbo.tracing.attributes import bind

        bound = bind(frame, method, None, source)
        return call(frame, bound, (key,)) if bound is not None else source
    # A generic alias: calling it makes an instance of the class, of what stands in brackets none.
    consume(frame, key)
    return source


def _is_own(method: Any) -> bool:
    """Whether a `__class_getitem__` is code of the user's, and not that of `Generic` or `list`."""
    inner = method.__func__ if type(method) is classmethod else method
    return type(inner) is FunctionType and wall_of(inner) is None


def _item_of_local(frame: Frame, source: LocalClass, key: Value) -> Value | None:
    """By its metaclass, or by a `__class_getitem__`, which is a classmethod without being told."""
    methods = special(frame, source, "__getitem__")
    for own in each(of_local_class(frame, source, "__class_getitem__", None)):
        if isinstance(own, Local):
            methods.append(frame.pool.make(Bound, own, source))
        elif isinstance(own, Bound) and isinstance(own.function, Local | Known):
            if isinstance(own.function, Local) or wall_of(own.function.obj) is None:
                methods.append(own)
    found = [call(frame, method, (key,)) for method in methods]
    return frame.pool.join(*found) if methods else source  # which makes instances of the class


def _any_of_live(frame: Frame, source: Known, key: Value) -> Value | None:
    """The items of a live table by a key of which less is known than what it is."""
    constant = key_of(key)
    if constant:
        return live_item(frame, source, constant[0])
    if keyed.is_told(frame, source, key):
        return keyed.item_of(frame, source, key)
    named = _item_by_name(frame, source, key) if type(source.obj) is dict else None
    if named is not None:
        return named
    if type(source.obj) is dict and _holds_code(source.obj):
        names = [name for name in source.obj if type(name) is str]
        wanted = given.among(frame, key, names)
        if wanted is not None:
            # That there are no other names is part of the trace, and no dependency.
            frame.analysis.get("keys", source.ref, None)
            others = [other for other in source.obj if type(other) is not str]
            if all(type(other) in (*SCALARS, type(None)) for other in others):
                found = [live_item(frame, source, name) for name in (*wanted, *others)]
                return frame.pool.join(*found)
    return all_live_items(frame, source)


def _item_by_name(frame: Frame, source: Known, key: Value) -> Value | None:
    """The string that a live table has for a string of the call: which it is, may be asked for."""
    table = source.obj
    if not 0 < len(table) <= NAMES:
        return None
    flat = tuple([one for row in table.items() for one in row])
    if not all(type(one) is str for one in flat) or sum(map(len, flat)) > LETTERS:
        return None
    changed = frame.analysis.read(("changed", id(table)), "elem", frame, frame.index)
    places = given.made(key, ITEM, flat) if changed is None else ()
    if not places:
        return None
    consume(frame, source)
    return string_at(frame, places)


def _holds_code(table: dict[Any, Any]) -> bool:
    """Whether which item is taken may decide which code runs."""
    return len(table) <= TABLE and not all(
        type(item) in fingerprint.ATOMS for item in table.values()
    )


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
    apart = tells_apart(obj)
    for place, key in enumerate(keys):
        if type(key) not in (*SCALARS, type(None)):
            found = frame.pool.join(found, keyed.item_at(frame, source, place))
        elif is_plain_item(frame, obj[key], apart):
            found = frame.pool.join(found, PLAIN)
        else:
            found = frame.pool.join(found, live_item(frame, source, key))
    return found or UNKNOWN


def tells_apart(table: Any) -> bool:
    """Whether the containers in a live table are few enough to be told apart."""
    items = table.values() if type(table) is dict else table
    return sum(type(item) not in fingerprint.ATOMS for item in items) <= APART


def is_plain_item(frame: Frame, item: Any, apart: bool) -> bool:
    """Whether an item is an atom or, unless they are told *apart*, a container of atoms, too.

    One that the program changes may hold other things by now.
    """
    if type(item) in fingerprint.ATOMS:
        return True
    if apart or type(item) not in (list, tuple, set, frozenset, dict):
        return False
    within = [*item, *item.values()] if type(item) is dict else item
    if not all(type(one) in fingerprint.ATOMS for one in within):
        return False
    changed = frame.analysis.read(("changed", id(item)), "elem", frame, frame.index)
    return type(item) in (tuple, frozenset) or changed is None


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


def keys_of_live(frame: Frame, source: Known) -> Value:
    if all(type(key) in SCALARS for key in source.obj) and len(source.obj) <= 12:
        return frame.pool.join(*map(frame.pool.const, source.obj)) or UNKNOWN
    if all(type(key) in fingerprint.ATOMS for key in source.obj):
        return UNKNOWN
    return out_of_content(frame, source)
