"""Objects of classes without a hasher: their class, what their base holds, their fields.

A *plan* says for one class what that is, so that a list of a million instances looks at
their class once:

    class       a code root
    content     if a base has a hasher: what that says
    slots       of all classes along the MRO down to that base, set or not
    __dict__    sorted by name; without `functools.cached_property` values and without
                the names in `__dumbo_ignore__`
    __reduce__  only where a class written in C has state that is none of the above

Fields are read through the descriptors of their classes: no `__getattr__`, `__getstate__`,
property or `__dict__` of the user's is asked. Only `__reduce_ex__` of C types is run.
Knows classes and their layout; must not know what a field holds.
"""

from __future__ import annotations

import sys
from _weakref import ref
from itertools import islice
from operator import is_

from dumbo.arguments.registry import (
    Entry,
    Node,
    Root,
    Token,
    after_name,
    always,
    belongs_to,
    derives,
    find,
    foreign,
    leaf,
    module_of,
    mro_of,
    namespace_of,
    qualname_of,
    refuse,
    registered,
)
from dumbo.arguments.small import ITEMS
from dumbo.arguments.threads import fields_of, is_thread_local
from dumbo.errors import UnhashableArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from dumbo.arguments.registry import Hasher

_MemberDescriptor = type(type.__dict__["__basicsize__"])
_GetSetDescriptor = type(type.__dict__["__dict__"])
_basicsize_of: Callable[[type], int] = type.__dict__["__basicsize__"].__get__
_itemsize_of: Callable[[type], int] = type.__dict__["__itemsize__"].__get__
_dictoffset_of: Callable[[type], int] = type.__dict__["__dictoffset__"].__get__
_weakrefoffset_of: Callable[[type], int] = type.__dict__["__weakrefoffset__"].__get__
_flags_of: Callable[[type], int] = type.__dict__["__flags__"].__get__
_base_of: Callable[[type], type | None] = type.__dict__["__base__"].__get__
_WORD = _basicsize_of(object) // 2
_HEAPTYPE = 1 << 9

_UNSET = Token(leaf(b"unset", b""))
_REDUCED = 1 << 22  # items that a `__reduce__` may deliver one by one


def plan(kind: type) -> Hasher:
    """Return the hasher for instances of *kind*, which has no entry of its own."""
    known = layouts.get(id(kind))
    if known is not None and known.holds(kind):
        return _Fields(kind, known)
    lasting = _lasting.get(id(kind))
    if lasting is not None and lasting.holds(kind):
        return lasting.hasher
    base, entry = _nearest(kind)
    if entry is not None and entry.way == "whole":
        return _last(kind, entry.hasher, entry.brief)
    if _static(kind, "__next__") and _static(kind, "__iter__"):
        return refuse("an iterator: hashing it would use it up")
    if _static(kind, "__dask_tokenize__") and not belongs_to(kind, "dask"):
        # dask's own collections hold code, which their tokens don't tell; their fields do.
        return foreign(_token)
    if entry is not None and entry.package and belongs_to(kind, entry.package):
        first: object = leaf(b"type", f"{entry.package}.{qualname_of(kind)}".encode())
        return _last(kind, _with_content(first, entry), entry.brief)
    if entry is not None and entry.way == "opaque":
        return _with_content(Root(kind), entry)
    if _is_enum(kind):
        return _last(kind, _enum_member, always)
    if (entry is None and _hides_state(kind)) or _static(kind, "n_unnamed_fields") is not None:
        return _reduce  # the latter is a tuple with fields that it does not show as items
    if entry is not None and _hides_state(kind, base):
        return refuse(f"its class {qualname_of(kind)} keeps state that cannot be read")
    layout = layouts[id(kind)] = Layout(kind, base, entry)
    return _Fields(kind, layout)


def _token(value: Any) -> Node:
    """Hash what the object itself says that it is, in the protocol of dask."""
    return Node(b"dask token", (Root(type(value)), value.__dask_tokenize__()))


def _nearest(kind: type) -> tuple[type, Entry | None]:
    for base in mro_of(kind):
        entry = find(base)
        if entry is not None and base is not object:
            return base, entry
    return object, None


