"""What `copy.copy` and `copy.deepcopy` call of what they copy, and what they give.

    builtin containers       a deep copy goes through their items
    functions, classes, ...  are their own copies
    `__copy__` (shallow), `__deepcopy__` (deep), `__reduce_ex__`, `__reduce__`
                             stand for everything else: the first that a class has
    any other object         `__new__` with what `__getnewargs__` says, then `__setstate__` with
                             what `__getstate__` says, then, for lists and dicts, each item is put;
                             a deep copy goes through the fields

A value stands for its copies, too: they have the same fields and items. What hooks give instead
is put beside it.

Knows the protocol; must not know steps or stacks.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from dumbo.tracing import fingerprint, sure
from dumbo.tracing.attributes import bind, of_local_class, special, user_hook
from dumbo.tracing.boundary import wall_of
from dumbo.tracing.calls import Arguments, invoke
from dumbo.tracing.containers import hashed, make_heap, make_tuple
from dumbo.tracing.escapes import PLAIN_BASES, consume, escape, is_data, look_for_methods
from dumbo.tracing.frame import Frame
from dumbo.tracing.inherited import live_bases
from dumbo.tracing.items import all_live_items, out_of_content
from dumbo.tracing.iteration import items_of
from dumbo.tracing.lookup import MEMBERS, is_class, namespace
from dumbo.tracing.registry import model
from dumbo.tracing.uses import SPECIAL, by_module
from dumbo.tracing.values import (
    UNKNOWN,
    Bound,
    Builtin,
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

_REDUCING = ("__reduce_ex__", "__reduce__")
# What a copy of a list or dict asks of the one, and does to the other.
_FILLED_BY = {list: ("__iter__", "append"), dict: ("items", "__setitem__")}
_LAZY = ("generator", "coroutine", "iterator")


@model("copy:copy")
def _copy(frame: Frame, args: Arguments) -> Value | None:
    return _copies(frame, args, None)


@model("copy:deepcopy")
def _deepcopy(frame: Frame, args: Arguments) -> Value | None:
    memo = args.positional[1] if len(args.positional) > 1 else args.keyword("memo")
    return _copies(frame, args, memo or frame.unknown_value("what was copied before"))


def _copies(frame: Frame, args: Arguments, memo: Value | None) -> Value | None:
    value = args.positional[0] if args.positional else args.keyword("x")
    if value is None:
        escape(frame, args.rest)
        return UNKNOWN
    consume(frame, value)
    sure.stands_for_more(frame, value)
    return _Copying(frame, memo).of(value)


class _Copying:
    """One copy, shallow without a *memo*."""

    def __init__(self, frame: Frame, memo: Value | None) -> None:
        self.frame = frame
        self.memo = memo
        self.seen: set[Value] = set()

    def of(self, value: Value) -> Value | None:
        return self.frame.pool.join(*[self._member(member) for member in each(value)])

    def _member(self, value: Value) -> Value | None:
        if value in self.seen:
            return value
        if isinstance(value, Instance):
            self.seen.add(value)
            return self._object(value)
        if isinstance(value, Known):
            self.seen.add(value)
            return self._live(value)
        if self.memo is None:
            return value
        pool = self.frame.pool
        if isinstance(value, Tuple):
            return make_tuple(self.frame, tuple([self.of(item) or UNKNOWN for item in value.items]))
        if isinstance(value, Heap):
            self.seen.add(value)
            if value.kind not in _LAZY:
                self._slots(value.site, is_hashed=value.kind in ("set", "frozenset"))
        elif isinstance(value, Bound):
            bound: Value = pool.make(Bound, value.function, self.of(value.receiver) or UNKNOWN)
            return bound
        elif isinstance(value, Partial):
            items = tuple([self.of(item) or UNKNOWN for item in value.args])
            partial: Value = pool.make(Partial, value.function, items, value.names)
            return partial
        return value

    def _slots(self, site: Any, *, is_hashed: bool = False) -> None:
        """Go through what lies in a place of the heap; its copy lies there, too."""
        frame = self.frame
        for slot in frame.analysis.slots(site, frame, frame.index):
            held = frame.analysis.read(site, slot, frame, frame.index)
            copied = self.of(held) if held is not None else None
            if copied is not None:
                if is_hashed or slot == "key":
                    hashed(frame, copied)
                frame.write(site, slot, copied)

    # --- live data -----------------------------------------------------------------

    def _live(self, value: Known) -> Value | None:
        frame = self.frame
        if type(value.obj) in MEMBERS and type(value.obj) is not FunctionType:
            if self.memo is not None:
                for name in sorted(MEMBERS[type(value.obj)]):
                    held = frame.analysis.get("member", value.ref, name)
                    self.of(held or UNKNOWN)
            return value
        if not is_data(value.obj):
            return value
        if wall_of(type(value.obj)) is None:
            consume(frame, value)
            return self._object(value)
        if self.memo is None or not self._holds_objects(value):
            return value
        is_table = type(value.obj) in (dict, list, tuple)
        items = all_live_items(frame, value) if is_table else out_of_content(frame, value)
        copied = self.of(items) if items is not None else None
        if type(value.obj) not in (list, tuple):
            # Which of them are keys is not told apart.
            hashed(frame, *each(out_of_content(frame, value)))
        if _is_within(copied, items):
            return value
        if not is_table:
            return frame.pool.join(value, frame.unknown_value("a copy"))
        made = make_heap(frame, type(value.obj).__name__, ())
        assert isinstance(made, Heap)
        frame.write(made.site, "elem", copied)
        if type(value.obj) is dict:
            frame.write(made.site, "key", items_of(frame, value))
        return frame.pool.join(value, made)

    def _holds_objects(self, value: Known) -> bool:
        """Whether instances of classes of the program lie in *value*, or these themselves."""
        roots = self.frame.analysis.take_whole(value)
        return any(is_class(root.obj) and wall_of(root.obj) is None for root in roots)

    # --- objects ---------------------------------------------------------------------

    def _object(self, value: Instance | Known) -> Value | None:
        """The copy of an object: of live data, or of what is known by its class."""
        frame = self.frame
        cls = value.cls if isinstance(value, Instance) else _type_of(frame, value)
        look_for_methods(frame, cls, SPECIAL)
        if isinstance(cls, Known) and wall_of(cls.obj) is not None:
            if self.memo is not None and isinstance(value, Instance):
                self._slots(value.site)
            return value
        own = "__copy__" if self.memo is None else "__deepcopy__"
        given = () if self.memo is None else (self.memo,)
        hooks = special(frame, value, own)
        if hooks:
            return self._by_hooks(value, hooks, given)
        asked = self._ask(value, cls, own)
        for name in _REDUCING:
            hooks = [hook for hook in special(frame, value, name) if not isinstance(hook, Builtin)]
            if hooks:
                version = (frame.pool.const(4),) if name == "__reduce_ex__" else ()
                reduced = self._by_hooks(value, hooks, version)
                if reduced is not None and reduced is not value:
                    reduced = self._rebuilt(value, reduced)
                return frame.pool.join(asked, reduced)
        return frame.pool.join(asked, self._by_default(value, cls))

    def _by_hooks(self, value: Value, hooks: list[Value], args: tuple[Value, ...]) -> Value | None:
        frame = self.frame
        found: Value | None = None
        for hook in hooks:
            function = hook.function if isinstance(hook, Bound) else hook
            if isinstance(function, Known) and wall_of(function.obj) is not None:
                # A library's: it makes one of the same kind, and may ask what is overridden.
                module = str(getattr(function.obj, "__module__", ""))
                if module != "enum":
                    escape(frame, value, by_module(module))
                found = frame.pool.join(found, value)
            else:
                found = frame.pool.join(found, invoke(frame, hook, args))
        return found

    def _ask(self, value: Value, cls: Value, own: str) -> Value | None:
        """``getattr(x, own, None)`` and the like ask these hooks, which may give something."""
        frame = self.frame
        found: Value | None = None
        if self.memo is None:  # it is asked of the class
            meta = frame.analysis.get("type", cls.ref, None) if isinstance(cls, Known) else None
            of_class = user_hook(frame, meta, "__getattr__")
            if of_class is not None:
                found = invoke(frame, of_class, (cls, frame.pool.const(own)))
        names = (own, "__setstate__") if self.memo is not None else ("__setstate__",)
        for hook in ("__getattribute__", "__getattr__"):
            for method in special(frame, value, hook):
                for name in names:
                    if hook == "__getattribute__" or not special(frame, value, name):
                        given = invoke(frame, method, (frame.pool.const(name),))
                        found = frame.pool.join(found, given)
        if found is None:
            return None
        escape(frame, found)
        return frame.unknown_value("a copy by what a hook has given")

    def _rebuilt(self, value: Value, reduced: Value) -> Value | None:
        """What is made of what `__reduce__` gives: who makes it, of what, and its state."""
        frame = self.frame
        found: Value | None = None
        for row in each(reduced):
            if not isinstance(row, Tuple) or len(row.items) < 2:
                escape(frame, row)
                found = frame.pool.join(found, value, frame.unknown_value("a copy"))
                continue
            maker, given, *more = [row.items[0], *map(self._within, row.items[1:])]
            rest = items_of(frame, given)
            args = Arguments((), {}, rest)
            if isinstance(given, Tuple):
                args = Arguments(given.items, {})
            made = invoke(frame, maker, args)
            for member in each(made):
                self._set_state(member, more[0] if more else None)
                for items in more[1:]:
                    self._fill(member, items_of(frame, items))
            found = frame.pool.join(found, made)
        return found

    def _within(self, value: Value) -> Value:
        """What goes into a copy: of a deep one, a copy."""
        return value if self.memo is None else self.of(value) or UNKNOWN

    def _by_default(self, value: Instance | Known, cls: Value) -> Value | None:
        """`object.__reduce_ex__`, or that of a builtin base, which calls the class anew."""
        frame = self.frame
        rest: Value | None = None
        for name in ("__getnewargs_ex__", "__getnewargs__"):
            for hook in special(frame, value, name):
                escape(frame, invoke(frame, hook, ()))
                rest = frame.unknown_value("what it is made of")
        bases = live_bases(cls)
        if any(map(_reduces, bases)):
            rest = frame.unknown_value("what it is made of")
            invoke(frame, cls, Arguments((), {}, rest))
        for new in _makers(frame, cls):
            invoke(frame, new, Arguments((cls,), {}, rest, rest))
        state: Value | None = None
        for hook in special(frame, value, "__getstate__"):
            given = invoke(frame, hook, ())
            state = frame.pool.join(state, None if given is None else self._within(given))
        self._set_state(value, state)
        if any("__slots__" in namespace(base) for base in bases if wall_of(base) is None):
            for hook in special(frame, value, "__setattr__"):  # slots are not set past it
                invoke(frame, hook, (UNKNOWN, UNKNOWN))
        for kind, names in _FILLED_BY.items():
            if kind in bases:
                for hook in special(frame, value, names[0]):
                    invoke(frame, hook, ())
                self._fill(value, None)
        return value if self.memo is None else self._deep(value)

    def _deep(self, value: Instance | Known) -> Value | None:
        """Go through the fields of an object that has no word in this."""
        frame = self.frame
        if isinstance(value, Instance):
            self._slots(value.site)
            return value
        strange = False
        for root in frame.analysis.take_whole(value):
            if is_class(root.obj) and wall_of(root.obj) is None:
                inner = frame.pool.make(Instance, root, ("found", id(root.obj)))
                strange = strange or not _is_within(self._member(inner), inner)
        return frame.pool.join(value, frame.unknown_value("a copy")) if strange else value

    def _set_state(self, made: Value, state: Value | None) -> None:
        """Give a copy its *state*: what `__getstate__` or `__reduce__` says, or all fields."""
        frame = self.frame
        hooks = special(frame, made, "__setstate__")
        for hook in hooks:
            fields = _fields_of(frame, made) if state is None else state
            invoke(frame, hook, (fields,))
        if state is None or hooks:
            return
        for one in each(state):
            if isinstance(made, Instance) and isinstance(one, Heap) and one.kind == "dict":
                for slot in frame.analysis.slots(one.site, frame, frame.index):
                    if slot != "key":
                        held = frame.analysis.read(one.site, slot, frame, frame.index)
                        name = slot[1] if isinstance(slot, tuple) else None
                        frame.write(made.site, ("attr", name), held)
            else:
                escape(frame, one)
                if isinstance(made, Instance):
                    frame.write(made.site, ("attr", None), frame.unknown_value("a state"))

    def _fill(self, made: Value, item: Value | None) -> None:
        """Items are put into what a list or dict is copied to."""
        frame = self.frame
        found = item or frame.unknown_value("an item")
        for name, count in (("append", 1), ("__setitem__", 2)):
            for hook in special(frame, made, name):
                invoke(frame, hook, (found,) * count)
        if item is not None and isinstance(made, Instance):
            frame.write(made.site, "elem", item)


def _type_of(frame: Frame, value: Known) -> Value:
    return frame.analysis.get("type", value.ref, None) or UNKNOWN


def _is_within(part: Value | None, whole: Value | None) -> bool:
    return set(each(part)) <= set(each(whole))


def _reduces(base: type) -> bool:
    """Whether a class that is not looked into says itself how its instances are made anew."""
    name = fingerprint.qualified_name(base).decode("utf-8", "replace")
    if wall_of(base) is None or name in PLAIN_BASES:
        return False
    return any(name in namespace(base) for name in _REDUCING)


def _makers(frame: Frame, cls: Value) -> list[Value]:
    """The `__new__` of user code by which copies are made, if there is one."""
    found: Value | None = None
    if isinstance(cls, LocalClass):
        found = of_local_class(frame, cls, "__new__", None)
    elif isinstance(cls, Known):
        raw = frame.analysis.get("mro", cls.ref, "__new__")
        inner = raw.obj.__func__ if raw is not None and type(raw.obj) is staticmethod else None
        if raw is not None and type(inner) is FunctionType and wall_of(inner) is None:
            found = bind(frame, raw, None, cls)
    return [one for one in each(found) if isinstance(one, Local | Known)]


def _fields_of(frame: Frame, value: Value) -> Value:
    """A dict of all fields."""
    if not isinstance(value, Instance):
        return frame.unknown_value("the state of a copy")
    made = make_heap(frame, "dict", ())
    assert isinstance(made, Heap)
    for slot in frame.analysis.slots(value.site, frame, frame.index):
        if isinstance(slot, tuple) and slot[0] == "attr":
            held = frame.analysis.read(value.site, slot, frame, frame.index)
            frame.write(made.site, "elem" if slot[1] is None else ("item", slot[1]), held)
            frame.write(made.site, "key", UNKNOWN if slot[1] is None else frame.pool.const(slot[1]))
    return made