def _static(kind: type, name: str) -> object:
    """Return the attribute *name* of a class as it stands there, or None."""
    for base in mro_of(kind):
        if name in namespace_of(base):
            found: object = namespace_of(base)[name]
            return found
    return None


def _is_enum(kind: type) -> bool:
    enum = sys.modules.get("enum")  # if it isn't loaded, there are no members
    return enum is not None and derives(kind, enum.Enum)


def _hides_state(kind: type, base: type = object) -> bool:
    """Whether instances are larger than their slots, `__dict__` and what *base* holds."""
    if kind is object or not _flags_of(kind) & _HEAPTYPE:
        return True
    words = sum([1 for cls in _below(kind, base) for _ in _slots_of(cls)])
    # -1 is a `__dict__` that the interpreter keeps in front of the object.
    words += _dictoffset_of(kind) not in (0, -1) and _dictoffset_of(base) in (0, -1)
    words += _weakrefoffset_of(kind) > 0 and not _weakrefoffset_of(base) > 0
    size = _basicsize_of(kind) - _basicsize_of(base)
    return size > words * _WORD or _itemsize_of(kind) != _itemsize_of(base)


def _below(kind: type, base: type) -> list[type]:
    """Return the classes of *kind* that *base* knows nothing of."""
    known = set(map(id, mro_of(base)))
    return [cls for cls in mro_of(kind) if id(cls) not in known]


def _slots_of(cls: type) -> Iterable[tuple[str, Any]]:
    space = namespace_of(cls)
    if "__slots__" not in space:
        return
    for name, value in space.items():
        if type(value) is _MemberDescriptor and value.__objclass__ is cls:
            yield name, value


def _with_content(first: object, entry: Entry) -> Callable[[Any], Node]:
    def hasher(value: Any) -> Node:
        return Node(b"subclass", (first, content_of(entry, value)))

    return hasher


def content_of(entry: Entry, value: Any) -> object:
    """Return what *entry* says of an instance of a subclass: a value, or what hashers answer."""
    if entry.content is not None:
        return entry.content(value)
    answer = entry.hasher(value)
    return answer if type(answer) is Node else Token(answer)  # type: ignore[arg-type]


def _enum_member(value: Any) -> Node:
    fields = dict_of(value) or {}
    children = [Root(type(value)), fields.get("_name_"), fields.get("_value_")]
    rest = {k: v for k, v in fields.items() if type(k) is not str or not _is_sunder(k)}
    if rest:
        children += _pairs(rest, frozenset())
    return Node(b"enum", children)


def _is_sunder(name: str) -> bool:
    # What `enum` itself keeps on a member has such a name, and differs by version.
    return (name[:1] == "_" and name[-1:] == "_") or name == "__objclass__"


# Fields


def dict_of(value: object) -> dict[Any, Any] | None:
    """Return the `__dict__` of *value* itself, past any property of that name, or None.

    Raises:
        UnhashableArgument: if it has one that the class hides.
    """
    kind = type(value)
    if is_thread_local(kind):
        fields = fields_of(value)
        if fields is None:
            raise UnhashableArgument(
                "a threading.local whose __init__ makes its fields in each thread"
            )
        return fields
    if _dictoffset_of(kind) == 0:
        return None
    for base in mro_of(kind):
        getter = namespace_of(base).get("__dict__")
        if type(getter) is _GetSetDescriptor or type(getter) is _MemberDescriptor:
            found: dict[Any, Any] = getter.__get__(value, kind)
            return found
    raise UnhashableArgument("its class hides its __dict__")


def _pairs(fields: dict[Any, Any], without: frozenset[str]) -> list[object]:
    """Return names and values in the order of names, which is not the dict's."""
    names = [*dict.keys(fields)]
    if not _are_names(names):
        # Not names at all, so no order but the dict's.
        return [names, [*dict.values(fields)]]
    out: list[object] = []
    for name in sorted(names):
        if name not in without:
            out += (name, dict.__getitem__(fields, name))
    return out


def _are_names(names: list[object]) -> bool:
    return all([type(name) is str for name in names])  # noqa: C419 - twice as fast


def extras(
    value: object, kind: type | None = None, without: frozenset[str] = frozenset()
) -> list[object]:
    """Return what stands in the `__dict__` of a value whose type has a hasher: mostly nothing.

    With a *kind*, nothing for its subclasses, whose plan reads their fields.
    """
    if kind is not None and type(value) is not kind:
        return []
    fields = dict_of(value)
    return _pairs(fields, without) if fields else []


class Layout:
    """What is to be read of instances of a class, kept from call to call.

    Holds neither the class nor anything that does: one defined in a function, or again
    and again in a notebook, has to go.
    """

    __slots__ = (
        "bare", "cached", "dict_at", "entry", "has_dict", "ignored", "kind", "mro", "registered",
        "size", "slots", "without",
    )  # fmt: skip

    def __init__(self, kind: type, base: type, entry: Entry | None) -> None:
        key = id(kind)
        self.kind = ref(kind, lambda gone: layouts.pop(key, None))
        self.mro = [*map(id, mro_of(kind))]
        self.size = _size(kind)
        self.registered = registered()
        self.entry = entry
        self.ignored = _ignored(kind)
        self.cached = cached_names(kind)
        self.without = self.ignored | self.cached
        below = [*map(id, _below(kind, base))]
        self.slots = [
            (place, name)
            for place, cls in enumerate(mro_of(kind))
            if id(cls) in below
            for name in sorted([name for name, _ in _slots_of(cls)])
            if name not in self.ignored
        ]
        self.has_dict = _dictoffset_of(kind) != 0
        self.dict_at = _dict_at(kind)
        # Of a class that derives from nothing but `object`, and leaves nothing out, as long as
        # nothing but plain values was found in its instances.
        self.bare = (
            len(self.mro) == 2
            and entry is None
            and self.dict_at == 0
            and not (self.slots or self.ignored or self.cached)
        )

    def holds(self, kind: type) -> bool:
        """Whether *kind* is that class, and what was read of it is still so."""
        classes = mro_of(kind)
        if (
            self.kind() is not kind
            or self.registered != registered()
            or self.mro != [*map(id, classes)]
        ):
            return False
        size = 0
        says = False  # something of what is ignored
        for cls in classes:
            if cls is object:  # which does not change
                break
            space = namespace_of(cls)
            size += len(space)
            if "__dumbo_ignore__" in space or "__attrs_attrs__" in space:
                says = True
        return (
            size == self.size
            and self.ignored == (_ignored(kind) if says else _NONE)
            and (
                not self.cached
                or all(_is_cached_property(_static(kind, name)) for name in self.cached)
            )
            and (
                not self.slots
                or all(type(slot) is _MemberDescriptor for _, slot in self.slots_of(kind))
            )
        )

    def slots_of(self, kind: type) -> list[tuple[str, Any]]:
        classes = mro_of(kind)
        return [(name, namespace_of(classes[place]).get(name)) for place, name in self.slots]


layouts: dict[int, Layout] = {}


def layout_of(kind: type) -> Layout | None:
    """Return the layout of a class whose instances have been hashed before, if it holds."""
    layout = layouts.get(id(kind))
    return layout if layout is not None and layout.holds(kind) else None


def bare_fields(value: object, kind: type, layout: Layout) -> dict[str, Any] | None:
    """Return the fields of *value*, whose class derives from nothing but `object`; or None.

    What `layout_of` and `named_fields` would say of it, in a third of the time.
    """
    if type(kind) is not type or layout.kind() is not kind:
        return None
    space = namespace_of(kind)
    getter = space.get("__dict__")
    if (
        len(space) != layout.size
        or type(getter) is not _GetSetDescriptor
        or "__dumbo_ignore__" in space
        or "__attrs_attrs__" in space
        or len(mro_of(kind)) != 2
        or layout.registered != registered()
    ):
        return None
    fields: dict[str, Any] = getter.__get__(value)
    return fields if type(fields) is dict and {*map(type, fields)} <= _ONLY_STR else None


def named_fields(value: object, kind: type, layout: Layout) -> tuple[list[str], list[Any]] | None:
    """Return the names of the fields of *value*, and their values; or None.

    For who compares calls without hashing them. All fields, also those that a hash leaves out: what
    a function does may depend on their types.
    """
    if layout.ignored and layout.ignored is not _ATTRS:
        return None  # it may be a slot, of which nothing is known
    names: list[str] = []
    values: list[Any] = []
    if layout.slots:
        for name, descriptor in layout.slots_of(kind):
            names.append(name)
            try:
                values.append(descriptor.__get__(value))
            except AttributeError:  # it was never set, or was deleted
                return None
    if layout.has_dict:
        getter: Any = None
        if layout.dict_at >= 0:
            getter = namespace_of(mro_of(kind)[layout.dict_at]).get("__dict__")
        fields = getter.__get__(value) if type(getter) is _GetSetDescriptor else dict_of(value)
        if type(fields) is not dict or len(fields) > ITEMS or not {*map(type, fields)} <= _ONLY_STR:
            return None
        names += fields
        values += fields.values()
    return names, values


_ONLY_STR = frozenset({str})


def _dict_at(kind: type) -> int:
    """Return which class along the MRO gives the `__dict__`, if just reading it will do; or -1."""
    if not is_thread_local(kind):
        for place, cls in enumerate(mro_of(kind)):
            if "__dict__" in namespace_of(cls):
                return place
    return -1


class _Lasting:
    """A hasher that a class has got, kept from call to call; the class is not held."""

    __slots__ = ("brief", "hasher", "kind", "registered", "size")

    def __init__(self, kind: type, hasher: Hasher, brief: Callable[[Any], bool] | None) -> None:
        key = id(kind)
        self.kind = ref(kind, lambda gone: _lasting.pop(key, None))
        self.hasher = hasher
        self.brief = brief
        self.registered = registered()
        self.size = _size(kind)

    def holds(self, kind: type) -> bool:
        """Whether *kind* is that class, and what decided about its hasher is still so."""
        return self.kind() is kind and self.registered == registered() and self.size == _size(kind)


_lasting: dict[int, _Lasting] = {}


def _last(kind: type, hasher: Hasher, brief: Callable[[Any], bool] | None) -> Hasher:
    _lasting[id(kind)] = _Lasting(kind, hasher, brief)
    return hasher


def _size(kind: type) -> int:
    return sum([len(namespace_of(cls)) for cls in mro_of(kind) if cls is not object])


def brief_hasher(value: object, kind: type) -> Hasher | None:
    """Return the hasher of *value*, if that is no object with fields, and asking costs little."""
    known: _Lasting | Entry | None = _lasting.get(id(kind))
    if known is None or not known.holds(kind):  # type: ignore[union-attr]
        known = find(kind)
    if known is None or known.brief is None or not known.brief(value):
        return None
    return known.hasher


class _Fields:
    """The hasher of a class whose instances are their content, slots and `__dict__`."""

    __slots__ = ("entry", "has_dict", "names", "order", "root", "slots", "without")

    def __init__(self, kind: type, layout: Layout) -> None:
        # Names of the last instance, as they stood in its `__dict__` and sorted.
        self.names: list[str] = []
        self.order: list[str] = []
        self.root = Root(kind)
        self.entry = layout.entry
        self.slots = layout.slots_of(kind)
        self.has_dict = layout.has_dict
        self.without = layout.without

    def __call__(self, value: Any) -> Node:
        children: list[object] = [self.root]
        if self.entry is not None:
            children.append(content_of(self.entry, value))
        for name, descriptor in self.slots:
            children.append(name)
            try:
                children.append(descriptor.__get__(value))
            except AttributeError:  # it was never set, or was deleted
                children.append(_UNSET)
        if self.has_dict:
            fields = dict_of(value)
            if fields:
                children += self._pairs(fields)
        return Node(b"instance", children, after_name)

    def _pairs(self, fields: dict[Any, Any]) -> list[object]:
        names = [*dict.keys(fields)]
        if type(fields) is not dict:
            return _pairs(fields, self.without)
        if len(names) != len(self.names) or not all(map(is_, names, self.names)):
            if not _are_names(names):
                return _pairs(fields, self.without)
            self.names = names
            self.order = sorted([name for name in names if name not in self.without])
        children: list[object] = []
        for name in self.order:
            children += (name, fields[name])
        return children


_NONE: frozenset[str] = frozenset()
_ATTRS = frozenset({"_attrs_cached_hash"})


def _ignored(kind: type) -> frozenset[str]:
    names = _static(kind, "__dumbo_ignore__")
    if names is None:
        # A hash that attrs keeps is none of the data.
        return _ATTRS if _static(kind, "__attrs_attrs__") is not None else _NONE
    if type(names) is str:
        return frozenset((names,))
    if type(names) not in (tuple, list, set, frozenset):
        raise UnhashableArgument("__dumbo_ignore__ of its class is no tuple of names")
    return frozenset([name for name in names if type(name) is str])  # type: ignore[attr-defined]


def cached_names(kind: type) -> frozenset[str]:
    """Return the names under which the class keeps what it can compute again."""
    if "functools" not in sys.modules:
        return frozenset()
    found: dict[str, bool] = {}
    for cls in mro_of(kind):
        for name, value in namespace_of(cls).items():
            if name not in found:
                found[name] = _is_cached_property(value)
    return frozenset([name for name, is_cached in found.items() if is_cached])


def _is_cached_property(value: object) -> bool:
    return derives(type(value), sys.modules["functools"].cached_property)


# State that only C knows


def _reduce(value: Any) -> bytes | Node:
    """Hash what the type's own `__reduce_ex__` says, which has to be of the documented form."""
    kind = type(value)
    if kind is object:
        raise UnhashableArgument("a bare object(): nothing tells it from another, save identity")
    name = f"{module_of(kind)}.{qualname_of(kind)}"
    try:
        reduced = _reducer(kind)(value)
    except KeyboardInterrupt:
        raise
    except BaseException as cause:  # a user's __reduce__ may raise anything
        reason = f"a {name}, whose content cannot be read"
        raise UnhashableArgument(reason) from cause
    if type(reduced) is str:
        if _static(kind, "__call__"):
            return Node(b"global", (Root(value),))
        return Node(b"global", (Root(kind), reduced))
    if type(reduced) is not tuple or not 2 <= len(reduced) <= 6 or type(reduced[1]) is not tuple:
        raise UnhashableArgument(f"a {name}, whose __reduce_ex__ answers with something else")
    children: list[object] = [Root(kind), *reduced[:3]]
    children += [None if items is None else _drain(items, name) for items in reduced[3:5]]
    children += reduced[5:]
    fields = dict_of(value) if _dictoffset_of(kind) else None
    if fields:
        children += _pairs(fields, frozenset())
    return Node(b"reduced", children)


def _reducer(kind: type) -> Callable[[Any], object]:
    """Return what takes an instance apart: the word of the class in C, not of one above it."""
    copyreg = sys.modules.get("copyreg")
    for known, reducer in dict.items(copyreg.dispatch_table if copyreg is not None else {}):
        if known is kind:
            found: Callable[[Any], object] = reducer
            return found
    for cls in mro_of(kind)[:-1]:
        for name in ("__reduce_ex__", "__reduce__"):
            method = namespace_of(cls).get(name)
            if method is None or type(method) is _Function:
                continue
            if name == "__reduce__":
                return lambda value: method.__get__(value, kind)()
            return lambda value: method.__get__(value, kind)(4)
    for cls in mro_of(kind)[:-1]:
        if any(type(namespace_of(cls).get(name)) is _Function for name in _SAYS):
            raise TypeError("its class hides what its base holds")
    return lambda value: object.__reduce_ex__(value, 4)


_Function = type(_reducer)
_SAYS = ("__reduce_ex__", "__reduce__", "__getstate__")


def _drain(items: Any, name: str) -> list[object]:
    try:
        out = list(islice(items, _REDUCED + 1))
    except KeyboardInterrupt:
        raise
    except BaseException as cause:  # a user's iterator may raise anything
        raise UnhashableArgument(f"a {name}, whose items cannot be read") from cause
    if len(out) > _REDUCED:
        raise UnhashableArgument(f"a {name}, which gives items without end")
    return out
